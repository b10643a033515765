"""Scales of two items, and what a longer or shorter scale would give: Spearman and Brown."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from crosslevel.errors import MeasurementError
from crosslevel.frames import RESULT_COLUMNS
from crosslevel.psychometrics.answers import read_answers, warn_direction, warn_shape
from crosslevel.psychometrics.grouping import check_level
from crosslevel.psychometrics.item_table import item_statistics
from crosslevel.psychometrics.reliability import dropped


@dataclass(frozen=True, slots=True)
class TwoItems:
    """Spearman-Brown reliability of a scale of two items.

    `r` is the correlation of the items; n, n_partial and n_none count respondents who answered
    both, one and none.
    """

    estimate: float
    conf_low: float
    conf_high: float
    conf_level: float
    r: float
    n: int
    n_partial: int
    n_none: int
    items: pd.DataFrame

    def tidy(self) -> pd.DataFrame:
        """One row with the standard columns."""
        row = {"term": "spearman_brown", "estimate": self.estimate}
        row |= {"conf_low": self.conf_low, "conf_high": self.conf_high}
        return pd.DataFrame([row]).reindex(columns=list(RESULT_COLUMNS))

    def glance(self) -> pd.DataFrame:
        """One row: the coefficient, the correlation, respondents."""
        row = {"spearman_brown": self.estimate, "r": self.r, "n": self.n}
        return pd.DataFrame([row | {"n_partial": self.n_partial, "n_none": self.n_none}])

    def __repr__(self) -> str:
        interval = (
            f"{100 * self.conf_level:g}% interval {self.conf_low:.3f} to {self.conf_high:.3f}"
        )
        return (
            f"Spearman-Brown = {self.estimate:.3f} ({interval}), 2 items with r = {self.r:.3f}, "
            f"{self.n} complete respondents{dropped(self.n_partial, self.n_none)}"
        )


def spearman_brown(items: pd.DataFrame, *, conf_level: float = 0.95) -> TwoItems:
    """Return the reliability of the sum of two items, with an interval.

    For two items it is the coefficient of choice: alpha is lower when their spreads differ, and
    omega is not identified.

    Parameters
    ----------
    items
        (n_persons, 2) numbers in scale points; nan = not answered.
    conf_level
        Level of the interval.

    Returns
    -------
    TwoItems

    Raises
    ------
    MeasurementError
        With any other number of items, or items that are no numbers or do not vary.

    Notes
    -----
    2 r / (1 + r); the interval is Fisher's for r, carried over.
    Source: Spearman (1910); Brown (1910); Eisinga, te Grotenhuis & Pelzer (2013).

    Examples
    --------
    >>> answers = pd.DataFrame({"a": [1.0, 2, 3, 4, 5], "b": [1.0, 3, 2, 4, 5]})
    >>> round(spearman_brown(answers).estimate, 3)
    0.947
    """
    check_level(conf_level)
    answers = read_answers(items, what="Spearman-Brown")
    if len(answers.names) > 2:
        raise MeasurementError(
            f"`spearman_brown` is for two items, got {len(answers.names)}. Use `omega` or `alpha`."
        )
    table = item_statistics(items)
    warn_direction(table)
    warn_shape(items)
    r, n = float(np.corrcoef(*answers.complete.T)[0, 1]), len(answers.complete)
    low = high = float("nan")
    if n > 3 and abs(r) < 1:
        reach = float(stats.norm.ppf((1 + conf_level) / 2)) / np.sqrt(n - 3)
        low, high = (float(np.tanh(np.arctanh(r) + side)) for side in (-reach, reach))
    return TwoItems(
        estimate=prophecy(r, length=2),
        conf_low=prophecy(low, length=2),
        conf_high=prophecy(high, length=2),
        conf_level=conf_level,
        r=r,
        n=n,
        n_partial=answers.n_partial,
        n_none=answers.n_none,
        items=table,
    )


def prophecy(reliability: float, *, length: float) -> float:
    """Return the reliability of a scale `length` times as long, with items of the same kind.

    The same formula gives the reliability of a mean over `length` persons from ICC(1).

    Parameters
    ----------
    reliability
        Of the scale as it is.
    length
        2 for twice as many items, 0.5 for half.

    Raises
    ------
    MeasurementError
        When the length is not positive.

    Notes
    -----
    length r / (1 + (length - 1) r). Source: Spearman (1910); Brown (1910).

    Examples
    --------
    >>> round(prophecy(0.7, length=2), 3)
    0.824
    """
    if not length > 0:
        raise MeasurementError(f"`length` must be positive, got {length:g}.")
    return length * reliability / (1 + (length - 1) * reliability)


def length_for(target: float, *, reliability: float) -> float:
    """Return how many times as long a scale must be to reach a reliability.

    Parameters
    ----------
    target
        The reliability wanted.
    reliability
        Of the scale as it is.

    Raises
    ------
    MeasurementError
        When either is not between 0 and 1.

    Notes
    -----
    target (1 - r) / (r (1 - target)). Source: Spearman (1910); Brown (1910).

    Examples
    --------
    >>> round(length_for(0.9, reliability=0.7), 3)
    3.857
    """
    for name, value in (("target", target), ("reliability", reliability)):
        if not 0 < value < 1:
            raise MeasurementError(f"`{name}` must lie between 0 and 1, got {value:g}.")
    return target * (1 - reliability) / (reliability * (1 - target))
