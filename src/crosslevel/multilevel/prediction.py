"""Fitted values, and predictions for new rows with the codings the fit learnt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from crosslevel.errors import ModelError, did_you_mean
from crosslevel.frames import require_columns
from crosslevel.multilevel.coding import Floats, numbers
from crosslevel.multilevel.design import Design, Factor, evaluated, matrix
from crosslevel.multilevel.estimates import Effects, Estimates
from crosslevel.multilevel.formula import Formula
from crosslevel.multilevel.grouping import matched
from crosslevel.multilevel.tables import quantile
from crosslevel.multilevel.uncertainty import Rows, error_variance

Parts = tuple[Effects, ...]


def fitted_values(
    design: Design, estimates: Estimates, parts: Parts, names: Sequence[str] | None = None
) -> Floats:
    """Return X beta + Z b + offset for the rows analysed; `names` limits the random part."""
    kept = [k for k, name in enumerate(design.names) if name not in estimates.dropped]
    result = estimates.beta @ design.X[kept]
    for factor, part in zip(design.factors, parts, strict=True):
        if names is None or factor.name in names:
            result = result + np.einsum("pn,pn->n", factor.Z, part.b[:, factor.codes])
    return result if design.offset is None else result + design.offset


def predict(
    design: Design,
    estimates: Estimates,
    parts: Callable[[], Parts],
    *,
    data: pd.DataFrame | None,
    include: str | Sequence[str],
    interval: str | None,
    conf_level: float,
) -> pd.Series | pd.DataFrame:
    """Return predictions as a series, or as a frame with an interval."""
    groups = _included(design, include)
    if interval not in (None, "confidence", "prediction"):
        raise ModelError(
            f"`interval` must be None, 'confidence' or 'prediction', got {interval!r}."
        )
    new = _rows(design, data, groups, everything=interval == "prediction")
    kept = [k for k, name in enumerate(design.names) if name not in estimates.dropped]
    value = estimates.beta @ new.X[kept] + new.offset
    for rows, part in zip(new.random, parts() if groups else (), strict=False):
        if rows is not None:
            effect = np.where(rows.codes >= 0, part.b[:, rows.codes], 0.0)
            value = value + np.einsum("pn,pn->n", rows.Z, effect)
    if interval is None:
        result = pd.Series(value, index=new.index, name="estimate")
        return result if data is not None else result.reindex(design.index)
    variance = error_variance(design, estimates, new.X[kept], new.random)
    if interval == "prediction":
        variance = variance + estimates.sigma**2 / new.weights
    std_error = np.sqrt(np.maximum(variance, 0.0))
    half = quantile(np.array(np.inf), conf_level) * std_error
    columns = {"estimate": value, "std_error": std_error}
    frame = pd.DataFrame(
        {**columns, "conf_low": value - half, "conf_high": value + half}, index=new.index
    )
    return frame if data is not None else frame.reindex(design.index)


@dataclass(frozen=True, slots=True)
class _New:
    """The rows to predict: X (P, m), per factor its rows or None, offset and weights (m,)."""

    index: pd.Index
    X: Floats
    random: tuple[Rows | None, ...]
    offset: Floats
    weights: Floats


def _rows(
    design: Design, data: pd.DataFrame | None, groups: Sequence[str], *, everything: bool
) -> _New:
    """Return the rows to predict; with `everything`, factors left out count as groups not met."""
    if data is None:
        m = design.n
        index = design.index if design.kept is None else design.index[design.kept]
        X = design.X
        offset = np.zeros(m) if design.offset is None else design.offset
        weights = np.ones(m) if design.weights is None else design.weights
    else:
        m, index = len(data), data.index
        X = predictors(design, data)
        extra = {kind: name for kind, name in design.columns.items() if kind == "offset"}
        require_columns(data, extra.values(), error=ModelError)
        offset = numbers(data[extra["offset"]]) if extra else np.zeros(m)
        name = design.columns.get("weights")
        weights = numbers(data[name]) if name in data else np.ones(m)
    random: list[Rows | None] = []
    for factor in design.factors:
        asked = factor.name in groups
        if not asked and not everything:
            random.append(None)
            continue
        Z = factor.Z if data is None else _random_columns(design, factor, data)
        codes = np.full(m, -1)
        if asked and data is None:
            codes = factor.codes
        elif asked and data is not None:
            require_columns(data, factor.columns, error=ModelError)
            codes = matched(factor.levels, [data[c] for c in factor.columns])
        random.append(Rows(Z, codes))
    return _New(index, X, tuple(random), offset, weights)


def _included(design: Design, include: str | Sequence[str]) -> tuple[str, ...]:
    known = [factor.name for factor in design.factors]
    if include == "all":
        return tuple(known)
    if include == "none":
        return ()
    asked = [include] if isinstance(include, str) else list(include)
    for name in asked:
        if name not in known:
            hint = did_you_mean(name, known) or f"Groups: {', '.join(known)}."
            raise ModelError(f"`include` names '{name}', which is no group of this model. {hint}")
    return tuple(asked)


def predictors(design: Design, data: pd.DataFrame) -> Floats:
    """Return X (P, n) for new rows; nan where a predictor is missing."""
    fixed = Formula("", design.formula.response, design.formula.intercept, design.formula.terms, ())
    atoms = {atom for term in fixed.terms for atom in term}
    require_columns(data, sorted({c for atom in atoms for c in atom.columns}), error=ModelError)
    variables = evaluated(fixed, data, design.codings)
    _, X = matrix(fixed.intercept, fixed.terms, variables, None, n=len(data))
    for variable in variables.values():
        X[:, variable.missing] = np.nan
    return X


def _random_columns(design: Design, factor: Factor, data: pd.DataFrame) -> Floats:
    """Return Z (p, m) of one factor for new rows; nan where a predictor is missing."""
    terms = [r for r in design.formula.random if r.groups == factor.columns]
    atoms = {atom for r in terms for term in r.terms for atom in term}
    require_columns(data, sorted({c for atom in atoms for c in atom.columns}), error=ModelError)
    whole = Formula("", design.formula.response, False, (), tuple(terms))
    variables = evaluated(whole, data, design.codings)
    parts = [matrix(r.intercept, r.terms, variables, None, n=len(data))[1] for r in terms]
    Z = np.concatenate(parts)
    for variable in variables.values():
        Z[:, variable.missing] = np.nan
    return Z
