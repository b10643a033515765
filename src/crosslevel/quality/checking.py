"""What `careless` needs to be told, checked once at the door."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from crosslevel.errors import MeasurementError, Problem, did_you_mean
from crosslevel.frames import listed, require_finite
from crosslevel.quality.incomplete import Floats

Scales = Mapping[str, Sequence[str]]
Bounds = tuple[float, float] | Mapping[str, tuple[float, float]]


def check_items(items: pd.DataFrame, *, fewest: int = 2) -> None:
    """Refuse a frame that is not answers: too few columns, repeated names, text.

    Raises
    ------
    MeasurementError
        Naming every column that cannot be used.

    Examples
    --------
    >>> check_items(pd.DataFrame({"a": [1.0, None], "b": [2, 3]}))
    """
    repeated = sorted({str(c) for c in items.columns[items.columns.duplicated()]})
    if repeated:
        raise MeasurementError(f"Item names must differ; more than once: {', '.join(repeated)}.")
    if items.shape[1] < fewest or not len(items):
        raise MeasurementError(
            f"Answers to {fewest} items or more are needed; the frame has {len(items)} row(s) and "
            f"{items.shape[1]} column(s)."
        )
    problems = [
        Problem(f"item '{name}'", "is not numeric.", "Read it with its codes.")
        for name, column in items.items()
        if not pd.api.types.is_numeric_dtype(column)
    ]
    if problems:
        raise MeasurementError("The items are not all numbers.", problems)
    require_finite(items, error=MeasurementError, what="item")


def check_exclude_at(exclude_at: int) -> None:
    """Refuse a number of flags that would exclude everybody.

    Raises
    ------
    MeasurementError

    Examples
    --------
    >>> check_exclude_at(2)
    """
    if exclude_at < 1:
        raise MeasurementError(f"`exclude_at` must be at least 1 flag, got {exclude_at}.")


def check_instructed(items: pd.DataFrame, wanted: Mapping[str, float]) -> None:
    """Refuse instructed items that are not among the items, or leave fewer than two others.

    Raises
    ------
    MeasurementError

    Examples
    --------
    >>> check_instructed(pd.DataFrame(columns=["a", "b", "check"]), {"check": 2})
    """
    _known(items, wanted, "`instructed`")
    left = items.shape[1] - len(wanted)
    if left < 2:
        raise MeasurementError(
            f"Beside the instructed items {left} item(s) are left; 2 are needed."
        )


def item_bounds(
    items: pd.DataFrame, bounds: Bounds | None
) -> dict[str, tuple[float, float]] | None:
    """Return the response scale of every item, or None when nothing was said.

    Raises
    ------
    MeasurementError
        For items without bounds, bounds that are not two or upside down, answers outside them.

    Examples
    --------
    >>> item_bounds(pd.DataFrame({"a": [1.0, 5]}), (1, 5))
    {'a': (1.0, 5.0)}
    """
    if bounds is None:
        return None
    names = [str(c) for c in items.columns]
    if isinstance(bounds, Mapping):
        _known(items, bounds, "`bounds`")
        missing = [n for n in names if n not in bounds]
        if missing:
            raise MeasurementError(f"`bounds` leaves out: {', '.join(missing[:5])}.")
        ranges = {n: (float(bounds[n][0]), float(bounds[n][1])) for n in names}
    else:
        if len(bounds) != 2:
            raise MeasurementError(f"`bounds` are two points of a response scale, got {bounds!r}.")
        ranges = dict.fromkeys(names, (float(bounds[0]), float(bounds[1])))
    problems = []
    for name in names:
        low, high = ranges[name]
        got = _floats(items[name])
        if not low < high:
            problems.append(Problem(f"item '{name}'", f"its bounds are {low:g} to {high:g}."))
        elif len(outside := got[(got < low) | (got > high)]):
            found = f"{len(outside)} answer(s) outside {low:g} to {high:g}, such as {outside[0]:g}."
            problems.append(Problem(f"item '{name}'", found, "Declare missing codes when reading."))
    if problems:
        raise MeasurementError("The answers do not fit the response scale.", problems)
    return ranges


def check_scales(
    items: pd.DataFrame,
    scales: Scales | None,
    reverse: Sequence[str],
    ranges: Mapping[str, tuple[float, float]] | None,
) -> list[list[int]]:
    """Return the column numbers of each scale's items.

    Raises
    ------
    MeasurementError
        For unknown items, an item in two places, scales that mix response scales, and items to be
        turned without bounds.

    Examples
    --------
    >>> check_scales(pd.DataFrame(columns=["a", "b"]), {"s": ["b", "a"]}, [], None)
    [[1, 0]]
    """
    _known(items, reverse, "`reverse`")
    if reverse and ranges is None:
        raise MeasurementError(
            "Items can be turned only when `bounds`, the lowest and highest point of the response "
            "scale, are given."
        )
    if scales is None:
        return []
    parts = {name: listed(own) for name, own in scales.items()}
    for name, own in parts.items():
        _known(items, own, f"scale '{name}'")
    several = [i for i, n in Counter(i for own in parts.values() for i in own).items() if n > 1]
    problems = [Problem(f"item '{i}'", "is named more than once.") for i in several]
    for name, own in parts.items():
        spans = {ranges[i] for i in own} if ranges else set()
        if len(spans) > 1:
            shown = " and ".join(f"{low:g} to {high:g}" for low, high in sorted(spans))
            problems.append(Problem(f"scale '{name}'", f"its items are answered on {shown}."))
    if problems:
        raise MeasurementError("The scales cannot be used.", problems)
    at = {str(c): j for j, c in enumerate(items.columns)}
    return [[at[i] for i in own] for own in parts.values()]


def turned(
    items: pd.DataFrame,
    reverse: Sequence[str],
    ranges: Mapping[str, tuple[float, float]] | None,
) -> Floats:
    """Return the answers with reverse items turned: low + high - answer.

    Examples
    --------
    >>> turned(pd.DataFrame({"a": [1.0, 2]}), ["a"], {"a": (1, 5)})
    array([[5.],
           [4.]])
    """
    values = items.to_numpy(dtype=np.float64, na_value=np.nan, copy=bool(reverse))
    for name in reverse:
        j = items.columns.get_loc(name)
        values[:, j] = sum((ranges or {})[name]) - values[:, j]
    return values


def check_times(
    items: pd.DataFrame,
    times: pd.DataFrame,
    page_items: Mapping[str, int] | None,
    anonymised: bool | None,
) -> None:
    """Refuse page times that may not be used or cannot be read.

    Raises
    ------
    MeasurementError

    Examples
    --------
    >>> frame = pd.DataFrame({"p1": [12.0]})
    >>> check_times(frame, frame, {"p1": 4}, anonymised=False)
    """
    if anonymised is None:
        raise MeasurementError(
            "Page times can point to a person. Say with `anonymised=False` that this survey is not "
            "anonymised, or leave `times` out."
        )
    if anonymised:
        raise MeasurementError(
            "Page times of an anonymised survey are not used: they can point to a person. Leave "
            "`times` out."
        )
    if not page_items:
        raise MeasurementError("`times` needs `page_items`: the number of items on each page.")
    if not times.index.equals(items.index):
        raise MeasurementError(
            "Items and times have different indexes, so their rows cannot be paired. Give both the "
            "respondent as index."
        )
    _known(times, page_items, "`page_items`")
    problems = [
        Problem(f"page '{page}'", f"has {count} items; at least one is needed.")
        for page, count in page_items.items()
        if count < 1
    ]
    for page in page_items:
        if not pd.api.types.is_numeric_dtype(times[page]):
            problems.append(Problem(f"page '{page}'", "its times are not numeric."))
        elif (_floats(times[page]) < 0).any():
            problems.append(Problem(f"page '{page}'", "has negative times."))
    if problems:
        raise MeasurementError("The page times cannot be used.", problems)


def _known(frame: pd.DataFrame, names: Sequence[str] | Mapping[str, object], where: str) -> None:
    """Raise with every name that is not a column."""
    known = [str(c) for c in frame.columns]
    problems = [
        Problem(where, f"there is no column '{name}'.", did_you_mean(str(name), known))
        for name in names
        if name not in known
    ]
    if problems:
        raise MeasurementError("Some names are not among the columns.", problems)


def _floats(column: pd.Series) -> Floats:
    return column.to_numpy(dtype=np.float64, na_value=np.nan)
