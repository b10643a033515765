"""Estimated marginal means, their contrasts, and trends: what a model says in the outcome's units.

A marginal mean is L beta, L the mean of the reference grid's rows over everything not asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from crosslevel.errors import ModelError
from crosslevel.multilevel.coding import Floats
from crosslevel.multilevel.combinations import adjusted, combined, labelled
from crosslevel.multilevel.grid import At, chosen, columns, frequencies, grid, predictors

if TYPE_CHECKING:
    from crosslevel.multilevel.result import MultilevelFit

AVERAGES = ("equal", "proportional")
KINDS = ("pairwise", "reference")
STEP = 1e-4  # of a predictor's range: exact for straight lines, 1e-8 for curves


def emmeans(
    fit: MultilevelFit,
    by: str | Sequence[str],
    *,
    at: At | None = None,
    average: str = "equal",
    df: str = "satterthwaite",
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """Return estimated marginal means of the outcome: one row per combination of `by`.

    Use it to say what a model predicts for each group when everything else is held alike. It is
    about the population: random effects stand at zero.

    Parameters
    ----------
    by
        Variables of the fixed part; numbers among them take the values of `at`.
    at
        Values by variable. Otherwise numbers stand at their mean over the rows analysed, and
        categories are averaged over. `within(x, unit)` and `between(x, unit)` are variables of
        their own, asked for by that name.
    average
        Categories averaged over count `"equal"`, or `"proportional"` to their rows.
    df, conf_level
        As in `tidy`.

    Raises
    ------
    ModelError
        For variables or levels the model does not hold.

    Notes
    -----
    Searle, Speed and Milliken (1980, doi 10.1080/00031305.1980.10483031). Agrees with R's emmeans,
    which however treats a number with two values as a category. A mean that aliased terms leave
    undetermined is missing.
    """
    L, keys, terms = _means(fit, by, at, average)
    return labelled(
        combined(fit, L, reference=fit.reference(df), conf_level=conf_level), terms, keys
    )


def contrasts(
    fit: MultilevelFit,
    of: str,
    *,
    by: str | Sequence[str] = (),
    at: At | None = None,
    kind: str = "pairwise",
    adjust: str = "none",
    average: str = "equal",
    df: str = "satterthwaite",
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """Return differences between the marginal means of `of`, separately for each value of `by`.

    Parameters
    ----------
    of
        Variable whose levels (or values in `at`) are compared.
    kind
        `"pairwise"`: each level minus each later one; `"reference"`: each minus the first.
    adjust
        For the number of comparisons within one value of `by`: `"none"`, `"tukey"` (pairwise
        only), `"holm"` (with Bonferroni's intervals) or `"bonferroni"`.
    """
    given = [by] if isinstance(by, str) else list(by)
    L, keys, _ = _means(fit, [of, *given], at, average)
    return _differences(
        fit, L, keys, of, given, kind=kind, adjust=adjust, df=df, conf_level=conf_level
    )


def trends(
    fit: MultilevelFit,
    x: str,
    *,
    by: str | Sequence[str] = (),
    at: At | None = None,
    average: str = "equal",
    df: str = "satterthwaite",
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """Return the slope of the predicted outcome in `x` at each combination of `by`.

    For a curve in x (log, polynomial, spline) it is the slope at x's mean or at the values that
    `at` gives; name x in `by` as well to see several.
    """
    L, keys, terms = slopes(fit, x, by, at, average)
    return labelled(
        combined(fit, L, reference=fit.reference(df), conf_level=conf_level), terms, keys
    )


def slopes(
    fit: MultilevelFit,
    x: str,
    by: str | Sequence[str] = (),
    at: At | None = None,
    average: str = "equal",
) -> tuple[Floats, pd.DataFrame, list[str]]:
    """Return L (m, P) of the slopes in `x`, the values of `by`, and terms to name them."""
    known = predictors(fit.design)
    given = [by] if isinstance(by, str) else list(by)
    chosen(known, [x], argument="x")
    if known[x].levels is not None:
        raise ModelError(f"`x` must be a number; '{x}' is a category. Use contrasts() for it.")
    step = STEP * float(np.ptp(known[x].values))
    L, keys, terms = _means(fit, given, at, average, slope=(x, step))
    if not given:
        return L, keys, [x]
    return L, keys, [f"{x} at {term}" for term in terms]


def trend_contrasts(
    fit: MultilevelFit,
    x: str,
    of: str,
    *,
    by: str | Sequence[str] = (),
    at: At | None = None,
    kind: str = "pairwise",
    adjust: str = "none",
    average: str = "equal",
    df: str = "satterthwaite",
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """Return differences between the slopes in `x` at the levels of `of`, as `contrasts` does."""
    given = [by] if isinstance(by, str) else list(by)
    L, keys, _ = slopes(fit, x, [of, *given], at, average)
    return _differences(
        fit, L, keys, of, given, kind=kind, adjust=adjust, df=df, conf_level=conf_level
    )


def _means(
    fit: MultilevelFit,
    by: str | Sequence[str],
    at: At | None,
    average: str,
    slope: tuple[str, float] | None = None,
) -> tuple[Floats, pd.DataFrame, list[str]]:
    """Return L (m, P), the m combinations of `by`, and terms to name them."""
    if average not in AVERAGES:
        raise ModelError(f"`average` must be 'equal' or 'proportional', got {average!r}.")
    design = fit.design
    known = predictors(design)
    names = chosen(known, by, argument="by")
    made = grid(design, at, order=names)
    X = made.X
    if slope is not None:
        x, step = slope
        up, down = (made.points.assign(**{x: made.points[x] + s}) for s in (step, -step))
        width = (up[x] - down[x]).to_numpy(dtype=float)
        X = (columns(design, up) - columns(design, down)) / width
    rest = [n for n, v in known.items() if n not in names and v.levels is not None]
    weight = np.ones(len(made.points))
    if average == "proportional":
        weight = frequencies(design, rest, made.points)
    if not names:
        return (X @ (weight / weight.sum()))[None], pd.DataFrame(index=range(1)), ["all"]
    group = made.points.groupby(names[::-1], sort=False).ngroup().to_numpy()
    total = np.bincount(group, weights=weight)
    L = np.array([np.bincount(group, weights=weight * row) for row in X]).T / total[:, None]
    first = np.unique(group, return_index=True)[1]
    keys = made.points.iloc[first][names].reset_index(drop=True)
    terms = [
        ", ".join(known[n].shown(v) for n, v in zip(names, row, strict=True))
        for row in keys.itertuples(index=False)
    ]
    return L, keys, terms


def _differences(
    fit: MultilevelFit,
    L: Floats,
    keys: pd.DataFrame,
    of: str,
    by: list[str],
    *,
    kind: str,
    adjust: str,
    df: str,
    conf_level: float,
) -> pd.DataFrame:
    """Return the contrasts between rows of L that share their values of `by`."""
    if kind not in KINDS:
        raise ModelError(f"`kind` must be 'pairwise' or 'reference', got {kind!r}.")
    if adjust == "tukey" and kind != "pairwise":
        raise ModelError("`adjust='tukey'` is for all pairs; use 'holm' against a reference.")
    shown, reference = predictors(fit.design)[of].shown, fit.reference(df)
    family = keys.groupby(by, sort=False).ngroup().to_numpy() if by else np.zeros(len(keys), int)
    parts = []
    for f in range(family.max() + 1):
        here = np.flatnonzero(family == f)
        if len(here) < 2:
            raise ModelError(f"'{of}' has one value here; give two or more in `at`.")
        pairs = list(combinations(here, 2))
        if kind == "reference":
            pairs = [(k, here[0]) for k in here[1:]]
        left, right = ([int(pair[side]) for pair in pairs] for side in (0, 1))
        table = combined(fit, L[left] - L[right], reference=reference, conf_level=conf_level)
        table = adjusted(table, adjust, means=len(here), conf_level=conf_level)
        value = keys[of]
        terms = [f"{shown(value[a])} - {shown(value[b])}" for a, b in pairs]
        parts.append(labelled(table, terms, keys.iloc[left][by]))
    return pd.concat(parts, ignore_index=True)
