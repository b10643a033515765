"""Strict reading of delimited text: every defect of a file at once, nothing repaired in silence."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pandas as pd

from crosslevel.errors import Problem, ResponseError, did_you_mean
from crosslevel.responses.places import in_rows

ROW = "row"
_NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_SEPARATOR_LINE = re.compile(r'"?(sep=(.))"?[,;\t|]*\s*(?:[\r\n]|$)', re.IGNORECASE)


def read_table(
    path: Path | str,
    *,
    columns: Mapping[str, str] | Sequence[str] | None = None,
    delimiter: str | None = None,
) -> pd.DataFrame:
    r"""Return a delimited text file as a frame of strings, or say all that is wrong with it.

    Use it for any file a person or a platform exported. Cells and headers lose surrounding blanks
    and take the Unicode form NFC, so that names that look alike are alike; an empty cell is the
    empty string; no cell and no header is ever evaluated or turned into a number.

    Parameters
    ----------
    path
        CSV (commas) or, with the ending .tsv or .tab, TSV (tabs); UTF-8 with or without a byte
        order mark; any line ends.
    columns
        Columns to keep: names, or a mapping new name -> column of the file. All when None.
    delimiter
        What separates the fields, when the ending of the file does not say it.

    Returns
    -------
    DataFrame
        (n_rows, n_columns) str. The index, named "row", holds the row number a spreadsheet shows:
        the header is row 1. Blank lines are left out and still counted.

    Raises
    ------
    ResponseError
        When the file is missing, empty, cut off, not UTF-8, not separated as expected, has rows
        of unequal length, columns of the same name, or lacks a column asked for.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> path = Path(folder, "staff.csv")
    >>> _ = path.write_text("employee,unit\n007,A\n", encoding="utf-8")
    >>> read_table(path)
        employee unit
    row
    2        007    A
    """
    path = Path(path)
    if delimiter is None:
        delimiter = delimiter_of(path)
    header, rows = _records(path, _text(path), delimiter)
    _check_shape(path, header, rows, delimiter)
    frame = pd.DataFrame(
        [[as_name(cell) for cell in cells] for cells in rows.values()],
        columns=pd.Index(header, dtype="str"),
        index=pd.Index(list(rows), name=ROW),
        dtype="str",
    )
    return _select(path, frame, columns)


def delimiter_of(path: Path) -> str:
    r"""Return what separates the fields of a file by its ending: tabs or commas.

    Examples
    --------
    >>> delimiter_of(Path("staff.TSV")), delimiter_of(Path("staff.csv"))
    ('\t', ',')
    """
    return "\t" if path.suffix.lower() in (".tsv", ".tab") else ","


def as_name(text: str) -> str:
    """Return a name in the one form in which names are compared: NFC, no surrounding blanks.

    Examples
    --------
    >>> as_name(" A\N{COMBINING RING ABOVE} ") == "\N{LATIN CAPITAL LETTER A WITH RING ABOVE}"
    True
    """
    return unicodedata.normalize("NFC", text.strip())


def _text(path: Path) -> str:
    """Decode a file, refusing what is not text in UTF-8."""
    if not path.is_file():
        kind = "is a folder" if path.is_dir() else "does not exist"
        raise ResponseError(f"The data file '{path}' {kind}.")
    raw = path.read_bytes()
    if not raw.strip(b"\xef\xbb\xbf \t\r\n"):
        raise ResponseError(f"The data file '{path}' is empty.")
    if raw.startswith(b"PK\x03\x04"):
        raise ResponseError(
            f"The data file '{path}' is a workbook, not text. Save the sheet as 'CSV UTF-8'."
        )
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ResponseError(f"The data file '{path}' is UTF-16. Save it as 'CSV UTF-8'.")
    if b"\x00" in raw:
        line = raw[: raw.index(b"\x00")].count(b"\n") + 1
        raise ResponseError(
            f"The data file '{path}' is damaged: line {line} holds a NUL byte. Export it again."
        )
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        byte = raw[error.start]
        raise ResponseError(
            f"The data file '{path}' is not UTF-8: line {line} holds the byte 0x{byte:02x}. "
            "Save it as 'CSV UTF-8'."
        ) from None


def _records(path: Path, text: str, delimiter: str) -> tuple[list[str], dict[int, list[str]]]:
    """Split text into a header and rows keyed by their spreadsheet row number."""
    if separator := _SEPARATOR_LINE.match(text):
        line, named = separator.groups()
        fix = f"Delete the first line {line!r}"
        fix += "." if named == delimiter else f", and say that the delimiter is {named!r}."
        problem = Problem("row 1", "is an instruction to Excel, not a header.", fix)
        raise ResponseError(f"The data file '{path}' cannot be read.", [problem])
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    records: dict[int, list[str]] = {}
    number = 0
    try:
        for number, cells in enumerate(reader, start=1):
            if any(cell.strip() for cell in cells) or len(cells) > 1:
                records[number] = cells
    except csv.Error as error:
        reason = str(error)
        cut_off = "unexpected end of data" in reason or "field larger" in reason
        found = (
            "a quotation mark is opened and never closed: the file may be cut off."
            if cut_off
            else f"the quotation marks do not pair up ({reason})."
        )
        problem = Problem(f"row {number + 1}", found, "Export the file again.")
        raise ResponseError(f"The data file '{path}' cannot be read.", [problem]) from None
    if not records:
        raise ResponseError(f"The data file '{path}' is empty.")
    first = next(iter(records))
    header = [as_name(name) for name in records.pop(first)]
    while header and not header[-1] and _blank_end(records, len(header)):
        header.pop()
        records = {row: cells[:-1] for row, cells in records.items()}
    return header, records


def _blank_end(records: Mapping[int, Sequence[str]], width: int) -> bool:
    """Whether every row has this many fields and nothing in the last one."""
    return all(len(cells) == width and not cells[-1].strip() for cells in records.values())


def _check_shape(
    path: Path, header: Sequence[str], rows: Mapping[int, Sequence[str]], delimiter: str
) -> None:
    """Raise one error with every defect of the header and of the length of the rows."""
    if len(header) == 1:
        other = next((d for d in _NAMES if d != delimiter and d in header[0]), None)
        if other:
            raise ResponseError(
                f"The data file '{path}' is separated by {_NAMES[other]}, not by "
                f"{_NAMES.get(delimiter, repr(delimiter))}. Save it as a comma-separated file, or "
                f"say that the delimiter is {other!r}."
            )
    problems = [
        Problem(f"column '{name}'", f"{n} columns have this name.", "Rename all but one.")
        for name, n in Counter(header).items()
        if n > 1 and name
    ]
    for position, name in enumerate(header):
        if not name:
            letter = _letter(position)
            problems.append(Problem(f"column {letter}", "has no name.", "Name or delete it."))
    problems += _ragged(rows, len(header))
    if problems:
        raise ResponseError(f"The data file '{path}' has {len(problems)} defect(s).", problems)
    if not rows:
        raise ResponseError(f"The data file '{path}' has a header and no rows.")


def _ragged(rows: Mapping[int, Sequence[str]], width: int) -> Iterator[Problem]:
    """Yield the rows that have more or fewer fields than the header."""
    last = max(rows, default=0)
    lengths: dict[int, list[str]] = {}
    for row, cells in rows.items():
        short_end = row == last and len(cells) < width
        if len(cells) != width and not short_end:
            lengths.setdefault(len(cells), []).append(f"row {row}")
    for n, names in lengths.items():
        found = f"{n} fields where the header has {width}."
        yield from in_rows(names, found, few=str, many=f"{names[0]} and others")
    if rows and len(rows[last]) < width:
        found = f"{len(rows[last])} fields where the header has {width}."
        fix = "The file ends in mid-row: it was cut off; export it again."
        yield Problem(f"row {last}", found, fix)


def _select(
    path: Path, frame: pd.DataFrame, columns: Mapping[str, str] | Sequence[str] | None
) -> pd.DataFrame:
    """Keep and rename the columns asked for."""
    if columns is None:
        return frame
    named = dict(columns) if isinstance(columns, Mapping) else {c: c for c in columns}
    wanted = {name: as_name(column) for name, column in named.items()}
    known = list(frame.columns)
    problems = [
        Problem(f"column '{c}'", "not found.", did_you_mean(c, known) or _known(known))
        for c in wanted.values()
        if c not in known
    ]
    if problems:
        raise ResponseError(f"The data file '{path}' lacks {len(problems)} column(s).", problems)
    picked = frame[list(wanted.values())]
    return picked.set_axis(pd.Index(list(wanted), dtype="str"), axis=1)


def _known(names: Sequence[str]) -> str:
    """Name the columns there are, shortly."""
    shown = ", ".join(names[:8])
    return f"The file has: {shown}{', ...' if len(names) > 8 else ''}."


def _letter(position: int) -> str:
    """Return the letter a spreadsheet shows above a column."""
    letters = ""
    position += 1
    while position:
        position, rest = divmod(position - 1, 26)
        letters = chr(65 + rest) + letters
    return letters
