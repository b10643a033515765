"""What a fit answers: codings on new data, predictions, random effects, intraclass correlation."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf

from crosslevel.errors import ModelError
from crosslevel.frames import RESULT_COLUMNS
from crosslevel.multilevel import MultilevelFit, fit, ols
from multilevel_models import fitted
from reference_values import data


@pytest.fixture(scope="module")
def exam() -> MultilevelFit:
    return fit("normexam ~ standLRT*sex + C(schgend) + (standLRT | school)", data("Exam"))


def test_terms_are_named_level_by_level(exam: MultilevelFit) -> None:
    assert list(exam.tidy()["term"]) == [
        "(Intercept)", "standLRT", "sex[M]", "C(schgend)[boys]", "C(schgend)[girls]",
        "standLRT:sex[M]",
    ]  # fmt: skip
    assert list(exam.tidy().columns) == list(RESULT_COLUMNS)


def test_no_intercept_gives_one_column_per_level() -> None:
    model = fit("normexam ~ 0 + sex + schgend + (1 | school)", data("Exam"))
    terms = list(model.tidy()["term"])
    assert terms == ["sex[F]", "sex[M]", "schgend[boys]", "schgend[girls]"]


def test_normal_and_residual_reference(exam: MultilevelFit) -> None:
    normal, residual = exam.tidy(df="normal"), exam.tidy(df="residual", conf_level=0.9)
    assert np.isinf(normal["df"]).all()
    assert set(residual["df"]) == {4059.0 - 6}
    half = (normal["conf_high"] - normal["conf_low"]) / 2
    np.testing.assert_allclose(half, 1.959963984540054 * normal["std_error"], rtol=1e-12)


def test_predictions_reuse_codings(exam: MultilevelFit) -> None:
    """One row alone gets the prediction it had in the fit, though it shows one level only."""
    whole = exam.predict()
    one = data("Exam").iloc[[700]]
    assert exam.predict(one).iloc[0] == pytest.approx(whole.iloc[700], rel=1e-12)
    plain = exam.predict(one.drop(columns="school"), include="none").iloc[0]
    assert plain == pytest.approx(exam.predict(include="none").iloc[700], rel=1e-12)


def test_predictions_for_unknown_levels(exam: MultilevelFit) -> None:
    one = data("Exam").iloc[[3]].assign(school=9999)
    assert exam.predict(one).iloc[0] == exam.predict(one, include="none").iloc[0]
    strange = one.assign(sex="X")
    with pytest.raises(ModelError, match="level 'X': is not one of F, M"):
        exam.predict(strange)
    assert np.isnan(exam.predict(one.assign(sex=None)).iloc[0])


def test_confidence_interval_of_a_prediction(exam: MultilevelFit) -> None:
    rows = data("Exam").head(4)
    band = exam.predict(rows, include="none", interval="confidence")
    X = exam.design.X[:, :4]
    by_hand = np.sqrt(np.diag(X.T @ exam.vcov().to_numpy() @ X))
    np.testing.assert_allclose(band["std_error"], by_hand, rtol=1e-10)
    np.testing.assert_allclose(band["conf_high"] - band["estimate"], 1.959963984540054 * by_hand)


def test_part_of_the_random_effects() -> None:
    model = fitted("sherif_nested3_slope")
    effects = model.random_effects()
    frame = model.predict(include="none").to_frame("population")
    frame["with_group"] = model.predict(include=["group"])
    first = effects[(effects["group"] == "group") & (effects["level"] == "1")]
    time = data("sherifdat")["time"]
    expected = first["estimate"].iloc[0] + first["estimate"].iloc[1] * time[0]
    assert frame["with_group"][0] - frame["population"][0] == pytest.approx(expected)


def test_within_and_between_by_hand() -> None:
    frame = data("bh1996")
    model = fit("WBEING ~ within(LEAD, GRP) + between(LEAD, GRP) + (1 | GRP)", frame)
    mean = frame.groupby("GRP")["LEAD"].transform("mean")
    by_hand = fit("WBEING ~ w + b + (1 | GRP)", frame.assign(w=frame["LEAD"] - mean, b=mean))
    np.testing.assert_allclose(model.tidy()["estimate"], by_hand.tidy()["estimate"], rtol=1e-9)
    few = frame.iloc[[10, 4000]]
    expected = by_hand.predict().iloc[[10, 4000]]
    np.testing.assert_allclose(model.predict(few), expected, rtol=1e-10)


def test_intraclass_correlation() -> None:
    model = fitted("pastes_nested3")
    variances = model.variance_components()["covariance"]
    assert list(model.icc()["group"]) == ["sample", "batch"]
    np.testing.assert_allclose(model.icc()["icc"], variances[:2] / variances.sum(), rtol=1e-12)
    with pytest.raises(ModelError, match="depends on its random slopes"):
        fitted("exam_rs_reml").icc()


def test_nested_shorthand_equals_unique_labels() -> None:
    """(1 | batch/cask) is the model of lme4's (1 | batch) + (1 | sample)."""
    model = fit("strength ~ 1 + (1 | batch/cask)", data("Pastes"))
    assert model.criterion == pytest.approx(fitted("pastes_nested3").criterion, abs=1e-9)
    assert model.groups == "30 batch:cask, 10 batch"
    assert model.random_effects()["level"].iloc[0] == "A:a"


