"""The words of a formula: text -> tokens with positions. Nothing is evaluated."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from crosslevel.errors import FormulaError

_PATTERN = re.compile(
    r"(?P<space>\s+)"
    r"|(?P<name>(?:[^\W\d]|\.(?!\d))[\w.]*)"
    r"|(?P<quoted>`[^`]+`)"
    r"|(?P<string>'[^']*'|\"[^\"]*\")"
    r"|(?P<number>\d+(?:\.\d+)?)"
    r"|(?P<symbol>\|\||[~+\-*:|/(),=])"
)


@dataclass(frozen=True, slots=True)
class Token:
    """One word of a formula: its kind, its text, and where it begins (counted from 1)."""

    kind: str
    text: str
    position: int


def trouble(formula: str, position: int, found: str, fix: str = "") -> FormulaError:
    """Return the error for one place of a formula, with a caret under it."""
    caret = " " * (position - 1) + "^"
    text = f"The formula cannot be read at position {position}: {found}"
    return FormulaError(f"{text}{' ' + fix if fix else ''}\n  {formula}\n  {caret}")


def tokens(formula: str) -> tuple[Token, ...]:
    """Return the tokens of a formula; the last has kind "end".

    Raises
    ------
    FormulaError
        At a character that no formula uses.

    Examples
    --------
    >>> [t.text for t in tokens("y ~ x + (1 | g)")]
    ['y', '~', 'x', '+', '(', '1', '|', 'g', ')', '']
    """
    return (*_scan(formula), Token("end", "", len(formula) + 1))


def _scan(formula: str) -> Iterator[Token]:
    position = 0
    while position < len(formula):
        match = _PATTERN.match(formula, position)
        if match is None:
            found = formula[position]
            fix = "A column with other characters in its name is written `between backticks`."
            raise trouble(formula, position + 1, f"unexpected character '{found}'.", fix)
        kind = str(match.lastgroup)
        if kind != "space":
            text = match.group()[1:-1] if kind in ("quoted", "string") else match.group()
            yield Token("name" if kind == "quoted" else kind, text, position + 1)
        position = match.end()
