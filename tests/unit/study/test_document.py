"""Reading `study.yml`: every problem at once, each with its line and what would do."""

from __future__ import annotations

from pathlib import Path

import pytest

from crosslevel.catalogue import template_dir
from crosslevel.errors import StudyError
from crosslevel.study.document import parse, read_document
from crosslevel.study.spec import StudySpec

TEMPLATE = (template_dir("hospital-study") / "study.yml").read_text(encoding="utf-8")


def _problems(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / "study.yml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(StudyError) as caught:
        parse(read_document(path), StudySpec)
    return [str(p) for p in caught.value.problems]


def _line(text: str, start: str) -> int:
    return next(i for i, line in enumerate(text.splitlines(), 1) if line.startswith(start))


def _with(old: str, new: str) -> str:
    assert old in TEMPLATE
    return TEMPLATE.replace(old, new, 1)


def test_the_template_is_read(tmp_path: Path) -> None:
    path = tmp_path / "study.yml"
    path.write_text(TEMPLATE, encoding="utf-8")
    spec = parse(read_document(path), StudySpec)
    assert spec.higher_levels == ("hospital",)
    assert spec.main_model is not None
    assert spec.main_model.df == "kenward-roger"
    assert [m.role for m in spec.models][:2] == ["null", "null"]
    assert spec.model("perceived").label == "Uses as perceived by employees"


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("title: Man", "titel: Man", "titel", "unknown key 'titel'. Did you mean 'title'?"),
        ("conf_level: 0.95", "conf_level: 95", "conf_level", "must be less than 1, got '95'."),
        ("seed: 2020", "seed: often", "seed", "must be a whole number"),
        ("date: 2026-01-15", "date: soon", "date", "must be a date such as 2026-01-31"),
        ("  minimum: 5", "  minimum: 0", "  minimum", "greater than or equal to 1, got '0'."),
        ("    rule: mean-of", "    rule: mean-off", "    rule", "Did you mean 'mean-of-managers'?"),
        ("levels: [employee, unit", "levels: [person, unit", "levels", "must begin with employee"),
        ("authors: [The crosslevel developers]", "authors: []", "authors", "at least 1 item"),
        ("    formula: goal", "    formla: goal", "    formla", "Did you mean 'formula'?"),
        ("  - id: w1", "  - ids: w1", "  - ids", "the key 'id' is missing."),
        ("  minimum: 5", "  minimum:", "  minimum", "minimum: has nothing after it."),
        ("conf_level: 0.95", "conf_level: null", "conf_level", "a number, got nothing."),
        ("date: 2026-01-15", "date:", "date:", "date: has nothing after it."),
        ("reports: [article]", "reports: article", "reports", "a list, such as [one, two], got"),
        (
            "reports: [article]",
            "reports: [{name: article, formats: [pfd]}]",
            "reports",
            "Did you mean 'pdf'?",
        ),
        ("sources:\n", "source:\n", "source", "Did you mean 'sources'?"),
    ],
)
def test_a_wrong_key_or_value_is_named_with_its_line(
    tmp_path: Path, old: str, new: str, line: str, said: str
) -> None:
    text = _with(old, new)
    problems = _problems(tmp_path, text)
    place = f"study.yml:{_line(text, line)} "
    assert any(p.startswith(place) and said in p for p in problems), problems


def test_a_role_without_a_word_is_not_the_null_model(tmp_path: Path) -> None:
    (problem,) = _problems(tmp_path, _with("    role: main", "    role:"))
    assert "role: has nothing after it. Give it a value, or delete it." in problem


def test_the_word_null_is_a_value(tmp_path: Path) -> None:
    path = tmp_path / "study.yml"
    text = _with("    wave: w1", "    wave: ~").replace("    role: main", "    role: null")
    path.write_text(text, encoding="utf-8")
    spec = parse(read_document(path), StudySpec)
    assert spec.sources.employees.wave is None
    assert spec.model("main").role == "null"


def test_all_problems_come_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = _with("conf_level: 0.95", "conf_level: 95").replace("  minimum: 5", "  minimum: x")
    text = text.replace("title: Man", "titel: Man")
    problems = _problems(tmp_path, text)
    lines = [int(p.split(" ")[0].rpartition(":")[2]) for p in problems]
    assert len(problems) == 4
    assert lines == sorted(lines)


def test_a_simulated_study_needs_a_seed(tmp_path: Path) -> None:
    assert "a simulated study needs a 'seed'" in _problems(tmp_path, _with("seed: 2020", ""))[0]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"title: [1\nb: 2\n", r"study.yml:2: this is not YAML"),
        (b"a: 1\na: 2\n", r"study.yml:\d: this is not YAML: found duplicate key"),
        (b"- a list\n", "must hold keys and values"),
        (b"", "must hold keys and values"),
        (b"title: \xff\xfe\n", "is not UTF-8 text"),
        (b"title: !!python/object/apply:os.system [ls]\n", "study.yml"),
    ],
)
def test_what_is_not_a_yaml_file_of_keys_is_refused(
    tmp_path: Path, content: bytes, said: str
) -> None:
    path = tmp_path / "study.yml"
    path.write_bytes(content)
    with pytest.raises(StudyError, match=said):
        parse(read_document(path), StudySpec)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"There is no truth\.yml in"):
        read_document(tmp_path / "truth.yml")
