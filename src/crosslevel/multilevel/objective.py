"""theta -> criterion, gradient, Hessian for one grouping factor; pure functions on records.

    y = X beta + Z u + e,  V = I + Z Sigma Z',  Sigma = T T' per group
    K_j = I + R_j Sigma R_j' = L_j L_j'
    [X y]'V^-1[X y] = W + sum_j (L_j^-1 c_j)'(L_j^-1 c_j),      log|V| = sum_j log|K_j|
    Q_j = Z_j'V^-1 Z_j,  C_j = Z_j'V^-1 X,  g_j = Z_j'P y,      rho2 = y'P y

All arrays are component-first, (p, p, J): the tiny factorisations are unrolled over their entries
and run over all groups at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.linalg import solve_triangular

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
    """gradient (K,), hessian (K, K) wrt theta; M per factor wrt Sigma; q (K,) = y'P dV_k P y."""

    gradient: Floats
    hessian: Floats
    M: tuple[Floats, ...]
    q: Floats


@dataclass(frozen=True, slots=True)
class Pieces:
    """Per factor: g (p, J) = Z'Py and C (p, P, J) = Z'V^-1X; Q (p, p, J), diagonal of Z'V^-1Z."""

    g: tuple[Floats, ...]
    C: tuple[Floats, ...]
    Q: tuple[Floats, ...]


class Objective(Protocol):
    """What the optimiser and the inference ask of a structure."""

    @property
    def parameters(self) -> Parameters:
        """The free entries of theta."""

    def profile(self, theta: Floats) -> Profile:
        """Return the profiled fit at theta."""

    def derivatives(self, theta: Floats) -> Derivatives:
        """Return gradient and Hessian at theta."""

    def pieces(self, theta: Floats) -> Pieces:
        """Return the per-group quantities that random effects and inference need."""


def profiled(M: Floats, log_det: float, *, n: int, reml: bool) -> Profile:
    """Return the profiled fit from M = [X y]'V^-1[X y] and log|V|."""
    P = len(M) - 1
    L = np.linalg.cholesky(M[:P, :P])
    F = solve_triangular(L, np.eye(P), lower=True) if P else np.zeros((0, 0))
    z = F @ M[:P, P]
    rho2 = float(M[P, P] - z @ z)
    nn = float(n - P if reml else n)
    if not rho2 > 0.0:
        return Profile(np.inf, F.T @ z, F.T @ F, rho2, nn)
    criterion = log_det + nn * (1.0 + float(np.log(2.0 * np.pi * rho2 / nn)))
    if reml:
        criterion += 2.0 * float(np.log(np.diag(L)).sum())
    return Profile(criterion, F.T @ z, F.T @ F, rho2, nn)


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
class _State:
    """Everything at one theta that profile, derivatives and pieces share."""

    T: Floats
    profile: Profile
    S: Floats
    Q_sum: Floats


@dataclass(frozen=True, slots=True)
class SingleObjective:
    """The criterion of a model with one grouping factor."""

    statistics: OneFactor
    parameters: Parameters
    reml: bool

    def profile(self, theta: Floats) -> Profile:
        """Return the profiled fit at theta. Costs O(J p^2 (p + P))."""
        return self._state(theta).profile

    def pieces(self, theta: Floats) -> Pieces:
        """Return g, C and Q per group."""
        g, C, Q = _pieces(self._state(theta))
        return Pieces((g,), (C,), (Q,))

    def derivatives(self, theta: Floats) -> Derivatives:
        """Return the gradient and the exact Hessian; all traces are Gram products over groups."""
        state = self._state(theta)
        T, profile = state.T, state.profile
        F, c = profile.F, profile.nn / profile.rho2
        g, C, Q = _pieces(state)
        E = products(np.einsum("kuj,uv->kvj", C, F), C) if self.reml else np.zeros_like(Q)
        M = state.Q_sum - E.sum(axis=2) - c * (g @ g.T)
        S = self.parameters.directions(0, T)
        h = np.einsum("kab,auj,bj->ku", S, C, g, optimize=True)
        Sg = np.einsum("kab,bj->kaj", S, g)
        q = np.einsum("kaj,aj->k", Sg, g)
        curve = np.einsum("kaj,lbj,abj->kl", Sg, Sg, Q, optimize=True) - h @ F @ h.T
        trace = _trace(S, Q - E) - _trace(S, E)
        if self.reml:
            A = np.einsum("kab,auj,bvj->kuv", S, C, C, optimize=True) @ F
            trace += np.einsum("kuv,lvu->kl", A, A)
        hessian = 2.0 * c * curve - trace - (c * c / profile.nn) * np.outer(q, q)
        rows, columns = self.parameters.row, self.parameters.column
        hessian += 2.0 * M[np.ix_(rows, rows)] * (columns[:, None] == columns)
        gradient = 2.0 * (M @ T)[rows, columns]
        return Derivatives(gradient, hessian, (M,), q)

    def _state(self, theta: Floats) -> _State:
        stats = self.statistics
        (T,) = self.parameters.unpack(theta)
        p = len(T)
        L = inner_factor(stats.R, T)
        columns = np.concatenate([stats.R.transpose(1, 0, 2), stats.c])
        S = forward(L, columns)
        flat = S.reshape(len(S), -1)
        G = flat @ flat.T
        log_det = 2.0 * float(sum(np.log(L[a, a]).sum() for a in range(p)))
        profile = profiled(stats.W + G[p:, p:], log_det, n=stats.n, reml=self.reml)
        return _State(T, profile, S, G[:p, :p])


def _pieces(state: _State) -> tuple[Floats, Floats, Floats]:
    p = len(state.T)
    R = state.S[:p]
    C_all = products(R, state.S[p:])
    C = C_all[:, :-1]
    g = C_all[:, -1] - np.einsum("kuj,u->kj", C, state.profile.beta)
    return g, C, products(R, R)


def _trace(S: Floats, U: Floats) -> Floats:
    """Return sum_j tr(S_k U_j S_l U_j) over all pairs of directions."""
    p = len(U)
    flat = U.reshape(p * p, -1)
    G = (flat @ flat.T).reshape(p, p, p, p)
    return np.asarray(np.einsum("kab,bcda,lcd->kl", S, G, S, optimize=True))
