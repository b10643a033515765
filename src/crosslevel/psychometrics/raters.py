"""Do raters agree on the same targets: the intraclass correlations of Shrout and Fleiss.

Letters: n targets, k raters; BMS, JMS, WMS and EMS the mean squares between targets, between
raters, within targets and of the residual.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from crosslevel.frames import RESULT_COLUMNS
from crosslevel.psychometrics.answers import as_floats, check_numbers
from crosslevel.psychometrics.grouping import Floats, check_level, refusal

TYPES = ("ICC(1,1)", "ICC(2,1)", "ICC(3,1)", "ICC(1,k)", "ICC(2,k)", "ICC(3,k)")
MEANINGS = (
    "one rating, raters differ from target to target",
    "one rating, raters drawn from many, absolute agreement",
    "one rating, these raters only, consistency",
    "mean of the ratings, raters differ from target to target",
    "mean of the ratings, raters drawn from many, absolute agreement",
    "mean of the ratings, these raters only, consistency",
)


@dataclass(frozen=True, slots=True)
class RaterAgreement:
    """Six intraclass correlations of a table of ratings.

    Attributes
    ----------
    table
        One row per type: term, meaning, estimate, statistic (F), df, df_residual, p_value,
        conf_low, conf_high.
    n, n_dropped, n_raters
        Targets every rater rated, targets left out for a missing rating, raters.
    """

    table: pd.DataFrame
    conf_level: float
    n: int
    n_dropped: int
    n_raters: int

    def tidy(self) -> pd.DataFrame:
        """One row per type, with the standard columns."""
        return self.table.reindex(columns=list(RESULT_COLUMNS))

    def glance(self) -> pd.DataFrame:
        """One row: the six correlations, targets, raters."""
        row = dict(zip(self.table["term"], self.table["estimate"], strict=True))
        return pd.DataFrame([row | {"n": self.n, "n_raters": self.n_raters}])

    def __repr__(self) -> str:
        rows = zip(self.table["term"], self.table["estimate"], strict=True)
        listed = ", ".join(f"{term} = {estimate:.3f}" for term, estimate in rows)
        left_out = f" ({self.n_dropped} left out)" if self.n_dropped else ""
        return f"{listed}; {self.n} targets{left_out}, {self.n_raters} raters"


def rater_icc(ratings: pd.DataFrame, *, conf_level: float = 0.95) -> RaterAgreement:
    """Return the six intraclass correlations of Shrout and Fleiss.

    Use it when the same targets are rated several times on a numeric scale. For members of units,
    who rate one target each, use `aggregation`.

    Parameters
    ----------
    ratings
        (n_targets, n_raters) numbers, one column per rater; targets with a missing rating are left
        out.
    conf_level
        Level of the intervals.

    Returns
    -------
    RaterAgreement

    Raises
    ------
    MeasurementError
        With fewer than two raters or targets, ratings that are no numbers, or targets that do not
        differ.

    Notes
    -----
    ICC(1,1) = (BMS - WMS) / (BMS + (k - 1) WMS); ICC(2,1) = (BMS - EMS) / (BMS + (k - 1) EMS +
    k (JMS - EMS) / n); ICC(3,1) = (BMS - EMS) / (BMS + (k - 1) EMS); for means of k ratings by
    Spearman-Brown. ICC(3,k) is Cronbach's alpha. The interval of ICC(2,.) is approximate.
    Source: Shrout & Fleiss (1979), Tables 2 and 4 (the example); McGraw & Wong (1996). Agrees with
    R psych::ICC.

    Examples
    --------
    >>> rater_icc(pd.DataFrame({"J1": [9, 6, 8, 7, 10, 6], "J2": [2, 1, 4, 1, 5, 2],
    ...                         "J3": [5, 3, 6, 2, 6, 4], "J4": [8, 2, 8, 6, 9, 7]})).glance()
       ICC(1,1)  ICC(2,1)  ICC(3,1)  ICC(1,k)  ICC(2,k)  ICC(3,k)  n  n_raters
    0  0.165742  0.289764  0.714841  0.442797  0.620051  0.909316  6         4
    """
    check_numbers(ratings)
    values = as_floats(ratings)
    complete = values[np.isfinite(values).all(axis=1)]
    n, k = complete.shape
    if k < 2 or n < 2:
        found = f"agreement needs two raters and two targets rated by all, got {k} and {n}."
        raise refusal(ratings, found, message="Raters cannot be compared.")
    check_level(conf_level)
    table = _table(ratings, complete, conf_level)
    return RaterAgreement(table, conf_level, n, len(values) - n, k)


def _table(ratings: pd.DataFrame, values: Floats, conf_level: float) -> pd.DataFrame:
    """One row per type of correlation."""
    n, k = values.shape
    grand, targets, raters = values.mean(), values.mean(axis=1), values.mean(axis=0)
    BMS = k * ((targets - grand) ** 2).sum() / (n - 1)
    JMS = n * ((raters - grand) ** 2).sum() / (k - 1)
    WMS = ((values - targets[:, None]) ** 2).sum() / (n * (k - 1))
    residual = values - targets[:, None] - raters[None, :] + grand
    EMS = (residual**2).sum() / ((n - 1) * (k - 1))
    rounding = 1e-12 * max(float(np.abs(values).max()), 1.0) ** 2
    if max(BMS, EMS) < rounding:
        found = "the targets do not differ."
        raise refusal(ratings, found, message="Intraclass correlations are undefined.")
    EMS, WMS = (0.0 if value < rounding else float(value) for value in (EMS, WMS))
    tail = (1 + conf_level) / 2
    one, two = (n - 1, n * (k - 1)), (n - 1, (n - 1) * (k - 1))
    F1, F3 = BMS / WMS if WMS else np.inf, BMS / EMS if EMS else np.inf
    single = [
        (F1, one, *_consistency(F1, one, k, tail)),
        (F3, two, *_absolute(BMS, JMS, EMS, shape=(n, k), tail=tail)),
        (F3, two, *_consistency(F3, two, k, tail)),
    ]
    means = [
        (F, df, *(k * value / (1 + (k - 1) * value) for value in bounds))
        for F, df, *bounds in single
    ]
    rows = [
        (term, meaning, estimate, F, *df, float(stats.f.sf(F, *df)), low, high)
        for term, meaning, (F, df, estimate, low, high) in zip(
            TYPES, MEANINGS, single + means, strict=True
        )
    ]
    columns = ["term", "meaning", "estimate", "statistic", "df", "df_residual", "p_value"]
    return pd.DataFrame(rows, columns=[*columns, "conf_low", "conf_high"])


def _consistency(F: float, df: tuple[int, int], k: int, tail: float) -> tuple[float, float, float]:
    """Estimate and interval of (BMS - MS) / (BMS + (k - 1) MS), from their ratio."""
    if not np.isfinite(F):
        return 1.0, 1.0, 1.0
    low = F / float(stats.f.ppf(tail, *df))
    high = F * float(stats.f.ppf(tail, df[1], df[0]))
    estimate, lower, upper = ((ratio - 1) / (ratio + k - 1) for ratio in (F, low, high))
    return estimate, lower, upper


def _absolute(
    BMS: float, JMS: float, EMS: float, *, shape: tuple[int, int], tail: float
) -> tuple[float, float, float]:
    """Estimate and interval of ICC(2,1): Shrout & Fleiss (1979), with Satterthwaite's df."""
    n, k = shape
    icc = (BMS - EMS) / (BMS + (k - 1) * EMS + k * (JMS - EMS) / n)
    if not EMS:
        return icc, float("nan"), float("nan")
    Fj = JMS / EMS
    common = n * (1 + (k - 1) * icc) - k * icc
    v = (n - 1) * (k - 1) * (k * icc * Fj + common) ** 2
    v /= (n - 1) * k**2 * icc**2 * Fj**2 + common**2
    upper_F = float(stats.f.ppf(tail, n - 1, v))
    lower_F = float(stats.f.ppf(tail, v, n - 1))
    rest = k * JMS + (k * n - k - n) * EMS
    low = n * (BMS - upper_F * EMS) / (upper_F * rest + n * BMS)
    high = n * (lower_F * BMS - EMS) / (rest + n * lower_F * BMS)
    return icc, low, high
