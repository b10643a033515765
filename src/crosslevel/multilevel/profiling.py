"""The deviance as a function of one parameter, all others at their best: profile likelihood.

Whatever the fit, the deviance is that of maximum likelihood (as lme4's `profile`):

    D(Sigma, sigma) = log|V| + n log(2 pi sigma^2) + rho2 / sigma^2,   gradient wrt Sigma:
    sum_j Z_j'V^-1Z_j - g g' / sigma^2

A standard deviation or correlation is fixed by putting its coefficients first in the Cholesky
factor, where it is one entry (or a ratio of two); the rest is minimised by BFGS. A fixed
coefficient is fixed by moving its column into the outcome, on the same small records.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import brentq, minimize

from crosslevel.multilevel.coding import Floats
from crosslevel.multilevel.conditioning import Conditioned, lower
from crosslevel.multilevel.nested import NestedObjective
from crosslevel.multilevel.objective import SingleObjective
from crosslevel.multilevel.optimise import Optimum, minimise
from crosslevel.multilevel.several import SeveralObjective

Engine = SingleObjective | SeveralObjective | NestedObjective
NEAR_ONE = 1.0 - 1e-7


@dataclass(frozen=True, slots=True)
class Variance:
    """What is held: an "sd", a "correlation" or "sigma", of coefficients a (and b) of a factor."""

    kind: str
    factor: int = 0
    a: int = 0
    b: int = 0


@dataclass(frozen=True, slots=True)
class Profiler:
    """A maximum-likelihood fit and the maps from its units to the user's.

    T holds per factor the user's relative lower triangle; sigma is the user's.
    """

    engine: Engine
    optimum: Optimum
    problem: Conditioned
    T: tuple[Floats, ...]
    sigma: float

    @property
    def minimum(self) -> float:
        """Deviance at the maximum-likelihood fit, in the fit's units."""
        return self.optimum.profile.criterion

    def deviance_of_fixed(self, k: int, value: float) -> float:
        """Return the deviance with the user's coefficient k held at a value."""
        problem = self.problem
        r = problem.basis.B[k]
        P, size = len(r), float(r @ r)
        N = np.linalg.svd(r[None, :])[2][1:].T
        held = (value - problem.start[k]) / problem.scale
        G = np.zeros((P + 1, P))
        G[:P, : P - 1] = N
        G[:P, P - 1] = -r * held / size
        G[P, P - 1] = 1.0
        return minimise(_reduced(self.engine, G), self.optimum.theta).profile.criterion

    def deviance_of(self, held: Variance, value: float) -> float:
        """Return the deviance with one variance parameter held at a value."""
        problem = _Held(self, held, value)
        found = minimize(
            problem.evaluate, problem.start(), jac=True, method="BFGS", options={"gtol": 1e-6}
        )
        return float(found.fun)


def profiler(engine: Engine, problem: Conditioned, optimum: Optimum) -> Profiler:
    """Return the maximum-likelihood fit behind profile intervals."""
    full = replace(engine, reml=False)
    best = minimise(full, optimum.theta)
    triangles = full.parameters.unpack(best.theta)
    T = tuple(lower(back @ t) for back, t in zip(problem.back, triangles, strict=True))
    sigma = float(np.sqrt(best.profile.sigma2)) * problem.scale
    return Profiler(full, best, problem, T, sigma)


def limits(
    deviance: Callable[[float], float],
    *,
    minimum: float,
    estimate: float,
    step: float,
    rise: float,
    bounds: tuple[float, float] = (-np.inf, np.inf),
) -> tuple[float, float]:
    """Return where a deviance has risen by `rise` on both sides; a bound when it never does."""

    def excess(value: float) -> float:
        """Return how far the deviance is above the limit."""
        return deviance(value) - minimum - rise

    ends = []
    for sign, bound in ((-1.0, bounds[0]), (1.0, bounds[1])):
        inside, width = estimate, step
        if np.isfinite(bound) and (sign * (bound - estimate) <= 0.0 or excess(bound) <= 0.0):
            ends.append(bound)
            continue
        outside = estimate
        for _ in range(60):
            outside = estimate + sign * width
            if np.isfinite(bound) and sign * (outside - bound) >= 0.0:
                outside = bound
                break
            if excess(outside) > 0.0:
                break
            inside, width = outside, 1.6 * width
        ends.append(float(brentq(excess, inside, outside, rtol=1e-7)))
    return ends[0], ends[1]


def _reduced(engine: Engine, G: Floats) -> Engine:
    """Return the criterion for the columns [X y] G."""
    if isinstance(engine, SingleObjective):
        stats = engine.statistics
        c, W = np.tensordot(G, stats.c, axes=([0], [0])), G.T @ stats.W @ G
        return replace(engine, statistics=replace(stats, c=c, W=W))
    if isinstance(engine, NestedObjective):
        return replace(engine, statistics=engine.statistics.reduced(G))
    several = engine.statistics
    first = several.first
    c, W = np.tensordot(G, first.c, axes=([0], [0])), G.T @ first.W @ G
    made = replace(several, first=replace(first, c=c, W=W), W_ra=several.W_ra @ G)
    return replace(engine, statistics=made)


