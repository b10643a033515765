"""How far a calibrated weight may be from the one before: the factors of Deville & Sarndal (1992).

A weight d becomes d F(u), u = x'l, with F(0) = F'(0) = 1 and l chosen so that totals are met:

    linear       F = 1 + u            exponential  F = exp(u)         cut at L and U when given
    logit        F = (L (U - 1) + U (1 - L) e) / (U - 1 + (1 - L) e),
                 e = exp(u (U - L) / ((U - 1) (1 - L)))
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from crosslevel.errors import MeasurementError

Floats = npt.NDArray[np.float64]
METHODS = ("linear", "exponential", "logit")
STEPS = 200
HALVINGS = 40


@dataclass(frozen=True, slots=True)
class Distance:
    """One of METHODS, with the smallest and the largest factor L and U."""

    method: str
    low: float
    high: float

    def factor(self, u: Floats) -> Floats:
        """Return F(u), (n,)."""
        if self.method == "logit":
            return np.asarray(self.low + (self.high - self.low) * self._share(u))
        with np.errstate(over="ignore"):
            free = 1.0 + u if self.method == "linear" else np.exp(u)
        return np.asarray(np.clip(free, self.low, self.high))

    def slope(self, u: Floats) -> Floats:
        """Return F'(u), (n,); zero where F is cut."""
        if self.method == "logit":
            share = self._share(u)
            size = (self.high - self.low) ** 2 / ((self.high - 1.0) * (1.0 - self.low))
            return np.asarray(size * share * (1.0 - share))
        F = self.factor(u)
        inside = (self.low < F) & (self.high > F)
        return np.where(inside, 1.0 if self.method == "linear" else F, 0.0)

    def _share(self, u: Floats) -> Floats:
        """Where F lies between L (0) and U (1)."""
        below, above = 1.0 - self.low, self.high - 1.0
        return np.asarray(expit(u * (below + above) / (below * above) + np.log(below / above)))


def distance(method: str, bounds: tuple[float, float] | None) -> Distance:
    """Return a distance by its name and bounds.

    Raises
    ------
    MeasurementError
        For an unknown method, bounds that do not lie around one, and "logit" without bounds.
    """
    if method not in METHODS:
        known = ", ".join(map(repr, METHODS))
        raise MeasurementError(f"`method` must be {known}, got {method!r}.")
    if bounds is None:
        if method == "logit":
            raise MeasurementError(
                "'logit' needs `bounds`: the smallest and the largest factor, such as (0.5, 2)."
            )
        return Distance(method, -np.inf if method == "linear" else 0.0, np.inf)
    number = isinstance(bounds, Sequence) and all(isinstance(b, int | float) for b in bounds)
    if not number or len(bounds) != 2 or not -np.inf < bounds[0] < 1.0 < bounds[1] < np.inf:
        raise MeasurementError(
            "`bounds` are the smallest and the largest factor by which a weight may change, below "
            f"and above 1; got {bounds!r}."
        )
    return Distance(method, float(bounds[0]), float(bounds[1]))


def calibrated(
    X: Floats, target: Floats, d: Floats, *, by: Distance, tolerance: float
) -> tuple[Floats, int]:
    """Return weights d F(X'l) (n,) with X w = target, and the steps of Newton's method it took.

    A step is halved while the largest difference rises; "linear" without bounds needs one.

    Raises
    ------
    MeasurementError
        When no such weights are found.
    """
    size = np.maximum(np.abs(X) @ d, 1e-300)
    X, target = X / size[:, None], target / size
    scale = np.maximum(np.abs(target), 1e-12)
    lam = np.zeros(len(X))
    off = X @ d - target
    for step in range(1, STEPS + 1):
        slope = d * by.slope(lam @ X)
        move = -np.linalg.lstsq((X * slope) @ X.T, off, rcond=1e-11)[0]
        for _ in range(HALVINGS):
            w = d * by.factor((lam + move) @ X)
            ahead = X @ w - target
            if np.linalg.norm(ahead) < np.linalg.norm(off) or not off.any():
                break
            move = move / 2.0
        lam, off = lam + move, ahead
        if np.isfinite(w).all() and np.abs(off / scale).max() <= tolerance:
            return w, step
    raise MeasurementError(
        "No weights meet these totals"
        + (" within `bounds`" if np.isfinite(by.high) else "")
        + ": they may contradict each other, or lie outside what the respondents can be weighed "
        "to. Check the totals, or leave one out."
    )
