"""Is the regression what it assumes: serial order, unequal variances, collinearity, single rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.integrate import quad
from scipy.stats import chi2, norm
from scipy.stats import f as f_distribution

from crosslevel.errors import ModelError
from crosslevel.multilevel.coding import Floats
from crosslevel.multilevel.conditioning import independent
from crosslevel.multilevel.design import INTERCEPT, Design
from crosslevel.multilevel.families import GAUSSIAN
from crosslevel.multilevel.glm import Solution, solve

ALTERNATIVES = ("greater", "two-sided", "less")
EXACT_BELOW = 100  # rows, as lmtest


def durbin_watson(
    solution: Solution, alternative: str = "greater", *, exact: bool | None = None
) -> tuple[float, float]:
    """Return sum (e_i - e_{i-1})^2 / sum e_i^2, near 2 without serial correlation, and its p value.

    Parameters
    ----------
    alternative
        Serial correlation that is `"greater"` than zero (a small statistic), `"less"`, or
        `"two-sided"`.
    exact
        Whether p comes from the distribution of the statistic, to some 1e-12, or from a normal one
        with its mean and variance; exact below 100 rows when None.

    Notes
    -----
    Residuals are those of the weighted fit, unweighted; with weights there is no p value (nan).
    Exact: P(sum (l_i - d) z_i^2 < 0) with l the n - P roots of MAM, by Imhof's (1961) integral.
    Source: Durbin & Watson (1950, 1971); agrees with R lmtest::dwtest (with `iterations=100`, where
    its 15 are too few).
    """
    if alternative not in ALTERNATIVES:
        known = ", ".join(map(repr, ALTERNATIVES))
        raise ModelError(f"`alternative` must be {known}, got {alternative!r}.")
    e = solution.y - solution.mu
    n, P = len(e), len(solution.X)
    d = float(np.square(np.diff(e)).sum() / (e @ e))
    if (solution.w != 1.0).any() or n < max(5, P + 1):
        return d, float("nan")
    if n < EXACT_BELOW if exact is None else exact:
        below = _imhof(_roots(solution.X) - d)
    else:
        mean, variance = _moments(solution.X)
        below = float(norm.cdf((d - mean) / np.sqrt(variance)))
    return d, {"greater": below, "less": 1.0 - below, "two-sided": 2 * min(below, 1 - below)}[
        alternative
    ]


def _roots(X: Floats) -> Floats:
    """Return the (n - P,) roots of the differences' matrix A in the space of residuals."""
    N = np.linalg.qr(X.T, mode="complete")[0][:, len(X) :]
    steps = np.diff(N, axis=0)
    return np.asarray(np.linalg.eigvalsh(steps.T @ steps))


def _imhof(roots: Floats) -> float:
    """Return the probability that sum roots z^2 is negative (Imhof, 1961, eq. 3.2)."""

    def _wave(u: float) -> float:
        angle = 0.5 * np.arctan(roots * u).sum()
        return float(np.sin(angle) / u * np.exp(-0.25 * np.log1p((roots * u) ** 2).sum()))

    made = quad(_wave, 0.0, np.inf, limit=1000, epsabs=1e-13, epsrel=1e-12)[0]
    return float(np.clip(0.5 - made / np.pi, 0.0, 1.0))


def _moments(X: Floats) -> tuple[float, float]:
    """Return mean and variance of the statistic (Durbin & Watson, 1950, eq. 8)."""
    P, n = X.shape
    Q = np.linalg.qr(X.T)[0]
    AQ = np.diff(np.diff(Q, axis=0), axis=0, prepend=0.0, append=0.0)
    inside = Q.T @ -AQ
    first = 2.0 * (n - 1) - float(np.trace(inside))
    second = 2.0 * (3 * n - 4) - 2.0 * float((AQ**2).sum()) + float((inside**2).sum())
    mean, left = first / (n - P), float(n - P)
    return mean, 2.0 * (second - first * mean) / (left * (left + 2.0))


def breusch_godfrey(solution: Solution, order: int) -> tuple[float, float, float]:
    """Return statistic, df and p value of serial correlation up to an order.

    Notes
    -----
    n R^2 of the residuals on the predictors and their own lags (zero before the first row).
    Source: Breusch (1978), Godfrey (1978); agrees with R lmtest::bgtest.
    """
    n, P = len(solution.y), len(solution.beta)
    if not 0 < order < n - P:
        raise ModelError(f"`order` must be a whole number from 1 to {n - P - 1}, got {order}.")
    e = solution.y - solution.mu
    lagged = np.array([np.concatenate([np.zeros(k), e[:-k]]) for k in range(1, order + 1)])
    fitted = solve(np.vstack([solution.X, lagged]), e, family=GAUSSIAN).mu
    statistic = n * float(fitted @ fitted) / float(e @ e)
    return statistic, float(order), float(chi2.sf(statistic, order))


