"""The criterion of a multilevel model written out densely, and a search for its lowest value.

V is made row by row; a value that is judged is computed in extended precision. Nothing is shared
with the engine: no blocks, no profiled statistics, another gradient, another optimiser.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.linalg import lapack
from scipy.optimize import minimize

Array = npt.NDArray[Any]
LONG = np.longdouble


@dataclass(frozen=True, slots=True)
class Oracle:
    """The same model written out densely.

    Q (n, P) orthonormal, y (n,) its residual from Q in units of `scale`, per block Z (n, p) and
    same (n, n): whether two rows share a group; `map` (p, p) takes the user's T to these columns.
    """

    Q: Array
    y: Array
    Z: tuple[Array, ...]
    raw: tuple[Array, ...]
    map: tuple[Array, ...]
    same: tuple[Array, ...]
    constant: float
    reml: bool

    @property
    def nn(self) -> int:
        """Residual degrees of freedom of the criterion."""
        return len(self.y) - (self.Q.shape[1] if self.reml else 0)

    def exact(self, Z: Iterable[Array], triangles: Iterable[Array]) -> float:
        """Return the criterion in the user's units, in extended precision."""
        V = np.eye(len(self.y), dtype=LONG)
        for columns, T, same in zip(Z, triangles, self.same, strict=True):
            half = columns @ T.astype(LONG)
            V += (half @ half.T) * same
        logs, B = _eliminated(V, np.column_stack([self.Q, self.y]))
        P = self.Q.shape[1]
        M = B.T @ B
        inner, z = _eliminated(M[:P, :P], M[:P, P:])
        rho2 = M[P, P] - (z * z).sum()
        value = logs + self.nn * (1 + np.log(2 * LONG(np.pi) * rho2 / self.nn))
        return float(value + (inner if self.reml else 0) + self.constant)

    def at(self, t: Array) -> tuple[float, Array]:
        """Return the criterion and its gradient over all lower triangles, in double precision."""
        triangles = self.unpack(t)
        V = np.eye(len(self.y))
        for Z, T, same in zip(self.Z, triangles, self.same, strict=True):
            half = np.asarray(Z, float) @ T
            V += (half @ half.T) * same
        L, trouble = lapack.dpotrf(V, lower=1)
        if trouble or not np.isfinite(V).all():
            return math.inf, np.zeros_like(t)
        inverse = lapack.dpotri(L, lower=1)[0]
        inverse = np.tril(inverse) + np.tril(inverse, -1).T
        Q, y = np.asarray(self.Q, float), np.asarray(self.y, float)
        VQ = inverse @ Q
        M = Q.T @ VQ
        F = np.linalg.inv(M)
        P_ = inverse - VQ @ F @ VQ.T
        Py = P_ @ y
        rho2 = float(y @ Py)
        if rho2 <= 1e-14 * (y @ y):
            return math.inf, np.zeros_like(t)
        value = 2 * np.log(L.diagonal()).sum() + self.nn * (1 + np.log(2 * np.pi * rho2 / self.nn))
        value += np.linalg.slogdet(M)[1] if self.reml else 0.0
        inner = (P_ if self.reml else inverse) - self.nn / rho2 * np.outer(Py, Py)
        slopes = []
        for Z, T, same in zip(self.Z, triangles, self.same, strict=True):
            D = np.asarray(Z, float)
            slopes.append((2 * (D.T @ (inner * same) @ D) @ T)[np.tril_indices(len(T))])
        return float(value + self.constant), np.concatenate(slopes)

    def unpack(self, t: Array) -> list[Array]:
        """Return the lower triangles of the blocks."""
        made, at = [], 0
        for Z in self.Z:
            p = Z.shape[1]
            T = np.zeros((p, p))
            k = p * (p + 1) // 2
            T[np.tril_indices(p)] = t[at : at + k]
            made.append(T)
            at += k
        return made

    def pack(self, triangles: Iterable[Array]) -> Array:
        """Return lower triangles with the same T T' as one array."""
        rows = [np.linalg.qr(np.asarray(T, float).T, mode="r").T for T in triangles]
        return np.concatenate([T[np.tril_indices(len(T))] for T in rows])

    def saturated(self) -> bool:
        """Whether X and Z together reproduce any outcome."""
        columns = [np.asarray(self.Q, float)]
        for Z, same in zip(self.Z, self.same, strict=True):
            firsts = np.unique(same.argmax(axis=1))
            columns += [np.asarray(Z, float) * same[:, [k]] for k in firsts]
        return int(np.linalg.matrix_rank(np.hstack(columns), tol=1e-9)) == len(self.y)


def _eliminated(V: Array, B: Array) -> tuple[Any, Array]:
    """Return log|V| and L^-1 B for V = LL', in the precision of V."""
    V, B, logs = V.copy(), B.copy(), LONG(0)
    for k in range(len(V)):
        root = np.sqrt(V[k, k])
        logs += 2 * np.log(root)
        B[k] /= root
        below = V[k + 1 :, k] / root
        V[k + 1 :, k + 1 :] -= below[:, None] * below
        B[k + 1 :] -= below[:, None] * B[k]
    return logs, B


def orthonormal(columns: list[Array]) -> tuple[Array, Any]:
    """Return orthonormal columns and 2 log of what was divided out; aliased columns are left."""
    made: list[Array] = []
    logs = LONG(0)
    for column in columns:
        length = np.sqrt(column @ column)
        for _ in range(3):
            for q in made:
                column = column - (q @ column) * q
        left = np.sqrt(column @ column)
        if left <= 1e-12 * length:
            continue
        logs += 2 * np.log(left)
        made.append(column / left)
    return np.column_stack(made), logs


def search(model: Oracle, ours: Array | None, rng: np.random.Generator) -> Array:
    """Return the lowest point that any start leads to."""
    K = sum(Z.shape[1] * (Z.shape[1] + 1) // 2 for Z in model.Z)
    shape = model.pack([np.eye(Z.shape[1]) for Z in model.Z])
    starts = [s * np.abs(shape) for s in (0.1, 1.0, 10.0)]
    starts += [rng.normal(size=K) * s for s in (0.3, 3.0)]
    if ours is not None:
        starts += [ours, 0.5 * ours + 0.05 * rng.normal(size=K), ours * 1.5 + 0.01 * shape]
    best, lowest = starts[0], math.inf
    for start in starts:
        found = minimize(model.at, start, jac=True, method="L-BFGS-B", options={"maxiter": 150})
        if found.fun < lowest:
            best, lowest = found.x, float(found.fun)
    options = {"maxiter": 400, "ftol": 1e-15, "gtol": 1e-9, "maxcor": 20}
    polished = minimize(model.at, best, jac=True, method="L-BFGS-B", options=options)
    return np.asarray(polished.x if polished.fun <= lowest else best)
