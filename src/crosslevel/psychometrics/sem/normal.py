"""The normal log-likelihood of answers, its derivatives in the moments and in the parameters.

Per pattern of answered variables o, with P = Sigma_oo^-1 and d = mean_o - mu_o:
-2 log L / n = q log 2 pi + log|Sigma_oo| + tr P S_o + d'P d. P is kept with zeros for what was not
answered, so that one formula holds for every pattern.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import lapack

from crosslevel.psychometrics.sem.matrices import Moments
from crosslevel.psychometrics.sem.sample import Pattern, Sample

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Seen:
    """One pattern under given moments: (p, p) precision with zeros, and log|Sigma_oo|."""

    pattern: Pattern
    precision: Floats
    log_det: float


def seen(sample: Sample, moments: Moments) -> tuple[Seen, ...] | None:
    """Return each pattern under given moments; None when a covariance matrix has no Cholesky."""
    made = []
    p = len(moments.sigma)
    for pattern in sample.patterns:
        o = pattern.seen
        full = len(o) == p
        own, log_det = _precision(moments.sigma if full else moments.sigma[np.ix_(o, o)])
        if own is None:
            return None
        precision = own
        if not full:
            precision = np.zeros((p, p))
            precision[np.ix_(o, o)] = own
        made.append(Seen(pattern, precision, log_det))
    return tuple(made)


def _precision(sigma: Floats) -> tuple[Floats | None, float]:
    """Return the inverse and the log-determinant; no inverse where there is no Cholesky."""
    root, failed = lapack.dpotrf(sigma, lower=1)
    if failed:
        return None, np.inf
    half, _ = lapack.dpotri(root, lower=1)
    inverse = half + half.T
    inverse.flat[:: len(inverse) + 1] *= 0.5
    return inverse, 2.0 * float(np.log(np.diag(root)).sum())


def deviance(moments: Moments, parts: Sequence[Seen]) -> float:
    """Return -2 log-likelihood of a group, with its constant."""
    total = 0.0
    for part in parts:
        o, q = part.pattern.seen, len(part.pattern.seen)
        full = q == len(moments.mu)
        p = part.precision if full else part.precision[np.ix_(o, o)]
        d = part.pattern.mean - (moments.mu if full else moments.mu[o])
        fit = float(np.sum(p * part.pattern.cov) + d @ p @ d)
        total += part.pattern.n * (q * np.log(2 * np.pi) + part.log_det + fit)
    return total


def pull(moments: Moments, parts: Sequence[Seen]) -> tuple[Floats, Floats]:
    """Return the gradient of the log-likelihood in the moments: (p, p) and (p,)."""
    p = len(moments.sigma)
    by_sigma, by_mu = np.zeros((p, p)), np.zeros(p)
    for part in parts:
        spread, d = around(part, moments.mu)
        inner = part.precision @ spread @ part.precision - part.precision
        by_sigma += 0.5 * part.pattern.n * inner
        by_mu += part.pattern.n * (part.precision @ d)
    return by_sigma, by_mu


def score(moments: Moments, parts: Sequence[Seen]) -> Floats:
    """Return the gradient of the log-likelihood in the free parameters, (k,)."""
    by_sigma, by_mu = pull(moments, parts)
    flat = moments.d_sigma.reshape(len(moments.d_sigma), -1) @ by_sigma.ravel()
    gradient: Floats = flat + moments.d_mu @ by_mu
    return gradient


def information(moments: Moments, parts: Sequence[Seen]) -> Floats:
    """Return the expected information of the free parameters given who answered what, (k, k)."""
    k = len(moments.d_sigma)
    total = np.zeros((k, k))
    for part in parts:
        m = part.precision @ moments.d_sigma
        half = m.reshape(k, -1) @ m.transpose(0, 2, 1).reshape(k, -1).T
        total += part.pattern.n * (0.5 * half + moments.d_mu @ part.precision @ moments.d_mu.T)
    return total


def curvature(moments: Moments, parts: Sequence[Seen]) -> Floats:
    """Return minus the second derivatives of the log-likelihood, moments taken as linear, (k, k).

    n [tr P D_k P D_l (P M - I / 2) + m_k' P D_l P d + m_l' P D_k P d + m_k' P m_l], with D and m
    the derivatives of Sigma and mu, M = S + d d'.
    """
    k, p = moments.d_mu.shape
    total = np.zeros((k, k))
    for part in parts:
        spread, d = around(part, moments.mu)
        turned = part.precision @ moments.d_sigma
        weight = part.precision @ spread - 0.5 * np.eye(p)
        left = (turned.transpose(0, 2, 1) @ weight.T).transpose(0, 2, 1)
        both = left.reshape(k, -1) @ turned.transpose(0, 2, 1).reshape(k, -1).T
        cross = moments.d_mu @ (turned @ (part.precision @ d)).T
        means = moments.d_mu @ part.precision @ moments.d_mu.T
        total += part.pattern.n * ((both + both.T) / 2 + cross + cross.T + means)
    return total


def casewise(sample: Sample, moments: Moments, parts: Sequence[Seen]) -> Floats:
    """Return each respondent's gradient of the log-likelihood in the free parameters, (n, k)."""
    k, p = moments.d_mu.shape
    scores = np.empty((sample.n, k))
    flat = moments.d_sigma.reshape(k, p * p)
    for part in parts:
        u = residuals(sample, moments, part) @ part.precision
        pairs = (u[:, :, None] * u[:, None, :]).reshape(len(u), p * p)
        scores[part.pattern.rows] = u @ moments.d_mu.T + 0.5 * (
            pairs @ flat.T - flat @ part.precision.ravel()
        )
    return scores


def residuals(sample: Sample, moments: Moments, part: Seen) -> Floats:
    """Return (n, p) deviations from the implied means, zero where nothing was answered."""
    d = np.zeros((part.pattern.n, len(moments.mu)))
    o = part.pattern.seen
    d[:, o] = sample.values[np.ix_(part.pattern.rows, o)] - moments.mu[o]
    return d


def around(part: Seen, mu: Floats) -> tuple[Floats, Floats]:
    """Return the spread around the implied means, (p, p), and the mean deviation, (p,).

    Both are zero for what was not answered.
    """
    o = part.pattern.seen
    if len(o) == len(mu):
        d = part.pattern.mean - mu
        return part.pattern.cov + np.outer(d, d), d
    d = np.zeros(len(mu))
    d[o] = part.pattern.mean - mu[o]
    spread = np.outer(d, d)
    spread[np.ix_(o, o)] += part.pattern.cov
    return spread, d
