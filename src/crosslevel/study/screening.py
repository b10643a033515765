"""Were the answers given with care: who is proposed for exclusion, and what hangs on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pandas as pd

from crosslevel import quality
from crosslevel.errors import MeasurementError
from crosslevel.study.noticing import Notice, quietly, reason, rows_as_frame, scales_with
from crosslevel.study.sources import Survey
from crosslevel.study.spec import StudySpec

CARELESS = ("index", "rule", "source", "flagged", "share")
_SENSITIVITY = (
    "term", "label", "estimate", "conf_low", "conf_high", "estimate_without",
    "conf_low_without", "conf_high_without",
)  # fmt: skip
RULES = {
    "longstring": "Longest run of one answer",
    "irv": "Spread of a respondent's answers",
    "mahalanobis_p": "Mahalanobis distance, p",
    "even_odd": "Even-odd consistency",
    "synonyms": "Consistency over like items",
    "antonyms": "Consistency over opposite items",
    "person_total": "Correlation with everybody's answers",
}


def screened(survey: Survey, spec: StudySpec, notice: Notice) -> quality.Careless | None:
    """Return the screen of careless responding of employees; None where none is asked for."""
    names = scales_with(survey, spec, fewest=1)
    flags = spec.measurement.careless
    items = [i for name in names for i in survey.instrument.items_of(name)]
    if not flags or len(items) < 5:
        return None
    order = [i.id for i in survey.instrument.items if i in items]
    shown = survey.responses.frame.set_index(survey.responses.respondent)[order]
    codes = [survey.instrument.response_scale_of(i).codes for i in items]
    bounds = {
        item.id: (float(min(own)), float(max(own))) for item, own in zip(items, codes, strict=True)
    }
    try:
        with quietly(notice, "Screening of answers"):
            return quality.careless(
                shown,
                scales={n: [i.id for i in survey.instrument.items_of(n)] for n in names},
                reverse=[i.id for i in items if i.reverse],
                bounds=bounds,
                exclude_at=flags,
            )
    except MeasurementError as error:
        notice(f"Screening of answers: {reason(error)}")
        return None


def careless_rows(screen: quality.Careless | None, spec: StudySpec) -> Iterator[dict[str, object]]:
    """Yield one row per index with a cut-off; few people are told as few."""
    if screen is None:
        return
    for row in screen.tidy().to_dict("records"):
        if row["source"]:
            term = str(row["term"])
            few = 0 < row["flagged"] < spec.disclosure.minimum
            yield {
                "index": RULES.get(term, term.replace("_", " ").capitalize()),
                "rule": f"{row['side']} {row['limit']:.3g}",
                "source": row["source"],
                "flagged": np.nan if few else row["flagged"],
                "share": np.nan if few else row["share"],
            }


def screen_values(screen: quality.Careless, spec: StudySpec) -> dict[str, float | int | str]:
    """Return who was screened and how many are proposed for exclusion; few as few."""
    glance = screen.glance().iloc[0]
    excluded = int(glance["excluded"])
    few = 0 < excluded < spec.disclosure.minimum
    return {
        "screened": int(glance["n"]),
        "screen_flags": int(glance["exclude_at"]),
        "screened_out": "few" if few else excluded,
    }


def excluded(screen: quality.Careless) -> frozenset[str]:
    """Return the respondents proposed for exclusion."""
    out = screen.excluded
    return frozenset(str(name) for name in out.index[out.to_numpy()])


def sensitivity(
    estimates: pd.DataFrame, refit: Callable[[], pd.DataFrame] | None, terms: Sequence[str]
) -> pd.DataFrame:
    """Return the claimed terms of the main model with and without the respondents screened out.

    `estimates` and what `refit` gives hold coefficients by term; without a refit there is nothing.
    """
    if refit is None or not terms:
        return pd.DataFrame(columns=list(_SENSITIVITY))
    without = refit()
    rows = [
        {
            "term": term,
            "label": estimates.loc[term, "label"],
            **{name: estimates.loc[term, name] for name in ("estimate", "conf_low", "conf_high")},
            **{
                f"{name}_without": without.loc[term, name]
                for name in ("estimate", "conf_low", "conf_high")
            },
        }
        for term in terms
        if term in estimates.index and term in without.index
    ]
    return rows_as_frame(rows, _SENSITIVITY)
