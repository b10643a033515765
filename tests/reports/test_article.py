"""The article: every number is the build's, in every format, and nothing is lost on the way."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from crosslevel.reporting import render
from reports.pages import Paper, Web, Word, fixed, numbers, tidy
from reports.synthetic import UNIT_NAMES, write_build

TEMPLATE = Path(__file__).parents[2] / "reports" / "article.qmd"
FIGURES, TABLES = 6, 18


@pytest.fixture(scope="module")
def web(article: dict[str, Path]) -> Web:
    return Web.open(article["html"])


@pytest.fixture(scope="module")
def word(article: dict[str, Path]) -> Word:
    return Word.open(article["docx"])


@pytest.fixture(scope="module")
def paper(article: dict[str, Path]) -> Paper:
    return Paper.open(article["pdf"])


def table(study: Path, name: str) -> pd.DataFrame:
    return pd.read_parquet(study / "build" / "tables" / f"{name}.parquet")


def span(low: float, high: float, decimals: int = 2) -> str:
    return f"[{fixed(low, decimals)}, {fixed(high, decimals)}]"


def places(*values: float) -> int:
    """Two decimals, or as many more as keep every sign."""
    return next(d for d in range(2, 5) if all(round(v, d) for v in values))


def p(value: float) -> str:
    return "<0.001" if value < 0.001 else fixed(value, 3)


def body(rows: list[list[str]]) -> list[list[str]]:
    """Rows below the header that hold more than a section's name."""
    return [row for row in rows[1:] if any(row[1:])]


def test_reliability_table_is_the_build(study: Path, web: Web) -> None:
    scales = table(study, "scales").merge(table(study, "evidence"), on="scale")
    expected = [
        [
            row.label, str(row.n_items), f"{row.n:,}", fixed(row.mean, 2), fixed(row.std_dev, 2),
            fixed(row.alpha, 2), span(row.alpha_low, row.alpha_high), fixed(row.omega, 2),
            span(row.omega_low, row.omega_high),
        ]
        for row in scales.itertuples()
    ]  # fmt: skip
    assert body(web.table("tbl-reliability")) == expected


def test_aggregation_table_is_the_build(study: Path, web: Web) -> None:
    frame = table(study, "scales")
    expected = [
        [
            row.label, str(int(row.groups)), fixed(row.mean_size, 1), fixed(row.icc1, 2),
            span(row.icc1_low, row.icc1_high), fixed(row.icc2, 2), fixed(row.rwg_median, 2),
            f"{fixed(100 * row.rwg_share_070, 0)}%", fixed(row.design_effect, 1),
        ]
        for row in frame[frame["audience"] == "employee"].itertuples()
    ]  # fmt: skip
    assert body(web.table("tbl-aggregation")) == expected


def test_fit_of_factors_is_the_build(study: Path, web: Web) -> None:
    expected = [
        [
            {"employee": "Employees", "manager": "Managers"}[row.audience], f"{row.n:,}",
            str(row.factors), f"{fixed(row.chisq, 1)} ({row.df})", p(row.p_value),
            fixed(row.cfi, 3), fixed(row.tli, 3),
            f"{fixed(row.rmsea, 3)} {span(row.rmsea_low, row.rmsea_high, 3)}", fixed(row.srmr, 3),
        ]
        for row in table(study, "factor_fit").itertuples()
    ]  # fmt: skip
    assert body(web.table("tbl-fit")) == expected


def test_invariance_table_is_the_build(study: Path, web: Web) -> None:
    frame = table(study, "invariance")
    expected = []
    for _, own in frame.groupby("scale", sort=False):
        steps, first = own.set_index("step"), own.iloc[0]
        cells = [first["label"], str(first["groups"]), f"{first['n']:,}"]
        for step in ("metric", "scalar", "strict"):
            change = fixed(steps.loc[step, "cfi_change"], 3)
            cells.append(change if steps.loc[step, "holds"] == "yes" else f"({change})")
        comparable = (steps.loc[["configural", "metric", "scalar"], "holds"] == "yes").all()
        expected.append([*cells, "yes" if comparable else "no"])
    assert body(web.table("tbl-invariance")) == expected
    for text in frame["verdict"].unique():
        assert text in web.prose()


