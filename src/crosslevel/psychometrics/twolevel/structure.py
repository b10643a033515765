"""A model of two levels as moments of its parameters; one level of it alone; where to start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from crosslevel.errors import MeasurementError, Problem
from crosslevel.psychometrics.grouping import Floats
from crosslevel.psychometrics.sem.matrices import Block, blocks
from crosslevel.psychometrics.sem.syntax import ABOUT_LABELS, parse
from crosslevel.psychometrics.sem.table import Options, Parameter, Table, build
from crosslevel.psychometrics.twolevel.moments import Flags, Indices, Layout, Moments
from crosslevel.psychometrics.twolevel.saturated import Roles

_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Model:
    """A parameter table with its two blocks.

    Attributes
    ----------
    table
        Parameters of both levels.
    within, between
        Blocks of level 1 and level 2.
    layout
        Order of the moments.
    places
        Where the observed variables of level 2 stand among all.
    values
        What the fixed rows of the table are fixed at.
    """

    table: Table
    within: Block
    between: Block
    layout: Layout
    places: Indices
    values: tuple[float, ...]

    def moments(self, theta: Floats) -> Floats:
        """Return the (m,) moments."""
        one, two = self.within.moments(theta), self.between.moments(theta)
        q = self.layout.q
        B, mu = np.zeros((q, q)), np.zeros(q)
        B[np.ix_(self.places, self.places)] = two.sigma
        mu[: self.layout.p] += one.mu
        mu[self.places] += two.mu
        return self.layout.pack(Moments(one.sigma, B, mu))

    def jacobian(self, theta: Floats) -> Floats:
        """Return the (m, k) derivatives of the moments."""
        one = self.within.moments(theta, derivatives=True)
        two = self.between.moments(theta, derivatives=True)
        in_W, in_B, in_mu = self.layout.slices
        k, q = len(theta), self.layout.q
        dB = np.zeros((k, q, q))
        dB[:, self.places[:, None], self.places[None, :]] = two.d_sigma
        found = np.zeros((self.layout.m, k))
        found[in_W] = one.d_sigma[:, *self.layout.within].T
        found[in_B] = dB[:, *self.layout.between].T
        found[in_mu][: self.layout.p] += one.d_mu.T
        found[in_mu][self.places] += two.d_mu.T
        return found


@dataclass(frozen=True, slots=True)
class Partial:
    """One level as the model has it, the other saturated (Ryu & West, 2009).

    Parameters are those of the model that this level holds, then the free moments of the other.
    """

    model: Model
    whole: Floats
    own: Indices
    base: Floats
    free: Indices
    level: Flags

    def moments(self, theta: Floats) -> Floats:
        """Return the (m,) moments."""
        implied = self.model.moments(self._whole(theta))
        vector = np.where(self.level, implied, self.base)
        vector[self.free] = theta[len(self.own) :]
        return np.asarray(vector)

    def jacobian(self, theta: Floats) -> Floats:
        """Return the (m, k) derivatives of the moments."""
        found = self.model.jacobian(self._whole(theta))[:, self.own] * self.level[:, None]
        return np.hstack([found, np.eye(len(self.base))[:, self.free]])

    def _whole(self, theta: Floats) -> Floats:
        """All parameters of the model, those of the other level at some value."""
        whole = self.whole.copy()
        whole[self.own] = theta[: len(self.own)]
        return whole


def read_model(text: str, *, fixed_x: bool) -> Table:
    """Return the parameter table of a text with the blocks `level: 1` and `level: 2`.

    Raises
    ------
    MeasurementError
        When the text cannot be read, or does not have both blocks.
    """
    statements = parse(text)
    found = {s.level for s in statements if s.op not in ABOUT_LABELS}
    outside = [s.line for s in statements if s.op not in ABOUT_LABELS and s.level == 0]
    problems = [
        Problem(f"level {level}", "has no line.", f"Begin its block with `level: {level}`.")
        for level in (1, 2)
        if level not in found
    ]
    if outside:
        problems.append(
            Problem(f"line {outside[0]}", "stands before the first block.", "Put it in a level.")
        )
    if any(s.op == "|" for s in statements):
        problems.append(Problem("model", "thresholds are not available at two levels."))
    if problems:
        raise MeasurementError("The model needs a block for each of two levels.", problems)
    return build(statements, Options(means=True, fixed_x=fixed_x))


def variables(table: Table) -> tuple[list[str], list[str]]:
    """Return the variables of persons, and those of units only."""
    persons = list(table.block_roles[0].observed)
    units = [name for name in table.block_roles[1].observed if name not in persons]
    return persons, units


def parts(table: Table) -> Roles:
    """Return what the model makes of each variable."""
    persons, units = variables(table)
    names = [*persons, *units]
    given = {r.lhs for r in table.rows if r.exogenous and r.op == "~1"}
    between = set(table.block_roles[1].observed)
    return Roles(
        between=np.array([name in between for name in names]),
        fixed=np.array([name in given for name in names]),
    )


def assemble(table: Table, saturated: Moments) -> Model:
    """Return the model with given variables at their values in the data."""
    persons, units = variables(table)
    names = [*persons, *units]
    values = [_given(row, names, saturated) if row.exogenous else row.value for row in table.rows]
    within, between = blocks(table, values)
    places = np.array([names.index(name) for name in between.observed], dtype=np.intp)
    layout = Layout(len(persons), len(names))
    return Model(table, within, between, layout, places, tuple(values))


def coordinates(layout: Layout, roles: Roles, level: int) -> Flags:
    """Return which moments belong to a level: means do to level 2 where the variable does."""
    in_W, in_B, in_mu = layout.slices
    flags = np.zeros(layout.m, dtype=bool)
    flags[in_W if level == 1 else in_B] = True
    flags[in_mu] = ~roles.between if level == 1 else roles.between
    return flags


def partial(
    model: Model, theta: Floats, *, saturated: Floats, free: Indices, roles: Roles, level: int
) -> Partial:
    """Return the model of one level, the moments of the other free where `free`.

    Where predictors within units shift a mean, they do so by what they do in the whole model.
    """
    flags = coordinates(model.layout, roles, level)
    own = {row.free for row in model.table.rows if row.level == level and row.free >= 0}
    return Partial(
        model=model,
        whole=theta,
        own=np.array(sorted(own), dtype=np.intp),
        base=saturated,
        free=free[~flags[free]],
        level=flags,
    )


def crossing(table: Table) -> tuple[str, ...]:
    """Return the labels that parameters of both levels carry."""
    one, two = ({r.free for r in table.rows if r.level == at and r.free >= 0} for at in (1, 2))
    return tuple(sorted({r.label for r in table.rows if r.free in one & two}))


def first_values(model: Model, moments: Moments) -> Floats:
    """Return a start: half of each variance common, every indicator to the same degree."""
    table = model.table
    names = [*variables(table)[0], *variables(table)[1]]
    sums, counts = np.zeros(table.n_free), np.zeros(table.n_free)
    for block, S, mu in (
        (model.within, moments.W, moments.mu),
        (model.between, moments.B, moments.mu),
    ):
        rows = [r for r in table.rows if r.level == (1 if block is model.within else 2)]
        guess = _Guess(rows, names, S, mu)
        for row in rows:
            if row.free >= 0:
                sums[row.free] += row.start if np.isfinite(row.start) else guess.of(row)
                counts[row.free] += 1
    return sums / np.maximum(counts, 1)


class _Guess:
    """First values of the parameters of one block."""

    def __init__(
        self, rows: Sequence[Parameter], names: Sequence[str], S: Floats, mu: Floats
    ) -> None:
        self.mu = dict(zip(names, mu, strict=True))
        self.S, self.names = S, list(names)
        self.spread = {n: float(S[i, i]) for i, n in enumerate(names) if i < len(S)}
        self.measured = {r.rhs for r in rows if r.op == "=~"}
        self.predicted = {r.lhs for r in rows if r.op == "~"} | self.measured
        self.first: dict[str, str] = {}
        loadings = [r for r in rows if r.op == "=~"]
        for row in sorted(loadings, key=lambda r: r.rhs not in self.spread):
            self.first.setdefault(row.lhs, row.rhs)
            self.spread.setdefault(row.lhs, _SHARE * self.spread.get(row.rhs, 1.0))
        for row in rows:
            if row.op == "~~" and row.lhs == row.rhs and row.lhs in self.first and row.value > 0:
                self.spread[row.lhs] = row.value

    def of(self, row: Parameter) -> float:
        """Return where one free parameter starts."""
        if row.op == "=~":
            return self._loading(row)
        if row.op == "~~" and row.lhs == row.rhs:
            share = _SHARE if row.lhs in self.predicted else 1.0
            return share * self.spread[row.lhs]
        if row.op == "~~" and row.lhs not in self.first and row.rhs not in self.first:
            free = row.lhs not in self.predicted and row.rhs not in self.predicted
            return self._covariance(row.lhs, row.rhs) if free else 0.0
        return float(self.mu[row.lhs]) if row.op == "~1" and row.lhs in self.mu else 0.0

    def _loading(self, row: Parameter) -> float:
        """Half of the variance of the indicator, with the sign of its covariance to the first."""
        size = np.sqrt(_SHARE * self.spread[row.rhs] / self.spread[row.lhs])
        first = self.first[row.lhs]
        if row.rhs in self.first or first in self.first or first == row.rhs:
            return float(size)
        return float(size) if self._covariance(first, row.rhs) >= 0 else -float(size)

    def _covariance(self, one: str, other: str) -> float:
        """Covariance of two observed variables."""
        return float(self.S[self.names.index(one), self.names.index(other)])


def _given(row: Parameter, names: Sequence[str], saturated: Moments) -> float:
    """Value of a parameter of given variables."""
    i = names.index(row.lhs)
    if row.op == "~1":
        return float(saturated.mu[i])
    matrix = saturated.W if row.level == 1 else saturated.B
    return float(matrix[i, names.index(row.rhs)])
