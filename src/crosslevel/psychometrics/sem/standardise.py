"""The standardised solution: coefficients in standard deviations, with their standard errors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from crosslevel.psychometrics.sem.delta import slope_errors
from crosslevel.psychometrics.sem.expressions import Dual, value_of
from crosslevel.psychometrics.sem.matrices import Block
from crosslevel.psychometrics.sem.table import Parameter, Table

Floats = npt.NDArray[np.float64]


def standardised(table: Table, blocks: Sequence[Block], estimates: Floats, theta: Floats) -> Floats:
    """Return each parameter with all variables scaled to a variance of one (`std.all`).

    Covariances of residuals become correlations of residuals.
    """
    done = np.empty(len(table.rows))
    for number, block in enumerate(blocks):
        total = np.sqrt(np.maximum(np.diag(block.spread(theta)), 0.0))
        own = np.diag(block.matrices(theta)[1])
        position = {name: i for i, name in enumerate(block.names)}
        for i, row in enumerate(table.rows):
            if row.block == number:
                done[i] = estimates[i] * _factor(row, position, total, own)
    return done


def filled(table: Table, values: Sequence[float], theta: Floats) -> Floats:
    """Return, row by row, every parameter, free or fixed."""
    free = np.array([row.free for row in table.rows], dtype=np.intp)
    fixed = np.array(values)
    return np.where(free >= 0, theta[free], fixed) if len(theta) else fixed


def defined(table: Table, rows: Floats) -> Floats:
    """Return each defined quantity, in the order of the model, at the values of the rows."""
    values = [one.value for one in _duals(table, rows, [np.zeros(0)] * len(rows))]
    return np.array(values, dtype=np.float64)


def defined_errors(table: Table, rows: Floats, covariance: Floats) -> Floats:
    """Return standard errors of the defined quantities, by exact derivatives."""
    k = len(covariance)
    slopes = np.zeros((len(rows), k))
    for i, row in enumerate(table.rows):
        if row.free >= 0:
            slopes[i, row.free] = 1.0
    found = [one.slope for one in _duals(table, rows, list(slopes))]
    return slope_errors(np.array(found).reshape(len(found), k), covariance)


def _duals(table: Table, rows: Floats, slopes: Sequence[Floats]) -> list[Dual]:
    """Return each defined quantity with its derivatives, given those of the rows."""
    known: dict[str, Dual] = {}
    for row, value, slope in zip(table.rows, rows, slopes, strict=True):
        if row.label:
            known.setdefault(row.label, Dual(float(value), slope))
    for one in table.definitions:
        known[one.name] = value_of(one.expression, known, where=f"line {one.line}")
    return [known[one.name] for one in table.definitions]


def _factor(row: Parameter, position: dict[str, int], total: Floats, own: Floats) -> float:
    """What an unstandardised parameter is multiplied with."""
    if row.lhs not in position or (row.rhs and row.rhs not in position):
        return np.nan
    left = total[position[row.lhs]]
    if row.op == "~1":
        return 1.0 / left if left > 0 else np.nan
    right = total[position[row.rhs]]
    if row.op == "=~":
        return left / right if right > 0 else np.nan
    if row.op == "~":
        return right / left if left > 0 else np.nan
    if row.lhs == row.rhs:
        return 1.0 / left**2 if left > 0 else np.nan
    product = own[position[row.lhs]] * own[position[row.rhs]]
    return float(1.0 / np.sqrt(product)) if product > 0 else np.nan
