"""Grouping columns -> integer codes, without sorting rows; labels only when somebody asks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from crosslevel.multilevel.coding import Codes, labels


@dataclass(frozen=True, slots=True)
class Levels:
    """The levels of a grouping factor: one array of raw values per column that makes it."""

    parts: tuple[pd.Index, ...]

    def __len__(self) -> int:
        return len(self.parts[0])

    def labels(self) -> pd.Index:
        """Return one string per level; several columns are joined with ':'."""
        texts = [labels(pd.Series(part)) for part in self.parts]
        joined: pd.Series = texts[0]
        for text in texts[1:]:
            joined = joined.str.cat(text, sep=":")
        made: pd.Index = pd.Index(list(joined), dtype="str")
        return made


@dataclass(frozen=True, slots=True)
class Grouping:
    """Codes of the rows (-1 for missing) and the levels they point at."""

    codes: Codes
    levels: Levels


def grouping(columns: list[pd.Series]) -> Grouping:
    """Return codes and levels of one grouping factor made of one or several columns.

    Examples
    --------
    >>> made = grouping([pd.Series(["b", "a", "b"]), pd.Series([1, 1, 2])])
    >>> made.codes.tolist(), list(made.levels.labels())
    ([1, 0, 2], ['a:1', 'b:1', 'b:2'])
    """
    first, *rest = [_one(column) for column in columns]
    for other in rest:
        width = max(len(other.levels), 1)
        codes, used = _nested(first.codes, other.codes, width) or _joint(
            first.codes, other.codes, width
        )
        parts = tuple(part[used // width] for part in first.levels.parts)
        first = Grouping(codes, Levels((*parts, other.levels.parts[0][used % width])))
    return first


def _joint(first: Codes, second: Codes, width: int) -> tuple[Codes, Codes]:
    """Return codes of the pairs present (-1 where either is missing), and the pairs as numbers."""
    return compress(np.where((first < 0) | (second < 0), -1, first * width + second))


def _nested(first: Codes, second: Codes, width: int) -> tuple[Codes, Codes] | None:
    """Return the same without a pass over the pairs when each second code has one first code."""
    if not len(first) or first.min() < 0 or second.min() < 0:
        return None
    partner = np.zeros(width, dtype=np.intp)
    partner[second] = first
    if not (partner[second] == first).all():
        return None
    pairs = partner * width + np.arange(width)
    order = np.argsort(pairs)
    rank = np.empty(width, dtype=np.intp)
    rank[order] = np.arange(width)
    return rank[second], pairs[order]


def compress(values: npt.NDArray[np.intp]) -> tuple[Codes, Codes]:
    """Return codes 0, 1, ... of the values present (-1 stays -1), and the sorted values.

    Costs two passes over the rows when the values are not spread out too far.
    """
    top = int(values.max(initial=-1)) + 1
    if top > 8 * len(values) + 1000:
        unique, inverse = np.unique(values, return_inverse=True)
        shift = int(len(unique) > 0 and unique[0] < 0)
        return inverse.astype(np.intp) - shift, unique[shift:]
    present = np.zeros(top + 1, dtype=np.intp)
    present[values] = 1
    present[-1] = 0
    lookup = np.cumsum(present) - 1
    lookup[-1] = -1
    return lookup[values], np.flatnonzero(present[:-1])


def matched(learnt: Levels, columns: list[pd.Series]) -> Codes:
    """Return for each row the code of its learnt level, -1 for a level not met before."""
    text = labels(columns[0])
    for column in columns[1:]:
        text = text.str.cat(labels(column), sep=":")
    return learnt.labels().get_indexer(pd.Index(text)).astype(np.intp)


def _one(column: pd.Series) -> Grouping:
    """Return codes of one column: by a table for whole numbers, by hashing otherwise."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        codes, used = compress(column.cat.codes.to_numpy().astype(np.intp))
        return Grouping(codes, Levels((pd.Index(column.cat.categories[used]),)))
    if column.dtype.kind in "iu" and isinstance(column.dtype, np.dtype) and len(column):
        values = column.to_numpy()
        low = int(values.min())
        if int(values.max()) - low < 8 * len(values) + 1000:
            codes, used = compress((values - low).astype(np.intp))
            return Grouping(codes, Levels((pd.Index(used + low),)))
    codes, unique = pd.factorize(column, sort=True)
    return Grouping(codes.astype(np.intp), Levels((pd.Index(unique),)))
