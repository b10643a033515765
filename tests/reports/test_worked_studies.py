"""The worked studies from data to pages: nothing missing, nothing that is not a number."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

from crosslevel.reporting import render
from crosslevel.study import Study
from reports.pages import Paper, Web, Word

ANALYSIS = Path(__file__).parents[2] / "analysis"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "figures", "tables"), [("danish-hospitals", 5, 12), ("army-companies", 4, 9)]
)
def test_study_becomes_a_report(tmp_path: Path, name: str, figures: int, tables: int) -> None:
    study = tmp_path / name
    shutil.copytree(ANALYSIS / name, study, ignore=shutil.ignore_patterns("build"))
    Study.open(study).run()
    html, pdf, docx = render(study, engine="embedded")
    web, paper, word = Web.open(html), Paper.open(pdf), Word.open(docx)
    assert len(web.soup.select("figure img")) == len(word.alternatives()) == figures
    assert len(web.tables()) == len(word.tables()) == tables
    assert paper.captions("Figure") == list(range(1, figures + 1))
    assert paper.captions("Table") == list(range(1, tables + 1))
    for text in (web.soup.get_text(), paper.text(), word.text()):
        assert not re.search(r"\b(nan|None|NaN|inf)\b", text)
        assert ("imulated data" in text) == (name == "danish-hospitals")
    roster = study / "data" / "units.csv"
    if roster.is_file():
        for unit in pd.read_csv(roster, dtype=str)["unit"]:
            assert not re.search(rf"\b{re.escape(unit)}\b", web.soup.get_text()), unit
