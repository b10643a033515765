"""An instrument on paper and on screen: the questionnaire to fill in, and its codebook."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from crosslevel import instruments
from crosslevel.errors import RenderError, did_you_mean
from crosslevel.instruments import Instrument
from crosslevel.reporting.questionnaire_docx import codebook_docx, questionnaire_docx
from crosslevel.reporting.questionnaire_html import codebook_html, questionnaire_html
from crosslevel.reporting.questionnaire_pages import Codebook, Sheet, codebook, sheet, template_dir
from crosslevel.reporting.typesetting import typst_pdf

QUESTIONNAIRE_FORMATS = ("pdf", "docx", "html")
CODEBOOK_FORMATS = ("pdf", "docx", "html", "csv")


def write_questionnaire(
    instrument: Instrument,
    out: Path,
    *,
    language: str | None = None,
    formats: Sequence[str] = QUESTIONNAIRE_FORMATS,
) -> list[Path]:
    """Return the files of a questionnaire, ready to print or to send.

    Parameters
    ----------
    instrument
        The instrument.
    out
        Folder to write to; made when it does not exist.
    language
        One of the instrument's languages; its first when not given.
    formats
        Any of "pdf", "docx" and "html".

    Returns
    -------
    list of Path
        `out/ID-LANGUAGE.FORMAT`, in the order of `formats`. Equal instruments give equal bytes.

    Raises
    ------
    InstrumentError
        When the instrument has no such language.
    RenderError
        When a format is not known, or the folder cannot be written to.
    """
    _check_formats(formats, QUESTIONNAIRE_FORMATS)
    page = sheet(instrument, language or instrument.languages[0])
    contents = []
    for name in formats:
        if name == "pdf":
            contents.append(_pdf("questionnaire.typ", page))
        else:
            contents.append(
                questionnaire_html(page) if name == "html" else questionnaire_docx(page)
            )
    return _write(out, f"{instrument.id}-{page.language}", formats, contents)


def write_codebook(
    instrument: Instrument,
    out: Path,
    *,
    language: str | None = None,
    formats: Sequence[str] = CODEBOOK_FORMATS,
) -> list[Path]:
    """Return the files of a codebook: what was asked and what each code means.

    Parameters
    ----------
    instrument, out, language
        As for `write_questionnaire`.
    formats
        Any of "pdf", "docx", "html" and "csv" (one row per item and code).

    Returns
    -------
    list of Path
        `out/ID-LANGUAGE-codebook.FORMAT`, in the order of `formats`.

    Raises
    ------
    InstrumentError
        When the instrument has no such language.
    RenderError
        When a format is not known, or the folder cannot be written to.
    """
    _check_formats(formats, CODEBOOK_FORMATS)
    book = codebook(instrument, language or instrument.languages[0])
    contents = []
    for name in formats:
        if name == "pdf":
            contents.append(_pdf("codebook.typ", book))
        elif name == "csv":
            table = instruments.codebook(instrument, book.language)
            contents.append(table.to_csv(index=False, lineterminator="\n").encode("utf-8"))
        else:
            contents.append(codebook_html(book) if name == "html" else codebook_docx(book))
    return _write(out, f"{instrument.id}-{book.language}-codebook", formats, contents)


def _check_formats(formats: Sequence[str], known: tuple[str, ...]) -> None:
    """Raise an error at the first format that does not exist."""
    for name in formats:
        if name not in known:
            hint = did_you_mean(name, known) or f"Known: {', '.join(known)}."
            raise RenderError(f"There is no format '{name}'. {hint}")


def _pdf(template: str, page: Sheet | Codebook) -> bytes:
    """Set a page with Typst; its texts reach the template as a data file."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for source in sorted(template_dir().glob("*.typ")):
            shutil.copyfile(source, root / source.name)
        data = json.dumps(asdict(page), ensure_ascii=False)
        (root / "data.json").write_text(data, encoding="utf-8")
        return typst_pdf(root / template, root=root, inputs={"data": "data.json"})


def _write(out: Path, stem: str, formats: Sequence[str], contents: list[bytes]) -> list[Path]:
    """Write the files; nothing is written before all are made."""
    paths = [out / f"{stem}.{name}" for name in formats]
    try:
        out.mkdir(parents=True, exist_ok=True)
        for path, content in zip(paths, contents, strict=True):
            path.write_bytes(content)
    except OSError as error:
        raise RenderError(f"{out}: cannot be written to ({error.strerror}).") from error
    return paths
