"""Rubin's rules and the tests of nested models against R mice and mitml."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from crosslevel.errors import ModelError
from crosslevel.multilevel import fit, ols, regress
from crosslevel.multilevel.likelihood import log_likelihood_at, regression_log_likelihood_at
from crosslevel.quality import pool
from reference_values import data, entries
from tolerances import CLOSED_FORM, EXACT

ENTRIES = entries("mi")
MORE = entries("mi_more")
LINEAR = {
    "mi_nhanes_lm": ("chl ~ age + bmi", "chl ~ 1"),
    "mi_nhanes_lm_1df": ("bmi ~ age + hyp + chl", "bmi ~ age + hyp"),
}


def _imputed(name):
    return [frame for _, frame in data(name).groupby(".imp")]


@pytest.fixture(scope="module")
def popmis():
    frames = _imputed("popmis_imputed")
    full = "popular ~ sex + texp + (1 | school)"
    null = "popular ~ sex + (1 | school)"
    return [[fit(f, d, method="ml") for d in frames] for f in (full, null)]


def _check_pooling(found, expected, rtol):
    table = found.pooling().set_index("term")
    tidy = found.tidy().set_index("term")
    columns = {"within": "within", "between": "between", "total": "total", "riv": "riv"}
    columns |= {"lambda": "lambda", "fmi": "fmi", "df": "df", "df_rubin1987": "df_rubin"}
    columns |= {"re": "re"}
    for theirs, ours in columns.items():
        want = pd.Series(expected[theirs])
        np.testing.assert_allclose(table.loc[want.index, ours], want, rtol=rtol, err_msg=theirs)
    for theirs, ours in {
        "estimate": "estimate",
        "se": "std_error",
        "t": "statistic",
        "p": "p_value",
    }.items():
        want = pd.Series(expected[theirs])
        np.testing.assert_allclose(
            tidy.loc[want.index, ours], want, rtol=10 * rtol if theirs == "p" else rtol
        )


def _check_test(found, expected, rtol):
    got = [found.statistic, found.df, found.df_denominator, found.p_value, found.riv]
    expected = list(expected.values()) if isinstance(expected, dict) else expected
    np.testing.assert_allclose(got, expected, rtol=rtol)


@pytest.mark.parametrize("name", LINEAR)
def test_linear_models_equal_mice_and_mitml(name):
    entry = ENTRIES[name]
    values, rtol = entry.values, entry.tolerance["default"]["rtol"]
    frames = _imputed("nhanes_imputed")
    full = [regress(LINEAR[name][0], d) for d in frames]
    terms = values["per_imputation_coef"]["row_names"]
    assert full[0].names == tuple(terms)
    np.testing.assert_allclose(
        np.array([f.beta for f in full]).T, values["per_imputation_coef"]["data"], rtol=rtol
    )
    variances = np.array([np.diag(f.vcov()) for f in full]).T
    np.testing.assert_allclose(variances, values["per_imputation_var"]["data"], rtol=rtol)
    found = pool(full)
    assert found.m == values["m"]
    assert found.df_complete.tolist() == [values["dfcom"]] * len(terms)
    _check_pooling(found, values["pooled_barnard_rubin"], rtol)
    rubin = pool(full, rule="rubin")
    for theirs, got in {
        "df": rubin.pooling()["df"],
        "fmi": rubin.pooling()["fmi"],
        "p": rubin.tidy()["p_value"],
    }.items():
        want = list(values["pooled_rubin1987"][theirs].values())
        np.testing.assert_allclose(got, want, rtol=10 * rtol if theirs == "p" else rtol)
    want = np.array(values["mitml_testEstimates"]["data"])
    got = found.tidy()[["estimate", "std_error", "statistic", "df", "p_value", "riv", "fmi"]]
    np.testing.assert_allclose(got, want, rtol=10 * rtol)


@pytest.mark.parametrize("name", LINEAR)
def test_d1_d2_d3_of_linear_models(name):
    entry = ENTRIES[name]
    values, rtol = entry.values, entry.tolerance["D"]["rtol"]
    frames = _imputed("nhanes_imputed")
    full, null = (pool([regress(f, d) for d in frames]) for f in LINEAR[name])
    _check_test(full.test(null), values["D1"], rtol)
    _check_test(full.test(null), values["mice_D"]["D1"], rtol)
    _check_test(full.test(null, method="D2"), values["D2"], rtol)
    _check_test(full.test(null, method="D3"), values["D3"], rtol)
    _check_test(full.test(null, df_complete=np.inf), values["D1_no_dfcom"], rtol)
    _check_test(full.test(null, method="D2", use="likelihood"), values["D2_likelihood"], rtol)


def test_multilevel_models_equal_mice_and_mitml(popmis):
    entry = ENTRIES["mi_popmis_lmer"]
    values, rtol = entry.values, entry.tolerance["default"]["rtol"]
    full = popmis[0]
    betas = np.array([f.estimates.beta for f in full]).T
    np.testing.assert_allclose(betas, values["per_imputation_fixef"]["data"], rtol=rtol)
    variances = np.array([np.diag(f.estimates.vcov) for f in full]).T
    np.testing.assert_allclose(variances, values["per_imputation_var"]["data"], rtol=rtol)
    likelihoods = [f.log_likelihood for f in full]
    np.testing.assert_allclose(likelihoods, values["per_imputation_logLik"], rtol=rtol)
    found = pool(full, df_complete=np.inf)
    expected = dict(values["pooled"])
    tiny = {k: v for k, v in expected.pop("p").items() if v < 1e-60}
    assert list(tiny) == ["(Intercept)"]
    expected["p"] = {k: v for k, v in values["pooled"]["p"].items() if k not in tiny}
    _check_pooling(found, expected, rtol)
    components = found.variance_components()
    want = [row[0] for row in values["mitml_extra_pars"]["data"]]
    np.testing.assert_allclose([*components["covariance"], *found.icc()["icc"]], want, rtol=rtol)
    assert components["sd"].to_numpy() ** 2 == pytest.approx(want[:2], rel=rtol)


def test_d1_d2_d3_of_multilevel_models(popmis):
    entry = ENTRIES["mi_popmis_lmer"]
    values, rtol = entry.values, entry.tolerance["D"]["rtol"]
    full, null = (pool(fits, df_complete=np.inf) for fits in popmis)
    for method in ("D1", "D2", "D3"):
        got, want = full.test(null, method=method), values[method]
        numbers = [got.statistic, got.df, got.df_denominator, got.riv]
        expected = [want["F.value"], want["df1"], want["df2"], want["RIV"]]
        np.testing.assert_allclose(numbers, expected, rtol=rtol)
        assert np.log(got.p_value) == pytest.approx(np.log(want["P..F."]), rel=rtol)
    assert full.test(["texp"]).statistic == pytest.approx(full.test(null).statistic, rel=EXACT)


CONSTRAINTS = {
    "constraint_equal": ([{"age": 1, "bmi": -2}], [20]),
    "constraint_two": ([{"age": 1, "bmi": -5}, {"hyp": 1, "age": 0.5}], [0, 3]),
    "constraint_schools": ([{"sex": 1, "texp": -10}, {"texp": 1}], [0, 0.08]),
}


@pytest.mark.parametrize("name", CONSTRAINTS)
def test_constraints_equal_mitml(name):
    entry = MORE[name]
    values, rtol = entry.values, entry.tolerance["default"]["rtol"]
    model = fit if "|" in values["formula"] else regress
    keywords = {"method": "ml"} if model is fit else {}
    fits = [model(values["formula"], frame, **keywords) for frame in _imputed(entry.dataset)]
    given, right = CONSTRAINTS[name]
    found = pool(fits, df_complete=np.inf)
    _check_test(found.test_constraints(given, values=right), values["D1"], rtol)
    _check_test(found.test_constraints(given, values=right, method="D2"), values["D2"], rtol)
    finite = found.test_constraints(given, values=right, df_complete=values["df_complete"])
    _check_test(finite, values["D1_complete"], rtol)


def test_constraints_of_single_terms_are_the_nested_test():
    full = pool([regress("chl ~ age + bmi", frame) for frame in _imputed("nhanes_imputed")])
    for method in ("D1", "D2"):
        ours = full.test_constraints([{"bmi": 2.0}, {"age": 1, "bmi": 1}], method=method)
        theirs = full.test(["age", "bmi"], method=method)
        got, expected = (t.tidy().iloc[0, 2:].astype(float) for t in (ours, theirs))
        np.testing.assert_allclose(got, expected, rtol=CLOSED_FORM)
    assert ours.terms == ("2 bmi = 0", "age + bmi = 0")


@pytest.mark.parametrize("name", ["explained_chl", "explained_bmi"])
def test_explained_variance_equals_mice(name):
    entry = MORE[name]
    rtol = entry.tolerance["default"]["rtol"]
    found = pool([regress(entry.values["formula"], d) for d in _imputed("nhanes_imputed")])
    for adjusted, key in ((False, "plain"), (True, "adjusted")):
        row = found.r_squared(adjusted=adjusted).iloc[0]
        got = row[["estimate", "conf_low", "conf_high", "fmi"]].astype(float)
        np.testing.assert_allclose(got, entry.values[key], rtol=rtol)
        assert row["term"] == ("adjusted_r_squared" if adjusted else "r_squared")


def test_explained_variance_of_identical_data_sets_and_near_zero():
    fits = [regress("chl ~ age", _imputed("nhanes_imputed")[0])] * 3
    row = pool(fits).r_squared().iloc[0]
    assert row["estimate"] == pytest.approx(fits[0].r_squared, rel=EXACT)
    assert row["conf_low"] == 0.0 and row["fmi"] == 0.0
    noise = [d.assign(z=np.sin(np.arange(len(d)))) for d in _imputed("nhanes_imputed")]
    with pytest.raises(ModelError, match="An adjusted R-squared is -0"):
        pool([regress("z ~ bmi", d) for d in noise]).r_squared(adjusted=True)
    logistic = [regress("high ~ bmi", d.assign(high=1.0 * (d["chl"] > 190)), family="binomial")
                for d in noise]  # fmt: skip
    with pytest.raises(ModelError, match="pooled over gaussian regressions"):
        pool(logistic).r_squared()


@pytest.mark.parametrize("name", ["logistic_hyp", "poisson_popular"])
def test_generalised_linear_models_equal_mice_and_mitml(name):
    entry = MORE[name]
    values, rtol = entry.values, entry.tolerance["default"]["rtol"]
    frames = [
        d.assign(outcome=d["hyp"] - 1.0 if "hyp" in d else d["popular"].round())
        for d in _imputed(entry.dataset)
    ]
    right = [values[key].split("~")[1] for key in ("formula", "null")]
    full, null = (
        [regress(f"outcome ~{side}", d, family=values["family"]) for d in frames] for side in right
    )
    table = pool(full, df_complete=values["df_complete"]).tidy()
    for column, expected in values["pooled"].items():
        kept = np.array(expected) > 1e-60 if column == "p_value" else slice(None)
        got, want = table[column].to_numpy()[kept], np.array(expected)[kept]
        np.testing.assert_allclose(got, want, rtol=rtol, err_msg=column)
    large = pool(full, df_complete=np.inf)
    for method, expected in values["tests"].items():
        made = large.test(pool(null), method=method)
        got = [made.statistic, made.df, made.df_denominator, made.p_value, made.riv]
        np.testing.assert_allclose(got, expected, rtol=rtol, err_msg=method)


@pytest.mark.parametrize("name", ["stacked_chl", "stacked_bmi", "stacked_sex"])
def test_d4_equals_mitml(name):
    entry = MORE[name]
    values, rtol = entry.values, entry.tolerance["default"]["rtol"]
    full, null = (
        pool([regress(values[key], d, family=values["family"]) for d in _imputed(entry.dataset)])
        for key in ("formula", "null")
    )
    _check_test(full.test(null, method="D4"), dict(enumerate(values["test"])), rtol)


def test_d4_without_missing_values_is_the_likelihood_ratio(popmis):
    frame = NHANES[0].assign(o=0.1)
    full, null = (
        [regress(f, frame, family="poisson", offset="o")] * 3 for f in ("hyp ~ bmi", "hyp ~ 1")
    )
    found = pool(full).test(pool(null), method="D4")
    ratio = 2 * (full[0].log_likelihood - null[0].log_likelihood)
    assert found.statistic == pytest.approx(ratio, rel=1e-8)
    assert found.riv == pytest.approx(0.0, abs=1e-8)
    with pytest.raises(ModelError, match="each group would count m times; use method='D3'"):
        pool(popmis[0]).test(pool(popmis[1]), method="D4")


def test_random_slopes_equal_mitml():
    entry = MORE["random_slope"]
    values, rtol = entry.values, entry.tolerance["default"]["rtol"]
    frames = _imputed("popmis_imputed")
    full, null = (
        pool([fit(values[key], d, method="ml") for d in frames], df_complete=np.inf)
        for key in ("formula", "null")
    )
    table = full.tidy()
    for column in ("estimate", "std_error", "df", "riv", "fmi"):
        np.testing.assert_allclose(table[column], values[column], rtol=rtol, err_msg=column)
    components = full.variance_components()
    single = components["other"].isna()
    np.testing.assert_allclose(components["covariance"][single], values["variances"], rtol=rtol)
    for method, expected in values["tests"].items():
        made = full.test(null, method=method)
        got = [made.statistic, made.df, made.df_denominator, made.riv]
        np.testing.assert_allclose(got, np.delete(expected, 3), rtol=rtol, err_msg=method)
        assert np.log(made.p_value) == pytest.approx(np.log(expected[3]), rel=rtol)


def test_default_degrees_of_freedom_are_the_fits_own(popmis):
    found = pool(popmis[0])
    own = np.mean([f.tidy()["df"] for f in popmis[0]], axis=0)
    np.testing.assert_allclose(found.df_complete, own, rtol=EXACT)
    assert (found.pooling()["df"] < own).all()


def test_likelihood_at_other_parameters_is_the_dense_one():
    frame = data("sleepstudy")
    found = fit("Reaction ~ Days + (1 + Days | Subject)", frame, method="ml")
    beta, S, s2 = np.array([250.0, 9.0]), np.array([[500.0, 30.0], [30.0, 40.0]]), 700.0
    total = 0.0
    for _, own in frame.groupby("Subject"):
        X = np.column_stack([np.ones(len(own)), own["Days"]])
        V = s2 * np.eye(len(own)) + X @ S @ X.T
        left = own["Reaction"].to_numpy() - X @ beta
        total -= 0.5 * (np.linalg.slogdet(2 * np.pi * V)[1] + left @ np.linalg.solve(V, left))
    assert log_likelihood_at(found, beta, [S], sigma2=s2) == pytest.approx(total, rel=CLOSED_FORM)
    zero = log_likelihood_at(found, beta, [np.zeros((2, 2))], sigma2=s2)
    left = frame["Reaction"] - 250 - 9 * frame["Days"]
    alone = -0.5 * (len(frame) * np.log(2 * np.pi * s2) + (left**2).sum() / s2)
    assert zero == pytest.approx(alone, rel=CLOSED_FORM)
    with pytest.raises(ModelError, match="must be above zero, got 0"):
        log_likelihood_at(found, beta, [S], sigma2=0.0)
    reml = fit("Reaction ~ Days + (1 + Days | Subject)", frame)
    with pytest.raises(ModelError, match="need a fit with method='ml'"):
        log_likelihood_at(reml, beta, [S], sigma2=1.0)


def test_random_slopes_pool_their_correlation():
    frame = data("sleepstudy")
    other = frame.assign(Reaction=frame["Reaction"] + 3 * np.sin(np.arange(len(frame))))
    fits = [fit("Reaction ~ Days + (1 + Days | Subject)", d, method="ml") for d in (frame, other)]
    table = pool(fits).variance_components()
    mean = np.mean([f.variance_components()["covariance"] for f in fits], axis=0)
    np.testing.assert_allclose(table["covariance"], mean, rtol=EXACT)
    at = table["other"].notna()
    a, b = table["sd"].iloc[0], table["sd"].iloc[2]
    assert table.loc[at, "correlation"].iloc[0] == pytest.approx(mean[1] / (a * b), rel=EXACT)
    with pytest.raises(ModelError, match="needs three imputations"):
        pool(fits).test(pool([fit("Reaction ~ 1 + (1 + Days | Subject)", d, method="ml")
                              for d in (frame, other)]), method="D3")  # fmt: skip


def test_statsmodels_clustered_and_frames_are_pooled():
    import statsmodels.formula.api as smf

    frames = _imputed("nhanes_imputed")
    ours = pool([regress("chl ~ age + bmi", d) for d in frames])
    theirs = pool([smf.ols("chl ~ age + bmi", d).fit() for d in frames])
    np.testing.assert_allclose(ours.estimate, theirs.estimate, rtol=CLOSED_FORM)
    np.testing.assert_allclose(ours.tidy()["df"], theirs.tidy()["df"], rtol=CLOSED_FORM)
    assert theirs.names[0] == "Intercept"
    tables = pool([regress("chl ~ age + bmi", d).tidy() for d in frames])
    pd.testing.assert_frame_equal(tables.tidy(), ours.tidy(), rtol=1e-9)
    clustered = pool(
        [ols("popular ~ texp", d, cluster="school") for d in _imputed("popmis_imputed")]
    )
    assert clustered.df_complete.tolist() == [99, 99]
    assert clustered.vcov().loc["texp", "texp"] > 0


def test_no_difference_between_imputations_leaves_the_fit_as_it_was():
    frame = _imputed("nhanes_imputed")[0]
    one = regress("chl ~ age", frame)
    found = pool([one, one, one])
    np.testing.assert_allclose(found.tidy()["std_error"], one.tidy()["std_error"], rtol=EXACT)
    df = one.df_residual
    np.testing.assert_allclose(found.pooling()["df"], (df + 1) / (df + 3) * df, rtol=EXACT)
    assert found.pooling()["riv"].eq(0).all()
    assert np.isinf(found.test(["age"], method="D2").df_denominator)
    assert found.test(["age"], df_complete=np.inf).p_value < 1


def test_glance_tidy_repr(popmis):
    found = pool(popmis[0])
    glance = found.glance().loc[0]
    assert glance["m"] == 5 and glance["not_converged"] == 0
    fmi = found.pooling()["fmi"].max()
    assert glance["m_advised"] == np.ceil(1 + 200 * fmi**2)
    assert "Pooled over 5 imputations" in repr(found)
    assert found.test(["texp"]).tidy().loc[0, "method"] == "D1"


NHANES = _imputed("nhanes_imputed")
TWO = [regress("chl ~ age", d) for d in NHANES[:2]]


@pytest.mark.parametrize(
    ("given", "keywords", "message"),
    [
        ([{"agee": 1}], {}, "Constraint 1 has an unknown term 'agee'. Did you mean 'age'"),
        ({"age": 1}, {}, "as a list of weights by term"),
        ([], {}, "as a list of weights by term"),
        ([{"age": 1}, {"age": 2}], {}, "The 2 constraints follow from each other"),
        ([{"age": np.nan}], {}, "must be finite numbers"),
        ([{"age": 1}], {"method": "D3"}, "must be 'D1' or 'D2' for constraints, got 'D3'"),
        ([{"age": 1}], {"values": [1, 2]}, "one number for each of 1 constraints"),
    ],
)
def test_refused_constraints(given, keywords, message):
    with pytest.raises(ModelError, match=re.escape(message)):
        pool(TWO).test_constraints(given, **keywords)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: pool(TWO[:1]), "results of two imputed data sets or more, got 1."),
        (lambda: pool(TWO, rule="normal"), "`rule` must be 'barnard-rubin' or 'rubin'"),
        (
            lambda: pool([TWO[0], regress("chl ~ bmi", NHANES[0])]),
            "Result 2 has the terms (Intercept), bmi, result 1 has (Intercept), age.",
        ),
        (lambda: pool([1.0, 2.0]), "A float cannot be pooled"),
        (lambda: pool([pd.DataFrame({"term": ["a"]})] * 2), "needs 'estimate', 'std_error'."),
        (lambda: pool(TWO).variance_components(), "Variance components need multilevel models."),
        (lambda: pool(TWO).test(["bmi"]), "this one has no 'bmi'. Its terms are (Intercept), age."),
        (lambda: pool(TWO).test([]), "there is nothing to test."),
        (lambda: pool(TWO).test(["age"], method="D5"), "`method` must be 'D1', 'D2', 'D3', 'D4'"),
        (lambda: pool(TWO).test(["age"], use="score"), "`use` must be 'wald' or 'likelihood'"),
        (lambda: pool(TWO).test(["age"], method="D3"), "D3 with likelihoods needs the smaller"),
        (
            lambda: pool(TWO).test(pool(TWO), method="D3"),
            "The smaller model has as many parameters as the larger one",
        ),
        (
            lambda: pool(TWO).test(pool([regress("chl ~ 1", d) for d in NHANES]), method="D3"),
            "The models rest on 2 and 5 imputations.",
        ),
        (
            lambda: pool([f.tidy() for f in TWO]).test(pool(TWO), method="D3"),
            "A DataFrame has no likelihood at pooled parameters.",
        ),
    ],
)
def test_refused(call, message):
    with pytest.raises(ModelError, match=re.escape(message)):
        call()


def test_refused_for_the_wrong_fits(popmis):
    frames = _imputed("popmis_imputed")[:2]
    reml = pool([fit("popular ~ texp + (1 | school)", d) for d in frames])
    with pytest.raises(ModelError, match="need fits by maximum likelihood"):
        reml.test(reml, method="D3")
    with pytest.raises(ModelError, match="A multilevel and a single-level model"):
        pool(popmis[0][:2]).test(pool([regress("popular ~ sex", d) for d in frames]), method="D3")
    clustered = pool([ols("popular ~ texp", d, cluster="school") for d in frames])
    with pytest.raises(ModelError, match="their likelihoods do not multiply"):
        clustered.test(pool([regress("popular ~ 1", d) for d in frames]), method="D3")


def test_d3_of_a_logistic_model():
    """Likelihoods at pooled coefficients are those of the definition."""
    frames = [d.assign(high=(d["chl"] > 190).astype(int)) for d in NHANES]
    full, null = (
        [regress(f, d, family="binomial") for d in frames] for f in ("high ~ bmi", "high ~ 1")
    )
    got = pool(full).test(pool(null), method="D3")

    pooled, own = [], []
    for a, b, d in zip(full, null, frames, strict=True):
        X = np.column_stack([np.ones(len(d)), d["bmi"]])
        means = [np.mean([f.beta for f in fits], axis=0) for fits in (full, null)]
        eta = [X @ means[0], np.full(len(d), means[1][0])]
        y = d["high"].to_numpy()
        one, other = (float((y * e - np.log1p(np.exp(e))).sum()) for e in eta)
        pooled.append(2 * (one - other))
        own.append(2 * (a.log_likelihood - b.log_likelihood))
    r = 6 / 4 * (np.mean(own) - np.mean(pooled))
    assert got.riv == pytest.approx(r, rel=1e-8)
    assert got.statistic == pytest.approx(np.mean(pooled) / (1 + r), rel=1e-8)


def test_likelihood_of_weighted_rows_at_their_own_estimates():
    frame = NHANES[0].assign(w=np.linspace(0.5, 2, 25))
    found = regress("chl ~ age", frame, weights="w")
    at = regression_log_likelihood_at(found, found.beta, sigma2=found.solution.deviance / 25)
    assert at == pytest.approx(found.log_likelihood, rel=EXACT)
