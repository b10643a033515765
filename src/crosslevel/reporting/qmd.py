"""The parts of a report file: front matter, prose and cells, each with its line.

The file is an ordinary Quarto document. This module knows which part of Quarto's language the
embedded engine speaks; `read` collects everything outside it and raises once, naming each line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError

from crosslevel.errors import Problem, RenderError, did_you_mean
from crosslevel.reporting.conditions import resolved

CELL_OPTIONS = (
    "label", "tags", "echo", "eval", "include", "output", "warning", "fig-cap", "fig-alt",
    "fig-width", "fig-height", "tbl-cap",
)  # fmt: skip
FRONT_KEYS = (
    "title", "subtitle", "author", "date", "date-format", "lang", "keywords", "jupyter", "execute",
    "format", "bibliography", "csl", "link-citations", "number-sections", "toc",
    "fig-width", "fig-height", "has",
)  # fmt: skip
EXECUTE_KEYS = ("echo", "warning", "enabled")
FORMATS = ("html", "docx", "typst")
CALLOUTS = ("note", "tip", "important", "warning", "caution")
INLINE = re.compile(r"(^|[^`])`\{python\}[ \t]([^`]+)`", flags=re.MULTILINE)

_FENCE = re.compile(r"^(\s*)(`{3,}|~{3,})\s*(.*)$")
_OPTION = re.compile(r"^#\s*\| ?")
_KNOWN_DIV = re.compile(r"^:{3,}\s*(\{[^{}]*\}|[\w-]+)?\s*:*\s*$")
_REFUSED: tuple[tuple[re.Pattern[str], str, str], ...] = tuple(
    (re.compile(pattern), found, fix)
    for pattern, found, fix in (
        (r"\{\{<", "a Quarto shortcode.", "Write its result as text or as a cell."),
        (r"panel-tabset", "a tabset.", "Paper has no tabs: use headings."),
        (r"layout(-ncol|-nrow|-valign)?\s*=", "a figure layout.", "Draw the panels in one cell."),
        (
            r"\.content-(visible|hidden)",
            "conditional content.",
            'Every format shows the same; only when-meta="has.NAME" is known.',
        ),
        (r"\.(column-[\w-]+|aside)\b", "margin or wide columns.", "Use the text column."),
        (r"\{[^}]*#eq-", "a numbered equation.", "Refer to it in words."),
        (r"\{[^}]*#(thm|lem|cor|prp|cnj|def|exm|exr|lst)-", "a numbered block.", "Use a callout."),
        (r"^:{3,}.*#(fig|tbl)-", "a figure or table div.", "Use a cell with a `label`."),
        (r"!\[[^\]]*\]\([^)]*\)\{[^}]*#fig-", "a numbered picture file.", "Draw it in a cell."),
        (r"`[^`]*`\{=\w+\}", "raw code of one format.", "Use Markdown, which every format reads."),
        (r"`\{(r|julia|ojs)\}", "inline code in another language.", "Use `{python} ...`."),
        (r"<(div|span|table|img|br|p|b|i|sup|sub)\b[^>]*>", "HTML.", "Use Markdown instead."),
    )
)


@dataclass(frozen=True, slots=True)
class Prose:
    """Markdown text and the line it starts on."""

    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Cell:
    """One Python cell: its options, its code, and the lines its fence and its code stand on."""

    label: str
    options: Mapping[str, Any]
    source: str
    line: int
    code_line: int

    @property
    def kind(self) -> str:
        """`figure`, `table` or empty: what the label promises."""
        return {"fig": "figure", "tbl": "table"}.get(self.label.partition("-")[0], "")


@dataclass(frozen=True, slots=True)
class Document:
    """A report file, taken apart."""

    path: Path
    front: Mapping[str, Any]
    blocks: tuple[Prose | Cell, ...]
    lines: tuple[str, ...]

    def line_of(self, text: str) -> int:
        """First line that contains the text (1 when there is none)."""
        return next((n for n, line in enumerate(self.lines, 1) if text in line), 1)

    def where(self, line: int) -> str:
        """A place as it is shown in a message, such as `article.qmd:12`."""
        return f"{self.path.name}:{line}"


def read(path: Path, *, has: Mapping[str, bool] | None = None) -> Document:
    """Return the parts of a report file.

    `has` says what the build has to show, and with it which conditional parts apply; without it
    all of them do.

    Raises
    ------
    RenderError
        With every construct the embedded engine cannot show, each with its line.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise RenderError(f"The report {path} cannot be read: {error}") from error
    applying = resolved(lines, has=has, name=path.name)
    lines, problems = list(applying.lines), list(applying.problems)
    front, start = _front_matter(path, lines, problems)
    blocks = tuple(_blocks(path, lines, start, problems))
    problems += _duplicate_labels(path, blocks)
    if problems:
        raise RenderError(f"{path.name} cannot be rendered by the embedded engine.", problems)
    return Document(path, front, blocks, tuple(lines))


