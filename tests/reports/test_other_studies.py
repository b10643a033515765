"""The article of studies that lack what the demonstration has: nothing empty, nothing untrue."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from crosslevel.reporting import render
from reports.pages import Paper, Web, Word
from reports.synthetic import edited, sealed, valued, write_build

PREDICTORS = ("problem_solving_use", "reward_control_use")


def emptied(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.iloc[:0]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One survey, two levels, ML, sums; no managers, background, claims, comparisons."""
    study = write_build(tmp_path_factory.mktemp("plain"), simulated=False)
    for name in ("claims", "predictions", "common_source", "sensitivity"):
        edited(study, name, emptied)
    for name in ("factor_fit", "loadings", "factors", "missing"):
        edited(study, name, lambda f: f[f["audience"] == "employee"])
    managers = ("audience", "employee")
    edited(study, "scales", lambda f: f[f[managers[0]] == managers[1]].assign(method="sum"))
    scales = set(pd.read_parquet(study / "build" / "tables" / "scales.parquet")["scale"])
    edited(study, "items", lambda f: f[f["scale"].isin(scales)])
    edited(study, "descriptives", lambda f: f[f["kind"] == "scale"])
    edited(
        study, "correlations",
        lambda f: f[f["variable"].isin(scales) & f["other"].isin(scales)],
    )  # fmt: skip
    edited(study, "coefficients", lambda f: f[~f["term"].isin(PREDICTORS)])
    formula = "goal_learning ~ tenure + profession + (1 | unit)"
    edited(study, "fits", lambda f: f.assign(groups="72 unit", method="ML", formula=formula))
    edited(study, "variance", lambda f: f[f["group"] != "hospital"])
    edited(study, "iccs", lambda f: f[f["group"] != "hospital"])
    edited(study, "flow", lambda f: f[f["level"] != "manager"])
    edited(study, "response", lambda f: f[f["variable"] != "hospital"])
    valued(study, response_attributes="")
    valued(study, hospitals_invited=None, managers_invited=0, managers_responded=0, rule="")
    sealed(study, title="Learning at work", subtitle="One survey")
    return {path.suffix: path for path in render(study, engine="embedded")}


def test_what_is_not_there_is_not_spoken_of(plain: dict[str, Path]) -> None:
    texts = {
        "html": Web.open(plain[".html"]).soup.get_text(),
        "pdf": Paper.open(plain[".pdf"]).text(),
        "docx": Word.open(plain[".docx"]).text(),
    }
    for kind, text in texts.items():
        for word in ("anager", "ospital", "laim", "Two surveys", "restricted", "before any model"):
            assert word not in text, (kind, word)


def test_what_is_there_is_said_as_it_is(plain: dict[str, Path]) -> None:
    prose = Web.open(plain[".html"]).prose()
    assert "The main model analyses 1,688 employees of 72 units." in prose
    assert "One survey was fielded, of employees." in prose
    assert "Units hold employees, and the analysis keeps both levels." in prose
    assert "estimated by maximum likelihood" in prose
    assert "Every scale is the sum of its items" in prose


def test_tables_and_figures_are_numbered_without_a_gap(plain: dict[str, Path]) -> None:
    web, paper, word = (
        Web.open(plain[".html"]), Paper.open(plain[".pdf"]), Word.open(plain[".docx"])
    )  # fmt: skip
    tables, figures = 13, 4
    assert len(web.tables()) == len(word.tables()) == tables
    assert paper.captions("Table") == list(range(1, tables + 1))
    assert len(web.soup.select("figure img")) == figures
    assert paper.captions("Figure") == list(range(1, figures + 1))
    assert all(len(rows) > 1 for rows in web.tables())
    ids = {node["id"] for node in web.soup.select("[id]")}
    assert {str(link["href"])[1:] for link in web.soup.select("a.quarto-xref")} <= ids


@pytest.mark.parametrize(
    "table",
    ["claims", "predictions", "common_source", "unit_effects", "iccs", "correlations", "items"],
)
def test_each_part_may_be_missing_alone(tmp_path: Path, table: str) -> None:
    """Without claims the render used to stop at "no predictions"."""
    study = write_build(tmp_path)
    edited(study, table, emptied)
    if table == "claims":
        edited(study, "predictions", emptied)
    web = Web.open(render(study, formats=("html",), engine="embedded")[0])
    assert all(len(rows) > 1 for rows in web.tables())
    assert not re.search(r"  |\.\.| ,| \.", web.prose())


def test_a_scale_the_study_leaves_out_is_no_background(tmp_path: Path) -> None:
    """Scales of the instrument that the study does not name stood among who answered."""
    study = write_build(tmp_path)
    edited(study, "scales", lambda f: f[f["scale"] != "engagement"])
    web = Web.open(render(study, formats=("html",), engine="embedded")[0])
    assert "Engagement" not in {row[0] for row in web.table("tbl-background")}


def test_a_study_of_null_models_is_a_report(tmp_path: Path) -> None:
    study = write_build(tmp_path)
    for name in ("claims", "predictions", "common_source"):
        edited(study, name, emptied)
    for name in ("coefficients", "fits", "variance"):
        edited(study, name, lambda f: f[f["model"] == "null"])
    edited(study, "unit_effects", lambda f: f.assign(model="null"))
    valued(study, main_model="null")
    web = Web.open(render(study, formats=("html",), engine="embedded")[0])
    assert web.soup.find(id="fig-coefficients") is None
    assert "OLS" not in web.soup.get_text()
    assert "ordinary regression" not in web.prose()
