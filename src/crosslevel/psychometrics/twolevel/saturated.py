"""The unrestricted two-level model: covariances within and between units as the data have them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from crosslevel.psychometrics.grouping import Floats
from crosslevel.psychometrics.twolevel.moments import Flags, Indices, Moments
from crosslevel.psychometrics.twolevel.scoring import Optimum, Selection, minimise
from crosslevel.psychometrics.twolevel.statistics import ClusterStatistics

_LEAST = 1e-3
_FLOOR = 0.02


@dataclass(frozen=True, slots=True)
class Roles:
    """What the model makes of each of the q variables.

    Attributes
    ----------
    between
        (q,) whether the variable varies between units; where it does not, all its variance is
        within.
    fixed
        (q,) whether the variable is given: its mean, and its covariances with others that are
        given, are those of the data and are not counted as parameters.
    """

    between: Flags
    fixed: Flags


@dataclass(frozen=True, slots=True)
class Unrestricted:
    """A fit without structure: optimum, moments, and which coordinates are free."""

    optimum: Optimum
    moments: Moments
    free: Indices

    @property
    def log_likelihood(self) -> float:
        """Log-likelihood at the optimum."""
        return -self.optimum.value


def saturate(data: ClusterStatistics, roles: Roles) -> Unrestricted:
    """Return the fit in which every covariance at each level is free."""
    return _fit(data, roles, np.ones((len(data.names),) * 2, dtype=bool))


def independence(data: ClusterStatistics, roles: Roles) -> Unrestricted:
    """Return the fit in which variables are unrelated at both levels, the given ones apart."""
    return _fit(data, roles, np.eye(len(data.names), dtype=bool))


def first_guess(data: ClusterStatistics, roles: Roles) -> Moments:
    """Return moments from mean squares, positive definite at both levels."""
    n, J, p = data.n, data.clusters, data.p
    weights = data.sizes[data.size_of]
    mu = np.average(data.unit_means, axis=0, weights=weights)
    mu[p:] = data.unit_means[:, p:].mean(axis=0)
    about = data.unit_means - mu
    squares = (about[:, :p] * weights[:, None]).T @ about[:, :p]
    only = np.flatnonzero(~roles.between[:p])
    mixed = np.flatnonzero(roles.between[:p])
    total = data.within[np.ix_(only, only)] + squares[np.ix_(only, only)]
    W = _joined(data.within / (n - J), mixed, only, total / n)
    k0 = (n - float((weights**2).sum()) / n) / (J - 1)
    B = about.T @ about / J
    B[:p, :p] = (squares / (J - 1) - data.within / (n - J)) / k0
    inside = np.concatenate([mixed, np.arange(p, len(mu))])
    outside = np.setdiff1d(np.arange(len(mu)), inside)
    B = _joined(B, mixed, np.arange(p, len(mu)), B[p:, p:], least=_LEAST * np.diag(W)[mixed])
    B[outside] = 0.0
    B[:, outside] = 0.0
    return Moments(W, B, mu)


def _joined(
    start: Floats, free: Indices, given: Indices, block: Floats, *, least: Floats | None = None
) -> Floats:
    """Covariances with a block of `given` variables, and what is left of the others made positive.

    The others keep their regressions on the given ones and their residual covariances.
    """
    slopes = np.linalg.lstsq(start[np.ix_(given, given)], start[np.ix_(given, free)])[0]
    left = start[np.ix_(free, free)] - start[np.ix_(free, given)] @ slopes
    floor = np.maximum(np.diag(left), 1e-12 if least is None else least)
    scale = np.sqrt(floor)
    values, vectors = np.linalg.eigh(left / np.outer(scale, scale))
    left = (vectors * np.maximum(values, _FLOOR)) @ vectors.T * np.outer(scale, scale)
    joined = start.copy()
    joined[np.ix_(given, given)] = block
    joined[np.ix_(given, free)] = block @ slopes
    joined[np.ix_(free, given)] = (block @ slopes).T
    joined[np.ix_(free, free)] = left + slopes.T @ block @ slopes
    return joined


def _fit(data: ClusterStatistics, roles: Roles, related: Flags) -> Unrestricted:
    """Fit with free covariances where `related`."""
    layout = data.layout
    given = roles.fixed[:, None] & roles.fixed[None, :]
    both = roles.between[:, None] & roles.between[None, :]
    start = first_guess(data, roles)
    keep = related | given
    start = Moments(start.W * keep[: data.p, : data.p], start.B * keep, start.mu)
    p = data.p
    flags = np.concatenate(
        [
            (related & ~given)[:p, :p][layout.within],
            (related & ~given & both)[layout.between],
            ~roles.fixed,
        ]
    )
    free = np.flatnonzero(flags)
    base = layout.pack(start)
    optimum = minimise(data, Selection(base, free), base[free])
    return Unrestricted(optimum, layout.unpack(Selection(base, free).moments(optimum.theta)), free)


def intraclass(moments: Moments, names: Sequence[str]) -> dict[str, float]:
    """Return the share of variance between units of each variable of persons."""
    within, between = np.diag(moments.W), np.diag(moments.B)[: len(moments.W)]
    return dict(zip(names, (between / (within + between)).tolist(), strict=False))
