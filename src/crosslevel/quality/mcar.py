"""Are values missing completely at random: Little's test."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from crosslevel.errors import MeasurementError
from crosslevel.frames import RESULT_COLUMNS
from crosslevel.quality.checking import check_items
from crosslevel.quality.incomplete import expect
from crosslevel.quality.normal import incomplete, moments


@dataclass(frozen=True, slots=True)
class McarTest:
    """Little's test that values are missing completely at random.

    Attributes
    ----------
    statistic, df, p_value
        Chi-square, its degrees of freedom, and the probability of one at least as large.
    n, patterns
        Rows with a value, and distinct patterns of missing values among them.
    converged
        Whether EM reached the maximum of the likelihood.
    """

    statistic: float
    df: int
    p_value: float
    n: int
    patterns: int
    converged: bool

    def tidy(self) -> pd.DataFrame:
        """One row with the standard columns."""
        row = {"term": "MCAR", "statistic": self.statistic, "df": float(self.df)}
        row |= {"p_value": self.p_value}
        return pd.DataFrame([row]).reindex(columns=list(RESULT_COLUMNS))

    def glance(self) -> pd.DataFrame:
        """One row: statistic, df, p_value, n, patterns, converged."""
        names = ("statistic", "df", "p_value", "n", "patterns", "converged")
        return pd.DataFrame([{name: getattr(self, name) for name in names}])

    def __repr__(self) -> str:
        ended = "" if self.converged else "; EM has not converged"
        return (
            f"Little's test: chi-square {self.statistic:.2f}, df {self.df}, p {self.p_value:.3g} "
            f"({self.n} rows, {self.patterns} patterns{ended})"
        )


def mcar(items: pd.DataFrame) -> McarTest:
    """Return Little's test that values are missing completely at random.

    A small p-value says that respondents with different gaps differ in what they did answer, so
    that dropping incomplete rows is not harmless. A large one does not show that they do not: the
    test sees means only, assumes normal values, and cannot see gaps that depend on the missing
    value itself. Rows within units are taken as independent.

    Parameters
    ----------
    items
        (n_rows, n_variables) numbers; nan = missing. Rows without any value are left out.

    Raises
    ------
    MeasurementError
        With nothing missing, a variable without values or variance, or variables that determine
        each other.

    Notes
    -----
    d2 = sum over patterns of n_j (m_j - mu_j)' S_jj^-1 (m_j - mu_j), with mu and S (divisor n) by
    EM and the subscript taking the variables answered in the pattern; df = sum of answered
    variables over patterns less the number of variables.
    Source: Little (1988), eq. 5. Agrees with the same statistic from lavaan's moments.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> frame = pd.DataFrame(rng.normal(size=(300, 3)), columns=["a", "b", "c"])
    >>> mcar(frame.mask(rng.random(frame.shape) < 0.2)).df
    9
    """
    check_items(items)
    names = [str(c) for c in items.columns]
    values = items.to_numpy(dtype=np.float64, na_value=np.nan)
    if np.isfinite(values).all():
        raise MeasurementError("Nothing is missing, so there is nothing to test.")
    fitted = moments(values, names)
    data = incomplete(values, names)
    found, scale = data.found, data.scale
    mean = (fitted.mean - data.centre) / scale
    precision = np.linalg.inv(fitted.covariance / np.outer(scale, scale)).astype(np.float64)
    sums = np.add.reduceat(data.rows, found.starts[:-1], axis=0)
    off = np.where(found.missing, 0.0, sums / found.counts[:, None] - mean)
    one_each = type(found)(
        found.missing,
        np.ones_like(found.counts),
        np.arange(len(found.counts)),
        np.arange(len(found.counts) + 1),
    )
    statistic = float(found.counts @ expect(off, one_each, precision).distance)
    df = int((~found.missing).sum()) - len(names)
    return McarTest(
        statistic=statistic,
        df=df,
        p_value=float(stats.chi2.sf(statistic, df)),
        n=len(data.rows),
        patterns=len(found.counts),
        converged=fitted.converged,
    )
