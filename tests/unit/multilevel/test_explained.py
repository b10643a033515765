"""Explained variance against lme4 with Johnson's formula, and the partition against its sources."""

from __future__ import annotations

import numpy as np
import pytest

from crosslevel.multilevel import fit
from multilevel_models import IDS, LMM, fitted
from reference_values import data


@pytest.mark.parametrize("entry", IDS)
def test_marginal_and_conditional(entry: str) -> None:
    mine, theirs = fitted(entry).r_squared(), LMM[entry].values["R2"]
    assert mine.marginal == pytest.approx(theirs["marginal"], abs=1e-6)
    assert mine.conditional == pytest.approx(theirs["conditional"], abs=1e-6)
    variance = mine.tidy().groupby("component")["variance"].sum()
    random = variance.get("intercepts", 0.0) + variance.get("slopes", 0.0)
    assert variance["fixed"] == pytest.approx(theirs["var_fixed"], rel=1e-4, abs=1e-9)
    assert random == pytest.approx(theirs["var_random"], rel=1e-4, abs=1e-9)
    assert variance["residual"] == pytest.approx(theirs["var_residual"], rel=1e-5)


@pytest.mark.parametrize("entry", IDS)
def test_parts_sum_to_one(entry: str) -> None:
    table = fitted(entry).r_squared().partition
    assert table["share"].sum() == pytest.approx(1.0, abs=1e-12)
    assert (table["variance"] >= 0).all()
    by_level = table.groupby("level")["share_of_level"].sum()
    positive = table.groupby("level")["variance"].sum() > 0
    np.testing.assert_allclose(by_level[positive], 1.0, rtol=1e-12)


def test_rights_and_sterba_by_hand() -> None:
    """Their matrix expressions for predictors centred within groups (2019, table 1), on bh1996.

    Covariances here have divisor n - 1 as in their software; ours of the random slope has n.
    """
    model = fitted("bh1996_crosslevel")
    names, X = list(model.design.names), model.design.X
    b = model.tidy().set_index("term")["estimate"]
    within, between = ["HRS_cwc", "HRS_cwc:LEAD_gm"], ["LEAD_gm", "HRS_gm"]
    phi = {k: np.cov(X[[names.index(t) for t in k_]]) for k, k_ in
           {"w": within, "b": between}.items()}  # fmt: skip
    f1 = b[within].to_numpy() @ phi["w"] @ b[within].to_numpy()
    f2 = b[between].to_numpy() @ phi["b"] @ b[between].to_numpy()
    T = np.array(model.estimates.T[0] @ model.estimates.T[0].T) * model.sigma**2
    slope = X[names.index("HRS_cwc")]
    v = T[1, 1] * np.var(slope)
    m = np.array([1.0, slope.mean()]) @ T @ np.array([1.0, slope.mean()])
    total = f1 + f2 + v + m + model.sigma**2
    table = model.r_squared().partition.set_index(["level", "component"])
    expected = {
        ("rows", "fixed"): f1, ("GRP", "fixed"): f2, ("rows", "slopes"): v,
        ("GRP", "intercepts"): m, ("rows", "residual"): model.sigma**2,
    }  # fmt: skip
    assert set(table.index) == set(expected)
    for key, value in expected.items():
        assert table.loc[key, "variance"] == pytest.approx(value, rel=1e-8)
        assert table.loc[key, "share"] == pytest.approx(value / total, rel=1e-8)
    within_total = f1 + v + model.sigma**2
    assert table.loc[("rows", "slopes"), "share_of_level"] == pytest.approx(v / within_total)
    assert table.loc[("GRP", "fixed"), "share_of_level"] == pytest.approx(f2 / (f2 + m))


def test_random_intercepts_collapse_to_the_icc() -> None:
    table = fitted("bh1996_null").r_squared().partition.set_index("component")
    assert table.loc["intercepts", "share"] == pytest.approx(fitted("bh1996_null").icc()["icc"][0])
    assert "slopes" not in table.index


def test_three_levels_place_each_part() -> None:
    """Means per hospital, unit and row of a predictor that varies at all three."""
    rng = np.random.default_rng(2)
    frame = data("Pastes").assign(x=lambda d: rng.normal(size=len(d)))
    frame["x"] += frame.groupby("batch")["x"].transform("mean") * 3
    model = fit("strength ~ x + (1 + x | batch) + (1 | sample)", frame)
    table = model.r_squared().partition
    assert list(table["level"].unique()) == ["batch", "sample", "rows"]
    slope = model.tidy()["estimate"][1]
    fixed = table[table["component"] == "fixed"].set_index("level")["variance"]
    batch = frame.groupby("batch")["x"].transform("mean")
    sample = frame.groupby("sample")["x"].transform("mean")
    n = len(frame)
    by_hand = [batch - batch.mean(), sample - batch, frame["x"] - sample]
    for level, part in zip(["batch", "sample", "rows"], by_hand, strict=True):
        assert fixed[level] == pytest.approx(slope**2 * (part**2).sum() / (n - 1), rel=1e-9)
    slopes = table[table["component"] == "slopes"].set_index("level")["variance"]
    variance = model.variance_components().query("group == 'batch' and term == 'x'")
    ratio = slopes["rows"] / variance["covariance"].iloc[0]
    assert ratio == pytest.approx((by_hand[2] ** 2).mean(), rel=1e-9)


def test_crossed_factors_have_one_level() -> None:
    frame = data("Penicillin").assign(x=lambda d: np.arange(len(d)) % 5)
    table = fit("diameter ~ x + (1 | plate) + (1 | sample)", frame).r_squared().partition
    places = table.set_index("component")["level"]
    assert places["fixed"] == "all"
    assert list(places["intercepts"]) == ["plate", "sample"]
    assert table["share"].sum() == pytest.approx(1.0)
