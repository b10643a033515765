"""What a regression says about means: fitted means of rows, and average slopes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from crosslevel.errors import ModelError
from crosslevel.frames import require_columns
from crosslevel.multilevel.coding import numbers
from crosslevel.multilevel.design import Design
from crosslevel.multilevel.prediction import predictors
from crosslevel.multilevel.tables import coefficient_table, quantile

if TYPE_CHECKING:
    from crosslevel.multilevel.regression_fit import RegressionFit


def predicted(fit: RegressionFit, data: pd.DataFrame | None, *, conf_level: float) -> pd.DataFrame:
    """Return the fitted mean of rows with its interval, made on the linear predictor."""
    design, s, reference = fit.design, fit.solution, fit.reference()
    kept = [design.names.index(name) for name in fit.names]
    X, eta = s.X, s.eta
    if data is not None:
        X = predictors(design, data)[kept]
        eta = s.beta @ X
        if "offset" in design.columns:
            require_columns(data, [design.columns["offset"]], error=ModelError)
            eta = eta + numbers(data[design.columns["offset"]])
    error = np.sqrt(np.einsum("pn,pq,qn->n", X, reference.covariance, X))
    df = min((reference.df(row) for row in np.eye(len(s.beta))), default=np.inf)
    half = quantile(np.array(df), conf_level) * error
    h = s.family.mean
    columns = {
        "estimate": h(eta),
        "std_error": error * s.family.variance(h(eta)),
        "conf_low": h(eta - half),
        "conf_high": h(eta + half),
    }
    made = pd.DataFrame(columns)
    return made.set_axis(data.index) if data is not None else on_all_rows(made, design)


def on_all_rows(made: pd.DataFrame, design: Design) -> pd.DataFrame:
    """Return a frame of the rows analysed as one of all rows, missing where they were dropped."""
    if design.kept is not None:
        made = made.set_axis(np.flatnonzero(design.kept)).reindex(range(len(design.kept)))
    return made.set_axis(design.index)


def slopes(fit: RegressionFit, *, conf_level: float) -> pd.DataFrame:
    """Return the average derivative of the fitted mean by each numeric main term.

    With canonical links dmu/dx_k = beta_k V(mu); its gradient is V e_k + beta_k V V'(mu) x.
    """
    s, covariance = fit.solution, fit.reference().covariance
    V = s.family.variance(s.mu)
    bend = {"gaussian": 0.0 * V, "binomial": 1.0 - 2.0 * s.mu, "poisson": np.ones_like(V)}
    terms = fit.design.formula.terms
    used = [atom for term in terms if len(term) > 1 for atom in term]
    single = {str(term[0]) for term in terms if len(term) == 1 and term[0] not in used}
    at = [k for k, name in enumerate(fit.names) if name in single]
    J = np.outer(s.beta[at], s.X @ (V * bend[fit.family]) / fit.n)
    J[range(len(at)), at] += V.mean()
    return coefficient_table(
        [fit.names[k] for k in at],
        s.beta[at] * V.mean(),
        np.sqrt(np.einsum("kp,pq,kq->k", J, covariance, J)),
        df=np.full(len(at), np.inf),
        conf_level=conf_level,
    )
