"""Commands of the instrument group: a questionnaire to fill in, and its codebook."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from crosslevel.cli import app


@app.command()
def questionnaire(
    name: Annotated[
        str, typer.Argument(help="A catalogue instrument, or the path of a file or folder.")
    ],
    lang: Annotated[
        str | None,
        typer.Option("--lang", "-l", help="Language; the instrument's first when not given."),
    ] = None,
    formats: Annotated[
        str | None,
        typer.Option("--format", "-f", help="pdf, docx, html (codebook: also csv), with commas."),
    ] = None,
    codebook: Annotated[
        bool,
        typer.Option("--codebook", help="Write the codebook instead: ids, codes, reversed items."),
    ] = False,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write to.")] = Path(),
) -> None:
    """Print an instrument as a questionnaire, or its codebook."""
    from crosslevel import instruments
    from crosslevel.reporting import questionnaire as writing

    instrument = instruments.read(_place(name))
    known = writing.CODEBOOK_FORMATS if codebook else writing.QUESTIONNAIRE_FORMATS
    wanted = known if formats is None else [f.strip().lower() for f in formats.split(",")]
    write = writing.write_codebook if codebook else writing.write_questionnaire
    for path in write(instrument, out, language=lang, formats=wanted):
        typer.echo(path)


def _place(name: str) -> Path:
    """Return the path of an instrument: as given when it is one, else in the catalogue."""
    from crosslevel.catalogue import instrument_dir

    path = Path(name)
    looks_like_path = path.suffix in (".yml", ".yaml") or len(path.parts) > 1
    if looks_like_path or (path / "instrument.yml").is_file():
        return path
    return instrument_dir(name)
