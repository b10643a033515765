"""Draws from a regression with or without random coefficients per unit: the step of imputation.

y = X beta + Z u_j + e, e ~ N(0, s2), u_j ~ N(0, Psi); flat prior on beta and log s2, and the prior
of Huang & Wand (2013) on Psi, half-t(2) for each standard deviation. beta is drawn with u
integrated out, then u given beta, then s2 and Psi. The variance of a lone random coefficient is
drawn with u integrated out as well (slice sampling), which moves freely near zero. Without Z this
is the exact draw of a Bayesian linear regression.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtr, ndtri

from crosslevel.quality.incomplete import Codes, Floats

WIDE = 2.5  # scale of the half-t prior, in standard deviations of the outcome
NU = 2.0
RIDGE = 1e-7  # of the mean square of a column: keeps aliased columns solvable
PROBIT_PRIOR = 0.04  # precision of coefficients on the latent scale: bounded under separation
SMALLEST = 1e-12  # a variance below it is none, and its inverse still a double
FURTHEST = 30.0  # latent standard deviations beyond which a tail has no double


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows sorted by unit: codes (n,), where each unit that occurs begins, and which those are."""

    codes: Codes
    starts: Codes
    present: Codes
    J: int

    def sums(self, values: Floats) -> Floats:
        """Return the sums (J, ...) of (n, ...) values; zero for a unit without rows."""
        total = np.zeros((self.J, *values.shape[1:]))
        if len(self.starts):
            total[self.present] = np.add.reduceat(values, self.starts, axis=0)
        return total


def rows_of(codes: Codes, J: int) -> Rows:
    """Return sorted codes with the places where units begin.

    Examples
    --------
    >>> rows_of(np.array([0, 0, 2]), 3).sums(np.array([1.0, 2, 5])).tolist()
    [3.0, 0.0, 5.0]
    """
    starts = np.flatnonzero(np.diff(codes, prepend=-1))
    return Rows(codes, starts, codes[starts], J)


@dataclass(frozen=True, slots=True)
class State:
    """Where the chain of one regression stands: s2, Psi (q, q), its auxiliary a (q,)."""

    s2: float
    Psi: Floats
    a: Floats


@dataclass(frozen=True, slots=True)
class Draw:
    """One draw: beta (P,), u (J, q); centre (P,) and middle (J, q): their means given variances."""

    beta: Floats
    u: Floats
    centre: Floats
    middle: Floats
    state: State


@dataclass(frozen=True, slots=True)
class Problem:
    """Rows with a known outcome: X (n, P), Z (n, q), and their products, per unit where with Z."""

    X: Floats
    Z: Floats
    rows: Rows
    XX: Floats
    ZX: Floats
    ZZ: Floats


def begin(q: int) -> State:
    """Return a first state, for an outcome of variance one."""
    return State(0.8, 0.2 * np.eye(q), np.ones(q))


def problem(X: Floats, Z: Floats, rows: Rows) -> Problem:
    """Return the products that every draw on these rows needs."""
    XX = X.T @ X
    XX[np.diag_indices_from(XX)] += RIDGE * np.maximum(np.diag(XX), 1.0)
    if not Z.shape[1]:
        return Problem(X, Z, rows, XX, np.zeros((0, 0, 0)), np.zeros((0, 0, 0)))
    ZX = rows.sums(Z[:, :, None] * X[:, None, :])
    return Problem(X, Z, rows, XX, ZX, rows.sums(Z[:, :, None] * Z[:, None, :]))


def draw(
    made: Problem,
    y: Floats,
    state: State,
    rng: np.random.Generator,
    *,
    latent: bool = False,
) -> Draw:
    """Return one draw; `latent` holds s2 at one and bounds beta, as a probit needs."""
    if made.Z.shape[1]:
        return _with_units(made, y, state, rng, latent=latent)
    Xy = made.X.T @ y
    n, P = made.X.shape
    XX = made.XX + PROBIT_PRIOR * np.eye(P) if latent else made.XX
    root = np.linalg.cholesky(XX)
    centre = np.asarray(np.linalg.solve(XX, Xy), dtype=np.float64)
    s2 = 1.0
    if not latent:
        left = y - made.X @ centre
        s2 = max(float(left @ left) / rng.chisquare(max(n - P, 1)), SMALLEST)
    beta = centre + np.sqrt(s2) * np.linalg.solve(root.T, rng.standard_normal(P))
    nothing = np.zeros((made.rows.J, 0))
    return Draw(beta, nothing, centre, nothing, replace(state, s2=s2))


