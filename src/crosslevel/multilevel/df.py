"""Degrees of freedom and small-sample covariance of fixed coefficients.

Phi = s2 F is the covariance of beta. Satterthwaite: df = 2 (l'Phi l)^2 / (h'A h) with h the
gradient of l'Phi l over the variance parameters and A their asymptotic covariance. Kenward and
Roger (1997, Biometrics 53, 983-997) correct Phi itself and the F statistic; this follows pbkrtest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from crosslevel.errors import ModelError, did_you_mean
from crosslevel.multilevel.coding import Floats
from crosslevel.multilevel.conditioning import Conditioned
from crosslevel.multilevel.objective import Objective
from crosslevel.multilevel.optimise import Optimum
from crosslevel.multilevel.parameters import Parameters

NO_INFORMATION = 1e-8  # eigenvalue, relative to the largest, taken as none (lmerTest, pbkrtest)
DENSE = 3000  # random coefficients of several factors: dense matrices of 72 MB each


@dataclass(frozen=True, slots=True)
class Joint:
    """A test of several contrasts at once: F, its degrees of freedom."""

    statistic: float
    df1: int
    df2: float


class Reference(Protocol):
    """A reference distribution: the covariance (P, P) that goes with it, and degrees of freedom."""

    @property
    def covariance(self) -> Floats:
        """Covariance of the fixed coefficients."""

    def df(self, row: Floats) -> float:
        """Return the degrees of freedom of one contrast (P,)."""

    def joint(self, rows: Floats, beta: Floats) -> Joint:
        """Return the F test of contrasts (q, P)."""


@dataclass(frozen=True, slots=True)
class Fixed:
    """A t reference whose degrees of freedom are one number, infinite for the normal."""

    covariance: Floats
    value: float

    def df(self, row: Floats) -> float:  # noqa: ARG002
        """Return the one number."""
        return self.value

    def joint(self, rows: Floats, beta: Floats) -> Joint:
        """Return the Wald F test."""
        return Joint(_wald(rows, beta, self.covariance), len(rows), self.value)


@dataclass(frozen=True, slots=True)
class Satterthwaite:
    """covariance (P, P); slopes (K + 1, P, P) over (theta, s2); spread (K + 1, K + 1) of those."""

    covariance: Floats
    slopes: Floats
    spread: Floats

    def df(self, row: Floats) -> float:
        """Return 2 (l'Phi l)^2 / (h'A h)."""
        variance = float(row @ self.covariance @ row)
        h = np.einsum("kpq,p,q->k", self.slopes, row, row)
        below = float(h @ self.spread @ h)
        return 2.0 * variance * variance / below if below > 0.0 else np.inf

    def joint(self, rows: Floats, beta: Floats) -> Joint:
        """Return the F test with the degrees of freedom of Fai and Cornelius (1996)."""
        values, vectors = np.linalg.eigh(rows @ self.covariance @ rows.T)
        kept = values > NO_INFORMATION * values.max()
        turned = vectors.T[kept] @ rows
        t2 = (turned @ beta) ** 2 / values[kept]
        q = int(kept.sum())
        dfs = np.array([self.df(row) for row in turned])
        if q == 1:
            return Joint(float(t2[0]), 1, float(dfs[0]))
        if np.ptp(dfs) < 1e-8 * dfs.max():
            return Joint(float(t2.mean()), q, float(dfs.mean()))
        wide = dfs[dfs > 2.0]
        E = float((wide / (wide - 2.0)).sum())
        return Joint(float(t2.mean()), q, 2.0 * E / (E - q) if len(wide) == q and q < E else 2.0)


@dataclass(frozen=True, slots=True)
class KenwardRoger:
    """Phi (P, P), its corrected covariance, P_k (K, P, P), W (K, K) of the variance parameters."""

    Phi: Floats
    covariance: Floats
    P_k: Floats
    W: Floats

    def df(self, row: Floats) -> float:
        """Return 2 (l'Phi l)^2 / (h'W h), h_k = -l'Phi P_k Phi l."""
        return self._moments(row[None, :])[0]

    def joint(self, rows: Floats, beta: Floats) -> Joint:
        """Return the scaled F test."""
        df2, scale = self._moments(rows)
        return Joint(scale * _wald(rows, beta, self.covariance), len(rows), df2)

    def _moments(self, rows: Floats) -> tuple[float, float]:
        """Return the denominator degrees of freedom and the factor of the F statistic."""
        q = len(rows)
        Theta = rows.T @ np.linalg.solve(rows @ self.Phi @ rows.T, rows)
        middle = self.Phi @ self.P_k @ self.Phi
        TP = Theta @ middle
        traces = np.einsum("kpp->k", TP)
        A1 = float(traces @ self.W @ traces)
        A2 = float(np.einsum("kl,kpq,lqp->", self.W, TP, TP, optimize=True))
        if A2 <= 0.0:
            return np.inf, 1.0
        B = (A1 + 6.0 * A2) / (2.0 * q)
        g = ((q + 1.0) * A1 - (q + 4.0) * A2) / ((q + 2.0) * A2)
        below = 3.0 * q + 2.0 * (1.0 - g)
        c1, c2, c3 = g / below, (q - g) / below, (q + 2.0 - g) / below
        V0, V1, V2 = 1.0 + c1 * B, 1.0 - c2 * B, 1.0 - c3 * B
        V0 = 0.0 if abs(V0) < 1e-10 else V0
        rho = ((1.0 - A2 / q) / V1) ** 2 * V0 / V2 / q
        df2 = 4.0 + (q + 2.0) / (q * rho - 1.0)
        near_two = abs(df2 - 2.0) < 1e-2
        return df2, 1.0 if near_two else df2 * (1.0 - A2 / q) / (df2 - 2.0)


