"""Bad input: one readable message, exit code 1, and nothing is lost."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from crosslevel.cli import main
from crosslevel.study import create, open_build

Edit = Callable[[Path], None]
EMPLOYEES, MANAGERS = "data/employees.csv", "data/managers.csv"
ROSTER, UNITS = "data/roster-employees.csv", "data/units.csv"


@pytest.fixture(scope="session")
def small_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of 4 hospitals and 20 small units that has been run once."""
    folder = create(tmp_path_factory.mktemp("bad-input") / "study")
    truth = folder / "truth.yml"
    text = truth.read_text(encoding="utf-8")
    for old, new in (
        ("hospitals: 6", "hospitals: 4"),
        ("units: 80", "units: 20"),
        ("unit_size: 45", "unit_size: 22"),
    ):
        assert old in text
        text = text.replace(old, new)
    truth.write_text(text, encoding="utf-8")
    assert main(["simulate", str(folder)]) == 0
    assert main(["run", str(folder)]) == 0
    return folder


@pytest.fixture
def study(small_study: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(small_study, tmp_path / "study"))


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _replace(name: str, old: str, new: str, count: int = 1) -> Edit:
    def edit(root: Path) -> None:
        text = _text(root / name)
        assert old in text, f"{old!r} is not in {name}"
        (root / name).write_text(text.replace(old, new, count), encoding="utf-8")

    return edit


def _frame(name: str, change: Callable[[pd.DataFrame], pd.DataFrame]) -> Edit:
    def edit(root: Path) -> None:
        frame = pd.read_csv(root / name, dtype="str", keep_default_na=False)
        change(frame).to_csv(root / name, index=False)

    return edit


