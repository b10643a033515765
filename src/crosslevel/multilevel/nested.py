"""theta -> criterion and derivatives for factors nested in each other, however many groups.

Levels i = 1 (finest) to k; a group j of level i touches one group of each level above it, so that
everything a group knows is a small matrix over the columns [Z_i, Z_above, X, y]. With
A = [..]'V_(i-1)^-1 [..], V_i the covariance of all levels up to i, and Sigma = T T':

    up:    Y = (I + A_zz Sigma)^-1 A_z.,   log|V| += log|I + T' A_zz T|
           A of the parent = sum of its children's A_.. - A_.z Sigma Y
    down:  b = Sigma (Y_xy - Y_above b_above),  Z'V^-1[X y] = Y_xy - Y_above b_above
           N over [above, X] from the parent:  Z'P Z = Y_zz - Y_. N Y_.',
           N_zz = E + Sigma Y_. N Y_.' Sigma,  N_z. = -Sigma Y_. N,  E = Sigma (I + A_zz Sigma)^-1

The finest level keeps its orthonormal columns (`statistics.OneFactor`), so that small variation
within groups survives. Cost and memory grow with the number of groups; the Hessian is the average
information. Arrays are component-first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from crosslevel.errors import ModelError
from crosslevel.multilevel.coding import Codes, Floats
from crosslevel.multilevel.objective import (
    Derivatives,
    Information,
    Pieces,
    Profile,
    cholesky,
    forward,
    inner_factor,
    products,
    profiled,
)
from crosslevel.multilevel.parameters import Parameters
from crosslevel.multilevel.statistics import OneFactor, eliminate


@dataclass(frozen=True, slots=True)
class NestedFactors:
    """The finest level eliminated, columns [Z_2 ... Z_k, X, y]; what is left lies in W by group.

    first: R (p, p, J_1), c (m, p, J_1) and the total W (m, m); within (m, m, J_2) the part of W of
    each group of the second level; parents: the group above of each group of levels 1 to k - 1;
    shapes: (p, J) of levels 2 to k.
    """

    first: OneFactor
    within: Floats
    parents: tuple[Codes, ...]
    shapes: tuple[tuple[int, int], ...]

    @property
    def above(self) -> int:
        """Number of columns that belong to levels above the first."""
        return sum(p for p, _ in self.shapes)

    def reduced(self, G: Floats) -> NestedFactors:
        """Return the statistics with [X y] G in place of [X y]."""
        r, m = self.above, len(self.first.W)
        B = np.zeros((m, r + G.shape[1]))
        B[:r, :r], B[r:, r:] = np.eye(r), G
        first = replace(
            self.first, c=np.tensordot(B, self.first.c, axes=([0], [0])), W=B.T @ self.first.W @ B
        )
        within = np.einsum("ka,klj,lb->abj", B, self.within, B, optimize=True)
        return replace(self, first=first, within=within)

    def upwards(self) -> tuple[Codes | None, ...]:
        """Return the parents of the groups of each level above the first; None at the top."""
        return (*self.parents[1:], None)

    def outcome(self) -> OneFactor:
        """Return the statistics of the first level alone, for the columns [X y]."""
        r = self.above
        return replace(self.first, c=self.first.c[r:], W=self.first.W[r:, r:])


def nested_factors(
    codes: Sequence[Codes], levels: Sequence[int], *, Z: Sequence[Floats], A: Floats
) -> NestedFactors:
    """Return the statistics of factors nested in each other, finest first. Costs O(n m^2)."""
    columns = np.concatenate([*Z[1:], A])
    first, _, residual = eliminate(codes[0], levels[0], Z[0], columns)
    m, J = len(columns), levels[1]
    within = np.empty((m, m, J))
    for a in range(m):
        for b in range(a + 1):
            within[a, b] = np.bincount(codes[1], weights=residual[a] * residual[b], minlength=J)
            within[b, a] = within[a, b]
    parents = []
    for inner, outer, count in zip(codes, codes[1:], levels, strict=False):
        parent = np.empty(count, dtype=np.intp)
        parent[inner] = outer
        parents.append(parent)
    shapes = tuple((len(z), count) for z, count in zip(Z[1:], levels[1:], strict=True))
    return NestedFactors(first, within, tuple(parents), shapes)


@dataclass(frozen=True, slots=True)
class NestedObjective:
    """The criterion of a model whose factors are nested, finest first."""

    statistics: NestedFactors
    parameters: Parameters
    reml: bool

    def at(self, theta: Floats) -> NestedEvaluation:
        """Return the criterion evaluated at theta. Costs O(J m^2) per level."""
        stats, first = self.statistics, self.statistics.first
        T = self.parameters.unpack(theta)
        p = len(T[0])
        L = inner_factor(first.R, T[0])
        S = forward(L, np.concatenate([first.R.transpose(1, 0, 2), first.c]))
        log_det = 2.0 * sum(float(np.log(L[a, a]).sum()) for a in range(p))
        A = stats.within + _gathered(S[p:], S[p:], stats.parents[0], stats.shapes[0][1])
        levels: list[_Level] = []
        for t, parent in zip(T[1:], stats.upwards(), strict=True):
            level = _level(t, A)
            levels.append(level)
            log_det += level.log_det
            rest, H = A[len(t) :, len(t) :], level.H[len(t) :]
            if parent is None:
                A = rest.sum(axis=2, keepdims=True) - _gathered(H, H, None, 1)
            else:
                J = int(parent.max()) + 1
                A = _summed(rest, parent, J) - _gathered(H, H, parent, J)
        M = A[:, :, 0]
        profile = profiled(0.5 * (M + M.T), log_det, n=first.n, reml=self.reml)
        return NestedEvaluation(self, T, profile, S, tuple(levels))


@dataclass(frozen=True, slots=True)
class _Level:
    """A level above the first: A (m, m, J) of its columns, Y, H = L^-1 T'A_z. and E = Sigma K^-1.

    H (m, p, J) by columns; Y (p, m, J) = Z'V_i^-1 [..]; E (p, p, J).
    """

    A: Floats
    H: Floats
    Y: Floats
    E: Floats
    log_det: float


def _level(T: Floats, A: Floats) -> _Level:
    """Return what eliminating a level leaves to be used on the way down."""
    p, Sigma = len(T), T @ T.T
    own, across = A[:p, :p], A[:p]
    half = np.einsum("za,zmj->maj", T, across)
    K = np.einsum("za,zbj,bc->acj", T, own, T)
    K[range(p), range(p)] += 1.0
    L = cholesky(K)
    if p == 1:
        inner = 1.0 / (1.0 + own * Sigma[0, 0])
        Y, E = inner * across, Sigma[0, 0] * inner
    else:
        K = np.eye(p) + own.transpose(2, 0, 1) @ Sigma
        both = np.concatenate([across.transpose(2, 0, 1), np.broadcast_to(np.eye(p), K.shape)], 2)
        solved = np.linalg.solve(K, both).transpose(1, 2, 0)
        Y, E = solved[:, :-p], np.einsum("ab,bcj->acj", Sigma, solved[:, -p:])
    log_det = 2.0 * sum(float(np.log(L[a, a]).sum()) for a in range(p))
    return _Level(A, forward(L, half), Y, E, log_det)


@dataclass(frozen=True, slots=True)
class NestedEvaluation:
    """One theta: T per level; S (p + m, p, J_1), the columns L_j^-1 [R_j c_j] of the first."""

    objective: NestedObjective
    T: tuple[Floats, ...]
    profile: Profile
    S: Floats
    levels: tuple[_Level, ...]

    def pieces(self) -> Pieces:
        """Return g = Z'Py and C = Z'V^-1X per level."""
        P, beta = len(self.profile.beta), self.profile.beta
        found: list[Floats] = []
        above = np.zeros((0, P + 1, 1))  # coefficients of the levels above, per group of the parent
        for T, Y, parent in self._downwards():
            p = Y.shape[0]
            lower = Y[:, Y.shape[1] - (P + 1) :]
            at = above if parent is None else above[:, :, parent]
            inner = Y[:, p : Y.shape[1] - (P + 1)]
            value = lower - np.einsum("arj,rcj->acj", inner, at)
            found.append(value)
            own = np.einsum("ab,bcj->acj", T @ T.T, value)
            above = np.concatenate([own, np.broadcast_to(at, (len(at), P + 1, own.shape[2]))])
        C = [value[:, :P] for value in found[::-1]]
        g = [value[:, P] - np.einsum("acj,c->aj", value[:, :P], beta) for value in found[::-1]]
        return Pieces(tuple(g), tuple(C))

    def diagonal(self) -> tuple[Floats, ...]:
        """Return the diagonal blocks of Z'V^-1Z per level, (p, p, J)."""
        P = len(self.profile.beta)
        return self._blocks(np.zeros((P, P)))

    def derivatives(self) -> Derivatives:
        """Return the gradient and the average information."""
        free, profile, pieces = self.objective.parameters, self.profile, self.pieces()
        c, nn, g = profile.nn / profile.rho2, profile.nn, pieces.g
        border = profile.F if self.objective.reml else np.zeros_like(profile.F)
        totals = [block.sum(axis=2) for block in self._blocks(border)]
        M = [total - c * (b @ b.T) for total, b in zip(totals, g, strict=True)]
        S = [free.directions(f, T) for f, T in enumerate(self.T)]
        moved = [np.einsum("kab,bj->kaj", s, b) for s, b in zip(S, g, strict=True)]
        q = np.concatenate([np.einsum("kaj,aj->k", v, b) for v, b in zip(moved, g, strict=True)])
        hessian = c * self._curvature(moved) - (c * c / nn) * np.outer(q, q)
        gradient = np.zeros(len(free))
        for f, (T, m) in enumerate(zip(self.T, M, strict=True)):
            at = free.of(f)
            rows, columns = free.row[at], free.column[at]
            gradient[at] = 2.0 * (m @ T)[rows, columns]
            same = columns[:, None] == columns
            hessian[np.ix_(at, at)] += 2.0 * m[rows[:, None], rows] * same
        return Derivatives(gradient, hessian, tuple(M), q, exact=False)

    def information(self, directions: Sequence[Floats]) -> Information:  # noqa: ARG002
        """Refuse: Kenward and Roger's information needs all pairs of groups."""
        raise ModelError(
            "Kenward-Roger is refused for nested factors of this size; use df='satterthwaite'."
        )

    def _downwards(self) -> Iterator[tuple[Floats, Floats, Codes | None]]:
        """Yield T, Y and the parents of each level from the top to the first."""
        stats, p = self.objective.statistics, len(self.T[0])
        first = products(self.S[:p], self.S)
        rows = [
            (self.T[0], first),
            *((t, x.Y) for t, x in zip(self.T[1:], self.levels, strict=True)),
        ]
        for (T, Y), parent in zip(rows[::-1], (None, *stats.parents[::-1]), strict=True):
            yield T, Y, parent

    def _blocks(self, border: Floats) -> tuple[Floats, ...]:
        """Return Z_j'P Z_j per level; `border` is F, or zero for V^-1 in place of P."""
        found: list[Floats] = []
        N, depth = border[:, :, None], len(self.levels)
        for T, Y, parent in self._downwards():
            p = len(T)
            own, out = Y[:, :p], Y[:, p:-1]
            N = N if parent is None else N[:, :, parent]
            if parent is None:
                half = np.einsum("arj,rs->asj", out, N[:, :, 0])
            else:
                half = np.einsum("arj,rsj->asj", out, N)
            found.append(own - np.einsum("asj,bsj->abj", half, out))
            if depth == 0:
                break
            Sigma = T @ T.T
            moved = np.einsum("ab,bsj->asj", Sigma, half)
            corner = self.levels[depth - 1].E + np.einsum(
                "arj,brj,bc->acj", moved, out, Sigma, optimize=True
            )
            wide = np.empty((p + N.shape[0], p + N.shape[0], Y.shape[2]))
            wide[:p, :p], wide[p:, p:] = corner, N
            wide[:p, p:], wide[p:, :p] = -moved, -moved.transpose(1, 0, 2)
            N, depth = wide, depth - 1
        return tuple(found[::-1])

    def _curvature(self, moved: list[Floats]) -> Floats:
        """Return w_k'P w_l with w_k = Z dSigma_k g for all directions, level by level."""
        stats, p = self.objective.statistics, len(self.T[0])
        starts = np.cumsum([0, *(len(v) for v in moved)])
        K, J = int(starts[-1]), stats.shapes[0][1]
        upper = np.zeros((stats.above, K, J))  # the columns w over [Z_2 ... Z_k], per second group
        row, at = 0, np.arange(J)
        for i, v in enumerate(moved[1:], start=1):
            if i > 1:
                at = stats.parents[i - 1][at]
            upper[row : row + v.shape[1], starts[i] : starts[i + 1]] = v.transpose(1, 0, 2)[
                :, :, at
            ]
            row += v.shape[1]
        S, parent = self.S[p:], stats.parents[0]
        S_w = np.einsum("raj,rkj->kaj", S[:row], upper[:, :, parent])
        own = products(moved[0], self.S[:p].transpose(1, 0, 2))
        S_w[: starts[1]] += own
        whole = _gathered(S_w, S_w, None, 1)[:, :, 0]
        part = np.einsum("mrj,rkj->mkj", stats.within[:, :row], upper)
        whole += np.einsum("rkj,rlj->kl", upper, part[:row])
        B = part[:-1] + _gathered(S[:-1], S_w, parent, J)
        for level, above in zip(self.levels, stats.upwards(), strict=True):
            size = level.E.shape[0]
            EB = np.einsum("abj,bkj->akj", level.E, B[:size])
            whole -= np.einsum("akj,alj->kl", B[:size], EB)
            B = B[size:] - np.einsum("zmj,zkj->mkj", level.A[:size, size:-1], EB)
            count = 1 if above is None else int(above.max()) + 1
            B = _summed(B, above, count)
        X = B[:, :, 0]
        return np.asarray(whole - X.T @ self.profile.F @ X)


def _summed(values: Floats, parent: Codes | None, J: int) -> Floats:
    """Return sums over the groups of each parent, (..., J)."""
    if parent is None:
        return np.asarray(values.sum(axis=-1, keepdims=True))
    flat = values.reshape(-1, values.shape[-1])
    made = np.array([np.bincount(parent, weights=row, minlength=J) for row in flat])
    return made.reshape(*values.shape[:-1], J)


def _gathered(A: Floats, B: Floats, parent: Codes | None, J: int) -> Floats:
    """Return sum over the groups of each parent of A'B, for columns (m, p, J_i) and (k, p, J_i)."""
    if parent is None:
        return (A.reshape(len(A), -1) @ B.reshape(len(B), -1).T)[:, :, None]
    return _summed(products(A, B), parent, J)
