"""Columns that stand for a category or a curve: contrasts, orthogonal polynomials, natural splines.

What a basis learnt from the data (recursion coefficients, knots) stays in the record, so that new
rows get the same columns. Values, signs and scale are those of R's contr.*, poly() and splines::ns.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.interpolate import BSpline

from crosslevel.errors import ModelError, did_you_mean

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Contrasts:
    """names (L-1,) and matrix (L, L-1): the columns that stand for L levels beside an intercept."""

    names: tuple[str, ...]
    matrix: Floats


def contrasts(
    levels: tuple[str, ...], *, coding: str = "treatment", reference: str = "", column: str = ""
) -> Contrasts:
    """Return the contrasts of a categorical predictor.

    `treatment` compares each level with the reference (default: the first); `sum` each level but
    the reference (default: the last) with the mean of all; `helmert` each level with the mean of
    those before it, the reference (default: the first) standing first; its coefficient for the
    k-th level is that difference divided by k, as in R.

    Raises
    ------
    ModelError
        When the reference is no level of the column.

    Examples
    --------
    >>> contrasts(("a", "b", "c"), coding="sum").matrix.tolist()
    [[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]]
    >>> contrasts(("a", "b", "c"), reference="b").names
    ('a', 'c')
    """
    if reference and reference not in levels:
        hint = did_you_mean(reference, levels) or f"Levels: {', '.join(levels)}."
        raise ModelError(
            f"The reference '{reference}' is no level of column '{column}' in the rows "
            f"analysed. {hint}"
        )
    L = len(levels)
    at = levels.index(reference) if reference else (L - 1 if coding == "sum" else 0)
    others = [k for k in range(L) if k != at]
    matrix = np.zeros((L, L - 1))
    if coding == "helmert":
        order = [at, *others]
        for j in range(1, L):
            matrix[order[:j], j - 1] = -1.0
            matrix[order[j], j - 1] = float(j)
    else:
        matrix[others, range(L - 1)] = 1.0
        matrix[at] = -1.0 if coding == "sum" else 0.0
    return Contrasts(tuple(levels[k] for k in others), matrix)


@dataclass(frozen=True, slots=True)
class Polynomial:
    """Recursion of the orthogonal polynomials: alpha (k,), norm2 (k + 2,)."""

    alpha: Floats
    norm2: Floats

    def columns(self, x: Floats) -> Floats:
        """Return the polynomials of degree 1 to k at x, (k, n); rows of unit length at the fit."""
        before, here = np.zeros_like(x), np.ones_like(x)
        rows = []
        for j, alpha in enumerate(self.alpha):
            step = self.norm2[j + 1] / self.norm2[j] if j else 0.0
            before, here = here, (x - alpha) * here - step * before
            rows.append(here / np.sqrt(self.norm2[j + 2]))
        return np.array(rows)


@dataclass(frozen=True, slots=True)
class NaturalSpline:
    """knots with the boundary four times at each end; map (q, df) from B-splines to natural ones.

    Beyond the boundary the curve goes on as a straight line.
    """

    knots: Floats
    map: Floats

    def columns(self, x: Floats) -> Floats:
        """Return the natural cubic splines at x, (df, n)."""
        low, high = self.knots[0], self.knots[-1]
        inside = np.clip(x, low, high)
        q = len(self.knots) - 4
        splines = [BSpline(self.knots, np.eye(q)[k], 3) for k in range(q)]
        values = np.array([s(inside) for s in splines])
        slopes = np.array([s.derivative()([low, high]) for s in splines])
        below, above = np.minimum(x - low, 0.0), np.maximum(x - high, 0.0)
        values = values + slopes[:, :1] * below + slopes[:, 1:] * above
        return np.asarray(self.map.T @ values)


Basis = Polynomial | NaturalSpline


def polynomial(x: Floats, degree: int) -> Polynomial:
    """Return orthogonal polynomials learnt from x (nan left out), by the three-term recursion.

    Notes
    -----
    alpha_j = sum x p_j^2 / sum p_j^2, p_{j+1} = (x - alpha_j) p_j - (n_j / n_{j-1}) p_{j-1}
    (Kennedy & Gentle, 1980, pp. 343-344); R's `poly`.
    """
    known = x[~np.isnan(x)]
    before, here = np.zeros_like(known), np.ones_like(known)
    alpha, norm2 = [], [1.0, float(len(known))]
    for j in range(degree):
        alpha.append(float((known * here * here).sum() / norm2[-1]))
        step = norm2[-1] / norm2[-2] if j else 0.0
        before, here = here, (known - alpha[-1]) * here - step * before
        here = here - here.mean()
        norm2.append(float((here * here).sum()))
    return Polynomial(np.array(alpha), np.array(norm2))


def natural_spline(x: Floats, df: int) -> NaturalSpline:
    """Return a natural cubic spline with df columns and knots at quantiles of x (nan left out).

    Notes
    -----
    B-splines without the first, restricted to the null space of their second derivatives at both
    ends by a Householder QR; R's `splines::ns`.
    """
    known = x[~np.isnan(x)]
    inner = np.quantile(known, np.linspace(0.0, 1.0, df + 1)[1:-1])
    low, high = known.min(), known.max()
    knots = np.concatenate([[low] * 4, inner, [high] * 4])
    q = len(knots) - 4
    curvature = np.array(
        [BSpline(knots, np.eye(q)[k], 3).derivative(2)([low, high]) for k in range(q)]
    )
    Q = np.linalg.qr(curvature[1:], mode="complete")[0]
    return NaturalSpline(knots, np.vstack([np.zeros((1, df)), Q[:, 2:]]))


def learnt(function: str, x: Floats, size: int, *, text: str) -> Basis:
    """Return the basis of poly(x, size) or ns(x, size).

    Raises
    ------
    ModelError
        With too few different values for so many columns.
    """
    distinct = len(np.unique(x[~np.isnan(x)]))
    if distinct <= size:
        raise ModelError(
            f"{text} needs more than {size} different values of its column, found {distinct}. "
            "Ask for fewer columns."
        )
    return polynomial(x, size) if function == "poly" else natural_spline(x, size)
