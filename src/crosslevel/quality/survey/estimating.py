"""Means, totals, ratios, shares and variances of a population, with standard errors of the design.

Each estimate t(w) comes with its linearised values z (n, k), so that Var t is Var of sum w z.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from crosslevel.errors import MeasurementError
from crosslevel.quality.survey.designing import SurveyDesign
from crosslevel.quality.survey.domains import Rows, Values, domains, indicators, numeric
from crosslevel.quality.survey.estimates import INTERVALS, SurveyEstimates, nothing

Floats = npt.NDArray[np.float64]
Weighted = Callable[[Floats, Rows], Floats]
Linearised = Callable[[Rows], Floats]


def mean(
    design: SurveyDesign, variables: str | Sequence[str], *, by: str | Sequence[str] | None = None
) -> SurveyEstimates:
    """Return weighted means.

    Parameters
    ----------
    design
        People with their sampling design.
    variables
        One numeric column or several; people must have them all.
    by
        Columns whose groups are described one by one; None for all.

    Returns
    -------
    SurveyEstimates
        With design effects against a simple random sample without replacement.

    Raises
    ------
    MeasurementError
        When a column is missing or not numeric, or a domain is empty.

    Notes
    -----
    sum w y / sum w, linearised z = w (y - mean) / sum w. Agrees with R survey's `svymean`.

    Examples
    --------
    >>> import pandas as pd
    >>> from crosslevel import quality
    >>> people = pd.DataFrame({"w": [1.0, 1, 2], "use": [1.0, 2, 4]})
    >>> float(mean(quality.design(people, weights="w"), "use").estimate[0])
    2.75
    """
    values = numeric(design, variables)
    at, moved = _means(values.y, design.weights)
    return _estimated("mean", design, values, by, at, moved, effect="mean")


def total(
    design: SurveyDesign, variables: str | Sequence[str], *, by: str | Sequence[str] | None = None
) -> SurveyEstimates:
    """Return weighted totals; as `mean`, with z = w y. Agrees with R survey's `svytotal`.

    Design effects are those against a simple random sample whose weights add up to the same number.
    """
    values = numeric(design, variables)
    return _estimated(
        "total",
        design,
        values,
        by,
        lambda w, rows: (w * rows) @ values.y,
        lambda rows: (design.weights * rows)[:, None] * values.y,
        effect="total",
    )


def ratio(
    design: SurveyDesign,
    numerator: str,
    denominator: str,
    *,
    by: str | Sequence[str] | None = None,
) -> SurveyEstimates:
    """Return the ratio of two totals; z = w (y - r x) / sum w x. As R survey's `svyratio`.

    Raises
    ------
    MeasurementError
        As `mean`, and when the total below is zero.
    """
    values = numeric(design, [numerator, denominator])
    y, x = values.y.T

    def _ratio(w: Floats, rows: Rows) -> Floats:
        below = float((w * rows) @ x)
        if below == 0.0:
            raise MeasurementError(
                f"The total of '{denominator}' is zero; there is no ratio to it."
            )
        return np.array([((w * rows) @ y) / below])

    def _influence(rows: Rows) -> Floats:
        w = design.weights * rows
        r = _ratio(design.weights, rows)[0]
        return np.asarray((w * (y - r * x) / (w @ x))[:, None])

    named = Values((f"{numerator}/{denominator}",), values.y[:, :1], values.rows, values.dropped)
    return _estimated("ratio", design, named, by, _ratio, _influence)


def proportion(
    design: SurveyDesign,
    variable: str,
    *,
    level: str | None = None,
    by: str | Sequence[str] | None = None,
    interval: str = "logit",
) -> SurveyEstimates:
    """Return the share of each level of a categorical column, or of one level.

    Parameters
    ----------
    level
        The one level wanted; None for all.
    interval
        `"logit"` stays between 0 and 1 and is empty for shares of 0 and 1; `"wald"` is that of a
        mean.

    Raises
    ------
    MeasurementError
        When the column, or the level, does not occur.

    Notes
    -----
    The mean of an indicator. Logit: t interval of log(p / (1 - p)) with standard error
    se / (p (1 - p)). Agrees with R survey's `svymean` of a factor and `svyciprop`.
    """
    if interval not in INTERVALS:
        raise MeasurementError(f"`interval` must be 'logit' or 'wald', got {interval!r}.")
    values, levels = indicators(design, variable)
    if level is not None:
        if level not in levels:
            known = ", ".join(f"'{name}'" for name in levels)
            raise MeasurementError(f"'{variable}' has no level '{level}'; it has {known}.")
        k = levels.index(level)
        values = Values((values.names[k],), values.y[:, [k]], values.rows, values.dropped)
    at, moved = _means(values.y, design.weights)
    return _estimated("proportion", design, values, by, at, moved, effect="mean", interval=interval)


def variance(
    design: SurveyDesign, variables: str | Sequence[str], *, by: str | Sequence[str] | None = None
) -> SurveyEstimates:
    """Return weighted variances, n / (n - 1) sum w (y - mean)^2 / sum w. As R survey's `svyvar`."""
    values = numeric(design, variables)

    def _variance(w: Floats, rows: Rows) -> Floats:
        w, n = w * rows, int(rows.sum())
        centred = values.y - (w @ values.y) / w.sum()
        return np.asarray(n / max(n - 1, 1) * (w @ centred**2) / w.sum())

    def _influence(rows: Rows) -> Floats:
        w, n = design.weights * rows, int(rows.sum())
        centred = values.y - (w @ values.y) / w.sum()
        square = n / max(n - 1, 1) * centred**2
        return np.asarray(w[:, None] * (square - (w @ square) / w.sum()) / w.sum())

    return _estimated("variance", design, values, by, _variance, _influence)


