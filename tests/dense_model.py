"""The same model by brute force: V written out row by row, nothing shared with the engine."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from crosslevel.multilevel import MultilevelFit

Floats = npt.NDArray[np.float64]


def dense_criterion(model: MultilevelFit) -> float:
    """Return the profiled criterion of a fitted model at its own theta, by dense algebra."""
    design, estimates = model.design, model.estimates
    kept = [k for k, name in enumerate(design.names) if name not in estimates.dropped]
    columns = []
    for factor, T in zip(design.factors, estimates.T, strict=True):
        levels = range(factor.J)
        columns += [(factor.Z * (factor.codes == level)).T @ T for level in levels]
    offset = 0.0 if design.offset is None else design.offset
    return profiled_criterion(
        design.y - offset,
        design.X[kept].T,
        np.hstack(columns),
        reml=model.method == "reml",
        weights=design.weights,
    )


def profiled_criterion(
    y: Floats, X: Floats, ZT: Floats, *, reml: bool, weights: Floats | None = None
) -> float:
    """Return -2 log (restricted) likelihood with beta and sigma profiled out; V = I + ZT ZT'."""
    n, P = X.shape
    V = ZT @ ZT.T + np.diag(1.0 / (np.ones(n) if weights is None else weights))
    log_det = np.linalg.slogdet(V)[1]
    inverse = np.linalg.inv(V)
    M = X.T @ inverse @ X
    beta = np.linalg.solve(M, X.T @ inverse @ y)
    residual = y - X @ beta
    rho2 = residual @ inverse @ residual
    nn = n - P if reml else n
    value = log_det + nn * (1.0 + np.log(2.0 * np.pi * rho2 / nn))
    return float(value + (np.linalg.slogdet(M)[1] if reml else 0.0))


def _dense_parts(model: MultilevelFit) -> tuple[Floats, Floats, list[list[Floats]]]:
    """Return X and V of the engine's problem, and per factor the columns of each level."""
    problem, design = model.problem, model.design
    triangles = model.objective.parameters.unpack(model.optimum.theta)
    V = np.eye(design.n)
    levels = []
    for factor, Z, T in zip(design.factors, problem.Z, triangles, strict=True):
        own = [(Z * (factor.codes == level)).T for level in range(factor.J)]
        levels.append(own)
        V += sum(z @ T @ T.T @ z.T for z in own)
    return problem.X.T, V, levels


def dense_information(
    model: MultilevelFit, directions: list[Floats]
) -> tuple[Floats, Floats, Floats, Floats]:
    """Return tr(P dV), X'V^-1 dV V^-1 X, the second-order sandwich and tr(P dV P dV)."""
    X, V, levels = _dense_parts(model)
    inverse = np.linalg.inv(V)
    P = inverse - inverse @ X @ np.linalg.inv(X.T @ inverse @ X) @ X.T @ inverse
    dV = [
        sum(z @ S @ z.T for z in own)
        for own, block in zip(levels, directions, strict=True)
        for S in block
    ]
    half = inverse @ X
    return (
        np.array([np.trace(P @ d) for d in dV]),
        np.array([half.T @ d @ half for d in dV]),
        np.array([[half.T @ d @ inverse @ k @ half for k in dV] for d in dV]),
        np.array([[np.trace(P @ d @ P @ k) for k in dV] for d in dV]),
    )


def dense_robust(
    model: MultilevelFit, clusters: npt.NDArray[np.generic], kind: str
) -> tuple[Floats, Floats]:
    """Return the CR0 or CR2 covariance and its degrees of freedom, row by row."""
    design, estimates = model.design, model.estimates
    X, n = design.X.T, design.n
    V = np.diag(1.0 / (np.ones(n) if design.weights is None else design.weights))
    for factor, T in zip(design.factors, estimates.T, strict=True):
        for level in range(factor.J):
            ZT = (factor.Z * (factor.codes == level)).T @ T
            V += ZT @ ZT.T
    inverse = np.linalg.inv(V)
    F = np.linalg.inv(X.T @ inverse @ X)
    H = X @ F @ X.T @ inverse
    e = design.y - X @ estimates.beta
    names = np.unique(clusters)
    scores, G = [], []
    for name in names:
        at = np.flatnonzero(clusters == name)
        W = inverse[np.ix_(at, at)]
        A = np.eye(len(at))
        if kind == "CR2":
            D = np.linalg.cholesky(V[np.ix_(at, at)]).T
            values, vectors = np.linalg.eigh(D @ (V[np.ix_(at, at)] - X[at] @ F @ X[at].T) @ D.T)
            root = np.where(values > 1e-10 * values.max(), values, np.inf) ** -0.5
            A = D.T @ (vectors * root) @ vectors.T @ D
        scores.append(F @ X[at].T @ W @ A @ e[at])
        G.append((np.eye(n) - H)[at].T @ A.T @ W @ X[at] @ F)
    covariance = sum(np.outer(s, s) for s in scores)
    dfs = []
    for k in range(X.shape[1]):
        g = np.array([part[:, k] for part in G])
        Q = g @ V @ g.T
        dfs.append(np.trace(Q) ** 2 / np.sum(Q * Q))
    return np.asarray(covariance), np.array(dfs)
