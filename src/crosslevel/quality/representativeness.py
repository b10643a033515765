"""R-indicators: how unequal the chances to respond were, in all and by attribute.

rho (n,) are fitted response propensities, z = rho (1 - rho) x their gradients, C the covariance of
the coefficients, d weights with sum N. Everything is a mean of squared deviations of rho:

    S2 = sum d (rho - rho.)^2 / (N - 1),   R = 1 - 2 S,
    E S2(fitted) - S2 = tr(B C),   Var S2 = 4 A'C A + 2 tr(B C B C),
    A = sum d (rho - rho.)(z - z.) / N,   B = sum d (z - z.)(z - z.)' / N.

At fitted propensities A'C A is itself too large by tr(B C B C), so that the standard error is
cautious when all propensities are nearly alike (by a factor up to 1.7).

Source: Schouten, Cobben & Bethlehem (2009); Shlomo, Skinner & Schouten (2012) for bias and
variance; Schouten, Shlomo & Skinner (2011) for partial indicators.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Propensities:
    """rho (n,); z (P, n) their gradients; covariance (P, P) of the coefficients; d (n,)."""

    rho: Floats
    z: Floats
    covariance: Floats
    d: Floats

    @property
    def mean(self) -> float:
        """Weighted mean propensity, the response rate."""
        return float(self.d @ self.rho / self.d.sum())


@dataclass(frozen=True, slots=True)
class Spread:
    """S2 as fitted, its expected bias, and its standard error."""

    plain: float
    bias: float
    std_error: float

    @property
    def adjusted(self) -> float:
        """S2 without its bias; never below zero."""
        return max(self.plain - self.bias, 0.0)

    def r(self, *, adjusted: bool = True) -> float:
        """Return R."""
        return 1.0 - 2.0 * float(np.sqrt(self.adjusted if adjusted else self.plain))

    @property
    def r_std_error(self) -> float:
        """Standard error of R by the delta method at the S2 that was fitted."""
        return self.std_error / float(np.sqrt(self.plain)) if self.plain > 0.0 else np.nan

    def r_interval(self, reach: float) -> tuple[float, float]:
        """Return the interval of R that belongs to S2 plus and minus `reach` standard errors."""
        ends = self.adjusted + reach * self.std_error * np.array([1.0, -1.0])
        low, high = 1.0 - 2.0 * np.sqrt(np.maximum(ends, 0.0))
        return float(low), float(high)


def spread(p: Propensities) -> Spread:
    """Return the variance of the propensities, its bias taken off, and its standard error."""
    N = float(p.d.sum())
    apart, moved = p.rho - p.mean, p.z - (p.z @ p.d / N)[:, None]
    plain = float(p.d @ apart**2) / (N - 1.0)
    A = (moved * p.d) @ apart / N
    BC = (moved * p.d) @ moved.T / N @ p.covariance
    variance = 4.0 * float(A @ p.covariance @ A) + 2.0 * float(np.trace(BC @ BC))
    return Spread(plain, float(np.trace(BC)), float(np.sqrt(variance)))


@dataclass(frozen=True, slots=True)
class Partial:
    """A partial indicator and its standard error."""

    estimate: float
    std_error: float


def unconditional(p: Propensities, codes: Codes) -> tuple[Partial, list[Partial]]:
    """Return the indicator between the levels of an attribute, and one per level with its sign."""
    mean, moved, share = _between(p, codes)
    value = float(np.sqrt(share @ mean**2))
    slope = (moved * share) @ mean / value if value > 0.0 else np.zeros(len(moved))
    levels = [
        _partial(float(np.sqrt(s)) * float(m), np.sqrt(s) * g, p)
        for s, m, g in zip(share, mean, moved.T, strict=True)
    ]
    return _partial(value, slope, p), levels


def conditional(
    p: Propensities, codes: Codes, others: Sequence[Codes]
) -> tuple[Partial, list[Partial]]:
    """Return the indicator of an attribute within the cells of all others, and one per level."""
    N, cell = float(p.d.sum()), np.zeros(len(codes), dtype=np.intp)
    for other in others:
        cell = np.unique(cell * (int(other.max()) + 1) + other, return_inverse=True)[1]
    size = np.bincount(cell, weights=p.d)
    apart = p.rho - (np.bincount(cell, weights=p.d * p.rho) / size)[cell]
    moved = p.z - np.array([(np.bincount(cell, weights=p.d * row) / size)[cell] for row in p.z])

    def _part(rows: npt.NDArray[np.bool_]) -> Partial:
        d = p.d * rows
        value = float(np.sqrt(d @ apart**2 / (N - 1.0)))
        slope = (moved * d) @ apart / (N - 1.0)
        return _partial(value, slope / value if value > 0.0 else 0.0 * slope, p)

    everyone = np.ones(len(codes), dtype=np.bool_)
    return _part(everyone), [_part(codes == k) for k in range(int(codes.max()) + 1)]


def _between(p: Propensities, codes: Codes) -> tuple[Floats, Floats, Floats]:
    """Return by level: mean rho and mean z less the overall means, and the share of people."""
    N, size = float(p.d.sum()), np.bincount(codes, weights=p.d)
    mean = np.bincount(codes, weights=p.d * p.rho) / size - p.mean
    moved = np.array([np.bincount(codes, weights=p.d * row) / size for row in p.z])
    return mean, moved - (p.z @ p.d / N)[:, None], size / N


def _partial(value: float, slope: Floats, p: Propensities) -> Partial:
    return Partial(value, float(np.sqrt(max(float(slope @ p.covariance @ slope), 0.0))))
