"""Where Satterthwaite's degrees of freedom hang on the last digits of the optimum.

Within a hair of a singular covariance T T' one direction d of T hardly moves it. With t the
smallest singular value of T, the criterion there is lower than at t = 0 by about d'H d t^2 / 8: the
square of the Wald z of that variance. A fit that stops at t = 0 leaves d out of the degrees of
freedom, one that stops beside it counts d in full, and both are as good as converged.
"""

from __future__ import annotations

import numpy as np

from crosslevel.multilevel.coding import Floats
from crosslevel.multilevel.conditioning import Conditioned
from crosslevel.multilevel.df import Satterthwaite, curvature, satterthwaite
from crosslevel.multilevel.objective import Objective
from crosslevel.multilevel.optimise import SINGULAR, Optimum

HAIR = 0.1  # Wald z of a variance below which no optimiser tells it from zero reliably
MATTERS = 0.02  # relative change of degrees of freedom worth a warning


def doubtful(objective: Objective, problem: Conditioned, optimum: Optimum) -> tuple[int, ...]:
    """Return the factors on whose nearly singular covariance the degrees of freedom hang.

    A covariance that is singular is not doubtful: its certificate says so. Costs nothing unless a
    covariance is nearly singular.
    """
    free, H = objective.parameters, optimum.derivatives.hessian
    found: list[tuple[int, Floats]] = []
    for f, T in enumerate(free.unpack(optimum.theta)):
        t = float(np.linalg.svd(T, compute_uv=False).min(initial=np.inf))
        if not SINGULAR < t < np.inf:
            continue
        moved = free.directions(f, T)
        d = np.zeros(len(H) + 1)
        d[free.of(f)] = np.linalg.svd(moved.reshape(len(moved), -1).T)[2][-1]
        if d[:-1] @ H @ d[:-1] * t * t / 8.0 < HAIR**2:
            found.append((f, d))
    if not found:
        return ()
    reference = satterthwaite(objective, problem, optimum)
    whole = curvature(objective, optimum)
    return tuple(f for f, d in found if _matters(reference, whole, d))


def _matters(reference: Satterthwaite, H: Floats, d: Floats) -> bool:
    """Return whether leaving out the direction changes the df of a coefficient."""
    rest = np.linalg.svd(d[None])[2][1:].T
    inner = np.linalg.pinv(rest.T @ H @ rest, hermitian=True)
    without = Satterthwaite(reference.covariance, reference.slopes, 2.0 * rest @ inner @ rest.T)
    rows = np.eye(len(reference.covariance))
    pairs = [(reference.df(row), without.df(row)) for row in rows]
    return any(not abs(b - a) <= MATTERS * a for a, b in pairs if np.isfinite(a))
