"""The records an instrument is made of; nothing here reads a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Text = Mapping[str, str]
"""A text per language code, such as {"en": "Never", "da": "Aldrig"}."""


@dataclass(frozen=True, slots=True)
class Option:
    """One answer of a response scale: the stored code and its label per language."""

    value: int
    label: Text


@dataclass(frozen=True, slots=True)
class ResponseScale:
    """The answers a respondent may give.

    `ordered` options form a numeric scale; `nominal` ones are categories; `number` is an open
    number between `minimum` and `maximum`, counted in `unit`, and has no options. `not_relevant` is
    an answer that is kept as such in the file and becomes a missing value in every score.
    """

    id: str
    kind: Literal["ordered", "nominal", "number"]
    options: tuple[Option, ...]
    not_relevant: Option | None
    minimum: float | None
    maximum: float | None
    unit: Text = field(default_factory=dict)

    @property
    def codes(self) -> tuple[int, ...]:
        """Codes of the options, in the order of the file."""
        return tuple(option.value for option in self.options)


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that was asked. `scale` is empty for a background item.

    `optional` marks an item that may be absent from a data file; `section` is the page section it
    is printed in, empty when the instrument has none.
    """

    id: str
    text: Text
    response_scale: str
    reverse: bool
    scale: str
    optional: bool = False
    section: str = ""


@dataclass(frozen=True, slots=True)
class Scale:
    """A score made of items: how, and from how many valid answers at least (a share of 1)."""

    id: str
    label: Text
    role: str
    method: Literal["mean", "sum"]
    minimum_valid: float


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the printed page: its heading and the words that lead into its items."""

    id: str
    title: Text
    lead: Text


@dataclass(frozen=True, slots=True)
class Instrument:
    """One questionnaire as it is fielded, with what is known about it."""

    id: str
    version: str
    title: Text
    audience: Literal["manager", "employee"]
    languages: tuple[str, ...]
    provenance: Literal["toolkit-authored", "verbatim", "paraphrase", "user-supplied"]
    source: str
    licence: str
    validation: str
    intro: Text
    closing: Text
    response_scales: Mapping[str, ResponseScale]
    scales: Mapping[str, Scale]
    items: tuple[Item, ...]
    path: Path
    sections: Mapping[str, Section] = field(default_factory=dict)

    def items_of(self, scale: str) -> tuple[Item, ...]:
        """Items of one scale, in the order of the file."""
        return tuple(item for item in self.items if item.scale == scale)

    @property
    def background(self) -> tuple[Item, ...]:
        """Items that belong to no scale: tenure, profession and the like."""
        return tuple(item for item in self.items if not item.scale)

    def item(self, name: str) -> Item:
        """One item by its id."""
        return next(item for item in self.items if item.id == name)

    def response_scale_of(self, item: Item) -> ResponseScale:
        """The response scale an item is answered on."""
        return self.response_scales[item.response_scale]
