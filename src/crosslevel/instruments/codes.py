"""The codebook of an instrument: what each stored code means."""

from __future__ import annotations

import pandas as pd

from crosslevel.errors import InstrumentError, Problem, did_you_mean
from crosslevel.instruments.records import Instrument, ResponseScale

COLUMNS = ["item", "text", "scale", "scale_label", "reversed", "kind", "code", "label", "missing"]


def codebook(instrument: Instrument, language: str) -> pd.DataFrame:
    """Return one row per item and answer code; use it to document or to label a data file.

    Parameters
    ----------
    instrument
        The instrument.
    language
        One of its languages.

    Returns
    -------
    pandas.DataFrame
        Columns `item, text, scale, scale_label, reversed, kind, code, label, missing`, in the
        order of the file. `scale` is empty for background items. An open number has one row with
        an empty code and its range as label. `missing` marks the code that no score counts.

    Raises
    ------
    InstrumentError
        When the instrument has no such language.

    Examples
    --------
    >>> from crosslevel.catalogue import instrument_dir
    >>> from crosslevel.instruments import read
    >>> table = codebook(read(instrument_dir("manager-data-use")), "en")
    >>> table.loc[table["item"] == "psu1", "label"].tolist()
    ['Never', 'Rarely', 'Sometimes', 'Often', 'Always', 'Not relevant']
    """
    require_language(instrument, language)
    rows = []
    for item in instrument.items:
        scale = instrument.scales.get(item.scale)
        label = scale.label[language] if scale is not None else ""
        answers = instrument.response_scale_of(item)
        fixed = (item.id, item.text[language], item.scale, label, item.reverse, answers.kind)
        rows += [(*fixed, *row) for row in _codes(answers, language)]
    frame = pd.DataFrame(rows, columns=COLUMNS)
    texts = ["item", "text", "scale", "scale_label", "kind", "code", "label"]
    return frame.astype(dict.fromkeys(texts, "str"))


def require_language(instrument: Instrument, language: str) -> None:
    """Raise an error that names the instrument's languages when the wanted one is not among them.

    Raises
    ------
    InstrumentError
        When the instrument has no such language.
    """
    if language not in instrument.languages:
        known = ", ".join(instrument.languages)
        hint = did_you_mean(language, instrument.languages) or f"It exists in: {known}."
        problem = Problem(instrument.id, f"there is no text in '{language}'.", hint)
        raise InstrumentError("The instrument lacks a language.", [problem])


def range_text(answers: ResponseScale, language: str) -> str:
    """Return the range and unit of an open number, such as "0–50 years".

    Examples
    --------
    >>> range_text(ResponseScale("years", "number", (), None, 0, 50, {"en": "years"}), "en")
    '0–50 years'
    """
    low, high = (None if x is None else f"{x:g}" for x in (answers.minimum, answers.maximum))
    if low is not None and high is not None:
        limits = f"{low}–{high}"
    else:
        limits = f"≥ {low}" if low is not None else f"≤ {high}" if high is not None else ""
    return f"{limits} {answers.unit.get(language, '')}".strip()


def _codes(answers: ResponseScale, language: str) -> list[tuple[str, str, bool]]:
    """Code, label and whether it counts as missing, for each answer."""
    rows = [(str(o.value), o.label[language], False) for o in answers.options]
    if answers.kind == "number":
        rows.append(("", range_text(answers, language), False))
    if answers.not_relevant is not None:
        rows.append((str(answers.not_relevant.value), answers.not_relevant.label[language], True))
    return rows
