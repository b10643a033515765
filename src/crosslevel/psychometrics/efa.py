"""Exploratory factor analysis: how many things items measure, and which items go where."""

from __future__ import annotations

import dataclasses
import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd

from crosslevel.errors import MeasurementError, NotConvergedWarning
from crosslevel.frames import RESULT_COLUMNS
from crosslevel.psychometrics.extraction import LOWEST, METHODS, Extraction, extract
from crosslevel.psychometrics.factor_fit import FactorFit, factor_fit
from crosslevel.psychometrics.grouping import Floats, check_seed, check_whole, refusal
from crosslevel.psychometrics.item_matrix import ItemMatrix, item_matrix
from crosslevel.psychometrics.notices import HeywoodWarning, ItemDirectionWarning
from crosslevel.psychometrics.rotation import ROTATIONS, Rotation, rotate

_MESSAGE = "These factors cannot be extracted."
_STOPPED = 1e-5


@dataclass(frozen=True, slots=True)
class FactorSolution:
    """An exploratory factor solution.

    Attributes
    ----------
    loadings
        (n_items, n_factors) pattern: weight of each factor in each item; the factor that explains
        most comes first, each with a positive sum.
    factor_correlations
        (n_factors, n_factors); the identity for an orthogonal rotation.
    communalities, uniquenesses
        Share of each item's variance that the factors explain, and the rest.
    unrotated
        (n_items, n_factors) loadings before rotation.
    correlations
        (n_items, n_items) that were analysed.
    fit
        Test and indices of fit.
    heywood
        Items without unique variance.
    """

    loadings: pd.DataFrame
    factor_correlations: pd.DataFrame
    communalities: pd.Series
    uniquenesses: pd.Series
    unrotated: pd.DataFrame
    correlations: pd.DataFrame
    fit: FactorFit
    heywood: tuple[str, ...]
    method: str
    rotation: str
    n: int
    dropped: int

    @property
    def structure(self) -> pd.DataFrame:
        """(n_items, n_factors) correlations of items with factors."""
        values = self.loadings.to_numpy() @ self.factor_correlations.to_numpy()
        return _frame(values, list(self.loadings.index), list(self.loadings.columns))

    def variance(self) -> pd.DataFrame:
        """One row per factor: sum of squared loadings, share of the items' variance, cumulated."""
        phi = self.factor_correlations.to_numpy()
        explained = np.diag(phi @ self.loadings.T.to_numpy() @ self.loadings.to_numpy())
        share = explained / len(self.loadings)
        columns = {"factor": list(self.loadings.columns), "ss_loadings": explained}
        columns |= {"proportion": share, "cumulative": np.cumsum(share)}
        return pd.DataFrame(columns)

    def residuals(self) -> pd.DataFrame:
        """(n_items, n_items) observed minus reproduced correlations; uniqueness on the diagonal."""
        unrotated = self.unrotated.to_numpy()
        values = self.correlations.to_numpy() - unrotated @ unrotated.T
        return _frame(values, list(self.loadings.index), list(self.loadings.index))

    def tidy(self) -> pd.DataFrame:
        """One row per item and factor: term is the item, group the factor, estimate the loading."""
        return long_loadings(self.loadings)

    def glance(self) -> pd.DataFrame:
        """One row: respondents, items, factors and the fit."""
        row: dict[str, object] = {"n": self.n, "dropped": self.dropped}
        row |= {"n_items": len(self.loadings), "n_factors": self.loadings.shape[1]}
        row |= {"method": self.method, "rotation": self.rotation}
        return pd.DataFrame([row | dataclasses.asdict(self.fit)])

    def __repr__(self) -> str:
        fit = self.fit
        p = "p < 0.001" if fit.p_value < 0.001 else f"p = {fit.p_value:.3f}"
        test = f"chi2({fit.df}) = {fit.chisq:.2f}, {p}, " if fit.df > 0 else ""
        indices = f"RMSEA {fit.rmsea:.3f}, TLI {fit.tli:.3f}, " if fit.df > 0 else ""
        heywood = f", no unique variance: {', '.join(self.heywood)}" if self.heywood else ""
        return (
            f"{self.loadings.shape[1]} factor(s) ({self.method}, {self.rotation}) of "
            f"{len(self.loadings)} items, {self.n} respondents ({self.dropped} dropped): "
            f"{test}{indices}RMSR {fit.rmsr:.3f}{heywood}"
        )


def efa(
    items: pd.DataFrame,
    n_factors: int,
    *,
    method: str = "minres",
    rotation: str = "oblimin",
    ordered: bool = False,
    smooth: bool = False,
    starts: int = 10,
    seed: int = 0,
) -> FactorSolution:
    """Return factors that explain the correlations of the items, rotated to simple structure.

    Use it before a confirmatory model, or when items are new; decide `n_factors` beforehand with
    `parallel_analysis` and `minimum_average_partial`. Rests on respondents who answered all items.

    Parameters
    ----------
    items
        (n_persons, n_items) answers; nan = not answered.
    n_factors
        Number of factors.
    method
        "minres" (smallest squared residual correlations; robust to misfit) or "ml" (maximum
        likelihood; assumes normal items).
    rotation
        "oblimin" or "promax" (correlated factors), "varimax" (uncorrelated) or "none".
    ordered
        Whether to analyse polychoric correlations: few categories, or skewed answers. The test of
        fit is then a rough guide.
    smooth
        Whether a polychoric matrix that is not positive definite is moved to one that is.
    starts, seed
        Random starts of the rotation, and their seed; the best criterion is kept.

    Returns
    -------
    FactorSolution

    Raises
    ------
    MeasurementError
        For items without a usable correlation matrix, an unknown method or rotation, no seed, or
        more factors than the correlations can tell apart.

    Warns
    -----
    HeywoodWarning
        When an item ends without unique variance.
    ItemDirectionWarning
        When there is one factor and an item loads negatively: it may have been left reversed.
    NotConvergedWarning
        When a search stopped before its minimum.

    Notes
    -----
    See `extract` and `rotate` for the criteria. Source: Fabrigar et al. (1999) for choices. Agrees
    with R psych::fa.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> factor = rng.normal(size=(300, 2)) @ np.repeat(np.eye(2), 3, axis=1)
    >>> answers = pd.DataFrame(factor + rng.normal(size=(300, 6)), columns=list("abcdef"))
    >>> found = efa(answers, 2)
    >>> (found.loadings.abs() > 0.5).sum().tolist(), found.fit.df
    ([3, 3], 4)
    """
    _check_choice("method", method, METHODS)
    _check_choice("rotation", rotation, ROTATIONS)
    matrix = item_matrix(items, what="factor analysis", ordered=ordered, smooth=smooth)
    _check_factors(items, n_factors)
    check_seed(seed, "The rotation")
    extracted = extract(matrix.correlations, n_factors, method=method)
    rotated = sorted_factors(
        rotate(extracted.loadings, rotation=rotation, starts=starts, seed=seed)
    )
    solution = _solution(matrix, extracted, rotated, method=method, rotation=rotation)
    _warn(solution, extracted, rotated)
    return solution


