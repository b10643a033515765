"""Covariance of regression coefficients that survives unequal variances, clusters and serial order.

With F = (X W X')^-1, score s_i = w_i (y_i - mu_i) x_i, residual e = y - mu and leverage h:

    HC   = F [sum_i f_i s_i s_i'] F,
           f = 1 (HC0), n/(n-P) (HC1), (1-h)^-1 (HC2), (1-h)^-2 (HC3), (1-h)^-min(4, nh/P) (HC4)
    HAC  = F [G_0 + sum_{l=1..L} (1 - l/(L+1)) (G_l + G_l')] F,  G_l = sum_i s_i s_{i-l}'
    CR   = F [sum_c J_c'W_c A_c e_c e_c'A_c'W_c J_c] F,  J = dmu/dbeta (n, P), W = w / V;
           A_c = I (CR0); CR1 = CR0 G/(G-1); CR1S = CR0 G(n-1)/((G-1)(n-P));
           CR2: A_c = D (D B_c D)^(-1/2) D, B = (I - H) Phi (I - H)', H = J F J'W, Phi = D D;
           CR3: A_c = (I - H_cc)^-1

Phi, the working variance of a row, is 1 for gaussian and V / w for other families: with a gaussian
model weights are what they are to clubSandwich, no statement about variances.

Source: MacKinnon & White (1985); Cribari-Neto (2004); Newey & West (1987); Bell & McCaffrey (2002);
Pustejovsky & Tipton (2018). Agrees with R sandwich 3.0-2 and clubSandwich 0.5.8.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crosslevel.errors import ModelError, did_you_mean
from crosslevel.multilevel.coding import Codes, Floats
from crosslevel.multilevel.glm import Solution
from crosslevel.multilevel.robust import Robust, adjustment, rows_of

HC = ("HC0", "HC1", "HC2", "HC3", "HC4")
CR = ("CR0", "CR1", "CR1S", "CR2", "CR3")
VCOVS = ("model", *HC, "HAC", *CR)
FULL = 1e-10  # 1 - h below this: the row is fitted exactly whatever its outcome


@dataclass(frozen=True, slots=True)
class Clusters:
    """Independent groups of rows: column, codes (n,), how many."""

    column: str
    codes: Codes
    number: int


@dataclass(frozen=True, slots=True)
class Covariance:
    """kind; matrix (P, P); robust, what Satterthwaite needs (CR2); lags of HAC."""

    kind: str
    matrix: Floats
    robust: Robust | None = None
    lags: int | None = None


def covariance(
    kind: str,
    solution: Solution,
    clusters: Clusters | None,
    *,
    lags: int | None = None,
    adjust: bool = False,
) -> Covariance:
    """Return one covariance of the coefficients by its name."""
    if kind not in VCOVS:
        known = ", ".join(map(repr, VCOVS))
        raise ModelError(f"`kind` must be {known}, got {kind!r}. {did_you_mean(kind, VCOVS)}")
    if (lags is not None or adjust) and kind != "HAC":
        raise ModelError(f"`lags` and `adjust` belong to 'HAC', not to '{kind}'.")
    n = len(solution.y)
    if kind == "model":
        scale = solution.deviance / (n - len(solution.beta)) if solution.family.scale else 1.0
        return Covariance(kind, solution.F * scale)
    if kind in HC:
        return Covariance(kind, heteroskedastic(solution, kind))
    if kind == "HAC":
        lags = usual_lags(n) if lags is None else lags
        return Covariance(kind, newey_west(solution, lags, adjust=adjust), lags=lags)
    if clusters is None:
        raise ModelError(f"'{kind}' needs clusters: name their column, `regress(..., cluster=)`.")
    made = clustered(solution, kind, clusters.codes)
    return Covariance(kind, made.covariance, robust=made if kind == "CR2" else None)


def heteroskedastic(solution: Solution, kind: str) -> Floats:
    """Return HC0 to HC4, (P, P).

    Raises
    ------
    ModelError
        For HC2 to HC4 with a row of leverage one.
    """
    n, P = len(solution.y), len(solution.beta)
    left = 1.0 - solution.hat
    if kind in HC[2:] and (left < FULL).any():
        raise ModelError(
            f"{kind} is not defined: {int((left < FULL).sum())} row(s) have leverage one (a "
            "coefficient of their own). Use HC0 or HC1."
        )
    factor = np.ones(n)
    if kind == "HC1":
        factor = np.full(n, n / (n - P))
    elif kind == "HC4":
        factor = left ** -np.minimum(4.0, n * solution.hat / P)
    elif kind in ("HC2", "HC3"):
        factor = left ** (-1.0 if kind == "HC2" else -2.0)
    S = solution.scores
    return _sandwich(solution.F, (S * factor) @ S.T)


def newey_west(solution: Solution, lags: int, *, adjust: bool) -> Floats:
    """Return the Bartlett-kernel HAC covariance of rows in the order of time, (P, P).

    `adjust` multiplies by n / (n - P).

    Raises
    ------
    ModelError
        For lags that are negative or not below the number of rows.
    """
    n, P = len(solution.y), len(solution.beta)
    if not 0 <= lags < n:
        raise ModelError(f"`lags` must be a whole number from 0 to {n - 1}, got {lags}.")
    S = solution.scores
    meat = S @ S.T
    for lag in range(1, lags + 1):
        G = S[:, lag:] @ S[:, :-lag].T
        meat = meat + (1.0 - lag / (lags + 1.0)) * (G + G.T)
    return _sandwich(solution.F, meat) * (n / (n - P) if adjust else 1.0)


def usual_lags(n: int) -> int:
    """Return floor(4 (n/100)^(2/9)), the number of lags when none is given.

    Examples
    --------
    >>> usual_lags(192)
    4
    """
    return int(4.0 * (n / 100.0) ** (2.0 / 9.0))


@dataclass(frozen=True, slots=True)
class _Block:
    """One cluster: J (m, P), e, W and Phi (m,)."""

    J: Floats
    e: Floats
    W: Floats
    Phi: Floats


def clustered(solution: Solution, kind: str, codes: Codes) -> Robust:
    """Return CR0 to CR3 with what its degrees of freedom need."""
    s, F, P = solution, solution.F, len(solution.beta)
    groups, n = int(codes.max()) + 1, len(solution.y)
    V = s.family.variance(s.mu)
    Phi = np.ones(n) if s.family.scale else V / s.w
    J, W = (s.X * V).T, s.w / V
    K = (J.T * (W * Phi * W)) @ J
    meat = np.zeros((P, P))
    d, u = np.zeros((groups, P, P)), np.zeros((groups, 2 * P, P))
    for c, rows in enumerate(rows_of(codes, groups)):
        block = _reduced(_Block(J[rows], (s.y - s.mu)[rows], W[rows], Phi[rows]))
        G = block.J * block.W[:, None]
        turned = block.J * (block.W * block.Phi)[:, None]
        if kind == "CR2":
            T = block.J @ F @ turned.T
            B = np.diag(block.Phi) - T - T.T + block.J @ F @ K @ F @ block.J.T
            G = adjustment(np.diag(block.Phi), B) @ G
        elif kind == "CR3":
            G = _left_out(block.J @ F @ G.T).T @ G
        score = G.T @ block.e
        meat += np.outer(score, score)
        d[c] = F @ (G.T * block.Phi) @ G @ F
        u[c] = np.hstack([block.J, turned]).T @ G @ F
    size = {"CR1": groups / (groups - 1), "CR1S": groups * (n - 1) / ((groups - 1) * (n - P))}
    cross = np.block([[-F @ K @ F, F], [F, np.zeros((P, P))]])
    return Robust(covariance=_sandwich(F, meat) * size.get(kind, 1.0), d=d, b=u, F=cross)


def _reduced(block: _Block) -> _Block:
    """Return the cluster in the span of J when W and Phi are the same on all its rows.

    Outside that span every A is the identity and meets no score.
    """
    W, Phi = block.W, block.Phi
    if np.ptp(W) > 1e-14 * W[0] or np.ptp(Phi) > 1e-14 * Phi[0]:
        return block
    Q, R = np.linalg.qr(block.J)
    return _Block(R, Q.T @ block.e, W[: len(R)], Phi[: len(R)])


def _left_out(H: Floats) -> Floats:
    """Return (I - H)^-1."""
    left = np.eye(len(H)) - H
    if np.linalg.cond(left) > 1.0 / FULL:
        raise ModelError(
            "CR3 is not defined: without one of the clusters a coefficient is lost. Use CR2."
        )
    return np.asarray(np.linalg.inv(left))


def _sandwich(F: Floats, meat: Floats) -> Floats:
    return np.asarray(F @ meat @ F)
