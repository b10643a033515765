"""Coverage of the 95 % interval of a unit-level slope in few units.

Cells, fixed before the first run: 10, 20 or 40 units; 15 rows in each, or unequal sizes with mean
15; ICC 0.10 or 0.30. Normal data, 10,000 replicates per cell: 100 draws of the unit-level predictor
with 100 outcomes each. Estimates come from the batched engine. With one grouping factor and only
unit-level columns everything after them is a sum over units; it is written out here without the
engine, and 20 replicates per cell are compared with the engine's own answers.

    python analysis/benchmarks/coverage.py --replicates 10000
"""

from __future__ import annotations

import argparse
import os
import platform
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import numpy.typing as npt
import pandas as pd
import scipy
from scipy.stats import norm, t

import crosslevel
from crosslevel.errors import DegreesOfFreedomWarning
from crosslevel.multilevel import MultilevelFit, fit
from crosslevel.multilevel.batch import BatchFit, refit

Array = npt.NDArray[Any]
UNITS, ICCS, ROWS, PER_DESIGN = (10, 20, 40), (0.10, 0.30), 15, 100
METHODS = ("kenward-roger", "satterthwaite", "CR2", "normal")
SLOPE = 0.3
WITNESS = 20


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: number of units, whether their sizes are equal, and the ICC."""

    units: int
    balanced: bool
    icc: float

    def sizes(self) -> Array:
        """Return rows per unit: 15 each, or from 3 to 27 in equal steps."""
        if self.balanced:
            return np.full(self.units, ROWS)
        return np.round(np.linspace(3, 2 * ROWS - 3, self.units)).astype(int)


@dataclass(frozen=True, slots=True)
class Intervals:
    """Per replicate (B,): standard error and degrees of freedom of the slope by one method."""

    std_error: Array
    df: Array


def cells() -> Iterator[Cell]:
    """Yield all cells."""
    for icc in ICCS:
        for units in UNITS:
            for balanced in (True, False):
                yield Cell(units, balanced, icc)


def replicates(cell: Cell, seed: int, count: int) -> Iterator[tuple[MultilevelFit, Array, Array]]:
    """Yield models, the unit-level predictor (J,) and outcomes (100, n), new for each draw."""
    rng = np.random.default_rng([seed, cell.units, cell.balanced, round(100 * cell.icc)])
    sizes = cell.sizes()
    unit = np.repeat(np.arange(cell.units), sizes)
    for _ in range(count // PER_DESIGN):
        x = rng.normal(size=cell.units)
        u = rng.normal(size=(PER_DESIGN, cell.units)) * np.sqrt(cell.icc)
        e = rng.normal(size=(PER_DESIGN, len(unit))) * np.sqrt(1.0 - cell.icc)
        Y = (SLOPE * x + u)[:, unit] + e
        frame = pd.DataFrame({"y": Y[0], "x": x[unit], "unit": unit})
        yield fit("y ~ x + (1 | unit)", frame), x, Y


def by_hand(many: BatchFit, x: Array, sizes: Array) -> dict[str, Intervals]:
    """Return the intervals of the slope from the estimates of sigma and theta, as sums over units.

    X is constant within units, so V_j has one direction that matters, with eigenvalue
    lambda_j = s2 (1 + n_j theta^2); the other n_j - 1 have s2 and see only the residual.
    """
    s2, tau = many.sigma**2, (many.sigma * many.theta[:, 0]) ** 2
    lam = s2[:, None] + tau[:, None] * sizes
    X = np.column_stack([np.ones(len(x)), x])
    XX = sizes[:, None, None] * X[:, :, None] * X[:, None, :]

    def total(power: int, extra: int) -> Array:
        return np.einsum("bj,jpq->bpq", sizes**extra / lam**power, XX)

    Phi = np.linalg.inv(total(1, 0))
    # dV/dtau has eigenvalue n_j in that direction, dV/ds2 has one everywhere.
    A = np.stack([total(2, 1), total(2, 0)], axis=1)
    Q = np.stack(
        [np.stack([total(3, 2), total(3, 1)], 1), np.stack([total(3, 1), total(3, 0)], 1)], 1
    )
    h = np.einsum("jp,bpq,jq->bj", X, Phi, X) * sizes
    information = np.empty((len(s2), 2, 2))
    PA = np.einsum("bpq,bkqr->bkpr", Phi, A)
    crossed = np.einsum("bkpq,blqp->bkl", PA, PA)
    for k, a in enumerate((1, 0)):
        for m, b in enumerate((1, 0)):
            n_power = (sizes ** (a + b)).astype(float)
            direct = (n_power * (1 / lam**2 - 2 * h / lam**3)).sum(axis=1)
            inside = (sizes - 1).sum() / s2**2 if a + b == 0 else 0.0
            information[:, k, m] = 0.5 * (direct + inside + crossed[:, k, m])
    W = np.linalg.inv(information)
    correction = np.einsum(
        "bkl,bklpq->bpq", W, Q - np.einsum("bkpr,brs,blsq->bklpq", A, Phi, A, optimize=True)
    )
    adjusted = Phi + 2 * Phi @ correction @ Phi
    slope = np.einsum("bp,bkpq,bq->bk", Phi[:, 1], A, Phi[:, 1])
    df = 2 * Phi[:, 1, 1] ** 2 / np.einsum("bk,bkl,bl->b", slope, W, slope)
    made = {"kenward-roger": Intervals(np.sqrt(adjusted[:, 1, 1]), df)}
    made["satterthwaite"] = Intervals(np.sqrt(Phi[:, 1, 1]), many.df[:, 1])
    made["normal"] = Intervals(np.sqrt(Phi[:, 1, 1]), np.full(len(s2), np.inf))
    return made


def sandwich(many: BatchFit, x: Array, sizes: Array, Y: Array) -> Intervals:
    """Return the CR2 interval: A_j is sqrt(lambda_j / (lambda_j - h_j)) in the one direction."""
    s2, tau = many.sigma**2, (many.sigma * many.theta[:, 0]) ** 2
    lam = s2[:, None] + tau[:, None] * sizes
    X = np.column_stack([np.ones(len(x)), x])
    root = np.sqrt(sizes)[:, None] * X
    F = np.linalg.inv(np.einsum("bj,jp,jq->bpq", 1 / lam, root, root))
    leverage = np.einsum("jp,bpq,jq->bj", root, F, root)
    ends = np.cumsum(sizes) - sizes
    means = np.add.reduceat(Y, ends, axis=1) / sizes
    e = np.sqrt(sizes) * (means - many.beta @ X.T)
    weight = np.einsum("bp,jp->bj", F[:, 1], root) / np.sqrt(lam * (lam - leverage))
    variance = (weight**2 * e**2).sum(axis=1)
    # Var(e) = lambda I - root F root'; its quadratic forms give Satterthwaite's df.
    spread = -np.einsum("jp,bpq,kq->bjk", root, F, root)
    j = np.arange(len(x))
    spread[:, j, j] += lam
    G = weight[:, :, None] * weight[:, None, :] * spread
    df = np.einsum("bjj->b", G) ** 2 / (G**2).sum(axis=(1, 2))
    return Intervals(np.sqrt(variance), df)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one cell showed: coverage per method, shares, and the largest differences."""

    cell: Cell
    replicates: int
    coverage: dict[str, float]
    boundary: float
    not_converged: int
    bias: float
    witness: float
    error: float


