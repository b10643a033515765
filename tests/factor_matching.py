"""Factors have neither order nor sign: the match that is closest to a reference."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def matched(loadings: Floats, reference: Floats) -> tuple[Floats, list[int], Floats]:
    """Return loadings in the reference's order and signs, that order, and those signs."""
    found = []
    for order in permutations(range(loadings.shape[1])):
        moved = loadings[:, list(order)]
        signs = np.sign((moved * reference).sum(axis=0))
        found.append((np.abs(moved * signs - reference).max(), list(order), signs))
    _, order, signs = min(found, key=lambda one: one[0])
    return loadings[:, order] * signs, order, signs
