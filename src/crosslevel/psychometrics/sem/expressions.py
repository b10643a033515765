"""Quantities defined in a model (`ab := a * b`): a grammar of our own, with derivatives.

sum := product (("+" | "-") product)*      product := signed (("*" | "/") signed)*
signed := "-"* power                       power := part ["^" signed]
part := number | label | [function] "(" sum ")"     function := "exp" | "log" | "sqrt" | "abs"
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from crosslevel.errors import MeasurementError, Problem, did_you_mean

Floats = npt.NDArray[np.float64]
_END = ("end",)
_TOKEN = re.compile(
    r"\s*(?:(\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+)|((?:[^\W\d]|\.)[\w.]*)|(\*\*|[-+*/^()]))"
)


# value and derivative
_FUNCTIONS: Mapping[str, Callable[[float], tuple[float, float]]] = {
    "exp": lambda x: (math.exp(x), math.exp(x)),
    "log": lambda x: (math.log(x), 1 / x),
    "sqrt": lambda x: (math.sqrt(x), 0.5 / math.sqrt(x)),
    "abs": lambda x: (abs(x), math.copysign(1.0, x)),
}


@dataclass(frozen=True, slots=True)
class Dual:
    """A value and its (q,) derivatives with respect to the free parameters."""

    value: float
    slope: Floats

    def plus(self, other: Dual, sign: float = 1.0) -> Dual:
        """Return the sum, or the difference with `sign` -1."""
        return Dual(self.value + sign * other.value, self.slope + sign * other.slope)

    def times(self, other: Dual) -> Dual:
        """Return the product."""
        slope = self.value * other.slope + other.value * self.slope
        return Dual(self.value * other.value, slope)

    def over(self, other: Dual) -> Dual:
        """Return the quotient."""
        ratio = self.value / other.value
        return Dual(ratio, (self.slope - ratio * other.slope) / other.value)

    def to(self, other: Dual) -> Dual:
        """Return the power."""
        power = math.pow(self.value, other.value)
        slope = other.value * self.value ** (other.value - 1) * self.slope
        if other.slope.any():
            slope = slope + power * np.log(self.value) * other.slope
        return Dual(power, slope)


def value_of(expression: str, known: Mapping[str, Dual], *, where: str = "") -> Dual:
    """Return the value of an expression and its derivatives.

    Parameters
    ----------
    expression
        Numbers, labels, + - * / ^, brackets, exp(), log(), sqrt() and abs().
    known
        What each label stands for.
    where
        The line of the model, for messages.

    Raises
    ------
    MeasurementError
        Naming the token that does not fit or the label nobody carries.

    Examples
    --------
    >>> known = {"a": Dual(2.0, np.array([1.0, 0.0])), "b": Dual(3.0, np.array([0.0, 1.0]))}
    >>> found = value_of("a * b", known)
    >>> found.value, found.slope.tolist()
    (6.0, [3.0, 2.0])
    """
    size = len(next(iter(known.values())).slope) if known else 0
    reader = _Reader(expression, known, size, where)
    try:
        return reader.whole()
    except (ZeroDivisionError, OverflowError, ValueError) as error:
        raise reader.wrong(f"has no value: {error}.") from error


def unreadable(definitions: Iterable[tuple[str, str, int]], labels: Iterable[str]) -> list[Problem]:
    """Return what is wrong with definitions (name, expression, line), given the labels of a model.

    A definition may use those in lines before it.
    """
    unknown = Dual(math.nan, np.zeros(0))
    known = dict.fromkeys(labels, unknown)
    problems: list[Problem] = []
    for name, expression, line in definitions:
        try:
            value_of(expression, known, where=f"line {line}")
        except MeasurementError as error:
            problems += error.problems
        known[name] = unknown
    return problems


class _Reader:
    """Recursive descent over one expression."""

    def __init__(self, text: str, known: Mapping[str, Dual], size: int, where: str) -> None:
        self.text, self.known, self.size, self.where = text, known, size, where
        self.at = 0
        self.begun = 0
        self.number = self.name = self.symbol = ""
        self._next()

    def wrong(self, found: str, fix: str = "") -> MeasurementError:
        """Return the error for this expression."""
        place = self.where or "definition"
        return MeasurementError(
            "A defined quantity cannot be computed.",
            [Problem(place, f"'{self.text}' {found}", fix)],
        )

    def _next(self) -> None:
        self.number = self.name = self.symbol = ""
        self.begun = self.at
        if not self.text[self.at :].strip():
            self.symbol = "end"
            return
        found = _TOKEN.match(self.text, self.at)
        if not found:
            bad = self.text[self.at :].lstrip()[0]
            raise self.wrong(f"has '{bad}' at position {self.at + 1}.", "Use + - * / ^ ( ).")
        self.number, self.name, self.symbol = (part or "" for part in found.groups())
        self.at = found.end()

    def whole(self) -> Dual:
        """Return the whole expression."""
        result = self._sum()
        if self.symbol != "end":
            raise self._unexpected()
        return result

    def _unexpected(self) -> MeasurementError:
        found_token = self.number or self.name or self.symbol
        found = "ends too early." if found_token in _END else f"has '{found_token}' out of place"
        if found_token not in _END:
            found += f" at position {self.begun + 1}."
        return self.wrong(found)

    def _sum(self) -> Dual:
        result = self._product()
        while self.symbol in ("+", "-"):
            sign = 1.0 if self.symbol == "+" else -1.0
            self._next()
            result = result.plus(self._product(), sign)
        return result

    def _product(self) -> Dual:
        result = self._signed()
        while self.symbol in ("*", "/"):
            symbol = self.symbol
            self._next()
            other = self._signed()
            result = result.times(other) if symbol == "*" else result.over(other)
        return result

    def _signed(self) -> Dual:
        if self.symbol in ("+", "-"):
            sign = 1.0 if self.symbol == "+" else -1.0
            self._next()
            inner = self._signed()
            return Dual(sign * inner.value, sign * inner.slope)
        result = self._part()
        if self.symbol in ("^", "**"):
            self._next()
            return result.to(self._signed())
        return result

    def _part(self) -> Dual:
        if self.number:
            result = Dual(float(self.number), np.zeros(self.size))
        elif self.name in _FUNCTIONS and self.text[self.at :].lstrip().startswith("("):
            value_and_slope = _FUNCTIONS[self.name]
            self._next()
            inner = self._bracket()
            value, slope = value_and_slope(inner.value)
            result = Dual(value, slope * inner.slope)
        elif self.name:
            if self.name not in self.known:
                fix = did_you_mean(self.name, self.known) or "Label a parameter, as in y ~ a*x."
                raise self.wrong(f"uses '{self.name}', which no parameter is labelled.", fix)
            result = self.known[self.name]
        elif self.symbol == "(":
            result = self._bracket()
        else:
            raise self._unexpected()
        self._next()
        return result

    def _bracket(self) -> Dual:
        self._next()
        result = self._sum()
        if self.symbol != ")":
            raise self._unexpected()
        return result