def breusch_pagan(solution: Solution) -> tuple[float, float, float]:
    """Return statistic, df and p value of variances that change with the predictors.

    Notes
    -----
    n sum w f^2 / sum u^2 with u = e^2 - sum w e^2 / n and f its (weighted) regression on the
    predictors. With weights this is lmtest's form, which depends on their scale: read it for
    unweighted models only. Source: Koenker (1981); agrees with R lmtest::bptest.
    """
    X, w = solution.X, solution.w
    n, P = X.shape[1], len(X)
    e = solution.y - solution.mu
    squared = e * e - float(w @ (e * e)) / n
    fitted = solve(X, squared, family=GAUSSIAN, w=w).mu
    statistic = n * float(w @ fitted**2) / float(squared @ squared)
    return statistic, float(P - 1), float(chi2.sf(statistic, P - 1))


def reset(solution: Solution) -> tuple[float, float, float, float]:
    """Return F, its two df and p value of curves that the predictors leave out.

    Notes
    -----
    Joint test of the square and the cube of the fitted mean, added to the predictors; nan where
    they add nothing, because the predictors take few values. Source: Ramsey (1969); agrees with R
    lmtest::resettest for unweighted models.
    """
    s, n, P = solution, len(solution.y), len(solution.beta)
    centre = s.mu.mean() if (s.X == 1.0).all(axis=1).any() else 0.0
    fitted = (s.mu - centre) / max(float(s.mu.std()), 1e-300)
    powers = np.array([fitted**2, fitted**3])
    names = tuple(map(str, range(P + 2)))
    kept = independent(np.vstack([s.X, powers]), names)
    if len(kept) < P + 2 or n <= P + 2:
        return np.nan, 2.0, float(n - P - 2), np.nan
    wider = solve(np.vstack([s.X, powers]), s.y, family=GAUSSIAN, w=s.w)
    left = float(n - P - 2)
    F = (s.deviance - wider.deviance) / 2.0 / (wider.deviance / left)
    return F, 2.0, left, float(f_distribution.sf(F, 2, left))


def influence(solution: Solution) -> dict[str, Floats]:
    """Return hat, studentised residuals and Cook's distance by row (n,).

    Source: Cook & Weisberg (1982); Williams (1987) for other families; R's `hatvalues`, `rstudent`
    and `cooks.distance`.
    """
    s, n, P = solution, len(solution.y), len(solution.beta)
    h = s.hat
    V = s.family.variance(s.mu)
    left = np.where(1.0 - h > 1e-10, 1.0 - h, np.nan)
    pearson = (s.y - s.mu) * np.sqrt(s.w / V)
    deviance = np.sign(s.y - s.mu) * np.sqrt(np.maximum(s.w * s.family.deviance(s.y, s.mu), 0.0))
    scale = float(pearson @ pearson) / (n - P) if s.family.scale else 1.0
    if s.family.scale:
        without = (s.deviance - pearson**2 / left) / (n - P - 1) if n - P > 1 else np.nan * h
        studentised = pearson / np.sqrt(without * left)
    else:
        studentised = np.sign(deviance) * np.sqrt(deviance**2 + h * pearson**2 / left)
    return {
        "hat": h,
        "studentised": studentised,
        "cooks_distance": (pearson / left) ** 2 * h / (scale * P),
    }


def vif(design: Design, solution: Solution, names: tuple[str, ...]) -> pd.DataFrame:
    """Return generalised variance inflation by term of a formula, and the columns it stands for.

    Notes
    -----
    det R_in det R_out / det R of the correlations of the weighted predictors.
    """
    if INTERCEPT not in names or len(names) < 3:
        raise ModelError("Variance inflation needs an intercept and two predictors or more.")
    R = np.linalg.inv(solution.F)
    correlation = np.linalg.inv(_scaled(np.linalg.inv(R)[1:, 1:]))
    correlation = _scaled(correlation)
    at = {name: k for k, name in enumerate(names[1:])}
    rows = []
    for term in design.formula.terms:
        own = [k for name, k in at.items() if _belongs(name, tuple(map(str, term)))]
        if not own:
            continue
        rest = [k for k in range(len(at)) if k not in own]
        inside = np.linalg.det(correlation[np.ix_(own, own)])
        outside = np.linalg.det(correlation[np.ix_(rest, rest)])
        rows.append((":".join(map(str, term)), inside * outside / np.linalg.det(correlation)))
    return pd.DataFrame(rows, columns=["term", "vif"])


def _belongs(name: str, atoms: tuple[str, ...]) -> bool:
    """Whether a column such as `sex[M]:age` is one of a term's."""
    parts = name.split(":")
    return len(parts) == len(atoms) and all(
        part == atom or part.startswith(f"{atom}[") for part, atom in zip(parts, atoms, strict=True)
    )


def _scaled(matrix: npt.NDArray[np.floating[Any]]) -> Floats:
    size = np.sqrt(np.diag(matrix))
    return np.asarray(matrix / np.outer(size, size))
