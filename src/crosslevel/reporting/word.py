"""The report as a Word file, with real styles, so that an editor can work on it."""

from __future__ import annotations

from crosslevel.reporting.page import Page, numbered_caption, take_number
from crosslevel.reporting.tree import Node, attributes, div
from crosslevel.reporting.word_reference import reference

LONG = 22
"""Rows from which on a table may run over the end of a page."""
_WARM = {"callout-warning", "callout-important", "callout-caution"}
_EMPTY: Node = {"t": "Para", "c": [{"t": "Str", "c": "\u00a0"}]}
_STYLES = {"abstract": "Abstract", "table-note": "Table Note"}


def write(page: Page) -> bytes:
    """Return the DOCX of a page."""
    job = page.job

    def _change(node: Node) -> list[Node] | None:
        if node["t"] == "Image":
            node["c"][2][0] = node["c"][2][0].removesuffix(".svg") + ".png"
        elif node["t"] == "Figure":
            name, number = take_number(node["c"][0])
            block = node["c"][1][1][0]
            block["c"] = numbered_caption(name, number, block["c"])
        elif node["t"] == "Table":
            _table(node)
        elif node["t"] == "Div":
            return _styled(node)
        return None

    template = job.scratch / "reference.docx"
    template.write_bytes(reference(footer=job.footer, title=job.title))
    arguments = [f"--reference-doc={template}"]
    if page.option("docx", "number-sections", False):
        arguments.append("--number-sections")
    return page.changed(_change).written("docx", arguments)


def _table(node: Node) -> None:
    """Number the caption and give every cell the style of table text."""
    name, number = take_number(node["c"][0])
    if number:
        block = node["c"][1][1][0]
        block["c"] = numbered_caption(name, number, block["c"])
    head, bodies = node["c"][3], node["c"][4]
    rows = list(head[1])
    for body in bodies:
        rows += [*body[2], *body[3]]
    kept = len(rows) <= LONG
    for i, row in enumerate(rows):
        name = "Table Text Kept" if kept and i < len(rows) - 1 else "Table Text"
        style = attributes(pairs=[("custom-style", name)])
        for cell in row[1]:
            cell[4] = [div(style, _paragraphs(cell[4]) or [_EMPTY])]


def _paragraphs(blocks: list[Node]) -> list[Node]:
    """Blocks whose lines are paragraphs, which is what a style holds on to."""
    return [{"t": "Para", "c": b["c"]} if b["t"] == "Plain" else b for b in blocks]


def _styled(node: Node) -> list[Node] | None:
    """A div as paragraphs of a named style."""
    (identifier, classes, pairs), blocks = node["c"]
    if "callout" in classes:
        tone = " Warning" if _WARM & set(classes) else ""
        title = {"t": "Para", "c": [{"t": "Str", "c": dict(pairs)["title"]}]}
        head = div(attributes(pairs=[("custom-style", f"Callout{tone} Title")]), [title])
        body = div(attributes(pairs=[("custom-style", f"Callout{tone}")]), _paragraphs(blocks))
        return [head, body]
    for name, style in _STYLES.items():
        if name in (identifier, *classes):
            attrs = attributes(identifier, pairs=[("custom-style", style)])
            return [div(attrs, _paragraphs(blocks))]
    return None
