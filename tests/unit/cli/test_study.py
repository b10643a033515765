"""new, check, simulate, run, as a newcomer types them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from crosslevel.cli import main
from crosslevel.study import create


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return create(tmp_path_factory.mktemp("cli") / "study")


@pytest.fixture
def study(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "study"))


def test_from_nothing_to_a_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["new", "x", "--template", "hospital-study"]) == 0
    assert "crosslevel check" in capsys.readouterr().out
    monkeypatch.chdir(tmp_path / "x")
    assert main(["check"]) == 0
    shown = capsys.readouterr().out
    assert "No problems found." in shown
    assert "Simulated data." in shown
    assert main(["run"]) == 0
    shown = capsys.readouterr().out
    assert "Simulated data" in shown
    assert "employees: " in shown
    assert "ICC of Goal-based learning, unit" in shown
    assert "Problem-solving use" in shown
    assert "causes" not in shown
    assert (tmp_path / "x" / "build" / "manifest.json").is_file()


def test_new_refuses_a_folder_that_holds_something(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["new", str(study)]) == 1
    assert "not an empty folder" in capsys.readouterr().err


def test_check_prints_every_problem(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = study / "study.yml"
    text = path.read_text(encoding="utf-8")
    for scale in ("goal_learning", "engagement", "speaking_up", "perceived_problem_solving"):
        text = text.replace(f"  - {scale}\n", f"  - {scale}x\n")
    text = text.replace("  - problem_solving_use\n", "  - problem_solving\n")
    text = text.replace("  - reward_control_use\n", "  - reward_control\n")
    path.write_text(text, encoding="utf-8")
    assert main(["check", str(study)]) == 1
    printed = capsys.readouterr().err
    assert printed.count("Did you mean") == 6
    assert printed.startswith("6 problems:")


def test_check_in_json(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(study), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"problems": [], "notes": []}
    (study / "data" / "units.csv").unlink()
    assert main(["check", str(study), "--json"]) == 1
    (problem,) = json.loads(capsys.readouterr().out)["problems"]
    assert problem["found"] == "there is no data/units.csv."


def test_run_in_json(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", str(study), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["simulated"] is True
    assert told["values"]["hospitals_analysed"] == 6
    assert {claim["id"] for claim in told["claims"]} == {"problem-solving", "reward-control"}
    assert "coefficients" in told["tables"]


def test_simulate_gives_the_same_data_again(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = study / "data" / "employees.csv"
    before = path.read_bytes()
    path.unlink()
    assert main(["simulate", str(study)]) == 0
    assert path.read_bytes() == before
    assert "employees.csv" in capsys.readouterr().out


def test_simulate_redraws_what_it_wrote_from_another_truth(study: Path) -> None:
    path = study / "data" / "employees.csv"
    before = path.read_bytes()
    text = (study / "study.yml").read_text(encoding="utf-8")
    (study / "study.yml").write_text(text.replace("seed: 2020", "seed: 7"), encoding="utf-8")
    assert main(["simulate", str(study)]) == 0
    assert path.read_bytes() != before
    assert main(["check", str(study)]) == 0


def test_simulate_does_not_overwrite_data_it_did_not_write(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With `simulated: true` left in study.yml, one's own answers were overwritten."""
    path = study / "data" / "employees.csv"
    real = b"employee,gl1\nA7,4\n"
    path.write_bytes(real)
    others = {p: p.read_bytes() for p in (study / "data").iterdir()}
    assert main(["simulate", str(study)]) == 1
    said = " ".join(capsys.readouterr().err.split())
    assert "data/employees.csv: is not a file that `crosslevel simulate` wrote" in said
    assert "simulate --overwrite" in said
    assert {p: p.read_bytes() for p in (study / "data").iterdir()} == others
    (study / "simulated.json").unlink()
    assert main(["simulate", str(study)]) == 1
    (study / "simulated.json").write_text("{", encoding="utf-8")
    assert main(["simulate", str(study)]) == 1
    assert path.read_bytes() == real
    assert main(["simulate", str(study), "--overwrite"]) == 0
    assert path.read_bytes() != real
    assert main(["simulate", str(study)]) == 0


