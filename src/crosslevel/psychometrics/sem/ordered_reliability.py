"""Reliability of the sum of ordered items, as they are scored, by a model of what lies behind them.

tau are thresholds of standard normal variables behind the items, rho their correlations.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from crosslevel.psychometrics.bivariate_normal import bivariate_cdf

Floats = npt.NDArray[np.float64]


def scored_covariances(thresholds: Sequence[Floats], correlations: Floats) -> Floats:
    """Return the covariances of answers scored 1, 2, 3 and so on.

    Use it for the reliability of a sum score: correlations behind the items are those of no score.

    Parameters
    ----------
    thresholds
        (n_thresholds,) of each item, lowest first.
    correlations
        (n_items, n_items) of the variables behind the items; 1 between an item and itself, or
        another's true part.

    Returns
    -------
    ndarray
        (n_items, n_items).

    Notes
    -----
    sum over thresholds of both of Phi2(tau_ic, tau_jd, rho_ij) - Phi(tau_ic) Phi(tau_jd).
    Source: Green & Yang (2009), Psychometrika 74, eq. 20. Agrees with R semTools.

    Examples
    --------
    >>> half = [np.zeros(1), np.zeros(1)]
    >>> scored_covariances(half, np.array([[1.0, 0.5], [0.5, 1.0]])).round(6).tolist()
    [[0.25, 0.083333], [0.083333, 0.25]]
    """
    k = len(thresholds)
    found = np.empty((k, k))
    for i in range(k):
        for j in range(i + 1):
            h, other = thresholds[i][:, None], thresholds[j][None, :]
            rho = correlations[i : i + 1, j : j + 1]
            same = bool(rho[0, 0] >= 1)
            both = ndtr(np.minimum(h, other)) if same else bivariate_cdf(h, other, rho)
            found[i, j] = found[j, i] = float((both - ndtr(h) * ndtr(other)).sum())
    return found
