"""A questionnaire or codebook as one HTML file: no script, no address, readable on a phone."""

from __future__ import annotations

import base64
import io
from xml.etree.ElementTree import Element, SubElement, tostring

from crosslevel.catalogue import optional
from crosslevel.reporting.questionnaire_pages import (
    Answer,
    Block,
    Codebook,
    Group,
    Line,
    Sheet,
    template_dir,
)
from crosslevel.reporting.typesetting import font_dirs

_FACES = (
    ("Source Sans Pro", "SourceSansPro-Regular.ttf", "400", "normal"),
    ("Source Sans Pro", "SourceSansPro-It.ttf", "400", "italic"),
    ("Source Sans Pro", "SourceSansPro-Semibold.ttf", "600", "normal"),
    ("Source Serif Pro", "SourceSerifPro-Regular.ttf", "400", "normal"),
    ("Source Serif Pro", "SourceSerifPro-Semibold.ttf", "600", "normal"),
)


def questionnaire_html(sheet: Sheet) -> bytes:
    """Return the questionnaire as a page with one labelled group of choices per item."""
    html, main = _page(sheet.language, sheet.title)
    _add(main, "h1", sheet.title)
    intro = _add(main, "div", css="intro")
    for paragraph in sheet.intro:
        _add(intro, "p", paragraph)
    form = _add(main, "form")
    form.set("autocomplete", "off")
    for part in sheet.parts:
        section = _add(form, "section")
        if part.title:
            _add(section, "h2", part.title)
        if part.lead:
            _add(section, "p", part.lead, css="lead")
        for block in part.blocks:
            _WRITERS[block.kind](section, block)
    if sheet.closing:
        closing = _add(main, "section", css="closing")
        _add(closing, "h2", sheet.words["thanks"])
        for paragraph in sheet.closing:
            _add(closing, "p", paragraph)
    _add(main, "footer", sheet.identity)
    return _finish(html)


def codebook_html(book: Codebook) -> bytes:
    """Return the codebook as a page with one table per scale."""
    html, main = _page(book.language, f"{book.words['codebook']}: {book.title}")
    _add(main, "p", book.words["codebook"], css="above")
    _add(main, "h1", book.title)
    facts = _add(main, "dl")
    for fact in book.facts:
        _add(facts, "dt", fact.name)
        _add(facts, "dd", fact.value)
    for group in book.groups:
        _write_group(_add(main, "section"), group, book)
    _add(main, "footer", book.identity)
    return _finish(html)


def _page(language: str, title: str) -> tuple[Element, Element]:
    """Begin a page; return it with its main element."""
    html = Element("html", lang=language)
    head = SubElement(html, "head")
    SubElement(head, "meta", charset="utf-8")
    SubElement(head, "meta", name="viewport", content="width=device-width, initial-scale=1")
    _add(head, "title", title)
    SubElement(head, "style")
    return html, SubElement(SubElement(html, "body"), "main")


def _finish(html: Element) -> bytes:
    """Put style and fonts in and return the file."""
    words = "".join(html.itertext())
    css = (template_dir() / "questionnaire.css").read_text(encoding="utf-8")
    style = html.find("head/style")
    if style is not None:
        style.text = _font_faces(words + words.upper()) + css
    text: str = tostring(html, encoding="unicode", method="html")
    return f"<!DOCTYPE html>\n{text}\n".encode()


def _font_faces(letters: str) -> str:
    """Return font faces that hold only the letters of this page."""
    subset = optional("fontTools.subset", extra="reports")
    options = subset.Options(flavor="woff", layout_features=["kern", "liga", "lnum", "tnum"])
    files = {path.name: path for folder in font_dirs() for path in folder.glob("*.ttf")}
    rules = []
    for family, file, weight, style in _FACES:
        target = io.BytesIO()
        with subset.load_font(str(files[file]), options) as font:
            subsetter = subset.Subsetter(options)
            subsetter.populate(text=letters)
            subsetter.subset(font)
            subset.save_font(font, target, options)
        content = base64.b64encode(target.getvalue()).decode("ascii")
        rules.append(
            f'@font-face{{font-family:"{family}";font-weight:{weight};font-style:{style};'
            f'src:url(data:font/woff;base64,{content}) format("woff")}}\n'
        )
    return "".join(rules)


