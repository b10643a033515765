"""theta -> criterion, gradient, Hessian for one grouping factor; pure functions on records.

    y = X beta + Z u + e,  V = I + Z Sigma Z',  Sigma = T T' per group
    K_j = I + R_j Sigma R_j' = L_j L_j'
    [X y]'V^-1[X y] = W + sum_j (L_j^-1 c_j)'(L_j^-1 c_j),      log|V| = sum_j log|K_j|
    Q_j = Z_j'V^-1 Z_j,  C_j = Z_j'V^-1 X,  g_j = Z_j'P y,      rho2 = y'P y

All arrays are component-first, (p, p, J): the tiny factorisations are unrolled over their entries
and run over all groups at once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from crosslevel.multilevel.coding import Floats
from crosslevel.multilevel.parameters import Parameters
from crosslevel.multilevel.statistics import OneFactor


@dataclass(frozen=True, slots=True)
class Profile:
    """The profiled fit at one theta: criterion, beta (P,), F = (X'V^-1X)^-1 (P, P), rho2 = y'Py."""

    criterion: float
    beta: Floats
    F: Floats
    rho2: float
    nn: float

    @property
    def sigma2(self) -> float:
        """Residual variance."""
        return self.rho2 / self.nn


@dataclass(frozen=True, slots=True)
class Derivatives:
    """gradient (K,), hessian (K, K) wrt theta; M per factor wrt Sigma; q (K,) = y'P dV_k P y.

    The Hessian of a large model is the average information, not exact.
    """

    gradient: Floats
    hessian: Floats
    M: tuple[Floats, ...]
    q: Floats
    exact: bool = True


@dataclass(frozen=True, slots=True)
class Pieces:
    """Per factor: g (p, J) = Z'Py and C (p, P, J) = Z'V^-1X."""

    g: tuple[Floats, ...]
    C: tuple[Floats, ...]


@dataclass(frozen=True, slots=True)
class Information:
    """What Kenward and Roger need for K directions dSigma, dV = Z dSigma Z'.

    total (K,) = tr(P dV_k); A (K, P, P) = X'V^-1 dV_k V^-1 X; B (K, K, P, P) =
    X'V^-1 dV_k V^-1 dV_l V^-1 X; trace (K, K) = tr(P dV_k P dV_l), all with the P of REML.
    """

    total: Floats
    A: Floats
    B: Floats
    trace: Floats


class Evaluation(Protocol):
    """A criterion evaluated at one theta; derivatives and pieces are made when asked for."""

    @property
    def profile(self) -> Profile:
        """The profiled fit."""

    def derivatives(self) -> Derivatives:
        """Return gradient and Hessian."""

    def pieces(self) -> Pieces:
        """Return the per-group quantities that random effects and inference need."""

    def diagonal(self) -> tuple[Floats, ...]:
        """Return the diagonal blocks of Z'V^-1Z per factor, (p, p, J)."""

    def information(self, directions: Sequence[Floats]) -> Information:
        """Return expected information for directions (K_f, p_f, p_f) per factor."""


class Objective(Protocol):
    """What the optimiser and the inference ask of a structure."""

    @property
    def parameters(self) -> Parameters:
        """The free entries of theta."""

    @property
    def reml(self) -> bool:
        """Whether the criterion is the restricted one."""

    def at(self, theta: Floats) -> Evaluation:
        """Return the criterion evaluated at theta."""


def profiled(M: Floats, log_det: float, *, n: int, reml: bool) -> Profile:
    """Return the profiled fit from M = [X y]'V^-1[X y] and log|V|."""
    P = len(M) - 1
    nn = float(n - P if reml else n)
    L = np.linalg.cholesky(M[:P, :P])
    half = np.linalg.inv(L)
    z = half @ M[:P, P]
    rho2 = float(M[P, P] - z @ z)
    beta, F = half.T @ z, half.T @ half
    if not rho2 > 0.0:
        return Profile(np.inf, beta, F, rho2, nn)
    criterion = log_det + nn * (1.0 + math.log(2.0 * math.pi * rho2 / nn))
    if reml:
        criterion += 2.0 * float(np.log(L.diagonal()).sum())
    return Profile(criterion, beta, F, rho2, nn)


def cholesky(K: Floats) -> Floats:
    """Return the lower factors of (p, p, J) positive definite matrices."""
    p = len(K)
    L = np.zeros_like(K)
    for b in range(p):
        L[b, b] = np.sqrt(K[b, b] - np.einsum("dj,dj->j", L[b, :b], L[b, :b]) if b else K[b, b])
        for a in range(b + 1, p):
            below = K[a, b] - np.einsum("dj,dj->j", L[a, :b], L[b, :b]) if b else K[a, b]
            L[a, b] = below / L[b, b]
    return L


def forward(L: Floats, columns: Floats) -> Floats:
    """Return L_j^-1 applied to the columns (m, p, J)."""
    S = np.empty_like(columns)
    for a in range(len(L)):
        value = columns[:, a]
        for b in range(a):
            value = value - L[a, b] * S[:, b]
        np.divide(value, L[a, a], out=S[:, a])
    return S


def products(A: Floats, B: Floats) -> Floats:
    """Return sum over the middle axis: (k, p, J), (l, p, J) -> (k, l, J)."""
    if A.shape[1] == 1:
        return A * B[None, :, 0]
    return np.asarray(np.einsum("kaj,laj->klj", A, B))


def inner_factor(R: Floats, T: Floats) -> Floats:
    """Return the lower factors of I + R_j T T' R_j'."""
    G = R * T[0, 0] if len(T) == 1 else np.einsum("adj,db->abj", R, T)
    K = products(G, G)
    for a in range(len(T)):
        K[a, a] += 1.0
    return cholesky(K)


@dataclass(frozen=True, slots=True)
class SingleObjective:
    """The criterion of a model with one grouping factor."""

    statistics: OneFactor
    parameters: Parameters
    reml: bool

    def at(self, theta: Floats) -> SingleEvaluation:
        """Return the criterion evaluated at theta. Costs O(J p^2 (p + P))."""
        stats = self.statistics
        (T,) = self.parameters.unpack(theta)
        p = len(T)
        L = inner_factor(stats.R, T)
        S = forward(L, np.concatenate([stats.R.transpose(1, 0, 2), stats.c]))
        flat = S[p:].reshape(len(S) - p, -1)
        log_det = 2.0 * sum(float(np.log(L[a, a]).sum()) for a in range(p))
        profile = profiled(stats.W + flat @ flat.T, log_det, n=stats.n, reml=self.reml)
        return SingleEvaluation(self, T, profile, S)


@dataclass(frozen=True, slots=True)
class SingleEvaluation:
    """One theta: T (p, p) and S (p + P + 1, p, J), the columns L_j^-1 [R_j c_j]."""

    objective: SingleObjective
    T: Floats
    profile: Profile
    S: Floats

    def pieces(self) -> Pieces:
        """Return g and C per group."""
        p = len(self.T)
        C_all = products(self.S[:p], self.S[p:])
        C = C_all[:, :-1]
        return Pieces((C_all[:, -1] - self.profile.beta @ C,), (C,))

    def diagonal(self) -> tuple[Floats, ...]:
        """Return Z'V^-1Z per group."""
        R = self.S[: len(self.T)]
        return (products(R, R),)

    def derivatives(self) -> Derivatives:
        """Return the gradient and the exact Hessian; all traces are Gram products over groups."""
        pieces = self.pieces()
        g, C, Q = pieces.g[0], pieces.C[0], self.diagonal()[0]
        T, profile, free = self.T, self.profile, self.objective.parameters
        F, c, p, P = profile.F, profile.nn / profile.rho2, len(self.T), len(profile.beta)
        S = free.directions(0, T)
        K = len(S)
        Sg = (S.reshape(K * p, p) @ g).reshape(K, p, -1)
        q = Sg.reshape(K, -1) @ g.ravel()
        h = Sg.reshape(K, -1) @ C.transpose(0, 2, 1).reshape(g.size, P)
        half = products(Sg, self.S[:p].transpose(1, 0, 2)).reshape(K, -1)
        hessian = 2.0 * c * (half @ half.T - h @ F @ h.T) - (c * c / profile.nn) * np.outer(q, q)
        if self.objective.reml:
            E = products(np.matmul(F, C), C)
            flat = C.reshape(p * P, C.shape[2])
            CC = (flat @ flat.T).reshape(p, P, p, P).transpose(0, 2, 1, 3).reshape(p * p, P * P)
            A = (S.reshape(K, p * p) @ CC).reshape(K, P, P) @ F
            own = A.reshape(K, -1) @ A.transpose(0, 2, 1).reshape(K, -1).T
            hessian -= trace_products(S, Q - E) - trace_products(S, E) + own
            total = (Q - E).sum(axis=2)
        else:
            hessian -= trace_products(S, Q)
            total = Q.sum(axis=2)
        M = total - c * (g @ g.T)
        hessian += 2.0 * M[free.row[:, None], free.row] * (free.column[:, None] == free.column)
        return Derivatives(2.0 * (M @ T)[free.row, free.column], hessian, (M,), q)

    def information(self, directions: Sequence[Floats]) -> Information:
        """Return expected information; the blocks of groups are independent."""
        (S,), (C,), (Q,) = directions, self.pieces().C, self.diagonal()
        F = self.profile.F
        K, p, P = len(S), len(self.T), len(F)
        flat = C.reshape(p * P, C.shape[2])
        A = np.tensordot(S, (flat @ flat.T).reshape(p, P, p, P), axes=([1, 2], [0, 2]))
        SC = np.einsum("kab,buj->kuaj", S, C).reshape(K * P, p, -1)
        half = products(SC, self.S[:p].transpose(1, 0, 2)).reshape(K * P, -1)
        B = (half @ half.T).reshape(K, P, K, P).transpose(0, 2, 1, 3)
        E = products(np.matmul(F, C), C)
        AF = A @ F
        own = AF.reshape(K, -1) @ AF.transpose(0, 2, 1).reshape(K, -1).T
        trace = trace_products(S, Q - E) - trace_products(S, E) + own
        total = np.tensordot(S, (Q - E).sum(axis=2), axes=([1, 2], [0, 1]))
        return Information(total, A, B, trace)


def trace_products(S: Floats, U: Floats) -> Floats:
    """Return sum_j tr(S_k U_j S_l U_j) for directions S (K, p, p) and U (p, p, J)."""
    p, K = len(U), len(S)
    flat = U.reshape(p * p, -1)
    G = (flat @ flat.T).reshape(p, p, p, p).transpose(3, 0, 1, 2).reshape(p * p, p * p)
    rows = S.reshape(K, p * p)
    return np.asarray(rows @ G @ rows.T)
