"""The Word file whose styles a report takes over: pandoc's own, with ours in place of its styles.

Typefaces are ones that readers have; a DOCX cannot carry fonts that every reader opens.
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from functools import cache
from html import escape
from xml.etree import ElementTree as ET

from crosslevel.reporting.typesetting import pandoc_data

_W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_NAMESPACES = f'xmlns:w="{_W}" xmlns:r="{_R}"'
_INK, _MUTE, _ACCENT, _WARM, _RULE = "1D2429", "5A646B", "22577A", "B35A3C", "CFD6DA"
_SERIF, _SANS = "Cambria", "Calibri"
_FIXED = (2026, 1, 1, 0, 0, 0)
_PAGE = (
    '<w:sectPr {ns}><w:footerReference w:type="default" r:id="rIdFooter"/>'
    '<w:headerReference w:type="default" r:id="rIdHeader"/>'
    '<w:pgSz w:w="11906" w:h="16838"/><w:pgMar w:top="1418" w:right="1418" w:bottom="1418" '
    'w:left="1418" w:header="709" w:footer="709" w:gutter="0"/></w:sectPr>'
)


@dataclass(frozen=True, slots=True)
class _Style:
    """One paragraph style: sizes in half points, spacing in twentieths of a point."""

    name: str
    font: str = _SERIF
    size: int = 21
    bold: bool = False
    italic: bool = False
    color: str = _INK
    before: int = 0
    after: int = 120
    line: int = 276
    keep_next: bool = False
    extra: str = ""


def _bars(color: str) -> str:
    """A rule to the left and a light ground."""
    fill = "F0F4F7" if color == _ACCENT else "FBF3F0"
    return (
        f'<w:pBdr><w:left w:val="single" w:sz="18" w:space="8" w:color="{color}"/></w:pBdr>'
        f'<w:shd w:val="clear" w:color="auto" w:fill="{fill}"/>'
    )


_RULES = (
    f'<w:pBdr><w:top w:val="single" w:sz="4" w:space="6" w:color="{_INK}"/>'
    f'<w:bottom w:val="single" w:sz="4" w:space="6" w:color="{_INK}"/></w:pBdr>'
)
STYLES = (
    _Style("Normal"),
    _Style("Body Text"),
    _Style("First Paragraph"),
    _Style("Compact", after=40, line=259),
    _Style("Title", size=40, bold=True, after=80, line=240, keep_next=True),
    _Style("Subtitle", font=_SANS, size=24, color=_ACCENT, after=120, keep_next=True),
    _Style("Author", font=_SANS, size=20, after=20),
    _Style("Date", font=_SANS, size=18, color=_MUTE, after=200),
    _Style("Abstract", size=19, before=120, after=120, line=259, extra=_RULES),
    _Style("Bibliography", size=19, after=80, line=252,
           extra='<w:ind w:left="360" w:hanging="360"/>'),
    _Style("Heading 1", font=_SANS, size=28, bold=True, color=_ACCENT, before=360, after=100,
           line=252, keep_next=True),
    _Style("Heading 2", font=_SANS, size=23, bold=True, before=240, after=60, line=252,
           keep_next=True),
    _Style("Heading 3", font=_SANS, size=21, italic=True, before=200, after=60, keep_next=True),
    _Style("Table Caption", font=_SANS, size=18, color=_MUTE, before=240, after=80, line=245,
           keep_next=True),
    _Style("Image Caption", font=_SANS, size=18, color=_MUTE, before=60, after=280, line=245),
    _Style("Captioned Figure", before=200, after=0, keep_next=True),
    _Style("Table Text", font=_SANS, size=17, before=20, after=20, line=240),
    _Style("Table Text Kept", font=_SANS, size=17, before=20, after=20, line=240, keep_next=True),
    _Style("Table Note", font=_SANS, size=16, color=_MUTE, before=60, after=240, line=240),
    _Style("Callout Title", font=_SANS, size=20, bold=True, color=_ACCENT, before=160, after=0,
           keep_next=True, extra=_bars(_ACCENT)),
    _Style("Callout", size=20, after=160, line=259, extra=_bars(_ACCENT)),
    _Style("Callout Warning Title", font=_SANS, size=20, bold=True, color=_WARM, before=160,
           after=0, keep_next=True, extra=_bars(_WARM)),
    _Style("Callout Warning", size=20, after=160, line=259, extra=_bars(_WARM)),
    _Style("Source Code", font="Consolas", size=17, after=120, line=240),
    _Style("Header", font=_SANS, size=16, color=_MUTE, after=0),
    _Style("Footer", font=_SANS, size=16, color=_MUTE, after=0),
)  # fmt: skip
_CODE = f"""<w:style {_NAMESPACES} w:type="character" w:customStyle="1" w:styleId="VerbatimChar">
<w:name w:val="Verbatim Char"/><w:rPr><w:rFonts w:ascii="Consolas" w:hAnsi="Consolas"
w:cs="Consolas"/><w:sz w:val="18"/></w:rPr></w:style>"""
_TABLE = f"""<w:style {_NAMESPACES} w:type="table" w:default="1" w:styleId="Table">
<w:name w:val="Table"/><w:qFormat/>
<w:tblPr><w:tblBorders><w:top w:val="single" w:sz="10" w:space="0" w:color="{_INK}"/>
<w:bottom w:val="single" w:sz="10" w:space="0" w:color="{_INK}"/></w:tblBorders>
<w:tblCellMar><w:top w:w="20" w:type="dxa"/><w:left w:w="70" w:type="dxa"/>
<w:bottom w:w="20" w:type="dxa"/><w:right w:w="70" w:type="dxa"/></w:tblCellMar></w:tblPr>
<w:tblStylePr w:type="firstRow"><w:rPr><w:b/></w:rPr><w:tcPr><w:tcBorders>
<w:bottom w:val="single" w:sz="6" w:space="0" w:color="{_INK}"/></w:tcBorders>
<w:vAlign w:val="bottom"/></w:tcPr></w:tblStylePr></w:style>"""


def reference(*, footer: str, title: str) -> bytes:
    """Return the reference document with this text at the foot of every page."""
    source = zipfile.ZipFile(io.BytesIO(pandoc_data("reference.docx")))
    parts = {name: source.read(name) for name in source.namelist()}
    parts["word/styles.xml"] = _styles(parts["word/styles.xml"])
    parts["word/document.xml"] = _document(parts["word/document.xml"])
    parts["word/header1.xml"] = _running("hdr", "Header", escape(title))
    parts["word/footer1.xml"] = _running("ftr", "Footer", escape(footer), page_number=True)
    parts["word/_rels/document.xml.rels"] = _related(parts["word/_rels/document.xml.rels"])
    parts["[Content_Types].xml"] = _typed(parts["[Content_Types].xml"])
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(zipfile.ZipInfo(name, date_time=_FIXED), content)
    return target.getvalue()


@cache
def _styles(xml: bytes) -> bytes:
    """Pandoc's style sheet with ours in the place of its own."""
    ET.register_namespace("w", _W)
    ET.register_namespace("r", _R)
    root = ET.fromstring(xml)  # noqa: S314 (pandoc's own file)
    existing = {style.get(f"{{{_W}}}styleId", ""): style for style in root.iter(f"{{{_W}}}style")}
    for style in STYLES:
        identifier = style.name.replace(" ", "")
        old = existing.get(identifier)
        if old is not None:
            root.remove(old)
        root.append(ET.fromstring(_paragraph_style(identifier, style)))  # noqa: S314
    root.remove(existing["Table"])
    root.append(ET.fromstring(_TABLE))  # noqa: S314
    root.append(ET.fromstring(_CODE))  # noqa: S314
    root.remove(existing["VerbatimChar"])
    hyperlink = existing["Hyperlink"].find(f"{{{_W}}}rPr/{{{_W}}}color")
    if hyperlink is not None:
        hyperlink.attrib.clear()
        hyperlink.set(f"{{{_W}}}val", _ACCENT)
    made: bytes = ET.tostring(root, encoding="UTF-8", xml_declaration=True)
    return made


