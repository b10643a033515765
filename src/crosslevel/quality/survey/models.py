"""Regression of a population: the coefficients everybody would give, estimated from a sample."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from crosslevel.errors import FormulaError, MeasurementError, ModelError
from crosslevel.frames import require_columns
from crosslevel.multilevel.conditioning import aliased
from crosslevel.multilevel.design import Design, build
from crosslevel.multilevel.families import Family, check_outcome, named, outcome
from crosslevel.multilevel.formula import Formula, parse
from crosslevel.multilevel.glm import refuse_separation, solve
from crosslevel.quality.survey.designing import SurveyDesign
from crosslevel.quality.survey.domains import ordered_codes
from crosslevel.quality.survey.estimates import SurveyEstimates, nothing

Floats = npt.NDArray[np.float64]


def regress(formula: str, design: SurveyDesign, *, family: str = "gaussian") -> SurveyEstimates:
    """Return a survey-weighted regression with standard errors of the design.

    Use it to describe a population; for weights that state variances take `multilevel.regress`.

    Parameters
    ----------
    formula
        As for `multilevel.regress`: no random terms.
    design
        People with their sampling design; those without a value are left out, and counted.
    family
        `"gaussian"`, `"binomial"` (logit) or `"poisson"` (log).

    Returns
    -------
    SurveyEstimates
        One row per coefficient; t with df = sampling units - strata + 1 - coefficients, counted
        among the people analysed. `dropped` names the terms that others explain.

    Raises
    ------
    FormulaError, ModelError
        As `multilevel.regress`, with perfect separation named.
    MeasurementError
        When the design has too few sampling units for so many coefficients.

    Notes
    -----
    Solves sum w (y - mu) x = 0; linearised z = F w (y - mu) x with F = (X W X')^-1.
    Source: Binder (1983); agrees with R survey's `svyglm` (quasibinomial, quasipoisson).
    """
    parsed = parse(formula)
    if parsed.random:
        raise FormulaError("A survey regression has no random terms; use `multilevel.fit`.")
    chosen = named(family)
    met, inside = _met(parsed, design, chosen)
    kept, dropped = aliased(met)
    X, names = met.X[list(kept)], tuple(met.names[k] for k in kept)
    units = design.df_of(inside)
    df = units + 1.0 - len(kept)
    if df <= 0:
        raise MeasurementError(
            f"{units:g} sampling units less strata, among the people analysed, cannot carry "
            f"{len(kept)} coefficients. Leave predictors out."
        )
    solution = solve(X, met.y, family=chosen, w=design.weights[inside])
    refuse_separation(solution, names)

    def _again(w: Floats) -> Floats:
        w = w[inside]
        there = w > 0.0
        start = None if chosen.scale else solution.beta
        return solve(X[:, there], met.y[there], family=chosen, w=w[there], start=start).beta

    z = np.zeros((len(inside), len(kept)))
    z[inside] = (solution.F @ solution.scores).T
    return SurveyEstimates(
        what="regression",
        terms=names,
        groups=("",) * len(names),
        estimate=solution.beta,
        covariance=design.covariance(_again, z),
        df=np.full(len(names), df),
        n=(met.n,) * len(names),
        design_effect=nothing(len(names)),
        interval="wald",
        rows_dropped=design.n - met.n,
        dropped=dropped,
    )


def t_test(design: SurveyDesign, outcome: str, *, group: str) -> SurveyEstimates:
    """Return the difference of two group means, the second less the first, with its t test.

    Raises
    ------
    MeasurementError
        When there are not two groups.

    Notes
    -----
    The slope of a regression on an indicator of the second group. As R survey's `svyttest`.
    """
    require_columns(design.data, [outcome, group], error=MeasurementError)
    known = design.inside & design.data[[outcome, group]].notna().all(axis=1).to_numpy()
    codes, levels = ordered_codes(design.data[group].where(known))
    if len(levels) != 2:
        shown = ", ".join(f"'{level}'" for level in levels[:5]) or "none"
        raise MeasurementError(
            f"Two groups are compared; '{group}' has {len(levels)} with values of '{outcome}': "
            f"{shown}."
        )
    data = pd.DataFrame({"outcome": design.data[outcome], "second": np.where(known, codes, np.nan)})
    made = regress("outcome ~ second", _on(design, data))
    return SurveyEstimates(
        what="difference",
        terms=(f"{outcome}: {levels[1]} - {levels[0]}",),
        groups=("",),
        estimate=made.estimate[1:],
        covariance=made.covariance[1:, 1:],
        df=made.df[1:],
        n=made.n[1:],
        design_effect=made.design_effect[1:],
        interval="wald",
        rows_dropped=made.rows_dropped,
    )


def _on(design: SurveyDesign, data: pd.DataFrame) -> SurveyDesign:
    """Return the design with other columns."""
    return replace(design, data=data.set_axis(design.data.index, axis=0))


def _met(
    parsed: Formula, design: SurveyDesign, chosen: Family
) -> tuple[Design, npt.NDArray[np.bool_]]:
    """Return the formula met by the people of the domain, and who of the file they are."""
    require_columns(design.data, parsed.columns(), error=ModelError)
    data = design.data[design.inside].reset_index(drop=True)
    if not parsed.response.function:
        data = outcome(data, parsed.response.columns[0], chosen)[0]
    met = build(parsed, data)
    check_outcome(met.y, chosen, str(parsed.response))
    inside = design.inside.copy()
    if met.kept is not None:
        inside[np.flatnonzero(inside)[~met.kept]] = False
    return met, inside
