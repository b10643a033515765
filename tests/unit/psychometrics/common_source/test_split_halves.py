"""Random halves: against a plain loop, against a known truth, and where units cannot be split."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from crosslevel.errors import MeasurementError
from crosslevel.multilevel import fit
from crosslevel.psychometrics import common_source
from crosslevel.psychometrics.common_source import split_models
from crosslevel.psychometrics.common_source.split_halves import first_halves
from tolerances import CLOSED_FORM

SOURCES = {"predictor": "x", "outcome": "y", "group": "unit"}


def _frame(*, common: float, between: float, units: int = 60, size: int = 10) -> pd.DataFrame:
    """Persons in units; `common` is in both answers of a person, `between` in those of a unit."""
    rng = np.random.default_rng(12)
    unit = np.repeat(np.arange(units), size)
    shared, mood = rng.normal(size=units)[unit], rng.normal(size=units * size)
    noise = rng.normal(size=(2, units * size))
    x, y = (between * shared + common * mood + part for part in noise)
    return pd.DataFrame({"unit": [f"u{u}" for u in unit], "x": x, "y": y})


def test_halves_are_halves_and_the_odd_one_goes_by_lot():
    codes = np.repeat([0, 1, 2], [4, 5, 2])
    mask = first_halves(codes, np.array([4.0, 5, 2]), 400, np.random.default_rng(1))
    sizes = np.array([[row[codes == g].sum() for g in range(3)] for row in mask])
    assert set(sizes[:, 0]) == {2}
    assert set(sizes[:, 1]) == {2, 3}
    assert set(sizes[:, 2]) == {1}
    assert 0.4 < (sizes[:, 1] == 3).mean() < 0.6
    np.testing.assert_allclose(mask.mean(axis=0), 0.5, atol=0.1)


def test_equals_a_plain_loop():
    frame = _frame(common=1, between=1, units=12, size=5).sample(frac=1, random_state=3)
    frame.loc[frame.index[:4], "y"] = np.nan
    found = common_source.split_sample(frame, **SOURCES, splits=20, seed=7)
    used = frame.dropna()
    codes = pd.factorize(used["unit"])[0]
    order = np.argsort(codes, kind="stable")
    used, codes = used.iloc[order], codes[order]
    rng = np.random.default_rng(7)
    masks = first_halves(codes, np.bincount(codes).astype(float), 20, rng)
    cross, same, slopes = [], [], []
    for mask in masks:
        a, b = (used[m].groupby(codes[m])[["x", "y"]].mean() for m in (mask, ~mask))
        z = [np.arctanh(np.corrcoef(*pair)[0, 1]) for pair in ((a["x"], b["y"]), (b["x"], a["y"]))]
        cross.append(np.tanh(np.mean(z)))
        same.append(np.mean([np.corrcoef(h["x"], h["y"])[0, 1] for h in (a, b)]))
        slopes.append(np.mean([np.polyfit(a["x"], b["y"], 1)[0], np.polyfit(b["x"], a["y"], 1)[0]]))
    np.testing.assert_allclose(found.draws["estimate"], cross, rtol=CLOSED_FORM)
    np.testing.assert_allclose(found.draws["same_half"], same, rtol=CLOSED_FORM)
    np.testing.assert_allclose(found.draws["slope"], slopes, rtol=CLOSED_FORM)
    assert found.estimate == pytest.approx(np.tanh(np.median(np.arctanh(cross))))
    assert (found.groups, found.n) == (12, len(used))
    means = used.groupby("unit")[["x", "y"]].mean()
    assert found.whole == pytest.approx(means["x"].corr(means["y"]))


def test_a_common_source_alone_disappears():
    found = common_source.split_sample(_frame(common=1, between=0), **SOURCES, splits=200, seed=1)
    assert abs(found.estimate) < 0.15
    assert found.conf_low < 0 < found.conf_high
    assert found.same_half > 0.35
    assert found.whole > 0.35


def test_a_unit_level_association_stays():
    found = common_source.split_sample(_frame(common=0, between=1), **SOURCES, splits=200, seed=1)
    assert found.conf_low > 0.5
    assert found.same_half == pytest.approx(found.estimate, abs=0.05)
    assert found.corrected == pytest.approx(1, abs=0.1)
    assert found.spread_low < found.estimate < found.spread_high
    assert found.tidy()["term"].tolist()[0] == "different halves"
    assert found.glance().loc[0, "splits"] == 200
    assert "Cannot show cause" in repr(found)


def test_a_seed_repeats_and_order_and_names_of_units_do_not_matter():
    frame = _frame(common=1, between=1)
    one = common_source.split_sample(frame, **SOURCES, splits=500, seed=1)
    two = common_source.split_sample(frame, **SOURCES, splits=500, seed=1)
    assert one.estimate == two.estimate
    renamed = frame.assign(unit="ward " + frame["unit"]).sample(frac=1, random_state=1)
    other = common_source.split_sample(renamed, **SOURCES, splits=500, seed=1)
    assert other.estimate == pytest.approx(one.estimate, abs=0.01)


def test_units_of_one_are_left_out():
    frame = _frame(common=0, between=1, units=8, size=4)
    alone = pd.DataFrame({"unit": ["alone"], "x": [9.0], "y": [-9.0]})
    found = common_source.split_sample(
        pd.concat([alone, frame], ignore_index=True), **SOURCES, splits=50, seed=1
    )
    assert (found.groups, found.dropped_groups, found.n) == (8, 1, 32)


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({}, {"splits": 5}, "at least ten splits, got 5"),
        ({}, {"conf_level": 95}, "`conf_level` must lie between 0 and 1"),
        ({}, {"outcome": "x"}, "the same column, 'x'"),
        ({}, {"group": "ward"}, "column 'ward': not found"),
        ({"x": 1.0}, {}, "'x': has the same mean in every unit"),
        ({"unit": "u1"}, {}, "only 1 units have two or more members"),
    ],
)
def test_what_cannot_be_split(change, options, message):
    frame = _frame(common=1, between=1, units=6, size=4).assign(**change)
    with pytest.raises(MeasurementError, match=re.escape(message)):
        common_source.split_sample(frame, seed=1, **{**SOURCES, **options})


def test_a_multilevel_model_over_halves():
    frame = _frame(common=1, between=0.6, units=40, size=8).assign(tenure=lambda f: f.index % 7)
    found = common_source.split_sample_model(
        "y ~ x + tenure + (1 | unit)", frame, predictor="x", group="unit", splits=10, seed=4
    )
    table = found.table.set_index("term")
    assert table.index.tolist() == ["(Intercept)", "x", "tenure"]
    assert table.loc["x", "estimate"] < table.loc["x", "same_half"]
    assert table.loc["x", "conf_low"] < table.loc["x", "spread_low"]
    assert (found.groups, found.n, found.not_converged) == (40, 320, 0)
    assert "when other members measure it" in repr(found)
    assert found.tidy().columns.tolist()[0] == "term"
    assert found.glance().loc[0, "predictor"] == "x"


def test_one_split_is_a_plain_fit():
    """The first split's model, fitted by hand to the half that answers."""
    frame = _frame(common=1, between=0.6, units=20, size=6)
    found = common_source.split_sample_model(
        "y ~ x + (1 | unit)", frame, predictor="x", group="unit", splits=10, seed=4
    )
    codes = np.repeat(np.arange(20), 6)
    masks = first_halves(codes, np.full(20, 6.0), 10, np.random.default_rng(4))
    slopes = []
    for mask in masks:
        means = frame[mask].groupby(codes[mask])["x"].mean()
        half = frame[~mask].assign(x=means.to_numpy()[codes[~mask]])
        slopes.append(fit("y ~ x + (1 | unit)", half).tidy(df="normal")["estimate"].iloc[1])
    assert found.table["estimate"].iloc[1] == pytest.approx(np.median(slopes), rel=CLOSED_FORM)


