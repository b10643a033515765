"""`crosslevel new` makes the demonstration study, byte for byte."""

from __future__ import annotations

from pathlib import Path

import pytest

from crosslevel.errors import CrosslevelError, StudyError
from crosslevel.study import Study, create

DEMO = Path(__file__).parents[3] / "analysis" / "danish-hospitals"
README_PICTURE = "first-page.png"  # stands beside the study, is no part of it


def _files(root: Path) -> list[str]:
    found = (p.relative_to(root) for p in root.rglob("*") if p.is_file())
    return sorted(p.as_posix() for p in found if p.parts[0] != "build")


def test_a_new_study_is_the_demonstration_study(tmp_path: Path) -> None:
    made = create(tmp_path / "deep" / "x")
    shipped = [name for name in _files(DEMO) if name != README_PICTURE]
    assert _files(made) == shipped
    for name in shipped:
        assert (made / name).read_bytes() == (DEMO / name).read_bytes(), name
    assert [p.name for p in made.parent.iterdir()] == ["x"], "litter was left"


def test_the_demonstration_says_that_it_is_simulated_and_quotes_no_figure() -> None:
    spec = Study.open(DEMO).spec
    assert spec.simulated
    assert "imulated data" in spec.subtitle
    assert "10.1111/puar.13142" in spec.based_on
    assert not any(character.isdigit() for character in spec.title + spec.subtitle)


def test_a_new_study_has_no_problems(tmp_path: Path) -> None:
    assert Study.open(create(tmp_path / "x")).check() == []


def test_an_empty_folder_is_used_and_a_full_one_is_not(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert (create(tmp_path / "empty") / "study.yml").is_file()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("years of work", encoding="utf-8")
    with pytest.raises(StudyError, match="not an empty folder"):
        create(tmp_path / "full")
    assert [p.name for p in (tmp_path / "full").iterdir()] == ["thesis.txt"]


def test_an_unknown_template_names_the_closest(tmp_path: Path) -> None:
    with pytest.raises(CrosslevelError, match="Did you mean 'hospital-study'"):
        create(tmp_path / "x", template="hospital-studies")
    assert list(tmp_path.iterdir()) == []
