"""Does the pipeline find what the simulation put in? Coverage, bias and attenuation.

Each study is drawn from truth.yml of the demonstration study, written as CSV, and goes through
reading, scoring, linking and fitting like anybody's data. The truth of a slope is the population
slope of the observed scores: the same REML model on a population of many hospitals, large enough
for its Monte-Carlo error to be below a tenth of one study's standard error. The slope of the latent
scores is steeper, because scores are unreliable; the attenuation is shown, and is no bias.

    python analysis/recovery/recover.py --studies 1000
"""

from __future__ import annotations

import argparse
import platform
import shutil
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

import crosslevel
from crosslevel import instruments, multilevel
from crosslevel.catalogue import instrument_dir, template_dir
from crosslevel.errors import NotConvergedWarning
from crosslevel.instruments import Instrument
from crosslevel.study import SimulatedStudy, Study, Truth, create, simulate
from crosslevel.study.build import package_versions
from crosslevel.study.document import parse, read_document
from crosslevel.study.formulas import fixed_part
from crosslevel.study.sources import gather
from crosslevel.study.writing import write_data

USES = ("problem_solving_use", "reward_control_use")
MODEL = (
    "goal_learning ~ problem_solving_use + reward_control_use + tenure + profession "
    "+ (1 | hospital/unit)"
)
NULL = "goal_learning ~ 1 + (1 | hospital/unit)"
GROUPS = ("hospital", "hospital:unit")
DRAWS, HOSPITALS, UNITS = 12, 300, 4000


@dataclass(frozen=True, slots=True)
class Population:
    """What an endless study would find: slopes with their errors, ICCs, and spreads."""

    slopes: pd.Series
    std_errors: pd.Series
    iccs: pd.Series
    std_dev: pd.Series
    random_std_dev: float
    units: int
    rows: int


def scored_directly(
    drawn: SimulatedStudy, managers: Instrument, employees: Instrument
) -> pd.DataFrame:
    """Score and link simulated answers by a second route, quick enough for a million rows."""
    people = drawn.employees.merge(drawn.employee_roster, on="employee").merge(
        drawn.units, on="unit"
    )
    frame = people[["employee", "unit", "hospital"]].copy()
    frame["goal_learning"] = _mean(people, employees, "goal_learning")
    frame["tenure"] = people["tenure"].astype("Float64").to_numpy(dtype=float, na_value=np.nan)
    options = employees.response_scale_of(employees.item("profession")).options
    names = {option.value: option.label["en"] for option in options}
    frame["profession"] = pd.Categorical(
        people["profession"].map(names), categories=list(names.values())
    )
    heads = drawn.managers.merge(drawn.manager_roster, on="manager")
    for use in USES:
        heads[use] = _mean(heads, managers, use)
    means = heads.groupby("unit")[list(USES)].mean().reset_index()
    return frame.merge(means, on="unit", how="left")


def _mean(frame: pd.DataFrame, instrument: Instrument, scale: str) -> npt.NDArray[np.float64]:
    """Mean of valid answers, reversed items turned round, when at least half are there."""
    columns = []
    for item in instrument.items_of(scale):
        response = instrument.response_scale_of(item)
        answer = frame[item.id].astype("Float64").to_numpy(dtype=float, na_value=np.nan)
        if response.not_relevant is not None:
            answer[answer == response.not_relevant.value] = np.nan
        columns.append(
            min(response.codes) + max(response.codes) - answer if item.reverse else answer
        )
    answers = np.column_stack(columns)
    valid = np.isfinite(answers).sum(axis=1)
    mean: npt.NDArray[np.float64] = np.nansum(answers, axis=1) / np.maximum(valid, 1)
    needed = np.ceil(instrument.scales[scale].minimum_valid * answers.shape[1] - 1e-9)
    return np.where(valid >= max(1, needed), mean, np.nan)


