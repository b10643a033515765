"""Response scales: the answers that a respondent may give."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from crosslevel.instruments.nodes import Entry, Findings, choice, mapping, number, pairs
from crosslevel.instruments.records import Option, ResponseScale
from crosslevel.instruments.texts import Found, translated

KINDS = ("ordered", "nominal", "number")
_CODE = re.compile(r"-?\d{1,6}")
_NAME = re.compile(r"[a-z][a-z0-9_]*")


def read_response_scales(
    entry: Entry | None, findings: Findings, languages: tuple[str, ...]
) -> Mapping[str, Found[ResponseScale]]:
    """Return the response scales by name; a faulty one is kept so that items still find it."""
    if entry is None:
        return {}
    return {
        name: Found(value, _response_scale(name, value, findings, languages))
        for name, value in named(entry, findings).items()
    }


def named(entry: Entry, findings: Findings) -> dict[str, Entry]:
    """Return the parts of a mapping whose keys are names: lower-case letters, digits, _."""
    values = pairs(entry, findings)
    for name, value in values.items():
        if not _NAME.fullmatch(name):
            fix = "Begin with a lower-case letter; use lower-case letters, digits and _."
            findings.add(value, f"'{name}' is no name.", fix)
    return values


def _response_scale(
    name: str, entry: Entry, findings: Findings, languages: tuple[str, ...]
) -> ResponseScale:
    """Read one response scale."""
    keys = mapping(
        entry,
        findings,
        required=("kind",),
        optional=("options", "not_relevant", "minimum", "maximum", "unit"),
    )
    kind: Any = choice(keys["kind"], findings, KINDS) if "kind" in keys else ""
    _check_keys(entry, keys, findings, kind=kind)
    options = _options(keys.get("options"), findings, languages)
    beside = _options(keys.get("not_relevant"), findings, languages)
    if len(beside) > 1:
        findings.add(keys["not_relevant"], "there are several codes.", "Give one code and label.")
    for option in beside:
        if option.value in {o.value for o in options}:
            fix = "Give it a code of its own, such as 9."
            findings.add(keys["not_relevant"], f"code {option.value} is an option too.", fix)
    _check_order(keys.get("options"), options, findings, kind=kind)
    minimum, maximum = _limits(entry, keys, findings)
    unit = translated(keys["unit"], findings, languages) if "unit" in keys else {}
    first = beside[0] if beside else None
    return ResponseScale(name, kind, options, first, minimum, maximum, unit)


def _check_keys(entry: Entry, keys: Mapping[str, Entry], findings: Findings, *, kind: str) -> None:
    """Note keys that this kind of response scale cannot have, or lacks."""
    foreign = ("options",) if kind == "number" else ("minimum", "maximum", "unit")
    for name in foreign if kind in KINDS else ():
        if name in keys:
            findings.add(keys[name], f"a {kind} response scale has no '{name}'.", "Take it out.")
    if kind in ("ordered", "nominal") and "options" not in keys:
        findings.add(entry, "'options' is missing.", "Add 'options:' with codes and labels.")


def _options(
    entry: Entry | None, findings: Findings, languages: tuple[str, ...]
) -> tuple[Option, ...]:
    """Read codes and labels; a code that comes twice is noted by `pairs`."""
    if entry is None:
        return ()
    options: list[Option] = []
    seen: dict[tuple[str, str], str] = {}
    for code, value in pairs(entry, findings).items():
        label = translated(value, findings, languages)
        for language, words in label.items():
            other = seen.setdefault((language, words.casefold()), code)
            if words and other != code:
                fix = "Give each code its own label."
                findings.add(value, f"'{words}' is the label of code {other} too.", fix)
        if _CODE.fullmatch(code):
            options.append(Option(int(code), label))
        else:
            findings.add(value, f"the code '{code}' is no whole number.", "Use codes like 1, 2, 3.")
    return tuple(options)


def _check_order(
    entry: Entry | None, options: tuple[Option, ...], findings: Findings, *, kind: str
) -> None:
    """Note too few options, a code written in two ways, and codes that do not rise."""
    if entry is None or kind == "number":
        return
    codes = [option.value for option in options]
    if len(codes) < 2:
        findings.add(entry, f"found {len(codes)} option(s) to read.", "Give at least two.")
    if len(set(codes)) < len(codes):
        findings.add(entry, "two options have the same code.", "Give each its own code.")
    elif kind == "ordered" and codes != sorted(codes):
        fix = "List the options from the lowest code to the highest."
        findings.add(entry, f"the codes {codes} do not rise.", fix)


def _limits(
    entry: Entry, keys: Mapping[str, Entry], findings: Findings
) -> tuple[float | None, float | None]:
    """Read the limits of an open number."""
    minimum, maximum = (
        number(keys[name], findings) if name in keys else None for name in ("minimum", "maximum")
    )
    if minimum is not None and maximum is not None and minimum >= maximum:
        found = f"minimum {minimum:g} is not below maximum {maximum:g}."
        findings.add(entry, found, "Exchange or correct them.")
    return minimum, maximum