def study(cell: Cell, seed: int, count: int) -> Outcome:
    """Return the coverage of one cell."""
    hits = dict.fromkeys(METHODS, 0)
    own: list[float] = []
    n, zero, lost, error, worst, sizes = 0, 0, 0, 0.0, 0.0, cell.sizes()
    for model, x, Y in replicates(cell, seed, count):
        many = refit(model, Y, df="satterthwaite")
        made = by_hand(many, x, sizes) | {"CR2": sandwich(many, x, sizes, Y)}
        if n == 0:
            worst = witness(model, Y[:WITNESS], made)
        for method, interval in made.items():
            distance = np.abs(many.beta[:, 1] - SLOPE) / interval.std_error
            limit = norm.ppf(0.975) if method == "normal" else t.ppf(0.975, interval.df)
            hits[method] += int((distance <= limit).sum())
            if method == "kenward-roger":
                own.append(float((distance <= limit).mean()))
        n, zero = n + len(Y), zero + many.count("boundary")
        error += float((many.beta[:, 1] - SLOPE).sum())
        lost += many.count("not converged")
    return Outcome(
        cell,
        n,
        {m: hits[m] / n for m in METHODS},
        zero / n,
        lost,
        error / n,
        worst,
        np.std(own) / np.sqrt(len(own)),
    )


