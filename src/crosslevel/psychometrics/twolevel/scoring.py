"""Maximum likelihood by Fisher's scoring: the expected information gives direction and length."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from crosslevel.psychometrics.grouping import Floats
from crosslevel.psychometrics.twolevel.likelihood import curvature, objective
from crosslevel.psychometrics.twolevel.moments import Indices
from crosslevel.psychometrics.twolevel.statistics import ClusterStatistics

Status = Literal["converged", "not converged"]
_DECREMENT = 1e-12
_ACCEPTED = 1e-6
_STEPS = 150
_HALVINGS = 12
_SHORT = 0.2
_FIRST_DAMPING = 1e-3
_LEAST_DAMPING = 1e-7
_ENOUGH = 1e-4


class Structure(Protocol):
    """Moments as a function of k parameters."""

    def moments(self, theta: Floats) -> Floats:
        """Return the (m,) moments."""

    def jacobian(self, theta: Floats) -> Floats:
        """Return the (m, k) derivatives of the moments."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Moments that are parameters themselves, where `free`; the others keep their `base` value."""

    base: Floats
    free: Indices

    def moments(self, theta: Floats) -> Floats:
        """Return the (m,) moments."""
        vector = self.base.copy()
        vector[self.free] = theta
        return vector

    def jacobian(self, theta: Floats) -> Floats:  # noqa: ARG002
        """Return the (m, k) selection."""
        return np.eye(len(self.base))[:, self.free]


@dataclass(frozen=True, slots=True)
class Optimum:
    """Where a search ended: f is minus the log-likelihood, `decrement` what a step would gain."""

    theta: Floats
    value: float
    decrement: float
    iterations: int
    status: Status


def minimise(data: ClusterStatistics, structure: Structure, start: Floats) -> Optimum:
    """Return the parameters at which f is lowest, from a start inside the domain."""
    layout = data.layout
    theta, damping = start.copy(), 0.0
    f, slope = objective(data, layout.unpack(structure.moments(theta)))
    decrement = np.inf
    for iteration in range(_STEPS):
        jacobian = structure.jacobian(theta)
        g = jacobian.T @ slope
        information = (
            jacobian.T
            @ curvature(data, layout.unpack(structure.moments(theta)), "expected")
            @ jacobian
        )
        step = _step(information, g, damping)
        decrement = -float(g @ step) / 2
        if decrement < _DECREMENT * max(1.0, abs(f) * 1e-3):
            return Optimum(theta, f, decrement, iteration, "converged")
        found = _search(data, structure, theta, step, f, 2 * decrement)
        if found is None:
            if damping > 1e6:
                break
            damping = max(10 * damping, _FIRST_DAMPING)
            continue
        theta, f, slope, length = found
        if length == 1.0:
            damping = damping / 10 if damping > _LEAST_DAMPING else 0.0
        elif length < _SHORT:
            damping = max(10 * damping, _FIRST_DAMPING)
    status: Status = "converged" if decrement < _ACCEPTED else "not converged"
    return Optimum(theta, f, decrement, iteration, status)


def _step(information: Floats, g: Floats, damping: float) -> Floats:
    """Scoring step; directions without information are not moved along."""
    scale = np.sqrt(np.maximum(np.diag(information), 1e-300))
    values, vectors = np.linalg.eigh(information / np.outer(scale, scale))
    values = np.maximum(values, 0) + damping
    inverse = np.where(values > 1e-12 * values[-1], 1 / np.maximum(values, 1e-300), 0.0)
    step: Floats = -(vectors @ (inverse * (vectors.T @ (g / scale)))) / scale
    return step


def _search(
    data: ClusterStatistics,
    structure: Structure,
    theta: Floats,
    step: Floats,
    f: float,
    gain: float,
) -> tuple[Floats, float, Floats, float] | None:
    """Halve the step until f falls enough; None when it never does."""
    length = 1.0
    for _ in range(_HALVINGS):
        trial = theta + length * step
        lower, slope = objective(data, data.layout.unpack(structure.moments(trial)))
        if lower <= f - _ENOUGH * length * gain + 1e-14 * abs(f):
            return trial, lower, slope, length
        length /= 2
    return None
