"""Weights cut to bounds, with what was cut given to the others."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from crosslevel.errors import MeasurementError, NotConvergedWarning
from crosslevel.quality.calibrating import starting_design
from crosslevel.quality.survey.designing import SurveyDesign
from crosslevel.quality.weighting import Weighting, described

Floats = npt.NDArray[np.float64]
ROUNDS = 10_000


def trim_weights(
    data: pd.DataFrame | SurveyDesign,
    *,
    lower: float | None = None,
    upper: float | None = None,
    weights: str | None = None,
    strict: bool = False,
) -> Weighting:
    """Return weights cut to bounds, with the same sum.

    Use it when a few people stand for so many that they decide an estimate; some bias is taken for
    less variance. Totals that the weights met before are met no longer: `rake(trim=)` keeps them.

    Parameters
    ----------
    data
        (n, n_columns) one row per respondent, or a survey design, calibrated or not.
    lower, upper
        Smallest and largest weight, in the unit of the weights; None for none.
    weights
        Column of design weights, for a frame.
    strict
        Whether to cut again until all weights keep the bounds; otherwise those that took what was
        cut may end beyond them.

    Returns
    -------
    Weighting
        `trimmed` counts the weights that were ever cut; `tidy()` is empty, as there are no targets.

    Raises
    ------
    MeasurementError
        For no bounds, bounds between which the mean weight does not lie (no weights would then keep
        the sum), and when no weight lies between them.

    Warns
    -----
    NotConvergedWarning
        When `strict` bounds do not hold after 10,000 rounds.

    Notes
    -----
    What is cut is given in equal parts to the weights within the bounds. Standard errors take the
    new weights as if they were the design's (or know its calibration).
    Source: Potter (1990); agrees with R survey's `trimWeights`.

    Examples
    --------
    >>> people = pd.DataFrame({"w": [1.0, 1, 2, 8]})
    >>> trim_weights(people, weights="w", upper=4).weights.round(3).tolist()
    [2.333, 2.333, 3.333, 4.0]
    """
    start = starting_design(data, weights)
    low, high = -np.inf if lower is None else lower, np.inf if upper is None else upper
    if lower is None and upper is None:
        raise MeasurementError("Trimming needs `lower`, `upper` or both.")
    mean = float(start.weights.mean())
    if not low < mean < high:
        raise MeasurementError(
            f"The mean weight, {mean:g}, must lie between `lower` and `upper`, got {lower} and "
            f"{upper}; else no weights keep the sum."
        )
    w, cut, used = start.weights, np.zeros(len(start.weights), dtype=np.bool_), 0
    while used < (ROUNDS if strict else 1):
        outside = (w < low) | (w > high)
        if not outside.any():
            break
        w, cut, used = _cut(w, outside, (low, high)), cut | outside, used + 1
    if unfinished := strict and bool(((w < low) | (w > high)).any()):
        warnings.warn(
            f"After {used} rounds a weight still lies beyond the bounds; widen them.",
            NotConvergedWarning,
            stacklevel=2,
        )
    return described(
        "trimming",
        replace(start, weights=w),
        start.weights,
        [],
        converged=not unfinished,
        iterations=used,
        trimmed=cut,
    )


def _cut(w: Floats, outside: npt.NDArray[np.bool_], bounds: tuple[float, float]) -> Floats:
    """Return weights (n,) cut to the bounds, what was cut shared by those inside."""
    if outside.all():
        raise MeasurementError(
            f"No weight lies between {bounds[0]:g} and {bounds[1]:g} to take what the others lose; "
            "widen the bounds."
        )
    made = np.clip(w, *bounds)
    made[~outside] += (w - made).sum() / (~outside).sum()
    return np.asarray(made)
