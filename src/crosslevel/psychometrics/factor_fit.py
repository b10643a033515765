"""How well a number of factors reproduces the correlations.

R is the correlation matrix, Sigma what the factors imply, F the discrepancy between them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import optimize, stats

from crosslevel.psychometrics.grouping import Floats

_RMSEA_LEVEL = 0.90


@dataclass(frozen=True, slots=True)
class FactorFit:
    """Fit of an exploratory solution; nan where there are no degrees of freedom.

    Attributes
    ----------
    objective
        Discrepancy F of the maximum likelihood criterion.
    chisq, df, p_value
        Bartlett-corrected test that these many factors suffice.
    rmsea, rmsea_low, rmsea_high
        With its 90 % interval.
    tli
        Tucker-Lewis index.
    rmsr
        Root mean square of the residual correlations.
    bic
        chisq - df log(n): lower is better.
    """

    objective: float
    chisq: float
    df: int
    p_value: float
    rmsea: float
    rmsea_low: float
    rmsea_high: float
    tli: float
    rmsr: float
    bic: float


def factor_fit(matrix: Floats, loadings: Floats, n: int) -> FactorFit:
    """Return the fit of unrotated loadings.

    Parameters
    ----------
    matrix
        (n_items, n_items) correlations of n respondents.
    loadings
        (n_items, n_factors) of uncorrelated factors.
    n
        Respondents.

    Returns
    -------
    FactorFit

    Notes
    -----
    F = tr(Sigma^-1 R) - log|Sigma^-1 R| - p; chisq = F (n - 1 - (2 p + 5) / 6 - 2 m / 3);
    rmsea^2 = chisq / (df n) - 1 / (n - 1); tli = (F0 - F / df) / (F0 - F / chisq), F0 the
    discrepancy per degree of freedom without factors. Source: Bartlett (1950); Tucker & Lewis
    (1973). Agrees with R psych::fa.

    Examples
    --------
    >>> matrix = np.full((4, 4), 0.25) + 0.75 * np.eye(4)
    >>> factor_fit(matrix, np.full((4, 1), 0.5), 100).df
    2
    """
    p, m = loadings.shape
    sigma = loadings @ loadings.T
    np.fill_diagonal(sigma, 1.0)
    residual = matrix - sigma
    objective = _discrepancy(sigma, matrix)
    df = (p * (p - 1)) // 2 - p * m + (m * (m - 1)) // 2
    chisq = max(objective, 0.0) * (n - 1 - (2 * p + 5) / 6 - 2 * m / 3)
    rmsr = float(np.sqrt((residual**2).sum() / (p * (p - 1))))
    nan = float("nan")
    if df <= 0:
        return FactorFit(objective, chisq, df, nan, nan, nan, nan, nan, rmsr, nan)
    low, high = _rmsea_interval(chisq, df, n)
    null = -float(np.linalg.slogdet(matrix)[1]) / (p * (p - 1) / 2)
    weight = chisq / objective if objective > 0 else float(n)
    return FactorFit(
        objective=objective,
        chisq=chisq,
        df=df,
        p_value=float(stats.chi2.sf(chisq, df)),
        rmsea=float(np.sqrt(max(chisq / (df * n) - 1 / (n - 1), 0.0))),
        rmsea_low=low,
        rmsea_high=high,
        tli=(null - objective / df) / (null - 1 / weight),
        rmsr=rmsr,
        bic=chisq - df * float(np.log(n)),
    )


def _discrepancy(sigma: Floats, matrix: Floats) -> float:
    """Maximum likelihood discrepancy between implied and observed correlations."""
    ratio = np.linalg.solve(sigma, matrix)
    return float(np.trace(ratio) - np.linalg.slogdet(ratio)[1] - len(matrix))


def _rmsea_interval(chisq: float, df: int, n: int) -> tuple[float, float]:
    """Bounds of the RMSEA from the noncentral chi-square distribution."""
    tail = (1 - _RMSEA_LEVEL) / 2
    bounds = []
    for probability in (1 - tail, tail):
        if stats.chi2.cdf(chisq, df) <= probability:
            bounds.append(0.0)
            continue
        args = (chisq, df, probability)
        root = optimize.brentq(_excess, 1e-9, max(n, chisq) + 2 * n, args=args, xtol=1e-10)
        bounds.append(float(np.sqrt(root / (df * (n - 1)))))
    return bounds[0], bounds[1]


def _excess(noncentrality: float, chisq: float, df: int, probability: float) -> float:
    """How far the probability of a smaller statistic is above the one wanted."""
    return float(stats.ncx2.cdf(chisq, df, noncentrality)) - probability