def _paragraph_style(identifier: str, style: _Style) -> str:
    """The XML of one paragraph style."""
    default = ' w:default="1"' if identifier == "Normal" else ""
    based = "" if identifier == "Normal" else '<w:basedOn w:val="Normal"/>'
    level = identifier.removeprefix("Heading")
    outline = f'<w:outlineLvl w:val="{int(level) - 1}"/>' if level.isdigit() else ""
    keep = '<w:keepNext w:val="1"/><w:keepLines/>' if style.keep_next else ""
    borders, indent = ("", style.extra) if "<w:ind" in style.extra else (style.extra, "")
    return (
        f'<w:style {_NAMESPACES} w:type="paragraph"{default} w:styleId="{identifier}">'
        f'<w:name w:val="{style.name}"/>{based}<w:qFormat/><w:pPr>{keep}{borders}'
        f'<w:spacing w:before="{style.before}" w:after="{style.after}" w:line="{style.line}" '
        f'w:lineRule="auto"/>{indent}{outline}</w:pPr>'
        f'<w:rPr><w:rFonts w:ascii="{style.font}" w:hAnsi="{style.font}" w:cs="{style.font}"/>'
        f"{'<w:b/>' if style.bold else ''}{'<w:i/>' if style.italic else ''}"
        f'<w:color w:val="{style.color}"/><w:sz w:val="{style.size}"/></w:rPr></w:style>'
    )


