"""Cross-level interactions taken apart: simple slopes, and where a slope differs from zero."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.optimize import brentq

from crosslevel.errors import ModelError
from crosslevel.multilevel.coding import Floats
from crosslevel.multilevel.combinations import combined, labelled
from crosslevel.multilevel.df import Reference
from crosslevel.multilevel.grid import At, chosen, predictors
from crosslevel.multilevel.margins import slopes, trends
from crosslevel.multilevel.tables import quantile

if TYPE_CHECKING:
    from crosslevel.multilevel.result import MultilevelFit

QUANTILES = (0.1, 0.5, 0.9)
CURVE = 101


def moderator_values(fit: MultilevelFit, moderator: str) -> Floats:
    """Return the values of a numeric moderator, one per group when it is constant within groups.

    A unit's value counts once, however many rows the unit has; the factor with fewest groups within
    which the moderator is constant decides.
    """
    values = np.asarray(predictors(fit.design)[moderator].values, dtype=float)
    for factor in sorted(fit.design.factors, key=lambda f: f.J):
        first = np.zeros(factor.J)
        first[factor.codes] = values
        if np.allclose(first[factor.codes], values, rtol=1e-9, atol=1e-12):
            return first
    return values


def simple_slopes(
    fit: MultilevelFit,
    x: str,
    *,
    moderator: str,
    at: object = None,
    others: At | None = None,
    df: str = "satterthwaite",
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """Return the slope of the outcome in `x` at values of the moderator.

    Parameters
    ----------
    x
        Number of the fixed part, such as `"use"` or `"within(use, unit)"`.
    moderator
        The other side of the interaction. A category gives one slope per level.
    at
        Values of the moderator; by default its 10th, 50th and 90th percentiles, over groups when
        the moderator is constant within them, so that large units do not count more often.
    others
        Values of further variables, as `at` of `emmeans`.

    Notes
    -----
    Aiken and West (1991); variance V11 + 2 z V13 + z^2 V33 for a plain product term.
    """
    known = predictors(fit.design)
    _check(fit, x, moderator)
    if at is None and known[moderator].levels is None:
        at = np.quantile(moderator_values(fit, moderator), QUANTILES)
    place = dict(others or {}) if at is None else {**(others or {}), moderator: at}
    return trends(fit, x, by=moderator, at=place, df=df, conf_level=conf_level)


@dataclass(frozen=True, slots=True)
class JohnsonNeyman:
    """Where the slope of `x` differs from zero along a moderator.

    `regions`: from, to, slope ("positive", "negative", "not distinguishable from zero") and the
    share of groups (or rows) with the moderator in that region. `bounds`: the limits between them.
    `curve`: slope and pointwise interval along the observed range, for a figure.
    """

    x: str
    moderator: str
    regions: pd.DataFrame
    bounds: tuple[float, ...]
    curve: pd.DataFrame
    conf_level: float

    def tidy(self) -> pd.DataFrame:
        """Return one row per region."""
        return self.regions


def johnson_neyman(
    fit: MultilevelFit,
    x: str,
    *,
    moderator: str,
    others: At | None = None,
    df: str = "satterthwaite",
    conf_level: float = 0.95,
) -> JohnsonNeyman:
    """Return the regions of the moderator's observed range in which the slope of `x` is not zero.

    Each point of the range is tested by itself, at the level given; over a wide range some region
    may appear by chance (Esarey and Sumner, 2018, doi 10.1177/0010414017730080).

    Notes
    -----
    Johnson and Neyman (1936); Bauer and Curran (2005, doi 10.1207/s15327906mbr4003_5) for
    multilevel models. The limits solve slope(z)^2 = q(z)^2 variance(z): a quadratic when the slope
    is linear in z and df do not depend on it, otherwise sought numerically between the points of
    `curve`.
    """
    known = predictors(fit.design)
    _check(fit, x, moderator)
    if known[moderator].levels is not None:
        raise ModelError(f"`moderator` must be a number; '{moderator}' is a category.")
    values = moderator_values(fit, moderator)
    low, high = float(values.min()), float(values.max())
    z = np.linspace(low, high, CURVE)
    L = _rows(fit, x, moderator, z, others)
    line = _Line(fit, (x, moderator), others, fit.reference(df), conf_level)
    table = line.at(z)
    if df in ("normal", "residual") and _straight(L):
        cut = float(quantile(table["df"].to_numpy(), conf_level)[0])
        bounds = _closed(fit, L[[0, -1]], cut)
        roots = sorted(low + (high - low) * r for r in bounds if 0.0 < r < 1.0)
    else:
        roots = line.limits(z, table)
    curve = labelled(table, [x] * CURVE, pd.DataFrame({moderator: z}))
    regions = line.regions([low, *roots, high], values)
    return JohnsonNeyman(x, moderator, regions, tuple(roots), curve, conf_level)


def _check(fit: MultilevelFit, x: str, moderator: str) -> None:
    known = predictors(fit.design)
    chosen(known, [x], argument="x")
    chosen(known, [moderator], argument="moderator")
    if x == moderator:
        raise ModelError(f"`x` and `moderator` are both '{x}'.")


def _rows(
    fit: MultilevelFit, x: str, moderator: str, z: Floats | Sequence[float], others: At | None
) -> Floats:
    return slopes(fit, x, moderator, {**(others or {}), moderator: z})[0]


def _straight(L: Floats) -> bool:
    share = np.linspace(0.0, 1.0, len(L))[:, None]
    line = L[:1] + share * (L[-1:] - L[:1])
    return bool(np.abs(L - line).max() <= 1e-8 * max(1.0, float(np.abs(L).max())))


def _closed(fit: MultilevelFit, ends: Floats, cut: float) -> list[float]:
    """Return the roots of slope^2 = cut^2 variance along the way from the first end to the last."""
    kept = [k for k, n in enumerate(fit.design.names) if n not in fit.estimates.dropped]
    a, b = ends[0, kept], (ends[1] - ends[0])[kept]
    V, beta = fit.estimates.vcov, fit.estimates.beta
    constant = (a @ beta) ** 2 - cut**2 * (a @ V @ a)
    linear = 2.0 * ((a @ beta) * (b @ beta) - cut**2 * (a @ V @ b))
    square = (b @ beta) ** 2 - cut**2 * (b @ V @ b)
    found = np.roots([square, linear, constant])
    return [float(r.real) for r in found if abs(r.imag) == 0.0]


@dataclass(frozen=True, slots=True)
class _Line:
    """The slope of `names[0]` along `names[1]`, with its tests."""

    fit: MultilevelFit
    names: tuple[str, str]
    others: At | None
    reference: Reference
    conf_level: float

    def at(self, z: Floats | Sequence[float]) -> pd.DataFrame:
        """Return the tests of the slopes at values z of the moderator."""
        L = _rows(self.fit, *self.names, z, self.others)
        return combined(self.fit, L, reference=self.reference, conf_level=self.conf_level)

    def margin(self, table: pd.DataFrame) -> Floats:
        """Return by how much each statistic exceeds its critical value."""
        cut = quantile(table["df"].to_numpy(), self.conf_level)
        return np.asarray(np.abs(table["statistic"].to_numpy()) - cut)

    def limits(self, z: Floats, table: pd.DataFrame) -> list[float]:
        """Return where the margin changes sign between neighbouring points z."""
        sure = self.margin(table) > 0
        places = np.flatnonzero(sure[1:] != sure[:-1])
        return [
            float(brentq(lambda v: float(self.margin(self.at([v]))[0]), z[k], z[k + 1]))
            for k in places
        ]

    def regions(self, edges: list[float], values: Floats) -> pd.DataFrame:
        """Return the stretches between edges, judged at their middle."""
        table = self.at([(a + b) / 2.0 for a, b in pairwise(edges)])
        words = np.where(table["estimate"] > 0, "positive", "negative")
        inside = np.searchsorted(edges, values, side="right") - 1
        inside = np.clip(inside, 0, len(table) - 1)
        return pd.DataFrame(
            {
                "from": edges[:-1],
                "to": edges[1:],
                "slope": np.where(self.margin(table) > 0, words, "not distinguishable from zero"),
                "share": np.bincount(inside, minlength=len(table)) / len(values),
            }
        )
