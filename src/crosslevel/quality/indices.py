"""The arithmetic of careless responding, one index at a time, on arrays.

Answers are (n, k) with zero where not answered, beside an (n, k) mask of what was answered. An
index that a respondent's answers do not define is nan.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from crosslevel.quality.incomplete import Bools, Floats, expect, patterns

FEWEST = 3  # pairs or scales: a correlation over two points is 1 or -1 whatever was answered
FLAT = 1e-12  # spread, relative to the sum of squares, taken as none


@dataclass(frozen=True, slots=True)
class Answers:
    """filled (n, k) with zero where not answered, answered (n, k), and sums over each row (n,)."""

    filled: Floats
    answered: Bools
    count: Floats
    total: Floats
    squares: Floats

    @property
    def spread(self) -> Floats:
        """(n,) sum of squared deviations from the respondent's own mean; nan without answers."""
        with np.errstate(invalid="ignore"):
            spread = self.squares - self.total**2 / self.count
        return np.where(spread > FLAT * self.squares, spread, np.where(self.count > 0, 0.0, np.nan))


def answers(values: Floats) -> Answers:
    """Return answers with their row sums; nan = not answered.

    Examples
    --------
    >>> answers(np.array([[1.0, np.nan, 3.0]])).spread
    array([2.])
    """
    answered = np.isfinite(values)
    filled = values if answered.all() else np.where(answered, values, 0.0)
    squares = np.einsum("ij,ij->i", filled, filled)
    return Answers(
        filled, answered, answered.sum(axis=1).astype(np.float64), filled.sum(axis=1), squares
    )


def strings(given: Answers) -> tuple[Floats, Floats]:
    """Return the longest and the average run of the same answer; a gap ends a run.

    Examples
    --------
    >>> longest, average = strings(answers(np.array([[2.0, 2, 2, 5], [1, np.nan, 1, 1]])))
    >>> longest.tolist(), average.tolist()
    ([3.0, 2.0], [2.0, 1.5])
    """
    values, answered = np.asfortranarray(given.filled), np.asfortranarray(given.answered)
    n, k = values.shape
    run = answered[:, 0].astype(np.int32)
    longest, runs = run.copy(), run.copy()
    for j in range(1, k):
        here = answered[:, j]
        goes_on = (values[:, j] == values[:, j - 1]) & here & answered[:, j - 1]
        run = np.where(goes_on, run + 1, here)
        runs += here & ~goes_on
        np.maximum(longest, run, out=longest)
    somebody = given.count > 0
    average = np.full(n, np.nan)
    np.divide(given.count, runs, out=average, where=somebody)
    return np.where(somebody, longest, np.nan), average


def variability(given: Answers) -> Floats:
    """Return the standard deviation (divisor n - 1) of each respondent's answers; nan below two.

    Examples
    --------
    >>> variability(answers(np.array([[1.0, 2, 3], [4, np.nan, np.nan]])))
    array([ 1., nan])
    """
    return np.sqrt(given.spread / np.where(given.count > 1, given.count - 1.0, np.nan))


def mean_variability(values: Floats, columns: Sequence[Sequence[int]]) -> Floats:
    """Return the mean over scales of the standard deviation within each; nan where none has two.

    Examples
    --------
    >>> mean_variability(np.array([[1.0, 3, 2, 2]]), [[0, 1], [2, 3]])
    array([0.70710678])
    """
    return _row_mean(np.column_stack([variability(answers(values[:, own])) for own in columns]))


def person_total(given: Answers) -> Floats:
    """Return the correlation of each respondent's answers with the item means.

    Examples
    --------
    >>> person_total(answers(np.array([[1.0, 2, 4], [1, 3, 4], [4, 3, 1], [2, 2, 2]]))).round(3)
    array([ 0.929,  1.   , -0.929,    nan])
    """
    number = given.answered.sum(axis=0)
    known = number > 0
    total = given.filled.sum(axis=0)
    means = np.divide(total, number, out=np.zeros(len(total)), where=known)
    means[known] -= means[known].mean()
    mask = given.answered.astype(np.float64)
    at, squares = mask @ means, mask @ means**2
    with np.errstate(invalid="ignore", divide="ignore"):
        across = given.filled @ means - given.total * at / given.count
        return _ratio(across, given.spread, squares - at**2 / given.count, given.count >= FEWEST)


