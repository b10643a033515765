"""Fits a two-level model: data, saturated and baseline models, estimates, tests."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd

from crosslevel.errors import MeasurementError, NotConvergedWarning, Problem
from crosslevel.psychometrics.grouping import Floats
from crosslevel.psychometrics.notices import (
    CorrectionWarning,
    HeywoodWarning,
    NotIdentifiedWarning,
)
from crosslevel.psychometrics.sem.identification import not_identified, without
from crosslevel.psychometrics.sem.table import Table
from crosslevel.psychometrics.sem.testing import Statistic
from crosslevel.psychometrics.twolevel.information import Information, inform
from crosslevel.psychometrics.twolevel.likelihood import objective
from crosslevel.psychometrics.twolevel.saturated import (
    Roles,
    Unrestricted,
    first_guess,
    independence,
    moments_free,
    saturate,
)
from crosslevel.psychometrics.twolevel.scoring import Optimum, Selection, minimise
from crosslevel.psychometrics.twolevel.statistics import ClusterStatistics, summarise
from crosslevel.psychometrics.twolevel.structure import (
    Model,
    assemble,
    first_values,
    parts,
    variables,
)

ESTIMATORS = ("ml", "mlr")
_NEAR_ZERO = 1e-4
_NO_VARIANCE = 1e-4


@dataclass(frozen=True, slots=True)
class Solution:
    """A fitted model with what it is compared to.

    Attributes
    ----------
    data, roles, model
        Sufficient statistics, the part of each variable, parameter table and blocks.
    optimum
        Estimates and how the search ended.
    saturated, baseline
        The unrestricted model, and that of unrelated variables.
    vcov
        (k, k) covariance of the estimates.
    test, baseline_test
        Against the saturated model, corrected with estimator "mlr".
    given_log_likelihood
        Of the variables taken as given; the model's does not count it.
    undetermined
        Parameters that the data do not determine; they have no covariances.
    """

    data: ClusterStatistics
    roles: Roles
    model: Model
    optimum: Optimum
    saturated: Unrestricted
    baseline: Unrestricted
    vcov: Floats
    test: Statistic
    baseline_test: Statistic
    given_log_likelihood: float
    estimator: str
    undetermined: tuple[int, ...]

    @property
    def status(self) -> str:
        """How the search ended, and "not identified" where the data leave parameters open."""
        ended = self.optimum.status
        return "not identified" if self.undetermined and ended == "converged" else ended

    @property
    def log_likelihood(self) -> float:
        """Log-likelihood of the model, given variables apart."""
        return -self.optimum.value - self.given_log_likelihood


@dataclass(frozen=True, slots=True)
class Search:
    """A model with its data and estimates, compared to nothing yet."""

    data: ClusterStatistics
    roles: Roles
    model: Model
    optimum: Optimum
    information: Information


def search(table: Table, data: pd.DataFrame, *, cluster: str) -> Search:
    """Return the estimates of a model.

    Raises
    ------
    MeasurementError
        When the data cannot be used, there are fewer units than the model needs, or the
        likelihood has no maximum.
    """
    statistics = summarise(
        data, *variables(table), cluster=cluster, both=table.block_roles[1].observed
    )
    roles = parts(table)
    _check_size(statistics, roles)
    guess = first_guess(statistics, roles)
    model = assemble(table, guess)
    _check_parameters(table, int(moments_free(statistics, roles).sum()))
    start = first_values(model, guess)
    if not np.isfinite(objective(statistics, statistics.layout.unpack(model.moments(start)))[0]):
        raise MeasurementError(
            "The search cannot start: with the fixed values and `start()` of the model, "
            "covariances are not those of any data. Fix less, or start closer to the data."
        )
    optimum = minimise(statistics, model, start)
    _check_bounded(statistics, model, optimum)
    information = inform(statistics, model, optimum.theta)
    return Search(statistics, roles, model, optimum, information)


def solve(table: Table, data: pd.DataFrame, *, cluster: str, estimator: str) -> Solution:
    """Return the fit of a model; warnings are left to the caller.

    Raises
    ------
    MeasurementError
        As `search` does.
    """
    found = search(table, data, cluster=cluster)
    statistics, roles, information = found.data, found.roles, found.information
    saturated, baseline = saturate(statistics, roles), independence(statistics, roles)
    df, base_df = (len(saturated.free) - k for k in (table.n_free, len(baseline.free)))
    own = correction = 1.0
    if estimator == "mlr":
        free = inform(statistics, selection(statistics, saturated), saturated.optimum.theta)
        none = inform(statistics, selection(statistics, baseline), baseline.optimum.theta)
        own, correction = corrected(free, information, df), corrected(free, none, base_df)
    high = saturated.log_likelihood
    vcov = information.inverse() if estimator == "ml" else information.sandwich()
    return Solution(
        data=statistics,
        roles=roles,
        model=found.model,
        optimum=found.optimum,
        saturated=saturated,
        baseline=baseline,
        vcov=without(vcov, information.undetermined),
        test=tested(2 * (high + found.optimum.value), df, own),
        baseline_test=tested(2 * (high - baseline.log_likelihood), base_df, correction),
        given_log_likelihood=_given_log_likelihood(statistics, roles, saturated),
        estimator=estimator,
        undetermined=information.undetermined,
    )


def tested(chisq: float, df: int, scaling: float) -> Statistic:
    """Return a test against the saturated model."""
    chisq = max(0.0, chisq) * (df > 0) if np.isfinite(chisq) else float("nan")
    return Statistic(chisq, df, scaling, chisq, df * scaling)


def selection(data: ClusterStatistics, fit: Unrestricted) -> Selection:
    """The unrestricted fit as a structure."""
    return Selection(data.layout.pack(fit.moments), fit.free)


def corrected(free: Information, model: Information, df: int) -> float:
    """Correction of chi-square; 1 without degrees of freedom, nan when it is not positive."""
    if df <= 0:
        return 1.0
    c = (free.trace() - model.trace()) / df
    return c if c > 0 else float("nan")


def _given_log_likelihood(data: ClusterStatistics, roles: Roles, fit: Unrestricted) -> float:
    """Log-likelihood of given variables: normal, with the moments of the data."""
    total = 0.0
    for matrix, n, of_level in (
        (fit.moments.W, data.n, slice(0, data.p)),
        (fit.moments.B, data.clusters, slice(data.p, None)),
    ):
        inside = np.flatnonzero(roles.fixed[of_level]) + of_level.start
        if inside.size:
            block = matrix[np.ix_(inside, inside)]
            size = inside.size * (1 + np.log(2 * np.pi)) + np.linalg.slogdet(block)[1]
            total -= n * size / 2
    return float(total)


def _check_parameters(table: Table, moments: int) -> None:
    """Refuse no parameter, and more than there are moments."""
    if not table.n_free:
        raise MeasurementError("The model has no free parameter.")
    if table.n_free > moments:
        raise MeasurementError(
            f"The model has {table.n_free} free parameters for {moments} means and "
            "covariances. Fix some, or use fewer factors."
        )


def _check_size(data: ClusterStatistics, roles: Roles) -> None:
    """Refuse fewer units, or fewer persons about their units, than there are variables."""
    between = int(roles.between.sum())
    problems = []
    if data.clusters <= between:
        found = f"{data.clusters} units for {between} variables between units."
        problems.append(Problem("level 2", found, "Use fewer variables or more units."))
    if data.n - data.clusters < data.p:
        found = f"{data.n} persons in {data.clusters} units for {data.p} variables within."
        problems.append(Problem("level 1", found, "Use fewer variables or more persons."))
    if problems:
        raise MeasurementError("The data are too few for the model.", problems)


def _check_bounded(data: ClusterStatistics, model: Model, optimum: Optimum) -> None:
    """Refuse an end where the means of the largest units have no variance left."""
    moments = data.layout.unpack(model.moments(optimum.theta))
    root = np.linalg.inv(np.linalg.cholesky(moments.W))
    B = moments.B[: data.p, : data.p]
    size = float(data.sizes.max())
    least = float(np.linalg.eigvalsh(np.eye(data.p) + size * root @ B @ root.T)[0])
    if least < _NO_VARIANCE:
        raise MeasurementError(
            "The likelihood has no maximum: variances between units run below zero, until the "
            f"means of units of {size:.0f} persons would not vary at all. Fix residual variances "
            "at zero in level 2, such as `a ~~ 0*a`, or use fewer variables there."
        )


def warn(solution: Solution, *, stacklevel: int) -> None:
    """Warn of a search without end, of items without variance between units, of Heywood cases."""
    fits = {
        "The model": solution.optimum.status,
        "The unrestricted model": solution.saturated.optimum.status,
        "The model of unrelated variables": solution.baseline.optimum.status,
    }
    for name, status in fits.items():
        if status != "converged":
            warnings.warn(
                f"{name} did not converge after {solution.optimum.iterations} steps: estimates "
                "and tests are not to be used. Try a simpler model.",
                NotConvergedWarning,
                stacklevel=stacklevel + 1,
            )
    if solution.status == "not identified":
        text = not_identified(solution.model.table.rows, solution.undetermined)
        warnings.warn(text, NotIdentifiedWarning, stacklevel=stacklevel + 1)
    if not np.isfinite([solution.test.scaling, solution.baseline_test.scaling]).all():
        warnings.warn(
            f"Chi-square cannot be corrected: {len(solution.saturated.free)} moments of "
            f"{solution.data.clusters} units give no positive correction. Use estimator 'ml', or "
            "fewer items.",
            CorrectionWarning,
            stacklevel=stacklevel + 1,
        )
    for text in (*flat_items(solution), *improper(solution.model, solution.optimum.theta)):
        warnings.warn(text, HeywoodWarning, stacklevel=stacklevel + 1)


def flat_items(solution: Solution) -> list[str]:
    """Return a sentence per item that does not differ between units."""
    data, moments = solution.data, solution.saturated.moments
    found = []
    for i, name in enumerate(data.names[: data.p]):
        share = moments.B[i, i] / (moments.B[i, i] + moments.W[i, i])
        if solution.roles.between[i] and share < _NEAR_ZERO:
            found.append(
                f"Item '{name}' has no variance between units (ICC {share:.4f}): its loading "
                "and residual at level 2 say nothing. Use it in level 1 only."
            )
    return found


def improper(model: Model, theta: Floats) -> list[str]:
    """Return a sentence per variance below zero, naming level and variable."""
    names = {1: "within", 2: "between"}
    found = []
    for row in model.table.rows:
        if row.op == "~~" and row.lhs == row.rhs and row.free >= 0 and theta[row.free] < 0:
            kind = "variance" if row.lhs in model.between.latent else "residual variance"
            found.append(
                f"'{row.lhs}' has a negative {kind} {names[row.level]} units "
                f"({theta[row.free]:.4g}): a Heywood case. Fix it at a small value, such as "
                f"`{row.lhs} ~~ 0*{row.lhs}` in level {row.level}, or use fewer factors."
            )
    return found
