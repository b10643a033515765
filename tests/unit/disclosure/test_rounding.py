"""Two sums that differ by one person's answer, and what rounding leaves of the difference."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crosslevel.disclosure import DisclosureError, keeping_sign, places_of, rounded, significant

SETTINGS = settings(derandomize=True, deadline=None, max_examples=150, database=None)


def test_the_mean_with_one_and_without_one_gives_no_answer():
    """From exact means of 1,000 and of 999 people, the answer of the one was 4.0 exactly."""
    rng = np.random.default_rng(4)
    answers = rng.integers(1, 6, 1000).astype(float)
    shown = pd.DataFrame({"mean": [answers.mean(), answers[1:].mean()], "n": [1000, 999]})
    assert shown.eval("mean * n").diff().abs().iloc[1] == pytest.approx(answers[0])
    safe = rounded(shown, ["mean"], places_of([answers.std()] * 2))
    uncertain = 0.5 * 10.0 ** -float(places_of(answers.std())[0]) * 1999
    assert uncertain > 4, "the answer could be any from 1 to 5"
    assert safe["mean"].tolist() == [round(answers.mean(), 1), round(answers[1:].mean(), 1)]


@pytest.mark.parametrize(
    ("spread", "places"),
    [(0.0099, 4), (0.01, 3), (0.99, 2), (1.0, 1), (12345.0, -3), (0.0, 12), (np.nan, 12)],
)
def test_places(spread, places):
    assert places_of(spread).tolist() == [places]


def test_a_sign_is_kept():
    places = keeping_sign(np.array([2, 2, 2, 2]), np.array([[0.1], [0.004], [0.00001], [0.0]]))
    assert places.tolist() == [2, 3, 4, 2]


def test_nothing_but_the_named_columns_changes_and_the_frame_stays():
    frame = pd.DataFrame({"a": [1.2345, -0.0001], "b": [1.2345, np.nan]})
    before = frame.copy()
    found = rounded(frame, ["a"], [1, 2])
    assert found["a"].tolist() == [1.2, 0.0]
    assert not np.signbit(found["a"]).any()
    assert found["b"].equals(before["b"])
    pd.testing.assert_frame_equal(frame, before)
    assert significant(frame, ["b"], digits=2)["b"].iloc[0] == 1.2


def test_what_cannot_be_rounded():
    frame = pd.DataFrame({"a": [1.0, 2.0]})
    with pytest.raises(DisclosureError, match="column 'c': not found"):
        rounded(frame, ["c"], 2)
    with pytest.raises(DisclosureError, match="3 numbers of decimals for 2 rows"):
        rounded(frame, ["a"], [1, 2, 3])


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20), st.integers(1, 6))
@SETTINGS
def test_significant_digits_are_as_near_as_so_many_digits_can_be(numbers, digits):
    """0.35 to one digit is 0.3 or 0.4: no nearer number has one digit."""
    found = significant(pd.DataFrame({"x": numbers}), ["x"], digits=digits)["x"]
    for value, shown in zip(numbers, found, strict=True):
        if abs(value) > 1e-9:
            unit = 10.0 ** (int(f"{abs(value):e}".partition("e")[2]) - digits + 1)
            assert abs(shown - value) <= 0.5 * unit * (1 + 1e-9)
            assert shown == pytest.approx(float(f"{shown:.{digits - 1}e}"), rel=1e-12)
