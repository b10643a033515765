"""A YAML file as plain data plus the line on which each key stands."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from crosslevel.errors import Problem, StudyError, did_you_mean

M = typing.TypeVar("M", bound=BaseModel)
Place = tuple[str | int, ...]
"""The way to a key, such as ("models", 0, "formula")."""
_WORDS = {
    "tuple_type": "a list, such as [one, two]",
    "dict_type": "keys and values",
    "model_type": "keys and values",
    "string_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "date_type": "a date such as 2026-01-31",
    "date_parsing": "a date such as 2026-01-31",
    "date_from_datetime_parsing": "a date such as 2026-01-31",
}
"""What pydantic says of a kind of error, in words a person who writes YAML knows."""


@dataclass(frozen=True, slots=True)
class Document:
    """What a YAML file says, and where it says it; `blanks` are keys with nothing after them."""

    path: Path
    content: Mapping[str, Any]
    blanks: tuple[Place, ...] = ()

    def where(self, place: Place) -> str:
        """Return `file:line key` for a key, or for the nearest key above it that exists."""
        line, node = 0, typing.cast("Any", self.content)
        for step in place:
            line = _line_of(node, step, line)
            node = _child(node, step)
            if node is None:
                break
        return f"{self.path.name}:{line + 1} {_dotted(place)}".rstrip()


def read_document(path: Path) -> Document:
    """Return a YAML file as a document.

    Raises
    ------
    StudyError
        When there is no such file, it is not UTF-8, not YAML, or not a mapping of keys.
    """
    if not path.is_file():
        raise StudyError(f"There is no {path.name} in {path.parent}.")
    try:
        text = path.read_text(encoding="utf-8")
        content = YAML(typ="rt").load(text)
    except UnicodeDecodeError as error:
        raise StudyError(f"{path.name} is not UTF-8 text (byte {error.start}).") from error
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f"{path.name}:{mark.line + 1}" if mark else path.name
        found = str(error.problem or error.context or "unreadable").strip()
        problem = Problem(line, f"this is not YAML: {found}.", "Check indentation and colons.")
        raise StudyError(f"{path.name} cannot be read.", [problem]) from error
    except YAMLError as error:
        raise StudyError(f"{path.name} cannot be read: {error}") from error
    if not isinstance(content, Mapping):
        raise StudyError(f"{path.name} must hold keys and values, such as 'title: My study'.")
    return Document(path, content, tuple(_blanks(YAML(typ="rt").compose(text), ())))


def parse(document: Document, model: type[M]) -> M:
    """Return the document as a checked record.

    A key with nothing after it is a problem: it may be a value forgotten. The word null is a value.

    Raises
    ------
    StudyError
        With every problem of the file, each with its line.
    """
    fix = "Give it a value, or delete it."
    problems = [
        Problem(document.where(place), "has nothing after it.", fix) for place in document.blanks
    ]
    try:
        found = model.model_validate(_plain(document.content))
    except ValidationError as error:
        wrong = [e for e in error.errors() if _place(dict(e)) not in document.blanks]
        problems += [_problem(document, model, dict(e)) for e in wrong]
    if not problems:
        return found
    problems = sorted(dict.fromkeys(problems), key=_line)
    raise StudyError(f"{document.path.name} has {counted(problems)}.", problems)


def counted(problems: Sequence[Problem]) -> str:
    """Return how many problems there are, in words that agree.

    Examples
    --------
    >>> counted([Problem("", "x")]), counted([])
    ('1 problem', '0 problems')
    """
    return "1 problem" if len(problems) == 1 else f"{len(problems)} problems"


def _blanks(node: Any, place: Place) -> Iterator[Place]:
    """Yield the places of a YAML node tree where nothing is written."""
    value = getattr(node, "value", None)
    if value == "" and str(node.tag).endswith(":null"):
        yield place
    if isinstance(value, list):
        for i, entry in enumerate(value):
            step, child = (entry[0].value, entry[1]) if isinstance(entry, tuple) else (i, entry)
            yield from _blanks(child, (*place, step))


def _plain(node: Any) -> Any:
    """Return the content without ruamel's own classes, so that messages show plain values."""
    if isinstance(node, Mapping):
        return {str(key): _plain(value) for key, value in node.items()}
    if isinstance(node, Sequence) and not isinstance(node, str | bytes):
        return [_plain(value) for value in node]
    if isinstance(node, bool) or node is None:
        return node
    for kind in (str, int, float):
        if isinstance(node, kind):
            return kind(node)
    return node


