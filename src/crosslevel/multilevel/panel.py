"""The panel estimators of econometrics on the columns of a multilevel design, by linearmodels.

All but the between estimator are least squares on quasi-demeaned rows y - theta_j ybar_j: pooled
theta = 0, within theta = 1, random effects theta_j = 1 - sqrt(s2 / (n_j s2_u + s2)).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from crosslevel.multilevel.coding import Codes, Floats
from crosslevel.multilevel.conditioning import independent
from crosslevel.multilevel.design import INTERCEPT

NO_VARIATION = 1e-10  # deviation from the group mean, relative to the column, taken as none
CLUSTERED = {"cov_type": "clustered", "cluster_entity": True, "group_debias": True}
UNCOUNTED = {"auto_df": False, "count_effects": False}  # group effects cost a cluster nothing


@dataclass(frozen=True, slots=True)
class Panel:
    """Rows of an outcome y (n,), columns X (P, n) with names, codes of groups and of times (n,)."""

    y: Floats
    X: Floats
    names: tuple[str, ...]
    codes: Codes
    times: Codes | None

    @property
    def sizes(self) -> Codes:
        """Number of rows per group."""
        return np.bincount(self.codes)

    def means(self, values: Floats) -> Floats:
        """Return the group means (..., J) of columns (..., n)."""
        rows = np.atleast_2d(values)
        made = np.array([np.bincount(self.codes, weights=row) / self.sizes for row in rows])
        return made.reshape(*values.shape[:-1], len(self.sizes))

    def varying(self) -> tuple[int, ...]:
        """Return the positions of the columns that vary within groups, aliased ones left out."""
        inner = self.X - self.means(self.X)[:, self.codes]
        size = np.abs(self.X).max(axis=1)
        at = [k for k, row in enumerate(inner) if np.abs(row).max() > NO_VARIATION * size[k]]
        names = tuple(self.names[k] for k in at)
        return tuple(at[k] for k in independent(inner[at], names)) if at else ()


@dataclass(frozen=True, slots=True)
class PanelFit:
    """One estimator: beta (P,), its covariance as the estimator assumes it and by clusters (P, P).

    `clustered` is None for the between estimator, whose rows are the groups. theta (J,) is the
    share of the group mean taken off each row.
    """

    model: str
    names: tuple[str, ...]
    beta: Floats
    covariance: Floats
    clustered: Floats | None
    df_residual: int
    n: int
    rss: float
    r_squared: float
    theta: Floats
    group_variance: float = np.nan

    @property
    def sigma(self) -> float:
        """Residual standard deviation."""
        return float(np.sqrt(self.rss / self.df_residual))


def estimators(panel: Panel) -> tuple[tuple[PanelFit, ...], dict[str, str]]:
    """Return every estimator the rows allow, and for the others why not."""
    makers: list[tuple[str, Callable[[Panel], PanelFit | str]]] = [
        ("pooled", _pooled), ("between", _between), ("within", _within),
    ]  # fmt: skip
    if panel.times is not None:
        makers += [("within two-way", _within_two_way), ("first difference", _first_difference)]
    made: list[PanelFit] = []
    left_out: dict[str, str] = {}
    for name, maker in [*makers, ("random", _random)]:
        if name == "random" and {"between", "within"} & set(left_out):
            left_out[name] = "needs both the between and the within estimator"
            continue
        found = maker(panel)
        if isinstance(found, str):
            left_out[name] = found
        else:
            made.append(found)
    return tuple(made), left_out


def _pooled(panel: Panel) -> PanelFit | str:
    from linearmodels.panel import PooledOLS

    y, X = _frames(panel, panel.y, panel.X, panel.names)
    return _fitted("pooled", panel, PooledOLS(y, X, check_rank=False), theta=0.0)


def _within(panel: Panel) -> PanelFit | str:
    from linearmodels.panel import PanelOLS

    at = panel.varying()
    J, n = len(panel.sizes), len(panel.y)
    if not at:
        return "no predictor varies within groups"
    if n - J <= len(at):
        return f"{n} rows cannot carry {J} group effects and {len(at)} coefficients"
    y, X = _frames(panel, panel.y, panel.X[list(at)], [panel.names[k] for k in at])
    model = PanelOLS(y, X, entity_effects=True, check_rank=False)
    return _fitted("within", panel, model, theta=1.0, options=UNCOUNTED)


def _within_two_way(panel: Panel) -> PanelFit | str:
    from linearmodels.panel import PanelOLS

    at = panel.varying()
    y, X = _frames(panel, panel.y, panel.X[list(at)], [panel.names[k] for k in at])
    model = PanelOLS(
        y, X, entity_effects=True, time_effects=True, check_rank=False, drop_absorbed=True
    )
    try:
        return _fitted("within two-way", panel, model, theta=1.0, options=UNCOUNTED)
    except ValueError:
        return "no predictor varies within groups and times"


def _between(panel: Panel) -> PanelFit | str:
    from linearmodels.panel import BetweenOLS

    at = independent(panel.means(panel.X), panel.names)
    J = len(panel.sizes)
    if len(at) >= J:
        return f"{J} groups cannot carry {len(at)} coefficients and a variance"
    y, X = _frames(panel, panel.y, panel.X[list(at)], [panel.names[k] for k in at])
    return _fitted("between", panel, BetweenOLS(y, X, check_rank=False), theta=np.nan)


def _first_difference(panel: Panel) -> PanelFit | str:
    """Differences of consecutive rows of a group; their intercept is a trend in time."""
    from linearmodels.panel import PooledOLS

    assert panel.times is not None  # noqa: S101
    order = np.lexsort((panel.times, panel.codes))
    same = np.flatnonzero(np.diff(panel.codes[order]) == 0)
    X = np.diff(panel.X[:, order], axis=1)[:, same]
    if panel.names and panel.names[0] == INTERCEPT:
        X[0] = 1.0
    size = np.abs(panel.X).max(axis=1)
    X[np.abs(X).max(axis=1, initial=0.0) <= NO_VARIATION * size] = 0.0
    at = list(independent(X, panel.names)) if len(same) else []
    if len(same) <= len(at):
        return f"{len(same)} differences cannot carry {len(at)} coefficients and a variance"
    inner = Panel(
        np.diff(panel.y[order])[same], X[at], tuple(panel.names[k] for k in at),
        panel.codes[order][same], panel.times[order][same],
    )  # fmt: skip
    y, columns = _frames(inner, inner.y, inner.X, inner.names)
    model = PooledOLS(y, columns, check_rank=False)
    return _fitted("first difference", inner, model, theta=np.nan)


def _random(panel: Panel) -> PanelFit | str:
    """Swamy and Arora (1972), Baltagi and Chang (1994) for groups of different sizes."""
    from linearmodels.panel import RandomEffects

    y, X = _frames(panel, panel.y, panel.X, panel.names)
    model = RandomEffects(y, X, check_rank=False)
    return _fitted("random", panel, model, options={"small_sample": True})


def _frames(
    panel: Panel, y: Floats, X: Floats, names: Sequence[str]
) -> tuple[pd.Series, pd.DataFrame]:
    """Return y and the columns as linearmodels wants them: indexed by group and time."""
    times = panel.times
    if times is None:
        order = np.argsort(panel.codes, kind="stable")
        times = np.empty(len(order), dtype=np.intp)
        times[order] = np.arange(len(order))
    index = pd.MultiIndex.from_arrays([panel.codes, times], names=["group", "time"])
    columns = pd.DataFrame(X.T, index=index, columns=list(names))
    return pd.Series(y, index=index, name="outcome"), columns


def _fitted(
    name: str,
    panel: Panel,
    model: object,
    *,
    theta: float | None = None,
    options: dict[str, bool] | None = None,
) -> PanelFit:
    """Return the record of a model of linearmodels, fitted twice: plain and by clusters."""
    options = options or {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plain = {k: v for k, v in options.items() if k == "small_sample"}
        made = model.fit(**plain)  # type: ignore[attr-defined]
        clustered = None
        if name != "between":
            clustered = np.asarray(model.fit(**CLUSTERED, **options).cov)  # type: ignore[attr-defined]
    J, variance = len(panel.sizes), np.nan
    shares = np.full(J, theta if theta is not None else np.nan)
    if theta is None:
        shares = made.theta["theta"].loc[range(J)].to_numpy()
        variance = float(made.variance_decomposition["Effects"])
    return PanelFit(
        model=name,
        names=tuple(made.params.index),
        beta=np.asarray(made.params),
        covariance=np.asarray(made.cov),
        clustered=clustered,
        df_residual=int(made.df_resid),
        n=int(made.nobs),
        rss=float(made.resid_ss),
        r_squared=float(made.rsquared),
        theta=shares,
        group_variance=variance,
    )
