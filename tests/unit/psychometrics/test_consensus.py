"""Agreement within groups against R's multilevel."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from crosslevel.errors import MeasurementError
from crosslevel.psychometrics import rwg
from tolerances import EXACT

NULLS = {"uniform": "uniform", "slight_skew": "slight", "triangular": "triangular"}
SINGLE = {"rwg_bh1996_cohes": "COHES", "rwg_bh1996_lead": "LEAD"}
SEVERAL = {
    "rwgj_lq2002_tsig": ("lq2002", ["TSIG01", "TSIG02", "TSIG03"]),
    "rwgj_cohesion": ("cohesion", [f"COH0{i}" for i in range(1, 6)]),
}


def _by_group(found, names):
    return found.groups.set_index("group").loc[names]


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
    for summary, ours in (
        ("mean", found.mean), ("median", found.median), ("prop_ge_070", found.share_above_070),
    ):  # fmt: skip
        assert ours == pytest.approx(expected["summary"][summary], rel=rtol)


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
        ({"n_options": 7, "null": "slight"}, "tabled for five options, not 7"),
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
