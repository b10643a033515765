"""Rotation of loadings: varimax, promax and oblimin, from several starts.

A are unrotated loadings, T the rotation, L the rotated loadings, Phi the factor correlations.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from crosslevel.psychometrics.grouping import Floats

ROTATIONS = ("oblimin", "varimax", "promax", "none")
_CLOSE = 1e-10
_STEPS = 3000
_SWEEPS = 500
_POWER = 4


@dataclass(frozen=True, slots=True)
class Rotation:
    """(n_items, n_factors) loadings, (n_factors, n_factors) correlations, and how it ended."""

    loadings: Floats
    correlations: Floats
    criterion: float
    converged: bool


def rotate(loadings: Floats, *, rotation: str, starts: int = 10, seed: int = 0) -> Rotation:
    """Return rotated loadings at the best criterion over several starts.

    Parameters
    ----------
    loadings
        (n_items, n_factors) loadings of uncorrelated factors.
    rotation
        "oblimin" (quartimin: gamma 0, rows as they are), "varimax" (Kaiser's normalisation),
        "promax" (power 4, rows scaled to length one and back) or "none".
    starts
        Random orthogonal starts besides the unrotated loadings and, for oblimin, varimax.
    seed
        For the random starts.

    Returns
    -------
    Rotation

    Notes
    -----
    oblimin minimises sum over pairs of factors of sum_i L_ij^2 L_ik^2 / 4 by gradient projection.
    varimax maximises the variance of squared loadings within columns. Source: Jennrich (2002),
    section 4; Kaiser (1958); Hendrickson & White (1964). Agrees with R psych (GPArotation);
    stats::varimax stops early unless told `eps = 1e-15` (loadings then differ by up to 0.01).

    Examples
    --------
    >>> simple = np.array([[0.8, 0.0], [0.7, 0.0], [0.0, 0.6], [0.0, 0.5]])
    >>> turn = np.array([[0.8, -0.6], [0.6, 0.8]])
    >>> found = rotate(simple @ turn, rotation="varimax")
    >>> sorted(np.abs(found.loadings).max(axis=0).round(6).tolist())
    [0.6, 0.8]
    """
    m = loadings.shape[1]
    if m == 1 or rotation == "none":
        return Rotation(loadings, np.eye(m), 0.0, converged=True)
    randoms = _random_starts(m, starts, seed)
    if rotation == "oblimin":
        first = _best_varimax(loadings, [np.eye(m)], normalise=False)[1]
        found = [_oblimin(loadings, T) for T in [np.eye(m), first, *randoms]]
        return min(found, key=lambda one: (not one.converged, one.criterion))
    varimax, T, converged, criterion = _best_varimax(
        loadings, [np.eye(m), *randoms], normalise=True
    )
    if rotation == "varimax":
        return Rotation(varimax, np.eye(m), criterion, converged)
    length = np.sqrt(np.maximum((loadings**2).sum(axis=1, keepdims=True), 1e-12))
    return _promax(loadings / length, length, T, converged=converged)


def _random_starts(m: int, starts: int, seed: int) -> list[Floats]:
    """Random orthogonal matrices."""
    rng = np.random.default_rng(seed)
    return [np.linalg.qr(rng.standard_normal((m, m)))[0] for _ in range(starts)]


def _best_varimax(
    A: Floats, starts: list[Floats], *, normalise: bool
) -> tuple[Floats, Floats, bool, float]:
    """Loadings, rotation, convergence and criterion of the best start."""
    length = np.sqrt(np.maximum((A**2).sum(axis=1, keepdims=True), 1e-12)) if normalise else 1.0
    scaled = A / length
    found = [_varimax(scaled, start) for start in starts]
    T, converged, criterion = max(found, key=lambda one: one[2])
    return A @ T, T, converged, criterion


def _varimax(A: Floats, T: Floats) -> tuple[Floats, bool, float]:
    """One varimax rotation, pair of factors after pair, each turned by its best angle."""
    n, m = A.shape
    L, T = A @ T, T.copy()
    converged = False
    for _ in range(_SWEEPS):
        widest = 0.0
        for j, k in combinations(range(m), 2):
            u, v = L[:, j] ** 2 - L[:, k] ** 2, 2 * L[:, j] * L[:, k]
            up = 2 * (u @ v - u.sum() * v.sum() / n)
            across = u @ u - v @ v - (u.sum() ** 2 - v.sum() ** 2) / n
            angle = float(np.arctan2(up, across)) / 4
            c, s = np.cos(angle), np.sin(angle)
            turn = np.array([[c, -s], [s, c]])
            L[:, [j, k]] = L[:, [j, k]] @ turn
            T[:, [j, k]] = T[:, [j, k]] @ turn
            widest = max(widest, abs(angle))
        if widest <= _CLOSE:
            converged = True
            break
    return T, converged, float((L**2).var(axis=0).sum())


def _promax(A: Floats, length: Floats, T: Floats, *, converged: bool) -> Rotation:
    """Oblique loadings nearest to the varimax loadings' fourth powers."""
    L = A @ T
    target = L * np.abs(L) ** (_POWER - 1)
    U = np.linalg.lstsq(L, target, rcond=None)[0]
    U *= np.sqrt(np.diag(np.linalg.inv(U.T @ U)))
    inverse = np.linalg.inv(T @ U)
    return Rotation(L @ U * length, inverse @ inverse.T, 0.0, converged)


def _oblimin(A: Floats, T: Floats) -> Rotation:
    """One oblimin rotation by projected gradient steps with Armijo's rule."""
    value, slope, L = _quartimin(A, T)
    step, converged = 1.0, False
    for _ in range(_STEPS):
        projected = slope - T * (T * slope).sum(axis=0)
        size = float((projected**2).sum())
        if size <= _CLOSE**2:
            converged = True
            break
        step *= 2
        for _ in range(50):
            moved = T - step * projected
            moved /= np.sqrt((moved**2).sum(axis=0))
            new, new_slope, new_L = _quartimin(A, moved)
            if new < value - 0.5 * size * step:
                break
            step /= 2
        else:
            converged = size <= 1e-12
            break
        T, value, slope, L = moved, new, new_slope, new_L
    return Rotation(L, T.T @ T, value, converged)


def _quartimin(A: Floats, T: Floats) -> tuple[float, Floats, Floats]:
    """Criterion at T, its slopes in T, and the loadings."""
    inverse = np.linalg.inv(T)
    L = A @ inverse.T
    squares = L**2
    others = squares.sum(axis=1, keepdims=True) - squares
    slope = -(L.T @ (L * others) @ inverse).T
    return float((squares * others).sum()) / 4, slope, L
