"""Two groups: equal to R's t.test and wilcox.test, and to pingouin; bad input."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from crosslevel.comparison import two_groups
from crosslevel.errors import ModelError
from reference_values import data, entries
from tolerances import EXACT


def test_age_by_use_equals_r() -> None:
    entry = entries("single_level")["ttest_contraception_age"]
    expected, rtol = entry.values, entry.tolerance["default"]["rtol"]
    found = two_groups(data("Contraception"), "age", group="use")
    table = found.tidy().set_index("term")
    assert list(found.levels) == expected["levels"]
    assert list(found.n) == expected["n"]
    np.testing.assert_allclose(found.mean, expected["mean"], rtol=rtol)
    np.testing.assert_allclose(found.std_dev, expected["sd"], rtol=rtol)
    welch = table.loc["welch", ["statistic", "df", "p_value", "conf_low", "conf_high"]]
    np.testing.assert_allclose(welch.astype(float), list(expected["welch"].values()), rtol=rtol)
    student = table.loc["student", ["statistic", "df", "p_value"]]
    np.testing.assert_allclose(student.astype(float), list(expected["student"].values()), rtol=rtol)
    assert table.loc["cohen_d", "estimate"] == pytest.approx(expected["cohen_d_pooled"], rel=rtol)
    assert table.loc["hedges_g", "estimate"] == pytest.approx(expected["hedges_g_exact"], rel=rtol)
    assert table.loc["wilcoxon", "statistic"] == expected["wilcoxon_W"]
    assert table.loc["wilcoxon", "p_value"] == pytest.approx(expected["wilcoxon_p_cc"], rel=rtol)


@pytest.mark.parametrize("name", ["two_groups_exam", "two_groups_seatbelts", "two_groups_males"])
def test_groups_far_apart_equal_r(name: str) -> None:
    """Student's t above 4.5 used to end in "ValueError: The function value at x=-6.0 is NaN"."""
    entry = entries("single_level_more")[name]
    expected, rtol = entry.values, entry.tolerance["default"]["rtol"]
    frame = data(entry.dataset)
    found = two_groups(frame, expected["outcome"], group=expected["group"])
    table = found.tidy().set_index("term")
    tested = ["statistic", "df", "p_value", "conf_low", "conf_high"]
    for kind, columns in {
        "welch": tested,
        "student": tested,
        "wilcoxon": ["statistic", "p_value"],
        "cohen_d": ["estimate", "conf_low", "conf_high"],
    }.items():
        got = table.loc[kind, columns].astype(float)
        np.testing.assert_allclose(got, expected[kind], rtol=rtol, err_msg=kind)


@pytest.mark.parametrize("apart", [-40.0, -0.3, 0.0, 2.0, 400.0])
@pytest.mark.parametrize("n", [2, 9, 3000])
def test_size_has_an_interval_whatever_the_distance(apart: float, n: int) -> None:
    y = np.random.default_rng(n).normal(size=2 * n)
    frame = pd.DataFrame({"y": y, "g": np.repeat(["a", "b"], n)})
    frame["y"] += np.where(frame["g"] == "a", apart, 0.0)
    d = two_groups(frame, "y", group="g").tidy().set_index("term").loc["cohen_d"]
    assert d["conf_low"] < d["estimate"] < d["conf_high"]


def test_size_and_superiority_equal_pingouin() -> None:
    import pingouin

    frame = data("Contraception")
    x, y = (frame.loc[frame["use"] == level, "age"] for level in ("N", "Y"))
    table = two_groups(frame, "age", group="use").tidy().set_index("term")
    ranks = pingouin.mwu(x, y).iloc[0]
    assert table.loc["wilcoxon", "estimate"] == pytest.approx(ranks["CLES"], rel=EXACT)
    d = pingouin.compute_effsize(x, y, eftype="cohen")
    assert table.loc["cohen_d", "estimate"] == pytest.approx(d, rel=EXACT)


def test_interval_of_d_has_the_observed_t_at_its_tails() -> None:
    frame = data("Contraception")
    found = two_groups(frame, "age", group="use", conf_level=0.9)
    d, t = (found.tidy().set_index("term").loc[name] for name in ("cohen_d", "student"))
    unit = np.sqrt(sum(1 / n for n in found.n))
    for end, tail in (("conf_low", 0.95), ("conf_high", 0.05)):
        assert stats.nct.cdf(t["statistic"], t["df"], d[end] / unit) == pytest.approx(tail)


def test_order_of_groups_missing_values_and_words() -> None:
    frame = pd.DataFrame({"use": [1.0, 2, 3, 3, 4, 6, np.nan, 9], "role": [*"bbbaaaa", None]})
    found = two_groups(frame, "use", group="role")
    assert (found.levels, found.n, found.rows_dropped) == (("a", "b"), (3, 3), 2)
    text = repr(found)
    assert "use of a less b: 2.33 (95% interval" in text
    assert "Hedges' g 1.44 (large; Cohen, 1988). 3 a and 3 b; 2 rows dropped." in text
    turned = frame.assign(role=pd.Categorical(frame["role"], categories=["b", "a", "c"]))
    other = two_groups(turned, "use", group="role")
    assert other.levels == ("b", "a")
    assert other.tidy()["estimate"][0] == pytest.approx(-found.tidy()["estimate"][0])
    assert other.glance()["mean"].tolist() == [2.0, pytest.approx(13 / 3)]


def test_refusals() -> None:
    frame = pd.DataFrame({"x": [1.0, 2, 3, 4], "g": list("aabc"), "t": list("pqrs"), "h": "a"})
    with pytest.raises(ModelError, match=r"column 'y': not found"):
        two_groups(frame, "y", group="g")
    with pytest.raises(ModelError, match="'t' must hold numbers"):
        two_groups(frame, "t", group="g")
    with pytest.raises(ModelError, match="'g' has 3 with values of 'x': 'a', 'b', 'c'"):
        two_groups(frame, "x", group="g")
    with pytest.raises(ModelError, match="'h' has 1 with"):
        two_groups(frame, "x", group="h")
    with pytest.raises(ModelError, match="Group 'b' of 'g' has one person"):
        two_groups(frame.iloc[:3], "x", group="g")
    with pytest.raises(ModelError, match="does not vary within the groups"):
        two_groups(frame.assign(x=[1.0, 1, 2, 2], g=list("aabb")), "x", group="g")
    with pytest.raises(ModelError, match="between 0 and 1, got 95"):
        two_groups(frame, "x", group="g", conf_level=95)
