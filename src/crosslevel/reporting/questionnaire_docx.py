"""A questionnaire or codebook as DOCX: a pandoc document built from values, in a style of our own.

The reference document is an empty one of pandoc's with our styles, page and footer put in.
"""

from __future__ import annotations

import io
import json
import re
import tempfile
import zipfile
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from crosslevel.reporting.questionnaire_pages import (
    Answer,
    Block,
    Codebook,
    Group,
    Line,
    Sheet,
    template_dir,
)
from crosslevel.reporting.typesetting import pandoc

_API = [1, 23]
_BOX = "☐"
_NARROW, _NUMBER = 0.092, 0.045
_PANDOC_WIDTH, _OUR_WIDTH = 7920, 9866  # of the text, in twentieths of a point
_FIXED_TIME = (2026, 1, 1, 0, 0, 0)
_PLAIN = {"t": "AlignDefault"}
_FOOTER_LINK = (
    '<Relationship Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/'
    'footer" Id="rId900" Target="footer1.xml" /></Relationships>'
)
_FOOTER_TYPE = (
    '<Override PartName="/word/footer1.xml" ContentType="application/vnd.openxmlformats-'
    'officedocument.wordprocessingml.footer+xml" /></Types>'
)

Node = dict[str, Any]


def questionnaire_docx(sheet: Sheet) -> bytes:
    """Return the questionnaire as a Word file with one table per grid."""
    blocks = [_styled("Title", sheet.title)]
    blocks += [_styled("Intro", paragraph) for paragraph in sheet.intro]
    for part in sheet.parts:
        if part.title:
            blocks.append(_heading(part.title))
        if part.lead:
            blocks.append(_styled("Lead", part.lead))
        for block in part.blocks:
            blocks += _WRITERS[block.kind](block)
    if sheet.closing:
        blocks.append(_heading(sheet.words["thanks"]))
        blocks += [_styled("Closing Words", paragraph) for paragraph in sheet.closing]
    return _write(blocks, sheet)


def codebook_docx(book: Codebook) -> bytes:
    """Return the codebook as a Word file with one table per scale."""
    blocks = [_styled("Above", book.words["codebook"]), _styled("Title", book.title)]
    blocks += [_styled("Fact", _span("Mute", f"{f.name}\t"), f.value) for f in book.facts]
    for group in book.groups:
        blocks += _group(group, book)
    return _write(blocks, book)


def _write(blocks: list[Node], page: Sheet | Codebook) -> bytes:
    """Hand the document to pandoc with the reference document beside it."""
    meta = {"lang": {"t": "MetaInlines", "c": [_text(page.language)]}}
    document = {"pandoc-api-version": _API, "meta": meta, "blocks": blocks}
    with tempfile.TemporaryDirectory() as folder:
        cwd = Path(folder)
        empty = pandoc("", reader="markdown", writer="docx", cwd=cwd)
        (cwd / "reference.docx").write_bytes(_reference(empty, page))
        content = pandoc(
            json.dumps(document),
            reader="json",
            writer="docx",
            arguments=["--reference-doc", "reference.docx"],
            cwd=cwd,
        )
    parts = _parts(content)
    parts["word/document.xml"] = _set_tables(parts["word/document.xml"])
    return _zip(parts)


def _reference(empty: bytes, page: Sheet | Codebook) -> bytes:
    """Return an empty document of pandoc's with our styles, page and footer put in."""
    own = template_dir() / "docx"
    words = {name: escape(page.words[name]) for name in ("page", "of")}
    footer = (own / "footer.xml").read_text(encoding="utf-8")
    parts = _parts(empty)
    links, types = "word/_rels/document.xml.rels", "[Content_Types].xml"
    parts[links] = parts[links].replace("</Relationships>", _FOOTER_LINK)
    parts[types] = parts[types].replace("</Types>", _FOOTER_TYPE)
    parts["word/footer1.xml"] = footer.format(identity=escape(page.identity), **words)
    for name in ("styles.xml", "document.xml"):
        parts[f"word/{name}"] = (own / name).read_text(encoding="utf-8")
    return _zip(parts)


def _set_tables(document: str) -> str:
    """Widen pandoc's columns to our page and keep every row on one page."""

    def widen(found: re.Match[str]) -> str:
        """One column at its share of our text width."""
        return f'<w:gridCol w:w="{round(int(found[1]) * _OUR_WIDTH / _PANDOC_WIDTH)}"'

    document = re.sub(r'<w:gridCol w:w="(\d+)"', widen, document)
    document = document.replace("<w:trPr><w:tblHeader", "<w:trPr><w:cantSplit /><w:tblHeader")
    return document.replace("<w:tr><w:tc>", "<w:tr><w:trPr><w:cantSplit /></w:trPr><w:tc>")


