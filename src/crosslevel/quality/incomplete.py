"""A normal model met by rows with gaps: what the answered cells say about the others.

With precision matrix P and a centred row x that is zero in its missing cells m, the expected
values of those cells are -P_mm^-1 (P x)_m with covariance P_mm^-1, and the squared distance of the
answered cells alone is x'P x - (P x)_m' P_mm^-1 (P x)_m. Only the missing cells cost anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.intp]

BATCH = 2_000_000  # doubles held at once by a batch of small matrices
MANY_ROWS = 12  # rows per pattern from which one product per pattern is the faster way


@dataclass(frozen=True, slots=True)
class Patterns:
    """Rows sorted by which cells are missing.

    missing (k, p): the patterns, most frequent first; counts (k,); order (n,): row numbers so that
    rows of one pattern lie together; starts (k + 1,): where each pattern begins in `order`.
    """

    missing: Bools
    counts: Codes
    order: Codes
    starts: Codes


@dataclass(frozen=True, slots=True)
class Expected:
    """What a normal model says: distance (n,) of the answered cells, rows (n, p) filled up.

    covariance (p, p) sums the conditional covariance of the missing cells over the rows.
    """

    distance: Floats
    filled: Floats
    covariance: Floats


@dataclass(frozen=True, slots=True)
class _Block:
    """Patterns with the same number of missing cells: inverses (k, m, m) and cells (k, m)."""

    patterns: Codes
    cells: Codes
    inverse: Floats


def patterns(missing: Bools) -> Patterns:
    """Return the distinct rows of an (n, p) mask, most frequent first, and who shows which.

    Examples
    --------
    >>> found = patterns(np.array([[False, True], [False, False], [False, True]]))
    >>> found.missing.tolist(), found.counts.tolist(), found.order.tolist()
    ([[False, True], [False, False]], [2, 1], [0, 2, 1])
    """
    n = len(missing)
    packed = np.packbits(missing, axis=1)
    packed = np.pad(packed, ((0, 0), (0, -packed.shape[1] % 8)))
    codes = np.zeros(n, dtype=np.int64)
    for word in np.ascontiguousarray(packed).view(np.uint64).T:
        own, distinct = pd.factorize(word)
        codes = pd.factorize(codes * len(distinct) + own)[0]
    first = np.full(int(codes.max(initial=-1)) + 1, n)
    np.minimum.at(first, codes, np.arange(n))
    counts = np.bincount(codes, minlength=len(first))
    rank = np.lexsort((first, -counts))
    place = np.empty_like(rank)
    place[rank] = np.arange(len(rank))
    order = np.argsort(place[codes], kind="stable")
    starts = np.concatenate([[0], np.cumsum(counts[rank])])
    return Patterns(missing[first[rank]], counts[rank], order, starts)


def expect(sorted_rows: Floats, found: Patterns, precision: Floats) -> Expected:
    """Return what a normal model of mean zero expects of rows sorted as `found.order` says.

    Parameters
    ----------
    sorted_rows
        (n, p) centred values, zero where missing.
    found
        Their patterns.
    precision
        (p, p) inverse covariance matrix.

    Notes
    -----
    One (n, p, p) product, and m^3 per pattern of m missing cells.
    """
    n, p = sorted_rows.shape
    turned = sorted_rows @ precision
    distance = np.einsum("ij,ij->i", turned, sorted_rows)
    filled, covariance, number = sorted_rows.copy(), np.zeros((p, p)), np.arange(n)
    for block in _blocks(found, precision):
        at = (block.cells[:, :, None] * p + block.cells[:, None, :]).ravel()
        weights = found.counts[block.patterns][:, None, None] * block.inverse
        covariance += np.bincount(at, weights.ravel(), minlength=p * p).reshape(p, p)
        for rows, cells, solved, pulled in _pulled(block, found, turned):
            distance[rows] -= np.einsum("ij,ij->i", solved, pulled)
            filled[number[rows, None], cells] = -solved
    return Expected(np.maximum(distance, 0.0), filled, covariance)


def _blocks(found: Patterns, precision: Floats) -> Iterator[_Block]:
    """Yield patterns with m missing cells together, in batches of bounded size."""
    sizes = found.missing.sum(axis=1)
    for m in np.unique(sizes[sizes > 0]):
        members = np.flatnonzero(sizes == m)
        step = max(1, BATCH // int(m * m))
        for at in range(0, len(members), step):
            some = members[at : at + step]
            cells = np.nonzero(found.missing[some])[1].reshape(len(some), m)
            inner = precision[cells[:, :, None], cells[:, None, :]]
            yield _Block(some, cells, np.asarray(np.linalg.inv(inner), dtype=np.float64))


def _pulled(
    block: _Block, found: Patterns, turned: Floats
) -> Iterator[tuple[slice | Codes, Codes, Floats, Floats]]:
    """Yield rows, their missing cells, P_mm^-1 (P x)_m and (P x)_m."""
    counts = found.counts[block.patterns]
    frequent = counts >= MANY_ROWS
    for k in np.flatnonzero(frequent):
        pattern, cells = block.patterns[k], block.cells[k]
        rows = slice(found.starts[pattern], found.starts[pattern + 1])
        pulled = turned[rows][:, cells]
        yield rows, cells[None, :], pulled @ block.inverse[k], pulled
    rare = np.flatnonzero(~frequent)
    owner = np.repeat(rare, counts[rare])
    begin = np.repeat(found.starts[block.patterns[rare]], counts[rare])
    within = np.arange(len(owner)) - np.repeat(np.cumsum(counts[rare]) - counts[rare], counts[rare])
    places = begin + within
    step = max(1, BATCH // block.cells.shape[1] ** 2)
    for at in range(0, len(owner), step):
        who, where = owner[at : at + step], places[at : at + step]
        cells = block.cells[who]
        pulled = turned[where[:, None], cells]
        yield where, cells, np.einsum("ijk,ik->ij", block.inverse[who], pulled), pulled
