"""The likelihood of a two-level model with random intercepts: value, gradient, curvature, scores.

Persons about the mean of their unit have covariance W on n - J degrees of freedom; the means of a
unit of size s, with its own variables beside them, have covariance V_s = B + W / s. Both parts are
independent, so data enter through their cross-products only. f is minus the log-likelihood; letters
are those of `moments`.

Source: McDonald & Goldstein (1989); du Toit & du Toit (2008). Agrees with R lavaan.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from crosslevel.psychometrics.grouping import Floats
from crosslevel.psychometrics.twolevel.moments import Indices, Moments
from crosslevel.psychometrics.twolevel.statistics import ClusterStatistics

Kind = Literal["expected", "observed"]


@dataclass(frozen=True, slots=True)
class Inverses:
    """Inverses of W (p, p) and of V_s (S, q, q), with their log determinants."""

    W: Floats
    V: Floats
    log_w: float
    log_v: Floats


def invert(data: ClusterStatistics, moments: Moments) -> Inverses | None:
    """Return the inverses, or None where W or a V_s is not positive definite."""
    try:
        root_W, root_V = np.linalg.cholesky(moments.W), np.linalg.cholesky(_spreads(data, moments))
    except np.linalg.LinAlgError:
        return None
    inverse_W, inverse_V = np.linalg.inv(root_W), np.linalg.inv(root_V)
    return Inverses(
        W=inverse_W.T @ inverse_W,
        V=np.swapaxes(inverse_V, 1, 2) @ inverse_V,
        log_w=2 * float(np.log(np.diag(root_W)).sum()),
        log_v=2 * np.log(np.diagonal(root_V, axis1=1, axis2=2)).sum(axis=1),
    )


def objective(data: ClusterStatistics, moments: Moments) -> tuple[float, Floats]:
    """Return f and its gradient by the m coordinates; inf and zeros outside the domain."""
    inverses = invert(data, moments)
    if inverses is None:
        return np.inf, np.zeros(data.layout.m)
    return value(data, moments, inverses), gradient(data, moments, inverses)


def value(data: ClusterStatistics, moments: Moments, inverses: Inverses) -> float:
    """Return minus the log-likelihood."""
    p, q, J = data.p, len(data.names), data.clusters
    twice = (data.n * p + J * (q - p)) * np.log(2 * np.pi)
    twice += (data.n - J) * inverses.log_w + float((inverses.W * data.within).sum())
    twice += float(data.counts @ (inverses.log_v + p * np.log(data.sizes)))
    twice += float((inverses.V * cross_products(data, moments)).sum())
    return float(twice) / 2


def gradient(data: ClusterStatistics, moments: Moments, inverses: Inverses) -> Floats:
    """Return the (m,) gradient of f."""
    p = data.p
    V, W = inverses.V, inverses.W
    about = data.means - moments.mu
    G = (data.counts[:, None, None] * V - V @ cross_products(data, moments) @ V) / 2
    dW = ((data.n - data.clusters) * W - W @ data.within @ W) / 2
    dW += np.tensordot(1 / data.sizes, G[:, :p, :p], axes=1)
    dmu = -np.einsum("s,sij,sj->i", data.counts, V, about)
    return data.layout.gradient(dW, G.sum(axis=0), dmu)


def curvature(data: ClusterStatistics, moments: Moments, kind: Kind) -> Floats:
    """Return the (m, m) expected or observed information about the moments.

    For A, B symmetric the second derivative of f is tr(V^-1 A C B), C = V^-1 M V^-1 - n V^-1 / 2
    with M the cross-products about mu; its expectation puts n V for M. Means and covariances are
    orthogonal in expectation only.
    """
    inverses = invert(data, moments)
    if inverses is None:
        raise np.linalg.LinAlgError("covariances are not positive definite")
    layout, p = data.layout, data.p
    V, W = inverses.V, inverses.W
    if kind == "expected":
        C_V, C_W = data.counts[:, None, None] * V / 2, (data.n - data.clusters) * W / 2
    else:
        C_V = V @ cross_products(data, moments) @ V - data.counts[:, None, None] * V / 2
        C_W = W @ data.within @ W - (data.n - data.clusters) * W / 2
    in_W, in_B, in_mu = layout.slices
    information = np.zeros((layout.m, layout.m))
    information[in_B, in_B] = _forms(V, C_V, layout.between, layout.between)
    part_V, part_C = V[:, :, :p], C_V[:, :, :p]
    weight = 1 / data.sizes
    information[in_W, in_B] = _forms(
        part_V, part_C * weight[:, None, None], layout.within, layout.between
    )
    own_V, own_C = V[:, :p, :p], C_V[:, :p, :p]
    information[in_W, in_W] = _forms(
        own_V, own_C * weight[:, None, None] ** 2, layout.within, layout.within
    ) + _forms(W[None], C_W[None], layout.within, layout.within)
    information[in_B, in_W] = information[in_W, in_B].T
    information[in_mu, in_mu] = np.tensordot(data.counts, V, axes=1)
    if kind == "observed":
        _fill_means(information, data, moments, V)
    return information


def scores(data: ClusterStatistics, moments: Moments) -> Floats:
    """Return the (J, m) derivatives of each unit's log-likelihood by the coordinates."""
    inverses = invert(data, moments)
    if inverses is None:
        raise np.linalg.LinAlgError("covariances are not positive definite")
    p, size_of = data.p, data.size_of
    size = data.sizes[size_of]
    V = inverses.V[size_of]
    u = np.einsum("jab,jb->ja", V, data.unit_means - moments.mu)
    dB = (u[:, :, None] * u[:, None, :] - V) / 2
    z = data.deviations @ inverses.W
    own = np.add.reduceat(z[:, :, None] * z[:, None, :], data.starts)
    dW = (own - (size - 1)[:, None, None] * inverses.W) / 2 + dB[:, :p, :p] / size[:, None, None]
    return data.layout.gradient(dW, dB, u)


