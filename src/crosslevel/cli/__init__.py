"""The command line: one module per command group; heavy packages load inside the commands."""

from __future__ import annotations

import sys
from importlib import import_module

import typer

from crosslevel.cli.console import accept_any_text, refused
from crosslevel.errors import CrosslevelError
from crosslevel.version import __version__

STOPPED = 130
# Each registers its commands on `app`, in this order.
_GROUPS = ("study", "report", "scale", "instrument", "power")

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

    0: done. 1: the data or the study is wrong, or a file cannot be read or written; the message
    says where and what would do.
    2: the command itself was used wrongly. 130: stopped from the keyboard.
    """
    try:
        for group in _GROUPS:
            import_module(f"crosslevel.cli.{group}")
        app(args=arguments)
    except CrosslevelError as error:
        return _failed(str(error))
    except OSError as error:
        return _failed(refused(error))
    except KeyboardInterrupt:
        return _stopped()
    except SystemExit as done:
        code = done.code if isinstance(done.code, int) else 0
        return _stopped() if code == STOPPED else code
    return 0


def _failed(message: str) -> int:
    """Say what went wrong."""
    typer.secho("error: ", fg="red", bold=True, nl=False, err=True)
    typer.echo(message, err=True)
    return 1


def _stopped() -> int:
    """Say that the person at the keyboard stopped it."""
    typer.echo("Stopped.", err=True)
    return STOPPED


def run(arguments: list[str] | None = None) -> None:
    """Entry point of the `crosslevel` command."""
    accept_any_text()
    sys.exit(main(arguments))
