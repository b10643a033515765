"""Verdicts over the grid of cases, and sentences that never speak of cause."""

from __future__ import annotations

import itertools
import math
import re

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crosslevel.integration import Claim, ClaimError, judge, verdict

SETTINGS = settings(derandomize=True, deadline=None, max_examples=200, database=None)
CAUSAL = re.compile(
    r"caus|effect of|leads? to|increas|decreas|impact|influenc|improv|reduc|because"
)


def _claim(expected="positive", smallest=0.1, **other):
    fields = {"id": "C1", "statement": "Use goes with learning.", "model": "main", "term": "use"}
    return Claim(**(fields | other), expected=expected, smallest=smallest)


def _table(estimate, low, high, **other):
    row = {"model": "main", "term": "use", "estimate": estimate, "conf_low": low, "conf_high": high}
    return pd.DataFrame([row | other])


# estimate, low, high, verdict for a positive claim of at least 0.1, words of the sentence
CASES = [
    (0.20, 0.05, 0.35, "supported", "positively associated"),
    (0.10, 0.01, 0.19, "supported", "of at least the smallest size of interest (0.10)"),
    (0.25, 0.20, 0.30, "supported", "Supported."),
    (0.08, 0.02, 0.14, "inconclusive", "as expected, but the association may be smaller"),
    (0.20, -0.05, 0.45, "inconclusive", "holds both no association and a positive one"),
    (0.20, 0.00, 0.40, "inconclusive", "No association of manager's use with the outcome"),
    (0.00, -0.30, 0.30, "inconclusive", "Inconclusive."),
    (-0.05, -0.25, 0.15, "inconclusive", "Inconclusive."),
    (0.05, 0.01, 0.09, "not supported", "associations of the smallest size of interest (0.10) are"),
    (0.00, -0.08, 0.08, "not supported", "are ruled out. Not supported."),
    (-0.10, -0.22, 0.02, "not supported", "No association of manager's use with the outcome"),
    (-0.20, -0.35, -0.05, "not supported", "the opposite of the positive sign expected"),
    (math.nan, math.nan, math.nan, "inconclusive", "could not be estimated"),
]


@pytest.mark.parametrize(("estimate", "low", "high", "expected", "words"), CASES)
def test_grid_of_cases_for_a_positive_claim(estimate, low, high, expected, words):
    found = judge([_claim()], _table(estimate, low, high, label="manager's use")).iloc[0]
    assert found["verdict"] == expected
    assert words in found["sentence"]


@pytest.mark.parametrize(("estimate", "low", "high", "expected", "words"), CASES)
def test_a_negative_claim_is_the_mirror_of_a_positive_one(estimate, low, high, expected, words):
    mirrored = _table(-estimate, -high, -low, label="manager's use")
    found = judge([_claim("negative")], mirrored).iloc[0]
    assert found["verdict"] == expected
    swapped = {
        "positively": "negatively",
        "a positive": "a negative",
        "the positive": "the negative",
    }
    for word, other in swapped.items():
        words = words.replace(word, other)
    assert words in found["sentence"]


def test_the_row_of_a_claim():
    table = pd.concat(
        [
            _table(0.9, 0.8, 1.0, estimator="ols-cluster", p_value=0.5),
            _table(0.234, 0.0514, 0.4166, estimator="multilevel", p_value=0.012),
        ]
    )
    found = judge([_claim()], table, outcomes={"main": "goal learning"}, conf_level=0.9).iloc[0]
    assert found.to_dict() == {
        "id": "C1",
        "statement": "Use goes with learning.",
        "model": "main",
        "term": "use",
        "expected": "positive",
        "smallest": 0.1,
        "estimate": 0.234,
        "conf_low": 0.0514,
        "conf_high": 0.4166,
        "p_value": 0.012,
        "verdict": "supported",
        "sentence": "Use is positively associated with goal learning "
        "(0.23, 90% interval 0.05 to 0.42), of at least the smallest size of interest (0.10). "
        "Supported.",
    }
    other = judge([_claim()], table, estimator="ols-cluster").iloc[0]
    assert other["estimate"] == 0.9


