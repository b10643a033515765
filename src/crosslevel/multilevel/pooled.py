"""Single-level least squares with standard errors clustered by unit, to stand beside a fit."""

from __future__ import annotations

import pandas as pd

from crosslevel.multilevel.regression import regress
from crosslevel.multilevel.regression_fit import RegressionFit

PooledFit = RegressionFit


def ols(formula: str, data: pd.DataFrame, *, cluster: str) -> RegressionFit:
    """Return ordinary least squares with standard errors clustered by a column.

    Use it as a check on a multilevel model: the same fixed part, no assumption about random
    effects, but standard errors that need some forty clusters or more to be trusted. It is
    `regress` with a cluster.

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
    Covariance CR1S, with the usual factor G/(G-1) (n-1)/(n-P); t with G - 1 degrees of freedom.

    Examples
    --------
    >>> frame = pd.DataFrame({"y": [1.0, 2, 3, 5], "x": [0.0, 1, 2, 3], "unit": list("aabb")})
    >>> list(ols("y ~ x", frame, cluster="unit").tidy()["term"])
    ['(Intercept)', 'x']
    """
    return regress(formula, data, cluster=cluster)
