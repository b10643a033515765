"""Single-level least squares with standard errors clustered by unit, to stand beside a fit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from crosslevel.errors import FormulaError, ModelError
from crosslevel.frames import require_columns
from crosslevel.multilevel.coding import Floats
from crosslevel.multilevel.conditioning import aliased
from crosslevel.multilevel.design import build
from crosslevel.multilevel.formula import parse
from crosslevel.multilevel.grouping import grouping
from crosslevel.multilevel.tables import coefficient_table


@dataclass(frozen=True, slots=True)
class PooledFit:
    """Least-squares estimates with a cluster-robust covariance matrix."""

    formula: str
    cluster: str
    names: tuple[str, ...]
    dropped: tuple[str, ...]
    beta: Floats
    covariance: Floats
    n: int
    clusters: int
    rows_dropped: int
    r_squared: float
    sigma: float
    log_likelihood: float
    aic: float
    bic: float

    def tidy(self, *, conf_level: float = 0.95) -> pd.DataFrame:
        """Return one row per term; t with (number of clusters - 1) degrees of freedom."""
        df = np.full(len(self.beta), float(self.clusters - 1))
        std_error = np.sqrt(np.diag(self.covariance))
        return coefficient_table(self.names, self.beta, std_error, df=df, conf_level=conf_level)

    def glance(self) -> pd.DataFrame:
        """Return one row about the whole fit."""
        return pd.DataFrame(
            {
                "n": [self.n],
                "groups": [f"{self.clusters} {self.cluster}"],
                "log_likelihood": [self.log_likelihood],
                "aic": [self.aic],
                "bic": [self.bic],
                "sigma": [self.sigma],
                "r_squared": [self.r_squared],
                "rows_dropped": [self.rows_dropped],
                "dropped_terms": [self.dropped],
            }
        )

    def vcov(self) -> pd.DataFrame:
        """Return the cluster-robust covariance matrix, labelled."""
        names = list(self.names)
        return pd.DataFrame(self.covariance, index=names, columns=names)


def ols(formula: str, data: pd.DataFrame, *, cluster: str) -> PooledFit:
    """Return ordinary least squares with standard errors clustered by a column.

    Use it as a check on a multilevel model: the same fixed part, no assumption about random
    effects, but standard errors that need some forty clusters or more to be trusted.

    Parameters
    ----------
    formula
        As for `fit`, without random terms.
    data
        (n_rows, n_columns) one row per observation.
    cluster
        Column whose groups are independent of each other.

    Notes
    -----
    Estimates by statsmodels; covariance with the usual factor G/(G-1) (n-1)/(n-P).

    Examples
    --------
    >>> frame = pd.DataFrame({"y": [1.0, 2, 3, 5], "x": [0.0, 1, 2, 3], "unit": list("aabb")})
    >>> list(ols("y ~ x", frame, cluster="unit").tidy()["term"])
    ['(Intercept)', 'x']
    """
    import statsmodels.api as sm

    parsed = parse(formula)
    if parsed.random:
        raise FormulaError("A single-level formula has no random terms; use `fit` for those.")
    require_columns(data, [cluster], error=ModelError)
    known = data[data[cluster].notna()]
    design = build(parsed, known)
    kept, dropped = aliased(design)
    cluster_column = known[cluster] if design.kept is None else known[cluster][design.kept]
    groups = grouping([cluster_column])
    if len(groups.levels) < 2:
        raise ModelError(f"Clustered standard errors need two groups of '{cluster}' or more.")
    model = sm.OLS(design.y, design.X[list(kept)].T)
    result = model.fit(cov_type="cluster", cov_kwds={"groups": groups.codes}, use_t=True)
    return PooledFit(
        formula=formula,
        cluster=cluster,
        names=tuple(design.names[k] for k in kept),
        dropped=dropped,
        beta=np.asarray(result.params),
        covariance=np.asarray(result.cov_params()),
        n=design.n,
        clusters=len(groups.levels),
        rows_dropped=len(data) - design.n,
        r_squared=float(result.rsquared),
        sigma=float(np.sqrt(result.mse_resid)),
        log_likelihood=float(result.llf),
        aic=float(result.aic),
        bic=float(result.bic),
    )
