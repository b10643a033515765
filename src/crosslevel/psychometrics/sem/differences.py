"""Difference tests of two nested models: plain, and scaled in three ways.

T, r and c are the statistic, degrees of freedom and scaling factor of a model; 0 is the smaller
model, 1 the larger one, m = r0 - r1, and the scaled difference is (T0 - T1) / cd.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from crosslevel.errors import MeasurementError, did_you_mean
from crosslevel.psychometrics.notices import CorrectionWarning
from crosslevel.psychometrics.sem.matrices import Moments
from crosslevel.psychometrics.sem.maximum import Maximum
from crosslevel.psychometrics.sem.normal import deviance, seen
from crosslevel.psychometrics.sem.sample import Pattern, Sample
from crosslevel.psychometrics.sem.scoring import ascend
from crosslevel.psychometrics.sem.testing import correction, flat, satorra_bentler

if TYPE_CHECKING:
    from crosslevel.psychometrics.sem.result import SemFit

Floats = npt.NDArray[np.float64]
METHODS = ("satorra-bentler-2001", "satorra-bentler-2010", "satorra-2000")
_REACHED = 1e-4  # discrepancy n F that rounding may leave between nested models


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference test; `scaling` is cd, `shift` is added to (T0 - T1) / cd."""

    fall: float
    df: int
    scaling: float
    shift: float
    method: str

    @property
    def status(self) -> str:
        """What can be said of it: "tested", or why not."""
        if self.df == 0:
            return "same degrees of freedom"
        return "tested" if self.scaling > 0 else "negative scaling factor"

    @property
    def statistic(self) -> float:
        """The scaled difference; nan where there is none."""
        return self.fall / self.scaling + self.shift if self.status == "tested" else np.nan

    @property
    def p_value(self) -> float:
        """Of the scaled difference; nan where there is none."""
        return float(stats.chi2.sf(self.statistic, self.df)) if self.status == "tested" else np.nan


def compare_fits(one: SemFit, other: SemFit, method: str | None) -> pd.DataFrame:
    """Return the chi-square difference test of two nested models, and changes of indices.

    Raises
    ------
    MeasurementError
        When the fits rest on different data or estimators, the method is unknown or asks for what
        the fits do not have.
    """
    larger, smaller = (one, other) if one.test.df <= other.test.df else (other, one)
    names = [sample.names for fit in (larger, smaller) for sample in fit.maximum.samples]
    same = larger.n == smaller.n and larger.groups == smaller.groups
    if not same or {frozenset(n) for n in names} != {frozenset(names[0])}:
        raise MeasurementError(
            "The fits rest on different respondents or variables, so they cannot be compared. "
            "Fit both to the same rows and the same items."
        )
    if larger.estimator != smaller.estimator:
        raise MeasurementError(
            f"The fits have different estimators ('{larger.estimator}', '{smaller.estimator}')."
        )
    method = checked_method(method, larger.estimator)
    return difference_table(larger, smaller, _difference(larger, smaller, method))


def checked_method(method: str | None, estimator: str) -> str:
    """Return the method of a difference test under an estimator, "likelihood-ratio" for "ml"."""
    plain = {"ml": "likelihood-ratio", "dwls": "least-squares"}
    if method is None:
        default = "satorra-2000" if estimator == "wlsmv" else METHODS[0]
        return plain.get(estimator, default)
    if method not in METHODS:
        hint = did_you_mean(method, METHODS)
        raise MeasurementError(
            f"`method` must be one of {', '.join(METHODS)}, got '{method}'. {hint}".rstrip()
        )
    if estimator in plain:
        raise MeasurementError(
            f"'{estimator}' has no scaled test, so '{method}' cannot be asked for. Leave `method` "
            "out, or fit both models with a robust estimator."
        )
    if estimator == "wlsmv" and method != "satorra-2000":
        raise MeasurementError(f"'wlsmv' has the method 'satorra-2000' only, got '{method}'.")
    return method


def difference_table(larger: SemFit, smaller: SemFit, test: Difference) -> pd.DataFrame:
    """Return a difference test as a row, with a warning where it cannot be scaled."""
    if test.status == "negative scaling factor":
        warnings.warn(
            f"The scaling factor of the difference by '{test.method}' is {test.scaling:.3g}: it "
            "has no test. Choose another `method` ('satorra-2000' is never negative), or compare "
            "CFI and RMSEA.",
            CorrectionWarning,
            stacklevel=4,
        )
    row = {
        "statistic": test.statistic,
        "df": test.df,
        "p_value": test.p_value,
        "scaling_factor": test.scaling,
        "cfi_change": smaller.index("cfi") - larger.index("cfi"),
        "rmsea_change": smaller.index("rmsea") - larger.index("rmsea"),
        "srmr_change": smaller.measures["srmr"] - larger.measures["srmr"],
        "shift": test.shift,
        "method": test.method,
        "status": test.status,
    }
    return pd.DataFrame([row])