def even_odd(values: Floats, columns: Sequence[Sequence[int]]) -> Floats:
    """Return minus the stepped-up correlation of odd and even half-scales, over scales.

    The first item of a scale counts as odd. The sign is that of R careless from version 1.2 on:
    higher is less consistent.

    Examples
    --------
    >>> scales = [[0, 1], [2, 3], [4, 5]]
    >>> even_odd(np.array([[1.0, 1, 3, 3, 5, 4], [1, 5, 3, 3, 5, 1]]), scales).round(3)
    array([-0.991,  1.   ])
    """
    odd = np.column_stack([_row_mean(values[:, own[::2]]) for own in columns])
    even = np.column_stack([_row_mean(values[:, own[1::2]]) for own in columns])
    r = _row_correlation(odd, even)
    with np.errstate(divide="ignore"):
        stepped = np.where(r > -1.0, 2.0 * r / (1.0 + r), -1.0)
    return np.asarray(-np.where(np.isnan(r), np.nan, np.maximum(stepped, -1.0)))


def correlations(given: Answers) -> Floats:
    """Return the (k, k) correlations of items over the respondents who answered both.

    Examples
    --------
    >>> correlations(answers(np.array([[1.0, 2], [2, 4], [3, np.nan], [4, 8]]))).round(3)
    array([[1., 1.],
           [1., 1.]])
    """
    M = given.answered.astype(np.float64)
    number = M.sum(axis=0)
    centre = np.divide(
        given.filled.sum(axis=0), number, out=np.zeros(len(number)), where=number > 0
    )
    X = (given.filled - centre) * M
    N, S, Q = M.T @ M, X.T @ M, (X * X).T @ M
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = Q - S**2 / N
        across = X.T @ X - S * S.T / N
        enough = (N >= FEWEST) & (spread > FLAT * Q) & (spread.T > FLAT * Q.T)
        r = np.where(enough, across / np.sqrt(spread * spread.T), np.nan)
    return np.asarray(np.clip(r, -1.0, 1.0))


def paired(values: Floats, first: Sequence[int], second: Sequence[int]) -> Floats:
    """Return the correlation, within each respondent, of the first with the second items.

    Examples
    --------
    >>> paired(np.array([[1.0, 2, 3, 1, 2, 4]]), [0, 1, 2], [3, 4, 5]).round(3)
    array([0.982])
    """
    return _row_correlation(values[:, list(first)], values[:, list(second)])


def distances(given: Answers, mean: Floats, precision: Floats) -> Floats:
    """Return the squared Mahalanobis distance of each respondent's answered items.

    Examples
    --------
    >>> distances(answers(np.array([[2.0, np.nan], [1, 1]])), np.zeros(2), np.eye(2))
    array([4., 2.])
    """
    centred = np.where(given.answered, given.filled - mean, 0.0)
    if given.answered.all():
        return np.asarray(np.einsum("ij,ij->i", centred @ precision, centred))
    found = patterns(~given.answered)
    result = np.empty(len(centred))
    result[found.order] = expect(centred[found.order], found, precision).distance
    return np.where(given.count > 0, result, np.nan)


def _row_mean(values: Floats) -> Floats:
    """Mean of the known values of each row; nan of none."""
    known = np.isfinite(values)
    number = known.sum(axis=1)
    total = np.where(known, values, 0.0).sum(axis=1)
    return np.asarray(np.divide(total, number, out=np.full(len(values), np.nan), where=number > 0))


def _row_correlation(a: Floats, b: Floats) -> Floats:
    """Correlation of each row of a with that of b over the columns known in both."""
    known = np.isfinite(a) & np.isfinite(b)
    number = known.sum(axis=1).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        a, b = (np.where(known, x, 0.0) for x in (a, b))
        sizes = [np.einsum("ij,ij->i", x, x) for x in (a, b)]
        a, b = (
            np.where(known, x - x.sum(axis=1, keepdims=True) / number[:, None], 0.0) for x in (a, b)
        )
    spreads = [np.einsum("ij,ij->i", x, x) for x in (a, b)]
    spreads = [np.where(s > FLAT * z, s, 0.0) for s, z in zip(spreads, sizes, strict=True)]
    return _ratio(np.einsum("ij,ij->i", a, b), spreads[0], spreads[1], number >= FEWEST)


def _ratio(across: Floats, one: Floats, other: Floats, enough: Bools) -> Floats:
    """Correlation from sums of products; nan where either side is flat or points are too few."""
    below = np.where(enough & (one > 0) & (other > 0), one * other, np.nan)
    return np.asarray(np.clip(across / np.sqrt(below), -1.0, 1.0))
