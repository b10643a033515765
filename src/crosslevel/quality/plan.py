"""What imputation starts from: each variable with its level, method and predictors, as arrays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from crosslevel.errors import ModelError, Problem, did_you_mean
from crosslevel.frames import group_codes, require_columns, require_finite
from crosslevel.quality.incomplete import Bools, Codes, Floats

METHODS = ("normal", "pmm", "probit")
ROW, UNIT = "row", "unit"
MOST_CATEGORIES = 20
DETERMINED = 1e-9  # smallest eigenvalue of correlations taken as none


@dataclass(frozen=True, slots=True)
class Variable:
    """One column, standardised or coded, at its own level.

    values (N,) and missing (N,), N the number of rows or of units; `method` is empty where nothing
    is missing; `categories` is empty for a number; centre and scale lead back to its own units.
    """

    name: str
    level: str
    method: str
    values: Floats
    missing: Bools
    categories: tuple[object, ...]
    centre: float
    scale: float
    predictors: tuple[str, ...]

    def in_own_units(self) -> Floats:
        """Return the values as they were given, nan where missing; codes of a category."""
        return np.asarray(self.values * self.scale + self.centre)

    @property
    def width(self) -> int:
        """Columns it takes as a predictor."""
        return max(len(self.categories) - 1, 1)


@dataclass(frozen=True, slots=True)
class Plan:
    """Variables by name, rows sorted by unit: order (n,), codes (n,); J units (0 without)."""

    variables: Mapping[str, Variable]
    order: Codes
    codes: Codes
    J: int
    slopes: tuple[str, ...]

    @property
    def targets(self) -> list[Variable]:
        """Variables to impute, the least incomplete first."""
        found = [v for v in self.variables.values() if v.method]
        return sorted(found, key=lambda v: float(v.missing.mean()))

    def table(self) -> pd.DataFrame:
        """One row per variable: variable, level, method, missing, share, predictors."""
        rows = [
            {
                "variable": v.name,
                "level": v.level,
                "method": v.method or "complete",
                "missing": int(v.missing.sum()),
                "share": float(v.missing.mean()),
                "predictors": ", ".join(v.predictors),
            }
            for v in self.variables.values()
        ]
        return pd.DataFrame(rows)


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the caller asked for beyond the data."""

    variables: Sequence[str] | None
    levels: Mapping[str, str]
    methods: Mapping[str, str]
    slopes: Sequence[str]
    predictors: Mapping[str, Sequence[str]]


def plan(data: pd.DataFrame, groups: str | None, wishes: Wishes) -> Plan:
    """Return the plan of an imputation, or say all that is wrong with what was asked.

    Raises
    ------
    ModelError
    """
    names = _names(data, groups, wishes)
    require_finite(data[names], error=ModelError)
    codes, J = _units(data, groups)
    order = np.argsort(codes, kind="stable")
    codes = codes[order]
    numbers = {name for name, method in wishes.methods.items() if method != "probit"}
    columns = {
        name: _column(data[name].iloc[order], name, as_number=name in numbers) for name in names
    }
    levels = _levels(columns, codes, J, groups, wishes.levels)
    made, problems = {}, []
    for name, (values, categories) in columns.items():
        if levels[name] == UNIT:
            values = _by_unit(values, codes, J)
        missing = np.isnan(values)
        method = _method(name, categories, missing, groups, wishes.methods)
        used = tuple(wishes.predictors.get(name, [n for n in names if n != name]))
        problems += _faults(name, columns[name][0], categories, method)
        centre, scale = (0.0, 1.0) if categories else _standard(values)
        standard = (values - centre) / scale
        made[name] = Variable(
            name, levels[name], method, standard, missing, categories, centre, scale, used
        )
    if problems:
        raise ModelError("These variables cannot be imputed.", problems)
    if not any(v.method for v in made.values()):
        raise ModelError("Nothing is missing in these variables, so there is nothing to impute.")
    _check_slopes(made, J, wishes.slopes)
    _check_room(made, J)
    _check_determined(made, codes)
    return Plan(made, order, codes, J, tuple(wishes.slopes))


