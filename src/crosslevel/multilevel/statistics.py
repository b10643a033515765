"""One pass over the rows -> small records; nothing of size n is needed afterwards.

Per group j of a factor, Z_j = Q_j R_j by modified Gram-Schmidt; c_j = Q_j' A_j for the columns
A = [X y]; W = A'A less what Q explains, from the residuals themselves (two passes, so that small
within-group variation survives). Rows are never sorted: every sum is a bincount on codes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csc_array, csr_array

from crosslevel.multilevel.coding import Codes, Floats

PAIRS = 4_000_000  # products of stored values kept beside them: 64 MB
SMALL = 60_000  # entries up to which a projection is kept dense: the arithmetic beats bookkeeping
TILE = 64
ABOVE = np.triu(np.ones((TILE, TILE), dtype=bool), 1)
CONSTANT = 1e-18  # variance within groups, relative to a column's own, that is rounding alone
DEFICIENT = 1e-20  # squared share of a column's length below which a group does not carry it

Projection = csr_array | Floats


def dense(matrix: Projection | csc_array) -> Floats:
    """Return a projection, or a product of two, as an ordinary array."""
    return matrix if isinstance(matrix, np.ndarray) else np.asarray(matrix.toarray())


@dataclass(frozen=True, slots=True)
class OneFactor:
    """R (p, p, J) upper per group; c (m, p, J) and W (m, m) for the m = P + 1 columns [X y]."""

    R: Floats
    c: Floats
    W: Floats
    n: int

    @property
    def P(self) -> int:
        """Number of fixed coefficients."""
        return len(self.W) - 1


@dataclass(frozen=True, slots=True)
class Pairs:
    """Products of the stored values of a (J, q) matrix, two by two within each row.

    For any weights per row its weighted Gram matrix is then one bincount. With E products ordered
    by the column of their first value: values (E,), places (E,) in the lower triangle of (q, q);
    rows (nnz,) and counts (nnz,) give the row of each first value and how many products it has.
    """

    values: Floats
    places: Codes
    rows: Codes
    counts: Codes

    def weighted(self, weights: Floats) -> Floats:
        """Return the products times weights (J,) of their rows."""
        made = np.repeat(weights[self.rows], self.counts)
        made *= self.values
        return made

    def gram(self, weights: Floats, q: int) -> Floats:
        """Return the lower triangle of S' diag(weights) S, (q, q)."""
        found = np.bincount(self.places, weights=self.weighted(weights), minlength=q * q)
        return np.asarray(found, dtype=np.float64).reshape(q, q)


def pairs(indptr: Codes, indices: Codes, values: Floats, q: int) -> Pairs:
    """Return the products of stored values; columns must ascend within each row."""
    rows = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
    order = np.argsort(indices)
    begin = indptr[rows[order]]
    counts = order - begin + 1
    ends = np.cumsum(counts)
    second = np.arange(ends[-1]) - np.repeat(ends - counts - begin, counts)
    places = np.repeat(indices[order] * q, counts)
    places += indices[second]
    products = np.repeat(values[order], counts)
    products *= values[second]
    return Pairs(products, places, rows[order], counts)


def mirrored(lower: Floats) -> Floats:
    """Return the symmetric matrix with this lower triangle, in the same memory."""
    for at in range(0, len(lower), TILE):
        block, end = lower[at : at + TILE, at : at + TILE], at + TILE
        np.copyto(block, block.T.copy(), where=ABOVE[: len(block), : len(block)])
        lower[at:end, end:] = lower[end:, at:end].T
    return lower


@dataclass(frozen=True, slots=True)
class SeveralFactors:
    """One factor eliminated (`first`), the others bordered by [X y].

    The q coefficients of the others lie factor by factor, component by component. Their projection
    on the eliminated groups is sparse, (J, q) by rows: `indptr`, `indices`, values c (p, nnz).
    W_rr (q, q) and W_ra (q, m) are the cross-products left after that projection. `pairs` are kept
    where the projection is sparse, has one component and not too many of them.
    """

    first: OneFactor
    indptr: npt.NDArray[np.int64]
    indices: npt.NDArray[np.int64]
    c: Floats
    W_rr: Floats
    W_ra: Floats
    shapes: tuple[tuple[int, int], ...]
    pairs: Pairs | None

    @property
    def rows(self) -> npt.NDArray[np.int64]:
        """The eliminated group of each stored value, (nnz,)."""
        return np.repeat(np.arange(len(self.indptr) - 1), np.diff(self.indptr))

    def matrix(self, values: Floats) -> Projection:
        """Return stored values (nnz,) as a (J, q) matrix, sparse unless it is small."""
        shape = (len(self.indptr) - 1, len(self.W_rr))
        if shape[0] * shape[1] <= SMALL:
            whole = np.zeros(shape)
            whole[self.rows, self.indices] = values
            return whole
        return csr_array((values, self.indices, self.indptr), shape=shape)

    def spans(self) -> Iterator[tuple[slice, int, int]]:
        """Yield the place, components and levels of each factor that is not eliminated."""
        start = 0
        for p, J in self.shapes:
            yield slice(start, start + p * J), p, J
            start += p * J


def one_factor(codes: Codes, J: int, *, Z: Floats, A: Floats) -> OneFactor:
    """Return the statistics of one grouping factor. Costs O(n p (p + m))."""
    return eliminate(codes, J, Z, A)[0]


