"""Leave one group out: how far the fixed coefficients move without each unit.

Without group j, at the variance parameters of the whole fit (`update`) or with all of them
estimated anew (`refit`):

    D_j = (b - b_j)' V(b)^-1 (b - b_j) / P           Cook's distance
    dfbetas_jk = (b_k - b_jk) / se(b_jk)             se without the group
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.linalg import solve_triangular

from crosslevel.errors import ModelError, did_you_mean
from crosslevel.multilevel.coding import Floats
from crosslevel.multilevel.conditioning import condition, lower
from crosslevel.multilevel.design import Design, Factor
from crosslevel.multilevel.grouping import Levels, compress
from crosslevel.multilevel.objective import Profile, SingleObjective, profiled
from crosslevel.multilevel.optimise import Optimum, minimise
from crosslevel.multilevel.statistics import OneFactor
from crosslevel.multilevel.threads import one_blas_thread

if TYPE_CHECKING:
    from crosslevel.multilevel.result import MultilevelFit

METHODS = ("update", "refit")
DEFICIENT = 1e-12
NOTES = {
    "update": "variance parameters held at those of the whole fit, residual variance excepted",
    "refit": "all parameters estimated anew without the group",
}


@dataclass(frozen=True, slots=True)
class Influence:
    """What each group does to the fixed coefficients.

    `groups`: group, level, n, cooks_distance, sigma and status of the fit without it. `terms`: one
    row per group and coefficient: group, level, term, estimate and std_error without the group,
    change (whole minus without), dfbetas. `note` says what was held fixed.
    """

    method: str
    note: str
    groups: pd.DataFrame
    terms: pd.DataFrame

    def tidy(self) -> pd.DataFrame:
        """Return one row per group and coefficient."""
        return self.terms


@dataclass(frozen=True, slots=True)
class _Without:
    """beta (P,), covariance (P, P), sigma and status of the fit without one group."""

    beta: Floats
    vcov: Floats
    sigma: float
    status: str


def influence(fit: MultilevelFit, group: str, *, method: str = "update") -> Influence:
    """Return the influence of each level of a grouping factor on the fixed coefficients.

    Use `update` to look at all groups, and `refit` when the variance parameters may hang on a few
    of them. A coefficient that the other groups do not determine is missing, and so is Cook's
    distance then (status "not estimable").

    Parameters
    ----------
    group
        Name of a grouping factor; all rows of one of its levels are left out at a time.
    method
        `"update"` (exact at fixed variances) or `"refit"` (a few evaluations per group).

    Raises
    ------
    ModelError
        For an unknown factor, and for one with fewer than three levels.

    Notes
    -----
    Cook (1977); Belsley, Kuh and Welsch (1980), with groups as in Christensen, Pearson and Johnson
    (1992, doi 10.1080/00401706.1992.10484851); same definitions as lme4's `influence`. What was
    learnt from all rows (group means, knots) stays. With one grouping factor a group is taken off
    the sums over groups, otherwise the rows are passed over again.
    """
    if method not in METHODS:
        raise ModelError(f"`method` must be 'update' or 'refit', got {method!r}.")
    factor = _factor(fit, group)
    anew = method == "refit"
    with one_blas_thread():
        one = _one_factor(fit, anew=anew) if len(fit.design.factors) == 1 else None
        made = [_without(fit, factor, j, one, anew=anew) for j in range(factor.J)]
    return Influence(method, NOTES[method], *_tables(fit, factor, made))


def _factor(fit: MultilevelFit, group: str) -> Factor:
    known = {factor.name: factor for factor in fit.design.factors}
    if group not in known:
        hint = did_you_mean(group, known) or f"Groups: {', '.join(known)}."
        raise ModelError(f"`group` names '{group}', which is no group of this model. {hint}")
    if known[group].J < 3:
        raise ModelError(f"'{group}' has two groups; without one of them no variance is left.")
    return known[group]


def _without(
    fit: MultilevelFit,
    factor: Factor,
    j: int,
    one: Callable[[int], _Without | None] | None,
    *,
    anew: bool,
) -> _Without:
    """Return the fit without level j; by the rows where the sums do not determine it."""
    made = None if one is None else one(j)
    return made if made is not None else _by_rows(fit, factor.codes != j, anew=anew)


def _one_factor(fit: MultilevelFit, *, anew: bool) -> Callable[[int], _Without | None]:
    """Return a function that fits without level j from the sums of one grouping factor."""
    objective, factor = cast("SingleObjective", fit.objective), fit.design.factors[0]
    stats = objective.statistics
    size = np.bincount(factor.codes, minlength=factor.J)
    W = _within(fit, stats)

    def _refitted(j: int) -> Optimum:
        others = np.arange(factor.J) != j
        n = stats.n - int(size[j])
        left = OneFactor(stats.R[:, :, others], stats.c[:, :, others], stats.W - W[:, :, j], n)
        return minimise(SingleObjective(left, objective.parameters, objective.reml), theta)

    theta, p = fit.optimum.theta, len(stats.R)
    S = fit.optimum.evaluation.S[p:]  # type: ignore[attr-defined]
    own = W + np.einsum("kaj,laj->klj", S, S)
    whole = stats.W + np.einsum("kaj,laj->kl", S, S)

    def _leave(j: int) -> _Without | None:
        try:
            if anew:
                optimum = _refitted(j)
                profile, status = optimum.profile, optimum.status
            else:
                n = stats.n - int(size[j])
                profile = profiled(whole - own[:, :, j], 0.0, n=n, reml=objective.reml)
                status = "converged"
        except np.linalg.LinAlgError:
            return None
        return _outward(fit, profile, status) if _determined(profile) else None

    return _leave


def _within(fit: MultilevelFit, stats: OneFactor) -> Floats:
    """Return each group's share (m, m, J) of the within-matrix, from the residuals on its Z."""
    A, codes = np.vstack([fit.problem.X, fit.problem.y]), fit.design.factors[0].codes
    m, J = len(A), stats.c.shape[2]
    inverse = np.linalg.pinv(stats.R.transpose(2, 0, 1))
    b = np.einsum("jab,kbj->kaj", inverse, stats.c)
    for a, z in enumerate(fit.problem.Z[0]):
        A -= b[:, a, codes] * z
    W = np.empty((m, m, J))
    for k in range(m):
        for h in range(k + 1):
            W[k, h] = W[h, k] = np.bincount(codes, weights=A[k] * A[h], minlength=J)
    return W


