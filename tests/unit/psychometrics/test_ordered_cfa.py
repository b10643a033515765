"""Factor models of ordered items against lavaan: estimates, errors, tests, indices, invariance."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pandas as pd
import pytest

from crosslevel.errors import MeasurementError, NotConvergedWarning
from crosslevel.psychometrics import (
    EmptyCategoryWarning,
    HeywoodWarning,
    NotIdentifiedWarning,
    NotPositiveDefiniteWarning,
    cfa,
    invariance,
)
from crosslevel.psychometrics.sem.weighted import criterion

AGREE = ["A1", "A2", "A3", "A4", "A5"]
ONE = "A =~ A1 + A2 + A3 + A4 + A5"
INDICES = {
    "chisq": "chisq", "df": "df", "p_value": "pvalue", "baseline_chisq": "baseline.chisq",
    "cfi": "cfi", "tli": "tli", "rmsea": "rmsea", "rmsea_low": "rmsea.ci.lower",
    "rmsea_high": "rmsea.ci.upper", "rmsea_p_value": "rmsea.pvalue", "srmr": "srmr",
    "chisq_scaled": "chisq.scaled", "p_value_scaled": "pvalue.scaled",
    "scaling_factor": "chisq.scaling.factor", "cfi_scaled": "cfi.scaled",
    "tli_scaled": "tli.scaled", "rmsea_scaled": "rmsea.scaled",
    "rmsea_scaled_low": "rmsea.ci.lower.scaled", "rmsea_scaled_high": "rmsea.ci.upper.scaled",
    "rmsea_robust": "rmsea.robust", "rmsea_robust_low": "rmsea.ci.lower.robust",
    "rmsea_robust_high": "rmsea.ci.upper.robust",
}  # fmt: skip
ROBUST = {"cfi_robust": "cfi.robust", "tli_robust": "tli.robust"}
EQUAL = {
    "configural": (),
    "thresholds": ("thresholds",),
    "scalar": ("thresholds", "loadings"),
    "loadings": ("loadings",),
}


def _tables(fit, expected):
    """Both parameter tables in the reference's order."""
    keys = ["lhs", "op", "rhs", "group"]
    ours = fit.tidy()
    ours["group"] = ours["sample"].map({name: i + 1 for i, name in enumerate(fit.groups)})
    theirs = pd.DataFrame(expected)
    if "group" not in theirs:
        theirs["group"] = 1
    theirs = theirs.set_index(keys)
    return ours.set_index(keys).loc[theirs.index], theirs


def _compare(fit, expected, standardised, *, est=1e-4):
    ours, theirs = _tables(fit, expected)
    np.testing.assert_allclose(ours["estimate"], theirs["est"], rtol=est, atol=1e-5)
    np.testing.assert_allclose(ours["std_error"], theirs["se"].astype(float), rtol=1e-3)
    np.testing.assert_allclose(ours["standardised"], theirs["std.all"], atol=1e-4)
    ours, theirs = _tables(fit, standardised)
    np.testing.assert_allclose(
        ours["standardised_error"], theirs["se"].astype(float), rtol=1e-3, atol=1e-6
    )


@pytest.mark.parametrize("name", ["cfa_bfi_ac_wlsmv", "cfa_bfi_ac_dwls"])
def test_ordered_items_equal_lavaan(entry, dataset, name):
    reference = entry("cfa", name)
    expected, tolerance = reference["values"], reference["tolerance"]
    data = dataset("bfi")
    items = AGREE + [f"C{i}" for i in range(1, 6)]
    fit = cfa(expected["model"], data, estimator=name.split("_")[-1], ordered=items)
    assert (fit.n, fit.maximum.table.n_free) == (expected["nobs"], expected["npar"])
    assert fit.status == "converged"
    _compare(fit, expected["parameters"], expected["standardized"])
    for ours, theirs in (INDICES | ROBUST).items():
        if theirs not in expected["fit"]:
            assert ours not in fit.measures
            continue
        limits = tolerance["fit"].get(theirs.split(".")[0], {"atol": 1e-5})
        atol = 1e-3 if "chisq" in theirs else limits.get("atol", 1e-5)
        assert fit.measures[ours] == pytest.approx(
            expected["fit"][theirs], rel=limits.get("rtol", 1e-9), abs=atol
        ), ours
    np.testing.assert_allclose(fit.implied(), expected["implied_cov"]["data"], atol=1e-5)


