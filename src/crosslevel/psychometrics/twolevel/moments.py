"""What a two-level model says about data: covariances within and between units, and means.

Letters: p variables measured on persons come first, then r measured on units; q = p + r. W (p, p)
is the covariance within units, B (q, q) between them, mu (q,) the means. As one vector of m
coordinates they are vech(W), vech(B), mu, the lower triangle row by row.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from crosslevel.psychometrics.grouping import Floats

Indices = npt.NDArray[np.intp]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Layout:
    """Where each covariance and mean sits in the vector of moments."""

    p: int
    q: int

    @property
    def within(self) -> tuple[Indices, Indices]:
        """Rows and columns of vech(W)."""
        return _triangle(self.p)

    @property
    def between(self) -> tuple[Indices, Indices]:
        """Rows and columns of vech(B)."""
        return _triangle(self.q)

    @property
    def slices(self) -> tuple[slice, slice, slice]:
        """Places of vech(W), vech(B) and mu."""
        first = self.p * (self.p + 1) // 2
        second = first + self.q * (self.q + 1) // 2
        return slice(0, first), slice(first, second), slice(second, second + self.q)

    @property
    def m(self) -> int:
        """Length of the vector."""
        return len(self.within[0]) + len(self.between[0]) + self.q

    def pack(self, moments: Moments) -> Floats:
        """Moments -> (m,) vector."""
        return np.concatenate(
            [moments.W[self.within], moments.B[self.between], np.asarray(moments.mu)]
        )

    def unpack(self, vector: Floats) -> Moments:
        """(m,) vector -> moments."""
        w, b, mu = (vector[part] for part in self.slices)
        return Moments(
            _symmetric(w, self.within, self.p), _symmetric(b, self.between, self.q), mu.copy()
        )

    def gradient(self, dW: Floats, dB: Floats, dmu: Floats) -> Floats:
        """Derivatives by unrestricted matrices (..., p, p), (..., q, q) -> by coordinates."""
        return np.concatenate([_folded(dW, self.within), _folded(dB, self.between), dmu], axis=-1)


@dataclass(frozen=True, slots=True)
class Moments:
    """Covariances within and between units, and means, in the order of the statistics."""

    W: Floats
    B: Floats
    mu: Floats


@cache
def _triangle(size: int) -> tuple[Indices, Indices]:
    """Rows and columns of a lower triangle."""
    return np.tril_indices(size)


def _symmetric(values: Floats, where: tuple[Indices, Indices], size: int) -> Floats:
    """Lower triangle -> symmetric matrix."""
    rows, columns = where
    matrix = np.zeros((size, size))
    matrix[rows, columns] = values
    matrix[columns, rows] = values
    return matrix


def _folded(derivative: Floats, where: tuple[Indices, Indices]) -> Floats:
    """Derivative by a matrix -> by its lower triangle, where each off-diagonal stands for two."""
    rows, columns = where
    weight = np.where(rows == columns, 1.0, 2.0)
    return derivative[..., rows, columns] * weight
