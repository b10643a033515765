"""The tree of a woven report: numbered figures, tables and sections, callouts, references.

Runs before citeproc, so that `@fig-x` is never taken for a citation. What is done here is the same
for every format; `pages` does the rest.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from crosslevel.errors import Problem, RenderError, did_you_mean
from crosslevel.reporting.qmd import Document
from crosslevel.reporting.tree import Node, div, inlines, rewrite, text_of, walk
from crosslevel.reporting.weave import Float, Woven

NUMBERED = ("fig", "tbl", "sec")
_NAMES = {
    "en": {"fig": "Figure", "tbl": "Table", "sec": "Section"},
    "da": {"fig": "Figur", "tbl": "Tabel", "sec": "Afsnit"},
}
_CALLOUT_TITLES = {
    "en": {"note": "Note", "tip": "Tip", "important": "Important", "warning": "Warning",
           "caution": "Caution"},
    "da": {"note": "Bemærk", "tip": "Tip", "important": "Vigtigt", "warning": "Advarsel",
           "caution": "Forsigtig"},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reference:
    """What `@label` stands for: `Figure 2`."""

    label: str
    name: str
    number: str

    @property
    def text(self) -> str:
        """Name and number, held together."""
        return f"{self.name}\u00a0{self.number}"


def names(language: str) -> Mapping[str, str]:
    """Words for figure, table and section; English where we have no others."""
    return _NAMES.get(language, _NAMES["en"])


def structured(
    tree: Node, woven: Woven, document: Document, *, language: str, citations: frozenset[str]
) -> Node:
    """Return the tree with floats, callouts and cross-references in place.

    Raises
    ------
    RenderError
        With every unresolved reference, missing citation and piece of raw code, each with a line.
    """
    problems: list[Problem] = []
    references = _references(tree, woven.floats, language)
    problems += _raw_code(tree, document)
    problems += _citations(tree, document, references, citations)
    if problems:
        raise RenderError(f"{document.path.name} cannot be rendered.", problems)

    def _change(node: Node) -> list[Node] | None:
        if node["t"] == "Cite":
            return _resolved(node, references)
        if node["t"] == "Div":
            identifier, classes, _ = node["c"][0]
            if "cl-float" in classes:
                return _float(node, woven.floats[identifier], references[identifier], document)
            if any(name.startswith("callout-") for name in classes):
                return [_callout(node, language)]
        return None

    changed: Node = rewrite(tree, _change)
    return changed


def _references(tree: Node, floats: Mapping[str, Float], language: str) -> dict[str, Reference]:
    """Number everything that may be referred to, in the order of the text."""
    words = names(language)
    counts = {"fig": 0, "tbl": 0}
    headings = [0] * 6
    found: dict[str, Reference] = {}
    for node in walk(tree["blocks"]):
        if node["t"] == "Header":
            level, (identifier, classes, _), _text = node["c"]
            if "unnumbered" in classes:
                continue
            headings[level - 1] += 1
            headings[level:] = [0] * (6 - level)
            number = ".".join(str(n) for n in headings[:level])
            if identifier.startswith("sec-"):
                found[identifier] = Reference(identifier, words["sec"], number)
        elif node["t"] == "Div" and node["c"][0][0] in floats:
            identifier = node["c"][0][0]
            kind = identifier[:3]
            counts[kind] += 1
            found[identifier] = Reference(identifier, words[kind], str(counts[kind]))
    return found


def _raw_code(tree: Node, document: Document) -> list[Problem]:
    """Raw code that only one format would show."""
    problems = []
    for node in walk(tree["blocks"]):
        if node["t"] in ("RawBlock", "RawInline"):
            language, text = node["c"]
            first = text.strip().splitlines()[0] if text.strip() else ""
            found = f"raw {language} code: {first[:40]}"
            where = document.where(document.line_of(first))
            problems.append(Problem(where, found, "Use Markdown, which every format reads."))
    return problems


def _citations(
    tree: Node, document: Document, references: Mapping[str, Reference], known: frozenset[str]
) -> list[Problem]:
    """Cross-references and citation keys that point nowhere."""
    problems = []
    for node in walk(tree):
        if node["t"] != "Cite":
            continue
        for citation in node["c"][0]:
            key = citation["citationId"]
            where = document.where(document.line_of(f"@{key}"))
            if key.partition("-")[0] in (*NUMBERED, "eq", "lst") and "-" in key:
                if key not in references:
                    hint = did_you_mean(key, references) or "Nothing carries this label."
                    problems.append(Problem(where, f"'@{key}' refers to nothing.", hint))
            elif key not in known:
                hint = did_you_mean(key, known) or "Add it to the bibliography."
                problems.append(Problem(where, f"the bibliography has no '{key}'.", hint))
    return problems


def _resolved(node: Node, references: Mapping[str, Reference]) -> list[Node] | None:
    """Links in place of cross-references; None for a citation."""
    keys = [citation["citationId"] for citation in node["c"][0]]
    if not all(key in references for key in keys):
        return None
    made: list[Node] = []
    for citation in node["c"][0]:
        reference = references[citation["citationId"]]
        bare = citation["citationMode"]["t"] == "SuppressAuthor"
        text = reference.number if bare else reference.text
        link = {
            "t": "Link",
            "c": [
                ["", ["quarto-xref"], []],
                [{"t": "Str", "c": text}],
                [f"#{reference.label}", ""],
            ],
        }
        prefix = citation["citationPrefix"]
        suffix = citation["citationSuffix"]
        if made:
            made += [{"t": "Str", "c": ","}, {"t": "Space"}]
        made += [*prefix, {"t": "Space"}] if prefix else []
        made += [link, *suffix]
    return made


def _float(node: Node, made: Float, reference: Reference, document: Document) -> list[Node]:
    """A figure or table node that carries its caption and its number."""
    caption = next(b for b in node["c"][1] if b["t"] == "Div" and "cl-caption" in b["c"][0][1])
    body = [block for block in node["c"][1] if block is not caption]
    words: list[Node] = []
    for block in caption["c"][1]:
        words += block["c"] if block["t"] in ("Para", "Plain") else []
    attrs: list[Any] = [
        reference.label,
        [made.kind],
        [["name", reference.name], ["number", reference.number]],
    ]
    if made.kind == "figure":
        image = {
            "t": "Image",
            "c": [["", [], []], inlines(made.alt), [made.picture, ""]],
        }
        inside = [{"t": "Plain", "c": [image]}]
        return [{"t": "Figure", "c": [attrs, [None, [{"t": "Plain", "c": words}]], inside]}]
    tables = [block for block in body if block["t"] == "Table"]
    if len(tables) != 1:
        found = f"cell '{made.label}' shows {len(tables)} tables; a `tbl-` cell shows one."
        raise RenderError(
            "A cell did not show what its label promises.",
            [Problem(document.where(made.line), found)],
        )
    table = tables[0]
    table["c"][0] = attrs
    table["c"][1] = [None, [{"t": "Plain", "c": words}]]
    notes = body[body.index(table) + 1 :]
    return [table, *([div(["", ["table-note"], []], notes)] if notes else [])]


def _callout(node: Node, language: str) -> Node:
    """A callout as a div with its title as an attribute."""
    (identifier, classes, pairs), blocks = node["c"]
    kind = next(name for name in classes if name.startswith("callout-"))[len("callout-") :]
    given = dict(pairs).get("title", "")
    if not given and blocks and blocks[0]["t"] == "Header":
        given, blocks = text_of(blocks[0]["c"][2]), blocks[1:]
    titles = _CALLOUT_TITLES.get(language, _CALLOUT_TITLES["en"])
    title = given or titles[kind]
    return div([identifier, ["callout", f"callout-{kind}"], [["title", title]]], blocks)


def bibliography_keys(text: str) -> frozenset[str]:
    """Return the keys of a BibTeX file.

    Examples
    --------
    >>> sorted(bibliography_keys("@article{b2000, title={x}}"))
    ['b2000']
    """
    return frozenset(re.findall(r"^\s*@\w+\s*\{\s*([^\s,]+)\s*,", text, flags=re.MULTILINE))
