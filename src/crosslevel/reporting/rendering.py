"""Turn a study's report template into pages: find it, check the build, choose an engine, write."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

from crosslevel import catalogue
from crosslevel.errors import Problem, RenderError, did_you_mean
from crosslevel.reporting import embedded, quarto
from crosslevel.reporting.job import Job
from crosslevel.reporting.qmd import language
from crosslevel.study.build import Build, open_build, restore, sha256

FORMATS = ("html", "pdf", "docx")
Engine = Literal["auto", "quarto", "embedded"]


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
        job = Job(folder, template, build, Path(scratch), language=language(template))
        make = quarto.make if chosen == "quarto" else embedded.make
        pages = make(job, formats=tuple(dict.fromkeys(formats)))
        return _write(pages, folder / "build" / "reports", template.stem)


def planned(
    study: Path | str, report: str | None = None, formats: Sequence[str] | None = None
) -> list[tuple[str, Sequence[str]]]:
    """Return the reports to write, each with its formats: as asked for, else as the study says.

    Raises
    ------
    RenderError
        When a report does not exist, or there is no build that says which to write.
    """
    folder = Path(study).resolve()
    if report is not None:
        find_template(folder, report)
    build = open_fresh_build(folder)
    stated = {entry.name: entry.formats for entry in build.manifest.reports}
    names = [report] if report is not None else list(stated)
    asked = None if formats is None else [f.strip() for f in formats if f.strip()]
    return [(name, stated.get(name, FORMATS) if asked is None else asked) for name in names]


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
    if (path := catalogue.report_template(folder, report)) is not None:
        return path
    known = catalogue.reports(folder)
    hint = did_you_mean(report, known) or f"Known: {', '.join(known)}."
    raise RenderError(f"There is no report '{report}'. {hint}")


def open_fresh_build(folder: Path) -> Build:
    """Return the build of a study that is as the run left it, from inputs that are as they were.

    An input that is no longer there is not held against the build: a study may be passed on
    without its data. Nor is `build/private/`, which may be deleted at any time.

    Raises
    ------
    RenderError
        When there is no build, an input has changed since, or a file of the build itself.
    """
    restore(folder)
    manifest = folder / "build" / "manifest.json"
    if not manifest.is_file():
        raise RenderError(f"{folder.name} has no build/ yet. Run `crosslevel run` first.")
    build = open_build(folder)
    changed = []
    for entry in build.manifest.inputs:
        path = folder / entry.path
        if path.is_file() and sha256(path) != entry.sha256:
            changed.append(Problem(entry.path, "has changed since build/ was made."))
    if changed:
        raise RenderError("build/ is out of date. Run `crosslevel run` again.", changed)
    touched = list(_touched(build))
    if touched:
        raise RenderError("build/ is not as the run left it. Run `crosslevel run` again.", touched)
    return build


def _touched(build: Build) -> Iterator[Problem]:
    """One problem for each file a report reads that is not what the run wrote."""
    for entry in build.manifest.outputs:
        if entry.path.startswith("private/"):
            continue
        path = build.root / entry.path
        if not path.is_file():
            yield Problem(f"build/{entry.path}", "is missing.")
        elif sha256(path) != entry.sha256:
            yield Problem(f"build/{entry.path}", "was changed after the run.")


def _write(pages: Mapping[str, bytes], folder: Path, stem: str) -> list[Path]:
    """Replace the files of a report after all of them exist in full; all of them or none."""
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
        _replace(waiting)
    except OSError as error:
        raise RenderError(f"The report in {folder} cannot be written: {error}") from error
    finally:
        for beside, _ in waiting:
            with contextlib.suppress(OSError):
                beside.unlink(missing_ok=True)
    return [target for _, target in waiting]


def _replace(waiting: Sequence[tuple[Path, Path]]) -> None:
    """Put each new file in its place; if one cannot be, put back those already replaced."""
    before = {target: target.read_bytes() if target.is_file() else None for _, target in waiting}
    done: list[Path] = []
    for beside, target in waiting:
        try:
            os.replace(beside, target)  # noqa: PTH105 (atomic on every system)
        except OSError as error:
            for path in done:
                _put_back(path, before[path])
            raise RenderError(
                f"{target} cannot be replaced: {error.strerror or error}. If it is open in another "
                "program, close it and render again. The previous report stays as it was."
            ) from error
        done.append(target)


def _put_back(path: Path, content: bytes | None) -> None:
    """A file as it was before; it goes where there was none."""
    if content is None:
        path.unlink(missing_ok=True)
        return
    beside = path.with_name(f".{path.name}.part")
    beside.write_bytes(content)
    os.replace(beside, path)  # noqa: PTH105 (atomic on every system)
