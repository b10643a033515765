"""Reliability coefficients of covariance matrices, many at once.

Letters: C (..., k, k) covariances and R (..., k, k) correlations of the items of one scale.
"""

from __future__ import annotations

import numpy as np

from crosslevel.psychometrics.grouping import Floats
from crosslevel.psychometrics.one_factor import one_factor

_SINGULAR = 1e-10


def correlation_of(C: Floats) -> Floats:
    """Return the correlations that go with covariances; nan for an item that does not vary."""
    variance = np.diagonal(C, axis1=-2, axis2=-1)
    scale = np.sqrt(np.where(variance > 0, variance, np.nan))
    R: Floats = C / scale[..., :, None] / scale[..., None, :]
    k = C.shape[-1]
    R[..., np.arange(k), np.arange(k)] = np.where(np.isnan(scale), np.nan, 1.0)
    return R


def tied(R: Floats) -> tuple[int, ...]:
    """Return the variables that determine each other; none where R can be inverted.

    Examples
    --------
    >>> tied(np.array([[1.0, 1.0, 0.3], [1.0, 1.0, 0.3], [0.3, 0.3, 1.0]]))
    (0, 1)
    """
    values, vectors = np.linalg.eigh(R)
    if values[0] > _SINGULAR:
        return ()
    return tuple(np.flatnonzero(np.abs(vectors[:, 0]) > 1e-4).tolist())


def alpha_of(C: Floats) -> Floats:
    """Return Cronbach's alpha of each matrix; nan for one item or a sum that does not vary.

    Examples
    --------
    >>> float(alpha_of(np.array([[1.0, 0.5], [0.5, 1.0]])).round(6))
    0.666667
    """
    k, total = C.shape[-1], C.sum(axis=(-2, -1))
    own = np.trace(C, axis1=-2, axis2=-1)
    if k < 2:
        return np.full_like(total, np.nan)
    total = np.where(total > 1e-12 * own, total, np.nan)
    alpha: Floats = k / (k - 1) * (1 - own / total)
    return alpha


def omega_of(C: Floats) -> Floats:
    """Return omega total of the one-factor model of each (B, k, k) matrix.

    nan for fewer than three items or a matrix the model has no solution for.
    """
    B, k = C.shape[:2]
    if k < 3:
        return np.full(B, np.nan)
    scale = np.sqrt(np.diagonal(C, axis1=1, axis2=2))
    solution = one_factor(correlation_of(C))
    common = (solution.lam * scale).sum(axis=1) ** 2
    own = (solution.psi * scale**2).sum(axis=1)
    return np.where(solution.converged, common / (common + own), np.nan)


def communalities(R: Floats) -> Floats:
    """Return the (k,) squared multiple correlation of each item; nan when R is singular."""
    k = len(R)
    if not np.isfinite(R).all() or np.linalg.eigvalsh(R)[0] < 1e-12:
        return np.full(k, np.nan)
    smc: Floats = 1 - 1 / np.diag(np.linalg.inv(R))
    return smc


def lambda2_of(R: Floats) -> float:
    """Return Guttman's lambda 2 of the standardised items."""
    k = len(R)
    off = R - np.diag(np.diag(R))
    return float((off.sum() + np.sqrt(k / (k - 1) * (off**2).sum())) / R.sum())


def lambda6_of(R: Floats) -> float:
    """Return Guttman's lambda 6 of the standardised items."""
    return float(1 - (len(R) - communalities(R).sum()) / R.sum())


def duhachek_error(C: Floats, n: int) -> float:
    """Return the standard error of alpha for normal items, of Duhachek & Iacobucci (2004)."""
    k, total, own = len(C), C.sum(), np.trace(C)
    inner = total * (np.trace(C @ C) + own**2) - 2 * own * (C @ C).sum()
    return float(np.sqrt(2 * k**2 / ((k - 1) ** 2 * total**3) * inner / n))
