"""Thousands of hard random data sets, each fit judged by an oracle that shares nothing with it.

The oracle writes V out row by row from the data frame, in extended precision where a value is
judged, and searches from many starts, ours among them, by a dense gradient of its own. A fit that
says "converged" or "boundary" is wrong when the criterion at its theta is not the one it reports,
or when any start finds a criterion lower by more than 1e-5.

    python analysis/benchmarks/hard_random.py --sets 2000
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pandas as pd
import scipy
from dense_oracle import LONG, Array, Oracle, orthonormal, search

import crosslevel
from crosslevel.errors import ModelError, NotConvergedWarning
from crosslevel.multilevel import MultilevelFit, fit

Block = tuple[str, tuple[str, ...]]
LOWER = 1e-5  # of the criterion: a start that finds this much less proves a fit wrong
SAME = 1e-8  # relative to the criterion: its value at the fit's theta, in extended precision
ENDS = ("converged", "boundary", "not converged", "refused")

RANDOM: dict[str, tuple[str, tuple[Block, ...]]] = {
    "intercept": ("(1 | g)", (("g", ("1",)),)),
    "slope": ("(1 + x | g)", (("g", ("1", "x")),)),
    "slope only": ("(0 + x | g)", (("g", ("x",)),)),
    "two slopes": ("(1 + x + z | g)", (("g", ("1", "x", "z")),)),
    "independent": ("(1 + x || g)", (("g", ("1",)), ("g", ("x",)))),
    "two independent": ("(1 + x + z || g)", (("g", ("1",)), ("g", ("x",)), ("g", ("z",)))),
    "nested": ("(1 | h/g)", (("h", ("1",)), ("h:g", ("1",)))),
    "nested slope": ("(1 | h) + (1 + x | h:g)", (("h", ("1",)), ("h:g", ("1", "x")))),
    "crossed": ("(1 | g) + (1 | c)", (("g", ("1",)), ("c", ("1",)))),
    "crossed slope": ("(1 + x | g) + (1 | c)", (("g", ("1", "x")), ("c", ("1",)))),
}


@dataclass(frozen=True, slots=True)
class Case:
    """One data set and the model asked of it."""

    number: int
    kind: str
    fixed: tuple[str, ...]
    frame: pd.DataFrame
    method: str
    weighted: bool

    @property
    def formula(self) -> str:
        """The formula given to the engine."""
        return f"y ~ {' + '.join(self.fixed)} + {RANDOM[self.kind][0]}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of one data set: status, or kind of refusal, and what is wrong with it."""

    number: int
    kind: str
    method: str
    status: str
    wrong: str
    gap: float
    excess: float
    saturated: bool