def _difference(larger: SemFit, smaller: SemFit, method: str) -> Difference:
    """The difference test of two fits that can be compared."""
    m = smaller.test.df - larger.test.df
    fall = smaller.test.chisq - larger.test.chisq
    scaling, shift = 1.0, 0.0
    if m and method == "satorra-2000":
        scaling, shift = _mean_and_variance(larger, smaller, m)
    elif m and method in METHODS:
        c = larger.test.scaling
        if method == "satorra-bentler-2010":
            at = _at_nested(larger.maximum, smaller.maximum)
            c = correction(at, larger.saturated, estimator=larger.estimator, df=larger.test.df)
        scaling = (smaller.test.df * smaller.test.scaling - larger.test.df * c) / m
    return Difference(fall, m, scaling, shift, method)


def _mean_and_variance(larger: SemFit, smaller: SemFit, m: int) -> tuple[float, float]:
    """Scaling factor and shift after Satorra (2000)."""
    at = larger.maximum
    if not all(sample.complete and not len(sample.clusters) for sample in at.samples):
        raise MeasurementError(
            "'satorra-2000' needs complete answers and no clusters. Use 'satorra-bentler-2001' or "
            "'satorra-bentler-2010'."
        )
    P = at.expected() if larger.estimator == "mlm" else at.observed()
    wide = [flat(own, means=at.table.means) for own in at.moments]
    narrow = [
        flat(_ordered(own, theirs, sample), means=smaller.maximum.table.means)
        for own, theirs, sample in zip(
            smaller.maximum.moments, smaller.maximum.samples, at.samples, strict=True
        )
    ]
    return projected(P, satorra_bentler(at)[1], wide, narrow, m=m)


def projected(
    P: Floats, inside: Floats, wide: Sequence[Floats], narrow: Sequence[Floats], *, m: int
) -> tuple[float, float]:
    """Return scaling factor and shift that give a difference mean and variance of a chi-square.

    `P` is the information of the larger model, `inside` sum n D'W Gamma W D; `wide` and `narrow`
    are the derivatives of the moments of each group in the parameters of both models.

    Notes
    -----
    With C = P^-1 - H (H'PH)^-1 H', H how the parameters of the larger move with those of the
    smaller, the moments are tr(G) and tr(G^2), G = C inside. Source: Satorra (2000), eqs. 23-25.
    """
    H = np.linalg.lstsq(np.vstack(wide), np.vstack(narrow), rcond=None)[0]
    C = np.linalg.pinv(P, hermitian=True) - H @ np.linalg.pinv(H.T @ P @ H, hermitian=True) @ H.T
    product = C @ inside
    a = float(np.sqrt(m / (product * product.T).sum())) if m > 0 else 1.0
    return 1 / a, m - a * float(np.trace(product))


def _at_nested(larger: Maximum, smaller: Maximum) -> Maximum:
    """The larger model where it implies what the smaller one does at its maximum.

    Source: Satorra & Bentler (2010), Psychometrika 75, model M10.
    """
    implied = [
        _ordered(own, theirs, sample)
        for own, theirs, sample in zip(
            smaller.moments, smaller.samples, larger.samples, strict=True
        )
    ]
    pairs = list(zip(larger.samples, implied, strict=True))
    targets = [_population(sample, own) for sample, own in pairs]
    least = sum(
        deviance(own, seen(t, own) or ()) for t, (_, own) in zip(targets, pairs, strict=True)
    )
    ascent = ascend(larger.blocks, targets, _carried(larger, smaller))
    if ascent.deviance - least > _REACHED:
        raise MeasurementError(
            "'satorra-bentler-2010' needs nested models, and the larger one cannot imply what the "
            f"smaller one does (discrepancy {ascent.deviance - least:.3g})."
        )
    moments = tuple(b.moments(ascent.theta, derivatives=True) for b in larger.blocks)
    parts = tuple(seen(s, own) or () for s, own in zip(larger.samples, moments, strict=True))
    return replace(larger, ascent=ascent, moments=moments, seen=parts)


def _population(sample: Sample, moments: Moments) -> Sample:
    """A group of as many respondents whose moments are those given."""
    p = len(sample.names)
    whole = Pattern(np.arange(sample.n), np.arange(p), moments.mu, moments.sigma)
    return replace(sample, patterns=(whole,))


def _carried(larger: Maximum, smaller: Maximum) -> Floats:
    """Parameters of the larger model as the smaller one has them, nought where it has none."""
    rows = zip(smaller.table.rows, smaller.estimates(), strict=True)
    known = {(row.block, row.key): value for row, value in rows}
    theta = np.zeros(larger.table.n_free)
    for row in larger.table.rows:
        if row.free >= 0:
            theta[row.free] = known.get((row.block, row.key), 0.0)
    return theta


def _ordered(moments: Moments, sample: Sample, like: Sample) -> Moments:
    """Moments with variables in the order of another sample."""
    at = [sample.names.index(name) for name in like.names]
    d_sigma = moments.d_sigma[:, at][:, :, at]
    return Moments(moments.sigma[np.ix_(at, at)], moments.mu[at], d_sigma, moments.d_mu[:, at])
