"""Harman's test: does one unrotated factor take most of the variance of all items."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from crosslevel.psychometrics.answers import read_answers
from crosslevel.psychometrics.coefficients import correlation_of
from crosslevel.psychometrics.grouping import Floats, refusal
from crosslevel.psychometrics.one_factor import one_factor

HALF = 0.50
SHOWS = "Shows whether one factor takes most of the variance of all items of one source."
CANNOT_SHOW = (
    "Cannot show that there is no common-source bias: a bias too small to form a factor of its own "
    "still moves correlations, and more items make a small first share. Not a correction."
)


@dataclass(frozen=True, slots=True)
class Harman:
    """Shares of the variance of all items that unrotated components take.

    Attributes
    ----------
    share
        Of the first principal component.
    factor_share
        Of a single common factor (maximum likelihood), which leaves out unique variance.
    rmsea, chisq, df
        Whether that single factor fits; a good fit would speak for one source.
    eigenvalues
        (k,) of the correlation matrix, largest first.
    above_half
        Whether `share` exceeds 0.50.
    shows, cannot_show
        What the test is good for, and what not.
    """

    share: float
    factor_share: float
    rmsea: float
    chisq: float
    df: int
    eigenvalues: Floats
    above_half: bool
    n: int
    n_items: int
    shows: str = SHOWS
    cannot_show: str = CANNOT_SHOW

    def tidy(self) -> pd.DataFrame:
        """One row per component: component, eigenvalue, share, cumulative."""
        shares = self.eigenvalues / self.n_items
        table = {"component": np.arange(1, self.n_items + 1), "eigenvalue": self.eigenvalues}
        return pd.DataFrame(table | {"share": shares, "cumulative": shares.cumsum()})

    def glance(self) -> pd.DataFrame:
        """One row: the shares, the fit, and the limits of the test."""
        names = ("share", "factor_share", "above_half", "rmsea", "chisq", "df", "n", "n_items")
        row = {name: getattr(self, name) for name in names}
        return pd.DataFrame([row | {"shows": self.shows, "cannot_show": self.cannot_show}])

    def __repr__(self) -> str:
        return (
            f"First unrotated component: {100 * self.share:.0f} % of the variance of "
            f"{self.n_items} items (single common factor {100 * self.factor_share:.0f} %, RMSEA "
            f"{self.rmsea:.3f}), {self.n} complete respondents.\n{self.shows}\n{self.cannot_show}"
        )


def harman(items: pd.DataFrame) -> Harman:
    """Return the share of variance of the first unrotated factor of all items.

    Report it because reviewers ask for it, and never alone: see `marker`, `method_factor` and
    `split_sample`.

    Parameters
    ----------
    items
        (n_persons, n_items) numbers: the items of predictor and outcome, answered by one source;
        nan = not answered.

    Returns
    -------
    Harman

    Raises
    ------
    MeasurementError
        With fewer than three items, items that do not vary, or too few complete respondents.

    Notes
    -----
    share = first eigenvalue of the correlation matrix / number of items. Source: Podsakoff et al.
    (2003), who advise against it as the only check. Agrees with R eigen and factanal.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> answers = rng.normal(size=(300, 1)) + rng.normal(size=(300, 6))
    >>> round(harman(pd.DataFrame(answers)).share, 2)
    0.55
    """
    answers = read_answers(items, what="Harman's test", least=3)
    R = correlation_of(answers.covariance())
    solution, (n, k) = one_factor(R[None]), answers.shape
    if not solution.converged[0]:
        found = "some items are exact sums or copies of others, or respondents are too few."
        raise refusal(items, found, message="Harman's test is undefined.")
    eigenvalues = np.linalg.eigvalsh(R)[::-1].astype(np.float64)
    eigenvalues.setflags(write=False)
    chisq, df = n * float(solution.F[0]), k * (k - 3) // 2
    share = float(eigenvalues[0] / k)
    return Harman(
        share=share,
        factor_share=float((solution.lam[0] ** 2).sum() / k),
        rmsea=float(np.sqrt(max(chisq - df, 0) / (df * n))) if df else float("nan"),
        chisq=chisq,
        df=df,
        eigenvalues=eigenvalues,
        above_half=share > HALF,
        n=n,
        n_items=k,
    )
