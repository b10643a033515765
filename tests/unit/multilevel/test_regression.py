"""Single-level regression: equal to R's lm, glm, sandwich, lmtest and clubSandwich; bad input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from crosslevel.errors import FormulaError, ModelError, NotConvergedWarning
from crosslevel.multilevel import RegressionFit, regress
from crosslevel.multilevel import glm as engine
from crosslevel.multilevel.assumptions import durbin_watson
from reference_values import data, entries

LINEAR = {
    "ols_attitude": "rating ~ complaints + privileges + learning + raises",
    "ols_exam_cluster": "normexam ~ standLRT + sex + schavg",
    "ols_bh1996_cluster": "WBEING ~ HRS + LEAD + COHES",
    "wls_attitude": "rating ~ complaints + learning",
    "wls_exam_cluster": "normexam ~ standLRT + sex",
}
GENERAL = {
    "logit_contraception": ("use ~ age + urban + livch", "binomial"),
    "poisson_grouseticks": ("TICKS ~ YEAR + cHEIGHT", "poisson"),
}
CLUSTERED = ["ols_exam_cluster", "ols_bh1996_cluster", "wls_exam_cluster"]


def _fit(name: str) -> RegressionFit:
    entry = entries("single_level")[name]
    frame = data(entry.dataset)
    cluster = entry.values.get("cluster", {}).get("variable")
    if name in GENERAL:
        formula, family = GENERAL[name]
        return regress(formula, frame, family=family, cluster=cluster)
    weights = "w" if name.startswith("wls") else None
    if name == "wls_attitude":
        frame["w"] = 1 + frame["critical"] / 100
    if name == "wls_exam_cluster":
        frame["w"] = 1 + (frame["school"].astype(int) % 5) / 4
    return regress(LINEAR[name], frame, weights=weights, cluster=cluster)


def _close(found: Any, expected: Any, rtol: float) -> None:
    theirs = list(expected.values()) if isinstance(expected, dict) else expected
    np.testing.assert_allclose(np.asarray(found, float), np.asarray(theirs, float), rtol=rtol)


def _errors(fit: RegressionFit, kind: str, **options: Any) -> pd.Series:
    return fit.with_vcov(kind, **options).tidy()["std_error"]


@pytest.mark.parametrize("name", LINEAR)
def test_least_squares_equals_r(name: str) -> None:
    entry = entries("single_level")[name]
    expected, rtol = entry.values, entry.tolerance["default"]["rtol"]
    fit = _fit(name)
    table, one = fit.with_vcov("model").tidy(), fit.glance().iloc[0]
    _close(table["estimate"], expected["coef"], rtol)
    _close(table["std_error"], expected["se"], rtol)
    _close(table["statistic"], expected["t"], rtol)
    _close(table[["conf_low", "conf_high"]], expected["ci95"]["data"], rtol)
    for found, theirs in zip(table["p_value"], expected["p"].values(), strict=True):
        assert found == pytest.approx(theirs, rel=rtol, abs=1e-300)
    names = {
        "n": "nobs", "df_residual": "df_resid", "sigma": "sigma", "r_squared": "r2",
        "adjusted_r_squared": "adj_r2", "statistic": "F", "log_likelihood": "logLik",
        "aic": "AIC", "bic": "BIC",
    }  # fmt: skip
    for ours, theirs in names.items():
        assert one[ours] == pytest.approx(expected[theirs], rel=rtol), ours
    for kind, errors in expected["HC_se"].items():
        _close(_errors(fit, kind), errors, rtol)


@pytest.mark.parametrize("name", LINEAR)
def test_rows_and_assumptions_equal_r(name: str) -> None:
    entry = entries("single_level")[name]
    expected, rtol = entry.values, entry.tolerance["default"]["rtol"]
    fit = _fit(name)
    rows, tests = fit.augment(), fit.tests().set_index("test")
    assert rows["hat"].max() == pytest.approx(expected["hat_max"], rel=rtol)
    assert rows["cooks_distance"].max() == pytest.approx(expected["cooks_max"], rel=rtol)
    assert rows["studentised"].abs().max() == pytest.approx(expected["rstudent_max_abs"], rel=rtol)
    assert tests.loc["durbin_watson", "statistic"] == pytest.approx(
        expected["durbin_watson"], rel=rtol
    )
    theirs = expected["breusch_pagan_studentised"]
    found = tests.loc["breusch_pagan", ["statistic", "df", "p_value"]].astype(float)
    _close(found, [theirs["stat"], theirs["df"], theirs["p"]], rtol)
    if "vif" in expected:
        _close(fit.vif()["vif"], expected["vif"], rtol)


@pytest.mark.parametrize("name", CLUSTERED)
def test_clustered_errors_equal_clubsandwich(name: str) -> None:
    entry = entries("single_level")[name]
    expected, tolerance = entry.values["cluster"], entry.tolerance
    fit = _fit(name)
    rtol = tolerance["default"]["rtol"]
    assert fit.clusters is not None and fit.clusters.number == expected["n_clusters"]
    for kind in ("CR0", "CR1", "CR1S", "CR3"):
        _close(_errors(fit, kind), expected[f"{kind}_se"], rtol)
    _close(_errors(fit, "CR0"), expected["sandwich_vcovCL_HC0_nocadj_se"], rtol)
    _close(fit.tidy()["std_error"], expected["sandwich_vcovCL_HC1_se"], rtol)
    table = fit.with_vcov("CR2").tidy()
    _close(table["std_error"], expected["CR2_se"], tolerance["CR2"]["rtol"])
    _close(table["df"], expected["CR2_df"], tolerance["CR2"]["df_rtol"])
    _close(table["p_value"], expected["CR2_p"], tolerance["CR2"]["df_rtol"])
    theirs = expected["wald_HTZ_coef2_3"]
    joint = fit.with_vcov("CR2").joint_test(fit.names[1:3]).iloc[0]
    found = joint[["statistic", "df", "df_denominator", "p_value"]].astype(float)
    _close(found, list(theirs.values()), tolerance["CR2"]["df_rtol"])


@pytest.mark.parametrize("name", GENERAL)
def test_logistic_and_poisson_equal_r(name: str) -> None:
    entry = entries("single_level")[name]
    expected, tolerance = entry.values, entry.tolerance
    rtol = tolerance["default"]["rtol"]
    fit = _fit(name)
    table, one = fit.with_vcov("model").tidy(), fit.glance().iloc[0]
    for ours, theirs in (("estimate", "coef"), ("std_error", "se"), ("statistic", "z")):
        _close(table[ours], expected[theirs], rtol)
    for found, theirs in zip(table["p_value"], expected["p"].values(), strict=True):
        assert found == pytest.approx(theirs, rel=rtol, abs=1e-200)
    names = {
        "n": "nobs", "deviance": "deviance", "null_deviance": "null_deviance", "aic": "AIC",
        "bic": "BIC", "log_likelihood": "logLik", "r_squared": "mcfadden_r2",
    }  # fmt: skip
    for ours, theirs in names.items():
        assert one[ours] == pytest.approx(expected[theirs], rel=rtol), ours
    fitted = fit.augment()["fitted"]
    assert (fitted**2).sum() == pytest.approx(expected["fitted_sum_sq"], rel=rtol)
    for kind in ("HC0", "HC3"):
        _close(_errors(fit, kind), expected[f"{kind}_se"], rtol)
    ends = fit.intervals()[["conf_low", "conf_high"]]
    _close(ends, expected["profile_ci95"]["data"], tolerance["profile_ci95"]["rtol"])


@pytest.mark.parametrize("name", GENERAL)
def test_logistic_and_poisson_clustered_errors_equal_r(name: str) -> None:
    entry = entries("single_level")[name]
    expected, tolerance = entry.values["cluster"], entry.tolerance["cluster"]
    fit = _fit(name)
    kinds = {
        "CR0": "vcovCL_HC0_nocadj_se", "CR1": "vcovCL_HC0_se", "CR1S": "vcovCL_HC1_se",
        "CR2": "CR2_se",
    }  # fmt: skip
    for kind, theirs in kinds.items():
        _close(_errors(fit, kind), expected[theirs], tolerance["rtol"])
    _close(fit.with_vcov("CR2").tidy()["df"], expected["CR2_df"], tolerance["df_rtol"])


def test_average_slope_equals_r_and_statsmodels() -> None:
    fit = _fit("logit_contraception").with_vcov("model")
    expected = entries("single_level")["logit_contraception"].values["ame_slope_terms"]
    found = fit.average_slopes().iloc[0]
    assert found["term"] == "age"
    assert found["estimate"] == pytest.approx(expected["age"], rel=1e-6)
    theirs = sm.Logit(fit.solution.y, fit.solution.X.T).fit(disp=0).get_margeff()
    assert found["std_error"] == pytest.approx(theirs.margeff_se[0], rel=1e-6)
    counts = _fit("poisson_grouseticks").with_vcov("model")
    slope = counts.average_slopes().iloc[0]
    theirs = sm.Poisson(counts.solution.y, counts.solution.X.T).fit(disp=0).get_margeff()
    assert slope["std_error"] == pytest.approx(theirs.margeff_se[-1], rel=1e-6)


def test_interrupted_time_series_equals_r() -> None:
    entry = entries("single_level")["its_seatbelts"]
    expected, rtol = entry.values, entry.tolerance["default"]["rtol"]
    frame = data("Seatbelts").assign(law_t=lambda d: d["law"] * (d["t"] - 169))
    fit = regress("log(DriversKilled) ~ t + law + law_t + PetrolPrice", frame)
    _close(fit.tidy()["estimate"], expected["coef"], rtol)
    _close(fit.tidy()["std_error"], expected["se_ols"], rtol)
    for lags in (1, 4, 12):
        _close(_errors(fit, "HAC", lags=lags), expected[f"NeweyWest_lag{lags}_se"], rtol)
    adjusted = expected["NeweyWest_lag4_adjusted_se"]
    _close(_errors(fit, "HAC", adjust=True), adjusted, rtol)
    tests = fit.tests(order=4).set_index("test")
    theirs = expected["breusch_godfrey_4"]
    found = tests.loc["breusch_godfrey", ["statistic", "p_value"]].astype(float)
    _close(found, [theirs["stat"], theirs["p"]], rtol)
    assert tests.loc["durbin_watson", "statistic"] == pytest.approx(
        expected["durbin_watson"], rel=rtol
    )


@pytest.mark.parametrize(
    "name", ["attitude", "raises", "no_intercept", "van", "dyestuff"]
)  # lmtest has no exact value of "van"
def test_durbin_watson_p_values_equal_lmtest(name: str) -> None:
    """Without an intercept lmtest's 15 iterations leave 0.39848 where a hundred end at 0.39873."""
    entry = entries("single_level_more")[f"watson_{name}"]
    expected, rtol = entry.values, entry.tolerance["default"]["rtol"]
    fit = regress(expected["formula"], data(entry.dataset))
    row = fit.tests().set_index("test").loc["durbin_watson", ["statistic", "p_value"]]
    _close(row.astype(float), [expected["statistic"], expected["default"]], rtol)
    sides = ("greater", "two-sided", "less")
    if name == "no_intercept":
        assert abs(expected["fifteen"] / row["p_value"] - 1.0) > 5e-4
    for kind in ("normal", "exact"):
        found = [durbin_watson(fit.solution, side, exact=kind == "exact")[1] for side in sides]
        if expected[kind]:
            _close(found, expected[kind], rtol)
        else:
            _close(found, expected["normal"], 0.05)


