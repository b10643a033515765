"""Reading rendered reports back: tables, prose, figures and feet of HTML, DOCX and PDF."""

from __future__ import annotations

import io
import re
import zipfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

import pypdf
from bs4 import BeautifulSoup, Tag

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
WP = "{http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing}"
NUMBER = re.compile(r"(?<![\w.])[−<]?\d[\d,]*(?:\.\d+)?%?(?![\w])")


def numbers(text: str) -> list[str]:
    """Numbers as they are written, without commas at their end."""
    return [token.rstrip(",") for token in NUMBER.findall(text)]


def fixed(value: float, decimals: int) -> str:
    """A number as the house writes it, worked out here and not by the package."""
    text = f"{abs(round(value, 12)):,.{decimals}f}"
    return f"−{text}" if value < 0 and text.strip("0.,") else text


def tidy(text: str) -> str:
    return " ".join(text.replace("\u00a0", " ").split())


@dataclass(frozen=True)
class Web:
    """A report as HTML."""

    soup: BeautifulSoup

    @classmethod
    def open(cls, path: Path) -> Web:
        return cls(BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser"))

    def table(self, label: str) -> list[list[str]]:
        """Header and rows of one table, as texts."""
        found = self.soup.find(id=label)
        assert isinstance(found, Tag), label
        table = found if found.name == "table" else found.find("table")
        assert isinstance(table, Tag)
        return rows_of(table)

    def tables(self) -> list[list[list[str]]]:
        return [rows_of(table) for table in self.soup.find_all("table")]

    def prose(self) -> str:
        """Text of paragraphs and lists, without tables, captions, notes and references."""
        copy = BeautifulSoup(str(self.soup), "html.parser")
        for node in copy.select("table, figure, #refs, .table-note, style, header, footer, math"):
            node.decompose()
        return tidy(copy.get_text())


def rows_of(table: Tag) -> list[list[str]]:
    return [
        [tidy(cell.get_text()) for cell in row.find_all(["td", "th"])]
        for row in table.find_all("tr")
    ]


@dataclass(frozen=True)
class Word:
    """A report as DOCX."""

    parts: dict[str, bytes]

    @classmethod
    def open(cls, path: Path) -> Word:
        with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
            return cls({name: archive.read(name) for name in archive.namelist()})

    @property
    def body(self) -> ET.Element:
        return ET.fromstring(self.parts["word/document.xml"])  # noqa: S314

    def tables(self) -> list[list[list[str]]]:
        return [
            [[text_of(cell) for cell in row.iter(f"{W}tc")] for row in table.iter(f"{W}tr")]
            for table in self.body.iter(f"{W}tbl")
        ]

    def styled(self, style: str) -> list[str]:
        """Texts of the paragraphs of one style."""
        found = []
        for paragraph in self.body.iter(f"{W}p"):
            mark = paragraph.find(f"{W}pPr/{W}pStyle")
            if mark is not None and mark.get(f"{W}val") == style:
                found.append(text_of(paragraph))
        return found

    def alternatives(self) -> list[str]:
        return [node.get("descr", "") for node in self.body.iter(f"{WP}docPr")]

    def text(self) -> str:
        return tidy(" ".join(text_of(p) for p in self.body.iter(f"{W}p")))


def text_of(node: ET.Element) -> str:
    return tidy("".join(t.text or "" for t in node.iter(f"{W}t")))


@dataclass(frozen=True)
class Paper:
    """A report as PDF."""

    reader: pypdf.PdfReader
    pages: tuple[str, ...]

    @classmethod
    def open(cls, path: Path) -> Paper:
        reader = pypdf.PdfReader(io.BytesIO(path.read_bytes()))
        return cls(reader, tuple(tidy(page.extract_text()) for page in reader.pages))

    def text(self) -> str:
        return " ".join(self.pages)

    def captions(self, name: str) -> list[int]:
        """Numbers of the captions that begin with a name, in order of their numbers."""
        return sorted({int(n) for n in re.findall(rf"{name} (\d+)\. (?=[A-Z])", self.text())})

    def numbers(self) -> Counter[str]:
        return Counter(numbers(self.text()))

    def alternatives(self) -> list[str]:
        """Alternative texts of the tagged figures."""
        found: list[str] = []
        todo = [self.reader.trailer["/Root"]["/StructTreeRoot"]]
        while todo:
            node = todo.pop().get_object()
            if isinstance(node, list):
                todo += node
            elif isinstance(node, dict):
                if node.get("/S") == "/Figure" and "/Alt" in node:
                    found.append(str(node["/Alt"]))
                if "/K" in node:
                    todo.append(node["/K"])
        return found