def satterthwaite(objective: Objective, problem: Conditioned, optimum: Optimum) -> Satterthwaite:
    """Return the Satterthwaite reference of a fit (Giesbrecht & Burns 1985; as lmerTest)."""
    profile, free = optimum.profile, objective.parameters
    s2 = profile.sigma2
    values, vectors = np.linalg.eigh(curvature(objective, optimum))
    inverse = np.where(values > NO_INFORMATION * values.max(), 1.0 / values, 0.0)
    spread = 2.0 * (vectors * inverse) @ vectors.T
    pieces = optimum.evaluation.pieces()
    slopes = [
        np.einsum("kab,auj,bvj->kuv", free.directions(f, T), C, C, optimize=True)
        for f, (T, C) in enumerate(zip(free.unpack(optimum.theta), pieces.C, strict=True))
    ]
    inner = s2 * profile.F @ np.concatenate(slopes) @ profile.F
    own = s2 * profile.F[None]
    return Satterthwaite(
        _outward(problem, own)[0], _outward(problem, np.concatenate([inner, own])), spread
    )


def kenward_roger(objective: Objective, problem: Conditioned, optimum: Optimum) -> KenwardRoger:
    """Return the Kenward-Roger reference of a REML fit; variances of zero count as parameters.

    Raises
    ------
    ModelError
        For maximum likelihood, and beyond `DENSE` random coefficients of several factors.
    """
    if not objective.reml:
        raise ModelError("Kenward-Roger needs a REML fit; use df='satterthwaite' with ML.")
    free, profile = objective.parameters, optimum.profile
    pieces = optimum.evaluation.pieces()
    size = sum(g.size for g in pieces.g)
    if len(pieces.g) > 1 and size > DENSE:
        raise ModelError(
            f"Kenward-Roger with several grouping factors is refused beyond {DENSE} random "
            f"coefficients; this model has {size}. Use df='satterthwaite'."
        )
    directions, elements = _elements(free, optimum.theta)
    made = optimum.evaluation.information(directions)
    F = profile.F
    A_r = np.linalg.inv(F) - np.tensordot(elements, made.A, axes=1)
    B_r = made.A - np.tensordot(made.B, elements, axes=([1], [0]))
    B_rr = A_r - np.tensordot(elements, B_r, axes=1)
    t_r = made.total - made.trace @ elements
    t_rr = profile.nn - elements @ made.total - elements @ t_r
    A = np.concatenate([made.A, A_r[None]])
    last = np.concatenate([B_r, B_rr[None]])
    B = _bordered(made.B, last)
    trace = np.block([[made.trace, t_r[:, None]], [t_r[None, :], np.array([[t_rr]])]])
    W = 2.0 * _inverse(trace)
    correction = np.einsum("kl,klpq->pq", W, B) - np.einsum(
        "kl,kpr,rs,lsq->pq", W, A, F, A, optimize=True
    )
    s2 = profile.sigma2
    adjusted = s2 * (F + 2.0 * F @ correction @ F)
    out = problem.scale * problem.basis.B
    inward = np.linalg.inv(out)
    return KenwardRoger(
        Phi=_outward(problem, s2 * F[None])[0],
        covariance=_outward(problem, adjusted[None])[0],
        P_k=-np.einsum("up,kuv,vq->kpq", inward, A / s2, inward),
        W=W,
    )