def test_durbin_watson_with_weights_or_few_rows_has_no_p_value() -> None:
    frame = data("attitude").assign(w=2.0)
    for fit in (
        regress("rating ~ raises", frame, weights="w"),
        regress("rating ~ raises", frame.iloc[:4]),
    ):
        statistic, p = durbin_watson(fit.solution)
        assert statistic > 0 and np.isnan(p)
    with pytest.raises(ModelError, match="'greater', 'two-sided', 'less', got 'both'"):
        fit.tests(alternative="both")


@pytest.mark.parametrize("name", ["serial_drivers", "serial_front", "serial_van"])
def test_prewhitened_and_automatic_newey_west_equal_r(name: str) -> None:
    entry = entries("single_level_more")[name]
    expected, rtol = entry.values, entry.tolerance["default"]["rtol"]
    fit = regress(expected["formula"], data(entry.dataset))
    automatic = fit.with_vcov("HAC", lags="automatic")
    default = fit.with_vcov("HAC", lags="automatic", prewhiten=True)
    assert [default.covariance.lags, automatic.covariance.lags] == expected["lags"]
    _close(default.tidy()["std_error"], expected["default"], rtol)
    _close(automatic.tidy()["std_error"], expected["automatic"], rtol)
    white = {"prewhiten": True}
    _close(_errors(fit, "HAC", lags=4, **white), expected["prewhitened_lag4"], rtol)
    adjusted = _errors(fit, "HAC", lags=0, adjust=True, **white)
    _close(adjusted, expected["prewhitened_lag0_adjusted"], rtol)


