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
    assert (found.n, found.groups) == (7382, 99)
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
    pingouin = pytest.importorskip("pingouin")
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
