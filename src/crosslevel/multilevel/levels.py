"""How grouping factors lie inside each other, and what varies at which level."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from crosslevel.multilevel.coding import Codes, Floats
from crosslevel.multilevel.design import Factor


def nested(factors: Sequence[Factor]) -> tuple[Factor, ...] | None:
    """Return the factors coarsest first when each lies inside the one before, otherwise None."""
    ordered = tuple(sorted(factors, key=lambda f: f.J))
    for outer, inner in pairwise(ordered):
        home = np.empty(inner.J, dtype=np.intp)
        home[inner.codes] = outer.codes
        if not (home[inner.codes] == outer.codes).all():
            return None
    return ordered


def group_means(values: Floats, codes: Codes, J: int) -> Floats:
    """Return the mean of (..., n) values in each row's group, (..., n)."""
    size = np.bincount(codes, minlength=J)
    flat = values.reshape(-1, values.shape[-1])
    means = np.array([np.bincount(codes, weights=row, minlength=J) for row in flat]) / size
    return means[:, codes].reshape(values.shape)


def split(values: Floats, ordered: Sequence[Factor]) -> list[Floats]:
    """Return deviations per level, coarsest first and rows last; they sum to values less mean."""
    parts, before = [], np.broadcast_to(values.mean(axis=-1, keepdims=True), values.shape)
    for factor in ordered:
        here = group_means(values, factor.codes, factor.J)
        parts.append(here - before)
        before = here
    return [*parts, values - before]