def several_factors(
    codes: Sequence[Codes], levels: Sequence[int], *, Z: Sequence[Floats], A: Floats
) -> SeveralFactors:
    """Return the statistics of several factors; the first of each sequence is eliminated."""
    first, Q, residual = eliminate(codes[0], levels[0], Z[0], A)
    rows, columns, values, start = [], [], [], 0
    starts = []
    for code, J, z in zip(codes[1:], levels[1:], Z[1:], strict=True):
        starts.append(start)
        pair, used = _pairs(codes[0], code, J)
        for b, component in enumerate(z):
            rows.append(used // J)
            columns.append(start + b * J + used % J)
            values.append([np.bincount(pair, weights=q * component) for q in Q])
        start += len(z) * J
    row, column = np.concatenate(rows), np.concatenate(columns)
    order = np.argsort(row * start + column)
    row, column = row[order], column[order]
    c = np.concatenate([np.array(v) for v in values], axis=1)[:, order]
    indptr = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=levels[0]))])
    W_rr = _gram(codes[1:], levels[1:], Z[1:], starts, start)
    sizes = np.diff(indptr)
    products = None
    if len(c) == 1 and levels[0] * start > SMALL and sizes @ (sizes + 1) <= 2 * PAIRS:
        products = pairs(indptr, column, c[0], start)
        W_rr -= mirrored(products.gram(np.ones(levels[0]), start))
    else:
        for values_a in c:
            W_rr -= _sparse_gram(indptr, column, values_a, start)
    W_ra = _against(codes[1:], levels[1:], Z[1:], residual)
    shapes = tuple((len(z), J) for z, J in zip(Z[1:], levels[1:], strict=True))
    return SeveralFactors(first, indptr, column, c, W_rr, W_ra, shapes, products)


def eliminate(codes: Codes, J: int, Z: Floats, A: Floats) -> tuple[OneFactor, Floats, Floats]:
    """Return statistics, the orthonormal columns Q (p, n) and the residuals of A (m, n)."""
    p, n = Z.shape
    R = np.zeros((p, p, J))
    c = np.empty((len(A), p, J))
    Q, residual, buffer = np.array(Z), np.array(A), np.empty(n)

    def taken(row: Floats, a: int) -> Floats:
        """Return the sums of row times Q_a per group, and take that part out of the row."""
        np.multiply(row, Q[a], out=buffer)
        sums: Floats = np.bincount(codes, weights=buffer, minlength=J).astype(float, copy=False)
        np.take(sums, codes, out=buffer, mode="clip")
        np.multiply(buffer, Q[a], out=buffer)
        row -= buffer
        return sums

    for a in range(p):
        norm2 = np.bincount(codes, weights=np.multiply(Q[a], Q[a], out=buffer), minlength=J)
        whole = norm2 if a == 0 else norm2 + np.einsum("bj,bj->j", R[:a, a], R[:a, a])
        present = norm2 > DEFICIENT * whole
        R[a, a] = np.where(present, np.sqrt(norm2), 0.0)
        inverse = np.divide(1.0, R[a, a], out=np.zeros(J), where=present)
        Q[a] *= np.take(inverse, codes, out=buffer, mode="clip")
        for b in range(a + 1, p):
            R[a, b] = taken(Q[b], a)
    for k in range(len(A)):
        for a in range(p):
            c[k, a] = taken(residual[k], a)
    return OneFactor(R, c, residual @ residual.T, n), Q, residual


def within_slopes(W: Floats, n: int) -> Floats:
    """Return the slopes (P,) of y on X within groups from W = [X y]'[X y] of scaled columns.

    Directions that do not vary within groups, or by rounding alone, have no slope.
    """
    P = len(W) - 1
    values, vectors = np.linalg.eigh(W[:P, :P])
    varies = values > max(1e-10 * float(values.max(initial=0.0)), CONSTANT * n)
    along = vectors[:, varies]
    return np.asarray(along @ ((along.T @ W[:P, P]) / values[varies]))


def _pairs(first: Codes, second: Codes, J: int) -> tuple[Codes, Codes]:
    """Return each row's pair (first, second) as a number, and the pairs as first * J + second."""
    top = int(first.max()) + 1
    partner = np.zeros(top, dtype=np.intp)
    partner[first] = second
    if (partner[first] == second).all():
        return first, np.arange(top) * J + partner
    used, pair = np.unique(first * J + second, return_inverse=True)
    return pair.astype(np.intp), used


def _gram(
    codes: Sequence[Codes],
    levels: Sequence[int],
    Z: Sequence[Floats],
    starts: Sequence[int],
    size: int,
) -> Floats:
    """Return Z'Z of the factors that stay, dense (q, q)."""
    G = np.zeros((size, size))
    for f, (code, J, z) in enumerate(zip(codes, levels, Z, strict=True)):
        for h in range(f + 1):
            other, K, w = codes[h], levels[h], Z[h]
            pair, used = _pairs(code, other, K)
            for a, za in enumerate(z):
                for b, wb in enumerate(w):
                    values = np.bincount(pair, weights=za * wb)
                    i, j = starts[f] + a * J + used // K, starts[h] + b * K + used % K
                    G[i, j] = values
                    G[j, i] = values
    return G


def _sparse_gram(
    indptr: npt.NDArray[np.int64], indices: npt.NDArray[np.int64], values: Floats, size: int
) -> Floats:
    S = csr_array((values, indices, indptr), shape=(len(indptr) - 1, size))
    return np.asarray((S.T @ S).toarray())


def _against(
    codes: Sequence[Codes], levels: Sequence[int], Z: Sequence[Floats], residual: Floats
) -> Floats:
    """Return Z'residual of the factors that stay, (q, m)."""
    parts = [
        np.array([np.bincount(code, weights=za * r, minlength=J) for r in residual])
        for code, J, z in zip(codes, levels, Z, strict=True)
        for za in z
    ]
    return np.concatenate(parts, axis=1).T
