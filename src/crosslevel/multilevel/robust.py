"""Covariance of fixed coefficients that survives a wrong model for the variances: CR0 and CR2.

Clusters c are the groups of the outermost factor, V = blockdiag(V_c) the fitted working model:

    CR  = F [sum_c X_c'V_c^-1 A_c e_c e_c' A_c V_c^-1 X_c] F,     A_c = I for CR0,
    CR2 : A_c = D'(D (V_c - X_c F X_c') D')^(-1/2) D,  V_c = D'D  (any root D gives the same A_c)
    df  = (sum_c P_cc)^2 / sum_cd P_cd^2,  P_cd = a_c'(V_cd - X_c F X_d')a_d,
          a_c = A_c V_c^-1 X_c F l

Without weights all of it happens in the span of [Z_c X_c]; outside it V_c is the identity.
Source: Bell & McCaffrey (2002); Pustejovsky & Tipton (2018, doi 10.1080/07350015.2016.1247004);
agrees with clubSandwich.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from crosslevel.errors import ModelError
from crosslevel.multilevel.coding import Codes, Floats
from crosslevel.multilevel.conditioning import Conditioned
from crosslevel.multilevel.design import Design, Factor
from crosslevel.multilevel.df import Joint
from crosslevel.multilevel.objective import Objective
from crosslevel.multilevel.optimise import Optimum

KINDS = ("model", "CR0", "CR2")
NO_LEVERAGE = 1e-10  # eigenvalue of D(V - XFX')D', relative to V^2, taken as zero


@dataclass(frozen=True, slots=True)
class Robust:
    """covariance (P, P), and what its degrees of freedom need, in the user's units.

    d (C, P, P) = F G'V G F and b (C, P, P) = X'G F per cluster, G = A V^-1 X; F (P, P). The parts
    l'b_c'F b_d l, c != d, are minus the covariance of the contributions of two clusters; b and F
    may have more rows, as long as that holds.
    """

    covariance: Floats
    d: Floats
    b: Floats
    F: Floats

    def df(self, row: Floats) -> float:
        """Return Satterthwaite's degrees of freedom of the robust variance of one contrast."""
        own = np.einsum("p,cpq,q->c", row, self.d, row)
        b = self.b @ row
        cross = np.einsum("cp,pq,cq->c", b, self.F, b)
        FB = self.F @ (b.T @ b)
        trace = float((own - cross).sum())
        return trace**2 / float((own * own - 2.0 * own * cross).sum() + np.trace(FB @ FB))

    def joint(self, rows: Floats, beta: Floats) -> Joint:
        """Return the test of contrasts (q, P) as approximate Hotelling's T-squared.

        With Q the Wald statistic, eta = q (q + 1) / sum_st Var(D_st), D the robust variance of the
        contrasts over its expectation: F = Q (eta - q + 1) / (eta q) with q and eta - q + 1 degrees
        of freedom. Source: Tipton & Pustejovsky (2015, doi 10.3102/1076998615606099), equation 11;
        agrees with clubSandwich ("HTZ").

        Raises
        ------
        ModelError
            With too few clusters for so many contrasts.
        """
        q, value = len(rows), rows @ beta
        eta = q * (q + 1.0) / spread if (spread := self._spread(rows)) > 0.0 else 0.0
        if eta <= q - 1.0:
            raise ModelError(
                f"{len(self.d)} clusters carry too little information to test {q} terms at once "
                "with a robust covariance. Test fewer terms."
            )
        Q = float(value @ np.linalg.solve(rows @ self.covariance @ rows.T, value))
        return Joint(Q * (eta - q + 1.0) / (eta * q), q, eta - q + 1.0)

    def _spread(self, rows: Floats) -> float:
        """Return sum_st Var(D_st) = sum_cd [(tr P_cd)^2 + tr P_cd^2], P_cd = [c = d] D_c - X_cd.

        Zero stands for contrasts whose robust variance has no full rank.
        """
        D, B = rows @ self.d @ rows.T, self.b @ rows.T
        X = np.einsum("cps,pq,cqt->cst", B, self.F, B)
        values, vectors = np.linalg.eigh((D - X).sum(axis=0))
        if values.min() <= NO_LEVERAGE * values.max():
            return 0.0
        unit = vectors / np.sqrt(values)
        D, X, B = unit.T @ D @ unit, unit.T @ X @ unit, B @ unit
        trace_D, trace_X = np.einsum("css->c", D), np.einsum("css->c", X)
        own = trace_D @ (trace_D - 2.0 * trace_X) + np.einsum("cst,cst->", D, D - 2.0 * X)
        S = np.einsum("cis,ckt->iskt", B, B)
        H = np.einsum("ij,jslt,lk->iskt", self.F, S, self.F, optimize=True)
        crossed = np.einsum("iskt,iskt->", S, H) + np.einsum("iskt,itks->", S, H)
        return float(own + crossed)


