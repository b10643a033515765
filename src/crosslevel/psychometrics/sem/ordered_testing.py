"""Tests and indices of fit of models of ordered items.

U is the projector that the weights W and derivatives Delta leave of the moments, Gamma the
covariance of the moments times n; tr(U Gamma) and tr((U Gamma)^2) give mean and variance of the
naive statistic.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from crosslevel.psychometrics.sem.measures import (
    cfi,
    rmsea,
    rmsea_interval,
    rmsea_p_value,
    tli,
)
from crosslevel.psychometrics.sem.testing import Statistic
from crosslevel.psychometrics.sem.weighted import Group, Weighted

Floats = npt.NDArray[np.float64]


def ordered_statistic(groups: Sequence[Group], best: Weighted) -> Statistic:
    """Return the naive test with its scaled and shifted twin.

    Notes
    -----
    T a + b with a = sqrt(df / tr((U Gamma)^2)), b = df - a tr(U Gamma). Source: Asparouhov & Muthen
    (2010), Simple second order chi-square correction, eqs. 12-15.
    """
    count = sum(len(group.observed) for group in groups)
    df = count - len(best.theta)
    bread = np.linalg.pinv(best.information, hermitian=True)
    meat = np.zeros_like(bread)
    twice = np.zeros_like(bread)
    first = second = 0.0
    for group in groups:
        delta, w, n = group.derivatives(best.theta), group.weights, group.n
        spread = w[:, None] * group.moments.gamma
        first += float(np.trace(spread))
        second += float((spread * spread.T).sum())
        turned = group.moments.gamma @ (w[:, None] * delta)
        weighted = w[:, None] * turned
        meat += n * (w[:, None] * delta).T @ turned
        twice += n * turned.T @ weighted
    inner = bread @ meat
    trace = first - float(np.trace(inner))
    square = second - 2 * float(np.trace(bread @ twice)) + float((inner * inner.T).sum())
    return _shifted(best.criterion, df, trace, square)


def independent(groups: Sequence[Group]) -> Statistic:
    """Return the same of the model in which thresholds are free and no items covary."""
    total = trace = square = 0.0
    df = 0
    for group in groups:
        q = len(group.moments.thresholds)
        w, r = group.weights[q:], group.observed[q:]
        spread = w[:, None] * group.moments.gamma[q:, q:]
        total += group.size * float(r @ (w * r))
        trace += float(np.trace(spread))
        square += float((spread * spread.T).sum())
        df += len(r)
    return _shifted(total, df, trace, square)


def _shifted(chisq: float, df: int, trace: float, square: float) -> Statistic:
    """Statistic with the scale and shift that give it mean and variance of a chi-square."""
    if df == 0:
        return Statistic(chisq, 0, 1.0, chisq, 0.0)
    a = float(np.sqrt(df / square))
    return Statistic(chisq, df, 1 / a, np.nan, np.nan, df - a * trace)


def ordered_indices(
    test: Statistic, base: Statistic, groups: Sequence[Group], *, robust: bool
) -> dict[str, float]:
    """Return the indices by name; the sample size is n less the number of groups, as in lavaan."""
    count = len(groups)
    n = sum(group.moments.n for group in groups) - count
    found = _indices(test.chisq, test, (base.chisq, float(base.df)), n=n, groups=count)
    found = {"chisq": test.chisq, "df": float(test.df), "p_value": test.p_value} | found
    found |= {"baseline_chisq": base.chisq, "baseline_df": float(base.df)}
    if robust:
        scaled = _indices(test.scaled, test, (base.scaled, float(base.df)), n=n, groups=count)
        found |= {
            "chisq_scaled": test.scaled,
            "p_value_scaled": test.p_scaled,
            "scaling_factor": test.scaling,
            "cfi_scaled": scaled["cfi"],
            "tli_scaled": scaled["tli"],
            "rmsea_scaled": scaled["rmsea"],
            "rmsea_scaled_low": scaled["rmsea_low"],
            "rmsea_scaled_high": scaled["rmsea_high"],
        }
    return found


def _indices(
    chisq: float, test: Statistic, base: tuple[float, float], *, n: int, groups: int
) -> dict[str, float]:
    """Indices of one statistic."""
    low, high = rmsea_interval(chisq, test.df, n, groups=groups)
    return {
        "cfi": cfi(chisq, test.df, base),
        "tli": tli(chisq, test.df, base),
        "rmsea": rmsea(chisq, test.df, n, groups=groups),
        "rmsea_low": low,
        "rmsea_high": high,
        "rmsea_p_value": rmsea_p_value(chisq, test.df, n, groups=groups),
    }


def robust_indices(groups: Sequence[Group], best: Weighted, df: int) -> dict[str, float]:
    """Return CFI, TLI and RMSEA of the likelihood discrepancy of the correlations.

    nan where scales are free or a polychoric matrix is not positive definite.

    Notes
    -----
    n F_ML(R, Sigma) at the least-squares estimates, its bias from Gamma. Source: Savalei (2021),
    Multivariate Behavioral Research 56; as in lavaan, but for the bias of the baseline in several
    groups, which lavaan 0.6-14 does not weigh by group size.
    """
    names = ("cfi", "tli", "rmsea", "rmsea_low", "rmsea_high")
    nothing = {_robust_name(name): float("nan") for name in names}
    free = any((group.scale.scale_free >= 0).any() for group in groups)
    smallest = min(np.linalg.eigvalsh(group.moments.correlations)[0] for group in groups)
    if free or df == 0 or smallest < 1e-8:
        return nothing
    total, n_groups = sum(group.moments.n for group in groups), len(groups)
    discrepancy, bias, worst = _likelihood_discrepancy(groups, best)
    base_df = sum(len(group.moments.pairs[0]) for group in groups)
    worst_bias = sum(
        float(np.trace(group.moments.gamma[len(group.moments.thresholds) :][
            :, len(group.moments.thresholds) :
        ]))
        for group in groups
    )  # fmt: skip
    c = bias / df
    excess, null = discrepancy - bias, worst - worst_bias
    size = total - n_groups
    low, high = rmsea_interval(discrepancy / c, df, size, groups=n_groups, scale=c)
    return {
        "cfi_robust": cfi(excess, 0.0, (null, 0.0)),
        "tli_robust": 1.0 - excess * base_df / (null * df),
        "rmsea_robust": float(np.sqrt(max(excess, 0.0) / (df * size) * n_groups)),
        "rmsea_robust_low": low,
        "rmsea_robust_high": high,
    }


def _robust_name(name: str) -> str:
    """Name of the robust twin of an index."""
    head, _, tail = name.partition("_")
    return f"{head}_robust_{tail}" if tail else f"{head}_robust"


def _likelihood_discrepancy(groups: Sequence[Group], best: Weighted) -> tuple[float, float, float]:
    """Discrepancy n F of model and of independence, and the expectation of the model's."""
    value = worst = first = 0.0
    bread = np.linalg.pinv(best.information, hermitian=True)
    cross, square = np.zeros_like(bread), np.zeros_like(bread)
    mixed = np.zeros_like(bread)
    for group in groups:
        q, n = len(group.moments.thresholds), group.moments.n
        R = group.moments.correlations
        i, j = group.moments.pairs
        sigma = np.eye(len(R))
        sigma[i, j] = sigma[j, i] = group.implied(best.theta)[q:]
        P = np.linalg.inv(sigma)
        log_r = float(np.linalg.slogdet(R)[1])
        value += n * (float(np.linalg.slogdet(sigma)[1]) + float((P * R).sum()) - len(R) - log_r)
        worst -= n * log_r
        V = P[np.ix_(i, i)] * P[np.ix_(j, j)] + P[np.ix_(i, j)] * P[np.ix_(j, i)]
        gamma, w = group.moments.gamma[q:, q:], group.weights[q:]
        delta = group.derivatives(best.theta)[q:]
        weighted = w[:, None] * delta
        first += float((V * gamma).sum())
        mixed += group.n * weighted.T @ gamma @ V @ delta
        square += group.n * delta.T @ V @ delta
        cross += group.n * weighted.T @ gamma @ weighted
    bias = first - 2 * float(np.trace(bread @ mixed))
    bias += float(np.trace(bread @ square @ bread @ cross))
    return value, bias, worst
