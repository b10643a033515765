"""Within and between units: R's waba, pingouin's intervals, and parts that do not vary."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from crosslevel.errors import MeasurementError
from crosslevel.psychometrics import correlations, waba
from tolerances import EXACT


def test_waba_equals_r(entry, dataset):
    reference = entry("aggregation", "waba_bh1996")
    expected, rtol = reference["values"]["waba"], reference["tolerance"]["rtol"]
    frame = dataset("bh1996")
    found = waba(frame["HRS"], frame["WBEING"], frame["GRP"])
    pairs = {
        "r_raw": "RawCorr", "eta_between_x": "EtaBx", "eta_between_y": "EtaBy",
        "r_between": "CorrB", "eta_within_x": "EtaWx", "eta_within_y": "EtaWy", "r_within": "CorrW",
    }  # fmt: skip
    for ours, theirs in pairs.items():
        assert getattr(found, ours) == pytest.approx(expected[theirs], rel=rtol), ours
    means = reference["values"]["cor_group_means_unweighted"]
    assert found.r_means == pytest.approx(means, rel=rtol)
    assert found.r_raw == pytest.approx(reference["values"]["cor_total"], rel=rtol)
    counted = (reference["values"]["n_obs"], reference["values"]["n_grps"])
    assert (found.n, found.groups) == counted
    table = correlations(frame, ["HRS", "WBEING"], group="GRP").set_index("level")
    assert table.loc["within", "estimate"] == pytest.approx(expected["CorrW"], rel=rtol)
    assert table.loc["between", "estimate"] == pytest.approx(means, rel=rtol)
    assert table["n"].to_dict() == {"within": 7382, "between": 99}


def test_the_parts_add_up(dataset):
    frame = dataset("bh1996")
    found = waba(frame["COHES"], frame["LEAD"], frame["GRP"])
    between = found.eta_between_x * found.eta_between_y * found.r_between
    within = found.eta_within_x * found.eta_within_y * found.r_within
    assert between + within == pytest.approx(found.r_raw, rel=EXACT)


def test_intervals_equal_pingouin(dataset):
    """Within: the partial correlation given unit indicators has the same interval."""
    import pingouin

    frame = dataset("lq2002")[["TSIG", "HOSTILE", "COMPID"]]
    table = correlations(frame, ["TSIG", "HOSTILE"], group="COMPID", conf_level=0.9).set_index(
        "level"
    )
    means = frame.groupby("COMPID").mean()
    r = pingouin.corr(means["TSIG"], means["HOSTILE"])["r"].item()
    assert table.loc["between", "estimate"] == pytest.approx(r, rel=EXACT)
    for level, n in (("between", 49), ("within", 2042 - 48)):
        low, high = pingouin.compute_esci(
            stat=table.loc[level, "estimate"], nx=n, ny=n, eftype="r", confidence=0.9, decimals=12
        )
        assert table.loc[level, ["conf_low", "conf_high"]].tolist() == pytest.approx(
            [low, high], abs=EXACT
        )


def test_all_pairs_at_both_levels_and_a_variable_of_the_unit():
    rng = np.random.default_rng(4)
    unit = np.repeat([f"u{i}" for i in range(8)], 5)
    use = np.repeat(rng.normal(3.3, 0.1, 8), 5)
    frame = pd.DataFrame(
        {"unit": unit, "use": use, "a": rng.normal(size=40), "b": rng.normal(size=40)}
    )
    frame.loc[3, "a"] = np.nan
    table = correlations(frame, ["use", "a", "b"], group="unit")
    assert table["level"].tolist() == ["within"] * 3 + ["between"] * 3
    first = table.iloc[0]
    assert first[["variable", "other"]].tolist() == ["use", "a"]
    assert np.isnan(first["estimate"]) and np.isnan(first["conf_low"])
    assert table.loc[table["level"] == "between", "estimate"].notna().all()
    assert table["n"].tolist() == [39, 40, 39, 8, 8, 8]


def test_too_few_units_for_an_interval():
    frame = pd.DataFrame(
        {"g": list("aabbcc"), "x": [1.0, 2, 4, 3, 5, 7], "y": [2.0, 1, 3, 5, 4, 5]}
    )
    between = correlations(frame, ["x", "y"], group="g").iloc[1]
    assert -1 < between["estimate"] < 1
    assert np.isnan(between["conf_low"])


def test_wrong_columns():
    frame = pd.DataFrame({"g": ["a", "b"], "x": [1.0, 2], "t": ["p", "q"], "m": [np.nan, np.nan]})
    with pytest.raises(MeasurementError, match=r"column 'xx': not found"):
        correlations(frame, ["xx", "x"], group="g")
    with pytest.raises(MeasurementError, match=r"column 't': is not numeric"):
        correlations(frame, ["t", "x"], group="g")
    with pytest.raises(MeasurementError, match=r"'x' and 'm': no person has both and a g"):
        correlations(frame, ["x", "m"], group="g")
    with pytest.raises(MeasurementError, match="'x' and 'x': everyone is in one group"):
        waba(frame["x"], frame["x"], pd.Series(["a", "a"]))
    with pytest.raises(MeasurementError, match="different indexes"):
        waba(frame["x"], frame["x"].set_axis([5, 6]), frame["g"])


@pytest.mark.parametrize("method", ["pearson", "spearman"])
def test_correlations_of_all_equal_r(entry, dataset, method):
    reference = entry("single_level", "cor_attitude")
    rtol = reference["tolerance"]["default"]["rtol"]
    expected = reference["values"][method]
    frame = dataset("attitude")
    found = correlations(frame, expected["col_names"], method=method)
    theirs = pd.DataFrame(
        expected["data"], index=expected["row_names"], columns=expected["col_names"]
    )
    assert len(found) == 21 and set(found["level"]) == {"total"}
    for row in found.itertuples():
        assert row.estimate == pytest.approx(theirs.loc[row.variable, row.other], rel=rtol)
        assert row.n == reference["values"]["n"]


def test_interval_kendall_and_partial_equal_r(entry, dataset):
    reference = entry("single_level", "cor_attitude")
    rtol, values = reference["tolerance"]["default"]["rtol"], reference["values"]
    frame = dataset("attitude")
    names = values["pearson"]["col_names"]
    first = correlations(frame, names[:2]).iloc[0]
    ends = first[["conf_low", "conf_high"]].tolist()
    assert ends == pytest.approx(values["fisher_ci95_first_pair"], rel=rtol)
    tau = correlations(frame, names[:2], method="kendall").iloc[0]
    assert tau["estimate"] == pytest.approx(values["kendall_tau_b_first_pair"], rel=rtol)
    theirs = pd.DataFrame(values["partial_all_others"]["data"], index=names, columns=names)
    for row in correlations(frame, names, given="others").itertuples():
        assert row.estimate == pytest.approx(theirs.loc[row.variable, row.other], rel=rtol)


@pytest.mark.parametrize("name", ["correlations_attitude", "correlations_bfi"])
@pytest.mark.parametrize(
    "method", ["pearson", "spearman", "kendall", "partial_pearson", "partial_spearman"]
)
def test_p_values_equal_r(entry, dataset, name, method):
    """Items of bfi have many ties and gaps; each pair has its own persons."""
    reference = entry("single_level_more", name)
    values, rtol = reference["values"], reference["tolerance"]["default"]["rtol"]
    names, frame = values["names"], dataset(name.removeprefix("correlations_"))
    given = "others" if method.startswith("partial") else ()
    found = correlations(frame, names, method=method.removeprefix("partial_"), given=given)
    for row, theirs in zip(found.itertuples(), values[method], strict=True):
        ours = [row.estimate, row.p_value, row.statistic][: len(theirs)]
        assert ours == pytest.approx(theirs, rel=rtol), (row.variable, row.other)
        df = row.n - 2 - (len(names) - 2 if given else 0)
        assert np.isnan(row.df) if method == "kendall" else row.df == df


def test_p_values_of_few_and_of_perfect_agreement():
    frame = pd.DataFrame({"x": [1.0, 2, 4, np.nan], "y": [2.0, 4, 8, 1], "z": [1.0, np.nan, 2, 3]})
    perfect = correlations(frame, ["x", "y"], method="spearman").iloc[0]
    assert (perfect["statistic"], perfect["df"], perfect["p_value"]) == (np.inf, 1.0, 0.0)
    for method in ("pearson", "kendall"):
        few = correlations(frame, ["x", "z"], method=method).iloc[0]
        assert few["n"] == 2 and few[["statistic", "df", "p_value"]].isna().all()
    within = correlations(frame.assign(g=list("aabb")), ["y", "x"], group="g")
    assert "p_value" not in within


def test_partial_and_rank_intervals_equal_pingouin(dataset):
    import pingouin

    frame = dataset("attitude")
    found = correlations(frame, ["rating", "raises"], given=["complaints", "learning"]).iloc[0]
    theirs = pingouin.partial_corr(frame, "rating", "raises", ["complaints", "learning"]).iloc[0]
    assert found["estimate"] == pytest.approx(theirs["r"], rel=1e-9)
    low, high = pingouin.compute_esci(
        stat=found["estimate"], nx=28, ny=28, eftype="r", confidence=0.95, decimals=12
    )
    assert [found["conf_low"], found["conf_high"]] == pytest.approx([low, high], abs=EXACT)
    ranks = correlations(frame, ["rating", "raises"], method="spearman").iloc[0]
    plain = np.arctanh(ranks["conf_high"]) - np.arctanh(ranks["estimate"])
    assert plain == pytest.approx(
        1.959963984540054 * np.sqrt((1 + ranks["estimate"] ** 2 / 2) / 27)
    )


def test_a_variable_that_others_explain_and_one_that_does_not_vary(dataset):
    frame = dataset("attitude").assign(flat=1.0, both=lambda d: d["rating"] + d["raises"])
    assert np.isnan(correlations(frame, ["rating", "flat"])["estimate"][0])
    given = correlations(frame, ["rating", "learning"], given=["raises", "both"])
    assert np.isnan(given["estimate"][0])


def test_refused_requests(dataset):
    frame = dataset("attitude")
    pair = ["rating", "raises"]
    with pytest.raises(MeasurementError, match=r"got 'spearmann'\. Did you mean 'spearman'"):
        correlations(frame, pair, method="spearmann")
    with pytest.raises(MeasurementError, match="for correlations without `group`"):
        correlations(frame, pair, group="learning", method="kendall")
    with pytest.raises(MeasurementError, match="partial Kendall"):
        correlations(frame, pair, given=["learning"], method="kendall")
    with pytest.raises(MeasurementError, match="'rating' and 'none': no person has both"):
        correlations(frame.assign(none=np.nan), ["rating", "none"])
