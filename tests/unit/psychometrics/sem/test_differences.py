"""Scaled difference tests of nested models, in three ways, as in lavaan."""

from __future__ import annotations

import json
import re
from contextlib import nullcontext
from typing import Any

import numpy as np
import pandas as pd
import pytest

from crosslevel.errors import MeasurementError
from crosslevel.psychometrics import CorrectionWarning, SemFit, cfa
from reference_values import REFERENCE, data

ENTRIES = {
    entry["id"]: entry["values"]
    for entry in json.loads((REFERENCE / "differences.json").read_text(encoding="utf-8"))["entries"]
}
STEPS: dict[str, tuple[str, ...]] = {
    "configural": (),
    "metric": ("loadings",),
    "scalar": ("loadings", "intercepts"),
}
PAIRS = [(name, pair) for name in ENTRIES for pair in ENTRIES[name]["pairs"] if name != "mlr_200"]


def _rows(name: str) -> pd.DataFrame:
    frame = data("HolzingerSwineford1939")
    if name == "mlr_fiml":
        for i in range(9):
            frame.loc[frame.index[i::13], f"x{i + 1}"] = np.nan
    return frame.head(200) if name == "mlr_200" else frame


def _fit(name: str, model: str) -> SemFit:
    options: dict[str, Any] = {"estimator": name[:3]}
    if name == "mlr_fiml":
        options["missing"] = "fiml"
    options["std_lv"] = name == "mlr_std_lv"
    texts = ENTRIES[name]["models"]
    if name.endswith("schools"):
        return cfa(texts["free"], _rows(name), group="school", equal=STEPS[model], **options)
    return cfa(texts[model], _rows(name), **options)


def _pair(name: str, pair: str) -> tuple[SemFit, SemFit]:
    larger, smaller = pair.split("_")
    return _fit(name, larger), _fit(name, smaller)


@pytest.mark.parametrize(("name", "pair"), PAIRS)
def test_equals_lavaan(name: str, pair: str) -> None:
    larger, smaller = _pair(name, pair)
    for method, reference in ENTRIES[name]["pairs"][pair].items():
        negative = reference["statistic"] < 0
        with pytest.warns(CorrectionWarning) if negative else nullcontext():
            found = larger.compare(smaller, method=method).iloc[0]
        assert (found["df"], found["method"]) == (reference["df"], method)
        if negative:
            assert found["status"] == "negative scaling factor"
            continue
        assert found["status"] == "tested"
        np.testing.assert_allclose(found["statistic"], reference["statistic"], rtol=2e-5)
        np.testing.assert_allclose(found["p_value"], reference["p"], rtol=1e-3)
        if method == "satorra-2000":
            np.testing.assert_allclose(1 / found["scaling_factor"], reference["scale"], rtol=2e-5)
            np.testing.assert_allclose(found["shift"], reference["shift"], rtol=1e-4, atol=1e-8)


def test_the_default_is_that_of_2001() -> None:
    larger, smaller = _pair("mlr", "free_equal")
    named = larger.compare(smaller, method="satorra-bentler-2001")
    pd.testing.assert_frame_equal(smaller.compare(larger), named)


def test_a_negative_scaling_factor_is_named() -> None:
    """It used to be nan without a word."""
    larger, smaller = _pair("mlr_200", "cross_free")
    expected = ENTRIES["mlr_200"]["pairs"]["cross_free"]
    text = "by 'satorra-bentler-2001' is -1.17: it has no test. Choose another `method`"
    with pytest.warns(CorrectionWarning, match=re.escape(text)):
        found = larger.compare(smaller).iloc[0]
    assert expected["satorra-bentler-2001"]["statistic"] == "NA"
    assert found["status"] == "negative scaling factor"
    assert np.isnan([found["statistic"], found["p_value"]]).all()
    fall = smaller.test.chisq - larger.test.chisq
    with pytest.warns(CorrectionWarning):
        found = larger.compare(smaller, method="satorra-bentler-2010").iloc[0]
    factor = fall / expected["satorra-bentler-2010"]["statistic"]
    np.testing.assert_allclose(found["scaling_factor"], factor, rtol=1e-4)
    found = larger.compare(smaller, method="satorra-2000").iloc[0]
    assert found["status"] == "tested"
    reference = expected["satorra-2000"]["statistic"]
    np.testing.assert_allclose(found["statistic"], reference, rtol=2e-5)


@pytest.mark.parametrize(
    ("estimator", "method"),
    [
        ("mlm", "satorra-bentler-2001"),
        ("mlm", "satorra-bentler-2010"),
        ("mlm", "satorra-2000"),
        ("mlr", "satorra-bentler-2001"),
        ("mlr", "satorra-2000"),
    ],
)
def test_order_of_items_and_the_scale_of_factors_do_not_matter(estimator: str, method: str) -> None:
    """With "mlr", "satorra-bentler-2010" does depend on the latter, here and in lavaan."""
    frame = _rows(estimator)
    larger, smaller = _pair(estimator, "free_equal")
    turned = "speed =~ x9 + x8 + x7\ntextual =~ x6 + x5 + x4\nvisual =~ x3 + x2 + x1"
    other = cfa(turned, frame, estimator=estimator, std_lv=True)
    one, two = (fit.compare(smaller, method=method).iloc[0] for fit in (larger, other))
    assert two["statistic"] == pytest.approx(one["statistic"], rel=1e-5)


def test_the_same_degrees_of_freedom_are_named() -> None:
    fit = _fit("mlr", "free")
    for method in (None, "satorra-bentler-2010", "satorra-2000"):
        found = fit.compare(fit, method=method).iloc[0]
        assert (found["df"], found["status"]) == (0, "same degrees of freedom")
        assert np.isnan(found["p_value"])


def test_what_a_method_cannot_compare_is_refused() -> None:
    frame = _rows("mlr")
    free = _fit("mlr", "free")
    with pytest.raises(MeasurementError, match=r"got 'satorra-200'. Did you mean 'satorra-2000'"):
        free.compare(free, method="satorra-200")
    plain = cfa(free.model, frame)
    with pytest.raises(MeasurementError, match="'ml' has no scaled test"):
        plain.compare(plain, method="satorra-2000")
    gaps = _fit("mlr_fiml", "free")
    with pytest.raises(MeasurementError, match="needs complete answers and no clusters"):
        gaps.compare(_fit("mlr_fiml", "equal"), method="satorra-2000")
    items = " + ".join(f"x{i}" for i in range(1, 10))
    other = cfa(f"g =~ {items}\nx1 ~~ x2\nx4 ~~ x9\nx2 ~~ x8", frame, estimator="mlr")
    smaller = _fit("mlr", "equal")
    with pytest.raises(MeasurementError, match="the larger one cannot imply what"):
        other.compare(smaller, method="satorra-bentler-2010")
    with pytest.raises(MeasurementError, match="different respondents"):
        free.compare(cfa(free.model, frame, estimator="mlr", group="school"))
