"""Linking and counting, against a second computation by loops over dictionaries."""

from __future__ import annotations

import math
import statistics
import unicodedata
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crosslevel.errors import ResponseError
from crosslevel.responses import (
    NO_ANSWER,
    NO_ID,
    Roster,
    Scored,
    ScoredColumn,
    flow,
    link,
    read_roster,
)

SETTINGS = settings(derandomize=True, deadline=None, max_examples=40, database=None)


def _column(name, kind):
    return ScoredColumn(name, kind, {"en": name.title()}, "1.0.0", "demo", "")


def scored(who, people, *, scale, background=()):
    """People as rows (id, score, tenure, profession)."""
    names = ["who", scale, "tenure", "profession"]
    frame = pd.DataFrame(people, columns=names).astype({scale: "float64", "tenure": "float64"})
    frame = frame.astype({"who": "str", "profession": "str"})
    columns = [
        _column("who", "respondent"),
        _column(scale, "scale"),
        _column("tenure", "background"),
        _column("profession", "background"),
    ]
    return Scored(frame, MappingProxyType({c.name: c for c in columns}))


def employees(people):
    return scored("employee", people, scale="learning")


def managers(people):
    return scored("manager", people, scale="use")


def roster(staff, heads, units):
    """Make a roster from dictionaries of names."""
    return Roster(
        pd.DataFrame(staff.items(), columns=["employee", "unit"]).astype("str"),
        pd.DataFrame(heads, columns=["manager", "unit"]).astype("str"),
        pd.DataFrame(units.items(), columns=["unit", "hospital"]).astype("str"),
    )


@pytest.fixture
def small():
    return roster(
        {"1": "A", "2": "A", "3": "B", "4": "B", "5": "C", "6": "D"},
        [("m1", "A"), ("m1", "D"), ("m2", "B"), ("m3", "B"), ("m4", "C"), ("m5", "E")],
        {"A": "North", "B": "North", "C": "South", "D": "South", "E": "South"},
    )


PEOPLE = [("1", 3, 1, "nurse"), ("3", 2, 2, "nurse"), ("4", 5, 3, None), ("5", 4, 4, "doctor")]
HEADS = [
    ("m1", 1, 10, "nurse"),
    ("m2", 2, 20, "nurse"),
    ("m3", 4, 30, "doctor"),
    ("m5", 5, 1, "nurse"),
]


def test_unit_names_match_whatever_their_unicode_form(write):
    """An NFD "å" in one file made every employee of the ward a person of an unknown unit."""
    whole, parted = (unicodedata.normalize(form, "Børneafd. å") for form in ("NFC", "NFD"))
    found = read_roster(
        employees=write(f"employee,unit\n{parted}1,{parted}\n", "e.csv"),
        units=write(f"unit,hospital\n{whole},North\n", "u.csv"),
    )
    assert found.employees.to_numpy().tolist() == [[whole + "1", whole]]
    made = roster({parted: whole}, [(whole, parted)], {whole: "North"})
    assert made.employees["employee"].tolist() == [whole]
    assert link(employees([(whole, 1, 1, "nurse")]), None, made).frame["unit"].tolist() == [whole]


def test_a_roster_says_equal_things_once():
    staff = {f"e{i}": "Nowhere" for i in range(40)} | {"e40": "A", "e41": "Z"}
    with pytest.raises(ResponseError) as caught:
        roster(staff, [("", "A")] * 5, {"A": "North"})
    said = [str(problem) for problem in caught.value.problems]
    assert "employees: unit 'Nowhere' is unknown, in 40 rows (first: index 0)." in said
    assert "employees, index 41: unit 'Z' is unknown." in said
    assert "managers: no manager, in 5 rows (first: index 0). Fill it in." in said
    with pytest.raises(ResponseError, match=r"occurs 6 times \(index 0; index 1; index 2 and 3"):
        roster({"e": "A"}, [("m", "A")] * 6, {"A": "North"})


