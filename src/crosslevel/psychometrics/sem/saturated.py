"""The model that says nothing: free means and covariances, estimated and differentiated."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from crosslevel.psychometrics.sem.matrices import Moments
from crosslevel.psychometrics.sem.normal import around, deviance, seen
from crosslevel.psychometrics.sem.sample import Sample

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.intp]
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
    """Return minus the Hessian of the log-likelihood in the moments, covariances first.

    Notes
    -----
    Per pattern, with precision P, spread T and mean d of what was answered around the moments:
    tr(P E_a P E_b (P T - I / 2)) for two covariances, P for two means, and P E_a P d across.
    """
    p = len(moments.mu)
    rows, columns = np.tril_indices(p)
    k = len(rows)
    half = np.where(rows == columns, 0.5, 1.0)
    total = np.zeros((k + p, k + p))
    for part in seen(sample, moments) or ():
        n, precision = part.pattern.n, part.precision
        spread, d = around(part, moments.mu)
        bent, pull = precision @ spread @ precision, precision @ d
        inner = _paired(precision, 2.0 * bent - precision, rows, columns)
        total[:k, :k] += 0.5 * n * (inner + inner.T) * np.outer(half, half)
        total[k:, k:] += n * precision
        across = precision[rows] * pull[columns, None] + precision[columns] * pull[rows, None]
        across *= half[:, None]
        total[:k, k:] += n * across
        total[k:, :k] += n * across.T
    return total


def _paired(left: Floats, right: Floats, rows: Integers, columns: Integers) -> Floats:
    """Return tr(left E_a right E_b) for all pairs of covariances, each counted as if below."""
    one = left[np.ix_(rows, rows)] * right[np.ix_(columns, columns)]
    two = left[np.ix_(rows, columns)] * right[np.ix_(columns, rows)]
    three = left[np.ix_(columns, rows)] * right[np.ix_(rows, columns)]
    four = left[np.ix_(columns, columns)] * right[np.ix_(rows, rows)]
    return np.asarray((one + two + three + four) / 2.0)


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
