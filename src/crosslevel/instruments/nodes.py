"""A YAML file as nodes that know their line; nothing in it is ever constructed or executed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

from crosslevel.errors import Problem, did_you_mean

_TAG = "tag:yaml.org,2002:"


@dataclass(frozen=True, slots=True)
class Entry:
    """One value of the file: its dotted key, its line (from 1) and its YAML node."""

    key: str
    line: int
    node: Any


@dataclass(slots=True)
class Findings:
    """The problems of one file, in the order of its lines."""

    file: str
    problems: list[Problem] = field(default_factory=list)
    _lines: list[int] = field(default_factory=list)

    def add(self, entry: Entry, found: str, fix: str) -> None:
        """Note a problem at an entry."""
        where = f"{self.file}:{entry.line} {entry.key}".rstrip()
        self._lines.append(entry.line)
        self.problems.append(Problem(where, found, fix))

    def sorted(self) -> list[Problem]:
        """Problems by line; those of one line stay in the order they were found."""
        order = sorted(range(len(self.problems)), key=self._lines.__getitem__)
        return [self.problems[i] for i in order]


def load(path: Path, findings: Findings) -> Entry | None:
    """Return the top of a YAML file, or None with the reason noted."""
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        place = Entry("", content[: error.start].count(b"\n") + 1, None)
        byte = content[error.start]
        findings.add(place, f"byte 0x{byte:02X} is not UTF-8.", "Save the file as UTF-8.")
        return None
    try:
        node = YAML(typ="safe", pure=True).compose(StringIO(text))
    except (YAMLError, RecursionError) as error:
        _note_syntax(error, findings)
        return None
    if node is None:
        findings.add(Entry("", 1, None), "the file is empty.", "Copy a catalogue instrument.")
        return None
    return Entry("", node.start_mark.line + 1, node)


def mapping(
    entry: Entry, findings: Findings, *, required: Iterable[str], optional: Iterable[str] = ()
) -> dict[str, Entry]:
    """Return the values of a mapping with fixed keys; unknown and missing keys are noted."""
    required = tuple(required)
    known = (*required, *optional)
    values = pairs(entry, findings)
    misspelt = set()
    for name, value in values.items():
        if name not in known:
            hint = did_you_mean(name, known)
            misspelt |= {k for k in known if f"'{k}'" in hint}
            fix = hint or f"Known: {', '.join(known)}."
            findings.add(value, f"there is no key '{name}' here.", fix)
    for name in required if _is_mapping(entry) else ():
        if name not in values and name not in misspelt:
            findings.add(entry, f"'{name}' is missing.", f"Add '{name}:'.")
    return {name: value for name, value in values.items() if name in known}


def pairs(entry: Entry, findings: Findings) -> dict[str, Entry]:
    """Return the values of a mapping with free keys; a key that comes twice is noted."""
    if not _is_mapping(entry):
        findings.add(entry, f"found {_kind(entry.node)}.", "Write a mapping (key: value).")
        return {}
    values: dict[str, Entry] = {}
    for name, value in entry.node.value:
        key = name.value if isinstance(name, ScalarNode) else "?"
        place = Entry(f"{entry.key}.{key}".lstrip("."), name.start_mark.line + 1, value)
        if key in values:
            first = values[key].line
            findings.add(place, f"'{key}' was given on line {first} already.", "Keep one.")
        else:
            values[key] = place
    return values


def sequence(entry: Entry, findings: Findings) -> list[Entry]:
    """Return the members of a list."""
    if not isinstance(entry.node, SequenceNode):
        findings.add(entry, f"found {_kind(entry.node)}.", "Write a list (- value).")
        return []
    return [
        Entry(f"{entry.key}[{i}]", node.start_mark.line + 1, node)
        for i, node in enumerate(entry.node.value, start=1)
    ]


def text(entry: Entry, findings: Findings) -> str:
    """Return a text, which may not be empty."""
    if not isinstance(entry.node, ScalarNode) or entry.node.tag != f"{_TAG}str":
        if _is_null(entry):
            findings.add(entry, "the text is empty.", "Write the text.")
        else:
            findings.add(
                entry, f"found {_kind(entry.node)}.", "Write a text, in quotes if need be."
            )
        return ""
    value = str(entry.node.value).strip()
    if not value:
        findings.add(entry, "the text is empty.", "Write the text.")
    return value


def word(entry: Entry, findings: Findings) -> str:
    """Return a text that may look like a number, such as a version."""
    if not isinstance(entry.node, ScalarNode) or _is_null(entry):
        findings.add(entry, f"found {_kind(entry.node)}.", "Write one word.")
        return ""
    return str(entry.node.value).strip()


def choice(entry: Entry, findings: Findings, known: Iterable[str]) -> str:
    """Return one of the known words; an unknown one is noted with the closest."""
    value, known = word(entry, findings), tuple(known)
    if value and value not in known:
        hint = did_you_mean(value, known) or f"Known: {', '.join(known) or 'none'}."
        findings.add(entry, f"'{value}' is not known here.", hint)
    return value


def number(entry: Entry, findings: Findings) -> float | None:
    """Return a finite number."""
    if isinstance(entry.node, ScalarNode) and entry.node.tag in (f"{_TAG}int", f"{_TAG}float"):
        try:
            value = float(entry.node.value)
        except ValueError:
            value = float("nan")
        if value - value == 0:
            return value
    findings.add(entry, f"found {_kind(entry.node)}.", "Write a number.")
    return None


def flag(entry: Entry, findings: Findings) -> bool:
    """Return true or false."""
    if not isinstance(entry.node, ScalarNode) or entry.node.tag != f"{_TAG}bool":
        findings.add(entry, f"found {_kind(entry.node)}.", "Write true or false.")
        return False
    return str(entry.node.value).lower() == "true"


def _is_mapping(entry: Entry) -> bool:
    return isinstance(entry.node, MappingNode)


def _is_null(entry: Entry) -> bool:
    return isinstance(entry.node, ScalarNode) and entry.node.tag == f"{_TAG}null"


def _kind(node: Any) -> str:
    """What a node is, in words."""
    if isinstance(node, MappingNode):
        return "a mapping"
    if isinstance(node, SequenceNode):
        return "a list"
    if node.tag == f"{_TAG}null":
        return "nothing"
    shown = str(node.value)
    return f"'{shown}'" if len(shown) <= 40 else f"'{shown[:37]}...'"


def _note_syntax(error: Exception, findings: Findings) -> None:
    """Note where YAML could not be read."""
    mark = error.problem_mark if isinstance(error, MarkedYAMLError) else None
    line = mark.line + 1 if mark is not None else 1
    said = error.problem if isinstance(error, MarkedYAMLError) else ""
    if isinstance(error, RecursionError):
        said = "it is nested too deeply"
    reason = said or str(error).splitlines()[0]
    fix = "Look for a tab, a colon inside an unquoted text, or indentation that does not line up."
    findings.add(Entry("", line, None), f"this is not YAML: {reason}.", fix)
