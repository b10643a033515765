"""theta -> criterion, gradient, Hessian for several grouping factors, nested or crossed.

The factor with most coefficients is eliminated group by group, as in `objective`; the others (r)
are bordered by X and y. With A = [Z_r X y] and V_1 = I + Z_1 Sigma_1 Z_1':

    A_ = A'V_1^-1 A = W + sum_j (L_j^-1 c_j)'(L_j^-1 c_j)
    C = I + Lambda' A_rr Lambda = L L',   N_0 = Lambda C^-1 Lambda'
    V^-1 = V_1^-1 - V_1^-1 Z_r N_0 Z_r'V_1^-1,    P = V_1^-1 - V_1^-1 [Z_r X] N [Z_r X]'V_1^-1

The Hessian is exact while all coefficients number at most `EXACT`, the average information above.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_solve, solve_triangular
from scipy.sparse import csr_array

from crosslevel.multilevel.coding import Floats
from crosslevel.multilevel.objective import (
    Derivatives,
    Pieces,
    Profile,
    forward,
    inner_factor,
    products,
    profiled,
)
from crosslevel.multilevel.parameters import Parameters
from crosslevel.multilevel.statistics import SeveralFactors

EXACT = 600


@dataclass(frozen=True, slots=True)
class _State:
    """Everything at one theta.

    T lists the eliminated factor's triangle first. S (p + m, p, J) and S_r (p, nnz) are the
    projections L_j^-1 c_j; A_rr (q, q), A_ra (q, m) the cross-products left; N_0 (q, q).
    """

    T: tuple[Floats, ...]
    profile: Profile
    S: Floats
    S_r: Floats
    A_rr: Floats
    A_ra: Floats
    N_0: Floats


@dataclass(frozen=True, slots=True)
class SeveralObjective:
    """The criterion of a model with several grouping factors; `first` is the eliminated one."""

    statistics: SeveralFactors
    parameters: Parameters
    order: tuple[int, ...]
    reml: bool

    def profile(self, theta: Floats) -> Profile:
        """Return the profiled fit at theta. Costs one dense factorisation of order q."""
        return self._state(theta, full=False).profile

    def pieces(self, theta: Floats) -> Pieces:
        """Return g, C and Q per factor, in the order of the parameters."""
        state = self._state(theta)
        g, C = self._scores(state)
        Q = [self._within_first(state, reml=False)]
        Br = state.A_rr
        H = Br @ state.N_0 @ Br
        for at, p, J in self._spans():
            block = (state.A_rr - H)[at, at].reshape(p, J, p, J)
            Q.append(np.einsum("ajbj->abj", block))
        inverse = np.argsort(self.order)
        return Pieces(*(tuple(part[k] for k in inverse) for part in (g, C, Q)))

    def derivatives(self, theta: Floats) -> Derivatives:
        """Return the gradient and the Hessian (exact, or average information when large)."""
        state = self._state(theta)
        g, _ = self._scores(state)
        c = state.profile.nn / state.profile.rho2
        sums = self._traces(state)
        M = [total - c * (part @ part.T) for total, part in zip(sums, g, strict=True)]
        U = [self._directions(f, T) for f, T in enumerate(state.T)]
        moved = [np.einsum("kab,bj->kaj", S, part) for S, part in zip(U, g, strict=True)]
        q = np.concatenate(
            [np.einsum("kaj,aj->k", v, part) for v, part in zip(moved, g, strict=True)]
        )
        curve = self._curvature(state, moved)
        size = sum(part.size for part in g)
        exact = size <= EXACT
        traces = self._exact_traces(state, U) if exact else c * curve
        hessian = 2.0 * c * curve - traces
        hessian -= (c * c / state.profile.nn) * np.outer(q, q)
        positions = np.concatenate([self.parameters.of(f) for f in self.order])
        gradient, offset = np.zeros(len(theta)), 0
        for f, (T, m) in enumerate(zip(state.T, M, strict=True)):
            at = self.parameters.of(self.order[f])
            rows, columns = self.parameters.row[at], self.parameters.column[at]
            gradient[at] = 2.0 * (m @ T)[rows, columns]
            here = slice(offset, offset + len(at))
            hessian[here, here] += 2.0 * m[np.ix_(rows, rows)] * (columns[:, None] == columns)
            offset += len(at)
        back = np.argsort(positions)
        inverse = np.argsort(self.order)
        return Derivatives(
            gradient, hessian[np.ix_(back, back)], tuple(M[k] for k in inverse), q[back]
        )

    def _directions(self, position: int, T: Floats) -> Floats:
        return self.parameters.directions(self.order[position], T)

    def _spans(self) -> Iterator[tuple[slice, int, int]]:
        """Yield the place, components and levels of each factor that is not eliminated."""
        start = 0
        for p, J in self.statistics.shapes:
            yield slice(start, start + p * J), p, J
            start += p * J

    def _left(self, T: tuple[Floats, ...], matrix: Floats) -> Floats:
        """Return Lambda' times a (q, m) matrix."""
        result = np.empty_like(matrix)
        for t, (at, p, J) in zip(T[1:], self._spans(), strict=True):
            part = matrix[at].reshape(p, J, -1)
            result[at] = np.einsum("bd,bkm->dkm", t, part).reshape(p * J, -1)
        return result

    def _sparse(self, values: Floats) -> csr_array:
        stats = self.statistics
        shape = (len(stats.indptr) - 1, len(stats.W_rr))
        return csr_array((values, stats.indices, stats.indptr), shape=shape)

    def _rows(self) -> Floats:
        """Return for each stored value of the sparse projection its group."""
        return np.repeat(
            np.arange(len(self.statistics.indptr) - 1), np.diff(self.statistics.indptr)
        )

    def _state(self, theta: Floats, *, full: bool = True) -> _State:
        stats, first = self.statistics, self.statistics.first
        given = self.parameters.unpack(theta)
        T = tuple(given[f] for f in self.order)
        p, rows = len(T[0]), self._rows()
        L = inner_factor(first.R, T[0])
        S = forward(L, np.concatenate([first.R.transpose(1, 0, 2), first.c]))
        S_r = forward(L[:, :, rows], stats.c[None])[0]
        A_rr, A_ra = stats.W_rr.copy(), stats.W_ra.copy()
        for a in range(p):
            part = self._sparse(S_r[a])
            A_rr += (part.T @ part).toarray()
            A_ra += part.T @ S[p:, a].T
        flat = S[p:].reshape(len(S) - p, -1)
        A_aa = first.W + flat @ flat.T
        C = self._left(T, self._left(T, A_rr).T)
        C[np.diag_indices_from(C)] += 1.0
        root = np.linalg.cholesky(C)
        H = solve_triangular(root, self._left(T, A_ra), lower=True)
        log_det = 2.0 * float(sum(np.log(L[a, a]).sum() for a in range(p)))
        log_det += 2.0 * float(np.log(np.diag(root)).sum())
        profile = profiled(A_aa - H.T @ H, log_det, n=first.n, reml=self.reml)
        if not full:
            return _State(T, profile, S, S_r, A_rr, A_ra, A_rr)
        inverse = cho_solve((root, True), np.eye(len(root)))
        N_0 = self._left(tuple(t.T for t in T), self._left(tuple(t.T for t in T), inverse).T)
        return _State(T, profile, S, S_r, A_rr, A_ra, N_0)

    def _projected(self, state: _State) -> list[csr_array]:
        """Return D_k = Z_1k'V_1^-1 Z_r per component k of the eliminated factor, sparse (J, q)."""
        p, rows = len(state.T[0]), self._rows()
        R = state.S[:p]
        return [self._sparse(np.einsum("an,an->n", R[k][:, rows], state.S_r)) for k in range(p)]

    def _scores(self, state: _State) -> tuple[list[Floats], list[Floats]]:
        """Return g = Z'P y and C = Z'V^-1 X per factor, the eliminated one first."""
        p, beta = len(state.T[0]), state.profile.beta
        solved = state.N_0 @ state.A_ra
        rest = state.A_ra - state.A_rr @ solved
        first = products(state.S[:p], state.S[p:])
        for k, D in enumerate(self._projected(state)):
            first[k] -= (D @ solved).T
        pieces = [first]
        for at, size, J in self._spans():
            pieces.append(rest[at].reshape(size, J, -1).transpose(0, 2, 1))
        C = [piece[:, :-1] for piece in pieces]
        g = [piece[:, -1] - np.einsum("kuj,u->kj", piece[:, :-1], beta) for piece in pieces]
        return g, C

    def _bordered(self, state: _State, *, reml: bool) -> Floats:
        """Return N (q + P, q + P); without its border of X for maximum likelihood."""
        q, P = len(state.N_0), len(state.profile.beta)
        N = np.zeros((q + P, q + P))
        N[:q, :q] = state.N_0
        if reml:
            E = state.N_0 @ state.A_ra[:, :P]
            F = state.profile.F
            N[:q, :q] += E @ F @ E.T
            N[:q, q:] = -E @ F
            N[q:, :q] = N[:q, q:].T
            N[q:, q:] = F
        return N

    def _within_first(self, state: _State, *, reml: bool) -> Floats:
        """Return the diagonal blocks (p, p, J) of Z_1'V^-1Z_1 (or Z_1'PZ_1) of the eliminated."""
        p = len(state.T[0])
        N = self._bordered(state, reml=reml)
        D = self._projected(state)
        C = products(state.S[:p], state.S[p:])[:, :-1]
        Q = products(state.S[:p], state.S[:p])
        full = [np.hstack([d.toarray(), C[k].T]) for k, d in enumerate(D)]
        for k in range(p):
            for m in range(p):
                Q[k, m] -= np.einsum("jq,jq->j", full[k] @ N, full[m])
        return Q

    def _traces(self, state: _State) -> list[Floats]:
        """Return sum_j of the diagonal blocks of Z'PZ per factor (V^-1 for maximum likelihood)."""
        p, P, q = len(state.T[0]), len(state.profile.beta), len(state.N_0)
        N = self._bordered(state, reml=self.reml)
        D = self._projected(state)
        C = products(state.S[:p], state.S[p:])[:, :-1]
        R = state.S[:p].reshape(p, -1)
        first = R @ R.T
        for k in range(p):
            for m in range(k + 1):
                rr = (D[k].T @ D[m]).tocoo()
                value = float(rr.data @ N[:q, :q][rr.coords])
                value += float(np.sum((D[k].T @ C[m].T) * N[:q, q:]))
                value += float(np.sum((D[m].T @ C[k].T) * N[:q, q:]))
                value += float(np.sum((C[k] @ C[m].T) * N[q:, q:]))
                first[k, m] -= value
                first[m, k] = first[k, m]
        Br = np.hstack([state.A_rr, state.A_ra[:, :P]])
        BN = Br @ N
        result = [first]
        for at, size, J in self._spans():
            own = state.A_rr[at, at].reshape(size, J, size, J)
            left, right = BN[at].reshape(size, J, -1), Br[at].reshape(size, J, -1)
            total = np.einsum("ajbj->ab", own) - np.einsum("ajq,bjq->ab", left, right)
            result.append(total)
        return result

    def _curvature(self, state: _State, moved: list[Floats]) -> Floats:
        """Return w_k'P w_l with w_k = Z dSigma_k g, all directions, eliminated factor first."""
        p, P = len(state.T[0]), len(state.profile.beta)
        K = sum(len(v) for v in moved)
        N, D = self._bordered(state, reml=True), self._projected(state)
        C, R = products(state.S[:p], state.S[p:])[:, :-1], state.S[:p]
        U1 = np.zeros((K, *moved[0].shape[1:]))
        U1[: len(moved[0])] = moved[0]
        Ur, start = np.zeros((K, len(state.N_0))), len(moved[0])
        for v, (at, _, _) in zip(moved[1:], self._spans(), strict=True):
            Ur[start : start + len(v), at] = v.reshape(len(v), -1)
            start += len(v)
        half = np.einsum("kaj,abj->kbj", U1, R).reshape(K, -1)
        cross = sum((np.asarray((d.T @ U1[:, a].T).T) for a, d in enumerate(D)), np.zeros_like(Ur))
        own = Ur @ state.A_rr
        t = np.hstack([cross + own, np.einsum("kaj,auj->ku", U1, C) + Ur @ state.A_ra[:, :P]])
        both = cross @ Ur.T
        return np.asarray(half @ half.T + both + both.T + own @ Ur.T - t @ N @ t.T)

    def dense(self, state: _State, *, reml: bool) -> list[list[Floats]]:
        """Return Z_f'PZ_h (V^-1 for maximum likelihood) as (p_f, J_f, p_h, J_h) blocks."""
        p, P = len(state.T[0]), len(state.profile.beta)
        N = self._bordered(state, reml=reml)
        D = np.vstack([d.toarray() for d in self._projected(state)])
        C = products(state.S[:p], state.S[p:])[:, :-1]
        J1 = C.shape[2]
        top = np.hstack([D, C.transpose(0, 2, 1).reshape(p * J1, P)])
        bottom = np.hstack([state.A_rr, state.A_ra[:, :P]])
        Q = products(state.S[:p], state.S[:p])
        block = np.zeros((p, J1, p, J1))
        j = np.arange(J1)
        block[:, j, :, j] = Q.transpose(2, 0, 1)
        whole = np.block([[block.reshape(p * J1, -1), D], [D.T, state.A_rr]])
        border = np.vstack([top, bottom])
        whole -= border @ N @ border.T
        sizes = [(p, J1), *self.statistics.shapes]
        ends = np.cumsum([0, *(a * b for a, b in sizes)])
        return [
            [
                whole[ends[f] : ends[f + 1], ends[h] : ends[h + 1]].reshape(*sizes[f], *sizes[h])
                for h in range(len(sizes))
            ]
            for f in range(len(sizes))
        ]

    def _exact_traces(self, state: _State, U: list[Floats]) -> Floats:
        """Return tr(P dV_k P dV_l) for all pairs of directions, eliminated factor first."""
        blocks = self.dense(state, reml=self.reml)
        rows = []
        for f, S in enumerate(U):
            row = []
            for h, S_h in enumerate(U):
                block = blocks[f][h].transpose(0, 2, 1, 3)
                a, e = block.shape[:2]
                flat = block.reshape(a * e, -1)
                G = (flat @ flat.T).reshape(a, e, a, e)
                row.append(np.einsum("kab,aebd,lde->kl", S, G, S_h, optimize=True))
            rows.append(np.hstack(row))
        return np.vstack(rows)
