"""From an instrument file to its records, with every problem of the file found at once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from crosslevel.errors import InstrumentError, Problem
from crosslevel.instruments.answers import read_response_scales
from crosslevel.instruments.content import read_items, read_scales, read_sections
from crosslevel.instruments.nodes import (
    Entry,
    Findings,
    choice,
    load,
    mapping,
    sequence,
    text,
    word,
)
from crosslevel.instruments.records import Instrument
from crosslevel.instruments.texts import translated

FILE = "instrument.yml"
AUDIENCES = ("manager", "employee")
PROVENANCES = ("toolkit-authored", "verbatim", "paraphrase", "user-supplied")
REQUIRED = (
    "id", "version", "title", "audience", "languages", "provenance", "source", "licence",
    "validation", "response_scales", "scales", "items",
)  # fmt: skip
OPTIONAL = ("intro", "closing", "sections")

_SEMANTIC = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?")
_IDENTIFIER = re.compile(r"[a-z][a-z0-9-]{0,59}")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")


def read(path: Path | str) -> Instrument:
    """Return the instrument of a file, or of a folder that holds `instrument.yml`.

    Parameters
    ----------
    path
        The file or the folder. Catalogue instruments lie in
        `crosslevel.catalogue.instrument_dir(name)`.

    Returns
    -------
    Instrument
        A frozen record; texts are mappings from language to text.

    Raises
    ------
    InstrumentError
        When anything is wrong; `problems` holds all of it, each with file, line and key.

    Examples
    --------
    >>> from crosslevel.catalogue import instrument_dir
    >>> instrument = read(instrument_dir("manager-data-use"))
    >>> [item.id for item in instrument.items_of("reward_control_use")]
    ['rcu1', 'rcu2', 'rcu3', 'rcu4', 'rcu5', 'rcu6']
    """
    instrument, problems = _parse(path)
    if problems or instrument is None:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        raise InstrumentError(f"The instrument cannot be used: {count}.", problems)
    return instrument


def check(path: Path | str) -> list[Problem]:
    """Return every problem of an instrument file; an empty list means that it can be used.

    Examples
    --------
    >>> from crosslevel.catalogue import instrument_dir
    >>> check(instrument_dir("employee-goal-learning"))
    []
    """
    return _parse(path)[1]


def _parse(path: Path | str) -> tuple[Instrument | None, list[Problem]]:
    """Read the file; the instrument is None when there is any problem."""
    file = Path(path)
    file = file / FILE if file.is_dir() else file
    if not file.is_file():
        fix = f"Give an instrument file, or a folder that holds {FILE}."
        return None, [Problem(str(file), "there is no such file.", fix)]
    findings = Findings(str(file))
    top = load(file, findings)
    instrument = None if top is None else _instrument(top, findings, file)
    return (None if findings.problems else instrument), findings.sorted()


def _instrument(top: Entry, findings: Findings, file: Path) -> Instrument:
    """Read the top of the file; parts that are missing come out empty."""
    keys = mapping(top, findings, required=REQUIRED, optional=OPTIONAL)
    languages = _languages(keys.get("languages"), findings)
    response_scales = read_response_scales(keys.get("response_scales"), findings, languages)
    scales = read_scales(keys.get("scales"), findings, languages)
    sections = read_sections(keys.get("sections"), findings, languages)
    items = read_items(
        keys.get("items"),
        findings,
        languages=languages,
        response_scales=response_scales,
        scales=scales,
        sections=sections,
    )
    return Instrument(
        response_scales={name: found.record for name, found in response_scales.items()},
        scales={name: found.record for name, found in scales.items()},
        sections={name: found.record for name, found in sections.items()},
        items=items,
        languages=languages,
        path=file,
        **_heading(keys, findings, languages),
    )


def _heading(
    keys: Mapping[str, Entry], findings: Findings, languages: tuple[str, ...]
) -> dict[str, Any]:
    """Read what is known about the instrument as a whole."""
    heading: dict[str, Any] = {
        name: translated(keys[name], findings, languages) if name in keys else {}
        for name in ("title", "intro", "closing")
    }
    for name in ("source", "licence", "validation"):
        heading[name] = text(keys[name], findings) if name in keys else ""
    for name, known in (("audience", AUDIENCES), ("provenance", PROVENANCES)):
        heading[name] = choice(keys[name], findings, known) if name in keys else ""
    for name, pattern, fix in (
        ("id", _IDENTIFIER, "Use lower-case letters, digits and hyphens, such as 'data-use'."),
        ("version", _SEMANTIC, "Write a semantic version such as 1.0.0."),
    ):
        heading[name] = word(keys[name], findings) if name in keys else ""
        if heading[name] and not pattern.fullmatch(heading[name]):
            findings.add(keys[name], f"'{heading[name]}' is no {name}.", fix)
    return heading


def _languages(entry: Entry | None, findings: Findings) -> tuple[str, ...]:
    """Read the language codes; the first is the default."""
    if entry is None:
        return ()
    found: list[str] = []
    for member in sequence(entry, findings):
        code = word(member, findings)
        if code and not _LANGUAGE.fullmatch(code):
            findings.add(member, f"'{code}' is no language code.", "Write en, da, pt-BR ...")
        elif code in found:
            findings.add(member, f"'{code}' comes twice.", "Keep one.")
        elif code:
            found.append(code)
    if not found and not findings.problems:
        findings.add(entry, "there is no language.", "Write [en], for instance.")
    return tuple(found)
