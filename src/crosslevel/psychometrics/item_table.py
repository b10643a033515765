"""The items of a scale one by one: answers, spread, and how each goes with the others."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from crosslevel.psychometrics.answers import as_floats, check_bounds, check_numbers
from crosslevel.psychometrics.coefficients import (
    alpha_of,
    communalities,
    correlation_of,
    omega_of,
)
from crosslevel.psychometrics.grouping import Floats


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
        items), alpha_if_dropped, alpha_std_if_dropped and omega_if_dropped, and the correlations
        raw_r (with the sum of all items), std_r (the same for standardised items) and r_cor (that
        corrected for the item's own part), over those. nan where it is undefined: an item nobody
        answered, item_total of a single item, alpha_if_dropped with fewer than three items,
        omega_if_dropped with fewer than four.

    Raises
    ------
    MeasurementError
        When an item is no number, or with an answer outside the bounds.

    Notes
    -----
    r_cor puts the squared multiple correlation of each item in place of its variance. Names of the
    correlations as in R psych::alpha, with which they agree.

    Examples
    --------
    >>> answers = pd.DataFrame({"a": [1.0, 2, 3, 4], "b": [1.0, 3, 2, np.nan]})
    >>> item_statistics(answers)[["item", "n", "mean", "n_complete", "item_total"]]
      item  n  mean  n_complete  item_total
    0    a  4   2.5           3         0.5
    1    b  3   2.0           3         0.5
    """
    check_numbers(items)
    if bounds:
        check_bounds(items, bounds)
    values = as_floats(items)
    answers = [column[np.isfinite(column)] for column in values.T]
    given = np.concatenate(answers) if answers else np.array([])
    low, high = bounds or ((given.min(), given.max()) if given.size else (np.nan, np.nan))
    complete = values[np.isfinite(values).all(axis=1)]
    described = pd.DataFrame(
        {
            "item": items.columns.astype("str"),
            "n": [own.size for own in answers],
            "missing": [len(values) - own.size for own in answers],
            "mean": [_mean(own) for own in answers],
            "std_dev": [own.std(ddof=1) if own.size > 1 else np.nan for own in answers],
            "n_complete": len(complete),
        }
    )
    ends = pd.DataFrame(
        {
            "floor": [_mean(own == low) for own in answers],
            "ceiling": [_mean(own == high) for own in answers],
        }
    )
    return pd.concat([described, _together(complete), ends], axis=1)


def _together(complete: Floats) -> pd.DataFrame:
    """How each item goes with the others, over complete rows (n, k)."""
    n, k = complete.shape
    names = ["item_total", "alpha_if_dropped", "alpha_std_if_dropped", "omega_if_dropped"]
    names += ["raw_r", "std_r", "r_cor"]
    table = pd.DataFrame(np.nan, index=range(k), columns=names)
    if n < 2 or k < 2:
        return table
    total = complete.sum(axis=1)
    C = np.cov(complete, rowvar=False)
    R = correlation_of(C)
    without = np.array([[j for j in range(k) if j != i] for i in range(k)])
    rest_C = C[without[:, :, None], without[:, None, :]]
    rest_R = R[without[:, :, None], without[:, None, :]]
    reduced = R.copy()
    np.fill_diagonal(reduced, communalities(R))
    table["item_total"] = [_correlation(complete[:, i], total - complete[:, i]) for i in range(k)]
    table["raw_r"] = [_correlation(complete[:, i], total) for i in range(k)]
    table["alpha_if_dropped"] = alpha_of(rest_C)
    table["alpha_std_if_dropped"] = alpha_of(rest_R)
    table["omega_if_dropped"] = omega_of(rest_C)
    table["std_r"] = _shares(R)
    table["r_cor"] = _shares(reduced)
    return table


def _shares(R: Floats) -> Floats:
    """(k,) correlations of items with their sum, from a matrix of their covariances."""
    total = R.sum()
    shares: Floats = R.sum(axis=1) / np.sqrt(total if total > 0 else np.nan)
    return shares


def _mean(values: Floats | npt.NDArray[np.bool_]) -> float:
    """Mean; nan of nothing."""
    return float(values.mean()) if values.size else float("nan")


def _correlation(x: Floats, y: Floats) -> float:
    """Pearson correlation; nan with fewer than two rows or when either side is constant."""
    if len(x) < 2 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return float("nan")
    return float(np.corrcoef(x, y)[0, 1])
