"""Intraclass correlations of raters against psych and Shrout & Fleiss (1979)."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from crosslevel.errors import MeasurementError
from crosslevel.psychometrics import alpha, rater_icc
from tolerances import EXACT


@pytest.mark.parametrize("name", ["icc_shrout_fleiss", "icc_penicillin"])
def test_equals_psych(entry, dataset, name):
    reference = entry("reliability", name)
    tolerance, expected = reference["tolerance"], reference["values"]["results"]
    matrix = reference["values"]["ratings"]
    ratings = pd.DataFrame(matrix["data"], columns=matrix["col_names"])
    if reference["dataset"]:
        long = dataset("Penicillin")
        wide = long.pivot_table(index="plate", columns="sample", values="diameter")
        np.testing.assert_array_equal(wide, ratings)
    table = rater_icc(ratings).table
    for ours, theirs in {
        "estimate": "ICC", "statistic": "F", "df": "df1", "df_residual": "df2",
        "conf_low": "lower.bound", "conf_high": "upper.bound",
    }.items():  # fmt: skip
        np.testing.assert_allclose(table[ours], expected[theirs], rtol=tolerance["rtol"])
    np.testing.assert_allclose(table["p_value"], expected["p"], rtol=tolerance["p"]["rtol"])


def test_results_answer_tidy_glance_and_repr(entry):
    matrix = entry("reliability", "icc_shrout_fleiss")["values"]["ratings"]
    found = rater_icc(pd.DataFrame(matrix["data"], columns=matrix["col_names"]))
    assert found.tidy()["term"].tolist()[0] == "ICC(1,1)"
    assert found.glance().loc[0, "n_raters"] == 4
    assert "6 targets, 4 raters" in repr(found)


def test_consistency_of_means_is_alpha(dataset):
    items = dataset("attitude")[["complaints", "learning", "raises"]]
    last = rater_icc(items, conf_level=0.9).table.iloc[-1]
    found = alpha(items, conf_level=0.9)
    assert last["estimate"] == pytest.approx(found.estimate, rel=EXACT)
    assert last["conf_low"] == pytest.approx(found.conf_low, rel=EXACT)
    assert last["conf_high"] == pytest.approx(found.conf_high, rel=EXACT)


def test_raters_without_error_and_targets_left_out():
    same = pd.DataFrame({"J1": [1.0, 2, 5, np.nan], "J2": [2.0, 3, 6, 4]})
    found = rater_icc(same)
    assert (found.n, found.n_dropped) == (3, 1)
    assert "3 targets (1 left out)" in repr(found)
    estimates = found.table.set_index("term")["estimate"]
    assert estimates["ICC(3,1)"] == 1
    assert estimates["ICC(2,1)"] < 1
    assert rater_icc(same.assign(J2=same["J1"])).table["estimate"].eq(1).all()


@pytest.mark.parametrize(
    ("ratings", "message"),
    [
        ({"J1": [1.0, 2, 3]}, "agreement needs two raters and two targets rated by all"),
        ({"J1": [1.0, 2], "J2": [1.0, np.nan]}, "got 2 and 1"),
        ({"J1": [2.0, 2, 2], "J2": [3.0, 3, 3]}, "the targets do not differ"),
        ({"J1": ["x", "y"], "J2": [1.0, 2]}, "item 'J1': is not numeric"),
    ],
)
def test_where_it_is_undefined(ratings, message):
    with pytest.raises(MeasurementError, match=re.escape(message)):
        rater_icc(pd.DataFrame(ratings))


def test_a_level_that_is_no_probability():
    with pytest.raises(MeasurementError, match="`conf_level` must lie between 0 and 1, got 95"):
        rater_icc(pd.DataFrame({"J1": [1.0, 2], "J2": [2.0, 2]}), conf_level=95)
