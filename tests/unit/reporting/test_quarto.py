"""The quarto engine, against a command that records what it was asked; the real one if there."""

from __future__ import annotations

import json
import os
import shutil
import stat
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from crosslevel.errors import RenderError
from crosslevel.reporting import render
from reports.pages import Web, Word, numbers
from reports.synthetic import write_build
from unit.reporting.small import write_report

FAKE = """#!{python}
import json, os, pathlib, sys
record = pathlib.Path({record!r})
calls = json.loads(record.read_text()) if record.exists() else []
here = pathlib.Path.cwd()
calls.append({{
    "arguments": sys.argv[1:],
    "files": sorted(p.relative_to(here).as_posix() for p in here.rglob("*") if p.is_file()),
    "text": (here / sys.argv[2]).read_text(encoding="utf-8"),
    "foot": (here / "foot.typ").read_text(encoding="utf-8"),
    "python": os.environ.get("QUARTO_PYTHON"),
}})
record.write_text(json.dumps(calls))
{ending}
"""
WRITES = """target = {"html": "html", "docx": "docx", "typst": "pdf"}[sys.argv[4]]
here.joinpath(sys.argv[2]).with_suffix("." + target).write_text("made by quarto: " + target)"""


def fake(folder: Path, monkeypatch: pytest.MonkeyPatch, *, ending: str = WRITES) -> Path:
    """Put a `quarto` on the PATH; return the file in which it notes its calls."""
    record = folder / "calls.json"
    program = folder / "bin" / "quarto"
    program.parent.mkdir()
    program.write_text(FAKE.format(python=sys.executable, record=str(record), ending=ending))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    return record


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return write_build(tmp_path / "study")


def test_auto_takes_quarto_and_runs_it_once_per_format(
    tmp_path: Path, study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = fake(tmp_path, monkeypatch)
    paths = render(study)
    assert [p.read_text() for p in paths] == [f"made by quarto: {p.suffix[1:]}" for p in paths]
    calls = json.loads(record.read_text())
    assert [call["arguments"] for call in calls] == [
        ["render", "article.qmd", "--to", output, "-P", f"study:{study.resolve()}"]
        for output in ("html", "typst", "docx")
    ]
    assert calls[0]["python"] == sys.executable
    assert {"article.qmd", "report.css", "rules.typ", "references.bib", "reference.docx"} <= set(
        calls[0]["files"]
    )
    assert "fonts/SourceSerifPro-Regular.ttf" in calls[0]["files"]


def test_front_matter_is_the_templates_with_the_studys_title_block(
    tmp_path: Path, study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = fake(tmp_path, monkeypatch)
    render(study, formats=("pdf",), engine="quarto")
    call = json.loads(record.read_text())[0]
    _, head, body = call["text"].split("---\n", 2)
    front = YAML(typ="safe").load(head)
    assert front["title"].endswith("goal-based learning (simulated data)")
    assert front["author"] == ["A. Researcher", "B. Researcher"]
    assert front["date"] == "2026-11-22"
    assert front["jupyter"] == "python3"
    assert front["execute"] == {"echo": False, "warning": False}
    assert front["format"]["html"]["css"] == ["report.css"]
    assert front["format"]["html"]["embed-resources"] is True
    assert front["format"]["html"]["include-after-body"] == "foot.html"
    assert front["format"]["docx"]["reference-doc"] == "reference.docx"
    assert front["format"]["typst"]["include-in-header"] == ["rules.typ", "foot.typ"]
    assert front["format"]["typst"]["font-paths"] == "fonts"
    assert front["bibliography"] == ["references.bib"]
    assert "Simulated data" in call["foot"]
    assert 'study = "../analysis/danish-hospitals"' in body


def test_what_quarto_says_is_passed_on(
    tmp_path: Path, study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(tmp_path, monkeypatch, ending='sys.exit("ERROR: no kernel named python3")')
    with pytest.raises(RenderError, match=r"quarto stopped at article\.qmd \(html\)") as caught:
        render(study, engine="quarto")
    assert "ERROR: no kernel named python3" in str(caught.value)
    assert not (study / "build" / "reports").exists()


def test_silence_without_a_file_is_an_error(
    tmp_path: Path, study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(tmp_path, monkeypatch, ending="pass")
    with pytest.raises(RenderError, match=r"wrote no article\.html"):
        render(study, formats=("html",))


def test_without_the_command_auto_is_embedded_and_quarto_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_report(tmp_path, "Text.\n")
    monkeypatch.setenv("PATH", "")
    assert render(tmp_path, report="small", formats=("html",))[0].is_file()
    with pytest.raises(RenderError, match=r"which is not on the PATH\. Install Quarto"):
        render(tmp_path, report="small", engine="quarto")


def test_a_template_without_front_matter_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_report(tmp_path, "Text.\n", head="")
    fake(tmp_path, monkeypatch)
    with pytest.raises(RenderError, match=r"small\.qmd has no front matter"):
        render(tmp_path, report="small", engine="quarto")


@pytest.mark.quarto
@pytest.mark.skipif(shutil.which("quarto") is None, reason="the quarto command is not installed")
def test_both_engines_show_the_same(tmp_path: Path, study: Path) -> None:
    shown = {}
    for engine in ("quarto", "embedded"):
        files = render(study, formats=("html", "docx"), engine=engine)
        web, word = Web.open(files[0]), Word.open(files[1])
        tables = [table for table in web.tables() if len(table) > 1]
        pictures = sum(name.startswith("word/media/") for name in word.parts)
        shown[engine] = (tables, sorted(numbers(web.prose())), pictures)
    assert shown["quarto"] == shown["embedded"]
