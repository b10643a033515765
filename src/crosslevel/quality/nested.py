"""Tests of nested models over imputed data sets: D1, D2, D3, D4.

m imputations, k tested parameters, r the average relative increase in variance due to missing
values, t = k (m - 1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from crosslevel.errors import ModelError
from crosslevel.multilevel import MultilevelFit, RegressionFit
from crosslevel.multilevel.glm import log_likelihood, solve
from crosslevel.multilevel.likelihood import log_likelihood_at, regression_log_likelihood_at
from crosslevel.quality.incomplete import Floats

METHODS = ("D1", "D2", "D3", "D4")
NONE = 1e-20  # an increase in variance that rounding makes


@dataclass(frozen=True, slots=True)
class NestedTest:
    """A pooled F test: statistic, its degrees of freedom, p_value; riv: increase in variance."""

    method: str
    terms: tuple[str, ...]
    statistic: float
    df: float
    df_denominator: float
    riv: float

    @property
    def p_value(self) -> float:
        """Probability of an F at least as large."""
        if np.isinf(self.df_denominator):
            return float(stats.chi2.sf(self.statistic * self.df, self.df))
        return float(stats.f.sf(self.statistic, self.df, self.df_denominator))

    def tidy(self) -> pd.DataFrame:
        """One row: term, method, statistic, df, df_denominator, p_value, riv."""
        return pd.DataFrame(
            {
                "term": [", ".join(self.terms)],
                "method": [self.method],
                "statistic": [self.statistic],
                "df": [self.df],
                "df_denominator": [self.df_denominator],
                "p_value": [self.p_value],
                "riv": [self.riv],
            }
        )


def d1(
    terms: Sequence[str], betas: Floats, covariances: Floats, *, df_complete: float
) -> NestedTest:
    """Return the test of pooled estimates (m, k) with their covariances (m, k, k).

    F = Q'W^-1 Q / (k (1 + r)), r = (1 + 1/m) tr(B W^-1) / k: Li, Raghunathan & Rubin (1991);
    denominator of Reiter (2007) where the complete data have finite degrees of freedom.
    """
    m, k = betas.shape
    Q, W = betas.mean(axis=0), covariances.mean(axis=0)
    B = np.cov(betas, rowvar=False, ddof=1).reshape(k, k)
    r = (1.0 + 1.0 / m) * float(np.trace(np.linalg.solve(W, B))) / k
    F = float(Q @ np.linalg.solve(W, Q)) / (k * (1.0 + r))
    t = k * (m - 1.0)
    df2 = _li(t, k, r) if np.isinf(df_complete) else _reiter(t, r, df_complete)
    return NestedTest("D1", tuple(terms), F, float(k), df2, r)


def d2(terms: Sequence[str], betas: Floats, covariances: Floats) -> NestedTest:
    """Return the test that pools the Wald statistics of the single data sets."""
    single = np.einsum("mk,mk->m", betas, np.linalg.solve(covariances, betas[..., None])[..., 0])
    return _d2(terms, single, betas.shape[1])


def d2_likelihood(full: Sequence[Any], null: Sequence[Any]) -> NestedTest:
    """Return the test that pools the likelihood-ratio statistics of the single data sets."""
    terms, k = _difference(full, null)
    single = [2.0 * (a.log_likelihood - b.log_likelihood) for a, b in zip(full, null, strict=True)]
    return _d2(terms, np.maximum(single, 0.0), k)


def d3(full: Sequence[Any], null: Sequence[Any]) -> NestedTest:
    """Return the test that pools likelihood ratios (Meng & Rubin 1992).

    F = d(pooled) / (k (1 + r)), r = (m + 1) / t (d - d(pooled)), d the mean likelihood ratio at the
    single estimates, d(pooled) that at the means of all parameters over the data sets.
    """
    terms, k = _difference(full, null)
    m = len(full)
    if k * (m - 1) < 2:
        raise ModelError("D3 of one parameter needs three imputations or more.")
    own = np.mean([a.log_likelihood - b.log_likelihood for a, b in zip(full, null, strict=True)])
    at_means = np.mean(_at_means(full)) - np.mean(_at_means(null))
    t = k * (m - 1.0)
    r = max((m + 1.0) / t * 2.0 * float(own - at_means), 0.0)
    F = max(2.0 * float(at_means), 0.0) / (k * (1.0 + r))
    return NestedTest("D3", terms, F, float(k), _li(t, k, r), r)


def d4(full: Sequence[Any], null: Sequence[Any]) -> NestedTest:
    """Return the test that pools likelihood ratios of the data sets stacked (Chan & Meng 2022).

    F = d(stacked) / (k (1 + r)), r = (m + 1) / t (d - d(stacked)), with the likelihood of one model
    on all data sets at once divided by m; denominator t (1 + 1/r)^2.
    """
    terms, k = _difference(full, null)
    if not isinstance(full[0], RegressionFit):
        raise ModelError(
            "D4 stacks the data sets, so that each group would count m times; use method='D3'."
        )
    m = len(full)
    own = np.mean([a.log_likelihood - b.log_likelihood for a, b in zip(full, null, strict=True)])
    stacked = _stacked(full) - _stacked(null)
    t = k * (m - 1.0)
    r = max((m + 1.0) / t * 2.0 * float(own - stacked), 0.0)
    F = max(2.0 * stacked, 0.0) / (k * (1.0 + r))
    return NestedTest("D4", terms, F, float(k), t * (1.0 + 1.0 / r) ** 2 if r > NONE else np.inf, r)


def _d2(terms: Sequence[str], single: Floats, k: int) -> NestedTest:
    """F = (d/k - (m + 1) / (m - 1) r) / (1 + r), r = (1 + 1/m) var(sqrt d_l)."""
    m = len(single)
    r = (1.0 + 1.0 / m) * float(np.var(np.sqrt(single), ddof=1))
    F = (float(single.mean()) / k - (m + 1.0) / (m - 1.0) * r) / (1.0 + r)
    df2 = k ** (-3.0 / m) * (m - 1.0) * (1.0 + 1.0 / r) ** 2 if r > NONE else np.inf
    return NestedTest("D2", tuple(terms), max(F, 0.0), float(k), df2, r)


def _li(t: float, k: int, r: float) -> float:
    """Denominator of Li et al. (1991) for large complete data."""
    if r <= NONE:
        return np.inf
    if t > 4:
        return 4.0 + (t - 4.0) * (1.0 + (1.0 - 2.0 / t) / r) ** 2
    return 0.5 * t * (1.0 + 1.0 / k) * (1.0 + 1.0 / r) ** 2


def _reiter(t: float, r: float, df_complete: float) -> float:
    """Denominator of Reiter (2007, eq. 3); 4 at t = 4, where it has its pole."""
    if t <= 4:
        return 4.0
    v = (df_complete + 1.0) / (df_complete + 3.0) * df_complete
    a = r * t / (t - 2.0)
    c0, c1, c2 = 1.0 / (t - 4.0), v - 2.0 * (1.0 + a), v - 4.0 * (1.0 + a)
    z = 1.0 / c2 + c0 * (
        a**2 * c1 / ((1.0 + a) ** 2 * c2)
        + 8.0 * a**2 * c1 / ((1.0 + a) * c2**2)
        + 4.0 * a**2 / ((1.0 + a) * c2)
        + 4.0 * a**2 / (c2 * c1)
        + 16.0 * a**2 * c1 / c2**3
        + 8.0 * a**2 / c2**2
    )
    return 4.0 + 1.0 / z


def _difference(full: Sequence[Any], null: Sequence[Any]) -> tuple[tuple[str, ...], int]:
    """Return the terms and the number of parameters that only the larger model has."""
    if len(full) != len(null):
        raise ModelError(f"The models rest on {len(full)} and {len(null)} imputations.")
    for fit in (*full, *null):
        if isinstance(fit, MultilevelFit) and fit.method == "reml":
            raise ModelError(
                "Likelihood ratios need fits by maximum likelihood; fit with method='ml'."
            )
        if not isinstance(fit, MultilevelFit | RegressionFit):
            raise ModelError(f"A {type(fit).__name__} has no likelihood at pooled parameters.")
        if isinstance(fit, RegressionFit) and fit.clusters is not None:
            raise ModelError(
                "Rows in clusters are not independent, so their likelihoods do not multiply; use "
                "method='D1', or a multilevel model."
            )
    if type(full[0]) is not type(null[0]):
        raise ModelError("A multilevel and a single-level model cannot be compared this way.")
    k = full[0].parameters - null[0].parameters
    if k < 1:
        raise ModelError("The smaller model has as many parameters as the larger one, or more.")
    own, others = (list(fits[0].tidy()["term"]) for fits in (full, null))
    return tuple(t for t in own if t not in others), k


def _at_means(fits: Sequence[Any]) -> list[float]:
    """Return the log-likelihood of each data set at the parameters averaged over all."""
    if isinstance(fits[0], RegressionFit):
        beta = np.mean([fit.beta for fit in fits], axis=0)
        sigma2 = float(np.mean([fit.solution.deviance / fit.n for fit in fits]))
        return [regression_log_likelihood_at(fit, beta, sigma2=sigma2) for fit in fits]
    beta = np.mean([fit.estimates.beta for fit in fits], axis=0)
    sigma2 = float(np.mean([fit.sigma**2 for fit in fits]))
    covariances = [
        np.mean([fit.sigma**2 * fit.estimates.T[f] @ fit.estimates.T[f].T for fit in fits], axis=0)
        for f in range(len(fits[0].estimates.T))
    ]
    return [log_likelihood_at(fit, beta, covariances, sigma2=sigma2) for fit in fits]


def _stacked(fits: Sequence[RegressionFit]) -> float:
    """Return the log-likelihood of one model on all data sets at once, divided by their number."""
    parts = [fit.solution for fit in fits]
    shifts = [fit.design.offset for fit in fits if fit.design.offset is not None]
    made = solve(
        np.hstack([part.X for part in parts]),
        np.concatenate([part.y for part in parts]),
        family=parts[0].family,
        w=np.concatenate([part.w for part in parts]),
        offset=np.concatenate(shifts) if shifts else None,
    )
    return log_likelihood(made) / len(fits)
