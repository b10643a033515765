"""From the text of a cell to a value: by declared codes or labels, never by guessing."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from crosslevel.errors import Problem, did_you_mean
from crosslevel.instruments.records import Instrument, Item, Option, ResponseScale
from crosslevel.responses.places import in_rows
from crosslevel.responses.records import MISSING, NOT_RELEVANT
from crosslevel.responses.table import as_name

_WHOLE = re.compile(r"[+-]?\d+(\.0+)?", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Codebook:
    """How the cells of one file are to be read."""

    instrument: Instrument
    form: Literal["codes", "labels"]
    language: str
    missing: Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class Coded:
    """One item, coded: its values, where anything was answered, what each raw text became."""

    answers: pd.Series
    answered: pd.Series
    mapping: pd.DataFrame
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class _Meaning:
    """What one raw text stands for; `fix` is filled when it stands for nothing."""

    value: float | str
    shown: str
    label: str
    found: str = ""
    fix: str = ""


def as_text(value: object) -> str:
    """Return a declared code in the one form that cells are held against.

    Examples
    --------
    >>> as_text(99), as_text(99.0), as_text("99.0"), as_text(" NA ")
    ('99', '99', '99', 'NA')
    """
    return _canonical(as_name(str(value)))


def code_item(raw: pd.Series, item: Item, column: str, book: Codebook) -> Coded:
    """Code the cells of one item.

    Parameters
    ----------
    raw
        (n_rows,) str, indexed by row number of the file.
    item
        What was asked.
    column
        Name of the column in the file, for messages.
    book
        How cells are read.

    Returns
    -------
    Coded
        Answers are float64 (ordered, number) or str labels (nominal), indexed like `raw`.
    """
    scale = book.instrument.response_scale_of(item)
    absent = book.missing.get(item.id, frozenset())
    meanings = {text: _meaning(text, scale, book, absent) for text in raw.unique()}
    problems = tuple(_unread(raw, column, meanings))
    answers = raw.map({text: m.value for text, m in meanings.items()})
    answers = answers.astype("str") if scale.kind == "nominal" else answers.astype("float64")
    answered = raw.map({text: m.shown != MISSING for text, m in meanings.items()}).astype("bool")
    return Coded(answers.rename(item.id), answered, _mapping(raw, item, scale, meanings), problems)


def label_problems(items: Collection[Item], book: Codebook) -> Iterator[Problem]:
    """Yield response scales on which one label stands for two codes, or a label is missing."""
    for name in dict.fromkeys(item.response_scale for item in items):
        scale = book.instrument.response_scales[name]
        seen: dict[str, int] = {}
        for option in _all_options(scale):
            label = _normal(option.label.get(book.language, ""))
            if not label:
                found = f"option {option.value} has no label in '{book.language}'."
                yield Problem(f"response scale '{name}'", found, "Add it, or read codes.")
            elif label in seen:
                found = f"options {seen[label]} and {option.value} share the label '{label}'."
                yield Problem(f"response scale '{name}'", found, "Read the file by codes.")
            else:
                seen[label] = option.value


def _meaning(text: str, scale: ResponseScale, book: Codebook, absent: Collection[str]) -> _Meaning:
    """What one raw text stands for; a missing code that is also an answer stands for nothing."""
    if not text:
        return _Meaning(np.nan, MISSING, "")
    answer = _answer(text, scale, book)
    if _canonical(text) not in absent:
        return answer
    if answer.found:
        return _Meaning(np.nan, MISSING, "")
    found = f"{text} is declared missing and is also an answer to this item."
    return _Meaning(
        np.nan, "", "", found, "Under `missing`, give the codes item by item (item: codes)."
    )


def _answer(text: str, scale: ResponseScale, book: Codebook) -> _Meaning:
    """What one raw text stands for as an answer on a response scale."""
    option = _match(text, _all_options(scale), book)
    if option is not None and option is scale.not_relevant:
        return _Meaning(np.nan, NOT_RELEVANT, option.label.get(book.language, ""))
    if scale.kind == "number":
        return _number(text, scale)
    if option is None:
        found = f"'{text}' is no answer to this item."
        return _Meaning(np.nan, "", "", found, _fix(text, scale, book))
    label = option.label.get(book.language, str(option.value))
    if scale.kind == "nominal":
        return _Meaning(label, label, label)
    return _Meaning(float(option.value), str(option.value), label)


def _match(text: str, options: Collection[Option], book: Codebook) -> Option | None:
    """Return the option a cell names by its code or by its label, whichever was declared."""
    if book.form == "labels":
        wanted = _normal(text)
        return next((o for o in options if _normal(o.label.get(book.language, "")) == wanted), None)
    if not _WHOLE.fullmatch(text):
        return None
    code = int(_canonical(text))
    return next((o for o in options if o.value == code), None)


def _number(text: str, scale: ResponseScale) -> _Meaning:
    """Read an open number and hold it against the bounds of its response scale."""
    if not _NUMBER.fullmatch(text):
        comma = _DECIMAL_COMMA.fullmatch(text)
        fix = f"Write {text.replace(',', '.')}: decimals take a point." if comma else _declare(text)
        return _Meaning(np.nan, "", "", f"'{text}' is not a number.", fix)
    value = float(text)
    low = -np.inf if scale.minimum is None else scale.minimum
    high = np.inf if scale.maximum is None else scale.maximum
    if not low <= value <= high:
        fix = f"The range is {low:g} to {high:g}. {_declare(text)}"
        return _Meaning(np.nan, "", "", f"{text} is out of range.", fix)
    return _Meaning(value, f"{value:g}", "")


def _fix(text: str, scale: ResponseScale, book: Codebook) -> str:
    """Say which answers would do."""
    if book.form == "codes":
        codes = ", ".join(str(o.value) for o in _all_options(scale))
        labels = [_normal(o.label.get(book.language, "")) for o in _all_options(scale)]
        if _normal(text) in labels:
            return "This is a label: say that the file holds labels (`values`)."
        return f"Codes: {codes}. {_declare(text)}"
    labels = [o.label.get(book.language, "") for o in _all_options(scale)]
    if _WHOLE.fullmatch(text):
        shown = ", ".join(labels)
        return f"This is a code: say that the file holds codes (`values`). Labels: {shown}."
    hint = did_you_mean(text, labels)
    return hint or f"Labels: {', '.join(labels)}. {_declare(text)}"


def _declare(text: str) -> str:
    """Say what to do with a code that means no answer."""
    return f"If it means no answer, declare '{text}' as `missing`."


def _unread(raw: pd.Series, column: str, meanings: Mapping[str, _Meaning]) -> Iterator[Problem]:
    """Yield the cells that stand for nothing, equal ones together when they are many."""
    place = f"column '{column}'"
    bad = raw[raw.isin([text for text, meaning in meanings.items() if meaning.found])]
    for text, rows in bad.groupby(bad, sort=False).groups.items():
        said = (meanings[str(text)].found, meanings[str(text)].fix)
        names = [f"row {row}" for row in rows]
        yield from in_rows(names, *said, few=lambda row: f"{row}, {place}", many=place)


def _mapping(
    raw: pd.Series, item: Item, scale: ResponseScale, meanings: Mapping[str, _Meaning]
) -> pd.DataFrame:
    """Table what each raw text became; the numbers of an open item share one line."""
    counts = raw.value_counts()
    rows = []
    numbers: list[tuple[float, int]] = []
    for text, meaning in meanings.items():
        n = int(counts[text])
        if (
            scale.kind == "number"
            and isinstance(meaning.value, float)
            and np.isfinite(meaning.value)
        ):
            numbers.append((meaning.value, n))
        else:
            rows.append((item.id, text, meaning.shown, meaning.label, n))
    if numbers:
        values = [value for value, _ in numbers]
        shown = f"{min(values):g} to {max(values):g}"
        rows.append((item.id, "(numbers)", shown, "", sum(n for _, n in numbers)))
    order = [text for o in scale.options for text in (str(o.value), *o.label.values())]
    place = {text: position for position, text in reversed(list(enumerate(order)))}
    last = {NOT_RELEVANT: len(order), MISSING: len(order) + 1}
    rows.sort(key=lambda row: last.get(row[2], place.get(row[2], -1)))
    frame = pd.DataFrame(rows, columns=["item", "raw", "value", "label", "n"])
    return frame.astype({"item": "str", "raw": "str", "value": "str", "label": "str", "n": "int64"})


def _canonical(text: str) -> str:
    """Write whole numbers in one way: "4.0" and "+4" as "4"."""
    return str(int(text.partition(".")[0])) if _WHOLE.fullmatch(text) else text


def _all_options(scale: ResponseScale) -> list[Option]:
    """Options of a response scale with the "not relevant" one, when it has one, last."""
    return [*scale.options, *([scale.not_relevant] if scale.not_relevant else [])]


def _normal(text: str) -> str:
    """One form for labels that look alike: Unicode NFC, single blanks."""
    return " ".join(unicodedata.normalize("NFC", text).split())