def test_negative_numbers_carry_a_minus_sign():
    found = judge([_claim("negative")], _table(-0.3, -0.5, -0.1)).iloc[0]
    assert (
        "(\N{MINUS SIGN}0.30, 95% interval \N{MINUS SIGN}0.50 to \N{MINUS SIGN}0.10)"
        in found["sentence"]
    )


@pytest.mark.parametrize(
    ("numbers", "shown"),
    [
        ((0.2, 0.004, 0.4), "(0.200, 95% interval 0.004 to 0.400)"),
        ((0.0996, 0.01, 0.2), "(0.0996, 95% interval 0.0100 to 0.2000)"),
        ((0.0, -0.08, 0.08), "(0.00, 95% interval \N{MINUS SIGN}0.08 to 0.08)"),
        ((0.2, 1e-9, 0.4), "(0.20000, 95% interval 0.00000 to 0.40000)"),
    ],
)
def test_decimals_hide_no_sign_and_no_distance(numbers, shown):
    """0.0996 against 0.10 used to read "0.10 ... may be smaller than 0.10"."""
    assert shown in judge([_claim()], _table(*numbers)).iloc[0]["sentence"]


def test_no_claims_give_no_rows():
    assert judge([], _table(0, -1, 1)).empty


def test_every_claim_that_points_nowhere_is_named():
    table = pd.concat(
        [_table(0, -1, 1), _table(0, -1, 1, model="twice"), _table(0, -1, 1, model="twice")]
    )
    claims = [
        _claim(model="mian"),
        _claim(id="C2", term="usee"),
        _claim(id="C3", model="twice"),
        _claim(),
    ]
    with pytest.raises(ClaimError) as caught:
        judge(claims, table)
    assert [str(p) for p in caught.value.problems] == [
        "claim 'C1': occurs twice. Give each an id of its own.",
        "claim 'C1': there is no model 'mian'. Did you mean 'main'?",
        "claim 'C2': model 'main' has no term 'usee'. Did you mean 'use'?",
        "claim 'C3': model 'twice' has the term 'use' 2 times. Give one estimator.",
    ]
    with pytest.raises(ClaimError, match=r"column 'conf_low': not found"):
        judge([_claim()], table.drop(columns="conf_low"))


@pytest.mark.parametrize("smallest", [0, -0.1, math.nan, math.inf])
def test_a_claim_needs_a_size_that_matters(smallest):
    with pytest.raises(ClaimError, match="must be above zero"):
        _claim(smallest=smallest)


def test_a_claim_needs_a_sign():
    with pytest.raises(ClaimError, match=r"must be 'positive' or 'negative', got 'up'"):
        _claim(expected="up")


numbers = st.floats(-1, 1, allow_nan=False)


@given(low=numbers, width=st.floats(0, 1), share=st.floats(0, 1), size=st.floats(0.01, 0.5))
@SETTINGS
def test_units_and_sign_do_not_change_a_verdict(low, width, share, size):
    high, estimate = low + width, low + share * width
    plain = verdict(_claim(smallest=size), estimate, low, high)
    assert verdict(_claim(smallest=8 * size), 8 * estimate, 8 * low, 8 * high) == plain
    assert verdict(_claim("negative", smallest=size), -estimate, -high, -low) == plain
    if plain == "supported":
        assert low > 0 and estimate >= size
    if plain == "not supported":
        assert high < size
    if plain == "inconclusive":
        assert high >= size and (low <= 0 or estimate < size)


def test_no_sentence_speaks_of_cause():
    steps = [-0.4, -0.15, -0.05, 0.0, 0.05, 0.15, 0.4]
    for low, estimate, high in itertools.combinations_with_replacement(steps, 3):
        for expected in ("positive", "negative"):
            row = judge([_claim(expected)], _table(estimate, low, high)).iloc[0]
            assert not CAUSAL.search(row["sentence"]), row["sentence"]
            assert "associat" in row["sentence"]
            assert row["sentence"].lower().endswith(f"{row['verdict']}.")
