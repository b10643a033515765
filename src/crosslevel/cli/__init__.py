"""The command line: one module per command group; heavy packages load inside the commands."""

from __future__ import annotations

import sys
from importlib import import_module

import typer

from crosslevel.errors import CrosslevelError
from crosslevel.version import __version__

# Each registers its commands on `app`, in this order.
_GROUPS = ("study", "report", "instrument", "power")

app = typer.Typer(
    name="crosslevel",
    help="From a questionnaire to a published report.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _version(show: bool) -> None:
    """Print the version and stop."""
    if show:
        typer.echo(f"crosslevel {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Show the version."
    ),
) -> None:
    """From a questionnaire to a published report."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code.

    0: done. 1: the data or the study is wrong; the message says where and what would do.
    2: the command itself was used wrongly.
    """
    for group in _GROUPS:
        import_module(f"crosslevel.cli.{group}")
    try:
        app(args=arguments)
    except CrosslevelError as error:
        typer.secho("error: ", fg="red", bold=True, nl=False, err=True)
        typer.echo(str(error), err=True)
        return 1
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else 0
    return 0


def run(arguments: list[str] | None = None) -> None:
    """Entry point of the `crosslevel` command."""
    sys.exit(main(arguments))
