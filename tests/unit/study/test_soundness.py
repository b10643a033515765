"""What a study says of its scales and answers: equal to the functions asked directly, and safe."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from crosslevel import psychometrics
from crosslevel.errors import StudyError
from crosslevel.reporting.evidence import evidence_sheet
from crosslevel.study import Study
from crosslevel.study.screening import careless_rows, sensitivity
from crosslevel.study.soundness import Soundness, soundness
from crosslevel.study.spec import MeasurementRule

DEMO = Path(__file__).parents[3] / "analysis" / "danish-hospitals"


@pytest.fixture(scope="module")
def study() -> Study:
    return Study.open(DEMO)


@pytest.fixture(scope="module")
def found(study: Study) -> tuple[Soundness, list[str]]:
    notes: list[str] = []
    return soundness(study.gather(), study.spec, notes.append), notes


def test_every_table_is_there(found: tuple[Soundness, list[str]]) -> None:
    sound, notes = found
    assert notes == []
    assert {name: len(table) > 0 for name, table in sound.tables.items()} == dict.fromkeys(
        ("evidence", "factor_fit", "loadings", "factors", "invariance", "careless"), True
    )
    assert sound.values["screened"] == 1770


def test_numbers_are_those_of_the_functions(
    study: Study, found: tuple[Soundness, list[str]]
) -> None:
    gathered, tables = study.gather(), found[0].tables
    units = gathered.frame.set_index("employee")["unit"]
    answers = gathered.employees.responses.items("engagement")
    omega = psychometrics.omega(answers, groups=units.reindex(answers.index), bounds=(1, 5))
    row = tables["evidence"].set_index("scale").loc["engagement"]
    assert row["omega"] == omega.estimate
    profession = gathered.frame.set_index("employee")["profession"].astype(str)
    frame = answers.dropna().assign(profession=profession)
    frame = frame[frame["profession"].isin(set(profession) - {"", "nan"})]
    direct = psychometrics.invariance(
        "engagement =~ " + " + ".join(answers.columns),
        frame.assign(unit=units),
        group="profession",
        estimator="mlr",
        cluster="unit",
    )
    own = tables["invariance"].query("scale == 'engagement'")
    np.testing.assert_allclose(own["cfi"], direct.glance()["cfi"])
    loadings = tables["loadings"].query("audience == 'employee'")
    assert (loadings["loading"] > 0).all(), "reversed items are turned before the factors"


def test_the_verdict_on_averaging_rests_on_the_numbers_of_the_table(study: Study) -> None:
    """The table said ICC(2) = 0.69 of all scores, the verdict 0.655 of complete answers."""
    build = Study.open(study.root).run()
    scales = build.exact("scales").set_index("scale")
    verdicts = build.exact("evidence").set_index("scale")["averaging_verdict"].dropna()
    said = 0
    for scale, text in verdicts.items():
        for which, number in re.findall(r"(ICC\([12]\)) = (\S+?),", text):
            column = {"ICC(1)": "icc1", "ICC(2)": "icc2"}[which]
            assert f"{scales.loc[scale, column]:.3f}" == number
            said += 1
    assert said > 4


def test_few_people_are_told_as_few(study: Study) -> None:
    gathered = study.gather()
    strict = study.spec.model_copy(
        update={"disclosure": study.spec.disclosure.model_copy(update={"minimum": 1000})}
    )
    sound = soundness(gathered, strict, lambda _: None)
    assert sound.values["screened_out"] == "few"
    flagged = sound.tables["careless"]
    assert flagged["flagged"].dropna().isin([0.0]).all()
    assert flagged["share"].dropna().isin([0.0]).all()
    assert sound.tables["factor_fit"].empty


def test_nothing_is_screened_or_compared_unless_asked(study: Study) -> None:
    plain = study.spec.model_copy(update={"measurement": MeasurementRule(careless=0)})
    sound = soundness(study.gather(), plain, lambda _: None)
    assert sound.tables["careless"].empty
    assert sound.tables["invariance"].empty
    assert sound.values == {}
    assert sound.excluded == frozenset()
    assert list(careless_rows(None, plain)) == []


def test_sensitivity_sets_both_fits_side_by_side() -> None:
    columns = ["estimate", "conf_low", "conf_high"]
    every = pd.DataFrame([[1.0, 0.5, 1.5]], columns=columns, index=["x"]).assign(label="X")
    rest = every.assign(estimate=0.9)
    table = sensitivity(every, lambda: rest, ["x", "absent"])
    assert table["estimate"].tolist() == [1.0]
    assert table["estimate_without"].tolist() == [0.9]
    assert sensitivity(every, None, ["x"]).empty


def test_groups_to_compare_must_be_categories_of_employees(tmp_path: Path) -> None:
    import shutil

    shutil.copytree(DEMO, tmp_path / "s", ignore=shutil.ignore_patterns("build"))
    text = (tmp_path / "s" / "study.yml").read_text(encoding="utf-8")
    changed = text.replace("invariance: [profession]", "invariance: [profesion, tenure]")
    (tmp_path / "s" / "study.yml").write_text(changed, encoding="utf-8")
    problems = [str(p) for p in Study.open(tmp_path / "s").check()]
    assert len(problems) == 2
    assert "Did you mean 'profession'?" in problems[0]
    assert "'tenure' is no background item of employees with categories" in problems[1]


def test_evidence_sheet_of_a_scale(tmp_path: Path) -> None:
    from reports.synthetic import write_build

    write_build(tmp_path)
    sheet = evidence_sheet(tmp_path, "goal_learning")
    titles = [section.title for section in sheet.sections]
    assert titles == [
        "Reliability", "Items", "Distinct from other scales", "The same in every group",
        "As a property of the unit", "Validation",
    ]  # fmt: skip
    assert sheet.about.startswith("Simulated data. ")
    assert sheet.plain()["sections"][1]["header"][0] == "Item"
    with pytest.raises(StudyError, match="Did you mean 'goal_learning'"):
        evidence_sheet(tmp_path, "goal_lerning")