def test_sole_manager(small):
    linked = link(employees(PEOPLE), managers(HEADS), small, rule="sole")
    frame = linked.frame.set_index("employee")
    assert list(linked.frame.columns) == [
        "employee", "unit", "hospital", "learning", "tenure", "profession",
        "use", "manager_tenure", "manager_profession",
    ]  # fmt: skip
    assert frame.loc["1", ["unit", "hospital", "use", "manager_tenure"]].tolist() == [
        "A",
        "North",
        1.0,
        10.0,
    ]
    assert frame.loc[["3", "4", "5"], "use"].isna().all()
    assert linked.employees.tolist() == ["1"]
    assert linked.losses.to_numpy().tolist() == [
        ["unit", "B", "several managers of the unit responded (rule 'sole')"],
        ["unit", "C", "no manager of the unit responded"],
        ["employee", "3", "several managers of the unit responded (rule 'sole')"],
        ["employee", "4", "several managers of the unit responded (rule 'sole')"],
        ["employee", "5", "no manager of the unit responded"],
        ["manager", "m2", "shares the unit with another manager who responded (rule 'sole')"],
        ["manager", "m3", "shares the unit with another manager who responded (rule 'sole')"],
        ["manager", "m5", "no employee of the units headed responded"],
    ]
    assert list(linked.columns) == [
        *("employee", "learning", "tenure", "profession"),
        *("use", "manager_tenure", "manager_profession"),
    ]
    assert linked.columns["manager_tenure"].label["en"] == "Tenure"


def test_mean_of_managers(small):
    linked = link(employees(PEOPLE), managers(HEADS), small, rule="mean-of-managers")
    frame = linked.frame.set_index("employee")
    assert frame.loc["3", ["use", "manager_tenure"]].tolist() == [3.0, 25.0]
    assert pd.isna(frame.loc["3", "manager_profession"])
    assert frame.loc["1", "manager_profession"] == "nurse"
    assert linked.employees.tolist() == ["1", "3", "4"]


def test_a_manager_is_not_lost_who_is_used_in_one_of_their_units():
    register = roster(
        {"1": "A", "2": "B"}, [("m1", "A"), ("m1", "B"), ("m2", "B")], dict.fromkeys("AB", "North")
    )
    people, heads = employees([("1", 3, 1, None), ("2", 3, 1, None)]), managers(HEADS[:2])
    losses = link(people, heads, register, rule="sole").losses
    assert losses.loc[losses["level"] == "manager", "identifier"].tolist() == ["m2"]


def test_a_manager_without_a_score_counts_neither_in_the_mean_nor_as_zero(small):
    heads = [("m2", 2, 20, None), ("m3", np.nan, np.nan, "doctor"), ("m4", np.nan, 1, "nurse")]
    linked = link(employees(PEOPLE), managers(heads), small, rule="mean-of-managers")
    frame = linked.frame.set_index("employee")
    assert frame.loc["3", ["use", "manager_tenure", "manager_profession"]].tolist() == [
        2.0,
        20.0,
        "doctor",
    ]
    assert np.isnan(frame.loc["5", "use"])
    assert linked.employees.tolist() == ["3", "4", "5"]


def test_without_a_survey_of_managers(small):
    linked = link(employees(PEOPLE), None, small)
    assert list(linked.frame.columns)[:3] == ["employee", "unit", "hospital"]
    assert linked.losses.empty
    table = flow(small, employees(PEOPLE), None, linked).levels
    assert table["level"].unique().tolist() == ["employee", "unit"]


