"""The same people twice, and one sample: equal to R's t.test, wilcox.test and noncentral t."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from crosslevel.comparison import MeanDifference, one_sample, paired
from crosslevel.errors import ModelError
from reference_values import data, entries
from tolerances import EXACT

NAMES = ["paired_attitude", "paired_far_apart", "paired_bfi"]
SIZE = ["estimate", "conf_low", "conf_high"]


def _equal(found: MeanDifference, expected: dict, sizes: dict[str, tuple], rtol: float) -> None:
    table = found.tidy().set_index("term")
    student = table.loc["student", ["statistic", "df", "p_value"]].astype(float)
    np.testing.assert_allclose(student, expected["student"], rtol=rtol)
    ranks = table.loc["wilcoxon", ["statistic", "p_value"]].astype(float)
    np.testing.assert_allclose(ranks, expected["wilcoxon"], rtol=rtol)
    for kind, terms in sizes.items():
        for term, name in zip(terms, ("d", "g"), strict=True):
            got = table.loc[term, SIZE].astype(float)
            np.testing.assert_allclose(got, expected[kind][name], rtol=rtol, err_msg=term)


@pytest.mark.parametrize("name", NAMES)
def test_paired_equals_r(name: str) -> None:
    """bfi has ties, differences of zero and people who answered one of both."""
    entry = entries("single_level_more")[name]
    values, rtol = entry.values, entry.tolerance["default"]["rtol"]
    found = paired(data(entry.dataset), values["first"], values["second"])
    assert found.n == values["n"][0]
    sizes = {"z": ("cohen_dz", "hedges_gz"), "av": ("cohen_dav", "hedges_gav")}
    _equal(found, values["paired"], sizes, rtol)
    ends = found.tidy().loc[0, ["conf_low", "conf_high"]].astype(float)
    np.testing.assert_allclose(ends, values["paired"]["interval"], rtol=rtol)


@pytest.mark.parametrize("name", NAMES)
def test_one_sample_equals_r(name: str) -> None:
    entry = entries("single_level_more")[name]
    values, rtol = entry.values, entry.tolerance["default"]["rtol"]
    found = one_sample(data(entry.dataset), values["first"], value=values["value"])
    assert found.n == values["n"][1]
    _equal(found, values["one_sample"], {"z": ("cohen_d", "hedges_g")}, rtol)
    ends = found.tidy().loc[0, ["conf_low", "conf_high"]].astype(float) + values["value"]
    np.testing.assert_allclose(ends, values["one_sample"]["interval"], rtol=rtol)


def test_a_pair_is_one_sample_of_differences_and_turns_around() -> None:
    frame = data("bfi").assign(change=lambda d: d["A2"] - d["A3"])
    pair = paired(frame, "A2", "A3", conf_level=0.9).tidy().set_index("term")
    alone = one_sample(frame, "change", conf_level=0.9).tidy().set_index("term")
    for ours, theirs in (("student", "student"), ("cohen_dz", "cohen_d"), ("wilcoxon", "wilcoxon")):
        got, expected = (t.loc[k].drop("group").astype(float) for t, k in
                         ((pair, ours), (alone, theirs)))  # fmt: skip
        np.testing.assert_allclose(got, expected, rtol=EXACT)
    turned = paired(frame, "A3", "A2").tidy().set_index("term")
    assert turned["estimate"]["cohen_dav"] == pytest.approx(-pair["estimate"]["cohen_dav"])
    assert turned["estimate"]["wilcoxon"] == pytest.approx(1 - pair["estimate"]["wilcoxon"])
    assert turned["p_value"]["wilcoxon"] == pytest.approx(pair["p_value"]["wilcoxon"])


def test_size_and_ranks_equal_pingouin() -> None:
    import pingouin

    frame = data("attitude")
    table = paired(frame, "rating", "raises").tidy().set_index("term")
    x, y = frame["rating"], frame["raises"]
    theirs = pingouin.ttest(x, y, paired=True)
    assert table.loc["student", "p_value"] == pytest.approx(theirs.iloc[0]["p_val"], rel=1e-8)
    d = pingouin.compute_effsize(x, y, paired=True, eftype="cohen")
    assert table.loc["cohen_dav", "estimate"] == pytest.approx(d, rel=EXACT)
    rank_biserial = pingouin.wilcoxon(x, y).iloc[0]["RBC"]
    assert 2 * table.loc["wilcoxon", "estimate"] - 1 == pytest.approx(rank_biserial, rel=EXACT)


def test_words_and_missing_values() -> None:
    frame = pd.DataFrame({"a": [3.0, 4, 4, 6, 5, np.nan, 1], "b": [2.0, 4, 3, 3, 4, 1, np.nan]})
    assert repr(paired(frame, "a", "b")) == (
        "a less b: 1.20 (95% interval -0.16 to 2.56), Hedges' gav 0.96 (large; Cohen, 1988). "
        "5 people; 2 rows dropped."
    )
    found = one_sample(frame, "a", value=3.5)
    assert "a less 3.5: 0.33 (95% interval" in repr(found)
    assert "Hedges' g 0.16 (negligible; Cohen, 1988). 6 people; 1 rows dropped." in repr(found)
    two = one_sample(frame.iloc[:2], "a").tidy().set_index("term")
    assert np.isnan(two["estimate"]["hedges_g"]) and two["estimate"]["cohen_d"] > 0


def test_refusals() -> None:
    frame = pd.DataFrame(
        {"x": [1.0, 2, 3], "y": [2.0, 3, 4], "t": list("abc"), "i": [1, 2, np.inf]}
    )
    with pytest.raises(ModelError, match="column 'z': not found"):
        paired(frame, "x", "z")
    with pytest.raises(ModelError, match="'t' must hold numbers"):
        one_sample(frame, "t")
    with pytest.raises(ModelError, match="'x' cannot be compared with itself"):
        paired(frame, "x", "x")
    with pytest.raises(ModelError, match="'x' less 'y' does not vary"):
        paired(frame, "x", "y")
    with pytest.raises(ModelError, match="'x': 1 people have values; two are needed"):
        one_sample(frame.iloc[:1], "x")
    with pytest.raises(ModelError, match="between 0 and 1, got 95"):
        one_sample(frame, "x", conf_level=95)
    with pytest.raises(ModelError, match="infinite values in 'x' or 'i'"):
        paired(frame, "x", "i")
    with pytest.raises(ModelError, match="`value` must be a number, got nan"):
        one_sample(frame, "x", value=float("nan"))