def test_simulated_data_cannot_pass_for_real(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = study / "study.yml"
    text = path.read_text(encoding="utf-8").replace("simulated: true\nseed: 2020\n", "")
    path.write_text(text, encoding="utf-8")
    (study / "data" / "units.csv").write_bytes((study / "data" / "units.csv").read_bytes() + b"\n")
    assert main(["check", str(study)]) == 1
    said = capsys.readouterr().err
    assert said.startswith("4 problems:")
    assert "data/employees.csv holds simulated data, and the study does not say so." in said
    assert main(["run", str(study)]) == 1
    assert "holds simulated data" in capsys.readouterr().err


def test_changed_data_in_a_simulated_study_are_noted(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = study / "data" / "units.csv"
    path.write_bytes(path.read_bytes() + b"\n")
    assert main(["check", str(study)]) == 0
    assert "data/units.csv was changed after it was simulated." in capsys.readouterr().out


def test_check_tells_of_a_run_that_was_killed_and_changes_nothing(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = study / ".build-old-x" / "build"
    old.mkdir(parents=True)
    (old / "manifest.json").write_text("{}", encoding="utf-8")
    assert main(["check", str(study)]) == 0
    said = capsys.readouterr().out
    assert "A run was killed while it replaced build/; what was there is in" in said
    assert ".build-old-x/build" in said
    assert old.is_dir()
    assert not (study / "build").exists()


def test_simulate_does_not_touch_data_that_may_be_real(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = study / "study.yml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("simulated: true", "simulated: false"), encoding="utf-8")
    before = (study / "data" / "employees.csv").read_bytes()
    assert main(["simulate", str(study)]) == 1
    assert "may be real and are not overwritten" in capsys.readouterr().err.replace("\n", " ")
    assert (study / "data" / "employees.csv").read_bytes() == before


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("    values: codes", "    values: labels", "written in codes"),
        ("levels: [employee, unit, hospital]", "levels: [employee, unit]", "one level above"),
        ("data: data/units.csv", "data: data/managers.csv", "five different files"),
        ("    respondent: employee", "    respondent: (row)", "needs columns for identifiers"),
    ],
)
def test_what_a_simulation_cannot_write_is_said(
    study: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, said: str
) -> None:
    path = study / "study.yml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    assert main(["simulate", str(study)]) == 1
    assert said in capsys.readouterr().err


def test_simulating_without_managers_is_said(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = study / "study.yml"
    text = path.read_text(encoding="utf-8")
    start, end = text.index("  managers:\n    instrument"), text.index("# Who belongs to whom")
    path.write_text(text[:start] + text[end:], encoding="utf-8")
    assert main(["simulate", str(study)]) == 1
    assert "needs managers" in capsys.readouterr().err


def test_check_reads_the_truth_too(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = study / "truth.yml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("  speaking_up:", "  speaking_upp:"), encoding="utf-8")
    assert main(["check", str(study)]) == 1
    printed = capsys.readouterr().err
    assert "truth.yml employee_scales.speaking_upp" in printed
    assert "Did you mean 'speaking_up'" in printed


def test_wrong_use_is_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--no-such-option"]) == 2
    assert main(["new"]) == 2
    capsys.readouterr()


def test_scale_prints_an_evidence_sheet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from reports.synthetic import write_build

    write_build(tmp_path)
    assert main(["scale", "goal_learning", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert "Goal-based learning (goal_learning)" in shown
    assert "omega total" in shown
    assert main(["scale", "goal_learning", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["title"].startswith("Goal-based learning")
    assert main(["scale", "goals", str(tmp_path)]) == 1
    assert "The study has no scale 'goals'" in capsys.readouterr().err
