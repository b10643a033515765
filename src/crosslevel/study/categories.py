"""Categories, alone or crossed, that too few people chose to be a term of a model."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import pandas as pd

from crosslevel.errors import Problem
from crosslevel.multilevel.design import Design
from crosslevel.multilevel.formula import Atom

_TWO = 2


def small_cells(
    design: Design,
    frame: pd.DataFrame,
    *,
    minimum: int,
    heads: pd.DataFrame,
    managers: Collection[str] = (),
) -> Iterator[Problem]:
    """Yield the cells of a model's categories that fewer people than the minimum are in.

    The coefficient of such a cell would tell their answers. Cells are those of each term: a
    category alone, and categories crossed with each other. A number with two values is a category.

    Parameters
    ----------
    design
        The design of the model.
    frame
        The linked frame it was made from.
    minimum
        People each cell must rest on.
    heads
        manager, unit: each manager who responded and the units headed.
    managers
        Columns that managers answered: a cell of these must rest on so many managers too.
    """
    used = frame if design.kept is None else frame[design.kept]
    told: set[tuple[str, ...]] = set()
    for term in design.formula.terms:
        columns = tuple(sorted({a.columns[0] for a in term if _is_category(a, design, used)}))
        if not columns or columns in told:
            continue
        told.add(columns)
        values = used[list(columns)].astype("str")
        by_managers = any(column in managers for column in columns)
        for cell, rows in values.groupby(list(columns), sort=True):
            n, who = len(rows), "people"
            if by_managers:
                units = used.loc[rows.index, "unit"]
                own = heads.loc[heads["unit"].isin(units), "manager"].nunique()
                n, who = (own, "managers") if own < n else (n, who)
            if n < minimum:
                labels = cell if isinstance(cell, tuple) else (cell,)
                yield _problem(columns, labels, f"{n} analysed {who}", minimum)


def _is_category(atom: Atom, design: Design, used: pd.DataFrame) -> bool:
    """Whether an atom divides people into groups."""
    if design.variables[atom].coding.levels is not None:
        return True
    return atom.function == "" and used[atom.columns[0]].nunique() == _TWO


def _problem(
    columns: tuple[str, ...], labels: tuple[object, ...], found: str, minimum: int
) -> Problem:
    """Say which cell is too small, and what would do."""
    named = " and ".join(f"'{label}'" for label in labels)
    place = " by ".join(f"'{column}'" for column in columns)
    alone = len(columns) == 1
    return Problem(
        place,
        f"only {found} {'chose' if alone else 'are in'} {named}, fewer than the disclosure minimum "
        f"of {minimum}: the coefficient would tell their answers.",
        f"Merge it with another category, or leave {place if alone else 'the product'} out.",
    )
