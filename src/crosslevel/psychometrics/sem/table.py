"""From statements to parameters: what is free, what is fixed, what is equal to what.

Defaults are those of lavaan's `cfa()` and `sem()`: the first loading of a factor is 1 (or its
variance, with `std_lv`), exogenous factors covary, residuals of outcomes covary, observed
predictors are taken as given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TypeVar

import numpy as np

from crosslevel.errors import MeasurementError, Problem, did_you_mean
from crosslevel.psychometrics.sem.roles import Roles, roles
from crosslevel.psychometrics.sem.syntax import ABOUT_LABELS, Statement, equalities

T = TypeVar("T")
EQUAL = (
    "loadings", "intercepts", "thresholds", "residuals", "residual.covariances", "lv.variances",
    "lv.covariances", "means", "regressions",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of one group and level.

    Attributes
    ----------
    lhs, op, rhs
        As `Statement` has them.
    block
        Number of the block: groups outside, levels inside, from 0.
    group, level
        Number of the group, from 0; 1 within, 2 between, 0 when there is one level.
    label
        Parameters with one label are one parameter, fixed if one of them is; empty when it has
        none.
    value
        Where it is fixed; nan when it is free.
    start
        Where the text says to start; nan when it does not.
    free
        Position in the vector of free parameters; -1 when fixed.
    exogenous
        Fixed at what the sample says, because it belongs to observed predictors only.
    """

    lhs: str
    op: str
    rhs: str
    block: int
    group: int
    level: int
    label: str = ""
    value: float = np.nan
    start: float = np.nan
    free: int = -1
    exogenous: bool = False

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes two rows of different groups the same parameter; covariances are unordered."""
        if self.op == "~~" and self.lhs > self.rhs:
            return self.rhs, self.op, self.lhs
        return self.lhs, self.op, self.rhs

    @property
    def name(self) -> str:
        """The parameter as it is written in a model: `f =~ a`, `a ~ 1`."""
        return f"{self.lhs} ~ 1" if self.op == "~1" else f"{self.lhs} {self.op} {self.rhs}"


@dataclass(frozen=True, slots=True)
class Definition:
    """A quantity computed from labelled parameters (`:=`)."""

    name: str
    expression: str
    line: int


@dataclass(frozen=True, slots=True)
class Table:
    """All parameters of a model; `block_roles[b]` says which variables block b holds."""

    rows: tuple[Parameter, ...]
    block_roles: tuple[Roles, ...]
    definitions: tuple[Definition, ...]
    n_groups: int
    levels: tuple[int, ...]
    means: bool

    @property
    def n_free(self) -> int:
        """Length of the vector of free parameters, equal ones counted once."""
        return 1 + max((row.free for row in self.rows), default=-1)

    @property
    def n_unequal(self) -> int:
        """Free parameters with equal ones counted apart."""
        return sum(row.free >= 0 for row in self.rows)

    @property
    def given(self) -> tuple[tuple[str, ...], ...]:
        """Observed predictors of each block whose moments are no parameters."""
        fixed = {(row.block, row.lhs) for row in self.rows if row.exogenous and row.lhs == row.rhs}
        return tuple(
            tuple(name for name in part.exogenous if (number, name) in fixed)
            for number, part in enumerate(self.block_roles)
        )

    def block(self, number: int) -> tuple[Parameter, ...]:
        """Rows of one block."""
        return tuple(row for row in self.rows if row.block == number)


@dataclass(frozen=True, slots=True)
class Options:
    """How statements become parameters.

    `equal` names kinds of parameters that are equal in all groups (one of EQUAL); `release` the
    parameters, as they are written in a model, that are not. `orthogonal` fixes at 0 what factors
    would covary by default.
    """

    n_groups: int = 1
    means: bool = False
    std_lv: bool = False
    fixed_x: bool = True
    equal: tuple[str, ...] = ()
    release: tuple[str, ...] = ()
    orthogonal: bool = False


def build(statements: Sequence[Statement], options: Options) -> Table:
    """Return the parameter table of a model.

    Raises
    ------
    MeasurementError
        When a modifier has not one value per group, a released parameter is not in the model, or
        an unknown kind is to be equal.
    """
    _check(statements, options)
    levels = tuple(sorted({s.level for s in statements if s.op not in ABOUT_LABELS})) or (0,)
    rows: list[Parameter] = []
    played: list[Roles] = []
    for group in range(options.n_groups):
        for level in levels:
            own = [s for s in statements if s.level == level and s.op not in ABOUT_LABELS]
            block = group * len(levels) + levels.index(level)
            part = roles(own)
            played.append(part)
            lower = {name for s in statements if s.level != 2 for name in (s.lhs, s.rhs)}
            above = {name for s in statements if s.level == 2 for name in (s.lhs, s.rhs)}
            base = Parameter("", "", "", block, group, level)
            rows += _complete(own, part, base, options, both=lower & above if level else set())
    rows = _equalise(rows, played, options)
    definitions = tuple(Definition(s.lhs, s.rhs, s.line) for s in statements if s.op == ":=")
    placed = numbered(rows, equalities(statements))
    return Table(placed, tuple(played), definitions, options.n_groups, levels, options.means)


def _check(statements: Sequence[Statement], options: Options) -> None:
    """Refuse what cannot become a table."""
    problems = []
    for kind in options.equal:
        if kind not in EQUAL:
            hint = did_you_mean(kind, EQUAL) or f"Known: {', '.join(EQUAL)}."
            problems.append(Problem("equal", f"'{kind}' is no kind of parameter.", hint))
    for s in statements:
        for given in (s.values, s.labels, s.start):
            if len(given) not in (0, 1, options.n_groups):
                found = f"{len(given)} values for {options.n_groups} group(s)."
                problems.append(Problem(f"line {s.line}", found, "Give one, or one per group."))
    if problems:
        raise MeasurementError("The model does not fit the data.", problems)


def _pick(values: Sequence[T], group: int) -> T:
    """The value of a group, where one may stand for all."""
    return values[group] if len(values) > 1 else values[0]


def _complete(
    statements: Sequence[Statement],
    part: Roles,
    base: Parameter,
    options: Options,
    *,
    both: set[str],
) -> list[Parameter]:
    """Return the rows of one block: what the text says, then the defaults it leaves open."""
    written: dict[tuple[str, str, str], Parameter] = {}
    touched: set[str] = set()
    for s in statements:
        row = _from_text(s, base)
        if s.op == "=~" and s.values:
            touched.add(f"{s.lhs} {s.rhs}")
        written[row.key] = _merged(written.get(row.key), row)
    if not options.std_lv:
        for name in part.latent:
            first = next(s for s in statements if s.op == "=~" and s.lhs == name)
            if f"{name} {first.rhs}" not in touched:
                key = (name, "=~", first.rhs)
                written[key] = replace(written[key], value=1.0)
    for row in _defaults(part, base, options, both=both):
        written.setdefault(row.key, row)
    return list(written.values())


def _from_text(s: Statement, base: Parameter) -> Parameter:
    """Return the row of one statement."""
    value = _pick(s.values, base.group) if s.values else None
    label = _pick(s.labels, base.group) if s.labels else ""
    return replace(
        base,
        lhs=s.lhs,
        op=s.op,
        rhs=s.rhs,
        label=value if isinstance(value, str) else label,
        value=value if isinstance(value, float) else np.nan,
        start=_pick(s.start, base.group) if s.start else np.nan,
    )


def _merged(old: Parameter | None, new: Parameter) -> Parameter:
    """A term written twice: the second mention adds its modifier."""
    if old is None:
        return new
    return replace(
        old,
        label=new.label or old.label,
        value=old.value if np.isnan(new.value) else new.value,
        start=old.start if np.isnan(new.start) else new.start,
    )


def _defaults(part: Roles, base: Parameter, options: Options, *, both: set[str]) -> list[Parameter]:
    """Return what a model holds without saying so; what both levels hold is never given."""
    given = [n for n in part.exogenous if n not in both] if options.fixed_x else []
    centred = both if base.level == 1 else set[str]()

    def row(lhs: str, op: str, rhs: str, value: float = np.nan) -> Parameter:
        """One row of the block."""
        fixed = lhs in given and (op == "~1" or rhs in given)
        return replace(base, lhs=lhs, op=op, rhs=rhs, value=value, exogenous=fixed)

    rows = [row(n, "~~", n, 0.0 if n in part.single else np.nan) for n in part.observed]
    rows += [row(n, "~~", n, 1.0 if options.std_lv else np.nan) for n in part.latent]
    apart = set(part.latent) if options.orthogonal else set[str]()
    for names in (part.exogenous_latent, part.outcomes, part.exogenous):
        rows += [
            row(a, "~~", b, 0.0 if {a, b} <= apart else np.nan) for a, b in combinations(names, 2)
        ]
    if options.means or base.level:
        rows += [row(n, "~1", "", 0.0 if n in centred else np.nan) for n in part.observed]
        rows += [row(n, "~1", "", 0.0) for n in part.latent]
    return rows


def _kind(row: Parameter, part: Roles) -> str:
    """Which kind of parameter a row is, as `equal` names it."""
    latent = row.lhs in part.latent and (not row.rhs or row.rhs in part.latent)
    if row.op == "~~":
        same = row.lhs == row.rhs
        if latent:
            return "lv.variances" if same else "lv.covariances"
        return "residuals" if same else "residual.covariances"
    kinds = {"=~": "loadings", "~": "regressions", "|": "thresholds"}
    return kinds.get(row.op, "means" if latent else "intercepts")


def _equalise(
    rows: Sequence[Parameter], played: Sequence[Roles], options: Options
) -> list[Parameter]:
    """Give equal parameters one label, and free what equality identifies in later groups."""
    if options.n_groups == 1 or not options.equal:
        return list(rows)
    released = _released(rows, options)
    done = []
    for row in rows:
        kind = _kind(row, played[row.block])
        apart = row.lhs in played[row.block].exogenous
        held = kind in options.equal and row.key not in released and not apart
        if held and np.isnan(row.value) and not row.exogenous:
            row = replace(row, label=row.label or f".{row.level}.{' '.join(row.key)}")
        elif row.group and not held and _identified(row, kind, options):
            row = replace(row, value=np.nan)
        done.append(row)
    return done


def _identified(row: Parameter, kind: str, options: Options) -> bool:
    """Whether a default that fixed a later group's scale is no longer needed there."""
    if kind == "means" and row.level != 1:
        return bool({"intercepts", "thresholds"} & set(options.equal)) and row.value == 0.0
    return kind == "lv.variances" and "loadings" in options.equal and options.std_lv


