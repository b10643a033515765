"""Formula and frame -> a fitted multilevel model."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from itertools import pairwise
from typing import cast

import numpy as np
import pandas as pd

from crosslevel.errors import FormulaError, ModelError, NotConvergedWarning, Problem
from crosslevel.multilevel.coding import Floats
from crosslevel.multilevel.conditioning import Conditioned, closer, condition, lower
from crosslevel.multilevel.design import Design, Factor, build
from crosslevel.multilevel.df import DENSE
from crosslevel.multilevel.estimates import Estimates
from crosslevel.multilevel.formula import parse
from crosslevel.multilevel.nested import NestedObjective, nested_factors
from crosslevel.multilevel.objective import Objective, SingleObjective
from crosslevel.multilevel.optimise import Optimum, minimise
from crosslevel.multilevel.parameters import parameters
from crosslevel.multilevel.result import MultilevelFit
from crosslevel.multilevel.robust import inside
from crosslevel.multilevel.several import SeveralObjective
from crosslevel.multilevel.start import moments, residual_variance
from crosslevel.multilevel.statistics import (
    OneFactor,
    SeveralFactors,
    one_factor,
    several_factors,
)
from crosslevel.multilevel.threads import one_blas_thread

METHODS = ("reml", "ml")
MISSING = ("drop", "raise")
BORDERED = 5000  # coefficients outside the eliminated factor: dense matrices of 200 MB
BORDERED_NESTED = 1000  # and from which nested factors are taken level by level instead


def fit(
    formula: str,
    data: pd.DataFrame,
    *,
    method: str = "reml",
    weights: str | None = None,
    offset: str | None = None,
    missing: str = "drop",
) -> MultilevelFit:
    """Return a linear multilevel model fitted by restricted or full maximum likelihood.

    Use it when rows share units (employees in units, units in hospitals). It assumes normal random
    coefficients that are unrelated to the predictors: a predictor that varies within and between
    units belongs in the model twice, as `within(x, unit)` and `between(x, unit)`.

    Parameters
    ----------
    formula
        For example `"goal_learning ~ problem_solving_use + (1 | hospital/unit)"`; columns are
        looked up, nothing is evaluated.
    data
        (n_rows, n_columns) one row per observation. Not changed.
    method
        `"reml"` (variances unbiased by the fixed part) or `"ml"` (to compare fixed parts).
    weights
        Column of prior weights: the residual variance of a row is sigma^2 / weight.
    offset
        Column added to the linear predictor with coefficient one.
    missing
        `"drop"` leaves out incomplete rows and counts them; `"raise"` is an error naming them.

    Returns
    -------
    MultilevelFit
        `status` is "converged", "boundary" (a variance of zero, certified) or "not converged".

    Raises
    ------
    FormulaError, ModelError
        With the place, what was found, and what would do.

    Notes
    -----
    Profiled criterion of Bates et al. (2015, doi 10.18637/jss.v067.i01, eq. 34 and 41), minimised
    over theta by Newton's method on exact derivatives. Agrees with lme4.

    Examples
    --------
    >>> rng = np.random.default_rng(7)
    >>> unit = np.repeat(np.arange(30), 8)
    >>> use = rng.normal(size=30)[unit]
    >>> learning = 3 + 0.5 * use + rng.normal(size=30)[unit] + rng.normal(size=240)
    >>> frame = pd.DataFrame({"learning": learning, "use": use, "unit": unit})
    >>> model = fit("learning ~ use + (1 | unit)", frame)
    >>> model.status, list(model.tidy()["term"])
    ('converged', ['(Intercept)', 'use'])
    """
    _check_choice("method", method, METHODS)
    _check_choice("missing", missing, MISSING)
    with one_blas_thread():
        design = _design(formula, data, weights=weights, offset=offset, missing=missing)
        fitted = fit_design(design, method=method)
    if fitted.status == "not converged":
        warnings.warn(
            f"The fit has not converged: {fitted.optimum.reason}.", NotConvergedWarning, 2
        )
    return fitted


def check(formula: str, data: pd.DataFrame, *, method: str = "reml") -> Design:
    """Return the design of a model after all that `fit` checks before it optimises.

    Use it to find out in a moment whether a model can be fitted to these data; `fit` may still end
    as not converged.

    Parameters
    ----------
    formula, data, method
        As for `fit`.

    Raises
    ------
    FormulaError, ModelError
        Whatever `fit` would refuse.

    Examples
    --------
    >>> frame = pd.DataFrame({"y": [1.0, 3, 2, 5, 4, 4], "unit": list("aabbcc")})
    >>> frame["x"] = [0.0, 1, 1, 2, 0, 3]
    >>> check("y ~ x + (1 | unit)", frame).names
    ('(Intercept)', 'x')
    """
    _check_choice("method", method, METHODS)
    with one_blas_thread():
        design = _design(formula, data)
        objective_of(design, condition(design), reml=method == "reml")
    return design


def _design(
    formula: str,
    data: pd.DataFrame,
    *,
    weights: str | None = None,
    offset: str | None = None,
    missing: str = "drop",
) -> Design:
    """Return the design of a formula whose grouping factors are sound."""
    parsed = parse(formula)
    if not parsed.random:
        message = "The formula has no random term such as (1 | unit)."
        raise FormulaError(f"{message} For a single-level model use `ols`.")
    design = build(parsed, data, weights=weights, offset=offset, missing=missing)
    _check_factors(design)
    return design


def fit_design(design: Design, *, method: str) -> MultilevelFit:
    """Return the fit of a design that is known to be sound, such as a part of a fitted one."""
    problem, reml = condition(design), method == "reml"
    objective, start = objective_of(design, problem, reml=reml)
    W = _first(objective).W
    if nearer := closer(problem, W):
        problem = nearer
        objective, start = objective_of(design, problem, reml=reml)
    optimum = minimise(objective, start)
    estimates = _estimates(design, problem, objective, optimum)
    return MultilevelFit(design, estimates, objective, problem, optimum, method)


def _first(objective: Objective) -> OneFactor:
    """Return the statistics of the factor that is eliminated."""
    if isinstance(objective, NestedObjective):
        return objective.statistics.outcome()
    if isinstance(objective, SeveralObjective):
        return objective.statistics.first
    return cast("SingleObjective", objective).statistics


def _check_choice(name: str, value: str, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise ModelError(f"`{name}` must be {' or '.join(map(repr, allowed))}, got {value!r}.")


def _check_factors(design: Design) -> None:
    """Raise with every grouping factor whose variances the data cannot tell apart."""
    problems: list[Problem] = []
    for k, factor in enumerate(design.factors):
        where = f"'{factor.name}'"
        if factor.J == 1:
            problems.append(Problem(where, "has one group only; at least two are needed."))
        elif design.n == factor.J and design.weights is None:
            fix = "Its variance cannot be told from the residual variance."
            problems.append(Problem(where, "has a different value on each row.", fix))
        else:
            largest = int(np.bincount(factor.codes).max())
            if factor.p > largest:
                found = (
                    f"has {factor.p} random coefficients and at most {largest} row(s) per group."
                )
                problems.append(Problem(where, found, "Leave some coefficients out."))
        for other in design.factors[:k]:
            if _same_groups(factor, other):
                found = f"divides the rows exactly as '{other.name}' does."
                problems.append(Problem(where, found, "Keep one of the two."))
    if problems:
        raise ModelError("The grouping factors cannot be used as they are.", problems)


def _same_groups(a: Factor, b: Factor) -> bool:
    if a.J != b.J:
        return False
    partner = np.empty(a.J, dtype=np.intp)
    partner[a.codes] = b.codes
    return bool((partner[a.codes] == b.codes).all())


def objective_of(design: Design, problem: Conditioned, *, reml: bool) -> tuple[Objective, Floats]:
    """Return the criterion for this structure and the theta to start from."""
    factors = design.factors
    free = parameters(factors)
    A = np.vstack([problem.X, problem.y])
    if len(factors) == 1:
        f = factors[0]
        single = one_factor(f.codes, f.J, Z=problem.Z[0], A=A)
        _check_residual(single, design)
        start = free.pack([_start(single)])
        return SingleObjective(single, free, reml), start
    if _is_deep(design):
        return _nested_of(design, problem, reml=reml)
    order = tuple(sorted(range(len(factors)), key=lambda k: -factors[k].p * factors[k].J))
    _check_size(design, order)
    several = several_factors(
        [factors[k].codes for k in order],
        [factors[k].J for k in order],
        Z=[problem.Z[k] for k in order],
        A=A,
    )
    _check_residual(several.first, design, several)
    sigma2 = residual_variance(several.first, _rank(several.first))
    triangles = [_start(several.first)] * len(factors)
    for k, f in enumerate(factors):
        if k != order[0]:
            triangles[k] = _start_apart(f, problem.Z[k], problem.y, sigma2)
        else:
            triangles[k] = _start(several.first)
    return SeveralObjective(several, free, order, reml), free.pack(triangles)


def _is_deep(design: Design) -> bool:
    """Return whether the factors are nested, with too many groups for dense matrices."""
    sizes = [factor.p * factor.J for factor in design.factors]
    if sum(sizes) - max(sizes) <= BORDERED_NESTED or sum(sizes) <= DENSE:
        return False
    if design.n <= sum(sizes) + len(design.X):
        return False
    return all(inside(a, b) for a, b in pairwise(design.factors))


def _nested_of(
    design: Design, problem: Conditioned, *, reml: bool
) -> tuple[NestedObjective, Floats]:
    """Return the criterion of nested factors, level by level, and the theta to start from."""
    factors = design.factors
    made = nested_factors(
        [f.codes for f in factors],
        [f.J for f in factors],
        Z=problem.Z,
        A=np.vstack([problem.X, problem.y]),
    )
    first, free = made.outcome(), parameters(factors)
    sigma2 = residual_variance(first, _rank(first))
    pairs = zip(factors[1:], problem.Z[1:], strict=True)
    above = [_start_apart(f, Z, problem.y, sigma2) for f, Z in pairs]
    return NestedObjective(made, free, reml), free.pack([_start(first), *above])


def _check_residual(
    statistics: OneFactor, design: Design, others: SeveralFactors | None = None
) -> None:
    """Raise when X and Z together reproduce any outcome: no maximum with sigma above zero."""
    n, P = statistics.n, statistics.P
    spanned = int((statistics.R[range(len(statistics.R)), range(len(statistics.R))] > 0).sum())
    W, tolerance = statistics.W[:P, :P], 1e-13
    if others is not None:
        if spanned + len(others.W_rr) + P < n:
            return
        W_rx, tolerance = others.W_ra[:, :P], 1e-10
        W = np.block([[others.W_rr, W_rx], [W_rx.T, W]])
    if spanned + len(W) < n:
        return
    if spanned + int((np.linalg.eigvalsh(W) > tolerance * n).sum()) >= n:
        parts = [
            f"{f.p} random coefficient(s) in {f.J} groups of '{f.name}'" for f in design.factors
        ]
        raise ModelError(
            f"{n} rows are too few for {', '.join(parts)} and {P} fixed coefficient(s): they can "
            "reproduce any outcome exactly, so the likelihood has no maximum with a residual "
            "variance above zero. Leave some coefficients out."
        )


def _check_size(design: Design, order: tuple[int, ...]) -> None:
    rest = sum(design.factors[k].p * design.factors[k].J for k in order[1:])
    if rest > BORDERED:
        names = ", ".join(f"'{design.factors[k].name}'" for k in order[1:])
        raise ModelError(
            f"Beside '{design.factors[order[0]].name}', {names} hold {rest} random coefficients; "
            f"at most {BORDERED} can be held in memory together. Leave a factor out, or aggregate."
        )


def _rank(statistics: OneFactor) -> int:
    p = len(statistics.R)
    return int((statistics.R[range(p), range(p)] > 0).sum())


def _start(statistics: OneFactor) -> Floats:
    """Return diag(theta) by moments for the factor whose statistics these are."""
    sigma2 = residual_variance(statistics, _rank(statistics))
    ZZ = np.einsum("abj,abj->bj", statistics.R, statistics.R)
    Zy = np.einsum("abj,aj->bj", statistics.R, statistics.c[-1])
    return np.diag(moments(ZZ, Zy, sigma2))


def _start_apart(factor: Factor, Z: Floats, y: Floats, sigma2: float) -> Floats:
    """Return diag(theta) by moments for one of the other factors."""
    ZZ = np.array([np.bincount(factor.codes, weights=z * z, minlength=factor.J) for z in Z])
    Zy = np.array([np.bincount(factor.codes, weights=z * y, minlength=factor.J) for z in Z])
    return np.diag(np.minimum(moments(ZZ, Zy, sigma2), 10.0))


def _estimates(
    design: Design, problem: Conditioned, objective: Objective, optimum: Optimum
) -> Estimates:
    """Return the optimum in the user's units."""
    profile, basis, scale = optimum.profile, problem.basis, problem.scale
    free = objective.parameters
    criterion = profile.criterion + 2.0 * profile.nn * float(np.log(scale)) - problem.log_weights
    if profile.nn < design.n or not len(profile.beta):
        criterion -= 2.0 * basis.log_det
    sigma2 = profile.sigma2 * scale * scale
    fitted = free.unpack(optimum.theta)
    T = tuple(lower(back @ t) for back, t in zip(problem.back, fitted, strict=True))
    names = tuple(design.names[k] for k in basis.kept)
    return Estimates(
        names=names,
        dropped=tuple(n for k, n in enumerate(design.names) if k not in basis.kept),
        beta=problem.start + scale * (basis.B @ profile.beta),
        vcov=sigma2 * (basis.B @ profile.F @ basis.B.T),
        sigma=float(np.sqrt(sigma2)),
        T=T,
        theta=free.pack(T),
        criterion=criterion,
        status=optimum.status,
        reason=optimum.reason,
        singular=tuple(design.factors[f].name for f in optimum.singular),
    )
