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
