"""Command `scale`: everything a study knows about one of its scales."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crosslevel.cli import app

if TYPE_CHECKING:
    from crosslevel.reporting.evidence import Sheet


@app.command()
def scale(
    name: Annotated[str, typer.Argument(help="The scale, such as goal_learning.", metavar="NAME")],
    study: Annotated[Path, typer.Argument(help="The study folder.", metavar="[STUDY]")] = Path(),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a script.")] = False,
) -> None:
    """Print the evidence sheet of one scale: reliability, items, groups, averaging."""
    from crosslevel.reporting.evidence import evidence_sheet

    sheet = evidence_sheet(study, name)
    if as_json:
        typer.echo(json.dumps(sheet.plain(), indent=2, ensure_ascii=False))
    else:
        _show(sheet)


def _show(sheet: Sheet) -> None:
    """Print a sheet for a reader."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    console.print(sheet.title, style="bold", highlight=False)
    console.print(sheet.about, highlight=False)
    for section in sheet.sections:
        console.print(f"\n{section.title}", style="bold", highlight=False)
        for line in section.lines:
            console.print(line, highlight=False, markup=False)
        if section.rows:
            table = Table(*section.header, box=None, pad_edge=False)
            for column, kind in zip(table.columns, section.align, strict=True):
                column.justify = "right" if kind == "r" else "left"
            for row in section.rows:
                table.add_row(*row)
            console.print(table)
