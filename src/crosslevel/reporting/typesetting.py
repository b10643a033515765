"""The two programs that turn text into pages, pandoc and Typst, and the fonts they use."""

from __future__ import annotations

import importlib.util
import os
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from crosslevel.catalogue import optional
from crosslevel.errors import RenderError

_FONT_PACKAGES = ("font_source_serif_pro", "font_source_sans_pro")
FIXED_DATE = "1767225600"  # 2026-01-01, so that equal inputs give equal bytes


def font_dirs() -> list[Path]:
    """Return the folders of the fonts that the `reports` extra installs.

    Raises
    ------
    MissingExtraError
        When the fonts are not installed.
    """
    folders = []
    for package in _FONT_PACKAGES:
        optional(package, extra="reports")
        spec = importlib.util.find_spec(package)
        if spec is not None and spec.origin is not None:
            folders.append(Path(spec.origin).parent / "files")
    return folders


def pandoc(
    text: str | bytes, *, reader: str, writer: str, arguments: Sequence[str] = (), cwd: Path
) -> bytes:
    """Return what pandoc makes of a text.

    Parameters
    ----------
    text
        The source, in the reader's format.
    reader, writer
        Pandoc format names with extensions, such as "markdown" and "html5".
    arguments
        Further pandoc options.
    cwd
        Folder against which relative paths are read.

    Raises
    ------
    RenderError
        When pandoc refuses, with its own message.
    """
    program = optional("pypandoc", extra="reports").get_pandoc_path()
    command = [program, "--from", reader, "--to", writer, "--output", "-", *arguments]
    source = text.encode("utf-8") if isinstance(text, str) else text
    environment = {**os.environ, "SOURCE_DATE_EPOCH": FIXED_DATE}
    done = subprocess.run(  # noqa: S603 (no shell; the program is the one pypandoc ships)
        command, input=source, capture_output=True, cwd=cwd, env=environment, check=False
    )
    if done.returncode != 0:
        raise RenderError(f"pandoc stopped: {done.stderr.decode('utf-8', 'replace').strip()}")
    return done.stdout


def typst_pdf(source: Path, *, root: Path, inputs: Mapping[str, str] | None = None) -> bytes:
    """Return the PDF that Typst makes of a source file.

    Parameters
    ----------
    source
        A `.typ` file inside `root`.
    root
        Folder Typst may read from.
    inputs
        Strings the source reads as `sys.inputs`.

    Raises
    ------
    RenderError
        When Typst refuses, with its own message.
    """
    typst = optional("typst", extra="reports")
    fonts = [str(folder) for folder in font_dirs()]
    try:
        pdf: bytes = typst.compile(
            str(source), root=str(root), font_paths=fonts, sys_inputs=dict(inputs or {})
        )
    except typst.TypstError as error:
        raise RenderError(f"Typst stopped at {source.name}: {error}") from error
    return pdf


@cache
def pandoc_data(name: str) -> bytes:
    """Return one of pandoc's own data files, such as `reference.docx`.

    Raises
    ------
    RenderError
        When pandoc has no such file.
    """
    program = optional("pypandoc", extra="reports").get_pandoc_path()
    command = [program, "--print-default-data-file", name]
    done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603
    if done.returncode != 0:
        raise RenderError(f"pandoc has no file '{name}'.")
    return done.stdout
