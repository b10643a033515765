"""Answers of one instrument from one file: coded, mapped, and every row accounted for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

import pandas as pd

from crosslevel.errors import Problem, ResponseError, did_you_mean
from crosslevel.instruments.records import Instrument
from crosslevel.responses.coding import Codebook, Coded, as_text, code_item, label_problems
from crosslevel.responses.identity import pseudonyms
from crosslevel.responses.places import in_rows, listed
from crosslevel.responses.records import NO_ANSWER, NO_ID, Responses
from crosslevel.responses.table import as_name, read_table


def read(
    path: Path | str,
    instrument: Instrument,
    *,
    respondent: str,
    values: Literal["codes", "labels"] = "codes",
    language: str = "en",
    missing: Iterable[object] | Mapping[str, Iterable[object]] = (),
    columns: Mapping[str, str] | None = None,
    pseudonym_key: str | None = None,
    identifiers: Sequence[str] = (),
    delimiter: str | None = None,
) -> Responses:
    """Return the answers of one data file, coded as the instrument says.

    Use it for each file a survey platform exported. Nothing is guessed: the file holds codes or
    labels as declared, and a cell that is neither an answer nor a declared missing code stops the
    reading with its row and column.

    Parameters
    ----------
    path
        CSV or TSV, as `read_table` takes it.
    instrument
        The instrument as fielded.
    respondent
        Column with one identifier per respondent; kept as a string ("007" stays "007").
    values
        Whether closed items hold codes or labels.
    language
        Language of the labels; nominal answers are kept as labels in it.
    missing
        Codes that mean "no answer", such as (99, "NA"); an empty cell always does. A mapping item
        id -> codes where a code is missing for one item and an answer to another.
    columns
        Item id -> column of the file, for columns that are not named after their item.
    pseudonym_key
        When given, respondents and `identifiers` are replaced by keyed pseudonyms (`pseudonym`).
    identifiers
        Further columns with direct identifiers, kept as pseudonyms; they need a key.
    delimiter
        What separates the fields, when the ending of the file does not say it.

    Returns
    -------
    Responses
        Rows without a respondent id and rows without any answer are listed in its `losses`.

    Raises
    ------
    ResponseError
        With all the problems of the file: see `read_table`; missing columns; answers that are no
        option; respondents that occur twice; no row left.
    """
    book = _codebook(instrument, values, language, missing)
    if identifiers and pseudonym_key is None:
        raise ResponseError("Columns with direct identifiers need a pseudonym key.")
    table = read_table(path, delimiter=delimiter)
    respondent, identifiers = as_name(respondent), [as_name(name) for name in identifiers]
    where = _columns_of(Path(path), instrument, columns or {}, table, respondent, identifiers)
    coded = {
        item.id: code_item(_cells(table, where.get(item.id)), item, where.get(item.id, ""), book)
        for item in instrument.items
    }
    ids = {name: table[name] for name in dict.fromkeys((respondent, *identifiers))}
    if pseudonym_key is not None:
        ids = {name: pseudonyms(column, key=pseudonym_key) for name, column in ids.items()}
    losses = _losses(ids[respondent], coded)
    _raise_problems(Path(path), coded, ids[respondent].drop(losses["row"].to_list()))
    frame = pd.DataFrame(
        {respondent: ids[respondent]}
        | {name: one.answers for name, one in coded.items()}
        | {name: column for name, column in ids.items() if name != respondent}
    ).drop(index=losses["row"].to_list())
    if frame.empty:
        raise ResponseError(
            f"No row of '{path}' can be used.",
            _nothing_left(losses),
        )
    used = {respondent, *identifiers, *where.values()}
    return Responses(
        instrument=instrument,
        frame=frame.reset_index(drop=True),
        respondent=respondent,
        source=Path(path),
        mapping=pd.concat([one.mapping for one in coded.values()], ignore_index=True),
        losses=losses.reset_index(drop=True),
        rows=len(table),
        ignored=tuple(name for name in table.columns if name not in used),
        language=language,
    )


def _codebook(
    instrument: Instrument,
    values: str,
    language: str,
    missing: Iterable[object] | Mapping[str, Iterable[object]],
) -> Codebook:
    """Check how the file is to be read."""
    if values not in ("codes", "labels"):
        raise ResponseError(f"`values` must be 'codes' or 'labels', got {values!r}.")
    if language not in instrument.languages:
        raise ResponseError(
            f"'{instrument.id}' has no language '{language}'. "
            f"It has: {', '.join(instrument.languages)}."
        )
    if isinstance(missing, Mapping):
        ids = [item.id for item in instrument.items]
        unknown = [
            Problem(f"missing: {name}", "is no item of this instrument.", did_you_mean(name, ids))
            for name in missing
            if name not in ids
        ]
        if unknown:
            raise ResponseError("The missing codes name unknown items.", unknown)
        by_item = {name: frozenset(map(as_text, codes)) for name, codes in missing.items()}
    else:
        everywhere = frozenset(map(as_text, [missing] if isinstance(missing, str) else missing))
        by_item = {item.id: everywhere for item in instrument.items}
    kind: Literal["codes", "labels"] = "labels" if values == "labels" else "codes"
    book = Codebook(instrument, kind, language, by_item)
    problems = list(label_problems(instrument.items, book)) if kind == "labels" else []
    if problems:
        raise ResponseError(f"'{instrument.id}' cannot be read by labels.", problems)
    return book


def _columns_of(
    path: Path,
    instrument: Instrument,
    columns: Mapping[str, str],
    table: pd.DataFrame,
    respondent: str,
    identifiers: Sequence[str],
) -> dict[str, str]:
    """Return the column of each item, or raise with every column that is not there."""
    ids = [item.id for item in instrument.items]
    problems = [
        Problem(f"columns: {name}", "is no item of this instrument.", did_you_mean(name, ids))
        for name in columns
        if name not in ids
    ]
    known = list(table.columns)
    optional = {item.id for item in instrument.items if item.optional and item.id not in columns}
    wanted = {name: as_name(columns.get(name, name)) for name in ids}
    for name in (respondent, *identifiers):
        if name not in known:
            problems.append(Problem(f"column '{name}'", "not found.", did_you_mean(name, known)))
        if name in ids:
            problems.append(Problem(f"column '{name}'", "has the name of an item.", "Rename it."))
    shared = [column for column, n in Counter(wanted.values()).items() if n > 1]
    problems += [
        Problem(f"column '{column}'", "is given to several items.", "Map each item to its own.")
        for column in shared
    ]
    for item, column in wanted.items():
        if column not in known and item not in optional:
            problems.append(
                Problem(f"item '{item}'", f"no column '{column}'.", did_you_mean(column, known))
            )
    if problems:
        raise ResponseError(f"'{path}' does not fit '{instrument.id}'.", problems)
    return {item: column for item, column in wanted.items() if column in known}


def _cells(table: pd.DataFrame, column: str | None) -> pd.Series:
    """Cells of one item; empty ones when an optional item has no column."""
    return pd.Series("", index=table.index, dtype="str") if column is None else table[column]


def _losses(respondents: pd.Series, coded: Mapping[str, Coded]) -> pd.DataFrame:
    """List the rows that hold no respondent or no answer."""
    answered = pd.DataFrame({name: one.answered for name, one in coded.items()}).any(axis=1)
    reason = pd.Series("", index=respondents.index, dtype="str")
    reason[respondents == ""] = NO_ID
    reason[~answered] = NO_ANSWER
    lost = reason[reason != ""]
    return pd.DataFrame(
        {"row": lost.index, "respondent": respondents[lost.index], "reason": lost}
    ).astype({"row": "int64"})


def _nothing_left(losses: pd.DataFrame) -> Iterator[Problem]:
    """Yield why no row can be used."""
    for reason, rows in losses.groupby("reason", sort=False)["row"]:
        names = [f"row {row}" for row in rows]
        yield from in_rows(names, f"{reason}.", few=str, many=f"{names[0]} and others")


def _raise_problems(path: Path, coded: Mapping[str, Coded], respondents: pd.Series) -> None:
    """Raise with every unread cell and every respondent that occurs twice."""
    problems = [*_duplicates(respondents)]
    problems += [problem for one in coded.values() for problem in one.problems]
    if problems:
        raise ResponseError(f"'{path}' has {len(problems)} problem(s).", problems)


def _duplicates(respondents: pd.Series) -> Iterator[Problem]:
    """Yield each respondent with more than one row."""
    again = respondents[respondents.duplicated(keep=False)]
    for name, rows in again.groupby(again, sort=False).groups.items():
        places = listed([str(row) for row in rows])
        yield Problem(f"respondent '{name}'", f"occurs in rows {places}.", "Keep one of them.")
