"""Walking and building pandoc's document tree (its JSON form)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

Node = dict[str, Any]


def rewrite(value: Any, change: Callable[[Node], list[Node] | None]) -> Any:
    """Return the tree with nodes replaced from the leaves up.

    `change` returns the nodes that stand in place of one, or None to keep it.
    """
    if isinstance(value, list):
        made: list[Any] = []
        for entry in value:
            entry = rewrite(entry, change)
            replaced = change(entry) if isinstance(entry, dict) and "t" in entry else None
            made += [entry] if replaced is None else replaced
        return made
    if isinstance(value, dict):
        return {key: rewrite(entry, change) for key, entry in value.items()}
    return value


def walk(value: Any) -> Iterator[Node]:
    """Yield every node, outermost first, in the order of the text."""
    if isinstance(value, list):
        for entry in value:
            yield from walk(entry)
    elif isinstance(value, dict):
        if "t" in value:
            yield value
        for entry in value.values():
            yield from walk(entry)


def text_of(value: Any) -> str:
    """Plain text of a tree."""
    parts = []
    for node in walk(value):
        if node["t"] in ("Str", "Code", "Math"):
            content = node["c"]
            parts.append(content if isinstance(content, str) else content[1])
        elif node["t"] in ("Space", "SoftBreak", "LineBreak"):
            parts.append(" ")
    return "".join(parts)


def inlines(text: str) -> list[Node]:
    """Words and spaces of a plain text."""
    made: list[Node] = []
    for word in text.split(" "):
        made += [{"t": "Space"}, {"t": "Str", "c": word}] if made else [{"t": "Str", "c": word}]
    return made


def attributes(
    identifier: str = "",
    classes: Sequence[str] = (),
    pairs: Sequence[tuple[str, str]] = (),
) -> list[Any]:
    """Pandoc's attribute triple."""
    return [identifier, list(classes), [list(pair) for pair in pairs]]


def div(attrs: list[Any], blocks: list[Node]) -> Node:
    """A block container."""
    return {"t": "Div", "c": [attrs, blocks]}


def raw(text: str, *, language: str, block: bool = False) -> Node:
    """Text in the language of one writer."""
    return {"t": "RawBlock" if block else "RawInline", "c": [language, text]}


def meta(value: Any) -> Node:
    """A metadata value: text, list of texts, or truth."""
    if isinstance(value, bool):
        return {"t": "MetaBool", "c": value}
    if isinstance(value, list):
        return {"t": "MetaList", "c": [meta(entry) for entry in value]}
    return {"t": "MetaInlines", "c": inlines(str(value))}
