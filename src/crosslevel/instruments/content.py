"""Scales, sections and items: the content of an instrument, and how its parts refer to each other.

Items are read last, against the response scales, scales and sections that the file names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from crosslevel.instruments.answers import named
from crosslevel.instruments.nodes import (
    Entry,
    Findings,
    choice,
    flag,
    mapping,
    number,
    sequence,
    word,
)
from crosslevel.instruments.records import Item, ResponseScale, Scale, Section
from crosslevel.instruments.texts import Found, translated

ROLES = (
    "predictor", "secondary-predictor", "outcome", "climate", "mediator", "moderator", "covariate",
)  # fmt: skip
METHODS = ("mean", "sum")
_ITEM = re.compile(r"[a-z][a-z0-9]{0,19}")

ResponseScales = Mapping[str, Found[ResponseScale]]
Scales = Mapping[str, Found[Scale]]
Sections = Mapping[str, Found[Section]]


@dataclass(frozen=True, slots=True)
class _Names:
    """What an item may refer to."""

    languages: tuple[str, ...]
    response_scales: ResponseScales
    scales: Scales
    sections: Sections


def read_scales(entry: Entry | None, findings: Findings, languages: tuple[str, ...]) -> Scales:
    """Return the scales by name."""
    if entry is None:
        return {}
    return {
        name: Found(value, _scale(name, value, findings, languages))
        for name, value in named(entry, findings).items()
    }


def read_sections(entry: Entry | None, findings: Findings, languages: tuple[str, ...]) -> Sections:
    """Return the page sections by name."""
    if entry is None:
        return {}
    sections = {}
    for name, value in named(entry, findings).items():
        keys = mapping(value, findings, required=("title",), optional=("lead",))
        title, lead = (
            translated(keys[part], findings, languages) if part in keys else {}
            for part in ("title", "lead")
        )
        sections[name] = Found(value, Section(name, title, lead))
    return sections


def read_items(
    entry: Entry | None,
    findings: Findings,
    *,
    languages: tuple[str, ...],
    response_scales: ResponseScales,
    scales: Scales,
    sections: Sections,
) -> tuple[Item, ...]:
    """Return the items in the order of the file, and note what does not fit together."""
    if entry is None:
        return ()
    names = _Names(languages, response_scales, scales, sections)
    found = [_item(member, findings, names) for member in sequence(entry, findings)]
    _check_ids(found, findings, names)
    _check_scales(found, findings, names)
    return tuple(f.record for f in found)


def _scale(name: str, entry: Entry, findings: Findings, languages: tuple[str, ...]) -> Scale:
    """Read one scale."""
    keys = mapping(entry, findings, required=("label", "role", "method", "minimum_valid"))
    label = translated(keys["label"], findings, languages) if "label" in keys else {}
    role = choice(keys["role"], findings, ROLES) if "role" in keys else ""
    method: Any = choice(keys["method"], findings, METHODS) if "method" in keys else ""
    share = number(keys["minimum_valid"], findings) if "minimum_valid" in keys else None
    if share is not None and not 0 < share <= 1:
        fix = "Give the share of items that must be answered: above 0, at most 1."
        findings.add(keys["minimum_valid"], f"{share:g} is no such share.", fix)
    return Scale(name, label, role, method, share or 1.0)


def _item(entry: Entry, findings: Findings, names: _Names) -> Found[Item]:
    """Read one item; its key names it, once its id is known."""
    keys = mapping(
        entry,
        findings,
        required=("id", "response_scale", "text"),
        optional=("scale", "background", "section", "reverse", "optional"),
    )
    name = word(keys["id"], findings) if "id" in keys else ""
    if name:
        keys = {k: Entry(f"items.{name}.{k}", v.line, v.node) for k, v in keys.items()}
        entry = Entry(f"items.{name}", entry.line, entry.node)
    if name and not _ITEM.fullmatch(name):
        fix = "Use at most 20 lower-case letters and digits, a letter first."
        findings.add(keys["id"], f"'{name}' is no item id.", fix)
    flags = {k: flag(keys[k], findings) for k in ("background", "reverse", "optional") if k in keys}
    known = (names.response_scales, names.scales, names.sections)
    refers = {
        key: choice(keys[key], findings, parts) if key in keys else ""
        for key, parts in zip(("response_scale", "scale", "section"), known, strict=True)
    }
    item = Item(
        id=name,
        text=translated(keys["text"], findings, names.languages) if "text" in keys else {},
        response_scale=refers["response_scale"],
        reverse=flags.get("reverse", False),
        scale=refers["scale"],
        optional=flags.get("optional", False),
        section=refers["section"],
    )
    _check_place(entry, keys, findings, background=flags.get("background", False))
    if item.reverse:
        _check_reverse(keys["reverse"], item, findings, names)
    return Found(entry, item)


def _check_place(
    entry: Entry, keys: Mapping[str, Entry], findings: Findings, *, background: bool
) -> None:
    """Note an item that is in no scale without being background, or is both."""
    if "scale" not in keys and not background:
        fix = "Name its 'scale:', or write 'background: true'."
        findings.add(entry, "the item is in no scale.", fix)
    if "scale" in keys and background:
        findings.add(entry, "the item is in a scale and is background too.", "Keep one.")


def _check_reverse(entry: Entry, item: Item, findings: Findings, names: _Names) -> None:
    """Note a reversed item that cannot be turned."""
    known = names.response_scales.get(item.response_scale)
    if known is not None and known.record.kind != "ordered":
        found = f"'{item.response_scale}' is {known.record.kind} and cannot be reversed."
        findings.add(entry, found, "Reverse only items on an ordered response scale.")
    elif not item.scale:
        findings.add(entry, "a background item cannot be reversed.", "Take 'reverse' out.")


def _check_ids(found: list[Found[Item]], findings: Findings, names: _Names) -> None:
    """Note ids that come twice or are a scale's name."""
    first: dict[str, int] = {}
    for item in found:
        name, line = item.record.id, item.entry.line
        if name and name in first:
            other = first[name]
            findings.add(item.entry, f"'{name}' is the item of line {other} too.", "Rename one.")
        elif name in names.scales:
            findings.add(item.entry, f"'{name}' is the name of a scale too.", "Rename one.")
        first.setdefault(name, line)


def _check_scales(found: list[Found[Item]], findings: Findings, names: _Names) -> None:
    """Note scales without items, of nominal items, or over several response scales."""
    for name, scale in names.scales.items():
        mine = [f.record for f in found if f.record.scale == name]
        if not mine:
            fix = "Put items in it, or take it out."
            findings.add(scale.entry, "the scale has no items.", fix)
        used = {item.response_scale: item.id for item in mine}
        if len(used) > 1:
            listed = ", ".join(f"'{r}' ({i})" for r, i in used.items())
            fix = "Use one response scale for all items of a scale."
            findings.add(scale.entry, f"its items mix response scales: {listed}.", fix)
        for response in used:
            known = names.response_scales.get(response)
            if known is not None and known.record.kind == "nominal":
                fix = "Score only ordered or number items; make the others background."
                findings.add(scale.entry, f"'{response}' is nominal and has no score.", fix)
