"""Indices of fit, as lavaan computes them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import optimize, stats
from scipy.special import chndtr

from crosslevel.psychometrics.sem.matrices import Moments
from crosslevel.psychometrics.sem.testing import Statistic

RMSEA_LEVEL = 0.90


def cfi(chisq: float, df: float, base: tuple[float, float]) -> float:
    """Return the comparative fit index; `base` holds statistic and df of the baseline.

    Source: Bentler (1990), Psychological Bulletin 107, eq. 21.
    """
    excess = max(chisq - df, 0.0)
    worst = max(base[0] - base[1], excess, 0.0)
    return 1.0 if worst == 0.0 else 1.0 - excess / worst


def tli(chisq: float, df: float, base: tuple[float, float]) -> float:
    """Return the Tucker-Lewis index. Source: Tucker & Lewis (1973), Psychometrika 38."""
    if df == 0:
        return 1.0
    scale = df / base[1] if base[1] else 1.0
    below = (base[0] - base[1]) * scale
    return 1.0 - (chisq - df) / below if below else 1.0


def rmsea(chisq: float, df: float, n: float, *, groups: int = 1) -> float:
    """Return the root mean square error of approximation.

    Source: Steiger (1990); with several groups times the root of their number (Steiger 1998).
    """
    return float(np.sqrt(max(chisq - df, 0.0) / (df * n) * groups)) if df else 0.0


def rmsea_interval(
    chisq: float, df: float, n: float, *, groups: int = 1, scale: float = 1.0
) -> tuple[float, float]:
    """Return the 90 % interval of RMSEA, from the noncentral chi-square.

    `scale` multiplies the noncentrality: the robust interval has the scaling factor there.
    Source: Browne & Cudeck (1992), eq. 14.
    """
    if df == 0:
        return 0.0, 0.0
    tail = (1 - RMSEA_LEVEL) / 2
    ends = [noncentrality(chisq, df, level) for level in (1 - tail, tail)]
    low, high = (float(np.sqrt(scale * end / (df * n) * groups)) for end in ends)
    return low, high


def noncentrality(chisq: float, df: float, level: float) -> float:
    """Return the noncentrality under which `chisq` is the quantile at `level`; 0 without one."""
    if chndtr(chisq, df, 0.0) < level:
        return 0.0

    def off(value: float) -> float:
        """How far the probability is from the level."""
        return float(chndtr(chisq, df, value)) - level

    upper = max(chisq, 1.0)
    while off(upper) > 0:
        upper *= 2
    return float(optimize.brentq(off, 0.0, upper, xtol=1e-10))


def srmr(
    observed: Sequence[Moments], implied: Sequence[Moments], sizes: Sequence[int], *, means: bool
) -> float:
    """Return the standardised root mean square residual, groups weighted by size.

    Covariances, and means where they are modelled, are divided by observed standard deviations.
    Source: Bentler (1995), EQS manual; Joreskog & Sorbom (1981).
    """
    total = 0.0
    for raw, model, n in zip(observed, implied, sizes, strict=True):
        sd = np.sqrt(np.diag(raw.sigma))
        rows, columns = np.tril_indices(len(sd))
        residual = ((raw.sigma - model.sigma) / np.outer(sd, sd))[rows, columns]
        if means:
            residual = np.concatenate([residual, (raw.mu - model.mu) / sd])
        total += n / sum(sizes) * float(np.sqrt(np.mean(residual**2)))
    return total


def indices(
    test: Statistic, base: Statistic, *, n: int, groups: int, robust: bool, partly: bool = False
) -> dict[str, float]:
    """Return the indices of a model by name, with scaled and robust twins where asked.

    `partly`: answers are missing, so there are robust twins (corrected for what is missing) even
    of normal theory.
    """
    against = (base.chisq, float(base.df))
    low, high = rmsea_interval(test.chisq, test.df, n, groups=groups)
    found = {
        "chisq": test.chisq,
        "df": float(test.df),
        "p_value": test.p_value,
        "baseline_chisq": base.chisq,
        "baseline_df": float(base.df),
        "cfi": cfi(test.chisq, test.df, against),
        "tli": tli(test.chisq, test.df, against),
        "rmsea": rmsea(test.chisq, test.df, n, groups=groups),
        "rmsea_low": low,
        "rmsea_high": high,
        "rmsea_p_value": rmsea_p_value(test.chisq, test.df, n, groups=groups),
    }
    if robust:
        found |= _scaled(test, base, n=n, groups=groups)
    if robust or partly:
        found |= _robust(test, base, n=n, groups=groups)
    return found


def rmsea_p_value(chisq: float, df: float, n: float, *, groups: int = 1) -> float:
    """Return the p value of close fit: RMSEA not above 0.05. Source: Browne & Cudeck (1992)."""
    return float(stats.ncx2.sf(chisq, df, n * df * 0.05**2 / groups)) if df else np.nan


def _scaled(test: Statistic, base: Statistic, *, n: int, groups: int) -> dict[str, float]:
    """Indices of the scaled statistics, put in the place of the plain ones."""
    against = (base.scaled, float(base.df))
    shrunk = test.df * test.scaling
    low, high = rmsea_interval(test.chisq, shrunk, n, groups=groups)
    return {
        "chisq_scaled": test.scaled,
        "p_value_scaled": test.p_scaled,
        "scaling_factor": test.scaling,
        "cfi_scaled": cfi(test.scaled, test.df, against),
        "tli_scaled": tli(test.scaled, test.df, against),
        "rmsea_scaled": rmsea(test.scaled, test.df, n, groups=groups),
        "rmsea_scaled_low": low,
        "rmsea_scaled_high": high,
    }


def _robust(test: Statistic, base: Statistic, *, n: int, groups: int) -> dict[str, float]:
    """Indices whose population values are those of the plain ones.

    Source: Brosseau-Liard & Savalei (2014); Zhang & Savalei (2023) where answers are missing.
    """
    excess = (test.discrepancy - test.bias, base.discrepancy - base.bias)
    found = {
        "cfi_robust": cfi(excess[0], 0.0, (excess[1], 0.0)),
        "tli_robust": 1.0 - excess[0] * base.df / (excess[1] * test.df) if test.df else 1.0,
        "rmsea_robust": float(np.sqrt(max(excess[0], 0.0) / (max(test.df, 1) * n) * groups)),
    }
    c = test.bias / test.df if test.df else 1.0
    low, high = rmsea_interval(test.discrepancy / c, test.df, n, groups=groups, scale=c)
    return found | {"rmsea_robust_low": low, "rmsea_robust_high": high}
