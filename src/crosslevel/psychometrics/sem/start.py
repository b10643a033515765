"""Where estimation starts: near what the observed moments suggest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from crosslevel.psychometrics.sem.matrices import Moments
from crosslevel.psychometrics.sem.table import Parameter, Table

Floats = npt.NDArray[np.float64]
Key = tuple[int, str]


def starts(table: Table, moments: Sequence[Moments], *, axes: bool = True) -> Floats:
    """Return a starting value for each free parameter.

    Loadings lie on the first principal axis of a factor's indicators (`axes`), or are ratios of
    covariances with the factor's other indicators; residual variances are half of the observed
    ones; equal parameters start at the first of them.

    Parameters
    ----------
    table
        The parameters.
    moments
        Observed moments of each block, in the order of the block's observed variables.
    """
    theta = np.full(table.n_free, np.nan)
    for number, part in enumerate(table.block_roles):
        position = {name: i for i, name in enumerate(part.observed)}
        own = table.block(number)
        loadings, spread = _factors(own, position, moments[number].sigma, axes=axes)
        for row in own:
            if row.free >= 0 and np.isnan(theta[row.free]):
                value = row.start
                if np.isnan(value):
                    value = _one(row, position, moments[number], (loadings, spread))
                theta[row.free] = value
    known: Floats = np.nan_to_num(theta)
    return known


def fixed_values(table: Table, moments: Sequence[Moments]) -> list[float]:
    """Return, row by row, what is fixed; moments of observed predictors are the sample's."""
    values = []
    for row in table.rows:
        value = row.value
        if row.exogenous:
            position = table.block_roles[row.block].observed.index
            own = moments[row.block]
            if row.op == "~1":
                value = float(own.mu[position(row.lhs)])
            else:
                value = float(own.sigma[position(row.lhs), position(row.rhs)])
        values.append(value)
    return values


def _one(
    row: Parameter,
    position: Mapping[str, int],
    moments: Moments,
    factors: tuple[Mapping[tuple[str, str], float], Mapping[str, float]],
) -> float:
    """Where one parameter starts."""
    loadings, spread = factors
    if row.op == "=~":
        return loadings.get((row.lhs, row.rhs), 1.0)
    if row.op == "~1":
        return float(moments.mu[position[row.lhs]]) if row.lhs in position else 0.0
    if row.op == "~~" and row.lhs == row.rhs:
        if row.lhs in position:
            return 0.5 * float(moments.sigma[position[row.lhs], position[row.lhs]])
        return spread.get(row.lhs, 0.05)
    return 0.0


def _factors(
    rows: Sequence[Parameter], position: Mapping[str, int], sigma: Floats, *, axes: bool
) -> tuple[dict[tuple[str, str], float], dict[str, float]]:
    """Return loadings and variances that each factor's indicators suggest."""
    loadings: dict[tuple[str, str], float] = {}
    spread: dict[str, float] = {}
    by_factor: dict[str, list[Parameter]] = {}
    for row in rows:
        if row.op == "=~" and row.rhs in position:
            by_factor.setdefault(row.lhs, []).append(row)
    fixed_variance = {
        row.lhs: row.value for row in rows if row.op == "~~" and row.lhs == row.rhs and row.free < 0
    }
    for factor, measured in by_factor.items():
        at = [position[row.rhs] for row in measured]
        own = sigma[np.ix_(at, at)]
        ratio = _axis(own) if axes else _ratios(own)
        variance = 0.5 * own[0, 0] if len(at) == 1 else _common(own, ratio)
        variance = 1.0 if axes else variance
        marker = next((i for i, row in enumerate(measured) if row.free < 0 and row.value), 0)
        unit = ratio[marker] / (measured[marker].value if measured[marker].free < 0 else 1.0)
        if factor in fixed_variance and fixed_variance[factor] > 0:
            unit = np.sqrt(fixed_variance[factor] / variance)
        for row, value in zip(measured, ratio, strict=True):
            loadings[factor, row.rhs] = float(value / unit)
        spread[factor] = float(variance * unit * unit)
    return loadings, spread


def _axis(own: Floats) -> Floats:
    """Return loadings on the first principal axis of the correlations, a factor's variance being 1.

    None is so small that it could not be the unit of the factor.
    """
    sd = np.sqrt(np.diag(own))
    roots, vectors = np.linalg.eigh(own / np.outer(sd, sd))
    share = 0.9 * np.sqrt(roots[-1]) if len(own) > 1 else np.sqrt(0.5)
    axis = vectors[:, -1] * share * (1.0 if vectors[0, -1] >= 0 else -1.0)
    bounded: Floats = np.where(np.abs(axis) < 0.1, np.where(axis < 0, -0.3, 0.3), axis) * sd
    return bounded


def _ratios(own: Floats) -> Floats:
    """Return loadings relative to the first indicator, from covariances with the others."""
    k = len(own)
    ratio = np.ones(k)
    for j in range(1, k):
        others = [i for i in range(k) if i not in (0, j)]
        if others:
            signs = np.sign(own[0, others])
            below = float((signs * own[0, others]).sum())
            above = float((signs * own[j, others]).sum())
        else:
            below, above = float(own[0, 0]) / 2, float(own[0, j])
        ratio[j] = above / below if abs(below) > 1e-12 else 1.0
    bound = 5.0 * np.sqrt(np.diag(own) / own[0, 0])
    clipped: Floats = np.clip(np.where(np.abs(ratio) < 0.02, 0.02, ratio), -bound, bound)
    return clipped


def _common(own: Floats, ratio: Floats) -> float:
    """Return a factor variance in units of the first indicator, between a tenth and nine tenths."""
    off = ~np.eye(len(own), dtype=bool)
    products = np.outer(ratio, ratio)
    guess = float((own * products)[off].sum() / (products**2)[off].sum())
    return float(np.clip(guess, 0.1 * own[0, 0], 0.9 * own[0, 0]))
