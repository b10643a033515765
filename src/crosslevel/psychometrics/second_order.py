"""Reliability of second-order factors: of the sum of items, and of the first-order factors.

G is the second-order factor with variance phi, F what it measures: first-order factors, and items
that it reaches itself; b are its loadings, L those of the items on first-order factors, Psi and
Theta the residual covariances of first-order factors and of items.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from crosslevel.errors import MeasurementError, Problem
from crosslevel.psychometrics.grouping import Floats
from crosslevel.psychometrics.sem.matrices import Block
from crosslevel.psychometrics.sem.ordered_fit import OrderedFit
from crosslevel.psychometrics.sem.result import SemFit


def second_order_reliability(fit: SemFit) -> pd.DataFrame:
    """Return how reliably sums of items, and first-order factors, tell a second-order factor.

    Use it before one score is formed of scales that have something in common. The numbers are no
    better than the model: look at its fit first.

    Parameters
    ----------
    fit
        A model from `cfa` with a factor of factors: `g =~ f1 + f2 + f3`.

    Returns
    -------
    DataFrame
        One row per sample and second-order factor: sample, factor, n_factors, n_items, omega_items
        (share of the variance of the sum of all items that is the second-order factor's),
        omega_items_partial (the same with what is particular to first-order factors taken out),
        omega_factors (share in the sum of the first-order factors).

    Raises
    ------
    MeasurementError
        When the model has no second-order factor whose factors have items, an item is reached
        directly and by a first-order factor, or items are ordered.

    Notes
    -----
    With c = (1'L b)^2 phi, u = sum_j (1'L_j)^2 Psi_jj and e = 1'Theta 1: c / (c + u + e), c / (c +
    e), and (1'b)^2 phi / ((1'b)^2 phi + 1'Psi 1). Agrees with R semTools (reliabilityL2), which
    takes the loadings b of the first group in all groups.

    Examples
    --------
    >>> from crosslevel.psychometrics import cfa
    >>> rng = np.random.default_rng(1)
    >>> scales = rng.normal(size=(500, 1)) + rng.normal(size=(500, 3))
    >>> items = np.repeat(scales, 3, axis=1) + rng.normal(size=(500, 9))
    >>> model = "f =~ a + b + c; h =~ d + e + i; k =~ l + m + n; g =~ f + h + k"
    >>> found = second_order_reliability(cfa(model, pd.DataFrame(items, columns=list("abcdeilmn"))))
    >>> found[["n_factors", "n_items"]].iloc[0].tolist()
    [3, 9]
    """
    if isinstance(fit, OrderedFit):
        raise MeasurementError(
            "The reliability of a second-order factor is not available for ordered items. Fit with "
            "'mlr' to see it."
        )
    theta = fit.maximum.theta
    rows = [
        {"sample": sample, "factor": name} | _omegas(block, theta, name)
        for sample, block in zip(fit.groups, fit.maximum.blocks, strict=True)
        for name in _second_order(block)
    ]
    return pd.DataFrame(rows)


def _second_order(block: Block) -> list[str]:
    """Factors that measure factors which have items, refusing models without any."""
    p, names = len(block.observed), block.names
    paths = _loadings(block)
    found = []
    for name in block.latent:
        below = [i for i in range(p, len(names)) if paths[i, names.index(name)]]
        if below and all(paths[:p, i].any() for i in below):
            found.append(name)
    if not found:
        raise MeasurementError(
            "The model has no second-order factor. Write it as a factor of factors that have items "
            "of their own: `g =~ f1 + f2 + f3`."
        )
    return found


def _loadings(block: Block) -> Floats:
    """Which variable is measured by which, (v, v)."""
    size = len(block.names)
    paths = np.zeros((size, size))
    own = (block.place == 0) & (block.column >= len(block.observed))
    paths[block.row[own], block.column[own]] = 1.0
    return paths


def _omegas(block: Block, theta: Floats, name: str) -> dict[str, object]:
    """The three coefficients of one factor of one sample."""
    p, names = len(block.observed), block.names
    A, S, _ = block.matrices(theta)
    at, paths = names.index(name), _loadings(block)
    phi = float(block.spread(theta)[at, at])
    below = np.flatnonzero(paths[p:, at]) + p
    direct = np.flatnonzero(paths[:p, at])
    items = np.flatnonzero(paths[:p, below].any(axis=1))
    twice = [names[i] for i in np.intersect1d(direct, items)]
    if twice:
        problems = [Problem(f"item '{item}'", "is reached in two ways.") for item in twice]
        raise MeasurementError(f"'{name}' reaches items directly and by its factors.", problems)
    b = A[below, at]
    sums = A[np.ix_(items, below)].sum(axis=0)
    alone = float(A[direct, at].sum())
    common, upper = phi * (sums @ b + alone) ** 2, phi * (b.sum() + alone) ** 2
    unique = float(sums**2 @ np.diag(S)[below])
    apart = float(S[np.ix_(direct, direct)].sum())
    error = float(S[np.ix_(items, items)].sum()) + apart
    left = float(S[np.ix_(below, below)].sum()) + apart
    return {
        "n_factors": len(below),
        "n_items": len(items) + len(direct),
        "omega_items": float(common / (common + unique + error)),
        "omega_items_partial": float(common / (common + error)),
        "omega_factors": float(upper / (upper + left)),
    }
