"""Fitted values, and predictions for new rows with the codings the fit learnt."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from crosslevel.errors import ModelError, did_you_mean
from crosslevel.frames import require_columns
from crosslevel.multilevel.coding import Floats
from crosslevel.multilevel.design import Design, Factor, evaluated, matrix
from crosslevel.multilevel.estimates import Effects, Estimates
from crosslevel.multilevel.formula import Formula
from crosslevel.multilevel.grouping import matched
from crosslevel.multilevel.tables import quantile

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
    """Return predictions as a series, or as a frame with a confidence interval."""
    groups = _included(design, include)
    if interval not in (None, "confidence"):
        raise ModelError(f"`interval` must be None or 'confidence', got {interval!r}.")
    if interval is not None and groups:
        raise ModelError("A confidence interval is for the population: use include='none' with it.")
    if data is None:
        index = design.index if design.kept is None else design.index[design.kept]
        X, offset = design.X, design.offset
    else:
        index = data.index
        X, offset = _predictors(design, data), None
    kept = [k for k, name in enumerate(design.names) if name not in estimates.dropped]
    value = estimates.beta @ X[kept]
    value = value if offset is None else value + offset
    made = zip(design.factors, parts(), strict=True) if groups else ()
    for factor, part in made:
        if factor.name in groups:
            value = value + _random_part(design, factor, part, data)
    if interval is None:
        result = pd.Series(value, index=index, name="estimate")
        return result if data is not None else result.reindex(design.index)
    variance = np.einsum("pn,pq,qn->n", X[kept], estimates.vcov, X[kept], optimize=True)
    std_error = np.sqrt(np.maximum(variance, 0.0))
    half = quantile(np.array(np.inf), conf_level) * std_error
    columns = {"estimate": value, "std_error": std_error}
    frame = pd.DataFrame(
        {**columns, "conf_low": value - half, "conf_high": value + half}, index=index
    )
    return frame if data is not None else frame.reindex(design.index)


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


def _predictors(design: Design, data: pd.DataFrame) -> Floats:
    """Return X (P, n) for new rows; nan where a predictor is missing."""
    fixed = Formula("", design.formula.response, design.formula.intercept, design.formula.terms, ())
    atoms = {atom for term in fixed.terms for atom in term}
    require_columns(data, sorted({c for atom in atoms for c in atom.columns}), error=ModelError)
    variables = evaluated(fixed, data, design.codings)
    _, X = matrix(fixed.intercept, fixed.terms, variables, None, n=len(data))
    for variable in variables.values():
        X[:, variable.missing] = np.nan
    return X


def _random_part(
    design: Design, factor: Factor, part: Effects, data: pd.DataFrame | None
) -> Floats:
    """Return Z b for one factor; zero for a level the model has not met."""
    if data is None:
        return np.asarray(np.einsum("pn,pn->n", factor.Z, part.b[:, factor.codes]))
    terms = [r for r in design.formula.random if r.groups == factor.columns]
    atoms = {atom for r in terms for term in r.terms for atom in term}
    needed = {c for atom in atoms for c in atom.columns} | set(factor.columns)
    require_columns(data, sorted(needed), error=ModelError)
    whole = Formula("", design.formula.response, False, (), tuple(terms))
    variables = evaluated(whole, data, design.codings)
    Z = np.concatenate(
        [matrix(r.intercept, r.terms, variables, None, n=len(data))[1] for r in terms]
    )
    codes = matched(factor.levels, [data[c] for c in factor.columns])
    values = np.where(codes >= 0, part.b[:, codes], 0.0)
    return np.asarray(np.einsum("pn,pn->n", Z, values))