def _spreads(data: ClusterStatistics, moments: Moments) -> Floats:
    """(S, q, q) covariances of the means of units of each size."""
    p = data.p
    V = np.repeat(moments.B[None], len(data.sizes), axis=0)
    V[:, :p, :p] += moments.W / data.sizes[:, None, None]
    return V


def cross_products(data: ClusterStatistics, moments: Moments) -> Floats:
    """(S, q, q) cross-products of unit means about mu."""
    about = data.means - moments.mu
    return data.scatter + data.counts[:, None, None] * about[:, :, None] * about[:, None, :]


def _forms(
    X: Floats, Y: Floats, left: tuple[Indices, Indices], right: tuple[Indices, Indices]
) -> Floats:
    """Sum over s of tr(X_s A Y_s B) for A and B the unit matrices of two lower triangles."""
    a, b = X.shape[1:]
    T = (X.reshape(len(X), -1).T @ Y.reshape(len(Y), -1)).reshape(a, b, a, b)
    i, j = (index[:, None] for index in left)
    g, h = (index[None, :] for index in right)
    total = T[h, i, g, j] + T[g, i, h, j] + T[h, j, g, i] + T[g, j, h, i]
    return np.asarray(total / (np.where(i == j, 2.0, 1.0) * np.where(g == h, 2.0, 1.0)))


def _fill_means(information: Floats, data: ClusterStatistics, moments: Moments, V: Floats) -> None:
    """Add the second derivatives by means and covariances."""
    layout, p = data.layout, data.p
    in_W, in_B, in_mu = layout.slices
    e = np.einsum("s,sij,sj->si", data.counts, V, data.means - moments.mu)
    by_B = np.einsum("sai,sj->aij", V, e)
    by_W = np.einsum("sai,sj,s->aij", V[:, :, :p], e[:, :p], 1 / data.sizes)
    for place, array, (i, j) in ((in_B, by_B, layout.between), (in_W, by_W, layout.within)):
        block = (array[:, i, j] + array[:, j, i]) / np.where(i == j, 2.0, 1.0)
        information[in_mu, place] = block
        information[place, in_mu] = block.T
