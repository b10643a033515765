"""Intervals of predictions against dense algebra, special cases and simulation; new groups."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf

from crosslevel.errors import ModelError
from crosslevel.multilevel import MultilevelFit, fit
from multilevel_models import fitted
from reference_values import data

MODELS = ["sleepstudy_rs_reml", "sleepstudy_weights", "pastes_nested3", "penicillin_crossed",
          "sherif_nested3_slope", "orthodont_rankdef"]  # fmt: skip


def _dense(model: MultilevelFit) -> tuple[np.ndarray, np.ndarray]:
    """Return Var(x'(beta^ - beta)) and Var(x'(..) + z'(b^ - b)) of all rows with V written out.

    s2 [x'Fx - 2 x'F X'V^-1 Z S z + z'(S - S Z'P Z S) z], S = Var(b) / s2.
    """
    design, estimates = model.design, model.estimates
    weights = np.ones(design.n) if design.weights is None else design.weights
    Z = np.hstack([
        np.hstack([(f.Z * (f.codes == j)).T for j in range(f.J)]) for f in design.factors
    ])  # fmt: skip
    sizes = [f.p * f.J for f in design.factors]
    S, at = np.zeros((sum(sizes), sum(sizes))), 0
    for f, T, size in zip(design.factors, estimates.T, sizes, strict=True):
        S[at : at + size, at : at + size] = np.kron(np.eye(f.J), T @ T.T)
        at += size
    W = np.linalg.inv(np.diag(1 / weights) + Z @ S @ Z.T)
    X = design.X[[k for k, n in enumerate(design.names) if n not in estimates.dropped]].T
    F = np.linalg.inv(X.T @ W @ X)
    P = W - W @ X @ F @ X.T @ W
    fixed = np.diag(X @ F @ X.T)
    both = fixed - 2 * np.diag(X @ F @ X.T @ W @ Z @ S @ Z.T)
    both += np.diag(Z @ (S - S @ Z.T @ P @ Z @ S) @ Z.T)
    return estimates.sigma**2 * fixed, estimates.sigma**2 * both


@pytest.mark.parametrize("entry", MODELS)
def test_standard_errors_equal_dense_algebra(entry: str) -> None:
    model = fitted(entry)
    fixed, both = _dense(model)
    weights = np.ones(model.design.n) if model.design.weights is None else model.design.weights
    noise = model.sigma**2 / weights
    none = model.predict(include="none", interval="confidence")
    np.testing.assert_allclose(none["std_error"], np.sqrt(fixed), rtol=1e-6)
    known = model.predict(interval="confidence")
    np.testing.assert_allclose(known["std_error"], np.sqrt(both), rtol=1e-6)
    outcome = model.predict(interval="prediction")
    np.testing.assert_allclose(outcome["std_error"], np.sqrt(both + noise), rtol=1e-6)
    random = sum(
        (model.sigma * (T.T @ f.Z)).__pow__(2).sum(axis=0)
        for f, T in zip(model.design.factors, model.estimates.T, strict=True)
    )
    new = model.predict(include="none", interval="prediction")
    np.testing.assert_allclose(new["std_error"], np.sqrt(fixed + random + noise), rtol=1e-6)
    np.testing.assert_allclose(known["estimate"], model.predict(), rtol=1e-12)
    half = 1.959963984540054 * outcome["std_error"]
    np.testing.assert_allclose(outcome["conf_low"], outcome["estimate"] - half, rtol=1e-10)


def test_new_rows_equal_old_ones() -> None:
    model = fitted("sherif_nested3_slope")
    frame = data("sherifdat")
    frame["person"] = frame["group"].astype(str) + ":" + frame["person"].astype(str)
    for interval in ("confidence", "prediction"):
        for include in ("all", "none", ["group"]):
            whole = model.predict(include=include, interval=interval)
            few = model.predict(frame.iloc[[3, 40]], include=include, interval=interval)
            pd.testing.assert_frame_equal(few, whole.iloc[[3, 40]], check_dtype=False, rtol=1e-9)


def test_a_group_not_met_has_its_whole_variance() -> None:
    model = fitted("sleepstudy_rs_reml")
    new = pd.DataFrame({"Days": [0.0, 9.0], "Subject": "new"})
    assert (model.predict(new) == model.predict(new, include="none")).all()
    stranger = model.predict(new, interval="prediction")
    population = model.predict(new, include="none", interval="prediction")
    pd.testing.assert_frame_equal(stranger, population)
    bare = model.predict(new[["Days"]], include="none", interval="prediction")
    pd.testing.assert_frame_equal(bare, population)
    known = model.predict(data("sleepstudy").iloc[[0, 9]], interval="prediction")
    assert (known["std_error"].to_numpy() < population["std_error"].to_numpy()).all()


def test_without_group_variance_it_is_least_squares() -> None:
    model = fitted("dyestuff2_singular")
    theirs = smf.ols("Yield ~ 1", data("Dyestuff2")).fit().get_prediction().summary_frame()
    mine = model.predict(include="none", interval="confidence")
    np.testing.assert_allclose(mine["std_error"], theirs["mean_se"], rtol=1e-9)
    outcome = model.predict(interval="prediction")["std_error"]
    by_hand = np.sqrt(theirs["mean_se"] ** 2 + model.sigma**2)
    np.testing.assert_allclose(outcome, by_hand, rtol=1e-9)


def test_intervals_hold_new_outcomes() -> None:
    """4,000 new outcomes, half of them in groups not met: 95 % inside, give or take 2 %."""
    rng = np.random.default_rng(21)
    unit = np.arange(4000) // 10
    b = rng.normal(size=(2, 400))
    x = rng.normal(size=4000)
    y = 1 + x + b[0][unit] + 0.5 * b[1][unit] * x + rng.normal(size=4000)
    frame = pd.DataFrame({"y": y, "x": x, "unit": unit})
    train = frame[(unit < 200) & (np.arange(4000) % 2 == 0)]
    model = fit("y ~ x + (x | unit)", train)
    for rows in (frame[(unit < 200) & (np.arange(4000) % 2 == 1)], frame[unit >= 200]):
        band = model.predict(rows, interval="prediction")
        inside = (rows["y"] > band["conf_low"]) & (rows["y"] < band["conf_high"])
        assert inside.mean() == pytest.approx(0.95, abs=0.02)


def test_offsets_are_part_of_a_prediction_on_new_rows() -> None:
    """They used to be left out there: each prediction fell short by its row's offset."""
    frame = data("sleepstudy").assign(o=lambda d: 2.0 + d["Days"])
    model = fit("Reaction ~ Days + (1 | Subject)", frame, offset="o")
    np.testing.assert_allclose(model.predict(frame), model.predict(), rtol=1e-12)
    with pytest.raises(ModelError, match="column 'o': not found"):
        model.predict(frame.drop(columns="o"))


def test_weights_of_new_rows_are_used_where_given() -> None:
    model = fitted("sleepstudy_weights")
    frame = data("sleepstudy").assign(w=lambda d: 1 + d["Days"] % 3)
    whole = model.predict(interval="prediction")["std_error"]
    np.testing.assert_allclose(model.predict(frame, interval="prediction")["std_error"], whole)
    plain = model.predict(frame.drop(columns="w"), interval="prediction")["std_error"]
    same = frame["w"] == 1
    np.testing.assert_allclose(plain[same], whole[same])
    assert (plain[~same] > whole[~same]).all()


def test_missing_predictors_give_missing_predictions() -> None:
    model = fitted("sleepstudy_rs_reml")
    rows = data("sleepstudy").iloc[[0, 1, 2]].assign(Days=[0.0, np.nan, 2.0])
    band = model.predict(rows, interval="prediction")
    assert band.isna().all(axis=1).tolist() == [False, True, False]
    whole = model.predict(interval="prediction").iloc[[0, 2]]
    np.testing.assert_allclose(band.iloc[[0, 2]], whole, rtol=1e-10)
