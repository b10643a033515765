"""What must not change a fit: row order, group labels, origin and unit of outcome and predictor."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crosslevel.multilevel import MultilevelFit, fit

FORMULAS = ("y ~ x + (1 | g)", "y ~ x + (x | g)", "y ~ x + (1 | h/g)", "y ~ x + (1 | h) + (x | g)")
SETTINGS = settings(max_examples=25, deadline=None, derandomize=True)


def _frame(seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    J = int(rng.integers(8, 20))
    g = np.repeat(np.arange(J), rng.integers(2, 8, size=J))
    x = rng.normal(size=len(g)) + rng.normal(size=J)[g]
    noise = rng.normal(size=len(g)) + 0.8 * rng.normal(size=J)[g] + 0.4 * rng.normal(size=J)[g] * x
    frame = pd.DataFrame({"y": 1 + 0.5 * x + noise, "x": x, "g": g, "h": g % 4})
    return frame.astype({"g": "str", "h": "str"})


def _same(plain: MultilevelFit, other: MultilevelFit, slope: float = 1.0) -> None:
    """The slopes agree to 1e-5 standard errors after undoing the change of units."""
    a, b = (one.tidy(df="normal").iloc[1] for one in (plain, other))
    assert abs(a["estimate"] - b["estimate"] * slope) <= 1e-5 * a["std_error"]
    assert b["std_error"] * slope == pytest.approx(a["std_error"], rel=1e-5)


@SETTINGS
@given(st.integers(0, 10_000), st.sampled_from(FORMULAS))
def test_row_order_and_labels(seed: int, formula: str) -> None:
    frame = _frame(seed)
    plain = fit(formula, frame)
    shuffled = frame.sample(frac=1.0, random_state=seed)
    shuffled["g"] = "unit " + shuffled["g"].str[::-1]
    other = fit(formula, shuffled)
    assert other.criterion == pytest.approx(plain.criterion, abs=1e-8)
    _same(plain, other)


@SETTINGS
@given(
    st.integers(0, 10_000),
    st.sampled_from(FORMULAS),
    st.sampled_from([1e-6, 1e-2, 1e3, 1e6]),
    st.sampled_from([0.0, -50.0, 2000.0]),
    st.sampled_from(["reml", "ml"]),
)
def test_origin_and_unit_of_the_predictor(
    seed: int, formula: str, unit: float, origin: float, method: str
) -> None:
    frame = _frame(seed)
    plain = fit(formula, frame, method=method)
    other = fit(formula, frame.assign(x=(frame["x"] + origin) * unit), method=method)
    moved = 2.0 * np.log(unit) if method == "reml" else 0.0
    assert other.criterion - moved == pytest.approx(plain.criterion, abs=1e-8)
    _same(plain, other, slope=unit)


@SETTINGS
@given(
    st.integers(0, 10_000),
    st.sampled_from(FORMULAS),
    st.sampled_from([1e-6, 10.0, 1e6]),
    st.sampled_from([0.0, 1e4]),
)
def test_origin_and_unit_of_the_outcome(
    seed: int, formula: str, unit: float, origin: float
) -> None:
    frame = _frame(seed)
    plain = fit(formula, frame)
    other = fit(formula, frame.assign(y=(frame["y"] + origin) * unit))
    moved = 2.0 * np.log(unit) * (len(frame) - 2)
    assert other.criterion - moved == pytest.approx(plain.criterion, abs=1e-8)
    _same(plain, other, slope=1.0 / unit)
    np.testing.assert_allclose(other.theta, plain.theta, atol=1e-5 * (1 + plain.theta.abs().max()))


@SETTINGS
@given(st.integers(0, 10_000), st.sampled_from(FORMULAS))
def test_weights_of_one_change_nothing(seed: int, formula: str) -> None:
    frame = _frame(seed).assign(w=1.0, zero=0.0)
    plain = fit(formula, frame)
    other = fit(formula, frame, weights="w", offset="zero")
    assert other.criterion == pytest.approx(plain.criterion, abs=1e-9)
    _same(plain, other)
