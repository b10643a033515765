"""The model that says nothing: free means and covariances, estimated and differentiated."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from crosslevel.psychometrics.sem.matrices import Moments
from crosslevel.psychometrics.sem.normal import deviance, score, seen
from crosslevel.psychometrics.sem.sample import Sample

Floats = npt.NDArray[np.float64]
_STEPS = 5000
_TIGHT = 1e-10


def saturated(sample: Sample) -> Moments:
    """Return maximum-likelihood means and covariances; by EM where answers are missing.

    Source: Little & Rubin (2002), section 11.2; extrapolated as in Varadhan & Roland (2008).
    """
    p = len(sample.names)
    empty = (np.empty((0, p, p)), np.empty((0, p)))
    if sample.complete:
        only = sample.patterns[0]
        return Moments(only.cov, only.mean, *empty)
    sigma = np.diag(np.nanvar(sample.values, axis=0))
    mu = np.nanmean(sample.values, axis=0)
    current = Moments(sigma, mu, *empty)
    for _ in range(_STEPS):
        first = _em(sample, current)
        second = _em(sample, first)
        leap = _leap(current, first, second)
        after = _em(sample, leap) if seen(sample, leap) is not None else second
        if _dev(sample, after) > _dev(sample, second):
            after = second
        change = np.abs(after.sigma - current.sigma).max() / np.abs(after.sigma).max()
        current = after
        if change < _TIGHT:
            break
    return current


def basis(p: int, *, means: bool) -> tuple[Floats, Floats]:
    """Return derivatives of moments in themselves: (k, p, p) and (k, p), covariances first."""
    rows, columns = np.tril_indices(p)
    k = len(rows)
    extra = p if means else 0
    d_sigma, d_mu = np.zeros((k + extra, p, p)), np.zeros((k + extra, p))
    d_sigma[np.arange(k), rows, columns] = 1.0
    d_sigma[np.arange(k), columns, rows] = 1.0
    if means:
        d_mu[k + np.arange(p), np.arange(p)] = 1.0
    return d_sigma, d_mu


def with_basis(moments: Moments, *, means: bool) -> Moments:
    """Return moments that are their own parameters."""
    return Moments(moments.sigma, moments.mu, *basis(len(moments.mu), means=means))


def observed_information(sample: Sample, moments: Moments) -> Floats:
    """Return minus the Hessian of the log-likelihood in the moments, by differences of scores."""
    p = len(moments.mu)
    rows, columns = np.tril_indices(p)
    scale = np.sqrt(np.diag(moments.sigma))
    sizes = np.concatenate([scale[rows] * scale[columns], scale])
    d_sigma, d_mu = basis(p, means=True)
    k = len(sizes)
    hessian = np.empty((k, k))
    for j in range(k):
        sides = []
        for sign in (1.0, -1.0):
            step = sign * 1e-5 * sizes[j]
            moved = Moments(
                moments.sigma + step * d_sigma[j], moments.mu + step * d_mu[j], d_sigma, d_mu
            )
            sides.append(score(moved, seen(sample, moved) or ()))
        hessian[j] = -(sides[0] - sides[1]) / (2e-5 * sizes[j])
    symmetric: Floats = (hessian + hessian.T) / 2
    return symmetric


def _em(sample: Sample, moments: Moments) -> Moments:
    """One step of EM."""
    p = len(moments.mu)
    first, second = np.zeros(p), np.zeros((p, p))
    for part in seen(sample, moments) or ():
        o, n = part.pattern.seen, part.pattern.n
        u = np.setdiff1d(np.arange(p), o)
        slope = moments.sigma[:, o] @ part.precision[np.ix_(o, o)]
        d = part.pattern.mean - moments.mu[o]
        mean = moments.mu + slope @ d
        cov = slope @ part.pattern.cov @ slope.T
        left = moments.sigma[np.ix_(u, u)] - slope[u] @ moments.sigma[np.ix_(o, u)]
        cov[np.ix_(u, u)] += left
        first += n * mean
        second += n * (cov + np.outer(mean, mean))
    mu = first / sample.n
    sigma = second / sample.n - np.outer(mu, mu)
    return Moments((sigma + sigma.T) / 2, mu, moments.d_sigma, moments.d_mu)


def _leap(a: Moments, b: Moments, c: Moments) -> Moments:
    """Extrapolate three iterates."""
    flat = [np.concatenate([m.sigma.ravel(), m.mu]) for m in (a, b, c)]
    r = flat[1] - flat[0]
    v = flat[2] - flat[1] - r
    length = float(np.sqrt(v @ v))
    alpha = -max(1.0, float(np.sqrt(r @ r)) / length) if length > 0 else -1.0
    x = flat[0] - 2 * alpha * r + alpha * alpha * v
    p = len(a.mu)
    sigma = x[: p * p].reshape(p, p)
    return Moments((sigma + sigma.T) / 2, x[p * p :], a.d_sigma, a.d_mu)


def _dev(sample: Sample, moments: Moments) -> float:
    """-2 log-likelihood; infinite where the covariances are none."""
    parts = seen(sample, moments)
    return np.inf if parts is None else deviance(moments, parts)
