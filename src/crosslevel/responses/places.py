"""Where something is wrong in a file: row by row while they are few, otherwise counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from crosslevel.errors import Problem

FEW = 3


def in_rows(
    rows: Sequence[str], found: str, fix: str = "", *, few: Callable[[str], str], many: str
) -> Iterator[Problem]:
    """Yield what is wrong in the same way in several rows.

    Parameters
    ----------
    rows
        The rows by name, such as "row 5".
    found, fix
        What was found in each, and what would do.
    few
        The place of one row, for each of them while there are at most three.
    many
        The place of all of them, for one problem with their number.

    Examples
    --------
    >>> rows = [f"row {i}" for i in range(5, 317)]
    >>> for problem in in_rows(rows, "'99' is no answer.", few=str, many="column 'gl1'"):
    ...     print(problem)
    column 'gl1': '99' is no answer, in 312 rows (first: row 5).
    """
    if len(rows) <= FEW:
        yield from (Problem(few(row), found, fix) for row in rows)
        return
    counted = f"{found.removesuffix('.')}, in {len(rows):,} rows (first: {rows[0]})."
    yield Problem(many, counted, fix)


def listed(places: Sequence[str], *, between: str = ", ") -> str:
    """Return the first few places and how many there are beside them.

    Examples
    --------
    >>> listed(["2", "4"]), listed(["2", "4", "5", "8", "9"])
    ('2, 4', '2, 4, 5 and 2 more')
    """
    shown = between.join(places[:FEW])
    return shown if len(places) <= FEW else f"{shown} and {len(places) - FEW:,} more"
