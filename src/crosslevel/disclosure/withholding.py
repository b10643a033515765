"""Which rows of a table may be shown: none about few people, none that a total gives away."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from crosslevel.errors import CrosslevelError, Problem
from crosslevel.frames import require_columns

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


class DisclosureError(CrosslevelError):
    """A table cannot be made safe to show."""


@dataclass(frozen=True, slots=True)
class Withheld:
    """A table without the rows that may not be shown.

    Attributes
    ----------
    shown
        The rows that may be shown, in their order.
    withheld
        How many rows are left out, for whatever reason.
    minimum
        People a row must rest on.
    """

    shown: pd.DataFrame
    withheld: int
    minimum: int

    def __repr__(self) -> str:
        return f"{len(self.shown)} rows shown, {self.withheld} withheld (minimum {self.minimum})"


def withhold(frame: pd.DataFrame, *, count: str, minimum: int, by: str | None = None) -> Withheld:
    """Return a table without the rows that rest on too few people.

    Use it on every table with a row per unit before it leaves the house. The reader is taken to
    know the total: a row that total minus the shown rows would give back is protected too.

    Parameters
    ----------
    frame
        One row per unit, or per category.
    count
        Column with the number of people behind each row; a missing number counts as none.
    minimum
        People a row must rest on, such as 5.
    by
        Column with a higher level whose totals are shown too: the rule then holds within each of
        its values as well as in all.

    Returns
    -------
    Withheld

    Raises
    ------
    DisclosureError
        When a column is missing, a count is no whole number from 0 up, or the minimum is below 1.

    Notes
    -----
    Rows under the minimum are withheld. Where any is, the next smallest rows follow until at least
    two rows are withheld that together rest on at least `minimum` people (complementary
    suppression); otherwise one subtraction from a total would show them.
    Source: Hundepool et al. (2012), Statistical Disclosure Control, chapter 4.

    Examples
    --------
    >>> units = pd.DataFrame({"unit": list("abcd"), "n": [12, 3, 9, 20]})
    >>> withhold(units, count="n", minimum=5).shown["unit"].tolist()
    ['a', 'd']
    """
    require_columns(frame, [count] if by is None else [count, by], error=DisclosureError)
    if minimum < 1:
        raise DisclosureError(f"The disclosure minimum must be at least 1, got {minimum}.")
    people = _people(frame[count])
    blocks = [] if by is None else _members(frame[by])
    blocks.append(np.ones(len(frame), dtype=np.bool_))
    hidden = people < minimum
    before = -1
    while hidden.sum() > before:  # protecting one block may uncover another
        before = int(hidden.sum())
        for block in blocks:
            hidden = _protect(hidden, people, block, minimum)
    return Withheld(frame[~hidden].reset_index(drop=True), int(hidden.sum()), minimum)


def _people(counts: pd.Series) -> Floats:
    """Return counts as numbers, refusing what cannot be a number of people."""
    numbers = pd.to_numeric(counts, errors="coerce").to_numpy(dtype=np.float64)
    filled: Floats = np.nan_to_num(numbers)
    odd = (counts.notna().to_numpy() & np.isnan(numbers)) | (filled < 0) | (filled % 1 != 0)
    if odd.any():
        problems = [
            Problem(f"row {row}", f"'{counts.iloc[row]}' is no number of people.")
            for row in np.flatnonzero(odd)
        ]
        raise DisclosureError(f"Column '{counts.name}' does not count people.", problems)
    return filled


def _members(column: pd.Series) -> list[Flags]:
    """Which rows belong to each value of a column; missing values are one value."""
    codes = pd.factorize(column, use_na_sentinel=False)[0]
    return [codes == code for code in range(codes.max(initial=-1) + 1)]


def _protect(hidden: Flags, people: Floats, block: Flags, minimum: int) -> Flags:
    """Withhold the next smallest rows of a block until what it withholds is safe in its total."""
    hidden = hidden.copy()
    if not (hidden & block).any():
        return hidden
    for row in np.argsort(people, kind="stable"):
        inside = hidden & block
        if inside.sum() >= 2 and people[inside].sum() >= minimum:
            break
        hidden[row] |= block[row]
    return hidden