def test_screening_and_sensitivity_are_the_build(study: Path, web: Web) -> None:
    rows = body(web.table("tbl-careless"))
    flagged = table(study, "careless")
    assert rows[0][2:4] == ["fewer than 10", ""]
    share = f"{fixed(100 * flagged['share'][1], 0)}%"
    assert rows[1][2:4] == [fixed(flagged["flagged"][1], 0), share]
    expected = [
        [
            row.label, fixed(row.estimate, 3), span(row.conf_low, row.conf_high, 3),
            fixed(row.estimate_without, 3), span(row.conf_low_without, row.conf_high_without, 3),
        ]
        for row in table(study, "sensitivity").itertuples()
    ]  # fmt: skip
    assert body(web.table("tbl-sensitivity")) == expected


def test_response_and_missing_answers_are_the_build(study: Path, web: Web) -> None:
    whole, *groups = body(web.table("tbl-response"))
    first, *levels = table(study, "response").itertuples()
    ends = f"({fixed(100 * first.conf_low, 0)} to {fixed(100 * first.conf_high, 0)}%)"
    rate = f"{fixed(100 * first.rate, 0)}% {ends}"
    assert whole == ["All", "", "3,400", "1,700", rate, "", "", ""]
    assert groups == [
        [f"By {row.label.lower()}", f"{row.groups:.0f}", "", "", ""]
        + [f"{fixed(100 * value, 0)}%" for value in (row.lowest, row.median, row.highest)]
        for row in levels
    ]
    staff, heads = body(web.table("tbl-missing"))
    first, second = table(study, "missing").itertuples()
    assert staff == [
        "Employees", "1,700", "16", f"{fixed(100 * first.share_missing, 0)}%",
        f"{first.complete:,.0f}", "41", f"{first.little_statistic:,.0f} (6,100)", "0.432",
    ]  # fmt: skip
    assert heads[5:] == ["not shown", f"{fixed(second.little_statistic, 1)} (120)", "0.012"]
    prose = web.prose()
    assert "Little’s test speaks against gaps that are completely random for managers (χ²" in prose
    assert "Little’s test has no sign for employees (χ² " in prose
    assert (
        f"Employees gave no answer to {fixed(100 * first.share_missing, 0)}% of the items" in prose
    )
    values = json.loads((study / "build" / "values.json").read_text(encoding="utf-8"))
    ends = span(values["r_indicator_low"], values["r_indicator_high"])
    indicator = f"The R-indicator is {fixed(values['r_indicator'], 2)} (95% interval {ends})"
    assert indicator in prose


def test_background_table_is_the_build(study: Path, web: Web) -> None:
    frame = table(study, "descriptives")
    frame = frame[frame["kind"] == "background"]
    expected = []
    for row in frame.itertuples():
        if np.isnan(row.share):
            shown = [fixed(row.mean, 2), fixed(row.std_dev, 2)]
        else:
            shown = [f"{fixed(100 * row.share, 0)}%", ""]
        expected.append([row.label, f"{row.n:,}", *shown])
    assert body(web.table("tbl-background")) == expected


def test_correlations_stand_within_above_and_between_below(study: Path, web: Web) -> None:
    rows = web.table("tbl-correlations")[1:]
    names = [row[0].split(". ", 1)[1] for row in rows]
    for entry in table(study, "correlations").itertuples():
        i, j = names.index(entry.label), names.index(entry.other_label)
        upper, lower = sorted((i, j))
        row, column = (upper, lower) if entry.level == "within" else (lower, upper)
        assert rows[row][3 + column] == fixed(entry.estimate, 2)
    shown = sum(cell not in ("", "–") for row in rows for cell in row[3:])
    assert shown == len(table(study, "correlations"))
    scales = table(study, "scales").set_index("label")
    for name, row in zip(names, rows, strict=True):
        assert row[1:3] == [fixed(scales.loc[name, c], 2) for c in ("mean", "std_dev")]


def test_icc_table_is_the_build(study: Path, web: Web) -> None:
    expected = [
        [
            row.outcome_label,
            row.group.capitalize(),
            str(row.groups),
            f"{row.n:,}",
            fixed(row.icc, 3),
        ]
        for row in table(study, "iccs").itertuples()
    ]
    assert body(web.table("tbl-iccs")) == expected


