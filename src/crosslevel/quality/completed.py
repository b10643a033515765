"""What one completed data set gave: estimates read from any kind of result, and checked."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from crosslevel.errors import ModelError, Problem
from crosslevel.multilevel import MultilevelFit
from crosslevel.quality.incomplete import Floats


@dataclass(frozen=True, slots=True)
class Estimate:
    """What one completed data set gave: names (P,), beta (P,), covariance (P, P), df (P,)."""

    names: tuple[str, ...]
    beta: Floats
    covariance: Floats
    df: Floats


def estimate(fit: Any, *, known: bool) -> Estimate:
    """Return the estimates of one result; degrees of freedom only where they are not `known`.

    Raises
    ------
    ModelError
        For what is no result.
    """
    if isinstance(fit, MultilevelFit):
        own = fit.estimates
        df = np.full(len(own.beta), np.inf) if known else fit.tidy()["df"].to_numpy()
        return Estimate(own.names, own.beta, own.vcov, df)
    if isinstance(fit, pd.DataFrame):
        return _from_frame(fit)
    if hasattr(fit, "tidy") and hasattr(fit, "vcov"):
        table, covariance = fit.tidy(), fit.vcov()
        made = _from_frame(table)
        labels = tuple(covariance.index) if isinstance(covariance, pd.DataFrame) else ()
        names = labels if len(labels) == len(made.names) else made.names
        return Estimate(names, made.beta, np.asarray(covariance, dtype=np.float64), made.df)
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


def refuse_impossible(one: Estimate, k: int) -> None:
    """Refuse result number k when it cannot be that of an analysis.

    Raises
    ------
    ModelError
        Naming every term that is there twice, or has no finite estimate or standard error.
    """
    P = len(one.names)
    if one.beta.shape != (P,) or one.covariance.shape != (P, P):
        raise ModelError(
            f"Result {k} has {P} terms and a covariance matrix of {len(one.covariance)}."
        )
    v = np.diag(one.covariance)
    problems = [
        Problem(f"term '{name}'", f"{what} is {value:g}.")
        for what, values, wrong in (
            ("its estimate", one.beta, ~np.isfinite(one.beta)),
            ("its standard error", np.sign(v) * np.sqrt(np.abs(v)), ~(np.isfinite(v) & (v >= 0))),
        )
        for name, value, bad in zip(one.names, values, wrong, strict=True)
        if bad
    ]
    twice = [name for name, count in Counter(one.names).items() if count > 1]
    problems += [Problem(f"term '{name}'", "is there more than once.") for name in twice]
    if problems:
        raise ModelError(f"Result {k} cannot be pooled.", problems)


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
        np.diag(errors * np.abs(errors)),
        np.where(np.isnan(df), np.inf, df),
    )
