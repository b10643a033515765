"""Spread of each respondent's answers in consecutive parts of a questionnaire."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from crosslevel.errors import MeasurementError
from crosslevel.quality.checking import check_items
from crosslevel.quality.indices import answers, variability


def split_irv(items: pd.DataFrame, *, parts: int = 3) -> pd.DataFrame:
    """Return the standard deviation of each respondent's answers in all, and part by part.

    Use it where attention may fade: a spread that is much smaller (the same answer again and again)
    or larger (any answer) in the last part than before. It has no cut-off of its own; `careless`
    flags the spread over all items. Items should be in the order in which they were asked.

    Parameters
    ----------
    items
        (n_persons, n_items) numbers in scale points; nan = not answered.
    parts
        Consecutive parts, as alike in length as R's `cut` makes them, of two items or more.

    Returns
    -------
    DataFrame
        irv, irv_1, ... one column per part; nan below two answers in a part.

    Raises
    ------
    MeasurementError
        For items that are no numbers, and parts with a single item.

    Notes
    -----
    Item i of k is in part ceil((i - 1) parts / (k - 1)), the first item in part one.
    Source: Dunn et al. (2018); equals the definition of R careless, `irv(split=TRUE, num.split=)`.

    Examples
    --------
    >>> items = pd.DataFrame([[1, 5, 2, 4, 3, 3]], columns=list("abcdef"))
    >>> split_irv(items, parts=2).round(3)
         irv  irv_1  irv_2
    0  1.414  2.082  0.577
    """
    check_items(items)
    k = items.shape[1]
    if parts != int(parts) or not 2 <= parts <= max(k // 2, 2):
        raise MeasurementError(
            f"`parts` must be a whole number from 2 to {k // 2} for {k} items, got {parts}."
        )
    part = _parts(k, int(parts))
    if np.bincount(part)[1:].min() < 2:
        raise MeasurementError(f"{parts} parts of {k} items leave a part with a single item.")
    values = items.to_numpy(dtype=np.float64, na_value=np.nan)
    made = {"irv": variability(answers(values))}
    for j in range(1, int(parts) + 1):
        made[f"irv_{j}"] = variability(answers(values[:, part == j]))
    return pd.DataFrame(made, index=items.index)


def _parts(k: int, parts: int) -> npt.NDArray[np.intp]:
    """Return the part (k,) of each item, as R's cut(1:k, parts)."""
    steps = np.arange(k) * parts
    return np.maximum(-(-steps // max(k - 1, 1)), 1)
