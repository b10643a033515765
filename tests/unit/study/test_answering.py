"""Who responded and what was left empty: equal to the functions asked directly, and safe."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from crosslevel import quality
from crosslevel.study import Study
from crosslevel.study.answering import Answering, answering

BACKGROUND = ("tenure", "profession")
ANALYSIS = Path(__file__).parents[3] / "analysis"


@pytest.fixture(scope="module")
def study() -> Study:
    return Study.open(ANALYSIS / "danish-hospitals")


@pytest.fixture(scope="module")
def found(study: Study) -> Answering:
    notes: list[str] = []
    made = answering(study.gather(), study.spec, notes.append)
    assert notes == []
    return made


def _roster(study: Study) -> pd.DataFrame:
    """Everybody invited with hospital and response, joined by hand from the files."""
    data = study.root / "data"
    people = pd.read_csv(data / "roster-employees.csv").merge(pd.read_csv(data / "units.csv"))
    answered = set(pd.read_csv(data / "employees.csv")["employee"])
    return people.assign(there=[e in answered for e in people["employee"]])


def test_rates_are_those_of_the_files(study: Study, found: Answering) -> None:
    roster, table = _roster(study), found.tables["response"]
    table = table.set_index("variable")
    assert table.loc["(all)", "responded"] == roster["there"].sum()
    assert table.loc["(all)", "invited"] == len(roster)
    for level in ("unit", "hospital"):
        by_hand = roster.groupby(level)["there"].mean()
        assert table.loc[level, "groups"] == len(by_hand)
        own = table.loc[level, ["lowest", "median", "highest"]].tolist()
        assert own == pytest.approx([by_hand.min(), by_hand.median(), by_hand.max()])


def test_no_group_is_named(found: Answering) -> None:
    """Hospitals stood in this table with their names."""
    texts = found.tables["response"].select_dtypes("str").to_numpy().ravel().tolist()
    assert set(texts) == {"(all)", "", "unit", "Unit", "hospital", "Hospital"}


def test_the_indicator_is_that_of_the_function(study: Study, found: Answering) -> None:
    direct = quality.nonresponse(_roster(study), responded="there", by=["hospital"])
    assert found.values["r_indicator"] == direct.r_indicator
    assert found.values["largest_bias"] == direct.largest_bias
    assert found.values["response_attributes"] == "Hospital"


def test_empty_answers_are_those_of_the_file(study: Study, found: Answering) -> None:
    raw = pd.read_csv(study.root / "data" / "employees.csv")
    items = raw.drop(columns=["employee", "tenure", "profession"]).replace(9, np.nan)
    row = found.tables["missing"].set_index("audience").loc["employee"]
    assert row["share_missing"] == pytest.approx(items.isna().to_numpy().mean())
    assert row["complete"] == items.notna().all(axis=1).sum()
    assert row["most_missing"] == items.isna().mean().idxmax()
    test = quality.mcar(items.astype(float))
    assert row["little_statistic"] == pytest.approx(test.statistic)
    assert row["little_df"] == test.df


def test_small_units_do_not_count(study: Study) -> None:
    rule = study.spec.disclosure.model_copy(update={"minimum": 40})
    strict = study.spec.model_copy(update={"disclosure": rule})
    table = answering(study.gather(), strict, lambda _: None).tables["response"]
    sizes = _roster(study).groupby("unit").size()
    assert table.set_index("variable").loc["unit", "groups"] == (sizes >= 40).sum()


def test_without_a_list_of_those_invited_nothing_is_said_of_response() -> None:
    study = Study.open(ANALYSIS / "army-companies")
    made = answering(study.gather(), study.spec, lambda _: None)
    assert made.tables["response"].empty
    assert made.values == {}


def test_a_hospital_where_all_responded_has_a_rate_and_no_indicator(study: Study) -> None:
    """The chance to respond cannot be estimated there; the rates can be told all the same."""
    gathered, notes = study.gather(), []
    frame = gathered.employees.scored.frame
    roster = gathered.roster.employees.merge(gathered.roster.units, on="unit")
    gone = (roster["hospital"] == "H1") & ~roster["employee"].isin(frame["employee"])
    kept = gathered.roster.employees[
        ~gathered.roster.employees["employee"].isin(roster.loc[gone, "employee"])
    ]
    object.__setattr__(gathered.roster, "employees", kept)
    made = answering(gathered, study.spec, notes.append)
    table = made.tables["response"].set_index("variable")
    assert table.loc["hospital", "highest"] == 1.0
    assert made.values == {}
    assert notes == [
        "R-indicator: The chance to respond cannot be estimated. 'hospital' = 'H1': everybody of "
        "332 responded. Merge it with a level like it."
    ]


def test_a_gap_of_one_person_is_nobodys_business(study: Study) -> None:
    """The item that one person left out was named, and Little's test was that person's distance."""
    gathered = study.gather()
    survey = gathered.employees
    frame = survey.responses.frame
    items = [i.id for i in survey.instrument.items if i.id in frame and i.id not in BACKGROUND]
    whole = frame[frame[items].notna().all(axis=1)].copy()
    whole.loc[whole.index[0], items[0]] = np.nan
    one = replace(
        gathered, employees=replace(survey, responses=replace(survey.responses, frame=whole))
    )
    row = answering(one, study.spec, lambda _: None).tables["missing"].iloc[0]
    shown = row[["share_missing", "complete", "most_missing_share", "little_p_value"]]
    assert shown.isna().all()
    assert pd.isna(row["most_missing"])


def test_two_hospitals_have_no_lowest_and_highest_rate(study: Study) -> None:
    """Of two groups, the lowest and the highest rate are the two."""
    gathered = study.gather()
    units = gathered.roster.units.assign(
        hospital=lambda d: d["hospital"].where(d["hospital"] == "H1", "H2")
    )
    object.__setattr__(gathered.roster, "units", units)
    table = answering(gathered, study.spec, lambda _: None).tables["response"]
    assert table["variable"].tolist() == ["(all)", "unit"]
