"""Panel estimators against plm, on balanced data and on groups of different sizes."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest

from crosslevel.multilevel.panel import Panel, PanelFit, estimators
from crosslevel.multilevel.side_by_side import SideBySide, side_by_side
from crosslevel.multilevel.specification import specification_tests
from reference_values import data, entries

PANELS = ("panel_grunfeld", "panel_males_union")
NAMES = {
    "pooled": "pooling",
    "between": "between",
    "within": "within",
    "within two-way": "within_twoways",
    "first difference": "first_difference",
    "random": "random",
}


@cache
def made(entry_id: str) -> SideBySide:
    """Return the estimators of one entry side by side."""
    if entry_id == "panel_grunfeld":
        return side_by_side("inv ~ value + capital + (1 | firm)", data("Grunfeld"), time="year")
    if entry_id == "panel_exam":
        frame = data("Exam")
        frame["girl"] = (frame["sex"] == "M").astype(float)
        frame["mixed"] = (frame["schgend"] == "mixed").astype(float)
        return side_by_side("normexam ~ standLRT + girl + mixed + (1 | school)", frame)
    frame = data("Males")
    frame["u"] = (frame["union"] == "yes").astype(float)
    frame["m"] = (frame["married"] == "yes").astype(float)
    frame["exper2"] = frame["exper"] ** 2
    return side_by_side("wage ~ u + m + exper2 + (1 | nr)", frame, time="year")


def estimator(entry_id: str, model: str) -> PanelFit:
    """Return one estimator of an entry."""
    return next(p for p in made(entry_id).panels if p.model == model)


@pytest.mark.parametrize("model", NAMES)
@pytest.mark.parametrize("entry_id", PANELS)
def test_estimators(entry_id: str, model: str) -> None:
    entry, fit = entries("panel")[entry_id], estimator(entry_id, model)
    values, rtol = entry.values[NAMES[model]], entry.tolerance["default"]["rtol"]
    values = values.get("swar", values)
    assert set(fit.names) == set(values["coef"])
    for k, name in enumerate(fit.names):
        assert fit.beta[k] == pytest.approx(values["coef"][name], rel=rtol)
        assert np.sqrt(fit.covariance[k, k]) == pytest.approx(values["se"][name], rel=rtol)
    assert (fit.df_residual, fit.n) == (values["df_resid"], values["nobs"])
    assert fit.rss == pytest.approx(values["rss"], rel=rtol)
    if model != "within two-way":
        assert fit.r_squared == pytest.approx(values["r2"], rel=rtol)
    if model == "between":
        assert fit.clustered is None
        return
    assert fit.clustered is not None
    G, n, K = entry.values["dims"]["n"], fit.n, len(fit.beta)
    factor = np.sqrt(G / (G - 1) * (n - 1) / (n - K))
    for k, name in enumerate(fit.names):
        ours = np.sqrt(fit.clustered[k, k])
        assert ours == pytest.approx(values["cluster_arellano_HC0_se"][name] * factor, rel=rtol)
        if "cluster_arellano_sss_se" in values:
            assert ours == pytest.approx(values["cluster_arellano_sss_se"][name], rel=rtol)
    if model == "random":
        assert fit.group_variance == pytest.approx(values["sigma2"]["id"], rel=rtol)
        assert fit.theta == pytest.approx(values["theta"]["mean"], rel=rtol)


@pytest.mark.parametrize("model", ["pooled", "within", "random"])
def test_groups_of_different_sizes(model: str) -> None:
    entry, fit = entries("side_by_side")["panel_exam"], estimator("panel_exam", model)
    values, rtol = entry.values[NAMES[model]], entry.tolerance["rtol"]
    assert set(fit.names) == set(values["coef"])
    assert fit.clustered is not None
    for k, name in enumerate(fit.names):
        assert fit.beta[k] == pytest.approx(values["coef"][name], rel=rtol)
        se = values["cluster_arellano_sss_se"][name]
        assert np.sqrt(fit.clustered[k, k]) == pytest.approx(se, rel=rtol)
    if model == "random":
        assert fit.group_variance == pytest.approx(values["sigma2"]["id"], rel=rtol)


@pytest.mark.parametrize("entry_id", PANELS)
def test_tests(entry_id: str) -> None:
    entry = entries("panel")[entry_id]
    table = made(entry_id).tests().set_index("test")
    names = {
        "Hausman": "hausman",
        "Hausman, by regression": "hausman_aux",
        "Hausman, by regression, clustered": "hausman_aux_robust",
        "Breusch-Pagan, group variance": "breusch_pagan_lm",
    }
    assert list(table.index) == [*list(names)[:3], "F, group effects", list(names)[3]]
    rtol, p_rtol = entry.tolerance["default"]["rtol"], entry.tolerance["p"]["rtol"]
    for ours, theirs in names.items():
        values, row = entry.values[theirs], table.loc[ours]
        assert row["statistic"] == pytest.approx(values["chisq"], rel=rtol)
        assert row["df"] == values["df"]
        assert row["p_value"] == pytest.approx(values["p"], rel=p_rtol, abs=1e-300)
    values, row = entry.values["F_individual_effects"], table.loc["F, group effects"]
    assert row["statistic"] == pytest.approx(values["F"], rel=rtol)
    assert (row["df"], row["df_denominator"]) == (values["df1"], values["df2"])
    assert row["p_value"] == pytest.approx(values["p"], rel=p_rtol, abs=1e-300)


def test_hausman_without_a_positive_definite_difference_says_so() -> None:
    made_before = made("panel_grunfeld")
    shrunk = [
        replace(fit, covariance=0.1 * fit.covariance) if fit.model == "within" else fit
        for fit in made_before.panels
    ]
    row = specification_tests(made_before.panel, shrunk).iloc[0]
    assert np.isnan(row["statistic"])
    assert np.isnan(row["p_value"])
    assert "not positive definite" in row["note"]


def test_order_of_rows_does_not_matter() -> None:
    frame = data("Grunfeld")
    mixed = frame.sample(frac=1.0, random_state=3)
    formula = "inv ~ value + capital + (1 | firm)"
    ours = side_by_side(formula, mixed, time="year").tidy(vcov="model")
    theirs = made("panel_grunfeld").tidy(vcov="model")
    pd.testing.assert_frame_equal(ours, theirs, rtol=1e-6)


def panel(J: int, size: int, *columns: str) -> Panel:
    """Return a random panel with an intercept and the named columns."""
    rng = np.random.default_rng(8)
    codes = np.repeat(np.arange(J), size)
    times = np.tile(np.arange(size), J)
    made = {
        "one": np.ones(J * size),
        "x": rng.normal(size=J * size),
        "group": rng.normal(size=J)[codes],
        "age": 30.0 + codes % 7 + times,
        "time": times.astype(float),
    }
    names = ("(Intercept)", *columns)
    X = np.array([made["one"], *(made[c] for c in columns)])
    return Panel(rng.normal(size=J * size), X, names, codes, times)


def test_columns_that_an_estimator_cannot_use_are_left_out() -> None:
    fits, left_out = estimators(panel(20, 4, "x", "group", "age"))
    assert not left_out
    names = {fit.model: fit.names for fit in fits}
    assert names["pooled"] == names["random"] == ("(Intercept)", "x", "group", "age")
    assert names["within"] == ("x", "age")
    assert names["within two-way"] == ("x",)
    assert names["first difference"] == ("(Intercept)", "x")
    assert estimators(panel(20, 4, "x", "time"))[0][1].names == ("(Intercept)", "x")


def test_estimators_without_enough_rows_say_so() -> None:
    _, left_out = estimators(panel(20, 4, "group"))
    assert left_out["within"] == "no predictor varies within groups"
    assert left_out["random"] == "needs both the between and the within estimator"
    _, left_out = estimators(panel(20, 4, "time"))
    assert left_out["within two-way"] == "no predictor varies within groups and times"
    _, left_out = estimators(panel(2, 4, "x"))
    assert left_out["between"] == "2 groups cannot carry 2 coefficients and a variance"
    few = panel(3, 2, "x")
    rows = np.array([0, 1, 2, 4])
    cut = Panel(few.y[rows], few.X[:, rows], few.names, few.codes[rows], few.times[rows])
    _, left_out = estimators(cut)
    assert left_out["within"] == "4 rows cannot carry 3 group effects and 1 coefficients"
    assert "1 differences cannot carry" in left_out["first difference"]
