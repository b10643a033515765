"""The asymptotic covariance of thresholds and polychoric correlations.

s are scores of persons, A11 and A21 their products within step 1 and between the steps, B the
two-step bread.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import special

from crosslevel.psychometrics.cross_tables import CrossTables, cells
from crosslevel.psychometrics.grouping import Floats
from crosslevel.psychometrics.ordered_answers import OrderedAnswers

_ROWS = 4096
_LEAST = float(np.finfo(np.float64).tiny)


def asymptotic_covariance(answers: OrderedAnswers, tables: CrossTables, rho: Floats) -> Floats:
    """Return the covariance of thresholds and correlations, times the number of persons.

    Parameters
    ----------
    answers, tables
        Coded answers and their cross tables.
    rho
        (n_pairs,) polychoric correlations.

    Returns
    -------
    ndarray
        (n_thresholds + n_pairs, same), thresholds item after item, then pairs.

    Notes
    -----
    Gamma = n B^-1 (sum s s') B^-T; B has A11 (block per item), A21 and a diagonal A22, all from
    outer products of scores. Cost n (n_thresholds + n_pairs)^2. Source: Muthen (1984), section 4;
    as R lavaan computes it.

    Examples
    --------
    >>> import pandas as pd
    >>> from crosslevel.psychometrics.cross_tables import cross_tables
    >>> from crosslevel.psychometrics.ordered_answers import ordered_answers
    >>> answers = ordered_answers(pd.DataFrame({"a": [1, 2] * 2, "b": [1, 1, 2, 2]}))
    >>> gamma = asymptotic_covariance(answers, cross_tables(answers), np.zeros(1))
    >>> gamma.diagonal().round(3).tolist()
    [1.571, 1.571, 2.467]
    """
    found = cells(tables, rho)
    rho_scores = found.slope / found.probability
    item = np.nonzero(tables.real)[0]
    q = len(item)
    inner = _score_products(answers, tables, _threshold_scores(tables), rho_scores)
    weighted = np.where(tables.counts > 0, tables.counts * rho_scores / found.probability, 0.0)
    A21 = _cross_information(tables, rho, weighted)
    A11_inverse = np.linalg.pinv(inner[:q, :q] * (item[:, None] == item), hermitian=True)
    a22 = np.maximum(np.diag(inner)[q:], _LEAST)
    bread = np.zeros_like(inner)
    bread[:q, :q] = A11_inverse
    bread[q:, :q] = -(A21 @ A11_inverse) / a22[:, None]
    bread[q:, q:] = np.diag(1 / a22)
    gamma: Floats = len(answers.codes) * (bread @ inner @ bread.T)
    return gamma


def _threshold_scores(tables: CrossTables) -> Floats:
    """(n_thresholds, c) slope of log P(category) of the threshold's item in the threshold."""
    tau = tables.tau
    share = np.maximum(np.diff(special.ndtr(tau), axis=1, prepend=0.0, append=1.0), _LEAST)
    item, t = np.nonzero(tables.real)
    height = _normal_density(tau[item, t])
    scores = np.zeros((len(item), tau.shape[1] + 1))
    row = np.arange(len(item))
    scores[row, t] = height / share[item, t]
    scores[row, t + 1] = -height / share[item, t + 1]
    return scores


def _score_products(
    answers: OrderedAnswers, tables: CrossTables, tau_scores: Floats, rho_scores: Floats
) -> Floats:
    """Sum over persons of the products of their scores, some thousand persons at a time."""
    item = np.nonzero(tables.real)[0]
    first, second = tables.first, tables.second
    size = len(item) + len(first)
    pair = np.arange(len(first))
    inner = np.zeros((size, size))
    for start in range(0, len(answers.codes), _ROWS):
        codes = answers.codes[start : start + _ROWS]
        answered = codes >= 0
        scores = np.empty((len(codes), size))
        scores[:, : len(item)] = tau_scores[np.arange(len(item)), codes[:, item]]
        scores[:, : len(item)] *= answered[:, item]
        scores[:, len(item) :] = rho_scores[pair, codes[:, first], codes[:, second]]
        scores[:, len(item) :] *= answered[:, first] & answered[:, second]
        inner += scores.T @ scores
    return inner


def _cross_information(tables: CrossTables, rho: Floats, weighted: Floats) -> Floats:
    """(n_pairs, n_thresholds) products of a pair's score in rho with those in its thresholds."""
    h, k = tables.limits
    r = rho[:, None, None]
    s = np.sqrt((1 - r) * (1 + r))
    real: npt.NDArray[np.bool_] = tables.real
    place = np.cumsum(real).reshape(real.shape) - 1
    A21 = np.zeros((len(rho), int(real.sum())))
    turned = (h.transpose(0, 2, 1), k.transpose(0, 2, 1), weighted.transpose(0, 2, 1))
    for own, limit, other, table in (
        (tables.first, h, k, weighted),
        (tables.second, turned[1], turned[0], turned[2]),
    ):
        below = special.ndtr((other - r * limit) / s)
        between = np.diff(below, axis=2, prepend=0.0, append=1.0)
        change = table[:, :-1] - table[:, 1:]
        values = (change * between).sum(axis=2) * _normal_density(limit[:, :, 0])
        pair, t = np.nonzero(real[own])
        A21[pair, place[own[pair], t]] = values[pair, t]
    return A21


def _normal_density(x: Floats) -> Floats:
    """Standard normal density."""
    density: Floats = np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)
    return density
