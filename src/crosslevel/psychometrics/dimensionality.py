"""How many factors: parallel analysis and the minimum average partial."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from crosslevel.errors import MeasurementError
from crosslevel.psychometrics.coefficients import correlation_of
from crosslevel.psychometrics.grouping import Floats, check_seed, check_whole
from crosslevel.psychometrics.item_matrix import complete_values, item_matrix
from crosslevel.psychometrics.ordered_answers import OrderedAnswers, ordered_answers
from crosslevel.psychometrics.ordered_moments import ordered_moments

REFERENCES = ("permutation", "normal")
BASES = ("components", "factors")


@dataclass(frozen=True, slots=True)
class ParallelAnalysis:
    """Eigenvalues beside those of data in which nothing goes together.

    Attributes
    ----------
    n_factors
        Leading eigenvalues above the reference.
    eigenvalues
        One row per component: component, eigenvalue, mean and quantile of the reference, retained.
    reference, basis, quantile, draws
        As asked for.
    """

    n_factors: int
    eigenvalues: pd.DataFrame
    reference: str
    basis: str
    quantile: float
    draws: int
    n: int
    dropped: int

    def tidy(self) -> pd.DataFrame:
        """One row per component."""
        return self.eigenvalues.copy()

    def glance(self) -> pd.DataFrame:
        """One row: number of factors and how it was found."""
        names = ("n_factors", "reference", "basis", "quantile", "draws", "n", "dropped")
        return pd.DataFrame([{name: getattr(self, name) for name in names}])

    def __repr__(self) -> str:
        return (
            f"parallel analysis suggests {self.n_factors} factor(s): eigenvalues of {self.basis} "
            f"above the {100 * self.quantile:g}% point of {self.draws} {self.reference} draws, "
            f"{self.n} respondents ({self.dropped} dropped)"
        )


@dataclass(frozen=True, slots=True)
class AveragePartial:
    """Average squared partial correlation after each number of components.

    Attributes
    ----------
    n_factors
        Where `average_squared` is smallest (Velicer 1976).
    n_factors_fourth
        Where `average_fourth` is smallest (Velicer, Eaton & Fava 2000).
    table
        One row per number of components, from 0: components, average_squared, average_fourth.
    """

    n_factors: int
    n_factors_fourth: int
    table: pd.DataFrame
    n: int
    dropped: int

    def tidy(self) -> pd.DataFrame:
        """One row per number of components."""
        return self.table.copy()

    def glance(self) -> pd.DataFrame:
        """One row: number of factors by both powers."""
        names = ("n_factors", "n_factors_fourth", "n", "dropped")
        return pd.DataFrame([{name: getattr(self, name) for name in names}])

    def __repr__(self) -> str:
        return (
            f"minimum average partial suggests {self.n_factors} factor(s) "
            f"({self.n_factors_fourth} by the fourth power), "
            f"{self.n} respondents ({self.dropped} dropped)"
        )


def parallel_analysis(
    items: pd.DataFrame,
    *,
    reference: str = "permutation",
    basis: str = "components",
    draws: int = 500,
    quantile: float = 0.95,
    ordered: bool = False,
    smooth: bool = False,
    seed: int = 0,
) -> ParallelAnalysis:
    """Return how many eigenvalues are larger than those of data in which nothing goes together.

    Use it to choose `n_factors` of `efa`. A weak factor in a small sample can be missed; a large
    sample can show factors too small to matter.

    Parameters
    ----------
    items
        (n_persons, n_items) answers; nan = not answered.
    reference
        "permutation" shuffles each item's own answers; "normal" draws normal ones.
    basis
        "components" (eigenvalues of the correlation matrix) or "factors" (with squared multiple
        correlations on its diagonal).
    draws, seed
        Number of reference data sets, and their seed.
    quantile
        Of the reference that an eigenvalue has to pass.
    ordered, smooth
        Polychoric correlations, of the data and of each permutation; slow.

    Returns
    -------
    ParallelAnalysis

    Raises
    ------
    MeasurementError
        As `efa`; for an unknown reference or basis, a quantile outside 0 to 1, fewer than 20
        draws, no seed, or ordered items with normal draws.

    Notes
    -----
    Cost: draws times n p^2. Source: Horn (1965); Glorfeld (1995) for the quantile; Buja & Eyuboglu
    (1992) for permutation. Agrees with R psych::fa.parallel within its Monte Carlo error; "factors"
    are those of `SMC = TRUE`, whose default takes communalities of one factor instead.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> factor = rng.normal(size=(300, 2)) @ np.repeat(np.eye(2), 3, axis=1)
    >>> parallel_analysis(pd.DataFrame(factor + rng.normal(size=(300, 6))), draws=100).n_factors
    2
    """
    _check(reference, basis, draws, quantile, ordered=ordered)
    check_seed(seed, "Parallel analysis")
    matrix = item_matrix(items, what="parallel analysis", ordered=ordered, smooth=smooth)
    rng = np.random.default_rng(seed)
    shape = (matrix.n, len(matrix.names))
    if ordered:
        answers = ordered_answers(items)
        drawn = (_polychoric(_shuffled(answers, rng)) for _ in range(draws))
    elif reference == "normal":
        drawn = (_pearson(rng.standard_normal(shape)) for _ in range(draws))
    else:
        values = complete_values(items)
        drawn = (_pearson(rng.permuted(values, axis=0)) for _ in range(draws))
    null = np.array([_eigenvalues(one, basis) for one in drawn])
    observed = _eigenvalues(matrix.correlations, basis)
    bar = np.quantile(null, quantile, axis=0)
    kept = np.logical_and.accumulate(observed > bar)
    table = {
        "component": np.arange(1, len(observed) + 1),
        "eigenvalue": observed,
        "mean": null.mean(axis=0),
        "quantile": bar,
        "retained": kept,
    }
    return ParallelAnalysis(
        n_factors=int(kept.sum()),
        eigenvalues=pd.DataFrame(table),
        reference=reference,
        basis=basis,
        quantile=quantile,
        draws=draws,
        n=matrix.n,
        dropped=matrix.dropped,
    )


def minimum_average_partial(
    items: pd.DataFrame, *, ordered: bool = False, smooth: bool = False
) -> AveragePartial:
    """Return the number of components after which items have least left in common.

    Use it beside `parallel_analysis`: it tends to one factor too few, that to one too many.

    Parameters
    ----------
    items
        (n_persons, n_items) answers; nan = not answered.
    ordered, smooth
        As in `efa`.

    Returns
    -------
    AveragePartial

    Raises
    ------
    MeasurementError
        As `efa`.

    Notes
    -----
    Mean of the squared (fourth power of the) correlations of items after the first m principal
    components are partialled out, m = 0 ... p - 2. Source: Velicer (1976), eqs. 1-6; Velicer, Eaton
    & Fava (2000). Agrees with R psych::VSS.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> factor = rng.normal(size=(300, 2)) @ np.repeat(np.eye(2), 6, axis=1)
    >>> minimum_average_partial(pd.DataFrame(factor + rng.normal(size=(300, 12)))).n_factors
    2
    """
    matrix = item_matrix(items, what="the average partial", ordered=ordered, smooth=smooth)
    R = matrix.correlations
    p = len(R)
    values, vectors = np.linalg.eigh(R)
    loadings = vectors[:, ::-1] * np.sqrt(np.maximum(values[::-1], 0.0))
    squared, fourth = [], []
    for m in range(p - 1):
        left = R - loadings[:, :m] @ loadings[:, :m].T
        scale = np.sqrt(np.maximum(np.diag(left), 1e-12))
        partial = left / scale[:, None] / scale
        squared.append(((partial**2).sum() - p) / (p * (p - 1)))
        fourth.append(((partial**4).sum() - p) / (p * (p - 1)))
    table = {"components": range(p - 1), "average_squared": squared, "average_fourth": fourth}
    return AveragePartial(
        n_factors=int(np.argmin(squared)),
        n_factors_fourth=int(np.argmin(fourth)),
        table=pd.DataFrame(table),
        n=matrix.n,
        dropped=matrix.dropped,
    )


def _check(reference: str, basis: str, draws: int, quantile: float, *, ordered: bool) -> None:
    """Refuse unknown words and numbers that make no sense."""
    if reference not in REFERENCES:
        listed = "' or '".join(REFERENCES)
        raise MeasurementError(f"`reference` must be '{listed}', got '{reference}'.")
    if basis not in BASES:
        listed = "' or '".join(BASES)
        raise MeasurementError(f"`basis` must be '{listed}', got '{basis}'.")
    if not 0 < quantile < 1:
        raise MeasurementError(f"`quantile` must be between 0 and 1, got {quantile:g}.")
    check_whole("draws", draws)
    if draws < 20:
        raise MeasurementError(f"`draws` must be at least 20, got {draws}.")
    if ordered and reference == "normal":
        raise MeasurementError(
            "Normal draws have no categories: for ordered items use reference='permutation'."
        )


def _eigenvalues(matrix: Floats, basis: str) -> Floats:
    """Largest first."""
    if basis == "factors":
        matrix = matrix.copy()
        np.fill_diagonal(matrix, 1 - 1 / np.diag(np.linalg.inv(matrix)))
    values: Floats = np.linalg.eigvalsh(matrix)[::-1].astype(np.float64)
    return values


def _pearson(values: Floats) -> Floats:
    """Correlations of columns."""
    return correlation_of(np.atleast_2d(np.cov(values, rowvar=False)))


def _shuffled(answers: OrderedAnswers, rng: np.random.Generator) -> OrderedAnswers:
    """Each item's answers in an order of their own."""
    codes = rng.permuted(answers.codes, axis=0)
    return OrderedAnswers(answers.names, codes, answers.sizes, answers.dropped)


def _polychoric(answers: OrderedAnswers) -> Floats:
    """Polychoric correlations alone."""
    return ordered_moments(answers, covariance=False).correlations