@pytest.mark.parametrize("name", ["attitude", "exam", "no_intercept", "seatbelts"])
def test_reset_equals_r(name: str) -> None:
    entry = entries("single_level_more")[f"reset_{name}"]
    fit = regress(entry.values["formula"], data(entry.dataset))
    row = fit.tests().set_index("test").loc["reset"].astype(float)
    found = row[["statistic", "df", "df_denominator", "p_value"]]
    _close(found, entry.values["reset"], entry.tolerance["default"]["rtol"])


def test_reset_is_missing_where_predictors_take_two_values(frame: pd.DataFrame) -> None:
    tests = regress("z ~ sex", frame).tests().set_index("test")
    assert tests.loc["reset", ["statistic", "p_value"]].isna().all()


@pytest.fixture
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(8)
    x, unit = rng.normal(size=80), np.repeat(np.arange(8), 10)
    y = (x + rng.normal(size=80) > 0).astype(float)
    counts = rng.poisson(np.exp(0.2 + 0.3 * x))
    table = {"x": x, "unit": unit, "y": y, "count": counts, "z": rng.normal(size=80)}
    return pd.DataFrame({**table, "sex": np.where(rng.random(80) < 0.5, "F", "M")})


@pytest.mark.parametrize("name", ["shares_period", "shares_herd"])
def test_shares_of_trials_equal_r(name: str) -> None:
    entry = entries("single_level_more")[name]
    expected, rtol = entry.values, entry.tolerance["default"]["rtol"]
    frame = data("cbpp").assign(share=lambda d: d["incidence"] / d["size"])
    frame["late"] = np.where(frame["herd"].astype(int) > 7, "yes", "no")
    right = expected["right"].replace("I(herd > 7)", "late")
    options = {"family": "binomial", "weights": "size", "cluster": "herd"}
    fit = regress(f"share ~ {right}", frame, **options)
    table = fit.with_vcov("model").tidy()
    for column in ("estimate", "std_error", "p_value"):
        _close(table[column], expected[column], rtol)
    one, rows = fit.glance().iloc[0], fit.augment().abs().max()
    for column in ("log_likelihood", "aic", "bic", "deviance", "null_deviance"):
        assert one[column] == pytest.approx(expected[column], rel=rtol), column
    for column in ("hat", "cooks_distance", "studentised"):
        assert rows[column] == pytest.approx(expected[column], rel=rtol), column
    for kind in ("HC0", "HC3", "CR1"):
        _close(_errors(fit, kind), expected[kind], rtol)
    ends = fit.intervals()[["conf_low", "conf_high"]]
    _close(ends, expected["profile"], 1e-3)  # as the reference files: R's profile interpolates


