"""Are the scales sound, and were the answers honest: factors, invariance, averaging, screening."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from crosslevel import psychometrics
from crosslevel.errors import MeasurementError
from crosslevel.psychometrics import SemFit
from crosslevel.study.noticing import Notice, quietly, reason, rows_as_frame, scales_with
from crosslevel.study.screening import (
    CARELESS,
    careless_rows,
    excluded,
    screen_values,
    screened,
)
from crosslevel.study.sources import Gathered, Survey
from crosslevel.study.spec import LINK_LEVEL, StudySpec

_FIT = (
    "instrument", "audience", "factors", "n", "rows_dropped", "chisq", "df", "p_value", "cfi",
    "tli", "rmsea", "rmsea_low", "rmsea_high", "srmr", "status", "clustered",
)  # fmt: skip
_LOADINGS = ("audience", "scale", "item", "position", "loading", "conf_low", "conf_high")
_FACTORS = (
    "audience",
    "scale",
    "other",
    "label",
    "other_label",
    "estimate",
    "conf_low",
    "conf_high",
)
_INVARIANCE = (
    "variable", "variable_label", "scale", "label", "step", "groups", "n", "chisq", "df",
    "p_value", "cfi", "rmsea", "srmr", "cfi_change", "rmsea_change", "srmr_change", "holds",
    "verdict",
)  # fmt: skip
_EVIDENCE = (
    "scale",
    "omega",
    "omega_low",
    "omega_high",
    "one_factor_rmsea",
    "may_average",
    "averaging_verdict",
)


@dataclass(frozen=True, slots=True)
class Soundness:
    """Tables about the scales and the answers, and what prose needs of them."""

    tables: Mapping[str, pd.DataFrame]
    values: Mapping[str, float | int | str]
    excluded: frozenset[str]


def soundness(gathered: Gathered, spec: StudySpec, notice: Notice) -> Soundness:
    """Return what says whether the scales are sound and the answers honest.

    A part that the data cannot carry is left out and noted, since a study is no less a study
    without it. `notice` takes the note.
    """
    fits: dict[str, SemFit] = {
        survey.instrument.audience: fit
        for survey in gathered.surveys
        if (fit := _factor_model(survey, gathered, spec, notice)) is not None
    }
    screen = screened(gathered.employees, spec, notice)
    values: dict[str, float | int | str] = {}
    if screen is not None:
        values = screen_values(screen, spec)
    return Soundness(
        tables={
            "evidence": rows_as_frame(_evidence(gathered, spec, notice), _EVIDENCE),
            "factor_fit": rows_as_frame(_fit_rows(fits, gathered), _FIT),
            "loadings": rows_as_frame(_loading_rows(fits, gathered, spec), _LOADINGS),
            "factors": rows_as_frame(_factor_rows(fits, gathered, spec), _FACTORS),
            "invariance": rows_as_frame(_invariance_rows(gathered, spec, notice), _INVARIANCE),
            "careless": rows_as_frame(careless_rows(screen, spec), CARELESS),
        },
        values=values,
        excluded=frozenset() if screen is None else excluded(screen),
    )


def _answers(survey: Survey, names: Sequence[str]) -> pd.DataFrame:
    """Return the answers to all items of some scales, turned, by respondent."""
    return pd.concat([survey.responses.items(name) for name in names], axis=1)


def _units(survey: Survey, gathered: Gathered) -> pd.Series | None:
    """Return the unit of each respondent; managers have none of their own."""
    if survey.instrument.audience != "employee":
        return None
    return gathered.frame.set_index("employee")[LINK_LEVEL]


def _evidence(gathered: Gathered, spec: StudySpec, notice: Notice) -> Iterator[dict[str, object]]:
    """Yield omega of each scale with three items or more, and whether it may be averaged."""
    for survey in gathered.surveys:
        units = _units(survey, gathered)
        for name in scales_with(survey, spec, fewest=2):
            answers = survey.responses.items(name)
            row: dict[str, object] = {"scale": name}
            if answers.shape[1] > 2:
                row |= _omega(name, survey, units, (spec, notice))
            if units is not None:
                row |= _averaging(name, survey, gathered, (spec, notice))
            yield row


def _omega(
    name: str, survey: Survey, units: pd.Series | None, how: tuple[StudySpec, Notice]
) -> dict[str, object]:
    """Return omega total with its interval; nothing where it is undefined."""
    spec, notice = how
    answers, bounds = survey.responses.items(name), survey.bounds(name)
    groups = None if units is None else units.reindex(answers.index)
    if groups is not None:
        answers, groups = answers[groups.notna()], groups[groups.notna()]
    try:
        with quietly(notice, f"Scale '{name}'"):
            found = psychometrics.omega(
                answers, conf_level=spec.conf_level, groups=groups, bounds=bounds
            )
    except MeasurementError as error:
        notice(f"Scale '{name}': no omega. {reason(error)}")
        return {}
    if found.n < spec.disclosure.minimum:
        return {}
    return {
        "omega": found.estimate,
        "omega_low": found.conf_low,
        "omega_high": found.conf_high,
        "one_factor_rmsea": found.rmsea if found.df else np.nan,
    }


def _averaging(
    name: str, survey: Survey, gathered: Gathered, how: tuple[StudySpec, Notice]
) -> dict[str, object]:
    """Return whether a scale may be averaged to the unit, in a word and in words."""
    spec, notice = how
    options, bounds = survey.options(name), survey.bounds(name)
    if not options:
        return {}
    linked = gathered.frame.set_index("employee")
    answers = survey.responses.items(name).reindex(linked.index)
    try:
        found = psychometrics.may_average(
            answers, linked[LINK_LEVEL], n_options=len(options), bounds=bounds, scores=linked[name]
        )
    except MeasurementError as error:
        notice(f"Scale '{name}': averaging to the unit cannot be judged. {reason(error)}")
        return {}
    if found.aggregation.n < spec.disclosure.minimum:
        return {}
    return {"may_average": "yes" if found.may else "no", "averaging_verdict": found.verdict}


def _factor_model(
    survey: Survey, gathered: Gathered, spec: StudySpec, notice: Notice
) -> SemFit | None:
    """Return the fit of one factor per scale to a survey; None where the data cannot carry it."""
    names = scales_with(survey, spec, fewest=2)
    items = [item.id for name in names for item in survey.instrument.items_of(name)]
    if len(items) < 3 or (len(names) == 1 and len(items) < 4):
        return None
    answers = _answers(survey, names)
    model = "\n".join(
        f"{name} =~ {' + '.join(i.id for i in survey.instrument.items_of(name))}" for name in names
    )
    units = _units(survey, gathered)
    cluster = None
    if units is not None:
        answers = answers.assign(**{LINK_LEVEL: units.reindex(answers.index)})
        cluster = LINK_LEVEL
    where = f"Factors of {survey.instrument.id}"
    try:
        with quietly(notice, where):
            fit = psychometrics.cfa(model, answers, estimator="mlr", cluster=cluster, means=False)
    except MeasurementError as error:
        notice(f"{where}: {reason(error)}")
        return None
    return fit if fit.n >= spec.disclosure.minimum else None


def _fit_rows(fits: Mapping[str, SemFit], gathered: Gathered) -> Iterator[dict[str, object]]:
    """Yield one row per factor model."""
    for survey in gathered.surveys:
        audience = survey.instrument.audience
        if audience in fits:
            fit = fits[audience]
            robust = {name: fit.index(name) for name in ("cfi", "tli", "rmsea")}
            yield {
                "instrument": survey.instrument.id,
                "audience": audience,
                "factors": len(fit.maximum.blocks[0].latent),
                "n": fit.n,
                "rows_dropped": fit.rows_dropped,
                "chisq": fit.measures["chisq_scaled"],
                "df": fit.test.df,
                "p_value": fit.measures["p_value_scaled"],
                **robust,
                "rmsea_low": fit.measures["rmsea_robust_low"],
                "rmsea_high": fit.measures["rmsea_robust_high"],
                "srmr": fit.measures["srmr"],
                "status": fit.status,
                "clustered": "yes" if len(fit.maximum.samples[0].clusters) else "no",
            }


def _loading_rows(
    fits: Mapping[str, SemFit], gathered: Gathered, spec: StudySpec
) -> Iterator[dict[str, object]]:
    """Yield the standardised loading of each item, in the order of its scale."""
    wide = float(stats.norm.ppf(0.5 + spec.conf_level / 2))
    for survey in gathered.surveys:
        audience = survey.instrument.audience
        if audience not in fits:
            continue
        table = fits[audience].tidy()
        loadings = table[table["op"] == "=~"]
        position = loadings.groupby("lhs", sort=False).cumcount() + 1
        for row, place in zip(loadings.to_dict("records"), position, strict=True):
            half = wide * row["standardised_error"]
            yield {
                "audience": audience,
                "scale": row["lhs"],
                "item": row["rhs"],
                "position": int(place),
                "loading": row["standardised"],
                "conf_low": row["standardised"] - half,
                "conf_high": row["standardised"] + half,
            }


def _factor_rows(
    fits: Mapping[str, SemFit], gathered: Gathered, spec: StudySpec
) -> Iterator[dict[str, object]]:
    """Yield the correlation of each pair of factors."""
    wide = float(stats.norm.ppf(0.5 + spec.conf_level / 2))
    for audience, fit in fits.items():
        table = fit.tidy()
        latent = set(fit.maximum.blocks[0].latent)
        pairs = table[(table["op"] == "~~") & table["lhs"].isin(latent)]
        for row in pairs[pairs["lhs"] != pairs["rhs"]].to_dict("records"):
            half = wide * row["standardised_error"]
            yield {
                "audience": audience,
                "scale": row["lhs"],
                "other": row["rhs"],
                "label": gathered.labels.of(row["lhs"]),
                "other_label": gathered.labels.of(row["rhs"]),
                "estimate": row["standardised"],
                "conf_low": row["standardised"] - half,
                "conf_high": row["standardised"] + half,
            }


def _invariance_rows(
    gathered: Gathered, spec: StudySpec, notice: Notice
) -> Iterator[dict[str, object]]:
    """Yield the steps of invariance of each employees' scale across each column asked for."""
    survey = gathered.employees
    for variable in spec.measurement.invariance:
        column = gathered.frame.set_index("employee")[variable]
        for name in scales_with(survey, spec, fewest=3):
            answers = survey.responses.items(name).dropna()
            own = column.reindex(answers.index)
            units = _units(survey, gathered)
            answers = answers.assign(**{variable: own, LINK_LEVEL: units})
            answers = answers[own.notna() & (own.astype(str) != "")]
            answers, left_out = _large_groups(answers, variable, spec)
            for text in left_out:
                notice(f"Invariance of '{name}': {text}")
            yield from _steps(name, answers, variable, (gathered, notice))


