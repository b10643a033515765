"""Cross tables of all pairs of ordered items, and what a correlation makes of their cells.

tau are thresholds, rho correlations, P the probabilities of cells; pairs (i, j), i < j, run in the
order of `numpy.triu_indices`. Tables of items with fewer categories are padded with empty cells.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from crosslevel.psychometrics.bivariate_normal import FAR, bivariate_cdf, bivariate_density
from crosslevel.psychometrics.grouping import Floats
from crosslevel.psychometrics.ordered_answers import OrderedAnswers

_LEAST = 1e-100
_EMPTY_CELL = 0.5  # moved into the one empty cell of a 2 x 2 table, margins kept


@dataclass(frozen=True, slots=True)
class CrossTables:
    """Counts and thresholds of every pair.

    Attributes
    ----------
    first, second
        (n_pairs,) items of each pair.
    counts
        (n_pairs, c, c) respondents per cell, c the largest number of categories.
    tau
        (n_items, c - 1) thresholds, padded with a value beyond which there is nothing.
    """

    first: npt.NDArray[np.intp]
    second: npt.NDArray[np.intp]
    counts: Floats
    tau: Floats

    @property
    def real(self) -> npt.NDArray[np.bool_]:
        """(n_items, c - 1) whether the item has that threshold."""
        return self.tau < FAR

    @property
    def limits(self) -> tuple[Floats, Floats]:
        """Thresholds of the first and second item of each pair, ready to broadcast to cells."""
        return self.tau[self.first][:, :, None], self.tau[self.second][:, None, :]


@dataclass(frozen=True, slots=True)
class Cells:
    """(n_pairs, c, c) probability of each cell, its slope and the slope's slope in rho."""

    probability: Floats
    slope: Floats
    curvature: Floats


def cross_tables(answers: OrderedAnswers) -> CrossTables:
    """Return counts of all pairs and thresholds of all items.

    Examples
    --------
    >>> import pandas as pd
    >>> from crosslevel.psychometrics.ordered_answers import ordered_answers
    >>> tables = cross_tables(ordered_answers(pd.DataFrame({"a": [1, 2, 2], "b": [4, 5, 4]})))
    >>> tables.counts.tolist()
    [[[1.0, 0.0], [1.0, 1.0]]]
    """
    chosen = answers.indicators()
    n_items, c = chosen.shape[1:]
    flat = chosen.reshape(len(chosen), -1)
    joint = (flat.T @ flat).reshape(n_items, c, n_items, c).transpose(0, 2, 1, 3)
    first, second = np.triu_indices(n_items, 1)
    return CrossTables(first, second, joint[first, second], _thresholds(chosen, answers.sizes))


def _thresholds(chosen: Floats, sizes: npt.NDArray[np.intp]) -> Floats:
    """Normal quantiles of the cumulative proportions, padded where there is no category."""
    counts = chosen.sum(axis=0)
    below = np.cumsum(counts, axis=1)[:, :-1] / counts.sum(axis=1, keepdims=True)
    real = np.arange(1, counts.shape[1]) < sizes[:, None]
    return np.where(real, special.ndtri(np.where(real, below, 0.5)), FAR)


def cells(tables: CrossTables, rho: Floats) -> Cells:
    """Return what the correlations (n_pairs,) say about each cell.

    Notes
    -----
    P_ij is the second difference of the bivariate normal distribution over the thresholds; its
    slopes are the second differences of the density and of the density's slope.

    Examples
    --------
    >>> import pandas as pd
    >>> from crosslevel.psychometrics.ordered_answers import ordered_answers
    >>> tables = cross_tables(ordered_answers(pd.DataFrame({"a": [1, 2] * 2, "b": [1, 1, 2, 2]})))
    >>> cells(tables, np.zeros(1)).probability.tolist()
    [[[0.25, 0.25], [0.25, 0.25]]]
    """
    h, k = tables.limits
    r = rho[:, None, None]
    corner = np.pad(bivariate_cdf(h, k, r), ((0, 0), (1, 1), (1, 1)))
    corner[:, 1:-1, -1] = special.ndtr(h[:, :, 0])
    corner[:, -1, 1:-1] = special.ndtr(k[:, 0, :])
    corner[:, -1, -1] = 1.0
    density, slope = (np.pad(part, ((0, 0), (1, 1), (1, 1))) for part in bivariate_density(h, k, r))
    probability = np.maximum(_second_difference(corner), _LEAST)
    return Cells(probability, _second_difference(density), _second_difference(slope))


def fitting_counts(tables: CrossTables) -> Floats:
    """Return the counts with half a respondent moved into the one empty cell of a 2 x 2 table.

    Without it the correlation of such a table is -1 or 1. Margins stay as they are.

    Examples
    --------
    >>> import pandas as pd
    >>> from crosslevel.psychometrics.ordered_answers import ordered_answers
    >>> items = pd.DataFrame({"a": [1, 2, 2, 2, 1], "b": [4, 5, 4, 5, 4]})
    >>> fitting_counts(cross_tables(ordered_answers(items))).tolist()
    [[[1.5, 0.5], [1.5, 1.5]]]
    """
    counts = tables.counts.copy()
    two = tables.real.sum(axis=1) == 1
    small = two[tables.first] & two[tables.second]
    block = counts[:, :2, :2]
    one_empty = small & ((block == 0).sum(axis=(1, 2)) == 1)
    on_diagonal = (block[:, 0, 0] == 0) | (block[:, 1, 1] == 0)
    moved = np.where(on_diagonal, _EMPTY_CELL, -_EMPTY_CELL) * one_empty
    turn = np.array([[1.0, -1.0], [-1.0, 1.0]])
    counts[:, :2, :2] += moved[:, None, None] * turn
    return counts


def _second_difference(corners: Floats) -> Floats:
    """(n_pairs, c + 1, c + 1) values at corners -> (n_pairs, c, c) values of cells."""
    return np.diff(np.diff(corners, axis=1), axis=2)
