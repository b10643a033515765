"""theta and the lower triangles T it fills: one T per grouping factor, Sigma = T T'.

theta holds the free entries factor by factor (most levels first), block by block, column by
column: lme4's order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from crosslevel.multilevel.coding import Floats
from crosslevel.multilevel.design import Factor


@dataclass(frozen=True, slots=True)
class Parameters:
    """Where each theta stands: factor (K,), row (K,), column (K,); p and positions per factor."""

    factor: npt.NDArray[np.intp]
    row: npt.NDArray[np.intp]
    column: npt.NDArray[np.intp]
    sizes: tuple[int, ...]
    places: tuple[npt.NDArray[np.intp], ...]

    def __len__(self) -> int:
        return len(self.factor)

    def of(self, factor: int) -> npt.NDArray[np.intp]:
        """Return the positions in theta of one factor."""
        return self.places[factor]

    def unpack(self, theta: Floats) -> tuple[Floats, ...]:
        """Return the lower triangles, one (p, p) per factor."""
        made = []
        for f, p in enumerate(self.sizes):
            T = np.zeros((p, p))
            at = self.of(f)
            T[self.row[at], self.column[at]] = theta[at]
            made.append(T)
        return tuple(made)

    def pack(self, triangles: Sequence[Floats]) -> Floats:
        """Return theta from the lower triangles."""
        return np.array(
            [triangles[f][a, b] for f, a, b in zip(self.factor, self.row, self.column, strict=True)]
        )

    def directions(self, factor: int, T: Floats) -> Floats:
        """Return dSigma for each theta of a factor, (K_f, p, p): e_a t_b' + t_b e_a'."""
        at = self.of(factor)
        S = np.zeros((len(at), *T.shape))
        k = np.arange(len(at))
        S[k, self.row[at], :] = T[:, self.column[at]].T
        return S + S.transpose(0, 2, 1)


def parameters(factors: Sequence[Factor]) -> Parameters:
    """Return the free entries of the lower triangles of these factors."""
    places: list[tuple[int, int, int]] = []
    for f, factor in enumerate(factors):
        blocks = np.array(factor.blocks)
        for block in dict.fromkeys(factor.blocks):
            at = np.flatnonzero(blocks == block)
            places += [(f, int(a), int(b)) for b in at for a in at if a >= b]
    table = np.array(places, dtype=np.intp).reshape(-1, 3)
    found = tuple(np.flatnonzero(table[:, 0] == f) for f in range(len(factors)))
    return Parameters(table[:, 0], table[:, 1], table[:, 2], tuple(f.p for f in factors), found)
