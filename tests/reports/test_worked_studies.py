"""The worked studies from data to pages: nothing missing, nothing that is not a number."""

from __future__ import annotations

import math
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

from crosslevel.reporting import render
from crosslevel.study import Study, open_build
from reports.pages import Paper, Web, Word

ANALYSIS = Path(__file__).parents[2] / "analysis"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "figures", "tables"), [("danish-hospitals", 6, 17), ("army-companies", 4, 9)]
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
    build = open_build(study)
    fits = build.table("fits").set_index("model")
    main = fits.loc[build.value("main_model")]
    assert main["reference"].rstrip(".")[1:] in web.prose()
    assert "estimated by restricted maximum likelihood (Bates" in web.prose()
    frame = build.table("coefficients").query("model == @main.name and estimator == 'multilevel'")
    rows = {row[0]: row for row in web.table("tbl-main")}
    assert rows[""][3] == "df"
    for row in frame.itertuples():
        assert math.isfinite(row.df)
        shown = float(rows[row.label][3].replace(",", ""))
        assert shown == pytest.approx(row.df, abs=0.5 if row.df >= 100 else 0.05)
    roster = study / "data" / "units.csv"
    if roster.is_file():
        for unit in pd.read_csv(roster, dtype=str)["unit"]:
            assert not re.search(rf"\b{re.escape(unit)}\b", web.soup.get_text()), unit
