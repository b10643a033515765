"""Nothing about few people is shown, and no subtraction gives it back."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crosslevel.disclosure import DisclosureError, withhold

SETTINGS = settings(derandomize=True, deadline=None, max_examples=150, database=None)


def _table(counts, hospitals=None):
    frame = pd.DataFrame({"unit": [f"u{i}" for i in range(len(counts))], "n": counts})
    return frame if hospitals is None else frame.assign(hospital=hospitals)


def test_nothing_to_withhold():
    found = withhold(_table([5, 6, 20]), count="n", minimum=5)
    assert found.shown["n"].tolist() == [5, 6, 20]
    assert found.withheld == 0


def test_one_small_row_takes_the_next_smallest_with_it():
    found = withhold(_table([20, 3, 9, 12]), count="n", minimum=5)
    assert found.shown["unit"].tolist() == ["u0", "u3"]
    assert found.withheld == 2
    assert repr(found) == "2 rows shown, 2 withheld (minimum 5)"


def test_two_small_rows_that_make_few_people_take_a_third():
    found = withhold(_table([1, 1, 7, 12]), count="n", minimum=5)
    assert found.shown["n"].tolist() == [12]


def test_within_each_hospital():
    hospitals = ["N", "N", "N", "S", "S", "S"]
    found = withhold(_table([3, 8, 9, 6, 7, 8], hospitals), count="n", minimum=5, by="hospital")
    assert found.shown["n"].tolist() == [9, 6, 7, 8]


def test_a_small_hospital_is_not_given_back_by_the_grand_total():
    """Withholding by hospital alone left S: 12 + 9 known, total 25, so 4 people in S."""
    found = withhold(_table([12, 9, 4], ["N", "N", "S"]), count="n", minimum=5, by="hospital")
    assert found.shown.empty


def test_a_missing_count_is_nobody_and_a_single_row_is_hidden():
    assert withhold(_table([np.nan]), count="n", minimum=2).shown.empty
    assert withhold(_table([np.nan, 4.0]), count="n", minimum=2).shown.empty
    assert withhold(_table([]), count="n", minimum=2).withheld == 0


@pytest.mark.parametrize(
    ("counts", "options", "message"),
    [
        ([1, 2], {"count": "m", "minimum": 5}, "column 'm': not found"),
        ([1, 2], {"count": "n", "minimum": 0}, "must be at least 1, got 0"),
        ([-1, 2], {"count": "n", "minimum": 5}, "row 0: '-1' is no number of people"),
        ([1.5, 2], {"count": "n", "minimum": 5}, "is no number of people"),
        (["few", "2"], {"count": "n", "minimum": 5}, "row 0: 'few' is no number of people"),
    ],
)
def test_what_cannot_be_protected(counts, options, message):
    with pytest.raises(DisclosureError, match=re.escape(message)):
        withhold(_table(counts), **options)


@given(
    rows=st.lists(st.tuples(st.integers(0, 15), st.sampled_from("NSE")), max_size=12),
    minimum=st.integers(1, 8),
    by=st.sampled_from([None, "hospital"]),
)
@SETTINGS
def test_no_small_row_and_no_small_remainder(rows, minimum, by):
    frame = _table([n for n, _ in rows], [h for _, h in rows]).astype({"n": "int64"})
    found = withhold(frame, count="n", minimum=minimum, by=by)
    assert (found.shown["n"] >= minimum).all()
    assert len(found.shown) + found.withheld == len(frame)
    assert found.shown.merge(frame).equals(found.shown)
    names = [] if by is None else sorted(set(frame["hospital"]))
    for name in [None, *names]:
        total = frame if name is None else frame[frame["hospital"] == name]
        shown = found.shown if name is None else found.shown[found.shown["hospital"] == name]
        left = len(total) - len(shown)
        remainder = total["n"].sum() - shown["n"].sum()
        assert left == 0 or shown.empty or (left >= 2 and remainder >= minimum)
    if (frame["n"] >= minimum).all():
        assert found.withheld == 0
