"""The answers to the items of one scale: checked, and reduced to those who answered them all."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from crosslevel.errors import SHOWN, MeasurementError, Problem
from crosslevel.frames import group_codes, require_finite
from crosslevel.psychometrics.grouping import Floats, refusal
from crosslevel.psychometrics.notices import (
    ItemDirectionWarning,
    ResponseScaleWarning,
    SquareFrameWarning,
)

Codes = npt.NDArray[np.intp]

MATRIX = (
    "the frame is square and symmetric, as a matrix of correlations is. A frame is read as "
    "answers, one row per respondent: give the answers."
)
_LARGE = 1e100
_COUNTS = ("no", "one", "two", "three")
_ENOUGH = 50  # answers before the end of an item's scale is judged by where its answers stop
_PILE = 0.10  # share of an item's answers on its last point: a pile against the end of a scale
_BEYOND = 0.05  # share of another item's answers beyond it


@dataclass(frozen=True, slots=True)
class Answers:
    """Complete rows (n, k) of the answers to one scale, and who is not among them.

    `codes` (n,) is the group of each row, each row its own when no groups were given.
    `n_no_group` counts those who answered everything and have no group.
    """

    names: tuple[str, ...]
    complete: Floats
    codes: Codes
    n_groups: int | None
    n_partial: int
    n_none: int
    n_no_group: int

    @property
    def shape(self) -> tuple[int, int]:
        """Complete respondents and items."""
        return self.complete.shape[0], self.complete.shape[1]

    def deviations(self) -> Floats:
        """(n, k) distances from the item means."""
        centred: Floats = self.complete - self.complete.mean(axis=0)
        return centred

    def covariance(self) -> Floats:
        """(k, k) covariances with divisor n - 1."""
        centred = self.deviations()
        covariance: Floats = centred.T @ centred / (len(centred) - 1)
        return covariance


def read_answers(
    items: pd.DataFrame,
    *,
    what: str,
    least: int = 2,
    hint: str = "",
    groups: pd.Series | None = None,
) -> Answers:
    """Check a frame of answers and keep its complete rows.

    Parameters
    ----------
    items
        (n_persons, n_items) numbers; nan = not answered.
    what
        The coefficient asked for, as messages name it.
    least
        Fewest items it is defined for.
    hint
        What would do with fewer.
    groups
        (n_persons,) the unit of each person, with the same index; rows without one are left out.

    Raises
    ------
    MeasurementError
        When the coefficient is undefined for these data.
    """
    check_numbers(items)
    name = what[:1].upper() + what[1:]
    undefined = f"{name} is undefined."
    if items.shape[1] < least:
        found = f"{what} needs at least {_COUNTS[least]} items, got {items.shape[1]}. {hint}"
        raise refusal(items, found.rstrip(), message=undefined)
    values = as_floats(items)
    given = np.isfinite(values)
    keep, some = np.asarray(given.all(axis=1)), np.asarray(given.any(axis=1))
    answered = int(keep.sum())
    codes, n_groups = np.arange(len(values)), None
    if groups is not None:
        codes, keep = _codes(items, groups, keep)
        n_groups = len(np.unique(codes[keep]))
    codes, complete = codes[keep], values[keep]
    empty = [
        Problem(f"item '{column}'", "nobody answered it.", "Leave it out.")
        for i, column in enumerate(items)
        if not given[:, i].any()
    ]
    if empty and some.any():
        raise MeasurementError(undefined, empty)
    if len(complete) < 3:
        found = (
            f"{what} needs at least three respondents who answered every item, got {len(complete)}."
        )
        raise refusal(items, found, message=undefined)
    problems = [
        Problem(f"item '{column}'", f"every answer is {complete[0, i]:g}.", "Leave it out.")
        for i, column in enumerate(items)
        if np.ptp(complete[:, i]) == 0
    ]
    if problems:
        raise MeasurementError(f"{name} needs items that vary between respondents.", problems)
    names = tuple(str(column) for column in items)
    partial = int((some & ~given.all(axis=1)).sum())
    none, apart = int((~some).sum()), answered - len(complete)
    return Answers(names, complete, codes, n_groups, partial, none, apart)


def as_floats(items: pd.DataFrame) -> Floats:
    """(n, k) answers of a checked frame; nan for what is missing, in any of pandas' ways."""
    values: Floats = items.to_numpy(dtype=np.float64, na_value=np.nan)
    return values


def check_numbers(items: pd.DataFrame) -> None:
    """Refuse what is no frame of numbers with one column per item."""
    if not isinstance(items, pd.DataFrame):
        kind = type(items).__name__
        raise MeasurementError(
            f"`items` must be a frame with one column per item and one row per respondent, got "
            f"{kind}."
        )
    check_once(items)
    problems = [
        Problem(f"item '{name}'", "is not numeric.", codes_hint(kind))
        for name, kind in zip(items.columns, items.dtypes, strict=True)
        if not pd.api.types.is_numeric_dtype(kind)
    ]
    if problems:
        raise MeasurementError("The items are not all numbers.", problems)
    require_finite(items, error=MeasurementError, what="item")
    _check_units(items)


def _check_units(items: pd.DataFrame) -> None:
    """Refuse items in units whose squares no computer holds."""
    values = np.abs(as_floats(items))
    values = np.where(np.isfinite(values) & (values > 0), values, 1.0)
    problems = [
        Problem(f"item '{name}'", f"has values of {worst:g}.", "Give it in other units.")
        for name, low, high in zip(
            items.columns,
            values.min(axis=0, initial=1.0),
            values.max(axis=0, initial=1.0),
            strict=True,
        )
        for worst in [high if high > _LARGE else low]
        if high > _LARGE or low < 1 / _LARGE
    ]
    if problems:
        raise MeasurementError("The items are in units beyond the reach of arithmetic.", problems)


