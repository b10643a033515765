"""Information, its inverse, and what departures from normality do to both.

A is the observed information of k parameters, D the sum over units of outer products of scores.
Covariance of the estimates: A^-1, or A^-1 D A^-1 with estimator "mlr". A test of h0 within h1 is
divided by c = (tr(D1 A1^-1) - tr(D0 A0^-1)) / df.

Source: Yuan & Bentler (2000), in the variant of Asparouhov & Muthén (2005). Agrees with R lavaan,
test "yuan.bentler.mplus".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crosslevel.psychometrics.grouping import Floats
from crosslevel.psychometrics.sem.identification import undetermined
from crosslevel.psychometrics.twolevel.likelihood import curvature, objective, scores
from crosslevel.psychometrics.twolevel.scoring import Structure
from crosslevel.psychometrics.twolevel.statistics import ClusterStatistics

_STEP = 1e-5
_SINGULAR = 1e-9


@dataclass(frozen=True, slots=True)
class Information:
    """Observed information (k, k), and the (J, k) scores of units.

    `undetermined` lists parameters that the data do not determine.
    """

    A: Floats
    units: Floats
    undetermined: tuple[int, ...]

    def inverse(self) -> Floats:
        """A^-1; directions without information are left out."""
        scale = np.sqrt(np.maximum(np.abs(np.diag(self.A)), 1e-300))
        values, vectors = np.linalg.eigh(self.A / np.outer(scale, scale))
        inverse = np.where(np.abs(values) > _SINGULAR, 1 / np.where(values == 0, 1, values), 0)
        return np.asarray((vectors * inverse) @ vectors.T / np.outer(scale, scale))

    def sandwich(self) -> Floats:
        """A^-1 D A^-1."""
        bread = self.inverse()
        return np.asarray(bread @ (self.units.T @ self.units) @ bread)

    def trace(self) -> float:
        """tr(D A^-1)."""
        return float(((self.units.T @ self.units) * self.inverse()).sum())


def inform(data: ClusterStatistics, structure: Structure, theta: Floats) -> Information:
    """Return the observed information about the parameters of a structure at theta."""
    moments = data.layout.unpack(structure.moments(theta))
    jacobian = structure.jacobian(theta)
    _, slope = objective(data, moments)
    A = jacobian.T @ curvature(data, moments, "observed") @ jacobian
    A += _bending(structure, theta, slope)
    expected = jacobian.T @ curvature(data, moments, "expected") @ jacobian
    return Information((A + A.T) / 2, scores(data, moments) @ jacobian, undetermined(expected))


def _bending(structure: Structure, theta: Floats, slope: Floats) -> Floats:
    """(k, k) sum of second derivatives of the moments, each times its slope."""
    columns = []
    for i, parameter in enumerate(theta):
        h = np.zeros(len(theta))
        h[i] = _STEP * max(1.0, abs(parameter))
        ahead, behind = structure.jacobian(theta + h), structure.jacobian(theta - h)
        columns.append((ahead - behind).T @ slope / (2 * h[i]))
    return np.array(columns).reshape(len(theta), len(theta))
