"""Simple slopes and Johnson-Neyman regions against R and against a fine grid of single tests."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm, t

from crosslevel.errors import ModelError
from crosslevel.multilevel import MultilevelFit, fit
from multilevel_models import fitted
from reference_values import data, entries

R = entries("lmm")["simple_slopes_bh1996"]


@pytest.fixture(scope="module")
def crossing() -> MultilevelFit:
    """A slope of x that changes sign with the unit's z."""
    rng = np.random.default_rng(5)
    unit = np.repeat(np.arange(40), 10)
    z = rng.normal(size=40)[unit]
    x = rng.normal(size=400)
    y = (0.5 * z + 0.05 + 0.4 * rng.normal(size=40)[unit]) * x
    y += rng.normal(size=40)[unit] + rng.normal(size=400)
    frame = pd.DataFrame({"y": y, "x": x, "z": z, "unit": unit, "w": rng.normal(size=400)})
    return fit("y ~ x*z + w + (x | unit)", frame)


def test_slopes_equal_r() -> None:
    model = fitted("bh1996_crosslevel")
    mine = model.simple_slopes("HRS_cwc", moderator="LEAD_gm")
    np.testing.assert_allclose(mine["LEAD_gm"], R.values["z"], rtol=1e-10)
    np.testing.assert_allclose(mine["estimate"], R.values["slope"], rtol=1e-5)
    np.testing.assert_allclose(mine["std_error"], R.values["se"], rtol=1e-5)


def test_centred_terms_give_the_same_slopes() -> None:
    text = "WBEING ~ within(HRS, GRP)*between(LEAD, GRP) + between(HRS, GRP) + (1 | GRP)"
    text = text.replace("(1 |", "(within(HRS, GRP) |")
    model = fit(text, data("bh1996"))
    mine = model.simple_slopes("within(HRS, GRP)", moderator="between(LEAD, GRP)")
    np.testing.assert_allclose(mine["estimate"], R.values["slope"], rtol=1e-4)
    np.testing.assert_allclose(mine["std_error"], R.values["se"], rtol=1e-4)


def test_a_category_moderates_level_by_level() -> None:
    model = fitted("orthodont_ri_reml")
    mine = model.simple_slopes("age", moderator="Sex")
    b = model.tidy().set_index("term")["estimate"]
    expected = [b["age"], b["age"] + b["age:Sex[Female]"]]
    np.testing.assert_allclose(mine["estimate"], expected, rtol=1e-10)


def test_values_and_others(crossing: MultilevelFit) -> None:
    plain = crossing.simple_slopes("x", moderator="z", at=[-1, 1])
    b = crossing.tidy().set_index("term")["estimate"]
    np.testing.assert_allclose(plain["estimate"], [b["x"] - b["x:z"], b["x"] + b["x:z"]])
    moved = crossing.simple_slopes("x", moderator="z", at=[-1, 1], others={"w": 9.0})
    np.testing.assert_allclose(moved["estimate"], plain["estimate"], rtol=1e-9)


@pytest.mark.parametrize("df", ["normal", "residual", "satterthwaite", "kenward-roger"])
def test_regions_equal_a_grid_of_tests(crossing: MultilevelFit, df: str) -> None:
    """1,001 values of the moderator, each tested with a centred copy of the model's own terms."""
    found = crossing.johnson_neyman("x", moderator="z", df=df)
    assert list(found.tidy()["slope"]) == ["negative", "not distinguishable from zero", "positive"]
    low, high = found.regions["from"].iloc[0], found.regions["to"].iloc[-1]
    z = np.linspace(low, high, 1001)
    tests = crossing.simple_slopes("x", moderator="z", at=z, df=df)
    sure = (tests["p_value"] < 0.05).to_numpy()
    place = np.searchsorted(found.bounds, z)
    expected = (found.regions["slope"] != "not distinguishable from zero").to_numpy()[place]
    near = np.min(np.abs(z[:, None] - np.array(found.bounds)), axis=1) < 1e-6
    assert ((sure == expected) | near).all()
    at = crossing.simple_slopes("x", moderator="z", at=list(found.bounds), df=df)
    np.testing.assert_allclose(at["p_value"], 0.05, rtol=1e-6)


def test_bounds_by_the_textbook_quadratic(crossing: MultilevelFit) -> None:
    found = crossing.johnson_neyman("x", moderator="z", df="normal", conf_level=0.9)
    b = crossing.tidy().set_index("term")["estimate"]
    V = crossing.vcov()
    q2 = norm.ppf(0.95) ** 2
    a = b["x:z"] ** 2 - q2 * V.loc["x:z", "x:z"]
    c = b["x"] ** 2 - q2 * V.loc["x", "x"]
    half = b["x"] * b["x:z"] - q2 * V.loc["x", "x:z"]
    root = np.sqrt(half**2 - a * c)
    np.testing.assert_allclose(found.bounds, [(-half - root) / a, (-half + root) / a], rtol=1e-8)


def test_a_unit_counts_once(crossing: MultilevelFit) -> None:
    """`share` is of units: the moderator is theirs."""
    found = crossing.johnson_neyman("x", moderator="z")
    z = np.unique(crossing.design.X[2])
    inside = [((z >= a) & (z < b)).sum() for a, b in found.regions[["from", "to"]].to_numpy()]
    inside[-1] += 1
    np.testing.assert_allclose(found.regions["share"], np.array(inside) / 40)
    assert found.regions["share"].sum() == pytest.approx(1.0)


def test_no_limit_inside_the_range() -> None:
    frame = data("Orthodont").assign(z=lambda d: d["Subject"].cat.codes % 5 / 10.0)
    model = fit("distance ~ age*z + (1 | Subject)", frame)
    found = model.johnson_neyman("age", moderator="z")
    assert found.bounds == ()
    assert found.regions.to_numpy().tolist() == [[0.0, 0.4, "positive", 1.0]]
    assert len(found.curve) == 101


def test_curved_slopes_are_sought_numerically() -> None:
    """With ns(z) the slope of x is no straight line in z."""
    rng = np.random.default_rng(11)
    unit = np.repeat(np.arange(60), 8)
    z = rng.uniform(-2, 2, size=60)[unit]
    x = rng.normal(size=480)
    y = x * (z**2 - 1.5) * 0.4 + rng.normal(size=60)[unit] + rng.normal(size=480)
    model = fit(
        "y ~ x*poly(z, 2) + (1 | unit)", pd.DataFrame({"y": y, "x": x, "z": z, "unit": unit})
    )
    found = model.johnson_neyman("x", moderator="z", df="residual")
    assert list(found.regions["slope"]) == [
        "positive", "not distinguishable from zero", "negative",
        "not distinguishable from zero", "positive",
    ]  # fmt: skip
    at = model.simple_slopes("x", moderator="z", at=list(found.bounds), df="residual")
    critical = t.ppf(0.975, 480 - 6)
    np.testing.assert_allclose(np.abs(at["statistic"]), critical, rtol=1e-6)


def test_what_cannot_be_answered(crossing: MultilevelFit) -> None:
    with pytest.raises(ModelError, match="'v': is not in the fixed part"):
        crossing.simple_slopes("x", moderator="v")
    with pytest.raises(ModelError, match="are both 'x'"):
        crossing.johnson_neyman("x", moderator="x")
    with pytest.raises(ModelError, match="must be a number; 'Sex' is a category"):
        fitted("orthodont_ri_reml").johnson_neyman("age", moderator="Sex")
