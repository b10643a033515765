"""Thresholds and polychoric correlations by two-step maximum likelihood, with their covariance.

tau are thresholds, rho polychoric correlations, Gamma the covariance of (tau, rho) times n.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from crosslevel.psychometrics.cross_tables import (
    CrossTables,
    cells,
    cross_tables,
    fitting_counts,
)
from crosslevel.psychometrics.grouping import Floats
from crosslevel.psychometrics.ordered_answers import OrderedAnswers
from crosslevel.psychometrics.ordered_covariance import asymptotic_covariance

BOUND = 0.99999
AT_END = 0.999
_CLOSE = 1e-12
_STEPS = 60


@dataclass(frozen=True, slots=True)
class OrderedMoments:
    """What a model of ordered items is fitted to.

    Attributes
    ----------
    names
        Items.
    n
        Respondents.
    thresholds
        (n_thresholds,) item after item, lowest first.
    threshold_item
        (n_thresholds,) position of the item of each threshold.
    correlations
        (n_items, n_items) polychoric correlations.
    boundary
        Pairs (i, j) whose correlation runs to -1 or 1.
    gamma
        (n_thresholds + n_pairs, same) covariance of thresholds and correlations (in the order of
        `numpy.triu_indices`) times n; (0, 0) when it was not asked for.
    """

    names: tuple[str, ...]
    n: int
    thresholds: Floats
    threshold_item: npt.NDArray[np.intp]
    correlations: Floats
    boundary: tuple[tuple[int, int], ...]
    gamma: Floats

    @property
    def pairs(self) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        """First and second item of each pair."""
        return np.triu_indices(len(self.names), 1)


def ordered_moments(answers: OrderedAnswers, *, covariance: bool = True) -> OrderedMoments:
    """Return thresholds, polychoric correlations and, if asked for, their asymptotic covariance.

    Use it under models of ordered items; `polychoric` shows the same to people.

    Parameters
    ----------
    answers
        Coded answers; with -1 (missing) every pair rests on the persons who answered both.
    covariance
        Whether Gamma is needed; it costs a cross-product over persons.

    Returns
    -------
    OrderedMoments

    Notes
    -----
    Step 1: tau = normal quantiles of cumulative proportions. Step 2: rho of each pair maximises
    sum n_ij log P_ij(rho) given tau; Newton steps for all pairs at once, kept inside a bracket.
    Gamma = n B^-1 (sum s s') B^-T with the scores s of both steps and B = [A11 0; A21 A22] from
    their outer products. Source: Olsson (1979), eqs. 4-6; Muthen (1984), section 4. Agrees with R
    lavaan (lavCor, and the "gamma" of a fit).

    Examples
    --------
    >>> import pandas as pd
    >>> from crosslevel.psychometrics.ordered_answers import ordered_answers
    >>> items = pd.DataFrame({"a": [1, 1, 2, 2, 3, 3, 2, 1], "b": [1, 2, 1, 2, 2, 2, 1, 1]})
    >>> moments = ordered_moments(ordered_answers(items))
    >>> moments.correlations[0, 1].round(3).item(), moments.gamma.shape
    (0.643, (4, 4))
    """
    tables = cross_tables(answers)
    rho = _correlate(tables)
    k = len(answers.names)
    real = tables.real
    matrix = np.eye(k)
    matrix[tables.first, tables.second] = matrix[tables.second, tables.first] = rho
    ends = np.flatnonzero(np.abs(rho) > AT_END)
    return OrderedMoments(
        names=answers.names,
        n=len(answers.codes),
        thresholds=tables.tau[real],
        threshold_item=np.nonzero(real)[0],
        correlations=matrix,
        boundary=tuple((int(tables.first[p]), int(tables.second[p])) for p in ends),
        gamma=asymptotic_covariance(answers, tables, rho) if covariance else np.empty((0, 0)),
    )


def _correlate(tables: CrossTables) -> Floats:
    """(n_pairs,) correlations at the maximum of each pair's likelihood."""
    counts = fitting_counts(tables)
    rho = _start(counts)
    low, high = np.full(len(rho), -BOUND), np.full(len(rho), BOUND)
    active = np.arange(len(rho))
    for _ in range(_STEPS):
        part = CrossTables(tables.first[active], tables.second[active], counts[active], tables.tau)
        now = rho[active]
        slope, curvature = _likelihood_slopes(part, now)
        low[active] = np.where(slope > 0, now, low[active])
        high[active] = np.where(slope > 0, high[active], now)
        step = slope / np.where(curvature > 0, curvature, np.inf)
        new = now + step
        outside = (new <= low[active]) | (new >= high[active]) | (curvature <= 0)
        new = np.where(outside, (low[active] + high[active]) / 2, new)
        rho[active] = new
        moving = (np.abs(new - now) > _CLOSE) & (high[active] - low[active] > _CLOSE)
        active = active[moving]
        if active.size == 0:
            break
    return rho


def _start(counts: Floats) -> Floats:
    """(n_pairs,) correlations of category numbers."""
    score = np.arange(counts.shape[1], dtype=np.float64)
    n = counts.sum(axis=(1, 2))
    rows, columns = counts.sum(axis=2), counts.sum(axis=1)
    x, y = rows @ score / n, columns @ score / n
    xx, yy = rows @ score**2 / n - x**2, columns @ score**2 / n - y**2
    xy = np.einsum("pij,i,j->p", counts, score, score) / n - x * y
    start: Floats = np.clip(xy / np.sqrt(np.maximum(xx * yy, 1e-12)), -0.9, 0.9)
    return start


def _likelihood_slopes(tables: CrossTables, rho: Floats) -> tuple[Floats, Floats]:
    """Slope of each pair's log-likelihood in rho, and minus its second derivative."""
    found = cells(tables, rho)
    ratio = found.slope / found.probability
    bend = ratio**2 - found.curvature / found.probability
    full = tables.counts > 0
    slope = (tables.counts * np.where(full, ratio, 0.0)).sum(axis=(1, 2))
    return slope, (tables.counts * np.where(full, bend, 0.0)).sum(axis=(1, 2))
