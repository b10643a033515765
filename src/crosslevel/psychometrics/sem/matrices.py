"""Moments that a model implies, and how they change with its parameters.

Every variable v of a block, observed before latent, obeys v = m + A v + e with Cov(e) = S. With
E = (I - A)^-1 and F picking the observed: mu = F E m, Sigma = F E S E' F'.
Source: McArdle & McDonald (1984).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from crosslevel.psychometrics.sem.table import Parameter, Table

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.intp]
_PLACES = {"=~": 0, "~": 0, "~~": 1, "~1": 2}


@dataclass(frozen=True, slots=True)
class Moments:
    """Implied moments of the observed variables of one block.

    Attributes
    ----------
    sigma, mu
        (p, p) covariances and (p,) means.
    d_sigma, d_mu
        (k, p, p) and (k, p) derivatives with respect to the k free parameters; empty when they
        were not asked for.
    """

    sigma: Floats
    mu: Floats
    d_sigma: Floats
    d_mu: Floats


@dataclass(frozen=True, slots=True)
class Block:
    """Where the parameters of one block stand in A, S and m.

    Attributes
    ----------
    observed, latent
        Names; positions in the matrices run through both.
    place, row, column
        (r,) which matrix (0 A, 1 S, 2 m) and which element each parameter fills.
    free, value
        (r,) position in the free vector (-1: fixed) and the fixed value.
    mean
        (p,) means of the observed where the model leaves means alone; empty where it has them.
    """

    observed: tuple[str, ...]
    latent: tuple[str, ...]
    place: Integers
    row: Integers
    column: Integers
    free: Integers
    value: Floats
    n_free: int
    mean: Floats

    @property
    def names(self) -> tuple[str, ...]:
        """All variables."""
        return (*self.observed, *self.latent)

    def matrices(self, theta: Floats) -> tuple[Floats, Floats, Floats]:
        """Return A, S and m at a vector of free parameters."""
        size = len(self.observed) + len(self.latent)
        at = np.where(self.free >= 0, theta[self.free], self.value)
        a, s, m = np.zeros((size, size)), np.zeros((size, size)), np.zeros(size)
        for place, matrix in ((0, a), (1, s)):
            own = self.place == place
            matrix[self.row[own], self.column[own]] = at[own]
        own = self.place == 1
        s[self.column[own], self.row[own]] = at[own]
        own = self.place == 2
        m[self.row[own]] = at[own]
        return a, s, m

    def spread(self, theta: Floats) -> Floats:
        """Return the covariances of all variables, observed and latent."""
        a, s, _ = self.matrices(theta)
        e = np.linalg.inv(np.eye(len(a)) - a)
        spread: Floats = e @ s @ e.T
        return spread

    def moments(self, theta: Floats, *, derivatives: bool = False) -> Moments:
        """Return what the block implies at a vector of free parameters.

        Raises
        ------
        numpy.linalg.LinAlgError
            When variables cause each other so that I - A has no inverse.
        """
        a, s, m = self.matrices(theta)
        p = len(self.observed)
        e = np.linalg.inv(np.eye(len(a)) - a)
        g, level = e[:p], e @ m
        spread = e @ s @ e.T
        sigma, mu = spread[:p, :p], self.mean if len(self.mean) else level[:p]
        if not derivatives:
            return Moments(sigma, mu, np.empty((0, p, p)), np.empty((0, p)))
        left, right = g[:, self.row].T, np.empty((len(self.row), p))
        on = self.place == 0
        right[on] = spread[self.column[on], :p]
        on = self.place == 1
        right[on] = g[:, self.column[on]].T
        right[on & (self.row == self.column)] *= 0.5
        right[self.place == 2] = 0.0
        each = left[:, :, None] * right[:, None, :]
        each += each.transpose(0, 2, 1)
        factor = np.where(self.place == 0, level[self.column], (self.place == 2).astype(float))
        own = np.flatnonzero(self.free >= 0)
        picked = np.zeros((self.n_free, len(own)))
        picked[self.free[own], np.arange(len(own))] = 1.0
        d_sigma = (picked @ each[own].reshape(len(own), p * p)).reshape(self.n_free, p, p)
        d_mu = np.zeros((self.n_free, p))
        if not len(self.mean):
            d_mu = picked @ (left * factor[:, None])[own]
        return Moments(sigma, mu, d_sigma, d_mu)

    def bend(self, theta: Floats, by_sigma: Floats, by_mu: Floats) -> Floats:
        """Return second derivatives of the moments, weighted, in the free parameters, (k, k).

        sum_ab W_ab d2 Sigma_ab + sum_a w_a d2 mu_a, for a symmetric `by_sigma` W (p, p) and `by_mu`
        w (p,): with the gradient of a likelihood in the moments, what linear moments leave out.
        """
        a, s, m = self.matrices(theta)
        p = len(self.observed)
        e = np.linalg.inv(np.eye(len(a)) - a)
        spread, wg = e @ s @ e.T, by_sigma @ e[:p]
        q, u = e[:p].T @ wg, spread[:, :p] @ wg
        i, j, on = self.row, self.column, self.place == 0
        sym = self.place == 1
        paths = 2 * (e[np.ix_(j, i)] * u[np.ix_(j, i)].T + (e[np.ix_(j, i)] * u[np.ix_(j, i)].T).T)
        paths += 2 * q[np.ix_(i, i)] * spread[np.ix_(j, j)]
        mixed = q[np.ix_(i, i)] * e[np.ix_(j, j)]
        other = q[np.ix_(i, j)] * e[np.ix_(j, i)]
        half = np.where(i == j, 0.5, 1.0)
        mixed = 2 * (mixed + other) * half[None, :]
        each = np.where(np.outer(on, on), paths, 0.0)
        crossed = np.where(np.outer(on, sym), mixed, 0.0)
        each += crossed + crossed.T
        if not len(self.mean):
            v, level = e[:p].T @ by_mu, e @ m
            two = v[i][:, None] * e[np.ix_(j, i)] * level[j][None, :]
            each += np.where(np.outer(on, on), two + two.T, 0.0)
            one = np.where(np.outer(on, self.place == 2), v[i][:, None] * e[np.ix_(j, i)], 0.0)
            each += one + one.T
        own = np.flatnonzero(self.free >= 0)
        picked = np.zeros((self.n_free, len(own)))
        picked[self.free[own], np.arange(len(own))] = 1.0
        bent: Floats = picked @ each[np.ix_(own, own)] @ picked.T
        return bent


def blocks(
    table: Table, values: Sequence[float] | Floats, *, means: Sequence[Floats] = ()
) -> tuple[Block, ...]:
    """Return the blocks of a model; `values` holds, row by row, what fixed parameters are fixed at.

    `means` holds the observed means of each block, for a model that leaves means alone. Thresholds
    (`|`) and scales (`~*~`) have no place in these matrices and are left out.
    """
    made = []
    for number, part in enumerate(table.block_roles):
        names = (*part.observed, *part.latent)
        position = {name: i for i, name in enumerate(names)}
        own = [
            (row, value)
            for row, value in zip(table.rows, values, strict=True)
            if row.block == number and row.op in _PLACES
        ]
        made.append(
            Block(
                observed=part.observed,
                latent=part.latent,
                place=np.array([_PLACES[row.op] for row, _ in own], dtype=np.intp),
                row=np.array([position[_target(row)] for row, _ in own], dtype=np.intp),
                column=np.array([position[_source(row)] for row, _ in own], dtype=np.intp),
                free=np.array([row.free for row, _ in own], dtype=np.intp),
                value=np.array([value for _, value in own], dtype=np.float64),
                n_free=table.n_free,
                mean=means[number] if means else np.empty(0),
            )
        )
    return tuple(made)


def _target(row: Parameter) -> str:
    """The variable that a parameter leads to."""
    return row.rhs if row.op == "=~" else row.lhs


def _source(row: Parameter) -> str:
    """The variable that a parameter comes from; an intercept's own."""
    if row.op == "=~":
        return row.lhs
    return row.rhs or row.lhs
