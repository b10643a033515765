"""The likelihood of a fitted model at parameters other than its own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from crosslevel.errors import ModelError
from crosslevel.multilevel.coding import Floats
from crosslevel.multilevel.conditioning import lower
from crosslevel.multilevel.glm import orders
from crosslevel.multilevel.regression_fit import RegressionFit
from crosslevel.multilevel.result import MultilevelFit
from crosslevel.multilevel.threads import one_blas_thread


def log_likelihood_at(
    fit: MultilevelFit, beta: Floats, covariances: Sequence[Floats], *, sigma2: float
) -> float:
    """Return the log-likelihood of the data of a fit at given parameters.

    Use it to judge parameters that come from elsewhere, such as those pooled over imputations.

    Parameters
    ----------
    fit
        A fit by maximum likelihood; its own estimates do not matter.
    beta
        (P,) fixed coefficients, in the order of `fit.tidy()`.
    covariances
        (p, p) covariance of the random coefficients of each factor, in the order of
        `fit.design.factors`.
    sigma2
        Residual variance.

    Raises
    ------
    ModelError
        For a REML fit, and for a residual variance of zero or less.

    Notes
    -----
    -2 log L = n log(2 pi s2) + log|V| + (rho2 + (b - b0)' F^-1 (b - b0)) / s2 with V, rho2, F and
    coefficients b0 of the profiled criterion at the theta of the covariances.

    Examples
    --------
    >>> import pandas as pd
    >>> from crosslevel.multilevel import fit
    >>> rng = np.random.default_rng(3)
    >>> unit = np.repeat(np.arange(20), 6)
    >>> y = rng.normal(size=20)[unit] + rng.normal(size=120)
    >>> model = fit("y ~ 1 + (1 | unit)", pd.DataFrame({"y": y, "unit": unit}), method="ml")
    >>> own = [model.sigma**2 * T @ T.T for T in model.estimates.T]
    >>> at = log_likelihood_at(model, model.estimates.beta, own, sigma2=model.sigma**2)
    >>> bool(np.isclose(at, model.log_likelihood))
    True
    """
    if fit.objective.reml:
        raise ModelError("Likelihoods at other parameters need a fit with method='ml'.")
    if not sigma2 > 0.0:
        raise ModelError(f"The residual variance must be above zero, got {sigma2:g}.")
    conditioned = fit.problem
    triangles = [
        lower(np.asarray(np.linalg.solve(back, _root(S / sigma2)), dtype=np.float64))
        for back, S in zip(conditioned.back, covariances, strict=True)
    ]
    with one_blas_thread():
        profile = fit.objective.at(fit.objective.parameters.pack(triangles)).profile
    n, scale = profile.nn, conditioned.scale
    off = np.linalg.solve(conditioned.basis.B, (beta - conditioned.start) / scale) - profile.beta
    s2 = sigma2 / scale**2
    log_det = profile.criterion - n * (1.0 + np.log(2.0 * np.pi * profile.sigma2))
    distance = profile.rho2 + float(off @ np.linalg.solve(profile.F, off))
    minus_two = n * np.log(2.0 * np.pi * s2) + log_det + distance / s2
    minus_two += 2.0 * n * np.log(scale) - conditioned.log_weights
    return float(-0.5 * minus_two)


def regression_log_likelihood_at(fit: RegressionFit, beta: Floats, *, sigma2: float = 1.0) -> float:
    """Return the log-likelihood of the data of a single-level fit at given parameters.

    Parameters
    ----------
    fit
        A regression of any family; its own estimates do not matter.
    beta
        (P,) coefficients, in the order of `fit.tidy()`.
    sigma2
        Residual variance of a gaussian model; its maximum likelihood estimate is deviance / n.

    Examples
    --------
    >>> import pandas as pd
    >>> from crosslevel.multilevel import regress
    >>> model = regress("y ~ x", pd.DataFrame({"y": [1.0, 2, 3, 5], "x": [0.0, 1, 2, 3]}))
    >>> at = regression_log_likelihood_at(model, model.beta, sigma2=model.solution.deviance / 4)
    >>> bool(np.isclose(at, model.log_likelihood))
    True
    """
    solution, offset = fit.solution, fit.design.offset
    eta = beta @ solution.X + (0.0 if offset is None else offset)
    if not solution.family.scale:
        density = solution.family.log_density(solution.y, solution.family.mean(eta))
        return float(solution.w @ density) + orders(solution)
    distance = float(solution.w @ (solution.y - eta) ** 2)
    normal = len(eta) * np.log(2.0 * np.pi * sigma2) - np.log(solution.w).sum()
    return float(-0.5 * (normal + distance / sigma2))


def _root(S: Floats) -> Floats:
    """Return any root R R' = S of a covariance matrix, which may be singular."""
    values, vectors = np.linalg.eigh(S)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))
