"""Covariance matrices of bootstrap samples, of respondents or of whole units."""

from __future__ import annotations

import numpy as np

from crosslevel.errors import MeasurementError
from crosslevel.psychometrics.answers import Answers
from crosslevel.psychometrics.grouping import Floats, check_seed, check_whole

_BLOCK = 4_000_000  # counts held at once


def resampled_covariances(answers: Answers, *, draws: int, seed: int | None) -> Floats:
    """Return the (draws, k, k) covariances of samples drawn with replacement.

    What is drawn is a respondent or, with groups, a whole group.

    Raises
    ------
    MeasurementError
        Without a seed, or when `draws` is no whole number of a hundred or more.

    Notes
    -----
    How often each row is drawn, times its products: one matrix product for all draws.
    """
    check_seed(seed, "A bootstrap interval")
    check_whole("draws", draws)
    if draws < 100:
        raise MeasurementError(f"An interval needs at least 100 draws, got {draws}.")
    rng = np.random.default_rng(seed)
    deviations = answers.deviations()
    n, k = answers.shape
    rows, columns = np.triu_indices(k)
    sums = np.hstack([np.ones((n, 1)), deviations, deviations[:, rows] * deviations[:, columns]])
    if answers.n_groups is not None:
        _, codes = np.unique(answers.codes, return_inverse=True)
        totals = np.zeros((answers.n_groups, sums.shape[1]))
        np.add.at(totals, codes, sums)
        sums = totals
    units = len(sums)
    block = max(1, _BLOCK // units)
    found = np.vstack(
        [_counts(rng, min(block, draws - first), units) @ sums for first in range(0, draws, block)]
    )
    size, means = found[:, 0], found[:, 1 : k + 1] / found[:, :1]
    products = np.empty((draws, k, k))
    products[:, rows, columns] = products[:, columns, rows] = found[:, k + 1 :]
    centred = products - size[:, None, None] * means[:, :, None] * means[:, None, :]
    covariances: Floats = centred / np.maximum(size - 1, 1)[:, None, None]
    return covariances


def percentile_interval(draws: Floats, conf_level: float) -> tuple[float, float, float]:
    """Return the standard deviation of the draws that are defined, and their percentiles."""
    defined = draws[np.isfinite(draws)]
    if len(defined) < 0.9 * len(draws):
        raise MeasurementError(
            f"The coefficient is undefined in {len(draws) - len(defined)} of {len(draws)} "
            "bootstrap samples: there are too few respondents for a bootstrap interval."
        )
    low, high = np.quantile(defined, [(1 - conf_level) / 2, (1 + conf_level) / 2])
    return float(defined.std(ddof=1)), float(low), float(high)


def _counts(rng: np.random.Generator, draws: int, units: int) -> Floats:
    """(draws, units) how often each unit is in each sample."""
    picked = rng.integers(0, units, size=(draws, units)) + units * np.arange(draws)[:, None]
    counts = np.bincount(picked.ravel(), minlength=draws * units)
    return counts.reshape(draws, units).astype(np.float64)
