"""Comparing fits against anova() of lme4, and the mixture of chi-squares at the boundary."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2

from crosslevel.errors import ModelError
from crosslevel.multilevel import compare, fit, regress
from multilevel_models import fitted
from reference_values import data, entries

PAIRS = {
    "lrt_sleepstudy_slope_ml": ("sleepstudy_ri_ml", "sleepstudy_rs_ml"),
    "lrt_exam_slope_ml": ("exam_ri_ml", "exam_rs_ml"),
    "lrt_exam_fixed_ml": ("exam_rs_ml", "exam_crosslevel_ml"),
}


@pytest.mark.parametrize("entry_id", sorted(PAIRS))
def test_likelihood_ratio(entry_id: str) -> None:
    small, large = (fitted(i) for i in PAIRS[entry_id])
    values = entries("lmm")[entry_id].values
    row = compare(large, small).iloc[1]
    assert row["statistic"] == pytest.approx(values["chisq"], abs=2e-5)
    assert row["df"] == values["df"]
    assert row["p_value"] == pytest.approx(values["p"], rel=1e-4)
    if "p_mixture_chibar" in values:
        assert row["p_value_boundary"] == pytest.approx(values["p_mixture_chibar"], rel=1e-4)
    else:
        assert np.isnan(row["p_value_boundary"])


def test_a_new_grouping_factor_is_half_a_chi_square() -> None:
    small = fit("strength ~ 1 + (1 | sample)", data("Pastes"))
    row = compare(small, fitted("pastes_nested3")).iloc[1]
    assert row["p_value_boundary"] == pytest.approx(0.5 * chi2.sf(row["statistic"], 1))


def test_two_new_coefficients_have_no_simple_mixture() -> None:
    frame = data("bh1996")
    small = fit("WBEING ~ HRS + LEAD + (1 | GRP)", frame)
    large = fit("WBEING ~ HRS + LEAD + (HRS + LEAD | GRP)", frame)
    assert np.isnan(compare(small, large)["p_value_boundary"].iloc[1])


@pytest.mark.parametrize("name", ["ratio_attitude", "ratio_ticks", "ratio_schools"])
def test_regressions_equal_lrtest(name: str) -> None:
    """It used to end in "AttributeError: 'RegressionFit' object has no attribute 'method'"."""
    entry = entries("single_level_more")[name]
    expected, rtol = entry.values, entry.tolerance["default"]["rtol"]
    frame = data(entry.dataset)
    small, large = (
        fit(formula, frame, method="ml")
        if "|" in formula
        else regress(formula, frame, family=expected["family"])
        for formula in (expected["small"], expected["large"])
    )
    table = compare(large, small)
    np.testing.assert_allclose(table["log_likelihood"], expected["log_likelihoods"], rtol=rtol)
    np.testing.assert_allclose(table["criterion"], -2 * table["log_likelihood"])
    assert table["parameters"].tolist() == expected["parameters"]
    row = table.loc[1, ["statistic", "df", "p_value"]].astype(float)
    np.testing.assert_allclose(row[:2], expected["test"][:2], rtol=rtol)
    assert np.log(row["p_value"]) == pytest.approx(np.log(expected["test"][2]), rel=rtol)
    half = 0.5 * row["p_value"] if name == "ratio_schools" else np.nan
    assert table["p_value_boundary"][1] == pytest.approx(half, nan_ok=True)


def test_regressions_that_cannot_be_compared() -> None:
    frame = data("Exam").assign(high=lambda d: (d["normexam"] > 0).astype(float))
    plain = regress("high ~ standLRT", frame)
    with pytest.raises(ModelError, match="differ in family: gaussian and binomial"):
        compare(plain, regress("high ~ standLRT", frame, family="binomial"))
    with pytest.raises(ModelError, match="Rows in clusters are not independent"):
        compare(plain, regress("high ~ standLRT + sex", frame, cluster="school"))
    with pytest.raises(ModelError, match="differ in method: ml and reml"):
        compare(plain, fit("high ~ standLRT + (1 | school)", frame))
    with pytest.raises(ModelError, match="what `fit` and `regress` return, got <class 'float'>"):
        compare(plain, 3.0)  # type: ignore[arg-type]


def test_refusals() -> None:
    model = fitted("sleepstudy_rs_reml")
    with pytest.raises(ModelError, match="two fits or more"):
        compare(model)
    with pytest.raises(ModelError, match="differ in method: reml and ml"):
        compare(model, fitted("sleepstudy_rs_ml"))
    with pytest.raises(ModelError, match=r"different outcomes or rows \(180 and 4059\)"):
        compare(model, fitted("exam_ri_reml"))
    other = fit("Reaction ~ 1 + (Days | Subject)", data("sleepstudy"))
    with pytest.raises(ModelError, match="Fit both with method='ml'"):
        compare(model, other)
