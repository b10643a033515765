"""The unrestricted two-level model: covariances within and between units as the data have them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from crosslevel.psychometrics.grouping import Floats
from crosslevel.psychometrics.twolevel.likelihood import cross_products, invert, value
from crosslevel.psychometrics.twolevel.moments import Flags, Indices, Moments
from crosslevel.psychometrics.twolevel.scoring import Optimum, Selection, Status, minimise
from crosslevel.psychometrics.twolevel.statistics import ClusterStatistics

_LEAST = 1e-3
_FLOOR = 0.02
_EM_STEPS = 3000
_EM_GAIN = 2e-6
_EM_ACCEPTED = 1e-4


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


def moments_free(data: ClusterStatistics, roles: Roles) -> Flags:
    """Return which moments the saturated model has as parameters."""
    return _free(data, roles, np.ones((len(data.names),) * 2, dtype=bool))


def _free(data: ClusterStatistics, roles: Roles, related: Flags) -> Flags:
    """Moments that are parameters where only `related` variables covary."""
    p, layout = data.p, data.layout
    open_ = related & ~(roles.fixed[:, None] & roles.fixed[None, :])
    both = roles.between[:, None] & roles.between[None, :]
    return np.concatenate(
        [open_[:p, :p][layout.within], (open_ & both)[layout.between], ~roles.fixed]
    )


def _fit(data: ClusterStatistics, roles: Roles, related: Flags) -> Unrestricted:
    """Fit with free covariances where `related`."""
    layout, p = data.layout, data.p
    start = first_guess(data, roles)
    keep = related | (roles.fixed[:, None] & roles.fixed[None, :])
    start = Moments(start.W * keep[:p, :p], start.B * keep, start.mu)
    free = np.flatnonzero(_free(data, roles, related))
    base = layout.pack(start)
    structure = Selection(base, free)
    optimum = minimise(data, structure, base[free])
    if optimum.status != "converged":
        optimum = _expect(data, structure, start)
    return Unrestricted(optimum, layout.unpack(structure.moments(optimum.theta)), free)


def _expect(data: ClusterStatistics, structure: Selection, start: Moments) -> Optimum:
    """EM from a start with B positive definite, which B then stays.

    Where few units share a size the likelihood has no maximum over indefinite B: W and the
    covariances of the largest units can cancel. The maximum over definite B always exists.
    Source: McDonald & Goldstein (1989); Lee & Poon (1998).
    """
    layout, n, J, p = data.layout, data.n, data.clusters, data.p
    moments, before, gain, theta = start, np.inf, np.inf, layout.pack(start)[structure.free]
    iteration = 0
    while iteration < _EM_STEPS:
        iteration += 1
        inverses = invert(data, moments)
        if inverses is None:
            break
        now = value(data, moments, inverses)
        theta = layout.pack(moments)[structure.free]
        gain, before = before - now, now
        if gain < _EM_GAIN:
            break
        V = inverses.V
        D = V @ cross_products(data, moments) @ V - data.counts[:, None, None] * V
        B = moments.B + moments.B @ D.sum(axis=0) @ moments.B / J
        inner = np.tensordot(1 / data.sizes, D[:, :p, :p], axes=1)
        W = (data.within + moments.W @ inner @ moments.W + J * moments.W) / n
        weighted = np.einsum("s,sij,sj->i", data.counts, V, data.means)
        mu = np.linalg.solve(np.tensordot(data.counts, V, axes=1), weighted)
        whole = layout.pack(Moments(W, B, mu))
        moments = layout.unpack(structure.moments(whole[structure.free]))
    status: Status = "converged" if gain < _EM_ACCEPTED else "not converged"
    return Optimum(theta, before, gain, iteration, status)


def intraclass(moments: Moments, names: Sequence[str]) -> dict[str, float]:
    """Return the share of variance between units of each variable of persons."""
    within, between = np.diag(moments.W), np.diag(moments.B)[: len(moments.W)]
    return dict(zip(names, (between / (within + between)).tolist(), strict=False))
