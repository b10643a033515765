"""Do members of a unit agree: r_wg, r*_wg, a_wg and average deviations, unit by unit."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from crosslevel.errors import MeasurementError
from crosslevel.psychometrics.grouping import Floats, Grouped, dropped, pair, refusal
from crosslevel.psychometrics.notices import ConstantItemWarning
from crosslevel.psychometrics.nulls import NULLS, null_name, null_variance

__all__ = ["CUT", "NULLS", "Agreement", "rwg"]

CUT = 0.70


@dataclass(frozen=True, slots=True)
class Agreement:
    """Agreement within each group.

    Attributes
    ----------
    groups
        group, n, rwg (r_wg, or r_wg(j) with several items), rwg_star (Lindell's, not cut at zero),
        awg (Brown and Hauenstein's, when the bounds of the scale were given), ad_mean and
        ad_median (average deviation from the mean and the median, in scale points), std_dev
        (averaged over items); nan for a group of one.
    mean, median, share_above_070
        Over the groups of two or more: of rwg, and the share of groups at 0.70 or above.
    null, null_variance
        What answers would look like without any agreement, and their variance.
    n_items, n_options
        Items, and options of their response scale.
    rows_dropped
        Rows left out for a missing answer or group.
    """

    groups: pd.DataFrame
    mean: float
    median: float
    share_above_070: float
    null: str
    null_variance: float
    n_items: int
    n_options: int
    rows_dropped: int

    def tidy(self) -> pd.DataFrame:
        """One row per group."""
        return self.groups.copy()

    def glance(self) -> pd.DataFrame:
        """One row over the groups; of the other indices the mean."""
        names = ("mean", "median", "share_above_070")
        row: dict[str, object] = {name: getattr(self, name) for name in names}
        row |= {"groups": len(self.groups), "n_items": self.n_items}
        row |= {"rows_dropped": self.rows_dropped}
        row |= {"null": self.null, "null_variance": self.null_variance}
        others = ("rwg_star", "awg", "ad_mean", "ad_median", "std_dev")
        return pd.DataFrame([row | {name: self.groups[name].mean() for name in others}])

    def __repr__(self) -> str:
        judged = int(self.groups["rwg"].notna().sum())
        return (
            f"median r_wg = {self.median:.3f} over {judged} groups, "
            f"{100 * self.share_above_070:.0f} % at 0.70 or above (null: {self.null})"
            f"{dropped(self.rows_dropped)}"
        )


def rwg(
    items: pd.DataFrame | pd.Series,
    groups: pd.Series,
    *,
    n_options: int,
    null: str | float | Sequence[float] = "uniform",
    bounds: tuple[float, float] | None = None,
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
        Options of the response scale, one point apart.
    null
        "uniform"; on five to eleven options also "slight", "moderate" and "heavy" skew,
        "triangular" or "normal"; the share of each option, lowest first; or the variance itself.
    bounds
        Lowest and highest point of the response scale, which awg needs.

    Returns
    -------
    Agreement

    Raises
    ------
    MeasurementError
        With an unknown null, answers that do not fit on the response scale, or no group of two or
        more.

    Warns
    -----
    ConstantItemWarning
        When everybody gave an item the same answer, which counts as complete agreement.

    Notes
    -----
    r_wg = 1 - s2 / sigma2, s2 cut at sigma2. r_wg(j) = J (1 - q) / (J (1 - q) + q) with q the mean
    item variance over sigma2, cut at 1. r*_wg(j) = 1 - q, not cut. Uniform sigma2 =
    (A^2 - 1) / 12 for A options. a_wg = 1 - 2 s2 / (((H + L) m - m^2 - H L) k / (k - 1)) for k
    members with mean m on a scale from L to H; 1 where all choose an end, undefined where m is
    nearer to an end than one answer away from it; averaged over the items where it is defined.
    Source: James, Demaree & Wolf (1984); Lindell, Brandt & Whitney (1999); Burke, Finkelstein &
    Dusig (1999); Brown & Hauenstein (2005); LeBreton & Senter (2008), Table 2. Agrees with R
    multilevel::rwg, rwg.j, rwg.j.lindell, awg and ad.m.

    Examples
    --------
    >>> frame = pd.DataFrame({"unit": list("aaabbb"), "y": [4, 4, 5, 1, 3, 5]})
    >>> rwg(frame["y"], frame["unit"], n_options=5).groups[["group", "n", "rwg"]]
      group  n       rwg
    0     a  3  0.833333
    1     b  3  0.000000
    """
    variance = null_variance(null, n_options)
    data = pair(items, groups)
    if data.sizes.max() < 2:
        raise refusal(items, "each group has one person only: nobody to agree with.")
    _check_scale(items, data, n_options, bounds)
    _warn_constant(items, data)
    variances = data.variances()
    q = variances.mean(axis=1) / variance
    table = pd.DataFrame(
        {
            "group": pd.Series(data.names, dtype="str"),
            "n": data.sizes.astype(np.int64),
            "rwg": _rwg(q, data.cells.shape[1]),
            "rwg_star": 1 - q,
            "awg": _awg(data, variances, bounds),
            "ad_mean": _average_deviation(data, "mean"),
            "ad_median": _average_deviation(data, "median"),
            "std_dev": np.sqrt(variances).mean(axis=1),
        }
    )
    found = table["rwg"].dropna()
    return Agreement(
        groups=table,
        mean=float(found.mean()),
        median=float(found.median()),
        share_above_070=float((found >= CUT).mean()),
        null=null_name(null),
        null_variance=variance,
        n_items=data.cells.shape[1],
        n_options=n_options,
        rows_dropped=len(items) - len(data.cells),
    )


def _warn_constant(items: pd.DataFrame | pd.Series, data: Grouped) -> None:
    """Name items that everybody answered alike."""
    flat = np.flatnonzero(np.ptp(data.cells, axis=0) == 0)
    if flat.size and data.cells.shape[1] > 1:
        names = list(items.columns) if isinstance(items, pd.DataFrame) else [items.name]
        listed = ", ".join(f"'{names[i]}'" for i in flat)
        warnings.warn(
            f"Everybody gave the same answer to {listed}: that counts as complete agreement, and "
            "says nothing of units. Leave it out.",
            ConstantItemWarning,
            stacklevel=3,
        )


def _check_scale(
    items: pd.DataFrame | pd.Series,
    data: Grouped,
    n_options: int,
    bounds: tuple[float, float] | None,
) -> None:
    """Refuse answers that cannot have been given on the response scale."""
    lowest, highest = float(data.cells.min()), float(data.cells.max())
    if highest - lowest > n_options - 1 + 1e-9:
        found = (
            f"answers run from {lowest:g} to {highest:g}: they do not fit on {n_options} options "
            "one point apart."
        )
        raise refusal(items, found, message="Agreement cannot be judged.")
    if bounds is None:
        return
    low, high = bounds
    if high - low != n_options - 1:
        raise MeasurementError(
            f"A response scale of {n_options} options one point apart does not run from {low:g} "
            f"to {high:g}."
        )
    if lowest < low or highest > high:
        found = (
            f"answers run from {lowest:g} to {highest:g}, outside the scale of {low:g} to {high:g}."
        )
        raise refusal(items, found, message="Agreement cannot be judged.")


def _rwg(q: Floats, n_items: int) -> Floats:
    """Agreement from the mean item variance over the null variance; the same for one item."""
    agreed = 1 - np.minimum(q, 1)
    agreement: Floats = n_items * agreed / (n_items * agreed + 1 - agreed)
    return agreement


def _awg(data: Grouped, variances: Floats, bounds: tuple[float, float] | None) -> Floats:
    """(n_groups,) a_wg, averaged over the items for which it is defined."""
    if bounds is None:
        return np.full(len(data.names), np.nan)
    low, high = bounds
    k, m = np.where(data.sizes > 1, data.sizes, np.nan)[:, None], data.means()
    largest = ((high + low) * m - m**2 - high * low) * k / (k - 1)
    near = (m < (low * (k - 1) + high) / k) | (m > (high * (k - 1) + low) / k)
    awg = 1 - 2 * variances / np.where(largest > 0, largest, np.nan)
    awg = np.where(near, np.nan, awg)
    awg = np.where(((m == low) | (m == high)) & ~np.isnan(k), 1.0, awg)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Mean of empty slice", RuntimeWarning)
        averaged: Floats = np.nanmean(awg, axis=1)
    return averaged


def _average_deviation(data: Grouped, centre: Literal["mean", "median"]) -> Floats:
    """(n_groups,) mean absolute deviation from the group's centre, averaged over items."""
    frame = pd.DataFrame(data.cells)
    grouped = frame.groupby(data.codes)
    middle = grouped.mean() if centre == "mean" else grouped.median()
    deviations = np.abs(data.cells - middle.to_numpy()[data.codes])
    means = pd.DataFrame(deviations).groupby(data.codes).mean().to_numpy().mean(axis=1)
    return np.where(data.sizes > 1, means, np.nan)
