"""Text and tables as Markdown that every format of a report reads."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|$@#~^\"'])")


def escape(text: str) -> str:
    r"""Return a text with every character that Markdown would take for itself made plain.

    Examples
    --------
    >>> escape("a_b [1, 2]")
    'a\\_b \\[1, 2\\]'
    """
    return _SPECIAL.sub(r"\\\1", typographic(text)).replace("\n", " ")


def typographic(text: str) -> str:
    """Return a text with a true apostrophe inside and after words.

    Examples
    --------
    >>> typographic("a manager's view")
    'a manager’s view'
    """
    return re.sub(r"(?<=\w)'", "’", text)


class Inline(str):
    """Text for the prose of a report: shown as it is, without quotation marks.

    Examples
    --------
    >>> Inline("0.21")._repr_markdown_()
    '0.21'
    """

    __slots__ = ()

    def _repr_markdown_(self) -> str:
        return escape(str(self))


class Code(str):
    """Code for the prose of a report, such as a formula.

    Examples
    --------
    >>> Code("y ~ x")._repr_markdown_()
    '`y ~ x`'
    """

    __slots__ = ()

    def _repr_markdown_(self) -> str:
        return f"`{' '.join(self.replace('`', '').split())}`"


class Block(str):
    """Markdown as it stands: a box or a list. An empty one shows nothing."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)

    def _repr_markdown_(self) -> str:
        return str(self)


@dataclass(frozen=True, slots=True)
class Cells:
    """One row of a table. An empty `section` is an ordinary row."""

    texts: tuple[str, ...]
    section: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table of texts, shown as a pipe table.

    `align` holds one of `l`, `r`, `c` per column (what is not at the left is never broken over two
    lines), `widths` the share of the page of each column in
    any unit, `note` a line below the table.
    """

    header: tuple[str, ...]
    rows: tuple[Cells, ...]
    align: str
    widths: tuple[int, ...]
    note: str = ""

    def __post_init__(self) -> None:
        for row in self.rows:
            assert len(row.texts) == len(self.header), row  # noqa: S101
        assert len(self.align) == len(self.widths) == len(self.header)  # noqa: S101

    def markdown(self) -> str:
        """The table as pandoc Markdown."""
        lines = [_row([escape(text) for text in self.header]), _rule(self.align, self.widths)]
        for row in self.rows:
            cells = [
                escape(text if kind == "l" else text.replace(" ", "\u00a0"))
                for kind, text in zip(self.align, row.texts, strict=True)
            ]
            if row.section:
                cells[0] = f"*{cells[0]}*"
            lines.append(_row(cells))
        note = f"\n\n{escape(self.note)}" if self.note else ""
        return "\n".join(lines) + note + "\n"

    def _repr_markdown_(self) -> str:
        return self.markdown()


def section(text: str, columns: int) -> Cells:
    """A row that only says what the next rows are about."""
    return Cells((text, *([""] * (columns - 1))), section=True)


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _rule(align: str, widths: Sequence[int]) -> str:
    """The line under the header; it is long enough for pandoc to read relative widths from it."""
    scale = 240 / sum(widths)
    parts = []
    for kind, width in zip(align, widths, strict=True):
        dashes = "-" * max(3, round(width * scale))
        left, right = ":" if kind in "lc" else "-", ":" if kind in "rc" else "-"
        parts.append(f"{left}{dashes[2:]}{right}")
    return "|" + "|".join(parts) + "|"
