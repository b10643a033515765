"""Texts in several languages, and the parts of a file that refer to each other by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from crosslevel.errors import did_you_mean
from crosslevel.instruments.nodes import Entry, Findings, pairs, text
from crosslevel.instruments.records import Text

Record = TypeVar("Record")


@dataclass(frozen=True, slots=True)
class Found(Generic[Record]):
    """A record and the place it was read from."""

    entry: Entry
    record: Record


def translated(entry: Entry, findings: Findings, languages: tuple[str, ...]) -> Text:
    """Return a text in every language of the instrument; a missing or empty one is noted."""
    before = len(findings.problems)
    values = pairs(entry, findings)
    if len(findings.problems) > before and not values:
        return {}
    for language in languages:
        if language not in values:
            findings.add(entry, f"the text in '{language}' is missing.", f"Add '{language}:'.")
    for language, value in values.items():
        if languages and language not in languages:
            hint = did_you_mean(language, languages) or "Add it to 'languages', or take it out."
            findings.add(value, f"'{language}' is not a language of this instrument.", hint)
    return {language: text(value, findings) for language, value in values.items()}