def population(truth: Truth, seed: int, draws: int = DRAWS) -> Population:
    """Fit the models to a population of `draws` times 300 hospitals."""
    managers = instruments.read(instrument_dir("manager-data-use"))
    employees = instruments.read(instrument_dir("employee-goal-learning"))
    organisation = truth.organisation.model_copy(update={"hospitals": HOSPITALS, "units": UNITS})
    large = truth.model_copy(update={"organisation": organisation})
    frames, heads = [], []
    for k in range(draws):
        drawn = simulate(large, managers=managers, employees=employees, seed=seed + k)
        frame = scored_directly(drawn, managers, employees)
        for level in ("unit", "hospital"):
            frame[level] = f"{k}-" + frame[level].astype("str")
        frames.append(frame)
        heads.append(pd.DataFrame({use: _mean(drawn.managers, managers, use) for use in USES}))
    everyone = pd.concat(frames, ignore_index=True)
    fit = multilevel.fit(MODEL, everyone)
    table = fit.tidy().set_index("term").loc[list(USES)]
    iccs = multilevel.fit(NULL, everyone).icc().set_index("group")["icc"]
    parts = fit.variance_components()
    variance = parts.loc[parts["other"].isna() | (parts["other"] == ""), "covariance"].sum()
    return Population(
        slopes=table["estimate"],
        std_errors=table["std_error"],
        iccs=iccs.loc[list(GROUPS)],
        std_dev=pd.concat(heads).std(),
        random_std_dev=float(np.sqrt(variance)),
        units=everyone["unit"].nunique(),
        rows=len(everyone),
    )


def one_study(folder: Path, study: Study, truth: Truth, seed: int) -> pd.DataFrame:
    """Draw one study, take it through the files and the pipeline, and return its estimates."""
    managers, employees = study.spec.sources.managers, study.spec.sources.employees
    drawn = simulate(
        truth,
        managers=instruments.read(folder / managers.instrument),
        employees=instruments.read(folder / employees.instrument),
        seed=seed,
    )
    write_data(folder, study.spec, drawn)
    frame = gather(folder, study.spec).frame
    fit = multilevel.fit(MODEL, frame)
    fixed = fixed_part(multilevel.formula.parse(MODEL))
    pooled = multilevel.ols(fixed, frame, cluster="unit")
    null = multilevel.fit(NULL, frame)
    tables = {
        "multilevel": fit.tidy(df="kenward-roger"),
        "multilevel, normal": fit.tidy(df="normal"),
        "ols-cluster": pooled.tidy(),
    }
    rows = [
        {"estimator": name, "what": use, **table.set_index("term").loc[use].to_dict()}
        for name, table in tables.items()
        for use in USES
    ]
    iccs = null.icc().set_index("group")["icc"]
    rows += [{"estimator": "null", "what": group, "estimate": iccs[group]} for group in GROUPS]
    return pd.DataFrame(rows).assign(seed=seed, status=fit.status)


def studies(truth: Truth, seeds: npt.NDArray[np.int64]) -> pd.DataFrame:
    """Return the estimates of one study per seed."""
    folder = Path(tempfile.mkdtemp()) / "study"
    try:
        create(folder)
        study = Study.open(folder)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotConvergedWarning)
            tables = [one_study(folder, study, truth, int(seed)) for seed in seeds]
    finally:
        shutil.rmtree(folder.parent)
    return pd.concat(tables, ignore_index=True)


def coverage(found: pd.DataFrame, truth: Population) -> pd.DataFrame:
    """Return, per slope and estimator, bias, spread, mean standard error and coverage."""
    rows = []
    for (estimator, use), table in found[found["what"].isin(USES)].groupby(["estimator", "what"]):
        target = truth.slopes[use]
        inside = ((table["conf_low"] <= target) & (target <= table["conf_high"])).mean()
        n = len(table)
        rows.append(
            {
                "term": use,
                "estimator": estimator,
                "population slope": target,
                "mean estimate": table["estimate"].mean(),
                "its MC error": table["estimate"].std() / np.sqrt(n),
                "SD of estimates": table["estimate"].std(),
                "mean SE": table["std_error"].mean(),
                "coverage": inside,
                "MC error": np.sqrt(inside * (1 - inside) / n),
            }
        )
    return pd.DataFrame(rows)


