"""A marker variable: how much correlation would be left without what the source shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from scipy import stats

from crosslevel.errors import MeasurementError, Problem, did_you_mean
from crosslevel.frames import listed, require_columns, require_finite
from crosslevel.psychometrics.answers import warn_matrix
from crosslevel.psychometrics.coefficients import correlation_of
from crosslevel.psychometrics.grouping import Floats, check_level, refusal
from crosslevel.psychometrics.item_matrix import complete_values

RULES = ("smallest", "second", "mean")
SHOWS = (
    "Shows how each correlation changes if everything one source shares were as large as the "
    "marker's correlation, alike for all variables."
)
CANNOT_SHOW = (
    "Cannot show that the marker stands for the bias: a marker related to the variables in "
    "substance corrects too much, one that is answered in another way too little. Takes the bias "
    "as equal for all variables and respondents as independent."
)


@dataclass(frozen=True, slots=True)
class Marker:
    """Correlations before and after taking out what a marker shares with them.

    Attributes
    ----------
    table
        One row per pair: variable, other, estimate (correlation as it is), adjusted, statistic,
        df, p_value (of adjusted), adjusted_high and p_value_high (with the shared correlation at
        the upper end of its interval).
    shared, shared_high
        The correlation taken out, and the upper end of its interval; never below zero.
    rule
        How it was chosen.
    marker_correlations
        One row per variable: variable, estimate (its correlation with the marker).
    shows, cannot_show
        What the check is good for, and what not.
    """

    table: pd.DataFrame
    shared: float
    shared_high: float
    rule: str
    marker: str
    marker_correlations: pd.DataFrame
    n: int
    shows: str = SHOWS
    cannot_show: str = CANNOT_SHOW

    def tidy(self) -> pd.DataFrame:
        """One row per pair of variables."""
        return self.table.copy()

    def glance(self) -> pd.DataFrame:
        """One row: what was taken out, and the limits of the check."""
        names = ("marker", "rule", "shared", "shared_high", "n", "shows", "cannot_show")
        return pd.DataFrame([{name: getattr(self, name) for name in names}])

    def __repr__(self) -> str:
        held = int((self.table["p_value"] < 0.05).sum())
        return (
            f"Marker '{self.marker}': {self.shared:.3f} taken out ({self.rule}; upper end "
            f"{self.shared_high:.3f}), {held} of {len(self.table)} correlations still differ from "
            f"zero at 5 %, n = {self.n}.\n{self.shows}\n{self.cannot_show}"
        )


def marker(
    frame: pd.DataFrame,
    variables: str | Sequence[str],
    *,
    marker: str,
    shared: str | float = "smallest",
    conf_level: float = 0.95,
) -> Marker:
    """Return correlations adjusted for what a marker variable shares with them.

    A marker is answered by the same people in the same way and has, in theory, nothing to do with
    at least one of the variables. Choose it before the data are seen, and turn variables round so
    that they should correlate positively.

    Parameters
    ----------
    frame
        One row per person; rows with any of the columns missing are left out.
    variables
        Columns to correlate.
    marker
        Column with the marker.
    shared
        "smallest": the marker's smallest correlation with a variable; "second": its second
        smallest, more cautious; "mean": their mean; or the correlation itself. One below zero
        counts as zero.
    conf_level
        Level of the interval whose upper end is tried as well.

    Returns
    -------
    Marker

    Raises
    ------
    MeasurementError
        When a column is missing, not numeric or infinite, does not vary, or an option is unknown.

    Warns
    -----
    SquareFrameWarning
        When the columns look like a correlation matrix; they are read as answers.

    Notes
    -----
    adjusted = (r - r_M) / (1 - r_M), with t = adjusted / sqrt((1 - adjusted^2) / (n - 3)) on n - 3
    degrees of freedom: a partial correlation given a source on which each variable loads
    sqrt(r_M). The upper end is Fisher's.
    Source: Lindell & Whitney (2001); Malhotra, Kim & Patil (2006).

    Examples
    --------
    >>> data = pd.DataFrame({"x": [1, 2, 3, 4, 5, 6], "y": [2, 1, 4, 3, 6, 5],
    ...                      "colour": [1, 3, 2, 3, 4, 2]})
    >>> found = marker(data, ["x", "y"], marker="colour")
    >>> round(found.shared, 3), found.table["adjusted"].round(3).tolist()
    (0.357, [0.733])
    """
    check_level(conf_level)
    names = list(dict.fromkeys(listed(variables)))
    values = _complete(frame, [*names, marker])
    warn_matrix(frame[[*names, marker]], stacklevel=2)
    n = len(values)
    R = correlation_of(np.asarray(np.cov(values, rowvar=False)))
    with_marker = R[:-1, -1]
    level, rule = _shared(with_marker, shared)
    level = max(level, 0.0)
    reach = float(stats.norm.ppf((1 + conf_level) / 2)) / np.sqrt(n - 3)
    high = float(np.tanh(np.arctanh(min(level, 1 - 1e-12)) + reach))
    rows = []
    for i, j in combinations(range(len(names)), 2):
        adjusted, t, p = _adjusted(R[i, j], level, n)
        at_high, _, p_high = _adjusted(R[i, j], high, n)
        rows.append((names[i], names[j], R[i, j], adjusted, t, n - 3, p, at_high, p_high))
    columns = ["variable", "other", "estimate", "adjusted", "statistic", "df", "p_value"]
    columns += ["adjusted_high", "p_value_high"]
    return Marker(
        table=pd.DataFrame(rows, columns=columns),
        shared=level,
        shared_high=high,
        rule=rule,
        marker=marker,
        marker_correlations=pd.DataFrame({"variable": names, "estimate": with_marker}),
        n=n,
    )


def _complete(frame: pd.DataFrame, names: list[str]) -> Floats:
    """(n, k) complete rows of the columns, the marker last."""
    require_columns(frame, names, error=MeasurementError)
    if len(names) < 3:
        raise MeasurementError("A marker needs at least two variables to correlate.")
    if names[-1] in names[:-1]:
        raise MeasurementError(f"The marker '{names[-1]}' is among the variables it should judge.")
    problems = [
        Problem(f"column '{name}'", "is not numeric.")
        for name in names
        if not pd.api.types.is_numeric_dtype(frame[name])
    ]
    if problems:
        raise MeasurementError("Correlations need numbers.", problems)
    require_finite(frame[names], error=MeasurementError)
    values = complete_values(frame[names])
    if len(values) < 5:
        found = f"a marker needs at least five complete rows, got {len(values)}."
        raise refusal(frame[names], found, message="Correlations are undefined.")
    problems = [
        Problem(f"column '{name}'", "does not vary.")
        for name, column in zip(names, values.T, strict=True)
        if np.ptp(column) == 0
    ]
    if problems:
        raise MeasurementError("Correlations need variables that vary.", problems)
    return values


def _shared(with_marker: Floats, shared: str | float) -> tuple[float, str]:
    """The correlation to take out, and how it was chosen."""
    if not isinstance(shared, str):
        if not 0 <= shared < 1:
            raise MeasurementError(f"`shared` must lie between 0 and 1, got {shared:g}.")
        return float(shared), "given"
    if shared not in RULES:
        hint = did_you_mean(shared, RULES) or f"It is one of: {', '.join(RULES)}, or a number."
        raise MeasurementError(f"There is no rule '{shared}'. {hint}")
    ordered = np.sort(with_marker)
    chosen = {"smallest": ordered[0], "second": ordered[1], "mean": ordered.mean()}[shared]
    return float(chosen), shared


def _adjusted(r: float, level: float, n: int) -> tuple[float, float, float]:
    """Adjusted correlation, its t and p."""
    adjusted = (r - level) / (1 - level)
    if abs(adjusted) >= 1:
        return adjusted, float("nan"), float("nan")
    t = adjusted / np.sqrt((1 - adjusted**2) / (n - 3))
    return float(adjusted), float(t), float(2 * stats.t.sf(abs(t), n - 3))
