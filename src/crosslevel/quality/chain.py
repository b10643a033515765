"""One chain of imputations by fully conditional specification: variable after variable.

Each incomplete variable is regressed on all the others, its missing values are drawn from that
regression, and the next one follows. Where rows lie in units, a row's variable has a random
intercept (and slopes) per unit, and predictors enter with their unit means; a unit's variable is
regressed, over units, on the other units' variables and on the unit means of the rows' variables.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from crosslevel.quality.gibbs import (
    Draw,
    Problem,
    Rows,
    State,
    begin,
    draw,
    latent,
    nearest,
    problem,
    rows_of,
)
from crosslevel.quality.incomplete import Codes, Floats
from crosslevel.quality.plan import ROW, Plan, Variable

FIRST, LATER = 25, 2  # sweeps through the parameters of one regression at its first visit, later


@dataclass(frozen=True, slots=True)
class Chain:
    """What one chain came to: imputed values in their own units or codes, and its trace.

    trace (iterations, targets, 4): mean and sd of the imputed values, sd between units, sigma.
    """

    imputed: dict[str, Floats]
    trace: Floats


@dataclass(frozen=True, slots=True)
class _Memory:
    """Where the regression of a variable (or one step of a category) stands."""

    state: State
    last: Draw | None


@dataclass(frozen=True, slots=True)
class _Design:
    """Predictors of all rows (N, P), columns with random coefficients (N, q), unit of each row."""

    X: Floats
    Z: Floats
    codes: Codes
    J: int

    def known(self, rows: Codes) -> Problem:
        """Return the regression problem on some rows, which are in order."""
        return problem(self.X[rows], self.Z[rows], rows_of(self.codes[rows], self.J))

    def mean(self, rows: Codes, beta: Floats, u: Floats) -> Floats:
        """Return X beta + Z u of some rows."""
        random = np.einsum("iq,iq->i", self.Z[rows], u[self.codes[rows]])
        return np.asarray(self.X[rows] @ beta + random)


def run_chain(plan: Plan, *, iterations: int, rng: np.random.Generator) -> Chain:
    """Return one completed set of values after so many rounds through the variables."""
    targets = plan.targets
    values = {name: _first(v, rng) for name, v in plan.variables.items()}
    memory: dict[tuple[str, int], _Memory] = {}
    trace = np.full((iterations, len(targets), 4), np.nan)
    whole = rows_of(plan.codes, max(plan.J, 1))
    sizes = np.bincount(plan.codes, minlength=max(plan.J, 1)).astype(np.float64)
    for iteration in range(iterations):
        for k, target in enumerate(targets):
            design = _design(plan, target, values, whole, sizes)
            step = _category if target.method == "probit" else _number
            new = step(target, design, values[target.name], memory, rng)
            gone = np.flatnonzero(target.missing)
            values[target.name][gone] = new
            trace[iteration, k] = _summary(target, new, memory)
    imputed = {t.name: values[t.name][t.missing] * t.scale + t.centre for t in targets}
    return Chain(imputed, trace)


def _first(variable: Variable, rng: np.random.Generator) -> Floats:
    """Return the values with gaps filled by known values at random."""
    filled = variable.values.copy()
    known = filled[~variable.missing]
    if variable.missing.any():
        filled[variable.missing] = rng.choice(known, size=int(variable.missing.sum()))
    return filled


def _columns(variable: Variable, values: Floats) -> Floats:
    """Return (N, width) predictor columns: the number itself, or one dummy per later category."""
    if len(variable.categories) <= 2:
        return values[:, None]
    later = np.arange(1, len(variable.categories))
    return np.asarray(values[:, None] == later, dtype=np.float64)


def _design(
    plan: Plan, target: Variable, values: dict[str, Floats], whole: Rows, sizes: Floats
) -> _Design:
    """Return the predictors of a target at its level."""
    n, J, at_rows = len(plan.codes), plan.J, target.level == ROW
    N = n if at_rows else J
    parts: list[Floats] = [np.ones((N, 1))]
    for name in target.predictors:
        variable = plan.variables[name]
        own = _columns(variable, values[name])
        if variable.level != ROW:
            parts.append(own[plan.codes] if at_rows else own)
            continue
        if at_rows:
            parts.append(own)
        if J:
            means = whole.sums(own) / sizes[:, None]
            parts.append(means[plan.codes] if at_rows else means)
    X = np.concatenate(parts, axis=1)
    if not at_rows or not J:
        return _Design(X, np.zeros((N, 0)), np.zeros(N, dtype=np.intp), 1)
    slopes = [values[name][:, None] for name in plan.slopes if name != target.name]
    Z = np.concatenate([np.ones((n, 1)), *slopes], axis=1)
    return _Design(X, Z, plan.codes, J)


def _number(
    target: Variable,
    design: _Design,
    values: Floats,
    memory: dict[tuple[str, int], _Memory],
    rng: np.random.Generator,
) -> Floats:
    """Return new values for the gaps of a number, by its normal model or by matching."""
    known, gone = np.flatnonzero(~target.missing), np.flatnonzero(target.missing)
    made, y, key = design.known(known), values[known], (target.name, 0)
    at = memory.get(key, _Memory(begin(design.Z.shape[1]), None))
    state, sweeps = at.state, _sweeps(design, at)
    for _ in range(sweeps):
        one = draw(made, y, state, rng)
        state = one.state
    memory[key] = _Memory(state, one)
    predicted = design.mean(gone, one.beta, one.u)
    if target.method == "pmm":
        donors = design.mean(known, one.centre, one.middle)
        return np.asarray(y[nearest(donors, predicted, rng)])
    return np.asarray(predicted + np.sqrt(state.s2) * rng.standard_normal(len(gone)))


def _category(
    target: Variable,
    design: _Design,
    values: Floats,
    memory: dict[tuple[str, int], _Memory],
    rng: np.random.Generator,
) -> Floats:
    """Return new categories for the gaps: the first, else the second, ..., each by a probit."""
    gone = np.flatnonzero(target.missing)
    new = np.full(len(gone), len(target.categories) - 1.0)
    open_ones = np.ones(len(gone), dtype=bool)
    for c in range(len(target.categories) - 1):
        left = np.flatnonzero(~target.missing & (values >= c))
        one = _probit(
            design, left, (values[left] == c).astype(np.float64), (target.name, c), memory, rng
        )
        chosen = open_ones & (
            rng.uniform(size=len(gone)) < ndtr(design.mean(gone, one.beta, one.u))
        )
        new[chosen] = c
        open_ones &= ~chosen
    return new


def _probit(
    design: _Design,
    rows: Codes,
    event: Floats,
    key: tuple[str, int],
    memory: dict[tuple[str, int], _Memory],
    rng: np.random.Generator,
) -> Draw:
    """Return a draw of the coefficients of a probit, with random coefficients per unit."""
    made = design.known(rows)
    at = memory.get(key, _Memory(begin(design.Z.shape[1]), None))
    state, one = at.state, at.last
    eta = np.zeros(len(rows)) if one is None else design.mean(rows, one.beta, one.u)
    for _ in range(_sweeps(design, at, least=LATER)):
        one = draw(made, latent(event, eta, rng), state, rng, latent=True)
        state, eta = one.state, design.mean(rows, one.beta, one.u)
    memory[key] = _Memory(state, one)
    assert one is not None  # noqa: S101
    return one


def _sweeps(design: _Design, at: _Memory, *, least: int = 1) -> int:
    """One draw is exact without random coefficients; otherwise the chain must move."""
    moving = design.Z.shape[1] > 0 or least > 1
    if not moving:
        return 1
    return FIRST if at.last is None else LATER


def _summary(
    target: Variable, new: Floats, memory: dict[tuple[str, int], _Memory]
) -> Sequence[float]:
    """Return mean and sd of what was imputed, sd between units and sigma, in the target's units."""
    state = memory[target.name, 0].state
    between = float(np.sqrt(state.Psi[0, 0])) if len(state.Psi) else np.nan
    sigma = np.nan if target.method == "probit" else float(np.sqrt(state.s2))
    own = new * target.scale + target.centre
    return (float(own.mean()), float(own.std()), between * target.scale, sigma * target.scale)
