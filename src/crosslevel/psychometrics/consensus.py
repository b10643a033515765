"""Do members of a unit agree: r_wg, Lindell's r*_wg and average deviations, unit by unit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from crosslevel.errors import MeasurementError, did_you_mean
from crosslevel.psychometrics.grouping import Floats, Grouped, pair, refusal

# Variances of null distributions on five options: LeBreton & Senter (2008), Table 2.
_FIVE_OPTIONS = {"slight": 1.34, "moderate": 0.90, "heavy": 0.44, "triangular": 1.32}
NULLS = ("uniform", *_FIVE_OPTIONS)
CUT = 0.70


@dataclass(frozen=True, slots=True)
class Agreement:
    """Agreement within each group.

    Attributes
    ----------
    groups
        group, n, rwg (r_wg, or r_wg(j) with several items), rwg_star (Lindell's, not cut at zero),
        ad_mean and ad_median (average deviation from the mean and the median, in scale points);
        nan for a group of one.
    mean, median, share_above_070
        Over the groups of two or more: of rwg, and the share of groups at 0.70 or above.
    null, null_variance
        What answers would look like without any agreement, and their variance.
    """

    groups: pd.DataFrame
    mean: float
    median: float
    share_above_070: float
    null: str
    null_variance: float
    n_items: int

    def tidy(self) -> pd.DataFrame:
        """One row per group."""
        return self.groups.copy()

    def glance(self) -> pd.DataFrame:
        """One row over the groups."""
        row = {"mean": self.mean, "median": self.median, "share_above_070": self.share_above_070}
        row |= {"groups": len(self.groups), "n_items": self.n_items}
        return pd.DataFrame([row | {"null": self.null, "null_variance": self.null_variance}])

    def __repr__(self) -> str:
        return (
            f"median r_wg = {self.median:.3f} over {len(self.groups)} groups, "
            f"{100 * self.share_above_070:.0f} % at 0.70 or above (null: {self.null})"
        )


def rwg(
    items: pd.DataFrame | pd.Series,
    groups: pd.Series,
    *,
    n_options: int,
    null: str | float = "uniform",
) -> Agreement:
    """Return how far the members of each group agree beyond chance.

    With one column r_wg, with several r_wg(j). Report it beside the ICCs and for more than one
    null: against "uniform" almost any scale looks agreed on, because people avoid the ends.

    Parameters
    ----------
    items
        (n_persons, n_items) numbers in scale points; rows with a missing answer are left out.
    groups
        (n_persons,) the group of each person, with the same index.
    n_options
        Options of the response scale.
    null
        "uniform"; on five options also "slight", "moderate" and "heavy" skew, or "triangular"; or
        the variance itself.

    Returns
    -------
    Agreement

    Raises
    ------
    MeasurementError
        With an unknown null, one known for five options only, or no group of two or more.

    Notes
    -----
    r_wg = 1 - s2 / sigma2, s2 cut at sigma2. r_wg(j) = J (1 - q) / (J (1 - q) + q) with q the mean
    item variance over sigma2, cut at 1. r*_wg(j) = 1 - q, not cut. Uniform sigma2 =
    (A^2 - 1) / 12 for A options.
    Source: James, Demaree & Wolf (1984); Lindell, Brandt & Whitney (1999); Burke, Finkelstein &
    Dusig (1999); LeBreton & Senter (2008), Table 2. Agrees with R multilevel::rwg, rwg.j,
    rwg.j.lindell and ad.m.

    Examples
    --------
    >>> frame = pd.DataFrame({"unit": list("aaabbb"), "y": [4, 4, 5, 1, 3, 5]})
    >>> rwg(frame["y"], frame["unit"], n_options=5).groups[["group", "n", "rwg"]]
      group  n       rwg
    0     a  3  0.833333
    1     b  3  0.000000
    """
    variance = _null_variance(null, n_options)
    data = pair(items, groups)
    if data.sizes.max() < 2:
        raise refusal(items, "each group has one person only: nobody to agree with.")
    q = data.variances().mean(axis=1) / variance
    table = pd.DataFrame(
        {
            "group": pd.Series(data.names, dtype="str"),
            "n": data.sizes.astype(np.int64),
            "rwg": _rwg(q, data.cells.shape[1]),
            "rwg_star": 1 - q,
            "ad_mean": _average_deviation(data, "mean"),
            "ad_median": _average_deviation(data, "median"),
        }
    )
    found = table["rwg"].dropna()
    return Agreement(
        groups=table,
        mean=float(found.mean()),
        median=float(found.median()),
        share_above_070=float((found >= CUT).mean()),
        null=null if isinstance(null, str) else "given variance",
        null_variance=variance,
        n_items=data.cells.shape[1],
    )


def _null_variance(null: str | float, n_options: int) -> float:
    """Variance of answers without agreement."""
    if not isinstance(null, str):
        if null <= 0:
            raise MeasurementError(f"The variance of the null must be positive, got {null:g}.")
        return float(null)
    if n_options < 2:
        raise MeasurementError(f"A response scale has at least two options, got {n_options}.")
    if null == "uniform":
        return (n_options**2 - 1) / 12
    if null not in _FIVE_OPTIONS:
        hint = did_you_mean(null, NULLS) or f"It is one of: {', '.join(NULLS)}."
        raise MeasurementError(f"There is no null '{null}'. {hint}")
    if n_options != 5:
        raise MeasurementError(
            f"The null '{null}' is tabled for five options, not {n_options}. Give its variance, "
            "or use 'uniform'."
        )
    return _FIVE_OPTIONS[null]


def _rwg(q: Floats, n_items: int) -> Floats:
    """Agreement from the mean item variance over the null variance; the same for one item."""
    agreed = 1 - np.minimum(q, 1)
    agreement: Floats = n_items * agreed / (n_items * agreed + 1 - agreed)
    return agreement


def _average_deviation(data: Grouped, centre: Literal["mean", "median"]) -> Floats:
    """(n_groups,) mean absolute deviation from the group's centre, averaged over items."""
    frame = pd.DataFrame(data.cells)
    grouped = frame.groupby(data.codes)
    middle = grouped.mean() if centre == "mean" else grouped.median()
    deviations = np.abs(data.cells - middle.to_numpy()[data.codes])
    means = pd.DataFrame(deviations).groupby(data.codes).mean().to_numpy().mean(axis=1)
    return np.where(data.sizes > 1, means, np.nan)