def _bordered(B: Floats, last: Floats) -> Floats:
    """Return (K + 1, K + 1, P, P) from its leading block and its last column."""
    K = len(B)
    whole = np.empty((K + 1, K + 1, *B.shape[2:]))
    whole[:K, :K] = B
    whole[:, K] = last
    whole[K, :K] = last[:K].transpose(0, 2, 1)
    return whole


def _elements(free: Parameters, theta: Floats) -> tuple[list[Floats], Floats]:
    """Return unit directions for the free elements of each Sigma, and the elements themselves."""
    directions, values = [], []
    for f, T in enumerate(free.unpack(theta)):
        at = free.of(f)
        rows, columns = free.row[at], free.column[at]
        E = np.zeros((len(at), *T.shape))
        E[np.arange(len(at)), rows, columns] = 1.0
        E[np.arange(len(at)), columns, rows] = 1.0
        directions.append(E)
        values.append((T @ T.T)[rows, columns])
    return directions, np.concatenate(values)


def curvature(objective: Objective, optimum: Optimum) -> Floats:
    """Return the Hessian of the criterion over (theta, log s2), in which no unit matters."""
    s2, nn, q = optimum.profile.sigma2, optimum.profile.nn, optimum.derivatives.q
    H = _hessian(objective, optimum)
    return np.block([
        [H + np.outer(q, q) / (s2 * s2 * nn), q[:, None] / s2],
        [q[None, :] / s2, np.array([[nn]])],
    ])  # fmt: skip


def _hessian(objective: Objective, optimum: Optimum) -> Floats:
    """Return the exact Hessian, from differences of the gradient when only averages are known."""
    if optimum.derivatives.exact:
        return optimum.derivatives.hessian
    theta, columns = optimum.theta, []
    for e in np.eye(len(theta)):
        step = 1e-4 * max(1.0, float(np.abs(theta @ e)))
        up = objective.at(theta + step * e).derivatives().gradient
        down = objective.at(theta - step * e).derivatives().gradient
        columns.append((up - down) / (2.0 * step))
    H = np.array(columns)
    return 0.5 * (H + H.T)


def _inverse(matrix: Floats) -> Floats:
    """Return the inverse of a symmetric matrix without its directions of no information."""
    size = np.sqrt(np.maximum(np.diag(matrix), 1e-300))
    values, vectors = np.linalg.eigh(matrix / np.outer(size, size))
    inverse = np.where(values > 1e-10 * values.max(), 1.0 / values, 0.0)
    return np.asarray(((vectors * inverse) @ vectors.T) / np.outer(size, size))


def _outward(problem: Conditioned, matrices: Floats) -> Floats:
    """Return covariance-like matrices (k, P, P) of the fit's coefficients in the user's units."""
    out = problem.scale * problem.basis.B
    return np.asarray(out @ matrices @ out.T)


def _wald(rows: Floats, beta: Floats, covariance: Floats) -> float:
    value = rows @ beta
    return float(value @ np.linalg.solve(rows @ covariance @ rows.T, value) / len(rows))


def unit_rows(names: Sequence[str], terms: Sequence[str]) -> Floats:
    """Return one unit row per term named.

    Raises
    ------
    ModelError
        For no term, one that is named twice or not in the model, and a text in place of a list.
    """
    if isinstance(terms, str):
        raise ModelError(f"Give the terms as a list, got the text {terms!r}.")
    if not terms or len(set(terms)) < len(terms):
        raise ModelError(f"Name one term or more, each of them once; got {list(terms)!r}.")
    rows = np.zeros((len(terms), len(names)))
    for k, term in enumerate(terms):
        if term not in names:
            hint = did_you_mean(term, names) or f"Terms: {', '.join(names)}."
            raise ModelError(f"There is no term '{term}' in this model. {hint}")
        rows[k, list(names).index(term)] = 1.0
    return rows