def witness(model: MultilevelFit, Y: Array, made: dict[str, Intervals]) -> float:
    """Return the largest relative difference of std_error and df from ordinary fits."""
    design, worst = model.design, 0.0
    frame = pd.DataFrame({"x": design.X[1], "unit": design.factors[0].codes})
    for b, y in enumerate(Y):
        one = fit("y ~ x + (1 | unit)", frame.assign(y=y))
        for method, interval in made.items():
            made_by = one.with_vcov("CR2") if method == "CR2" else one
            with warnings.catch_warnings():  # doubtful df are compared like any other
                warnings.simplefilter("ignore", DegreesOfFreedomWarning)
                row = made_by.tidy(df="satterthwaite" if method == "CR2" else method).iloc[1]
            worst = max(worst, abs(interval.std_error[b] / row["std_error"] - 1.0))
            if method != "normal":
                worst = max(worst, abs(interval.df[b] / row["df"] - 1.0))
    return worst


def report(found: list[Outcome], seed: int, seconds: float) -> str:
    """Return the page that is written to coverage.md."""
    head = ("units", "sizes", "ICC", *METHODS, "MC error", "bias", "variance at zero", "witness")
    rows = [
        (
            o.cell.units,
            "15" if o.cell.balanced else "3 to 27",
            f"{o.cell.icc:.2f}",
            *(f"{100 * o.coverage[m]:.2f}" for m in METHODS),
            f"{100 * o.error:.2f}",
            f"{o.bias:+.4f}",
            f"{100 * o.boundary:.1f} %",
            f"{o.witness:.0e}",
        )
        for o in found
    ]
    lines = [head, ("---",) * len(head), *rows]
    table = "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)
    n = found[0].replicates
    low, high = (f([100 * o.coverage["kenward-roger"] for o in found]) for f in (min, max))
    outside = sum(not 0.94 <= o.coverage["kenward-roger"] <= 0.96 for o in found)
    versions = {"crosslevel": crosslevel.__version__, "Python": platform.python_version()}
    versions |= {"numpy": np.__version__, "scipy": scipy.__version__}
    return "\n\n".join(
        [
            "# Coverage of a unit-level slope",
            f"Simulated normal data, y ~ x + (1 | unit), REML, x constant within units. {n:,} "
            f"replicates per cell ({PER_DESIGN} outcomes for each of {n // PER_DESIGN} draws of x; "
            f"seed {seed}; {seconds:,.0f} s). Coverage of the 95 % interval in per cent; "
            "`MC error` is the Monte-Carlo error of Kenward-Roger's, from its spread over the "
            "draws of x.",
            table,
            f"Kenward-Roger lies between {low:.2f} and {high:.2f}; in {outside} of {len(found)} "
            "cells it lies outside 94.0 to 96.0, the band set beforehand; "
            f"{sum(o.not_converged for o in found)} fits have not converged.",
            "`variance at zero` is the share of replicates whose unit variance is estimated as "
            "zero. Kenward-Roger treats it there as pbkrtest does: as a parameter like any other, "
            "with its expected information at zero. Satterthwaite leaves out the direction without "
            "information, so its degrees of freedom are then those of the rows.",
            "Where Kenward-Roger lies above the band it does so by itself: pbkrtest, given the "
            "same outcomes of the cell with 10 unequal units and ICC 0.10, returns the same "
            "standard errors and degrees of freedom and covers the truth in the same replicates, "
            "with a variance of zero and without ([coverage_pbkrtest.md](coverage_pbkrtest.md)).",
            f"`witness` is the largest relative difference of standard errors and degrees of "
            f"freedom from those of ordinary fits, over {WITNESS} replicates of the cell and all "
            "methods.",
            "Versions: " + ", ".join(f"{k} {v}" for k, v in versions.items()) + ".",
        ]
    )


def main() -> None:
    """Run all cells and write coverage.md beside this script."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--replicates", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=20260123)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".md"))
    given = parser.parse_args()
    start = time.perf_counter()
    found = [study(cell, given.seed, given.replicates) for cell in cells()]
    page = report(found, given.seed, time.perf_counter() - start)
    given.out.write_text(page + "\n", encoding="utf-8")
    print(page)


if __name__ == "__main__":
    main()
