"""The standardised solution: coefficients in standard deviations, with their standard errors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from crosslevel.psychometrics.sem.expressions import Dual, value_of
from crosslevel.psychometrics.sem.matrices import Block
from crosslevel.psychometrics.sem.table import Definition, Parameter, Table

Floats = npt.NDArray[np.float64]
_STEP = 1e-6


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


def standardised_errors(
    table: Table, blocks: Sequence[Block], values: Sequence[float], at: tuple[Floats, Floats]
) -> Floats:
    """Return standard errors of the standardised parameters by the delta method.

    `at` holds the free parameters (k,) and their covariances (k, k).
    """
    theta, covariance = at
    slopes = np.empty((len(table.rows), len(theta)))
    for k in range(len(theta)):
        step = _STEP * max(1.0, abs(theta[k]))
        sides = []
        for sign in (1.0, -1.0):
            moved = theta.copy()
            moved[k] += sign * step
            sides.append(standardised(table, blocks, filled(table, values, moved), moved))
        slopes[:, k] = (sides[0] - sides[1]) / (2 * step)
    slopes[np.abs(slopes) < 1e-9] = 0.0
    variance: Floats = np.einsum("ik,kl,il->i", slopes, covariance, slopes)
    errors: Floats = np.sqrt(np.maximum(variance, 0.0))
    return errors


def filled(table: Table, values: Sequence[float], theta: Floats) -> Floats:
    """Return, row by row, every parameter, free or fixed."""
    free = np.array([row.free for row in table.rows], dtype=np.intp)
    fixed = np.array(values)
    return np.where(free >= 0, theta[free], fixed) if len(theta) else fixed


def defined(
    definitions: Sequence[Definition], table: Table, estimates: Floats, covariance: Floats
) -> list[tuple[float, float]]:
    """Return estimate and standard error of each defined quantity, in the order of the model."""
    k = len(covariance)
    known: dict[str, Dual] = {}
    for row, estimate in zip(table.rows, estimates, strict=True):
        if row.label:
            slope = np.zeros(k)
            if row.free >= 0:
                slope[row.free] = 1.0
            known.setdefault(row.label, Dual(float(estimate), slope))
    found = []
    for one in definitions:
        known[one.name] = value_of(one.expression, known, where=f"line {one.line}")
        slope = known[one.name].slope
        error = float(np.sqrt(np.maximum(slope @ covariance @ slope, 0.0)))
        found.append((known[one.name].value, error))
    return found


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
