"""What went wrong, where, and what would do: one base class, one child per stage."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

SHOWN = 5


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: its place, what was found, and what would do."""

    where: str
    found: str
    fix: str = ""

    def within(self, place: str) -> Problem:
        """Return the problem with a wider place before its own, if it has one.

        Examples
        --------
        >>> str(Problem("item 'a'", "is not numeric.").within("scale 'x'"))
        "scale 'x', item 'a': is not numeric."
        >>> str(Problem("", "has no items.").within("scale 'x'"))
        "scale 'x': has no items."
        """
        where = f"{place}, {self.where}" if self.where else place
        return Problem(where, self.found, self.fix)

    def __str__(self) -> str:
        text = f"{self.where}: {self.found}" if self.where else self.found
        return f"{text} {self.fix}".rstrip()


class CrosslevelError(Exception):
    """Base of every error this package raises on purpose; its text is meant for a person."""

    def __init__(self, message: str, problems: Iterable[Problem] = ()) -> None:
        self.message = message
        self.problems: tuple[Problem, ...] = tuple(problems)
        super().__init__(_text(message, self.problems))


class InstrumentError(CrosslevelError):
    """An instrument file cannot be used."""


class ResponseError(CrosslevelError):
    """A data file, a link table or a roster cannot be used."""


class FormulaError(CrosslevelError):
    """A model formula cannot be read."""


class ModelError(CrosslevelError):
    """A model cannot be fitted to these data."""


class MeasurementError(CrosslevelError):
    """A scale cannot be judged on these data."""


class StudyError(CrosslevelError):
    """A study folder is incomplete or contradicts itself."""


class RenderError(CrosslevelError):
    """A report cannot be rendered."""


class MissingExtraError(CrosslevelError):
    """An optional package is needed and is not installed."""


class NotConvergedWarning(UserWarning):
    """A fit stopped before its criterion was at a minimum; the text says why."""


class DegreesOfFreedomWarning(UserWarning):
    """Degrees of freedom hang on the last digits of a fit; the text says what would do."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a hint naming the closest known name, or an empty string.

    Examples
    --------
    >>> did_you_mean("unti", ["unit", "hospital"])
    "Did you mean 'unit'?"
    """
    close = difflib.get_close_matches(name, [str(k) for k in known], n=1, cutoff=0.6)
    return f"Did you mean '{close[0]}'?" if close else ""


def _text(message: str, problems: Sequence[Problem]) -> str:
    """Join a message and at most five of its problems."""
    lines = [message, *(f"  {p}" for p in problems[:SHOWN])]
    if len(problems) > SHOWN:
        lines.append(f"  ... and {len(problems) - SHOWN} more.")
    return "\n".join(lines)