def _with_units(
    made: Problem, y: Floats, state: State, rng: np.random.Generator, *, latent: bool
) -> Draw:
    """Return one draw of beta, u, s2 and Psi."""
    s2 = 1.0 if latent else state.s2
    J, q, P = made.ZX.shape
    Zy = made.rows.sums(made.Z * y[:, None])
    M = np.linalg.inv(made.ZZ + s2 * np.linalg.inv(state.Psi))
    MZX = M @ made.ZX
    A = made.XX - np.tensordot(made.ZX, MZX, axes=([0, 1], [0, 1]))
    A = 0.5 * (A + A.T)
    if latent:
        A[np.diag_indices(P)] += PROBIT_PRIOR
    right = made.X.T @ y - np.einsum("jqp,jq->p", MZX, Zy)
    root = np.linalg.cholesky(A)
    centre = np.linalg.solve(A, right)
    beta = centre + np.sqrt(s2) * np.linalg.solve(root.T, rng.standard_normal(P))
    Psi, a = state.Psi, state.a
    if q == 1:
        Psi = _lone_variance(made, (Zy - made.ZX @ beta)[:, 0], s2, float(Psi[0, 0]), rng)
        M = 1.0 / (made.ZZ + s2 / Psi)
    middle, mean = (np.einsum("jab,jb->ja", M, Zy - made.ZX @ b) for b in (centre, beta))
    noise = rng.standard_normal((J, q))
    u = mean + np.sqrt(s2) * np.einsum("jab,jb->ja", np.linalg.cholesky(M), noise)
    if not latent:
        left = y - made.X @ beta - np.einsum("iq,iq->i", made.Z, u[made.rows.codes])
        s2 = max(float(left @ left) / rng.chisquare(len(y)), SMALLEST)
    if q > 1:
        Psi, a = _covariance(u[made.rows.present], a, rng)
    return Draw(beta, u, centre, middle, State(s2, Psi, a))


def _covariance(u: Floats, a: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return a draw of Psi and then of its auxiliary variables (Huang & Wand 2013, eq. 2)."""
    J, q = u.shape
    scale = u.T @ u + np.diag(2.0 * NU / a)
    Psi = _inverse_wishart(NU + J + q - 1.0, scale, rng)
    rate = NU * np.diag(np.linalg.inv(Psi)) + 1.0 / WIDE**2
    return Psi, rate / rng.gamma(0.5 * (NU + q), size=q)


def _lone_variance(
    made: Problem, left: Floats, s2: float, start: float, rng: np.random.Generator
) -> Floats:
    """Return a draw (1, 1) of the variance of one random coefficient given beta and s2.

    left (J,) = Z_j'(y_j - X_j beta) ~ N(0, s2 (z + z^2 psi / s2)), z = Z_j'Z_j.
    """
    z = made.ZZ[made.rows.present, 0, 0] / s2
    squares = (left[made.rows.present] / s2) ** 2

    def log_density(t: float) -> float:
        """Log posterior of t, the log standard deviation."""
        psi = np.exp(2.0 * t)
        inside = 1.0 + z * psi
        likelihood = 0.5 * float((squares * psi / inside - np.log(inside)).sum())
        return likelihood + t - 0.5 * (NU + 1.0) * float(np.log1p(psi / (NU * WIDE**2)))

    t = _slice(log_density, 0.5 * float(np.log(start)), rng)
    return np.full((1, 1), max(np.exp(2.0 * t), SMALLEST))


def _slice(log_density: Callable[[float], float], at: float, rng: np.random.Generator) -> float:
    """Return one step of slice sampling with stepping out (Neal 2003, figures 3 and 5)."""
    level = log_density(at) - rng.exponential()
    low = at - rng.uniform()
    high = low + 1.0
    while log_density(low) > level:
        low -= 1.0
    while log_density(high) > level:
        high += 1.0
    while True:
        new = rng.uniform(low, high)
        if log_density(new) >= level:
            return float(new)
        low, high = (new, high) if new < at else (low, new)


def _inverse_wishart(df: float, scale: Floats, rng: np.random.Generator) -> Floats:
    """Return a draw of IW(df, scale) by Bartlett's decomposition."""
    q = len(scale)
    lower = np.tril(rng.standard_normal((q, q)), -1)
    lower[np.diag_indices(q)] = np.sqrt(rng.chisquare(df - np.arange(q)))
    half = np.linalg.solve(lower, np.linalg.cholesky(scale).T)
    made = half.T @ half
    return np.asarray(0.5 * (made + made.T))


def latent(event: Floats, eta: Floats, rng: np.random.Generator) -> Floats:
    """Return latent normals of mean eta, above zero where the event occurred and below elsewhere.

    Examples
    --------
    >>> made = latent(np.array([1.0, 0.0]), np.array([-3.0, 8.0]), np.random.default_rng(0))
    >>> (made > 0).tolist()
    [True, False]
    """
    sign = 2.0 * event - 1.0
    inside = ndtr(np.maximum(sign * eta, -FURTHEST))
    below = ndtri(rng.uniform(1e-12, 1.0, size=len(eta)) * inside)
    return np.asarray(eta - sign * np.minimum(below, np.maximum(sign * eta, -FURTHEST)))


def nearest(donors: Floats, recipients: Floats, rng: np.random.Generator, *, k: int = 5) -> Codes:
    """Return, for each recipient, one of the k donors with the closest predicted value, at random.

    Examples
    --------
    >>> nearest(np.array([0.0, 5, 9]), np.array([8.0]), np.random.default_rng(0), k=1).tolist()
    [2]
    """
    k = min(k, len(donors))
    order = rng.permutation(len(donors))
    order = order[np.argsort(donors[order], kind="stable")]
    sorted_donors = donors[order]
    at = np.searchsorted(sorted_donors, recipients)
    low = np.clip(at - k, 0, max(len(donors) - 2 * k, 0))
    window = np.minimum(low[:, None] + np.arange(2 * k), len(donors) - 1)
    gap = np.abs(sorted_donors[window] - recipients[:, None])
    gap[:, 1:][window[:, 1:] == window[:, :-1]] = np.inf
    best = np.argpartition(gap, k - 1, axis=1)[:, :k]
    chosen = best[np.arange(len(best)), rng.integers(k, size=len(best))]
    return np.asarray(order[window[np.arange(len(window)), chosen]])