def _means(y: Floats, weights: Floats) -> tuple[Weighted, Linearised]:
    """Return the weighted mean of some rows, and its linearised values."""

    def _at(w: Floats, rows: Rows) -> Floats:
        w = w * rows
        return np.asarray((w @ y) / w.sum())

    def _moved(rows: Rows) -> Floats:
        w = weights * rows
        return np.asarray(w[:, None] * (y - (w @ y) / w.sum()) / w.sum())

    return _at, _moved


def _estimated(
    what: str,
    design: SurveyDesign,
    values: Values,
    by: str | Sequence[str] | None,
    at: Weighted,
    moved: Linearised,
    *,
    effect: str = "",
    interval: str = "wald",
) -> SurveyEstimates:
    """Return estimates of all domains with their joint covariance."""
    w, parts = design.weights, list(domains(design, by, values.rows))
    found = np.concatenate([at(w, rows) for _, rows, _ in parts])
    z = np.hstack([moved(rows) for _, rows, _ in parts])
    cov = design.covariance(lambda v: np.concatenate([at(v, rows) for _, rows, _ in parts]), z)
    k = len(values.names)
    effects = nothing(len(found))
    if effect:
        size = [(w @ rows) ** 2 if effect == "total" else 1.0 for _, rows, _ in parts]
        each = [_simple(values.y, w, rows) for _, rows, _ in parts]
        simple = np.concatenate([s * one for s, one in zip(size, each, strict=True)])
        with np.errstate(divide="ignore", invalid="ignore"):
            effects = np.where(simple > 0, np.diag(cov) / simple, np.nan)
    return SurveyEstimates(
        what=what,
        terms=values.names * len(parts),
        groups=tuple(label for label, _, _ in parts for _ in range(k)),
        estimate=found,
        covariance=cov,
        df=np.repeat([df for _, _, df in parts], k),
        n=tuple(int(rows.sum()) for _, rows, _ in parts for _ in range(k)),
        design_effect=effects,
        interval=interval,
        rows_dropped=values.dropped,
    )


def _simple(y: Floats, w: Floats, rows: Rows) -> Floats:
    """Variance of a mean in a simple random sample of the same size without replacement.

    With replacement when the weights do not sum to more than the people.
    """
    w, n = w * rows, int(rows.sum())
    if n < 2:
        return np.full(y.shape[1], np.nan)
    centred = y - (w @ y) / w.sum()
    spread = n / (n - 1) * (w @ centred**2) / w.sum()
    left = 1.0 - n / w.sum()
    return np.asarray(spread * (left if left > 1e-9 else 1.0) / n)