def test_double_bar_equals_separate_terms() -> None:
    model = fit("normexam ~ standLRT + (standLRT || school)", data("Exam"))
    assert model.criterion == pytest.approx(fitted("exam_rs_uncorr").criterion, abs=1e-9)
    assert model.variance_components()["other"].isna().all()


def test_offset_moves_the_outcome() -> None:
    frame = data("sleepstudy").assign(o=lambda d: 3.0 * d["Days"])
    plain = fit("Reaction ~ Days + (1 | Subject)", frame)
    other = fit("Reaction ~ Days + (1 | Subject)", frame, offset="o")
    gap = plain.tidy()["estimate"] - other.tidy()["estimate"]
    np.testing.assert_allclose(gap, [0.0, 3.0], atol=1e-8)
    np.testing.assert_allclose(other.augment()["fitted"], plain.augment()["fitted"], rtol=1e-9)


def test_a_common_weight_only_rescales_sigma() -> None:
    """sigma^2 / 2 is the residual variance of a row of weight two: the same model."""
    frame = data("sleepstudy").assign(w=2.0)
    weighted = fit("Reaction ~ Days + (1 | Subject)", frame, weights="w", method="ml")
    plain = fit("Reaction ~ Days + (1 | Subject)", frame, method="ml")
    assert weighted.criterion == pytest.approx(plain.criterion, abs=1e-8)
    assert weighted.sigma == pytest.approx(plain.sigma * np.sqrt(2.0), rel=1e-8)
    np.testing.assert_allclose(weighted.theta, plain.theta / np.sqrt(2.0), rtol=1e-7)


def test_pooled_equals_statsmodels_formula() -> None:
    frame = data("Exam")
    mine = ols("normexam ~ standLRT*sex", frame, cluster="school")
    theirs = smf.ols("normexam ~ standLRT*sex", frame).fit(
        cov_type="cluster", cov_kwds={"groups": frame["school"]}, use_t=True
    )
    order = ["Intercept", "standLRT", "sex[T.M]", "standLRT:sex[T.M]"]
    tidy = mine.tidy()
    np.testing.assert_allclose(tidy["estimate"], theirs.params[order], rtol=1e-9)
    np.testing.assert_allclose(tidy["std_error"], theirs.bse[order], rtol=1e-9)
    np.testing.assert_allclose(tidy["p_value"], theirs.pvalues[order], rtol=1e-7, atol=1e-12)
    assert set(tidy["df"]) == {64.0}


def test_identifiers_are_strings() -> None:
    frame = data("sleepstudy").assign(Subject=lambda d: d["Subject"].astype(float))
    effects = fit("Reaction ~ Days + (1 | Subject)", frame).random_effects()
    assert effects["level"].iloc[0] == "308"
    assert effects["level"].dtype == "str"


def test_repr_says_what_happened(exam: MultilevelFit) -> None:
    text = repr(exam)
    assert "4059 rows (none dropped); groups: 65 school" in text
    assert "converged; criterion" in text
    singular = repr(fitted("dyestuff2_singular"))
    assert "boundary: a variance is estimated as zero" in singular


def test_augment_keeps_the_index() -> None:
    frame = data("sleepstudy").set_index(pd.Index([f"r{k}" for k in range(180)]))
    rows = fit("Reaction ~ Days + (1 | Subject)", frame).augment()
    assert list(rows.index) == list(frame.index)
    np.testing.assert_allclose(rows["fitted"] + rows["residual"], frame["Reaction"])
