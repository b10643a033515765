"""Confidence intervals for fixed coefficients, standard deviations, correlations and sigma."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.stats import chi2, norm

from crosslevel.errors import ModelError
from crosslevel.multilevel.coding import Floats
from crosslevel.multilevel.conditioning import lower
from crosslevel.multilevel.df import satterthwaite
from crosslevel.multilevel.nested import NestedObjective
from crosslevel.multilevel.objective import SingleObjective
from crosslevel.multilevel.profiling import NEAR_ONE, Variance, limits, profiler
from crosslevel.multilevel.several import SeveralObjective
from crosslevel.multilevel.tables import quantile

if TYPE_CHECKING:
    from crosslevel.multilevel.result import MultilevelFit

METHODS = ("wald", "profile")


@dataclass(frozen=True, slots=True)
class Row:
    """One parameter: kind "fixed", "sd", "correlation" or "sigma", and its names."""

    kind: str
    group: str
    term: str | None
    other: str | None
    held: Variance


def intervals(fit: MultilevelFit, *, method: str, conf_level: float) -> pd.DataFrame:
    """Return kind, group, term, other, estimate, conf_low, conf_high for every parameter.

    Notes
    -----
    Profile intervals invert the likelihood-ratio test of the maximum-likelihood fit, as lme4 does
    even for REML fits; a standard deviation of zero is a legal lower end. Wald intervals use the
    observed information, on the scale of log sd and atanh correlation.
    """
    if method not in METHODS:
        raise ModelError(f"`method` must be {' or '.join(map(repr, METHODS))}, got {method!r}.")
    quantile(np.array(np.inf), conf_level)
    rows = _rows(fit)
    estimates = np.append(fit.estimates.beta, _variances(fit.estimates.T, fit.sigma, rows))
    bounds = _wald(fit, rows, conf_level) if method == "wald" else _profile(fit, rows, conf_level)
    names = [Row("fixed", "", name, None, Variance("fixed")) for name in fit.estimates.names]
    table = pd.DataFrame(
        {
            "kind": [row.kind for row in (*names, *rows)],
            "group": [row.group for row in (*names, *rows)],
            "term": [row.term for row in (*names, *rows)],
            "other": [row.other for row in (*names, *rows)],
            "estimate": estimates,
            "conf_low": bounds[:, 0],
            "conf_high": bounds[:, 1],
        }
    )
    return table.astype({"term": "str", "other": "str"})


def _rows(fit: MultilevelFit) -> list[Row]:
    rows = []
    for f, factor in enumerate(fit.design.factors):
        for a, name in enumerate(factor.names):
            rows.append(Row("sd", factor.name, name, None, Variance("sd", f, a)))
            for b in range(a + 1, factor.p):
                if factor.blocks[a] == factor.blocks[b]:
                    held = Variance("correlation", f, a, b)
                    rows.append(Row("correlation", factor.name, name, factor.names[b], held))
    rows.append(Row("sigma", "Residual", None, None, Variance("sigma")))
    return rows


def _variances(T: tuple[Floats, ...], sigma: float, rows: list[Row]) -> Floats:
    """Return sds, correlations and sigma for the user's triangles."""
    values = []
    for row in rows:
        if row.kind == "sigma":
            values.append(sigma)
            continue
        S = T[row.held.factor] @ T[row.held.factor].T
        a, b = row.held.a, row.held.b
        if row.kind == "sd":
            values.append(sigma * float(np.sqrt(S[a, a])))
        else:
            both = float(np.sqrt(S[a, a] * S[b, b]))
            values.append(float(S[a, b]) / both if both > 0 else np.nan)
    return np.array(values)


def _wald(fit: MultilevelFit, rows: list[Row], conf_level: float) -> Floats:
    """Return normal intervals; the delta method for the variances."""
    if fit.estimates.singular:
        raise ModelError(
            "Wald intervals need variances away from their boundary "
            f"({', '.join(fit.estimates.singular)}). Use method='profile'."
        )
    z = float(norm.ppf(0.5 + 0.5 * conf_level))
    free, problem = fit.objective.parameters, fit.problem
    spread = satterthwaite(fit.objective, problem, fit.optimum).spread
    theta = fit.optimum.theta

    def transformed(point: Floats) -> Floats:
        """Return log sds, atanh correlations and log sigma at (theta, log s2)."""
        pairs = zip(problem.back, free.unpack(point[:-1]), strict=True)
        T = tuple(lower(back @ t) for back, t in pairs)
        sigma = problem.scale * float(np.exp(0.5 * point[-1]))
        values = _variances(T, sigma, rows)
        kinds = np.array([row.kind == "correlation" for row in rows])
        return np.where(kinds, np.arctanh(np.where(kinds, values, 0)), np.log(np.abs(values)))

    point = np.append(theta, np.log(fit.optimum.profile.sigma2))
    step = 1e-6
    J = np.array(
        [(transformed(point + step * e) - transformed(point - step * e)) / (2 * step)
         for e in np.eye(len(point))]
    ).T  # fmt: skip
    half = z * np.sqrt(np.einsum("vk,kl,vl->v", J, spread, J))
    centre = transformed(point)
    ends = np.column_stack([centre - half, centre + half])
    kinds = np.array([row.kind == "correlation" for row in rows])[:, None]
    ends = np.where(kinds, np.tanh(ends), np.exp(np.where(kinds, 0.0, ends)))
    beta, se = fit.estimates.beta, np.sqrt(np.diag(fit.estimates.vcov))
    return np.vstack([np.column_stack([beta - z * se, beta + z * se]), ends])


def _profile(fit: MultilevelFit, rows: list[Row], conf_level: float) -> Floats:
    """Return profile-likelihood intervals of the maximum-likelihood fit."""
    engine = fit.objective
    if not isinstance(engine, SingleObjective | SeveralObjective | NestedObjective):
        raise ModelError("This structure has no profile intervals.")
    made = profiler(engine, fit.problem, fit.optimum)
    rise = float(chi2.ppf(conf_level, 1))
    out = fit.problem.scale * fit.problem.basis.B
    beta = fit.problem.start + out @ made.optimum.profile.beta
    se = np.sqrt(made.optimum.profile.sigma2 * np.diag(out @ made.optimum.profile.F @ out.T))
    ends = [
        limits(
            partial(made.deviance_of_fixed, k),
            minimum=made.minimum,
            estimate=float(beta[k]),
            step=float(np.sqrt(rise) * se[k]),
            rise=rise,
        )
        for k in range(len(beta))
    ]
    estimates = _variances(made.T, made.sigma, rows)
    for row, estimate in zip(rows, estimates, strict=True):
        if np.isnan(estimate):
            ends.append((np.nan, np.nan))
            continue
        span = (-NEAR_ONE, NEAR_ONE) if row.kind == "correlation" else (0.0, np.inf)
        width = 0.3 if row.kind == "correlation" else 0.3 * float(estimate)
        if width == 0.0:
            unit = np.abs(np.diag(fit.problem.back[row.held.factor]))[row.held.a]
            width = 0.1 * made.sigma * float(unit)
        if row.kind == "sigma":
            span = (float(estimate) * 1e-3, np.inf)
        low, high = limits(
            partial(made.deviance_of, row.held),
            minimum=made.minimum,
            estimate=float(np.clip(estimate, span[0], span[1])),
            step=width,
            rise=rise,
            bounds=span,
        )
        if row.kind == "correlation":
            low, high = (float(np.sign(v)) if abs(v) >= NEAR_ONE else v for v in (low, high))
        ends.append((low, high))
    return np.array(ends)
