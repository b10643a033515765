"""The report as a PDF, set by Typst."""

from __future__ import annotations

import json

from crosslevel.reporting.page import Page, take_number, theme_file
from crosslevel.reporting.tree import Node, raw
from crosslevel.reporting.typesetting import typst_pdf

LONG = 22
"""Rows from which on a table may run over the end of a page."""


def write(page: Page) -> bytes:
    """Return the PDF of a page.

    Raises
    ------
    RenderError
        When Typst refuses.
    """
    job = page.job

    def _change(node: Node) -> list[Node] | None:
        if node["t"] == "Figure":
            return _figure(node)
        if node["t"] == "Table" and dict(node["c"][0][2]).get("number"):
            return _table(node)
        if node["t"] == "Div" and "callout" in node["c"][0][1]:
            return _callout(node)
        return None

    arguments = [
        "--standalone", "--wrap=preserve",
        f"--template={theme_file('page.typ')}",
        f"--variable=footer:{job.footer}",
    ]  # fmt: skip
    if page.option("typst", "number-sections", False):
        numbering = page.option("typst", "section-numbering", "1.1")
        arguments.append(f"--variable=section-numbering:{numbering}")
    source = job.scratch / "report.typ"
    with_notes = Page(job, page.front, noted(page.tree))
    source.write_bytes(with_notes.changed(_change).written("typst-citations", arguments))
    return typst_pdf(source, root=job.scratch)


def noted(tree: Node) -> Node:
    """The tree with the note below each table kept inside the table's attributes."""

    def _absorb(blocks: list[Node]) -> list[Node]:
        made: list[Node] = []
        for block in blocks:
            after_table = bool(made) and made[-1]["t"] == "Table"
            if after_table and block["t"] == "Div" and "table-note" in block["c"][0][1]:
                made[-1]["c"][0][2].append(["note", json.dumps(block["c"][1])])
                continue
            if block["t"] == "Div":
                block["c"][1] = _absorb(block["c"][1])
            made.append(block)
        return made

    tree["blocks"] = _held(_absorb(tree["blocks"]))
    return tree


def _held(blocks: list[Node]) -> list[Node]:
    """Blocks in which a displayed equation stays with the words that lead to it."""
    made: list[Node] = []
    for block in blocks:
        alone = block["t"] == "Para" and [n["t"] for n in block["c"]] == ["Math"]
        if alone and made and made[-1]["t"] == "Para":
            lead = made.pop()
            opening = raw("#block(breakable: false, width: 100%)[", language="typst", block=True)
            made += [opening, lead, block, raw("]", language="typst", block=True)]
        else:
            made.append(block)
    return made


def quoted(text: str) -> str:
    r"""A Typst string.

    Examples
    --------
    >>> quoted('a "b"')
    '"a \\"b\\""'
    """
    return json.dumps(text, ensure_ascii=False)


def _figure(node: Node) -> list[Node]:
    """A figure whose number Typst writes, with its alternative text."""
    attrs, (_, caption), inside = node["c"]
    take_number(attrs)
    image = inside[0]["c"][0]
    alt = "".join(" " if n["t"] == "Space" else n["c"] for n in image["c"][1])
    picture = f"image({quoted(image['c'][2][0])}, alt: {quoted(alt)})"
    opening = f"#figure(placement: auto, {picture}, caption: ["
    words = caption[0]["c"]
    closing = f"]) <{attrs[0]}>"
    return [
        {"t": "Para", "c": [raw(opening, language="typst"), *words, raw(closing, language="typst")]}
    ]


def _table(node: Node) -> list[Node]:
    """A table with its caption and note as one figure; a long one may break over pages."""
    attrs, (_, caption), *rest = node["c"]
    take_number(attrs)
    label, pairs = attrs[0], dict(attrs[2])
    rows = sum(len(body[3]) for body in rest[2])
    function = "long-table" if rows > LONG else "short-table"
    inner = {"t": "Table", "c": [["", ["typst:no-figure"], []], [None, []], *rest]}
    note = json.loads(pairs.get("note", "[]"))
    return [
        raw(f"#{function}(caption: [", language="typst", block=True),
        *caption,
        raw("], [", language="typst", block=True),
        inner,
        raw("], [", language="typst", block=True),
        *note,
        raw(f"]) <{label}>", language="typst", block=True),
    ]


def _callout(node: Node) -> list[Node]:
    """A callout as a call of the theme's function."""
    (_, classes, pairs), blocks = node["c"]
    kind = next(name for name in classes if name.startswith("callout-"))[len("callout-") :]
    title = quoted(dict(pairs)["title"])
    opening = f"#callout(kind: {quoted(kind)}, title: {title})["
    return [
        raw(opening, language="typst", block=True),
        *blocks,
        raw("]", language="typst", block=True),
    ]
