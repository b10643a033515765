"""Where the optimiser starts: variances by moments, from the same small records."""

from __future__ import annotations

import numpy as np

from crosslevel.multilevel.coding import Floats
from crosslevel.multilevel.statistics import OneFactor, within_slopes


def residual_variance(statistics: OneFactor, rank: int) -> float:
    """Return the variance of y within groups given X, or a share of the total when none is left."""
    P = statistics.P
    W = statistics.W
    within = float(W[P, P])
    if P:
        within -= float(W[P, :P] @ within_slopes(W, statistics.n))
    df = statistics.n - rank - P
    total = float(W[P, P]) + float((statistics.c[P] ** 2).sum())
    if df > 0 and within > 1e-14 * total:
        return within / df
    return 0.5 * total / float(statistics.n)


def moments(ZZ: Floats, Zy: Floats, sigma2: float) -> Floats:
    """Return theta_kk per coefficient: E[sum (z'y)^2] = s2 sum z'z + s2 theta^2 sum (z'z)^2.

    Parameters
    ----------
    ZZ, Zy
        (p, J): z'z and z'y per coefficient and group.
    sigma2
        Residual variance.
    """
    excess = (Zy * Zy).sum(axis=1) / sigma2 - ZZ.sum(axis=1)
    theta2 = excess / np.maximum((ZZ * ZZ).sum(axis=1), 1e-300)
    return np.asarray(np.sqrt(np.clip(theta2, 1e-2, None)))
