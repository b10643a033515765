"""Profile likelihood intervals of the coefficients of a regression without a scale."""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq

from crosslevel.multilevel.coding import Floats
from crosslevel.multilevel.glm import Solution, solve

DOUBLINGS = 12  # the end lies beyond 4,096 standard errors: there is none


def profile(solution: Solution, offset: Floats | None, *, cut: float) -> Floats:
    """Return (P, 2) values of each coefficient at which the deviance has risen by `cut`."""
    made = np.empty((len(solution.beta), 2))
    for j in range(len(made)):
        made[j] = [_end(solution, offset, j, side, cut) for side in (-1.0, 1.0)]
    return made


def _end(s: Solution, offset: Floats | None, j: int, side: float, cut: float) -> float:
    shift = np.zeros(len(s.y)) if offset is None else offset
    others = np.delete(s.X, j, axis=0)
    start = np.delete(s.beta, j)
    slope = np.delete(s.F[:, j], j) / s.F[j, j]  # of the others' estimates in this coefficient

    def _excess(step: float) -> float:
        offset = shift + (s.beta[j] + side * step) * s.X[j]
        near = start + side * step * slope
        made = solve(others, s.y, family=s.family, w=s.w, offset=offset, start=near)
        if not made.converged:
            made = solve(others, s.y, family=s.family, w=s.w, offset=offset, start=start)
        return made.deviance - s.deviance - cut if made.converged else np.inf

    reach = float(np.sqrt(s.F[j, j] * cut))
    low, high = 0.0, reach
    for _ in range(DOUBLINGS):
        if _excess(high) > 0.0:
            step = brentq(_excess, low, high, xtol=1e-9 * reach, rtol=1e-10)
            return float(s.beta[j] + side * step)
        low, high = high, 2.0 * high
    return side * np.inf