def _released(rows: Sequence[Parameter], options: Options) -> set[tuple[str, str, str]]:
    """Return the keys of the parameters that stay free, refusing those no model has."""
    known = {"".join(row.name.split()): row.key for row in rows}
    known |= {f"{row.rhs}~~{row.lhs}": row.key for row in rows if row.op == "~~"}
    keys, problems = set(), []
    for text in options.release:
        name = "".join(text.split())
        if name in known:
            keys.add(known[name])
        else:
            hint = did_you_mean(name, known)
            problems.append(Problem("release", f"the model has no parameter '{text}'.", hint))
    if problems:
        raise MeasurementError("The constraints cannot be released.", problems)
    return keys


def numbered(rows: Sequence[Parameter], equal: Mapping[str, str]) -> tuple[Parameter, ...]:
    """Give each free parameter its position; rows with one label, or with equal ones, share one.

    `equal` says which label stands for another.

    Raises
    ------
    MeasurementError
        When such rows are fixed at different values.
    """
    seen: dict[str, int] = {}
    numbered, count = [], 0
    for row in _settled(rows, equal):
        if row.exogenous or not np.isnan(row.value):
            numbered.append(replace(row, free=-1))
            continue
        label = equal.get(row.label, row.label)
        position = seen.get(label, count) if label else count
        if label:
            seen.setdefault(label, position)
        count += position == count
        numbered.append(replace(row, free=position))
    return tuple(numbered)


def _settled(rows: Sequence[Parameter], equal: Mapping[str, str]) -> list[Parameter]:
    """Fix what shares a label with a fixed row at the value of that."""
    fixed: dict[str, float] = {}
    problems = []
    for row in rows:
        if row.label and not np.isnan(row.value) and not row.exogenous:
            value = fixed.setdefault(equal.get(row.label, row.label), row.value)
            if value != row.value:
                found = f"stands for parameters fixed at {value:g} and at {row.value:g}."
                problems.append(Problem(f"label '{row.label}'", found, "Use two labels."))
    if problems:
        raise MeasurementError("The model does not fit the data.", problems)
    return [
        replace(row, value=fixed.get(equal.get(row.label, row.label), row.value))
        if row.label
        else row
        for row in rows
    ]
