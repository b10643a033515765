"""Moments of incomplete data and Little's test against R; patterns, units and dropout by hand."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import stats

from crosslevel.errors import MeasurementError
from crosslevel.quality import mcar, missingness
from crosslevel.quality.incomplete import expect, patterns
from crosslevel.quality.normal import moments
from reference_values import data, entries
from tolerances import CLOSED_FORM

ENTRIES = entries("missingness")
SETTINGS = settings(derandomize=True, deadline=None, max_examples=30, database=None)


@pytest.mark.parametrize("name", ENTRIES)
def test_moments_and_little_equal_r(name):
    entry = ENTRIES[name]
    values, rtol = entry.values, entry.tolerance["default"]["rtol"]
    frame = data(entry.dataset)[values["columns"]].astype("float64")
    fitted = moments(frame.to_numpy(), values["columns"])
    assert fitted.converged
    sd = np.sqrt(np.diag(values["cov"]))
    for theirs in (values, values.get("em")):
        if theirs is None:
            continue
        np.testing.assert_allclose(fitted.mean / sd, theirs["mean"] / sd, atol=rtol)
        scale = np.outer(sd, sd)
        np.testing.assert_allclose(fitted.covariance / scale, theirs["cov"] / scale, atol=rtol)
        got, expected = mcar(frame), theirs["little"]
        assert got.statistic == pytest.approx(expected["statistic"], rel=rtol)
        assert (got.df, got.patterns, got.n) == (
            expected["df"],
            expected["patterns"],
            values["n"],
        )
        assert got.p_value == pytest.approx(expected["p_value"], rel=1e-3)


def test_one_pattern_beside_complete_rows_is_hotellings_comparison():
    """With y missing in some rows, Little's test compares the two means of x."""
    rng = np.random.default_rng(4)
    frame = pd.DataFrame(rng.normal(size=(80, 2)), columns=["x", "y"])
    frame.loc[:29, "y"] = np.nan
    x = frame["x"]
    means = [x[:30].mean(), x[30:].mean()]
    d2 = sum(n * (m - x.mean()) ** 2 for n, m in zip((30, 50), means, strict=True)) / x.var(ddof=0)
    found = mcar(frame)
    assert found.df == 1
    assert found.p_value == pytest.approx(stats.chi2.sf(found.statistic, 1))
    # mu_y moves with the complete rows' mean of x, so their part of d2 is that of x alone
    assert found.statistic == pytest.approx(d2, rel=1e-6)


def test_little_answers_tidy_glance_and_repr():
    frame = data("nhanes")
    found = mcar(frame)
    assert found.tidy().loc[0, "statistic"] == found.statistic
    assert found.glance().loc[0, "patterns"] == found.patterns
    assert repr(found).startswith("Little's test: chi-square")


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        ({"a": [1.0, 2, 3], "b": [1.0, 3, 2]}, "Nothing is missing, so there is nothing to test."),
        ({"a": [1.0, 2, 3], "b": [np.nan] * 3}, "No row has a value of 'b'. Leave it out."),
        ({"a": [1.0, 2, 3], "b": [4.0, 4, np.nan]}, "Every value is the same in 'b'."),
        ({"a": [1.0, 2, 3], "b": ["x", "y", None]}, "item 'b': is not numeric."),
        (
            {"a": [1.0, 2, 3, 5], "b": [2.0, 4, 6, 10], "c": [1.0, 0, 1, np.nan]},
            "These variables determine each other: 'a', 'b'",
        ),
        ({"a": [np.nan] * 3, "b": [np.nan] * 3}, "No row has a value of 'a', 'b'."),
    ],
)
def test_where_little_is_undefined(frame, message):
    with pytest.raises(MeasurementError, match=re.escape(message)):
        mcar(pd.DataFrame(frame))