def test_shares_are_people_counted_together() -> None:
    """One row per animal gives the same coefficients and differences of likelihoods."""
    frame = data("cbpp").assign(share=lambda d: d["incidence"] / d["size"])
    animals = frame.loc[frame.index.repeat(frame["size"])].assign(
        ill=[float(k < n) for n, size in zip(frame["incidence"], frame["size"], strict=True)
             for k in range(size)]
    )  # fmt: skip
    grouped, single = (
        [regress(f"{y} ~ {right}", d, family="binomial", weights=w) for right in ("period", "1")]
        for y, d, w in (("share", frame, "size"), ("ill", animals, None))
    )
    np.testing.assert_allclose(grouped[0].vcov(), single[0].vcov(), rtol=1e-8)
    gained = [two[0].log_likelihood - two[1].log_likelihood for two in (grouped, single)]
    assert gained[0] == pytest.approx(gained[1])
    with pytest.raises(ModelError, match="or the share of successes in `weights` trials; found"):
        regress("share ~ period", frame.assign(size=10), family="binomial", weights="size")
    all_ill = frame.assign(share=np.where(frame["period"] == "2", 1.0, frame["share"]))
    with pytest.raises(ModelError, match=r"Perfect separation: 'period\[2\]' tells"):
        regress("share ~ period", all_ill, family="binomial", weights="size")


