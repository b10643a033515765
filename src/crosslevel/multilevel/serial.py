"""Covariance of regression coefficients whose rows are related in time (Newey & West).

With F = (X W X')^-1 and scores s_i (P,), in the order of time:

    HAC = F M F,  M = G_0 + sum_{l=1..L} (1 - l/(L+1)) (G_l + G_l'),  G_l = sum_i s_i s_{i-l}'

Prewhitened, the same of the residuals of s_i = A s_{i-1} + r_i, and M = D G D', D = (I - A)^-1.

Source: Newey & West (1987, 1994); Andrews & Monahan (1992). Agrees with R sandwich 3.0-2.
"""

from __future__ import annotations

import numpy as np

from crosslevel.errors import ModelError
from crosslevel.multilevel.coding import Floats

Lags = int | str | None
AUTOMATIC = "automatic"


def serial_meat(scores: Floats, *, lags: int, prewhiten: bool) -> Floats:
    """Return M (P, P) of scores (P, n)."""
    S, D = _prewhitened(scores) if prewhiten else (scores, np.eye(len(scores)))
    meat = S @ S.T
    for lag in range(1, lags + 1):
        G = S[:, lag:] @ S[:, :-lag].T
        meat = meat + (1.0 - lag / (lags + 1.0)) * (G + G.T)
    return np.asarray(D @ meat @ D.T)


def chosen_lags(lags: Lags, scores: Floats, X: Floats, *, prewhiten: bool) -> int:
    """Return the number of lags that was given, usual or automatic.

    Raises
    ------
    ModelError
        For lags that are neither a number of rows nor "automatic".
    """
    n = int(scores.shape[1])
    if lags is None:
        return usual_lags(n)
    if isinstance(lags, str):
        if lags != AUTOMATIC:
            raise ModelError(f"`lags` must be a whole number or 'automatic', got {lags!r}.")
        return min(automatic_lags(scores, X, prewhiten=prewhiten), n - 1 - prewhiten)
    if not 0 <= lags < n - prewhiten:
        raise ModelError(
            f"`lags` must be a whole number from 0 to {n - 1 - prewhiten}, got {lags}."
        )
    return lags


def usual_lags(n: int) -> int:
    """Return floor(4 (n/100)^(2/9)), the number of lags when none is given.

    Examples
    --------
    >>> usual_lags(192)
    4
    """
    return int(4.0 * (n / 100.0) ** (2.0 / 9.0))


def automatic_lags(scores: Floats, X: Floats, *, prewhiten: bool) -> int:
    """Return the lags of Newey & West (1994) for the Bartlett kernel.

    floor(1.1447 (n (s1 / s0)^2)^(1/3)), s_q = sum_j |j|^q g_j over the first 4 (n/100)^(2/9) lags
    (3 when prewhitened), g_j the autocovariances of the summed scores without the intercept's.
    """
    n = scores.shape[1]
    S = _prewhitened(scores)[0] if prewhiten else scores
    varying = ~(X == 1.0).all(axis=1)
    h = S[varying].sum(axis=0) if varying.any() else S.sum(axis=0)
    m = int((3.0 if prewhiten else 4.0) * (n / 100.0) ** (2.0 / 9.0))
    g = np.array([h[: len(h) - j] @ h[j:] for j in range(m + 1)]) / len(h)
    s0, s1 = g[0] + 2.0 * g[1:].sum(), 2.0 * np.arange(1, m + 1) @ g[1:]
    return int(1.1447 * (n * (s1 / s0) ** 2) ** (1.0 / 3.0))


def _prewhitened(scores: Floats) -> tuple[Floats, Floats]:
    """Return the residuals (P, n - 1) of a first-order autoregression, and D (P, P)."""
    before, now = scores[:, :-1], scores[:, 1:]
    A = np.linalg.lstsq(before.T, now.T, rcond=None)[0].T
    return now - A @ before, np.linalg.inv(np.eye(len(A)) - A)
