"""Imputed values against likelihoods of the observed data, and what is kept, typed and refused."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pandas as pd
import pytest

from crosslevel.errors import ModelError, NotConvergedWarning
from crosslevel.multilevel import fit
from crosslevel.quality import Imputations, impute, pool
from reference_values import data, entries


@pytest.fixture(scope="module")
def popmis() -> Imputations:
    frame = data("popmis")[["school", "popular", "sex", "texp"]]
    return impute(frame, groups="school", m=30, seed=4)


def test_a_missing_outcome_adds_nothing_to_the_likelihood_of_the_others(popmis):
    """Only the outcome has gaps, so REML of the complete rows is what imputation must give."""
    formula = "popular ~ sex + texp + (1 | school)"
    pooled, alone = popmis.fit(formula), fit(formula, popmis.data)
    se = np.sqrt(np.diag(alone.estimates.vcov))
    assert (np.abs(pooled.estimate - alone.estimates.beta) < 0.25 * se).all()
    np.testing.assert_allclose(np.sqrt(np.diag(pooled.total)), se, rtol=0.06)
    np.testing.assert_allclose(
        pooled.variance_components()["covariance"],
        alone.variance_components()["covariance"],
        rtol=0.05,
    )
    leaving_units_out = impute(
        popmis.data[["popular", "sex", "texp"]], methods={"popular": "normal"}, m=5, seed=1
    )
    flat = pool(
        [fit(formula, d.assign(school=popmis.data["school"])) for d in leaving_units_out]
    ).variance_components()
    assert flat["covariance"][0] < 0.6 * alone.variance_components()["covariance"][0]


def test_single_level_moments_are_those_of_lavaan():
    """Moments of normal imputations centre on the maximum likelihood moments of lavaan (FIML)."""
    entry = entries("missingness")["little_bfi_agree"]
    columns = entry.values["columns"]
    frame = data("bfi")[columns].astype("float64")
    made = impute(frame, methods=dict.fromkeys(columns, "normal"), m=10, iterations=10, seed=2)
    means = np.mean([d.mean() for d in made], axis=0)
    covariances = np.mean([d.cov() for d in made], axis=0)
    sd = np.sqrt(np.diag(entry.values["cov"]))
    np.testing.assert_allclose(means / sd, entry.values["mean"] / sd, atol=0.006)
    np.testing.assert_allclose(
        covariances / np.outer(sd, sd), entry.values["cov"] / np.outer(sd, sd), atol=0.01
    )


def _two_level(seed: int = 1, J: int = 40, size: int = 12) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    n, unit = J * size, np.repeat(np.arange(J), size)
    w = rng.normal(size=J)
    x = 0.5 * rng.normal(size=J)[unit] + rng.normal(size=n)
    y = 3 + 0.5 * x + 0.4 * w[unit] + 0.6 * rng.normal(size=J)[unit] + rng.normal(size=n)
    kind = np.array(["a", "b", "c"])[np.digitize(x + rng.normal(size=n), [-0.8, 0.6])]
    frame = pd.DataFrame(
        {
            "unit": [f"u{j:02d}" for j in unit],
            "x": x,
            "y": y,
            "score": np.clip(np.round(3 + y / 3 + rng.normal(size=n)), 1, 5),
            "kind": pd.Series(kind, dtype="str"),
            "woman": pd.array(rng.random(n) < 0.4, dtype="boolean"),
            "part_time": (y + rng.normal(size=n) > 3).astype("float64"),
            "beds": w[unit],
        }
    )
    for name in ("x", "y", "score", "kind", "woman", "part_time"):
        frame.loc[rng.random(n) < 0.15, name] = None
    frame.loc[np.isin(unit, rng.choice(J, 6, replace=False)), "beds"] = np.nan
    frame.loc[rng.random(n) < 0.2, "beds"] = np.nan
    return frame.sample(frac=1, random_state=3)


@pytest.fixture(scope="module")
def mixed() -> Imputations:
    return impute(_two_level(), groups="unit", methods={"score": "pmm"}, m=4, iterations=12, seed=7)


def test_what_was_known_stays_and_nothing_is_missing(mixed):
    for made in mixed:
        assert not made.isna().any().any()
        assert made.index.equals(mixed.data.index)
        assert (made.dtypes == mixed.data.dtypes).all()
        for name, column in mixed.data.items():
            known = column.notna()
            pd.testing.assert_series_equal(made[name][known], column[known])


def test_a_variable_of_units_is_imputed_once_per_unit(mixed):
    table = mixed.tidy().set_index("variable")
    assert table.loc["beds", "level"] == "unit"
    assert table.loc["beds", "missing"] < 40
    assert (mixed.complete(1).groupby("unit")["beds"].nunique() == 1).all()


def test_a_row_takes_the_value_its_unit_is_known_to_have():
    frame = _two_level()[["unit", "x", "beds"]]
    known = frame.groupby("unit")["beds"].transform("max")
    frame["beds"] = frame["beds"].where(known.notna(), 1.5)
    gaps = frame["beds"].isna()
    assert gaps.any() and frame.groupby("unit")["beds"].count().gt(0).all()
    made = impute(frame, groups="unit", m=2, iterations=2, seed=1)
    assert list(made.imputed) == ["x"]
    np.testing.assert_allclose(made.complete(2).loc[gaps, "beds"], known[gaps])


def test_methods_levels_and_possible_values(mixed):
    table = mixed.tidy().set_index("variable")
    assert table["method"].to_dict() == {
        "x": "normal", "y": "normal", "score": "pmm", "kind": "probit", "woman": "probit",
        "part_time": "probit", "beds": "normal",
    }  # fmt: skip
    for made in mixed:
        assert set(made["score"]) <= {1, 2, 3, 4, 5}
        assert set(made["kind"]) == {"a", "b", "c"}
        assert set(made["part_time"]) == {0, 1}
    first, second = mixed.complete(1), mixed.complete(2)
    gone = mixed.data["x"].isna()
    assert (first.loc[gone, "x"] != second.loc[gone, "x"]).all()


def test_categories_follow_their_predictors(mixed):
    """`kind` rises with x, `part_time` with y: imputed ones must as well."""
    for made in mixed:
        gone = mixed.data["kind"].isna() & mixed.data["x"].notna()
        means = made[gone].groupby("kind")["x"].mean()
        assert means["a"] < means["b"] < means["c"]
        gone = mixed.data["part_time"].isna() & mixed.data["y"].notna()
        means = made[gone].groupby("part_time")["y"].mean()
        assert means[1] - means[0] > 0.5


def test_same_seed_same_numbers_whatever_m_and_the_data_are_not_changed():
    frame = _two_level()[["unit", "x", "y", "beds"]]
    before = frame.copy()
    few = impute(frame, groups="unit", m=2, iterations=3, seed=5)
    more = impute(frame, groups="unit", m=3, iterations=3, seed=5)
    pd.testing.assert_frame_equal(few.complete(2), more.complete(2))
    pd.testing.assert_frame_equal(frame, before)
    renamed = frame.assign(unit=frame["unit"].map(lambda s: f"ward {s}"))
    other = impute(renamed, groups="unit", m=2, iterations=3, seed=5)
    pd.testing.assert_frame_equal(
        other.complete(1).drop(columns="unit"), few.complete(1).drop(columns="unit")
    )


def test_change_of_units_changes_imputations_with_them():
    frame = _two_level()[["unit", "x", "y", "beds"]]
    turned = frame.assign(x=frame["x"] * 1000 - 40, beds=frame["beds"] * 0.01)
    a, b = (impute(d, groups="unit", m=2, iterations=4, seed=5) for d in (frame, turned))
    np.testing.assert_allclose(b.complete(1)["x"], a.complete(1)["x"] * 1000 - 40, rtol=1e-6)
    np.testing.assert_allclose(b.complete(1)["y"], a.complete(1)["y"], rtol=1e-6)


def test_random_slopes_keep_the_spread_of_slopes():
    rng = np.random.default_rng(8)
    J, size = 60, 15
    unit = np.repeat(np.arange(J), size)
    x = rng.normal(size=J * size)
    slope = 0.3 + 0.7 * rng.normal(size=J)
    y = slope[unit] * x + rng.normal(size=J * size)
    frame = pd.DataFrame(
        {"unit": unit, "x": x, "y": np.where(rng.random(J * size) < 0.5, np.nan, y)}
    )
    formula = "y ~ x + (1 + x | unit)"
    want = fit(formula, frame).variance_components()["covariance"][2]
    got = [
        impute(frame, groups="unit", slopes=s, m=5, iterations=8, seed=3)
        .fit(formula, df_complete=np.inf)
        .variance_components()["covariance"][2]
        for s in (["x"], [])
    ]
    assert got[0] == pytest.approx(want, rel=0.15)
    assert got[1] < 0.6 * want


def test_traces_convergence_glance_repr(mixed):
    assert len(mixed.trace) == 4 * 12 * 7
    assert mixed.trace["iteration"].max() == 12
    x = mixed.trace[mixed.trace["variable"] == "x"]
    assert x[["mean", "sd", "sd_between", "sigma"]].notna().all().all()
    assert mixed.trace.loc[mixed.trace["variable"] == "beds", "sd_between"].isna().all()
    table = mixed.convergence()
    assert table.loc[table["quantity"] == "mean", "rhat"].between(0.5, 2).all()
    assert mixed.glance().loc[0, ["m", "units", "imputed"]].tolist() == [4, 40, 7]
    assert "4 imputations of 480 rows, 40 unit; 12 iterations" in repr(mixed)
    assert "  x: normal, row level" in repr(mixed)
    assert len(mixed) == 4
    assert mixed.stacked().groupby("imputation").size().tolist() == [480] * 4


def test_models_are_fitted_and_pooled_in_one_call(mixed):
    pooled = mixed.fit("y ~ within(x, unit) + between(x, unit) + beds + (1 | unit)", method="ml")
    null = mixed.fit("y ~ within(x, unit) + between(x, unit) + (1 | unit)", method="ml")
    assert pooled.m == 4
    for method in ("D1", "D2", "D3"):
        assert 0 < pooled.test(null, method=method).p_value < 1
    single = mixed.fit("part_time ~ y", family="binomial")
    assert np.isinf(single.df_complete).all()
    clustered = mixed.fit("y ~ x", cluster="unit")
    assert clustered.df_complete.tolist() == [39, 39]
    mean = mixed.analyse(
        lambda d: pd.DataFrame(
            {"term": ["mean"], "estimate": [d["x"].mean()], "std_error": [d["x"].sem()]}
        )
    )
    assert mean.names == ("mean",)


def test_whole_numbers_with_gaps_become_floats_only_by_normal():
    frame = _two_level()[["unit", "x"]]
    frame["age"] = pd.array(np.arange(480) % 40 + 20, dtype="Int64")
    frame.loc[frame.index[:50], "age"] = pd.NA
    matched = impute(frame, groups="unit", methods={"age": "pmm"}, m=2, iterations=2, seed=1)
    assert matched.complete(1)["age"].dtype == "Int64"
    drawn = impute(frame, groups="unit", m=2, iterations=2, seed=1)
    assert drawn.complete(1)["age"].dtype == "float64"


def test_ordered_categories_keep_their_order():
    frame = _two_level()[["unit", "x", "kind"]]
    ordered = pd.CategoricalDtype(["c", "b", "a"], ordered=True)
    frame["kind"] = frame["kind"].astype(ordered)
    made = impute(frame, groups="unit", m=2, iterations=2, seed=1).complete(1)
    assert made["kind"].dtype == ordered


def test_two_values_can_be_imputed_as_a_number():
    frame = _two_level()[["unit", "y", "part_time"]]
    made = impute(
        frame, groups="unit", methods={"part_time": "normal"}, m=2, iterations=2, seed=1
    ).complete(1)
    assert made["part_time"].nunique() > 2


def test_chains_that_have_not_mixed_are_named():
    """Two near copies with gaps in the same rows follow each other, not the rest."""
    rng = np.random.default_rng(0)
    a = rng.normal(size=400)
    frame = pd.DataFrame({"a": a, "b": a + 0.02 * rng.normal(size=400)})
    frame.loc[:199, ["a", "b"]] = np.nan
    with pytest.warns(NotConvergedWarning, match="have not mixed"):
        impute(frame, methods={"a": "normal", "b": "normal"}, m=5, iterations=12, seed=1)


FRAME = _two_level(J=12, size=5)
SMALL = FRAME[["unit", "x", "y", "beds"]]


@pytest.mark.parametrize(
    ("frame", "given", "message"),
    [
        (SMALL, {"m": 1}, "`m` must be at least 2 and `iterations` at least 1, got 1 and 20."),
        (SMALL, {"groups": "ward"}, "column 'ward': not found."),
        (SMALL, {"groups": "x"}, "row(s) have no 'x'. A unit cannot be imputed"),
        (SMALL.assign(one=1), {"groups": "one"}, "'one' has 1 group(s); at least two are needed."),
        (SMALL.assign(id=range(60)), {"groups": "id"}, "'id' has a different value on each row."),
        (SMALL.dropna(), {}, "Nothing is missing in these variables"),
        (SMALL.assign(z=np.nan), {}, "'z': is always missing. Leave it out with `variables`."),
        (
            SMALL.assign(z=np.where(np.arange(60) % 2, np.nan, 1.0)),
            {},
            "'z': has the same value wherever it is known.",
        ),
        (SMALL.assign(z=np.inf), {}, "column 'z': holds infinite values."),
        (
            SMALL.assign(name=[f"p{i}" for i in range(60)]),
            {},
            "Column 'name' has 60 categories; at most 20 can be used. Leave an identifier",
        ),
        (
            SMALL.assign(day=pd.Timestamp("2026-01-01")),
            {},
            "only numbers and categories are used.",
        ),
        (pd.concat([SMALL, SMALL[["x"]]], axis=1), {}, "more than once: x."),
        (SMALL, {"methods": {"z": "pmm"}}, "`methods`: 'z' is not among the variables."),
        (SMALL, {"methods": {"x": "cart"}}, "method must be 'normal', 'pmm', 'probit', got 'cart'"),
        (SMALL, {"methods": {"x": "probit"}}, "'x': is a number; 'probit' is for categories."),
        (FRAME, {"methods": {"kind": "pmm"}}, "'kind': is a category and cannot be imputed by"),
        (
            SMALL,
            {"levels": {"x": "unit"}},
            "'x': differs within 12 of 12 units, so it is no unit's",
        ),
        (SMALL, {"levels": {"x": "ward"}}, "level must be 'row' or 'unit', got 'ward'."),
        (SMALL, {"slopes": ["beds"]}, "'beds': is the same within a unit, so it has no slope"),
        (FRAME, {"slopes": ["kind"]}, "'kind': is a category; slopes are for numbers."),
        (SMALL, {"groups": None, "slopes": ["x"]}, "`slopes` differ between units; give `groups`."),
        (SMALL, {"predictors": {"x": ["x"]}}, "`predictors`: 'x' cannot predict itself."),
        (
            FRAME.assign(**{f"z{i}": np.arange(60.0) % (i + 2) for i in range(12)}),
            {},
            "'beds': 20 coefficients and",
        ),
    ],
)
def test_refused(frame, given, message):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotConvergedWarning)
        with pytest.raises(ModelError, match=re.escape(message)):
            impute(frame, **{"groups": "unit", "seed": 1, **given})


def test_a_score_beside_its_items_is_refused():
    """Its chains used to stay where they started, with a warning to raise the iterations."""
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(rng.normal(size=(200, 2)), columns=["a", "b"])
    frame = frame.mask(rng.random(frame.shape) < 0.1)
    frame["score"] = frame.mean(axis=1, skipna=False)
    with pytest.raises(ModelError, match="determine each other: 'a', 'b', 'score'"):
        impute(frame, m=2, iterations=2, seed=1)
    one_way = {"a": ["b"], "b": ["a"]}
    made = impute(frame, predictors=one_way, methods={"score": "normal"}, m=2, iterations=2, seed=1)
    first = made.complete(1)
    np.testing.assert_allclose(first["score"], (first["a"] + first["b"]) / 2, atol=1e-4)


def test_categories_alone():
    frame = _two_level()[["unit", "kind", "woman"]]
    three = pd.Series(np.arange(480) % 3, index=frame.index).map({0: "u", 1: "v", 2: "w"})
    made = impute(frame.assign(woman=three), groups="unit", m=2, iterations=2, seed=1)
    assert made.complete(1)["kind"].notna().all()


def test_categories_of_units_and_units_that_know_nothing():
    frame = _two_level()[["unit", "x", "y"]]
    means = frame.groupby("unit")["y"].mean()
    place = pd.Series(np.where(means > means.median(), "town", "rural"), index=means.index)
    frame["place"] = frame["unit"].map(place.drop(["u03", "u11"]).to_dict())
    frame.loc[frame["unit"] == "u05", "x"] = np.nan
    made = impute(frame, groups="unit", m=4, iterations=4, seed=2)
    assert made.tidy().set_index("variable").loc["place", ["level", "missing"]].tolist() == [
        "unit",
        2,
    ]
    for one in made:
        assert (one.groupby("unit")["place"].nunique() == 1).all()
        assert one["x"].notna().all()


def test_refused_afterwards(mixed):
    with pytest.raises(ModelError, match="1 to 4, none with number 5"):
        mixed.complete(5)
    part = impute(mixed.data, groups="unit", variables=["y", "beds"], m=2, iterations=2, seed=1)
    with pytest.raises(ModelError, match="Not imputed, and not complete: 'x'"):
        part.fit("y ~ x + (1 | unit)")
