"""Wild cluster bootstrap against loops that refit by statsmodels, draw by draw."""

from __future__ import annotations

from itertools import product

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import statsmodels.api as sm

from crosslevel.errors import FormulaError, ModelError
from crosslevel.multilevel import ols
from crosslevel.multilevel.wild import WEIGHTS, wild_bootstrap

Floats = npt.NDArray[np.float64]


def _frame(seed: int, G: int = 6) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    sizes = rng.integers(2, 9, G)
    g = np.repeat(np.arange(G), sizes)
    frame = pd.DataFrame({"g": g, "x": rng.normal(size=len(g)), "w": rng.normal(size=G)[g]})
    frame["y"] = 1 + 0.3 * frame["x"] + 0.5 * frame["w"] + 0.7 * rng.normal(size=G)[g]
    frame["y"] += rng.normal(size=len(g))
    return frame


def _loop(frame: pd.DataFrame, vectors: list[Floats], null: float = 0.0) -> tuple[float, Floats]:
    """Return t and the t* of each vector of weights, by clustered least squares again and again."""
    X = sm.add_constant(frame[["x", "w"]]).to_numpy()
    y, g = frame["y"].to_numpy(), frame["g"].to_numpy()

    def t(values: Floats) -> float:
        result = sm.OLS(values, X).fit(cov_type="cluster", cov_kwds={"groups": g})
        return float((result.params[2] - null) / result.bse[2])

    restricted = sm.OLS(y - null * X[:, 2], X[:, :2]).fit()
    fitted = restricted.fittedvalues + null * X[:, 2]
    return t(y), np.array([t(fitted + restricted.resid * v[g]) for v in vectors])


@pytest.mark.parametrize("null", [0.0, 0.3])
def test_all_sign_vectors(null: float) -> None:
    frame = _frame(1)
    vectors = [np.array(v) for v in product([-1.0, 1.0], repeat=6)]
    t, drawn = _loop(frame, vectors, null)
    made = wild_bootstrap(
        "y ~ x + w", frame, cluster="g", term="w", weights="rademacher", null=null, seed=1
    )
    assert made.enumerated
    assert made.replicates == 64
    assert made.statistic == pytest.approx(t, rel=1e-10)
    assert made.p_value == pytest.approx(np.mean(np.abs(drawn) >= abs(t) * (1 - 1e-9)), abs=1e-12)


def test_mammen_weights_carry_their_probabilities() -> None:
    """With G = 4 clusters all 16 vectors are used, each with its own probability."""
    frame = _frame(2, G=4)
    points, mass = WEIGHTS["mammen"]
    index = list(product([0, 1], repeat=4))
    t, drawn = _loop(frame, [points[list(i)] for i in index])
    chance = np.array([mass[list(i)].prod() for i in index])
    made = wild_bootstrap(
        "y ~ x + w", frame, cluster="g", term="w", weights="mammen", n=100, seed=1
    )
    assert made.p_value == pytest.approx(chance @ (np.abs(drawn) >= abs(t) * (1 - 1e-9)))


def test_random_webb_weights() -> None:
    frame = _frame(3, G=8)
    made = wild_bootstrap("y ~ x + w", frame, cluster="g", term="w", n=150, seed=7)
    rng = np.random.default_rng(7)
    points, mass = WEIGHTS["webb"]
    vectors = list(points[rng.choice(6, size=(150, 8), p=mass)])
    t, drawn = _loop(frame, vectors)
    assert not made.enumerated
    assert made.p_value == (1 + np.sum(np.abs(drawn) >= abs(t))) / 151


@pytest.mark.parametrize("weights", list(WEIGHTS))
def test_weights_have_mean_zero_and_variance_one(weights: str) -> None:
    points, mass = WEIGHTS[weights]
    np.testing.assert_allclose([mass.sum(), mass @ points, mass @ points**2], [1, 0, 1], atol=1e-15)
    if weights == "mammen":
        assert mass @ points**3 == pytest.approx(1.0)


def test_interval_holds_the_values_not_rejected() -> None:
    frame = _frame(4, G=9)
    options = {"cluster": "g", "term": "x", "weights": "rademacher", "seed": 1}
    made = wild_bootstrap("y ~ x + w", frame, **options)
    for limit, side in ((made.conf_low, -1.0), (made.conf_high, 1.0)):
        step = 0.01 * made.std_error * side
        out = wild_bootstrap("y ~ x + w", frame, null=limit + step, **options)
        inside = wild_bootstrap("y ~ x + w", frame, null=limit - step, **options)
        assert out.p_value <= 0.05 < inside.p_value


def test_estimate_and_standard_error_are_those_of_ols() -> None:
    frame = _frame(5)
    frame.loc[3, "x"] = np.nan
    table = ols("y ~ x + w", frame, cluster="g").tidy().set_index("term")
    made = wild_bootstrap("y ~ x + w", frame, cluster="g", term="w", n=99, seed=1)
    assert made.estimate == pytest.approx(table.loc["w", "estimate"], rel=1e-10)
    assert made.std_error == pytest.approx(table.loc["w", "std_error"], rel=1e-10)
    assert made.tidy()["p_value"][0] == made.p_value


def test_an_interval_without_end() -> None:
    """Three clusters and eight sign vectors: no value can be rejected at 5 per cent."""
    made = wild_bootstrap(
        "y ~ x", _frame(6, G=3), cluster="g", term="x", weights="rademacher", seed=1
    )
    assert made.conf_low == -np.inf
    assert made.conf_high == np.inf


def test_refusals() -> None:
    frame = _frame(1)
    with pytest.raises(FormulaError, match="for formulas without random terms"):
        wild_bootstrap("y ~ x + (1 | g)", frame, cluster="g", term="x", seed=1)
    with pytest.raises(ModelError, match="one of rademacher, webb, mammen, got 'normal'"):
        wild_bootstrap("y ~ x", frame, cluster="g", term="x", weights="normal", seed=1)
    with pytest.raises(ModelError, match=r"no coefficient 'ww'\. Did you mean 'w'\?"):
        wild_bootstrap("y ~ x + w", frame, cluster="g", term="ww", seed=1)
    with pytest.raises(ModelError, match="`n` must be at least 1, got 0"):
        wild_bootstrap("y ~ x", frame, cluster="g", term="x", n=0, seed=1)
    with pytest.raises(ModelError, match="`conf_level` must lie between 0 and 1"):
        wild_bootstrap("y ~ x", frame, cluster="g", term="x", conf_level=1.0, seed=1)
    with pytest.raises(ModelError, match="two clusters of 'one' or more"):
        wild_bootstrap("y ~ x", frame.assign(one=1), cluster="one", term="x", seed=1)