def _determined(profile: Profile) -> bool:
    if not np.isfinite(profile.criterion) or not np.isfinite(profile.F).all():
        return False
    values = np.linalg.eigvalsh(profile.F)
    return bool(len(values) == 0 or values.min() > DEFICIENT * values.max())


def _outward(fit: MultilevelFit, profile: Profile, status: str) -> _Without:
    """Return a fit in the whole fit's coordinates in the user's units."""
    problem = fit.problem
    B, sigma2 = problem.basis.B, profile.sigma2 * problem.scale**2
    beta = problem.start + problem.scale * (B @ profile.beta)
    return _Without(beta, sigma2 * (B @ profile.F @ B.T), float(np.sqrt(sigma2)), status)


def _by_rows(fit: MultilevelFit, rows: npt.NDArray[np.bool_], *, anew: bool) -> _Without:
    """Return the fit on some rows; coefficients they do not determine are missing."""
    from crosslevel.multilevel.fit import fit_design, objective_of

    part = _subset(fit.design, rows)
    P = len(fit.estimates.names)
    try:
        if anew:
            estimates = fit_design(part, method=fit.method).estimates
            names, beta, vcov = estimates.names, estimates.beta, estimates.vcov
            sigma, status = estimates.sigma, estimates.status
        else:
            problem = condition(part)
            objective, _ = objective_of(part, problem, reml=fit.method == "reml")
            pairs = zip(problem.back, fit.estimates.T, strict=True)
            T = [lower(np.asarray(np.linalg.solve(back, t))) for back, t in pairs]
            profile = objective.at(objective.parameters.pack(T)).profile
            names = tuple(part.names[k] for k in problem.basis.kept)
            sigma = float(np.sqrt(profile.sigma2)) * problem.scale
            beta = problem.start + problem.scale * (problem.basis.B @ profile.beta)
            vcov = sigma**2 * (problem.basis.B @ profile.F @ problem.basis.B.T)
            status = "converged"
    except ModelError:
        return _Without(np.full(P, np.nan), np.full((P, P), np.nan), np.nan, "not estimable")
    at = [fit.estimates.names.index(name) for name in names]
    whole = _Without(np.full(P, np.nan), np.full((P, P), np.nan), sigma, status)
    whole.beta[at] = beta
    whole.vcov[np.ix_(at, at)] = vcov
    return whole if len(at) == P else replace(whole, status="not estimable")


def _subset(design: Design, rows: npt.NDArray[np.bool_]) -> Design:
    """Return the design of some rows, without the aliased columns of the whole; codings stay."""
    factors = []
    for f in design.factors:
        codes, used = compress(f.codes[rows])
        levels = Levels(tuple(part[used] for part in f.levels.parts))
        factors.append(replace(f, codes=codes, levels=levels, Z=f.Z[:, rows]))
    return replace(
        design,
        y=design.y[rows],
        X=design.X[:, rows],
        factors=tuple(factors),
        weights=None if design.weights is None else design.weights[rows],
        offset=None if design.offset is None else design.offset[rows],
    )


def _tables(
    fit: MultilevelFit, factor: Factor, made: list[_Without]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    names = fit.estimates.names
    P = len(names)
    beta = np.array([m.beta for m in made]).reshape(factor.J, P)
    std_error = np.sqrt(np.array([np.diag(m.vcov) for m in made]).reshape(factor.J, P))
    change = fit.estimates.beta - beta
    L = np.linalg.cholesky(_outward(fit, fit.optimum.profile, fit.status).vcov)
    cook = (solve_triangular(L, change.T, lower=True, check_finite=False) ** 2).sum(axis=0) / P
    labels = factor.levels.labels()
    groups = pd.DataFrame(
        {
            "group": factor.name,
            "level": labels,
            "n": np.bincount(factor.codes, minlength=factor.J),
            "cooks_distance": np.where(np.isnan(change).any(axis=1), np.nan, cook),
            "sigma": [m.sigma for m in made],
            "status": [m.status for m in made],
        }
    )
    terms = pd.DataFrame(
        {
            "group": factor.name,
            "level": labels.repeat(P),
            "term": np.tile(np.array(names, dtype=object), factor.J),
            "estimate": beta.ravel(),
            "std_error": std_error.ravel(),
            "change": change.ravel(),
            "dfbetas": (change / std_error).ravel(),
        }
    ).astype({"term": "str"})
    return groups, terms