def _parts(content: bytes) -> dict[str, str]:
    """Return the parts of a DOCX file."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name).decode("utf-8") for name in archive.namelist()}


def _zip(parts: dict[str, str]) -> bytes:
    """Return a DOCX file; equal parts give equal bytes."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            entry = zipfile.ZipInfo(name, _FIXED_TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, text)
    return target.getvalue()


def _grid(block: Block) -> list[Node]:
    """A table with a box per answer."""
    heads = [_styled("Column Head", answer.label) for answer in block.answers]
    narrow = min(_NARROW, 0.6 / len(heads))
    widths = [_NUMBER, 1 - _NUMBER - narrow * len(heads), *[narrow] * len(heads)]
    rows = [
        [*(_plain(part) for part in _asked(line)), *[_styled("Box", _BOX) for _ in block.answers]]
        for line in block.lines
    ]
    return [_table(widths, [_plain(""), _styled("Hint Head", block.hint), *heads], rows)]


def _list(block: Block) -> list[Node]:
    """A box before each answer, one under the other."""
    found = []
    for line in block.lines:
        number, text = _asked(line)
        found.append(_styled("Asked", number, f"   {text}  ", _span("Hint", block.hint)))
        found += [_choice(a, last=a is block.answers[-1]) for a in block.answers]
    return found


def _choice(answer: Answer, *, last: bool) -> Node:
    return _styled("Last Choice" if last else "Choice", f"{_BOX}  {answer.label}")


def _numbers(block: Block) -> list[Node]:
    """A line to write on."""
    found = []
    for line in block.lines:
        number, text = _asked(line)
        found.append(_styled("Asked", number, f"   {text}  ", _span("Hint", block.hint)))
        found.append(_styled("Last Choice", f"{'_' * (2 * block.digits + 3)} {block.unit}"))
    return found


def _group(group: Group, book: Codebook) -> list[Node]:
    """One scale of the codebook."""
    codes: list[Node | str] = []
    for answer in group.answers:
        if answer.code:
            codes.append({"t": "Strong", "c": [_text(answer.code)]})
        codes.append(f" {answer.label}")
        if answer.missing:
            codes.append(_span("Mute", f" ({book.words['missing']})"))
        codes.append("     ")
    heads = [_plain(_span("Hint", book.words[n])) for n in ("no", "id", "text", "reversed")]
    rows = [
        [_plain(str(line.number)), _plain(line.id), _plain(line.text), _mark(line)]
        for line in group.lines
    ]
    return [
        _heading(group.title, _span("Mute", f"  {group.id}")),
        _styled("Lead", group.note),
        *([_styled("Codes", *codes[:-1])] if codes else []),
        _table([0.07, 0.14, 0.67, 0.12], heads, rows),
    ]


def _mark(line: Line) -> Node:
    return _plain("✓" if line.reversed else "")


def _asked(line: Line) -> tuple[Node, str]:
    """Number and text of an item."""
    return _span("Item Number", f"{line.number}"), line.text


def _text(words: str) -> Node:
    return {"t": "Str", "c": words}


def _inlines(parts: tuple[Node | str, ...]) -> list[Node]:
    return [_text(p) if isinstance(p, str) else p for p in parts]


def _span(style: str, words: str) -> Node:
    return {"t": "Span", "c": [["", [], [["custom-style", style]]], [_text(words)]]}


def _plain(*parts: Node | str) -> Node:
    return {"t": "Plain", "c": _inlines(parts)}


def _styled(style: str, *parts: Node | str) -> Node:
    """A paragraph in one of our styles."""
    paragraph = {"t": "Para", "c": _inlines(parts)}
    return {"t": "Div", "c": [["", [], [["custom-style", style]]], [paragraph]]}


def _heading(*parts: Node | str) -> Node:
    return {"t": "Header", "c": [1, ["", [], []], _inlines(parts)]}


def _table(widths: list[float], heads: list[Node], rows: list[list[Node]]) -> Node:
    """A table with one head row, which Word repeats on each page."""
    nothing = ["", [], []]

    def row(cells: list[Node]) -> list[Any]:
        """One row of cells that span nothing."""
        return [nothing, [[nothing, _PLAIN, 1, 1, [cell]] for cell in cells]]

    columns = [[_PLAIN, {"t": "ColWidth", "c": width}] for width in widths]
    body = [nothing, 0, [], [row(cells) for cells in rows]]
    head = [nothing, [row(heads)]]
    return {"t": "Table", "c": [nothing, [None, []], columns, head, [body], [nothing, []]]}


_WRITERS = {"grid": _grid, "list": _list, "number": _numbers}
