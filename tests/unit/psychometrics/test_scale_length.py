"""Spearman-Brown for two items and for other lengths."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from crosslevel.errors import MeasurementError
from crosslevel.psychometrics import (
    ItemDirectionWarning,
    alpha,
    length_for,
    prophecy,
    spearman_brown,
)


def test_two_items_equal_r(entry, dataset):
    reference = entry("reliability", "two_item_hs")
    expected, rtol = reference["values"], reference["tolerance"]["rtol"]
    found = spearman_brown(dataset("HolzingerSwineford1939")[["x4", "x5"]])
    assert found.estimate == pytest.approx(expected["spearman_brown"], rel=rtol)
    assert found.r == pytest.approx(expected["r"], rel=rtol)
    assert found.n == expected["n"]
    assert found.tidy().loc[0, "conf_low"] == found.conf_low
    assert found.glance().loc[0, "r"] == found.r
    assert "2 items with r = 0.733, 301 complete respondents" in repr(found)


def test_interval_is_that_of_the_correlation(dataset):
    import pingouin

    items = dataset("HolzingerSwineford1939")[["x4", "x5"]]
    found = spearman_brown(items, conf_level=0.9)
    low, high = pingouin.corr(items["x4"], items["x5"]).loc["pearson", "CI95"]
    wider = spearman_brown(items)
    assert wider.conf_low == pytest.approx(prophecy(low, length=2), abs=5e-3)
    assert wider.conf_high == pytest.approx(prophecy(high, length=2), abs=5e-3)
    assert wider.conf_low < found.conf_low < found.conf_high < wider.conf_high


def test_lengths_equal_r(scale):
    rtol, expected = scale.tolerance["default"]["rtol"], scale.expected
    reliability = expected["alpha_raw"]
    for length, name in ((2, "double"), (0.5, "half")):
        found = prophecy(reliability, length=length)
        assert found == pytest.approx(expected[f"spearman_brown_{name}"], rel=rtol)
    needed = length_for(0.9, reliability=reliability)
    assert needed == pytest.approx(expected["spearman_brown_length_for_090"], rel=rtol)
    assert prophecy(reliability, length=needed) == pytest.approx(0.9)


def test_alpha_of_one_item_says_what_would_do():
    with pytest.raises(MeasurementError, match="repeated measurement would show its reliability"):
        alpha(pd.DataFrame({"a": [1.0, 2, 3]}))


def test_few_respondents_have_no_interval_and_reversed_items_are_named():
    found = spearman_brown(pd.DataFrame({"a": [1.0, 2, 3], "b": [1.0, 3, 2]}))
    assert np.isnan([found.conf_low, found.conf_high]).all()
    with pytest.warns(ItemDirectionWarning, match="'a', 'b' correlate negatively"):
        spearman_brown(pd.DataFrame({"a": [1.0, 2, 3, 4], "b": [4.0, 3, 1, 2]}))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: spearman_brown(pd.DataFrame({"a": [1.0, 2, 3]})),
            "Spearman-Brown is undefined.",
        ),
        (lambda: prophecy(0.7, length=0), "`length` must be positive, got 0."),
        (lambda: length_for(1.0, reliability=0.7), "`target` must lie between 0 and 1, got 1."),
        (lambda: length_for(0.9, reliability=-0.2), "`reliability` must lie between 0 and 1"),
        (
            lambda: spearman_brown(pd.DataFrame(np.eye(4), columns=list("abcd"))),
            "`spearman_brown` is for two items, got 4.",
        ),
    ],
)
def test_what_has_no_answer(call, message):
    with pytest.raises(MeasurementError, match=re.escape(message)):
        call()
