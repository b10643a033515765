"""What the terminal shows whatever goes wrong: any encoding, and any refusal of the system."""

from __future__ import annotations

import codecs
import errno
import io
import os
import sys
from pathlib import Path

_HANDLER = "crosslevel.plain"
_PLAIN = str.maketrans(
    {
        "\N{MINUS SIGN}": "-",
        "\N{NON-BREAKING HYPHEN}": "-",
        "\N{EN DASH}": "-",
        "\N{EM DASH}": "-",
        "\N{NO-BREAK SPACE}": " ",
        "\N{LEFT SINGLE QUOTATION MARK}": "'",
        "\N{RIGHT SINGLE QUOTATION MARK}": "'",
        "\N{LEFT DOUBLE QUOTATION MARK}": '"',
        "\N{RIGHT DOUBLE QUOTATION MARK}": '"',
        "\N{HORIZONTAL ELLIPSIS}": "...",
    }
)


def accept_any_text() -> None:
    r"""Let both output streams take every character, whatever their encoding.

    A character that the encoding lacks is written plainly when there is a plain form (a minus sign
    stays a minus sign), otherwise as its number, such as `\u00e5`, which JSON reads back.
    """
    codecs.register_error(_HANDLER, _plain)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_HANDLER)


def refused(error: OSError) -> str:
    """Return what the system refused to do, to which file, and why.

    Examples
    --------
    >>> refused(FileNotFoundError(2, "No such file or directory", "data.csv"))
    "Cannot find 'data.csv': no such file or directory."
    """
    said = error.strerror or str(error) or type(error).__name__
    reason = said[:1].lower() + said[1:].rstrip(".")
    if error.filename is None:
        return f"The system refused to read or write a file: {reason}."
    path = Path(os.fsdecode(error.filename))
    if error.errno == errno.ENOENT:
        return f"Cannot find '{path}': {reason}."
    if path.is_file() and not os.access(path, os.R_OK):
        return f"Cannot read '{path}': {reason}. Change who may read it."
    if not path.exists() and path.parent.is_dir():
        path = path.parent
    return f"Cannot write '{path}': {reason}. Choose another folder, or change who may write there."


def _plain(error: UnicodeError) -> tuple[str, int]:
    """Write the characters an encoding lacks in those it has."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end].translate(_PLAIN)
    return "".join(c if c.isascii() else _escaped(c) for c in lacking), error.end


def _escaped(character: str) -> str:
    """Write a character as JSON does: one or two units of UTF-16."""
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2))
