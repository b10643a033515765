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

Floats = npt.NDArray[np.float64]


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
        Respondents who answered every item; alpha and the item statistics rest on them.
    n_items
        Number of items.
    items
        One row per item: item, n (answers), missing, mean, std_dev, item_total (correlation with
        the sum of the other items), alpha_if_dropped (nan with two items), floor and ceiling
        (share of answers at the lowest and at the highest point of the scale).
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
        interval = f"{100 * self.conf_level:g}% interval {self.conf_low:.3f} to {self.conf_high:.3f}"
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
    (`Responses.items` does it). Only respondents who answered every item are used.

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
    _check_variance(items.columns, complete)
    n, k = complete.shape
    estimate = _alpha(complete)
    tail = (1 - conf_level) / 2
    df = (n - 1, (n - 1) * (k - 1))
    table = _item_table(items, complete, bounds)
    _warn_direction(table)
    return Reliability(
        estimate=estimate,
        conf_low=float(1 - (1 - estimate) * stats.f.ppf(1 - tail, *df)),
        conf_high=float(1 - (1 - estimate) * stats.f.ppf(tail, *df)),
        conf_level=conf_level,
        n=n,
        n_items=k,
        items=table,
    )


def _check(items: pd.DataFrame) -> None:
    """Refuse what has no alpha."""
    if items.shape[1] < 2:
        raise MeasurementError(f"Alpha needs at least two items, got {items.shape[1]}.")
    problems = [
        Problem(f"item '{name}'", "is not numeric.", "Read it with its codes.")
        for name, column in items.items()
        if not pd.api.types.is_numeric_dtype(column)
    ]
    if problems:
        raise MeasurementError("The items are not all numbers.", problems)


def _check_variance(names: pd.Index, complete: Floats) -> None:
    """Refuse too few complete rows, and items on which everyone agrees."""
    if len(complete) < 3:
        raise MeasurementError(
            f"Alpha needs at least three respondents who answered every item, got {len(complete)}."
        )
    problems = [
        Problem(f"item '{name}'", f"every answer is {complete[0, i]:g}.", "Leave it out.")
        for i, name in enumerate(names)
        if np.ptp(complete[:, i]) == 0
    ]
    if problems:
        raise MeasurementError("Alpha needs items that vary between respondents.", problems)
    if np.ptp(complete.sum(axis=1)) == 0:
        raise MeasurementError("The sum of the items is the same for everyone: alpha is undefined.")


def _alpha(values: Floats) -> float:
    """(n, k) complete answers -> alpha; nan for one item."""
    k = values.shape[1]
    if k < 2:
        return float("nan")
    total = values.sum(axis=1).var(ddof=1)
    if total == 0:
        return float("nan")
    return float(k / (k - 1) * (1 - values.var(axis=0, ddof=1).sum() / total))


def _item_table(
    items: pd.DataFrame, complete: Floats, bounds: tuple[float, float] | None
) -> pd.DataFrame:
    """One row per item."""
    values = items.to_numpy(dtype=np.float64)
    low, high = bounds if bounds is not None else (np.nanmin(values), np.nanmax(values))
    answered = np.isfinite(values).sum(axis=0)
    total = complete.sum(axis=1)
    k = complete.shape[1]
    return pd.DataFrame(
        {
            "item": items.columns.astype("str"),
            "n": answered,
            "missing": len(values) - answered,
            "mean": complete.mean(axis=0),
            "std_dev": complete.std(axis=0, ddof=1),
            "item_total": [_correlation(complete[:, i], total - complete[:, i]) for i in range(k)],
            "alpha_if_dropped": [_alpha(np.delete(complete, i, axis=1)) for i in range(k)],
            "floor": (values == low).sum(axis=0) / answered,
            "ceiling": (values == high).sum(axis=0) / answered,
        }
    )


def _correlation(x: Floats, y: Floats) -> float:
    """Pearson correlation; nan when either side is constant."""
    if np.ptp(x) == 0 or np.ptp(y) == 0:
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
