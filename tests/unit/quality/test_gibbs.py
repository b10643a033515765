"""The draws behind imputation against closed forms and scipy, within their Monte Carlo error."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from crosslevel.multilevel import fit
from crosslevel.quality.gibbs import (
    WIDE,
    _covariance,
    _inverse_wishart,
    _lone_variance,
    begin,
    draw,
    latent,
    nearest,
    problem,
    rows_of,
)


def test_single_level_draws_have_the_posterior_of_a_regression():
    rng = np.random.default_rng(1)
    X = np.column_stack([np.ones(40), rng.normal(size=40)])
    y = X @ [1.0, -0.5] + rng.normal(size=40)
    made = problem(X, np.zeros((40, 0)), rows_of(np.zeros(40, dtype=np.intp), 1))
    found = [draw(made, y, begin(0), rng) for _ in range(10000)]
    beta, s2 = np.array([d.beta for d in found]), np.array([d.state.s2 for d in found])
    centre = np.linalg.lstsq(X, y, rcond=None)[0]
    rss = float(((y - X @ centre) ** 2).sum())
    covariance = rss / 36 * np.linalg.inv(X.T @ X)  # of the t posterior: rss / (n - P - 2)
    np.testing.assert_allclose(beta.mean(axis=0), centre, atol=0.005)
    np.testing.assert_allclose(np.cov(beta.T), covariance, rtol=0.04, atol=5e-4)
    assert s2.mean() == pytest.approx(rss / 36, rel=0.015)


def test_two_level_draws_centre_on_the_reml_fit():
    """With many units the posterior means are close to the REML estimates."""
    rng = np.random.default_rng(2)
    J, size = 150, 8
    unit = np.repeat(np.arange(J), size)
    x = rng.normal(size=J * size)
    u = rng.normal(size=(J, 2)) @ np.diag([0.7, 0.4])
    y = 1 + 0.5 * x + u[unit, 0] + u[unit, 1] * x + rng.normal(size=J * size)
    X = np.column_stack([np.ones_like(x), x])
    made = problem(X, X, rows_of(unit, J))
    state, betas, Psis, s2s = begin(2), [], [], []
    for k in range(1200):
        one = draw(made, y, state, rng)
        state = one.state
        if k >= 200:
            betas.append(one.beta)
            Psis.append(state.Psi)
            s2s.append(state.s2)
    model = fit("y ~ x + (1 + x | unit)", pd.DataFrame({"y": y, "x": x, "unit": unit}))
    np.testing.assert_allclose(np.mean(betas, axis=0), model.estimates.beta, atol=0.02)
    np.testing.assert_allclose(
        np.std(betas, axis=0), np.sqrt(np.diag(model.estimates.vcov)), rtol=0.1
    )
    want = model.variance_components()["covariance"].to_numpy()
    got = np.mean(Psis, axis=0)
    np.testing.assert_allclose([got[0, 0], got[0, 1], got[1, 1]], want[:3], atol=0.03)
    assert np.mean(s2s) == pytest.approx(want[3], rel=0.02)


def test_a_lone_variance_has_its_posterior_on_a_grid():
    rng = np.random.default_rng(9)
    codes = np.repeat(np.arange(8), 5)
    y = 0.3 * rng.normal(size=8)[codes] + rng.normal(size=40)
    X = np.ones((40, 1))
    made = problem(X, X, rows_of(codes, 8))
    left = made.rows.sums(y[:, None] - 0.1)[:, 0]
    psi, found = 0.2, []
    for _ in range(8000):
        psi = float(_lone_variance(made, left, 0.9, psi, rng)[0, 0])
        found.append(np.sqrt(psi))
    grid = np.linspace(1e-4, 4, 401)
    likelihood = np.array([
        stats.multivariate_normal(np.zeros(5), 0.9 * np.eye(5) + s * s)
        .logpdf(y.reshape(8, 5) - 0.1)
        .sum()
        for s in grid
    ])  # fmt: skip
    weight = np.exp(likelihood - likelihood.max()) * stats.t(2, scale=WIDE).pdf(grid)
    weight /= weight.sum()
    assert np.mean(found) == pytest.approx(float(weight @ grid), rel=0.05)
    assert np.quantile(found, 0.9) == pytest.approx(
        grid[np.searchsorted(np.cumsum(weight), 0.9)], abs=0.04
    )


def test_inverse_wishart_draws_have_its_mean():
    rng = np.random.default_rng(3)
    scale = np.array([[2.0, 0.5], [0.5, 1.0]])
    found = np.mean([_inverse_wishart(12.0, scale, rng) for _ in range(3000)], axis=0)
    np.testing.assert_allclose(found, scale / (12 - 3), atol=0.012)


def test_covariance_of_many_known_effects_is_theirs():
    rng = np.random.default_rng(4)
    u = rng.normal(size=(4000, 2)) @ np.array([[1.0, 0.5], [0.0, 0.8]])
    Psi, a = _covariance(u, np.ones(2), rng)
    np.testing.assert_allclose(Psi, u.T @ u / 4000, atol=0.08)
    assert (a > 0).all()


@pytest.mark.parametrize(("event", "eta"), [(1.0, -2.0), (1.0, 0.5), (0.0, 1.5), (0.0, -40.0)])
def test_latent_normals_are_truncated_ones(event, eta):
    rng = np.random.default_rng(5)
    found = latent(np.full(20000, event), np.full(20000, eta), rng)
    assert ((found > 0) == bool(event)).all()
    low, high = (-eta, np.inf) if event else (-np.inf, -eta)
    expected = stats.truncnorm(low, high, loc=eta)
    assert found.mean() == pytest.approx(expected.mean(), abs=0.03)
    assert found.std() == pytest.approx(expected.std(), abs=0.03)


def test_latent_normals_stay_finite_where_a_tail_has_no_double():
    found = latent(np.array([1.0, 0.0]), np.array([-60.0, 60.0]), np.random.default_rng(0))
    assert np.isfinite(found).all()


def test_donors_are_among_the_nearest():
    rng = np.random.default_rng(6)
    donors, recipients = rng.normal(size=300), rng.normal(size=200)
    chosen = nearest(donors, recipients, rng)
    gaps = np.abs(donors[None, :] - recipients[:, None])
    fifth = np.sort(gaps, axis=1)[:, 4]
    assert (gaps[np.arange(200), chosen] <= fifth).all()
    assert nearest(np.array([2.0, 4.0]), np.array([3.0, 9.0]), rng).max() <= 1
    ties = nearest(np.zeros(50), np.zeros(2000), rng)
    assert len(np.unique(ties)) >= 5


def test_a_unit_without_rows_gets_an_effect_from_the_prior():
    rng = np.random.default_rng(7)
    codes = np.repeat([0, 1, 3], 30)
    X = np.ones((90, 1))
    y = rng.normal(size=90) + codes
    made = problem(X, X, rows_of(codes, 4))
    state, empty = begin(1), []
    for _ in range(300):
        one = draw(made, y, state, rng)
        state = one.state
        empty.append(one.u[2, 0] / np.sqrt(state.Psi[0, 0]))
    assert len(one.u) == 4
    assert np.std(empty) > 0.5
