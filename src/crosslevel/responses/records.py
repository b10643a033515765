"""What answering, linking and counting leave behind: frozen records, nothing computed here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pandas as pd

from crosslevel.errors import ResponseError, did_you_mean
from crosslevel.instruments.records import Instrument, Item, Text

MISSING = "missing"
NOT_RELEVANT = "not relevant"
NO_ID = "no respondent id"
NO_ANSWER = "no answer to any item"


def no_losses() -> pd.DataFrame:
    """Return an empty table of rows that are not used: row, respondent, reason."""
    empty = pd.DataFrame(columns=["row", "respondent", "reason"]).astype("str")
    return empty.astype({"row": "int64"})


@dataclass(frozen=True, slots=True)
class Responses:
    """The answers to one instrument, coded, with what was ignored and what was lost.

    Attributes
    ----------
    frame
        (n_respondents, 1 + n_items) the respondent (str) first, then one column per item: float64
        for ordered and number items (nan = not answered or not relevant), str labels for nominal
        ones. Columns named in `identifiers` follow as pseudonyms.
    respondent
        Name of the respondent column.
    mapping
        item, raw, value, label, n: what was found in the file, what it became, and how often.
    losses
        row, respondent, reason: each row of the file that is not in `frame`.
    rows
        Rows in the file; always the rows of `frame` and of `losses` together.
    ignored
        Columns of the file that belong to no item.
    """

    instrument: Instrument
    frame: pd.DataFrame
    respondent: str
    source: Path
    mapping: pd.DataFrame
    losses: pd.DataFrame
    rows: int
    ignored: tuple[str, ...]
    language: str

    def items(self, scale: str, *, reversed: bool = True) -> pd.DataFrame:  # noqa: A002
        """Answers to one scale, one column per item, indexed by respondent.

        With `reversed`, reverse items are turned round (minimum + maximum - answer), so that high
        always means much of what the scale measures.

        Raises
        ------
        ResponseError
            When the instrument has no such scale.
        """
        known = self.instrument.scales
        if scale not in known:
            hint = did_you_mean(scale, known) or f"It has: {', '.join(known)}."
            raise ResponseError(f"'{self.instrument.id}' has no scale '{scale}'. {hint}")
        items = self.instrument.items_of(scale)
        answers = self.frame.set_index(self.respondent)[[item.id for item in items]]
        if not reversed:
            return answers
        turned = {
            item.id: _reach(self.instrument, item) - answers[item.id]
            for item in items
            if item.reverse
        }
        return answers.assign(**turned)


def _reach(instrument: Instrument, item: Item) -> float:
    """Lowest plus highest possible answer to an item."""
    scale = instrument.response_scale_of(item)
    if scale.codes:
        return float(min(scale.codes) + max(scale.codes))
    if scale.minimum is None or scale.maximum is None:
        raise ResponseError(
            f"Item '{item.id}' is reversed, and its response scale '{scale.id}' has no minimum "
            "and maximum. Give both in the instrument."
        )
    return scale.minimum + scale.maximum


@dataclass(frozen=True, slots=True)
class ScoredColumn:
    """Where one column of a scored frame comes from."""

    name: str
    kind: Literal["scale", "background", "respondent"]
    label: Text
    version: str
    instrument: str
    role: str


@dataclass(frozen=True, slots=True)
class Scored:
    """One row per respondent: the respondent, one column per scale, then the background.

    `losses` are the rows of the file that are not in `frame`, as in `Responses`.
    """

    frame: pd.DataFrame
    columns: Mapping[str, ScoredColumn]
    losses: pd.DataFrame = field(default_factory=no_losses)

    @property
    def respondent(self) -> str:
        """Name of the respondent column."""
        return next(c.name for c in self.columns.values() if c.kind == "respondent")

    def names(self, kind: Literal["scale", "background"]) -> Sequence[str]:
        """Names of the columns of one kind, in the order of the frame."""
        return [c.name for c in self.columns.values() if c.kind == kind]


@dataclass(frozen=True, slots=True)
class Linked:
    """Employees with the scores of the managers of their unit.

    Attributes
    ----------
    frame
        (n_responding_employees, ...) employee, unit, the higher levels, the employee's scores and
        background, then the managers' scores and, prefixed `manager_`, their background. Employees
        whose unit has no usable manager are kept with nan there, and listed in `losses`.
    losses
        level, identifier, reason: who responded and could not be linked.
    columns
        Where each score and background column comes from.
    rule
        How several managers of one unit were treated.
    """

    frame: pd.DataFrame
    losses: pd.DataFrame
    columns: Mapping[str, ScoredColumn]
    rule: str

    @property
    def employees(self) -> pd.Series:
        """Ids of the employees who could be linked."""
        lost = self.losses.loc[self.losses["level"] == "employee", "identifier"]
        ids = self.frame["employee"]
        return ids[~ids.isin(lost)]


@dataclass(frozen=True, slots=True)
class Flow:
    """Who was invited, responded, was linked and was analysed.

    Attributes
    ----------
    levels
        level, stage, n, lost, reason.
    units
        unit, the higher levels, invited, responded, linked, analysed, response_rate,
        managers_invited, managers_responded.
    """

    levels: pd.DataFrame
    units: pd.DataFrame
