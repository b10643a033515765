"""Effects of unit predictors: manifest, single-latent, doubly-latent."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from crosslevel.errors import MeasurementError, NotConvergedWarning
from crosslevel.multilevel import fit
from crosslevel.psychometrics import HeywoodWarning, contextual, contextual_effect
from crosslevel.psychometrics.safer import ERRORS, ESTIMATORS, ICCS, SIZES, UNITS, safer
from crosslevel.psychometrics.twolevel import scoring
from reference_values import data, entries

STUDY = Path(__file__).parents[3] / "analysis" / "recovery" / "latent_aggregation.csv"


def estimates(result):
    return result.tidy().set_index(["estimator", "term"])["estimate"]


def test_single_latent_equals_lavaan():
    values = entries("two_level")["single_latent_ml"].values["parameters"]
    rows = pd.DataFrame({k: values[k] for k in ("op", "level", "est", "se")})
    rows = rows[rows["op"].isin(["~", ":="])].set_index("level")
    result = contextual_effect(
        data("Demo.twolevel"), outcome="y1", predictor="y2", cluster="cluster"
    )
    own = result.tidy().set_index(["estimator", "term"]).loc["single-latent"]
    for level, term in ((1, "within"), (2, "between"), (0, "contextual")):
        assert own.loc[term, "estimate"] == pytest.approx(rows.loc[level, "est"], abs=1e-4)
        assert own.loc[term, "std_error"] == pytest.approx(rows.loc[level, "se"], rel=1e-2)


def test_doubly_latent_equals_lavaan_per_point_of_the_mean():
    values = entries("two_level")["doubly_latent_ml"].values["parameters"]
    rows = pd.DataFrame({k: values[k] for k in ("lhs", "op", "rhs", "level", "est")})
    loadings = rows[(rows["op"] == "=~") & (rows["level"] == 1)].groupby("lhs")["est"].mean()
    scale = loadings["yw"] / loadings["xw"]
    stored = rows[rows["op"].isin(["~", ":="])].set_index("lhs")["est"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", HeywoodWarning)
        result = contextual_effect(
            data("lq2002"),
            outcome=["TSIG01", "TSIG02", "TSIG03"],
            predictor=["LEAD01", "LEAD02", "LEAD03"],
            cluster="COMPID",
        )
    own = estimates(result)["doubly-latent"]
    assert own["within"] == pytest.approx(stored["yw"] * scale, rel=1e-3)
    assert own["between"] == pytest.approx(stored["yb"] * scale, rel=2e-3)
    assert own["contextual"] == pytest.approx(stored["context"] * scale, abs=2e-3)


def test_manifest_is_the_mixed_model_with_unit_means():
    frame = data("bh1996")
    result = contextual_effect(
        frame, outcome="WBEING", predictor="LEAD", cluster="GRP", controls=["HRS"]
    )
    model = fit(
        "WBEING ~ within(LEAD, GRP) + between(LEAD, GRP) + within(HRS, GRP) + between(HRS, GRP) "
        "+ (1 | GRP)",
        frame,
    )
    rows = model.tidy().set_index("term")["estimate"]
    own = estimates(result)["manifest"]
    assert own["within"] == pytest.approx(rows["within(LEAD, GRP)"], rel=1e-6)
    assert own["between"] == pytest.approx(rows["between(LEAD, GRP)"], rel=1e-6)
    assert own["contextual"] == pytest.approx(own["between"] - own["within"], rel=1e-6)


def study(units=80, size=10, seed=1):
    rng = np.random.default_rng(seed)
    unit = np.repeat(np.arange(units), size)
    climate, w = rng.normal(size=units)[unit], rng.normal(size=units)[unit]
    x = climate + rng.normal(size=len(unit))
    items = {f"x {i}": x + 0.7 * rng.normal(size=len(unit)) for i in range(3)}
    y = 0.2 * x + 0.5 * climate + 0.4 * w + rng.normal(size=len(unit))
    y += 0.3 * rng.normal(size=units)[unit]
    return pd.DataFrame(items).assign(y=y, w=w, x=x, unit=unit)


def test_controls_of_units_and_names_that_are_no_formula():
    frame = study()
    names = ["x 0", "x 1", "x 2"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", HeywoodWarning)
        result = contextual_effect(
            frame, outcome="y", predictor=names, cluster="unit", controls=["w"]
        )
    own = estimates(result)
    for name in ESTIMATORS:
        assert own[name]["contextual"] == pytest.approx(0.5, abs=0.25)
        assert own[name]["between"] - own[name]["within"] == pytest.approx(
            own[name]["contextual"], abs=1e-6
        )
    assert result.glance()["clusters"].item() == 80
    assert "contextual effect: manifest" in repr(result)


def test_missing_rows_are_left_out_of_all_three():
    frame = study()
    frame.loc[[1, 5], "x 0"] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", HeywoodWarning)
        result = contextual_effect(frame, outcome="y", predictor=["x 0", "x 1"], cluster="unit")
    assert result.rows_dropped == 2
    assert "2 rows dropped" in repr(result)


def test_unusable_questions():
    frame = study()
    with pytest.raises(MeasurementError, match="'x' is used twice"):
        contextual_effect(frame, outcome="x", predictor="x", cluster="unit")
    with pytest.raises(MeasurementError, match="one of them is empty"):
        contextual_effect(frame, outcome="y", predictor=[], cluster="unit")
    with pytest.raises(MeasurementError, match="'z': not in the data"):
        contextual_effect(frame, outcome="y", predictor="z", cluster="unit")
    with pytest.raises(MeasurementError, match="'w': is the same for all persons"):
        contextual_effect(frame, outcome="y", predictor="w", cluster="unit")


def test_a_latent_model_that_cannot_be_fitted_is_a_row_that_says_so():
    frame = study(units=4, size=40)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", HeywoodWarning)
        result = contextual_effect(
            frame, outcome="y", predictor=["x 0", "x 1", "x 2"], cluster="unit"
        )
    status = result.tidy().set_index("estimator")["status"]["doubly-latent"].iloc[0]
    assert status == "the data are too few for the model"
    assert result.safer == "manifest"
    assert "With units 4, below 20" in result.reason


def test_a_search_without_end_is_a_warning_and_a_status(monkeypatch):
    monkeypatch.setattr(scoring, "_STEPS", 2)
    with (
        warnings.catch_warnings(),
        pytest.warns(NotConvergedWarning, match="The single-latent model did not converge: its"),
    ):
        warnings.simplefilter("ignore", HeywoodWarning)
        result = contextual_effect(study(), outcome="y", predictor="x 0", cluster="unit")
    status = result.tidy().set_index("estimator")["status"]
    assert (status["single-latent"] == "not converged").all()
    assert (status["manifest"] == "converged").all()


def test_a_model_that_data_leave_open_gives_no_numbers(monkeypatch):
    """Without the one rule for both levels it would have shown those of a pseudo-inverse."""
    whole = contextual.search

    def left_open(*given, **named):
        found = whole(*given, **named)
        return replace(found, information=replace(found.information, undetermined=(0,)))

    monkeypatch.setattr(contextual, "search", left_open)
    result = contextual_effect(study(), outcome="y", predictor="x 0", cluster="unit")
    own = result.tidy().set_index("estimator").loc["single-latent"]
    assert (own["status"] == "not identified").all()
    assert own["estimate"].isna().all()


def test_the_guard_follows_the_simulated_studies():
    table = pd.read_csv(STUDY)
    own = table[table["term"] == "contextual"].pivot_table(
        index=["units", "icc", "size"], columns="estimator", values="capped_rmse"
    )
    assert set(own.index) == set(ERRORS)
    for cell, row in own.iterrows():
        np.testing.assert_allclose(ERRORS[cell], row[list(ESTIMATORS)], atol=5.1e-4)
        units, icc, size = cell
        best, reason = safer(clusters=units, icc=icc, size=size, items=3)
        assert row[best] == row.min()
        assert f"{units} units" in reason
        assert safer(clusters=units, icc=icc, size=size, items=1)[0] != "doubly-latent"


def test_the_guard_reads_the_next_smaller_study():
    exact = safer(clusters=UNITS[1], icc=ICCS[1], size=SIZES[0], items=3)
    assert safer(clusters=UNITS[1] + 9, icc=ICCS[1] + 0.01, size=SIZES[0] + 3, items=3) == exact
    assert safer(clusters=500, icc=0.5, size=90, items=3) == safer(
        clusters=UNITS[-1], icc=ICCS[-1], size=SIZES[-1], items=3
    )
    for less in ({"clusters": 19}, {"icc": 0.04}, {"size": 4}):
        given = {"clusters": 500, "icc": 0.5, "size": 50, "items": 3} | less
        assert safer(**given)[0] == "manifest"


def test_more_effects_than_units_are_refused():
    """Two units gave an effect between them with an interval that excluded zero."""
    with pytest.raises(MeasurementError, match="2 units cannot tell 2 effects between units"):
        contextual_effect(study(units=2, size=30), outcome="y", predictor="x 0", cluster="unit")