def test_flow(small):
    people, heads = employees(PEOPLE), managers(HEADS)
    linked = link(people, heads, small, rule="mean-of-managers")
    counted = flow(small, people, heads, linked, pd.Series(["1", "3"]))
    assert counted.levels.to_numpy().tolist() == [
        ["manager", "invited", 5, 0, ""],
        ["manager", "responded", 4, 1, "did not respond"],
        ["manager", "linked", 3, 1, "no employee of the units headed responded"],
        ["manager", "analysed", 3, 0, ""],
        ["employee", "invited", 6, 0, ""],
        ["employee", "responded", 4, 2, "did not respond"],
        ["employee", "linked", 3, 1, "no manager of the unit responded"],
        ["employee", "analysed", 2, 1, "a value that the model needs is missing"],
        ["unit", "invited", 5, 0, ""],
        ["unit", "responded", 3, 2, "no employee responded"],
        ["unit", "linked", 2, 1, "no manager of the unit responded"],
        ["unit", "analysed", 2, 0, ""],
    ]
    units = counted.units.set_index("unit")
    assert units.loc["B", ["invited", "responded", "linked", "analysed"]].tolist() == [2, 2, 2, 1]
    assert units.loc["A", "response_rate"] == 0.5
    assert units.loc["B", ["managers_invited", "managers_responded"]].tolist() == [2, 2]
    assert math.isnan(units.loc["E", "response_rate"])
    assert units["hospital"].tolist() == ["North", "North", "South", "South", "South"]


def test_several_reasons_are_counted(small):
    people, heads = employees(PEOPLE), managers(HEADS)
    table = flow(small, people, heads, link(people, heads, small)).levels
    reason = table.query("level == 'employee' and stage == 'linked'")["reason"].item()
    assert reason == (
        "2: several managers of the unit responded (rule 'sole'); "
        "1: no manager of the unit responded"
    )
    assert "analysed" not in table["stage"].tolist()


def _lost(*rows):
    frame = pd.DataFrame(rows, columns=["row", "respondent", "reason"])
    return frame.astype({"row": "int64", "respondent": "str", "reason": "str"})


def test_rows_without_identifier_are_not_said_to_be_silence(small):
    """An answer without identifier was counted as "did not respond"."""
    people = replace(
        employees(PEOPLE[:2]),
        losses=_lost((4, "", NO_ID), (5, "5", NO_ANSWER), (6, "5", NO_ANSWER), (7, "1", NO_ANSWER)),
    )
    heads = replace(managers(HEADS), losses=_lost((9, "", NO_ID)))
    table = flow(small, people, heads, link(people, heads, small)).levels
    reasons = table[table["stage"] == "responded"].set_index("level")["reason"]
    assert reasons["employee"] == (
        "2: did not respond; 1: answered without an identifier; 1: answered no item"
    )
    assert reasons["manager"] == "answered without an identifier"
    everybody = employees([(e, 1, 1, "nurse") for e in "123456"])
    people = replace(everybody, losses=_lost((9, "", NO_ID)))
    table = flow(small, people, None, link(people, None, small)).levels
    assert table.query("level == 'employee' and stage == 'responded'")["lost"].item() == 0


def test_without_managers_in_the_model_nobody_needs_a_manager_to_be_linked(small):
    """Employees of units without a manager were analysed by the model and not by the flow."""
    people, heads = employees(PEOPLE), managers(HEADS)
    linked = link(people, heads, small)
    counted = flow(small, people, heads, linked, ["1", "5"], managers_used=False)
    table = counted.levels.set_index(["level", "stage"])
    assert table.loc["employee", "n"].tolist() == [6, 4, 4, 2]
    assert table.loc[("employee", "linked"), "reason"] == ""
    assert table.loc[("unit", "analysed"), "n"] == 2
    assert table.loc["manager", "n"].tolist()[-1] == 0
    assert table.loc[("manager", "analysed"), "reason"] == (
        "the main model uses no answer of managers"
    )


def test_analysed_employees_must_have_been_linked(small):
    people, heads = employees(PEOPLE), managers(HEADS)
    with pytest.raises(ResponseError, match=r"employee '5': was not linked"):
        flow(small, people, heads, link(people, heads, small), ["1", "5"])


