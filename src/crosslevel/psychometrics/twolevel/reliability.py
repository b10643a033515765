"""Reliability of a scale within units and between them."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd

from crosslevel.errors import MeasurementError
from crosslevel.psychometrics.grouping import Floats, refusal
from crosslevel.psychometrics.notices import HeywoodWarning
from crosslevel.psychometrics.sem.delta import delta_errors
from crosslevel.psychometrics.twolevel.fitting import (
    ESTIMATORS,
    Solution,
    selection,
    solve,
    warn,
)
from crosslevel.psychometrics.twolevel.information import inform
from crosslevel.psychometrics.twolevel.moments import Moments
from crosslevel.psychometrics.twolevel.result import TwoLevelFit, reliability_rows
from crosslevel.psychometrics.twolevel.saturated import (
    Roles,
    Unrestricted,
    intraclass,
    saturate,
)
from crosslevel.psychometrics.twolevel.statements import measured, table_of
from crosslevel.psychometrics.twolevel.statistics import ClusterStatistics, summarise

UNIT = "the unit"
_LEVELS = ("within", "between")


@dataclass(frozen=True, slots=True)
class MultilevelReliability:
    """Alpha and omega of one scale, within units and between them.

    Attributes
    ----------
    alpha_within, alpha_between
        From the saturated covariances of each level; nan where the items do not vary together, or
        covariances that no variables have put it above 1.
    omega_within, omega_between
        From one factor at each level; nan with fewer than three items.
    n, clusters, rows_dropped
        Persons and units used; persons left out because an item or the unit is missing.
    items
        One row per item: item, icc, loading_within, loading_between (standardised).
    fit
        The one-factor model; None with fewer than three items.
    table
        The rows of `tidy`.
    """

    alpha_within: float
    alpha_between: float
    omega_within: float
    omega_between: float
    n: int
    clusters: int
    rows_dropped: int
    items: pd.DataFrame
    fit: TwoLevelFit | None
    table: pd.DataFrame

    def tidy(self) -> pd.DataFrame:
        """One row per coefficient and level, with the standard columns."""
        return self.table.copy()

    def glance(self) -> pd.DataFrame:
        """One row: the four coefficients, persons, units, items."""
        row = {f"{c}_{level}": getattr(self, f"{c}_{level}") for c in ("alpha", "omega")
               for level in _LEVELS}  # fmt: skip
        return pd.DataFrame(
            [
                row
                | {
                    "n": self.n,
                    "clusters": self.clusters,
                    "n_items": len(self.items),
                    "rows_dropped": self.rows_dropped,
                }
            ]
        )

    def __repr__(self) -> str:
        dropped = f", {self.rows_dropped} rows dropped" if self.rows_dropped else ""
        return (
            f"within: alpha = {self.alpha_within:.3f}, omega = {self.omega_within:.3f}; "
            f"between: alpha = {self.alpha_between:.3f}, omega = {self.omega_between:.3f}; "
            f"{len(self.items)} items, {self.n} persons in {self.clusters} units{dropped}"
        )


def multilevel_reliability(
    items: pd.DataFrame,
    groups: pd.Series,
    *,
    estimator: str = "mlr",
    conf_level: float = 0.95,
) -> MultilevelReliability:
    """Return alpha and omega of a scale within units and between them.

    Use it when a scale is answered by persons and read at the level of units, or within them: one
    alpha over all rows mixes the two. Between units it tells how well items agree on the unit's
    latent level; it does not contain the error of having few persons in a unit, for which see
    `aggregation` (ICC(2)).

    Parameters
    ----------
    items
        (n_persons, n_items) numbers in scale points, reverse items turned round; nan = not
        answered, the person is left out.
    groups
        (n_persons,) unit of each person, with the same index.
    estimator
        "mlr" or "ml": standard errors that allow for other distributions, or normal ones.
    conf_level
        Level of the intervals.

    Returns
    -------
    MultilevelReliability

    Raises
    ------
    MeasurementError
        With fewer than two items, rows that cannot be paired, one unit or no unit of two, or items
        that do not vary at both levels.

    Warns
    -----
    HeywoodWarning
        When an item has no variance between units, or a variance is below zero.
    NotConvergedWarning
        When no maximum was found.

    Notes
    -----
    alpha = k / (k - 1) (1 - trace / sum) of the saturated covariances of a level; omega as
    `TwoLevelFit.omega`. Intervals are symmetric on the scale of log(1 - coefficient).
    Source: Geldhof, Preacher & Zyphur (2014). Omega agrees with R semTools.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> unit = np.repeat(np.arange(80), 8)
    >>> common = rng.normal(size=80)[unit] + rng.normal(size=640)
    >>> answers = pd.DataFrame({n: common + rng.normal(size=640) + 0.5 * rng.normal(size=80)[unit]
    ...                         for n in "abcd"})
    >>> multilevel_reliability(answers, pd.Series(unit)).alpha_within > 0.7
    True
    """
    frame = _joined(items, groups, estimator)
    names = [str(name) for name in items.columns]
    statistics = summarise(frame, names, [], cluster=UNIT, both=names)
    everywhere = np.ones(len(names), dtype=bool)
    free = saturate(statistics, Roles(everywhere, ~everywhere))
    table = _alpha_rows(statistics, free, estimator, conf_level)
    fit = None
    if len(names) > 2:
        solution = _one_factor(frame, names, estimator)
        warn(solution, stacklevel=2)
        fit = TwoLevelFit(solution, UNIT)
        omega = fit.omega(conf_level=conf_level).assign(term="omega")
        table = pd.concat([table, omega], ignore_index=True)
    else:
        _warn_flat(free.moments, names)
    values = table.set_index(["term", "level"])["estimate"].to_dict()
    return MultilevelReliability(
        **{f"{c}_{v}": values.get((c, v), np.nan) for c in ("alpha", "omega") for v in _LEVELS},
        n=statistics.n,
        clusters=statistics.clusters,
        rows_dropped=statistics.dropped,
        items=_item_rows(names, free.moments, fit),
        fit=fit,
        table=table,
    )


def _joined(items: pd.DataFrame, groups: pd.Series, estimator: str) -> pd.DataFrame:
    """Items with their units, or what keeps them apart."""
    if estimator not in ESTIMATORS:
        raise MeasurementError(f"`estimator` must be 'ml' or 'mlr', got '{estimator}'.")
    if items.shape[1] < 2:
        found = f"a reliability needs at least two items, got {items.shape[1]}."
        raise refusal(items, found, message="Reliability is undefined.")
    if len(items) != len(groups) or not items.index.equals(groups.index):
        raise MeasurementError(
            f"{len(items)} rows of items and {len(groups)} groups cannot be paired. Take both "
            "from one frame, or give both the respondent as index."
        )
    frame = items.rename(columns=str)
    return frame.assign(**{UNIT: groups})


def _one_factor(frame: pd.DataFrame, names: list[str], estimator: str) -> Solution:
    """One factor within units and one between them."""
    statements = [s for level in (1, 2) for s in measured("the factor", names, level=level)]
    return solve(table_of(statements), frame, cluster=UNIT, estimator=estimator)


def _alpha_rows(
    data: ClusterStatistics, free: Unrestricted, estimator: str, conf_level: float
) -> pd.DataFrame:
    """Alpha at both levels with intervals by the delta method."""
    structure, theta = selection(data, free), free.optimum.theta
    information = inform(data, structure, theta)
    vcov = information.inverse() if estimator == "ml" else information.sandwich()

    def both(at: Floats) -> Floats:
        """Alpha within and between."""
        moments = data.layout.unpack(structure.moments(at))
        return np.array([_alpha(moments.W), _alpha(moments.B)])

    keys = [(level, "alpha") for level in _LEVELS]
    return reliability_rows(keys, both(theta), delta_errors(both, theta, vcov), conf_level)


def _alpha(covariance: Floats) -> float:
    """Alpha of a covariance matrix; nan when its sum is not positive."""
    k, total = len(covariance), covariance.sum()
    return float(k / (k - 1) * (1 - np.trace(covariance) / total)) if total > 0 else float("nan")


def _item_rows(names: list[str], moments: Moments, fit: TwoLevelFit | None) -> pd.DataFrame:
    """ICC and standardised loadings of each item."""
    frame = pd.DataFrame({"item": names, "icc": list(intraclass(moments, names).values())})
    for level in _LEVELS:
        frame[f"loading_{level}"] = np.nan
        if fit is not None:
            rows = fit.tidy()
            own = rows[(rows["op"] == "=~") & (rows["level"] == level)]
            loadings = own.set_index("rhs")["standardised"]
            frame[f"loading_{level}"] = loadings.reindex(names).to_numpy()
    return frame


def _warn_flat(moments: Moments, names: list[str]) -> None:
    """Name items without variance between units."""
    flat = [f"'{name}'" for name, b in zip(names, np.diag(moments.B), strict=True) if b <= 0]
    if flat:
        warnings.warn(
            f"Item(s) {', '.join(flat)} have no variance between units: reliability between units "
            "says nothing.",
            HeywoodWarning,
            stacklevel=3,
        )
