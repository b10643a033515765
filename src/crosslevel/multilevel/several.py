"""theta -> criterion, gradient, Hessian for several grouping factors, nested or crossed.

The factor with most coefficients is eliminated group by group, as in `objective`; the others (r)
are bordered by X and y. With A = [Z_r X y] and V_1 = I + Z_1 Sigma_1 Z_1':

    A_ = A'V_1^-1 A = W + sum_j (L_j^-1 c_j)'(L_j^-1 c_j)
    C = I + Lambda' A_rr Lambda = L L',   N_0 = Lambda C^-1 Lambda'
    V^-1 = V_1^-1 - V_1^-1 Z_r N_0 Z_r'V_1^-1,    P = V_1^-1 - V_1^-1 [Z_r X] N [Z_r X]'V_1^-1

The Hessian is exact while all coefficients number at most `EXACT`, the average information above.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.linalg import solve_triangular
from scipy.linalg.lapack import dpotrf, dpotri
from scipy.sparse import csc_array

from crosslevel.multilevel.coding import Floats
from crosslevel.multilevel.objective import (
    Derivatives,
    Information,
    Pieces,
    Profile,
    forward,
    inner_factor,
    products,
    profiled,
)
from crosslevel.multilevel.parameters import Parameters
from crosslevel.multilevel.statistics import Projection, SeveralFactors, dense, mirrored

EXACT = 600
INVERTIBLE = 0.1  # relative standard deviation from which sums may be divided by it
CHUNK = 4096


@dataclass(frozen=True, slots=True)
class SeveralObjective:
    """The criterion of a model with several factors; `order` lists the eliminated one first."""

    statistics: SeveralFactors
    parameters: Parameters
    order: tuple[int, ...]
    reml: bool

    def at(self, theta: Floats) -> SeveralEvaluation:
        """Return the criterion evaluated at theta. Costs one dense factorisation of order q."""
        stats, first = self.statistics, self.statistics.first
        given = self.parameters.unpack(theta)
        T = tuple(given[f] for f in self.order)
        p = len(T[0])
        L = inner_factor(first.R, T[0])
        S = forward(L, np.concatenate([first.R.transpose(1, 0, 2), first.c]))
        S_r = forward(L[:, :, stats.rows], stats.c[None])[0]
        A_ra = stats.W_ra.copy()
        if stats.pairs is None:
            A_rr = stats.W_rr.copy()
        else:
            A_rr = mirrored(stats.pairs.gram(1.0 / L[0, 0] ** 2, len(A_ra)))
            A_rr += stats.W_rr
        for a in range(p):
            part = stats.matrix(S_r[a])
            if stats.pairs is None:
                A_rr += dense(part.T @ part)
            A_ra += part.T @ S[p:, a].T
        flat = S[p:].reshape(len(S) - p, -1)
        C = inside(stats, T, A_rr)
        C[np.diag_indices_from(C)] += 1.0
        root = _root(C)
        H = solve_triangular(root, left(stats, T, A_ra), lower=True, check_finite=False)
        log_det = 2.0 * sum(float(np.log(L[a, a]).sum()) for a in range(p))
        log_det += 2.0 * float(np.log(root.diagonal()).sum())
        M = first.W + flat @ flat.T - H.T @ H
        profile = profiled(M, log_det, n=first.n, reml=self.reml)
        return SeveralEvaluation(self, T, profile, S, S_r, A_rr, A_ra, root)


def _root(C: Floats) -> Floats:
    """Return the lower factor of a symmetric matrix, in its memory; what lies above stays."""
    upper, info = dpotrf(C.T, lower=0, clean=0, overwrite_a=1)
    if info:
        raise np.linalg.LinAlgError("The matrix is not positive definite.")
    return np.asarray(upper.T)


def left(stats: SeveralFactors, T: tuple[Floats, ...], matrix: Floats) -> Floats:
    """Return Lambda' times a (q, m) matrix."""
    result = np.empty(matrix.shape)
    for t, (at, p, J) in zip(T[1:], stats.spans(), strict=True):
        if p == 1:
            np.multiply(matrix[at], t[0, 0], out=result[at])
            continue
        part = matrix[at].reshape(p, J, -1)
        result[at] = np.einsum("bd,bkm->dkm", t, part).reshape(p * J, -1)
    return result


def inside(stats: SeveralFactors, T: tuple[Floats, ...], matrix: Floats) -> Floats:
    """Return Lambda' times a symmetric (q, q) matrix times Lambda."""
    if any(p > 1 for p, _ in stats.shapes):
        return left(stats, T, left(stats, T, matrix).T)
    t = np.repeat([triangle[0, 0] for triangle in T[1:]], [J for _, J in stats.shapes])
    made: Floats = matrix * t
    made *= t[:, None]
    return made