def long_loadings(loadings: pd.DataFrame) -> pd.DataFrame:
    """Return a loading matrix with one row per item and factor and the standard columns.

    Examples
    --------
    >>> long_loadings(pd.DataFrame({"F1": [0.5]}, index=["a"])).iloc[:, :3]
      term group  estimate
    0    a    F1       0.5
    """
    wide = loadings.rename_axis(index="term").reset_index()
    long = wide.melt(id_vars="term", var_name="group", value_name="estimate")
    return long.reindex(columns=list(RESULT_COLUMNS))


def sorted_factors(rotated: Rotation) -> Rotation:
    """Return the rotation with the factor that explains most first, each with a positive sum.

    Examples
    --------
    >>> found = sorted_factors(Rotation(np.array([[0.1, -0.8]]), np.eye(2), 0.0, converged=True))
    >>> found.loadings.tolist()
    [[0.8, 0.1]]
    """
    L, phi = rotated.loadings, rotated.correlations
    order = np.argsort(-np.diag(phi @ L.T @ L), kind="stable")
    sign = np.where(L.sum(axis=0) < 0, -1.0, 1.0)
    turned = phi * sign[:, None] * sign
    np.fill_diagonal(turned, 1.0)
    return dataclasses.replace(
        rotated, loadings=(L * sign)[:, order], correlations=turned[np.ix_(order, order)]
    )


def _solution(
    matrix: ItemMatrix, extracted: Extraction, rotated: Rotation, *, method: str, rotation: str
) -> FactorSolution:
    """Name the arrays."""
    names = list(matrix.names)
    factors = [f"F{i + 1}" for i in range(rotated.loadings.shape[1])]
    explained = pd.Series(extracted.communalities, index=names, name="communality")
    return FactorSolution(
        loadings=_frame(rotated.loadings, names, factors),
        factor_correlations=_frame(rotated.correlations, factors, factors),
        communalities=explained,
        uniquenesses=(1 - explained).rename("uniqueness"),
        unrotated=_frame(extracted.loadings, names, factors),
        correlations=_frame(matrix.correlations, names, names),
        fit=factor_fit(matrix.correlations, extracted.loadings, matrix.n),
        heywood=tuple(names[i] for i in extracted.heywood),
        method=method,
        rotation=rotation,
        n=matrix.n,
        dropped=matrix.dropped,
    )


def _frame(values: Floats, rows: list[str], columns: list[str]) -> pd.DataFrame:
    """Array with labels."""
    return pd.DataFrame(values, index=rows, columns=columns)


def _check_choice(name: str, value: str, known: tuple[str, ...]) -> None:
    """Refuse an unknown word."""
    if value not in known:
        listed = ", ".join(f"'{word}'" for word in known)
        raise MeasurementError(f"`{name}` must be one of {listed}, got '{value}'.")


def _check_factors(items: pd.DataFrame, n_factors: int) -> None:
    """Refuse more factors than the correlations can tell apart."""
    check_whole("n_factors", n_factors)
    p = items.shape[1]
    most = max(m for m in range(p) if (p - m) ** 2 >= p + m)
    if not 1 <= n_factors <= most:
        found = f"the correlations of {p} items can tell 1 to {most} factors, got {n_factors}."
        raise refusal(items, found, message=_MESSAGE)


def _warn(solution: FactorSolution, extracted: Extraction, rotated: Rotation) -> None:
    """Say what needs a second look."""
    if solution.heywood:
        names = ", ".join(f"'{name}'" for name in solution.heywood)
        text = (
            f"Item(s) {names} have no unique variance left (at the lower bound {LOWEST:g}): too "
            "many factors, too few respondents, or two items that say the same."
        )
        warnings.warn(text, HeywoodWarning, stacklevel=3)
    if extracted.gradient > _STOPPED or not rotated.converged:
        what = "extraction" if extracted.gradient > _STOPPED else "rotation"
        text = f"The {what} stopped before its minimum. Try fewer factors, or more starts."
        warnings.warn(text, NotConvergedWarning, stacklevel=3)
    against = solution.loadings.index[solution.loadings.iloc[:, 0] < 0]
    if solution.loadings.shape[1] == 1 and len(against):
        names = ", ".join(f"'{name}'" for name in against)
        text = (
            f"Item(s) {names} load negatively on the one factor: was a reverse item left "
            "unreversed?"
        )
        warnings.warn(text, ItemDirectionWarning, stacklevel=3)
