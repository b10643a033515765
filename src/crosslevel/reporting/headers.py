"""Header cells of an HTML table, for readers who hear it: columns, row names, sections."""

from __future__ import annotations

from typing import Any

from crosslevel.reporting.tree import Node, text_of

_LEFT = "AlignLeft"


def with_headers(table: Node) -> None:
    """Give the cells of a table their scopes, in place.

    Cells of the head are the columns'. The first column holds the names of the rows where it is
    set to the left on purpose (`:---`). A row that holds nothing but one emphasised text is the
    name of the rows that follow: each such section becomes a body of its own.
    """
    _, _, columns, head, bodies, _ = table["c"]
    named = bool(columns) and columns[0][0]["t"] == _LEFT
    for row in head[1]:
        for cell in row[1]:
            _scope(cell, "col")
    if not named:
        return
    made: list[Any] = []
    for attrs, _, first, rows in bodies:
        parts: list[list[Any]] = [[]]
        for row in rows:
            if _is_section(row):
                row[0][1].append("section")
                parts.append([])
            _scope(row[1][0], "rowgroup" if "section" in row[0][1] else "row")
            parts[-1].append(row)
        made += [[attrs, 1, first if part is parts[0] else [], part] for part in parts if part]
    table["c"][4] = made


def _scope(cell: list[Any], scope: str) -> None:
    """Say what a header cell is the header of."""
    if text_of(cell[4]).strip():
        cell[0][2].append(["scope", scope])


def _is_section(row: list[Any]) -> bool:
    """Whether a row holds one emphasised text and nothing else."""
    first, *rest = row[1]
    inside = [node for block in first[4] for node in block.get("c", [])]
    alone = len(inside) == 1 and isinstance(inside[0], dict) and inside[0]["t"] == "Emph"
    return alone and bool(rest) and not any(text_of(cell[4]).strip() for cell in rest)