def _names(data: pd.DataFrame, groups: str | None, wishes: Wishes) -> list[str]:
    """Return the columns to use; every name that was given must be among them."""
    if not data.columns.is_unique:
        repeated = sorted({str(c) for c in data.columns[data.columns.duplicated()]})
        raise ModelError(f"Column names must differ; more than once: {', '.join(repeated)}.")
    own = [groups] if groups is not None else []
    names = wishes.variables if wishes.variables is not None else list(data.columns)
    require_columns(data, [*own, *names], error=ModelError)
    names = [n for n in names if n != groups]
    problems = []
    for where, given in (
        ("`levels`", wishes.levels),
        ("`methods`", wishes.methods),
        ("`slopes`", wishes.slopes),
        ("`predictors`", [*wishes.predictors, *_flat(wishes.predictors.values())]),
    ):
        problems += [
            Problem(where, f"'{n}' is not among the variables.", did_you_mean(n, names))
            for n in given
            if n not in names
        ]
    for name, method in wishes.methods.items():
        if method not in METHODS:
            listed = ", ".join(map(repr, METHODS))
            problems.append(Problem(f"'{name}'", f"method must be {listed}, got {method!r}."))
    for name, used in wishes.predictors.items():
        if name in used:
            problems.append(Problem("`predictors`", f"'{name}' cannot predict itself."))
    if problems:
        raise ModelError("The imputation cannot be planned.", problems)
    return names


def _flat(lists: Iterable[Sequence[str]]) -> list[str]:
    return [name for names in lists for name in names]


def _units(data: pd.DataFrame, groups: str | None) -> tuple[Codes, int]:
    """Return unit codes and their number; zeros and 0 without groups."""
    if groups is None:
        return np.zeros(len(data), dtype=np.intp), 0
    codes, names = group_codes(data[groups])
    if (codes < 0).any():
        raise ModelError(
            f"{int((codes < 0).sum())} row(s) have no '{groups}'. A unit cannot be imputed: give "
            "them one, or leave the rows out."
        )
    if len(names) < 2:
        raise ModelError(f"'{groups}' has {len(names)} group(s); at least two are needed.")
    if len(names) == len(codes):
        raise ModelError(f"'{groups}' has a different value on each row. Leave `groups` out.")
    return codes, len(names)


def _column(column: pd.Series, name: str, *, as_number: bool) -> tuple[Floats, tuple[object, ...]]:
    """Return numbers with no categories, or codes (nan = missing) with the categories.

    A number of two values is a category unless it is to be imputed as a number.
    """
    plain = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
    if plain:
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        known = np.unique(values[~np.isnan(values)])
        if as_number or len(known) != 2:
            return values, ()
        coded = np.where(np.isnan(values), np.nan, (values == known[1]).astype(np.float64))
        return coded, tuple(known.tolist())
    if not (
        isinstance(column.dtype, pd.CategoricalDtype)
        or pd.api.types.is_bool_dtype(column)
        or pd.api.types.is_object_dtype(column)
        or pd.api.types.is_string_dtype(column)
    ):
        raise ModelError(
            f"Column '{name}' is {column.dtype}; only numbers and categories are used."
        )
    ordered = pd.Categorical(column).remove_unused_categories()
    found = tuple(ordered.categories.tolist())
    if len(found) > MOST_CATEGORIES:
        raise ModelError(
            f"Column '{name}' has {len(found)} categories; at most {MOST_CATEGORIES} can be used. "
            "Leave an identifier or a text out with `variables`, or merge categories."
        )
    codes = ordered.codes.astype(np.float64)
    return np.where(codes < 0, np.nan, codes), found


def _levels(
    columns: Mapping[str, tuple[Floats, tuple[object, ...]]],
    codes: Codes,
    J: int,
    groups: str | None,
    wanted: Mapping[str, str],
) -> dict[str, str]:
    """Return row or unit for each variable: as said, or unit where it never differs in a unit."""
    problems, found = [], {}
    for name, (values, _) in columns.items():
        differs = _differs(values, codes, J) if J else None
        said = wanted.get(name)
        if said not in (None, ROW, groups):
            options = f"'{ROW}'" if groups is None else f"'{ROW}' or '{groups}'"
            problems.append(Problem(f"'{name}'", f"level must be {options}, got {said!r}."))
        elif differs is not None and said is not None and said != ROW and differs.any():
            found_in = f"differs within {int(differs.sum())} of {J} units, so it is no unit's."
            problems.append(Problem(f"'{name}'", found_in))
        constant = differs is not None and not differs.any()
        at_unit = constant if said is None else said != ROW
        found[name] = UNIT if at_unit else ROW
    if problems:
        raise ModelError("The levels do not fit the data.", problems)
    return found


def _differs(values: Floats, codes: Codes, J: int) -> Bools:
    """(J,) whether the known values of a unit differ."""
    low, high = np.full(J, np.inf), np.full(J, -np.inf)
    known = ~np.isnan(values)
    np.minimum.at(low, codes[known], values[known])
    np.maximum.at(high, codes[known], values[known])
    return high > low


