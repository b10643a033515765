"""How well each level fits: the model of one level with the other level saturated."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from crosslevel.errors import MeasurementError
from crosslevel.psychometrics.grouping import Floats
from crosslevel.psychometrics.sem.measures import indices
from crosslevel.psychometrics.sem.testing import Statistic
from crosslevel.psychometrics.twolevel.fitting import Solution, corrected, selection, tested
from crosslevel.psychometrics.twolevel.information import inform
from crosslevel.psychometrics.twolevel.likelihood import objective
from crosslevel.psychometrics.twolevel.saturated import first_guess
from crosslevel.psychometrics.twolevel.scoring import Selection, Structure, minimise
from crosslevel.psychometrics.twolevel.structure import (
    coordinates,
    crossing,
    first_values,
    partial,
)

NAMES = {1: "within", 2: "between"}


def level_row(solution: Solution, level: int) -> dict[str, object]:
    """Return chi-square and indices of one level.

    Raises
    ------
    MeasurementError
        When parameters of both levels are equal by a label: what that costs is of neither level.
    """
    shared = crossing(solution.model.table)
    if shared:
        labels = ", ".join(f"'{label}'" for label in shared[:5])
        raise MeasurementError(
            f"Label(s) {labels} make parameters of both levels equal, so the levels cannot be "
            "judged apart. Fit the model without them, and compare the two chi-squares."
        )
    layout, free = solution.data.layout, solution.saturated.free
    flags = coordinates(layout, solution.roles, level)
    high = layout.pack(solution.saturated.moments)
    part = partial(
        solution.model,
        solution.optimum.theta,
        saturated=high,
        free=free,
        roles=solution.roles,
        level=level,
    )
    guess = first_guess(solution.data, solution.roles)
    safe = layout.pack(guess)
    first = first_values(solution.model, guess)
    starts = [
        np.concatenate([own[part.own], other[part.free]])
        for own in (part.whole, first)
        for other in (high, safe)
    ]
    test = _test(solution, part, starts, int(flags[free].sum()) - len(part.own))
    unrelated = set(solution.baseline.free)
    kept = np.array([i for i in free if not flags[i] or i in unrelated], dtype=np.intp)
    base = np.where(flags, layout.pack(solution.baseline.moments), high)
    cautious = np.where(flags, base, safe)
    floor = _test(
        solution, Selection(base, kept), [base[kept], cautious[kept]], len(free) - len(kept)
    )
    n = solution.data.n if level == 1 else solution.data.clusters
    robust = solution.estimator == "mlr"
    row: dict[str, object] = {"level": NAMES[level], "n": n}
    row |= measures(test, floor, n=n, robust=robust)
    return row | {"df": test.df, "srmr": residual(solution, level)}


def measures(test: Statistic, floor: Statistic, *, n: int, robust: bool) -> dict[str, float]:
    """Return the indices of fit; nan where a test has no value or no correction."""
    blank = tested(0.0, 0, 1.0)
    found = dict.fromkeys(indices(blank, blank, n=n, groups=1, robust=robust), float("nan"))
    if np.isfinite(test.chisq) and np.isfinite(floor.chisq):
        defined = bool(np.isfinite(test.scaling) and np.isfinite(floor.scaling))
        found |= indices(test, floor, n=n, groups=1, robust=robust and defined)
    return found


def residual(solution: Solution, level: int) -> float:
    """Return the root mean square of residual correlations of the variables of one level.

    Both diagonals of ones count, as in R lavaan at two levels; nan where a variance is not
    positive.
    """
    data, roles = solution.data, solution.roles
    implied = data.layout.unpack(solution.model.moments(solution.optimum.theta))
    inside = np.ix_(roles.between, roles.between)
    pair = (solution.saturated.moments.W, implied.W)
    if level == 2:
        pair = (solution.saturated.moments.B[inside], implied.B[inside])
    if min(np.diag(matrix).min() for matrix in pair) <= 0:
        return float("nan")
    gap = _correlation(pair[0]) - _correlation(pair[1])
    return float(np.sqrt((gap[np.tril_indices(len(gap))] ** 2).mean()))


def _correlation(matrix: Floats) -> Floats:
    """Covariances -> correlations."""
    sd = np.sqrt(np.diag(matrix))
    return np.asarray(matrix / np.outer(sd, sd))


def _test(solution: Solution, structure: Structure, starts: Sequence[Floats], df: int) -> Statistic:
    """Test of a structure within the saturated model; nan where the search has no end.

    It begins at the first start inside the domain: the saturated covariances of one level need not
    go with the model of the other.
    """
    data = solution.data
    inside = (
        start
        for start in starts
        if np.isfinite(objective(data, data.layout.unpack(structure.moments(start)))[0])
    )
    start = next(inside, None)
    optimum = None if start is None else minimise(data, structure, start)
    if optimum is None or optimum.status != "converged":
        return tested(float("nan"), df, float("nan"))
    chisq = 2 * (solution.saturated.log_likelihood + optimum.value)
    if solution.estimator == "ml" or df <= 0:
        return tested(chisq, df, 1.0)
    top = selection(solution.data, solution.saturated)
    free = inform(solution.data, top, solution.saturated.optimum.theta)
    own = inform(solution.data, structure, optimum.theta)
    return tested(chisq, df, corrected(free, own, df))
