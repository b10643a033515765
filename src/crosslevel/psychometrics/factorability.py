"""Do the items have enough in common to be factored: sampling adequacy, sphericity, SMC."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from crosslevel.frames import RESULT_COLUMNS
from crosslevel.psychometrics.grouping import Floats
from crosslevel.psychometrics.item_matrix import item_matrix


@dataclass(frozen=True, slots=True)
class Factorability:
    """Whether items share enough to be factored.

    Attributes
    ----------
    kmo
        Kaiser-Meyer-Olkin measure of sampling adequacy; below 0.5 unacceptable, from 0.8
        meritorious (Kaiser 1974).
    chisq, df, p_value
        Bartlett's test that the items are uncorrelated.
    items
        One row per item: item, kmo, smc (squared multiple correlation with the others).
    eigenvalues
        Of the correlation matrix, largest first.
    n, dropped
        Respondents used, and left out for a missing answer.
    """

    kmo: float
    chisq: float
    df: int
    p_value: float
    items: pd.DataFrame
    eigenvalues: Floats
    n: int
    dropped: int

    def tidy(self) -> pd.DataFrame:
        """One row: Bartlett's test with the standard columns."""
        row = {"term": "bartlett", "statistic": self.chisq, "df": self.df, "p_value": self.p_value}
        return pd.DataFrame([row]).reindex(columns=list(RESULT_COLUMNS))

    def glance(self) -> pd.DataFrame:
        """One row: adequacy, test, respondents."""
        names = ("kmo", "chisq", "df", "p_value", "n", "dropped")
        return pd.DataFrame([{name: getattr(self, name) for name in names}])

    def __repr__(self) -> str:
        p = "p < 0.001" if self.p_value < 0.001 else f"p = {self.p_value:.3f}"
        return (
            f"KMO {self.kmo:.3f}, Bartlett chi2({self.df}) = {self.chisq:.1f}, {p}, "
            f"{len(self.items)} items, {self.n} respondents ({self.dropped} dropped)"
        )


def factorability(
    items: pd.DataFrame, *, ordered: bool = False, smooth: bool = False
) -> Factorability:
    """Return the Kaiser-Meyer-Olkin measure, Bartlett's test and squared multiple correlations.

    Use it before `efa`. Bartlett's test assumes normal items and rejects for nearly any scale.

    Parameters
    ----------
    items
        (n_persons, n_items) answers; nan = not answered.
    ordered, smooth
        As in `efa`.

    Returns
    -------
    Factorability

    Raises
    ------
    MeasurementError
        As `efa`.

    Notes
    -----
    kmo = sum r^2 / (sum r^2 + sum q^2) over pairs of different items, q the partial correlations;
    chisq = -log|R| (n - 1 - (2 p + 5) / 6); smc = 1 - 1 / diag(R^-1).
    Source: Kaiser (1974); Bartlett (1951). Agrees with R psych::KMO, cortest.bartlett and smc.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> answers = pd.DataFrame(rng.normal(size=(200, 1)) + rng.normal(size=(200, 4)))
    >>> factorability(answers)
    KMO 0.782, Bartlett chi2(6) = 201.2, p < 0.001, 4 items, 200 respondents (0 dropped)
    """
    matrix = item_matrix(items, what="factorability", ordered=ordered, smooth=smooth, least=2)
    R, p = matrix.correlations, len(matrix.names)
    inverse = np.linalg.inv(R)
    scale = np.sqrt(np.diag(inverse))
    off = ~np.eye(p, dtype=bool)
    partial = np.where(off, inverse / scale[:, None] / scale, 0.0) ** 2
    plain = np.where(off, R, 0.0) ** 2
    chisq = -float(np.linalg.slogdet(R)[1]) * (matrix.n - 1 - (2 * p + 5) / 6)
    df = p * (p - 1) // 2
    eigenvalues: Floats = np.linalg.eigvalsh(R)[::-1].astype(np.float64)
    by_item = plain.sum(axis=1) / (plain.sum(axis=1) + partial.sum(axis=1))
    table = {"item": list(matrix.names), "kmo": by_item, "smc": 1 - 1 / np.diag(inverse)}
    return Factorability(
        kmo=float(plain.sum() / (plain.sum() + partial.sum())),
        chisq=chisq,
        df=df,
        p_value=float(stats.chi2.sf(chisq, df)),
        items=pd.DataFrame(table),
        eigenvalues=eigenvalues,
        n=matrix.n,
        dropped=matrix.dropped,
    )
