"""Intraclass correlations against R's multilevel and lme4, and where they are undefined."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crosslevel.errors import MeasurementError
from crosslevel.psychometrics import aggregation, prophecy
from tolerances import CLOSED_FORM, EXACT, LMM

SETTINGS = settings(derandomize=True, deadline=None, max_examples=20, database=None)
ENTRIES = {
    "icc_bh1996_cohes": ("bh1996", "COHES", "GRP"),
    "icc_bh1996_lead": ("bh1996", "LEAD", "GRP"),
    "icc_bh1996_hrs": ("bh1996", "HRS", "GRP"),
    "icc_bh1996_wbeing": ("bh1996", "WBEING", "GRP"),
    "icc_lq2002_tsig": ("lq2002", "TSIG", "COMPID"),
    "icc_lq2002_hostile": ("lq2002", "HOSTILE", "COMPID"),
}


@pytest.mark.parametrize("name", ENTRIES)
def test_equals_r(entry, dataset, name):
    reference = entry("aggregation", name)
    expected, tolerance = reference["values"], reference["tolerance"]
    file, value, group = ENTRIES[name]
    frame = dataset(file)
    found = aggregation(frame[value], frame[group])
    assert (found.n, found.groups) == (expected["n"], expected["groups"])
    assert (found.df1, found.df2) == (expected["df1"], expected["df2"])
    exact = {
        "mean_size": expected["group_size"]["mean"],
        "smallest": expected["group_size"]["min"],
        "largest": expected["group_size"]["max"],
        "harmonic_size": expected["group_size"]["harmonic_mean"],
        "msb": expected["MSB"],
        "msw": expected["MSW"],
        "k0": expected["group_size"]["searle_k0"],
        "f": expected["F"],
        "icc1": expected["ICC1_anova"],
        "icc1_low": expected["ICC1_ci95_meansize"]["lower"],
        "icc1_high": expected["ICC1_ci95_meansize"]["upper"],
        "icc2": expected["ICC2_anova"],
        "icc2_low": expected["ICC2_ci95"]["lower"],
        "icc2_high": expected["ICC2_ci95"]["upper"],
        "icc1_k0": expected["ICC1_anova_k0"],
        "icc1_k0_low": expected["ICC1_ci95_k0"]["lower"],
        "icc1_k0_high": expected["ICC1_ci95_k0"]["upper"],
        "eta_squared": expected["eta_sq"],
        "omega_squared": expected["omega_sq"],
    }
    for field, value_in_r in exact.items():
        ours = getattr(found, field)
        assert ours == pytest.approx(value_in_r, rel=tolerance["default"]["rtol"]), field
    assert found.p_value == pytest.approx(expected["p"], rel=tolerance["p"]["rtol"])
    design = {
        "design_effect": "from_ICC1_anova", "design_effect_reml": "from_lmer",
        "effective_n": "effective_n_lmer",
    }  # fmt: skip
    for ours, theirs in design.items():
        assert getattr(found, ours) == pytest.approx(
            expected["design_effect"][theirs], rel=tolerance["design_effect"]["rtol"]
        )


@pytest.mark.parametrize("name", ENTRIES)
def test_the_mixed_model_equals_lme4(entry, dataset, name):
    reference = entry("aggregation", name)
    expected, tolerance = reference["values"], reference["tolerance"]
    file, value, group = ENTRIES[name]
    frame = dataset(file)
    found = aggregation(frame[value], frame[group])
    reml = {
        "icc_reml": "ICC1", "tau2": "tau2", "sigma2": "sigma2", "icc2_reml": "ICC2_mean_size",
        "mean_reliability": "reliability_mean_of_groups",
    }  # fmt: skip
    for ours, theirs in reml.items():
        assert getattr(found, ours) == pytest.approx(
            expected["lmer_REML"][theirs], rel=tolerance["lmer_REML"]["rtol"]
        ), ours
    ml = {"icc_ml": "ICC1", "tau2_ml": "tau2", "sigma2_ml": "sigma2"}
    for ours, theirs in ml.items():
        assert getattr(found, ours) == pytest.approx(
            expected["lmer_ML"][theirs], rel=tolerance["lmer_ML"]["rtol"]
        ), ours
    units = found.units.set_index("group")["reliability"]
    first = units.loc[sorted(units.index, key=int)].head(5)
    np.testing.assert_allclose(
        first, expected["lmer_REML"]["reliability_first5"], rtol=tolerance["lmer_REML"]["rtol"]
    )
    by_size = found.reliability_of_means()
    assert by_size["groups"].sum() == found.groups
    average = (by_size["groups"] * by_size["reliability"]).sum() / found.groups
    assert average == pytest.approx(found.mean_reliability)
    asked = found.reliability_of_means([1, 10, 1000])
    assert asked["reliability"].iloc[0] == pytest.approx(found.icc_reml)
    assert asked["reliability"].iloc[1] == pytest.approx(prophecy(found.icc_reml, length=10))
    assert asked["groups"].iloc[2] == 0
    with pytest.raises(MeasurementError, match="group size must be positive, got 0"):
        found.reliability_of_means([0])


def test_results_answer_tidy_glance_and_repr(dataset):
    frame = dataset("lq2002")
    found = aggregation(frame["TSIG"], frame["COMPID"])
    assert found.tidy()["estimate"].tolist() == [found.icc1, found.icc1_k0, found.icc2]
    assert found.glance().loc[0, "design_effect"] == found.design_effect
    assert "units" not in found.glance()
    assert found.units["n"].sum() == 2042
    assert "2042 persons in 49 groups" in repr(found)


def test_rows_without_value_or_group_are_left_out():
    frame = pd.DataFrame({"y": [1.0, 2, 3, 5, np.nan, 4], "g": ["a", "a", "b", "b", "b", None]})
    found = aggregation(frame["y"], frame["g"])
    assert (found.n, found.groups) == (4, 2)
    nullable = aggregation(frame["y"].astype("Int64"), frame["g"])
    assert nullable.icc1 == found.icc1


def test_more_difference_within_than_between_is_a_negative_icc():
    """Two groups alike inside out: MSB is 0, so ICC(1) = -1 / (k - 1), and REML stops at 0."""
    frame = pd.DataFrame({"y": [1.0, 2, 3, 1, 2, 3], "g": list("aaabbb")})
    found = aggregation(frame["y"], frame["g"])
    assert found.icc1 == pytest.approx(-0.5)
    assert found.icc_reml == pytest.approx(0, abs=EXACT)


@pytest.mark.parametrize(
    ("values", "groups", "message"),
    [
        ([1.0, 2, 3, 4], list("aaaa"), "'y': everyone is in one group, 'a'"),
        ([2.0, 2, 2, 2], list("aabb"), "'y': every value is 2"),
        ([1.0, 2, 3, 4], list("abcd"), "'y': each group has one person only"),
        ([1.0, 1, 3, 3], list("aabb"), "'y': does not vary within any group"),
        ([np.nan] * 4, list("aabb"), "'y': no row has both a value and a group"),
        ([1.0, 2, 3], list("aabb"), "There are 3 values and 4 groups"),
        (["x", "y", "x", "y"], list("aabb"), "'y': is not numeric"),
    ],
)
def test_where_it_is_undefined(values, groups, message):
    with pytest.raises(MeasurementError, match=re.escape(message)):
        aggregation(pd.Series(values, name="y"), pd.Series(groups))


def test_a_level_that_is_no_probability():
    frame = pd.DataFrame({"y": [1.0, 2, 3, 5], "g": list("aabb")})
    with pytest.raises(MeasurementError, match="`conf_level` must lie between 0 and 1, got 95"):
        aggregation(frame["y"], frame["g"], conf_level=95)


def test_rows_are_never_paired_by_position_across_indexes():
    values = pd.Series([1.0, 2, 3], index=["p1", "p2", "p3"])
    with pytest.raises(MeasurementError, match="different indexes"):
        aggregation(values, pd.Series(list("aab")))


groups_ = st.lists(
    st.lists(st.integers(1, 7), min_size=1, max_size=4), min_size=2, max_size=5
).filter(lambda g: any(len(set(v)) > 1 for v in g))


@given(groups=groups_, seed=st.randoms())
@SETTINGS
def test_order_labels_and_units_do_not_matter(groups, seed):
    rows = [(f"u{i}", float(v)) for i, values in enumerate(groups) for v in values]
    frame = pd.DataFrame(rows, columns=["g", "y"])
    plain = aggregation(frame["y"], frame["g"])
    seed.shuffle(rows)
    mixed = pd.DataFrame(rows, columns=["g", "y"])
    others = [
        aggregation(mixed["y"], mixed["g"]),
        aggregation(frame["y"] * 12 + 3, frame["g"]),
        aggregation(frame["y"], frame["g"].map(lambda name: f"ward {9 - int(name[1])}")),
    ]
    sums = [sum(v) for v in groups]
    grand = sum(sums) / sum(map(len, groups))
    between = sum(len(v) * (sum(v) / len(v) - grand) ** 2 for v in groups) / (len(groups) - 1)
    within = sum((x - sum(v) / len(v)) ** 2 for v in groups for x in v) / plain.df2
    k = sum(map(len, groups)) / len(groups)
    assert plain.icc1 == pytest.approx((between - within) / (between + (k - 1) * within), abs=EXACT)
    for other in others:
        assert other.icc1 == pytest.approx(plain.icc1, rel=CLOSED_FORM, abs=EXACT)
        assert other.icc_reml == pytest.approx(
            plain.icc_reml, rel=LMM["variance"]["rtol"], abs=LMM["variance"]["atol"]
        )


def test_a_frame_is_no_variable():
    """ICC(1) of a frame was 0.258 where its mean has 0.387: grand mean and unit means differed."""
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(rng.integers(1, 6, size=(40, 3)), columns=list("abc"))
    unit = pd.Series(np.repeat(list("wxyz"), 10))
    with pytest.raises(MeasurementError, match=r"got a frame of 3 column\(s\)\. Give one"):
        aggregation(frame, unit)


def test_rows_left_out_are_counted():
    values = pd.Series([1.0, 2, np.nan, 4, 3, 5])
    unit = pd.Series(["a", "a", "a", "b", "b", None])
    found = aggregation(values, unit)
    assert found.rows_dropped == found.glance()["rows_dropped"].item() == 2
    assert repr(found).endswith("4 persons in 2 groups, 2 rows dropped")