def test_model_table_holds_both_estimators_and_the_variances(study: Path, web: Web) -> None:
    rows = body(web.table("tbl-main"))
    frame = table(study, "coefficients")
    frame = frame[frame["model"] == "main"]
    left = frame[frame["estimator"] == "multilevel"].itertuples()
    right = frame[frame["estimator"] == "ols-cluster"].itertuples()
    expected = []
    for pair in zip(left, right, strict=True):
        cells = [pair[0].label]
        for one in pair:
            d = places(one.estimate, one.conf_low, one.conf_high)
            cells.append(f"{fixed(one.estimate, d)} ({fixed(one.std_error, d)})")
            cells.append(span(one.conf_low, one.conf_high, d))
            if one.estimator == "multilevel":
                cells.append(fixed(one.df, 0 if one.df >= 100 else 1))
            cells.append(p(one.p_value))
        expected.append(cells)
    assert rows[: len(expected)] == expected
    rest = {row[0]: row[1] for row in rows[len(expected) :]}
    variance = table(study, "variance")
    for one in variance[variance["model"] == "main"].itertuples():
        name = "Residual" if one.group == "Residual" else f"Between {one.group}s"
        assert rest.pop(name) == fixed(one.std_dev, 2)
    fit = table(study, "fits").set_index("model").loc["main"]
    assert rest == {
        "Employees": f"{fit['n']:,}", "REML criterion": fixed(fit["criterion"], 1)
    }  # fmt: skip


def test_source_claims_and_item_tables_are_the_build(study: Path, web: Web) -> None:
    expected = [
        [
            row.source, f"{fixed(row.estimate, 2)} ({fixed(row.std_error, 2)})",
            span(row.conf_low, row.conf_high), fixed(row.standardised, 2),
            span(row.standardised_low, row.standardised_high),
        ]
        for row in table(study, "common_source").itertuples()
    ]  # fmt: skip
    assert body(web.table("tbl-source")) == expected
    expected = [
        [
            row.statement, row.expected.capitalize(), fixed(row.smallest, 2),
            fixed(row.estimate, 2), span(row.conf_low, row.conf_high), row.verdict.capitalize(),
        ]
        for row in table(study, "claims").itertuples()
    ]  # fmt: skip
    assert body(web.table("tbl-claims")) == expected
    shown = body(web.table("tbl-items-employees")) + body(web.table("tbl-items-managers"))
    expected = [
        [
            row.text + (" (reversed)" if row.reversed else ""), f"{row.n:,}", fixed(row.mean, 2),
            fixed(row.std_dev, 2), fixed(row.item_total, 2), fixed(row.alpha_if_dropped, 2),
        ]
        for row in table(study, "items").itertuples()
    ]  # fmt: skip
    assert shown == expected


def test_provenance_tables_are_the_manifest(study: Path, web: Web) -> None:
    manifest = json.loads((study / "build" / "manifest.json").read_text(encoding="utf-8"))
    entry = manifest["inputs"][0]
    assert body(web.table("tbl-inputs")) == [
        [entry["path"], str(entry["bytes"]), entry["sha256"][:16]]
    ]
    versions = dict(web.table("tbl-software")[1:])
    assert versions.pop("crosslevel") == manifest["crosslevel_version"]
    assert versions.pop("Python") == manifest["python"]
    assert versions == manifest["packages"]


def test_abstract_states_sample_and_estimates(study: Path, web: Web) -> None:
    abstract = web.soup.find(id="abstract")
    assert abstract is not None
    text = tidy(abstract.get_text())
    fit = table(study, "fits").set_index("model").loc["main"]
    assert fit["groups"] == "72 unit, 6 hospital"
    assert f"{fit['n']:,} employees of 72 units in 6 hospitals are analysed" in text
    frame = table(study, "coefficients")
    own = frame[(frame["model"] == "main") & (frame["estimator"] == "multilevel")]
    for term in ("problem_solving_use", "reward_control_use"):
        row = own.set_index("term").loc[term]
        low, high = fixed(row["conf_low"], 2), fixed(row["conf_high"], 2)
        assert f"{fixed(row['estimate'], 2)} (95% interval {low} to {high})" in text


def _literals() -> set[str]:
    """Numbers that the template itself writes."""
    text = re.sub(r"```.*?```", "", TEMPLATE.read_text(encoding="utf-8"), flags=re.DOTALL)
    return set(numbers(re.sub(r"`\{python\}[^`]*`", "", text.split("---", 2)[2])))


