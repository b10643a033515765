"""Tables about people and scales: flow, reliability, aggregation, descriptives, correlations."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from crosslevel import disclosure, psychometrics, responses
from crosslevel.errors import CrosslevelError, MeasurementError, Problem
from crosslevel.instruments.records import Instrument
from crosslevel.study.document import counted
from crosslevel.study.estimates import Fitted
from crosslevel.study.labels import text_in
from crosslevel.study.sources import Gathered, Survey
from crosslevel.study.spec import LINK_LEVEL, StudySpec

_NO_RELIABILITY = {"alpha": np.nan, "alpha_low": np.nan, "alpha_high": np.nan}
_AGGREGATION = (
    "icc1", "icc1_low", "icc1_high", "icc2", "rwg_median", "rwg_share_070", "design_effect",
    "groups", "mean_size",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class FlowTables:
    """The flow of people, and by unit what may be shown of it."""

    levels: pd.DataFrame
    units: pd.DataFrame
    units_withheld: int


def flow_tables(gathered: Gathered, spec: StudySpec, main: Fitted) -> FlowTables:
    """Return who was invited, responded, was linked and analysed by the main model.

    A unit is left out of the table by unit when fewer people than the disclosure minimum
    responded, or when fewer, but some, were analysed.
    """
    counted = responses.flow(
        gathered.roster,
        gathered.employees.scored,
        gathered.managers.scored if gathered.managers else None,
        gathered.linked,
        main.rows(gathered.frame)["employee"].tolist(),
        managers_used=not gathered.asked_of_managers.isdisjoint(main.design.formula.columns()),
    )
    units = counted.units
    some = units["analysed"].where(units["analysed"] > 0, units["responded"])
    units = units.assign(smallest=np.minimum(some, units["responded"]).astype("int64"))
    shown = disclosure.withhold(units, count="smallest", minimum=spec.disclosure.minimum)
    return FlowTables(
        levels=counted.levels,
        units=shown.shown.drop(columns="smallest").reset_index(drop=True),
        units_withheld=int(shown.withheld),
    )


def scale_tables(gathered: Gathered, spec: StudySpec) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return one row per scale, and one row per item of these scales.

    Raises
    ------
    MeasurementError
        With every scale that cannot be judged, and why.
    """
    rows, items, problems = [], [], []
    for name in spec.scales:
        survey = next(s for s in gathered.surveys if name in s.instrument.scales)
        try:
            row, table = _scale(name, survey, gathered, spec)
        except CrosslevelError as error:
            found = list(error.problems) or [Problem("", error.message)]
            problems += [p.within(f"scale '{name}'") for p in found]
            continue
        rows.append(row)
        items.append(table)
    if problems:
        raise MeasurementError(f"{counted(problems)} with the scales.", problems)
    scales, described = pd.DataFrame(rows), pd.concat(items, ignore_index=True)
    return _blanked(scales, spec), _blanked(described, spec)


_KEPT = ("n", "n_items", "n_complete", "missing", "groups")


@dataclass(frozen=True, slots=True)
class Descriptives:
    """Every variable described, and how many small categories were left out."""

    table: pd.DataFrame
    categories_withheld: int


def descriptives(gathered: Gathered, spec: StudySpec) -> Descriptives:
    """Return mean and spread of every score and number, and the share of every category.

    Categories of fewer people than the disclosure minimum are left out, and so are the statistics
    of a variable that fewer answered, and every lowest and highest value: each is one person.
    """
    tables, withheld = [], 0
    for survey in gathered.surveys:
        for name in [*survey.scored.names("scale"), *survey.scored.names("background")]:
            table = pd.DataFrame(list(_describe(name, survey, gathered)))
            if "category" in table:
                shown = disclosure.withhold(table, count="n", minimum=spec.disclosure.minimum)
                table, withheld = shown.shown, withheld + shown.withheld
            tables.append(table)
    columns = ["variable", "label", "level", "kind", "category", "n", "mean", "std_dev"]
    columns += ["minimum", "maximum", "share"]
    rows = [row for table in tables for row in table.to_dict("records")]
    described = pd.DataFrame(rows).reindex(columns=columns)
    return Descriptives(_blanked(described, spec), withheld)


def _blanked(table: pd.DataFrame, spec: StudySpec) -> pd.DataFrame:
    """Return a table without the numbers of rows that rest on too few people; `n` stays."""
    few = table["n"] < spec.disclosure.minimum
    numbers = [str(name) for name in table.select_dtypes("number") if name not in _KEPT]
    return table.assign(**{name: table[name].astype(float).mask(few) for name in numbers})


def correlation_table(gathered: Gathered, spec: StudySpec) -> pd.DataFrame:
    """Return correlations of the scales, within units and between unit means."""
    variables = [name for name in spec.scales if name in gathered.frame]
    table = psychometrics.correlations(
        gathered.frame, variables, group=LINK_LEVEL, conf_level=spec.conf_level
    )
    return _blanked(table, spec).assign(
        label=[gathered.labels.of(name) for name in table["variable"]],
        other_label=[gathered.labels.of(name) for name in table["other"]],
    )


