"""A slice of analysis/benchmarks/hard_random.py, and data sets on which fits once were wrong."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from scipy.optimize import check_grad

from crosslevel.multilevel import fit
from crosslevel.multilevel.optimise import _certified
from reference_values import data

FOLDER = Path(__file__).parents[2] / "analysis" / "benchmarks"


def _module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def hard() -> ModuleType:
    _module("dense_oracle")
    return _module("hard_random")


def _wrong(hard: ModuleType, seed: int, number: int) -> str:
    return str(hard.verdicts(seed, [number])[0].wrong)


@pytest.mark.parametrize(
    ("seed", "number", "excess"),
    [
        (41, 18, 0.52),
        (41, 39, 0.0094),
        (41, 112, 0.0077),
        (20260122, 61, 0.746),
        (20260122, 1305, 2.77),
    ],
)
def test_data_with_several_minima(hard: ModuleType, seed: int, number: int, excess: float) -> None:
    """These fits once ended at another minimum, this much above the lowest."""
    assert _wrong(hard, seed, number) == ""


def test_nearly_equal_predictors_far_from_zero(hard: ModuleType) -> None:
    """Reported 76.6993751180 where its theta gives 76.6993742599: scaled before it was centred."""
    assert _wrong(hard, 9, 38) == ""


def test_saddles_are_left() -> None:
    """A step that lands on theta = 0 exactly has no gradient; 200 steps once went nowhere."""
    frame = data("Pastes")
    model = fit("strength ~ 1 + (1 | batch/cask)", frame)
    for start in ([10.0, 10.0], [0.03, 1e3], [3.8359959, 0.0]):
        end = _certified(model.objective, np.array(start))
        assert end.status == "converged"
        assert len(end.log) < 30
        assert end.profile.criterion == pytest.approx(model.optimum.profile.criterion, abs=1e-8)


@pytest.mark.parametrize("block", range(6))
def test_no_fit_is_wrong(hard: ModuleType, block: int) -> None:
    found = hard.verdicts(41, range(10 * block, 10 * block + 10))
    assert [v for v in found if v.wrong] == []
    assert sum(v.status in ("converged", "boundary") for v in found) >= 5


def test_the_oracle_can_refute(hard: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """A criterion reported too low, and an end that is no minimum, are both called wrong."""
    case = next(c for c in (hard.draw(k, 41) for k in range(50)) if c.kind == "intercept")
    weights = "w" if case.weighted else None
    made = hard.fit(case.formula, case.frame, method=case.method, weights=weights)
    assert hard.judge(case).wrong == ""
    model = hard.oracle(case)
    value = model.exact(model.raw, hard._triangles(case, made))
    assert made.criterion == pytest.approx(value, rel=1e-8)
    monkeypatch.setattr(hard, "SAME", -1.0)
    assert "reports" in hard.judge(case).wrong
    monkeypatch.setattr(hard, "SAME", 1.0)
    monkeypatch.setattr(hard, "LOWER", -np.inf)
    assert "above the lowest criterion" in hard.judge(case).wrong


@pytest.mark.parametrize("kind", ["two slopes", "two independent", "nested slope", "crossed"])
def test_the_oracle_knows_its_gradient_and_its_own_units(hard: ModuleType, kind: str) -> None:
    case = next(c for c in (hard.draw(k, 5) for k in range(200)) if c.kind == kind)
    model = hard.oracle(case)
    t = np.random.default_rng(2).normal(size=len(model.pack([np.eye(z.shape[1]) for z in model.Z])))
    slope = check_grad(lambda u: model.at(u)[0], lambda u: model.at(u)[1], t, epsilon=1e-6)
    assert slope <= 1e-4 * (1.0 + np.abs(model.at(t)[1]).max())
    assert model.exact(model.Z, model.unpack(t)) == pytest.approx(model.at(t)[0], abs=1e-6)
