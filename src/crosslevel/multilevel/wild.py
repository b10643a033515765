"""Wild cluster bootstrap-t of a clustered least-squares coefficient, for few clusters.

The null is imposed: y* = X b + v_g u with restricted residuals u and one weight v_g per cluster.
With a_g = X_g (X'X)^-1 c and s_g = a_g'u_g, all replicates follow from matrices of the clusters
(Roodman, MacKinnon, Nielsen & Webb, 2019, section 5):

    c'b* - r = s'v,   a_g'u*_g = v_g s_g - sum_h [a_g'X_g (X'X)^-1 X_h'u_h] v_h = (H v)_g
    t* = s'v / sqrt(q v'H'H v),   q = G/(G-1) (n-1)/(n-P)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd
from scipy.optimize import brentq

from crosslevel.errors import FormulaError, ModelError, did_you_mean
from crosslevel.frames import require_columns
from crosslevel.multilevel.coding import Codes, Floats
from crosslevel.multilevel.conditioning import aliased
from crosslevel.multilevel.design import build
from crosslevel.multilevel.formula import parse
from crosslevel.multilevel.grouping import grouping

_WEBB = np.sqrt(np.array([1.5, 1.0, 0.5]))
_FIVE = np.sqrt(5.0)
WEIGHTS = {
    "rademacher": (np.array([-1.0, 1.0]), np.array([0.5, 0.5])),
    "webb": (np.concatenate([-_WEBB, _WEBB]), np.full(6, 1.0 / 6.0)),
    "mammen": (
        np.array([(1.0 - _FIVE) / 2.0, (1.0 + _FIVE) / 2.0]),
        np.array([(_FIVE + 1.0) / (2.0 * _FIVE), (_FIVE - 1.0) / (2.0 * _FIVE)]),
    ),
}
DOUBLINGS = 10  # of the search for a limit: 1,000 standard errors away it has no end
TIE = 1e-8  # relative difference of two statistics that are equal but for rounding


@dataclass(frozen=True, slots=True)
class WildBootstrap:
    """The test of one coefficient, and the interval of null values that are not rejected.

    `enumerated` says that all vectors of weights were used, each with its probability; the p-value
    is then exact for this bootstrap and no seed matters.
    """

    term: str
    estimate: float
    std_error: float
    statistic: float
    p_value: float
    conf_low: float
    conf_high: float
    clusters: int
    replicates: int
    weights: str
    enumerated: bool

    def tidy(self) -> pd.DataFrame:
        """Return the test in the standard columns; `df` is missing: no t table is used."""
        return pd.DataFrame(
            {
                "term": [self.term],
                "group": "",
                "estimate": [self.estimate],
                "std_error": [self.std_error],
                "statistic": [self.statistic],
                "df": [np.nan],
                "p_value": [self.p_value],
                "conf_low": [self.conf_low],
                "conf_high": [self.conf_high],
            }
        )


@dataclass(frozen=True, slots=True)
class _Clustered:
    """Least squares by cluster: estimate, a'X (G, P), and the maps of the restricted residuals.

    For a null value r, s = s0 - r s1 (G,) and H = H0 - r H1 (G, G).
    """

    estimate: float
    s0: Floats
    s1: Floats
    H0: Floats
    H1: Floats
    q: float
    std_error: float

    def draws(self, V: Floats) -> _Draws:
        """Return what t* of every null value needs, for weights V (B, G)."""
        W0, W1 = V @ self.H0.T, V @ self.H1.T
        squares = [np.einsum("bg,bg->b", a, b) for a, b in ((W0, W0), (W0, W1), (W1, W1))]
        return _Draws(V @ self.s0, V @ self.s1, *(self.q * square for square in squares))


@dataclass(frozen=True, slots=True)
class _Draws:
    """Numerators n0 - r n1 and squared standard errors v00 - 2 r v01 + r^2 v11, each (B,)."""

    n0: Floats
    n1: Floats
    v00: Floats
    v01: Floats
    v11: Floats

    def statistics(self, null: float) -> Floats:
        """Return t* (B,) at a null value; not a number where its standard error is zero."""
        variance = self.v00 - 2.0 * null * self.v01 + null * null * self.v11
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray((self.n0 - null * self.n1) / np.sqrt(variance))


def wild_bootstrap(
    formula: str,
    data: pd.DataFrame,
    *,
    cluster: str,
    term: str,
    n: int = 9999,
    weights: str = "webb",
    null: float = 0.0,
    conf_level: float = 0.95,
    seed: int,
) -> WildBootstrap:
    """Return the wild cluster bootstrap test of one coefficient of clustered least squares.

    Use it beside `ols` when there are few clusters (some 5 to 40), where the t table is too
    optimistic. It assumes independent clusters; with a predictor that differs in one or two
    clusters only, no bootstrap helps.

    Parameters
    ----------
    formula
        As for `ols`, without random terms.
    cluster
        Column whose groups are independent of each other.
    term
        The coefficient to test, as `ols` names it.
    n
        Replicates; if there are no more vectors of weights than this, all of them are used.
    weights
        `"webb"` (six points, for few clusters), `"rademacher"` (signs) or `"mammen"`.
    null
        Value of the coefficient under the null hypothesis.

    Raises
    ------
    FormulaError, ModelError
        For random terms, unknown terms, fewer than two clusters.

    Notes
    -----
    The p-value is two-sided and symmetric: the probability of |t*| >= |t|. The interval inverts the
    test with the same weights. Cameron, Gelbach & Miller (2008, doi 10.1162/rest.90.3.414);
    Webb (2023, doi 10.1111/caje.12661).

    Examples
    --------
    >>> frame = pd.DataFrame({"y": [1.0, 2, 3, 5, 4, 6], "x": [0.0, 1, 2, 3, 1, 3]})
    >>> frame["unit"] = list("aabbcc")
    >>> made = wild_bootstrap("y ~ x", frame, cluster="unit", term="x", seed=1)
    >>> made.enumerated, made.replicates
    (True, 216)
    """
    _check(formula, weights=weights, n=n, conf_level=conf_level)
    parts = _clustered(formula, data, cluster=cluster, term=term)
    G = len(parts.s0)
    V, mass, enumerated = _draws(G, n, weights, seed)
    draws, observed = parts.draws(V), (parts.estimate - null) / parts.std_error

    def p_value(value: float) -> float:
        """Return the probability of |t*| >= |t| under a null value."""
        t = abs(parts.estimate - value) / parts.std_error
        extreme = ~(np.abs(draws.statistics(value)) < t * (1.0 - TIE))
        if enumerated:
            return float(mass @ extreme)
        return (1 + int(extreme.sum())) / (1 + len(V))

    low, high = _interval(p_value, parts, 1.0 - conf_level)
    return WildBootstrap(
        term=term,
        estimate=parts.estimate,
        std_error=parts.std_error,
        statistic=observed,
        p_value=p_value(null),
        conf_low=low,
        conf_high=high,
        clusters=G,
        replicates=len(V),
        weights=weights,
        enumerated=enumerated,
    )


def _check(formula: str, *, weights: str, n: int, conf_level: float) -> None:
    if parse(formula).random:
        raise FormulaError("The wild cluster bootstrap is for formulas without random terms.")
    if weights not in WEIGHTS:
        raise ModelError(f"`weights` must be one of {', '.join(WEIGHTS)}, got {weights!r}.")
    if n < 1:
        raise ModelError(f"`n` must be at least 1, got {n}.")
    if not 0.0 < conf_level < 1.0:
        raise ModelError(f"`conf_level` must lie between 0 and 1, got {conf_level}.")


def _clustered(formula: str, data: pd.DataFrame, *, cluster: str, term: str) -> _Clustered:
    """Return everything the replicates need, by cluster."""
    require_columns(data, [cluster], error=ModelError)
    known = data[data[cluster].notna()]
    design = build(parse(formula), known)
    kept, _ = aliased(design)
    names = [design.names[k] for k in kept]
    if term not in names:
        hint = did_you_mean(term, names) or f"Terms: {', '.join(names)}."
        raise ModelError(f"The model has no coefficient '{term}'. {hint}")
    column = known[cluster] if design.kept is None else known[cluster][design.kept]
    codes = grouping([column]).codes
    G = int(codes.max()) + 1
    if G < 2:
        raise ModelError(f"The bootstrap needs two clusters of '{cluster}' or more.")
    return _by_cluster(design.X[list(kept)], design.y, codes, G, names.index(term))


def _by_cluster(X: Floats, y: Floats, codes: Codes, G: int, at: int) -> _Clustered:
    """Return the pieces from X (P, n): the tested column is orthogonalised to the others first."""
    P, n = X.shape
    Q, R = np.linalg.qr(X.T)
    inverse = np.linalg.inv(R)
    A = inverse @ inverse.T
    a = X.T @ A[:, at]
    beta = inverse @ (Q.T @ y)
    others = np.delete(np.arange(P), at)
    rest = np.linalg.qr(X[others].T)[0]
    u0, u1 = y - rest @ (rest.T @ y), X[at] - rest @ (rest.T @ X[at])
    aX = _sums(a * Q.T, codes, G)
    made = []
    for u in (u0, u1):
        s = _sums((a * u)[None], codes, G)[0]
        made.append((s, np.diag(s) - aX.T @ _sums(Q.T * u, codes, G)))
    (s0, H0), (s1, H1) = made
    q = G / (G - 1) * (n - 1) / (n - P)
    scores = np.bincount(codes, weights=a * (y - beta @ X), minlength=G)
    return _Clustered(float(beta[at]), s0, s1, H0, H1, q, float(np.sqrt(q * (scores @ scores))))


def _sums(rows: Floats, codes: Codes, G: int) -> Floats:
    """Return the sums over clusters of each row, (., G)."""
    sums = [np.bincount(codes, weights=row, minlength=G) for row in rows]
    return np.array(sums, dtype=float)


def _draws(G: int, n: int, weights: str, seed: int) -> tuple[Floats, Floats, bool]:
    """Return weights (B, G), the probability of each, and whether these are all there are."""
    points, mass = WEIGHTS[weights]
    if len(points) ** G <= n:
        index = np.array(list(product(range(len(points)), repeat=G)))
        return points[index], mass[index].prod(axis=1), True
    rng = np.random.default_rng(seed)
    return points[rng.choice(len(points), size=(n, G), p=mass)], np.full(n, 1.0 / n), False


def _interval(
    p_value: Callable[[float], float], parts: _Clustered, level: float
) -> tuple[float, float]:
    """Return the null values at which the p-value crosses the level; infinite if it never does."""
    limits = []
    for side in (-1.0, 1.0):
        inside, outside, step = parts.estimate, np.nan, parts.std_error
        for _ in range(DOUBLINGS):
            trial = inside + side * step
            if p_value(trial) <= level:
                outside = trial
                break
            inside, step = trial, 2.0 * step
        if np.isnan(outside):
            limits.append(side * np.inf)
        else:
            root = brentq(lambda r: p_value(r) - level - 1e-12, inside, outside, xtol=1e-10)
            limits.append(float(root))
    return limits[0], limits[1]