class _Held:
    """The deviance over what is not held: scaled Cholesky entries per factor, then log sigma."""

    def __init__(self, profiler: Profiler, held: Variance, value: float) -> None:
        self.profiler, self.held, self.value = profiler, held, value
        self.orders = [self._order(f) for f in range(len(profiler.T))]
        free = profiler.engine.parameters
        self.masks, self.sizes, self.initial = [], [], []
        for f, T in enumerate(profiler.T):
            at = free.of(f)
            mask = np.zeros(T.shape, bool)
            mask[free.row[at], free.column[at]] = True
            mask = np.tril((mask | mask.T)[np.ix_(self.orders[f], self.orders[f])])
            sd = np.sqrt(np.diag(T @ T.T))
            size = np.where(sd > 0, sd, np.abs(np.diag(profiler.problem.back[f])))[self.orders[f]]
            self.masks.append(mask)
            self.sizes.append(size)
            self.initial.append(lower(T[self.orders[f]]) / size[:, None])

    def _order(self, f: int) -> list[int]:
        p = len(self.profiler.T[f])
        if self.held.kind == "sigma" or f != self.held.factor:
            return list(range(p))
        first = [self.held.a] + ([self.held.b] if self.held.kind == "correlation" else [])
        return [*first, *(k for k in range(p) if k not in first)]

    def start(self) -> Floats:
        """Return the free parameters at the maximum-likelihood fit."""
        tau = np.log(self.value if self.held.kind == "sigma" else self.profiler.sigma)
        entries = [T[mask] for T, mask in zip(self.initial, self.masks, strict=True)]
        return np.append(np.concatenate(entries), tau)

    def evaluate(self, free: Floats) -> tuple[float, Floats]:
        """Return the deviance and its gradient; held entries have a gradient of zero."""
        tau = np.log(self.value) if self.held.kind == "sigma" else float(free[-1])
        triangles, at = [], 0
        for mask, size in zip(self.masks, self.sizes, strict=True):
            T = np.zeros(mask.shape)
            count = int(mask.sum())
            T[mask] = free[at : at + count]
            triangles.append(T * size[:, None])
            at += count
        ratio = self._hold(triangles, tau)
        value, slopes, slope_tau = self._deviance(triangles, tau)
        if self.held.kind == "sd":
            slope = slopes[self.held.factor]
            slope_tau -= slope[0, 0] * triangles[self.held.factor][0, 0]
            slope[0, 0] = 0.0
        elif self.held.kind == "correlation":
            slope = slopes[self.held.factor]
            slope[1, 1] += ratio * slope[1, 0]
            slope[1, 0] = 0.0
        else:
            slope_tau = 0.0
        parts = [
            (slope * size[:, None])[mask]
            for slope, size, mask in zip(slopes, self.sizes, self.masks, strict=True)
        ]
        return value, np.append(np.concatenate(parts), slope_tau)

    def _hold(self, triangles: list[Floats], tau: float) -> float:
        """Put the held value into the triangles; return T_10 / T_11 for a correlation."""
        T = triangles[self.held.factor]
        if self.held.kind == "sd":
            T[0, 0] = self.value / np.exp(tau)
        if self.held.kind != "correlation":
            return 0.0
        ratio = self.value / float(np.sqrt(1.0 - self.value**2))
        T[1, 0] = ratio * T[1, 1]
        return ratio

    def _deviance(self, triangles: list[Floats], tau: float) -> tuple[float, list[Floats], float]:
        engine, problem = self.profiler.engine, self.profiler.problem
        moved = [
            np.linalg.solve(back, np.eye(len(T))[order].T @ T)
            for back, T, order in zip(problem.back, triangles, self.orders, strict=True)
        ]
        here = engine.at(engine.parameters.pack([lower(np.asarray(t, dtype=float)) for t in moved]))
        rho2, nn = here.profile.rho2, here.profile.nn
        s2 = float(np.exp(2.0 * tau)) / problem.scale**2
        log_det = here.profile.criterion - nn * (1.0 + float(np.log(2.0 * np.pi * rho2 / nn)))
        value = log_det + nn * float(np.log(2.0 * np.pi * s2)) + rho2 / s2
        made, g = here.derivatives(), here.pieces().g
        slopes = []
        for f, T in enumerate(triangles):
            whole = made.M[f] + (nn / rho2 - 1.0 / s2) * (g[f] @ g[f].T)
            turned = np.linalg.solve(problem.back[f], np.eye(len(T))[self.orders[f]].T)
            slopes.append(np.where(self.masks[f], 2.0 * turned.T @ whole @ turned @ T, 0.0))
        return value, slopes, 2.0 * nn - 2.0 * rho2 / s2
