"""Turn a study's report template into pages: find it, check the build, choose an engine, write."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from crosslevel import catalogue
from crosslevel.errors import Problem, RenderError, did_you_mean
from crosslevel.reporting import embedded, quarto
from crosslevel.reporting.job import Job
from crosslevel.study.build import Build, open_build

FORMATS = ("html", "pdf", "docx")
Engine = Literal["auto", "quarto", "embedded"]
_NAME = re.compile(r"[a-z][a-z0-9-]*")


def render(
    study: Path | str,
    *,
    report: str = "article",
    formats: Sequence[str] = FORMATS,
    engine: str = "auto",
) -> list[Path]:
    """Write a report of a study and return the paths of its files.

    The template is `<study>/reports/<report>.qmd` when the study has its own, otherwise the
    catalogue's. All formats are made before the first file is replaced, so that a failure leaves
    the previous report as it was.

    Parameters
    ----------
    study
        Folder with `study.yml` and a `build/` made by `crosslevel run`.
    report
        Name of the template.
    formats
        Any of html, pdf and docx.
    engine
        `quarto` needs the command of that name; `embedded` needs the `reports` extra only;
        `auto` takes quarto when it is installed.

    Raises
    ------
    RenderError
        When there is no build, the build is older than the data, or the template cannot be shown.
    """
    folder = Path(study).resolve()
    problems = [
        Problem("", f"unknown format '{f}'.", did_you_mean(f, FORMATS) or "Known: html, pdf, docx.")
        for f in formats
        if f not in FORMATS
    ]
    if problems or not formats:
        raise RenderError("There is nothing to render.", problems)
    template = find_template(folder, report)
    chosen = choose_engine(engine)
    build = open_fresh_build(folder)
    with tempfile.TemporaryDirectory(prefix="crosslevel-") as scratch:
        job = Job(folder, template, build, Path(scratch))
        make = quarto.make if chosen == "quarto" else embedded.make
        pages = make(job, formats=tuple(dict.fromkeys(formats)))
        return _write(pages, folder / "build" / "reports", template.stem)


def choose_engine(engine: str) -> Literal["quarto", "embedded"]:
    """Return the engine that `auto` means here, or the one asked for.

    Raises
    ------
    RenderError
        When the name is unknown, or quarto is asked for and not installed.
    """
    installed = shutil.which("quarto") is not None
    if engine == "auto":
        return "quarto" if installed else "embedded"
    if engine == "embedded":
        return "embedded"
    if engine != "quarto":
        raise RenderError(f"There is no engine '{engine}'. Known: auto, quarto, embedded.")
    if not installed:
        raise RenderError(
            "The quarto engine needs the `quarto` command, which is not on the PATH. "
            "Install Quarto, or use `--engine embedded`."
        )
    return "quarto"


def find_template(folder: Path, report: str) -> Path:
    """Return the study's own template, or the catalogue's.

    Raises
    ------
    RenderError
        When neither has a report of this name.
    """
    places = [folder / "reports", catalogue.root() / "reports"]
    if _NAME.fullmatch(report):
        for place in places:
            if (place / f"{report}.qmd").is_file():
                return (place / f"{report}.qmd").resolve()
    known = sorted({path.stem for place in places for path in place.glob("*.qmd")})
    hint = did_you_mean(report, known) or f"Known: {', '.join(known)}."
    raise RenderError(f"There is no report '{report}'. {hint}")


def open_fresh_build(folder: Path) -> Build:
    """Return the build of a study whose inputs are what they were when it was made.

    An input that is no longer there is not held against the build: a study may be passed on
    without its data.

    Raises
    ------
    RenderError
        When there is no build, or an input has changed since.
    """
    manifest = folder / "build" / "manifest.json"
    if not manifest.is_file():
        raise RenderError(f"{folder.name} has no build/ yet. Run `crosslevel run` first.")
    build = open_build(folder)
    changed = []
    for entry in build.manifest.inputs:
        path = folder / entry.path
        if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() != entry.sha256:
            changed.append(Problem(entry.path, "has changed since build/ was made."))
    if changed:
        raise RenderError("build/ is out of date. Run `crosslevel run` again.", changed)
    return build


def _write(pages: Mapping[str, bytes], folder: Path, stem: str) -> list[Path]:
    """Replace the files of a report, each in one step, after all of them exist in full."""
    if folder.exists() and not folder.is_dir():
        raise RenderError(f"{folder} is a file; it must be a folder.")
    folder.mkdir(parents=True, exist_ok=True)
    waiting: list[tuple[Path, Path]] = []
    try:
        for extension, content in pages.items():
            target = folder / f"{stem}.{extension}"
            beside = folder / f".{stem}.{extension}.part"
            waiting.append((beside, target))
            beside.write_bytes(content)
        for beside, target in waiting:
            os.replace(beside, target)  # noqa: PTH105 (atomic on every system)
    except OSError as error:
        raise RenderError(f"The report in {folder} cannot be written: {error}") from error
    finally:
        for beside, _ in waiting:
            with contextlib.suppress(OSError):
                beside.unlink(missing_ok=True)
    return [target for _, target in waiting]