def test_weights_that_vary_in_clusters_equal_a_dense_witness(frame: pd.DataFrame) -> None:
    """CR2 and its degrees of freedom from the (n, n) matrices of their definition."""
    frame = frame.assign(w=np.linspace(0.5, 2.0, 80))
    fit = regress("z ~ x + sex", frame, weights="w", cluster="unit").with_vcov("CR2")
    X, w = fit.solution.X.T, frame["w"].to_numpy()
    F = np.linalg.inv(X.T @ (w[:, None] * X))
    H = X @ F @ X.T * w
    M = (np.eye(80) - H) @ (np.eye(80) - H).T
    e = (frame["z"] - X @ fit.beta).to_numpy()
    meat, weighted = np.zeros((3, 3)), np.zeros((8, 80, 3))
    for c in range(8):
        at = np.flatnonzero(frame["unit"] == c)
        values, vectors = np.linalg.eigh(M[np.ix_(at, at)])
        A = (vectors * values**-0.5) @ vectors.T
        weighted[c][at] = A @ (w[at, None] * X[at]) @ F
        meat += np.outer(weighted[c].T @ e, weighted[c].T @ e)
    np.testing.assert_allclose(fit.vcov(), meat, rtol=1e-9)
    for k in range(3):
        P = weighted[:, :, k] @ M @ weighted[:, :, k].T
        assert fit.tidy()["df"][k] == pytest.approx(np.trace(P) ** 2 / (P**2).sum(), rel=1e-9)


@pytest.mark.parametrize("family", ["gaussian", "binomial", "poisson"])
def test_weights_and_offset_equal_statsmodels(frame: pd.DataFrame, family: str) -> None:
    outcome = {"gaussian": "z", "binomial": "y", "poisson": "count"}[family]
    frame = frame.assign(w=np.linspace(0.5, 2.0, 80), o=np.linspace(-0.3, 0.3, 80))
    fit = regress(f"{outcome} ~ x + sex", frame, family=family, weights="w", offset="o")
    known = {
        "gaussian": sm.families.Gaussian(),
        "binomial": sm.families.Binomial(),
        "poisson": sm.families.Poisson(),
    }[family]
    theirs = sm.GLM(
        frame[outcome], fit.solution.X.T, family=known, offset=frame["o"], var_weights=frame["w"]
    ).fit(tol=1e-14)
    np.testing.assert_allclose(fit.beta, theirs.params, rtol=1e-7)
    np.testing.assert_allclose(fit.tidy()["std_error"], theirs.bse, rtol=1e-7)
    np.testing.assert_allclose(fit.predict()["estimate"], theirs.fittedvalues, rtol=1e-7)
    again = fit.predict(frame.iloc[:5])
    np.testing.assert_allclose(again, fit.predict().iloc[:5], rtol=1e-12)
    assert fit.intervals(method="wald")["conf_low"].equals(fit.tidy()["conf_low"])


def test_two_labels_are_an_outcome(frame: pd.DataFrame) -> None:
    named = frame.assign(use=np.where(frame["y"] == 1, "yes", "no"), true=frame["y"] == 1)
    plain = regress("y ~ x", frame, family="binomial")
    for outcome, event in (("use", "yes"), ("true", "True")):
        fit = regress(f"{outcome} ~ x", named, family="binomial")
        assert fit.event == event
        np.testing.assert_allclose(fit.beta, plain.beta)
    three = named.assign(use=["a", "b", "c", "c"] * 20)
    with pytest.raises(ModelError, match="column 'use' has 3: 'a', 'b', 'c'"):
        regress("use ~ x", three, family="binomial")


def test_missing_rows_aliased_terms_and_repr(frame: pd.DataFrame) -> None:
    frame = frame.assign(twin=2 * frame["x"])
    frame.loc[3, "x"] = np.nan
    frame["unit"] = frame["unit"].astype(float)
    frame.loc[5, "unit"] = np.nan
    fit = regress("z ~ x + twin", frame, cluster="unit")
    assert (fit.n, fit.rows_dropped, fit.dropped) == (78, 2, ("twin",))
    text = repr(fit)
    assert "78 rows (2 dropped); 8 unit; converged; covariance CR1S" in text
    with pytest.raises(ModelError, match="1 rows have missing values"):
        regress("z ~ x", frame, missing="raise")


def test_an_index_with_repeated_labels(frame: pd.DataFrame) -> None:
    frame.loc[3, "x"] = np.nan
    again = frame.set_axis(["a", "b"] * 40)
    fit = regress("z ~ x", again)
    for table in (fit.augment(), fit.predict()):
        assert table.index.tolist() == ["a", "b"] * 40
        assert table.iloc[:, 0].isna().to_numpy().nonzero()[0].tolist() == [3]