@pytest.mark.parametrize("name", EQUAL)
def test_groups_of_ordered_items_equal_lavaan(entry, dataset, name):
    expected = entry("ordered", "wlsmv_by_gender")["values"]["models"][name]
    data = dataset("bfi").dropna(subset=["gender"])
    fit = cfa(ONE, data, estimator="wlsmv", group="gender", equal=EQUAL[name])
    _compare(fit, expected["parameters"], expected["standardized"])
    for ours, theirs in INDICES.items():
        value = expected["fit"][theirs]
        if value == "NA":
            assert np.isnan(fit.measures[ours])
            continue
        assert fit.measures[ours] == pytest.approx(value, rel=2e-5, abs=1e-5), ours
    for ours, theirs in ROBUST.items():
        if expected["fit"][theirs] != "NA":
            assert fit.measures[ours] == pytest.approx(expected["fit"][theirs], abs=5e-4)


def _uneven(bfi):
    """Groups of 54 and 374 respondents."""
    items = [f"N{i}" for i in range(1, 6)]
    rows = bfi.iloc[:500].dropna(subset=[*items, "education"])
    return rows.assign(some=np.where(rows["education"] == 2, "few", "many"))


def _fit_uneven(reference, rows, name):
    estimator = "dwls" if name == "dwls" else "wlsmv"
    equal = EQUAL.get(name, ("thresholds", "loadings"))
    return cfa(reference["model"], rows, estimator=estimator, group="some", equal=equal)


@pytest.mark.parametrize("name", ["configural", "thresholds", "scalar", "dwls"])
def test_groups_of_very_different_size_equal_lavaan(entry, dataset, name):
    """Groups were weighed by n - 1: errors of the small one were 0.7 % too large, and the scaled
    statistic of "thresholds" was 95.015 for 95.039."""
    reference = entry("uneven_groups", "uneven_groups")["values"]
    expected = reference["models"][name]
    fit = _fit_uneven(reference, _uneven(dataset("bfi")), name)
    assert [sample.n for sample in fit.maximum.samples] == expected["nobs"]
    _compare(fit, expected["parameters"], expected["standardized"])
    ours, theirs = _tables(fit, expected["parameters"])
    np.testing.assert_allclose(ours["std_error"], theirs["se"].astype(float), rtol=1e-5)
    for mine, other in INDICES.items():
        if expected["fit"].get(other, "NA") != "NA":
            assert fit.measures[mine] == pytest.approx(expected["fit"][other], rel=1e-5, abs=1e-5)


def test_differences_in_groups_of_very_different_size_equal_lavaan(entry, dataset):
    """The second was 7.3046 for 7.3072."""
    reference = entry("uneven_groups", "uneven_groups")["values"]
    rows = _uneven(dataset("bfi"))
    names = ("configural", "thresholds", "scalar")
    fits = {name: _fit_uneven(reference, rows, name) for name in names}
    for pair, expected in reference["differences"].items():
        first, second = pair.split("_")
        found = fits[first].compare(fits[second]).iloc[0]
        assert found["df"] == expected["df"]
        assert found["statistic"] == pytest.approx(expected["chisq"], rel=1e-6)
        assert found["p_value"] == pytest.approx(expected["p"], rel=1e-6)


def test_a_small_sample_with_factor_variance_of_one_equals_lavaan(entry, dataset):
    expected = entry("ordered", "wlsmv_small")["values"]
    data = dataset("bfi").dropna(subset=[*AGREE, "gender"]).iloc[:200]
    fit = cfa(ONE, data, estimator="wlsmv", std_lv=True)
    _compare(fit, expected["parameters"], expected["standardized"])
    for ours, theirs in (INDICES | ROBUST).items():
        assert fit.measures[ours] == pytest.approx(expected["fit"][theirs], rel=1e-5, abs=1e-5), (
            ours
        )


