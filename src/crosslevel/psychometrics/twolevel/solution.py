"""Functions of the parameters of a two-level model: standardised values, omega."""

from __future__ import annotations

import numpy as np

from crosslevel.psychometrics.grouping import Floats
from crosslevel.psychometrics.sem.standardise import defined, filled
from crosslevel.psychometrics.sem.standardise import standardised as scaled
from crosslevel.psychometrics.twolevel.structure import Model


def estimates(model: Model, theta: Floats) -> Floats:
    """Return the value of each row of the table, then of each defined quantity."""
    rows = filled(model.table, model.values, theta)
    return np.concatenate([rows, defined(model.table, rows)])


def standardised(model: Model, theta: Floats) -> Floats:
    """Return the same in standard deviations of each level."""
    rows = filled(model.table, model.values, theta)
    rows = scaled(model.table, (model.within, model.between), rows, theta)
    return np.concatenate([rows, defined(model.table, rows)])


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
