"""Questionnaires and codebooks: every item in every format, equal bytes, values never markup."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd
import pytest
from bs4 import BeautifulSoup
from pypdf import PdfReader

from crosslevel import instruments
from crosslevel.catalogue import instrument_dir
from crosslevel.cli import main
from crosslevel.errors import InstrumentError, RenderError
from crosslevel.reporting.questionnaire import write_codebook, write_questionnaire
from crosslevel.reporting.questionnaire_pages import sheet

HOSTILE = '#panic("x") *b* _i_ $y$ <script>alert(1)</script> {{x}} `ls` \\ & @fig-a'
SMALL = """\
id: small
version: 2.0.1
title: {en: A small one}
audience: employee
languages: [en]
provenance: user-supplied
source: none
licence: none
validation: none
response_scales:
  often:
    kind: ordered
    options: {1: {en: Never}, 2: {en: Always}}
    not_relevant: {8: {en: Cannot say}}
  group: {kind: nominal, options: {1: {en: Nurse}, 2: {en: Doctor}}}
  years: {kind: number, minimum: 0, maximum: 120, unit: {en: years}}
  free: {kind: number}
scales:
  tone: {label: {en: Tone}, role: climate, method: sum, minimum_valid: 1}
items:
  - {id: t1, scale: tone, response_scale: often, text: {en: 'HOSTILE'}}
  - {id: t2, scale: tone, response_scale: often, reverse: true, text: {en: Second}}
  - {id: job, background: true, response_scale: group, text: {en: Your job?}}
  - {id: age, background: true, response_scale: years, text: {en: Your age?}}
  - {id: km, background: true, response_scale: free, text: {en: How far?}}
