"""Diagonally weighted least squares on thresholds and polychoric correlations.

s are the thresholds and correlations of a group, sigma what the model implies, W the inverse
diagonal of Gamma, Delta the derivatives of sigma in the free parameters theta.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from crosslevel.psychometrics.ordered_moments import OrderedMoments
from crosslevel.psychometrics.sem.matrices import Block
from crosslevel.psychometrics.sem.table import Table

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.intp]
_STEPS = 500
_TIGHT = 1e-16  # promised fall, as a share of the criterion plus one


@dataclass(frozen=True, slots=True)
class Scale:
    """Where thresholds and scales of a group stand: position in theta (-1: fixed), and value."""

    threshold_free: Integers
    threshold_value: Floats
    scale_free: Integers
    scale_value: Floats

    def at(self, theta: Floats) -> tuple[Floats, Floats]:
        """Thresholds and scales at a vector of free parameters."""
        padded = np.append(theta, 0.0)
        tau = np.where(self.threshold_free >= 0, padded[self.threshold_free], self.threshold_value)
        delta = np.where(self.scale_free >= 0, padded[self.scale_free], self.scale_value)
        return tau, delta


@dataclass(frozen=True, slots=True)
class Group:
    """Moments of one group, its block of the model, and its weights (m,)."""

    moments: OrderedMoments
    block: Block
    scale: Scale

    @property
    def size(self) -> int:
        """Weight of the group in the criterion: respondents less one, as in lavaan."""
        return self.moments.n - 1

    @property
    def n(self) -> int:
        """Weight of the group in standard errors and tests: respondents, as in lavaan."""
        return self.moments.n

    @property
    def observed(self) -> Floats:
        """(m,) thresholds, then correlations."""
        first, second = self.moments.pairs
        return np.append(self.moments.thresholds, self.moments.correlations[first, second])

    @property
    def weights(self) -> Floats:
        """(m,) inverse variances of thresholds and correlations."""
        weights: Floats = 1 / np.maximum(np.diag(self.moments.gamma), 1e-12)
        return weights

    def implied(self, theta: Floats) -> Floats:
        """(m,) thresholds and correlations that the model implies."""
        own = self.block.moments(theta)
        tau, delta = self.scale.at(theta)
        item, (first, second) = self.moments.threshold_item, self.moments.pairs
        return np.append(
            delta[item] * (tau - own.mu[item]),
            delta[first] * delta[second] * own.sigma[first, second],
        )

    def derivatives(self, theta: Floats) -> Floats:
        """(m, k) derivatives of the implied moments."""
        own = self.block.moments(theta, derivatives=True)
        tau, delta = self.scale.at(theta)
        item, (first, second) = self.moments.threshold_item, self.moments.pairs
        k = len(theta)
        d_tau, d_delta = np.zeros((len(tau), k)), np.zeros((len(delta), k))
        for out, free in ((d_tau, self.scale.threshold_free), (d_delta, self.scale.scale_free)):
            rows = np.flatnonzero(free >= 0)
            out[rows, free[rows]] = 1.0
        by_tau = delta[item, None] * (d_tau - own.d_mu.T[item])
        by_tau += d_delta[item] * (tau - own.mu[item])[:, None]
        sigma = own.sigma[first, second]
        by_rho = (delta[first] * delta[second])[:, None] * own.d_sigma[:, first, second].T
        by_rho += d_delta[first] * (delta[second] * sigma)[:, None]
        by_rho += d_delta[second] * (delta[first] * sigma)[:, None]
        return np.vstack([by_tau, by_rho])


@dataclass(frozen=True, slots=True)
class Weighted:
    """Where the search ended: theta, criterion, information sum n D'WD, convergence, steps."""

    theta: Floats
    criterion: float
    information: Floats
    converged: bool
    iterations: int


def scales(table: Table, names: Sequence[str]) -> tuple[Scale, ...]:
    """Return the thresholds (item after item) and scales of each group."""
    made = []
    for number in range(table.n_groups):
        rows = {(row.lhs, row.rhs, row.op): row for row in table.block(number)}
        tau = []
        for name in names:
            count = sum(key[0] == name and key[2] == "|" for key in rows)
            tau += [rows[name, f"t{place + 1}", "|"] for place in range(count)]
        delta = [rows[name, name, "~*~"] for name in names]
        made.append(
            Scale(
                np.array([row.free for row in tau], dtype=np.intp),
                np.array([row.value for row in tau]),
                np.array([row.free for row in delta], dtype=np.intp),
                np.array([row.value for row in delta]),
            )
        )
    return tuple(made)


def fit_weighted(groups: Sequence[Group], start: Floats) -> Weighted:
    """Return the least-squares estimates reached from `start`.

    Notes
    -----
    Gauss-Newton steps with a damping that grows when a step does not lower the criterion.
    """
    theta, damping = start, 0.0
    value = criterion(groups, theta)
    curvature, slope = normal_equations(groups, theta)
    converged, count = False, 0
    while count < _STEPS:
        count += 1
        scale = np.maximum(np.diag(curvature), 1e-12)
        step = np.linalg.lstsq(curvature + damping * np.diag(scale), slope, rcond=None)[0]
        if float(step @ slope) <= _TIGHT * (1 + value):
            converged = damping <= 1.0
            break
        new = criterion(groups, theta + step)
        if np.isfinite(new) and new <= value:
            theta, value = theta + step, new
            curvature, slope = normal_equations(groups, theta)
            damping = damping / 10 if damping > 1e-8 else 0.0
            continue
        damping = max(10 * damping, 1e-6)
        if damping > 1e8:
            converged = float(step @ slope) <= 1e-9 * (1 + value)
            break
    return Weighted(theta, value, information(groups, theta), converged, count)


def criterion(groups: Sequence[Group], theta: Floats) -> float:
    """Return the weighted squared residuals of all groups, times their sizes less one."""
    total = 0.0
    for group in groups:
        residual = group.observed - group.implied(theta)
        total += group.size * float(residual @ (group.weights * residual))
    return total


def normal_equations(groups: Sequence[Group], theta: Floats) -> tuple[Floats, Floats]:
    """Return the sum of (n - 1) D'WD, and of (n - 1) D'We."""
    k = len(theta)
    curvature, slope = np.zeros((k, k)), np.zeros(k)
    for group in groups:
        delta, n = group.derivatives(theta), group.size
        turned = n * group.weights[:, None] * delta
        curvature += delta.T @ turned
        slope += turned.T @ (group.observed - group.implied(theta))
    return curvature, slope


def information(groups: Sequence[Group], theta: Floats) -> Floats:
    """Return the sum of n D'WD."""
    total = np.zeros((len(theta), len(theta)))
    for group in groups:
        delta = group.derivatives(theta)
        total += group.n * delta.T @ (group.weights[:, None] * delta)
    return total
