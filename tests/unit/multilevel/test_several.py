"""Several factors: the ways of storing the cross-block and of summing its blocks agree."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from crosslevel.multilevel import fit, several, statistics
from crosslevel.multilevel.objective import Evaluation

CROSSED = "y ~ x + (1 | s) + (1 | d) + (1 | e)"
NESTED = "y ~ x + (1 | u) + (1 | h)"
SLOPES = "y ~ x + (1 | s) + (1 + x | d)"


def _frame() -> pd.DataFrame:
    rng = np.random.default_rng(11)
    n = 900
    s, d = rng.integers(0, 80, n), rng.integers(0, 30, n)
    u = rng.integers(0, 120, n)
    frame = pd.DataFrame({"s": s, "d": d, "e": d // 5, "u": u, "h": u // 10})
    frame["x"] = rng.normal(size=n)
    slope = rng.normal(0.5, 0.3, 30)[d] * frame["x"]
    frame["y"] = slope + rng.normal(size=80)[s] + 0.6 * rng.normal(size=120)[u]
    frame["y"] += rng.normal(size=30)[d] + rng.normal(size=n)
    return frame


def _evaluated(formula: str, method: str, theta: float) -> Evaluation:
    objective = fit(formula, _frame(), method=method).objective
    return objective.at(
        np.where(objective.parameters.row > objective.parameters.column, 0.2, theta)
    )


def _compared(one: Evaluation, two: Evaluation) -> None:
    assert one.profile.criterion == pytest.approx(two.profile.criterion, abs=1e-9)
    np.testing.assert_allclose(one.profile.beta, two.profile.beta, rtol=1e-10, atol=1e-12)
    a, b = one.derivatives(), two.derivatives()
    np.testing.assert_allclose(a.gradient, b.gradient, rtol=1e-9, atol=1e-8)
    np.testing.assert_allclose(a.hessian, b.hessian, rtol=1e-8, atol=1e-7)
    for m, k in zip(a.M, b.M, strict=True):
        np.testing.assert_allclose(m, k, rtol=1e-9, atol=1e-8)


@pytest.mark.parametrize("method", ["reml", "ml"])
@pytest.mark.parametrize("formula", [CROSSED, NESTED, SLOPES])
def test_products_of_stored_values_give_what_the_dense_block_gives(
    formula: str, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    dense = _evaluated(formula, method, 0.7)
    assert dense.objective.statistics.pairs is None
    monkeypatch.setattr(statistics, "SMALL", 0)
    stored = _evaluated(formula, method, 0.7)
    assert stored.objective.statistics.pairs is not None
    _compared(stored, dense)
    monkeypatch.setattr(statistics, "PAIRS", 0)
    sparse = _evaluated(formula, method, 0.7)
    assert sparse.objective.statistics.pairs is None
    _compared(sparse, dense)


@pytest.mark.parametrize("method", ["reml", "ml"])
@pytest.mark.parametrize("formula", [CROSSED, NESTED, SLOPES])
def test_sums_of_blocks_from_the_inverse_factor_equal_the_direct_ones(
    formula: str, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    inverse = _evaluated(formula, method, 0.3)
    made = inverse.derivatives()
    monkeypatch.setattr(several, "INVERTIBLE", np.inf)
    direct = _evaluated(formula, method, 0.3).derivatives()
    np.testing.assert_allclose(made.gradient, direct.gradient, rtol=1e-10, atol=1e-9)
    np.testing.assert_allclose(made.hessian, direct.hessian, rtol=1e-10, atol=1e-8)


def test_a_large_model_has_the_gradient_of_finite_differences(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(statistics, "SMALL", 0)
    objective = fit(CROSSED, _frame()).objective
    theta = np.array([0.8, 0.5, 0.2])
    made = objective.at(theta).derivatives().gradient
    for k, e in enumerate(1e-5 * np.eye(3)):
        up, down = (objective.at(theta + s * e).profile.criterion for s in (1.0, -1.0))
        assert made[k] == pytest.approx((up - down) / 2e-5, rel=1e-6, abs=1e-5)
