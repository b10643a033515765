"""Data sets on which mixed-model software fails: tests/reference/hard."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from crosslevel.multilevel import MultilevelFit, fit
from crosslevel.multilevel.conditioning import closer
from dense_model import dense_criterion
from reference_values import REFERENCE, data, hard

HARD = json.loads((REFERENCE / "hard" / "reference.json").read_text(encoding="utf-8"))
SINGULAR = {"h1", "h9", "h10"}


def _not_worse(model: MultilevelFit, reml: float) -> None:
    """The criterion is the best known one to 1e-5, or lower and confirmed by a dense evaluation."""
    if abs(model.criterion - reml) > 1e-5:
        assert model.criterion < reml
        assert model.criterion == pytest.approx(dense_criterion(model), abs=1e-8)


@pytest.mark.parametrize("name", sorted(HARD))
def test_best_known_criterion(name: str) -> None:
    entry = HARD[name]
    model = fit(entry["formula"], hard(entry["dataset"]))
    _not_worse(model, entry["reml"])
    assert model.status == ("boundary" if name in SINGULAR else "converged")
    tidy = model.tidy().set_index("term")
    se = np.array([entry["se"][t] for t in tidy.index])
    theirs = np.array([entry["fixef"][t] for t in tidy.index])
    # Their optimum is flat to about 1e-6 of the criterion: 1e-3 standard errors.
    assert np.abs(tidy["estimate"] - theirs).max() <= 1e-3 * se.max()
    np.testing.assert_allclose(tidy["std_error"], se, rtol=1e-3)
    assert model.sigma == pytest.approx(entry["sigma"], rel=1e-4)


@pytest.mark.parametrize(
    ("name", "origin", "unit", "criterion"),
    [
        ("h2.csv", 2000.0, 1.0, 1743.628272),
        ("h3.csv", 0.0, 1e4, 1743.628272 + 2 * np.log(1e4)),
        ("h4.csv", 0.0, 1.0, 1743.628272),
    ],
)
def test_change_of_origin_and_unit(name: str, origin: float, unit: float, criterion: float) -> None:
    """lme4's default optimiser loses up to 43 deviance units on these changes of sleepstudy."""
    plain = fit("Reaction ~ Days + (Days | Subject)", data("sleepstudy"))
    moved = fit("y ~ x + (x | g)", hard(name))
    assert moved.criterion == pytest.approx(criterion, abs=2e-6)
    slope = [float(m.tidy()["estimate"].iloc[1]) for m in (plain, moved)]
    assert slope[1] * unit == pytest.approx(slope[0], rel=1e-6)
    back = np.array([[1.0, origin], [0.0, unit]]) @ moved.estimates.T[0] * moved.sigma
    own = plain.estimates.T[0] * plain.sigma
    np.testing.assert_allclose(back @ back.T, own @ own.T, rtol=1e-5, atol=1e-5)


def test_aliased_column_is_named() -> None:
    model = fit("y ~ x + x2 + (1 | g)", hard("h5.csv"))
    assert model.glance()["dropped_terms"].iloc[0] == ("x2",)
    assert "dropped as aliased: x2" in repr(model)


@pytest.mark.parametrize(
    ("formula", "method", "criterion"),
    [
        ("WBEING ~ HRS + LEAD + (1 + HRS | GRP)", "reml", 17858.615180),
        ("WBEING ~ HRS + LEAD + (1 + HRS | GRP)", "ml", 17836.607814),
        ("WBEING ~ HRS + LEAD + (1 + HRS + LEAD | GRP)", "reml", 17826.555543),
    ],
)
def test_slopes_where_lme4_stops_early(formula: str, method: str, criterion: float) -> None:
    """lme4's default stops at 17858.628649 on the first of these."""
    model = fit(formula, data("bh1996"), method=method)
    assert model.criterion == pytest.approx(criterion, abs=2e-6)
    assert model.status == "converged"


