"""Power by simulation: data sets drawn from a design, fitted in bulk, tested by t.

Predictors are fixed at normal scores with variance one (a treatment at zeros and ones), so that
the closed form and the simulation answer the same question. Covariates are not drawn: what they
explain is taken off the variances, and their number off the degrees of freedom.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.special import ndtri, stdtrit

from crosslevel.errors import ModelError, NotConvergedWarning
from crosslevel.multilevel.batch import refit
from crosslevel.multilevel.coding import Floats
from crosslevel.multilevel.conditioning import lower
from crosslevel.multilevel.fit import fit
from crosslevel.multilevel.power_designs import (
    ClusterRandomised,
    CrossLevelInteraction,
    ManagerSlope,
    PowerDesign,
    TwoWave,
)
from crosslevel.multilevel.replication import Progress, over_blocks
from crosslevel.multilevel.result import MultilevelFit


@dataclass(frozen=True, slots=True)
class SimulatedPower:
    """The share of simulated data sets in which the effect was found.

    `mc_error` is the Monte-Carlo standard error of `power`; `estimate` and `std_error` are the mean
    estimate and the spread of the estimates; `boundary_share` tells how often a variance was zero.
    """

    power: float
    mc_error: float
    replicates: int
    estimate: float
    std_error: float
    boundary_share: float
    not_converged: int


@dataclass(frozen=True, slots=True)
class Layout:
    """Rows of a design, its model, the tested term, and the truth: variances per group and term."""

    frame: pd.DataFrame
    formula: str
    term: str
    variances: Mapping[tuple[str, str], float]
    residual: float


def simulated_power(
    design: PowerDesign,
    effect: float,
    n: int,
    *,
    seed: int,
    alpha: float,
    n_jobs: int,
    progress: Progress | None,
) -> SimulatedPower:
    """Return the power of a design for an effect from n data sets."""
    plan = layout(design)
    model = truth(plan, effect)
    at = model.estimates.names.index(plan.term)
    parts = over_blocks(model, n, seed=seed, task=_Tested(at), n_jobs=n_jobs, progress=progress)
    made = np.concatenate(parts)
    used = made[made[:, 2] < 2]
    if not len(used):
        raise ModelError("None of the simulated fits converged.")
    limit = stdtrit(design.df, 1.0 - alpha / 2.0)
    power = float((np.abs(used[:, 0] / used[:, 1]) > limit).mean())
    return SimulatedPower(
        power=power,
        mc_error=float(np.sqrt(power * (1.0 - power) / len(used))),
        replicates=len(used),
        estimate=float(used[:, 0].mean()),
        std_error=float(used[:, 0].std(ddof=1)) if len(used) > 1 else float("nan"),
        boundary_share=float((used[:, 2] == 1).mean()),
        not_converged=len(made) - len(used),
    )


@dataclass(frozen=True, slots=True)
class _Tested:
    """Outcomes -> estimate, standard error and status of one coefficient, (B, 3)."""

    at: int

    def __call__(self, model: MultilevelFit, Y: Floats) -> Floats:
        made = refit(model, Y)
        return np.stack([made.beta[:, self.at], made.std_error[:, self.at], made.status], axis=1)


def truth(plan: Layout, effect: float) -> MultilevelFit:
    """Return a model whose estimates are the truth of a layout, with the effect in its term."""
    rng = np.random.default_rng(0)
    frame = plan.frame.assign(outcome=rng.normal(size=len(plan.frame)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotConvergedWarning)
        model = fit(plan.formula, frame)
    sigma = np.sqrt(plan.residual)
    T: tuple[Floats, ...] = tuple(
        np.diag([np.sqrt(plan.variances[(factor.name, name)]) / sigma for name in factor.names])
        for factor in model.design.factors
    )
    beta = np.where(np.array(model.estimates.names) == plan.term, effect, 0.0)
    estimates = replace(model.estimates, beta=beta, sigma=float(sigma), T=T)
    free = model.objective.parameters
    start = free.pack(
        [lower(np.linalg.inv(back) @ t) for back, t in zip(model.problem.back, T, strict=True)]
    )
    return replace(model, estimates=estimates, optimum=replace(model.optimum, theta=start))


def layout(design: PowerDesign) -> Layout:
    """Return the rows and the truth of a design."""
    if isinstance(design, ManagerSlope):
        return _slope(design)
    if isinstance(design, CrossLevelInteraction):
        return _interaction(design)
    if isinstance(design, ClusterRandomised):
        return _randomised(design)
    return _two_wave(design)


def scores(count: int) -> Floats:
    """Return normal scores with mean zero and mean square one, in a fixed mixed order.

    Examples
    --------
    >>> bool(abs((scores(7) ** 2).mean() - 1) < 1e-12)
    True
    """
    if count == 1:
        return np.zeros(1)
    values = ndtri((np.arange(count) + 0.5) / count)
    order = np.random.default_rng(count).permutation(count)
    return np.asarray((values / np.sqrt((values**2).mean()))[order])


def _slope(design: ManagerSlope) -> Layout:
    J, n, K = design.units, design.size, design.organisations
    residual = (1 - design.icc - design.icc_organisation) * (1 - design.r2_employee)
    unit = design.icc * (1.0 - design.r2_unit)
    if K is None:
        rows = pd.DataFrame({"unit": np.repeat(np.arange(J), n)})
        rows["predictor"] = scores(J)[rows["unit"]]
        variances = {("unit", "(Intercept)"): unit}
        return Layout(rows, "outcome ~ predictor + (1 | unit)", "predictor", variances, residual)
    codes = np.repeat(np.arange(K * J), n)
    w = design.predictor_between
    own = scores(K * J).reshape(K, J)
    own = own - own.mean(axis=1, keepdims=True)
    own /= np.sqrt((own**2).mean())
    predictor = np.sqrt(w) * scores(K)[:, None] + np.sqrt(1.0 - w) * own
    rows = pd.DataFrame({"unit": codes, "organisation": codes // J})
    rows["predictor"] = predictor.ravel()[codes]
    top = design.icc_organisation * (1.0 - design.r2_organisation)
    variances = {("unit", "(Intercept)"): unit, ("organisation", "(Intercept)"): top}
    formula = "outcome ~ predictor + (1 | unit) + (1 | organisation)"
    return Layout(rows, formula, "predictor", variances, residual)


def _interaction(design: CrossLevelInteraction) -> Layout:
    if design.size < 2:
        raise ModelError("A slope within units needs two employees per unit or more.")
    J, n = design.units, design.size
    rows = pd.DataFrame({"unit": np.repeat(np.arange(J), n)})
    rows["predictor"] = scores(J)[rows["unit"]]
    rows["own"] = np.tile(scores(n), J)
    residual = (1.0 - design.icc) * (1.0 - design.r2_employee)
    variances = {("unit", "(Intercept)"): design.icc, ("unit", "own"): design.slope_variance}
    bar = "(own || unit)" if design.slope_variance > 0 else "(1 | unit)"
    formula = f"outcome ~ own * predictor + {bar}"
    return Layout(rows, formula, "own:predictor", variances, residual)


def _randomised(design: ClusterRandomised) -> Layout:
    J, n, K = design.units, design.size, design.organisations
    residual = (1 - design.icc - design.icc_organisation) * (1 - design.r2_employee)
    variances = {("unit", "(Intercept)"): design.icc * (1.0 - design.r2_unit)}
    if K is None:
        rows = pd.DataFrame({"unit": np.repeat(np.arange(J), n)})
        rows["treated"] = _treated(J, design.treated)[rows["unit"]]
        return Layout(rows, "outcome ~ treated + (1 | unit)", "treated", variances, residual)
    codes = np.repeat(np.arange(K * J), n)
    rows = pd.DataFrame({"unit": codes, "organisation": codes // J})
    rows["treated"] = _treated(K, design.treated)[rows["organisation"]]
    top = design.icc_organisation * (1.0 - design.r2_organisation)
    variances[("organisation", "(Intercept)")] = top
    formula = "outcome ~ treated + (1 | unit) + (1 | organisation)"
    return Layout(rows, formula, "treated", variances, residual)


def _two_wave(design: TwoWave) -> Layout:
    """Return a fresh sample per wave as rows of both, the same employees as their changes."""
    J, n, r = design.units, design.size, design.unit_stability
    change = 2.0 * design.icc * (1.0 - r)
    residual = 1.0 - design.icc
    if design.person_stability > 0:
        rows = pd.DataFrame({"unit": np.repeat(np.arange(J), n)})
        rows["treated"] = _treated(J, design.treated)[rows["unit"]]
        left = 2.0 * residual * (1.0 - design.person_stability)
        if left <= 0:
            raise ModelError("`person_stability` of 1 leaves nothing to simulate.")
        variances = {("unit", "(Intercept)"): change}
        return Layout(rows, "outcome ~ treated + (1 | unit)", "treated", variances, left)
    rows = pd.DataFrame({"unit": np.repeat(np.arange(J), 2 * n)})
    rows["treated"] = _treated(J, design.treated)[rows["unit"]]
    rows["wave"] = np.tile(np.repeat([-0.5, 0.5], n), J)
    variances = {
        ("unit", "(Intercept)"): design.icc * (1.0 + r) / 2.0,
        ("unit", "wave"): change,
    }
    formula = "outcome ~ treated * wave + (wave || unit)"
    return Layout(rows, formula, "treated:wave", variances, residual)


def _treated(groups: int, share: float) -> Floats:
    """Return zeros and ones, as near to the share as whole groups allow."""
    count = min(max(round(share * groups), 1), groups - 1)
    return (np.arange(groups) < count).astype(float)