def codes_hint(kind: object) -> str:
    """Return how a column of this type becomes numbers.

    Examples
    --------
    >>> codes_hint(pd.CategoricalDtype(["no", "yes"], ordered=True))
    'Take its codes: column.cat.codes.where(column.notna()) + 1.'
    """
    if isinstance(kind, pd.CategoricalDtype):
        return "Take its codes: column.cat.codes.where(column.notna()) + 1."
    return "Read it with its codes."


def check_once(items: pd.DataFrame) -> None:
    """Refuse an item with several columns, and columns with several levels of names."""
    if items.columns.nlevels > 1:
        raise MeasurementError(
            f"Each item has one name; the columns have {items.columns.nlevels} levels of names. "
            "Join them first."
        )
    twice = items.columns[items.columns.duplicated()].unique()
    if len(twice):
        problems = [Problem(f"item '{name}'", "has more than one column.") for name in twice]
        raise MeasurementError("Each item has one column.", problems)


def check_bounds(items: pd.DataFrame, bounds: tuple[float, float]) -> None:
    """Refuse answers outside the response scale, item by item."""
    if len(bounds) != 2:
        raise MeasurementError(f"`bounds` are two points of a response scale, got {bounds!r}.")
    low, high = bounds
    if not low < high:
        raise MeasurementError(
            f"`bounds` must be the lowest and the highest point of the response scale, got "
            f"({low:g}, {high:g})."
        )
    problems = []
    for name, column in items.items():
        outside = column[(column < low) | (column > high)]
        if len(outside):
            worst = outside.max() if outside.max() > high else outside.min()
            problems.append(Problem(f"item '{name}'", f"{len(outside)} answer(s), as {worst:g}."))
    if problems:
        raise MeasurementError(
            f"There are answers outside the response scale of {low:g} to {high:g}. Are the items "
            "answered on one response scale?",
            problems,
        )


def warn_shape(items: pd.DataFrame, bounds: tuple[float, float] | None = None) -> None:
    """Warn when a frame looks like a correlation matrix or its items like several scales.

    Where the bounds of the response scale are given, its items are on one.
    """
    warn_matrix(items, stacklevel=3)
    found = [] if bounds else different_scales(items)
    if found:
        shown = "; ".join(found[:SHOWN])
        more = f"; and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        warnings.warn(
            f"Items may be on different response scales: {shown}{more}. Their sum would weigh "
            "them unequally: bring them to one scale first.",
            ResponseScaleWarning,
            stacklevel=3,
        )


def like_matrix(frame: pd.DataFrame) -> bool:
    """Return whether a frame of numbers is square and symmetric, as a matrix of correlations is.

    Examples
    --------
    >>> like_matrix(pd.DataFrame({"a": [1.0, 0.3], "b": [0.3, 1.0]}))
    True
    """
    rows, columns = frame.shape
    if rows != columns or rows < 2 or not all(map(pd.api.types.is_numeric_dtype, frame.dtypes)):
        return False
    values = as_floats(frame)
    return bool(np.isfinite(values).all() and np.allclose(values, values.T))


def warn_matrix(frame: pd.DataFrame, *, stacklevel: int) -> None:
    """Warn when a frame looks like a correlation matrix."""
    if like_matrix(frame):
        warnings.warn(
            "The frame looks like a correlation matrix and was read as answers: one row per "
            "respondent, one column per item.",
            SquareFrameWarning,
            stacklevel=stacklevel + 1,
        )


def different_scales(items: pd.DataFrame) -> list[str]:
    """Return, in words, which items stop where others go on.

    An item is named when at least a tenth of its answers, of fifty or more, lie on its last point
    and at least a twentieth of another item's answers lie beyond that.

    Examples
    --------
    >>> seven = pd.Series([1, 2, 3, 4, 5, 6, 7] * 10)
    >>> different_scales(pd.DataFrame({"a": seven, "b": seven.clip(upper=5)}))
    ["'b' ends at 5, where 'a' goes on to 7"]
    """
    answers = {
        str(name): column.dropna().to_numpy(dtype=np.float64) for name, column in items.items()
    }
    answers = {name: own for name, own in answers.items() if len(own) >= _ENOUGH}
    found = []
    for name, own in answers.items():
        for sign, ends, reaches in ((1, "ends at", "goes on to"), (-1, "starts at", "starts at")):
            last = (sign * own).max()
            if (sign * own == last).mean() < _PILE:
                continue
            beyond = {
                other: sign * (sign * theirs).max()
                for other, theirs in answers.items()
                if (sign * theirs > last).mean() >= _BEYOND
            }
            if beyond:
                other, reach = max(beyond.items(), key=lambda pair: sign * pair[1])
                found.append(
                    f"'{name}' {ends} {sign * last:g}, where '{other}' {reaches} {reach:g}"
                )
    return found


def warn_direction(table: pd.DataFrame) -> None:
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


def _codes(
    items: pd.DataFrame, groups: pd.Series, keep: npt.NDArray[np.bool_]
) -> tuple[Codes, npt.NDArray[np.bool_]]:
    """Codes of the groups, and the rows that have one."""
    if not items.index.equals(groups.index):
        raise MeasurementError(
            "Items and groups have different indexes, so their rows cannot be paired. Take both "
            "from one frame, or give both the respondent as index."
        )
    codes, _ = group_codes(groups)
    keep = keep & (codes >= 0)
    if len(np.unique(codes[keep])) < 2:
        raise refusal(items, "the respondents are in fewer than two groups.")
    return codes, keep
