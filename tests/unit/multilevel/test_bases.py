"""Codings of categories and curves: R's values, what is reused on new data, what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from crosslevel.errors import FormulaError, ModelError
from crosslevel.multilevel import MultilevelFit, fit, parse
from crosslevel.multilevel.bases import contrasts, natural_spline, polynomial
from reference_values import data, entries
from tolerances import LMM

R = entries("after_the_fit")


def _r_bases() -> dict[str, np.ndarray]:
    return {k: np.array(v) for k, v in R["bases"].values.items()}


@pytest.mark.parametrize("where", ["x", "new"])
def test_polynomial_equals_r(where: str) -> None:
    r = _r_bases()
    mine = polynomial(r["x"], 3).columns(r[where])
    theirs = r["poly"] if where == "x" else r["poly_new"]
    np.testing.assert_allclose(mine.T, theirs, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("where", ["x", "new"])
def test_natural_spline_equals_r(where: str) -> None:
    """The new points lie beyond both boundaries too, where the curve is straight."""
    r = _r_bases()
    mine = natural_spline(r["x"], 4).columns(r[where])
    theirs = r["ns"] if where == "x" else r["ns_new"]
    np.testing.assert_allclose(mine.T, theirs, rtol=1e-10, atol=1e-12)


def test_natural_spline_of_one_column_is_a_line() -> None:
    r = _r_bases()
    mine = natural_spline(r["x"], 1).columns(r["x"])
    np.testing.assert_allclose(mine[0], r["ns1"], rtol=1e-10, atol=1e-12)
    assert abs(np.corrcoef(mine[0], r["x"])[0, 1]) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("coding", ["sum", "helmert"])
def test_contrasts_equal_r(coding: str) -> None:
    mine = contrasts(("a", "b", "c", "d"), coding=coding).matrix
    np.testing.assert_array_equal(mine, R["bases"].values[coding])


def test_the_reference_moves() -> None:
    levels = ("a", "b", "c")
    chosen = contrasts(levels, coding="sum", reference="a")
    assert chosen.names == ("b", "c")
    assert chosen.matrix.tolist() == [[-1.0, -1.0], [1.0, 0.0], [0.0, 1.0]]
    chosen = contrasts(levels, coding="helmert", reference="b")
    assert chosen.names == ("a", "c")
    assert chosen.matrix.tolist() == [[1.0, -1.0], [-1.0, -1.0], [0.0, 2.0]]


@pytest.mark.parametrize(
    ("entry", "formula"),
    [
        ("sum_coding", "normexam ~ standLRT*C(schgend, sum) + (1 | school)"),
        ("helmert_coding", "normexam ~ standLRT*C(schgend, helmert) + (1 | school)"),
        ("other_reference", "normexam ~ C(schgend, ref='girls') + (1 | school)"),
        ("curves", "normexam ~ ns(standLRT, 3)*sex + poly(schavg, 2) + (1 | school)"),
    ],
)
def test_fits_equal_lme4(entry: str, formula: str) -> None:
    model, theirs = fit(formula, data("Exam")), R[entry].values
    tidy = model.tidy()
    np.testing.assert_allclose(tidy["estimate"], theirs["fixef"], **LMM["fixef"])
    np.testing.assert_allclose(tidy["std_error"], theirs["se"], **LMM["se"])
    assert model.criterion == pytest.approx(theirs["criterion"], abs=LMM["criterion"]["atol"])


@pytest.fixture(scope="module")
def curved() -> MultilevelFit:
    text = "normexam ~ ns(standLRT, 3) + poly(schavg, 2) + C(schgend, sum, ref=boys) + (1 | school)"
    return fit(text, data("Exam"))


def test_terms_carry_their_coding(curved: MultilevelFit) -> None:
    assert list(curved.tidy()["term"])[1:] == [
        "ns(standLRT, 3)[1]", "ns(standLRT, 3)[2]", "ns(standLRT, 3)[3]",
        "poly(schavg, 2)[1]", "poly(schavg, 2)[2]",
        "C(schgend, sum, ref='boys')[mixed]", "C(schgend, sum, ref='boys')[girls]",
    ]  # fmt: skip


def test_learnt_codings_are_reused(curved: MultilevelFit) -> None:
    """Three rows alone get the predictions they had in the fit."""
    few = data("Exam").iloc[[5, 900, 3000]]
    whole = curved.predict().iloc[[5, 900, 3000]]
    np.testing.assert_allclose(curved.predict(few), whole, rtol=1e-11)


def test_missing_values_of_a_curve() -> None:
    """A curve is learnt from every known value of its column, as R does before dropping rows."""
    frame = data("Exam").assign(extra=lambda d: d["standLRT"].where(d.index % 7 > 0))
    model = fit("normexam ~ poly(extra, 2) + (1 | school)", frame)
    assert model.glance()["rows_dropped"].iloc[0] == frame["extra"].isna().sum()
    assert np.isnan(model.predict(frame.iloc[[0, 1]]).iloc[0])
    same = fit("normexam ~ poly(extra, 2) + (1 | school)", frame.dropna())
    np.testing.assert_allclose(model.tidy()["estimate"], same.tidy()["estimate"], rtol=1e-8)


def test_levels_without_a_complete_row_are_no_levels() -> None:
    frame = data("Exam")
    frame.loc[frame["schgend"] == "boys", "standLRT"] = np.nan
    text = "normexam ~ standLRT + C(schgend, {}) + (1 | school)"
    for coding in ("treatment", "sum", "helmert"):
        model = fit(text.format(coding), frame)
        bare = frame[frame["schgend"] != "boys"]
        same = fit(text.format(coding), bare)
        assert model.glance()["dropped_terms"].iloc[0] == ()
        assert list(model.tidy()["term"]) == list(same.tidy()["term"])
        np.testing.assert_allclose(model.tidy()["estimate"], same.tidy()["estimate"], atol=1e-9)
        with pytest.raises(ModelError, match="level 'boys': is not one of mixed, girls"):
            model.predict(data("Exam"), include="none")
    with pytest.raises(ModelError, match="reference 'boys' is no level of column 'schgend'"):
        fit("normexam ~ standLRT + C(schgend, ref='boys') + (1 | school)", frame)


def test_an_unused_category_is_no_level() -> None:
    frame = data("Exam")
    wider = frame.assign(sex=frame["sex"].cat.add_categories(["X"]))
    model = fit("normexam ~ C(sex, sum) + (1 | school)", wider)
    assert list(model.tidy()["term"]) == ["(Intercept)", "C(sex, sum)[F]"]


def test_groups_of_one_row_are_groups() -> None:
    """They inform the fixed part and the total variance; lme4 keeps them too."""
    frame = data("sleepstudy")
    first = frame["Subject"] == frame["Subject"].iloc[0]
    thin = frame[~first | (frame.index == 3)]
    model = fit("Reaction ~ Days + (Days | Subject)", thin)
    assert model.groups == "18 Subject"
    effects = model.random_effects()
    assert np.isfinite(effects["std_error"]).all()
    assert (effects["std_error"][:2] > effects["std_error"][2:4].to_numpy()).all()


def test_numbers_as_levels() -> None:
    frame = data("sleepstudy")
    model = fit("Reaction ~ C(Days, ref=4) + (1 | Subject)", frame)
    terms = list(model.tidy()["term"])
    assert terms[1] == "C(Days, ref='4')[0]"
    mean = frame.groupby("Days")["Reaction"].mean()
    gap = mean.drop(4) - mean[4]
    np.testing.assert_allclose(model.tidy()["estimate"][1:], gap, rtol=1e-9)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("y ~ C(x, sums) + (1 | g)", "Did you mean 'sum'?"),
        ("y ~ C(x, ref) + (1 | g)", "The reference level is written ref='level'."),
        ("y ~ C(x, ref=+) + (1 | g)", "expected a level such as 'nurse'"),
        ("y ~ poly(x) + (1 | g)", "as in poly(tenure, 3)"),
        ("y ~ ns(x, 0) + (1 | g)", "expected a whole number of one or more"),
        ("y ~ ns(x, 2.5) + (1 | g)", "expected a whole number of one or more"),
        ("y ~ log(x, sum) + (1 | g)", "expected ')', found ','"),
    ],
)
def test_options_that_cannot_be_read(text: str, words: str) -> None:
    with pytest.raises(FormulaError) as caught:
        parse(text)
    assert words in str(caught.value)


def test_too_few_values_for_a_curve() -> None:
    frame = pd.DataFrame({"y": range(8), "x": [0, 1] * 4, "g": list("aabbccdd")})
    with pytest.raises(ModelError, match=r"poly\(x, 2\) needs more than 2 different values"):
        fit("y ~ poly(x, 2) + (1 | g)", frame)


def test_unknown_reference() -> None:
    with pytest.raises(ModelError, match=r"no level of column 'sex'.* Levels: F, M"):
        fit("normexam ~ C(sex, ref='women') + (1 | school)", data("Exam"))
