"""What one completed data set gave, from whatever was fitted to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from crosslevel.errors import ModelError
from crosslevel.multilevel import MultilevelFit
from crosslevel.quality.incomplete import Floats


@dataclass(frozen=True, slots=True)
class Estimate:
    """What one completed data set gave: names (P,), beta (P,), covariance (P, P), df (P,)."""

    names: tuple[str, ...]
    beta: Floats
    covariance: Floats
    df: Floats


def completed_fit(fit: Any, *, known: bool) -> Estimate:
    """Return the estimates of one result; degrees of freedom only where nobody gave them."""
    if isinstance(fit, MultilevelFit):
        own = fit.estimates
        df = np.full(len(own.beta), np.inf) if known else fit.tidy()["df"].to_numpy()
        return Estimate(own.names, own.beta, own.vcov, df)
    if isinstance(fit, pd.DataFrame):
        return _from_frame(fit)
    if hasattr(fit, "tidy") and hasattr(fit, "vcov"):
        table, covariance = fit.tidy(), fit.vcov()
        made = _from_frame(table)
        return Estimate(made.names, made.beta, np.asarray(covariance, dtype=np.float64), made.df)
    if hasattr(fit, "params") and hasattr(fit, "cov_params"):
        beta = pd.Series(fit.params)
        left = float(getattr(fit, "df_resid", np.inf))
        return Estimate(
            tuple(str(name) for name in beta.index),
            beta.to_numpy(dtype=np.float64),
            np.asarray(fit.cov_params(), dtype=np.float64),
            np.full(len(beta), left),
        )
    raise ModelError(
        f"A {type(fit).__name__} cannot be pooled: it has neither `tidy` and `vcov`, nor `params` "
        "and `cov_params`, and is no frame."
    )


def _from_frame(table: pd.DataFrame) -> Estimate:
    missing = [c for c in ("term", "estimate", "std_error") if c not in table.columns]
    if missing:
        raise ModelError(f"A frame to pool needs {', '.join(map(repr, missing))}.")
    errors = table["std_error"].to_numpy(dtype=np.float64)
    known = "df" in table.columns
    df = table["df"].to_numpy(dtype=np.float64) if known else np.full(len(table), np.inf)
    return Estimate(
        tuple(str(t) for t in table["term"]),
        table["estimate"].to_numpy(dtype=np.float64),
        np.diag(errors**2),
        np.where(np.isnan(df), np.inf, df),
    )
