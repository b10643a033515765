"""Many responses refitted together equal as many separate fits, on hard designs too."""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import statsmodels.api as sm

from crosslevel.errors import ModelError
from crosslevel.multilevel import MultilevelFit, fit
from crosslevel.multilevel.batch import BatchFit, refit

Floats = npt.NDArray[np.float64]
FORMULAS = (
    "y ~ x + w + (1 | g)",
    "y ~ x + (x | g)",
    "y ~ x + (x || g)",
    "y ~ x + z + (x + z | g)",
    "y ~ 0 + x + (0 + x | g)",
)


def _design(rng: np.random.Generator, J: int, size: int) -> pd.DataFrame:
    """Unbalanced groups, some with a single row, the order of rows mixed."""
    sizes = 1 + rng.integers(0, 2 * size, J)
    g = np.repeat(np.arange(J), sizes)
    n = len(g)
    frame = pd.DataFrame(
        {
            "g": g,
            "x": rng.normal(2015.0, 3.0, n),
            "z": rng.normal(size=n),
            "w": rng.normal(size=J)[g],
            "wt": rng.uniform(0.5, 3.0, n),
            "off": rng.normal(size=n),
        }
    )
    return frame.sample(frac=1.0, random_state=3).reset_index(drop=True)


def _responses(rng: np.random.Generator, frame: pd.DataFrame, B: int, spread: float) -> Floats:
    codes, J, n = frame["g"].to_numpy(), frame["g"].max() + 1, len(frame)
    u = spread * rng.normal(size=(3, B, J))
    x = (frame["x"].to_numpy() - 2015.0) / 3.0
    mean = 1.0 + 0.3 * x
    return np.asarray(
        mean
        + u[0][:, codes]
        + 0.6 * u[1][:, codes] * x
        + 0.6 * u[2][:, codes] * frame["z"].to_numpy()
        + rng.normal(size=(B, n))
    )


def _separately(
    model: MultilevelFit, frame: pd.DataFrame, Y: Floats, **options: str
) -> list[MultilevelFit]:
    made = []
    for y in Y:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made.append(fit(model.formula, frame.assign(y=y), method=model.method, **options))
    return made


def _assert_equal(many: BatchFit, separate: list[MultilevelFit]) -> None:
    assert len(many) == len(separate)
    for b, one in enumerate(separate):
        e = one.estimates
        se = np.sqrt(np.diag(e.vcov))
        assert abs(many.criterion[b] - e.criterion) < 1e-8
        assert (np.abs(many.beta[b] - e.beta) <= 1e-8 * (se + np.abs(e.beta))).all()
        np.testing.assert_allclose(many.std_error[b], se, rtol=1e-8)
        np.testing.assert_allclose(many.sigma[b], e.sigma, rtol=1e-8)
        parts = one.variance_components()["covariance"].to_numpy()
        np.testing.assert_allclose(many.components[b], parts, rtol=1e-6, atol=1e-8 * parts[-1])
        assert ("converged", "boundary", "not converged")[many.status[b]] == one.status


@pytest.mark.parametrize("formula", FORMULAS)
@pytest.mark.parametrize("method", ["reml", "ml"])
@pytest.mark.parametrize("spread", [0.0, 0.25, 1.0])
def test_equals_separate_fits(formula: str, method: str, spread: float) -> None:
    """At spread 0 most fits end at a boundary; at 0.25 some do; at 1 hardly any."""
    rng = np.random.default_rng(20)
    frame = _design(rng, J=12, size=5)
    Y = _responses(rng, frame, 6, spread)
    model = fit(formula, frame.assign(y=_responses(rng, frame, 1, 1.0)[0]), method=method)
    many = refit(model, Y)
    if spread == 0.0:
        assert many.count("boundary") > 1
    _assert_equal(many, _separately(model, frame, Y))


def test_weights_and_offset() -> None:
    rng = np.random.default_rng(21)
    frame = _design(rng, J=15, size=4)
    Y = _responses(rng, frame, 6, 0.5)
    model = fit("y ~ x + (x | g)", frame.assign(y=Y[0]), weights="wt", offset="off")
    _assert_equal(refit(model, Y), _separately(model, frame, Y, weights="wt", offset="off"))


def test_aliased_columns_and_far_outcomes() -> None:
    rng = np.random.default_rng(22)
    frame = _design(rng, J=15, size=4).assign(twice=lambda d: 2.0 * d["x"] - 7.0)
    Y = _responses(rng, frame, 5, 0.5) * np.array([[1.0], [1e-6], [1e6], [1.0], [1.0]])
    Y[3] += 1e6
    model = fit("y ~ x + twice + (1 | g)", frame.assign(y=Y[0]))
    many = refit(model, Y)
    separate = _separately(model, frame, Y)
    assert many.names == ("(Intercept)", "x")
    for b, one in enumerate(separate):
        np.testing.assert_allclose(many.sigma[b], one.sigma, rtol=1e-8)
        np.testing.assert_allclose(many.beta[b], one.estimates.beta, rtol=1e-6)


