"""What stands on the pages of a questionnaire or a codebook, before any format is chosen."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Literal

from crosslevel import catalogue
from crosslevel.errors import RenderError
from crosslevel.instruments import Instrument, Item, ResponseScale, Scale, Text
from crosslevel.instruments.codes import range_text, require_language


@dataclass(frozen=True, slots=True)
class Line:
    """One item on the page, with the number that a respondent sees."""

    number: int
    id: str
    text: str
    reversed: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: its code and label; `missing` marks "not relevant" and its like."""

    code: str
    label: str
    missing: bool = False


@dataclass(frozen=True, slots=True)
class Block:
    """Items that are answered in the same way: a grid, a list to tick, or open numbers."""

    kind: Literal["grid", "list", "number"]
    hint: str
    answers: tuple[Answer, ...]
    lines: tuple[Line, ...]
    unit: str = ""
    digits: int = 0
    minimum: float | None = None
    maximum: float | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A section of the page: heading, lead and blocks."""

    title: str
    lead: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A questionnaire in one language."""

    language: str
    identity: str
    title: str
    intro: tuple[str, ...]
    parts: tuple[Part, ...]
    closing: tuple[str, ...]
    words: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing known about an instrument."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Group:
    """The items of one scale and one response scale, as a codebook lists them."""

    title: str
    id: str
    note: str
    answers: tuple[Answer, ...]
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Codebook:
    """A codebook in one language."""

    language: str
    identity: str
    title: str
    facts: tuple[Fact, ...]
    groups: tuple[Group, ...]
    words: Mapping[str, str]


def template_dir() -> Path:
    """Return the folder of the questionnaire's templates, style sheet and words."""
    return catalogue.root() / "reports" / "questionnaire"


def sheet(instrument: Instrument, language: str) -> Sheet:
    """Return the pages of a questionnaire.

    Items keep the order of the file. Neighbours of one section that share an ordered response
    scale become one grid. Scale names stay off the page: they would tell what is measured.

    Raises
    ------
    InstrumentError
        When the instrument has no such language.
    RenderError
        When the words around the items ("Please tick one box") are not known in this language.
    """
    require_language(instrument, language)
    words = _words(language)
    lines = _lines(instrument, language)
    parts = []
    for name, members in groupby(instrument.items, key=lambda item: item.section):
        section = instrument.sections.get(name)
        blocks = _blocks(instrument, list(members), lines, language=language, words=words)
        title, lead = (section.title, section.lead) if section is not None else ({}, {})
        parts.append(Part(title.get(language, ""), lead.get(language, ""), blocks))
    return Sheet(
        language=language,
        identity=f"{instrument.id} {instrument.version}",
        title=instrument.title[language],
        intro=_paragraphs(instrument.intro, language),
        parts=tuple(parts),
        closing=_paragraphs(instrument.closing, language),
        words=words,
    )


def codebook(instrument: Instrument, language: str) -> Codebook:
    """Return the pages of a codebook: what is known of the instrument, then scale by scale.

    Raises
    ------
    InstrumentError
        When the instrument has no such language.
    RenderError
        When the words around the items are not known in this language.
    """
    require_language(instrument, language)
    words = _words(language)
    lines = _lines(instrument, language)
    groups = [
        _group(instrument, scale, lines, language=language, words=words)
        for scale in instrument.scales.values()
    ]
    for item in instrument.background:
        answers = _answers(instrument.response_scale_of(item), language)
        line = lines[item.id]
        group = Group(words["background"], item.id, words["no_score"], answers, (line,))
        groups.append(group)
    return Codebook(
        language=language,
        identity=f"{instrument.id} {instrument.version}",
        title=instrument.title[language],
        facts=_facts(instrument, words),
        groups=tuple(groups),
        words=words,
    )


def _words(language: str) -> Mapping[str, str]:
    """Return the words around the items."""
    path = template_dir() / "words.json"
    known: dict[str, dict[str, str]] = json.loads(path.read_text(encoding="utf-8"))
    if language not in known:
        listed = ", ".join(sorted(known))
        raise RenderError(
            f"The words around the items are known in {listed}, not in '{language}'. "
            f"Add them to {path}."
        )
    return known[language]


def _paragraphs(text: Text, language: str) -> tuple[str, ...]:
    """Split a text at its line breaks."""
    return tuple(p.strip() for p in text.get(language, "").split("\n") if p.strip())


def _lines(instrument: Instrument, language: str) -> Mapping[str, Line]:
    """Number the items in the order of the file."""
    return {
        item.id: Line(number, item.id, item.text[language], item.reverse)
        for number, item in enumerate(instrument.items, start=1)
    }


def _blocks(
    instrument: Instrument,
    items: list[Item],
    lines: Mapping[str, Line],
    *,
    language: str,
    words: Mapping[str, str],
) -> tuple[Block, ...]:
    """Gather neighbours with the same response scale."""
    blocks = []
    for name, members in groupby(items, key=lambda item: item.response_scale):
        answers = instrument.response_scales[name]
        mine = tuple(lines[item.id] for item in members)
        if answers.kind == "ordered":
            hint = words["tick_each"] if len(mine) > 1 else words["tick_one"]
            blocks.append(Block("grid", hint, _answers(answers, language), mine))
        elif answers.kind == "nominal":
            hint, options = words["tick_one"], _answers(answers, language)
            blocks += [Block("list", hint, options, (line,)) for line in mine]
        else:
            blocks.append(_number_block(answers, mine, words["number"], language))
    return tuple(blocks)


def _number_block(
    answers: ResponseScale, lines: tuple[Line, ...], hint: str, language: str
) -> Block:
    """Return open numbers with a box for each digit they may need."""
    return Block(
        "number",
        hint,
        (),
        lines,
        unit=answers.unit.get(language, ""),
        digits=4 if answers.maximum is None else len(f"{abs(answers.maximum):.0f}"),
        minimum=answers.minimum,
        maximum=answers.maximum,
    )


def _answers(answers: ResponseScale, language: str) -> tuple[Answer, ...]:
    """Return the answers in the order of the file, "not relevant" last."""
    found = [Answer(str(o.value), o.label[language]) for o in answers.options]
    limits = range_text(answers, language) if answers.kind == "number" else ""
    if limits:
        found.append(Answer("", limits))
    if answers.not_relevant is not None:
        beside = answers.not_relevant
        found.append(Answer(str(beside.value), beside.label[language], missing=True))
    return tuple(found)


def _group(
    instrument: Instrument,
    scale: Scale,
    lines: Mapping[str, Line],
    *,
    language: str,
    words: Mapping[str, str],
) -> Group:
    """Return one scale of the codebook."""
    items = instrument.items_of(scale.id)
    share = words["valid"].format(share=f"{scale.minimum_valid * 100:.0f}")
    note = f"{words[scale.method].capitalize()}, {share}."
    answers = _answers(instrument.response_scale_of(items[0]), language)
    mine = tuple(lines[item.id] for item in items)
    return Group(scale.label[language], scale.id, note, answers, mine)


def _facts(instrument: Instrument, words: Mapping[str, str]) -> tuple[Fact, ...]:
    """Return what is known about the instrument as a whole."""
    return (
        Fact(words["identity"], f"{instrument.id} {instrument.version}"),
        Fact(words["audience"], words[instrument.audience]),
        Fact(words["languages"], ", ".join(instrument.languages)),
        Fact(words["provenance"], words[instrument.provenance]),
        Fact(words["source"], instrument.source),
        Fact(words["licence"], instrument.licence),
        Fact(words["validation"], instrument.validation),
    )
