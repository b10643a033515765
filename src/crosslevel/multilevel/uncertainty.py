"""How far a prediction may be off: variance of x'beta + z'b with both estimated.

With k = Lambda'z, C = Lambda'Z'WZ Lambda + I and F = (X'V^-1X)^-1 (Henderson, 1975):

    Var(x'(beta^ - beta) + z'(b^ - b)) = s2 k'C^-1 k + s2 d'F d,   d = x - X'WZ Lambda C^-1 k
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csc_array, eye_array
from scipy.sparse.linalg import splu

from crosslevel.multilevel.coding import Codes, Floats
from crosslevel.multilevel.design import Design, Factor
from crosslevel.multilevel.estimates import Estimates

CELLS = 4_000_000  # entries of one dense block of right-hand sides


@dataclass(frozen=True, slots=True)
class Rows:
    """One factor's columns Z (p, m) at m rows, and their level (m,): -1 for a group not met."""

    Z: Floats
    codes: Codes


def error_variance(
    design: Design, estimates: Estimates, X: Floats, random: Sequence[Rows | None]
) -> Floats:
    """Return the variance (m,) of x'beta + z'b about its true value, variances taken as known.

    Parameters
    ----------
    X
        (P', m) columns of the fixed part, without the aliased ones.
    random
        Per factor its rows; None leaves its random effects out of the target. The random effects
        of a group not met have their whole variance.
    """
    strange = np.zeros(X.shape[1])
    for rows, T in zip(random, estimates.T, strict=True):
        if rows is not None:
            new = estimates.sigma**2 * np.einsum("am,am->m", T.T @ rows.Z, T.T @ rows.Z)
            strange += np.where(rows.codes < 0, new, 0.0)
    met = [r is not None and bool((r.codes >= 0).any()) for r in random]
    if not any(met):
        fixed = np.einsum("pm,pq,qm->m", X, estimates.vcov, X, optimize=True)
        return np.asarray(strange + fixed)
    return strange + _about_known(design, estimates, X, random)


def _about_known(
    design: Design, estimates: Estimates, X: Floats, random: Sequence[Rows | None]
) -> Floats:
    kept = [k for k, name in enumerate(design.names) if name not in estimates.dropped]
    root = np.ones(design.n) if design.weights is None else np.sqrt(design.weights)
    own = [Rows(f.Z * root, f.codes) for f in design.factors]
    Z = _scaled(design.factors, estimates, own, design.n)
    solver = splu((Z.T @ Z + eye_array(Z.shape[1])).tocsc())
    cross = (Z.T @ (design.X[kept] * root).T).T
    wanted = _scaled(design.factors, estimates, random, X.shape[1]).tocsr()
    result = np.empty(X.shape[1])
    step = max(1, CELLS // Z.shape[1])
    for start in range(0, len(result), step):
        here = slice(start, start + step)
        k = wanted[here].toarray().T
        w = solver.solve(k)
        d = X[:, here] - cross @ w
        result[here] = estimates.sigma**2 * np.einsum("qm,qm->m", k, w)
        result[here] += np.einsum("pm,pq,qm->m", d, estimates.vcov, d, optimize=True)
    return result


def _scaled(
    factors: Sequence[Factor], estimates: Estimates, random: Sequence[Rows | None], m: int
) -> csc_array:
    """Return Z Lambda, sparse (m, q); groups not met and factors left out have zeros."""
    rows, columns, values, start = [], [], [], 0
    for factor, T, here in zip(factors, estimates.T, random, strict=True):
        if here is not None:
            at = np.flatnonzero(here.codes >= 0)
            for a, column in enumerate(T.T @ here.Z):
                rows.append(at)
                columns.append(start + a * factor.J + here.codes[at])
                values.append(column[at])
        start += factor.p * factor.J
    places = (np.concatenate(rows), np.concatenate(columns))
    return csc_array((np.concatenate(values), places), shape=(m, start))
