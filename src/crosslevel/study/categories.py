"""Categories, alone or crossed, that too few people chose to be a term of a model."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import pandas as pd

from crosslevel.errors import Problem
from crosslevel.multilevel.design import Design
from crosslevel.multilevel.formula import Atom
from crosslevel.responses.places import FEW

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
    heads = heads[heads["unit"].isin(used["unit"])]
    told: set[tuple[str, ...]] = set()
    for term in design.formula.terms:
        columns = tuple(sorted({a.columns[0] for a in term if _is_category(a, design, used)}))
        above = tuple(column for column in columns if column in managers)
        if above and above not in told:
            units = used[["unit", *above]].drop_duplicates("unit")
            pairs = heads.merge(units, on="unit")
            counts = pairs.drop_duplicates(["manager", *above]).groupby(list(above)).size()
            yield from _few(above, _as_text(counts), ("manager", "managers"), minimum)
        if columns and columns not in told:
            counts = used[list(columns)].astype("str").groupby(list(columns)).size()
            yield from _few(columns, _as_text(counts), ("person", "people"), minimum)
        told |= {columns, above}


def _is_category(atom: Atom, design: Design, used: pd.DataFrame) -> bool:
    """Whether an atom divides people into groups."""
    if design.variables[atom].coding.levels is not None:
        return True
    return atom.function == "" and used[atom.columns[0]].nunique() == _TWO


def _as_text(counts: pd.Series) -> dict[str, int]:
    """Return the people of each cell that has any, the cell by its labels."""
    cells = [cell if isinstance(cell, tuple) else (cell,) for cell in counts.index]
    named = [" and ".join(f"'{label}'" for label in cell) for cell in cells]
    return {name: int(n) for name, n in zip(named, counts, strict=True) if n > 0}


def _few(
    columns: tuple[str, ...], counts: Mapping[str, int], who: tuple[str, str], minimum: int
) -> Iterator[Problem]:
    """Yield the cells that are too small, one by one while they are few."""
    small = {cell: n for cell, n in counts.items() if n < minimum}
    place = " by ".join(f"'{column}'" for column in columns)
    alone = len(columns) == 1
    tail = (
        f"fewer {who[1]} than the disclosure minimum of {minimum}: the coefficient would tell "
        "their answers."
    )
    fix = f"Merge it with another category, or leave {place if alone else 'the product'} out."
    if len(small) > FEW:
        cell, n = next(iter(small.items()))
        found = (
            f"{len(small)} of {len(counts)} categories hold {tail.removesuffix('.')} "
            f"(first: {cell}, {n})."
        )
        yield Problem(place, found, fix)
        return
    for cell, n in small.items():
        said = f"only {n} analysed {who[n != 1]}"
        verb = "chose" if alone else "is in" if n == 1 else "are in"
        yield Problem(place, f"{said} {verb} {cell}, {tail}", fix)
