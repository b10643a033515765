"""Commands of the report group: write a study's report, and take a template home."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from crosslevel.cli import app

_Study = Annotated[Path, typer.Argument(help="Folder with study.yml.")]


@app.command()
def render(
    study: _Study = Path(),
    *,
    report: Annotated[
        str | None, typer.Option(help="Name of a report; those of study.yml when not given.")
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(help="html, pdf, docx, with commas; as study.yml says when not given."),
    ] = None,
    engine: Annotated[
        str, typer.Option(help="quarto, embedded, or auto: quarto when it is installed.")
    ] = "auto",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print what was written as JSON.")
    ] = False,
) -> None:
    """Write a study's reports as web page, PDF and Word file. Needs `crosslevel run` first."""
    from rich.console import Console
    from rich.text import Text

    from crosslevel.reporting import render as write
    from crosslevel.reporting.rendering import choose_engine, planned

    chosen, paths = choose_engine(engine), []
    for name, formats in planned(study, report, None if to is None else to.split(",")):
        with Console(stderr=True).status(Text(f"Rendering {name} with the {chosen} engine ...")):
            paths += write(study, report=name, formats=formats, engine=chosen)
    shown = [_short(path) for path in paths]
    if as_json:
        typer.echo(json.dumps({"engine": chosen, "files": shown}, indent=2))
        return
    typer.echo(f"Rendered with the {chosen} engine:")
    for path in shown:
        typer.echo(f"  {path}")


@app.command()
def eject(
    report: Annotated[str, typer.Argument(help="Name of the report template.")],
    study: _Study = Path(),
) -> None:
    """Copy a report template into the study's reports/, so that it can be changed."""
    from crosslevel.reporting import eject as copy

    for path in copy(report, study):
        typer.echo(_short(path))


def _short(path: Path) -> str:
    """A path as seen from the current folder, where that is shorter."""
    try:
        return path.resolve().relative_to(Path.cwd()).as_posix()
    except ValueError:
        return str(path)