def outermost(design: Design) -> Factor:
    """Return the factor whose groups contain the groups of all others.

    Raises
    ------
    ModelError
        With crossed factors, where no clusters are independent.
    """
    for factor in design.factors[::-1]:
        if all(inside(other, factor) for other in design.factors):
            return factor
    names = " and ".join(f"'{factor.name}'" for factor in design.factors)
    raise ModelError(
        f"{names} are crossed: no grouping factor contains the others, so no clusters are "
        "independent and a cluster-robust covariance does not exist. Use the model's own."
    )


def robust(
    kind: str, design: Design, problem: Conditioned, objective: Objective, optimum: Optimum
) -> Robust:
    """Return the robust covariance of a fit; costs one small eigenproblem per cluster."""
    cluster = outermost(design)
    triangles = objective.parameters.unpack(optimum.theta)
    beta, F = optimum.profile.beta, optimum.profile.F
    P = len(beta)
    root = np.ones(design.n) if design.weights is None else np.sqrt(design.weights)
    e = (problem.y - beta @ problem.X) / root
    X = problem.X / root
    meat = np.zeros((P, P))
    d, b = np.zeros((cluster.J, P, P)), np.zeros((cluster.J, P, P))
    for c, rows in enumerate(rows_of(cluster.codes, cluster.J)):
        parts = [
            _columns(Z[:, rows] / root[rows], factor.codes[rows], T)
            for factor, Z, T in zip(design.factors, problem.Z, triangles, strict=True)
        ]
        ZT, X_c, e_c, V = np.hstack(parts), X[:, rows].T, e[rows], None
        if design.weights is None:
            Q = np.linalg.qr(np.hstack([ZT, X_c]))[0]
            ZT, X_c, e_c = Q.T @ ZT, Q.T @ X_c, Q.T @ e_c
            V = np.eye(len(e_c))
        else:
            V = np.diag(1.0 / design.weights[rows])
        V = V + ZT @ ZT.T
        G = np.linalg.solve(V, X_c)
        if kind == "CR2":
            G = adjustment(V, V - X_c @ F @ X_c.T) @ G
        score = G.T @ e_c
        meat += np.outer(score, score)
        d[c] = F @ (G.T @ V @ G) @ F
        b[c] = X_c.T @ G @ F
    # To the user's coefficients: contrast l meets the fit's coefficients as out' l.
    out = problem.scale * problem.basis.B
    inward = np.linalg.inv(out)
    return Robust(
        covariance=out @ F @ meat @ F @ out.T,
        d=out @ d @ out.T,
        b=inward.T @ b @ out.T,
        F=out @ F @ out.T,
    )


def adjustment(V: Floats, M: Floats) -> Floats:
    """Return A = D'(D M D')^(-1/2) D for the symmetric root D of V."""
    values, vectors = np.linalg.eigh(V)
    D = (vectors * np.sqrt(values)) @ vectors.T
    inner, turned = np.linalg.eigh(D @ M @ D)
    power = np.where(inner > NO_LEVERAGE * values.max() ** 2, inner, np.inf) ** -0.5
    return np.asarray(D @ (turned * power) @ turned.T @ D)


def rows_of(codes: Codes, J: int) -> Iterator[npt.NDArray[np.intp]]:
    """Yield the rows of each cluster."""
    order = np.argsort(codes, kind="stable")
    ends = np.cumsum(np.bincount(codes, minlength=J))
    yield from np.split(order, ends[:-1])


def _columns(Z: Floats, codes: Codes, T: Floats) -> Floats:
    """Return the dense Z T of the levels present in some rows, (n, p * levels)."""
    levels, inverse = np.unique(codes, return_inverse=True)
    ZT = T.T @ Z
    wide = np.zeros((len(levels), *ZT.shape))
    wide[inverse, :, np.arange(len(codes))] = ZT.T
    return wide.reshape(-1, len(codes)).T


def inside(inner: Factor, outer: Factor) -> bool:
    """Return whether each group of one factor lies in one group of the other."""
    partner = np.empty(inner.J, dtype=np.intp)
    partner[inner.codes] = outer.codes
    return bool((partner[inner.codes] == outer.codes).all())