def _by_unit(values: Floats, codes: Codes, J: int) -> Floats:
    """(J,) the one known value of each unit; nan where none is known."""
    found = np.full(J, np.nan)
    known = ~np.isnan(values)
    found[codes[known]] = values[known]
    return found


def _method(
    name: str,
    categories: tuple[object, ...],
    missing: Bools,
    groups: str | None,
    wanted: Mapping[str, str],
) -> str:
    """Return how a variable is imputed; empty where nothing is missing."""
    if not missing.any():
        return ""
    if name in wanted:
        return wanted[name]
    if categories:
        return "probit"
    return "pmm" if groups is None else "normal"


def _faults(
    name: str, values: Floats, categories: tuple[object, ...], method: str
) -> list[Problem]:
    """Say why a variable (its rows) cannot be imputed."""
    known = values[~np.isnan(values)]
    if not method and len(known) == len(values):
        return []
    where = f"'{name}'"
    if not len(known):
        return [Problem(where, "is always missing.", "Leave it out with `variables`.")]
    if np.ptp(known) == 0:
        found = "has the same value wherever it is known."
        return [Problem(where, found, "Leave it out with `variables`.")]
    if categories and method not in ("", "probit"):
        return [Problem(where, f"is a category and cannot be imputed by '{method}'.")]
    if not categories and method == "probit":
        return [Problem(where, "is a number; 'probit' is for categories.", "Use 'pmm'.")]
    return []


def _standard(values: Floats) -> tuple[float, float]:
    known = values[~np.isnan(values)]
    if not len(known):
        return 0.0, 1.0
    scale = float(known.std())
    return float(known.mean()), scale if scale > 0 else 1.0


def _check_slopes(made: Mapping[str, Variable], J: int, slopes: Sequence[str]) -> None:
    """Refuse slopes that cannot differ between units."""
    if slopes and not J:
        raise ModelError("`slopes` differ between units; give `groups`.")
    problems = [
        Problem(f"'{name}'", "is the same within a unit, so it has no slope there.")
        for name in slopes
        if made[name].level == UNIT
    ]
    problems += [
        Problem(f"'{name}'", "is a category; slopes are for numbers.")
        for name in slopes
        if len(made[name].categories) > 2
    ]
    if problems:
        raise ModelError("The slopes cannot be used.", problems)


def _check_determined(made: Mapping[str, Variable], codes: Codes) -> None:
    """Refuse incomplete variables that are exact sums of each other: no chain leaves its start."""
    numbers = [v for v in made.values() if len(v.categories) <= 2]
    if len(numbers) < 2:
        return
    columns = [v.in_own_units()[codes if v.level == UNIT else slice(None)] for v in numbers]
    values = np.column_stack(columns)
    values = values[~np.isnan(values).any(axis=1)]
    varies = np.ptp(values, axis=0) > 0 if len(values) else np.zeros(len(numbers), dtype=bool)
    numbers = [v for v, keep in zip(numbers, varies, strict=True) if keep]
    if len(numbers) < 2 or len(values) <= len(numbers) + 1:
        return
    eigenvalues, vectors = np.linalg.eigh(np.corrcoef(values[:, varies], rowvar=False))
    tied = {
        v.name: v for v, weight in zip(numbers, vectors[:, 0], strict=True) if abs(weight) > 1e-5
    }
    circular = [v for v in tied.values() if v.method and set(tied) <= {v.name, *v.predictors}]
    if eigenvalues[0] < DETERMINED and len(circular) > 1:
        listed = ", ".join(f"'{name}'" for name in tied)
        raise ModelError(
            f"These variables determine each other: {listed}. Leave one out; a score is best made "
            "from its items in each imputed data set."
        )


def _check_room(made: Mapping[str, Variable], J: int) -> None:
    """Refuse imputation models with more coefficients than rows to learn them from."""
    problems = []
    for target in made.values():
        if not target.method:
            continue
        known = int((~target.missing).sum())
        used = [made[n] for n in target.predictors]
        both = target.level == ROW and J > 0
        columns = 1 + sum(v.width * (2 if both and v.level == ROW else 1) for v in used)
        if columns + 2 > known:
            what = "units" if target.level == UNIT else "rows"
            found = f"{columns} coefficients and {known} {what} in which it is known."
            problems.append(Problem(f"'{target.name}'", found, "Name fewer in `predictors`."))
    if problems:
        raise ModelError("There are too many predictors to impute from.", problems)
