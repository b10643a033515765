"""Answers on ordered categories: which categories an item has, and who chose which."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from crosslevel.errors import MeasurementError, Problem
from crosslevel.psychometrics.answers import check_once
from crosslevel.psychometrics.grouping import Floats, refusal
from crosslevel.psychometrics.notices import EmptyCategoryWarning

MAX_CATEGORIES = 12
MISSING = ("drop", "pairwise")
_MESSAGE = "These items cannot be treated as ordered."
_FEWEST = 3


@dataclass(frozen=True, slots=True)
class OrderedAnswers:
    """Codes 0, 1, ... of (n_persons, n_items) answers; -1 = not answered.

    Attributes
    ----------
    names
        Items.
    codes
        (n_persons, n_items) position of the answer among the item's categories.
    sizes
        Number of categories per item.
    dropped
        Rows left out because an answer is missing.
    """

    names: tuple[str, ...]
    codes: npt.NDArray[np.intp]
    sizes: npt.NDArray[np.intp]
    dropped: int

    @property
    def widest(self) -> int:
        """Largest number of categories."""
        return int(self.sizes.max())

    def indicators(self) -> Floats:
        """(n_persons, n_items, widest) 1 where a category was chosen."""
        chosen: Floats = (self.codes[:, :, None] == np.arange(self.widest)).astype(np.float64)
        return chosen


def ordered_answers(items: pd.DataFrame, *, missing: str = "drop") -> OrderedAnswers:
    """Return the answers as codes of ordered categories, or say why that is not sensible.

    Use it before anything that treats items as ordered. Categories are the values that occur, in
    their order (of the category labels for a categorical column); one that nobody chose has no
    threshold and is joined to its neighbour.

    Parameters
    ----------
    items
        (n_persons, n_items) numbers or ordered categoricals; missing = not answered.
    missing
        "drop" leaves out a person without all answers; "pairwise" keeps everyone with any.

    Returns
    -------
    OrderedAnswers

    Raises
    ------
    MeasurementError
        When an item is neither a number nor ordered, has one category or more than 12, or fewer
        than three persons are left.

    Warns
    -----
    EmptyCategoryWarning
        When nobody chose a whole number between two that were chosen, or a category in the middle.

    Examples
    --------
    >>> ordered_answers(pd.DataFrame({"a": [1, 2, 2], "b": [4, 5, 4]})).codes.tolist()
    [[0, 0], [1, 1], [1, 0]]
    """
    if missing not in MISSING:
        known = "' or '".join(MISSING)
        raise MeasurementError(f"`missing` must be '{known}', got '{missing}'.")
    if items.shape[1] < 2:
        found = f"needs at least two items, got {items.shape[1]}."
        raise refusal(items, found, message=_MESSAGE)
    check_once(items)
    problems = [p for name, column in items.items() for p in _wrong_type(str(name), column)]
    if problems:
        raise MeasurementError(_MESSAGE, problems)
    answered = items.notna().to_numpy()
    keep = np.asarray(answered.all(axis=1) if missing == "drop" else answered.any(axis=1))
    if keep.sum() < _FEWEST:
        found = f"needs at least three respondents, got {keep.sum()}."
        raise refusal(items, found, message=_MESSAGE)
    _check_pairs(items, answered)
    kept = items.loc[keep]
    coded = [_codes(kept.iloc[:, i]) for i in range(items.shape[1])]
    names = tuple(str(name) for name in items.columns)
    sizes = np.array([size for _, size in coded])
    _check_sizes(names, sizes)
    _warn_empty(kept)
    codes = np.column_stack([code for code, _ in coded])
    return OrderedAnswers(names, codes, sizes, int(len(items) - keep.sum()))


def _wrong_type(name: str, column: pd.Series) -> list[Problem]:
    """The problem of an item that has no order, or no answers."""
    if not column.notna().any():
        return [Problem(f"item '{name}'", "nobody answered it.", "Leave it out.")]
    if isinstance(column.dtype, pd.CategoricalDtype):
        if column.cat.ordered:
            return []
        return [Problem(f"item '{name}'", "its categories have no order.", "Give them one.")]
    if pd.api.types.is_numeric_dtype(column):
        endless = np.isinf(column.to_numpy(dtype=np.float64, na_value=np.nan)).any()
        return [Problem(f"item '{name}'", "holds infinite values.")] if endless else []
    return [Problem(f"item '{name}'", "is not numeric.", "Read it with its codes.")]


def _codes(column: pd.Series) -> tuple[npt.NDArray[np.intp], int]:
    """Codes by the order of the values that occur, and how many occur."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        used = column.cat.remove_unused_categories().cat
        return used.codes.to_numpy().astype(np.intp), len(used.categories)
    codes, levels = pd.factorize(column, sort=True, use_na_sentinel=True)
    return codes.astype(np.intp), len(levels)


def _check_pairs(items: pd.DataFrame, answered: npt.NDArray[np.bool_]) -> None:
    """Refuse pairs of items that nobody answered both of."""
    both = answered.astype(np.int64).T @ answered
    names = [str(name) for name in items.columns]
    problems = [
        Problem(f"items '{names[i]}' and '{names[j]}'", "nobody answered both.")
        for i, j in zip(*np.nonzero(np.triu(both == 0, 1)), strict=True)
    ]
    if problems:
        raise MeasurementError(_MESSAGE, problems)


def _check_sizes(names: tuple[str, ...], sizes: npt.NDArray[np.intp]) -> None:
    """Refuse items without variance, and items that are measurements rather than categories."""
    problems = [
        Problem(f"item '{name}'", "everyone chose the same category.", "Leave it out.")
        for name, size in zip(names, sizes, strict=True)
        if size < 2
    ]
    problems += [
        Problem(
            f"item '{name}'",
            f"has {size} different values, more than {MAX_CATEGORIES}.",
            "Treat it as continuous.",
        )
        for name, size in zip(names, sizes, strict=True)
        if size > MAX_CATEGORIES
    ]
    if problems:
        raise MeasurementError(_MESSAGE, problems)


def _warn_empty(items: pd.DataFrame) -> None:
    """Name the items with a category that nobody chose between two that were chosen."""
    gaps = [f"'{name}' ({gap})" for name, column in items.items() if (gap := _gap(column))]
    if gaps:
        warnings.warn(
            f"Nobody chose a category in the middle of {', '.join(gaps)}; it has no threshold and "
            "is joined to its neighbour.",
            EmptyCategoryWarning,
            stacklevel=4,
        )


def _gap(column: pd.Series) -> str:
    """The categories in the middle that nobody chose, as text."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        codes = column.cat.codes[column.notna()].to_numpy()
        absent = np.setdiff1d(np.arange(codes.min(), codes.max() + 1), codes)
        return ", ".join(str(column.cat.categories[code]) for code in absent)
    values = np.unique(column.dropna().to_numpy(dtype=np.float64))
    if (values != np.round(values)).any() or np.ptp(values) > MAX_CATEGORIES:
        return ""
    absent = np.setdiff1d(np.arange(values[0], values[-1] + 1), values)
    return ", ".join(f"{value:g}" for value in absent)
