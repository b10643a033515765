"""Weights that meet totals: equal to R survey's rake, postStratify and calibrate; bad input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from crosslevel import quality
from crosslevel.errors import MeasurementError, NotConvergedWarning
from crosslevel.quality import SurveyDesign, Weighting, WeightsWarning
from crosslevel.quality.distances import METHODS, distance
from reference_values import data, entries

survey = quality.survey


def _design() -> SurveyDesign:
    return quality.design(data("apistrat"), weights="pw", strata="stype", fpc="fpc")


def _made(key: str, totals: dict[str, Any]) -> Weighting:
    design, schools = _design(), totals["stype"]
    if key == "rake":
        return quality.rake(design, {k: totals[k] for k in ("stype", "sch.wide", "awards")})
    if key == "post":
        return quality.poststratify(design, "stype", schools)
    method = "linear" if key == "greg" else "exponential"
    known = {"stype": schools, "api99": totals["api99_total"]}
    return quality.calibrate(design, known, method=method)


@pytest.mark.parametrize("key", ["rake", "post", "greg", "cal_raking"])
def test_weights_and_standard_errors_equal_r(key: str) -> None:
    entry = entries("survey")["calibration_apistrat"]
    expected = entry.values[key]
    rtol = entry.tolerance["rake" if key == "rake" else "default"]["rtol"]
    made = _made(key, entry.values["margins"])
    w = made.weights
    np.testing.assert_allclose(w[:10], expected["weights_first10"], rtol=rtol)
    for found, theirs in (
        (w.sum(), "sum_w"), ((w**2).sum(), "sum_w_sq"), (w.min(), "min"), (w.max(), "max"),
        (made.effective_n, "kish_neff"), (made.design_effect, "kish_deff"),
    ):  # fmt: skip
        assert found == pytest.approx(expected[theirs], rel=rtol), theirs
    mean = survey.mean(made.design, ["api00", "enroll"])
    np.testing.assert_allclose(mean.estimate, list(expected["mean"]["est"].values()), rtol=rtol)
    np.testing.assert_allclose(mean.std_error, list(expected["mean"]["se"].values()), rtol=rtol)
    total = survey.total(made.design, "api00")
    np.testing.assert_allclose(total.estimate, list(expected["total"]["est"].values()), rtol=rtol)
    np.testing.assert_allclose(total.std_error, list(expected["total"]["se"].values()), rtol=rtol)
    assert made.tidy()["difference"].abs().max() < 1e-9
    assert made.status == "converged"


def test_calibrated_clusters_equal_r() -> None:
    entry = entries("clustered_survey")["calibrated_clusters"]
    expected, rtol = entry.values, entry.tolerance["default"]["rtol"]
    units = {"E": 400, "H": 120, "M": 150}
    frame = data("apistrat").assign(units=lambda d: d["stype"].map(units).astype(float))
    design = quality.design(
        frame, weights="pw", strata="stype", cluster="dnum", fpc="units", nest=True
    )
    post = quality.poststratify(design, ["stype", "awards"], expected["cells"]).design
    awards = {"No": 6194 - 4167, "Yes": 4167}
    greg = quality.calibrate(design, {"awards": awards, "api99": 3914069}).design
    for made, key in (
        (survey.mean(post, "api00"), "post"),
        (survey.ratio(post, "api.stu", "enroll"), "post_ratio"),
        (survey.mean(greg, "api00"), "greg"),
        (survey.mean(greg, "api00", by="stype"), "greg_by"),
        (survey.regress("api00 ~ meals", greg), "greg_linear"),
    ):
        np.testing.assert_allclose(made.estimate, expected[key]["est"], rtol=rtol, err_msg=key)
        np.testing.assert_allclose(made.std_error, expected[key]["se"], rtol=rtol, err_msg=key)
    with pytest.raises(MeasurementError, match="Calibrated weights have no jackknife"):
        post.with_jackknife()


@pytest.mark.parametrize("method", METHODS)
def test_bounded_calibration_equals_r(method: str) -> None:
    entry = entries("survey_more")["bounded"]
    values, rtol = entry.values, entry.tolerance["default"]["rtol"]
    (low, high), expected = values["bounds"], values[method]
    design = _design()
    known = {"stype": values["schools"], "api99": values["api99"]}
    made = quality.calibrate(design, known, method=method, bounds=(low, high))
    np.testing.assert_allclose(made.weights, expected["weights"], rtol=rtol)
    change = made.weights / design.weights
    assert low * (1 - 1e-12) <= change.min() < change.max() <= high * (1 + 1e-12)
    for found, key in (
        (survey.mean(made.design, ["api00", "meals"]), "mean"),
        (survey.total(made.design, "api00"), "total"),
    ):
        np.testing.assert_allclose(found.estimate, expected[key]["est"], rtol=rtol)
        np.testing.assert_allclose(found.std_error, expected[key]["se"], rtol=rtol)


@pytest.mark.parametrize("method", METHODS)
def test_factors_start_at_one_with_slope_one(method: str) -> None:
    by, u = distance(method, (0.3, 4.0)), np.linspace(-6, 6, 1201)
    assert by.factor(np.zeros(1))[0] == pytest.approx(1.0)
    assert by.slope(np.zeros(1))[0] == pytest.approx(1.0)
    F = by.factor(u)
    assert F.min() >= 0.3 and F.max() <= 4.0 and (np.diff(F) >= 0).all()
    numeric = (by.factor(u + 1e-6) - by.factor(u - 1e-6)) / 2e-6
    smooth = np.abs(numeric - by.slope(u)) < 1e-4
    assert (~smooth).sum() <= 2  # the two corners where a factor is cut


def test_raking_to_related_margins_is_the_projection_that_r_sweeps_towards() -> None:
    """R's ten sweeps leave a standard error of 11.26 where three thousand end at 10.68."""
    entry = entries("survey_more")["raked_related"]
    values, rtol = entry.values, entry.tolerance["default"]["rtol"]
    made = quality.rake(_design(), values["margins"], tolerance=1e-12)
    np.testing.assert_allclose(made.weights, values["weights"], rtol=rtol)
    mean = survey.mean(made.design, "api00")
    np.testing.assert_allclose(mean.estimate, values["mean"]["est"], rtol=rtol)
    np.testing.assert_allclose(mean.std_error, values["mean"]["se"], rtol=rtol)
    assert values["ten_sweeps"]["se"] / mean.std_error[0] == pytest.approx(1.054, abs=1e-3)


