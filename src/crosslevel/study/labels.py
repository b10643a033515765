"""What a reader sees in place of a column or term name, in the language of the study."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from crosslevel.instruments.records import Text

_WORDS: dict[str, dict[str, str]] = {
    "en": {
        "(Intercept)": "Intercept",
        "within": "within units",
        "between": "between units",
        "Residual": "Residual",
    },
    "da": {
        "(Intercept)": "Konstantled",
        "within": "inden for enheder",
        "between": "mellem enheder",
        "Residual": "Residual",
    },
}
_PART = re.compile(r"(within|between)\((\w+), *\w+\)$")
_LEVEL = re.compile(r"(?:C\()?(\w+)\)?\[(.+)\]$")


@dataclass(frozen=True, slots=True)
class Labels:
    """Labels by column name, and the language for the few words of our own."""

    columns: Mapping[str, str]
    language: str

    def of(self, name: str) -> str:
        """Return the label of a column; its id in words when it has none."""
        return self.columns.get(name) or name.replace("_", " ").capitalize()

    def term(self, term: str) -> str:
        """Return the label of a model term.

        Examples
        --------
        >>> labels = Labels({"lead": "Leadership", "sex": "Sex"}, "en")
        >>> labels.term("within(lead, unit)"), labels.term("sex[F]"), labels.term("lead:age")
        ('Leadership (within units)', 'Sex: F', 'Leadership × Age')
        """
        words = _WORDS.get(self.language, _WORDS["en"])
        if term in words:
            return words[term]
        parts = _split(term)
        if len(parts) > 1:
            return " × ".join(self.term(part) for part in parts)
        if found := _PART.match(term):
            return f"{self.of(found[2])} ({words[found[1]]})"
        if found := _LEVEL.match(term):
            return f"{self.of(found[1])}: {found[2]}"
        return self.of(term) if term.isidentifier() else term


def text_in(text: Text, language: str, *, otherwise: str) -> str:
    """Return a text in a language, else in English, else in its first language, else a default.

    Examples
    --------
    >>> text_in({"en": "Never", "da": "Aldrig"}, "da", otherwise="never")
    'Aldrig'
    """
    return text.get(language) or text.get("en") or next(iter(text.values()), otherwise)


def _split(term: str) -> list[str]:
    """Split an interaction at its colons, but not inside brackets."""
    parts, depth, start = [], 0, 0
    for i, character in enumerate(term):
        depth += (character in "([") - (character in ")]")
        if character == ":" and depth == 0:
            parts.append(term[start:i])
            start = i + 1
    return [*parts, term[start:]]
