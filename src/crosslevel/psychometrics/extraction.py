"""Unrotated factors of a correlation matrix by minimum residuals or maximum likelihood.

R is the correlation matrix, psi the uniquenesses, Lambda the loadings.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import optimize

from crosslevel.psychometrics.grouping import Floats

METHODS = ("minres", "ml")
LOWEST = 0.005  # smallest uniqueness the search may reach
_TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True)
class Extraction:
    """(n_items, n_factors) loadings of uncorrelated factors, and where the search ended.

    Attributes
    ----------
    loadings
        Largest factor first.
    gradient
        Largest slope of the criterion in a uniqueness that is free to move.
    heywood
        Positions of items whose uniqueness ended at its lower bound.
    """

    loadings: Floats
    gradient: float
    heywood: tuple[int, ...]

    @property
    def communalities(self) -> Floats:
        """(n_items,) share of variance that the factors explain."""
        shares: Floats = (self.loadings**2).sum(axis=1)
        return shares


def extract(matrix: Floats, n_factors: int, *, method: str = "minres") -> Extraction:
    """Return loadings whose implied correlations are closest to the observed ones.

    Parameters
    ----------
    matrix
        (n_items, n_items) correlations.
    n_factors
        At least one, fewer than items.
    method
        "minres" or "ml".

    Returns
    -------
    Extraction

    Notes
    -----
    minres: psi minimises half the sum of squares of R - Psi - Lambda Lambda', whose diagonal is 0
    at the minimum. ml: psi minimises log|Sigma| + tr(R Sigma^-1) - log|R| - p. Given psi, Lambda
    comes from the largest eigenvalues of R - Psi, or of Psi^-1/2 R Psi^-1/2. Analytic gradients,
    bounds 0.005 and 1. Source: Harman & Jones (1966); Joreskog (1967), eqs. 12-23.

    Examples
    --------
    >>> matrix = np.full((3, 3), 0.25) + 0.75 * np.eye(3)
    >>> extract(matrix, 1).loadings.round(6).tolist()
    [[0.5], [0.5], [0.5]]
    """
    criterion = _minres if method == "minres" else _maximum_likelihood
    start = np.clip(1 / np.diag(np.linalg.pinv(matrix, hermitian=True)), 0.05, 0.95)
    start = np.clip(start * (1 - 0.5 * n_factors / len(matrix)), LOWEST, 1.0)
    found = optimize.minimize(
        criterion,
        start,
        args=(matrix, n_factors),
        jac=True,
        method="L-BFGS-B",
        bounds=[(LOWEST, 1.0)] * len(matrix),
        options={"maxiter": 2000, "maxfun": 4000, "ftol": 1e-15, "gtol": _TOLERANCE, "maxcor": 30},
    )
    psi = found.x
    slopes = criterion(psi, matrix, n_factors)[1]
    free = (psi > LOWEST) & (psi < 1)
    loads = _minres_loadings if method == "minres" else _ml_loadings
    return Extraction(
        loadings=loads(psi, matrix, n_factors)[0],
        gradient=float(np.abs(slopes[free]).max(initial=0.0)),
        heywood=tuple(int(i) for i in np.flatnonzero(psi <= LOWEST)),
    )


def _minres_loadings(psi: Floats, R: Floats, m: int) -> tuple[Floats, Floats]:
    """Loadings given psi, and the smaller eigenvalues with which they do not fit."""
    values, vectors = np.linalg.eigh(R - np.diag(psi))
    large = np.maximum(values[-m:][::-1], 0.0)
    return vectors[:, -m:][:, ::-1] * np.sqrt(large), values[:-m]


def _minres(psi: Floats, R: Floats, m: int) -> tuple[float, Floats]:
    """Half the sum of squared residuals, and its slopes in psi."""
    loadings = _minres_loadings(psi, R, m)[0]
    residual = R - loadings @ loadings.T - np.diag(psi)
    return 0.5 * float((residual**2).sum()), -np.diag(residual)


def _ml_loadings(psi: Floats, R: Floats, m: int) -> tuple[Floats, Floats]:
    """Loadings given psi, and the smaller eigenvalues of the scaled matrix."""
    scale = np.sqrt(psi)
    values, vectors = np.linalg.eigh(R / scale[:, None] / scale)
    large = np.sqrt(np.maximum(values[-m:][::-1] - 1, 0.0))
    return scale[:, None] * vectors[:, -m:][:, ::-1] * large, values[:-m]


def _maximum_likelihood(psi: Floats, R: Floats, m: int) -> tuple[float, Floats]:
    """The likelihood's discrepancy at the best loadings given psi, and its slopes in psi."""
    loadings, small = _ml_loadings(psi, R, m)
    value = float((small - np.log(np.maximum(small, 1e-300)) - 1).sum())
    residual = loadings @ loadings.T + np.diag(psi) - R
    return value, np.diag(residual) / psi**2
