"""The bivariate normal distribution on whole arrays: probability, density, and its slope in rho.

h and k are the upper limits, rho the correlation of two standard normal variables.
"""

from __future__ import annotations

import numpy as np
from scipy import special

from crosslevel.psychometrics.grouping import Floats

FAR = 40.0  # beyond it the normal density is 0 in doubles
_TINY = 1e-300


def bivariate_cdf(h: Floats, k: Floats, rho: Floats) -> Floats:
    """Return P(X <= h, Y <= k) of two standard normal variables with correlation rho.

    Use it where many probabilities are needed at once: cells of cross tables, truncated scores.

    Parameters
    ----------
    h, k
        Upper limits of any shapes that broadcast; infinite limits are allowed.
    rho
        Correlations, |rho| < 1.

    Returns
    -------
    ndarray
        Probabilities, with an absolute error near 1e-15 (1e-13 at |rho| = 0.99999).

    Notes
    -----
    (Phi(h) + Phi(k)) / 2 - T(h, a) - T(k, b) - [h and k differ in sign] / 2 with Owen's T,
    a = (k - rho h) / (h s), b = (h - rho k) / (k s), s = sqrt(1 - rho^2). A limit of 0 is moved to
    1e-300, which gives the formula its limit. Source: Owen (1956), eq. 2.1.

    Examples
    --------
    >>> zero = np.zeros(3)
    >>> bivariate_cdf(zero, zero, np.array([-0.5, 0.0, 0.5])).round(12).tolist()
    [0.166666666667, 0.25, 0.333333333333]
    """
    h, k, rho = np.broadcast_arrays(np.clip(h, -FAR, FAR), np.clip(k, -FAR, FAR), rho)
    h = np.where(h == 0, _TINY, h)
    k = np.where(k == 0, _TINY, k)
    s = np.sqrt((1 - rho) * (1 + rho))
    with np.errstate(over="ignore"):
        a = (k - rho * h) / s / h
        b = (h - rho * k) / s / k
    parts = special.owens_t(h, a) + special.owens_t(k, b) + 0.5 * ((h < 0) != (k < 0))
    whole = 0.5 * (special.ndtr(h) + special.ndtr(k)) - parts
    probability: Floats = np.clip(whole, 0.0, 1.0)
    return probability


def bivariate_density(h: Floats, k: Floats, rho: Floats) -> tuple[Floats, Floats]:
    """Return the density at (h, k) and its slope in rho.

    The density is also the slope of `bivariate_cdf` in rho.

    Parameters
    ----------
    h, k, rho
        Finite points and correlations, |rho| < 1; shapes broadcast.

    Returns
    -------
    density, slope
        Both of the common shape.

    Notes
    -----
    phi2 = exp(-q / 2) / (2 pi s), q = (h^2 - 2 rho h k + k^2) / s^2, s^2 = 1 - rho^2, and
    d phi2 / d rho = phi2 (rho + h k - rho q) / s^2. Source: Plackett (1954), eq. 3.

    Examples
    --------
    >>> density, slope = bivariate_density(np.zeros(1), np.zeros(1), np.zeros(1))
    >>> float(density[0].round(6)), float(slope[0])
    (0.159155, 0.0)
    """
    s2 = (1 - rho) * (1 + rho)
    q = ((h - k) ** 2 + 2 * (1 - rho) * h * k) / s2
    density = np.exp(-q / 2) / (2 * np.pi * np.sqrt(s2))
    return density, density * (rho + h * k - rho * q) / s2
