"""Parametric bootstrap: the replicates are fits of simulated outcomes, whoever computes them."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

from crosslevel.errors import ModelError
from crosslevel.frames import RESULT_COLUMNS
from crosslevel.multilevel import MultilevelFit, fit
from crosslevel.multilevel.bootstrap import bootstrap, bootstrap_test
from crosslevel.multilevel.replication import simulate


def _frame(seed: int, *, J: int = 12, size: int = 5, spread: float = 0.6) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    g = np.repeat(np.arange(J), size)
    frame = pd.DataFrame(
        {"g": g, "x": rng.normal(size=J * size), "w": rng.normal(size=J)[g], "h": g // 3}
    )
    slope = 0.4 * rng.normal(size=J)[g]
    frame["y"] = 2 + (0.5 + slope) * frame["x"] + spread * rng.normal(size=J)[g]
    frame["y"] += rng.normal(size=J * size)
    frame["wt"] = rng.uniform(0.5, 2.0, J * size)
    return frame


@pytest.fixture(scope="module")
def model() -> MultilevelFit:
    return fit("y ~ x + (x | g)", _frame(1))


def test_simulated_outcomes_have_the_mean_and_covariance_of_the_model() -> None:
    """Against V written out row by row, with weights and two factors."""
    frame = _frame(2, J=6, size=3)
    fitted = fit("y ~ x + (x | g) + (1 | h)", frame, weights="wt")
    Y = simulate(fitted, 40_000, seed=5).to_numpy()
    V = np.diag(fitted.sigma**2 / frame["wt"].to_numpy())
    for factor, T in zip(fitted.design.factors, fitted.estimates.T, strict=True):
        S = fitted.sigma**2 * T @ T.T
        same = factor.codes[:, None] == factor.codes
        V += same * (factor.Z.T @ S @ factor.Z)
    mean = fitted.predict(include="none").to_numpy()
    scale = np.sqrt(np.outer(np.diag(V), np.diag(V)))
    assert np.abs((Y.mean(axis=1) - mean) / np.sqrt(np.diag(V))).max() < 0.025
    assert np.abs((np.cov(Y) - V) / scale).max() < 0.035


def test_simulate_keeps_rows_and_extends() -> None:
    frame = _frame(3)
    frame.loc[4, "x"] = np.nan
    frame.index = [f"r{k}" for k in range(len(frame))]
    fitted = fit("y ~ x + (1 | g)", frame)
    few, many = simulate(fitted, 3, seed=9), simulate(fitted, 300, seed=9)
    assert list(few.index) == list(frame.index)
    assert few.loc["r4"].isna().all()
    assert few.drop(index="r4").notna().all().all()
    pd.testing.assert_frame_equal(few, many[[1, 2, 3]], check_column_type=False)
    assert not np.allclose(few[1].dropna(), simulate(fitted, 3, seed=10)[1].dropna())


def test_replicates_are_fits_of_the_simulated_outcomes(model: MultilevelFit) -> None:
    frame, made = _frame(1), bootstrap(model, 30, seed=4)
    drawn = simulate(model, 30, seed=4)
    for k in range(30):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            one = fit(model.formula, frame.assign(y=drawn[k + 1]))
        np.testing.assert_allclose(made.beta[k], one.estimates.beta, rtol=1e-7)
        parts = one.variance_components()
        np.testing.assert_allclose(made.components[k, 0], parts["sd"][0], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(made.components[k, -1], one.sigma, rtol=1e-7)
        if made.components[k, :3:2].min() > 1e-3:
            np.testing.assert_allclose(made.components[k, 1], parts["correlation"][1], rtol=1e-4)


def test_workers_do_not_change_the_numbers(model: MultilevelFit) -> None:
    seen: list[tuple[int, int]] = []
    one = bootstrap(model, 300, seed=4, progress=lambda done, total: seen.append((done, total)))
    two = bootstrap(model, 300, seed=4, n_jobs=2)
    np.testing.assert_array_equal(one.beta, two.beta)
    np.testing.assert_array_equal(one.components, two.components)
    np.testing.assert_array_equal(one.beta[:50], bootstrap(model, 50, seed=4).beta)
    assert seen == [(256, 300), (300, 300)]


def test_tables(model: MultilevelFit) -> None:
    made = bootstrap(model, 400, seed=4)
    table = made.tidy(conf_level=0.9)
    assert tuple(table.columns) == RESULT_COLUMNS
    low, high = np.quantile(made.beta, [0.05, 0.95], axis=0)
    np.testing.assert_allclose(table["conf_low"], low)
    np.testing.assert_allclose(table["std_error"], np.std(made.beta, axis=0, ddof=1))
    basic = made.tidy(interval="basic", conf_level=0.9)
    np.testing.assert_allclose(basic["conf_low"], 2 * model.estimates.beta - high)
    np.testing.assert_allclose(basic["conf_high"], 2 * model.estimates.beta - low)
    parts = made.variance_components()
    assert list(parts["scale"]) == ["sd", "correlation", "sd", "sd"]
    assert (parts["conf_low"] <= parts["estimate"]).all()
    assert (parts["estimate"] <= parts["conf_high"]).all()
    summary = made.glance().iloc[0]
    assert summary["converged"] + summary["boundary"] == 400
    assert summary["boundary_share"] == made.boundary / 400 > 0
    assert parts["replicates"][1] <= 400


def test_intervals_have_the_rows_of_the_other_methods() -> None:
    model = fit("y ~ x + (x | g)", _frame(6, J=30, size=6))
    made, other = model.intervals(method="bootstrap", n=300, seed=4), model.intervals(method="wald")
    keys = ["kind", "group", "term", "other"]
    pd.testing.assert_frame_equal(made[keys], other[keys])
    np.testing.assert_allclose(made["estimate"], other["estimate"], rtol=1e-9)
    table = model.bootstrap(300, seed=4).tidy()
    np.testing.assert_array_equal(made["conf_low"][:2], table["conf_low"])
    with pytest.raises(ModelError, match="Bootstrap intervals need `seed`"):
        model.intervals(method="bootstrap")


def test_p_value_inverts_the_interval(model: MultilevelFit) -> None:
    """A limit of the interval is zero exactly where the p-value meets one minus the level."""
    made = bootstrap(model, 499, seed=4)
    row = made.tidy().iloc[1]
    level = 1.0 - row["p_value"]
    for interval in ("percentile", "basic"):
        row = made.tidy(interval=interval).iloc[1]
        inside = made.tidy(interval=interval, conf_level=min(0.998, 1.01 - row["p_value"])).iloc[1]
        outside = made.tidy(interval=interval, conf_level=0.97 - row["p_value"]).iloc[1]
        assert inside["conf_low"] <= 0.0 or row["p_value"] < 0.003
        assert outside["conf_low"] > 0.0
    assert 0 < level < 1


def test_standard_errors_agree_with_theory() -> None:
    """Balanced intercept model: Var of the mean is (n tau^2 + s2) / (n J)."""
    fitted = fit("y ~ 1 + (1 | g)", _frame(6, J=30, size=6))
    made = bootstrap(fitted, 4000, seed=2).tidy()
    np.testing.assert_allclose(made["std_error"][0], np.sqrt(fitted.vcov().iloc[0, 0]), rtol=0.04)


def test_likelihood_ratio_against_a_loop() -> None:
    frame = _frame(7)
    null = fit("y ~ x + (1 | g)", frame, method="ml")
    large = fit("y ~ x + w + (1 | g)", frame, method="ml")
    made = bootstrap_test(null, large, 40, seed=3)
    drawn = simulate(null, 40, seed=3)
    ratios = []
    for k in drawn:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            a, b = (fit(m.formula, frame.assign(y=drawn[k]), method="ml") for m in (null, large))
        ratios.append(a.criterion - b.criterion)
    np.testing.assert_allclose(made.statistics, ratios, atol=2e-8)
    larger = sum(r >= null.criterion - large.criterion for r in ratios)
    assert made.p_value == (1 + larger) / 41
    assert made.statistic == pytest.approx(null.criterion - large.criterion)


def test_likelihood_ratio_of_a_variance_under_the_null() -> None:
    """Under the null about half or more of the ratios for one variance are zero."""
    frame = _frame(8, J=15)
    null, large = fit("y ~ x + (1 | g)", frame), fit("y ~ x + (1 | g) + (0 + x | g)", frame)
    made = bootstrap_test(null, large, 300, seed=3)
    assert 0.4 < (made.statistics < 1e-6).mean() < 0.8
    assert made.mc_error == pytest.approx(np.sqrt(made.p_value * (1 - made.p_value) / 300))


def test_refusals(model: MultilevelFit) -> None:
    frame = _frame(1)
    with pytest.raises(ModelError, match="must be a whole number above 0, got 0"):
        bootstrap(model, 0, seed=1)
    made = bootstrap(model, 8, seed=1)
    with pytest.raises(ModelError, match="`interval` must be 'percentile' or 'basic', got 'bca'"):
        made.tidy(interval="bca")
    with pytest.raises(ModelError, match="`conf_level` must lie between 0 and 1, got 95"):
        made.tidy(conf_level=95)
    small = fit("y ~ w + (1 | g)", frame)
    with pytest.raises(ModelError, match="null model has fixed terms that the other"):
        bootstrap_test(small, model, 9, seed=1)
    with pytest.raises(ModelError, match="must be the smaller one"):
        bootstrap_test(model, fit("y ~ x + (1 | g)", frame), 9, seed=1)
    with pytest.raises(ModelError, match="fit both with method='ml'"):
        bootstrap_test(small, fit("y ~ w + x + (1 | g)", frame), 9, seed=1)
    with pytest.raises(ModelError, match="by the same method, got 'ml' and 'reml'"):
        bootstrap_test(fit("y ~ x + (1 | g)", frame, method="ml"), model, 9, seed=1)
    with pytest.raises(ModelError, match="same outcome on the same rows"):
        bootstrap_test(fit("y ~ x + (1 | g)", frame[1:]), model, 9, seed=1)
