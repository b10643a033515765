"""Functions of the parameters of a two-level model: standardised values, omega, their errors."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from crosslevel.psychometrics.grouping import Floats
from crosslevel.psychometrics.sem.expressions import Dual, value_of
from crosslevel.psychometrics.sem.standardise import filled
from crosslevel.psychometrics.sem.standardise import standardised as scaled
from crosslevel.psychometrics.twolevel.structure import Model

_STEP = 1e-5
_STILL = 1e-10


def estimates(model: Model, theta: Floats) -> Floats:
    """Return the value of each row of the table, then of each defined quantity."""
    rows = filled(model.table, model.values, theta)
    return np.concatenate([rows, _defined(model, rows)])


def standardised(model: Model, theta: Floats) -> Floats:
    """Return the same in standard deviations of each level."""
    rows = filled(model.table, model.values, theta)
    rows = scaled(model.table, (model.within, model.between), rows, theta)
    return np.concatenate([rows, _defined(model, rows)])


def omegas(model: Model, theta: Floats) -> dict[tuple[int, str], float]:
    """Return omega of each factor with two or more items, by level.

    Variance of the sum of the factor's items that is due to the factor, over that and the
    residual (co)variances of the items; an item of several factors counts for each.
    Source: Geldhof, Preacher & Zyphur (2014).
    """
    found = {}
    for level, block in ((1, model.within), (2, model.between)):
        a, s, _ = block.matrices(theta)
        spread = block.spread(theta)
        for j, name in enumerate(block.latent, start=len(block.observed)):
            items = [r.rhs for r in model.table.block(level - 1) if r.op == "=~" and r.lhs == name]
            places = [block.observed.index(item) for item in items if item in block.observed]
            if len(places) < 2:
                continue
            common = a[places, j].sum() ** 2 * spread[j, j]
            found[level, name] = float(common / (common + s[np.ix_(places, places)].sum()))
    return found


def errors(function: Callable[[Floats], Floats], theta: Floats, vcov: Floats) -> Floats:
    """Return standard errors of a function of the parameters, by the delta method.

    Derivatives are central differences; 0 where the function does not depend on the parameters.
    """
    gradient = np.zeros((len(function(theta)), len(theta)))
    for i, parameter in enumerate(theta):
        h = np.zeros(len(theta))
        h[i] = _STEP * max(1.0, abs(parameter))
        gradient[:, i] = (function(theta + h) - function(theta - h)) / (2 * h[i])
    gradient[np.abs(gradient) < _STILL] = 0.0
    variance = np.einsum("ij,jk,ik->i", gradient, vcov, gradient)
    return np.sqrt(np.where(variance < 0, np.nan, variance))


def _defined(model: Model, rows: Floats) -> Floats:
    """Quantities defined from labelled parameters, at the values of the rows."""
    none = np.zeros(0)
    table = model.table
    known = {
        r.label: Dual(float(v), none) for r, v in zip(table.rows, rows, strict=True) if r.label
    }
    for item in table.definitions:
        known[item.name] = value_of(item.expression, known, where=f"line {item.line}")
    return np.array([known[item.name].value for item in table.definitions])