@pytest.mark.parametrize(
    ("formula", "options", "message"),
    [
        ("y ~ z + (1 | unit)", {}, "has no column 'x'"),
        ("y ~ x + (1 | ward)", {}, "has no column 'unit'"),
        ("y ~ x + (1 | unit)", {"splits": 2}, "at least ten splits, got 2"),
    ],
)
def test_models_that_cannot_be_split(formula, options, message):
    frame = _frame(common=1, between=1, units=6, size=4)
    with pytest.raises(MeasurementError, match=re.escape(message)):
        common_source.split_sample_model(
            formula, frame, predictor="x", group="unit", seed=1, **options
        )


def test_a_predictor_within_units_cannot_come_from_others():
    frame = _frame(common=1, between=1, units=6, size=4)
    with pytest.raises(MeasurementError, match=r"'within\(x, unit\)': what other members measure"):
        common_source.split_sample_model(
            "y ~ within(x, unit) + (1 | unit)", frame, predictor="x", group="unit", seed=1
        )


def test_models_that_do_not_converge_are_counted(monkeypatch):
    class _Unfinished:
        status = "not converged"

    monkeypatch.setattr(split_models, "fit", lambda *_: _Unfinished())
    frame = _frame(common=1, between=1, units=6, size=4)
    with pytest.raises(MeasurementError, match="did not converge in 10 of 10 splits"):
        common_source.split_sample_model(
            "y ~ x + (1 | unit)", frame, predictor="x", group="unit", splits=10, seed=1
        )