def test_invariance_of_ordered_items_equals_lavaan(entry, dataset):
    expected = entry("ordered", "wlsmv_by_gender")["values"]["differences"]
    data = dataset("bfi").dropna(subset=["gender"])
    found = invariance(ONE, data, group="gender", estimator="wlsmv")
    table = found.glance().set_index("step")
    assert list(table.index) == ["configural", "thresholds", "scalar"]
    for step, name in (("thresholds", "configural_thresholds"), ("scalar", "thresholds_scalar")):
        theirs = expected[name]
        assert table.loc[step, "df_difference"] == theirs["df"]
        assert table.loc[step, "chisq_difference"] == pytest.approx(theirs["chisq"], rel=1e-3)
        assert table.loc[step, "p_difference"] == pytest.approx(theirs["p"], rel=1e-3)
    assert found.means_comparable == bool(table["holds"].all())
    assert found.verdict.startswith("Means may")
    with pytest.raises(MeasurementError, match="'metric' is no step of invariance"):
        invariance(ONE, data, group="gender", estimator="wlsmv", steps=("metric",))
    loadings = cfa(ONE, data, estimator="wlsmv", group="gender", equal=("loadings",))
    change = found.fits["configural"].compare(loadings).iloc[0]
    theirs = expected["configural_loadings"]
    assert change["statistic"] == pytest.approx(theirs["chisq"], rel=1e-3)
    assert change["p_value"] == pytest.approx(theirs["p"], rel=1e-3)


def test_shifted_thresholds_are_found_and_can_be_released():
    rng = np.random.default_rng(5)
    latent = rng.normal(size=(3000, 1)) * 0.8 + 0.6 * rng.normal(size=(3000, 4))
    group = np.repeat(["a", "b"], 1500)
    cuts = np.array([-1.0, 0.0, 1.0])
    items = pd.DataFrame({name: np.digitize(latent[:, i], cuts) for i, name in enumerate("wxyz")})
    items.loc[group == "b", "z"] = np.digitize(latent[group == "b", 3], [-1.8, 0.7, 1.0])
    items["group"] = group
    found = invariance("f =~ w + x + y + z", items, group="group", estimator="wlsmv")
    assert not found.means_comparable
    assert "Means may not be compared" in found.verdict
    freed = ["z | t1", "z | t2"]
    partial = invariance(
        "f =~ w + x + y + z", items, group="group", estimator="wlsmv", partial=freed
    )
    assert partial.means_comparable
    assert "z | t1, z | t2 left free" in partial.verdict


def test_known_loadings_are_recovered_from_four_categories():
    rng = np.random.default_rng(2)
    loadings = np.array([0.8, 0.7, 0.6, 0.5])
    latent = rng.normal(size=(6000, 1)) * loadings + rng.normal(size=(6000, 4)) * np.sqrt(
        1 - loadings**2
    )
    items = pd.DataFrame(np.digitize(latent, [-0.5, 0.6, 1.5]), columns=list("abcd"))
    fit = cfa("f =~ a + b + c + d", items, estimator="wlsmv", std_lv=True)
    table = fit.tidy().query("op == '=~'")
    assert (np.abs(table["estimate"] - loadings) < 3 * table["std_error"]).all()
    thresholds = fit.tidy().query("op == '|'")["estimate"].to_numpy()
    np.testing.assert_allclose(thresholds, np.tile([-0.5, 0.6, 1.5], 4), atol=0.06)
    assert fit.measures["p_value_scaled"] > 0.01


def test_estimates_are_a_minimum_and_derivatives_are_slopes(dataset):
    data = dataset("bfi").dropna(subset=["gender"])
    fit = cfa(ONE, data, estimator="wlsmv", group="gender", equal=("thresholds", "loadings"))
    theta, parts = fit.maximum.theta, fit.parts
    rng = np.random.default_rng(0)
    best = criterion(parts, theta)
    assert all(
        criterion(parts, theta + 1e-3 * rng.normal(size=len(theta))) > best for _ in range(5)
    )
    step = 1e-6
    for part in parts:
        slopes = part.derivatives(theta)
        for k in range(0, len(theta), 7):
            move = np.zeros(len(theta))
            move[k] = step
            numeric = (part.implied(theta + move) - part.implied(theta - move)) / (2 * step)
            np.testing.assert_allclose(slopes[:, k], numeric, atol=1e-7)


