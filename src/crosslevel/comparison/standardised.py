"""Differences in standard deviations: Hedges' correction and intervals from the noncentral t."""

from __future__ import annotations

import numpy as np
from scipy import stats
from scipy.optimize import brentq
from scipy.special import gammaln

WORDS = ("negligible", "small", "medium", "large")


def hedges_factor(v: float) -> float:
    """Return J(v) = Gamma(v/2) / (sqrt(v/2) Gamma((v-1)/2)); nan for less than two df.

    Source: Hedges (1981, eq. 6e).

    Examples
    --------
    >>> round(hedges_factor(10), 4)
    0.9227
    """
    if v < 2:
        return float("nan")
    return float(np.exp(gammaln(v / 2) - gammaln((v - 1) / 2)) / np.sqrt(v / 2))


def standardised(
    t: float, v: int, *, names: tuple[str, str], unit: float, conf_level: float
) -> list[dict[str, object]]:
    """Return the rows of a standardised difference d = t unit and of J d, with intervals.

    Examples
    --------
    >>> rows = standardised(2.0, 8, names=("d", "g"), unit=0.5, conf_level=0.9)
    >>> [round(float(rows[0][name]), 3) for name in ("estimate", "conf_low", "conf_high")]
    [1.0, 0.057, 1.889]
    """
    tail = (1.0 - conf_level) / 2.0
    low, high = (noncentrality(t, v, q) * unit for q in (1.0 - tail, tail))
    rows: list[dict[str, object]] = []
    for name, factor in zip(names, (1.0, hedges_factor(v)), strict=True):
        ends = {"conf_low": factor * low, "conf_high": factor * high}
        rows.append({"term": name, "estimate": factor * t * unit, **ends})
    return rows


def noncentrality(t: float, v: int, probability: float) -> float:
    """Return the noncentrality at which t is this quantile.

    The bracket grows from t: far beyond it, on the other side of zero, scipy's density is nan.

    Examples
    --------
    >>> round(noncentrality(2.0, 8, 0.5), 3)
    1.934
    """

    def _excess(c: float) -> float:
        return float(stats.nct.cdf(t, v, c)) - probability

    step = float(np.sqrt(1.0 + t * t / (2.0 * v)))
    low, high = t - step, t + step
    while _excess(low) < 0.0:
        low -= step
    while _excess(high) > 0.0:
        high += step
    return float(brentq(_excess, low, high, xtol=1e-10))


def size_word(d: float) -> str:
    """Return Cohen's (1988) word for a standardised difference, which is no verdict.

    Examples
    --------
    >>> size_word(-0.5)
    'medium'
    """
    return WORDS[int(np.searchsorted((0.2, 0.5, 0.8), abs(d), side="right"))]
