"""theta (B, K) -> criterion, gradient, Hessian of B responses on one design with one factor.

The equations are those of `objective`; a leading axis runs over responses. The derivatives use that
all traces are sums over groups of products of two entries: with s running over the p(p+1)/2 pairs
of coefficients, the Gram matrix over groups of the rows

    U_s = (Z'P Z)_s,   E_s = (C F C')_s,   (g g')_s      and of      C_au, g_a

holds every trace the exact Hessian needs; what is left has no axis over groups.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from crosslevel.multilevel.batch_statistics import BatchStatistics
from crosslevel.multilevel.coding import Floats
from crosslevel.multilevel.parameters import Parameters

Indices = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class BatchProfile:
    """Per response: criterion (B,), beta (B, P), F = (X'V^-1X)^-1 (B, P, P), rho2 = y'Py (B,)."""

    criterion: Floats
    beta: Floats
    F: Floats
    rho2: Floats


@dataclass(frozen=True, slots=True)
class BatchDerivatives:
    """Derivatives per response: gradient (B, K), hessian (B, K, K), M (B, p, p) wrt Sigma.

    q (B, K) = y'P dV_k P y and dF (B, K, P, P) = X'V^-1 dV_k V^-1 X.
    """

    gradient: Floats
    hessian: Floats
    M: Floats
    q: Floats
    dF: Floats


@dataclass(frozen=True, slots=True)
class BatchObjective:
    """The criterion of many responses; `parameters` are those of the model."""

    statistics: BatchStatistics
    parameters: Parameters
    reml: bool

    def take(self, at: Indices) -> BatchObjective:
        """Return the criterion of some of the responses."""
        return BatchObjective(self.statistics.take(at), self.parameters, self.reml)

    @property
    def nn(self) -> float:
        """Return n - P for REML, n for maximum likelihood."""
        shared = self.statistics.shared
        return float(shared.n - (shared.shape[1] if self.reml else 0))

    def triangles(self, theta: Floats) -> Floats:
        """Return T (B, p, p)."""
        p, free = self.parameters.sizes[0], self.parameters
        T = np.zeros((len(theta), p, p))
        T[:, free.row, free.column] = theta
        return T

    def profile(self, theta: Floats) -> BatchProfile:
        """Return the profiled fits at theta (B, K)."""
        return self._profile(*_solved(self.statistics, self.triangles(theta))[1:])

    def at(self, theta: Floats) -> tuple[BatchProfile, BatchDerivatives]:
        """Return profile and derivatives at theta, (B, K) or (1, K) for one that all share.

        Costs O(J p^2 (p + P)) each; at a shared theta only what involves the response.
        """
        T = self.triangles(theta)
        S_r, S_x, S_y, log_det = _solved(self.statistics, T)
        profile = self._profile(S_x, S_y, log_det)
        P = profile.beta.shape[1]
        fitted = profile.beta[:, None, :] @ S_x.reshape(len(T), P, -1)
        g = _products(S_r, (S_y - fitted.reshape(S_y.shape))[:, None])[:, 0]
        parts = _Parts(
            self.parameters, T, g, _products(S_r, S_x), _pairs(S_r, S_r), profile.F, self.reml
        )
        return profile, _derivatives(parts, self.nn / profile.rho2, self.nn)

    def _profile(self, S_x: Floats, S_y: Floats, log_det: Floats) -> BatchProfile:
        M = _cross_products(self.statistics, S_x, S_y)
        return _profiled(M, log_det, self.nn, reml=self.reml)


@dataclass(frozen=True, slots=True)
class _Parts:
    """What the derivatives are made of: g (B, p, J), C (., P, p, J), Q (., s, J), F (., P, P).

    The dot is B, or 1 where theta is shared.
    """

    free: Parameters
    T: Floats
    g: Floats
    C: Floats
    Q: Floats
    F: Floats
    reml: bool


def _solved(stats: BatchStatistics, T: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Return L_j^-1 R_j (B, p, p, J) by columns, L_j^-1 c_x, L_j^-1 c_y and log|V| (B,)."""
    shared = stats.shared
    p, P, J = shared.shape
    B = len(T)
    R = shared.R.transpose(1, 0, 2)
    G = (T.transpose(0, 2, 1).reshape(B * p, p) @ R.reshape(p, -1)).reshape(B, p, p, J)
    L = np.empty((p, p, B, J))
    log_det = np.zeros(B)
    S_r, S_x, S_y = np.empty((B, p, p, J)), np.empty((B, P, p, J)), np.empty(stats.c_y.shape)
    for b in range(p):
        for a in range(b, p):
            K = np.einsum("bkj,bkj->bj", G[:, :, a], G[:, :, b])
            if a == b:
                K += 1.0
            for d in range(b):
                K -= L[a, d] * L[b, d]
            if a == b:
                np.sqrt(K, out=K)
                log_det += 2.0 * np.log(K).sum(axis=1)
                L[b, b] = 1.0 / K
            else:
                L[a, b] = K * L[b, b]
        for columns, solved in ((R, S_r), (shared.c_x, S_x)):
            value = np.broadcast_to(columns[None, :, b], solved[:, :, b].shape)
            for d in range(b):
                value = value - L[b, d][:, None] * solved[:, :, d]
            np.multiply(value, L[b, b][:, None], out=solved[:, :, b])
        own = stats.c_y[:, b]
        for d in range(b):
            own = own - L[b, d] * S_y[:, d]
        np.multiply(own, L[b, b], out=S_y[:, b])
    return S_r, S_x, S_y, log_det


def _cross_products(stats: BatchStatistics, S_x: Floats, S_y: Floats) -> Floats:
    """Return [X y]'V^-1[X y], (B, P + 1, P + 1)."""
    B, P = len(S_y), S_x.shape[1]
    x, y = S_x.reshape(len(S_x), P, -1), S_y.reshape(B, -1, 1)
    M = np.empty((B, P + 1, P + 1))
    M[:, :P, :P] = stats.shared.W_xx + x @ x.transpose(0, 2, 1)
    M[:, :P, P] = M[:, P, :P] = stats.W_xy + (x @ y)[..., 0]
    M[:, P, P] = stats.W_yy + np.einsum("bi,bi->b", y[..., 0], y[..., 0])
    return M


def _profiled(M: Floats, log_det: Floats, nn: float, *, reml: bool) -> BatchProfile:
    """Return beta, F, rho2 and the criterion (infinite where rho2 is not positive)."""
    P = M.shape[1] - 1
    L = np.linalg.cholesky(M[:, :P, :P])
    half = np.linalg.inv(L)
    z = half @ M[:, :P, P, None]
    rho2 = M[:, P, P] - (z * z).sum(axis=(1, 2))
    back = half.transpose(0, 2, 1)
    safe = np.where(rho2 > 0, rho2, np.inf)
    criterion = log_det + nn * (1.0 + np.log(2.0 * np.pi * safe / nn))
    if reml:
        criterion = criterion + 2.0 * np.log(np.einsum("bpp->bp", L)).sum(axis=1)
    return BatchProfile(criterion, (back @ z)[..., 0], back @ half, rho2)


def _products(S_r: Floats, S: Floats) -> Floats:
    """Return sum over the inner axis: (., p, p, J), (B, m, p, J) -> (B, m, p, J)."""
    p = S_r.shape[1]
    made = np.empty(S.shape)
    for k in range(p):
        np.multiply(S_r[:, k, None, 0], S[:, :, 0], out=made[:, :, k])
        for a in range(1, p):
            made[:, :, k] += S_r[:, k, None, a] * S[:, :, a]
    return made


def _pairs(left: Floats, right: Floats) -> Floats:
    """Return sum over the third axis for each pair a >= b: (B, p, m, J) twice -> (B, s, J)."""
    p = left.shape[1]
    rows = [
        np.einsum("bmj,bmj->bj", left[:, a], right[:, b]) for a in range(p) for b in range(a + 1)
    ]
    return np.stack(rows, axis=1)


def _derivatives(parts: _Parts, c: Floats, nn: float) -> BatchDerivatives:
    """Return the exact gradient and Hessian from c = nn / rho2 and the pieces per group."""
    free, T, g, C = parts.free, parts.T, parts.g, parts.C
    (B, p, J), P, K = g.shape, C.shape[1], len(free)
    gram, sums, s = _pair_gram(parts)
    flat = np.empty((B, P * p + p, J))
    flat[:, : P * p], flat[:, P * p :] = C.reshape(-1, P * p, J), g
    outer = flat @ flat.transpose(0, 2, 1)
    index = _pair_index(p)
    wide = _directions(free, T).reshape(-1, K, p * p)
    turned = wide.transpose(0, 2, 1)
    gg = outer[:, P * p :, P * p :]
    q = (wide @ gg.reshape(B, p * p, 1))[..., 0]
    curve = wide @ _spread(gram[:, :s, 2 * s :] + gram[:, s : 2 * s, 2 * s :], index, p) @ turned
    h = wide @ outer[:, : P * p, P * p :].reshape(B, P, p * p).transpose(0, 2, 1)
    own = outer[:, : P * p, : P * p].reshape(B, P, p, P, p).transpose(0, 2, 4, 1, 3)
    dF = (wide @ own.reshape(B, p * p, P * P)).reshape(B, K, P, P)
    hessian = (2.0 * c)[:, None, None] * (curve - h @ parts.F @ h.transpose(0, 2, 1))
    hessian -= (c * c / nn)[:, None, None] * (q[:, :, None] * q[:, None, :])
    hessian -= _traces(parts, gram, wide, dF, index)
    total = sums[:, :s] if parts.reml else sums[:, :s] + sums[:, s : 2 * s]
    M = total[:, index] - c[:, None, None] * gg
    same = free.column[:, None] == free.column
    hessian += 2.0 * M[:, free.row[:, None], free.row] * same
    return BatchDerivatives(2.0 * (M @ T)[:, free.row, free.column], hessian, M, q, dF)


def _pair_gram(parts: _Parts) -> tuple[Floats, Floats, int]:
    """Return the Gram matrix (B, 3s, 3s) of the rows U, E, gg over groups, and their sums."""
    g, C, Q = parts.g, parts.C, parts.Q
    (B, p, J), P, s = g.shape, C.shape[1], Q.shape[1]
    FC = (parts.F[: len(C)] @ C.reshape(len(C), P, -1)).reshape(C.shape)
    E = _pairs(FC.transpose(0, 2, 1, 3), C.transpose(0, 2, 1, 3))
    rows = np.empty((B, 3 * s, J))
    rows[:, :s], rows[:, s : 2 * s] = Q - E, E
    for k, (a, b) in enumerate(_places(p)):
        np.multiply(g[:, a], g[:, b], out=rows[:, 2 * s + k])
    return rows @ rows.transpose(0, 2, 1), rows.sum(axis=2), s


def _traces(parts: _Parts, gram: Floats, wide: Floats, dF: Floats, index: Indices) -> Floats:
    """Return tr(P dV_k P dV_l), or with V^-1 for maximum likelihood, (B, K, K)."""
    p, s = len(index), gram.shape[1] // 3
    UU, UE, EE = gram[:, :s, :s], gram[:, :s, s : 2 * s], gram[:, s : 2 * s, s : 2 * s]
    back = wide.transpose(0, 2, 1)
    if not parts.reml:
        whole = UU + UE + UE.transpose(0, 2, 1) + EE
        return wide @ _crossed(whole, index, p) @ back
    A = dF @ parts.F[:, None]
    flat = A.reshape(*A.shape[:2], -1)
    own = flat @ A.transpose(0, 1, 3, 2).reshape(flat.shape).transpose(0, 2, 1)
    return wide @ _crossed(UU - EE, index, p) @ back + own


def _places(p: int) -> list[tuple[int, int]]:
    """Return the pairs a >= b of coefficients in their order."""
    return [(a, b) for a in range(p) for b in range(a + 1)]


def _pair_index(p: int) -> Indices:
    """Return the place (p, p) of each pair in the order of `_pairs`."""
    index = np.zeros((p, p), dtype=np.intp)
    for k, (a, b) in enumerate(_places(p)):
        index[a, b] = index[b, a] = k
    return index


def _spread(gram: Floats, index: Indices, p: int) -> Floats:
    """Return X[(a, b), (c, d)] = gram[(a, c), (b, d)], (B, p p, p p)."""
    left, right = index[:, None, :, None], index[None, :, None, :]
    full = gram[:, np.broadcast_to(left, (p,) * 4), np.broadcast_to(right, (p,) * 4)]
    return full.reshape(len(gram), p * p, p * p)


def _crossed(gram: Floats, index: Indices, p: int) -> Floats:
    """Return X[(a, b), (c, d)] = gram[(b, c), (d, a)], (B, p p, p p)."""
    left, right = index[None, :, :, None], index.T[:, None, None, :]
    full = gram[:, np.broadcast_to(left, (p,) * 4), np.broadcast_to(right, (p,) * 4)]
    return full.reshape(len(gram), p * p, p * p)


def _directions(free: Parameters, T: Floats) -> Floats:
    """Return dSigma for each theta, (B, K, p, p): e_a t_b' + t_b e_a'."""
    k = np.arange(len(free))
    S = np.zeros((len(T), len(free), *T.shape[1:]))
    S[:, k, free.row, :] = T[:, :, free.column].transpose(0, 2, 1)
    return S + S.transpose(0, 1, 3, 2)