def test_strangers_and_duplicates_are_all_named(small):
    people = employees([*PEOPLE, ("1", 1, 1, "nurse"), ("66", 1, 1, "nurse")])
    heads = managers([*HEADS, ("m9", 1, 1, "nurse")])
    with pytest.raises(ResponseError) as caught:
        link(people, heads, small)
    text = "\n".join(map(str, caught.value.problems))
    assert "employee '66': is not on the roster. Did you mean '6'?" in text
    assert "employee '1': has 2 rows of answers." in text
    assert "manager 'm9': is not on the roster." in text


def test_nobody_on_the_roster_points_to_the_key(small):
    with pytest.raises(ResponseError, match=r"none of the 1 respondents .* same pseudonym key"):
        link(employees([("p12", 1, 1, "nurse")]), None, small)


def test_names_that_clash(small):
    heads = scored("manager", HEADS, scale="learning")
    with pytest.raises(ResponseError, match=r"'learning': employees and managers both have it"):
        link(employees(PEOPLE), heads, small)
    with pytest.raises(ResponseError, match=r"level 'unit': is also a scale or item"):
        link(scored("employee", PEOPLE, scale="unit"), None, small)


def test_unknown_rule(small):
    with pytest.raises(ResponseError, match=r"`rule` must be 'sole' or 'mean-of-managers'"):
        link(employees(PEOPLE), None, small, rule="first")


def test_a_unit_with_one_person_is_linked_like_any_other():
    alone = roster({"1": "A"}, [("m", "A")], {"A": "North"})
    linked = link(employees(PEOPLE[:1]), managers([("m", 2, 1, "nurse")]), alone)
    assert linked.frame["use"].tolist() == [2.0]


def test_roster_from_files(write):
    staff = write("staff_no,ward\n007,A\n008,B\n", "staff.csv")
    heads = write("manager,ward,since\nm1,A,2019\nm1,B,2020\n", "heads.csv")
    wards = write("ward,hospital,region\nA,North,1\nB,South,1\nC,South,1\n", "wards.csv")
    found = read_roster(
        employees=staff, managers=heads, units=wards, employee="staff_no", unit="ward"
    )
    assert found.employees["employee"].tolist() == ["007", "008"]
    assert found.units.columns.tolist() == ["unit", "hospital", "region"]
    assert found.levels == ["hospital", "region"]
    only = read_roster(employees=staff, employee="staff_no", unit="ward")
    assert only.units.to_dict("list") == {"unit": ["A", "B"]}
    assert only.managers.empty
    picked = read_roster(
        employees=staff, units=wards, employee="staff_no", unit="ward", levels=["hospital"]
    )
    assert picked.levels == ["hospital"]
    hidden = read_roster(
        employees=staff, employee="staff_no", unit="ward", pseudonym_key="a secret of the study"
    )
    assert hidden.employees["employee"].tolist()[0] == "pd44160341751ad5b"


def test_roster_problems_are_all_named_with_their_rows(write):
    staff = write("employee,unit\n1,A\n2,Wrd B\n1,B\n3,\n,A\n", "staff.csv")
    heads = write("manager,unit\nm1,A\nm1,A\nm2,Z9\n", "heads.csv")
    wards = write("unit,hospital\nA,North\nWard B,North\nA,South\nB,North\n", "wards.csv")
    with pytest.raises(ResponseError) as caught:
        read_roster(employees=staff, managers=heads, units=wards)
    text = "\n".join(map(str, caught.value.problems))
    assert (
        "units, unit 'A': occurs 2 times (row 2, hospital 'North'; row 4, hospital 'South'). "
        "Give each unit a name of its own." in text
    )
    assert "employees, row 3: unit 'Wrd B' is unknown. Did you mean 'Ward B'?" in text
    assert "employees, employee '1': occurs 2 times (row 2, unit 'A'; row 4, unit 'B')." in text
    assert "employees, row 5: no unit." in text
    assert "employees, row 6: no employee." in text
    assert "managers, manager 'm1' in unit 'A': occurs 2 times (row 2; row 3)." in text
    assert "managers, row 4: unit 'Z9' is unknown." in text