def _known(study: Path) -> set[str]:
    """Every number of the build that prose may show, as it would be written."""
    values = json.loads((study / "build" / "values.json").read_text(encoding="utf-8"))
    manifest = json.loads((study / "build" / "manifest.json").read_text(encoding="utf-8"))
    known = {fixed(v, 0) for v in values.values() if isinstance(v, int)}
    known |= {f"{fixed(100 * v, 0)}%" for v in values.values() if isinstance(v, float)}
    frame = table(study, "coefficients")
    columns = frame[["estimate", "conf_low", "conf_high"]].to_numpy().ravel()
    known |= {fixed(v, d) for v in columns for d in (2, 3)} | {
        fixed(v, 3) for v in table(study, "iccs")["icc"]
    }
    known |= set(numbers(" ".join(table(study, "claims")["sentence"])))
    known |= {str(manifest["seed"]), str(manifest["disclosure_minimum"]), "95%"}
    known |= {str(len(manifest["inputs"]))}
    known |= {fixed(n, 0) for n in table(study, "fits")["n"]}
    known |= set(numbers(" ".join(table(study, "fits")["groups"])))
    known |= {fixed(v, 2) for v in values.values() if isinstance(v, float)}
    for row in table(study, "missing").itertuples():
        statistic = row.little_statistic
        known |= {fixed(n, 0) for n in (row.n, row.complete, row.stopped, row.little_df)}
        known |= {f"{fixed(100 * v, 0)}%" for v in (row.share_missing, row.most_missing_share)}
        known |= {fixed(statistic, 0 if statistic >= 1000 else 1), p(row.little_p_value)}
    return known


def test_every_number_in_prose_is_in_the_build(
    study: Path, web: Web, other_article: Path, paper: Paper
) -> None:
    """Two builds without a common estimate: what stands in one report is not in the other's."""
    citations = {"2020", "2007", "1951", "1965", "2000", "1984", "2015", "2003", "1"}
    citations |= {
        "1988",
        "1999",
        "2009",
        "2012",
        "2022",
        "0.90",
    }  # the last two: a rule and who set it
    sections = {"2", "3", "4", "5", "6"} | {f"{i}.{n}" for i in (3, 5) for n in range(1, 9)}
    references = {str(n) for n in range(1, 20)}
    allowed = _literals() | citations | sections | references
    manifest = json.loads((study / "build" / "manifest.json").read_text(encoding="utf-8"))
    versions = set(numbers(f"{manifest['crosslevel_version']} {manifest['python']}"))
    assert _literals() == set(), "the template writes a number itself"
    first = set(numbers(web.prose())) - allowed - versions - {"0.1", "3.11"}
    assert len(first) > 20
    assert first <= _known(study) | versions
    other = other_article.parents[2]
    second = set(numbers(Web.open(other_article).prose())) - allowed - versions
    assert second <= _known(other) | versions
    estimates = {n for n in first if re.fullmatch(r"−?\d\.\d\d", n)}
    assert len(estimates & _known(other)) < len(estimates) / 2
    assert {n for n in first if "." in n} <= set(paper.numbers())


def test_all_formats_hold_the_same_tables(web: Web, word: Word, paper: Paper) -> None:
    assert web.tables() == word.tables()
    cells = Counter(n for rows in web.tables() for row in rows for c in row for n in numbers(c))
    on_paper = paper.numbers()
    missing = {n: k for n, k in cells.items() if on_paper[n] < k and not n.startswith("<")}
    assert not missing


def test_all_formats_hold_the_same_prose(web: Web, word: Word, paper: Paper) -> None:
    squeezed = re.sub(r"\W", "", paper.text())
    for paragraph in web.soup.select("main p"):
        if paragraph.find("math") or paragraph.find_parent(id="refs"):
            continue
        text = tidy(paragraph.get_text())
        if paragraph.find_parent("figure") is None:
            assert text in word.text(), text
        start = re.sub(r"\W", "", text)[:40]
        assert start in squeezed, text


def test_figures_and_tables_are_counted_alike(web: Web, word: Word, paper: Paper) -> None:
    assert len(web.soup.select("figure img")) == FIGURES
    assert sum(n.startswith("word/media/") for n in word.parts) == FIGURES
    assert paper.captions("Figure") == list(range(1, FIGURES + 1))
    assert len(web.tables()) == len(word.tables()) == TABLES
    assert paper.captions("Table") == list(range(1, TABLES + 1))
    shown = [tidy(c.get_text()) for c in web.soup.select("figcaption, caption")]
    assert all(re.match(r"(Figure|Table) \d+\. [A-Z]", c) for c in shown), shown
    assert [c for c in shown if c.startswith("Figure")] == word.styled("ImageCaption")
    assert [c for c in shown if c.startswith("Table")] == word.styled("TableCaption")
    for caption in shown:
        assert paper.text().count(caption[:40]) == 1, caption