@dataclass(frozen=True, slots=True)
class SeveralEvaluation:
    """Everything at one theta.

    T lists the eliminated factor's triangle first. S (p + m, p, J) and S_r (p, nnz) are the
    projections L_j^-1 c_j; A_rr (q, q), A_ra (q, m) the cross-products left; root the factor of C.
    """

    objective: SeveralObjective
    T: tuple[Floats, ...]
    profile: Profile
    S: Floats
    S_r: Floats
    A_rr: Floats
    A_ra: Floats
    root: Floats

    def pieces(self) -> Pieces:
        """Return g and C per factor, in the order of the parameters."""
        g, C = self._scores(self._parts())
        back = np.argsort(self.objective.order)
        return Pieces(tuple(g[k] for k in back), tuple(C[k] for k in back))

    def diagonal(self) -> tuple[Floats, ...]:
        """Return the diagonal blocks of Z'V^-1Z per factor, in the order of the parameters."""
        parts, R = self._parts(), self.S[: len(self.T[0])]
        first = np.array(products(R, R))
        for begin in range(0, first.shape[2], CHUNK):
            rows = slice(begin, begin + CHUNK)
            for k, m in np.ndindex(first.shape[:2]):
                half = parts.D[k][rows] @ parts.N_0
                first[k, m, rows] -= _row_sums(parts.D[m][rows], half)
        H = self.A_rr - self.A_rr @ parts.N_0 @ self.A_rr
        made = [first]
        for at, p, J in self._spans():
            made.append(np.einsum("ajbj->abj", H[at, at].reshape(p, J, p, J)))
        return tuple(made[k] for k in np.argsort(self.objective.order))

    def derivatives(self) -> Derivatives:
        """Return the gradient and the Hessian (exact, or average information when large)."""
        parts, free, order = self._parts(), self.objective.parameters, self.objective.order
        g, C = self._scores(parts)
        c = self.profile.nn / self.profile.rho2
        M = [t - c * (b @ b.T) for t, b in zip(self._totals(parts, C), g, strict=True)]
        S = [free.directions(f, T) for f, T in zip(order, self.T, strict=True)]
        moved = [
            (s.reshape(-1, len(b)) @ b).reshape(len(s), *b.shape) for s, b in zip(S, g, strict=True)
        ]
        q = np.concatenate(
            [v.reshape(len(v), -1) @ b.ravel() for v, b in zip(moved, g, strict=True)]
        )
        curve = c * self._curvature(parts, moved)
        exact = sum(b.size for b in g) <= EXACT
        hessian = 2.0 * curve - (
            trace_table(S, self._blocks(parts, self._border(parts))) if exact else curve
        )
        hessian -= (c * c / self.profile.nn) * np.outer(q, q)
        gradient, start = np.zeros(len(free)), 0
        for f, T, m in zip(order, self.T, M, strict=True):
            at = free.of(f)
            rows, columns = free.row[at], free.column[at]
            gradient[at] = 2.0 * (m @ T)[rows, columns]
            own = slice(start, start + len(at))
            hessian[own, own] += 2.0 * m[rows[:, None], rows] * (columns[:, None] == columns)
            start += len(at)
        back = np.argsort(np.concatenate([free.of(f) for f in order]))
        ranks = np.argsort(order)
        return Derivatives(
            gradient, hessian[back[:, None], back], tuple(M[k] for k in ranks), q[back], exact
        )

    def information(self, directions: Sequence[Floats]) -> Information:
        """Return expected information from the dense Z'PZ and Z'V^-1Z; memory grows as q^2."""
        parts, order = self._parts(), self.objective.order
        S = [directions[f] for f in order]
        _, C = self._scores(parts)
        free = _bordered(parts.N_0, len(self.profile.beta))
        V, U = self._blocks(parts, free), self._blocks(parts, self._border(parts))
        SC = [np.einsum("kab,buj->kuaj", s, c) for s, c in zip(S, C, strict=True)]
        A = [np.einsum("kuaj,avj->kuv", sc, c) for sc, c in zip(SC, C, strict=True)]
        total = [np.einsum("kab,ajbj->k", s, U[f][f]) for f, s in enumerate(S)]
        P = len(self.profile.beta)
        rows = []
        for f, left_side in enumerate(SC):
            row = []
            for h, right_side in enumerate(SC):
                a, b = len(left_side), len(right_side)
                whole = V[f][h].reshape(-1, V[f][h].shape[2] * V[f][h].shape[3])
                product = left_side.reshape(a * P, -1) @ whole @ right_side.reshape(b * P, -1).T
                row.append(product.reshape(a, P, b, P).transpose(0, 2, 1, 3))
            rows.append(np.concatenate(row, axis=1))
        starts = np.cumsum([0, *(len(s) for s in S)])
        places = [np.arange(starts[k], starts[k + 1]) for k in np.argsort(order)]
        at = np.concatenate(places)
        B, trace = np.concatenate(rows), trace_table(S, U)
        return Information(
            np.concatenate(total)[at],
            np.concatenate(A)[at],
            B[at[:, None], at],
            trace[at[:, None], at],
        )

    def _spans(self) -> Iterator[tuple[slice, int, int]]:
        return self.objective.statistics.spans()

    def _parts(self) -> _Parts:
        """Return what derivatives and pieces share."""
        stats, p = self.objective.statistics, len(self.T[0])
        inverse = mirrored(np.asarray(dpotri(self.root.T, lower=0)[0]).T)
        inner = tuple(
            J * np.eye(size) - np.einsum("ajbj->ab", inverse[at, at].reshape(size, J, size, J))
            for at, size, J in self._spans()
        )
        turned = tuple(t.T for t in self.T)
        N_0 = inside(stats, turned, inverse)
        solved = N_0 @ self.A_ra
        R = self.S[:p]
        D = tuple(
            stats.matrix(np.einsum("an,an->n", R[k][:, stats.rows], self.S_r)) for k in range(p)
        )
        return _Parts(N_0, solved, inner, D, products(R, self.S[p:]))

    def _border(self, parts: _Parts) -> Floats:
        """Return the N of the trace terms: of P_ for REML, of V^-1 for maximum likelihood."""
        made = _bordered(parts.N_0, len(self.profile.beta))
        if self.objective.reml:
            q, E, F = len(parts.N_0), parts.E, self.profile.F
            made[:q, :q] += E @ F @ E.T
            made[:q, q:] = -E @ F
            made[q:, :q] = made[:q, q:].T
            made[q:, q:] = F
        return made

    def _scores(self, parts: _Parts) -> tuple[list[Floats], list[Floats]]:
        """Return g = Z'P y and C = Z'V^-1 X per factor, the eliminated one first."""
        rest = self.A_ra - self.A_rr @ parts.solved
        pieces = [parts.C_1 - np.array([(D @ parts.solved).T for D in parts.D])]
        for at, p, J in self._spans():
            pieces.append(rest[at].reshape(p, J, -1).transpose(0, 2, 1))
        C = [piece[:, :-1] for piece in pieces]
        g = [piece[:, -1] - self.profile.beta @ piece[:, :-1] for piece in pieces]
        return g, C

    def _totals(self, parts: _Parts, C: list[Floats]) -> list[Floats]:
        """Return sum_j of the diagonal blocks of Z'PZ per factor (V^-1 for maximum likelihood)."""
        made = [self._total_first(parts)]
        for (at, size, J), T, inner in zip(self._spans(), self.T[1:], parts.inner, strict=True):
            if np.linalg.svd(T, compute_uv=False).min() > INVERTIBLE:
                half = np.linalg.solve(T.T, inner)
                made.append(np.linalg.solve(T.T, half.T))
                continue
            wide = self.A_rr[at]
            own = np.einsum("ajbj->ab", wide[:, at].reshape(size, J, size, J))
            a, b = (wide @ parts.N_0).reshape(size, -1), wide.reshape(size, -1)
            made.append(own - a @ b.T)
        if self.objective.reml:
            for total, c in zip(made, C, strict=True):
                flat = c.transpose(0, 2, 1)
                total -= np.tensordot(flat @ self.profile.F, flat, axes=([1, 2], [1, 2]))
        return made

    def _total_first(self, parts: _Parts) -> Floats:
        """Return sum_j Z_1j'V^-1 Z_1j of the eliminated factor."""
        p, D, stats = len(self.T[0]), parts.D, self.objective.statistics
        R = self.S[:p].reshape(p, -1)
        first = R @ R.T
        if stats.pairs is not None:
            inner = 1.0 + (stats.first.R[0, 0] * self.T[0][0, 0]) ** 2
            weighted = stats.pairs.weighted(self.S[0, 0] ** 2 / inner)
            whole = 2.0 * float(weighted @ np.take(parts.N_0, stats.pairs.places))
            values = self.S[0, 0, stats.rows] * self.S_r[0]
            return first - whole + float((values * values) @ parts.N_0.diagonal()[stats.indices])
        for k in range(p):
            for m in range(k + 1):
                first[k, m] -= _overlap(D[k].T @ D[m], parts.N_0)
                first[m, k] = first[k, m]
        return first

    def _curvature(self, parts: _Parts, moved: list[Floats]) -> Floats:
        """Return w_k'P w_l with w_k = Z dSigma_k g, all directions, eliminated factor first."""
        p, P = len(self.T[0]), len(self.profile.beta)
        K = sum(len(v) for v in moved)
        first = np.zeros((K, *moved[0].shape[1:]))
        first[: len(moved[0])] = moved[0]
        rest, start = np.zeros((K, len(parts.N_0))), len(moved[0])
        for v, (at, _, _) in zip(moved[1:], self._spans(), strict=True):
            rest[start : start + len(v), at] = v.reshape(len(v), -1)
            start += len(v)
        half = products(first, self.S[:p].transpose(1, 0, 2)).reshape(K, -1)
        cross = np.zeros_like(rest)
        for a, D in enumerate(parts.D):
            cross += (D.T @ first[:, a].T).T
        own = rest @ self.A_rr
        C = parts.C_1[:, :-1].transpose(0, 2, 1).reshape(first[0].size, P)
        t = cross + own
        u = t @ parts.E - first.reshape(K, -1) @ C - rest @ self.A_ra[:, :P]
        both = cross @ rest.T
        made = half @ half.T + both + both.T + own @ rest.T
        return np.asarray(made - t @ parts.N_0 @ t.T - u @ self.profile.F @ u.T)

    def _blocks(self, parts: _Parts, N: Floats) -> list[list[Floats]]:
        """Return Z_f'PZ_h, dense, as (p_f, J_f, p_h, J_h) blocks; N decides between P_ and V^-1."""
        p, P = len(self.T[0]), len(self.profile.beta)
        R, C = self.S[:p], parts.C_1[:, :-1]
        J = C.shape[2]
        D = np.vstack([dense(d) for d in parts.D])
        block = np.zeros((p, J, p, J))
        j = np.arange(J)
        block[:, j, :, j] = products(R, R).transpose(2, 0, 1)
        whole = np.block([[block.reshape(p * J, -1), D], [D.T, self.A_rr]])
        top = np.hstack([D, C.transpose(0, 2, 1).reshape(p * J, P)])
        border = np.vstack([top, np.hstack([self.A_rr, self.A_ra[:, :P]])])
        whole -= border @ N @ border.T
        sizes = [(p, J), *self.objective.statistics.shapes]
        ends = np.cumsum([0, *(a * b for a, b in sizes)])
        at = [slice(a, b) for a, b in pairwise(ends)]
        pairs = range(len(sizes))
        return [[whole[at[f], at[h]].reshape(*sizes[f], *sizes[h]) for h in pairs] for f in pairs]


