"""Reliability within and between units."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

from crosslevel.errors import MeasurementError
from crosslevel.psychometrics import HeywoodWarning, multilevel_reliability
from reference_values import data, entries

CASES = {
    "tlcfa_demo_y123": (["y1", "y2", "y3"], "cluster"),
    "tlcfa_lq2002_tsig_mlr": (["TSIG01", "TSIG02", "TSIG03"], "COMPID"),
}


def found(name, **options):
    entry = entries("twolevel_sem")[name]
    items, cluster = CASES[name]
    frame = data(entry.dataset)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", HeywoodWarning)
        return multilevel_reliability(frame[items], frame[cluster], **options), entry.values


@pytest.mark.parametrize("name", CASES)
def test_omega_equals_semtools(name):
    result, values = found(name)
    for level in ("within", "between"):
        other = values["multilevel_omega"][level]
        assert getattr(result, f"omega_{level}") == pytest.approx(other, abs=1e-3)


def test_alpha_is_that_of_the_saturated_covariances():
    """lavaan's covariances of each level, put into the formula by hand."""
    result, values = found("tlcfa_demo_y123")
    for level in ("within", "between"):
        S = np.array(values[f"h1_{level}_cov"]["data"])
        alpha = 3 / 2 * (1 - np.trace(S) / S.sum())
        assert getattr(result, f"alpha_{level}") == pytest.approx(alpha, abs=1e-3)
        row = result.tidy().set_index(["level", "term"]).loc[(level, "alpha")]
        assert row["conf_low"] < alpha < row["conf_high"] < 1
    np.testing.assert_allclose(result.items["icc"], list(values["icc"].values()), rtol=1e-3)
    assert result.glance()["clusters"].item() == 200


@pytest.mark.slow
def test_standard_error_of_alpha_is_that_of_resampled_units():
    """Bootstrap of units, 120 draws: the two agree to their Monte-Carlo error."""
    frame = data("Demo.twolevel")
    items = ["y1", "y2"]
    rng = np.random.default_rng(4)
    rows = dict(list(frame.groupby("cluster")))
    draws = []
    for _ in range(120):
        chosen = rng.choice(list(rows), len(rows))
        sample = pd.concat([rows[u].assign(unit=k) for k, u in enumerate(chosen)])
        sample = sample.reset_index(drop=True)
        draws.append(multilevel_reliability(sample[items], sample["unit"]).alpha_between)
    result = multilevel_reliability(frame[items], frame["cluster"])
    error = result.tidy().set_index("level").loc["between", "std_error"]
    assert error == pytest.approx(np.std(draws, ddof=1), rel=0.25)


def test_columns_of_any_name_and_two_items():
    frame = data("Demo.twolevel")
    odd = frame[["y1", "y2", "y3"]].set_axis(["Q 1", "2", "level: 1"], axis=1)
    result = multilevel_reliability(odd, frame["cluster"])
    assert result.items["item"].tolist() == ["Q 1", "2", "level: 1"]
    assert result.omega_within == pytest.approx(found("tlcfa_demo_y123")[0].omega_within)
    two = multilevel_reliability(frame[["y1", "y2"]], frame["cluster"])
    assert np.isnan(two.omega_within)
    assert two.fit is None
    assert "omega = nan" in repr(two)


def test_missing_rows_are_counted():
    frame = data("Demo.twolevel")
    frame.loc[3, "y1"] = np.nan
    result = multilevel_reliability(frame[["y1", "y2"]], frame["cluster"])
    assert result.rows_dropped == 1
    assert "1 rows dropped" in repr(result)


def test_what_has_no_reliability():
    frame = data("Demo.twolevel")
    items, unit = frame[["y1", "y2", "y3"]], frame["cluster"]
    with pytest.raises(MeasurementError, match="at least two items, got 1"):
        multilevel_reliability(items[["y1"]], unit)
    with pytest.raises(MeasurementError, match="cannot be paired"):
        multilevel_reliability(items, unit.iloc[:-1])
    with pytest.raises(MeasurementError, match="must be 'ml' or 'mlr', got 'wls'"):
        multilevel_reliability(items, unit, estimator="wls")
    with pytest.raises(MeasurementError, match="is '1'"):
        multilevel_reliability(items, unit * 0 + 1)


def test_an_item_without_variance_between_units_is_named():
    rng = np.random.default_rng(1)
    unit = pd.Series(np.repeat(np.arange(30), 6))
    items = pd.DataFrame(rng.normal(size=(180, 2)), columns=["a", "b"])
    items -= 0.9 * items.groupby(unit).transform("mean")
    with pytest.warns(HeywoodWarning, match="'a', 'b' have no variance between units"):
        result = multilevel_reliability(items, unit)
    assert np.isnan(result.alpha_between) or result.alpha_between < 1


def test_a_reliability_above_one_is_none():
    """Alpha between units was 1.038, with an interval from 1.005 to 1.285."""
    rng = np.random.default_rng(4)
    unit = np.repeat(np.arange(12), 10)
    common = 0.4 * rng.normal(size=12)[unit]
    items = pd.DataFrame({n: common + rng.normal(size=120) for n in "abc"})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = multilevel_reliability(items, pd.Series(unit))
    table = found.tidy()
    between = table[table["level"] == "between"]
    assert between["estimate"].isna().all()
    assert np.linalg.eigvalsh(found.fit.covariances(level="between"))[0] < 0
    assert table.loc[table["estimate"].isna(), ["conf_low", "conf_high"]].isna().all(axis=None)