@pytest.fixture
def people() -> pd.DataFrame:
    rng = np.random.default_rng(9)
    return pd.DataFrame(
        {
            "sex": rng.choice(["f", "m"], 120, p=[0.7, 0.3]),
            "role": rng.choice(["nurse", "doctor", "other"], 120, p=[0.6, 0.1, 0.3]),
            "age": rng.integers(20, 65, 120).astype(float),
        }
    )


def test_shares_are_margins_too(people: pd.DataFrame) -> None:
    shares = {"sex": {"f": 0.5, "m": 0.5}, "role": {"nurse": 0.4, "doctor": 0.3, "other": 0.3}}
    made = quality.rake(people, shares)
    assert made.weights.sum() == pytest.approx(120)
    counts = {name: {k: 1000 * v for k, v in given.items()} for name, given in shares.items()}
    other = quality.rake(people, counts)
    np.testing.assert_allclose(other.weights / 1000, made.weights / 120, rtol=1e-8)
    assert other.weights.index.equals(people.index)


def test_trimmed_weights_keep_bounds_and_margins(people: pd.DataFrame) -> None:
    margins = {"sex": {"f": 0.4, "m": 0.6}, "role": {"nurse": 0.4, "doctor": 0.2, "other": 0.4}}
    free = quality.rake(people, margins)
    assert free.weights.max() / free.weights.mean() > 3
    made = quality.rake(people, margins, trim=3.0)
    assert made.status == "converged" and made.trimmed > 0
    assert made.weights.max() / made.weights.mean() <= 3.0 * (1 + 1e-8)
    assert made.tidy()["difference"].abs().max() < 1e-9
    assert made.design_effect < free.design_effect
    assert f"{made.trimmed} weights were trimmed" in made.sentence()
    both = quality.rake(people, margins, trim=(0.4, 3.2))
    assert both.weights.min() / both.weights.mean() >= 0.4 * (1 - 1e-8)
    assert made.glance()["trimmed"][0] == made.trimmed


