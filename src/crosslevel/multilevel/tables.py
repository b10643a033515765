"""Numbers -> the frames that results answer with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import chi2
from scipy.stats import f as f_distribution
from scipy.stats import t as student

from crosslevel.errors import ModelError
from crosslevel.multilevel.coding import Floats
from crosslevel.multilevel.design import Factor
from crosslevel.multilevel.df import Joint
from crosslevel.multilevel.estimates import Effects, Estimates

ROUNDING = 1e-14  # a correlation closer to one than this is one


def coefficient_table(
    names: Sequence[str], beta: Floats, std_error: Floats, *, df: Floats, conf_level: float
) -> pd.DataFrame:
    """Return the standard columns for estimates with t (df finite) or normal reference.

    Examples
    --------
    >>> table = coefficient_table(
    ...     ["x"], np.array([1.0]), np.array([0.5]), df=np.array([np.inf]), conf_level=0.95
    ... )
    >>> round(float(table["p_value"][0]), 4)
    0.0455
    """
    half = quantile(df, conf_level) * std_error
    statistic = beta / std_error
    return pd.DataFrame(
        {
            "term": list(names),
            "group": "",
            "estimate": beta,
            "std_error": std_error,
            "statistic": statistic,
            "df": df,
            "p_value": 2.0 * student.sf(np.abs(statistic), df),
            "conf_low": beta - half,
            "conf_high": beta + half,
        }
    )


def joint_table(terms: Sequence[str], joint: Joint) -> pd.DataFrame:
    """Return one row for an F test."""
    p_value = (
        chi2.sf(joint.statistic * joint.df1, joint.df1)
        if np.isinf(joint.df2)
        else f_distribution.sf(joint.statistic, joint.df1, joint.df2)
    )
    return pd.DataFrame(
        {
            "term": [", ".join(terms)],
            "statistic": [joint.statistic],
            "df": [float(joint.df1)],
            "df_denominator": [joint.df2],
            "p_value": [float(p_value)],
        }
    )


def quantile(df: Floats, conf_level: float) -> Floats:
    """Return the two-sided t quantile; df may be infinite.

    Raises
    ------
    ModelError
        When the level is not between 0 and 1.
    """
    if not 0.0 < conf_level < 1.0:
        raise ModelError(f"`conf_level` must lie between 0 and 1, got {conf_level}.")
    return np.asarray(student.ppf(0.5 + 0.5 * conf_level, df))


def correlations(covariance: npt.ArrayLike, sds: npt.ArrayLike) -> Floats:
    """Return covariances over products of sds: missing for a product of zero, exact at +-1.

    Examples
    --------
    >>> correlations([1.0, 1.0 + 2e-16, 0.0], [2.0, 1.0, 0.0]).tolist()
    [0.5, 1.0, nan]
    """
    both = np.asarray(sds, dtype=float)
    r = np.asarray(covariance, dtype=float) / np.where(both > 0, both, 1.0)
    r = np.where(1.0 - np.abs(r) < ROUNDING, np.sign(r), r)
    return np.where(both > 0, r, np.nan)


def component_table(factors: Sequence[Factor], estimates: Estimates) -> pd.DataFrame:
    """Return the lower triangle of each block, column by column; the residual last."""
    rows: list[tuple[str, str | None, str | None, float, float, float]] = []
    for factor, T in zip(factors, estimates.T, strict=True):
        sigma = estimates.sigma**2 * (T @ T.T)
        sd = np.sqrt(np.diag(sigma))
        for block in dict.fromkeys(factor.blocks):
            at = [k for k, b in enumerate(factor.blocks) if b == block]
            for i, a in enumerate(at):
                rows.append((factor.name, factor.names[a], None, sigma[a, a], sd[a], np.nan))
                for b in at[i + 1 :]:
                    r = float(correlations(sigma[a, b], sd[a] * sd[b]))
                    row = (factor.name, factor.names[a], factor.names[b], sigma[a, b], np.nan, r)
                    rows.append(row)
    rows.append(("Residual", None, None, estimates.sigma**2, estimates.sigma, np.nan))
    columns = ["group", "term", "other", "covariance", "sd", "correlation"]
    table = pd.DataFrame(rows, columns=columns)
    return table.astype({"term": "str", "other": "str"})


def effect_table(factors: Sequence[Factor], parts: Sequence[Effects]) -> pd.DataFrame:
    """Return one row per level and coefficient."""
    frames = []
    for factor, part in zip(factors, parts, strict=True):
        sd = np.sqrt(np.maximum(part.covariance[range(factor.p), range(factor.p)], 0.0))
        frames.append(
            pd.DataFrame(
                {
                    "group": factor.name,
                    "level": factor.levels.labels().repeat(factor.p).astype("str"),
                    "term": np.tile(np.array(factor.names, dtype=object), factor.J),
                    "estimate": part.b.T.ravel(),
                    "std_error": sd.T.ravel(),
                }
            ).astype({"term": "str"})
        )
    return pd.concat(frames, ignore_index=True)
