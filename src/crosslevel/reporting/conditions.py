"""Parts of a template that are shown only when the build has something for them.

Quarto's own notation: a div `{.content-visible when-meta="has.claims"}`. The parts that do not
apply are taken out before a cell runs, so that both engines meet a plain document; what stays keeps
its line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from crosslevel.errors import Problem, did_you_mean

CONDITION = re.compile(
    r'^(:{3,})\s*\{\.content-(visible|hidden)\s+(when|unless)-meta="has\.([\w-]+)"\}\s*$'
)
_OPEN = re.compile(r"^:{3,}\s*[^\s:]")
_CLOSE = re.compile(r"^:{3,}\s*$")
_CODE = re.compile(r"^\s*(`{3,}|~{3,})")


@dataclass(frozen=True, slots=True)
class Resolved:
    """Lines of a template with empty ones where a part was left out, and what was wrong."""

    lines: tuple[str, ...]
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class _Part:
    """An open div: whether it is a condition, whether it is shown, and where it began."""

    condition: bool
    shown: bool
    line: int


def resolved(lines: Sequence[str], *, has: Mapping[str, bool] | None, name: str) -> Resolved:
    """Return the lines of a template that apply; without `has`, every part does.

    `name` is the file's, for messages.
    """
    kept: list[str] = []
    problems: list[Problem] = []
    open_parts: list[_Part] = []
    fence = ""
    for number, line in enumerate(lines, 1):
        shown = all(part.shown for part in open_parts)
        code = _CODE.match(line)
        if code and (not fence or (code[1].startswith(fence) and not line.strip(" `~"))):
            fence = "" if fence else code[1]
        condition = None if fence else CONDITION.match(line)
        if condition:
            problems += _unknown(condition, has, where=f"{name}:{number}")
            open_parts.append(_Part(condition=True, shown=_applies(condition, has), line=number))
            kept.append("")
        elif not fence and _CLOSE.match(line) and open_parts:
            part = open_parts.pop()
            kept.append("" if part.condition or not shown else line)
        else:
            if not fence and _OPEN.match(line):
                open_parts.append(_Part(condition=False, shown=True, line=number))
            kept.append(line if shown else "")
    problems += [
        Problem(f"{name}:{part.line}", "this part is never closed.", "End it with `:::`.")
        for part in open_parts
        if part.condition
    ]
    return Resolved(tuple(kept), tuple(problems))


def _applies(condition: re.Match[str], has: Mapping[str, bool] | None) -> bool:
    """Whether a part is shown."""
    if has is None:
        return True
    true = has.get(condition[4], False) == (condition[3] == "when")
    return true == (condition[2] == "visible")


def _unknown(
    condition: re.Match[str], has: Mapping[str, bool] | None, *, where: str
) -> Sequence[Problem]:
    """One problem when a part asks for something no build has."""
    if has is None or condition[4] in has:
        return ()
    hint = did_you_mean(condition[4], has) or f"Known: {', '.join(sorted(has))}."
    return (Problem(where, f"nothing is known of 'has.{condition[4]}'.", hint),)
