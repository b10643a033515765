"""Residuals at each level: of rows, and of the groups at any level."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from crosslevel.errors import ModelError, did_you_mean
from crosslevel.multilevel.coding import Floats
from crosslevel.multilevel.estimates import effects
from crosslevel.multilevel.prediction import fitted_values
from crosslevel.multilevel.tables import effect_table
from crosslevel.multilevel.threads import one_blas_thread

if TYPE_CHECKING:
    from crosslevel.multilevel.design import Factor
    from crosslevel.multilevel.result import MultilevelFit

ROWS = "rows"


def residuals(fit: MultilevelFit, level: str = ROWS) -> pd.DataFrame:
    """Return the residuals of one level.

    Parameters
    ----------
    level
        `"rows"`, or the name of a grouping factor.

    Returns
    -------
    pandas.DataFrame
        For rows, one per row of the data, missing where left out: `marginal` (outcome less fixed
        part), one column per grouping factor coarsest first (outcome less fixed part and the random
        effects of that factor and of coarser ones), `conditional` (less all), `standardised`
        (conditional, times sqrt(weight), over sigma). For a factor, one row per level and term:
        group, level, term, estimate, std_error (conditional standard deviation), spread (standard
        deviation of the estimate over samples), standardised (estimate / spread), n.

    Notes
    -----
    Var(b) = s2 Sigma Z'P Z Sigma with P = V^-1 - V^-1 X F X'V^-1 (Snijders and Berkhof, 2008,
    "diagnostic" variance): standardised residuals of well-behaved groups have variance one, which
    estimate / std_error has not. A variance estimated at zero leaves nothing to standardise.
    """
    names = [factor.name for factor in fit.design.factors]
    if level == ROWS:
        return _of_rows(fit)
    if level not in names:
        hint = did_you_mean(level, [ROWS, *names]) or f"Levels: {', '.join([ROWS, *names])}."
        raise ModelError(f"`level` names '{level}', which is no level of this model. {hint}")
    return _of_groups(fit, names.index(level))


def _of_rows(fit: MultilevelFit) -> pd.DataFrame:
    design, estimates = fit.design, fit.estimates
    with one_blas_thread():
        parts = effects(fit.objective, fit.problem, fit.optimum)
    columns = {"marginal": design.y - fitted_values(design, estimates, parts, ())}
    seen: list[str] = []
    ordered = sorted(design.factors, key=lambda f: f.J)
    for factor in ordered[:-1]:
        seen.append(factor.name)
        columns[factor.name] = design.y - fitted_values(design, estimates, parts, seen)
    conditional = design.y - fitted_values(design, estimates, parts)
    root = 1.0 if design.weights is None else np.sqrt(design.weights)
    columns |= {"conditional": conditional, "standardised": conditional * root / estimates.sigma}
    index = design.index if design.kept is None else design.index[design.kept]
    return pd.DataFrame(columns, index=index).reindex(design.index)


def _of_groups(fit: MultilevelFit, at: int) -> pd.DataFrame:
    factor: Factor = fit.design.factors[at]
    with one_blas_thread():
        part = effects(fit.objective, fit.problem, fit.optimum)[at]
        spread = estimate_spread(fit, at)
    table = effect_table([factor], [part])
    wide = spread.T.ravel()
    estimate = table["estimate"].to_numpy()
    known = wide > 1e-10 * fit.sigma
    standardised = np.divide(estimate, wide, out=np.full(len(wide), np.nan), where=known)
    size = np.bincount(factor.codes, minlength=factor.J)
    return table.assign(spread=wide, standardised=standardised, n=size.repeat(factor.p))


def estimate_spread(fit: MultilevelFit, at: int) -> Floats:
    """Return the standard deviation (p, J) of one factor's predicted coefficients over samples."""
    evaluation, problem = fit.optimum.evaluation, fit.problem
    profile = evaluation.profile
    C, Q = evaluation.pieces().C[at], evaluation.diagonal()[at]
    T = fit.objective.parameters.unpack(fit.optimum.theta)[at]
    inner = Q - np.einsum("auj,uv,bvj->abj", C, profile.F, C, optimize=True)
    outer = problem.back[at] @ T @ T.T
    variance = np.einsum("ac,cdj,ad->aj", outer, inner, outer, optimize=True)
    sigma2 = profile.sigma2 * problem.scale**2
    return np.asarray(np.sqrt(np.maximum(sigma2 * variance, 0.0)))