def _large_groups(
    answers: pd.DataFrame, variable: str, spec: StudySpec
) -> tuple[pd.DataFrame, list[str]]:
    """Return the rows of groups large enough to be fitted, and a note on the others."""
    least = max(5 * (answers.shape[1] - 2), spec.disclosure.minimum)
    sizes = answers[variable].astype(str).value_counts()
    small = sizes[sizes < least].index
    kept = answers[~answers[variable].astype(str).isin(small)]
    text = f"{len(small)} group(s) of '{variable}' with fewer than {least} people are left out."
    return kept, [text] if len(small) else []


def _steps(
    name: str, answers: pd.DataFrame, variable: str, how: tuple[Gathered, Notice]
) -> Iterator[dict[str, object]]:
    """Yield the steps of one scale across one column."""
    gathered, notice = how
    if answers[variable].astype(str).nunique() < 2:
        notice(f"Invariance of '{name}' across '{variable}': fewer than two groups to compare.")
        return
    items = [c for c in answers.columns if c not in (variable, LINK_LEVEL)]
    where = f"Invariance of '{name}' across '{variable}'"
    try:
        with quietly(notice, where):
            found = psychometrics.invariance(
                f"{name} =~ {' + '.join(items)}",
                answers,
                group=variable,
                estimator="mlr",
                cluster=LINK_LEVEL,
            )
    except MeasurementError as error:
        notice(f"{where}: {reason(error)}")
        return
    for row in found.glance().to_dict("records"):
        yield {
            **{str(key): value for key, value in row.items()},
            "variable": variable,
            "variable_label": gathered.labels.of(variable),
            "scale": name,
            "label": gathered.labels.of(name),
            "holds": "yes" if row["holds"] else "no",
            "verdict": found.verdict.replace(
                f"groups of {variable}", f"groups of {gathered.labels.of(variable).lower()}"
            ),
        }
