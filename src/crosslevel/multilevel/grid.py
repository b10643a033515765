"""The reference grid: the combinations of predictor values at which a fit is asked.

A variable is a column of the fixed part, or a whole `within(x, unit)` / `between(x, unit)`, whose
value is asked for as such. Numbers stand at their mean over the rows analysed and categories at
each of their levels, unless `at` says otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from crosslevel.errors import ModelError, Problem, did_you_mean
from crosslevel.multilevel.coding import Floats, Variable, evaluate
from crosslevel.multilevel.design import Design, matrix
from crosslevel.multilevel.formula import Atom

POINTS = 200_000
At = Mapping[str, object]
CENTRED = ("within", "between")


@dataclass(frozen=True, slots=True)
class Predictor:
    """One variable of the fixed part: its name, its levels (None for a number), its raw values."""

    name: str
    levels: tuple[str, ...] | None
    values: Floats | npt.NDArray[np.intp]

    @property
    def codes(self) -> npt.NDArray[np.intp]:
        """(n,) level of each row analysed, of a category."""
        return np.asarray(self.values, dtype=np.intp)

    def shown(self, value: object) -> str:
        """Return a value as it stands in a term: `sex[M]`, `age=8`."""
        return f"{self.name}[{value}]" if self.levels is not None else f"{self.name}={value:g}"


def variable_of(atom: Atom) -> str:
    """Return the name under which an atom's variable is asked for."""
    return str(atom) if atom.function in CENTRED else atom.columns[0]


def predictors(design: Design) -> dict[str, Predictor]:
    """Return the variables of the fixed part by name, in order of appearance.

    A column that is also used as a category is a category.
    """
    found: dict[str, Predictor] = {}
    for atom in dict.fromkeys(a for term in design.formula.terms for a in term):
        variable, name = design.variables[atom], variable_of(atom)
        if name in found and found[name].levels is not None:
            continue
        values = variable.at(design.kept)
        if atom.function in ("log", "sqrt"):
            values = np.exp(values) if atom.function == "log" else np.square(values)
        if name not in found or variable.coding.levels is not None:
            found[name] = Predictor(name, variable.coding.levels, values)
    return found


def chosen(known: Mapping[str, Predictor], names: Iterable[str], *, argument: str) -> list[str]:
    """Return the names asked for, each a variable of the fixed part; all others in one error."""
    wanted = [names] if isinstance(names, str) else list(names)
    problems = [
        Problem(f"'{n}'", "is not in the fixed part.", did_you_mean(n, known))
        for n in wanted
        if n not in known
    ]
    if problems:
        text = ", ".join(known) or "none"
        raise ModelError(f"`{argument}` names what the model does not hold ({text}).", problems)
    return wanted


@dataclass(frozen=True, slots=True)
class Grid:
    """points: one row per combination of values; X (P, n): their columns of the fixed part."""

    points: pd.DataFrame
    X: Floats


def grid(design: Design, at: At | None = None, *, order: Sequence[str] = ()) -> Grid:
    """Return the reference grid; the variables of `order` vary slowest, the first of them fastest.

    Raises
    ------
    ModelError
        For names or levels the model does not hold, and for grids that are too large.
    """
    known = predictors(design)
    chosen(known, at or {}, argument="at")
    values = {name: _values(variable, at) for name, variable in known.items()}
    size = int(np.prod([len(v) for v in values.values()], dtype=float))
    if size > POINTS:
        raise ModelError(
            f"The reference grid has {size} points; at most {POINTS} are computed. "
            "Fix some variables with `at`."
        )
    slow = [*reversed(order), *(n for n in known if n not in order)]
    rows = list(product(*(values[n] for n in slow)))
    points = pd.DataFrame(rows, columns=slow) if slow else pd.DataFrame(index=range(1))
    return Grid(points, columns(design, points))


def columns(design: Design, points: pd.DataFrame) -> Floats:
    """Return X (P, n) at points given by variable."""
    made: dict[Atom, Variable] = {}
    for atom in dict.fromkeys(a for term in design.formula.terms for a in term):
        coding, column = design.codings[atom], points[variable_of(atom)]
        if atom.function in CENTRED:
            made[atom] = Variable(atom, coding, column.to_numpy(dtype=float))
        else:
            numeric = coding.levels is None
            frame = column.astype(float if numeric else str).to_frame(atom.columns[0])
            made[atom] = evaluate(atom, frame, coding)
    formula = design.formula
    return matrix(formula.intercept, formula.terms, made, None, n=len(points))[1]


def frequencies(design: Design, names: Sequence[str], points: pd.DataFrame) -> Floats:
    """Return for each point the number of rows analysed with its levels of the named categories."""
    if not names:
        return np.ones(len(points))
    known = predictors(design)
    rows = pd.DataFrame({n: np.array(known[n].levels or ())[known[n].codes] for n in names})
    counts = rows.value_counts()
    keys = [tuple(point) for point in points[list(names)].itertuples(index=False)]
    if len(names) == 1:
        found = counts.to_dict()
        return np.array([float(found.get(key, 0)) for key in keys])
    return np.array([float(counts.get(key, 0)) for key in keys])


def _values(variable: Predictor, at: At | None) -> list[object]:
    asked = None if at is None or variable.name not in at else at[variable.name]
    if asked is None:
        if variable.levels is not None:
            return list(variable.levels)
        return [float(np.mean(variable.values))]
    given: list[Any] = [asked]
    if isinstance(asked, Iterable) and not isinstance(asked, str):
        given = list(asked)
    if variable.levels is not None:
        text = [str(value) for value in given]
        strange = [value for value in text if value not in variable.levels]
        if strange:
            hint = did_you_mean(strange[0], variable.levels)
            hint = hint or f"Levels: {', '.join(variable.levels)}."
            raise ModelError(f"`at`: '{strange[0]}' is no level of '{variable.name}'. {hint}")
        return list(text)
    try:
        numbers = [float(value) for value in given]
    except (TypeError, ValueError):
        raise ModelError(f"`at`: '{variable.name}' takes numbers, got {asked!r}.") from None
    if not numbers or not np.isfinite(numbers).all():
        raise ModelError(f"`at`: '{variable.name}' takes finite numbers, got {asked!r}.")
    return list(numbers)
