"""Which estimator of a unit predictor is closest to the truth, over units, ICC and unit size?

Simulated. Three items measure a predictor (loadings 1, 0.8, 1.2) with reliability 0.8 within units
and 0.9 between them; the score's total variance is 1 and its ICC is that of the cell. The outcome
follows the latent parts: 0.2 within, 0.5 between, so the contextual effect is 0.3; its residuals
have variance 0.8 within and 0.1 between. Each study is analysed by
`psychometrics.contextual_effect`. Estimates of latent models have no finite variance in small
studies: beside the root mean square error (RMSE) stands the median absolute error, and the safer
estimator is the one whose RMSE, with errors beyond 1.5 counted as 1.5, is smallest.

    python analysis/recovery/latent_aggregation.py --studies 300
"""

from __future__ import annotations

import argparse
import platform
import time
import warnings
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

import crosslevel
from crosslevel.errors import NotConvergedWarning
from crosslevel.psychometrics import HeywoodWarning, contextual_effect

UNITS, ICCS, SIZES = (20, 50, 100, 200), (0.05, 0.10, 0.20), (5, 20)
LOADINGS = np.array([1.0, 0.8, 1.2])
WITHIN, BETWEEN = 0.2, 0.5
TRUTH = {"within": WITHIN, "between": BETWEEN, "contextual": BETWEEN - WITHIN}
RELIABILITY_WITHIN, RELIABILITY_BETWEEN = 0.8, 0.9
ESTIMATORS = ("manifest", "single-latent", "doubly-latent")
CAP = 1.5
HERE = Path(__file__).parent


def draw(units: int, icc: float, size: int, rng: np.random.Generator) -> pd.DataFrame:
    """One study."""
    unit = np.repeat(np.arange(units), size)
    n = len(unit)
    between = rng.normal(size=units) * np.sqrt(RELIABILITY_BETWEEN * icc)
    within = rng.normal(size=n) * np.sqrt(RELIABILITY_WITHIN * (1 - icc))
    noise_b = np.sqrt(3 * (1 - RELIABILITY_BETWEEN) * icc)
    noise_w = np.sqrt(3 * (1 - RELIABILITY_WITHIN) * (1 - icc))
    frame = {
        f"x{i}": loading * (between[unit] + within)
        + noise_b * rng.normal(size=units)[unit]
        + noise_w * rng.normal(size=n)
        for i, loading in enumerate(LOADINGS, 1)
    }
    frame["y"] = WITHIN * within + BETWEEN * between[unit]
    frame["y"] += np.sqrt(0.8) * rng.normal(size=n) + np.sqrt(0.1) * rng.normal(size=units)[unit]
    return pd.DataFrame(frame).assign(unit=unit)


def analyse(cell: tuple[int, float, int], number: int, seed: int) -> list[dict[str, object]]:
    """Errors of every estimator in one study of a cell."""
    rng = np.random.default_rng([seed, *(int(1000 * v) for v in cell), number])
    with warnings.catch_warnings():
        for kind in (HeywoodWarning, NotConvergedWarning):
            warnings.simplefilter("ignore", kind)
        found = contextual_effect(
            draw(*cell, rng), outcome="y", predictor=["x1", "x2", "x3"], cluster="unit"
        )
    return [
        {
            "units": cell[0], "icc": cell[1], "size": cell[2], "study": number,
            "estimator": r.estimator, "term": r.term, "status": r.status,
            "error": r.estimate - TRUTH[r.term],
            "covered": r.conf_low <= TRUTH[r.term] <= r.conf_high,
        }
        for r in found.tidy().itertuples()
    ]  # fmt: skip


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """Bias, RMSE and the rest of each estimator and effect, with Monte-Carlo errors."""

    def one(own: pd.DataFrame) -> pd.Series:
        usable = own["status"].isin(["converged", "boundary"])
        error = own.loc[usable, "error"].to_numpy()
        capped = np.minimum(own["error"].abs().where(usable, CAP), CAP).to_numpy()
        m = len(error)
        squares = capped**2
        return pd.Series(
            {
                "studies": len(own),
                "failed": float((~usable).mean()),
                "bias": error.mean(),
                "bias_mc_error": error.std(ddof=1) / np.sqrt(m),
                "rmse": np.sqrt((error**2).mean()),
                "median_abs_error": np.median(np.abs(error)),
                "capped_rmse": np.sqrt(squares.mean()),
                "capped_rmse_mc_error": squares.std(ddof=1)
                / np.sqrt(len(own))
                / (2 * np.sqrt(squares.mean())),
                "coverage": own.loc[usable, "covered"].mean(),
            }
        )

    keys = ["units", "icc", "size", "term", "estimator"]
    return rows.groupby(keys, sort=False).apply(one, include_groups=False).reset_index()


