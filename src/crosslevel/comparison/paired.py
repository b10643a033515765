"""One number of each person against another of the same person, or against a fixed value."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from crosslevel.comparison.standardised import size_word, standardised
from crosslevel.errors import ModelError
from crosslevel.frames import RESULT_COLUMNS, require_columns

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class MeanDifference:
    """A mean difference within the same people, or between them and a fixed value.

    Attributes
    ----------
    outcome, against
        The column, and the column or the value that is taken from it.
    n
        People.
    mean, std_dev
        Of the outcome and, when paired, of the other column.
    table
        What `tidy` gives back.
    conf_level
        Level of the intervals.
    rows_dropped
        Rows without a value, or without both.
    """

    outcome: str
    against: str
    n: int
    mean: tuple[float, ...]
    std_dev: tuple[float, ...]
    table: pd.DataFrame
    conf_level: float
    rows_dropped: int

    def tidy(self) -> pd.DataFrame:
        """Return one row per answer, in the standard columns.

        `student` is the mean difference with its t test; `cohen_d` (one sample) and `cohen_dz`
        (paired) that mean in standard deviations of the differences; `cohen_dav` in the average
        standard deviation of both columns, as a difference of two groups would be; `hedges_...`
        the same without small-sample bias. `wilcoxon` is the share of the signed ranks' sum that
        positive differences hold (0.5: as many either way; twice the share less one is the
        rank-biserial correlation), with R's V as statistic.
        """
        return self.table.copy()

    def sentence(self) -> str:
        """Return the difference in words, with Cohen's (1988) conventions, which are no verdict."""
        rows = self.table.set_index("term")
        low, high = rows.loc["student", ["conf_low", "conf_high"]]
        name = "hedges_gav" if "hedges_gav" in rows.index else "hedges_g"
        g = float(rows["estimate"][name])
        return (
            f"{self.outcome} less {self.against}: {rows['estimate']['student']:.2f} "
            f"({100 * self.conf_level:g}% interval {low:.2f} to {high:.2f}), "
            f"Hedges' {name.removeprefix('hedges_')} {g:.2f} ({size_word(g)}; Cohen, 1988)."
        )

    def __repr__(self) -> str:
        return f"{self.sentence()} {self.n} people; {self.rows_dropped} rows dropped."


def paired(
    data: pd.DataFrame, first: str, second: str, *, conf_level: float = 0.95
) -> MeanDifference:
    """Return the comparison of two numbers of the same people, the first less the second.

    Use it for the same people before and after, or for two scales in the same unit of measurement.
    The differences are taken as independent; people of one unit are not, and `multilevel.fit` of
    the difference says what that costs.

    Parameters
    ----------
    data
        One row per person.
    first, second
        Columns with numbers; nan = not answered. People without both are left out.
    conf_level
        Level of the intervals.

    Returns
    -------
    MeanDifference

    Raises
    ------
    ModelError
        When a column is missing or not numeric, fewer than two people have both, or the difference
        does not vary.

    Notes
    -----
    d_z = mean / s of the differences; its interval inverts the noncentral t with n - 1 df, exactly
    under normality. d_av = mean / sqrt((s1^2 + s2^2) / 2) (Cumming, 2012); its interval takes the
    ratio of s_av and s as known (Algina & Keselman, 2003). Both g: J(n - 1) d (Hedges, 1981).
    Wilcoxon (1945): differences of zero left out, normal approximation with ties and continuity
    correction. Agrees with R's `t.test(paired=TRUE)` and `wilcox.test(exact=FALSE)`.

    Examples
    --------
    >>> people = pd.DataFrame({"after": [3.0, 4, 4, 6, 5], "before": [2.0, 4, 3, 3, 4]})
    >>> paired(people, "after", "before").tidy()[["term", "estimate", "p_value"]].round(3)
             term  estimate  p_value
    0     student     1.200    0.070
    1    cohen_dz     1.095      NaN
    2   hedges_gz     0.874      NaN
    3   cohen_dav     1.200      NaN
    4  hedges_gav     0.957      NaN
    5    wilcoxon     1.000    0.089
    """
    known = _numbers(data, [first, second], conf_level)
    x, y = (known[name].to_numpy(dtype=np.float64) for name in (first, second))
    spread = (float(x.std(ddof=1)), float(y.std(ddof=1))) if len(x) > 1 else (0.0, 0.0)
    student, ranks = _tests(x - y, f"'{first}' less '{second}'", conf_level)
    t, v, unit = student["statistic"], len(x) - 1, 1.0 / float(np.sqrt(len(x)))
    average = float(np.sqrt((spread[0] ** 2 + spread[1] ** 2) / 2.0))
    sizes = [
        standardised(t, v, names=names, unit=one, conf_level=conf_level)
        for names, one in (
            (("cohen_dz", "hedges_gz"), unit),
            (("cohen_dav", "hedges_gav"), student["std_error"] / average),
        )
    ]
    return MeanDifference(
        outcome=first,
        against=second,
        n=len(x),
        mean=(float(x.mean()), float(y.mean())),
        std_dev=spread,
        table=_table([{"term": "student", **student}, *sizes[0], *sizes[1], ranks]),
        conf_level=conf_level,
        rows_dropped=len(data) - len(known),
    )


