"""Two groups of people and one number for each person: how far apart, and how surely."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from crosslevel.comparison.standardised import size_word, standardised
from crosslevel.errors import ModelError
from crosslevel.frames import RESULT_COLUMNS, group_codes, require_columns

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class TwoGroups:
    """Differences between two groups, the first less the second.

    Attributes
    ----------
    outcome, group
        The columns compared.
    levels, n, mean, std_dev
        (2,) label, people, mean and standard deviation of each group.
    table
        What `tidy` gives back.
    conf_level
        Level of the intervals.
    rows_dropped
        Rows without a value or a group.
    """

    outcome: str
    group: str
    levels: tuple[str, str]
    n: tuple[int, int]
    mean: tuple[float, float]
    std_dev: tuple[float, float]
    table: pd.DataFrame
    conf_level: float
    rows_dropped: int

    def tidy(self) -> pd.DataFrame:
        """Return one row per answer, in the standard columns.

        `welch` and `student` estimate the difference of means; `cohen_d` and `hedges_g` that
        difference in pooled standard deviations; `wilcoxon` the chance that somebody of the first
        group is above somebody of the second (ties count half), with R's W as statistic.
        """
        return self.table.copy()

    def glance(self) -> pd.DataFrame:
        """Return one row per group: group, n, mean, std_dev."""
        return pd.DataFrame(
            {
                "group": list(self.levels),
                "n": list(self.n),
                "mean": list(self.mean),
                "std_dev": list(self.std_dev),
            }
        )

    def sentence(self) -> str:
        """Return the comparison in words: Welch's interval and Hedges' g.

        The size is called by Cohen's (1988) conventions (0.2, 0.5, 0.8), which are no verdict.
        """
        rows = self.table.set_index("term")
        welch, g = rows.loc["welch"], float(rows["estimate"]["hedges_g"])
        low, high = welch["conf_low"], welch["conf_high"]
        return (
            f"{self.outcome} of {self.levels[0]} less {self.levels[1]}: {welch['estimate']:.2f} "
            f"({100 * self.conf_level:g}% interval {low:.2f} to {high:.2f}, Welch), "
            f"Hedges' g {g:.2f} ({size_word(g)}; Cohen, 1988)."
        )

    def __repr__(self) -> str:
        people = " and ".join(f"{n} {level}" for n, level in zip(self.n, self.levels, strict=True))
        return f"{self.sentence()} {people}; {self.rows_dropped} rows dropped."


def two_groups(
    data: pd.DataFrame, outcome: str, *, group: str, conf_level: float = 0.95
) -> TwoGroups:
    """Return the comparison of two groups on one number.

    Use it for independent people, such as managers and employees of different units; people of one
    unit resemble each other, and `multilevel.fit` or `multilevel.regress(..., cluster=)` says what
    that costs. Welch's test is the default of judgement: it does not assume equal variances.

    Parameters
    ----------
    data
        One row per person.
    outcome
        Column with numbers; nan = not answered.
    group
        Column with two groups; the first is the first category, or the first in sorting.
    conf_level
        Level of the intervals.

    Returns
    -------
    TwoGroups

    Raises
    ------
    ModelError
        When a column is missing or not numeric, there are not two groups, a group has fewer than
        two people, or nobody differs.

    Notes
    -----
    d = difference / pooled standard deviation; its interval inverts the noncentral t. g = J d with
    the exact J = Gamma(v/2) / (sqrt(v/2) Gamma((v-1)/2)), v = n - 2. Wilcoxon: normal approximation
    with ties and continuity correction; no interval. Source: Welch (1947); Hedges (1981, eq. 6e);
    Mann & Whitney (1947). Agrees with R's `t.test` and `wilcox.test(exact=FALSE)`.

    Examples
    --------
    >>> people = pd.DataFrame({"use": [1.0, 2, 3, 3, 4, 6], "role": list("aaabbb")})
    >>> two_groups(people, "use", group="role").tidy()[["term", "estimate"]].round(3)
           term  estimate
    0     welch    -2.333
    1   student    -2.333
    2   cohen_d    -1.807
    3  hedges_g    -1.442
    4  wilcoxon     0.056
    """
    require_columns(data, [outcome, group], error=ModelError)
    if not 0.0 < conf_level < 1.0:
        raise ModelError(f"`conf_level` must lie between 0 and 1, got {conf_level}.")
    if not pd.api.types.is_numeric_dtype(data[outcome]):
        raise ModelError(f"Column '{outcome}' must hold numbers, and holds {data[outcome].dtype}.")
    known = data[[outcome, group]].dropna()
    levels, x, y = _split(known, outcome, group)
    pooled = float(np.sqrt(((len(x) - 1) * x.var(ddof=1) + (len(y) - 1) * y.var(ddof=1))
                           / (len(x) + len(y) - 2)))  # fmt: skip
    if pooled == 0.0:
        raise ModelError(f"'{outcome}' does not vary within the groups; there is no test.")
    unit = float(np.sqrt(1.0 / len(x) + 1.0 / len(y)))
    d = float(x.mean() - y.mean()) / pooled
    rows = [
        _t_test("welch", x, y, conf_level),
        _t_test("student", x, y, conf_level),
        *standardised(
            d / unit,
            len(x) + len(y) - 2,
            names=("cohen_d", "hedges_g"),
            unit=unit,
            conf_level=conf_level,
        ),
        _wilcoxon(x, y),
    ]
    return TwoGroups(
        outcome=outcome,
        group=group,
        levels=levels,
        n=(len(x), len(y)),
        mean=(float(x.mean()), float(y.mean())),
        std_dev=(float(x.std(ddof=1)), float(y.std(ddof=1))),
        table=pd.DataFrame(rows).reindex(columns=list(RESULT_COLUMNS)),
        conf_level=conf_level,
        rows_dropped=len(data) - len(known),
    )


def _split(known: pd.DataFrame, outcome: str, group: str) -> tuple[tuple[str, str], Floats, Floats]:
    """Return the labels of two groups and their values."""
    column = known[group]
    if not isinstance(column.dtype, pd.CategoricalDtype):
        column = pd.Series(pd.Categorical(column), index=column.index)
    codes, names = group_codes(column)
    if len(names) != 2:
        shown = ", ".join(f"'{name}'" for name in names[:5]) or "none"
        raise ModelError(
            f"Two groups are compared; column '{group}' has {len(names)} with values of "
            f"'{outcome}': {shown}."
        )
    values = known[outcome].to_numpy(dtype=np.float64)
    parts = values[codes == 0], values[codes == 1]
    for name, part in zip(names, parts, strict=True):
        if len(part) < 2:
            raise ModelError(f"Group '{name}' of '{group}' has one person; two are needed.")
    return (names[0], names[1]), *parts


def _t_test(name: str, x: Floats, y: Floats, conf_level: float) -> dict[str, object]:
    found = stats.ttest_ind(x, y, equal_var=name == "student")
    ends = found.confidence_interval(conf_level)
    difference = float(x.mean() - y.mean())
    return {
        "term": name,
        "estimate": difference,
        "std_error": difference / found.statistic if found.statistic else np.nan,
        "statistic": float(found.statistic),
        "df": float(found.df),
        "p_value": float(found.pvalue),
        "conf_low": float(ends.low),
        "conf_high": float(ends.high),
    }


def _wilcoxon(x: Floats, y: Floats) -> dict[str, object]:
    found = stats.mannwhitneyu(x, y, use_continuity=True, method="asymptotic")
    return {
        "term": "wilcoxon",
        "estimate": float(found.statistic) / (len(x) * len(y)),
        "statistic": float(found.statistic),
        "p_value": float(found.pvalue),
    }
