"""The one-factor model by maximum likelihood, for many correlation matrices at once.

Letters: R (B, k, k) correlation matrices; lam (B, k) loadings; psi (B, k) unique variances; theta
and omega the eigenvalues and eigenvectors of psi^(-1/2) R psi^(-1/2); F the discrepancy log|Sigma|
+ tr(R Sigma^-1) - log|R| - k, with Sigma = lam lam' + diag(psi).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from crosslevel.psychometrics.grouping import Floats

LEAST_UNIQUE = 0.005
_ITERATIONS = 200
_HALVINGS = 25
_GRADIENT = 1e-9
_STALLED = 1e-6  # where rounding hides any further fall of F
_ROUNDING = 1e-14


@dataclass(frozen=True, slots=True)
class OneFactor:
    """Solutions: lam (B, k), psi (B, k), F (B,), converged (B,).

    `at_bound` (B, k) marks unique variances held at 0.005 of the item's variance.
    """

    lam: Floats
    psi: Floats
    F: Floats
    converged: npt.NDArray[np.bool_]

    @property
    def at_bound(self) -> npt.NDArray[np.bool_]:
        """Whether a unique variance is at its lowest value (a Heywood case)."""
        held: npt.NDArray[np.bool_] = self.psi <= LEAST_UNIQUE * (1 + 1e-9)
        return held


def one_factor(R: Floats) -> OneFactor:
    """Return the one-factor solutions of correlation matrices of three or more items.

    The likelihood is concentrated over the loadings and minimised over log psi by Newton's method,
    each step halved until F does not rise. Loadings are signed so that their sum is not negative.

    Parameters
    ----------
    R
        (B, k, k) correlation matrices; nan or singular ones give nan and are not converged.

    Returns
    -------
    OneFactor

    Notes
    -----
    The second derivatives are exact; O(k^3) per matrix and step.
    Source: Jöreskog (1967). Agrees with R lavaan::cfa.

    Examples
    --------
    >>> loadings = np.array([0.8, 0.7, 0.6, 0.5])
    >>> R = np.outer(loadings, loadings)
    >>> np.fill_diagonal(R, 1)
    >>> one_factor(R[None]).lam[0].round(6).tolist()
    [0.8, 0.7, 0.6, 0.5]
    """
    B, k = R.shape[:2]
    lam, psi, F = np.full((B, k), np.nan), np.full((B, k), np.nan), np.full(B, np.nan)
    converged = np.zeros(B, dtype=np.bool_)
    sound = np.array(np.isfinite(R.reshape(B, -1)).all(axis=1), dtype=np.bool_)
    sound[sound] = np.linalg.eigvalsh(R[sound])[:, 0] > 1e-12
    live = np.flatnonzero(sound)
    if not live.size:
        return OneFactor(lam, psi, F, converged)
    inverse = np.linalg.inv(R[live])
    start = (1 - 0.5 / k) / np.diagonal(inverse, axis1=1, axis2=2)
    point = _at(R[live], np.log(np.clip(start, LEAST_UNIQUE, 1)))
    for _ in range(_ITERATIONS):
        step, gradient = _step(point)
        after, moved = _descend(R[live], point, step)
        stay = (gradient >= _GRADIENT) & moved
        ended = live[~stay]
        converged[ended] = (gradient < _STALLED)[~stay]
        lam[ended], psi[ended], F[ended] = after.loadings()[~stay], after.psi[~stay], after.F[~stay]
        live, point = live[stay], after.rows(stay)
        if not live.size:
            break
    lam[live], psi[live], F[live] = point.loadings(), point.psi, point.F
    return OneFactor(lam, psi, F, converged)


def information(lam: Floats, psi: Floats) -> Floats:
    """Return the (2k, 2k) expected information of one respondent on (lam, psi).

    Notes
    -----
    Half of tr(W dSigma_i W dSigma_j), W the inverse of Sigma, in closed form.
    """
    W = np.linalg.inv(np.outer(lam, lam) + np.diag(psi))
    a = W @ lam
    corner = np.outer(a, a) + W * (lam @ a)
    side = W * a[None, :]
    return np.block([[corner, side], [side.T, W**2 / 2]])


def scores(deviations: Floats, lam: Floats, psi: Floats) -> Floats:
    """Return the (n, 2k) derivatives of each respondent's log-likelihood on (lam, psi)."""
    W = np.linalg.inv(np.outer(lam, lam) + np.diag(psi))
    u = deviations @ W
    on_lam = u * (u @ lam)[:, None] - W @ lam
    on_psi = (u**2 - np.diag(W)) / 2
    return np.hstack([on_lam, on_psi])


