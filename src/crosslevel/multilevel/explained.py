"""Explained variance: Nakagawa's marginal and conditional R2, and the full partition behind them.

    total = var(X beta) + sum over factors (m'T m + tr(T S)) + sigma^2

m and S are the means and covariances of a factor's random columns over rows, T its covariance
matrix. Each part is placed at the level at which it varies.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from crosslevel.multilevel.coding import Floats
from crosslevel.multilevel.design import Factor
from crosslevel.multilevel.levels import nested, split

if TYPE_CHECKING:
    from crosslevel.multilevel.result import MultilevelFit

ROWS = "rows"
ALL = "all"
NOTHING = 1e-12  # share of a factor's slope variance that is rounding: slopes centred at that level


@dataclass(frozen=True, slots=True)
class Explained:
    """Shares of the outcome's model-implied variance.

    `marginal`: fixed part; `conditional`: fixed part and random effects. `partition` has one row
    per level, component ("fixed", "intercepts", "slopes", "residual") and group whose random
    coefficients make it: variance, share of the total, share of that level.
    """

    marginal: float
    conditional: float
    partition: pd.DataFrame

    def tidy(self) -> pd.DataFrame:
        """Return the partition."""
        return self.partition


def r_squared(fit: MultilevelFit) -> Explained:
    """Return the shares of variance that the fixed part, random slopes and intercepts account for.

    Notes
    -----
    Nakagawa and Schielzeth (2013, doi 10.1111/j.2041-210x.2012.00261.x) with random slopes as in
    Johnson (2014, doi 10.1111/2041-210X.12225); agrees with R's performance, which however leaves
    out separate slope terms such as (0 + x | g). The partition is Rights and Sterba's (2019, doi
    10.1037/met0000184): level `rows`, fixed = f1; level of the group, fixed = f2; slopes = v;
    intercepts = m; `share` gives their R2_t, `share_of_level` R2_w and R2_b. The fixed part is
    split by its means at each level, which are theirs when predictors are centred within groups,
    and slopes likewise. The covariances of random columns have divisor n, so that all parts sum to
    Johnson's; theirs have n - 1. With crossed factors no level lies inside another: everything but
    intercepts and residual then stands at level `all`.

    An offset is no part of the model's prediction here. With weights, sigma^2 is that of a row of
    weight one.
    """
    design, estimates = fit.design, fit.estimates
    kept = [k for k, name in enumerate(design.names) if name not in estimates.dropped]
    ordered = nested(design.factors)
    chain = ordered or ()
    places = [*(f.name for f in chain), ROWS] if ordered else [ALL]
    fixed = split(estimates.beta @ design.X[kept], chain)
    rows = [
        (place, "fixed", "", float(part @ part) / (design.n - 1))
        for place, part in zip(places, fixed, strict=True)
    ]
    for factor, T in zip(design.factors, estimates.T, strict=True):
        rows += _random(factor, estimates.sigma**2 * (T @ T.T), chain, places)
    rows.append((ROWS, "residual", "", estimates.sigma**2))
    return _explained(rows, [*places, *(f.name for f in design.factors), ROWS])


def _random(
    factor: Factor, T: Floats, chain: tuple[Factor, ...], places: list[str]
) -> list[tuple[str, str, str, float]]:
    """Return the components of one factor's random coefficients."""
    mean = factor.Z.mean(axis=1)
    rows = [(factor.name, "intercepts", factor.name, float(mean @ T @ mean))]
    own = places.index(factor.name) if factor.name in places else 0
    varying: dict[str, float] = {}
    for position, part in enumerate(split(factor.Z, chain)):
        S = part @ part.T / part.shape[1]
        place = places[max(position, own)]
        varying[place] = varying.get(place, 0.0) + float(np.sum(T * S))
    whole = sum(varying.values())
    slopes = {place: value for place, value in varying.items() if value > NOTHING * whole}
    return rows + [(place, "slopes", factor.name, value) for place, value in slopes.items()]


def _explained(rows: list[tuple[str, str, str, float]], order: list[str]) -> Explained:
    table = pd.DataFrame(rows, columns=["level", "component", "group", "variance"])
    rank = {name: k for k, name in reversed(list(enumerate(order)))}
    table = table.iloc[np.argsort(table["level"].map(rank).to_numpy(), kind="stable")]
    table = table.reset_index(drop=True)
    total = float(table["variance"].sum())
    table["share"] = table["variance"] / total
    level = table.groupby("level")["variance"].transform("sum")
    table["share_of_level"] = (table["variance"] / level.where(level > 0)).astype(float)
    share = table.groupby("component")["share"].sum()
    return Explained(float(share["fixed"]), 1.0 - float(share["residual"]), table)
