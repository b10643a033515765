"""What answers would look like if the members of a unit did not agree at all."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from crosslevel.errors import MeasurementError, did_you_mean

# LeBreton & Senter (2008), Table 2, as carried in Prof. LeBreton's R package WGA (function RWG):
# options -> variances of a slight, moderate and heavy skew, a triangle and a normal distribution.
_VARIANCES = {
    5: (1.34, 0.90, 0.44, 1.32, 1.04),
    6: (1.85, 1.26, 0.69, 1.45, 1.25),
    7: (2.90, 2.14, 1.39, 2.10, 1.40),
    8: (3.47, 2.79, 2.35, 2.81, 1.73),
    9: (5.66, 4.73, 3.16, 3.00, 1.58),
    10: (6.30, 5.09, 3.46, 2.89, 1.45),
    11: (7.31, 6.32, 4.02, 3.32, 1.40),
}
_TABLED = ("slight", "moderate", "heavy", "triangular", "normal")
NULLS = ("uniform", *_TABLED)


def null_variance(null: str | float | Sequence[float], n_options: int) -> float:
    """Return the variance of answers without agreement, in squared scale points.

    Parameters
    ----------
    null
        "uniform"; on five to eleven options "slight", "moderate" or "heavy" skew, "triangular" or
        "normal"; the share of each option, lowest first; or the variance itself.
    n_options
        Options of the response scale, one point apart.

    Raises
    ------
    MeasurementError
        With an unknown null, one that is not tabled for so many options, shares that do not add up
        to one, or a variance that is not positive.

    Notes
    -----
    Uniform: (A^2 - 1) / 12 for A options. The others: LeBreton & Senter (2008), Table 2.

    Examples
    --------
    >>> null_variance("uniform", 7), null_variance("heavy", 7)
    (4.0, 1.39)
    >>> round(null_variance([0, 0, 0.1, 0.4, 0.5], 5), 2)
    0.44
    """
    if n_options < 2:
        raise MeasurementError(f"A response scale has at least two options, got {n_options}.")
    if isinstance(null, str):
        return _named(null, n_options)
    if isinstance(null, Sequence | np.ndarray):
        return _of_shares([float(share) for share in null], n_options)
    if not 0 < null < np.inf:
        raise MeasurementError(f"The variance of the null must be positive, got {null:g}.")
    return float(null)


def null_name(null: str | float | Sequence[float]) -> str:
    """Return how a null is called in tables."""
    if isinstance(null, str):
        return null
    return "given variance" if np.ndim(null) == 0 else "given shares"


def is_known(null: str | float | Sequence[float], n_options: int) -> bool:
    """Whether a null has a variance for so many options; a misspelt one counts as known."""
    return not isinstance(null, str) or null not in _TABLED or n_options in _VARIANCES


def _named(null: str, n_options: int) -> float:
    """Variance of a null that has a name."""
    if null == "uniform":
        return (n_options**2 - 1) / 12
    if null not in _TABLED:
        hint = did_you_mean(null, NULLS) or f"It is one of: {', '.join(NULLS)}."
        raise MeasurementError(f"There is no null '{null}'. {hint}")
    if n_options not in _VARIANCES:
        raise MeasurementError(
            f"The null '{null}' is tabled for five to eleven options, not {n_options}. Give its "
            "variance or the share of each option, or use 'uniform'."
        )
    return _VARIANCES[n_options][_TABLED.index(null)]


def _of_shares(shares: list[float], n_options: int) -> float:
    """Variance of options chosen with given shares."""
    if len(shares) != n_options:
        raise MeasurementError(
            f"A null needs one share for each of {n_options} options, got {len(shares)}."
        )
    if not (min(shares) >= 0 and abs(sum(shares) - 1) <= 1e-6):
        raise MeasurementError(
            f"The shares of a null must be positive and add up to 1, got {sum(shares):g}."
        )
    points = np.arange(n_options)
    mean = float(points @ shares)
    variance = float((points - mean) ** 2 @ shares)
    if variance <= 0:
        raise MeasurementError("A null in which everyone gives one answer has no variance.")
    return variance
