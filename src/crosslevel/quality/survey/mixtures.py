"""Tails of weighted sums of chi-squares, in ratio to an independent chi-square."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.stats import chi2, norm
from scipy.stats import f as f_distribution

Floats = npt.NDArray[np.float64]
NEAR = 1e-4  # saddlepoint so near the mean that the approximation divides by zero


def mixture_sf(value: float, weights: Floats, df: float) -> float:
    """Return P(sum_j weights_j Z_j^2 > value * U / df) with U chi-square on df.

    Notes
    -----
    Ruben's (1962) series: a mixture sum_k c_k of F-like tails with 1, 3, 5, ... more degrees of
    freedom; all c_k are positive, so that small tails keep their digits. Weights below a millionth
    of the largest are left out.

    Examples
    --------
    >>> round(mixture_sf(3.0, np.array([1.0, 1.0]), np.inf), 6)
    0.22313
    """
    lam = np.sort(weights[weights > 1e-6 * weights.max()])
    beta, m = float(lam[0]), len(lam)
    shrink = 1.0 - beta / lam
    c = [float(np.sqrt(np.prod(beta / lam)))]
    powers, total, tail = np.ones(m), c[0], 0.0
    g: list[float] = []
    x = value / beta
    for k in range(100_000):
        degrees = m + 2 * k
        part = (
            float(chi2.sf(x, degrees))
            if np.isinf(df)
            else float(f_distribution.sf(x / degrees, degrees, df))
        )
        tail += c[k] * part
        if 1.0 - total < 1e-15:
            break
        powers = powers * shrink
        g.append(0.5 * float(powers.sum()))
        c.append(float(np.dot(g[::-1], c)) / (k + 1))
        total += c[-1]
    return tail


def saddlepoint_sf(value: float, weights: Floats, df: float) -> float:
    """Return the same tail by Lugannani & Rice's saddlepoint, with floor(df) denominators.

    Near the mean, where it does not exist, the tail is Satterthwaite's F.

    Notes
    -----
    K(z) = -1/2 sum_j log(1 - 2 z a_j) over the weights and floor(df) times -value / df; with
    K'(z) = 0, w = sign(z) sqrt(-2 K), v = z sqrt(K''): 1 - Phi(w + log(v / w) / w). Source: Kuonen
    (1999).

    Examples
    --------
    >>> round(saddlepoint_sf(3.0, np.array([1.0, 1.0]), 1000.0), 1)
    0.2
    """
    a = np.append(weights, -value / df)
    often = np.append(np.ones(len(weights)), np.floor(df))
    scale = float(a.max())
    a = a / scale

    def _slope(z: float) -> float:
        return float((often * a / (1.0 - 2.0 * z * a)).sum())

    low, high = 0.5 / float(a.min()), 0.5
    z = brentq(_slope, 0.99999 * low, 0.99999 * high, xtol=1e-14)
    if abs(z) < NEAR:
        mean, square = float(weights.mean()), float((weights**2).mean())
        first = len(weights) * mean**2 / square
        return float(f_distribution.sf(value / (len(weights) * mean), first, df))
    K = -0.5 * float((often * np.log1p(-2.0 * z * a)).sum())
    bend = 2.0 * float((often * (a / (1.0 - 2.0 * z * a)) ** 2).sum())
    w, v = float(np.sign(z) * np.sqrt(-2.0 * K)), float(z * np.sqrt(bend))
    return float(norm.sf(w + np.log(v / w) / w))
