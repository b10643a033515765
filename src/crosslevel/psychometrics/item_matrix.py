"""The correlation matrix of items that exploratory methods start from, checked once at the door."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from crosslevel.errors import SHOWN, MeasurementError, Problem
from crosslevel.psychometrics.answers import (
    MATRIX,
    as_floats,
    check_numbers,
    like_matrix,
    read_answers,
)
from crosslevel.psychometrics.coefficients import correlation_of, tied
from crosslevel.psychometrics.grouping import Floats, refusal
from crosslevel.psychometrics.polychoric import polychoric

_MESSAGE = "The items have no usable correlation matrix."


@dataclass(frozen=True, slots=True)
class ItemMatrix:
    """Correlations of items that can be inverted.

    Attributes
    ----------
    names
        Items.
    correlations
        (n_items, n_items), Pearson or polychoric.
    n, dropped
        Respondents who answered every item, and those left out.
    """

    names: tuple[str, ...]
    correlations: Floats
    n: int
    dropped: int


def item_matrix(
    items: pd.DataFrame,
    *,
    what: str,
    ordered: bool = False,
    smooth: bool = False,
    least: int = 3,
) -> ItemMatrix:
    """Return the correlations of the items over respondents who answered all of them.

    Parameters
    ----------
    items
        (n_persons, n_items) answers, never a correlation matrix.
    what
        The analysis asked for, as messages name it.
    ordered
        Polychoric instead of Pearson correlations.
    smooth
        Whether a polychoric matrix that is not positive definite is moved to one that is.
    least
        Items that are needed: two or three.

    Returns
    -------
    ItemMatrix

    Raises
    ------
    MeasurementError
        With too few items, no more respondents than items, an item that is no number or does not
        vary, a frame that is itself a matrix of correlations, or correlations that cannot be
        inverted.

    Examples
    --------
    >>> answers = pd.DataFrame({"a": [1.0, 2, 3, 4], "b": [1.0, 3, 2, 4]})
    >>> item_matrix(answers, what="an example", least=2).correlations.round(3).tolist()
    [[1.0, 0.8], [0.8, 1.0]]
    """
    if ordered:
        found = polychoric(items, smooth=smooth)
        matrix, names, n = found.correlations.to_numpy(), found.moments.names, found.n
    else:
        check_numbers(items)
        _refuse_matrix(items)
        answers = read_answers(items, what=what, least=least)
        matrix, names, n = correlation_of(answers.covariance()), answers.names, answers.shape[0]
    if n <= len(names):
        found_rows = f"{n} respondents answered all {len(names)} items."
        fix = "There must be more of them than items."
        raise refusal(items, f"{found_rows} {fix}", message=_MESSAGE)
    _check_rank(names, matrix, ordered=ordered)
    return ItemMatrix(names, matrix, n, len(items) - n)


def complete_values(items: pd.DataFrame) -> Floats:
    """Return the (n, n_items) answers of respondents who answered every item.

    Examples
    --------
    >>> complete_values(pd.DataFrame({"a": [1, 2, None], "b": [3, 4, 5]})).tolist()
    [[1.0, 3.0], [2.0, 4.0]]
    """
    values = as_floats(items)
    complete: Floats = values[np.isfinite(values).all(axis=1)]
    return complete


def _refuse_matrix(items: pd.DataFrame) -> None:
    """Refuse a frame that is itself a matrix of correlations or covariances."""
    if like_matrix(items):
        raise refusal(items, MATRIX, message=_MESSAGE)


def _check_rank(names: tuple[str, ...], matrix: Floats, *, ordered: bool) -> None:
    """Refuse a matrix that cannot be inverted, naming the items that determine each other."""
    at = tied(matrix)
    if not at:
        return
    if ordered:
        smallest = np.linalg.eigvalsh(matrix)[0]
        fix = "Pass smooth=True, or use fewer items."
        found = f"their polychoric matrix is not positive definite (eigenvalue {smallest:.3g})."
        raise MeasurementError(_MESSAGE, [Problem(f"{len(names)} items", found, fix)])
    listed = ", ".join(f"'{names[i]}'" for i in at[:SHOWN]) + (" ..." if len(at) > SHOWN else "")
    fix = "Leave out a total, or an item that is there twice."
    raise MeasurementError(_MESSAGE, [Problem(f"items {listed}", "determine each other.", fix)])
