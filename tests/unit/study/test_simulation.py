"""Simulated studies: the same for the same seed, and drawn from what the truth says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from crosslevel import instruments
from crosslevel.catalogue import instrument_dir, template_dir
from crosslevel.errors import StudyError
from crosslevel.study import SimulatedStudy, Truth, simulate
from crosslevel.study.document import parse, read_document

MANAGERS = instruments.read(instrument_dir("manager-data-use"))
EMPLOYEES = instruments.read(instrument_dir("employee-goal-learning"))
TRUTH = parse(read_document(template_dir("hospital-study") / "truth.yml"), Truth)


def _draw(truth: Truth = TRUTH, seed: int = 1) -> SimulatedStudy:
    return simulate(truth, managers=MANAGERS, employees=EMPLOYEES, seed=seed)


def _changed(**blocks: dict[str, object]) -> Truth:
    content = TRUTH.model_dump()
    for name, changes in blocks.items():
        content[name] = content[name] | changes
    return Truth.model_validate(content)


def test_same_seed_same_data_other_seed_other_data() -> None:
    first, again, other = _draw(seed=7), _draw(seed=7), _draw(seed=8)
    pd.testing.assert_frame_equal(first.employees, again.employees)
    pd.testing.assert_frame_equal(first.managers, again.managers)
    assert not first.employees.equals(other.employees)


def test_everyone_is_somewhere_and_respondents_were_invited() -> None:
    drawn = _draw()
    units = set(drawn.units["unit"])
    assert len(drawn.units) == 80
    assert drawn.units["hospital"].nunique() == 6
    assert set(drawn.employee_roster["unit"]) == units
    assert set(drawn.manager_roster["unit"]) == units, "a unit without any manager"
    assert drawn.employee_roster["employee"].is_unique
    assert set(drawn.employees["employee"]) <= set(drawn.employee_roster["employee"])
    assert set(drawn.managers["manager"]) <= set(drawn.manager_roster["manager"])
    assert all(u.startswith(h + "-") for u, h in drawn.units.itertuples(index=False))


def test_managers_and_units_are_many_to_many() -> None:
    roster = _draw().manager_roster
    assert roster["unit"].value_counts().max() == 2
    assert roster["manager"].value_counts().max() == 2
    assert not roster.duplicated().any()


def test_a_manager_of_two_units_stays_in_one_hospital() -> None:
    for seed in range(5):
        drawn = _draw(seed=seed)
        joined = drawn.manager_roster.merge(drawn.units, on="unit")
        assert (joined.groupby("manager")["hospital"].nunique() == 1).all()


def test_response_rates_by_unit_lie_where_the_truth_says() -> None:
    drawn = _draw()
    answered = drawn.employee_roster["employee"].isin(drawn.employees["employee"])
    size = drawn.employee_roster.groupby("unit").size()
    rate = answered.groupby(drawn.employee_roster["unit"]).mean()
    assert ((rate * size).round() >= (0.35 * size - 0.51)).all()
    assert ((rate * size).round() <= (0.65 * size + 0.51)).all()
    share = len(drawn.managers) / drawn.manager_roster["manager"].nunique()
    assert 0.8 < share < 1


def test_answers_are_codes_of_the_instrument() -> None:
    drawn = _draw()
    for instrument, frame in ((MANAGERS, drawn.managers), (EMPLOYEES, drawn.employees)):
        assert list(frame.columns[1:]) == [item.id for item in instrument.items]
        for item in instrument.items:
            scale = instrument.response_scale_of(item)
            found = frame[item.id].dropna()
            if scale.codes:
                aside = {scale.not_relevant.value} if scale.not_relevant else set()
                assert set(found) <= {*scale.codes, *aside}, item.id
            else:
                assert found.between(scale.minimum, scale.maximum).all(), item.id


def test_some_answers_are_missing_and_some_not_relevant() -> None:
    answers = _draw().employees["gl1"]
    assert 0.005 < answers.isna().mean() < 0.04
    assert 0.002 < (answers == 9).mean() < 0.03


def test_reversed_items_run_against_the_others() -> None:
    answers = _draw().employees.astype({"gl6": float, "gl1": float}).replace(9, np.nan)
    assert EMPLOYEES.item("gl6").reverse
    assert answers["gl6"].corr(answers["gl1"]) < -0.2


def test_slopes_are_found_again_in_a_large_sample() -> None:
    """Without noise in answers, unit means recover the sign and order of the two slopes."""
    truth = _changed(organisation={"units": 1500, "hospitals": 30, "unit_size": 20.0})
    drawn = _draw(truth)
    items = [i for i in EMPLOYEES.items_of("goal_learning") if not i.reverse]
    people = drawn.employees.merge(drawn.employee_roster, on="employee")
    learning = people[[i.id for i in items]].astype(float).replace(9, np.nan).mean(axis=1)
    unit = learning.groupby(people["unit"]).mean()
    uses = {}
    for name in ("problem_solving_use", "reward_control_use"):
        own = [i.id for i in MANAGERS.items_of(name) if not i.reverse]
        frame = drawn.managers.merge(drawn.manager_roster, on="manager")
        score = frame[own].astype(float).replace(9, np.nan).mean(axis=1)
        uses[name] = score.groupby(frame["unit"]).mean()
    both = pd.DataFrame({"y": unit, **uses}).dropna()
    design = np.column_stack([np.ones(len(both)), both[list(uses)]])
    _, problem, reward = np.linalg.lstsq(design, both["y"], rcond=None)[0]
    assert 0.10 < problem < 0.22
    assert -0.18 < reward < -0.06


def test_no_slope_in_the_truth_none_in_the_data() -> None:
    """A special case that must collapse: independent outcome, no association."""
    scale = TRUTH.employee_scales["goal_learning"].model_dump() | {"slopes": {}, "effects": {}}
    content = TRUTH.model_dump()
    content["employee_scales"]["goal_learning"] = scale
    content["organisation"] |= {"units": 1500, "hospitals": 30, "unit_size": 20.0}
    drawn = _draw(Truth.model_validate(content))
    people = drawn.employees.merge(drawn.employee_roster, on="employee")
    unit = people["gl1"].astype(float).replace(9, np.nan).groupby(people["unit"]).mean()
    heads = drawn.managers.merge(drawn.manager_roster, on="manager")
    use = heads["psu1"].astype(float).replace(9, np.nan).groupby(heads["unit"]).mean()
    assert abs(unit.corr(use)) < 3 / np.sqrt(1500)


def test_truth_that_does_not_fit_the_instruments_is_refused_whole() -> None:
    content = TRUTH.model_dump()
    content["employee_scales"]["goal_lerning"] = content["employee_scales"].pop("goal_learning")
    content["manager_scales"]["problem_solving_use"]["shares"] = [0.5, 0.5]
    content["employee_background"]["profession"]["shares"] = {1: 0.5, 7: 0.5}
    with pytest.raises(StudyError, match="truth does not fit") as caught:
        _draw(Truth.model_validate(content))
    text = "\n".join(map(str, caught.value.problems))
    assert "Did you mean 'goal_learning'?" in text
    assert "2 shares, but 'psu1' has 5 answers" in text
    assert "code 7, but the answers are 1, 2, 3, 4" in text
    assert "employee_scales.engagement.on.goal_learning" in text


def test_scales_that_depend_on_each_other_in_a_circle_are_refused() -> None:
    content = TRUTH.model_dump()
    content["employee_scales"]["goal_learning"]["on"] = {"engagement": 0.1}
    with pytest.raises(StudyError, match="in a circle"):
        _draw(Truth.model_validate(content))


@pytest.mark.parametrize(
    ("block", "changes", "said"),
    [
        ("tenure", {"mean": None}, "'mean' and 'std_dev'"),
        ("tenure", {"mean": -1.0}, "above 0"),
        ("profession", {"mean": 3.0, "std_dev": 1.0}, "'shares', or"),
    ],
)
def test_background_is_of_one_kind(block: str, changes: dict[str, object], said: str) -> None:
    content = TRUTH.model_dump()
    content["employee_background"][block] |= changes
    with pytest.raises(ValueError, match=said):
        Truth.model_validate(content)


def test_variances_above_one_are_refused() -> None:
    content = TRUTH.model_dump()
    content["employee_scales"]["goal_learning"] |= {"icc_unit": 0.6, "icc_hospital": 0.5}
    with pytest.raises(ValueError, match="above 1"):
        Truth.model_validate(content)


def test_a_reader_finds_the_line_of_a_wrong_truth(tmp_path: Path) -> None:
    path = tmp_path / "truth.yml"
    text = (template_dir("hospital-study") / "truth.yml").read_text(encoding="utf-8")
    path.write_text(text.replace("  managers: 0.9", "  managers: 9"), encoding="utf-8")
    line = text.splitlines().index("  managers: 0.9") + 1
    with pytest.raises(StudyError, match=f"truth.yml:{line} response.managers: must be less"):
        parse(read_document(path), Truth)
