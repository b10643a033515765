"""Tests that choose between estimators: Hausman's, F of the group effects, Breusch and Pagan's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.stats import chi2
from scipy.stats import f as f_distribution

from crosslevel.multilevel.coding import Floats
from crosslevel.multilevel.panel import Panel, PanelFit

Row = tuple[str, float, float, float, float, str]
COLUMNS = ["test", "statistic", "df", "df_denominator", "p_value", "note"]


def specification_tests(panel: Panel, fits: Sequence[PanelFit]) -> pd.DataFrame:
    """Return one row per test that these estimators allow; see `SideBySide.tests`."""
    by_name = {fit.model: fit for fit in fits}
    pooled, within, random = (by_name.get(name) for name in ("pooled", "within", "random"))
    rows: list[Row] = []
    if within and random:
        rows.append(_hausman(within, random))
        rows += _auxiliary(panel, within, random)
    if within and pooled:
        rows.append(_group_effects(within, pooled))
    if pooled:
        rows.append(_breusch_pagan(panel, pooled))
    return pd.DataFrame(rows, columns=COLUMNS)


def _hausman(within: PanelFit, random: PanelFit) -> Row:
    """Hausman (1978): d' (V_within - V_random)^-1 d with d the difference of the estimates."""
    at = [random.names.index(name) for name in within.names]
    d = within.beta - random.beta[at]
    V = within.covariance - random.covariance[np.ix_(at, at)]
    size = np.sqrt(np.diag(within.covariance))
    if np.linalg.eigvalsh(V / np.outer(size, size)).min() <= 0.0:
        note = "the difference of the covariances is not positive definite; see the tests below it"
        return "Hausman", np.nan, float(len(d)), np.nan, np.nan, note
    return _chi_square("Hausman", float(d @ np.linalg.solve(V, d)), len(d))


def _auxiliary(panel: Panel, within: PanelFit, random: PanelFit) -> list[Row]:
    """Quasi-demeaned outcome on quasi-demeaned and demeaned columns; Wald tests of the latter."""
    theta = random.theta[panel.codes]
    y = panel.y - theta * panel.means(panel.y)[panel.codes]
    means = panel.means(panel.X)[:, panel.codes]
    at = [panel.names.index(name) for name in within.names]
    A = np.concatenate([panel.X - theta * means, panel.X[at] - means[at]])
    size = np.sqrt((A * A).sum(axis=1))
    A = A / size[:, None]
    n, K, q = len(y), len(A), len(at)
    if n <= K or np.linalg.matrix_rank(A) < K:
        return []
    bread = np.linalg.inv(A @ A.T)
    beta = bread @ (A @ y)
    e = y - beta @ A
    scores = np.array([np.bincount(panel.codes, weights=row * e) for row in A])
    covariances = {
        "Hausman, by regression": (e @ e) / (n - K) * bread,
        "Hausman, by regression, clustered": bread @ (scores @ scores.T) @ bread,
    }
    last = slice(K - q, K)
    tests: list[Row] = []
    for name, V in covariances.items():
        value = float(beta[last] @ np.linalg.solve(V[last, last], beta[last]))
        tests.append(_chi_square(name, value, q))
    return tests


def _group_effects(within: PanelFit, pooled: PanelFit) -> Row:
    """F test that all groups have one intercept, against the pooled estimator."""
    q, below = pooled.df_residual - within.df_residual, within.df_residual
    value = (pooled.rss - within.rss) / q / (within.rss / below)
    p_value = float(f_distribution.sf(value, q, below))
    return "F, group effects", float(value), float(q), float(below), p_value, ""


def _breusch_pagan(panel: Panel, pooled: PanelFit) -> Row:
    """Breusch and Pagan (1980), for groups of different sizes as Baltagi and Li (1990)."""
    e = panel.y - pooled.beta @ panel.X
    sums = np.bincount(panel.codes, weights=e)
    n, sizes = len(e), panel.sizes.astype(float)
    excess = float(sums @ sums / (e @ e)) - 1.0
    value = 0.5 * (n * excess) ** 2 / (float(sizes @ sizes) - n)
    return _chi_square("Breusch-Pagan, group variance", value, 1)


def _chi_square(name: str, value: float, df: int) -> Row:
    return name, value, float(df), np.nan, float(chi2.sf(value, df)), ""


def wald(beta: Floats, V: Floats) -> tuple[float, int, float]:
    """Return the Wald chi-square of all these coefficients, its degrees of freedom and p-value.

    Examples
    --------
    >>> wald(np.array([2.0]), np.array([[1.0]]))[:2]
    (4.0, 1)
    """
    value = float(beta @ np.linalg.solve(V, beta))
    return value, len(beta), float(chi2.sf(value, len(beta)))
