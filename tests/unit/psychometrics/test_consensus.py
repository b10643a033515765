"""Agreement within groups against R's multilevel."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from crosslevel.errors import MeasurementError
from crosslevel.psychometrics import ConstantItemWarning, rwg
from crosslevel.psychometrics.nulls import null_variance
from tolerances import EXACT

NULLS = {"uniform": "uniform", "slight_skew": "slight", "triangular": "triangular"}
SINGLE = {"rwg_bh1996_cohes": "COHES", "rwg_bh1996_lead": "LEAD"}
SEVERAL = {
    "rwgj_lq2002_tsig": ("lq2002", ["TSIG01", "TSIG02", "TSIG03"]),
    "rwgj_cohesion": ("cohesion", [f"COH0{i}" for i in range(1, 6)]),
}


def _by_group(found, names):
    return found.groups.set_index("group").loc[names]


def _summary(values, expected, rtol):
    """Check the summary of one index over the groups."""
    found = {
        "n": len(values), "mean": values.mean(), "median": values.median(), "min": values.min(),
        "max": values.max(), "prop_ge_070": (values >= 0.70).mean(),
    }  # fmt: skip
    assert found == pytest.approx(expected, rel=rtol, abs=EXACT)


@pytest.mark.parametrize("null", NULLS)
@pytest.mark.parametrize("name", SINGLE)
def test_one_item_equals_r(entry, dataset, name, null):
    reference = entry("aggregation", name)
    rtol, expected = reference["tolerance"]["rtol"], reference["values"]["rwg"][null]
    frame = dataset("bh1996")
    found = rwg(frame[SINGLE[name]], frame["GRP"], n_options=5, null=NULLS[null])
    groups = _by_group(found, expected["groups"])
    np.testing.assert_allclose(groups["rwg"], expected["rwg"], rtol=rtol, atol=EXACT)
    assert groups["n"].tolist() == expected["gsize"]
    assert found.null_variance == expected["ranvar"]
    assert found.mean == pytest.approx(expected["summary"]["mean"], rel=rtol)
    assert found.median == pytest.approx(expected["summary"]["median"], rel=rtol)
    assert found.share_above_070 == pytest.approx(expected["summary"]["prop_ge_070"], rel=rtol)
    for theirs, ours in (("AD_mean", "ad_mean"), ("AD_median", "ad_median")):
        np.testing.assert_allclose(groups[ours], reference["values"][theirs]["values"], rtol=rtol)
        _summary(groups[ours], reference["values"][theirs]["summary"], rtol)
    _summary(groups["rwg"], expected["summary"], rtol)
    np.testing.assert_allclose(groups["std_dev"], reference["values"]["within_sd"], rtol=rtol)


@pytest.mark.parametrize("null", NULLS)
@pytest.mark.parametrize("name", SEVERAL)
def test_several_items_equal_r(entry, dataset, name, null):
    reference = entry("aggregation", name)
    rtol, expected = reference["tolerance"]["rtol"], reference["values"]["rwg_j"][null]
    file, items = SEVERAL[name]
    frame = dataset(file)
    unit = frame["COMPID"] if file == "lq2002" else frame["UNIT"] + ":" + frame["PLATOON"]
    found = rwg(frame[items], unit, n_options=5, null=NULLS[null])
    groups = _by_group(found, expected["groups"])
    np.testing.assert_allclose(groups["rwg"], expected["rwg_j"], rtol=rtol, atol=EXACT)
    np.testing.assert_allclose(
        groups["rwg_star"], expected["rwg_star_lindell"], rtol=rtol, atol=EXACT
    )
    assert groups["n"].tolist() == expected["gsize"]
    for theirs, ours in (("AD_M_J", "ad_mean"), ("AD_Md_J", "ad_median")):
        np.testing.assert_allclose(groups[ours], reference["values"][theirs]["values"], rtol=rtol)
        _summary(groups[ours], reference["values"][theirs]["summary"], rtol)
    _summary(groups["rwg"], expected["summary"], rtol)
    for summary, ours in (
        ("mean", found.mean), ("median", found.median), ("prop_ge_070", found.share_above_070),
    ):  # fmt: skip
        assert ours == pytest.approx(expected["summary"][summary], rel=rtol)


@pytest.mark.parametrize("name", ["awg_lq2002_tsig", "awg_lq2002_hostile", "awg_bh1996_lead"])
def test_awg_equals_r(entry, dataset, name):
    reference = entry("measurement", name)
    expected, rtol = reference["values"], reference["tolerance"]["rtol"]
    frame = dataset(reference["dataset"][0].removeprefix("data/").removesuffix(".csv"))
    found = rwg(
        frame[expected["items"]],
        frame[expected["group"]],
        n_options=5,
        bounds=tuple(expected["range"]),
    )
    groups = _by_group(found, expected["groups"])
    np.testing.assert_allclose(groups["awg"], expected["awg"], rtol=rtol)


def test_awg_at_the_ends_of_the_scale():
    """All at an end agree wholly; a mean too near an end leaves a_wg undefined."""
    frame = pd.DataFrame({"y": [5.0, 5, 5, 4.9, 5, 4.9, 3, 1], "g": list("aaabbbcd")})
    found = rwg(frame["y"], frame["g"], n_options=5, bounds=(1, 5))
    assert found.groups["awg"].tolist()[0] == 1
    assert found.groups["awg"].iloc[1:].isna().all()
    assert rwg(frame["y"], frame["g"], n_options=5).groups["awg"].isna().all()
    assert found.glance().loc[0, "awg"] == 1


def test_answers_that_do_not_fit_the_scale():
    frame = pd.DataFrame({"y": [1.0, 7, 3, 3], "g": list("aabb")})
    with pytest.raises(MeasurementError, match="run from 1 to 7: they do not fit on 5 options"):
        rwg(frame["y"], frame["g"], n_options=5)


@pytest.mark.parametrize(
    ("null", "variances"),
    [
        ("uniform", [2.00, 2.92, 4.00, 5.25, 6.67, 8.25, 10.00]),
        ("slight", [1.34, 1.85, 2.90, 3.47, 5.66, 6.30, 7.31]),
        ("moderate", [0.90, 1.26, 2.14, 2.79, 4.73, 5.09, 6.32]),
        ("heavy", [0.44, 0.69, 1.39, 2.35, 3.16, 3.46, 4.02]),
        ("triangular", [1.32, 1.45, 2.10, 2.81, 3.00, 2.89, 3.32]),
        ("normal", [1.04, 1.25, 1.40, 1.73, 1.58, 1.45, 1.40]),
    ],
)
def test_null_variances_are_those_tabled(null, variances):
    """LeBreton & Senter (2008), Table 2: five to eleven options."""
    found = [null_variance(null, n_options) for n_options in range(5, 12)]
    assert found == pytest.approx(variances, abs=0.005)


@pytest.mark.parametrize(
    ("null", "shares"),
    [
        ("slight", [0.05, 0.15, 0.20, 0.35, 0.25]),
        ("moderate", [0.00, 0.10, 0.15, 0.40, 0.35]),
        ("heavy", [0.00, 0.00, 0.10, 0.40, 0.50]),
        ("triangular", [0.11, 0.22, 0.34, 0.22, 0.11]),
        ("uniform", [0.2] * 5),
    ],
)
def test_null_variances_are_those_of_the_published_shares(null, shares):
    """LeBreton & Senter (2008), Table 2: shares of the five options under each null."""
    frame = pd.DataFrame({"y": [1.0, 2], "g": ["a", "a"]})
    found = rwg(frame["y"], frame["g"], n_options=5, null=null)
    mean = sum(p * x for x, p in enumerate(shares, 1))
    variance = sum(p * x * x for x, p in enumerate(shares, 1)) - mean**2
    assert found.null_variance == pytest.approx(variance, abs=EXACT)
    same = rwg(frame["y"], frame["g"], n_options=5, null=shares)
    assert same.null_variance == pytest.approx(variance, abs=EXACT)
    assert same.null == "given shares"


def test_a_group_of_one_has_no_agreement_and_counts_nowhere():
    frame = pd.DataFrame({"y": [4.0, 4, 2], "g": ["a", "a", "alone"]})
    found = rwg(frame["y"], frame["g"], n_options=5)
    assert found.groups["rwg"].tolist()[0] == 1.0
    alone = found.groups.iloc[1]
    assert alone["n"] == 1
    assert alone[["rwg", "rwg_star", "ad_mean", "ad_median"]].isna().all()
    assert (found.mean, found.share_above_070) == (1.0, 1.0)


def test_a_given_variance_and_the_summary():
    frame = pd.DataFrame({"y": [1.0, 2, 3, 3], "g": list("aabb")})
    found = rwg(frame["y"], frame["g"], n_options=7, null=2.0)
    assert found.groups["rwg"].tolist() == [0.75, 1.0]
    assert found.glance().loc[0, ["null", "null_variance", "groups"]].tolist() == [
        "given variance",
        2.0,
        2,
    ]
    assert found.tidy().equals(found.groups)
    assert "100 % at 0.70 or above" in repr(found)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"n_options": 5, "null": "unifrom"},
            "There is no null 'unifrom'. Did you mean 'uniform'?",
        ),
        ({"n_options": 5, "null": "bell"}, "It is one of: uniform, slight"),
        ({"n_options": 4, "null": "slight"}, "tabled for five to eleven options, not 4"),
        ({"n_options": 5, "null": [0.5, 0.5]}, "one share for each of 5 options, got 2"),
        ({"n_options": 2, "null": [0.5, 0.6]}, "add up to 1, got 1.1"),
        ({"n_options": 2, "null": [1, 0]}, "everyone gives one answer has no variance"),
        ({"n_options": 2, "bounds": (1, 5)}, "does not run from 1 to 5"),
        ({"n_options": 2, "bounds": (0, 1)}, "run from 1 to 2, outside the scale of 0 to 1"),
        ({"n_options": 1}, "at least two options, got 1"),
        ({"n_options": 5, "null": 0.0}, "must be positive, got 0"),
    ],
)
def test_nulls_that_do_not_exist(options, message):
    frame = pd.DataFrame({"y": [1.0, 2], "g": ["a", "a"]})
    with pytest.raises(MeasurementError, match=re.escape(message)):
        rwg(frame["y"], frame["g"], **options)


def test_nobody_to_agree_with():
    frame = pd.DataFrame({"y": [1.0, 2], "g": ["a", "b"]})
    with pytest.raises(MeasurementError, match="nobody to agree with"):
        rwg(frame["y"], frame["g"], n_options=5)


def test_an_item_everybody_answers_alike_is_named(dataset):
    """Two constant items raised the median from 0.640 to 0.917 without a word."""
    frame = dataset("lq2002")
    items = frame[["TSIG01", "TSIG02"]].assign(same=3.0)
    with pytest.warns(ConstantItemWarning, match="the same answer to 'same'"):
        rwg(items, frame["COMPID"], n_options=5)


def test_groups_without_agreement_and_rows_left_out_are_not_counted_in():
    answers = pd.DataFrame({"a": [1, 2, 1, 4, 4, 3, np.nan], "b": [1, 2, 2, 5, 4, 3, 3]})
    unit = pd.Series(list("xxxyyzy"))
    found = rwg(answers, unit, n_options=5)
    assert found.rows_dropped == found.glance()["rows_dropped"].item() == 1
    assert "over 2 groups" in repr(found)
    assert repr(found).endswith(", 1 rows dropped")
