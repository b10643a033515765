"""The estimates of one fit in the user's units, and the random effects behind them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crosslevel.multilevel.coding import Floats
from crosslevel.multilevel.conditioning import Conditioned
from crosslevel.multilevel.objective import Objective
from crosslevel.multilevel.optimise import Optimum


@dataclass(frozen=True, slots=True)
class Estimates:
    """beta (P,), its covariance (P, P), sigma, and per factor T (p, p): Sigma = sigma^2 T T'."""

    names: tuple[str, ...]
    dropped: tuple[str, ...]
    beta: Floats
    vcov: Floats
    sigma: float
    T: tuple[Floats, ...]
    theta: Floats
    criterion: float
    status: str
    reason: str
    singular: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Effects:
    """Random coefficients of one factor: b (p, J) and covariance given beta (p, p, J)."""

    b: Floats
    covariance: Floats


def effects(objective: Objective, problem: Conditioned, optimum: Optimum) -> tuple[Effects, ...]:
    """Return the conditional means and covariances of the random coefficients, per factor.

    b = Sigma Z'P y; Var(b | y, beta, theta) = s2 T (I - T'QT) T', as lme4's `condVar`.
    """
    g_all, Q_all = optimum.evaluation.pieces().g, optimum.evaluation.diagonal()
    sigma2 = optimum.profile.sigma2 * problem.scale**2
    made = []
    triangles = objective.parameters.unpack(optimum.theta)
    for T, back, g, Q in zip(triangles, problem.back, g_all, Q_all, strict=True):
        inside = -np.einsum("ca,cdj,db->abj", T, Q, T, optimize=True)
        inside[range(len(T)), range(len(T))] += 1.0
        outer = back @ T
        values = problem.scale * (outer @ (T.T @ g))
        covariance = sigma2 * np.einsum("ac,cdj,bd->abj", outer, inside, outer, optimize=True)
        made.append(Effects(values, covariance))
    return tuple(made)
