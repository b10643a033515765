"""Design-based estimates: every value of R survey's reference files; domains; jackknife."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from crosslevel import quality
from crosslevel.errors import MeasurementError, ModelError
from crosslevel.quality.survey import SurveyDesign
from reference_values import data, entries

survey = quality.survey
WHOLE = ["survey_apistrat_fpc", "survey_apistrat_nofpc"]
UNITS = {"E": 400, "H": 120, "M": 150}


def _strata(name: str = WHOLE[0]) -> SurveyDesign:
    fpc = None if name.endswith("nofpc") else "fpc"
    return quality.design(data("apistrat"), weights="pw", strata="stype", fpc=fpc)


def _clusters(fpc: str | None = "units") -> SurveyDesign:
    frame = data("apistrat").assign(units=lambda d: d["stype"].map(UNITS).astype(float))
    frame["wide"] = frame["sch.wide"] == "Yes"
    return quality.design(frame, weights="pw", strata="stype", cluster="dnum", fpc=fpc, nest=True)


def _close(found: Any, expected: Any, rtol: float) -> None:
    theirs = list(expected.values()) if isinstance(expected, dict) else expected
    np.testing.assert_allclose(np.asarray(found, float), np.asarray(theirs, float), rtol=rtol)


def _both(made: survey.SurveyEstimates, expected: dict[str, Any], rtol: float) -> None:
    _close(made.estimate, expected["est"], rtol)
    _close(made.std_error, expected["se"], rtol)


@pytest.mark.parametrize("name", WHOLE)
def test_means_totals_and_ratios_equal_r(name: str) -> None:
    entry = entries("survey")[name]
    expected, rtol = entry.values, entry.tolerance["default"]["rtol"]
    design = _strata(name)
    assert (design.n, design.degrees_of_freedom) == (expected["n"], expected["degf"])
    assert design.weights.sum() == pytest.approx(expected["sum_weights"], rel=rtol)
    made = survey.mean(design, ["api00", "enroll"])
    _both(made, expected["mean"], rtol)
    table = made.tidy()
    _close(table["design_effect"], expected["mean"]["deff"], rtol)
    _close(table[["conf_low", "conf_high"]], expected["mean"]["ci95_t"]["data"], rtol)
    _both(survey.total(design, "enroll"), expected["total"], rtol)
    _both(survey.ratio(design, "api.stu", "enroll"), expected["ratio"], rtol)
    _both(survey.variance(design, "api00"), expected["variance_api00"], rtol)
    by = survey.mean(design, "api00", by="stype")
    assert by.tidy()["group"].tolist() == expected["domain_mean"]["level"]
    _close(by.estimate, expected["domain_mean"]["mean"], rtol)
    _close(by.std_error, expected["domain_mean"]["se"], rtol)


@pytest.mark.parametrize("name", WHOLE)
def test_shares_and_quantiles_equal_r(name: str) -> None:
    entry = entries("survey")[name]
    expected, rtol = entry.values, entry.tolerance["default"]["rtol"]
    design = _strata(name)
    shares = survey.proportion(design, "stype")
    theirs = expected["proportion"]
    _close(shares.estimate, [theirs["est"][f"stype{k}"] for k in "EHM"], rtol)
    assert shares.std_error.tolist() == [theirs["se"][f"stype{k}"] for k in "EHM"]
    for interval, key in (("logit", "ciprop_logit"), ("wald", "ciprop_mean")):
        row = survey.proportion(design, "sch.wide", level="Yes", interval=interval).tidy()
        assert row["term"][0] == "sch.wide[Yes]"
        _close(row.loc[0, ["estimate", "conf_low", "conf_high"]], expected[key], rtol)
    theirs, rtol = expected["quantile_api00"], entry.tolerance["quantile"]["rtol"]
    table = survey.quantile(design, "api00", theirs["p"]).tidy()
    for ours, key in (
        ("estimate", "q"), ("std_error", "se"), ("conf_low", "lower"), ("conf_high", "upper")
    ):  # fmt: skip
        _close(table[ours], theirs[key], rtol)


def test_models_and_tests_equal_r() -> None:
    entry = entries("survey")["surveymodels_apistrat"]
    expected, tolerance = entry.values, entry.tolerance
    frame = data("apistrat").rename(columns={"sch.wide": "wide"})
    design = quality.design(frame, weights="pw", strata="stype", fpc="fpc")
    for key, outcome, family in (("linear", "api00", "gaussian"), ("logistic", "wide", "binomial")):
        rtol = tolerance["default" if key == "linear" else "glm"]["rtol"]
        made = survey.regress(f"{outcome} ~ ell + meals + mobility", design, family=family)
        table, theirs = made.tidy(), expected[key]
        assert set(table["df"]) == {theirs["df_resid"]}
        for ours, name in (("estimate", "coef"), ("std_error", "se"), ("statistic", "t")):
            _close(table[ours], theirs[name], rtol)
        _close(table["p_value"], theirs["p"], rtol)
    rtol = tolerance["chisq"]["rtol"]
    names = {
        "rao-scott-f": "F", "rao-scott-chisq": "Chisq", "wald": "Wald",
        "adjusted-wald": "adjWald", "saddlepoint": "lincom",
    }  # fmt: skip
    for ours, key in names.items():
        found = survey.chi_square(design, "wide", "stype", statistic=ours)
        theirs = expected["svychisq"][key]
        assert found.statistic == pytest.approx(theirs["stat"], rel=rtol)
        assert found.p_value == pytest.approx(theirs["p"], rel=rtol)
        ours_df = (found.df, found.df_denominator)[: len(theirs["parameter"])]
        assert ours_df == pytest.approx(tuple(theirs["parameter"]), rel=rtol)
    difference = survey.t_test(design, "api00", group="wide").tidy().iloc[0]
    theirs, rtol = expected["svyttest"], tolerance["default"]["rtol"]
    _close(
        difference[["statistic", "df", "p_value", "estimate"]],
        [theirs["t"], theirs["df"], theirs["p"], theirs["diff"]],
        rtol,
    )


def test_joint_tests_equal_r() -> None:
    entry = entries("survey_more")["joint_tests"]
    expected, rtol = entry.values, entry.tolerance["default"]["rtol"]
    frame = data("apistrat").rename(columns={"sch.wide": "wide"})
    design = quality.design(frame, weights="pw", strata="stype", fpc="fpc")
    linear = survey.regress("api00 ~ stype * meals + ell", design)
    logistic = survey.regress("wide ~ stype + ell + meals", design, family="binomial")
    products = [term for term in linear.terms if ":" in term]
    levels = [term for term in logistic.terms if term.startswith("stype")]
    for made, terms, key in (
        (linear, products, "interaction"), (linear, ["ell"], "ell"), (logistic, levels, "logistic")
    ):  # fmt: skip
        row = made.joint_test(terms).iloc[0]
        _close(row[["statistic", "df", "df_denominator", "p_value"]], expected[key], rtol)
    with pytest.raises(ModelError, match=r"There is no term 'el' in this model\. Did you mean"):
        linear.joint_test(["el"])


def _two(frame: pd.DataFrame) -> dict[str, SurveyDesign]:
    options: dict[str, Any] = {"weights": "pw", "strata": "stype"}
    return {
        "strata": quality.design(frame, fpc="fpc", **options),
        "clusters": quality.design(frame, cluster="dnum", nest=True, **options),
    }


@pytest.mark.parametrize("kind", ["strata", "clusters"])
def test_missing_predictors_cost_degrees_of_freedom(kind: str) -> None:
    """106 of 200 schools used to be tested with the 195 degrees of freedom of all 200."""
    entry = entries("survey_more")["missing_predictors"]
    expected, rtol = entry.values[kind], entry.tolerance["default"]["rtol"]
    frame = data("apistrat").rename(columns={"avg.ed": "educated", "acs.core": "core"})
    made = survey.regress("api00 ~ educated + core", _two(frame)[kind])
    _both(made, expected["coef"], rtol)
    assert (made.df[0], made.n[0]) == (expected["df"], expected["n"])
    _close(made.tidy()["p_value"], expected["p"], rtol)
    row = survey.t_test(_two(frame)[kind], "core", group="awards").tidy().iloc[0]
    _close(row[["statistic", "df", "p_value"]], expected["t_test"], rtol)


@pytest.mark.parametrize("kind", ["strata", "clusters"])
def test_design_effects_of_totals_equal_r(kind: str) -> None:
    entry = entries("survey_more")["effects_of_totals"]
    expected, rtol = entry.values[kind], entry.tolerance["default"]["rtol"]
    design = _two(data("apistrat"))[kind]
    _close(survey.total(design, "api00").design_effect, [expected["total"]], rtol)
    _close(survey.total(design, "enroll", by="stype").design_effect, expected["by"], rtol)


def test_jackknife_equals_r() -> None:
    entry = entries("survey")["jackknife_apistrat"]
    expected, rtol = entry.values, entry.tolerance["default"]["rtol"]
    design = _strata().with_jackknife()
    assert design.strata.units == expected["n_replicates"]
    _both(survey.mean(design, ["api00", "enroll"]), expected["mean"], rtol)
    _both(survey.total(design, "enroll"), expected["total"], rtol)
    made = survey.regress("api00 ~ ell + meals", design)
    _close(made.estimate, expected["linear"]["coef"], rtol)
    _close(made.std_error, expected["linear"]["se"], rtol)


def test_clusters_domains_and_models_equal_r() -> None:
    entry = entries("clustered_survey")["clusters"]
    expected, rtol = entry.values, entry.tolerance["default"]["rtol"]
    design = _clusters()
    few = design.domain(design.data["meals"] > 60)
    assert design.degrees_of_freedom == expected["degf"]
    _both(survey.mean(_clusters(None), "api00"), expected["mean_without_fpc"], rtol)
    _both(survey.mean(design, ["api00", "enroll"]), expected["mean"], rtol)
    _both(survey.total(design, "enroll"), expected["total"], rtol)
    _both(survey.ratio(design, "api.stu", "enroll"), expected["ratio"], rtol)
    by = survey.mean(design, "api00", by=["awards", "stype"])
    assert by.groups[1] == "No:H"
    _both(by, expected["by"], rtol)
    _both(survey.mean(few, "api00"), expected["domain"], rtol)
    _both(survey.total(few, "enroll"), expected["domain_total"], rtol)
    _both(survey.regress("api00 ~ ell + meals", design), expected["linear"], rtol)
    _both(survey.regress("api00 ~ ell", few), expected["domain_linear"], rtol)
    logistic = survey.regress("wide ~ ell + meals", design, family="binomial")
    _both(logistic, expected["logistic"], rtol)
    counts = survey.regress("enroll ~ ell + meals", design, family="poisson")
    _both(counts, expected["poisson"], rtol)
    found = survey.chi_square(design, "wide", "awards").p_value
    assert found == pytest.approx(expected["independence"], rel=rtol)
    q = survey.quantile(few, "api00", [0.5]).tidy().iloc[0]
    _close(q[["estimate", "conf_low", "conf_high", "std_error"]], expected["quantile"], rtol)
    share = survey.proportion(few, "awards", level="Yes").tidy().iloc[0]
    _close(share[["estimate", "conf_low", "conf_high"]], expected["share"], rtol)


def test_two_stages_equal_r() -> None:
    entry = entries("clustered_survey")["two_stages"]
    expected, rtol = entry.values, entry.tolerance["default"]["rtol"]
    frame = _clusters().data.assign(row=range(200))
    taken = frame.groupby(["stype", "dnum"], observed=True)["row"].transform("size")
    frame["schools"] = np.where(taken == 1, 1, 3 * taken).astype(float)
    options = {"weights": "pw", "strata": "stype", "cluster": ["dnum", "row"], "nest": True}
    design = quality.design(frame, fpc=["units", "schools"], **options)
    _both(survey.mean(design, ["api00", "enroll"]), expected["mean"], rtol)
    _both(survey.total(design, "enroll"), expected["total"], rtol)
    few = design.domain(frame["meals"] > 60)
    _both(survey.mean(few, "api00"), expected["domain"], rtol)
    _both(survey.regress("api00 ~ ell", design), expected["linear"], rtol)
    post = quality.poststratify(design, "awards", {"No": 2027, "Yes": 4167}).design
    _both(survey.mean(post, "api00"), expected["post"], rtol)
    open_ended = survey.mean(quality.design(frame, **options), "api00")
    assert open_ended.std_error == pytest.approx(survey.mean(_clusters(None), "api00").std_error)
    with pytest.raises(MeasurementError, match=r"2 stage\(s\), 1 in `fpc`"):
        quality.design(frame, fpc="units", **options)
    alone = frame.assign(schools=frame["schools"] + 1)
    with pytest.raises(MeasurementError, match=r"stratum '.*': has one sampling unit"):
        quality.design(alone, fpc=["units", "schools"], **options)


def test_jackknife_of_clusters_equals_r() -> None:
    entry = entries("clustered_survey")["clusters"]
    expected, rtol = entry.values, entry.tolerance["default"]["rtol"]
    design = _clusters().with_jackknife()
    _both(survey.mean(design, "api00"), expected["jackknife"], rtol)
    _both(survey.ratio(design, "api.stu", "enroll"), expected["jackknife_ratio"], rtol)
    made = survey.regress("wide ~ ell", design, family="binomial")
    _both(made, expected["jackknife_logistic"], rtol)


@pytest.mark.parametrize("lonely", ["remove", "adjust", "average"])
def test_a_lonely_stratum_does_what_was_said(lonely: str) -> None:
    entry = entries("clustered_survey")["lonely"]
    rtol = entry.tolerance["default"]["rtol"]
    frame = data("apistrat").assign(own=lambda d: d["stype"].astype("str"))
    frame.loc[0, "own"] = "alone"
    with pytest.raises(MeasurementError, match="stratum 'alone': has one sampling unit"):
        quality.design(frame, weights="pw", strata="own")
    design = quality.design(frame, weights="pw", strata="own", lonely=lonely)
    _both(survey.mean(design, "api00"), entry.values[lonely], rtol)
    with pytest.raises(MeasurementError, match="Stratum 'alone' has one sampling unit"):
        design.with_jackknife()


def test_a_stratum_taken_whole_adds_no_variance() -> None:
    frame = pd.DataFrame({"s": list("aab"), "N": [9.0, 9, 1], "y": [1.0, 2, 9], "w": [4.5, 4.5, 1]})
    design = quality.design(frame, weights="w", strata="s", fpc="N")
    alone = quality.design(frame.iloc[:2], weights="w", strata="s", fpc="N")
    assert survey.total(design, "y").std_error == pytest.approx(survey.total(alone, "y").std_error)
    shares = quality.design(frame.assign(N=[2 / 9, 2 / 9, 1.0]), weights="w", strata="s", fpc="N")
    assert survey.total(shares, "y").std_error == pytest.approx(survey.total(design, "y").std_error)


def test_missing_values_are_a_domain_and_are_counted() -> None:
    design = _clusters()
    frame = design.data.copy()
    frame.loc[frame["meals"] <= 60, "api00"] = np.nan
    gappy = quality.design(
        frame, weights="pw", strata="stype", cluster="dnum", fpc="units", nest=True
    )
    few = design.domain(design.data["meals"] > 60)
    theirs = survey.mean(few, "api00")
    made = survey.mean(gappy, "api00")
    np.testing.assert_allclose(made.covariance, theirs.covariance, rtol=1e-12)
    assert made.rows_dropped == int((frame["meals"] <= 60).sum())
    with pytest.raises(MeasurementError, match="The domain is empty: nobody in 'none' has"):
        survey.mean(
            quality.design(
                frame.assign(g=np.where(frame["api00"].isna(), "none", "some")), weights="pw"
            ),
            "api00",
            by="g",
        )


def test_equal_weights_of_a_simple_sample_are_the_textbook() -> None:
    y = np.random.default_rng(1).normal(size=40)
    made = survey.mean(quality.design(pd.DataFrame({"y": y}), weights=None), "y")
    assert made.std_error[0] == pytest.approx(y.std(ddof=1) / np.sqrt(40))
    assert made.df.tolist() == [39.0]
    assert made.design_effect[0] == pytest.approx(1.0)


def test_order_of_rows_labels_and_a_common_factor_change_nothing() -> None:
    frame = _clusters().data
    order = np.random.default_rng(4).permutation(len(frame))
    turned = frame.iloc[order].assign(
        stype=lambda d: d["stype"].astype("str") + "!", pw=lambda d: 3.0 * d["pw"]
    )
    plain, other = (
        quality.design(d, weights="pw", strata="stype", cluster="dnum", nest=True)
        for d in (frame, turned)
    )
    for made in (plain, other):
        assert made.degrees_of_freedom == 159
    one, two = (survey.mean(d, ["api00", "enroll"]) for d in (plain, other))
    np.testing.assert_allclose(two.covariance, one.covariance, rtol=1e-10)
    one, two = (survey.regress("api00 ~ ell", d) for d in (plain, other))
    np.testing.assert_allclose(two.covariance, one.covariance, rtol=1e-8)
    assert survey.chi_square(plain, "awards", "stype").p_value == pytest.approx(
        survey.chi_square(other, "awards", "stype").p_value
    )


def test_words() -> None:
    design = _strata()
    assert repr(design).startswith(
        "Survey design: 200 of 200 people, 200 sampling units in 3 strata of a finite population"
    )
    assert "api00 in H" in repr(survey.mean(design, "api00", by="stype"))
    labelled = survey.mean(design, "api00", by="stype").vcov()
    assert labelled.columns[0] == "api00 (E)"
    assert survey.chi_square(design, "awards", "stype").tidy()["term"][0] == "rao-scott-f"
