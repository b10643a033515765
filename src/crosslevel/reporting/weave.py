"""A report file with its cells replaced by what they show: one Markdown text and its pictures."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crosslevel.errors import Problem, RenderError
from crosslevel.reporting.cells import Output, Session, session
from crosslevel.reporting.figures.saving import save
from crosslevel.reporting.qmd import INLINE, Cell, Document, Prose

_FENCE = ":" * 12


@dataclass(frozen=True, slots=True)
class Float:
    """A numbered figure or table: what the structure step cannot see in the Markdown."""

    label: str
    kind: str
    alt: str
    picture: str
    line: int


@dataclass(frozen=True, slots=True)
class Woven:
    """Markdown with a div for each float, and the floats by label."""

    markdown: str
    floats: Mapping[str, Float]


def weave(document: Document, *, parameters: Mapping[str, str], folder: Path) -> Woven:
    """Run the cells of a report and return its Markdown; pictures are written into `folder`.

    Raises
    ------
    RenderError
        When a cell raises, a `fig-` cell shows no figure, or a `tbl-` cell no table.
    """
    settings = _settings(document)
    parts: list[str] = []
    floats: dict[str, Float] = {}
    with session(document) as running:
        for number, block in enumerate(document.blocks):
            if isinstance(block, Prose):
                parts.append(_prose(block, running))
                continue
            if block.options.get("eval", True) is False:
                parts.append(_echo(block, settings))
                continue
            shown = running.run(block, defaults=settings)
            if "parameters" in (block.options.get("tags") or ()):
                running.assign(parameters)
            if block.options.get("include", True) is False:
                continue
            text, made = _chunk(document, block, shown, folder=folder, number=number)
            floats.update(made)
            parts.append(_echo(block, settings) + text)
    return Woven("\n\n".join(parts), floats)


def _settings(document: Document) -> dict[str, Any]:
    """Defaults of the front matter that cells may override."""
    execute = document.front.get("execute") or {}
    settings: dict[str, Any] = {"echo": execute.get("echo", True)}
    for key in ("fig-width", "fig-height"):
        if key in document.front:
            settings[key] = document.front[key]
    return settings


def _prose(block: Prose, running: Session) -> str:
    """Prose with its inline expressions replaced."""

    def _replace(match: re.Match[str]) -> str:
        line = block.line + block.text.count("\n", 0, match.end(1))
        return match[1] + running.text(match[2], line=line)

    return INLINE.sub(_replace, block.text)


def _echo(cell: Cell, settings: Mapping[str, Any]) -> str:
    """Code of a cell as a listing, when it is to be shown."""
    if not cell.options.get("echo", settings["echo"]):
        return ""
    return f"``````python\n{cell.source.strip()}\n``````\n\n"


def _chunk(
    document: Document, cell: Cell, shown: list[Output], *, folder: Path, number: int
) -> tuple[str, dict[str, Float]]:
    """Markdown of what a cell shows, and the float it makes."""
    if cell.options.get("output", True) is False:
        shown = []
    if cell.kind == "figure":
        return _figure(document, cell, shown, folder)
    if cell.kind == "table":
        return _table(document, cell, shown)
    texts = []
    for index, output in enumerate(shown):
        if output.figure is not None:
            name = save(output.figure, folder, f"cell-{number}-{index}")
            alt = str(cell.options.get("fig-alt", ""))
            if not alt:
                raise _refuse(document, cell, "shows a figure without `fig-alt`.")
            quoted = alt.replace('"', "&quot;")
            texts.append(f'![]({name}){{alt="{quoted}"}}')
        else:
            texts.append(_text(output))
    return "\n\n".join(texts), {}


def _text(output: Output) -> str:
    """Markdown, or plain text as a listing."""
    if output.markdown or not output.plain.strip():
        return output.markdown
    return f"``````text\n{output.plain.strip()}\n``````"


def _figure(
    document: Document, cell: Cell, shown: list[Output], folder: Path
) -> tuple[str, dict[str, Float]]:
    """The one figure of a `fig-` cell."""
    figures = [output.figure for output in shown if output.figure is not None]
    if len(figures) != 1:
        count = "no figure" if not figures else f"{len(figures)} figures"
        raise _refuse(document, cell, f"shows {count}; a `fig-` cell shows one.")
    name = save(figures[0], folder, cell.label)
    made = Float(cell.label, "figure", str(cell.options["fig-alt"]), name, cell.line)
    return _div(cell, str(cell.options["fig-cap"]), ""), {cell.label: made}


def _table(document: Document, cell: Cell, shown: list[Output]) -> tuple[str, dict[str, Float]]:
    """The table of a `tbl-` cell; the structure step checks that it is one."""
    texts = [output.markdown for output in shown if output.markdown.strip()]
    if not texts:
        raise _refuse(document, cell, "shows no Markdown table; a `tbl-` cell shows one.")
    made = Float(cell.label, "table", "", "", cell.line)
    return _div(cell, str(cell.options["tbl-cap"]), "\n\n".join(texts)), {cell.label: made}


def _refuse(document: Document, cell: Cell, found: str) -> RenderError:
    """An error that names the cell and its line."""
    name = f"cell '{cell.label}'" if cell.label else "a cell"
    problem = Problem(document.where(cell.line), f"{name} {found}")
    return RenderError("A cell did not show what its label promises.", [problem])


def _div(cell: Cell, caption: str, body: str) -> str:
    """A float as a div that holds its caption and its body."""
    inner = f"{_FENCE}: {{.cl-caption}}\n{caption}\n{_FENCE}:\n\n{body}"
    return f"{_FENCE} {{#{cell.label} .cl-float}}\n{inner}\n\n{_FENCE}"