def _scale(
    name: str, survey: Survey, gathered: Gathered, spec: StudySpec
) -> tuple[dict[str, object], pd.DataFrame]:
    """Return the row of one scale and the rows of its items."""
    instrument = survey.instrument
    scale, scores = instrument.scales[name], survey.scored.frame[name]
    answers = survey.responses.items(name)
    row: dict[str, object] = {
        "scale": name,
        "label": gathered.labels.of(name),
        "instrument": instrument.id,
        "version": instrument.version,
        "audience": instrument.audience,
        "role": scale.role,
        "method": scale.method,
        "validation": " ".join(instrument.validation.split()),
        "n_items": answers.shape[1],
        "n": int(scores.notna().sum()),
        "mean": scores.mean(),
        "std_dev": scores.std(),
        "minimum": np.nan,
        "maximum": np.nan,
        **_NO_RELIABILITY,
        **dict.fromkeys(_AGGREGATION, np.nan),
    }
    statistics = None
    if answers.shape[1] > 1:
        reliability = psychometrics.alpha(
            answers, conf_level=spec.conf_level, bounds=survey.bounds(name)
        )
        statistics = reliability.items
        row |= {
            "alpha": reliability.estimate,
            "alpha_low": reliability.conf_low,
            "alpha_high": reliability.conf_high,
        }
    if instrument.audience == "employee":
        row |= _aggregation(name, survey, gathered, conf_level=spec.conf_level)
    return row, _item_rows(name, answers, instrument, statistics, language=spec.language)


def _aggregation(
    name: str, survey: Survey, gathered: Gathered, *, conf_level: float
) -> dict[str, object]:
    """Return what says whether a scale may be aggregated to the unit."""
    frame = gathered.frame
    found = psychometrics.aggregation(frame[name], frame[LINK_LEVEL], conf_level=conf_level)
    row: dict[str, object] = {
        "icc1": found.icc1,
        "icc1_low": found.icc1_low,
        "icc1_high": found.icc1_high,
        "icc2": found.icc2,
        "design_effect": found.design_effect,
        "groups": found.groups,
        "mean_size": found.mean_size,
    }
    n_options = len(survey.options(name))
    if n_options > 1:
        answers = survey.responses.items(name).reindex(frame["employee"]).reset_index(drop=True)
        agreement = psychometrics.rwg(answers, frame[LINK_LEVEL], n_options=n_options)
        row |= {"rwg_median": agreement.median, "rwg_share_070": agreement.share_above_070}
    return row


def _item_rows(
    scale: str,
    answers: pd.DataFrame,
    instrument: Instrument,
    statistics: pd.DataFrame | None,
    *,
    language: str,
) -> pd.DataFrame:
    """Return one row per item of a scale; a single item has no total to correlate with."""
    items = instrument.items_of(scale)
    table = pd.DataFrame(
        {
            "scale": scale,
            "item": [item.id for item in items],
            "text": [text_in(item.text, language, otherwise=item.id) for item in items],
            "reversed": [item.reverse for item in items],
        }
    )
    if statistics is None:
        statistics = pd.DataFrame(
            {
                "item": answers.columns.astype("str"),
                "n": answers.notna().sum().to_numpy(),
                "missing": answers.isna().sum().to_numpy(),
                "mean": answers.mean().to_numpy(),
                "std_dev": answers.std().to_numpy(),
                "item_total": np.nan,
                "alpha_if_dropped": np.nan,
            }
        )
    shown = ["item", "n", "missing", "mean", "std_dev", "item_total", "alpha_if_dropped"]
    return table.merge(statistics[shown], on="item", validate="one_to_one")


def _describe(name: str, survey: Survey, gathered: Gathered) -> Iterator[dict[str, object]]:
    """Yield the rows of one variable."""
    audience = survey.instrument.audience
    values = survey.scored.frame[name]
    background = name in survey.scored.names("background")
    column = f"manager_{name}" if background and audience == "manager" else name
    label = gathered.labels.of(column)
    row: dict[str, object] = {"variable": column, "label": label, "level": audience}
    row["kind"] = "background" if background else "scale"
    if pd.api.types.is_numeric_dtype(values):
        numbers = {"mean": values.mean(), "std_dev": values.std()}
        yield row | {"n": int(values.notna().sum())} | numbers
        return
    answered = values[values.notna() & (values != "")]
    scale = survey.instrument.response_scale_of(survey.instrument.item(name))
    for option in scale.options:
        category = text_in(option.label, survey.responses.language, otherwise=str(option.value))
        n = int((answered == category).sum())
        share = n / len(answered) if len(answered) else math.nan
        yield row | {"label": f"{label}: {category}", "category": category, "n": n, "share": share}
