"""How exactly a number may be shown: not so exactly that two tables differ by one person's answer.

Whoever knows two sums, one of everybody and one of everybody but one, knows the one's answer. A
number rounded to the digits its uncertainty deserves leaves its sum unknown by far more than that.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from crosslevel.disclosure.withholding import DisclosureError
from crosslevel.frames import require_columns

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]
MOST = 12


def places_of(spread: npt.ArrayLike, *, digits: int = 2) -> Places:
    """Return the decimals at which numbers of this spread have so many digits that mean something.

    Parameters
    ----------
    spread
        (n,) standard deviation or standard error beside each number; 0 or nan gives the most.
    digits
        Digits of the spread to keep.

    Examples
    --------
    >>> places_of([0.72, 0.042, 24.5, 310.0]).tolist()
    [2, 3, 0, -1]
    """
    size = np.atleast_1d(np.asarray(spread, dtype=np.float64))
    known = np.isfinite(size) & (size > 0)
    exponent = np.floor(np.log10(np.where(known, size, 1.0)))
    places = np.where(known, digits - 1 - exponent, MOST)
    clipped: Places = np.clip(places, -MOST, MOST).astype(np.intp)
    return clipped


def keeping_sign(places: Places, numbers: Floats) -> Places:
    """Return decimals at which no number of a row (n, k) other than 0 becomes 0; at most two more.

    Examples
    --------
    >>> keeping_sign(np.array([2, 2]), np.array([[0.2, 0.004], [0.2, 0.1]])).tolist()
    [3, 2]
    """
    places = places.copy()
    for _ in range(2):
        lost = (numbers != 0) & np.isfinite(numbers) & (_round(numbers, places) == 0)
        places[lost.any(axis=1)] += 1
    return places


def rounded(frame: pd.DataFrame, columns: Sequence[str], places: npt.ArrayLike) -> pd.DataFrame:
    """Return a table with these columns rounded, each row to its own number of decimals.

    Parameters
    ----------
    frame
        The table; not changed.
    columns
        Columns of numbers.
    places
        Decimals, one number or one for each row.

    Raises
    ------
    DisclosureError
        When a column is missing, or there are not as many decimals as rows.

    Examples
    --------
    >>> table = pd.DataFrame({"mean": [3.41234, 46.9876], "n": [1770, 80]})
    >>> rounded(table, ["mean"], places_of([0.72, 24.5]))["mean"].tolist()
    [3.41, 47.0]
    """
    require_columns(frame, columns, error=DisclosureError)
    each = np.atleast_1d(np.asarray(places, dtype=np.intp))
    if len(each) not in (1, len(frame)):
        raise DisclosureError(f"{len(each)} numbers of decimals for {len(frame)} rows.")
    each = np.broadcast_to(each, len(frame))
    numbers = frame[list(columns)].to_numpy(dtype=np.float64).reshape(len(frame), len(columns))
    return frame.assign(**dict(zip(columns, _round(numbers, each).T, strict=True)))


def significant(frame: pd.DataFrame, columns: Sequence[str], *, digits: int) -> pd.DataFrame:
    """Return a table with every number of these columns rounded to so many digits of its own.

    Examples
    --------
    >>> significant(pd.DataFrame({"x": [0.0123456, 1234.56]}), ["x"], digits=3)["x"].tolist()
    [0.0123, 1230.0]
    """
    for name in columns:
        values = frame[name].to_numpy(dtype=np.float64)
        frame = rounded(frame, [name], places_of(np.abs(values), digits=digits))
    return frame


def _round(numbers: Floats, places: Places) -> Floats:
    """Round each row (n, k) to its decimals (n,), without a negative zero."""
    made = np.empty_like(numbers)
    for place in np.unique(places):
        rows = places == place
        made[rows] = np.round(numbers[rows], int(place))
    return made + 0.0
