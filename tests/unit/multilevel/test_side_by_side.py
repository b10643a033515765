"""Estimators side by side, Mundlak's test against lme4 and pbkrtest, joint robust tests."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from crosslevel.errors import ModelError
from crosslevel.multilevel import fit, side_by_side
from reference_values import data, entries

HTZ = {
    "htz_exam": "normexam ~ standLRT * schgend + sex + (standLRT | school)",
    "htz_orthodont": "distance ~ age * Sex + (age | Subject)",
    "htz_sleepstudy": "Reaction ~ Days + (Days | Subject)",
}


def exam() -> pd.DataFrame:
    """Return Exam with a dummy for the second sex."""
    frame = data("Exam")
    frame["girl"] = (frame["sex"] == "M").astype(float)
    return frame


@pytest.mark.parametrize("entry_id", ["mundlak_grunfeld", "mundlak_exam", "mundlak_exam_slope"])
def test_mundlak(entry_id: str) -> None:
    formula, frame = {
        "mundlak_grunfeld": ("inv ~ value + capital + (1 | firm)", data("Grunfeld")),
        "mundlak_exam": ("normexam ~ standLRT + girl + schgend + (1 | school)", exam()),
        "mundlak_exam_slope": ("normexam ~ standLRT + (standLRT | school)", exam()),
    }[entry_id]
    entry = entries("side_by_side")[entry_id]
    values, rtol = entry.values, entry.tolerance["rtol"]
    made = side_by_side(formula, frame).mundlak()
    table = made.tidy()
    np.testing.assert_allclose(table["estimate"], values["fixef"], rtol=1e-5)
    np.testing.assert_allclose(table["std_error"], values["se"], rtol=1e-5)
    wald, kr = (row for _, row in made.tests().iterrows())
    assert wald["statistic"] == pytest.approx(values["chisq"], rel=rtol)
    assert wald["df"] == values["df"]
    assert np.isnan(wald["df_denominator"])
    assert kr["statistic"] == pytest.approx(values["f"], rel=rtol)
    assert kr["df_denominator"] == pytest.approx(values["f_df"], rel=rtol)
    assert kr["p_value"] == pytest.approx(values["f_p"], rel=entry.tolerance["p"]["rtol"])


@pytest.mark.parametrize("kind", ["CR0", "CR2"])
@pytest.mark.parametrize("entry_id", sorted(HTZ))
def test_joint_robust(entry_id: str, kind: str) -> None:
    entry = entries("side_by_side")[entry_id]
    values, rtol = entry.values[kind], entry.tolerance["rtol"]
    model = fit(HTZ[entry_id], data(entry.dataset))
    names = model.estimates.names
    terms = [names[k - 1] for k in entry.values["terms"]]
    row = model.with_vcov(kind).joint_test(terms).iloc[0]
    assert row["statistic"] == pytest.approx(values["f"], rel=rtol)
    assert row["df"] == values["df"]
    assert row["df_denominator"] == pytest.approx(values["df_denominator"], rel=rtol)
    assert row["p_value"] == pytest.approx(values["p"], rel=entry.tolerance["p"]["rtol"])


def test_joint_robust_test_of_one_term_is_its_t_test() -> None:
    model = fit(HTZ["htz_exam"], data("Exam")).with_vcov("CR2")
    one = model.tidy().set_index("term").loc["standLRT"]
    row = model.joint_test(["standLRT"]).iloc[0]
    assert row["statistic"] == pytest.approx(one["statistic"] ** 2)
    assert row["df_denominator"] == pytest.approx(one["df"])


def test_joint_robust_test_needs_clusters() -> None:
    frame = data("sleepstudy").query("Subject in ['308', '309', '310']")
    frame["late"] = (frame["Subject"] == "310").astype(float)
    model = fit("Reaction ~ Days * late + (1 | Subject)", frame).with_vcov("CR2")
    with pytest.raises(ModelError, match="3 clusters carry too little information to test 4 terms"):
        model.joint_test(list(model.estimates.names))


def test_tables() -> None:
    made = side_by_side("normexam ~ standLRT + sex + schgend + (standLRT | school)", exam())
    table = made.tidy()
    assert list(table["model"].unique()) == ["pooled", "between", "within", "random", "multilevel"]
    assert list(table[table["model"] == "within"]["term"]) == ["standLRT", "sex[M]"]
    by_model = table.groupby("model")["df"].first()
    assert by_model["pooled"] == by_model["within"] == by_model["random"] == 64.0
    assert by_model["between"] == 65 - 5
    plain = made.tidy(vcov="model", df="normal").groupby("model")["df"].first()
    assert plain["within"] == 4059 - 65 - 2
    assert np.isinf(plain["multilevel"])
    glance = made.glance().set_index("model")
    assert glance.loc["multilevel", "sigma"] == pytest.approx(made.fit.sigma)
    assert np.isnan(glance.loc["multilevel", "sd_group"])
    assert "within" in repr(made)


def test_what_cannot_be_estimated_is_said() -> None:
    frame = data("sleepstudy")
    frame["old"] = frame["Subject"].isin(["308", "310", "333"]).astype(float)
    made = side_by_side("Reaction ~ old + (1 | Subject)", frame)
    assert made.left_out["within"] == "no predictor varies within groups"
    note = made.glance().set_index("model").loc["within", "note"]
    assert note == "no predictor varies within groups"
    assert "without within: no predictor" in repr(made)
    assert list(made.tests()["test"]) == ["Breusch-Pagan, group variance"]
    with pytest.raises(ModelError, match="No predictor differs both within and between groups"):
        made.mundlak()


def test_group_means_in_the_model_already() -> None:
    formula = "normexam ~ standLRT + between(standLRT, school) + (1 | school)"
    with pytest.raises(ModelError, match="without having its group means in the model"):
        side_by_side(formula, exam()).mundlak()
    frame = exam()
    frame["average"] = 3.0 * frame.groupby("school")["standLRT"].transform("mean") + 1.0
    with pytest.raises(ModelError, match="explain all group means of 'school'"):
        side_by_side("normexam ~ standLRT + average + (1 | school)", frame).mundlak()


def test_nested_crossed_and_missing() -> None:
    nested = side_by_side("strength ~ 1 + (1 | batch/cask)", data("Pastes"))
    assert nested.group == "batch:cask"
    rng = np.random.default_rng(4)
    frame = pd.DataFrame({"g": np.repeat(range(12), 6), "h": np.tile(range(6), 12)})
    frame["x"] = rng.normal(size=72)
    frame["y"] = frame["x"] + rng.normal(size=12)[frame["g"]] + rng.normal(size=72)
    crossed = "y ~ x + (1 | g) + (1 | h)"
    with pytest.raises(ModelError, match="Choose `group`: g, h"):
        side_by_side(crossed, frame)
    with pytest.raises(ModelError, match="names 'gg', which is no grouping factor here"):
        side_by_side(crossed, frame, group="gg")
    by_h = side_by_side(crossed, frame, group="h", method="ml")
    assert by_h.group == "h"
    assert list(by_h.mundlak().tests()["test"]) == ["Wald chi-square"]
    one = "y ~ x + (1 | g)"
    gone = side_by_side(one, frame.assign(x=frame["x"].where(frame.index != 3)), time="h")
    whole = side_by_side(one, frame.drop(index=3), time="h")
    pd.testing.assert_frame_equal(gone.tidy(), whole.tidy())


def test_times() -> None:
    frame = data("Grunfeld")
    formula = "inv ~ value + (1 | firm)"
    twice = frame.assign(year=frame["year"].replace(1936, 1935))
    with pytest.raises(ModelError, match=r"10 row\(s\) repeat a time of .*'year' 1935"):
        side_by_side(formula, twice, time="year")
    with pytest.raises(ModelError, match="The time 'year' is missing on 1 row"):
        side_by_side(formula, frame.assign(year=frame["year"].where(frame.index > 0)), time="year")
    with pytest.raises(ModelError, match="Did you mean 'year'"):
        side_by_side(formula, frame, time="yaer")
    with pytest.raises(ModelError, match="`vcov` must be 'cluster' or 'model'"):
        side_by_side(formula, frame).tidy(vcov="CR2")
