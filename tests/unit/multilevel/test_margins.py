"""Marginal means, contrasts and trends against R's emmeans and against hand-made designs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from crosslevel.errors import ModelError
from crosslevel.multilevel import MultilevelFit, fit
from multilevel_models import fitted
from reference_values import data, entries

R = entries("after_the_fit")
EMMEANS = entries("lmm")


@pytest.fixture(scope="module")
def exam() -> MultilevelFit:
    return fit("normexam ~ standLRT*schgend + sex + schavg + (standLRT | school)", data("Exam"))


def _same(mine: pd.DataFrame, theirs: dict[str, Any], estimate: str = "emmean") -> None:
    rtol, atol = 1e-5, 1e-7
    low = "asymp.LCL" if "asymp.LCL" in theirs else "lower.CL"
    ratio = "z.ratio" if "z.ratio" in theirs else "t.ratio"
    pairs = {
        "estimate": estimate, "std_error": "SE", "conf_low": low,
        "conf_high": low.replace("low", "upp").replace("LCL", "UCL"), "statistic": ratio,
    }  # fmt: skip
    for column, name in pairs.items():
        np.testing.assert_allclose(mine[column], theirs[name], rtol=rtol, atol=atol, err_msg=column)
    np.testing.assert_allclose(mine["p_value"], theirs["p.value"], rtol=5e-4, atol=1e-12)


@pytest.mark.parametrize("average", ["equal", "proportional"])
def test_means_equal_emmeans(exam: MultilevelFit, average: str) -> None:
    mine = exam.emmeans("schgend", average=average, df="normal")
    theirs = R["marginal_means"].values[average]
    assert list(mine["schgend"]) == theirs["schgend"]
    assert list(mine["term"]) == ["schgend[mixed]", "schgend[boys]", "schgend[girls]"]
    _same(mine, theirs)


def test_means_average_over_values_given(exam: MultilevelFit) -> None:
    mine = exam.emmeans(["schgend", "sex"], at={"standLRT": [-1, 1]}, df="normal")
    theirs = R["marginal_means"].values["averaged_at"]
    assert list(mine["schgend"]) == theirs["schgend"]
    assert list(mine["sex"]) == theirs["sex"]
    _same(mine, theirs)


@pytest.mark.parametrize("adjust", ["none", "tukey", "holm", "bonferroni"])
def test_contrasts_equal_emmeans(exam: MultilevelFit, adjust: str) -> None:
    mine = exam.contrasts("schgend", adjust=adjust, df="normal")
    theirs = R["marginal_means"].values["pairs"][adjust]
    assert mine["term"].iloc[0] == "schgend[mixed] - schgend[boys]"
    _same(mine, theirs, "estimate")


def test_contrasts_with_a_reference(exam: MultilevelFit) -> None:
    mine = exam.contrasts("schgend", kind="reference", df="normal")
    _same(mine, R["marginal_means"].values["reference"], "estimate")


def test_contrasts_within_groups(exam: MultilevelFit) -> None:
    mine = exam.contrasts("schgend", by="sex", at={"standLRT": [-1, 1]}, df="normal")
    theirs = R["marginal_means"].values["pairs_by_sex"]
    assert list(mine["sex"]) == theirs["sex"]
    _same(mine, theirs, "estimate")


def test_trends_equal_emtrends(exam: MultilevelFit) -> None:
    theirs = R["marginal_means"].values
    _same(exam.trends("standLRT", by="schgend", df="normal"), theirs["trends"], "standLRT.trend")
    _same(
        exam.contrasts("schgend", slope="standLRT", df="normal"), theirs["trend_pairs"], "estimate"
    )


def test_curves_equal_emmeans() -> None:
    model = fit("normexam ~ ns(standLRT, 3)*sex + poly(schavg, 2) + (1 | school)", data("Exam"))
    theirs = R["curve_means"].values
    _same(model.emmeans("sex", at={"standLRT": -1.5}, df="normal"), theirs["means"])
    mine = model.trends("standLRT", by="standLRT", at={"standLRT": [-2, 0, 1]})
    np.testing.assert_allclose(mine["estimate"], theirs["trends"]["standLRT.trend"], rtol=1e-4)
    np.testing.assert_allclose(mine["std_error"], theirs["trends"]["SE"], rtol=1e-4)


@pytest.mark.parametrize("df", ["satterthwaite", "kenward-roger"])
def test_small_samples_equal_emmeans(df: str) -> None:
    model = fitted("orthodont_ri_reml")
    name = "emmeans_orthodont_sat" if df == "satterthwaite" else "emmeans_orthodont_kr"
    theirs = EMMEANS[name].values
    at = {"age": [8, 14]}
    means = model.emmeans(["Sex", "age"], at=at, df=df)
    assert list(means["Sex"]) == theirs["emmeans"]["Sex"]
    assert list(means["age"]) == theirs["emmeans"]["age"]
    _same(means, theirs["emmeans"])
    np.testing.assert_allclose(means["df"], theirs["emmeans"]["df"], rtol=1e-6)
    pairs = model.contrasts("Sex", by="age", at=at, df=df)
    _same(pairs, theirs["pairs_unadjusted"], "estimate")
    np.testing.assert_allclose(pairs["df"], theirs["pairs_unadjusted"]["df"], rtol=1e-6)
    tukey = model.contrasts("Sex", by="age", at=at, df=df, adjust="tukey")
    np.testing.assert_allclose(tukey["p_value"], theirs["pairs_tukey_p"], rtol=1e-4)


def test_small_sample_trends_equal_emtrends() -> None:
    model = fitted("orthodont_ri_reml")
    theirs = EMMEANS["emtrends_orthodont"].values
    trends = model.trends("age", by="Sex", df="satterthwaite")
    _same(trends, theirs["trends"], "age.trend")
    np.testing.assert_allclose(trends["df"], theirs["trends"]["df"], rtol=1e-6)
    pair = model.contrasts("Sex", slope="age", df="satterthwaite")
    _same(pair, theirs["pairs"], "estimate")


def test_a_mean_is_the_average_prediction(exam: MultilevelFit) -> None:
    """The same rows put to the model one by one."""
    frame = data("Exam")
    rows = pd.DataFrame(
        {"schgend": "boys", "sex": ["F", "M"], "standLRT": frame["standLRT"].mean(),
         "schavg": frame["schavg"].mean()}
    )  # fmt: skip
    mine = exam.emmeans("schgend").loc[1, "estimate"]
    assert mine == pytest.approx(exam.predict(rows, include="none").mean(), rel=1e-12)


def test_log_stands_at_the_mean_of_its_column() -> None:
    frame = data("Exam").assign(points=lambda d: np.exp(d["standLRT"] / 2))
    model = fit("normexam ~ log(points) + sex + (1 | school)", frame)
    row = pd.DataFrame({"points": [frame["points"].mean()] * 2, "sex": ["F", "M"]})
    mine = model.emmeans("sex")["estimate"]
    np.testing.assert_allclose(mine, model.predict(row, include="none"), rtol=1e-12)
    slope = model.trends("points", at={"points": 2.0})["estimate"].iloc[0]
    assert slope == pytest.approx(model.tidy()["estimate"][1] / 2.0, rel=1e-7)


def test_centred_predictors_are_variables_of_their_own() -> None:
    model = fit("WBEING ~ within(HRS, GRP)*between(LEAD, GRP) + (1 | GRP)", data("bh1996"))
    b = model.tidy()["estimate"].to_numpy()
    at = {"between(LEAD, GRP)": [2.5, 3.0], "within(HRS, GRP)": 1.0}
    mine = model.emmeans("between(LEAD, GRP)", at=at)
    by_hand = [b[0] + b[1] + z * b[2] + z * b[3] for z in (2.5, 3.0)]
    np.testing.assert_allclose(mine["estimate"], by_hand, rtol=1e-10)
    assert list(mine["term"]) == ["between(LEAD, GRP)=2.5", "between(LEAD, GRP)=3"]


def test_aliased_terms() -> None:
    """What the kept columns do not determine is missing; the rest is unharmed."""
    frame = data("Orthodont").assign(twin=lambda d: 2 * d["age"] - 22)
    model = fit("distance ~ age*Sex + twin + (1 | Subject)", frame)
    plain = fit("distance ~ age*Sex + (1 | Subject)", frame)
    assert model.glance()["dropped_terms"].iloc[0] == ("twin",)
    np.testing.assert_allclose(
        model.emmeans("Sex")["estimate"], plain.emmeans("Sex")["estimate"], rtol=1e-9
    )
    assert model.emmeans("Sex", at={"age": 8})["estimate"].isna().all()


def test_a_cell_without_rows_is_missing() -> None:
    frame = data("Exam")
    frame = frame[~((frame["schgend"] == "mixed") & (frame["sex"] == "M"))]
    model = fit("normexam ~ sex*schgend + (1 | school)", frame)
    means = model.emmeans(["sex", "schgend"]).set_index(["sex", "schgend"])["estimate"]
    assert np.isnan(means["M", "mixed"])
    assert np.isfinite(means["F", "mixed"])


def test_a_variable_named_as_a_result_column() -> None:
    frame = data("Exam").rename(columns={"sex": "group"})
    means = fit("normexam ~ group + (1 | school)", frame).emmeans("group")
    assert list(means.columns[:3]) == ["by_group", "term", "group"]
    assert list(means["by_group"]) == ["F", "M"]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda m: m.emmeans("sx"), "'sx': is not in the fixed part. Did you mean 'sex'?"),
        (lambda m: m.emmeans("sex", at={"stand": 1}), "'stand': is not in the fixed part."),
        (lambda m: m.emmeans("sex", at={"sex": "W"}), "'W' is no level of 'sex'. Levels: F, M."),
        (lambda m: m.emmeans("sex", at={"schavg": "low"}), "'schavg' takes numbers, got 'low'."),
        (lambda m: m.emmeans("sex", at={"schavg": [np.nan]}), "takes finite numbers"),
        (lambda m: m.emmeans("sex", average="rows"), "`average` must be"),
        (lambda m: m.emmeans("sex", at={"schavg": range(99999)}), "has 599994 points"),
        (lambda m: m.trends("sex"), "`x` must be a number; 'sex' is a category."),
        (lambda m: m.contrasts("sex", kind="all"), "`kind` must be"),
        (lambda m: m.contrasts("sex", adjust="sidak"), "`adjust` must be one of none, tukey"),
        (lambda m: m.contrasts("sex", kind="reference", adjust="tukey"), "is for all pairs"),
        (lambda m: m.contrasts("schavg"), "'schavg' has one value here"),
        (lambda m: m.emmeans("sex", df="t"), "`df` must be"),
    ],
)  # fmt: skip
def test_what_cannot_be_answered(exam: MultilevelFit, call: Any, words: str) -> None:
    with pytest.raises(ModelError) as caught:
        call(exam)
    assert words in str(caught.value)
