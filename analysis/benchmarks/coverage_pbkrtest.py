"""Kenward-Roger's coverage in one cell by our engine and by pbkrtest, on the same outcomes.

The cell with few unequal units and a small ICC is conservative (`coverage.md`). Is that the method,
or our treatment of a unit variance estimated as zero? Here R fits the first replicates of that cell
and covers the truth by itself.

    python analysis/benchmarks/coverage_pbkrtest.py --replicates 500
"""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
from itertools import islice
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from coverage import PER_DESIGN, SLOPE, Cell, by_hand, replicates
from scipy.stats import t

from crosslevel.multilevel.batch import refit

CELL = Cell(units=10, balanced=False, icc=0.10)
ZERO = 1e-4  # theta below which a variance counts as zero


def ours(seed: int, count: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the outcomes, one column each, and our interval for each."""
    columns: dict[str, np.ndarray] = {}
    tables = []
    sizes = CELL.sizes()
    unit = np.repeat(np.arange(CELL.units), sizes)
    for k, (model, x, Y) in enumerate(islice(replicates(CELL, seed, count), count // PER_DESIGN)):
        many = refit(model, Y, df="satterthwaite")
        interval = by_hand(many, x, sizes)["kenward-roger"]
        names = [f"y{k}_{b}" for b in range(len(Y))]
        columns |= {f"x{k}": x[unit]} | dict(zip(names, Y, strict=True))
        tables.append(
            pd.DataFrame(
                {
                    "name": names,
                    "estimate": many.beta[:, 1],
                    "std_error": interval.std_error,
                    "df": interval.df,
                    "theta": many.theta[:, 0],
                }
            )
        )
    return pd.DataFrame({"unit": unit, **columns}), pd.concat(tables, ignore_index=True)


def pbkrtest(data: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Return pbkrtest's interval for each outcome, and the versions."""
    with tempfile.TemporaryDirectory() as folder:
        given, made = Path(folder) / "data.csv", Path(folder) / "result.csv"
        data.to_csv(given, index=False, float_format="%.17g")
        script = Path(__file__).with_suffix(".R")
        command = ["Rscript", str(script), str(given), str(made)]
        versions = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        return pd.read_csv(made), versions


def covered(table: pd.DataFrame) -> pd.Series:
    """Return whether each 95 % interval holds the truth."""
    limit = t.ppf(0.975, table["df"])
    return (table["estimate"] - SLOPE).abs() <= limit * table["std_error"]


def report(mine: pd.DataFrame, theirs: pd.DataFrame, versions: str, seed: int) -> str:
    """Return the page that is written to coverage_pbkrtest.md."""
    zero = theirs["theta"] < ZERO
    lines = ["| variance | replicates | crosslevel | pbkrtest | std. error | df | decisions |"]
    lines.append("|---|---|---|---|---|---|---|")
    for label, at in (("zero", zero), ("above zero", ~zero), ("all", zero | ~zero)):
        a, b = mine[at], theirs[at]
        shares = [f"{100 * covered(table).mean():.2f}" for table in (a, b)]
        worst = [f"{(a[c] / b[c] - 1.0).abs().max():.0e}" for c in ("std_error", "df")]
        differ = int((covered(a) != covered(b)).sum())
        lines.append(f"| {label} | {len(a)} | {' | '.join([*shares, *worst])} | {differ} |")
    return "\n\n".join(
        [
            "# Kenward-Roger's coverage: crosslevel and pbkrtest on the same outcomes",
            f"The first {len(mine):,} replicates of the cell with {CELL.units} units of 3 to 27 "
            f"rows and ICC {CELL.icc:.2f} of [coverage.md](coverage.md) (seed {seed}), written by "
            "`coverage_pbkrtest.py` and fitted again by lme4 and pbkrtest. Coverage of the 95 % "
            "interval in per cent; largest relative difference of standard errors and degrees of "
            "freedom; number of intervals of which only one holds the truth.",
            "\n".join(lines),
            "Rows are split by whether lme4 estimates the unit variance as zero "
            f"(theta below {ZERO:g}).",
            f"Versions: {versions.replace(' ;', ';')}.",
        ]
    )


def main() -> None:
    """Draw, fit twice, compare; write coverage_pbkrtest.md beside this script."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--replicates", type=int, default=500)
    parser.add_argument("--seed", type=int, default=20260123)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".md"))
    given = parser.parse_args()
    data, mine = ours(given.seed, given.replicates)
    theirs, versions = pbkrtest(data)
    page = report(mine, theirs, versions, given.seed)
    given.out.write_text(page + "\n", encoding="utf-8")
    print(page)


if __name__ == "__main__":
    main()