def _line_of(node: Any, step: str | int, otherwise: int) -> int:
    """Return the zero-based line of one step below a node."""
    positions = getattr(getattr(node, "lc", None), "data", None) or {}
    if step in positions:
        return int(positions[step][0])
    for key in positions:
        if str(key) == str(step):
            return int(positions[key][0])
    return otherwise


def _child(node: Any, step: str | int) -> Any:
    """Return the value one step below a node, or nothing."""
    if isinstance(node, Mapping):
        return next((value for key, value in node.items() if str(key) == str(step)), None)
    if isinstance(node, list) and isinstance(step, int) and step < len(node):
        return node[step]
    return None


def _line(problem: Problem) -> int:
    """Return the line number in the place of a problem."""
    return int(problem.where.split(" ")[0].rpartition(":")[2])


def _dotted(place: Place) -> str:
    """Return a place as a reader would write it: models[1].formula is the first model's."""
    text = ""
    for step in place:
        text += f"[{step + 1}]" if isinstance(step, int) else f".{step}" if text else str(step)
    return text


def _problem(document: Document, model: type[BaseModel], error: Mapping[str, Any]) -> Problem:
    """Return one pydantic error in our words."""
    place = _place(error)
    kind, found = error["type"], error["input"]
    name = str(place[-1]) if place else ""
    if kind == "extra_forbidden":
        known = _keys_at(model, place[:-1])
        hint = did_you_mean(name, known) or f"Known keys: {', '.join(sorted(known))}."
        return Problem(document.where(place), f"unknown key '{name}'.", hint)
    if kind == "missing":
        return Problem(document.where(place), f"the key '{name}' is missing.")
    if kind == "value_error":
        return Problem(document.where(place), str(error["ctx"]["error"]))
    if kind == "literal_error":
        allowed = error["ctx"]["expected"]
        hint = did_you_mean(str(found), allowed.replace("'", "").replace(" or ", ", ").split(", "))
        return Problem(document.where(place), f"must be {allowed}, got {_shown(found)}.", hint)
    said = _WORDS.get(kind) or error["msg"].removeprefix("Input should be ").rstrip(".")
    return Problem(document.where(place), f"must be {said}, got {_shown(found)}.")


def _place(error: Mapping[str, Any]) -> Place:
    """Return the place of a pydantic error."""
    return tuple(step for step in error["loc"] if step != "[key]")


def _shown(found: Any) -> str:
    """Return a value as the reader wrote it, shortened."""
    if found is None:
        return "nothing"
    if isinstance(found, Mapping):
        return f"keys ({', '.join(str(k) for k in list(found)[:4])})"
    if isinstance(found, list):
        return f"a list of {len(found)}"
    text = f"'{found}'"
    return text if len(text) <= 60 else f"{text[:56]}...'"


def _keys_at(model: type[BaseModel], place: Place) -> list[str]:
    """Return the keys a model knows at a place."""
    annotation: Any = model
    for step in place:
        annotation = _below(annotation, step)
    found = _model_in(annotation)
    return [] if found is None else [f.alias or n for n, f in found.model_fields.items()]


def _below(annotation: Any, step: str | int) -> Any:
    """Return the annotation one step below another."""
    found = _model_in(annotation)
    if found is not None:
        by_key = {f.alias or n: f.annotation for n, f in found.model_fields.items()}
        return by_key.get(str(step))
    for option in _options(annotation):
        arguments = typing.get_args(option)
        if arguments:
            return arguments[-1] if typing.get_origin(option) is dict else arguments[0]
    return None


def _options(annotation: Any) -> Iterable[Any]:
    """Return the members of a union, or the annotation itself."""
    if typing.get_origin(annotation) is typing.Annotated:
        annotation = typing.get_args(annotation)[0]
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
        return typing.get_args(annotation)
    return (annotation,)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """Return the pydantic model an annotation names, if it names one."""
    for option in _options(annotation):
        if isinstance(option, type) and issubclass(option, BaseModel):
            return option
    return None
