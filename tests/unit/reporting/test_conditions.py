"""Parts of a template that are shown only when the build has something for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from crosslevel.errors import RenderError, StudyError
from crosslevel.reporting import open_report, quarto, render
from crosslevel.reporting.conditions import resolved
from crosslevel.reporting.contents import contents
from crosslevel.reporting.job import Job
from crosslevel.reporting.qmd import read
from crosslevel.study.build import open_build
from reports.pages import Web
from reports.synthetic import edited, valued, write_build
from unit.reporting.small import write_report

TEMPLATE = Path(__file__).parents[3] / "reports" / "article.qmd"
BODY = """One.

::: {.content-visible when-meta="has.claims"}
Two, as @tbl-claims says.

```{python}
#| label: tbl-claims
#| tbl-cap: Claims.
import crosslevel as cl
cl.reporting.open_report("..").tables.claims()
```

::: {.callout-note}
Three.
:::
:::

::: {.content-visible unless-meta="has.claims"}
Nothing was claimed.
:::

Four, `{python} nothing`.
"""


def without_claims(study: Path) -> None:
    edited(study, "claims", lambda frame: frame.iloc[:0])


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ('{.content-visible when-meta="has.a"}', True),
        ('{.content-visible when-meta="has.b"}', False),
        ('{.content-visible unless-meta="has.b"}', True),
        ('{.content-hidden when-meta="has.a"}', False),
        ('{.content-hidden unless-meta="has.a"}', True),
    ],
)
def test_each_way_of_asking(line: str, shown: bool) -> None:
    lines = ["0", f"::: {line}", "1", ":::", "2"]
    made = resolved(lines, has={"a": True, "b": False}, name="x.qmd")
    assert made.lines == ("0", "", "1" if shown else "", "", "2")
    assert not made.problems


def test_parts_within_parts_and_code_that_looks_like_parts() -> None:
    lines = [
        '::: {.content-visible when-meta="has.a"}',
        ":::: {.note}",
        '::: {.content-visible when-meta="has.b"}',
        "no",
        "```",
        ":::",
        "```",
        ":::",
        "yes",
        "::::",
        ":::",
        "````",
        '::: {.content-visible when-meta="has.b"}',
        "```",
        "````",
    ]
    made = resolved(lines, has={"a": True, "b": False}, name="x.qmd").lines
    assert made == ("", ":::: {.note}", "", "", "", "", "", "", "yes", "::::", "", *lines[11:])


def test_lines_keep_their_numbers(tmp_path: Path) -> None:
    study = write_report(tmp_path, BODY)
    without_claims(study)
    with pytest.raises(RenderError) as caught:
        render(study, report="small", formats=("html",), engine="embedded")
    text = (study / "reports" / "small.qmd").read_text(encoding="utf-8").splitlines()
    line = next(n for n, words in enumerate(text, 1) if "Four" in words)
    assert f"small.qmd:{line}: inline `nothing` stopped" in str(caught.value)


def test_what_does_not_apply_is_neither_run_nor_shown(tmp_path: Path) -> None:
    study = write_report(tmp_path, BODY.replace("`{python} nothing`", "five"))
    web = Web.open(render(study, report="small", formats=("html",), engine="embedded")[0])
    assert "Two, as Table 1 says." in web.prose()
    assert "Three." in web.prose()
    assert "Nothing was claimed." not in web.prose()
    (tmp_path / "other").mkdir()
    other = write_report(tmp_path / "other", BODY.replace("`{python} nothing`", "five"))
    without_claims(other)
    web = Web.open(render(other, report="small", formats=("html",), engine="embedded")[0])
    assert "One. Nothing was claimed. Four, five." in web.prose()
    assert not web.tables()


def test_quarto_is_given_what_applies(tmp_path: Path) -> None:
    study = write_report(tmp_path, BODY)
    without_claims(study)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    job = Job(study, study / "reports" / "small.qmd", open_build(study), scratch)
    text = (quarto.prepare(job) / "small.qmd").read_text(encoding="utf-8")
    assert "Nothing was claimed." in text
    assert "tbl-claims" not in text
    assert "content-visible" not in text


@pytest.mark.parametrize(
    ("part", "found"),
    [
        ('{.content-visible when-meta="has.claim"}', "'has.claim'. Did you mean 'claims'"),
        ('{.content-visible when-meta="has.xyz"}', "nothing is known of 'has.xyz'. Known: "),
        ('{.content-visible when-meta="draft"}', 'only when-meta="has.NAME" is known'),
        ('{.content-visible when-format="html"}', "conditional content"),
    ],
)
def test_conditions_nobody_knows_are_named(tmp_path: Path, part: str, found: str) -> None:
    study = write_report(tmp_path, f"A.\n\n::: {part}\nB\n:::\n")
    with pytest.raises(RenderError, match=r"small\.qmd:10: ") as caught:
        render(study, report="small", formats=("html",), engine="embedded")
    assert found in str(caught.value)


def test_a_part_without_an_end_is_named_by_both_engines(tmp_path: Path) -> None:
    study = write_report(tmp_path, 'A.\n\n::: {.content-visible when-meta="has.claims"}\nB\n')
    found = r"small\.qmd:10: this part is never closed\. End it with `:::`"
    with pytest.raises(RenderError, match=found):
        render(study, report="small", formats=("html",), engine="embedded")
    (tmp_path / "scratch").mkdir()
    job = Job(study, study / "reports" / "small.qmd", open_build(study), tmp_path / "scratch")
    with pytest.raises(RenderError, match=found):
        quarto.prepare(job)


def test_plain_quarto_shows_every_part_of_the_article(tmp_path: Path) -> None:
    """The front matter says so by the names a build answers to."""
    has = contents(open_build(write_build(tmp_path)))
    assert dict(read(TEMPLATE).front["has"]) == dict.fromkeys(sorted(has), True)
    assert all(has.values())


@pytest.mark.parametrize(
    ("table", "names"),
    [
        ("claims", {"claims"}),
        ("predictions", {"predictions"}),
        ("unit_effects", {"units"}),
        ("common_source", {"sources"}),
        ("iccs", {"shares"}),
        ("correlations", {"correlations"}),
        ("items", {"employee-items", "manager-items"}),
        ("descriptives", {"background"}),
        ("coefficients", {"predictors", "uses"}),
        ("response", {"response"}),
        ("missing", {"missing"}),
    ],
)
def test_an_empty_table_is_nothing_to_show(tmp_path: Path, table: str, names: set[str]) -> None:
    study = write_build(tmp_path)
    edited(study, table, lambda frame: frame.iloc[:0])
    has = contents(open_build(study))
    assert {name for name, there in has.items() if not there} == names


def test_numbers_without_a_value_are_nothing_to_show(tmp_path: Path) -> None:
    study = write_build(tmp_path)
    edited(study, "scales", lambda frame: frame.assign(alpha=float("nan"), icc1=float("nan")))
    valued(study, managers_invited=0)
    has = contents(open_build(study))
    left = {name for name, there in has.items() if not there}
    assert left == {"aggregation", "managers", "reliability"}


def test_the_main_model_is_the_runs(tmp_path: Path) -> None:
    """Reports had a rule of their own where the build named none."""
    study = write_build(tmp_path)
    valued(study, main_model="perceived")
    assert open_report(study).tables.main_model == "perceived"
    valued(study, main_model=None)
    with pytest.raises(StudyError, match="no value 'main_model'"):
        _ = open_report(study).tables.main_model
