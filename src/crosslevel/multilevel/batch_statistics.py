"""Many responses on one design -> small records that share everything but the response.

With Z_j = Q_j R_j as in `statistics`, R_j, c_xj = Q_j'X and W_xx are those of the design; each
response adds c_yj = Q_j'y, W_xy and W_yy. Responses enter as rows of Y (B, n).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_solve
from scipy.sparse import csr_array

from crosslevel.multilevel.coding import Floats
from crosslevel.multilevel.conditioning import Conditioned
from crosslevel.multilevel.design import Design
from crosslevel.multilevel.statistics import OneFactor

CANCELLED = 1e-3  # share of a length below which a difference is computed from its terms instead
EXACT_FIT = 1e-13  # share of a response's length left over by the predictors: nothing to explain


@dataclass(frozen=True, slots=True)
class SharedDesign:
    """What all responses share: one factor's R (p, p, J), c_x (P, p, J), W_xx (P, P).

    `project` (n, p J) takes responses to c_y; `within` (n, P) holds the columns of X after that
    projection; X (n, P) and `root` (P, P), the lower factor of X'X, take the least-squares fit off.
    """

    R: Floats
    c_x: Floats
    W_xx: Floats
    n: int
    project: csr_array
    within: Floats
    X: Floats
    root: Floats

    @property
    def shape(self) -> tuple[int, int, int]:
        """Random coefficients p, fixed coefficients P, groups J."""
        return len(self.R), len(self.W_xx), self.R.shape[2]


@dataclass(frozen=True, slots=True)
class BatchStatistics:
    """c_y (B, p, J), W_xy (B, P), W_yy (B,) per response.

    Responses are less their least-squares fit `start` (B, P), divided by their `scale` (B,).
    """

    shared: SharedDesign
    c_y: Floats
    W_xy: Floats
    W_yy: Floats
    start: Floats
    scale: Floats

    def __len__(self) -> int:
        return len(self.W_yy)

    def take(self, at: npt.NDArray[np.intp]) -> BatchStatistics:
        """Return the statistics of some of the responses."""
        return BatchStatistics(
            self.shared,
            self.c_y[at],
            self.W_xy[at],
            self.W_yy[at],
            self.start[at],
            self.scale[at],
        )

    def one(self, b: int) -> OneFactor:
        """Return the ordinary record of one response."""
        shared = self.shared
        W = np.block([[shared.W_xx, self.W_xy[b][:, None]], [self.W_xy[b], self.W_yy[b]]])
        return OneFactor(shared.R, np.concatenate([shared.c_x, self.c_y[b][None]]), W, shared.n)


def shared_design(design: Design, problem: Conditioned, statistics: OneFactor) -> SharedDesign:
    """Return the shared part from a model with one grouping factor. Costs O(n p (p + P))."""
    codes = design.factors[0].codes
    R, P = statistics.R, statistics.P
    p, _, J = R.shape
    Q = np.array(problem.Z[0])
    within = np.array(problem.X)
    for a in range(p):
        for b in range(a):
            Q[a] -= Q[b] * R[b, a][codes]
        inverse = np.divide(1.0, R[a, a], out=np.zeros(J), where=R[a, a] > 0)
        Q[a] *= inverse[codes]
        within -= Q[a] * statistics.c[:P, a][:, codes]
    columns = (codes[:, None] + J * np.arange(p)).ravel()
    project = csr_array(
        (Q.T.ravel(), columns, np.arange(0, design.n * p + 1, p)), shape=(design.n, p * J)
    )
    return SharedDesign(
        R=R,
        c_x=statistics.c[:P],
        W_xx=statistics.W[:P, :P],
        n=design.n,
        project=project.T.tocsr(),
        within=np.ascontiguousarray(within.T),
        X=np.ascontiguousarray(problem.X.T),
        root=np.asarray(np.linalg.cholesky(problem.X @ problem.X.T)) if P else np.zeros((0, 0)),
    )


def batch_statistics(shared: SharedDesign, Y: Floats) -> BatchStatistics:
    """Return the statistics of the responses Y (B, n), already weighted and less any offset.

    A response that the predictors reproduce exactly has scale 0. Costs O(n p) per response.
    """
    p, P, J = shared.shape
    Y = np.array(Y.T, order="C")
    start = np.zeros((P, Y.shape[1]))
    length = np.sqrt(np.einsum("nb,nb->b", Y, Y) / shared.n)
    scale = length
    for _ in range(2 if P else 0):
        step = cho_solve((shared.root, True), shared.X.T @ Y)
        Y -= shared.X @ step
        start += step
        scale = np.sqrt(np.einsum("nb,nb->b", Y, Y) / shared.n)
        if (scale > CANCELLED * length).all():
            break
    empty = scale <= EXACT_FIT * length
    scale = np.where(empty, 0.0, scale)
    unit = 1.0 / np.where(empty, 1.0, scale)
    c = np.asarray(shared.project @ Y) * unit
    W_xy = (shared.within.T @ Y) * unit
    W_yy = np.where(empty, 0.0, shared.n) - np.einsum("kb,kb->b", c, c)
    if (W_yy < CANCELLED * shared.n).any():
        Y *= unit
        Y -= shared.project.T @ c
        W_yy = np.einsum("nb,nb->b", Y, Y)
    return BatchStatistics(
        shared,
        np.ascontiguousarray(c.T).reshape(-1, p, J),
        np.ascontiguousarray(W_xy.T),
        W_yy,
        np.ascontiguousarray(start.T),
        scale,
    )