def _truncated(root: Path) -> None:
    content = (root / EMPLOYEES).read_bytes()
    end = content.rindex(b"\n", 0, len(content) // 2)
    (root / EMPLOYEES).write_bytes(content[: end + 20])


def _set(column: str, value: str) -> Callable[[pd.DataFrame], pd.DataFrame]:
    return lambda frame: frame.assign(**{column: value})


def _last_row(column: str, value: str) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def change(frame: pd.DataFrame) -> pd.DataFrame:
        frame.loc[frame.index[-1], column] = value
        return frame

    return change


def _same_score(frame: pd.DataFrame) -> pd.DataFrame:
    """Everybody has the same score though every item varies (gl6 is reversed)."""
    for i, first, second in (
        (1, "2", "4"), (2, "4", "2"), (3, "1", "5"), (4, "5", "1"), (5, "1", "3"), (6, "3", "1"),
        (7, "5", "1"),
    ):  # fmt: skip
        frame[f"gl{i}"] = [first if row % 2 else second for row in range(len(frame))]
    return frame


def _nothing_answered(frame: pd.DataFrame) -> pd.DataFrame:
    for column in frame.columns[1:]:
        frame[column] = ""
    return frame


BAD: dict[str, tuple[Edit, str]] = {
    "a CSV cut off in mid-row": (_truncated, r"employees\.csv.*row \d+: \d+ fields.*cut off"),
    "semicolons for commas": (
        _replace(EMPLOYEES, ",", ";", count=-1),
        r"employees\.csv.*semicolons, not by commas",
    ),
    "two columns of one name": (
        _replace(EMPLOYEES, "gl1,gl2", "gl1,gl1"),
        r"employees\.csv.*column 'gl1': 2 columns have this name",
    ),
    "a header that holds code": (
        _replace(EMPLOYEES, "gl1,", "__import__('os').remove('study.yml'),"),
        r"employees\.csv.*item 'gl1': no column 'gl1'",
    ),
    "a code that is no answer": (
        _frame(EMPLOYEES, _last_row("gl1", "7")),
        r"employees\.csv.*row \d+.*7",
    ),
    "a unit in the roster that nobody knows": (
        _replace(ROSTER, "H1-U01", "H1-U99"),
        r"data/roster-employees\.csv, row 2: unit 'H1-U99' is unknown\. Did you mean 'H1-U0",
    ),
    "a respondent who was never invited": (
        _frame(EMPLOYEES, _last_row("employee", "e9999")),
        r"employee 'e9999': is not on the roster",
    ),
    "a respondent twice": (
        _frame(EMPLOYEES, lambda f: pd.concat([f, f.iloc[:1]])),
        r"employees\.csv.*respondent 'e\d+': occurs in rows 2, \d+",
    ),
    "an item with no variance": (
        _frame(EMPLOYEES, _set("gl2", "4")),
        r"scale 'goal_learning', item 'gl2': every answer is 4",
    ),
    "an outcome that is the same for everybody": (
        _frame(EMPLOYEES, _same_score),
        r"scale 'goal_learning'.*sum of the items is the same for everyone",
    ),
    "no answer at all": (
        _frame(EMPLOYEES, _nothing_answered),
        r"employees\.csv.*no answer to any item",
    ),
    "managers who all did not answer": (
        _frame(MANAGERS, _nothing_answered),
        r"managers\.csv.*no answer to any item",
    ),
    "a term that does not exist": (
        _replace("study.yml", "~ problem_solving_use +", "~ problem_solving_us +"),
        r"study\.yml:\d+ models\[3\]\.formula: there is no column 'problem_solving_us'\. "
        r"Did you mean 'problem_solving_use'\?",
    ),
    "a formula that cannot be read": (
        _replace(
            "study.yml", "goal_learning ~ 1 + (1 | hospital/unit)", "goal_learning ~ 1 + (1 |"
        ),
        r"study\.yml:\d+ models\[1\]\.formula: The formula cannot be read",
    ),
    "a formula that holds code": (
        _replace("study.yml", "goal_learning ~ 1 +", "goal_learning ~ exec(unit) +"),
        r"there is no function 'exec'",
    ),
    "a claim about a term its model lacks": (
        _replace("study.yml", "    term: problem_solving_use\n", "    term: tenur\n"),
        r"study\.yml:\d+ claims\[1\]\.term: model 'main' has no term 'tenur'\. "
        r"Did you mean 'tenure'",
    ),
    "a claim about a model that does not exist": (
        _replace(
            "study.yml", "    model: main\n    term: problem", "    model: mein\n    term: problem"
        ),
        r"claims\[1\]\.model: no model 'mein'\. Did you mean 'main'",
    ),
    "a scale no instrument has": (
        _replace("study.yml", "  - speaking_up\n", "  - speaking_upp\n"),
        r"study\.yml:\d+ scales\[3\]: there is no scale 'speaking_upp' in .*'speaking_up'",
    ),
    "a data file that is not there": (
        _replace("study.yml", "data: data/employees.csv", "data: data/employes.csv"),
        r"there is no data/employes\.csv\. Did you mean 'data/employees\.csv'",
    ),
    "an instrument that is not there": (
        _replace("study.yml", "surveys/manager-data-use", "surveys/manager-data-usage"),
        r"there is no surveys/manager-data-usage\. Did you mean 'manager-data-use'",
    ),
    "an instrument of the wrong audience": (
        _replace("study.yml", "surveys/manager-data-use", "surveys/employee-goal-learning"),
        r"'employee-goal-learning' is for employees, not for managers",
    ),
    "a misspelt key": (
        _replace("study.yml", "conf_level:", "conf_levle:"),
        r"study\.yml:\d+ conf_levle: unknown key 'conf_levle'\. Did you mean 'conf_level'",
    ),
    "a units file without the higher level": (
        _replace(UNITS, "unit,hospital", "unit,house"),
        r"units\.csv.*column 'hospital': not found",
    ),
}


def _hashes(root: Path, folder: str) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted((root / folder).rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("name", BAD)
def test_a_run_fails_with_one_message_and_loses_nothing(
    name: str, study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit, said = BAD[name]
    edit(study)
    data, build = _hashes(study, "data"), _hashes(study, "build")
    files = sorted(p.name for p in study.iterdir())
    assert main(["run", str(study)]) == 1
    output = capsys.readouterr()
    assert re.search(said, output.err, flags=re.DOTALL), output.err
    assert output.err.count("error:") == 1
    assert "Traceback" not in output.err
    assert _hashes(study, "data") == data, "raw data were modified"
    assert _hashes(study, "build") == build, "the previous build was touched"
    assert sorted(p.name for p in study.iterdir()) == files, "litter was left"


@pytest.mark.parametrize("name", BAD)
def test_check_says_the_same_without_running(
    name: str, study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit, said = BAD[name]
    edit(study)
    assert main(["check", str(study)]) == 1
    assert re.search(said, capsys.readouterr().err, flags=re.DOTALL)


def test_build_being_a_file_is_said_and_kept(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(study / "build")
    (study / "build").write_text("mine", encoding="utf-8")
    assert main(["run", str(study)]) == 1
    assert "build is not a folder" in capsys.readouterr().err
    assert _text(study / "build") == "mine"


def test_no_study_here_says_how_to_make_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", str(tmp_path)]) == 1
    assert "There is no study.yml" in capsys.readouterr().err


def test_a_unit_with_one_person_is_analysed_and_never_shown(study: Path) -> None:
    """A single respondent adds to the estimates, and no table by unit has a row for them."""
    roster = pd.read_csv(study / ROSTER)
    answered = pd.read_csv(study / EMPLOYEES, dtype="str", keep_default_na=False)
    by_unit = study / "build" / "private" / "flow_units.parquet"
    unit = pd.read_parquet(by_unit).query("analysed > 0")["unit"].iloc[0]
    inside = roster.loc[roster["unit"] == unit, "employee"]
    others = answered[answered["employee"].isin(inside)]["employee"].iloc[1:]
    answered[~answered["employee"].isin(others)].to_csv(study / EMPLOYEES, index=False)
    assert main(["run", str(study)]) == 0
    build = open_build(study)
    assert unit not in set(pd.read_parquet(by_unit)["unit"])
    assert not any("unit" in build.table(name).columns for name in build.tables)
    assert int(build.value("units_withheld")) >= 2, "one alone could be worked out from the total"
    linked = pd.read_parquet(study / "build" / "private" / "linked.parquet")
    assert (linked["unit"] == unit).sum() == 1


def test_a_category_of_one_person_is_no_term_of_a_model(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The coefficient of a category with one employee used to give that one's score exactly."""
    answered = pd.read_csv(study / EMPLOYEES, dtype="str", keep_default_na=False)
    last = answered["profession"] == "4"
    complete = answered.index[last & (answered != "").all(axis=1)][0]
    answered.loc[last & (answered.index != complete), "profession"] = "1"
    answered.to_csv(study / EMPLOYEES, index=False)
    assert main(["check", str(study)]) == 1
    checked = " ".join(capsys.readouterr().err.split())
    assert main(["run", str(study)]) == 1
    said = " ".join(capsys.readouterr().err.split())
    assert "only 1 analysed person chose" in checked
    assert "fewer people than the disclosure minimum of 5" in said
    assert "Administrative or technical staff" in said


def test_raw_data_are_the_same_after_a_good_run(study: Path) -> None:
    before = _hashes(study, "data")
    assert main(["run", str(study)]) == 0
    assert _hashes(study, "data") == before
