"""Fisher scoring with a damped step: maximum likelihood for complete and incomplete answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from crosslevel.psychometrics.sem.matrices import Block, Moments
from crosslevel.psychometrics.sem.normal import (
    Seen,
    curvature,
    deviance,
    information,
    pull,
    score,
    seen,
)
from crosslevel.psychometrics.sem.sample import Sample

Floats = npt.NDArray[np.float64]
_STEPS = 500
_TIGHT = 1e-13  # Newton decrement, in units of the log-likelihood
_LOOSE = 1e-8  # what rounding may leave of it
_HALVINGS = 30
_NEAR = 30.0  # decrement below which the curvature is learnt from the steps


@dataclass(frozen=True, slots=True)
class Ascent:
    """Where the ascent ended.

    Attributes
    ----------
    theta
        (k,) free parameters.
    deviance
        -2 log-likelihood there.
    decrement
        g' I^-1 g: twice the log-likelihood that a further step promises.
    converged
        Whether the decrement is nought to rounding.
    iterations
        Steps taken.
    """

    theta: Floats
    deviance: float
    decrement: float
    converged: bool
    iterations: int


@dataclass(frozen=True, slots=True)
class _Point:
    """One point of the ascent: deviance, and moments with derivatives under which answers are."""

    theta: Floats
    deviance: float
    moments: tuple[Moments, ...]
    parts: tuple[tuple[Seen, ...], ...]

    def slope(self) -> Floats:
        """Gradient of the log-likelihood, (k,)."""
        pairs = zip(self.moments, self.parts, strict=True)
        return sum((score(*pair) for pair in pairs), np.zeros(len(self.theta)))

    def information(self) -> Floats:
        """Expected information, (k, k)."""
        pairs = zip(self.moments, self.parts, strict=True)
        none = np.zeros((len(self.theta), len(self.theta)))
        return sum((information(*pair) for pair in pairs), none)


def ascend(
    blocks: Sequence[Block],
    samples: Sequence[Sample],
    start: Floats,
    *,
    steps: int = _STEPS,
    reach: float = np.inf,
) -> Ascent:
    """Return the maximum of the likelihood that is reached from `start`.

    Far from it, steps are Fisher scoring; near it the inverse information is corrected by what
    each step shows of the curvature (BFGS), because scoring alone is slow where a model fits badly.
    `reach` bounds a step: the root of its decrement per respondent, whatever the units of items.

    Raises
    ------
    ValueError
        When the covariances implied at `start` are none.
    """
    point, damping = _point(blocks, samples, start.copy()), 0.0
    bound = reach**2 * sum(sample.n for sample in samples)
    if point is None:
        raise ValueError("start")
    g, inverse = point.slope(), None
    decrement = np.inf
    for step in range(steps):
        if inverse is None or not np.isfinite(inverse).all():
            inverse = _inverse(point.information(), damping)
        direction = inverse @ g
        decrement = float(g @ direction)
        if decrement < _TIGHT:
            exact = _inverse(point.information(), 0.0)
            decrement = float(g @ exact @ g)
            if decrement < _LOOSE:
                return Ascent(point.theta, point.deviance, decrement, True, step)
        short = min(1.0, float(np.sqrt(bound / decrement))) if decrement > 0 else 1.0
        moved = _search(blocks, samples, point, short * direction, decrement=short * decrement)
        if moved is None:
            if decrement < _LOOSE or damping > 1e6:
                break
            inverse, damping = None, max(10.0 * damping, 1e-3)
            continue
        change = moved.theta - point.theta
        point = moved
        before, g = g, point.slope()
        damping *= 0.1
        inverse = _corrected(inverse, change, before - g) if decrement < _NEAR else None
    return Ascent(point.theta, point.deviance, decrement, decrement < _LOOSE, steps)


def _point(blocks: Sequence[Block], samples: Sequence[Sample], theta: Floats) -> _Point | None:
    """Return a point; None where the model implies no covariance matrix."""
    total, found, parts = 0.0, [], []
    for block, sample in zip(blocks, samples, strict=True):
        try:
            moments = block.moments(theta, derivatives=True)
        except np.linalg.LinAlgError:
            return None
        own = seen(sample, moments)
        if own is None:
            return None
        total += deviance(moments, own)
        found.append(moments)
        parts.append(own)
    return _Point(theta, total, tuple(found), tuple(parts)) if np.isfinite(total) else None


def _search(
    blocks: Sequence[Block],
    samples: Sequence[Sample],
    at: _Point,
    direction: Floats,
    *,
    decrement: float,
) -> _Point | None:
    """Return a point along a direction where the deviance is lower; None without one."""
    length = 1.0
    for _ in range(_HALVINGS):
        new = _point(blocks, samples, at.theta + length * direction)
        if new is not None and new.deviance <= at.deviance - 1e-4 * length * decrement:
            return new
        length *= 0.5
    return None


def _corrected(inverse: Floats, change: Floats, fall: Floats) -> Floats | None:
    """Return the inverse information after a step: the BFGS update; None where it fails."""
    along = float(change @ fall)
    if along <= 1e-12 * float(np.sqrt((change @ change) * (fall @ fall))):
        return None
    turned = inverse @ fall
    outer = np.outer(change, turned)
    corrected: Floats = (
        inverse
        + (1.0 + float(fall @ turned) / along) * np.outer(change, change) / along
        - (outer + outer.T) / along
    )
    return corrected


def slope_at(blocks: Sequence[Block], samples: Sequence[Sample], theta: Floats) -> Floats:
    """Return the gradient (k,) of the log-likelihood."""
    g = np.zeros(len(theta))
    for sample, moments in zip(samples, moments_at(blocks, theta), strict=True):
        g += score(moments, seen(sample, moments) or ())
    return g


def moments_at(blocks: Sequence[Block], theta: Floats) -> list[Moments]:
    """Return the implied moments of every block with their derivatives."""
    return [block.moments(theta, derivatives=True) for block in blocks]


def observed_at(blocks: Sequence[Block], samples: Sequence[Sample], theta: Floats) -> Floats:
    """Return the observed information (k, k): minus the second derivatives of the likelihood."""
    total = np.zeros((len(theta), len(theta)))
    for block, sample, moments in zip(blocks, samples, moments_at(blocks, theta), strict=True):
        parts = seen(sample, moments) or ()
        total += curvature(moments, parts) - block.bend(theta, *pull(moments, parts))
    return total


def _inverse(expected: Floats, damping: float) -> Floats:
    """Return the inverse information; directions that the data say nothing of are left out."""
    scale = np.sqrt(np.maximum(np.diag(expected), 1e-300))
    values, vectors = np.linalg.eigh(expected / np.outer(scale, scale))
    weights = np.where(values > 1e-10, 1.0 / np.where(values > 1e-10, values + damping, 1.0), 0.0)
    inverse: Floats = (vectors * weights) @ vectors.T / np.outer(scale, scale)
    return inverse