@dataclass(frozen=True, slots=True)
class _Point:
    """Where the search stands: log psi (B, k), theta (B, k) rising, omega (B, k, k), F (B,)."""

    logs: Floats
    theta: Floats
    omega: Floats
    F: Floats

    @property
    def psi(self) -> Floats:
        """(B, k) unique variances."""
        psi: Floats = np.exp(self.logs)
        return psi

    def rows(self, keep: npt.NDArray[np.bool_]) -> _Point:
        """Return some of the matrices."""
        return _Point(self.logs[keep], self.theta[keep], self.omega[keep], self.F[keep])

    def loadings(self) -> Floats:
        """(B, k) loadings that go with the unique variances."""
        length = np.sqrt(np.maximum(self.theta[:, -1] - 1, 0))
        lam = np.exp(self.logs / 2) * self.omega[:, :, -1] * length[:, None]
        signed: Floats = lam * np.where(lam.sum(axis=1) < 0, -1, 1)[:, None]
        return signed


def _at(R: Floats, logs: Floats) -> _Point:
    """Return the state at given unique variances; the first eigenvalue counts when below one."""
    scale = np.exp(-logs / 2)
    theta, omega = np.linalg.eigh(R * scale[:, :, None] * scale[:, None, :])
    rest = np.maximum(theta, np.finfo(np.float64).tiny)
    rest[:, -1] = np.minimum(rest[:, -1], 1)
    return _Point(logs, theta, omega, (rest - np.log(rest) - 1).sum(axis=1))


def _step(point: _Point) -> tuple[Floats, Floats]:
    """(B, k) Newton steps on log psi, or scoring steps uphill, and the (B,) largest gradient."""
    theta, rest, first = point.theta[:, :-1], point.omega[:, :, :-1], point.omega[:, :, -1]
    gradient = ((1 - theta[:, None, :]) * rest**2).sum(axis=2)
    held = (point.logs <= np.log(LEAST_UNIQUE)) & (gradient > 0)
    gradient[held] = 0
    P = rest @ rest.transpose(0, 2, 1)
    weighted = (rest * theta[:, None, :]) @ rest.transpose(0, 2, 1)
    top = point.theta[:, -1:]
    apart = (1 - theta) * (top + theta) / np.maximum(top - theta, 1e-8)
    cross = (rest * apart[:, None, :]) @ rest.transpose(0, 2, 1)
    newton = _solve(weighted * P + first[:, :, None] * first[:, None, :] * cross, gradient, held)
    scoring = _solve(P**2, gradient, held)
    downhill = (newton * gradient).sum(axis=1) > 0
    step = np.where(downhill[:, None], newton, scoring)
    longest = np.abs(step).max(axis=1, keepdims=True)
    return step / np.maximum(longest, 1), np.abs(gradient).max(axis=1)


def _solve(curvature: Floats, gradient: Floats, held: npt.NDArray[np.bool_]) -> Floats:
    """(B, k) steps; items at the bound stay."""
    k = gradient.shape[1]
    free = curvature.copy()
    free[held[:, :, None] | held[:, None, :]] = 0
    free[:, np.arange(k), np.arange(k)] += np.where(held, 1.0, 1e-9)
    step = np.linalg.solve(free, gradient[:, :, None])[:, :, 0]
    return step.astype(np.float64)


def _descend(R: Floats, point: _Point, step: Floats) -> tuple[_Point, npt.NDArray[np.bool_]]:
    """Points after steps halved until F does not rise, and whether a step was found."""
    now = _Point(point.logs.copy(), point.theta.copy(), point.omega.copy(), point.F.copy())
    rows, length = np.arange(len(point.F)), 1.0
    for _ in range(_HALVINGS):
        tried = np.clip(point.logs[rows] - length * step[rows], np.log(LEAST_UNIQUE), np.log(4.0))
        found = _at(R[rows], tried)
        better = (found.F - point.F[rows]) <= _ROUNDING
        taken = rows[better]
        now.logs[taken], now.F[taken] = found.logs[better], found.F[better]
        now.theta[taken], now.omega[taken] = found.theta[better], found.omega[better]
        rows, length = rows[~better], length / 2
        if not rows.size:
            break
    moved = np.ones(len(point.F), dtype=np.bool_)
    moved[rows] = False
    return now, moved