def test_dense_criterion_agrees() -> None:
    """The dense evaluation used above is itself right: it reproduces lme4's criterion."""
    frame = pd.DataFrame(data("sleepstudy"))
    model = fit("Reaction ~ Days + (Days | Subject)", frame)
    assert dense_criterion(model) == pytest.approx(1743.6282719599, abs=1e-6)


@pytest.mark.parametrize("seed", range(6))
def test_nearly_collinear_random_slopes(seed: int) -> None:
    """x and z = x + 1e-4 d span the model of x and d; a fit once stopped 0.0006 above it."""
    rng = np.random.default_rng(seed)
    g = np.repeat(np.arange(20), 6)
    x, d = rng.normal(size=120), rng.normal(size=120)
    y = 1 + rng.normal(size=20)[g] * (1 + x) + 0.3 * d + rng.normal(size=120)
    frame = pd.DataFrame({"y": y, "x": x, "d": d, "z": x + 1e-4 * d, "g": g})
    plain = fit("y ~ x + d + (x + d | g)", frame, method="ml")
    other = fit("y ~ x + z + (x + z | g)", frame, method="ml")
    assert other.criterion == pytest.approx(plain.criterion, abs=1e-6)
    assert other.status == plain.status


def test_rounding_is_no_variation_within_groups() -> None:
    """Rounding of sqrt(weight) x once passed for variation: a slope of 1e17, then division by 0."""
    frame = pd.DataFrame(
        {
            "y": [1.153784, 1.331901, 0.8991148, 0.9101072, 1.228692, 1.128752],
            "u": [-0.20535, -1.47846, 1.496573, 1.496573, -0.230785, -0.230785],
            "g": list("abccdd"),
            "h": list("abaabb"),
            "w": [2.552787, 3.488938, 0.510863, 0.7763, 2.988976, 3.643111],
        }
    )
    model = fit("y ~ u + (1 | h/g)", frame, method="ml", weights="w")
    assert model.status == "boundary"
    assert model.criterion == pytest.approx(dense_criterion(model), abs=1e-9)
    W = np.array([[1e-32, 0.0, 2.366e-16], [0.0, 1e-32, 0.0], [2.366e-16, 0.0, 5.6]])
    assert closer(model.problem, W) is None


def _same_fit(plain: MultilevelFit, other: MultilevelFit, moved: float, unit: float) -> None:
    """Criterion to 1e-8 after the change of units; slopes to 1e-5 standard errors."""
    assert other.criterion - moved == pytest.approx(plain.criterion, abs=1e-8, rel=1e-12)
    assert other.status == plain.status
    a, b = plain.tidy(df="normal").iloc[1:], other.tidy(df="normal").iloc[1:]
    assert (np.abs(b["estimate"] / unit - a["estimate"]) <= 1e-5 * a["std_error"]).all()
    np.testing.assert_allclose(b["std_error"] / unit, a["std_error"], rtol=1e-5)


@pytest.mark.parametrize("name", sorted(HARD))
def test_rows_groups_and_units_do_not_matter(name: str) -> None:
    """Rows in another order, groups under other names, the outcome in another unit and origin.

    The criterion of h8 (units differ 10,000 times more than their members) once moved by 8.6e-8.
    """
    entry = HARD[name]
    frame = hard(entry["dataset"])
    outcome = entry["formula"].split("~")[0].strip()
    plain = fit(entry["formula"], frame)
    shuffled = frame.sample(frac=1.0, random_state=11)
    for column in {c for factor in plain.design.factors for c in factor.columns}:
        shuffled[column] = "g" + shuffled[column].astype("str").str[::-1] + "x"
    _same_fit(plain, fit(entry["formula"], shuffled), 0.0, 1.0)
    unit = 2.0**-10
    moved = 2.0 * np.log(unit) * (plain.design.n - len(plain.estimates.beta))
    far = frame.assign(**{outcome: (frame[outcome] - frame[outcome].mean().round()) * unit})
    _same_fit(plain, fit(entry["formula"], far), moved, unit)