def test_categoricals_rows_and_labels_do_not_matter(dataset):
    data = dataset("bfi").loc[:900, AGREE]
    plain = cfa(ONE, data, estimator="wlsmv")
    labels = {value: f"{value:g} of 6" for value in range(1, 7)}
    other = data.apply(
        lambda column: pd.Categorical(column.map(labels), list(labels.values()), ordered=True)
    )
    numbers = cfa(ONE, data * 10, estimator="wlsmv")
    for same in (cfa(ONE, other.iloc[::-1], estimator="wlsmv"), numbers):
        np.testing.assert_allclose(same.maximum.theta, plain.maximum.theta, atol=1e-6)
        assert same.test.scaled == pytest.approx(plain.test.scaled, rel=1e-6)


def test_residual_covariances_regressions_and_second_order_factors(dataset):
    data = dataset("bfi")
    plain = cfa(ONE, data, estimator="wlsmv")
    more = cfa(f"{ONE}\nA2 ~~ A4", data, estimator="wlsmv")
    assert more.test.df == plain.test.df - 1
    assert more.test.chisq < plain.test.chisq
    path = cfa(f"{ONE}\nE =~ E1 + E2 + E3\nE ~ A", data, estimator="wlsmv")
    covary = cfa(f"{ONE}\nE =~ E1 + E2 + E3", data, estimator="wlsmv")
    assert path.test.chisq == pytest.approx(covary.test.chisq, rel=1e-8)
    slope = path.tidy().query("op == '~'")["standardised"].item()
    r = covary.tidy().query("lhs == 'A' and rhs == 'E'")["standardised"].item()
    assert slope == pytest.approx(r, abs=1e-6)


def test_answers_that_are_not_defined_here(dataset):
    fit = cfa(ONE, dataset("bfi").loc[:600], estimator="dwls")
    with pytest.raises(MeasurementError, match="is not defined for least squares on ordered"):
        fit.factor_scores()
    other = cfa(ONE, dataset("bfi").loc[:600])
    with pytest.raises(MeasurementError, match="different estimators"):
        fit.compare(other)
    fewer = cfa(ONE, dataset("bfi").loc[:500], estimator="dwls")
    with pytest.raises(MeasurementError, match="different respondents or items"):
        fit.compare(fewer)
    assert repr(fit).startswith("DWLS, converged")
    with pytest.raises(MeasurementError, match="'dwls' has no scaled test"):
        fit.compare(fit, method="satorra-2000")
    robust = cfa(ONE, dataset("bfi").loc[:600], estimator="wlsmv")
    with pytest.raises(MeasurementError, match="'wlsmv' has the method 'satorra-2000' only"):
        robust.compare(robust, method="satorra-bentler-2001")


def _items(**columns):
    rng = np.random.default_rng(1)
    factor = rng.normal(size=(200, 1))
    codes = np.digitize(factor + rng.normal(size=(200, 4)), [-1, 0, 1])
    return pd.DataFrame(codes, columns=list("abcd")).assign(**columns)


