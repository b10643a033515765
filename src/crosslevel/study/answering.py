"""Did everybody answer, and everything: response by group, and what was not answered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from crosslevel import quality
from crosslevel.errors import MeasurementError
from crosslevel.study.labels import text_in
from crosslevel.study.noticing import Notice, reason, rows_as_frame
from crosslevel.study.sources import Gathered, Survey, invited_known
from crosslevel.study.spec import LINK_LEVEL, StudySpec

_RESPONSE = (
    "variable", "label", "groups", "invited", "responded", "rate", "conf_low", "conf_high",
    "lowest", "median", "highest",
)  # fmt: skip
_MISSING = (
    "instrument", "audience", "n", "n_items", "share_missing", "complete", "stopped",
    "most_missing", "most_missing_text", "most_missing_share", "little_statistic", "little_df",
    "little_p_value",
)  # fmt: skip
_FEW = 4  # groups below which a lowest and a highest rate tell which group is which
_MANY = 20  # groups beyond which a level is no attribute to compare people by


@dataclass(frozen=True, slots=True)
class Answering:
    """Tables on response and empty answers, and what prose needs of them."""

    tables: Mapping[str, pd.DataFrame]
    values: Mapping[str, float | int | str]


def answering(gathered: Gathered, spec: StudySpec, notice: Notice) -> Answering:
    """Return who of the invited employees responded, and what respondents did not answer."""
    rates, values = _response(gathered, spec, notice)
    missing = rows_as_frame(_missing_rows(gathered, spec, notice), _MISSING)
    return Answering({"response": rates, "missing": missing}, values)


def _response(
    gathered: Gathered, spec: StudySpec, notice: Notice
) -> tuple[pd.DataFrame, dict[str, float | int | str]]:
    """Return response rates over all, and how far they reach between groups that nobody names.

    Nothing where the roster does not list everybody who was invited.
    """
    if not invited_known(spec):
        return pd.DataFrame(columns=list(_RESPONSE)), {}
    roster = gathered.roster.employees.merge(gathered.roster.units, on=LINK_LEVEL, how="left")
    people = set(gathered.employees.scored.frame[gathered.employees.responses.respondent])
    roster = roster.assign(responded=roster["employee"].isin(people))
    groups = {level: roster[level].nunique() for level in spec.levels[1:]}
    levels = [level for level, count in groups.items() if count > 1]
    rates = quality.response_rates(
        roster,
        responded="responded",
        by=levels,
        minimum=spec.disclosure.minimum,
        conf_level=spec.conf_level,
    )
    values: dict[str, float | int | str] = {}
    by = [name for name in levels if name != LINK_LEVEL and groups[name] <= _MANY]
    if by:
        try:
            found = quality.nonresponse(
                roster, responded="responded", by=by, conf_level=spec.conf_level
            )
            values = _representative(found, " and ".join(gathered.labels.of(n) for n in by))
        except MeasurementError as error:
            notice(f"R-indicator: {reason(error)}")
    return rows_as_frame(_rate_rows(rates, gathered), _RESPONSE), values


def _rate_rows(rates: pd.DataFrame, gathered: Gathered) -> Iterator[dict[str, object]]:
    """Yield the rate of all, then the lowest, median and highest of the groups of each level."""
    whole = rates.iloc[0].to_dict()
    kept = ("invited", "responded", "rate", "conf_low", "conf_high")
    yield {"variable": "(all)", "label": "", **{name: whole[name] for name in kept}}
    for variable, own in rates.iloc[1:].groupby("variable", sort=False):
        if len(own) < _FEW:
            continue
        yield {
            "variable": variable,
            "label": gathered.labels.of(str(variable)),
            "groups": len(own),
            "lowest": own["rate"].min(),
            "median": own["rate"].median(),
            "highest": own["rate"].max(),
        }


def _representative(found: quality.Nonresponse, attributes: str) -> dict[str, float | int | str]:
    """Return the R-indicator with its interval, and the largest bias it allows."""
    rows = found.tidy().set_index("term")
    low, high = rows["conf_low"]["r_indicator"], rows["conf_high"]["r_indicator"]
    return {
        "r_indicator": found.r_indicator,
        "r_indicator_low": float(low),
        "r_indicator_high": float(high),
        "largest_bias": found.largest_bias,
        "response_attributes": attributes,
    }


def _missing_rows(
    gathered: Gathered, spec: StudySpec, notice: Notice
) -> Iterator[dict[str, object]]:
    """Yield one row per survey: what was not answered, where most, and Little's test."""
    for survey in gathered.surveys:
        items = [i for name in survey.instrument.scales for i in survey.instrument.items_of(name)]
        asked = {item.id: item for item in survey.instrument.items if item in items}
        answers = survey.responses.frame[list(asked)].astype("float64")
        if len(answers) < spec.disclosure.minimum or answers.shape[1] < 2:
            continue
        found = quality.missingness(answers)
        whole = found.glance().iloc[0]
        row: dict[str, object] = {
            "instrument": survey.instrument.id,
            "audience": survey.instrument.audience,
            "n": len(answers),
            "n_items": answers.shape[1],
            "share_missing": _share(int(answers.isna().sum().sum()), answers.size, spec),
            "complete": _told(int(whole["complete"]), len(answers), spec),
            "stopped": _told(int(whole["stopped"]), len(answers), spec),
        }
        if found.items["share"].max() * len(answers) >= spec.disclosure.minimum:
            worst = found.items.nlargest(1, "share").iloc[0]
            text = asked[str(worst["item"])].text
            row |= {
                "most_missing": str(worst["item"]),
                "most_missing_text": text_in(text, spec.language, otherwise=str(worst["item"])),
                "most_missing_share": worst["share"],
            }
        incomplete = len(answers) - int(whole["complete"])
        if incomplete >= spec.disclosure.minimum:
            row |= _little(answers, survey, notice)
        yield row


def _told(k: int, n: int, spec: StudySpec) -> float:
    """A count that may be shown: nan where it is a few people, or leaves a few of n."""
    minimum = spec.disclosure.minimum
    return np.nan if 0 < k < minimum or 0 < n - k < minimum else float(k)


def _share(k: int, n: int, spec: StudySpec) -> float:
    """A share that may be shown: nan where it rests on a few."""
    return np.nan if 0 < k < spec.disclosure.minimum else k / n


def _little(answers: pd.DataFrame, survey: Survey, notice: Notice) -> dict[str, float]:
    """Return Little's test; nothing where it is undefined."""
    try:
        test = quality.mcar(answers)
    except MeasurementError as error:
        notice(f"Little's test of {survey.instrument.id}: {reason(error)}")
        return {}
    return {
        "little_statistic": test.statistic,
        "little_df": test.df,
        "little_p_value": test.p_value,
    }