def _overlap(product: Projection | csc_array, N: Floats) -> float:
    """Return the sum of the entrywise product with N."""
    if isinstance(product, np.ndarray):
        return float(np.sum(product * N))
    entries = product.tocoo()
    return float(entries.data @ N[entries.coords])


def _row_sums(matrix: Projection, other: Floats) -> Floats:
    """Return the row sums of the entrywise product."""
    if isinstance(matrix, np.ndarray):
        return np.asarray(np.einsum("jq,jq->j", matrix, other))
    return np.asarray(matrix.multiply(other).sum(axis=1))


def trace_table(S: list[Floats], blocks: list[list[Floats]]) -> Floats:
    """Return tr(P dV_k P dV_l) for all pairs of directions from the dense blocks of Z'PZ."""
    rows = []
    for f, S_f in enumerate(S):
        row = []
        for h, S_h in enumerate(S):
            block = blocks[f][h].transpose(0, 2, 1, 3)
            a, e = block.shape[:2]
            flat = block.reshape(a * e, -1)
            G = (flat @ flat.T).reshape(a, e, a, e).transpose(0, 2, 1, 3).reshape(a * a, e * e)
            row.append(S_f.reshape(-1, a * a) @ G @ S_h.reshape(-1, e * e).T)
        rows.append(np.hstack(row))
    return np.vstack(rows)


def _bordered(N_0: Floats, P: int) -> Floats:
    """Return N_0 with P rows and columns of zeros."""
    q = len(N_0)
    made = np.zeros((q + P, q + P))
    made[:q, :q] = N_0
    return made


@dataclass(frozen=True, slots=True)
class _Parts:
    """N_0 (q, q); solved = N_0 A_ra (q, P + 1); D_k = Z_1k'V_1^-1 Z_r (J, q).

    C_1 = Z_1'V_1^-1 [X y]; inner: per bordered factor, the diagonal blocks of I - C^-1 summed over
    levels.
    """

    N_0: Floats
    solved: Floats
    inner: tuple[Floats, ...]
    D: tuple[Projection, ...]
    C_1: Floats

    @property
    def E(self) -> Floats:
        """Return N_0 A_rx, (q, P)."""
        return self.solved[:, :-1]