def test_outcomes_that_hardly_vary_within_units() -> None:
    """Within-unit sd 1e-4 of the sd between units: the fit is the regression on unit dummies."""
    rng = np.random.default_rng(28)
    frame = _design(rng, J=15, size=4)
    Y = rng.normal(size=(4, 15))[:, frame["g"]] + 1e-4 * rng.normal(size=(4, len(frame)))
    many = refit(fit("y ~ x + (1 | g)", frame.assign(y=Y[0])), Y)
    dummies = np.column_stack([np.eye(15)[frame["g"]], frame["x"] - 2015.0])
    for b, y in enumerate(Y):
        within = sm.OLS(y, dummies).fit()
        np.testing.assert_allclose(many.sigma[b], np.sqrt(within.mse_resid), rtol=1e-7)
        assert abs(many.beta[b, 1] - within.params[-1]) < 1e-3 * within.bse[-1]


@pytest.mark.parametrize(
    "formula", ["y ~ x + (1 | h/g)", "y ~ x + (x | g) + (1 | h)", "y ~ x + (1 | g) + (1 | c)"]
)
def test_several_factors(formula: str) -> None:
    rng = np.random.default_rng(23)
    frame = _design(rng, J=24, size=4)
    frame["h"] = frame["g"] // 6
    frame["c"] = rng.integers(0, 5, len(frame))
    Y = _responses(rng, frame, 5, 0.6)
    model = fit(formula, frame.assign(y=Y[0]))
    many = refit(model, Y)
    separate = _separately(model, frame, Y)
    for b, one in enumerate(separate):
        assert many.criterion[b] <= one.criterion + 1e-8
        np.testing.assert_allclose(many.beta[b], one.estimates.beta, rtol=1e-6)
        parts = one.variance_components()["covariance"].to_numpy()
        np.testing.assert_allclose(many.components[b], parts, rtol=1e-5, atol=1e-6)


def test_far_start_reaches_the_same_end() -> None:
    rng = np.random.default_rng(24)
    frame = _design(rng, J=20, size=5)
    Y = _responses(rng, frame, 20, 0.5)
    model = fit("y ~ x + (x | g)", frame.assign(y=Y[0]))
    near, far = refit(model, Y), refit(model, Y, start=np.array([9.0, -3.0, 5.0]))
    np.testing.assert_allclose(near.criterion, far.criterion, atol=1e-8)


def test_chunks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(25)
    frame = _design(rng, J=20, size=5)
    Y = _responses(rng, frame, 40, 0.4)
    model = fit("y ~ x + (x | g)", frame.assign(y=Y[0]))
    whole = refit(model, Y)
    monkeypatch.setattr("crosslevel.multilevel.batch.CACHE", 1)
    parts = refit(model, Y)
    np.testing.assert_allclose(whole.beta, parts.beta, rtol=1e-9)


def test_satterthwaite_collapses_to_the_t_test_of_group_means() -> None:
    """In a balanced design a level-2 slope has exactly J - 2 degrees of freedom."""
    rng = np.random.default_rng(26)
    J, size = 18, 6
    g = np.repeat(np.arange(J), size)
    w = rng.normal(size=J)[g]
    Y = rng.normal(size=(8, J))[:, g] + 0.4 * w + rng.normal(size=(8, J * size))
    model = fit("y ~ w + (1 | g)", pd.DataFrame({"y": Y[0], "w": w, "g": g}))
    df = refit(model, Y, df="satterthwaite").df
    assert df is not None
    np.testing.assert_allclose(df, J - 2, rtol=1e-5)


@pytest.mark.parametrize("formula", ["y ~ x + w + (1 | g)", "y ~ x + (x | g)"])
@pytest.mark.parametrize("spread", [0.0, 1.0])
def test_satterthwaite_equals_that_of_separate_fits(formula: str, spread: float) -> None:
    rng = np.random.default_rng(29)
    frame = _design(rng, J=14, size=5)
    frame["x"] -= 2015.0
    Y = _responses(rng, frame.assign(x=frame["x"] + 2015.0), 5, spread)
    model = fit(formula, frame.assign(y=Y[0]))
    df = refit(model, Y, df="satterthwaite").df
    assert df is not None
    for b, one in enumerate(_separately(model, frame, Y)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            table = one.tidy(df="satterthwaite")
        np.testing.assert_allclose(df[b], table["df"], rtol=1e-4)


def test_what_cannot_be_refitted_is_refused() -> None:
    rng = np.random.default_rng(27)
    frame = _design(rng, J=10, size=4)
    frame["h"] = frame["g"] // 3
    Y = _responses(rng, frame, 2, 0.5)
    model = fit("y ~ x + (1 | g)", frame.assign(y=Y[0]))
    with pytest.raises(ModelError, match=f"one row per outcome and {len(frame)} columns"):
        refit(model, Y[:, :-1])
    with pytest.raises(
        ModelError, match=r"1 response\(s\) hold missing or infinite values, as row 1"
    ):
        refit(model, np.where(np.arange(2)[:, None] == 1, np.nan, Y))
    with pytest.raises(ModelError, match="reproduce 1 of the responses exactly"):
        refit(model, np.array([Y[0], frame["x"]]))
    with pytest.raises(ModelError, match="`df` must be 'none' or 'satterthwaite', got 'kr'"):
        refit(model, Y, df="kr")
    nested = fit("y ~ x + (1 | h/g)", frame.assign(y=Y[0]))
    with pytest.raises(ModelError, match="for models with one grouping factor"):
        refit(nested, Y, df="satterthwaite")
    with pytest.raises(ModelError, match="reproduce 1 of the responses exactly"):
        refit(nested, np.array([Y[0], frame["x"]]))