def _add(parent: Element, tag: str, text: str = "", *, css: str = "") -> Element:
    """Add an element with text and class."""
    element = SubElement(parent, tag)
    if text:
        element.text = text
    if css:
        element.set("class", css)
    return element


def _write_grid(section: Element, block: Block) -> None:
    """One row per item; the column heads are for the eye, each choice has its own label."""
    grid = _add(section, "div", css="grid")
    grid.set("style", f"--answers:{len(block.answers)}")
    head = _add(grid, "div", css="head")
    _add(head, "span", block.hint, css="hint")
    for answer in block.answers:
        _add(head, "span", answer.label, css=_css(answer)).set("aria-hidden", "true")
    for line in block.lines:
        _write_choices(_add(grid, "fieldset", css="line"), line, block.answers)


def _write_list(section: Element, block: Block) -> None:
    """One choice under the other."""
    for line in block.lines:
        legend = _write_choices(_add(section, "fieldset", css="list"), line, block.answers)
        _add(legend, "span", block.hint, css="hint")


def _write_numbers(section: Element, block: Block) -> None:
    """One field per item."""
    for line in block.lines:
        place = _add(section, "div", css="open")
        label = _add(place, "label", css="asked")
        label.set("for", line.id)
        _asked(label, line)
        _add(label, "span", block.hint, css="hint")
        field = _add(place, "div", css="field")
        attributes = {"type": "number", "id": line.id, "name": line.id, "inputmode": "numeric"}
        for name, limit in (("min", block.minimum), ("max", block.maximum)):
            if limit is not None:
                attributes[name] = f"{limit:g}"
        SubElement(field, "input", attributes)
        if block.unit:
            _add(field, "span", block.unit)


def _write_choices(fieldset: Element, line: Line, answers: tuple[Answer, ...]) -> Element:
    """The item as legend, an input with its label per answer; return the legend."""
    legend = _add(fieldset, "legend")
    _asked(legend, line)
    for answer in answers:
        label = _add(fieldset, "label", css=_css(answer))
        SubElement(label, "input", {"type": "radio", "name": line.id, "value": answer.code})
        _add(label, "span", answer.label)
    return legend


def _asked(parent: Element, line: Line) -> None:
    """Number and text of an item."""
    _add(parent, "span", str(line.number), css="number-of")
    _add(parent, "span", line.text)


def _css(answer: Answer) -> str:
    return "missing" if answer.missing else ""


def _write_group(section: Element, group: Group, book: Codebook) -> None:
    """One scale: its rule, its codes, its items."""
    heading = _add(section, "h2", group.title)
    _add(heading, "code", group.id)
    _add(section, "p", group.note, css="mute")
    codes = _add(section, "ul", css="codes") if group.answers else section
    for answer in group.answers:
        code = _add(codes, "li")
        if answer.code:
            _add(code, "b", answer.code)
        _add(code, "span", answer.label)
        if answer.missing:
            _add(code, "span", f" ({book.words['missing']})", css="mute")
    table = _add(section, "table")
    row = _add(_add(table, "thead"), "tr")
    for name in ("no", "id", "text", "reversed"):
        _add(row, "th", book.words[name]).set("scope", "col")
    body = _add(table, "tbody")
    for line in group.lines:
        row = _add(body, "tr")
        _add(row, "td", str(line.number), css="mute")
        _add(row, "th", line.id).set("scope", "row")
        _add(row, "td", line.text)
        _add(row, "td", "✓" if line.reversed else "", css="mark")


_WRITERS = {"grid": _write_grid, "list": _write_list, "number": _write_numbers}
