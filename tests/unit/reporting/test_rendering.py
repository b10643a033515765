"""Finding a template, checking a build, writing files whole, and the two commands."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from crosslevel import catalogue
from crosslevel.cli import main
from crosslevel.errors import RenderError
from crosslevel.reporting import eject, embedded, open_report, render, rendering
from crosslevel.reporting.rendering import planned
from crosslevel.study.build import sha256
from reports.pages import Web
from reports.synthetic import sealed
from unit.reporting.small import HEAD, write_report


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return write_report(tmp_path, "Hello.\n")


def once(study: Path, **options: str) -> Path:
    return render(study, report="small", formats=("html",), engine="embedded", **options)[0]


def test_the_studys_own_template_comes_first(study: Path) -> None:
    write_report(study, "My own words.\n", name="article")
    path = render(study, formats=("html",), engine="embedded")[0]
    assert path == study / "build" / "reports" / "article.html"
    assert "My own words." in Web.open(path).prose()


def test_an_unknown_report_names_the_closest(study: Path) -> None:
    with pytest.raises(RenderError, match=r"no report 'artcle'\. Did you mean 'article'"):
        render(study, report="artcle")
    with pytest.raises(RenderError, match=r"no report '\.\./x'\. Known: article, small"):
        render(study, report="../x")


def test_unknown_formats_and_engines_are_refused(study: Path) -> None:
    with pytest.raises(RenderError, match=r"unknown format 'htm'\. Did you mean 'html'"):
        render(study, formats=("htm",))
    with pytest.raises(RenderError, match=r"nothing to render"):
        render(study, formats=())
    with pytest.raises(RenderError, match=r"no engine 'latex'"):
        render(study, report="small", engine="latex")


def test_without_a_build_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(RenderError, match=r"no build/ yet\. Run `crosslevel run` first"):
        render(tmp_path, engine="embedded")


def test_a_build_that_a_killed_run_had_moved_aside_is_rendered(study: Path) -> None:
    """`render` said that there was no build and sent the reader to run again."""
    (study / ".build-old-x").mkdir()
    (study / "build").rename(study / ".build-old-x" / "build")
    assert once(study).is_file()
    assert not (study / ".build-old-x").exists()


def test_reports_and_formats_are_those_of_the_study(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`reports:` of study.yml was read and never used."""
    sealed(study, reports=["article", {"name": "small", "formats": ["html"]}])
    assert planned(study) == [("article", ("html", "pdf", "docx")), ("small", ("html",))]
    assert planned(study, "small") == [("small", ("html",))]
    assert planned(study, None, ["docx"]) == [("article", ["docx"]), ("small", ["docx"])]
    with pytest.raises(RenderError, match="no report 'smal'"):
        planned(study, "smal")
    sealed(study, reports=[{"name": "small", "formats": ["html"]}])
    assert main(["render", str(study), "--engine", "embedded"]) == 0
    assert "small.html" in capsys.readouterr().out
    assert [p.name for p in (study / "build" / "reports").iterdir()] == ["small.html"]


def test_changed_data_are_noticed_and_missing_data_are_not(study: Path) -> None:
    data = study / "data" / "employees.csv"
    data.write_text("other\n", encoding="utf-8")
    with pytest.raises(RenderError, match=r"out of date\. Run `crosslevel run` again") as caught:
        once(study)
    assert "data/employees.csv: has changed since build/ was made." in str(caught.value)
    data.unlink()
    assert once(study).is_file()


def test_data_outside_the_folder_are_compared_as_well(tmp_path: Path) -> None:
    study = write_report(tmp_path / "study", "Hello.\n")
    data = tmp_path / "survey.csv"
    data.write_text("a\n", encoding="utf-8")
    sealed(study, inputs=[{"path": "../survey.csv", "sha256": sha256(data), "bytes": 2}])
    assert once(study).is_file()
    data.write_text("b\n", encoding="utf-8")
    with pytest.raises(RenderError, match=r"\.\./survey\.csv: has changed since build/ was made"):
        once(study)