def test_a_level_with_a_reserved_name(write):
    staff = write("employee,unit\n1,A\n", "staff.csv")
    wards = write("unit,manager\nA,m1\n", "wards.csv")
    with pytest.raises(ResponseError, match="cannot be called 'manager'"):
        read_roster(employees=staff, units=wards)


def test_a_roster_made_in_memory_is_checked_too():
    with pytest.raises(ResponseError, match=r"employees, index 0: unit 'B' is unknown"):
        roster({"1": "B"}, [], {"A": "North"})
    with pytest.raises(ResponseError, match=r"column 'unit': not found"):
        Roster(pd.DataFrame({"employee": ["1"]}), pd.DataFrame(), pd.DataFrame())


units_ = st.sampled_from("ABCD")
heads_ = st.sampled_from(["m1", "m2", "m3"])
staff_ = st.dictionaries(st.sampled_from([f"e{i}" for i in range(8)]), units_, min_size=1)
invited_ = st.sets(st.tuples(heads_, units_), max_size=8)
number_ = st.one_of(st.just(math.nan), st.integers(1, 5).map(float))
job_ = st.sampled_from(["nurse", "doctor", None])


@given(
    staff=staff_, heads=invited_, data=st.data(), rule=st.sampled_from(["sole", "mean-of-managers"])
)
@SETTINGS
def test_against_loops(staff, heads, data, rule):
    register = roster(staff, sorted(heads), dict.fromkeys("ABCD", "North"))
    answering = data.draw(st.permutations(sorted(staff)).flatmap(
        lambda order: st.integers(1, len(order)).map(lambda n: order[:n])
    ))  # fmt: skip
    people = employees([(e, 1.0, 1.0, "nurse") for e in answering])
    on_list = sorted({m for m, _ in heads})
    count = data.draw(st.integers(0, len(on_list)))
    given_ = {m: (data.draw(number_), data.draw(job_)) for m in on_list[:count]}
    above = managers([(m, use, use, job) for m, (use, job) in given_.items()])
    linked = link(people, above, register, rule=rule)
    expected_linked = []
    for row in linked.frame.itertuples():
        assert row.unit == staff[row.employee]
        own = sorted(m for m, unit in heads if unit == row.unit and m in given_)
        usable = len(own) == 1 or (len(own) > 1 and rule != "sole")
        uses = [given_[m][0] for m in own if not math.isnan(given_[m][0])] if usable else []
        jobs = {given_[m][1] for m in own if given_[m][1]} if usable else set()
        mean = statistics.fmean(uses) if uses else math.nan
        assert row.use == pytest.approx(mean, nan_ok=True)
        assert row.manager_tenure == pytest.approx(mean, nan_ok=True)
        if len(jobs) == 1:
            assert row.manager_profession == next(iter(jobs))
        else:
            assert pd.isna(row.manager_profession)
        if usable:
            expected_linked.append(row.employee)
    assert linked.frame["employee"].tolist() == list(answering)
    assert linked.employees.tolist() == expected_linked
    analysed = [row.employee for row in linked.frame.itertuples() if not math.isnan(row.use)]
    table = flow(register, people, above, linked, analysed).levels.set_index(["level", "stage"])[
        "n"
    ]
    assert table["employee"].tolist() == [
        len(staff), len(answering), len(expected_linked), len(analysed)
    ]  # fmt: skip
    assert table["unit", "linked"] == len({staff[e] for e in expected_linked})
    reaching = {
        m for m, unit in heads if m in given_ and unit in {staff[e] for e in expected_linked}
    }
    assert table["manager"].tolist()[:3] == [len(on_list), len(given_), len(reaching)]
    lost = linked.losses.loc[linked.losses["level"] == "manager", "identifier"]
    assert set(lost) == set(given_) - reaching
    units = flow(register, people, above, linked, analysed).units
    assert units[["invited", "responded", "linked", "analysed"]].sum().tolist() == [
        len(staff), len(answering), len(expected_linked), len(analysed)
    ]  # fmt: skip
