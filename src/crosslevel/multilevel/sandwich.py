"""Covariance of regression coefficients that survives unequal variances and clusters.

With F = (X W X')^-1, score s_i = w_i (y_i - mu_i) x_i, residual e = y - mu and leverage h:

    HC   = F [sum_i f_i s_i s_i'] F,
           f = 1 (HC0), n/(n-P) (HC1), (1-h)^-1 (HC2), (1-h)^-2 (HC3), (1-h)^-min(4, nh/P) (HC4)
    CR   = F [sum_c J_c'W_c A_c e_c e_c'A_c'W_c J_c] F,  J = dmu/dbeta (n, P), W = w / V;
           A_c = I (CR0); CR1 = CR0 G/(G-1); CR1S = CR0 G(n-1)/((G-1)(n-P));
           CR2: A_c = D (D B_c D)^(-1/2) D, B = (I - H) Phi (I - H)', H = J F J'W, Phi = D D;
           CR3: A_c = (I - H_cc)^-1

Phi, the working variance of a row, is 1 for gaussian and V / w for other families: with a gaussian
model weights are what they are to clubSandwich, no statement about variances. HAC: `serial`.

Source: MacKinnon & White (1985); Cribari-Neto (2004); Bell & McCaffrey (2002);
Pustejovsky & Tipton (2018). Agrees with R sandwich 3.0-2 and clubSandwich 0.5.8.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crosslevel.errors import ModelError, did_you_mean
from crosslevel.multilevel.coding import Codes, Floats
from crosslevel.multilevel.glm import Solution
from crosslevel.multilevel.robust import Robust, adjustment, rows_of
from crosslevel.multilevel.serial import Lags, chosen_lags, serial_meat

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
    lags: Lags = None,
    adjust: bool = False,
    prewhiten: bool = False,
) -> Covariance:
    """Return one covariance of the coefficients by its name."""
    if kind not in VCOVS:
        known = ", ".join(map(repr, VCOVS))
        raise ModelError(f"`kind` must be {known}, got {kind!r}. {did_you_mean(kind, VCOVS)}")
    if (lags is not None or adjust or prewhiten) and kind != "HAC":
        raise ModelError(f"`lags`, `adjust` and `prewhiten` belong to 'HAC', not to '{kind}'.")
    n = len(solution.y)
    if kind == "model":
        scale = solution.deviance / (n - len(solution.beta)) if solution.family.scale else 1.0
        return Covariance(kind, solution.F * scale)
    if kind in HC:
        return Covariance(kind, heteroskedastic(solution, kind))
    if kind == "HAC":
        S = solution.scores
        number = chosen_lags(lags, S, solution.X, prewhiten=prewhiten)
        made = _sandwich(solution.F, serial_meat(S, lags=number, prewhiten=prewhiten))
        size = n / (n - len(solution.beta)) if adjust else 1.0
        return Covariance(kind, made * size, lags=number)
    if clusters is None:
        raise ModelError(f"'{kind}' needs clusters: name their column, `regress(..., cluster=)`.")
    robust = clustered(solution, kind, clusters.codes)
    return Covariance(kind, robust.covariance, robust=robust if kind == "CR2" else None)


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