def test_perfect_separation_names_the_column(frame: pd.DataFrame) -> None:
    frame["split"] = np.where(frame["y"] == 1, 1.0, -1.0)
    with pytest.raises(ModelError, match="Perfect separation: 'split' tells outcomes apart"):
        regress("y ~ split", frame, family="binomial")
    with pytest.raises(ModelError, match="Perfect separation: 'split' tells outcomes apart"):
        regress("y ~ x + z + split", frame, family="binomial")
    frame["rare"] = np.where((frame["y"] == 1) & (frame["x"] > 0.8), "yes", "no")
    with pytest.raises(ModelError, match=r"Perfect separation: 'rare\[yes\]' tells"):
        regress("y ~ x + rare", frame, family="binomial")
    frame["never"] = np.where(frame["count"] == 0, "never", "some")
    with pytest.raises(ModelError, match=r"Perfect separation: 'never\[some\]' tells"):
        regress("count ~ x + never", frame, family="poisson")


def test_a_steep_slope_is_no_separation() -> None:
    x = np.linspace(-30, 30, 200)
    y = (x > 0).astype(float)
    y[[90, 110]] = 1.0, 0.0
    fit = regress("y ~ x", pd.DataFrame({"x": x, "y": y}), family="binomial")
    assert fit.status == "converged"
    assert fit.intervals()["conf_low"][1] > 0


def test_ends_of_profile_intervals_have_the_stated_deviance() -> None:
    """The upper end of an intercept was 4.473, where the deviance has risen by 3.724 only."""
    frame = data("cbpp").assign(any=lambda d: (d["incidence"] > 0).astype(float))
    rng = np.random.default_rng(149)
    steep = pd.DataFrame({"x": rng.normal(size=40) * 5, "z": rng.normal(size=40) + 20})
    steep["count"] = rng.poisson(np.exp(np.clip(0.6 * steep["x"], -5, 4))).astype(float)
    for fit in (
        regress("any ~ period + size", frame, family="binomial"),
        regress("count ~ x + z", steep, family="poisson"),
    ):
        s, ends = fit.solution, fit.intervals()
        for j, name in enumerate(fit.names):
            others = np.delete(s.X, j, axis=0)
            for end in ends.loc[j, ["conf_low", "conf_high"]].astype(float):
                made = sm.GLM(
                    s.y, others.T, offset=end * s.X[j],
                    family=sm.families.Binomial() if fit.family == "binomial"
                    else sm.families.Poisson(),
                ).fit(tol=1e-12)  # fmt: skip
                rise = made.deviance - s.deviance
                assert rise == pytest.approx(3.841458820694124, rel=1e-6), name


def test_an_end_without_bound_is_infinite(frame: pd.DataFrame) -> None:
    """Without an event in one group its own interval has one end."""
    fit = regress("y ~ x", frame, family="binomial")
    s = fit.solution
    apart = engine.solve(s.X[:1], np.ones(80), family=s.family, start=np.array([9.0]))
    from crosslevel.multilevel.likelihood_intervals import profile

    assert np.isinf(profile(apart, None, cut=3.84)[0, 1])


def test_a_fit_that_stops_early_says_so(
    frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "STEPS", 2)
    with pytest.warns(NotConvergedWarning, match="did not converge in 2 steps"):
        fit = regress("y ~ x", frame, family="binomial")
    assert fit.status == "not converged"


def test_refusals(frame: pd.DataFrame) -> None:
    with pytest.raises(ModelError, match=r"got 'poison'\. Did you mean 'poisson'"):
        regress("y ~ x", frame, family="poison")
    with pytest.raises(FormulaError, match="no random terms"):
        regress("y ~ x + (1 | unit)", frame)
    with pytest.raises(ModelError, match=r"must be 0 or 1 .*; found .* and 80 such"):
        regress("z ~ x", frame, family="binomial")
    with pytest.raises(ModelError, match="must be a count"):
        regress("z ~ x", frame, family="poisson")
    with pytest.raises(ModelError, match="Weights must be positive; 1 row"):
        regress("z ~ x", frame.assign(w=[0.0, *[1.0] * 79]), weights="w")
    with pytest.raises(ModelError, match=r"column 'uint': not found\. Did you mean 'unit'"):
        regress("z ~ x", frame, cluster="uint")
    with pytest.raises(ModelError, match="two groups of 'one'"):
        regress("z ~ x", frame.assign(one=1), cluster="one")
    with pytest.raises(ModelError, match="reproduce the outcome exactly"):
        regress("d ~ x", frame.assign(d=2 * frame["x"] + 1))
    with pytest.raises(ModelError, match="2 rows cannot carry 2 coefficients"):
        regress("z ~ x", frame.iloc[:2])


