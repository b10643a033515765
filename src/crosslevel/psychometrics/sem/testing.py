"""Does a model fit: the likelihood-ratio statistic, plain and corrected for non-normality."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from crosslevel.psychometrics.sem.matrices import Moments
from crosslevel.psychometrics.sem.maximum import Maximum, crossproduct
from crosslevel.psychometrics.sem.normal import casewise, deviance, information, seen
from crosslevel.psychometrics.sem.sample import Sample
from crosslevel.psychometrics.sem.saturated import observed_information, with_basis

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Statistic:
    """A test of fit.

    Attributes
    ----------
    chisq, df
        Likelihood ratio against the saturated model.
    scaling
        What `chisq` is divided by in the scaled test; 1 for plain maximum likelihood, nan where it
        is not defined.
    discrepancy, bias
        For robust indices with unanswered items: n F of the saturated moments, and its expectation
        under the model (Zhang & Savalei 2023); `chisq` and df times scaling otherwise.
    shift
        What is added to the scaled statistic of ordered items.
    """

    chisq: float
    df: int
    scaling: float
    discrepancy: float
    bias: float
    shift: float = 0.0

    @property
    def scaled(self) -> float:
        """The scaled statistic."""
        return self.chisq / self.scaling + self.shift if self.df else 0.0

    @property
    def p_value(self) -> float:
        """Of the plain statistic."""
        return float(stats.chi2.sf(self.chisq, self.df)) if self.df else np.nan

    @property
    def p_scaled(self) -> float:
        """Of the scaled statistic."""
        return float(stats.chi2.sf(self.scaled, self.df)) if self.df else np.nan


@dataclass(frozen=True, slots=True)
class Saturated:
    """The saturated model: moments of each group, deviance, and how many moments are modelled."""

    moments: tuple[Moments, ...]
    deviance: float
    n_moments: int
    trace: float


def saturate(
    samples: Sequence[Sample],
    moments: Sequence[Moments],
    *,
    given: Sequence[Sequence[str]],
    means: bool,
    robust: bool,
) -> Saturated:
    """Return the saturated model; `given` names the observed predictors of each group."""
    total, count, trace = 0.0, 0, 0.0
    for sample, own, fixed in zip(samples, moments, given, strict=True):
        total += deviance(own, seen(sample, own) or ())
        kept = modelled(sample.names, fixed, means=means)
        count += len(kept)
        if robust:
            trace += _trace(sample, own, kept, means=means)
    return Saturated(tuple(moments), total, count, trace)


def modelled(names: Sequence[str], given: Sequence[str], *, means: bool) -> npt.NDArray[np.intp]:
    """Return positions, among covariances and means, of those that are not of predictors alone."""
    rows, columns = np.tril_indices(len(names))
    fixed = np.array([name in given for name in names])
    covariances = ~(fixed[rows] & fixed[columns])
    kept = np.concatenate([covariances, ~fixed]) if means else covariances
    return np.flatnonzero(kept)


def statistic(model: Maximum, saturated: Saturated, *, estimator: str) -> Statistic:
    """Return the test of a model.

    Notes
    -----
    MLM: tr(U Gamma) / df with the weights of the implied moments (Satorra & Bentler 1994). MLR:
    (tr A1^-1 B1 - tr A0^-1 B0) / df, saturated less model (Yuan & Bentler 2000, as in Mplus).
    """
    chisq = max(model.ascent.deviance - saturated.deviance, 0.0)
    df = saturated.n_moments - model.table.n_free
    scaling = correction(model, saturated, estimator=estimator, df=df)
    discrepancy, bias = chisq, df * scaling
    if df > 0 and not all(sample.complete for sample in model.samples):
        discrepancy, bias = _completed(model, saturated, robust=estimator == "mlr")
    return Statistic(chisq, df, scaling, discrepancy, bias)


def correction(model: Maximum, saturated: Saturated, *, estimator: str, df: int) -> float:
    """Return what the likelihood ratio is divided by in the scaled test; 1 where nothing is."""
    if df > 0 and estimator == "mlr":
        return (saturated.trace - _model_trace(model)) / df
    if df > 0 and estimator == "mlm":
        return satorra_bentler(model)[0] / df
    return 1.0


def _trace(sample: Sample, moments: Moments, kept: npt.NDArray[np.intp], *, means: bool) -> float:
    """Trace of A1^-1 B1 of one group: observed information where answers are missing."""
    own = with_basis(moments, means=means)
    parts = seen(sample, own) or ()
    a = information(own, parts) if sample.complete else observed_information(sample, own)
    b = crossproduct(casewise(sample, own, parts), sample)
    inner = np.ix_(kept, kept)
    return float(np.trace(np.linalg.solve(a[inner], b[inner])))


def _model_trace(model: Maximum) -> float:
    """Trace of A0^-1 B0."""
    return float(np.trace(np.linalg.lstsq(model.observed(), model.meat(), rcond=None)[0]))


def satorra_bentler(model: Maximum) -> tuple[float, Floats]:
    """Return tr(U Gamma) = tr(W Gamma) - tr((D'W D)^-1 D'W Gamma W D), and that middle, (k, k)."""
    total, expected = 0.0, model.expected()
    middle: Floats = np.zeros_like(expected)
    for number, (sample, moments) in enumerate(zip(model.samples, model.moments, strict=True)):
        w = information(with_basis(moments, means=model.table.means), model.seen[number])
        given = model.table.given[number]
        gamma = _fourth_moments(sample, given, means=model.table.means)
        total += float(np.sum(w * gamma)) / sample.n
        turned = w @ flat(moments, means=model.table.means)
        middle = middle + turned.T @ gamma @ turned / sample.n
    trace = total - float(np.trace(np.linalg.lstsq(expected, middle, rcond=None)[0]))
    return trace, middle


def _fourth_moments(sample: Sample, given: Sequence[str], *, means: bool) -> Floats:
    """Covariances of products of deviations (and of deviations), divisor n.

    What observed predictors explain of the products is no variation when they are given.
    """
    d = sample.values - sample.values.mean(axis=0)
    expected = np.zeros_like(d)
    x = [sample.names.index(name) for name in given]
    if x:
        expected = d[:, x] @ np.linalg.lstsq(d[:, x], d, rcond=None)[0]
        expected[:, x] = d[:, x]
    rows, columns = np.tril_indices(d.shape[1])
    products = d[:, rows] * d[:, columns] - expected[:, rows] * expected[:, columns]
    every = np.hstack([products, d - expected]) if means else products
    every = every - every.mean(axis=0)
    covariances: Floats = every.T @ every / len(d)
    return covariances


def flat(moments: Moments, *, means: bool) -> Floats:
    """Return (m, k) derivatives of covariances (lower triangle) and means in the parameters."""
    rows, columns = np.tril_indices(len(moments.mu))
    slopes: Floats = moments.d_sigma[:, rows, columns].T
    return np.vstack([slopes, moments.d_mu.T]) if means else slopes


def _completed(model: Maximum, saturated: Saturated, *, robust: bool) -> tuple[float, float]:
    """Discrepancy n F and its expectation had everything been answered, from the saturated moments.

    With Q = I - D (D'W D)^-1 D'W what the model leaves of the saturated moments, W their
    information and G their covariance, the expectation is tr(Q' C Q G), C the information of
    complete answers.
    Source: Zhang & Savalei (2023), Structural Equation Modeling 30(4): FIML-C V3, or V6 when the
    answers are taken as normal.
    """
    discrepancy, first, k = 0.0, 0.0, None
    for number, sample in enumerate(model.samples):
        implied, raw = model.moments[number], saturated.moments[number]
        own = with_basis(raw, means=True)
        kept = modelled(sample.names, model.table.given[number], means=True)
        inside = np.ix_(kept, kept)
        w = observed_information(sample, own)[inside]
        c = _complete_weight(own)[inside] * sample.n
        gamma = np.linalg.inv(w)
        if robust:
            scores = casewise(sample, own, seen(sample, own) or ())[:, kept]
            gamma = gamma @ crossproduct(scores, sample) @ gamma
        delta = flat(implied, means=True)[kept]
        discrepancy += sample.n * _distance(raw, implied)
        first += float(np.sum(c * gamma))
        turned, complete = w @ delta, c @ delta
        own_sums = np.array(
            [delta.T @ turned, turned.T @ gamma @ complete, turned.T @ gamma @ turned,
             delta.T @ complete]
        )  # fmt: skip
        k = own_sums if k is None else k + own_sums
    if k is None:
        return discrepancy, first
    inverse = np.linalg.pinv(k[0], hermitian=True)
    bias = first - 2.0 * float(np.sum(inverse * k[1].T))
    return discrepancy, bias + float(np.trace(inverse @ k[2] @ inverse @ k[3]))


def _complete_weight(moments: Moments) -> Floats:
    """Normal-theory information of one complete respondent about moments."""
    precision = np.linalg.inv(moments.sigma)
    k = len(moments.d_sigma)
    m = precision @ moments.d_sigma
    half = m.reshape(k, -1) @ m.transpose(0, 2, 1).reshape(k, -1).T
    weight: Floats = 0.5 * half + moments.d_mu @ precision @ moments.d_mu.T
    return weight


def _distance(raw: Moments, implied: Moments) -> float:
    """The maximum-likelihood discrepancy between saturated and implied moments."""
    precision = np.linalg.inv(implied.sigma)
    d = raw.mu - implied.mu
    dets = np.linalg.slogdet(implied.sigma)[1] - np.linalg.slogdet(raw.sigma)[1]
    return float(dets + np.sum(raw.sigma * precision) - len(d) + d @ precision @ d)