def test_every_figure_has_alternative_text(web: Web, word: Word, paper: Paper) -> None:
    shown = [str(image["alt"]) for image in web.soup.select("figure img")]
    assert len(shown) == FIGURES
    assert all(len(text) > 60 for text in shown)
    assert word.alternatives() == shown
    assert sorted(paper.alternatives()) == sorted(shown)


def test_cross_references_point_at_something(web: Web) -> None:
    links = web.soup.select("a.quarto-xref")
    assert len(links) > 12
    for link in links:
        target = web.soup.find(id=str(link["href"])[1:])
        assert target is not None, link
        caption = target.find(["figcaption", "caption"])
        if caption is not None:
            assert tidy(caption.get_text()).startswith(f"{tidy(link.get_text())}.")


def test_page_needs_nothing_from_elsewhere(article: dict[str, Path], web: Web) -> None:
    text = article["html"].read_text(encoding="utf-8")
    assert not web.soup.select("script, link, iframe")
    assert all(str(image["src"]).startswith("data:") for image in web.soup.select("img"))
    assert not re.search(r"url\((?!data:)", text)
    assert text.count("font/woff") == 6
    assert "{python}" not in text
    assert ":::" not in web.prose()


def test_tables_can_be_heard(web: Web) -> None:
    """Columns, rows and sections have header cells of their own."""
    for node in web.soup.find_all("table"):
        assert {cell["scope"] for cell in node.select("thead th") if cell.get_text()} == {"col"}
        for row in node.select("tbody tr"):
            names = row.find_all("th")
            assert len(names) == 1, row
            alone = not any(cell.get_text(strip=True) for cell in row.find_all("td"))
            assert names[0]["scope"] == ("rowgroup" if alone else "row")
            assert ("section" in row.get("class", [])) == alone
            first = row is row.parent.find("tr")
            assert first or not alone, "a section is the first row of its body"


def test_simulated_data_say_so_in_title_and_foot(web: Web, word: Word, paper: Paper) -> None:
    title = web.soup.find("h1", class_="title")
    foot = web.soup.find("footer")
    assert title is not None
    assert foot is not None
    assert web.soup.title is not None
    assert "simulated data" in title.get_text()
    assert "simulated data" in web.soup.title.get_text()
    assert foot.get_text() == "Simulated data"
    assert "simulated data" in word.styled("Title")[0]
    assert b"Simulated data" in word.parts["word/footer1.xml"]
    assert "simulated data" in str(paper.reader.metadata.title)
    assert all("Simulated data" in page for page in paper.pages)
    assert "These data were drawn by a computer" in paper.text()
    assert "These data were drawn by a computer" in word.text()


def test_real_data_do_not_say_so(tmp_path: Path) -> None:
    write_build(tmp_path, seed=3, simulated=False)
    paths = {path.suffix: path for path in render(tmp_path, engine="embedded")}
    assert "simulated" not in Web.open(paths[".html"]).soup.get_text().lower()
    assert "simulated" not in Paper.open(paths[".pdf"]).text().lower()
    word = Word.open(paths[".docx"])
    assert "simulated" not in word.text().lower()
    assert b"imulated" not in word.parts["word/footer1.xml"]


def test_no_unit_is_named_anywhere(web: Web, word: Word, paper: Paper) -> None:
    texts = [str(web.soup), word.text(), paper.text()]
    for name in [*UNIT_NAMES, "hospital-0"]:
        assert not any(name in text for text in texts), name
    pictures = " ".join(str(image["src"])[:20] for image in web.soup.select("img"))
    assert "unit" not in pictures


def test_wording_is_never_causal(web: Web) -> None:
    assert not re.search(
        r"\b(caused?|causes? (more|less)|leads? to|impact of|due to)\b", web.prose()
    )
    assert "associated with" in web.prose()


def test_equal_builds_give_equal_bytes(study: Path, article: dict[str, Path]) -> None:
    before = {name: path.read_bytes() for name, path in article.items()}
    render(study, engine="embedded")
    for name, path in article.items():
        assert path.read_bytes() == before[name], name


def test_paper_embeds_its_typefaces(paper: Paper) -> None:
    fonts = set()
    for page in paper.reader.pages:
        fonts |= {str(f.get_object()["/BaseFont"]) for f in page["/Resources"]["/Font"].values()}
    names = {name.split("+")[-1].split("-")[0] for name in fonts}
    assert {"SourceSerifPro", "SourceSansPro"} <= names
    assert not any("Libertinus" in name for name in names)