def test_refusals_after_the_fit(frame: pd.DataFrame) -> None:
    fit = regress("z ~ x", frame)
    with pytest.raises(ModelError, match=r"got 'HC9'\. Did you mean"):
        fit.with_vcov("HC9")
    with pytest.raises(ModelError, match="'CR2' needs clusters"):
        fit.with_vcov("CR2")
    with pytest.raises(ModelError, match="belong to 'HAC', not to 'HC1'"):
        fit.with_vcov("HC1", lags=2)
    with pytest.raises(ModelError, match="from 0 to 79, got 80"):
        fit.with_vcov("HAC", lags=80)
    with pytest.raises(ModelError, match="from 0 to 78, got 79"):
        fit.with_vcov("HAC", lags=79, prewhiten=True)
    with pytest.raises(ModelError, match="a whole number or 'automatic', got 'auto'"):
        fit.with_vcov("HAC", lags="auto")
    with pytest.raises(ModelError, match="from 1 to 77, got 0"):
        fit.tests(order=0)
    with pytest.raises(ModelError, match="use method='wald'"):
        fit.intervals()
    with pytest.raises(ModelError, match="must be 'profile' or 'wald', got 'exact'"):
        fit.intervals(method="exact")
    with pytest.raises(ModelError, match="two predictors or more"):
        fit.vif()
    with pytest.raises(ModelError, match="this one is binomial"):
        regress("y ~ x", frame, family="binomial").tests()
    lonely = frame.assign(own=(frame.index == 0).astype(float))
    alone = regress("z ~ own", lonely, cluster="unit")
    with pytest.raises(ModelError, match="HC3 is not defined: 1 row"):
        alone.with_vcov("HC3")
    with pytest.raises(ModelError, match="CR3 is not defined"):
        alone.with_vcov("CR3")


def test_joint_test_of_one_term_is_its_t_test(frame: pd.DataFrame) -> None:
    fit = regress("z ~ x + sex", frame)
    with pytest.raises(ModelError, match="Give the terms as a list, got the text 'x'"):
        fit.joint_test("x")
    for terms in ([], ["x", "x"]):
        with pytest.raises(ModelError, match="Name one term or more, each of them once; got"):
            fit.joint_test(terms)
    one = fit.joint_test(["x"]).iloc[0]
    assert one["p_value"] == pytest.approx(fit.tidy()["p_value"][1], rel=1e-10)
    assert one["statistic"] == pytest.approx(fit.tidy()["statistic"][1] ** 2)


def test_rows_in_another_order_and_repeated_rows(frame: pd.DataFrame) -> None:
    """Order and labels of groups do not matter; a weight of two is the row twice (binomial)."""
    fit = regress("y ~ x + sex", frame, family="binomial", cluster="unit").with_vcov("CR2")
    order = np.random.default_rng(1).permutation(80)
    turned = frame.iloc[order].assign(unit=lambda d: "u" + (9 - d["unit"]).astype(str))
    again = regress("y ~ x + sex", turned, family="binomial", cluster="unit").with_vcov("CR2")
    pd.testing.assert_frame_equal(fit.tidy(), again.tidy(), rtol=1e-8)
    twice = regress("y ~ x + sex", frame.assign(w=2.0), family="binomial", weights="w")
    rows = regress("y ~ x + sex", pd.concat([frame, frame]), family="binomial")
    np.testing.assert_allclose(twice.vcov(), rows.vcov(), rtol=1e-8)
    assert twice.log_likelihood == pytest.approx(rows.log_likelihood)


def test_generalised_variance_inflation_of_a_category(frame: pd.DataFrame) -> None:
    """car::vif's definition, det of the blocks, on columns made by hand."""
    frame["team"] = ["a", "b", "c", "c"] * 20
    fit = regress("z ~ x + team", frame)
    R = np.corrcoef(fit.solution.X[1:])
    expected = R[0, 0] * np.linalg.det(R[1:, 1:]) / np.linalg.det(R)
    np.testing.assert_allclose(fit.vif()["vif"], expected)
    assert fit.vif()["term"].tolist() == ["x", "team"]