@pytest.mark.parametrize("name", ["values.json", "tables/coefficients.parquet"])
def test_a_build_that_was_changed_by_hand_is_not_shown(study: Path, name: str) -> None:
    """A number edited in build/values.json used to be printed."""
    path = study / "build" / name
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"6", b"7", 1))
    with pytest.raises(RenderError, match=r"Run `crosslevel run` again") as caught:
        once(study)
    assert f"build/{name}: was changed after the run." in str(caught.value)
    path.write_bytes(whole)
    assert once(study).is_file()


def test_a_build_with_a_table_taken_out_is_not_shown(study: Path) -> None:
    (study / "build" / "tables" / "items.parquet").unlink()
    with pytest.raises(RenderError, match=r"build/tables/items\.parquet: is missing"):
        once(study)


def test_a_report_that_is_open_elsewhere_is_named_and_the_others_put_back(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HTML was new and PDF old when the PDF could not be replaced."""
    before = {p: p.read_bytes() for p in render(study, report="small", engine="embedded")}
    write_report(study, "Changed.\n")
    replace = os.replace

    def locked(source: Path, target: Path) -> None:
        if target.suffix == ".pdf":
            raise PermissionError(13, "Permission denied")
        replace(source, target)

    monkeypatch.setattr(os, "replace", locked)
    with pytest.raises(
        RenderError, match=r"small\.pdf cannot be replaced: Permission denied\. If "
    ) as e:
        render(study, report="small", engine="embedded")
    assert "close it and render again. The previous report stays as it was." in str(e.value)
    assert {p: p.read_bytes() for p in before} == before
    for path in before:
        path.unlink()
    with pytest.raises(RenderError, match=r"cannot be replaced"):
        render(study, report="small", engine="embedded")
    assert not list((study / "build" / "reports").iterdir())


@pytest.mark.parametrize("name", ["[/x]", "[bold]small", "small]"])
def test_a_name_in_brackets_is_a_name(
    study: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--report '[/x]'` used to end in an error of the library that draws the terminal."""
    assert main(["render", str(study), "--report", name, "--engine", "embedded"]) == 1
    said = " ".join(capsys.readouterr().err.split())
    assert f"There is no report '{name}'." in said


def test_a_writer_that_dies_leaves_the_previous_report(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {p: p.read_bytes() for p in render(study, report="small", engine="embedded")}
    write_report(study, "Changed.\n")

    def die(_: object) -> bytes:
        raise RenderError("out of paper")

    monkeypatch.setattr(embedded, "_WRITERS", {**embedded._WRITERS, "docx": die})
    with pytest.raises(RenderError, match=r"out of paper"):
        render(study, report="small", engine="embedded")
    assert {p: p.read_bytes() for p in before} == before
    assert sorted(p.name for p in (study / "build" / "reports").iterdir()) == sorted(
        p.name for p in before
    )


def test_a_full_disk_leaves_the_previous_report(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {p: p.read_bytes() for p in render(study, report="small", engine="embedded")}
    write_report(study, "Changed.\n")
    whole = Path.write_bytes

    def full(path: Path, content: bytes) -> int:
        if path.name.endswith(".pdf.part"):
            whole(path, content[:10])
            raise OSError("no space left on device")
        return whole(path, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(RenderError, match=r"cannot be written: no space left"):
        render(study, report="small", engine="embedded")
    monkeypatch.undo()
    assert {p: p.read_bytes() for p in before} == before
    assert not list((study / "build" / "reports").glob(".*"))


def test_reports_that_is_a_file_is_said_so(study: Path) -> None:
    (study / "build" / "reports").write_text("x", encoding="utf-8")
    with pytest.raises(RenderError, match=r"reports is a file; it must be a folder"):
        once(study)


def test_eject_copies_template_theme_and_references(study: Path) -> None:
    with pytest.raises(RenderError, match=r"is no study: it has no study\.yml"):
        eject("article", study)
    (study / "study.yml").write_text("title: x\n", encoding="utf-8")
    with pytest.raises(RenderError, match=r"no report 'artical'\. Did you mean 'article'"):
        eject("artical", study)
    made = [path.relative_to(study).as_posix() for path in eject("article", study)]
    assert made == [
        "reports/article.qmd",
        "reports/references.bib",
        "reports/theme/report.css",
        "reports/theme/rules.typ",
    ]
    text = (study / "reports" / "article.qmd").read_text(encoding="utf-8")
    original = (catalogue.root() / "reports" / "article.qmd").read_text(encoding="utf-8")
    assert 'study = ".."' in text
    assert text.replace('study = ".."', 'study = "../analysis/danish-hospitals"') == original
    with pytest.raises(RenderError, match=r"exists already\. Delete it"):
        eject("article", study)
    (study / "reports" / "theme" / "report.css").write_text("p{color:#123456}", encoding="utf-8")
    page = render(study, formats=("html",), engine="embedded")[0].read_text(encoding="utf-8")
    assert "p{color:#123456}" in page


def test_commands(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["render", str(study), "--report", "small", "--engine", "embedded"]
    assert main([*arguments, "--to", "html,docx", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["engine"] == "embedded"
    assert [Path(path).name for path in said["files"]] == ["small.html", "small.docx"]
    assert main([*arguments, "--to", "html"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("Rendered with the embedded engine:")
    assert "small.html" in out
    assert main([*arguments, "--to", "odt"]) == 1
    assert "unknown format 'odt'" in capsys.readouterr().err
    (study / "study.yml").write_text("title: x\n", encoding="utf-8")
    assert main(["eject", "article", str(study)]) == 0
    assert "article.qmd" in capsys.readouterr().out


def test_values_estimates_and_cells_are_written_the_house_way(study: Path) -> None:
    report = open_report(study)
    assert str(report.value("hospitals_analysed")) == "6"
    assert str(report.value("response_rate")).endswith("%")
    assert str(report.value("rule")) == "mean-of-managers"
    assert report.value("employees_invited")._repr_markdown_() == str(
        report.value("employees_invited")
    )
    cell = report.cell("scales", "label", scale="engagement")
    assert str(cell) == "Engagement"


@pytest.mark.parametrize(
    ("call", "found"),
    [
        (lambda r: r.cell("scales", "alfa", scale="engagement"), "Did you mean 'alpha'"),
        (lambda r: r.cell("scales", "alpha", scale="engagment"), "Did you mean 'engagement'"),
        (lambda r: r.cell("scales", "alpha", scal="x"), "Did you mean 'scale'"),
        (lambda r: r.cell("scales", "alpha", audience="employee"), "has 4 rows"),
        (lambda r: r.estimate("problem_solving"), "Did you mean 'problem_solving_use'"),
        (lambda r: r.tables.model("mian"), "Did you mean 'main'"),
        (lambda r: r.figures.coefficients("null"), "no predictors for model 'null'"),
        (lambda r: r.figures.predictions("null"), "no predictions for model 'null'"),
        (lambda r: r.figures.unit_effects("null"), "no unit effects for model 'null'"),
    ],
)
def test_what_a_template_gets_wrong_is_named(study: Path, call: object, found: str) -> None:
    with pytest.raises(RenderError, match=found):
        call(open_report(study))  # type: ignore[operator]


def test_front_matter_of_the_template_gives_way_to_the_study(study: Path) -> None:
    web = Web.open(once(study))
    title = web.soup.find("h1", class_="title")
    assert title is not None
    assert "Small" in HEAD
    assert title.get_text() == (
        "Managers’ use of performance data and goal-based learning (simulated data)"
    )


def test_rendering_never_touches_private_data(study: Path) -> None:
    (study / "build" / "private").mkdir()
    path = study / "build" / "private" / "linked.parquet"
    path.write_bytes(b"not parquet at all")
    assert once(study).is_file()
    assert rendering.find_template(study, "small").name == "small.qmd"
