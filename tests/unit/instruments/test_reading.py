"""Every problem of an instrument file: where it is, what was found, what would do."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crosslevel import instruments
from crosslevel.errors import InstrumentError

INSTRUMENT = """\
id: small-survey
version: 1.2.0
title: {en: Small survey, da: Lille undersøgelse}
audience: employee
languages: [en, da]
provenance: user-supplied
source: Written for this test.
licence: MIT
validation: Not validated.
intro: {en: Welcome., da: Velkommen.}
response_scales:
  agreement:
    kind: ordered
    options:
      1: {en: Disagree, da: Uenig}
      2: {en: Neither, da: Hverken eller}
      3: {en: Agree, da: Enig}
    not_relevant: {9: {en: Not relevant, da: Ikke relevant}}
  years: {kind: number, minimum: 0, maximum: 60, unit: {en: years, da: år}}
  post:
    kind: nominal
    options:
      1: {en: Nurse, da: Sygeplejerske}
      2: {en: Doctor, da: Læge}
scales:
  trust: {label: {en: Trust, da: Tillid}, role: outcome, method: mean, minimum_valid: 0.5}
sections:
  first: {title: {en: You, da: Dig}}
items:
  - {id: tr1, scale: trust, section: first, response_scale: agreement, text: {en: A, da: B}}
  - {id: tr2, scale: trust, response_scale: agreement, reverse: true, text: {en: C, da: D}}
  - {id: tenure, background: true, response_scale: years, text: {en: E, da: F}}
  - {id: post, background: true, response_scale: post, text: {en: G, da: H}}
"""


def check(folder: Path, old: str = "", new: str = "") -> list[str]:
    """Problems of the instrument after one edit, without the folder's name."""
    assert old in INSTRUMENT
    file = folder / "instrument.yml"
    file.write_text(INSTRUMENT.replace(old, new, 1) if old else INSTRUMENT, encoding="utf-8")
    return [str(p).replace(str(folder) + "/", "") for p in instruments.check(file)]


def test_the_small_instrument_is_read_whole(tmp_path: Path) -> None:
    assert check(tmp_path) == []
    read = instruments.read(tmp_path)
    assert (read.id, read.version, read.audience) == ("small-survey", "1.2.0", "employee")
    assert read.title == {"en": "Small survey", "da": "Lille undersøgelse"}
    assert read.languages == ("en", "da")
    assert read.response_scales["agreement"].codes == (1, 2, 3)
    assert read.response_scales["years"].maximum == 60
    assert read.response_scales["years"].unit["da"] == "år"
    beside = read.response_scales["agreement"].not_relevant
    assert beside is not None
    assert (beside.value, beside.label["da"]) == (9, "Ikke relevant")
    assert read.scales["trust"].minimum_valid == 0.5
    assert [i.id for i in read.items_of("trust")] == ["tr1", "tr2"]
    assert [i.id for i in read.background] == ["tenure", "post"]
    assert read.item("tr2").reverse
    assert not read.item("tr1").reverse
    assert read.item("tr1").section == "first"
    assert read.sections["first"].title["da"] == "Dig"
    assert read.closing == {}
    assert read.path == tmp_path / "instrument.yml"


