"""What a model of ordered items would gain from parameters it does not have.

As for other models (`extending`), with slopes and curvature of the weighted squares in place of
scores and information; not scaled, as in lavaan, which multiplies by (n - 1) / n besides.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from crosslevel.psychometrics.sem.extending import Derive, absent
from crosslevel.psychometrics.sem.matrices import blocks
from crosslevel.psychometrics.sem.maximum import Maximum
from crosslevel.psychometrics.sem.table import Parameter, Table
from crosslevel.psychometrics.sem.weighted import Group, normal_equations, scales

Floats = npt.NDArray[np.float64]


def deriving(parts: Sequence[Group]) -> Derive:
    """Return what gives slopes and curvature of another table for the same moments."""

    def derive(model: Maximum, table: Table, theta: Floats) -> tuple[Floats, Floats]:
        """Slopes and curvature in the parameters of the table."""
        rows = zip(model.table.rows, model.values, strict=True)
        known = {(row.block, row.key): value for row, value in rows}
        values = [known.get((row.block, row.key), row.value) for row in table.rows]
        places = scales(table, parts[0].block.observed)
        groups = [
            Group(part.moments, block, place)
            for part, block, place in zip(parts, blocks(table, values), places, strict=True)
        ]
        curvature, slope = normal_equations(groups, theta)
        return slope, curvature

    return derive


def absent_of_ordered(model: Maximum) -> list[Parameter]:
    """Return what a modification could free: ordered items have no variance or scale of their own.

    Their means can be freed where thresholds are equal in all groups.
    """
    items = set(model.table.block_roles[0].observed)
    return [
        row
        for row in absent(model)
        if row.op in ("=~", "~", "~~", "~1") and not (row.lhs in items and row.lhs == row.rhs)
    ]
