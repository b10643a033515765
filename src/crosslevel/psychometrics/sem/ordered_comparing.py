"""The difference test of two nested models of ordered items.

P is sum n D'WD of the larger model; H says how its parameters move with those of the smaller one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from crosslevel.psychometrics.sem.testing import Statistic
from crosslevel.psychometrics.sem.weighted import Group

Floats = npt.NDArray[np.float64]


def difference(
    larger: tuple[Sequence[Group], Floats, Statistic],
    smaller: tuple[Sequence[Group], Floats, Statistic],
) -> Statistic:
    """Return the scaled and shifted difference; each model is its groups, estimates and test.

    Notes
    -----
    With C = P^-1 - H (H'PH)^-1 H' the difference has the mean and variance of tr(G) and tr(G^2),
    G = sum n C D'W Gamma W D. Source: Satorra (2000), eqs. 23-25; as in lavaan.
    """
    groups, theta, test = larger
    nested, theta_nested, test_nested = smaller
    k = len(theta)
    P, inside = np.zeros((k, k)), np.zeros((k, k))
    wide, narrow = [], []
    for group, other in zip(groups, nested, strict=True):
        delta, n = group.derivatives(theta), group.n
        turned = group.weights[:, None] * delta
        P += n * delta.T @ turned
        inside += n * turned.T @ group.moments.gamma @ turned
        wide.append(delta)
        narrow.append(other.derivatives(theta_nested))
    H = np.linalg.lstsq(np.vstack(wide), np.vstack(narrow), rcond=None)[0]
    C = np.linalg.pinv(P, hermitian=True) - H @ np.linalg.pinv(H.T @ P @ H, hermitian=True) @ H.T
    product = C @ inside
    df = test_nested.df - test.df
    a = float(np.sqrt(df / (product * product.T).sum())) if df > 0 else 1.0
    shift = df - a * float(np.trace(product))
    return Statistic(test_nested.chisq - test.chisq, df, 1 / a, np.nan, np.nan, shift)