EDITS = [
    # keys
    ("licence: MIT\n", "", "instrument.yml:1: 'licence' is missing. Add 'licence:'."),
    (
        "licence:", "license:",
        "instrument.yml:8 license: there is no key 'license' here. Did you mean 'licence'?",
    ),
    (
        "licence:", "colour: red\nlicence:",
        "instrument.yml:8 colour: there is no key 'colour' here. Known: id, version, title, "
        "audience, languages, provenance, source, licence, validation, response_scales, scales, "
        "items, intro, closing, sections.",
    ),
    (
        "audience: employee", "audience: employee\naudience: manager",
        "instrument.yml:5 audience: 'audience' was given on line 4 already. Keep one.",
    ),
    # the heading
    (
        "id: small-survey", "id: Small Survey",
        "instrument.yml:1 id: 'Small Survey' is no id. "
        "Use lower-case letters, digits and hyphens, such as 'data-use'.",
    ),
    (
        "version: 1.2.0", "version: 1.2",
        "instrument.yml:2 version: '1.2' is no version. Write a semantic version such as 1.0.0.",
    ),
    (
        "version: 1.2.0", "version:",
        "instrument.yml:2 version: found nothing. Write one word.",
    ),
    (
        "audience: employee", "audience: employe",
        "instrument.yml:4 audience: 'employe' is not known here. Did you mean 'employee'?",
    ),
    (
        "provenance: user-supplied", "provenance: borrowed",
        "instrument.yml:6 provenance: 'borrowed' is not known here. "
        "Known: toolkit-authored, verbatim, paraphrase, user-supplied.",
    ),
    ("MIT", '""', "instrument.yml:8 licence: the text is empty. Write the text."),
    ("MIT", "[MIT]", "instrument.yml:8 licence: found a list. Write a text, in quotes if need be."),
    # languages and texts
    (
        "languages: [en, da]", "languages: [en, da, Danish]",
        "instrument.yml:5 languages[3]: 'Danish' is no language code. Write en, da, pt-BR ...",
    ),
    (
        "languages: [en, da]", "languages: [en, da, en]",
        "instrument.yml:5 languages[3]: 'en' comes twice. Keep one.",
    ),
    (
        "languages: [en, da]", "languages: []",
        "instrument.yml:5 languages: there is no language. Write [en], for instance.",
    ),
    (
        "languages: [en, da]", "languages: en, da",
        "instrument.yml:5 languages: found 'en, da'. Write a list (- value).",
    ),
    (
        "title: {en: Small survey, da: Lille undersøgelse}", "title: {en: Small survey}",
        "instrument.yml:3 title: the text in 'da' is missing. Add 'da:'.",
    ),
    (
        "intro: {en: Welcome., da: Velkommen.}", "intro: {en: Welcome.}",
        "instrument.yml:10 intro: the text in 'da' is missing. Add 'da:'.",
    ),
    (
        "{en: Trust, da: Tillid}", "{en: Trust}",
        "instrument.yml:26 scales.trust.label: the text in 'da' is missing. Add 'da:'.",
    ),
    (
        "{en: Neither, da: Hverken eller}", "{en: Neither}",
        "instrument.yml:16 response_scales.agreement.options.2: "
        "the text in 'da' is missing. Add 'da:'.",
    ),
    (
        "{en: Not relevant, da: Ikke relevant}", "{en: Not relevant}",
        "instrument.yml:18 response_scales.agreement.not_relevant.9: "
        "the text in 'da' is missing. Add 'da:'.",
    ),
    (
        "{en: You, da: Dig}", "{en: You}",
        "instrument.yml:28 sections.first.title: the text in 'da' is missing. Add 'da:'.",
    ),
    (
        "text: {en: C, da: D}", "text: {en: C}",
        "instrument.yml:31 items.tr2.text: the text in 'da' is missing. Add 'da:'.",
    ),
    (
        "text: {en: C, da: D}", "text: {en: C, da: }",
        "instrument.yml:31 items.tr2.text.da: the text is empty. Write the text.",
    ),
    (
        "text: {en: C, da: D}", "text: {en: C, da: D, sv: E}",
        "instrument.yml:31 items.tr2.text.sv: 'sv' is not a language of this instrument. "
        "Add it to 'languages', or take it out.",
    ),
    (
        "text: {en: C, da: D}", "text: C",
        "instrument.yml:31 items.tr2.text: found 'C'. Write a mapping (key: value).",
    ),
    (
        "text: {en: C, da: D}", "text: {en: C, da: 5}",
        "instrument.yml:31 items.tr2.text.da: found '5'. Write a text, in quotes if need be.",
    ),
    # response scales
    (
        "kind: ordered", "kind: orderd",
        "instrument.yml:13 response_scales.agreement.kind: 'orderd' is not known here. "
        "Did you mean 'ordered'?",
    ),
    (
        "      2: {en: Neither", "      two: {en: Neither",
        "instrument.yml:16 response_scales.agreement.options.two: "
        "the code 'two' is no whole number. Use codes like 1, 2, 3.",
    ),
    (
        "      2: {en: Neither", "      1: {en: Neither",
        "instrument.yml:16 response_scales.agreement.options.1: "
        "'1' was given on line 15 already. Keep one.",
    ),
    (
        "      2: {en: Neither", "      01: {en: Neither",
        "instrument.yml:14 response_scales.agreement.options: two options have the same code. "
        "Give each its own code.",
    ),
    (
        "      2: {en: Neither", "      7: {en: Neither",
        "instrument.yml:14 response_scales.agreement.options: the codes [1, 7, 3] do not rise. "
        "List the options from the lowest code to the highest.",
    ),
    (
        "      2: {en: Neither", "      2: {en: disagree",
        "instrument.yml:16 response_scales.agreement.options.2: "
        "'disagree' is the label of code 1 too. Give each code its own label.",
    ),
    (
        "not_relevant: {9:", "not_relevant: {3:",
        "instrument.yml:18 response_scales.agreement.not_relevant: code 3 is an option too. "
        "Give it a code of its own, such as 9.",
    ),
    (
        "not_relevant: {9:", "not_relevant: {8: {en: Do not know, da: Ved ikke}, 9:",
        "instrument.yml:18 response_scales.agreement.not_relevant: there are several codes. "
        "Give one code and label.",
    ),
    (
        "minimum: 0, maximum: 60", "minimum: 60, maximum: 60",
        "instrument.yml:19 response_scales.years: minimum 60 is not below maximum 60. "
        "Exchange or correct them.",
    ),
    (
        "minimum: 0, maximum: 60", "minimum: zero, maximum: 60",
        "instrument.yml:19 response_scales.years.minimum: found 'zero'. Write a number.",
    ),
    (
        "minimum: 0, maximum: 60", "minimum: .nan, maximum: 60",
        "instrument.yml:19 response_scales.years.minimum: found '.nan'. Write a number.",
    ),
    (
        "{kind: number,", "{kind: number, options: {1: {en: X, da: X}, 2: {en: Y, da: Y}},",
        "instrument.yml:19 response_scales.years.options: a number response scale has no 'options'."
        " Take it out.",
    ),
    (
        "    kind: nominal\n", "    kind: nominal\n    maximum: 5\n",
        "instrument.yml:22 response_scales.post.maximum: a nominal response scale has no 'maximum'."
        " Take it out.",
    ),
    (
        "      1: {en: Nurse, da: Sygeplejerske}\n", "",
        "instrument.yml:22 response_scales.post.options: found 1 option(s) to read. "
        "Give at least two.",
    ),
    (
        "  years: {kind", "  wide: {kind: ordered}\n  years: {kind",
        "instrument.yml:19 response_scales.wide: 'options' is missing. "
        "Add 'options:' with codes and labels.",
    ),
    (
        "  years: {kind", "  Wide: {kind: number}\n  years: {kind",
        "instrument.yml:19 response_scales.Wide: 'Wide' is no name. "
        "Begin with a lower-case letter; use lower-case letters, digits and _.",
    ),
    # scales
    (
        "role: outcome", "role: outcomes",
        "instrument.yml:26 scales.trust.role: 'outcomes' is not known here. "
        "Did you mean 'outcome'?",
    ),
    (
        "method: mean", "method: factor",
        "instrument.yml:26 scales.trust.method: 'factor' is not known here. Known: mean, sum.",
    ),
    (
        "minimum_valid: 0.5", "minimum_valid: 0",
        "instrument.yml:26 scales.trust.minimum_valid: 0 is no such share. "
        "Give the share of items that must be answered: above 0, at most 1.",
    ),
    (
        "minimum_valid: 0.5", "minimum_valid: 50",
        "instrument.yml:26 scales.trust.minimum_valid: 50 is no such share. "
        "Give the share of items that must be answered: above 0, at most 1.",
    ),
    (
        "sections:", "  idle: {label: {en: I, da: I}, role: outcome, method: sum, "
        "minimum_valid: 1}\nsections:",
        "instrument.yml:27 scales.idle: the scale has no items. Put items in it, or take it out.",
    ),
    (
        "scale: trust, response_scale: agreement", "scale: trust, response_scale: years",
        "instrument.yml:31 items.tr2.reverse: 'years' is number and cannot be reversed. "
        "Reverse only items on an ordered response scale.",
    ),
    (
        "section: first, response_scale: agreement", "response_scale: years",
        "instrument.yml:26 scales.trust: its items mix response scales: 'years' (tr1), "
        "'agreement' (tr2). Use one response scale for all items of a scale.",
    ),
    (
        "{id: post, background: true,", "{id: post, scale: trust,",
        "instrument.yml:26 scales.trust: 'post' is nominal and has no score. "
        "Score only ordered or number items; make the others background.",
    ),
    # items
    (
        "id: tr2", "id: Trust_2",
        "instrument.yml:31 items.Trust_2.id: 'Trust_2' is no item id. "
        "Use at most 20 lower-case letters and digits, a letter first.",
    ),
    (
        "id: tr2", "id: abcdefghijklmnopqrstu",
        "instrument.yml:31 items.abcdefghijklmnopqrstu.id: 'abcdefghijklmnopqrstu' is no item id. "
        "Use at most 20 lower-case letters and digits, a letter first.",
    ),
    (
        "id: tr2", "id: tr1",
        "instrument.yml:31 items.tr1: 'tr1' is the item of line 30 too. Rename one.",
    ),
    (
        "id: tr2", "id: trust",
        "instrument.yml:31 items.trust: 'trust' is the name of a scale too. Rename one.",
    ),
    ("{id: tr2, ", "{", "instrument.yml:31 items[2]: 'id' is missing. Add 'id:'."),
    (
        "{id: tenure, background: true,", "{id: tenure,",
        "instrument.yml:32 items.tenure: the item is in no scale. "
        "Name its 'scale:', or write 'background: true'.",
    ),
    (
        "{id: tr1, ", "{id: tr1, background: true, ",
        "instrument.yml:30 items.tr1: the item is in a scale and is background too. Keep one.",
    ),
    (
        "{id: tr1, scale: trust,", "{id: tr1, scale: trsut,",
        "instrument.yml:30 items.tr1.scale: 'trsut' is not known here. Did you mean 'trust'?",
    ),
    (
        "section: first", "section: last",
        "instrument.yml:30 items.tr1.section: 'last' is not known here. Known: first.",
    ),
    (
        "reverse: true", "reverse: maybe",
        "instrument.yml:31 items.tr2.reverse: found 'maybe'. Write true or false.",
    ),
    (
        "response_scale: years, text", "response_scale: year, text",
        "instrument.yml:32 items.tenure.response_scale: 'year' is not known here. "
        "Did you mean 'years'?",
    ),
    (
        "response_scale: post, text", "response_scale: post, reverse: true, text",
        "instrument.yml:33 items.post.reverse: 'post' is nominal and cannot be reversed. "
        "Reverse only items on an ordered response scale.",
    ),
    (
        "{id: tenure, background: true, response_scale: years,",
        "{id: tenure, background: true, response_scale: agreement, reverse: true,",
        "instrument.yml:32 items.tenure.reverse: a background item cannot be reversed. "
        "Take 'reverse' out.",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "said"), EDITS, ids=[e[2][15:70] for e in EDITS])