def draw(number: int, seed: int) -> Case:
    """Return one hard data set: everything about it is drawn."""
    rng = np.random.default_rng([seed, number])
    kind = str(rng.choice(list(RANDOM)))
    J = int(rng.integers(3, 16))
    sizes = [rng.integers(1, 4, J), rng.integers(1, 10, J), np.full(J, rng.integers(2, 7))]
    sizes.append(np.where(rng.random(J) < 0.5, 1, rng.integers(2, 16, J)))
    g = np.repeat(np.arange(J), sizes[int(rng.integers(4))])
    n = len(g)
    h = g % int(rng.integers(2, max(3, J // 2) + 1))
    c = rng.integers(0, int(rng.integers(2, 8)), n)
    x = rng.normal(size=n) + rng.normal(size=J)[g] * rng.choice([0.0, 1.0, 5.0])
    z = rng.normal(size=n) if rng.random() < 0.7 else (rng.random(n) < 0.4).astype(float)
    near = x + 10.0 ** -rng.uniform(1, 5) * rng.normal(size=n)
    u = rng.normal(size=J)[g]
    ratio = rng.choice(
        [0.0, 0.01, 0.1, 0.5, 2.0, 30.0, 1000.0], p=[0.2, 0.1, 0.2, 0.2, 0.2, 0.05, 0.05]
    )
    own = rng.normal(size=(3, J))[:, g] * ratio
    slopes = rng.choice([0.0, 0.3, 1.0], size=2)
    noise = rng.normal(size=n) if rng.random() < 0.8 else rng.standard_t(1.5, size=n)
    y = own[0] + slopes[0] * own[1] * x + slopes[1] * own[2] * z + noise
    y += ratio * rng.choice([0.0, 1.0]) * (rng.normal(size=20)[h] + rng.normal(size=20)[c])
    weights = rng.uniform(0.2, 4.0, n) if rng.random() < 0.7 else 10.0 ** rng.uniform(-3, 3, n)
    y = 0.5 * x + y / (np.sqrt(weights) if (weighted := rng.random() < 0.25) else 1.0)
    frame = pd.DataFrame({"y": _moved(y, rng), "x": _moved(x, rng), "z": z, "near": near, "u": u})
    frame = frame.assign(g=g, h=h, c=c, w=weights).astype({"g": "str", "h": "str", "c": "str"})
    used = [t for t in ("x", "z", "near", "u") if rng.random() < 0.45]
    return Case(
        number=number,
        kind=kind,
        fixed=("1", *used),
        frame=frame,
        method=str(rng.choice(["reml", "ml"])),
        weighted=weighted,
    )


def _moved(values: Array, rng: np.random.Generator) -> Array:
    """Return a column in another unit and from another origin."""
    unit = 10.0 ** rng.choice([-6.0, 0.0, 0.0, 6.0])
    return unit * (values + rng.choice([0.0, 0.0, 10.0, -2000.0, 1e5]))


def oracle(case: Case) -> Oracle:
    """Return the dense model of a case, straight from its frame."""
    frame, n = case.frame, len(case.frame)
    values = {name: frame[name].to_numpy(float).astype(LONG) for name in ("x", "z", "near", "u")}
    values |= {"1": np.ones(n, LONG)}
    w = frame["w"].to_numpy(float).astype(LONG) if case.weighted else np.ones(n, LONG)
    root = np.sqrt(w)
    Q, logs = orthonormal([root * values[t] for t in case.fixed])
    y = frame["y"].to_numpy(float).astype(LONG)
    y = root * (y - y[0])
    y = y - Q @ (Q.T @ y)
    y = y - Q @ (Q.T @ y)
    scale = np.sqrt((y * y).mean())
    reml = case.method == "reml"
    nn = n - (Q.shape[1] if reml else 0)
    constant = 2 * nn * np.log(scale) - np.log(w).sum() + (logs if reml else 0)
    raw, Z, maps, same = [], [], [], []
    for group, names in RANDOM[case.kind][1]:
        label = frame["h"] + ":" + frame["g"] if group == "h:g" else frame[group]
        codes = label.to_numpy()
        same.append(codes[:, None] == codes)
        columns = np.column_stack([values[t] for t in names])
        centre = columns.mean(axis=0) if names[0] == "1" else np.zeros(len(names), LONG)
        centre[0] = 0 if names[0] == "1" else centre[0]
        size = np.sqrt(((columns - centre) ** 2).mean(axis=0))
        K = np.diag(size)
        K[0, 1:] += centre[1:]
        raw.append(root[:, None] * columns)
        Z.append(root[:, None] * (columns - centre) / size)
        maps.append(K)
    return Oracle(
        Q=Q,
        y=y / scale,
        Z=tuple(Z),
        raw=tuple(raw),
        map=tuple(maps),
        same=tuple(same),
        constant=float(constant),
        reml=reml,
    )


def _triangles(case: Case, made: MultilevelFit) -> list[Array]:
    """Return the fit's T per block of the case, matched by the names of groups and columns."""
    found = []
    for group, names in RANDOM[case.kind][1]:
        (k,) = [k for k, f in enumerate(made.design.factors) if f.name == group]
        own = ["1" if name == "(Intercept)" else name for name in made.design.factors[k].names]
        at = [own.index(name) for name in names]
        found.append(made.estimates.T[k][np.ix_(at, at)])
    return found


def judge(case: Case) -> Verdict:
    """Return the verdict on the engine's fit of a case."""
    model = oracle(case)
    rng = np.random.default_rng(case.number)
    facts = {"number": case.number, "kind": case.kind, "method": case.method}
    facts["saturated"] = model.saturated()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.simplefilter("ignore", NotConvergedWarning)
            weights = "w" if case.weighted else None
            made = fit(case.formula, case.frame, method=case.method, weights=weights)
    except ModelError as error:
        return Verdict(**facts, status=refusal(str(error)), wrong="", gap=0.0, excess=0.0)
    except Exception as error:
        wrong = f"exception {type(error).__name__}: {error}"
        return Verdict(**facts, status="exception", wrong=wrong, gap=0.0, excess=0.0)
    triangles = _triangles(case, made)
    value = model.exact(model.raw, triangles)
    gap = abs(value - made.criterion) / max(1.0, abs(value))
    moved = [K.astype(float) @ T for K, T in zip(model.map, triangles, strict=True)]
    best = search(model, model.pack(moved), rng)
    excess = value - model.exact(model.Z, model.unpack(best))
    wrong = ""
    if not gap <= SAME:
        wrong = f"reports {made.criterion:.10f}, its theta gives {value:.10f}"
    elif made.status != "not converged" and not excess <= LOWER:
        wrong = f"{made.status}, but {excess:.3g} above the lowest criterion found"
    return Verdict(**facts, status=made.status, wrong=wrong, gap=gap, excess=excess)


def refusal(message: str) -> str:
    """Return the kind of a refusal, by the words that name it."""
    kinds = {
        "different value on each row": "refused: a group per row",
        "row(s) per group": "refused: more random coefficients than rows in any group",
        "reproduce any outcome": "refused: X and Z reproduce any outcome",
        "reproduce the outcome": "refused: X reproduces the outcome",
        "divides the rows exactly": "refused: two factors that divide alike",
        "has one group only": "refused: one group",
        "cannot carry": "refused: fewer rows than coefficients",
        "has no variation": "refused: a random coefficient without variation",
    }
    found = [kind for words, kind in kinds.items() if words in message]
    return found[0] if found else f"refused: {message.splitlines()[0]}"


def check_refusal(verdict: Verdict) -> Verdict:
    """Return the verdict, wrong when data are refused that leave something over."""
    refused = verdict.status == "refused: X and Z reproduce any outcome"
    if refused and not verdict.saturated:
        return replace(verdict, wrong="refused although X and Z leave something over")
    return verdict


def verdicts(seed: int, numbers: Iterable[int]) -> list[Verdict]:
    """Return the verdicts on data sets of one seed."""
    found = []
    for number in numbers:
        found.append(check_refusal(judge(draw(number, seed))))
        if found[-1].wrong:
            print(f"{number}: {found[-1].wrong}", file=sys.stderr, flush=True)
    return found


def report(found: list[Verdict], seed: int, seconds: float) -> str:
    """Return the page that is written to hard_random.md."""
    fitted = [v for v in found if not v.status.startswith(("refused", "exception"))]
    ended = [v for v in fitted if v.status != "not converged"]
    statuses = Counter(v.status for v in found)
    wrong = [v for v in found if v.wrong]
    kinds = [
        (kind, *(sum(v.kind == kind and v.status.startswith(s) for v in found) for s in ENDS))
        for kind in RANDOM
    ]
    versions = {"crosslevel": crosslevel.__version__, "Python": platform.python_version()}
    versions |= {"numpy": np.__version__, "scipy": scipy.__version__}
    rows = [
        ("data sets", len(found)),
        ("exceptions", statuses["exception"]),
        ("wrong (any reason)", len(wrong)),
        (
            "converged or at a boundary, but not the lowest criterion",
            sum(v in ended for v in wrong),
        ),
        ("largest difference between reported and dense criterion, relative", _most(fitted, "gap")),
        ("most by which any start was lower", _most(ended, "excess")),
        *sorted(statuses.items()),
    ]
    return "\n\n".join(
        [
            "# Hard random data sets",
            f"{len(found):,} data sets drawn by hard_random.py (seed {seed}; {seconds:,.0f} s with "
            "the oracle): ICC from zero to one, units of one row, unbalanced, columns in units of "
            "1e-6 to 1e6 and shifted by up to 100,000 of their own size, predictors that differ by "
            "1e-5, heavy tails, prior weights; nested, crossed, one to three random coefficients, "
            "REML and ML.",
            _table(("what", "number"), rows),
            "## By structure",
            _table(("random part", *ENDS), kinds),
            "The oracle evaluates the criterion densely in extended precision at the theta "
            f"returned (it must agree to {SAME:g} of its size) and searches from eight starts, "
            f"three of them at and around that theta (none may be lower by more than {LOWER:g}).",
            *[f"Wrong: {v.number} {v.kind} {v.method}: {v.wrong}" for v in wrong],
            "Versions: " + ", ".join(f"{k} {v}" for k, v in versions.items()) + ".",
        ]
    )


def _most(found: list[Verdict], what: str) -> str:
    return f"{max((getattr(v, what) for v in found), default=0.0):.1e}"


def _table(head: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def main() -> None:
    """Draw, fit and judge; write hard_random.md beside this script."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sets", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=20260122)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".md"))
    given = parser.parse_args()
    start = time.perf_counter()
    found = verdicts(given.seed, range(given.sets))
    page = report(found, given.seed, time.perf_counter() - start)
    given.out.write_text(page + "\n", encoding="utf-8")
    print(page)


if __name__ == "__main__":
    main()