def test_raking_that_does_not_converge_says_so(people: pd.DataFrame) -> None:
    margins = {"sex": {"f": 0.1, "m": 0.9}, "role": {"nurse": 0.1, "doctor": 0.8, "other": 0.1}}
    with pytest.warns(NotConvergedWarning, match=r"off its target by .* widen them"):
        made = quality.rake(people, margins, trim=1.5)
    assert made.status == "not converged"
    assert "did not converge" in made.sentence() and "not converged" in repr(made)
    apart = pd.DataFrame({"a": list("xxyy"), "b": list("ppqq")})
    with pytest.warns(NotConvergedWarning, match="contradict each other"):
        quality.rake(apart, {"a": {"x": 1, "y": 3}, "b": {"p": 3, "q": 1}})


def test_margins_that_do_not_fit(people: pd.DataFrame) -> None:
    def refused(margins: dict[str, dict[str, float]], frame: pd.DataFrame = people) -> str:
        with pytest.raises(MeasurementError) as caught:
            quality.rake(frame, margins)
        return str(caught.value)

    text = refused({"role": {"nurse": 5, "docter": 2, "other": -1}})
    assert "level 'doctor': is in the data and has no total. Did you mean 'docter'?" in text
    assert "level 'docter': has a total and nobody in the data." in text
    assert "level 'other': has a total of -1. Totals must be positive." in text
    text = refused({"sex": {"f": 5, "m": 5}, "role": {"nurse": 5, "doctor": 2, "other": 4}})
    assert "must sum to the same number of people" in text
    assert "'role': sums to 11." in text
    assert "column 'gender': not found." in refused({"gender": {"f": 1}})
    gappy = people.assign(sex=people["sex"].where(people.index > 2))
    assert "data: 3 row(s) have none." in refused({"sex": {"f": 1, "m": 1}}, gappy)
    with pytest.raises(MeasurementError, match="at least one margin"):
        quality.rake(people, {})
    with pytest.raises(MeasurementError, match="`trim` is the largest weight"):
        quality.rake(people, {"sex": {"f": 1, "m": 1}}, trim=0.8)
    with pytest.raises(MeasurementError, match="has its weights already"):
        quality.rake(quality.design(people, weights=None), {}, weights="w")
    with pytest.raises(MeasurementError, match="first 0 in row 1"):
        quality.rake(people.assign(w=0.0), {"sex": {"f": 1, "m": 1}}, weights="w")


def test_calibration_that_cannot_be(people: pd.DataFrame) -> None:
    with pytest.raises(MeasurementError, match="No weights meet these totals"):
        quality.calibrate(people, {"age": 100.0 * 90}, size=100, method="exponential")
    with pytest.warns(WeightsWarning, match="weights are not positive; method='exponential'"):
        quality.calibrate(people, {"age": 100.0 * 62}, size=100)
    with pytest.raises(MeasurementError, match="give its levels totals"):
        quality.calibrate(people, {"sex": 5.0})
    with pytest.raises(MeasurementError, match="The total of 'age' cannot be met: 1 row"):
        quality.calibrate(people.assign(age=[np.nan, *people["age"][1:]]), {"age": 5.0})
    with pytest.raises(MeasurementError, match="its total is inf"):
        quality.calibrate(people, {"age": np.inf})
    with pytest.raises(MeasurementError, match="`method` must be 'linear', 'exponential', 'logit'"):
        quality.calibrate(people, {"age": 5.0}, method="raking")
    with pytest.raises(MeasurementError, match="'logit' needs `bounds`"):
        quality.calibrate(people, {"age": 5.0}, method="logit")
    for wrong in ((1.2, 3), (0.5, np.inf), (0.5,), "ab", 3.0):
        with pytest.raises(MeasurementError, match="below and above 1; got"):
            quality.calibrate(people, {"age": 5.0}, bounds=wrong)  # type: ignore[arg-type]
    for method in METHODS:
        with pytest.raises(MeasurementError, match="meet these totals within `bounds`: they may"):
            quality.calibrate(
                people, {"age": 120.0 * 60}, size=120, method=method, bounds=(0.9, 1.1)
            )
    with pytest.raises(MeasurementError, match="at least one total"):
        quality.calibrate(people, {})


def test_numbers_and_categories_are_met_together(people: pd.DataFrame) -> None:
    for method in ("linear", "exponential"):
        made = quality.calibrate(
            people, {"sex": {"f": 500, "m": 500}, "age": 42_000.0}, method=method
        )
        w = made.weights
        assert (w * people["age"]).sum() == pytest.approx(42_000)
        assert w[people["sex"] == "f"].sum() == pytest.approx(500)
