"""The data sets and models that are timed, and the floors they are held to.

Each data set is written once as raw columns (8-byte floats, 4-byte integers) that Python and R read
bit for bit alike. Data that are not ours to ship are generated with the sizes of the original.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).parents[2]
EXAM = ROOT / "tests" / "reference" / "data" / "Exam.csv"
ARMY = ROOT / "analysis" / "army-companies" / "data" / "bh1996.csv"
REFITS = 1000


@dataclass(frozen=True, slots=True)
class Case:
    """One line of the table.

    `kind` is "fit", "refits" (seconds per refit) or "df" (Kenward-Roger, the fit not counted).
    `floors`: at least so many times faster than a program, a mixedlm of 1 / 1.1 allows 1.1 its
    time. `statsmodels` holds the arguments of its own formula interface, none where it has no way.
    """

    id: str
    title: str
    formula: str
    make: Callable[[np.random.Generator], pd.DataFrame]
    kind: str = "fit"
    floors: Mapping[str, float] = field(default_factory=dict)
    statsmodels: Mapping[str, str] | None = None
    memory: float | None = None


def columns(path: Path, names: list[str]) -> Callable[[np.random.Generator], pd.DataFrame]:
    return lambda _: pd.read_csv(path)[names]


def chem97(rng: np.random.Generator) -> pd.DataFrame:
    """31,022 candidates in 2,410 schools in 131 authorities, sizes as skewed as in Chem97."""
    n, schools, leas = 31_022, 2_410, 131
    size = rng.gamma(0.9, 1.0, schools) + 0.05
    school = np.concatenate([np.arange(schools), rng.choice(schools, n - schools, p=share(size))])
    weight = share(rng.gamma(1.6, 1.0, leas) + 0.05)
    lea_of = np.concatenate([np.arange(leas), rng.choice(leas, schools - leas, p=weight)])
    lea = lea_of[school]
    gcse = np.round(rng.normal(0.0, 0.85, n) + rng.normal(0.0, 0.3, schools)[school], 3)
    effect = rng.normal(0.0, 1.05, schools)[school] + rng.normal(0.0, 0.12, leas)[lea]
    score = np.clip(2 * np.round((5.7 + 2.5 * gcse + effect + rng.normal(0, 2.3, n)) / 2), 0, 10)
    return pd.DataFrame({"score": score, "gcse": gcse, "school": school, "lea": lea})


def insteval(rng: np.random.Generator) -> pd.DataFrame:
    """73,421 ratings by 2,972 students of 1,128 lecturers in 14 departments, as skewed as InstEval.

    A student rates a lecturer once, mostly in one department and one field of study; a lecturer
    belongs to one department. As in the original, a fifth of all pairs of lecturers share students.
    """
    n, students, lecturers, departments = 73_421, 2_972, 1_128, 14
    dept_of = np.concatenate(
        [np.arange(departments), rng.choice(departments, lecturers - departments)]
    )
    load = rng.gamma(2.6, 24.7 / 2.6, students)
    counts = np.maximum(1, np.floor(load * n / load.sum())).astype(int)
    counts[rng.choice(students, n - counts.sum(), replace=False)] += 1
    home = rng.choice(departments, students)
    near = 7.0 * np.eye(departments)
    for row in near:
        row[rng.choice(departments, 3, replace=False)] += 5.0
    distance = np.abs(rng.random(lecturers) - rng.random((students, 1)))
    liking = rng.normal(0.0, 2.4, lecturers) + near[home][:, dept_of] - 40.0 * distance
    liking += rng.gumbel(size=(students, lecturers))
    order = np.argsort(-liking, axis=1)
    s = np.repeat(np.arange(students), counts)
    d = np.concatenate([row[:k] for row, k in zip(order, counts, strict=True)])
    missing = np.setdiff1d(np.arange(lecturers), d)
    d[rng.choice(n, len(missing), replace=False)] = missing
    service = (rng.random(n) < 0.43).astype(float)
    score = 3.25 - 0.07 * service + rng.normal(0.0, 1.18, n)
    score += rng.normal(0.0, 0.33, students)[s] + rng.normal(0.0, 0.51, lecturers)[d]
    score += rng.normal(0.0, 0.08, departments)[dept_of[d]]
    y = np.clip(np.round(score), 1, 5)
    return shuffled(
        pd.DataFrame({"y": y, "service": service, "s": s, "d": d, "dept": dept_of[d]}), rng
    )


def million(rng: np.random.Generator) -> pd.DataFrame:
    """1,000,000 employees in 50,000 units in 500 hospitals, rows in no order."""
    n, units, hospitals = 1_000_000, 50_000, 500
    unit = np.concatenate([np.arange(units), rng.integers(0, units, n - units)])
    hospital_of = np.concatenate(
        [np.arange(hospitals), rng.integers(0, hospitals, units - hospitals)]
    )
    use, tenure = rng.normal(size=units)[unit], rng.normal(size=n)
    y = 3 + 0.2 * use + 0.05 * tenure + rng.normal(0, 0.3, units)[unit] + rng.normal(0, 0.7, n)
    hospital = hospital_of[unit]
    y += rng.normal(0.0, 0.15, hospitals)[hospital]
    frame = {"y": y, "use": use, "tenure": tenure, "unit": unit, "hospital": hospital}
    return shuffled(pd.DataFrame(frame), rng)


def slopes(rng: np.random.Generator) -> pd.DataFrame:
    """100,000 rows, 5,000 groups, an intercept and two slopes that covary."""
    n, groups = 100_000, 5_000
    g = np.concatenate([np.arange(groups), rng.integers(0, groups, n - groups)])
    x1, x2 = rng.normal(size=n), rng.normal(size=n)
    L = np.array([[0.6, 0.0, 0.0], [0.15, 0.3, 0.0], [-0.1, 0.05, 0.25]])
    b = rng.normal(size=(groups, 3)) @ L.T
    y = 1 + 0.5 * x1 - 0.3 * x2 + b[g, 0] + b[g, 1] * x1 + b[g, 2] * x2 + rng.normal(size=n)
    return pd.DataFrame({"y": y, "x1": x1, "x2": x2, "g": g})


def refits(rng: np.random.Generator) -> pd.DataFrame:
    """2,000 rows, 100 groups, one slope; the outcomes y_1 ... of the refits are drawn alike."""
    n, groups = 2_000, 100
    g = np.concatenate([np.arange(groups), rng.integers(0, groups, n - groups)])
    x = rng.normal(size=n)
    L = np.array([[0.5, 0.0], [0.1, 0.3]])
    b = rng.normal(size=(REFITS + 1, groups, 2)) @ L.T
    y = 1 + 0.4 * x + b[:, g, 0] + b[:, g, 1] * x + rng.normal(size=(REFITS + 1, n))
    frame = pd.DataFrame({"y": y[0], "x": x, "g": g})
    return pd.concat([frame, pd.DataFrame({f"y_{k}": y[k] for k in range(1, REFITS + 1)})], axis=1)


def hsb(rng: np.random.Generator) -> pd.DataFrame:
    """7,185 pupils in 160 schools of 14 to 67, with the moments of High School and Beyond."""
    n, schools = 7_185, 160
    size = np.clip(np.round(rng.normal(45, 12, schools)), 14, 67).astype(int)
    while size.sum() != n:
        step = int(np.sign(n - size.sum()))
        k = rng.integers(schools)
        size[k] = np.clip(size[k] + step, 14, 67)
    school = np.repeat(np.arange(schools), size)
    sector = (rng.random(schools) < 0.44).astype(float)[school]
    ses = rng.normal(0, 0.66, n) + rng.normal(0, 0.41, schools)[school]
    meanses = (np.bincount(school, weights=ses) / size)[school]
    cses = ses - meanses
    b = (rng.normal(size=(schools, 2)) @ np.array([[1.54, 0.0], [0.12, 0.35]]).T)[school]
    mean = 12.1 + 1.2 * sector + 5.3 * meanses + (2.9 - 1.6 * sector + 1.0 * meanses) * cses
    y = mean + b[:, 0] + b[:, 1] * cses + rng.normal(0, 6.06, n)
    frame = {"mAch": y, "cses": cses, "sector": sector, "meanses": meanses, "school": school}
    return pd.DataFrame(frame)


def share(weights: np.ndarray) -> np.ndarray:
    return weights / weights.sum()


def shuffled(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    return frame.iloc[rng.permutation(len(frame))].reset_index(drop=True)


BLIESE = ["GRP", "WBEING", "HRS", "LEAD"]
CASES = (
    Case(
        "exam",
        "Exam: 4,059 rows, 65 schools, intercept",
        "normexam ~ standLRT + (1 | school)",
        columns(EXAM, ["school", "normexam", "standLRT"]),
        floors={"lme4": 5.0, "mixedlm": 1 / 1.1},
        statsmodels={"formula": "normexam ~ standLRT", "groups": "school"},
    ),
    Case(
        "bh1996-one",
        "bh1996: 7,382 rows, 99 groups, one slope",
        "WBEING ~ HRS + LEAD + (1 + HRS | GRP)",
        columns(ARMY, BLIESE),
        floors={"lme4": 10.0, "mixedlm": 1 / 1.1},
        statsmodels={"formula": "WBEING ~ HRS + LEAD", "groups": "GRP", "re_formula": "HRS"},
    ),
    Case(
        "bh1996-two",
        "bh1996: two slopes",
        "WBEING ~ HRS + LEAD + (1 + HRS + LEAD | GRP)",
        columns(ARMY, BLIESE),
        floors={"lme4": 40.0},
        statsmodels={"formula": "WBEING ~ HRS + LEAD", "groups": "GRP", "re_formula": "HRS + LEAD"},
    ),
    Case(
        "chem97",
        "Chem97-like: 31,022 rows, 2,410 schools in 131 authorities",
        "score ~ gcse + (1 | school) + (1 | lea)",
        chem97,
        statsmodels={"formula": "score ~ gcse", "groups": "lea", "within": "school"},
    ),
    Case(
        "insteval",
        "InstEval-like: 73,421 rows, crossed 2,972 x 1,128 x 14",
        "y ~ service + (1 | s) + (1 | d) + (1 | dept)",
        insteval,
        floors={"lme4": 20.0, "mixedlm": 2.0},
    ),
    Case(
        "million",
        "1,000,000 rows, 50,000 units, 500 hospitals",
        "y ~ use + tenure + (1 | unit) + (1 | hospital)",
        million,
        floors={"lme4": 60.0, "mixedlm": 4.0},
        memory=350.0,
    ),
    Case(
        "slopes",
        "100,000 rows, 5,000 groups, 3 x 3 slopes",
        "y ~ x1 + x2 + (1 + x1 + x2 | g)",
        slopes,
        floors={"lme4": 80.0},
        statsmodels={"formula": "y ~ x1 + x2", "groups": "g", "re_formula": "x1 + x2"},
    ),
    Case(
        "refits",
        "per refit of 1,000 (2,000 rows, 100 groups, one slope)",
        "y ~ x + (1 + x | g)",
        refits,
        kind="refits",
        floors={"lme4": 100.0, "mixedlm": 15.0},
    ),
    Case(
        "kr",
        "Kenward-Roger df, Hsb82-like: 7,185 rows, 160 schools, one slope",
        "mAch ~ cses + sector + meanses + cses:sector + cses:meanses + (1 + cses | school)",
        hsb,
        kind="df",
        floors={"lme4": 100.0},
    ),
)


def write(frame: pd.DataFrame, folder: Path) -> None:
    """Write raw columns and `schema.txt`, one `name type` per line, the number of rows first."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [str(len(frame))]
    for name in frame.columns:
        kind = "i4" if frame[name].dtype.kind in "iu" else "f8"
        lines.append(f"{name} {kind}")
        frame[name].to_numpy().astype(f"<{kind}").tofile(folder / f"{name}.{kind}")
    (folder / "schema.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