def language(path: Path) -> str:
    """Return the language a template is written in: its `lang`, English without one.

    A template that cannot be read is for `read` to complain about.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return "en"
    front, _ = _front_matter(path, lines, [])
    return str(front.get("lang", "en"))


def yaml_mapping(text: str) -> Mapping[str, Any]:
    """Return a YAML mapping; keys carry lines (`.lc`), and nothing in it is executed."""
    loaded = YAML(typ="rt").load(text)
    if loaded is None:
        return {}
    if not isinstance(loaded, dict):
        raise ValueError("is not a list of `key: value` lines.")
    return loaded


def _line(mapping: Mapping[str, Any], key: str) -> int:
    """Line of a key within its YAML text, from 0."""
    place = getattr(mapping, "lc", None)
    return int(place.key(key)[0]) if place is not None else 0


def _front_matter(
    path: Path, lines: Sequence[str], problems: list[Problem]
) -> tuple[Mapping[str, Any], int]:
    """Return the front matter and the index of the first line after it."""
    if not lines or lines[0].strip() != "---":
        problems.append(Problem(f"{path.name}:1", "has no front matter.", "Start with `---`."))
        return {}, 0
    end = next((i for i, line in enumerate(lines[1:], 1) if line.strip() in ("---", "...")), None)
    if end is None:
        problems.append(Problem(f"{path.name}:1", "the front matter is never closed.", ""))
        return {}, len(lines)
    try:
        front = yaml_mapping("\n".join(lines[1:end]))
    except (MarkedYAMLError, ValueError) as error:
        line = getattr(getattr(error, "problem_mark", None), "line", 0) + 2
        problems.append(Problem(f"{path.name}:{line}", f"the front matter {_brief(error)}", ""))
        return {}, end + 1
    problems += _unknown(path, front, FRONT_KEYS, 2, "front matter key")
    formats, execute = front.get("format"), front.get("execute")
    if isinstance(formats, dict):
        problems += _unknown(path, formats, FORMATS, 2, "format")
    if isinstance(execute, dict):
        problems += _unknown(path, execute, EXECUTE_KEYS, 2, "execute option")
    return front, end + 1


def _brief(error: Exception) -> str:
    """One line of a YAML error."""
    text = getattr(error, "problem", None)
    return f"is not YAML: {text}." if text else str(error)


def _unknown(
    path: Path, mapping: Mapping[str, Any], known: Sequence[str], first: int, what: str
) -> Iterator[Problem]:
    """One problem for each key outside the known ones."""
    for key in mapping:
        if key not in known:
            where = f"{path.name}:{first + _line(mapping, key)}"
            hint = did_you_mean(str(key), known) or f"Known: {', '.join(known)}."
            yield Problem(where, f"unknown {what} '{key}'.", hint)


def _blocks(
    path: Path, lines: Sequence[str], start: int, problems: list[Problem]
) -> Iterator[Prose | Cell]:
    """Cut the body into prose and cells."""
    prose: list[str] = []
    first, index = start, start
    while index < len(lines):
        fence = _FENCE.match(lines[index])
        if fence is None:
            problems += _refused(path, lines[index], index + 1)
            prose.append(lines[index])
            index += 1
            continue
        end = _closing(lines, index, fence[2])
        if end is None:
            problems.append(
                Problem(f"{path.name}:{index + 1}", "this code block is never closed.", "")
            )
            end = len(lines) - 1
        info = fence[3].strip()
        if info == "{python}":
            if any(line.strip() for line in prose):
                yield Prose("\n".join(prose), first + 1)
            yield _cell(path, lines[index + 1 : end], index + 1, problems)
            prose, first = [], end + 1
        else:
            if info.startswith("{") and not info.startswith("{."):
                found = f"a block '{info}' that is not Python."
                problems.append(Problem(f"{path.name}:{index + 1}", found, "Use ```{python}."))
            prose += lines[index : end + 1]
        index = end + 1
    if any(line.strip() for line in prose):
        yield Prose("\n".join(prose), first + 1)


def _closing(lines: Sequence[str], start: int, fence: str) -> int | None:
    """Index of the line that closes a fence, None when there is none."""
    pattern = re.compile(rf"^\s*{re.escape(fence[0])}{{{len(fence)},}}\s*$")
    return next((i for i in range(start + 1, len(lines)) if pattern.match(lines[i])), None)


def _refused(path: Path, line: str, number: int) -> Iterator[Problem]:
    """One problem for each construct of this line that the engine does not know."""
    for pattern, found, fix in _REFUSED:
        if pattern.search(line):
            yield Problem(f"{path.name}:{number}", found, fix)
    callout = re.search(r"^:{3,}.*\.callout-([\w]+)", line)
    if callout and callout[1] not in CALLOUTS:
        yield Problem(
            f"{path.name}:{number}",
            f"unknown callout '{callout[1]}'.",
            did_you_mean(callout[1], CALLOUTS) or f"Known: {', '.join(CALLOUTS)}.",
        )
    if line.startswith(":::") and not _KNOWN_DIV.match(line):
        yield Problem(f"{path.name}:{number}", "a div that cannot be read.", "Use ::: {.class}.")


def _cell(path: Path, lines: Sequence[str], number: int, problems: list[Problem]) -> Cell:
    """Read one cell; `number` is the line of its fence."""
    head = []
    for line in lines:
        if not _OPTION.match(line):
            break
        head.append(_OPTION.sub("", line, count=1))
    options: Mapping[str, Any] = {}
    try:
        options = yaml_mapping("\n".join(head))
    except (MarkedYAMLError, ValueError) as error:
        line_number = number + 1 + getattr(getattr(error, "problem_mark", None), "line", 0)
        problems.append(Problem(f"{path.name}:{line_number}", f"the options: {_brief(error)}", ""))
    problems += _unknown(path, options, CELL_OPTIONS, number + 1, "cell option")
    code = list(lines[len(head) :])
    while code and not code[0].strip():
        code.pop(0)
    first = number + 1 + len(lines) - len(code)
    label = str(options.get("label", ""))
    cell = Cell(label, options, "\n".join(code), number, first)
    problems += _promises(path, cell)
    return cell


def _promises(path: Path, cell: Cell) -> Iterator[Problem]:
    """What a labelled figure or table must say about itself."""
    needed = {"figure": ("fig-cap", "fig-alt"), "table": ("tbl-cap",)}.get(cell.kind, ())
    for option in needed:
        if not str(cell.options.get(option, "")).strip():
            found = f"cell '{cell.label}' has no `{option}`."
            fix = "Readers who cannot see it need it." if option == "fig-alt" else ""
            yield Problem(f"{path.name}:{cell.line}", found, fix)
    if cell.options.get("output") not in (None, True, False, "asis"):
        yield Problem(f"{path.name}:{cell.line}", "`output` is true, false or asis.", "")


def _duplicate_labels(path: Path, blocks: Sequence[Prose | Cell]) -> Iterator[Problem]:
    """One problem for each label that is used twice."""
    seen: dict[str, int] = {}
    for block in blocks:
        if isinstance(block, Cell) and block.label:
            if block.label in seen:
                found = f"label '{block.label}' was already used on line {seen[block.label]}."
                yield Problem(f"{path.name}:{block.line}", found, "Labels are unique.")
            seen.setdefault(block.label, block.line)
