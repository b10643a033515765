"""Degrees of freedom, F tests and robust covariance: lmerTest, pbkrtest, clubSandwich."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from crosslevel.errors import DegreesOfFreedomWarning, ModelError
from crosslevel.multilevel import fit
from dense_model import dense_information, dense_robust
from multilevel_models import IDS, LMM, fitted, prepared
from reference_values import data, entries, hard

SATTERTHWAITE = [i for i in IDS if "satterthwaite" in LMM[i].values]
KENWARD_ROGER = [i for i in IDS if "kenward_roger" in LMM[i].values]
ROBUST = [i for i in IDS if "CR2" in LMM[i].values]


@pytest.mark.parametrize("entry_id", SATTERTHWAITE)
def test_satterthwaite(entry_id: str) -> None:
    """Theirs comes from a numerical Hessian; ours is exact and agrees far closer than stated."""
    values = LMM[entry_id].values["satterthwaite"]
    tolerance = LMM[entry_id].tolerance["satterthwaite"]
    tidy = fitted(entry_id).tidy()
    np.testing.assert_allclose(tidy["df"], list(values["df"].values()), rtol=1e-5)
    np.testing.assert_allclose(
        tidy["p_value"], list(values["p"].values()), rtol=tolerance["p_rtol"], atol=1e-300
    )


@pytest.mark.parametrize("entry_id", KENWARD_ROGER)
def test_kenward_roger(entry_id: str) -> None:
    values = LMM[entry_id].values["kenward_roger"]
    tidy = fitted(entry_id).tidy(df="kenward-roger")
    np.testing.assert_allclose(tidy["df"], list(values["df"].values()), rtol=1e-6)
    np.testing.assert_allclose(tidy["std_error"], list(values["se"].values()), rtol=1e-6)
    np.testing.assert_allclose(tidy["statistic"], list(values["t"].values()), rtol=1e-6)


def test_kenward_roger_on_a_nearly_singular_slope() -> None:
    """Satterthwaite is ill-conditioned here: 31.83 and 28.28 from two optimisers of lme4."""
    model = fit("mAch ~ cses*sector + meanses*cses + (cses | school)", hard("hsb40.csv"))
    tidy = model.tidy(df="kenward-roger").set_index("term")
    assert tidy["df"]["cses"] == pytest.approx(26.993, abs=5e-4)
    assert model.doubtful_df == ("school",)
    assert model.glance()["doubtful_df"].tolist() == ["school"]
    with pytest.warns(DegreesOfFreedomWarning, match="'school' is nearly singular"):
        doubted = model.tidy().set_index("term")
    assert doubted["df"]["cses"] == pytest.approx(28.28, abs=0.02)
    large = fit(model.formula, hard("hsb40.csv"), method="ml")
    assert large.status == "boundary"
    assert large.doubtful_df == ()


@pytest.mark.parametrize("entry_id", IDS)
def test_no_false_alarm(entry_id: str) -> None:
    assert fitted(entry_id).doubtful_df == ()


def test_a_variance_close_to_zero_by_itself() -> None:
    """Moments that balance so that the variance is barely above zero."""
    rng = np.random.default_rng(6)
    unit, noise = np.repeat(np.arange(12), 5), rng.normal(size=60)
    within = noise - pd.Series(noise).groupby(unit).transform("mean")
    own = rng.normal(size=12)
    own -= own.mean()
    expected = np.sqrt(within @ within / 48 / 5 * 11 / (own @ own))
    frame = pd.DataFrame({"y": within + 1.001 * expected * own[unit], "unit": unit})
    model = fit("y ~ 1 + (1 | unit)", frame)
    assert model.status == "converged"
    assert model.doubtful_df == ("unit",)
    frame["y"] = within + 1.001 * np.sqrt(12 / 11) * expected * own[unit]
    with pytest.warns(DegreesOfFreedomWarning, match="last digits; fit by REML and use df='kenw"):
        fit("y ~ 1 + (1 | unit)", frame, method="ml").tidy()
    frame["y"] = within + 2.0 * expected * own[unit]
    assert fit("y ~ 1 + (1 | unit)", frame).doubtful_df == ()


@pytest.mark.parametrize("df", ["satterthwaite", "kenward-roger"])
def test_joint_test(df: str) -> None:
    entry = entries("lmm")["ftest_orthodont_2df"].values[df.replace("-", "_")]
    test = fitted("orthodont_ri_reml").joint_test(["Sex[Female]", "age:Sex[Female]"], df=df).iloc[0]
    assert test["df"] == entry["NumDF"]
    assert test["df_denominator"] == pytest.approx(entry["DenDF"], rel=1e-6)
    assert test["statistic"] == pytest.approx(entry["F.value"], rel=1e-6)
    assert test["p_value"] == pytest.approx(entry["Pr..F."], rel=1e-6)


@pytest.mark.parametrize("df", ["satterthwaite", "kenward-roger", "residual"])
def test_joint_test_of_one_term_is_its_t_test(df: str) -> None:
    model = fitted("orthodont_ri_reml")
    one = model.joint_test(["age"], df=df).iloc[0]
    row = model.tidy(df=df).set_index("term").loc["age"]
    assert one["statistic"] == pytest.approx(row["statistic"] ** 2, rel=1e-10)
    assert one["p_value"] == pytest.approx(row["p_value"], rel=1e-8)
    assert one["df_denominator"] == pytest.approx(row["df"], rel=1e-10)


@pytest.mark.parametrize("entry_id", ROBUST)
def test_robust_covariance(entry_id: str) -> None:
    values = LMM[entry_id].values["CR2"]
    model = fitted(entry_id).with_vcov("CR2")
    np.testing.assert_allclose(model.vcov(), values["vcov"]["data"], rtol=1e-5, atol=1e-9)
    tidy = model.tidy()
    np.testing.assert_allclose(tidy["std_error"], list(values["se"].values()), rtol=1e-6)
    np.testing.assert_allclose(tidy["df"], list(values["df"].values()), rtol=1e-6)
    np.testing.assert_allclose(tidy["p_value"], list(values["p"].values()), rtol=1e-3, atol=1e-300)
    cr0 = fitted(entry_id).with_vcov("CR0").tidy()
    np.testing.assert_allclose(cr0["std_error"], list(values["CR0_se"].values()), rtol=1e-6)
    back = model.with_vcov("model")
    np.testing.assert_allclose(back.vcov(), fitted(entry_id).vcov(), rtol=1e-10)


@pytest.mark.parametrize("entry_id", ["sleepstudy_weights", "sherif_nested3_slope"])
@pytest.mark.parametrize("kind", ["CR0", "CR2"])
def test_robust_covariance_equals_dense_algebra(entry_id: str, kind: str) -> None:
    """Weights and nesting, which the reference values do not cover."""
    model = fitted(entry_id)
    cluster = {"sleepstudy_weights": "Subject", "sherif_nested3_slope": "group"}[entry_id]
    vcov, df = dense_robust(model, prepared(entry_id)[cluster].to_numpy(), kind)
    robust = model.with_vcov(kind)
    np.testing.assert_allclose(robust.vcov(), vcov, rtol=1e-6)
    np.testing.assert_allclose(robust.tidy()["df"], df, rtol=1e-6)


def test_crossed_factors_have_no_clusters() -> None:
    with pytest.raises(ModelError, match="'plate' and 'sample' are crossed"):
        fitted("penicillin_crossed").with_vcov("CR2")


def test_information_equals_dense_algebra() -> None:
    """Traces and sandwiches of Kenward and Roger for several factors with slopes."""
    model = fitted("sherif_nested3_slope")
    rng = np.random.default_rng(5)
    directions = []
    for factor in model.design.factors:
        half = rng.normal(size=(2, factor.p, factor.p))
        directions.append(half + half.transpose(0, 2, 1))
    made = model.optimum.evaluation.information(directions)
    total, A, B, trace = dense_information(model, directions)
    np.testing.assert_allclose(made.total, total, rtol=1e-8)
    np.testing.assert_allclose(made.trace, trace, rtol=1e-8)
    np.testing.assert_allclose(made.A, A, rtol=1e-8, atol=1e-8 * np.abs(A).max())
    np.testing.assert_allclose(made.B, B, rtol=1e-8, atol=1e-8 * np.abs(B).max())


def test_hessian_by_differences_gives_the_same_df(monkeypatch: pytest.MonkeyPatch) -> None:
    """Large models know only the average information; their Hessian comes from the gradient."""
    exact = fitted("pastes_nested3").tidy()["df"]
    monkeypatch.setattr("crosslevel.multilevel.several.EXACT", 0)
    large = fit("strength ~ 1 + (1 | batch) + (1 | sample)", data("Pastes"))
    assert not large.optimum.derivatives.exact
    assert large.status == "converged"
    np.testing.assert_allclose(large.tidy()["df"], exact, rtol=1e-5)


def test_refusals(monkeypatch: pytest.MonkeyPatch) -> None:
    model = fitted("orthodont_ri_reml")
    with pytest.raises(ModelError, match="`df` must be 'satterthwaite'"):
        model.tidy(df="z")
    with pytest.raises(ModelError, match="`kind` must be"):
        model.with_vcov("HC3")
    with pytest.raises(ModelError, match="needs a REML fit"):
        fitted("exam_ri_ml").tidy(df="kenward-roger")
    with pytest.raises(ModelError, match="corrects the model's own covariance"):
        model.with_vcov("CR2").tidy(df="kenward-roger")
    with pytest.raises(ModelError, match="Did you mean 'age'"):
        model.joint_test(["ages"])
    monkeypatch.setattr("crosslevel.multilevel.df.DENSE", 10)
    with pytest.raises(ModelError, match="refused beyond 10 random coefficients"):
        fitted("pastes_nested3").tidy(df="kenward-roger")


def test_reference_is_scale_free() -> None:
    frame = pd.DataFrame(data("sleepstudy"))
    moved = frame.assign(Days=frame["Days"] * 1e4 + 2e7, Reaction=frame["Reaction"] * 1e-3)
    plain = fit("Reaction ~ Days + (Days | Subject)", frame)
    other = fit("Reaction ~ Days + (Days | Subject)", moved)
    for df in ("satterthwaite", "kenward-roger"):
        assert other.tidy(df=df)["df"].iloc[1] == pytest.approx(plain.tidy(df=df)["df"].iloc[1])
    robust = [m.with_vcov("CR2").tidy().iloc[1] for m in (plain, other)]
    assert robust[1]["df"] == pytest.approx(robust[0]["df"])
    assert robust[1]["statistic"] == pytest.approx(robust[0]["statistic"])
