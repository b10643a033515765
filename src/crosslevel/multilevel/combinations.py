"""Linear combinations of the fixed coefficients: L beta with standard errors, df and intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import studentized_range
from scipy.stats import t as student

from crosslevel.errors import ModelError
from crosslevel.frames import RESULT_COLUMNS
from crosslevel.multilevel.coding import Floats
from crosslevel.multilevel.df import Reference
from crosslevel.multilevel.tables import quantile

if TYPE_CHECKING:
    from crosslevel.multilevel.result import MultilevelFit

ADJUST = ("none", "tukey", "holm", "bonferroni")
ESTIMABLE = 1e-7


def combined(
    fit: MultilevelFit, L: Floats, *, reference: Reference, conf_level: float = 0.95
) -> pd.DataFrame:
    """Return estimate, std_error, statistic, df, p_value, conf_low, conf_high of the rows of L.

    Parameters
    ----------
    L
        (m, P) weights of the columns of the design, aliased ones included. A combination that the
        kept columns do not determine gets missing values.
    reference
        Covariance and degrees of freedom, from `fit.reference(df)`.
    """
    rows, sure = _kept(fit, L)
    variance = np.einsum("mp,pq,mq->m", rows, reference.covariance, rows, optimize=True)
    std_error = np.sqrt(np.maximum(variance, 0.0))
    asked = sure & (std_error > 0.0)
    df = np.array([reference.df(r) if k else np.nan for r, k in zip(rows, asked, strict=True)])
    table = _table(rows @ fit.estimates.beta, std_error, df, quantile(df, conf_level))
    table.loc[~sure] = np.nan
    return table


def adjusted(table: pd.DataFrame, adjust: str, *, means: int, conf_level: float) -> pd.DataFrame:
    """Return a table of one family with p values and intervals adjusted for their number.

    `tukey` is for all pairs of `means` means; `holm` keeps Bonferroni's intervals, as no intervals
    belong to it.
    """
    if adjust not in ADJUST:
        raise ModelError(f"`adjust` must be one of {', '.join(ADJUST)}, got {adjust!r}.")
    m = int(table["estimate"].notna().sum())
    if adjust == "none" or m < 2:
        return table
    df = table["df"].to_numpy()
    p: Floats = table["p_value"].to_numpy()
    statistic = np.abs(table["statistic"].to_numpy())
    if adjust == "tukey":
        root2 = np.sqrt(2.0)
        p = np.asarray(studentized_range.sf(statistic * root2, means, df))
        critical = studentized_range.ppf(conf_level, means, df) / root2
    else:
        critical = student.ppf(1.0 - (1.0 - conf_level) / (2.0 * m), df)
        p = np.minimum(m * p, 1.0) if adjust == "bonferroni" else _holm(p, m)
    half = critical * table["std_error"]
    return table.assign(
        p_value=p, conf_low=table["estimate"] - half, conf_high=table["estimate"] + half
    )


def labelled(
    table: pd.DataFrame, terms: list[str], keys: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Return the standard columns behind the columns of `keys`.

    A key named as a standard column becomes `by_NAME`.
    """
    whole = table.assign(term=terms, group="").reset_index(drop=True)[list(RESULT_COLUMNS)]
    if keys is None or not len(keys.columns):
        return whole
    names = {c: f"by_{c}" for c in keys.columns if c in RESULT_COLUMNS}
    return pd.concat([keys.reset_index(drop=True).rename(columns=names), whole], axis=1)


def _holm(p: Floats, m: int) -> Floats:
    order = np.argsort(p)
    steps = np.maximum.accumulate(p[order] * (m - np.arange(len(p))))
    result = np.empty_like(p)
    result[order] = np.minimum(steps, 1.0)
    return result


def _kept(fit: MultilevelFit, L: Floats) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Return the weights of the kept columns, and which rows they determine."""
    design, dropped = fit.design, fit.estimates.dropped
    kept = [k for k, name in enumerate(design.names) if name not in dropped]
    if not dropped:
        return L, np.ones(len(L), dtype=bool)
    lost = [k for k, name in enumerate(design.names) if name in dropped]
    share = np.linalg.lstsq(design.X[kept].T, design.X[lost].T, rcond=None)[0]
    gap = np.abs(L[:, lost] - L[:, kept] @ share).max(axis=1)
    size = np.abs(L).max(axis=1) + 1.0
    return L[:, kept], gap <= ESTIMABLE * size


def _table(estimate: Floats, std_error: Floats, df: Floats, critical: Floats) -> pd.DataFrame:
    statistic = np.divide(
        estimate, std_error, out=np.full(len(estimate), np.nan), where=std_error > 0
    )
    return pd.DataFrame(
        {
            "estimate": estimate,
            "std_error": std_error,
            "statistic": statistic,
            "df": df,
            "p_value": 2.0 * student.sf(np.abs(statistic), df),
            "conf_low": estimate - critical * std_error,
            "conf_high": estimate + critical * std_error,
        }
    )
