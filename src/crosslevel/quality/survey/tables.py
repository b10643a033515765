"""Are two categories of a population independent? Tests that know the design."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.linalg import eigh, null_space
from scipy.stats import chi2
from scipy.stats import f as f_distribution

from crosslevel.errors import MeasurementError, did_you_mean
from crosslevel.frames import require_columns
from crosslevel.quality.survey.designing import SurveyDesign
from crosslevel.quality.survey.domains import ordered_codes
from crosslevel.quality.survey.mixtures import mixture_sf, saddlepoint_sf

Floats = npt.NDArray[np.float64]
SINGULAR = 1e12  # condition number beyond which empty combinations leave nothing to test
STATISTICS = ("rao-scott-f", "rao-scott-chisq", "wald", "adjusted-wald", "exact", "saddlepoint")


@dataclass(frozen=True, slots=True, repr=False)
class IndependenceTest:
    """One test of independence.

    Attributes
    ----------
    method
        One of the names of `chi_square`.
    statistic, df, df_denominator, p_value
        `df_denominator` is infinite for a chi-square reference; for `exact` and `saddlepoint` both
        are those of the Rao-Scott F that they replace.
    table
        Weighted shares of all people, rows by columns.
    """

    method: str
    statistic: float
    df: float
    df_denominator: float
    p_value: float
    table: pd.DataFrame

    def tidy(self) -> pd.DataFrame:
        """Return one row: term (the method), statistic, df, df_denominator, p_value."""
        row = {
            "term": self.method,
            "statistic": self.statistic,
            "df": self.df,
            "df_denominator": self.df_denominator,
            "p_value": self.p_value,
        }
        return pd.DataFrame([row])

    def __repr__(self) -> str:
        below = "" if np.isinf(self.df_denominator) else f" and {self.df_denominator:.4g}"
        return (
            f"Test of independence ({self.method}): statistic {self.statistic:.4g} on "
            f"{self.df:.4g}{below} degrees of freedom, p {self.p_value:.3g}; "
            f"{len(self.table)} by {len(self.table.columns)} levels"
        )


def chi_square(
    design: SurveyDesign, row: str, column: str, *, statistic: str = "rao-scott-f"
) -> IndependenceTest:
    """Return a test that two categorical columns are independent in the population.

    Parameters
    ----------
    statistic
        `"rao-scott-f"`, Pearson's statistic with the second-order correction, is the one to report;
        `"rao-scott-chisq"` corrects its mean only; `"exact"` refers Pearson's statistic to its own
        mixture of chi-squares over an independent chi-square on d0 nu, `"saddlepoint"` does so
        approximately; `"wald"` and `"adjusted-wald"` need many sampling units.

    Returns
    -------
    IndependenceTest

    Raises
    ------
    MeasurementError
        For unknown columns or statistics, a column with one level, columns that determine each
        other, and so many empty combinations that the others carry no test.

    Notes
    -----
    With Delta the design effects of the interaction contrasts and nu the degrees of freedom of the
    design: F = X2 / tr Delta on d0 and d0 nu, d0 = (tr Delta)^2 / tr Delta^2. Source: Rao & Scott
    (1984); Koch, Freeman & Freeman (1975); Thomas & Rao (1987); agrees with R survey's `svychisq`,
    whose "saddlepoint" (and "lincom" without CompQuadForm) counts a whole number of denominator
    degrees of freedom; so does `"saddlepoint"` here.
    """
    if statistic not in STATISTICS:
        known, hint = ", ".join(map(repr, STATISTICS)), did_you_mean(statistic, STATISTICS)
        raise MeasurementError(f"`statistic` must be {known}, got {statistic!r}. {hint}".rstrip())
    cells, rows, columns, here = _cells(design, row, column)
    w = design.weights * here
    N = float(w.sum())
    shares = (w @ cells) / N
    R, C = len(rows), len(columns)
    P = shares.reshape(R, C)
    if ((P > 0).sum(axis=0) == 1).all() and ((P > 0).sum(axis=1) == 1).all():
        raise MeasurementError(
            f"'{row}' and '{column}' determine each other: each level of one goes with one level "
            "of the other. There is nothing to test."
        )
    if "wald" in statistic:
        found = _wald(design, cells, here, P)
        q, nu = (R - 1) * (C - 1), design.degrees_of_freedom
        low = nu if statistic == "wald" else nu - q + 1.0
        value = found / q if statistic == "wald" else found * low / (q * nu)
        answer = (value, float(q), low, float(f_distribution.sf(value, q, low)))
    else:
        n = int(here.sum())
        answer = _rao_scott(statistic, design, cells, here, P, n)
    table = pd.DataFrame(P, index=rows, columns=columns)
    return IndependenceTest(statistic, *answer, table)


def _cells(
    design: SurveyDesign, row: str, column: str
) -> tuple[Floats, list[str], list[str], npt.NDArray[np.bool_]]:
    """Return the indicators of all combinations (n, R C), the levels, and who has both."""
    require_columns(design.data, [row, column], error=MeasurementError)
    known = design.inside & design.data[[row, column]].notna().all(axis=1).to_numpy()
    first, rows = ordered_codes(design.data[row].where(known))
    second, columns = ordered_codes(design.data[column].where(known))
    for name, levels in ((row, rows), (column, columns)):
        if len(levels) < 2:
            raise MeasurementError(
                f"'{name}' has {len(levels)} level(s) among those described; two are needed."
            )
    cell = np.where(known, first * len(columns) + second, -1)
    made = (cell[:, None] == np.arange(len(rows) * len(columns))).astype(np.float64)
    return made, rows, columns, known


def _rao_scott(
    statistic: str,
    design: SurveyDesign,
    cells: Floats,
    here: npt.NDArray[np.bool_],
    P: Floats,
    n: int,
) -> tuple[float, float, float, float]:
    """Return statistic, df, df_denominator and p value of Pearson's statistic, corrected."""
    expected = np.outer(P.sum(axis=1), P.sum(axis=0))
    X2 = float(n * ((P - expected) ** 2 / expected).sum())
    p, w = P.ravel(), design.weights * here

    def _shares(v: Floats) -> Floats:
        v = v * here
        return np.asarray((v @ cells) / v.sum())

    V = design.covariance(_shares, w[:, None] * (cells - p) / w.sum())
    effects = _design_effects(P, V, n)
    d0, nu = float(effects.sum() ** 2 / (effects @ effects)), design.degrees_of_freedom
    if statistic == "rao-scott-chisq":
        df = float(len(effects))
        return X2, df, np.inf, float(chi2.sf(X2 / effects.mean(), df))
    if statistic in ("exact", "saddlepoint"):
        tail = mixture_sf if statistic == "exact" else saddlepoint_sf
        return X2, d0, d0 * nu, tail(X2, effects, d0 * nu)
    F = X2 / float(effects.sum())
    return F, d0, d0 * nu, float(f_distribution.sf(F, d0, d0 * nu))


