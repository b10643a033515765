"""Mean and covariance of incomplete normal data by maximum likelihood (EM)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from crosslevel.errors import MeasurementError
from crosslevel.quality.incomplete import Floats, Patterns, expect, patterns

TOLERANCE = 1e-9  # largest change of a mean or covariance, in standard deviations
ITERATIONS = 2000
SINGULAR = 1e-10


@dataclass(frozen=True, slots=True)
class Moments:
    """mean (p,), covariance (p, p) with divisor n, and how EM ended."""

    mean: Floats
    covariance: Floats
    iterations: int
    converged: bool


@dataclass(frozen=True, slots=True)
class Incomplete:
    """Rows (n, p) sorted by pattern, centred and scaled by what is known, zero where missing."""

    rows: Floats
    found: Patterns
    centre: Floats
    scale: Floats


def incomplete(values: Floats, names: Sequence[str]) -> Incomplete:
    """Return rows prepared for EM; rows without any value are left out.

    Raises
    ------
    MeasurementError
        For a variable that is never answered or does not vary.
    """
    known = np.isfinite(values)
    some = known.any(axis=1)
    values, known = values[some], known[some]
    number = known.sum(axis=0)
    if len(values) == 0 or not number.all():
        listed = ", ".join(f"'{n}'" for n, k in zip(names, number, strict=True) if not k)
        raise MeasurementError(f"No row has a value of {listed}. Leave it out.")
    centre = np.where(known, values, 0.0).sum(axis=0) / number
    rows = np.where(known, values - centre, 0.0)
    scale = np.sqrt(np.einsum("ij,ij->j", rows, rows) / number)
    size = np.abs(np.where(known, values, 0.0)).max(axis=0)
    if flat := [
        n for n, s, z in zip(names, scale, size, strict=True) if s <= 1e-12 * max(z, 1e-300)
    ]:
        listed = ", ".join(f"'{n}'" for n in flat[:5])
        raise MeasurementError(f"Every value is the same in {listed}. Leave it out.")
    found = patterns(~known)
    return Incomplete((rows / scale)[found.order], found, centre, scale)


def moments(values: Floats, names: Sequence[str]) -> Moments:
    """Return the maximum likelihood mean and covariance of incomplete normal data.

    Use it where values are missing at random. Rows without any value say nothing and are left out.

    Parameters
    ----------
    values
        (n, p); nan = missing.
    names
        (p,) names for messages.

    Raises
    ------
    MeasurementError
        For a variable without values or variance, and variables that determine each other.

    Notes
    -----
    EM of Dempster, Laird & Rubin (1977) on distinct patterns of missing cells; one step costs an
    (n, p, p) product and m^3 per pattern of m missing cells. Agrees with the saturated moments of
    lavaan (`missing = "ml"`).

    Examples
    --------
    >>> found = moments(np.array([[1.0, 2], [2, 3], [3, 5], [4, np.nan]]), ["x", "y"])
    >>> found.mean.round(3).tolist()
    [2.5, 4.083]
    """
    data = incomplete(values, names)
    mean, S, iterations, converged = _em(data, names)
    scale = data.scale
    return Moments(data.centre + mean * scale, S * np.outer(scale, scale), iterations, converged)


def _em(data: Incomplete, names: Sequence[str]) -> tuple[Floats, Floats, int, bool]:
    """Return mean, covariance, iterations and convergence, in standardised units."""
    p = data.rows.shape[1]
    mean, S = np.zeros(p), np.eye(p)
    complete = data.found.starts[1] if not data.found.missing[0].any() else 0
    if complete > 2 * p:
        S = 0.95 * np.cov(data.rows[:complete], rowvar=False, ddof=0).reshape(p, p) + 0.05 * S
    observed = ~data.found.missing
    lengths = data.found.counts
    for iteration in range(1, ITERATIONS + 1):
        shift = np.repeat(np.where(observed, mean, 0.0), lengths, axis=0)
        expected = expect(data.rows - shift, data.found, _inverse(S, names))
        step = expected.filled.mean(axis=0)
        new = (expected.filled.T @ expected.filled + expected.covariance) / len(data.rows)
        new -= np.outer(step, step)
        change = max(float(np.abs(step).max()), float(np.abs(new - S).max()))
        mean, S = mean + step, new
        if change < TOLERANCE:
            return mean, S, iteration, True
    return mean, S, ITERATIONS, False


def _inverse(S: Floats, names: Sequence[str]) -> Floats:
    """Return the inverse of a covariance matrix, or name the variables that make it singular."""
    values, vectors = np.linalg.eigh(S)
    if values[0] < SINGULAR * values[-1]:
        members = [n for n, v in zip(names, vectors[:, 0], strict=True) if abs(v) > 1e-6]
        listed = ", ".join(f"'{n}'" for n in members[:5])
        raise MeasurementError(
            f"These variables determine each other: {listed}. Leave one out, or gather more rows."
        )
    return np.asarray((vectors / values) @ vectors.T)
