"""The two-level likelihood against brute force over whole units, and its derivatives."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import multivariate_normal

from crosslevel.psychometrics.twolevel.likelihood import (
    curvature,
    objective,
    scores,
)
from crosslevel.psychometrics.twolevel.moments import Moments
from crosslevel.psychometrics.twolevel.statistics import summarise
from tolerances import CLOSED_FORM

PERSONS, UNITS = ["a", "b", "c"], ["w", "v"]


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    unit = np.repeat(np.arange(30), rng.integers(1, 6, 30))
    frame = pd.DataFrame(rng.normal(size=(len(unit), 3)), columns=PERSONS)
    frame += rng.normal(size=(30, 3))[unit]
    frame[UNITS] = rng.normal(size=(30, 2))[unit]
    return frame.assign(unit=unit).sample(frac=1, random_state=2)


@pytest.fixture(scope="module")
def moments() -> Moments:
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=(3, 3)), rng.normal(size=(5, 5))
    return Moments(a @ a.T + np.eye(3), b @ b.T, rng.normal(size=5) / 5)


@pytest.fixture(scope="module")
def statistics(data):
    return summarise(data, PERSONS, UNITS, cluster="unit")


def test_value_is_that_of_whole_units(data, statistics, moments):
    """Each unit as one long vector with its full covariance matrix."""
    W, B, mu = moments.W, moments.B, moments.mu
    total = 0.0
    for _, rows in data.groupby("unit"):
        s = len(rows)
        cov = np.zeros((3 * s + 2, 3 * s + 2))
        cov[: 3 * s, : 3 * s] = np.kron(np.ones((s, s)), B[:3, :3]) + np.kron(np.eye(s), W)
        cov[3 * s :, : 3 * s] = np.tile(B[3:, :3], s)
        cov[: 3 * s, 3 * s :] = cov[3 * s :, : 3 * s].T
        cov[3 * s :, 3 * s :] = B[3:, 3:]
        values = np.concatenate([rows[PERSONS].to_numpy().ravel(), rows[UNITS].iloc[0]])
        total -= multivariate_normal(np.r_[np.tile(mu[:3], s), mu[3:]], cov).logpdf(values)
    assert objective(statistics, moments)[0] == pytest.approx(total, rel=CLOSED_FORM)


def test_gradient_and_observed_information_are_derivatives(statistics, moments):
    layout = statistics.layout
    at = layout.pack(moments)
    f = lambda v: objective(statistics, layout.unpack(v))  # noqa: E731
    steps = 1e-6 * np.eye(layout.m)
    slope = np.array([(f(at + h)[0] - f(at - h)[0]) / 2e-6 for h in steps])
    bend = np.array([(f(at + h)[1] - f(at - h)[1]) / 2e-6 for h in steps])
    np.testing.assert_allclose(f(at)[1], slope, rtol=1e-6, atol=1e-6)
    observed = curvature(statistics, moments, "observed")
    np.testing.assert_allclose(observed, bend, rtol=1e-6, atol=1e-5)


def test_expected_information_is_the_mean_of_the_observed():
    """Where cross-products are what the moments say, the two agree in the covariances."""
    rng = np.random.default_rng(5)
    unit = np.repeat(np.arange(4000), 3)
    frame = pd.DataFrame(rng.normal(size=(12000, 2)), columns=["a", "b"])
    frame += rng.normal(size=(4000, 2))[unit]
    found = summarise(frame.assign(unit=unit), ["a", "b"], [], cluster="unit")
    truth = Moments(np.eye(2), np.eye(2), np.zeros(2))
    expected, observed = (curvature(found, truth, kind) for kind in ("expected", "observed"))
    scale = np.sqrt(np.diag(expected))
    assert np.abs((expected - observed) / np.outer(scale, scale)).max() < 0.08


def test_scores_of_units_sum_to_the_gradient(statistics, moments):
    total = scores(statistics, moments).sum(axis=0)
    np.testing.assert_allclose(total, -objective(statistics, moments)[1], rtol=1e-9, atol=1e-9)


def test_outside_the_domain_the_value_is_infinite(statistics, moments):
    below = Moments(-moments.W, moments.B, moments.mu)
    assert objective(statistics, below)[0] == np.inf
    for function in (
        lambda: curvature(statistics, below, "expected"),
        lambda: scores(statistics, below),
    ):
        with pytest.raises(np.linalg.LinAlgError, match="not positive definite"):
            function()
