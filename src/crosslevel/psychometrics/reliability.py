"""Is a score made of these items reliable: Cronbach's alpha with its interval, item by item."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from crosslevel.errors import MeasurementError, Problem
from crosslevel.frames import RESULT_COLUMNS
from crosslevel.psychometrics.grouping import Floats, refusal

_UNDEFINED = "Alpha is undefined."


class ItemDirectionWarning(UserWarning):
    """An item runs against the rest of its scale; the text names it."""


@dataclass(frozen=True, slots=True)
class Reliability:
    """Cronbach's alpha of one scale.

    Attributes
    ----------
    estimate, conf_low, conf_high
        Alpha and its interval at `conf_level`.
    n
        Respondents who answered every item; alpha rests on them.
    n_items
        Number of items.
    items
        One row per item, as `item_statistics` gives it.
    """

    estimate: float
    conf_low: float
    conf_high: float
    conf_level: float
    n: int
    n_items: int
    items: pd.DataFrame

    def tidy(self) -> pd.DataFrame:
        """One row with the standard columns."""
        row = {"term": "alpha", "estimate": self.estimate}
        row |= {"conf_low": self.conf_low, "conf_high": self.conf_high}
        return pd.DataFrame([row]).reindex(columns=list(RESULT_COLUMNS))

    def glance(self) -> pd.DataFrame:
        """One row: alpha, respondents, items."""
        return pd.DataFrame([{"alpha": self.estimate, "n": self.n, "n_items": self.n_items}])

    def __repr__(self) -> str:
        interval = (
            f"{100 * self.conf_level:g}% interval {self.conf_low:.3f} to {self.conf_high:.3f}"
        )
        return (
            f"alpha = {self.estimate:.3f} ({interval}), {self.n_items} items, "
            f"{self.n} complete respondents"
        )


def alpha(
    items: pd.DataFrame,
    *,
    conf_level: float = 0.95,
    bounds: tuple[float, float] | None = None,
) -> Reliability:
    """Return Cronbach's alpha with Feldt's interval and the statistics of each item.

    Use it for a scale whose items are meant to measure one thing to the same degree; when they do
    so to different degrees, alpha is a lower bound. Reverse items must have been turned round
    (`Responses.items` does it). Alpha rests on the respondents who answered every item.

    Parameters
    ----------
    items
        (n_persons, n_items) numbers in scale points; nan = not answered.
    conf_level
        Level of the interval.
    bounds
        Lowest and highest point of the response scale, for floor and ceiling; the lowest and
        highest answer to any item when None.

    Returns
    -------
    Reliability

    Raises
    ------
    MeasurementError
        With fewer than two items, an item that is no number or does not vary, or fewer than three
        complete respondents.

    Warns
    -----
    ItemDirectionWarning
        When an item correlates negatively with the rest: it may have been left reversed.

    Notes
    -----
    alpha = k / (k - 1) * (1 - sum of item variances / variance of the sum). Interval:
    1 - (1 - alpha) F, with F the quantiles of F(n - 1, (n - 1)(k - 1)).
    Source: Cronbach (1951); Feldt, Woodruff & Salih (1987), eq. 7. Agrees with R psych::alpha.

    Examples
    --------
    >>> answers = pd.DataFrame({"a": [1.0, 2, 3, 4], "b": [1.0, 3, 2, 4], "c": [2.0, 2, 3, 4]})
    >>> alpha(answers)
    alpha = 0.916 (95% interval 0.446 to 0.994), 3 items, 4 complete respondents
    """
    _check(items)
    values = items.to_numpy(dtype=np.float64)
    complete = values[np.isfinite(values).all(axis=1)]
    _check_variance(items, complete)
    n, k = complete.shape
    estimate = _alpha(complete)
    table = item_statistics(items, bounds=bounds)
    _warn_direction(table)
    tail = (1 - conf_level) / 2
    df = (n - 1, (n - 1) * (k - 1))
    return Reliability(
        estimate=estimate,
        conf_low=float(1 - (1 - estimate) * stats.f.ppf(1 - tail, *df)),
        conf_high=float(1 - (1 - estimate) * stats.f.ppf(tail, *df)),
        conf_level=conf_level,
        n=n,
        n_items=k,
        items=table,
    )


def item_statistics(
    items: pd.DataFrame, *, bounds: tuple[float, float] | None = None
) -> pd.DataFrame:
    """Return the statistics of each item of a scale; it may be a scale of one item.

    An item is described by all its answers; how it goes with the other items, by the respondents
    who answered all of them. The table counts both.

    Parameters
    ----------
    items
        (n_persons, n_items) numbers in scale points; nan = not answered.
    bounds
        Lowest and highest point of the response scale; the lowest and highest answer to any item
        when None.

    Returns
    -------
    DataFrame
        One row per item: item; n (answers), missing, mean, std_dev, floor and ceiling (share of
        answers at the lowest and at the highest point), over the answers to the item; n_complete
        (respondents who answered every item), item_total (correlation with the sum of the other
        items) and alpha_if_dropped, over those. nan where it is undefined: an item nobody
        answered, item_total of a single item, alpha_if_dropped with fewer than three items.

    Raises
    ------
    MeasurementError
        When an item is no number.

    Examples
    --------
    >>> answers = pd.DataFrame({"a": [1.0, 2, 3, 4], "b": [1.0, 3, 2, np.nan]})
    >>> item_statistics(answers)[["item", "n", "mean", "n_complete", "item_total"]]
      item  n  mean  n_complete  item_total
    0    a  4   2.5           3         0.5
    1    b  3   2.0           3         0.5
    """
    _check_numbers(items)
    values = items.to_numpy(dtype=np.float64)
    answers = [column[np.isfinite(column)] for column in values.T]
    given = np.concatenate(answers) if answers else np.array([])
    low, high = bounds or ((given.min(), given.max()) if given.size else (np.nan, np.nan))
    complete = values[np.isfinite(values).all(axis=1)]
    total, count = complete.sum(axis=1), range(len(answers))
    return pd.DataFrame(
        {
            "item": items.columns.astype("str"),
            "n": [own.size for own in answers],
            "missing": [len(values) - own.size for own in answers],
            "mean": [_mean(own) for own in answers],
            "std_dev": [own.std(ddof=1) if own.size > 1 else np.nan for own in answers],
            "n_complete": len(complete),
            "item_total": [_correlation(complete[:, i], total - complete[:, i]) for i in count],
            "alpha_if_dropped": [_alpha(np.delete(complete, i, axis=1)) for i in count],
            "floor": [_mean(own == low) for own in answers],
            "ceiling": [_mean(own == high) for own in answers],
        }
    )


def _check(items: pd.DataFrame) -> None:
    """Refuse what has no alpha."""
    n = items.shape[1]
    if n < 2:
        raise refusal(items, f"alpha needs at least two items, got {n}.", message=_UNDEFINED)
    _check_numbers(items)


def _check_numbers(items: pd.DataFrame) -> None:
    """Refuse items that are not numbers."""
    problems = [
        Problem(f"item '{name}'", "is not numeric.", "Read it with its codes.")
        for name, column in items.items()
        if not pd.api.types.is_numeric_dtype(column)
    ]
    if problems:
        raise MeasurementError("The items are not all numbers.", problems)


def _check_variance(items: pd.DataFrame, complete: Floats) -> None:
    """Refuse too few complete rows, and items on which everyone agrees."""
    if len(complete) < 3:
        found = (
            f"alpha needs at least three respondents who answered every item, got {len(complete)}."
        )
        raise refusal(items, found, message=_UNDEFINED)
    problems = [
        Problem(f"item '{name}'", f"every answer is {complete[0, i]:g}.", "Leave it out.")
        for i, name in enumerate(items)
        if np.ptp(complete[:, i]) == 0
    ]
    if problems:
        raise MeasurementError("Alpha needs items that vary between respondents.", problems)
    if np.ptp(complete.sum(axis=1)) == 0:
        raise refusal(items, "the sum of the items is the same for everyone.", message=_UNDEFINED)


def _alpha(values: Floats) -> float:
    """(n, k) complete answers -> alpha; nan for one item or fewer than two rows."""
    n, k = values.shape
    if min(n, k) < 2:
        return float("nan")
    total = values.sum(axis=1).var(ddof=1)
    if total == 0:
        return float("nan")
    return float(k / (k - 1) * (1 - values.var(axis=0, ddof=1).sum() / total))


def _mean(values: Floats | npt.NDArray[np.bool_]) -> float:
    """Mean; nan of nothing."""
    return float(values.mean()) if values.size else float("nan")


def _correlation(x: Floats, y: Floats) -> float:
    """Pearson correlation; nan with fewer than two rows or when either side is constant."""
    if len(x) < 2 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return float("nan")
    return float(np.corrcoef(x, y)[0, 1])


def _warn_direction(table: pd.DataFrame) -> None:
    """Name the items that run against the rest."""
    against = table.loc[table["item_total"] < 0, "item"].tolist()
    if against:
        names = ", ".join(f"'{name}'" for name in against)
        warnings.warn(
            f"Item(s) {names} correlate negatively with the rest of the scale: was a reverse item "
            "left unreversed?",
            ItemDirectionWarning,
            stacklevel=3,
        )
