"""Model text in lavaan's notation, read by a parser of our own: nothing in it is evaluated.

`f =~ a + b` measures, `y ~ x` regresses, `a ~~ b` covaries, `y ~ 1` is an intercept, `y | t1` a
threshold, `ab := a * b` a quantity derived from labelled parameters, `a == b` makes the parameters
of two labels equal. `level: 1` begins a block.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from crosslevel.errors import MeasurementError, Problem, did_you_mean
from crosslevel.psychometrics.sem.expressions import unreadable

OPERATORS = ("=~", "~~", ":=", "==", "~", "|")
ABOUT_LABELS = (":=", "==")
_OPERATOR = re.compile(r"=~|~~|:=|==|~|\|")
_NAME = re.compile(r"[^\W\d][\w.]*$|\.[\w.]+$")
_LEVEL = re.compile(r"level\s*:\s*(\w+)\s*$", re.IGNORECASE)
_GROUP = re.compile(r"group\s*:\s*(\S+)\s*$", re.IGNORECASE)
_CALL = re.compile(r"(c|start|equal|label)\s*\((.*)\)$", re.DOTALL)
_QUOTED = re.compile(r"""(["'])(.*)\1$""")
_OPEN_ENDS = ("+", "*", "~", "|", ",", "(")
_LEVELS = {"1": 1, "within": 1, "2": 2, "between": 2}


@dataclass(frozen=True, slots=True)
class Statement:
    """One term of one line of a model.

    Attributes
    ----------
    lhs, op, rhs
        As in the text; an intercept is `lhs ~1` with an empty `rhs`; a definition (`:=`) keeps its
        expression in `rhs`, an equality (`==`) has a label on each side.
    values
        Per group (or one for all): a fixed number, a label, or None for free (`NA`); empty when the
        term carries no such modifier.
    start
        Per group (or one for all) where to start; empty when not said.
    level
        1 (within), 2 (between), or 0 when the model has one level.
    line
        Line of the model text, from 1.
    """

    lhs: str
    op: str
    rhs: str
    values: tuple[float | str | None, ...] = ()
    labels: tuple[str, ...] = ()
    start: tuple[float, ...] = ()
    level: int = 0
    line: int = 0

    @property
    def parts(self) -> tuple[str, str]:
        """Both sides."""
        return self.lhs, self.rhs


def parse(text: str) -> tuple[Statement, ...]:
    """Return the statements of a model text, in their order.

    Raises
    ------
    MeasurementError
        With every line that cannot be read: its number, the token, and what would do.
    """
    statements: list[Statement] = []
    problems: list[Problem] = []
    level = 0
    for number, line in _lines(text):
        if found := _LEVEL.match(line):
            level = _LEVELS.get(found[1].lower(), -1)
            if level < 0:
                problems.append(
                    Problem(f"line {number}", f"level '{found[1]}' is unknown.", "Use 1 or 2.")
                )
            continue
        if _GROUP.match(line):
            fix = "Give values per group as c(...), or say `group=` and `equal=`."
            problems.append(Problem(f"line {number}", "blocks by group are not supported.", fix))
            continue
        try:
            statements += _statements(line, number, max(level, 0))
        except _UnreadableError as error:
            problems.append(Problem(f"line {number}", error.found, error.fix))
    if not statements and not problems:
        problems.append(Problem("model", "it is empty.", "Write for example `f =~ a + b + c`."))
    definitions = [(s.lhs, s.rhs, s.line) for s in statements if s.op == ":="]
    labels = _labels(statements)
    problems += unreadable(definitions, labels)
    for s in statements:
        if s.op == "==":
            problems += [_no_label(name, s.line, labels) for name in s.parts if name not in labels]
    problems.sort(key=_line)
    if problems:
        raise MeasurementError("The model cannot be read.", problems)
    return tuple(statements)


def equalities(statements: Sequence[Statement]) -> dict[str, str]:
    """Return which label stands for each label that `==` makes equal to another."""
    sets: list[dict[str, None]] = []
    for s in statements:
        if s.op == "==":
            touched = [own for own in sets if not own.keys().isdisjoint(s.parts)]
            joined = {name: None for own in touched for name in own} | dict.fromkeys(s.parts)
            sets = [*(own for own in sets if own not in touched), joined]
    return {name: next(iter(own)) for own in sets for name in own}


def _no_label(name: str, line: int, labels: set[str]) -> Problem:
    """The problem of an equality of what is no label."""
    fix = did_you_mean(name, labels) or "Label a parameter, as in y ~ a*x."
    return Problem(f"line {line}", f"'{name}' is the label of no parameter.", fix)


def _line(problem: Problem) -> int:
    """Line of a problem; 0 where it has none."""
    found = re.match(r"line (\d+)", problem.where)
    return int(found[1]) if found else 0


def _labels(statements: Sequence[Statement]) -> set[str]:
    """Every label of a parameter."""
    return {v for s in statements for v in (*s.values, *s.labels) if isinstance(v, str)}


class _UnreadableError(Exception):
    """A line that cannot be read, and what would do."""

    def __init__(self, found: str, fix: str = "") -> None:
        super().__init__(found)
        self.found, self.fix = found, fix


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield complete lines without comments; a line that ends or begins with + goes on."""
    pending, first = "", 0
    for number, raw in enumerate(text.splitlines(), 1):
        for part in re.split(r"[#!]", raw)[0].split(";"):
            piece = part.strip()
            if not piece:
                continue
            goes_on = pending.endswith(("+", "*", "~", "|", ",", "(")) or piece.startswith(
                ("+", "*")
            )
            goes_on = goes_on or pending.count("(") > pending.count(")")
            if pending and goes_on:
                pending += " " + piece
                continue
            if pending:
                yield first, pending
            pending, first = piece, number
    if pending:
        yield first, pending


def _statements(line: str, number: int, level: int) -> Iterator[Statement]:
    """Yield the statements of one line."""
    found = _OPERATOR.search(line)
    if not found:
        if re.search("[<>]", line):
            raise _UnreadableError(f"'{line}': inequalities are not supported.", "Leave it out.")
        raise _UnreadableError(f"'{line}' has no operator.", "Use =~, ~, ~~, |, := or ==.")
    left, op, right = line[: found.start()].strip(), found[0], line[found.end() :].strip()
    if not left or not right:
        side = "left" if not left else "right"
        raise _UnreadableError(f"'{line}' has nothing on the {side} of {op}.")
    if op == ":=":
        yield Statement(_name(left), op, right, line=number)
        return
    if op == "==":
        if not (_NAME.match(left) and _NAME.match(right)):
            raise _UnreadableError(
                f"'{line}': == takes a label on each side.",
                "Label two parameters, as in a*x1 and b*x2, and write `a == b`; 0.5*x fixes one.",
            )
        yield Statement(left, op, right, line=number)
        return
    for lhs in (part.strip() for part in left.split("+")):
        for term in _split(right, "+"):
            yield _term(_name(lhs), op, term.strip(), number=number, level=level)


def _term(lhs: str, op: str, term: str, *, number: int, level: int) -> Statement:
    """Return one term of a right-hand side with its modifiers."""
    *modifiers, rhs = (part.strip() for part in _split(term, "*"))
    values: tuple[float | str | None, ...] = ()
    labels: tuple[str, ...] = ()
    start: tuple[float, ...] = ()
    for modifier in modifiers:
        kind, content = _modifier(modifier)
        if kind == "start":
            start = tuple(float(v) for v in content if isinstance(v, float))
        elif content and all(isinstance(v, str) for v in content):
            labels = tuple(str(v) for v in content)
        else:
            values = content
    if op == "~" and rhs in ("1", "0"):
        if rhs == "0":
            values = (0.0,)
        return Statement(lhs, "~1", "", values, labels, start, level, number)
    if op == "~" and not modifiers and _number(rhs) is not None:
        raise _UnreadableError(f"'{rhs}' is not a variable.", "An intercept is written `y ~ 1`.")
    return Statement(lhs, op, _name(rhs), values, labels, start, level, number)


def _modifier(text: str) -> tuple[str, tuple[float | str | None, ...]]:
    """Return the kind of a modifier and what it holds, per group."""
    if called := _CALL.match(text):
        content = tuple(_atom(part.strip()) for part in _split(called[2], ","))
        if called[1] == "start" and any(not isinstance(v, float) for v in content):
            raise _UnreadableError(f"'{text}': start() takes numbers.", "Write start(0.5)*x, say.")
        if called[1] == "equal":
            fix = "Give both parameters the same label."
            raise _UnreadableError(f"'{text}' is not supported.", fix)
        return called[1], content
    return "value", (_atom(text),)


def _atom(text: str) -> float | str | None:
    """Return a number, None for NA, or a label."""
    if text in ("NA", "na"):
        return None
    if (number := _number(text)) is not None:
        return number
    quoted = _QUOTED.match(text)
    label = quoted[2] if quoted else text
    if not _NAME.match(label):
        raise _UnreadableError(f"'{text}' is neither a number, NA nor a label.")
    return label


def _number(text: str) -> float | None:
    """Return a text as a number, or None."""
    try:
        return float(text)
    except ValueError:
        return None


def _name(text: str) -> str:
    """Return a name, or say that it is none."""
    if not _NAME.match(text):
        raise _UnreadableError(
            f"'{text}' is not a name.",
            "Names have letters, digits, points and underscores, and no spaces: rename the column.",
        )
    return text


def _split(text: str, mark: str) -> Sequence[str]:
    """Split a text at a mark that stands outside brackets."""
    parts, depth, start = [], 0, 0
    for i, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if character == mark and depth == 0:
            parts.append(text[start:i])
            start = i + 1
    return [*parts, text[start:]]
