"""Correlations of what lies behind ordered answers: the polychoric matrix for people to read."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from crosslevel.frames import RESULT_COLUMNS
from crosslevel.psychometrics.answers import warn_matrix
from crosslevel.psychometrics.grouping import Floats, check_level
from crosslevel.psychometrics.notices import (
    BoundaryCorrelationWarning,
    NotPositiveDefiniteWarning,
)
from crosslevel.psychometrics.ordered_answers import ordered_answers
from crosslevel.psychometrics.ordered_moments import OrderedMoments, ordered_moments

_FLOOR = 1e-8  # smallest eigenvalue of a matrix that counts as positive definite


@dataclass(frozen=True, slots=True)
class Polychoric:
    """Polychoric correlations and thresholds of ordered items.

    Attributes
    ----------
    correlations
        (n_items, n_items) frame.
    thresholds
        One row per threshold: item, threshold (1 is the lowest), estimate, std_error.
    n, dropped
        Respondents used, and left out for a missing answer.
    smallest_eigenvalue
        Of the matrix as it was estimated, before any smoothing.
    smoothed
        Whether `correlations` were moved to the nearest usable matrix.
    """

    correlations: pd.DataFrame
    thresholds: pd.DataFrame
    n: int
    dropped: int
    smallest_eigenvalue: float
    smoothed: bool
    moments: OrderedMoments

    def tidy(self, *, conf_level: float = 0.95) -> pd.DataFrame:
        """One row per pair of items with the standard columns; Wald intervals, cut at -1 and 1."""
        check_level(conf_level)
        first, second = self.moments.pairs
        estimate = self.moments.correlations[first, second]
        error = self._errors()[len(self.thresholds) :]
        z = estimate / error
        reach = stats.norm.ppf((1 + conf_level) / 2) * error
        names = self.moments.names
        table = {
            "term": [f"{names[i]} ~~ {names[j]}" for i, j in zip(first, second, strict=True)],
            "estimate": estimate,
            "std_error": error,
            "statistic": z,
            "p_value": 2 * stats.norm.sf(np.abs(z)),
            "conf_low": np.maximum(estimate - reach, -1),
            "conf_high": np.minimum(estimate + reach, 1),
        }
        return pd.DataFrame(table).reindex(columns=list(RESULT_COLUMNS))

    def glance(self) -> pd.DataFrame:
        """One row: respondents, items, smallest eigenvalue, smoothed."""
        row = {
            "n": self.n,
            "dropped": self.dropped,
            "n_items": len(self.correlations),
            "smallest_eigenvalue": self.smallest_eigenvalue,
            "smoothed": self.smoothed,
        }
        return pd.DataFrame([row])

    def covariance(self) -> pd.DataFrame:
        """Covariance of thresholds and correlations, labelled "C1|t1" and "C1~~C2"."""
        labels = [f"{r.item}|t{r.threshold}" for r in self.thresholds.itertuples()]
        labels += [
            f"{self.moments.names[i]}~~{self.moments.names[j]}"
            for i, j in zip(*self.moments.pairs, strict=True)
        ]
        return pd.DataFrame(self.moments.gamma / self.n, index=labels, columns=labels)

    def _errors(self) -> Floats:
        """Standard errors of thresholds, then of correlations."""
        return np.sqrt(np.diag(self.moments.gamma) / self.n)

    def __repr__(self) -> str:
        smoothed = ", smoothed" if self.smoothed else ""
        return (
            f"polychoric correlations of {len(self.correlations)} items, {self.n} respondents "
            f"({self.dropped} dropped), smallest eigenvalue "
            f"{self.smallest_eigenvalue:.3g}{smoothed}"
        )


def polychoric(items: pd.DataFrame, *, missing: str = "drop", smooth: bool = False) -> Polychoric:
    """Return polychoric correlations and thresholds of ordered items.

    Use it for answers on few categories, or skewed ones, where ordinary correlations are too
    small. It assumes that a normal variable lies behind each answer, each pair bivariate normal.

    Parameters
    ----------
    items
        (n_persons, n_items) numbers or ordered categoricals, at most 12 categories each.
    missing
        "drop" rests on persons who answered every item; "pairwise" on those who answered both
        items of a pair.
    smooth
        Whether a matrix that is not positive definite is moved to one that is.

    Returns
    -------
    Polychoric

    Raises
    ------
    MeasurementError
        As `ordered_answers`; with "pairwise", also when nobody answered both items of a pair.

    Warns
    -----
    BoundaryCorrelationWarning
        When a pair's likelihood rises up to -1 or 1: cells that disagree are empty.
    NotPositiveDefiniteWarning
        When the matrix is not positive definite.
    EmptyCategoryWarning
        When nobody chose a category in the middle.
    SquareFrameWarning
        When the frame looks like a correlation matrix; it is read as answers.

    Notes
    -----
    See `ordered_moments`. In a 2 x 2 table with one empty cell half a respondent is moved into
    it. Smoothing raises eigenvalues to 1e-8 and scales the diagonal back to 1. Cost: some ten
    passes over the cells of all pairs. Source: Olsson (1979). Agrees with R lavaan::lavCor.

    Examples
    --------
    >>> items = pd.DataFrame({"a": [1, 1, 2, 2, 3, 3, 2, 1], "b": [1, 2, 1, 2, 2, 2, 1, 1]})
    >>> found = polychoric(items)
    >>> found.correlations.round(3).loc["a", "b"].item()
    0.643
    >>> found.thresholds.round(2)[["item", "threshold", "estimate"]]
      item  threshold  estimate
    0    a          1     -0.32
    1    a          2      0.67
    2    b          1      0.00
    """
    answers = ordered_answers(items, missing=missing)
    warn_matrix(items, stacklevel=2)
    moments = ordered_moments(answers)
    _warn_boundary(moments)
    smallest = float(np.linalg.eigvalsh(moments.correlations)[0])
    usable = smallest >= _FLOOR
    matrix = moments.correlations
    if not usable:
        _warn_not_positive_definite(smallest, smooth=smooth)
        matrix = smoothed_correlations(matrix) if smooth else matrix
    names = list(moments.names)
    return Polychoric(
        correlations=pd.DataFrame(matrix, index=names, columns=names),
        thresholds=_threshold_table(moments),
        n=moments.n,
        dropped=answers.dropped,
        smallest_eigenvalue=smallest,
        smoothed=smooth and not usable,
        moments=moments,
    )


def smoothed_correlations(matrix: Floats) -> Floats:
    """Return the correlation matrix with eigenvalues raised to 1e-8 and its diagonal 1 again.

    Examples
    --------
    >>> bad = np.array([[1.0, 0.9, -0.9], [0.9, 1.0, 0.9], [-0.9, 0.9, 1.0]])
    >>> smoothed_correlations(bad).round(3).tolist()
    [[1.0, 0.5, -0.5], [0.5, 1.0, 0.5], [-0.5, 0.5, 1.0]]
    """
    values, vectors = np.linalg.eigh(matrix)
    raised = (vectors * np.maximum(values, _FLOOR)) @ vectors.T
    scale = 1 / np.sqrt(np.diag(raised))
    result: Floats = raised * scale[:, None] * scale
    return result


def _threshold_table(moments: OrderedMoments) -> pd.DataFrame:
    """One row per threshold."""
    item = moments.threshold_item
    errors = np.sqrt(np.diag(moments.gamma)[: len(item)] / moments.n)
    place = pd.Series(item).groupby(item).cumcount().to_numpy() + 1
    names = np.array(moments.names, dtype=object)[item]
    return pd.DataFrame(
        {
            "item": names,
            "threshold": place,
            "estimate": moments.thresholds,
            "std_error": errors,
        }
    )


def _warn_boundary(moments: OrderedMoments) -> None:
    """Name pairs whose correlation runs to -1 or 1."""
    if moments.boundary:
        pairs = [f"'{moments.names[i]}' and '{moments.names[j]}'" for i, j in moments.boundary]
        more = f" and {len(pairs) - 5} more pairs" if len(pairs) > 5 else ""
        warnings.warn(
            f"The polychoric correlation of {', '.join(pairs[:5])}{more} runs to -1 or 1: the "
            "cells that would disagree are empty. Leave one of the two out, or join categories.",
            BoundaryCorrelationWarning,
            stacklevel=3,
        )


def _warn_not_positive_definite(smallest: float, *, smooth: bool) -> None:
    """Say that the matrix cannot be inverted, and what was or can be done."""
    done = "It was smoothed." if smooth else "Models of it need smooth=True, or fewer items."
    warnings.warn(
        "The polychoric matrix is not positive definite (smallest eigenvalue "
        f"{smallest:.3g}): too few respondents for these items, or items that say the same. {done}",
        NotPositiveDefiniteWarning,
        stacklevel=3,
    )