def one_sample(
    data: pd.DataFrame, outcome: str, *, value: float = 0.0, conf_level: float = 0.95
) -> MeanDifference:
    """Return the comparison of one number of people with a fixed value.

    Use it for a norm, the midpoint of a scale, or a target. People are taken as independent.

    Parameters
    ----------
    data
        One row per person.
    outcome
        Column with numbers; nan = not answered.
    value
        What the mean is compared with; estimates and intervals are of the difference from it.
    conf_level
        Level of the intervals.

    Returns
    -------
    MeanDifference

    Raises
    ------
    ModelError
        As `paired`.

    Notes
    -----
    d = (mean - value) / s, with intervals, correction and ranks as d_z of `paired`. Agrees with R's
    `t.test(mu=)` and `wilcox.test(mu=, exact=FALSE)`.

    Examples
    --------
    >>> people = pd.DataFrame({"use": [3.0, 4, 4, 6, 5]})
    >>> one_sample(people, "use", value=3).tidy()[["term", "estimate"]].round(3)
           term  estimate
    0   student     1.400
    1   cohen_d     1.228
    2  hedges_g     0.980
    3  wilcoxon     1.000
    """
    known = _numbers(data, [outcome], conf_level)
    x = known[outcome].to_numpy(dtype=np.float64)
    if not np.isfinite(value):
        raise ModelError(f"`value` must be a number, got {value}.")
    student, ranks = _tests(x - value, f"'{outcome}'", conf_level)
    unit = 1.0 / float(np.sqrt(len(x)))
    sizes = standardised(
        student["statistic"],
        len(x) - 1,
        names=("cohen_d", "hedges_g"),
        unit=unit,
        conf_level=conf_level,
    )
    return MeanDifference(
        outcome=outcome,
        against=f"{value:g}",
        n=len(x),
        mean=(float(x.mean()),),
        std_dev=(float(x.std(ddof=1)),),
        table=_table([{"term": "student", **student}, *sizes, ranks]),
        conf_level=conf_level,
        rows_dropped=len(data) - len(known),
    )


def _numbers(data: pd.DataFrame, columns: list[str], conf_level: float) -> pd.DataFrame:
    """Return the rows that have all of these numbers."""
    require_columns(data, columns, error=ModelError)
    if not 0.0 < conf_level < 1.0:
        raise ModelError(f"`conf_level` must lie between 0 and 1, got {conf_level}.")
    if len(set(columns)) < len(columns):
        raise ModelError(f"Column '{columns[0]}' cannot be compared with itself.")
    for name in columns:
        if not pd.api.types.is_numeric_dtype(data[name]):
            raise ModelError(f"Column '{name}' must hold numbers, and holds {data[name].dtype}.")
    known = data[columns].dropna()
    if np.isinf(known.to_numpy(dtype=np.float64)).any():
        raise ModelError(f"There are infinite values in {' or '.join(map(repr, columns))}.")
    return known


def _tests(d: Floats, what: str, conf_level: float) -> tuple[dict[str, float], dict[str, object]]:
    """Return Student's test of a mean of zero and the row of the signed ranks."""
    if len(d) < 2:
        raise ModelError(f"{what}: {len(d)} people have values; two are needed.")
    s = float(d.std(ddof=1))
    if s <= 1e-14 * float(np.abs(d).max()):
        raise ModelError(f"{what} does not vary; there is no test.")
    mean, error, df = float(d.mean()), s / float(np.sqrt(len(d))), len(d) - 1.0
    reach = float(stats.t.ppf((1.0 + conf_level) / 2.0, df)) * error
    student = {
        "estimate": mean,
        "std_error": error,
        "statistic": mean / error,
        "df": df,
        "p_value": float(2.0 * stats.t.sf(abs(mean / error), df)),
        "conf_low": mean - reach,
        "conf_high": mean + reach,
    }
    return student, _signed_ranks(d[d != 0.0])


def _signed_ranks(d: Floats) -> dict[str, object]:
    """Return the row of Wilcoxon's signed ranks of differences that are not zero."""
    n = float(len(d))
    ranks = np.asarray(stats.rankdata(np.abs(d)), dtype=np.float64)
    V = float(ranks[d > 0.0].sum())
    ties = np.unique(ranks, return_counts=True)[1].astype(np.float64)
    sigma = np.sqrt(n * (n + 1.0) * (2.0 * n + 1.0) / 24.0 - (ties**3 - ties).sum() / 48.0)
    above = V - n * (n + 1.0) / 4.0
    z = (above - 0.5 * np.sign(above)) / sigma
    return {
        "term": "wilcoxon",
        "estimate": V / (n * (n + 1.0) / 2.0),
        "statistic": V,
        "p_value": float(min(2.0 * stats.norm.sf(abs(z)), 1.0)),
    }


def _table(rows: list[dict[str, object]]) -> pd.DataFrame:
    return pd.DataFrame(rows).reindex(columns=list(RESULT_COLUMNS))