def _document(xml: bytes) -> bytes:
    """Pandoc's sample text with our page in place of its own."""
    root = ET.fromstring(xml)  # noqa: S314
    body = root.find(f"{{{_W}}}body")
    if body is not None:
        for old in body.findall(f"{{{_W}}}sectPr"):
            body.remove(old)
        body.append(ET.fromstring(_PAGE.format(ns=_NAMESPACES)))  # noqa: S314
    made: bytes = ET.tostring(root, encoding="UTF-8", xml_declaration=True)
    return made


def _running(tag: str, style: str, text: str, *, page_number: bool = False) -> bytes:
    """A header or a footer: a text at the left, the page number at the right."""
    number = (
        '<w:r><w:tab/></w:r><w:r><w:fldChar w:fldCharType="begin"/></w:r>'
        '<w:r><w:instrText xml:space="preserve"> PAGE </w:instrText></w:r>'
        '<w:r><w:fldChar w:fldCharType="separate"/></w:r><w:r><w:t>1</w:t></w:r>'
        '<w:r><w:fldChar w:fldCharType="end"/></w:r>'
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><w:{tag} {_NAMESPACES}><w:p><w:pPr>'
        f'<w:pStyle w:val="{style}"/><w:tabs><w:tab w:val="right" w:pos="9070"/></w:tabs></w:pPr>'
        f'<w:r><w:t xml:space="preserve">{text}</w:t></w:r>{number if page_number else ""}'
        f"</w:p></w:{tag}>"
    ).encode()


def _related(xml: bytes) -> bytes:
    """The document's relations with header and footer."""
    made = "".join(
        f'<Relationship Type="{_R}/{kind}" Id="rId{kind.title()}" Target="{kind}1.xml"/>'
        for kind in ("header", "footer")
    )
    return xml.replace(b"</Relationships>", made.encode() + b"</Relationships>")


def _typed(xml: bytes) -> bytes:
    """The list of content types with header and footer."""
    base = "application/vnd.openxmlformats-officedocument.wordprocessingml"
    made = "".join(
        f'<Override PartName="/word/{kind}1.xml" ContentType="{base}.{kind}+xml"/>'
        for kind in ("header", "footer")
    )
    return xml.replace(b"</Types>", made.encode() + b"</Types>")
