"""Data a model cannot be fitted to: one readable message each, and decisions that are reported."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from crosslevel.errors import FormulaError, ModelError
from crosslevel.multilevel import fit, ols


@pytest.fixture
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    unit = np.repeat(np.arange(12), 5)
    x = rng.normal(size=60)
    y = 1 + 0.4 * x + rng.normal(size=12)[unit] + rng.normal(size=60)
    sex = np.where(rng.random(60) < 0.5, "F", "M")
    table = {"y": y, "x": x, "unit": unit, "hospital": unit % 3, "sex": sex}
    return pd.DataFrame({**table, "text": "a", "one": 1.0, "row": range(60)})


def _message(formula: str, frame: pd.DataFrame, **options: str) -> str:
    with pytest.raises(ModelError) as caught:
        fit(formula, frame, **options)  # type: ignore[arg-type]
    return str(caught.value)


def test_unknown_column(frame: pd.DataFrame) -> None:
    message = _message("y ~ X1 + x + (1 | unti)", frame)
    assert "column 'unti': not found. Did you mean 'unit'?" in message
    assert "column 'X1': not found." in message


def test_outcome_must_be_numbers(frame: pd.DataFrame) -> None:
    assert "Column 'sex' must hold numbers" in _message("sex ~ x + (1 | unit)", frame)


def test_constant_outcome(frame: pd.DataFrame) -> None:
    assert "'one' has the same value on every row" in _message("one ~ x + (1 | unit)", frame)
    with pytest.raises(ModelError, match="same value on every row"):
        ols("one ~ x", frame, cluster="unit")


def test_outcome_reproduced_exactly(frame: pd.DataFrame) -> None:
    made = frame.assign(z=3 * frame["y"] - 2)
    assert "reproduce the outcome exactly" in _message("z ~ y + (1 | unit)", made)


def test_one_group(frame: pd.DataFrame) -> None:
    assert "'text': has one group only" in _message("y ~ x + (1 | text)", frame)


def test_grouping_column_unique_per_row(frame: pd.DataFrame) -> None:
    message = _message("y ~ x + (1 | row)", frame)
    assert "'row': has a different value on each row." in message


def test_more_random_coefficients_than_rows(frame: pd.DataFrame) -> None:
    small = frame.groupby("unit").head(2).assign(z=lambda d: d["x"] ** 2)
    assert "3 random coefficients and at most 2 row(s)" in _message("y ~ (x + z | unit)", small)


def test_factors_that_divide_alike(frame: pd.DataFrame) -> None:
    twin = frame.assign(team=frame["unit"] + 100)
    message = _message("y ~ x + (1 | unit) + (1 | team)", twin)
    assert "divides the rows exactly as" in message


def test_all_rows_missing(frame: pd.DataFrame) -> None:
    message = _message("y ~ x + (1 | unit)", frame.assign(x=np.nan))
    assert "No row is complete (60 rows; missing: x 60)." in message
    assert "No row is complete (0 rows" in _message("y ~ x + (1 | unit)", frame.head(0))


def test_infinite_value(frame: pd.DataFrame) -> None:
    frame.loc[4, "x"] = np.inf
    assert "'x' holds an infinite value (row 5)" in _message("y ~ x + (1 | unit)", frame)


@pytest.mark.parametrize("column", ["y", "w"])
def test_infinite_outcome_or_weight(frame: pd.DataFrame, column: str) -> None:
    broken = frame.assign(w=1.0)
    broken.loc[7, column] = -np.inf
    message = _message("y ~ x + (1 | unit)", broken, weights="w")
    assert f"'{column}' holds an infinite value (row 8)" in message


def test_predictor_with_one_level(frame: pd.DataFrame) -> None:
    """It was once left out without a word."""
    assert "'text' has one level only" in _message("y ~ x + text + (1 | unit)", frame)


def test_levels_nobody_has_are_no_levels(frame: pd.DataFrame) -> None:
    """Unused categories of a grouping column or a predictor change nothing."""
    wide = frame.assign(
        unit=pd.Categorical(frame["unit"].astype("str"), [str(k) for k in range(30)]),
        sex=pd.Categorical(frame["sex"], ["X", "F", "M"]),
    )
    plain, model = (fit("y ~ sex + (1 | unit)", d) for d in (frame, wide))
    assert model.groups == "12 unit"
    assert list(model.tidy()["term"]) == ["(Intercept)", "sex[M]"]
    assert model.criterion == pytest.approx(plain.criterion, abs=1e-9)


def test_logarithm_of_what_has_none(frame: pd.DataFrame) -> None:
    assert "log(x) is not defined for" in _message("y ~ log(x) + (1 | unit)", frame)
    assert "sqrt(x) is not defined for" in _message("y ~ sqrt(x) + (1 | unit)", frame)


def test_weights_must_be_positive(frame: pd.DataFrame) -> None:
    message = _message("y ~ x + (1 | unit)", frame.assign(w=0.0), weights="w")
    assert "Weights must be positive; 60 row(s)" in message
    negative = frame.assign(w=1.0)
    negative.loc[[3, 5], "w"] = [-2.0, 0.0]
    assert "2 row(s) hold zero or less" in _message("y ~ x + (1 | unit)", negative, weights="w")


def test_random_column_without_variation(frame: pd.DataFrame) -> None:
    message = _message("y ~ x + (one | unit)", frame)
    assert "'one' of 'unit' has no variation" in message


def test_too_few_rows(frame: pd.DataFrame) -> None:
    two = frame.iloc[[0, 1, 5]].assign(a=[0.0, 1, 5], b=[1.0, 3, 2])
    assert "3 rows cannot carry 3 fixed coefficients" in _message("y ~ a + b + (1 | unit)", two)


@pytest.mark.parametrize("random", ["(x + z | g)", "(1 | g)", "(1 | g) + (1 | h)"])
def test_likelihood_without_a_maximum(random: str) -> None:
    """Ten rows in eight groups: as sigma nears zero the likelihood grows without end."""
    rng = np.random.default_rng(8)
    g = [0, 0, 0, 1, 2, 3, 4, 5, 6, 7]
    frame = pd.DataFrame({"y": rng.normal(size=10), "x": rng.normal(size=10), "g": g})
    frame["z"], frame["h"] = rng.normal(size=10), [0, 1] * 5
    message = _message(f"y ~ x + z + {random}", frame)
    assert "10 rows are too few for" in message
    assert "in 8 groups of 'g'" in message
    assert "the likelihood has no maximum" in message


def test_crossed_factors_that_reproduce_any_outcome() -> None:
    """Ten rows of six and five groups: the criterion once "converged" on its way down."""
    g, h = np.repeat(range(6), [2, 2, 2, 2, 1, 1]), [0, 1, 1, 2, 2, 3, 3, 4, 4, 0]
    y = np.random.default_rng(1).normal(size=10)
    frame = pd.DataFrame({"y": y, "g": g, "h": h})
    message = _message("y ~ 1 + (1 | g) + (1 | h)", frame)
    assert "10 rows are too few for 1 random coefficient(s) in 6 groups of 'g', 1 random" in message
    assert fit("y ~ 1 + (1 | g) + (1 | h)", pd.concat([frame, frame.assign(y=-y)])).sigma > 0


def test_repeated_column_name(frame: pd.DataFrame) -> None:
    twice = pd.concat([frame, frame[["x"]]], axis=1)
    assert "'x': is there more than once" in _message("y ~ x + (1 | unit)", twice)


def test_choices(frame: pd.DataFrame) -> None:
    assert "`method` must be 'reml' or 'ml', got 'reml2'." in _message(
        "y ~ x + (1 | unit)", frame, method="reml2"
    )
    assert "`missing` must be" in _message("y ~ x + (1 | unit)", frame, missing="keep")
    model = fit("y ~ x + (1 | unit)", frame)
    with pytest.raises(ModelError, match="`df` must be"):
        model.tidy(df="z")
    with pytest.raises(ModelError, match="`conf_level` must lie between 0 and 1"):
        model.tidy(conf_level=95)
    with pytest.raises(ModelError, match="Did you mean 'unit'"):
        model.predict(include=["units"])
    with pytest.raises(ModelError, match="`interval` must be"):
        model.predict(interval="both")


def test_outcome_function(frame: pd.DataFrame) -> None:
    message = _message("within(y, unit) ~ x + (1 | unit)", frame)
    assert "The outcome cannot be within(y, unit)" in message


def test_formula_needs_random_term(frame: pd.DataFrame) -> None:
    with pytest.raises(FormulaError, match="no random term"):
        fit("y ~ x", frame)
    with pytest.raises(FormulaError, match="has no random terms"):
        ols("y ~ x + (1 | unit)", frame, cluster="unit")


def test_pooled_needs_two_clusters(frame: pd.DataFrame) -> None:
    with pytest.raises(ModelError, match="two groups of 'text'"):
        ols("y ~ x", frame, cluster="text")


def test_missing_rows_are_counted(frame: pd.DataFrame) -> None:
    frame.loc[[1, 2], "x"] = np.nan
    frame.loc[[2, 3], "y"] = np.nan
    model = fit("y ~ x + (1 | unit)", frame)
    assert dict(model.design.lost) == {"y": 2, "x": 2}
    assert model.glance()["rows_dropped"].iloc[0] == 3
    assert "57 rows (3 dropped (y 2, x 2 missing))" in repr(model)
    rows = model.augment()
    assert len(rows) == 60
    assert rows["fitted"].isna().sum() == 3
    assert "3 rows have missing values" in _message("y ~ x + (1 | unit)", frame, missing="raise")


def test_a_group_that_loses_all_rows_is_no_level(frame: pd.DataFrame) -> None:
    frame.loc[frame["unit"] == 4, "x"] = np.nan
    model = fit("y ~ x + (1 | hospital/unit)", frame)
    assert model.groups == "11 hospital:unit, 3 hospital"
    assert "1:4" not in set(model.random_effects()["level"])


def test_aliased_terms_are_reported(frame: pd.DataFrame) -> None:
    twin = frame.assign(a=2 * frame["x"] + 1, empty=0.0)
    for model in (
        fit("y ~ x + a + empty + (1 | unit)", twin),
        ols("y ~ x + a + empty", twin, cluster="unit"),
    ):
        assert model.glance()["dropped_terms"].iloc[0] == ("a", "empty")
        assert list(model.tidy()["term"]) == ["(Intercept)", "x"]


def test_the_callers_frame_is_not_changed(frame: pd.DataFrame) -> None:
    before = frame.copy()
    fit("y ~ x*sex + within(x, unit) + (x | unit)", frame)
    pd.testing.assert_frame_equal(frame, before)


def test_a_deviation_from_units_that_is_rounding_only_is_no_predictor():
    """A unit-level score within units was 4e-16 in places and got a coefficient of 1e13."""
    rng = np.random.default_rng(3)
    unit = np.repeat(np.arange(20), 7)
    frame = pd.DataFrame({"y": rng.normal(size=140), "use": rng.normal(3, 1, 20)[unit] / 3})
    fitted = fit("y ~ within(use, unit) + (1 | unit)", frame.assign(unit=unit))
    assert fitted.glance()["dropped_terms"].item() == ("within(use, unit)",)
