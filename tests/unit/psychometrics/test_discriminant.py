"""Composite reliability, variance extracted and HTMT against semTools, and on known truths."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from crosslevel.errors import MeasurementError
from crosslevel.psychometrics import cfa, discriminant, htmt
from reference_values import data, entries

SCALES = {"visual": ["x1", "x2", "x3"], "textual": ["x4", "x5", "x6"], "speed": ["x7", "x8", "x9"]}
THREE = "\n".join(f"{name} =~ {' + '.join(own)}" for name, own in SCALES.items())
COLUMNS = {
    "omega_obs_var": "omega_observed",
    "omega_model_var": "omega",
    "AVE": "ave",
    "composite_reliability_standardised": "composite_reliability",
}


@pytest.fixture(scope="module")
def pupils() -> pd.DataFrame:
    return data("HolzingerSwineford1939")


def test_equals_semtools(pupils: pd.DataFrame) -> None:
    entry = entries("reliability")["cr_hs9"]
    found = discriminant(cfa(THREE, pupils))
    own = found.factors.set_index("factor")
    for theirs, mine in COLUMNS.items():
        for factor, value in entry.values[theirs].items():
            np.testing.assert_allclose(own.loc[factor, mine], value, atol=entry.tolerance["atol"])
    reference = entry.values["htmt"]
    matrix = htmt(pupils, SCALES).loc[reference["row_names"], reference["col_names"]]
    np.testing.assert_allclose(matrix, reference["data"], atol=entry.tolerance["atol"])
    for row in found.pairs.itertuples():
        np.testing.assert_allclose(row.htmt, matrix.loc[row.factor, row.other], rtol=1e-12)
    assert found.verdict.startswith("All factors are distinct (HTMT below 0.85, Henseler")
    assert found.glance()["distinct"].iloc[0]
    assert set(found.tidy()["term"]) >= {"omega", "ave", "htmt", "correlation"}
    assert "textual" in repr(found)


OPTIONS = {
    "bfi_five": {},
    "lq_two": {},
    "hs_school": {"group": "school"},
    "hs_residuals": {},
    "bfi_fiml": {"missing": "fiml"},
    "bfi_ordered": {"estimator": "wlsmv"},
    "bfi_ordered_gender": {"estimator": "wlsmv", "group": "gender"},
}


@pytest.mark.parametrize("name", list(OPTIONS))
def test_other_models_equal_semtools(name: str) -> None:
    """Omega and variance extracted of ordered items used to be 1."""
    entry = entries("composite")[name]
    fit = cfa(entry.values["model"], data(entry.dataset), **OPTIONS[name])
    own = discriminant(fit).factors.set_index(["sample", "factor"])
    for column in ("omega", "omega_observed", "ave"):
        for row in entry.values[column]:
            found = own.loc[(row["sample"], row["factor"]), column]
            np.testing.assert_allclose(found, row["value"], atol=entry.tolerance["atol"])


def test_standardised_or_not_gives_the_same(pupils: pd.DataFrame) -> None:
    first, second = (discriminant(cfa(THREE, pupils, std_lv=lv)).factors for lv in (False, True))
    pd.testing.assert_frame_equal(first, second, rtol=1e-5)


def test_each_group_has_its_own_rows(pupils: pd.DataFrame) -> None:
    found = discriminant(cfa(THREE, pupils, group="school"))
    assert list(found.factors["sample"]) == ["Pasteur"] * 3 + ["Grant-White"] * 3
    alone = discriminant(cfa(THREE, pupils[pupils["school"] == "Pasteur"]))
    np.testing.assert_allclose(found.pairs["htmt"].head(3), alone.pairs["htmt"], rtol=1e-12)


def test_one_thing_with_two_names_is_seen() -> None:
    rng = np.random.default_rng(11)
    f = rng.normal(size=500)
    frame = pd.DataFrame({k: f + rng.normal(size=500) for k in "abcdef"})
    found = discriminant(cfa("use =~ a + b + c\nreward =~ d + e + f", frame))
    assert not found.pairs["distinct"].any()
    assert "Not shown to be distinct: 'use' and 'reward'" in found.verdict
    assert "share more than a factor explains of its own items" in found.verdict
    assert htmt(frame, {"use": list("abc"), "reward": list("def")}).loc["use", "reward"] > 0.9


def test_one_factor_has_nothing_to_be_told_apart(pupils: pd.DataFrame) -> None:
    found = discriminant(cfa("f =~ x1 + x2 + x3 + x4", pupils))
    assert len(found.pairs) == 0
    assert "nothing to be told apart" in found.verdict


def test_reversed_items_change_no_ratio(pupils: pd.DataFrame) -> None:
    turned = pupils.assign(x2=-pupils["x2"], x8=10 - pupils["x8"])
    pd.testing.assert_frame_equal(htmt(turned, SCALES), htmt(pupils, SCALES), rtol=1e-12)


def test_items_that_measure_two_factors_and_factors_of_factors_are_left_out(
    pupils: pd.DataFrame,
) -> None:
    model = THREE + "\nvisual =~ x9\ngeneral =~ visual + textual + speed"
    found = discriminant(cfa(model, pupils))
    assert list(found.factors["factor"]) == ["visual", "textual", "speed"]
    assert list(found.factors["n_items"]) == [3, 3, 2]
    with pytest.raises(MeasurementError, match="No factor of the model has two items of its own"):
        discriminant(cfa("x1 ~ x2 + x3", pupils))


@pytest.mark.parametrize(
    ("scales", "found"),
    [
        ({"f": ["x1", "x2"]}, "HTMT compares scales, got 1"),
        ({"f": ["x1", "x2"], "g": ["x3"]}, "scale 'g': 1 item(s), and two are needed"),
        ({"f": ["x1", "x2"], "g": ["x2", "x3"]}, "item 'x2': it is named more than once"),
        ({"f": ["x1", "x2"], "g": ["x33", "x4"]}, "Did you mean 'x3'"),
        ({"f": ["x1", "x2"], "g": ["x4", "flat"]}, "item 'flat': it does not vary"),
        ({"f": ["x1", "x2"], "g": ["x4", "school"]}, "'school': is not numeric"),
        ({"f": ["x1", "x2"], "g": ["x4", "empty"]}, "at least three respondents"),
    ],
)
def test_scales_that_cannot_be_compared_are_refused(
    pupils: pd.DataFrame, scales: dict, found: str
) -> None:
    with pytest.raises(MeasurementError) as caught:
        htmt(pupils.assign(flat=1.0, empty=np.nan), scales)
    assert found in str(caught.value)


def test_a_cut_off_is_a_share(pupils: pd.DataFrame) -> None:
    with pytest.raises(MeasurementError, match="between 0 and 1, got 85"):
        discriminant(cfa(THREE, pupils), cut_off=85)