def safest(table: pd.DataFrame) -> pd.DataFrame:
    """The estimator of the contextual effect with the smallest capped RMSE in each cell.

    Of all three (a scale) and of the two that a single item allows.
    """
    own = table[table["term"] == "contextual"]
    rows = []
    for cell, part in own.groupby(["units", "icc", "size"], sort=False):
        errors = part.set_index("estimator")["capped_rmse"]
        few = errors.drop("doubly-latent")
        rows.append((*cell, errors.idxmin(), few.idxmin()))
    return pd.DataFrame(rows, columns=["units", "icc", "size", "scale", "single_item"])


def report(table: pd.DataFrame, studies: int, seconds: float) -> str:
    """The page."""
    best = safest(table)
    lines = [
        "# Unit predictors: manifest, single-latent, doubly-latent (simulated)",
        "",
        f"All numbers are from simulated data: {studies} studies per cell, drawn and analysed by "
        "`latent_aggregation.py` beside this page.",
        f"crosslevel {crosslevel.__version__}, numpy {np.__version__}, Python "
        f"{platform.python_version()}; {seconds / 60:.0f} minutes.",
        "",
        "Truth: 0.2 within, 0.5 between, contextual effect 0.3. `failed`: share of studies without "
        "a solution (counted as an error of 1.5 in the capped RMSE, as is any larger error). "
        "In brackets: Monte-Carlo error.",
        "",
        "## Which estimator errs least, contextual effect",
        "",
        "| units | ICC | unit size | scale of three items | single item |",
        "|---:|---:|---:|---|---|",
        *(
            f"| {r.units} | {r.icc:.2f} | {r.size_} | {r.scale} | {r.single_item} |"
            for r in best.rename(columns={"size": "size_"}).itertuples()
        ),
    ]
    for term in TRUTH:
        lines += [
            "",
            f"## {term.capitalize()}, truth {TRUTH[term]:.1f}",
            "",
            "| units | ICC | size | estimator | failed | bias | RMSE | median error "
            "| capped RMSE | coverage |",
            "|---:|---:|---:|---|---:|---:|---:|---:|---:|---:|",
        ]
        own = table[table["term"] == term].rename(columns={"size": "size_"})
        lines += [
            f"| {r.units} | {r.icc:.2f} | {r.size_} | {r.estimator} | {r.failed:.3f} "
            f"| {r.bias:.3f} ({r.bias_mc_error:.3f}) | {r.rmse:.3f} | {r.median_abs_error:.3f} "
            f"| {r.capped_rmse:.3f} ({r.capped_rmse_mc_error:.3f}) | {r.coverage:.3f} |"
            for r in own.itertuples()
        ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=300)
    parser.add_argument("--seed", type=int, default=20)
    parser.add_argument("--out", type=Path, default=HERE)
    options = parser.parse_args()
    begun, rows = time.perf_counter(), []
    for number in range(options.studies):
        for cell in product(UNITS, ICCS, SIZES):
            rows += analyse(cell, number, options.seed)
        if number % 20 == 19 or number + 1 == options.studies:
            write(pd.DataFrame(rows), number + 1, time.perf_counter() - begun, options.out)
            print(number + 1, f"{time.perf_counter() - begun:.0f} s", flush=True)


def write(rows: pd.DataFrame, studies: int, seconds: float, folder: Path) -> None:
    """Write what the studies so far show."""
    table = summary(rows)
    table.round(4).to_csv(folder / "latent_aggregation.csv", index=False)
    page = report(table, studies, seconds)
    (folder / "latent_aggregation.md").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
