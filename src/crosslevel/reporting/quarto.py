"""The engine that leaves the work to the `quarto` command.

A working folder gets the template with the study's title block, the theme, the fonts, and the words
at the foot of every page; then `quarto render` runs once per format. Nothing of Quarto's is hidden:
the folder could be rendered by hand.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from crosslevel.errors import MissingExtraError, RenderError
from crosslevel.reporting.conditions import resolved
from crosslevel.reporting.job import Job, as_list
from crosslevel.reporting.qmd import yaml_mapping
from crosslevel.reporting.typesetting import FIXED_DATE, font_dirs
from crosslevel.reporting.word_reference import reference

_TARGETS = {"html": "html", "docx": "docx", "pdf": "typst"}
_TAIL = 15


def make(job: Job, *, formats: Sequence[str]) -> dict[str, bytes]:
    """Return the finished files of a report by their extension.

    Raises
    ------
    RenderError
        When quarto stops, with the end of what it said, or leaves no file.
    """
    folder = prepare(job)
    return {name: _rendered(job, folder, name) for name in formats}


def prepare(job: Job) -> Path:
    """Fill the working folder and return it."""
    folder = job.scratch / "quarto"
    folder.mkdir()
    head, body = _split(job)
    front: dict[str, Any] = {**head, **{k: v for k, v in job.front().items() if v}}
    for key in ("bibliography", "csl"):
        if key in front:
            front[key] = [_bring(job, folder, name) for name in as_list(front[key])]
    front["format"] = _formats(job, folder, head.get("format"))
    target = io.StringIO()
    writer = YAML(typ="safe", pure=True)
    writer.default_flow_style = False
    writer.allow_unicode = True
    writer.width = 4096
    writer.dump(_plain(front), target)
    text = f"---\n{target.getvalue()}---\n{body}"
    (folder / job.template.name).write_text(text, encoding="utf-8")
    return folder


def _split(job: Job) -> tuple[Mapping[str, Any], str]:
    """Front matter and body of a template, without the parts that do not apply."""
    template = job.template
    written = template.read_text(encoding="utf-8").splitlines()
    applying = resolved(written, has=job.has, name=template.name)
    if applying.problems:
        raise RenderError(f"{template.name} cannot be rendered.", applying.problems)
    lines = applying.lines
    ends = [i for i, line in enumerate(lines) if line.strip() == "---"]
    if len(ends) < 2 or ends[0] != 0:
        raise RenderError(f"{template.name} has no front matter. Start the file with `---`.")
    return yaml_mapping("\n".join(lines[1 : ends[1]])), "\n".join(lines[ends[1] + 1 :]) + "\n"


def _plain(value: Any) -> Any:
    """Values without the marks of the YAML reader."""
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    return value if isinstance(value, bool | int | float) or value is None else str(value)


def _bring(job: Job, folder: Path, name: str) -> str:
    """Copy a file the template names into the folder; return its name there."""
    source = job.resource(name)
    shutil.copyfile(source, folder / source.name)
    return source.name


def _formats(job: Job, folder: Path, given: Any) -> dict[str, Any]:
    """The template's formats with theme files, fonts and foot lines in place."""
    formats: dict[str, dict[str, Any]] = {}
    for name in _TARGETS.values():
        own = given.get(name) if isinstance(given, Mapping) else None
        formats[name] = dict(own) if isinstance(own, Mapping) else {}
    html, docx, typst = formats["html"], formats["docx"], formats["typst"]
    html["css"] = [_bring(job, folder, name) for name in as_list(html.get("css"))]
    headers = [_bring(job, folder, name) for name in as_list(typst.get("include-in-header"))]
    (folder / "foot.typ").write_text(_typst_foot(job.footer), encoding="utf-8")
    typst["include-in-header"] = [*headers, "foot.typ"]
    if fonts := _fonts(folder):
        typst["font-paths"] = fonts
    if job.footer:
        foot = f'<footer class="simulated">{job.footer}</footer>\n'
        (folder / "foot.html").write_text(foot, encoding="utf-8")
        html["include-after-body"] = "foot.html"
    (folder / "reference.docx").write_bytes(reference(footer=job.footer, title=job.title))
    docx["reference-doc"] = "reference.docx"
    return dict(formats)


def _typst_foot(words: str) -> str:
    """The foot of a page in Typst."""
    return (
        '#set page(footer: context [#set text(8pt, fill: rgb("#5a646b"))\n'
        f"{words} #h(1fr) #counter(page).display()])\n"
    )


def _fonts(folder: Path) -> str:
    """Copy the typefaces beside the template; empty when the extra is not installed."""
    target = folder / "fonts"
    target.mkdir()
    try:
        for source in font_dirs():
            for path in source.glob("*.ttf"):
                shutil.copyfile(path, target / path.name)
    except MissingExtraError:
        return ""
    return target.name


def _rendered(job: Job, folder: Path, output: str) -> bytes:
    """Run quarto for one format and return the file it leaves."""
    program = shutil.which("quarto")
    if program is None:
        raise RenderError("The `quarto` command has gone from the PATH.")
    command = [
        program, "render", job.template.name, "--to", _TARGETS[output], "-P", f"study:{job.study}",
    ]  # fmt: skip
    environment = {**os.environ, "SOURCE_DATE_EPOCH": FIXED_DATE, "QUARTO_PYTHON": sys.executable}
    done = subprocess.run(  # noqa: S603 (no shell; the command is looked up on the PATH)
        command, capture_output=True, cwd=folder, env=environment, check=False
    )
    if done.returncode != 0:
        said = (done.stderr or done.stdout).decode("utf-8", "replace").strip().splitlines()
        raise RenderError(
            f"quarto stopped at {job.template.name} ({output}):\n" + "\n".join(said[-_TAIL:])
        )
    made = folder / f"{job.template.stem}.{output}"
    if not made.is_file():
        raise RenderError(f"quarto ended without an error, but wrote no {made.name}.")
    return made.read_bytes()
