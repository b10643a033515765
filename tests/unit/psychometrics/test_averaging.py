"""The verdict on averaging: what decides, what is only shown, and how it is said."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from crosslevel.errors import MeasurementError
from crosslevel.psychometrics import (
    CutOffs,
    ItemDirectionWarning,
    aggregation,
    may_average,
    rwg,
)


def test_every_criterion_is_read_from_its_own_function(dataset):
    frame = dataset("lq2002")
    items = frame[["TSIG01", "TSIG02", "TSIG03"]]
    found = may_average(items, frame["COMPID"], n_options=5, bounds=(1, 5))
    table = found.tidy().set_index("criterion")
    units = aggregation(frame["TSIG"], frame["COMPID"])
    agreement = rwg(items, frame["COMPID"], n_options=5, bounds=(1, 5))
    skewed = rwg(items, frame["COMPID"], n_options=5, null="slight")
    expected = {
        "p of the F test": units.p_value, "ICC(1)": units.icc1, "ICC(2)": units.icc2,
        "median r_wg(j) (uniform)": agreement.median, "median r_wg(j) (slight)": skewed.median,
        "median a_wg": agreement.groups["awg"].median(),
        "mean AD from the mean": agreement.groups["ad_mean"].mean(),
    }  # fmt: skip
    assert table["estimate"].to_dict() == pytest.approx(expected, rel=1e-6)
    assert table["cut_off"].tolist() == pytest.approx([0.05, 0.05, 0.7, 0.7, 0.7, 0.7, 5 / 6])
    assert table.loc["mean AD from the mean", "source"].startswith("Burke & Dunlap (2002)")
    assert not found.may
    assert "because members do not agree (median r_wg(j) (uniform) = 0.607, cut-off 0.70)" in repr(
        found
    )
    assert found.glance().loc[0, ["groups", "null"]].tolist() == [49, "uniform"]


def test_leadership_in_army_companies_may_be_averaged_but_hangs_on_the_null(dataset):
    frame = dataset("bh1996")
    found = may_average(frame["LEAD"], frame["GRP"], n_options=5)
    assert (found.may, found.reliable) == (True, True)
    assert found.verdict == (
        "Answers may be averaged to the unit, because units differ beyond chance (p of the F test "
        "below 0.001), enough of the variance lies between units (ICC(1) = 0.127, cut-off 0.05) "
        "and members agree (median r_wg (uniform) = 0.742, cut-off 0.70); and unit means are "
        "reliable (ICC(2) = 0.916, cut-off 0.70). It hangs on the null: median r_wg (slight) = "
        "0.615, cut-off 0.70."
    )
    strict = may_average(frame["LEAD"], frame["GRP"], n_options=5, nulls=["slight"])
    assert not strict.may


def test_an_additive_average_needs_no_agreement(dataset):
    frame = dataset("lq2002")
    items = frame[[f"HOSTIL0{i}" for i in range(1, 6)]]
    consensus = may_average(items, frame["COMPID"], n_options=5)
    additive = may_average(items, frame["COMPID"], n_options=5, composition="additive")
    assert (consensus.may, additive.may) == (False, True)
    assert "agree" not in additive.verdict


def test_unreliable_means_are_said_and_no_difference_refuses():
    rng = np.random.default_rng(3)
    unit = pd.Series(np.repeat([f"u{i}" for i in range(40)], 3))
    level = np.repeat(rng.choice([3, 4], 40), 3)
    agreed = pd.Series(level + rng.choice([-1, 0, 0, 1], 120))
    found = may_average(agreed, unit, n_options=7, cut_offs=CutOffs(icc2=0.95))
    assert (found.may, found.reliable) == (True, False)
    assert "but unit means are not reliable (ICC(2) = " in found.verdict
    assert found.verdict.endswith("a model with a latent unit mean allows for that.")
    nothing = may_average(pd.Series(rng.integers(1, 5, 120)), unit, n_options=4)
    assert not nothing.may
    assert "no difference between the 40 units was shown (p of the F test = " in nothing.verdict
    assert len(nothing.criteria) == 5  # no skewed null is tabled for four options


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"composition": "consensual"}, "Did you mean 'consensus'?"),
        ({"composition": "sum"}, "There is no composition 'sum'."),
        ({"nulls": []}, "needs at least one null"),
        ({"nulls": ["uniform", "slihgt"]}, "Did you mean 'slight'?"),
    ],
)
def test_what_cannot_be_asked(options, message):
    frame = pd.DataFrame({"y": [1.0, 2, 4, 5], "g": list("aabb")})
    with pytest.raises(MeasurementError, match=re.escape(message)):
        may_average(frame["y"], frame["g"], n_options=5, **options)


def test_scores_of_its_own_decide_on_the_units(dataset):
    """A score that forgives a missing answer has more respondents than complete answers have."""
    frame = dataset("lq2002")
    items = frame[["TSIG01", "TSIG02", "TSIG03"]].copy()
    items.iloc[::5, 0] = np.nan
    units = frame["COMPID"]
    found = may_average(items, units, n_options=5, scores=frame["TSIG"])
    assert found.aggregation.icc2 == aggregation(frame["TSIG"], units).icc2
    assert found.agreement.median == rwg(items, units, n_options=5).median
    assert found.aggregation.n > may_average(items, units, n_options=5).aggregation.n


def test_an_average_that_claims_nothing_shared_asks_nothing():
    """Random answers could not be averaged even as an additive composition, which asks nothing."""
    rng = np.random.default_rng(3)
    unit = pd.Series(np.repeat(np.arange(12), 10))
    answers = pd.DataFrame(rng.integers(1, 6, size=(120, 4)), columns=list("abcd"))
    with pytest.warns(ItemDirectionWarning):
        found = may_average(answers, unit, n_options=5, composition="additive")
    assert found.may
    assert "because an average that claims nothing shared asks nothing of its" in found.verdict
    assert "but unit means are not reliable" in found.verdict
    assert set(found.criteria["decides"]) == {"", "reliability", "sensitivity"}


def test_unreversed_items_are_named(dataset):
    """They agree as well as others; the mean of the scale was judged without a word."""
    frame = dataset("lq2002")
    items = frame[["LEAD01", "LEAD02", "LEAD03"]].assign(LEAD03=lambda d: 6 - d["LEAD03"])
    with pytest.warns(ItemDirectionWarning, match="'LEAD03' correlate negatively"):
        may_average(items, frame["COMPID"], n_options=5)


def test_one_null_may_stand_alone(dataset):
    """ "uniform" was read as seven nulls, the first of them 'u'."""
    frame = dataset("lq2002")
    items = frame[["TSIG01", "TSIG02"]]
    found = may_average(items, frame["COMPID"], n_options=5, nulls="uniform")
    assert (
        found.verdict == may_average(items, frame["COMPID"], n_options=5, nulls=["uniform"]).verdict
    )
