"""The report's typefaces: files, subsets for HTML, and their registration with matplotlib."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from crosslevel.errors import MissingExtraError
from crosslevel.reporting.typesetting import font_dirs

SERIF = "Source Serif Pro"
SANS = "Source Sans Pro"


@dataclass(frozen=True, slots=True)
class Face:
    """One font file and how CSS names it."""

    family: str
    file: str
    weight: int
    style: str


FACES = (
    Face(SERIF, "SourceSerifPro-Regular.ttf", 400, "normal"),
    Face(SERIF, "SourceSerifPro-It.ttf", 400, "italic"),
    Face(SERIF, "SourceSerifPro-Semibold.ttf", 600, "normal"),
    Face(SANS, "SourceSansPro-Regular.ttf", 400, "normal"),
    Face(SANS, "SourceSansPro-It.ttf", 400, "italic"),
    Face(SANS, "SourceSansPro-Semibold.ttf", 600, "normal"),
)


def path_of(face: Face) -> Path:
    """File of a face."""
    return next(folder / face.file for folder in font_dirs() if (folder / face.file).is_file())


def css_faces(text: str) -> str:
    """Return `@font-face` rules with the faces cut down to the characters of a text."""
    characters = "".join(sorted(set(text) | set(map(chr, range(0x20, 0x7F)))))
    rules = []
    for face in FACES:
        data = base64.b64encode(_subset(face, characters)).decode("ascii")
        rules.append(
            f'@font-face{{font-family:"{face.family}";font-weight:{face.weight};'
            f"font-style:{face.style};font-display:swap;"
            f'src:url(data:font/woff;base64,{data}) format("woff")}}'
        )
    return "\n".join(rules)


@cache
def _subset(face: Face, characters: str) -> bytes:
    """WOFF bytes of a face with these characters only."""
    from fontTools import subset

    options = subset.Options()
    options.flavor = "woff"
    options.layout_features = ["kern", "liga", "lnum", "tnum", "onum", "pnum"]
    options.notdef_outline = True
    options.recalc_timestamp = False
    font = subset.load_font(str(path_of(face)), options)
    cutter = subset.Subsetter(options)
    cutter.populate(text=characters)
    cutter.subset(font)
    target = io.BytesIO()
    subset.save_font(font, target, options)
    font.close()
    return target.getvalue()


@cache
def register() -> tuple[str, str]:
    """Make the faces known to matplotlib; return the serif and the sans family to use."""
    from matplotlib import font_manager

    try:
        files = [path_of(face) for face in FACES]
    except MissingExtraError:
        return "DejaVu Serif", "DejaVu Sans"
    for file in files:
        font_manager.fontManager.addfont(str(file))
    return SERIF, SANS
