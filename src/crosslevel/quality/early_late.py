"""Do late respondents differ from early ones, as those who never responded may differ more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from crosslevel.errors import MeasurementError, Problem
from crosslevel.frames import RESULT_COLUMNS, listed, require_columns, require_finite

SMALL = 0.2


@dataclass(frozen=True, slots=True, repr=False)
class EarlyLate:
    """Late respondents less early ones, variable by variable.

    Attributes
    ----------
    table
        What `tidy` gives back.
    early, late
        People in each group.
    """

    table: pd.DataFrame
    early: int
    late: int

    def tidy(self) -> pd.DataFrame:
        """Return the standard columns (late less early, Welch), d and Holm-adjusted p values."""
        return self.table.copy()

    def sentence(self) -> str:
        """Return the verdict in words, with its criterion and source."""
        t = self.table
        differ = t[(t["p_adjusted"] < 0.05) & (t["standardised"].abs() >= SMALL)]
        people = f"{self.late} late and {self.early} early respondents"
        rule = (
            f"(d of {SMALL:g} or more, Cohen, 1988, and p < 0.05 after Holm's adjustment; late "
            "respondents stand in for non-respondents, Armstrong & Overton, 1977)"
        )
        if not len(differ):
            return f"{people} do not differ noticeably on {len(t)} variable(s) {rule}."
        named = ", ".join(f"{row.term} (d = {row.standardised:.2f})" for row in differ.itertuples())
        return f"{people} differ on {named} {rule}."

    def __repr__(self) -> str:
        return self.sentence()


def early_late(
    data: pd.DataFrame, variables: str | Sequence[str], *, order: str, share: float = 0.25
) -> EarlyLate:
    """Return how the last respondents differ from the first.

    Use it when nothing is known about those who did not respond: people who needed reminders are
    taken to resemble them. Agreement is weak evidence; a difference is a warning.

    Parameters
    ----------
    data
        One row per respondent.
    variables
        Numeric columns; shares as 0 and 1.
    order
        Column that grows with time: a date, or the number of reminders sent.
    share
        Share of respondents in each group; people tied at its edge belong to it.

    Returns
    -------
    EarlyLate

    Raises
    ------
    MeasurementError
        For missing or unusable columns, infinite values, a share outside 0 to 0.5, an order that
        does not tell early from late, and groups with fewer than two answers.

    Notes
    -----
    Welch's t test; d with the pooled standard deviation of the two groups. Source: Armstrong &
    Overton (1977).

    Examples
    --------
    >>> replies = pd.DataFrame({"day": range(8), "use": [1.0, 2, 3, 3, 3, 4, 4, 5]})
    >>> early_late(replies, ["use"], order="day").tidy()[["term", "estimate"]]
      term  estimate
    0  use       3.0
    """
    names = listed(variables)
    require_columns(data, [*names, order], error=MeasurementError)
    if not 0.0 < share <= 0.5:
        raise MeasurementError(f"`share` must lie above 0 and up to 0.5, got {share}.")
    problems = [
        Problem(f"column '{name}'", f"holds {data[name].dtype} values, no numbers.")
        for name in names
        if not pd.api.types.is_numeric_dtype(data[name])
    ]
    if problems or not names:
        raise MeasurementError("Early and late respondents are compared on numbers.", problems)
    require_finite(data[list(dict.fromkeys([*names, order]))], error=MeasurementError)
    first, last = _groups(data[order], share)
    rows = [_compared(name, data.loc[last, name], data.loc[first, name]) for name in names]
    from statsmodels.stats.multitest import multipletests

    table = pd.DataFrame(rows)
    adjusted = multipletests(table["p_value"].to_numpy(dtype=float), method="holm")[1]
    table = table.reindex(columns=[*RESULT_COLUMNS, "standardised", "n_early", "n_late"])
    return EarlyLate(table.assign(p_adjusted=adjusted), int(first.sum()), int(last.sum()))


def _groups(order: pd.Series, share: float) -> tuple[pd.Series, pd.Series]:
    """Return who was early and who was late."""
    if not (pd.api.types.is_numeric_dtype(order) or pd.api.types.is_datetime64_any_dtype(order)):
        raise MeasurementError(
            f"`order` must be a date or a number that grows with time; '{order.name}' holds "
            f"{order.dtype} values."
        )
    rank = order.rank(method="min")
    n = int(rank.notna().sum())
    first = rank <= max(np.ceil(share * n), 1)
    last = order.rank(method="max") > n - max(np.ceil(share * n), 1)
    if (first & last).any() or not n:
        raise MeasurementError(
            f"'{order.name}' does not tell early from late: too many respondents share one value."
        )
    return first, last


def _compared(name: str, late: pd.Series, early: pd.Series) -> dict[str, object]:
    x, y = late.dropna().to_numpy(dtype=float), early.dropna().to_numpy(dtype=float)
    if min(len(x), len(y)) < 2:
        raise MeasurementError(
            f"'{name}' has {len(y)} early and {len(x)} late answers; two of each are needed."
        )
    spread = ((len(x) - 1) * x.var(ddof=1) + (len(y) - 1) * y.var(ddof=1)) / (len(x) + len(y) - 2)
    if spread == 0.0:
        raise MeasurementError(f"'{name}' does not vary among early or late respondents.")
    found = stats.ttest_ind(x, y, equal_var=False)
    ends = found.confidence_interval(0.95)
    difference = float(x.mean() - y.mean())
    return {
        "term": name,
        "estimate": difference,
        "std_error": float(np.sqrt(x.var(ddof=1) / len(x) + y.var(ddof=1) / len(y))),
        "statistic": float(found.statistic),
        "df": float(found.df),
        "p_value": float(found.pvalue),
        "conf_low": float(ends.low),
        "conf_high": float(ends.high),
        "standardised": difference / float(np.sqrt(spread)),
        "n_early": len(y),
        "n_late": len(x),
    }
