"""Standard errors of functions of the parameters, by the delta method."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
_STEP = 1e-5
_STILL = 1e-10
_ROUNDING = 1e-12


def delta_errors(function: Callable[[Floats], Floats], theta: Floats, covariance: Floats) -> Floats:
    """Return standard errors of a function of the parameters, by the delta method.

    Derivatives are central differences; 0 where the function does not depend on the parameters, nan
    where it depends on one that the data do not determine.
    """
    slopes = np.zeros((len(function(theta)), len(theta)))
    for i, parameter in enumerate(theta):
        h = np.zeros(len(theta))
        h[i] = _STEP * max(1.0, abs(parameter))
        slopes[:, i] = (function(theta + h) - function(theta - h)) / (2 * h[i])
    slopes[np.abs(slopes) < _STILL] = 0.0
    return slope_errors(slopes, covariance)


def slope_errors(slopes: Floats, covariance: Floats) -> Floats:
    """Return standard errors of quantities with (m, k) derivatives in the parameters."""
    known = np.isfinite(np.diag(covariance))
    within = slopes[:, known]
    inner = covariance[np.ix_(known, known)]
    variance = np.einsum("ij,jk,ik->i", within, inner, within)
    variance[(slopes[:, ~known] != 0).any(axis=1)] = np.nan
    errors: Floats = np.sqrt(np.where(variance < -_ROUNDING, np.nan, np.maximum(variance, 0.0)))
    return errors
