"""Residuals of rows and of groups, against dense algebra."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from crosslevel.errors import ModelError
from crosslevel.multilevel import MultilevelFit, fit
from multilevel_models import fitted
from reference_values import data

MODELS = ["sleepstudy_rs_reml", "sleepstudy_rs_ml", "pastes_nested3", "penicillin_crossed",
          "sleepstudy_weights", "orthodont_rankdef"]  # fmt: skip


def _dense_spread(model: MultilevelFit, at: int) -> np.ndarray:
    """Return sqrt diag of Sigma Z'P V P Z Sigma s2 with V written out; P V P = P."""
    design, estimates = model.design, model.estimates
    weights = np.ones(design.n) if design.weights is None else design.weights
    Z = [np.hstack([(f.Z * (f.codes == j)).T for j in range(f.J)]) for f in design.factors]
    S = [np.kron(np.eye(f.J), T @ T.T) for f, T in zip(design.factors, estimates.T, strict=True)]
    V = np.diag(1 / weights) + sum(z @ s @ z.T for z, s in zip(Z, S, strict=True))
    X = design.X[[k for k, n in enumerate(design.names) if n not in estimates.dropped]].T
    W = np.linalg.inv(V)
    P = W - W @ X @ np.linalg.solve(X.T @ W @ X, X.T @ W)
    variance = estimates.sigma**2 * np.diag(S[at] @ Z[at].T @ P @ Z[at] @ S[at])
    return np.sqrt(np.maximum(variance, 0))


@pytest.mark.parametrize("entry", MODELS)
def test_spread_of_group_residuals(entry: str) -> None:
    model = fitted(entry)
    for at, factor in enumerate(model.design.factors):
        mine = model.residuals(factor.name)
        np.testing.assert_allclose(mine["spread"], _dense_spread(model, at), rtol=1e-6)
        np.testing.assert_allclose(mine["standardised"] * mine["spread"], mine["estimate"])
        effects = model.random_effects().query("group == @factor.name").reset_index(drop=True)
        pd.testing.assert_frame_equal(mine[effects.columns], effects)
        assert mine["n"].sum() == factor.p * model.design.n


def test_rows_by_level() -> None:
    model = fitted("pastes_nested3")
    rows = model.residuals()
    assert list(rows.columns) == ["marginal", "batch", "conditional", "standardised"]
    y = model.augment()["strength"]
    np.testing.assert_allclose(rows["marginal"], y - model.predict(include="none"))
    np.testing.assert_allclose(rows["batch"], y - model.predict(include=["batch"]))
    np.testing.assert_allclose(rows["conditional"], model.augment()["residual"])
    np.testing.assert_allclose(rows["standardised"], rows["conditional"] / model.sigma)


def test_weights_standardise() -> None:
    model = fitted("sleepstudy_weights")
    rows = model.residuals()
    root = np.sqrt(1 + data("sleepstudy")["Days"] % 3)
    np.testing.assert_allclose(rows["standardised"], rows["conditional"] * root / model.sigma)


def test_rows_left_out_are_missing() -> None:
    frame = data("sleepstudy")
    frame.loc[3, "Days"] = np.nan
    rows = fit("Reaction ~ Days + (1 | Subject)", frame).residuals()
    assert len(rows) == len(frame)
    assert rows.isna().all(axis=1).to_numpy().nonzero()[0].tolist() == [3]


def test_a_variance_of_zero_leaves_nothing_to_standardise() -> None:
    groups = fitted("dyestuff2_singular").residuals("Batch")
    assert (groups["estimate"].abs() < 1e-12).all()
    assert groups["standardised"].isna().all()


def test_standardised_groups_have_variance_one() -> None:
    """Over 400 simulated units the variance is one, give or take its standard error of 0.07."""
    rng = np.random.default_rng(8)
    unit = np.repeat(np.arange(400), 6)
    y = rng.normal(size=400)[unit] * 0.5 + rng.normal(size=2400)
    model = fit("y ~ 1 + (1 | unit)", pd.DataFrame({"y": y, "unit": unit}))
    assert model.residuals("unit")["standardised"].std() == pytest.approx(1.0, abs=0.05)


def test_unknown_level() -> None:
    with pytest.raises(ModelError, match="Did you mean 'Subject'"):
        fitted("sleepstudy_rs_reml").residuals("subject")
    with pytest.raises(ModelError, match="Levels: rows, Subject"):
        fitted("sleepstudy_rs_reml").residuals("q")