@given(
    arrays.arrays(np.bool_, st.tuples(st.integers(1, 40), st.integers(1, 5))),
    st.integers(0, 5),
)
@SETTINGS
def test_expected_cells_and_distances_equal_their_definition(missing, seed):
    rng = np.random.default_rng(seed)
    n, p = missing.shape
    root = rng.normal(size=(p, p + 3))
    S = root @ root.T
    rows = np.where(missing, 0.0, rng.normal(size=(n, p)))
    found = patterns(missing)
    assert sorted(found.order.tolist()) == list(range(n))
    got = expect(rows[found.order], found, np.linalg.inv(S))
    total = np.zeros((p, p))
    for i, row in enumerate(found.order):
        o, m, x = ~missing[row], missing[row], rows[row]
        if o.any():
            expected = x[o] @ np.linalg.solve(S[np.ix_(o, o)], x[o])
            B = S[np.ix_(m, o)] @ np.linalg.inv(S[np.ix_(o, o)])
            np.testing.assert_allclose(got.filled[i, m], B @ x[o], atol=1e-7)
            total[np.ix_(m, m)] += S[np.ix_(m, m)] - B @ S[np.ix_(o, m)]
        else:
            expected = 0.0
            total += S
        assert got.distance[i] == pytest.approx(expected, abs=1e-7)
    np.testing.assert_allclose(got.covariance, total, atol=1e-6)


def test_more_items_than_a_machine_word_holds():
    missing = np.zeros((3, 130), dtype=bool)
    missing[1, 129] = missing[2, 129] = True
    found = patterns(missing)
    assert found.counts.tolist() == [2, 1]
    assert found.order.tolist() == [1, 2, 0]


ANSWERS = pd.DataFrame(
    {
        "unit": ["A", "A", "B", None],
        "beds": [10.0, None, None, None],
        "q1": [1, 2, None, None],
        "q2": [1, None, None, None],
        "q3": ["x", "y", None, None],
        "q4": [1, None, None, None],
    }
)


def test_by_hand():
    found = missingness(ANSWERS, by=["unit"], levels={"beds": "unit"})
    table = found.items.set_index("item")
    assert table.loc["beds", ["level", "n", "missing"]].tolist() == ["unit", 2, 1]
    assert table.loc["q2", ["n", "missing", "skipped", "after_stop"]].tolist() == [4, 3, 1, 2]
    assert table.loc["q4", ["missing", "skipped", "after_stop"]].tolist() == [3, 0, 3]
    assert found.rows["n_missing"].tolist() == [0, 2, 4, 4]
    assert found.rows["last_answered"].astype("object").tolist()[:2] == ["q4", "q3"]
    assert found.rows["last_answered"].isna().tolist() == [False, False, True, True]
    assert found.dropout["stopped"].tolist() == [0, 0, 1, 0]
    assert found.dropout["going_on"].tolist() == [0.5, 0.5, 0.5, 0.25]
    assert found.units["unit"].tolist() == ["A", "B", "(missing)"]
    assert found.units["missing"].tolist() == [0.25, 1, 1]
    assert found.units["complete"].tolist() == [0.5, 0, 0]
    assert found.patterns["n"].tolist() == [2, 1, 1]
    assert found.patterns.loc[0, ["q1", "q2", "q3", "q4"]].all()
    glance = found.glance().loc[0]
    assert glance[["n", "complete", "empty", "stopped", "patterns"]].tolist() == [4, 1, 2, 1, 3]
    assert "most missing" in repr(found)
    assert found.tidy().columns[0] == "term"


def test_bfi_shares_are_counts():
    frame = data("bfi")
    found = missingness(frame)
    np.testing.assert_array_equal(found.items["missing"], frame.isna().sum())
    assert found.patterns["n"].sum() == len(frame)
    assert found.items["share"].to_numpy() == pytest.approx(
        frame.isna().mean().to_numpy(), rel=CLOSED_FORM
    )
    assert len(found.units) == 0


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"by": ["units"]}, "column 'units': not found. Did you mean 'unit'?"),
        ({"levels": {"beds": "unit"}}, "item 'beds': its level 'unit' is not among `by`."),
        ({"items": []}, "There is nothing to judge: 4 row(s) and 0 item(s)"),
    ],
)
def test_refused(given, message):
    with pytest.raises(MeasurementError, match=re.escape(message)):
        missingness(ANSWERS, **given)


def test_repeated_columns_are_refused():
    twice = pd.concat([ANSWERS, ANSWERS[["q1"]]], axis=1)
    with pytest.raises(MeasurementError, match="column 'q1': is there more than once"):
        missingness(twice)