def _design_effects(P: Floats, V: Floats, n: int) -> Floats:
    """Return the eigenvalues of Delta, the generalised design effects of the interaction."""
    R, C = P.shape
    main = np.vstack(
        [np.kron(np.eye(R), np.ones(C)), np.kron(np.ones(R), np.eye(C))]
    )  # contrasts: what both margins leave over
    K = null_space(main)
    p = P.ravel()
    inverse = np.diag(np.where(p > 0.0, 1.0 / np.where(p > 0.0, p, 1.0), 0.0))
    below = K.T @ inverse @ K / n
    if np.linalg.cond(below) > SINGULAR:
        raise _too_empty(P)
    return np.asarray(eigh(K.T @ inverse @ V @ inverse @ K, below, eigvals_only=True))


def _too_empty(P: Floats) -> MeasurementError:
    return MeasurementError(
        f"{int((P == 0.0).sum())} combination(s) of levels are empty, and the others carry no test "
        "of independence. Merge levels."
    )


def _wald(design: SurveyDesign, cells: Floats, here: npt.NDArray[np.bool_], P: Floats) -> float:
    """Return the Wald statistic of N_ij - N_i+ N_+j / N over all but the first row and column."""
    R, C = P.shape
    N = float((design.weights * here).sum())
    use = np.arange(R * C).reshape(R, C)[1:, 1:].ravel()

    def _apart(v: Floats) -> Floats:
        T = ((v * here) @ cells).reshape(R, C)
        return np.asarray((T - np.outer(T.sum(axis=1), T.sum(axis=0)) / T.sum()).ravel()[use])

    block = cells.reshape(-1, R, C)
    row, column = block.sum(axis=2), block.sum(axis=1)
    pr, pc = P.sum(axis=1), P.sum(axis=0)
    z = (
        block
        - row[:, :, None] * pc[None, None, :]
        - pr[None, :, None] * column[:, None, :]
        + np.outer(pr, pc)
    )
    w = (design.weights * here)[:, None]
    V = design.covariance(_apart, w * z.reshape(len(cells), -1)[:, use])
    Y = N * (P - np.outer(pr, pc)).ravel()[use]
    if (P == 0.0).any() and np.linalg.cond(V) > SINGULAR:
        raise _too_empty(P)
    return float(Y @ np.linalg.solve(V, Y))