def test_each_problem_is_said_with_its_place(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert said in check(tmp_path, old, new)


def test_a_misspelt_key_is_not_reported_as_missing_too(tmp_path: Path) -> None:
    assert len(check(tmp_path, "licence:", "license:")) == 1


def test_all_problems_come_at_once_in_the_order_of_the_lines(tmp_path: Path) -> None:
    text = INSTRUMENT.replace("1.2.0", "one").replace("kind: nominal", "kind: nominl")
    text = text.replace("id: tr1", "id: 1tr").replace("role: outcome", "role: boss")
    (tmp_path / "instrument.yml").write_text(text, encoding="utf-8")
    with pytest.raises(InstrumentError, match="The instrument cannot be used: 4 problems") as error:
        instruments.read(tmp_path)
    lines = [int(p.where.split(":")[1].split()[0]) for p in error.value.problems]
    assert lines == [2, 21, 26, 30]


def test_one_fault_gives_one_problem(tmp_path: Path) -> None:
    """A response scale with a fault is still known to the items that use it."""
    assert len(check(tmp_path, "kind: nominal", "kind: nominl")) == 1


FILES = [
    (b"", "{f}:1: the file is empty. Copy a catalogue instrument."),
    (b"# only a remark\n", "{f}:1: the file is empty. Copy a catalogue instrument."),
    (b"id: x\ntitle: \xe6\n", "{f}:2: byte 0xE6 is not UTF-8. Save the file as UTF-8."),
    (b"- id: x\n", "{f}:1: found a list. Write a mapping (key: value)."),
    (b"id: [x\nversion: 1\n", "{f}:2: this is not YAML: "),
    (b"id: x\n\tversion: 1\n", "{f}:2: this is not YAML: "),
    (b"id: x\n---\nid: y\n", "{f}:2: this is not YAML: but found another document."),
    (b"id: \x07\n", "{f}:1: this is not YAML: "),
    (b"[" * 5000, "{f}:1: this is not YAML: it is nested too deeply."),
]


@pytest.mark.parametrize(("content", "said"), FILES, ids=[f[1][:45] for f in FILES])
def test_a_file_that_is_no_instrument(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "instrument.yml"
    file.write_bytes(content)
    problems = instruments.check(file)
    assert str(problems[0]).startswith(said.format(f=file))
    assert len(problems) == 1


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InstrumentError, match="there is no such file"):
        instruments.read(tmp_path / "nowhere")


def test_nothing_in_the_file_is_constructed(tmp_path: Path) -> None:
    tag = '!!python/object/apply:os.mkdir ["made"]'
    said = check(tmp_path, "licence: MIT", f"licence: {tag}")
    assert said == ["instrument.yml:8 licence: found a list. Write a text, in quotes if need be."]


def test_folded_lines_carry_no_control_characters(tmp_path: Path) -> None:
    """The round-trip loader once left a bell character at every fold."""
    check(tmp_path, "source: Written for this test.", "source: >-\n  Written\n  for this.\n")
    assert instruments.read(tmp_path).source == "Written for this."


def test_a_byte_order_mark_and_norwegian_are_read(tmp_path: Path) -> None:
    """`no` is a language code here, never false."""
    text = INSTRUMENT.replace("da:", "no:").replace("[en, da]", "[en, no]")
    (tmp_path / "instrument.yml").write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert instruments.read(tmp_path).languages == ("en", "no")


TOKENS = [
    "",
    "null",
    "[]",
    "{}",
    "- x",
    "1e999",
    "&a *a",
    "? :",
    "'",
    "\t",
    "no",
    "<<: *a",
    "!!int x",
]


@settings(max_examples=150, deadline=None, derandomize=True)
@given(line=st.integers(0, 32), token=st.sampled_from(TOKENS), start=st.integers(0, 60))
def test_a_broken_file_gives_problems_and_never_a_traceback(
    tmp_path_factory: pytest.TempPathFactory, line: int, token: str, start: int
) -> None:
    lines = INSTRUMENT.splitlines()
    lines[line] = lines[line][:start] + token
    file = tmp_path_factory.getbasetemp() / "broken.yml"
    file.write_text("\n".join(lines), encoding="utf-8")
    problems = instruments.check(file)
    for problem in problems:
        assert problem.where.startswith(f"{file}:")
        assert problem.found
        assert problem.fix
    if not problems:
        assert instruments.read(file).items