"""


@pytest.fixture
def small(tmp_path: Path) -> instruments.Instrument:
    file = tmp_path / "instrument.yml"
    file.write_text(SMALL.replace("HOSTILE", HOSTILE), encoding="utf-8")
    return instruments.read(file)


def words(path: Path) -> str:
    """The text of a rendered file, with single spaces."""
    content = path.read_bytes()
    if path.suffix == ".pdf":
        text = " ".join(page.extract_text() for page in PdfReader(io.BytesIO(content)).pages)
    elif path.suffix == ".html":
        text = BeautifulSoup(content, "html.parser").main.get_text(" ")  # type: ignore[union-attr]
    else:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            document = archive.read("word/document.xml")
        text = " ".join(ElementTree.fromstring(document).itertext())  # noqa: S314 (our own)
    return " ".join(text.split())


def squeezed(text: str) -> str:
    """A text without white space and line-end hyphens, as a PDF may break it anywhere."""
    return "".join(text.split()).replace("\u00ad", "")


@pytest.mark.parametrize("name", ["manager-data-use", "employee-goal-learning"])
@pytest.mark.parametrize("language", ["en", "da"])
def test_every_text_is_in_every_format(tmp_path: Path, name: str, language: str) -> None:
    instrument = instruments.read(instrument_dir(name))
    page = sheet(instrument, language)
    for path in write_questionnaire(instrument, tmp_path, language=language):
        assert path.name == f"{name}-{language}{path.suffix}"
        found = squeezed(words(path))
        for item in instrument.items:
            assert squeezed(item.text[language]) in found, (path.name, item.id)
        for part in page.parts:
            assert squeezed(part.lead) in found
            for block in part.blocks:
                assert all(squeezed(answer.label) in found for answer in block.answers)
        for paragraph in (*page.intro, *page.closing):
            assert squeezed(paragraph) in found
    for path in write_codebook(instrument, tmp_path, language=language):
        if path.suffix != ".csv":
            found = squeezed(words(path))
            for item in instrument.items:
                assert squeezed(item.text[language]) in found, (path.name, item.id)
                assert item.id in found


def test_respondents_do_not_see_what_is_measured(tmp_path: Path) -> None:
    instrument = instruments.read(instrument_dir("manager-data-use"))
    for path in write_questionnaire(instrument, tmp_path, language="en"):
        assert "Problem-solving use" not in words(path)
        assert "psu1" not in words(path)


def test_texts_are_values_and_never_markup(tmp_path: Path, small: instruments.Instrument) -> None:
    for path in write_questionnaire(small, tmp_path) + write_codebook(small, tmp_path):
        if path.suffix == ".csv":
            assert HOSTILE in set(pd.read_csv(path)["text"])
        else:
            assert squeezed(HOSTILE) in squeezed(words(path)), path.name
    page = BeautifulSoup((tmp_path / "small-en.html").read_bytes(), "html.parser")
    assert page.find("script") is None


def test_equal_instruments_give_equal_bytes(tmp_path: Path, small: instruments.Instrument) -> None:
    for write in (write_questionnaire, write_codebook):
        first = write(small, tmp_path / "a")
        second = write(small, tmp_path / "b")
        for one, other in zip(first, second, strict=True):
            assert one.read_bytes() == other.read_bytes(), one.name


def test_a_page_groups_neighbours_and_numbers_them(small: instruments.Instrument) -> None:
    (part,) = sheet(small, "en").parts
    assert [b.kind for b in part.blocks] == ["grid", "list", "number", "number"]
    assert [line.number for block in part.blocks for line in block.lines] == [1, 2, 3, 4, 5]
    assert [a.label for a in part.blocks[0].answers] == ["Never", "Always", "Cannot say"]
    assert [a.missing for a in part.blocks[0].answers] == [False, False, True]
    assert [block.digits for block in part.blocks] == [0, 0, 3, 4]


def test_html_has_a_labelled_input_for_each_answer(
    tmp_path: Path, small: instruments.Instrument
) -> None:
    (path,) = write_questionnaire(small, tmp_path, formats=["html"])
    page = BeautifulSoup(path.read_bytes(), "html.parser")
    assert page.html is not None
    assert page.html["lang"] == "en"
    groups = page.find_all("fieldset")
    assert len(groups) == 3
    assert all(group.legend.get_text(strip=True) for group in groups)
    radios = page.find_all("input", type="radio")
    assert [(r["name"], r["value"]) for r in radios] == [
        ("t1", "1"), ("t1", "2"), ("t1", "8"), ("t2", "1"), ("t2", "2"), ("t2", "8"),
        ("job", "1"), ("job", "2"),
    ]  # fmt: skip
    assert all(r.parent.name == "label" and r.parent.get_text(strip=True) for r in radios)
    age = page.find("input", id="age")
    assert (age["min"], age["max"]) == ("0", "120")  # type: ignore[index]
    assert page.find("label", attrs={"for": "age"}) is not None
    text = path.read_text(encoding="utf-8")
    assert "http" not in text
    assert "url(data:font/woff" in text


def test_pdf_has_our_fonts_language_and_footer(
    tmp_path: Path, small: instruments.Instrument
) -> None:
    (path,) = write_questionnaire(small, tmp_path, formats=["pdf"])
    reader = PdfReader(path)
    fonts = set()
    for page in reader.pages:
        resources = page["/Resources"].get_object()
        fonts |= {f.get_object()["/BaseFont"] for f in resources["/Font"].values()}  # type: ignore[index, union-attr]
    assert {name.split("+")[1].split("-")[0] for name in fonts} == {
        "SourceSansPro",
        "SourceSerifPro",
    }
    assert reader.trailer["/Root"]["/Lang"] == "en"
    assert "small 2.0.1" in words(path)
    assert f"Page 1 of {len(reader.pages)}" in words(path)


def test_docx_rows_stay_whole_and_heads_repeat(
    tmp_path: Path, small: instruments.Instrument
) -> None:
    (path,) = write_questionnaire(small, tmp_path, formats=["docx"])
    with zipfile.ZipFile(path) as archive:
        document = archive.read("word/document.xml").decode("utf-8")
        footer = archive.read("word/footer1.xml").decode("utf-8")
    assert document.count("☐") == 2 * 3 + 2
    assert document.count("<w:tr>") == document.count("<w:cantSplit />") == 3
    assert document.count("<w:tblHeader") == 1
    assert "small 2.0.1" in footer


def test_codebook_csv_is_the_codebook(tmp_path: Path, small: instruments.Instrument) -> None:
    (path,) = write_codebook(small, tmp_path, formats=["csv"])
    read = pd.read_csv(path, dtype="str", keep_default_na=False)
    expected = instruments.codebook(small, "en")
    assert read["item"].tolist() == expected["item"].tolist()
    assert read["label"].tolist() == expected["label"].tolist()
    assert read["reversed"].tolist() == [str(v) for v in expected["reversed"]]


def test_unknown_format_language_and_place(tmp_path: Path, small: instruments.Instrument) -> None:
    with pytest.raises(RenderError, match=r"There is no format 'pfd'. Did you mean 'pdf'\?"):
        write_questionnaire(small, tmp_path, formats=["pfd"])
    with pytest.raises(RenderError, match=r"There is no format 'csv'. Known: pdf, docx, html."):
        write_questionnaire(small, tmp_path, formats=["csv"])
    with pytest.raises(InstrumentError, match=r"small: there is no text in 'da'. It exists in: en"):
        write_questionnaire(small, tmp_path, language="da")
    occupied = tmp_path / "taken"
    occupied.write_text("", encoding="utf-8")
    with pytest.raises(RenderError, match="taken: cannot be written to"):
        write_codebook(small, occupied, formats=["csv"])


def test_a_language_without_words_says_where_to_add_them(tmp_path: Path) -> None:
    file = tmp_path / "instrument.yml"
    text = SMALL.replace("HOSTILE", "Eins").replace("{en:", "{de:").replace("[en]", "[de]")
    file.write_text(text, encoding="utf-8")
    with pytest.raises(RenderError, match=r"known in da, en, not in 'de'. Add them to .*words"):
        write_questionnaire(instruments.read(file), tmp_path)


def test_words_exist_for_the_same_keys_in_each_language() -> None:
    from crosslevel.reporting.questionnaire_pages import template_dir

    known = json.loads((template_dir() / "words.json").read_text(encoding="utf-8"))
    assert known["en"].keys() == known["da"].keys()


def test_the_command_writes_and_names_the_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["questionnaire", "manager-data-use", "--lang", "da", "--out", str(tmp_path)]
    assert main([*arguments, "--format", "html"]) == 0
    assert main([*arguments, "--codebook", "--format", "csv,html"]) == 0
    names = [Path(line).name for line in capsys.readouterr().out.split()]
    assert names == [
        "manager-data-use-da.html",
        "manager-data-use-da-codebook.csv",
        "manager-data-use-da-codebook.html",
    ]
    assert all((tmp_path / name).stat().st_size > 1000 for name in names)


def test_the_command_reads_a_folder_of_ones_own(
    tmp_path: Path, small: instruments.Instrument
) -> None:
    folder = str(small.path.parent)
    assert main(["questionnaire", folder, "-f", "html", "-o", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out" / "small-en.html").is_file()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["manager-data-us"], "Did you mean 'manager-data-use'?"),
        (["manager-data-use", "--lang", "sv"], "there is no text in 'sv'. It exists in: en, da."),
        (["manager-data-use", "--format", "pfd"], "Did you mean 'pdf'?"),
        (["./nowhere/instrument.yml"], "there is no such file."),
    ],
)
def test_the_command_fails_with_one_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert main(["questionnaire", *arguments, "--out", str(tmp_path / "out")]) == 1
    shown = capsys.readouterr().err
    assert said in " ".join(shown.split())
    assert "Traceback" not in shown
    assert not (tmp_path / "out").exists()
