"""Coefficients of a single-level regression by Fisher scoring, and separation found exactly.

Each step solves the weighted least-squares problem of the working response by a QR decomposition:

    z = eta + (y - mu) / V,   W = w V,   beta = argmin sum W (z - offset - x'beta)^2,

halved while the deviance rises. Source: McCullagh & Nelder (1989, section 2.5); Konis (2007) for
separation as a linear programme.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_triangular
from scipy.optimize import linprog
from scipy.special import gammaln

from crosslevel.errors import ModelError, NotConvergedWarning
from crosslevel.multilevel.coding import Floats
from crosslevel.multilevel.design import INTERCEPT
from crosslevel.multilevel.families import BINOMIAL, GAUSSIAN, Family

STEPS = 100
CLOSE = 1e-12  # relative change of the deviance at which scoring stops
EXTREME = 1e-7  # a fitted mean this near its boundary is a reason to look for separation


@dataclass(frozen=True, slots=True)
class Solution:
    """What one regression came to. X (P, n) has the columns that were kept.

    beta (P,); mu, W, w (n,): means, working weights, prior weights; F (P, P) = (X W X')^-1;
    hat (n,) leverages; deviance with the prior weights.
    """

    family: Family
    X: Floats
    y: Floats
    w: Floats
    beta: Floats
    eta: Floats
    mu: Floats
    W: Floats
    F: Floats
    hat: Floats
    deviance: float
    converged: bool

    @property
    def scores(self) -> Floats:
        """(P, n) score of each row, w (y - mu) x."""
        return self.X * (self.w * (self.y - self.mu))

    @property
    def working(self) -> Floats:
        """(n,) working residuals (y - mu) / V(mu)."""
        return (self.y - self.mu) / self.family.variance(self.mu)


def solve(
    X: Floats,
    y: Floats,
    *,
    family: Family,
    w: Floats | None = None,
    offset: Floats | None = None,
    start: Floats | None = None,
) -> Solution:
    """Return the maximum-likelihood coefficients; X (P, n) must have full rank.

    A fit that does not settle within 100 steps ends with `converged` False; the caller says so.
    """
    n = len(y)
    w = np.ones(n) if w is None else w
    shift = np.zeros(n) if offset is None else offset
    eta, beta = family.start(y), np.zeros(len(X))
    deviance, converged = np.inf, False
    if start is not None:
        beta, eta, deviance = _at(start, X, y, w, shift, family)
    for step in range(STEPS):
        mu = family.mean(eta)
        V = family.variance(mu)
        W = w * V
        z = eta - shift + (y - mu) / V
        proposal = _least_squares(X, z, W)[0]
        previous = deviance
        if step == 0 and start is None:
            beta, eta, deviance = _at(proposal, X, y, w, shift, family)
        else:
            found = _halved(beta, proposal, previous, (X, y, w, shift, family))
            if found is None:
                break
            beta, eta, deviance = found
        if family is GAUSSIAN or abs(previous - deviance) <= CLOSE * (abs(deviance) + 0.1):
            converged = True
            break
    mu = family.mean(eta)
    W = w * family.variance(mu)
    _, R, root = _least_squares(X, y, W)
    half = solve_triangular(R, np.eye(len(X))) if len(X) else np.zeros((0, 0))
    hat = ((X * root).T @ half) ** 2
    return Solution(
        family, X, y, w, beta, eta, mu, W, half @ half.T, hat.sum(axis=1), deviance, converged
    )


def _least_squares(X: Floats, z: Floats, W: Floats) -> tuple[Floats, Floats, Floats]:
    """Return weighted least-squares coefficients, the triangle R, and sqrt(W)."""
    root = np.sqrt(W)
    if not len(X):
        return np.zeros(0), np.zeros((0, 0)), root
    Q, R = np.linalg.qr((X * root).T)
    return solve_triangular(R, Q.T @ (z * root)), R, root


def _at(
    beta: Floats, X: Floats, y: Floats, w: Floats, shift: Floats, family: Family
) -> tuple[Floats, Floats, float]:
    eta = shift + beta @ X
    return beta, eta, float(w @ family.deviance(y, family.mean(eta)))


def _halved(
    beta: Floats,
    proposal: Floats,
    deviance: float,
    problem: tuple[Floats, Floats, Floats, Floats, Family],
) -> tuple[Floats, Floats, float] | None:
    """Return the step towards the proposal, halved while the deviance rises; None if it does."""
    made = _at(proposal, *problem)
    for _ in range(20):
        if made[2] <= deviance * (1.0 + 1e-10) + 1e-10:
            return made
        made = _at(0.5 * (beta + made[0]), *problem)
    return None


def log_likelihood(solution: Solution) -> float:
    """Return the maximised log-likelihood with its constants, as R's `logLik`."""
    if solution.family is GAUSSIAN:
        n = len(solution.y)
        rest = float(np.log(solution.w).sum())
        return 0.5 * (rest - n * float(np.log(2.0 * np.pi * solution.deviance / n) + 1.0))
    own = float(solution.w @ solution.family.log_density(solution.y, solution.mu))
    return own + orders(solution)


def orders(solution: Solution) -> float:
    """Return the log number of orders in which so many successes may come in so many trials.

    Zero but for the rows of a binomial model that are shares.
    """
    if solution.family is not BINOMIAL:
        return 0.0
    shares = (solution.y > 0.0) & (solution.y < 1.0)
    n, k = solution.w[shares], solution.w[shares] * solution.y[shares]
    return float((gammaln(n + 1.0) - gammaln(k + 1.0) - gammaln(n - k + 1.0)).sum())


def refuse_separation(solution: Solution, names: tuple[str, ...]) -> None:
    """Raise when some combination of predictors tells the outcomes apart without error.

    Then the likelihood has no maximum: a coefficient grows without bound and its standard error
    means nothing.

    Raises
    ------
    ModelError
        Naming the columns of the separating combination.

    Warns
    -----
    NotConvergedWarning
        When scoring stopped early for another reason.
    """
    if solution.family is not GAUSSIAN and (not solution.converged or _extreme(solution)):
        shown = _culprits(solution, names)
        if shown:
            columns = ", ".join(f"'{name}'" for name in shown[:5])
            raise ModelError(
                f"Perfect separation: {columns} tell{'s' if len(shown) == 1 else ''} outcomes "
                "apart without error, so a coefficient is infinite. Leave the predictor out, or "
                "merge its sparse categories."
            )
    if not solution.converged:
        warnings.warn(
            f"The {solution.family.name} regression did not converge in {STEPS} steps.",
            NotConvergedWarning,
            stacklevel=3,
        )


def _culprits(solution: Solution, names: tuple[str, ...]) -> list[str]:
    """Return the columns that separate by themselves, or else together; none when none do."""
    X, y, family = solution.X, solution.y, solution.family
    direction = separating(X, y, family)
    if direction is None:
        return []
    size = np.abs(direction) * np.maximum(np.abs(X).max(axis=1), 1e-300)
    found = [k for k, s in enumerate(size) if s > 1e-6 * size.max() and names[k] != INTERCEPT]
    beside = [k for k, name in enumerate(names) if name == INTERCEPT]
    alone = [k for k in found if separating(X[[*beside, k]], y, family) is not None]
    return [names[k] for k in alone or found or beside]


def _extreme(solution: Solution) -> bool:
    mu = solution.mu
    near = mu < EXTREME
    return bool((near | (mu > 1.0 - EXTREME)).any() if solution.family is BINOMIAL else near.any())


def separating(X: Floats, y: Floats, family: Family) -> Floats | None:
    """Return a direction along which the likelihood rises for ever, or None.

    Binomial: x'd >= 0 where y = 1, <= 0 where y = 0, and = 0 where it is a share between them.
    Poisson: x'd = 0 where y > 0, <= 0 where y = 0. In both, with a strict inequality somewhere.
    """
    scale = np.abs(X).max(axis=1)
    signed = ((X / scale[:, None]) * np.where(y > 0, 1.0, -1.0)).T
    inner = (y > 0) & (y < 1) if family is BINOMIAL else y > 0
    equal = signed[inner] if inner.any() else None
    signed = signed[~inner]
    if not len(signed):
        return None
    found = linprog(
        -signed.sum(axis=0),
        A_ub=-signed,
        b_ub=np.zeros(len(signed)),
        A_eq=equal,
        b_eq=None if equal is None else np.zeros(len(equal)),
        bounds=(-1.0, 1.0),
        method="highs",
    )
    direction = np.asarray(found.x, dtype=float)
    if not found.success or float((signed @ direction).sum()) <= 1e-7:
        return None
    return np.asarray(direction / scale)
