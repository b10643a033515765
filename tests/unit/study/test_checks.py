"""Contradictions inside `study.yml`, between it and the instruments, and with the files."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from crosslevel.study import Study, create


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return create(tmp_path_factory.mktemp("checks") / "study")


@pytest.fixture
def study(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "study"))


def _problems(study: Path, old: str, new: str) -> list[str]:
    path = study / "study.yml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return [str(p) for p in Study.open(study).check()]


NULL = "goal_learning ~ 1 + (1 | hospital/unit)"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("unit, hospital]", "unit, hospital, hospital]", "levels: a level is named twice."),
        ("    wave: w1", "    wave: w2", "employees.wave: no wave 'w2'. There is: w1."),
        ("    role: secondary", "    role: main", "role: only one model can be main."),
        ("  - id: null_engagement", "  - id: main", "'main' is used 2 times."),
        ("  tenure: Years", "  tenur: Years", "no column 'tenur'. Did you mean 'tenure'?"),
        (NULL, "goal_learning ~ 1", "no random term. Add one, such as (1 | unit)."),
        (NULL, "goal_learning ~ 1 + (1 | profession)", "'profession' is no level above"),
        (NULL, "goal_learning ~ 1 + (1 | hospitals)", "Did you mean 'hospital'?"),
        (NULL, "profession ~ 1 + (1 | unit)", "the outcome 'profession' is nominal"),
        (NULL, "goal_lerning ~ 1 + (1 | unit)", "Did you mean 'goal_learning'?"),
        ("    values: codes", "    language: sv", "has no language 'sv'. It has: en, da."),
        ("term: within(perceived_problem_solving, unit)", "term: nothing", "has no term 'nothing'"),
        ("model: perceived\n", "model: percieved\n", "Did you mean 'perceived'?"),
        (
            "method: reml\n    df: ",
            "method: ml\n    df: ",
            "df: kenward-roger goes with REML only.",
        ),
        (NULL, "goal_learning ~ tenure + (1 | unit)", "role: a null model has no predictors"),
        (NULL, "goal_learning ~ 0 + (1 | unit)", "role: a null model has no predictors"),
        (NULL, "goal_learning ~ 1 + (1 + tenure | unit)", "has random intercepts only"),
        ("reports: [article]", "reports: [artikle]", "no report 'artikle'. Did you mean 'article'"),
        ("covariance: model", "covariance: CR2", "corrects the model's covariance, not CR2."),
    ],
)
def test_a_contradiction_is_found(study: Path, old: str, new: str, said: str) -> None:
    problems = _problems(study, old, new)
    assert any(said in p for p in problems), problems
    assert all(p.startswith("study.yml:") for p in problems), problems


def test_levels_without_a_file_that_says_who_belongs_where(study: Path) -> None:
    block = "  units:\n    data: data/units.csv\n    unit: unit\n"
    problems = _problems(study, block, "")
    assert len(problems) == 1
    assert "units belong to hospital, but no file says which." in problems[0]


def test_managers_in_sources_and_not_in_links(study: Path) -> None:
    path = study / "study.yml"
    text = path.read_text(encoding="utf-8")
    start = text.index("  managers:\n    data: data/roster-managers.csv")
    end = text.index("# Scales the report describes")
    path.write_text(text[:start] + text[end:], encoding="utf-8")
    (problem,) = map(str, Study.open(study).check())
    assert "`sources` has managers and `links` has none." in problem


def test_a_simulated_study_without_its_truth(study: Path) -> None:
    (study / "truth.yml").unlink()
    (problem,) = map(str, Study.open(study).check())
    assert "there is no truth.yml" in problem


def test_an_instrument_with_problems_shows_all_of_them(study: Path) -> None:
    path = study / "surveys" / "manager-data-use" / "instrument.yml"
    text = path.read_text(encoding="utf-8")
    text = text.replace("id: psu1", "id: PSU1").replace("audience: manager", "audience: boss")
    path.write_text(text, encoding="utf-8")
    problems = [str(p) for p in Study.open(study).check()]
    assert len(problems) >= 2
    assert all("instrument.yml:" in p for p in problems)


def test_a_catalogue_instrument_that_was_not_copied(study: Path) -> None:
    shutil.rmtree(study / "surveys" / "manager-data-use")
    (problem,) = map(str, Study.open(study).check())
    assert "The catalogue has 'manager-data-use': copy its folder there." in problem


def test_problems_of_the_study_and_of_every_file_come_at_once(study: Path) -> None:
    """A misspelt model used to hide all that was wrong with the data."""
    path = study / "study.yml"
    text = path.read_text(encoding="utf-8").replace("~ problem_solving_use", "~ problem_solving_us")
    path.write_text(text, encoding="utf-8")
    for name, old, new in (
        ("employees", "gl1,gl2", "gl1,gl1"),
        ("managers", "psu1,", "psu9,"),
        ("roster-employees", "H1-U01", "H1-U99"),
    ):
        file = study / "data" / f"{name}.csv"
        file.write_text(file.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    said = "\n".join(str(p) for p in Study.open(study).check())
    assert "there is no column 'problem_solving_us'" in said
    assert "data/employees.csv, column 'gl1': 2 columns have this name." in said
    assert "data/managers.csv, item 'psu1': no column 'psu1'." in said
    assert "data/roster-employees.csv, row 2: unit 'H1-U99' is unknown." in said
    assert (study / "build").exists() is False


def test_what_only_the_data_can_tell_of_models_and_claims(study: Path) -> None:
    path = study / "study.yml"
    text = path.read_text(encoding="utf-8").replace("reports: [article]", "reports: [artikle]")
    text = text.replace("~ problem_solving_use", "~ within(problem_solving_use, unit)", 1)
    text = text.replace(
        "    term: problem_solving_use", "    term: within(problem_solving_use, unit)"
    )
    text = text.replace("term: problem_solving_use}", "term: 'within(problem_solving_use, unit)'}")
    text = text.replace("+ tenure + profession", "+ C(tenure) + profession:manager_profession", 1)
    path.write_text(text, encoding="utf-8")
    problems = [str(p) for p in Study.open(study).check()]
    said = "\n".join(problems)
    assert "no report 'artikle'" in said
    assert said.count("has no estimate for 'within(problem_solving_use, unit)'") == 2
    assert "categories hold fewer people than the disclosure minimum of 5" in said
    assert "model 'main', 'tenure': " in said
    assert "model 'main', 'manager_profession': only 4 analysed managers chose 'Admin" in said


def test_checking_changes_nothing(study: Path) -> None:
    before = {p: p.read_bytes() for p in study.rglob("*") if p.is_file()}
    assert Study.open(study).check() == []
    assert {p: p.read_bytes() for p in study.rglob("*") if p.is_file()} == before