def attenuation(found: Population, truth: Truth) -> pd.DataFrame:
    """Return observed slopes beside latent ones, in the units of the truth file.

    Those units: standard deviations of a manager's use, and of the random part of the outcome.
    """
    rows = []
    for use in USES:
        latent = truth.employee_scales["goal_learning"].slopes[use]
        observed = found.slopes[use] * found.std_dev[use] / found.random_std_dev
        rows.append(
            {
                "term": use,
                "latent slope": latent,
                "observed slope, points": found.slopes[use],
                "observed slope, SD": observed,
                "observed / latent": observed / latent,
            }
        )
    return pd.DataFrame(rows)


def icc_bias(found: pd.DataFrame, truth: Population) -> pd.DataFrame:
    """Return mean ICC of the null models against the population's."""
    rows = []
    for group in GROUPS:
        estimates = found.loc[found["what"] == group, "estimate"]
        rows.append(
            {
                "group": group,
                "population ICC": truth.iccs[group],
                "mean estimate": estimates.mean(),
                "bias": estimates.mean() - truth.iccs[group],
                "MC error": estimates.std() / np.sqrt(len(estimates)),
                "SD of estimates": estimates.std(),
            }
        )
    return pd.DataFrame(rows)


def markdown(table: pd.DataFrame) -> str:
    """Return a table as Markdown, numbers with four decimals."""
    cells = [
        [f"{v:.4f}" if isinstance(v, float) else str(v) for v in row] for row in table.to_numpy()
    ]
    lines = [list(table.columns), ["---"] * table.shape[1], *cells]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def report(found: pd.DataFrame, truth: Truth, reference: Population, seed: int) -> str:
    """Return the page that is written to result.md."""
    n = found["seed"].nunique()
    boundary = (found.groupby("seed")["status"].first() == "boundary").mean()
    versions = {"crosslevel": crosslevel.__version__, "Python": platform.python_version()}
    versions |= package_versions()
    tenth = (
        reference.std_errors
        / found.loc[found["estimator"] == "multilevel"]
        .groupby("what")["std_error"]
        .mean()
        .loc[list(USES)]
    )
    return "\n\n".join(
        [
            "# Recovery study",
            f"Simulated data. {n:,} studies drawn from analysis/danish-hospitals/truth.yml "
            f"(seed {seed}), each through CSV files, reading, scoring, linking and REML. Intervals "
            "are 95 %: t with Kenward-Roger degrees of freedom for the multilevel model (normal "
            "intervals beside it), t with units minus one degrees of freedom for OLS with "
            "unit-clustered standard errors.",
            "The truth is the population slope of the observed scores: the same REML model on "
            f"{reference.rows:,} respondents in {reference.units:,} units. Its Monte-Carlo error "
            f"is {tenth.max():.3f} of one study's standard error at most.",
            "## Coverage of the two slopes",
            markdown(coverage(found, reference)),
            "## Attenuation against the latent slope",
            "Latent slopes as declared in truth.yml: standard deviations of the outcome's random "
            "part per standard deviation of a manager's use. Observed scores are less reliable, "
            "and a unit's score is the mean of those managers who answered.",
            markdown(attenuation(reference, truth)),
            "## ICC of goal-based learning, null model",
            markdown(icc_bias(found, reference)),
            f"A variance was estimated as zero in {100 * boundary:.1f} % of the main models.",
            "Versions: " + ", ".join(f"{k} {v}" for k, v in versions.items()) + ".",
        ]
    )


def main() -> None:
    """Run the study and write result.md beside this script."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=20260115)
    parser.add_argument("--draws", type=int, default=DRAWS)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("result.md"))
    given = parser.parse_args()
    truth = parse(read_document(template_dir("hospital-study") / "truth.yml"), Truth)
    seeds = np.random.default_rng(given.seed).choice(2**31, size=given.studies, replace=False)
    reference = population(truth, given.seed, given.draws)
    page = report(studies(truth, seeds), truth, reference, given.seed)
    given.out.write_text(page + "\n", encoding="utf-8")
    print(page)


if __name__ == "__main__":
    main()
