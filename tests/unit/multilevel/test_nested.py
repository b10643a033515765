"""Nested factors taken level by level: the same numbers as dense algebra, however many groups."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest

from crosslevel.errors import ModelError
from crosslevel.multilevel import MultilevelFit, fit, refit, several
from crosslevel.multilevel.nested import NestedObjective
from crosslevel.multilevel.profiling import _reduced
from crosslevel.multilevel.several import SeveralObjective
from dense_model import dense_criterion

ENGINE = sys.modules["crosslevel.multilevel.fit"]
FORMULAS = (
    "y ~ x + z + (1 | r/h/d/u)",
    "y ~ x + z + (1 | r) + (1 + x | h) + (1 | d)",
    "y ~ x + z + (1 + x | h) + (1 + x | d)",
    "y ~ x + z + (1 + x || h) + (x | d) + (1 | u)",
)


def frame() -> pd.DataFrame:
    """Return people in 144 units of 48 departments of 24 hospitals of 6 regions."""
    rng = np.random.default_rng(0)
    u = np.repeat(np.arange(144), rng.integers(1, 6, 144))
    d, h, r = u // 3, u // 6, u // 24
    x, z = rng.normal(size=len(u)), rng.normal(size=24)[h]
    y = 1 + 0.5 * x + 0.3 * z + rng.normal(size=6)[r] + rng.normal(size=24)[h] * (0.7 + 0.4 * x)
    y += 0.8 * rng.normal(size=48)[d] + 0.6 * rng.normal(size=144)[u] + rng.normal(size=len(u))
    return pd.DataFrame({"y": y, "x": x, "z": z, "u": u, "d": d, "h": h, "r": r})


@pytest.fixture
def level_by_level(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ENGINE, "BORDERED_NESTED", -1)
    monkeypatch.setattr(ENGINE, "DENSE", -1)


def both(
    formula: str, method: str, monkeypatch: pytest.MonkeyPatch, **options: str
) -> tuple[MultilevelFit, MultilevelFit]:
    """Return the fit by dense matrices and the fit level by level."""
    dense = fit(formula, frame().assign(w=1 + frame()["u"] % 3), method=method, **options)
    with monkeypatch.context() as patch:
        patch.setattr(ENGINE, "BORDERED_NESTED", -1)
        patch.setattr(ENGINE, "DENSE", -1)
        nested = fit(formula, frame().assign(w=1 + frame()["u"] % 3), method=method, **options)
    assert isinstance(dense.objective, SeveralObjective)
    assert isinstance(nested.objective, NestedObjective)
    return dense, nested


@pytest.mark.parametrize("method", ["reml", "ml"])
@pytest.mark.parametrize("formula", FORMULAS)
def test_equals_dense_algebra(formula: str, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    dense, nested = both(formula, method, monkeypatch)
    assert nested.status == dense.status
    assert nested.criterion == pytest.approx(dense_criterion(nested), abs=1e-8)
    assert nested.criterion == pytest.approx(dense.criterion, abs=1e-9)
    np.testing.assert_allclose(nested.theta, dense.theta, atol=2e-6)
    monkeypatch.setattr(several, "EXACT", 0)
    theta = 0.7 * np.random.default_rng(1).normal(size=len(dense.theta))
    a, b = dense.objective.at(theta), nested.objective.at(theta)
    assert b.profile.criterion == pytest.approx(a.profile.criterion, abs=1e-9)
    ours, theirs = b.derivatives(), a.derivatives()
    np.testing.assert_allclose(ours.gradient, theirs.gradient, atol=1e-9)
    np.testing.assert_allclose(ours.hessian, theirs.hessian, atol=1e-8)
    for mine, other in zip(ours.M, theirs.M, strict=True):
        np.testing.assert_allclose(mine, other, atol=1e-9)
    for mine, other in zip(b.diagonal(), a.diagonal(), strict=True):
        np.testing.assert_allclose(mine, other, atol=1e-10)
    pieces = ((*e.pieces().g, *e.pieces().C) for e in (a, b))
    for mine, other in zip(*pieces, strict=True):
        np.testing.assert_allclose(mine, other, atol=1e-10)


def test_everything_after_the_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    dense, nested = both(FORMULAS[0], "reml", monkeypatch, weights="w")
    pd.testing.assert_frame_equal(nested.tidy(), dense.tidy(), rtol=1e-4)
    pd.testing.assert_frame_equal(nested.random_effects(), dense.random_effects(), rtol=1e-4)
    cr2 = nested.with_vcov("CR2").tidy()
    pd.testing.assert_frame_equal(cr2, dense.with_vcov("CR2").tidy(), rtol=1e-4)
    ours, theirs = nested.intervals(method="wald"), dense.intervals(method="wald")
    pd.testing.assert_frame_equal(ours, theirs, rtol=1e-3)
    G = np.random.default_rng(7).normal(size=(4, 3))  # the columns of a profile
    held = [_reduced(model.objective, G) for model in (dense, nested)]  # type: ignore[arg-type]
    one, two = (engine.at(dense.optimum.theta).profile for engine in held)
    assert two.criterion == pytest.approx(one.criterion, abs=1e-8)
    Y = dense.simulate(3, seed=4).to_numpy().T
    np.testing.assert_allclose(refit(nested, Y).criterion, refit(dense, Y).criterion, atol=1e-7)


@pytest.mark.usefixtures("level_by_level")
def test_crossed_factors_are_not_taken_for_nested() -> None:
    crossed = frame().assign(c=np.arange(len(frame())) % 7)
    assert isinstance(fit("y ~ x + (1 | u) + (1 | c)", crossed).objective, SeveralObjective)


@pytest.mark.usefixtures("level_by_level")
def test_kenward_roger_is_refused() -> None:
    model = fit(FORMULAS[0], frame())
    with pytest.raises(ModelError, match="refused for nested factors of this size"):
        model.tidy(df="kenward-roger")


def test_dense_remainder_has_a_limit() -> None:
    rng = np.random.default_rng(2)
    codes = {"a": np.arange(18_000) // 3, "b": rng.permutation(18_000) % 5100}
    large = pd.DataFrame({**codes, "y": rng.normal(size=18_000)})
    with pytest.raises(ModelError, match="'b' hold 5100 random coefficients; at most 5000 can"):
        fit("y ~ 1 + (1 | a) + (1 | b)", large)


@pytest.mark.slow
def test_many_groups_at_each_of_four_levels() -> None:
    """30,000 units, 10,000 departments, 3,334 hospitals and 334 regions."""
    rng = np.random.default_rng(3)
    u = np.repeat(np.arange(30_000), 4)
    d, h, r = u // 3, u // 9, u // 90
    x = rng.normal(size=len(u))
    y = 0.5 * x + rng.normal(size=len(u)) + 0.7 * rng.normal(size=30_000)[u]
    y += 0.6 * rng.normal(size=10_000)[d] + 0.5 * rng.normal(size=3334)[h]
    y += 0.4 * rng.normal(size=334)[r]
    large = pd.DataFrame({"y": y, "x": x, "u": u, "d": d, "h": h, "r": r})
    model = fit("y ~ x + (1 | r/h/d/u)", large)
    assert model.status == "converged"
    sd = model.variance_components()["sd"]
    assert sd.iloc[-1] == pytest.approx(1.0, abs=0.01)