FOUR = "f =~ a + b + c + d"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cfa(FOUR, _items(), ordered=list("abcd")), "'ml' treats answers as numbers."),
        (
            lambda: cfa(FOUR, _items(), estimator="wlsmv", ordered=["a", "b", "c"]),
            "variable 'd': is in the model and not among `ordered`.",
        ),
        (
            lambda: cfa(FOUR, _items(), estimator="wlsmv", ordered=list("abcdx")),
            "ordered item 'x': is not in the model.",
        ),
        (lambda: cfa(FOUR, _items(), estimator="wlsmv", missing="fiml"), "'wlsmv' has no missing="),
        (
            lambda: cfa(FOUR, _items(u=1), estimator="dwls", cluster="u"),
            "'dwls' has no `cluster`.",
        ),
        (
            lambda: cfa(f"{FOUR}\nf ~ x", _items(x=[0, 1] * 100), estimator="wlsmv"),
            "line 2: the ordered item 'x' predicts.",
        ),
        (
            lambda: cfa(f"{FOUR}\na ~ 1", _items(), estimator="wlsmv"),
            "line 2: an ordered item has no free mean or variance ('a').",
        ),
        (
            lambda: cfa(f"{FOUR}\nf | t1", _items(), estimator="wlsmv"),
            "line 2: 'f' is no ordered item.",
        ),
        (
            lambda: cfa(
                FOUR, _items(g=list("uv") * 100), estimator="wlsmv", group="g", equal=("residuals",)
            ),
            "equal: ordered items have no free residuals. Say 'thresholds' and 'loadings'.",
        ),
        (
            lambda: cfa("f =~ a + b", _items(), estimator="wlsmv"),
            "not identified: 8 free parameters, but only 7 thresholds and correlations",
        ),
        (
            lambda: cfa(
                FOUR,
                _items(g=["u"] * 100 + ["v"] * 100, a=[0, 1] * 50 + [0, 1, 2, 1] * 25),
                estimator="wlsmv",
                group="g",
            ),
            "group 'u': nobody chose category 3 (counted from the lowest) of 'a'.",
        ),
        (
            lambda: cfa(FOUR, _items(a=range(200)), estimator="wlsmv"),
            "item 'a': has 200 different values, more than 12. Treat it as continuous.",
        ),
        (
            lambda: cfa("f =~ a + b + c + dd", _items(), estimator="wlsmv"),
            "variable 'dd': not in the data. Did you mean 'd'?",
        ),
    ],
)  # fmt: skip
def test_where_ordered_models_are_refused(call, message):
    with pytest.raises(MeasurementError, match=re.escape(message)):
        call()


def test_ordered_may_be_true_or_one_name():
    plain = cfa(FOUR, _items(), estimator="wlsmv")
    same = cfa(FOUR, _items(), estimator="wlsmv", ordered=True)
    assert same.test.chisq == plain.test.chisq
    assert cfa(FOUR, _items(), ordered=False).estimator == "ml"
    with pytest.raises(MeasurementError, match="'ml' treats answers as numbers"):
        cfa(FOUR, _items(), ordered="a")


def test_what_is_named_in_a_warning(monkeypatch):
    with pytest.warns(EmptyCategoryWarning, match=r"'a' \(2\)"):
        cfa(FOUR, _items().assign(a=lambda d: d["a"].replace({1: 1, 2: 3})), estimator="wlsmv")
    with pytest.warns(NotIdentifiedWarning, match="'f =~ a', 'f =~ b'.* have no standard"):
        cfa("f =~ NA*a + b + c + d", _items(), estimator="wlsmv")
    rng = np.random.default_rng(3)
    R = np.array([[1, 0.8, 0.8], [0.8, 1, 0.5], [0.8, 0.5, 1]])
    values = rng.normal(size=(3000, 3)) @ np.linalg.cholesky(R).T
    items = pd.DataFrame(np.digitize(values, [-1, 0, 1]), columns=list("abc"))
    with pytest.warns(HeywoodWarning, match=r"The variance of 'a' is negative \(-0\.\d+\)"):
        cfa("f =~ a + b + c", items, estimator="wlsmv")
    monkeypatch.setattr("crosslevel.psychometrics.sem.weighted._STEPS", 1)
    with pytest.warns(NotConvergedWarning, match="The estimates are no minimum after 1 steps"):
        cfa(FOUR, _items(), estimator="wlsmv")


def test_an_indefinite_polychoric_matrix_is_named():
    rng = np.random.default_rng(2)
    items = pd.DataFrame(rng.integers(0, 2, size=(12, 7)), columns=list("abcdefg"))
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        cfa("f =~ a + b + c + d + e + f1", items.rename(columns={"f": "f1"}), estimator="dwls")
    named = [w for w in seen if w.category is NotPositiveDefiniteWarning]
    assert len(named) == 1
    assert "The polychoric matrix is not positive definite (smallest" in str(named[0].message)
