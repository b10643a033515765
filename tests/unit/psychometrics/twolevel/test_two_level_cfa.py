"""Two-level models against lavaan, and what they say of unusable data."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pandas as pd
import pytest

from crosslevel.errors import MeasurementError, NotConvergedWarning
from crosslevel.psychometrics import (
    CorrectionWarning,
    HeywoodWarning,
    NotIdentifiedWarning,
    two_level_cfa,
)
from crosslevel.psychometrics.twolevel.saturated import Roles, saturate
from crosslevel.psychometrics.twolevel.statistics import summarise
from reference_values import REFERENCE, data, entries

CLUSTER = {"Demo.twolevel": "cluster", "lq2002": "COMPID", "bh1996": "GRP"}
OPEN = entries("twolevel_sem")
MORE = entries("two_level")
EVERY = [("twolevel_sem", name) for name in OPEN] + [("two_level", name) for name in MORE]
# Maxima in base R, by Newton on the likelihood, where lavaan stops before the maximum.
MAXIMA = {
    e["id"]: e["values"]
    for e in json.loads((REFERENCE / "two_level_maximum.json").read_text(encoding="utf-8"))[
        "entries"
    ]
}
# The unrestricted covariances between units are indefinite at the maximum; lavaan's EM ends where
# they are not, and its correction of chi-square and SRMR between units are those of that place.
INDEFINITE = {"leadership_mlr"}


def found(topic, name):
    """Fit one entry; a Heywood case is part of one of them."""
    entry = entries(topic)[name]
    estimator = "mlr" if "MLR" in str(entry.values.get("estimator", "")) + name.upper() else "ml"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", HeywoodWarning)
        fit = two_level_cfa(
            entry.values["model"],
            data(entry.dataset),
            cluster=CLUSTER[entry.dataset],
            estimator=estimator,
        )
    return fit, entry


def close(value, other, tolerance):
    rtol, atol = tolerance.get("rtol", 0.0), tolerance.get("atol", 0.0)
    return np.isclose(value, other, rtol=rtol, atol=atol)


def keyed(frame, names):
    """Rows by what they say, whatever the order of a covariance."""

    def key(r):
        pair = (r.lhs, "".join(r.rhs.split()))
        level = {"within": 1, "between": 2, "": 0}.get(r.level, r.level)
        return (*(sorted(pair) if r.op == "~~" else pair), r.op, level)

    return {key(r): [getattr(r, n) for n in names] for r in frame.itertuples()}


def _intercepts(name):
    """Intercepts between units at the maximum, as they are and standardised, by key."""
    found = MAXIMA.get(name, {})
    if "intercept" not in found:
        return {}
    pairs = zip(found["intercept"], found["intercept_std"], strict=True)
    return {(i, "", "~1", 2): pair for i, pair in zip(found["item"], pairs, strict=True)}


@pytest.mark.parametrize(("topic", "name"), EVERY)
def test_estimates_equal_lavaan(topic, name):
    fit, entry = found(topic, name)
    given = entry.values["parameters"]
    reference = pd.DataFrame(
        {k: given[k] for k in ("lhs", "op", "rhs", "level", "est", "se", "std.all")}
    ).rename(columns={"std.all": "std"})
    reference["std_se"] = entry.values["standardized"]["se"]
    names = ["estimate", "std_error", "standardised", "standardised_error"]
    ours = keyed(fit.tidy(), names)
    theirs = keyed(reference, ["est", "se", "std", "std_se"])
    assert ours.keys() == theirs.keys()
    better = _intercepts(name)
    bound = entry.tolerance.get("std", entry.tolerance["est"])
    for key, (est, se, std, std_se) in theirs.items():
        mine = ours[key]
        assert close(mine[1], se, entry.tolerance["se"]), key
        assert np.isclose(mine[3], std_se, rtol=0.01, atol=1e-5), key
        est, std = better.get(key, (est, std))
        assert close(mine[0], est, entry.tolerance["est"]), key
        assert close(mine[2], std, bound), key


@pytest.mark.parametrize(("topic", "name"), EVERY)
def test_likelihood_and_indices_equal_lavaan(topic, name):
    """Our likelihood is never below lavaan's, and hardly above."""
    fit, entry = found(topic, name)
    row, reference = fit.glance().iloc[0], entry.values["fit"]
    assert -1e-6 < row["log_likelihood"] - reference["logl"] < 1e-3
    assert row["n_parameters"] == reference["npar"]
    assert row["df"] == reference["df"]
    assert close(row["chisq"], reference["chisq"], {"rtol": 2e-3, "atol": 0.2})
    bounds = {"cfi": 0.002, "tli": 0.003, "rmsea": 0.001, "srmr_within": 0.005, "srmr": 0.005}
    if name in INDEFINITE:
        del bounds["srmr"]
    for index, atol in bounds.items():
        assert row[index] == pytest.approx(reference[index], abs=atol), index
    if "chisq_tight" in entry.values:
        assert row["chisq"] == pytest.approx(entry.values["chisq_tight"], abs=1e-3)
    if "saturated" in entry.values and row["df"]:
        tight = 2 * (entry.values["saturated"]["logl"] - reference["logl"])
        assert row["chisq"] == pytest.approx(tight, abs=1e-3)
    if row["df"] and "chisq.scaling.factor" in reference and name not in INDEFINITE:
        scaling = reference["chisq.scaling.factor"]
        assert row["scaling_factor"] == pytest.approx(scaling, rel=2e-3)
        for index in ("cfi", "tli", "rmsea"):
            other = reference[f"{index}.robust"]
            assert row[f"{index}_robust"] == pytest.approx(other, abs=0.002), index


@pytest.mark.parametrize("name", OPEN)
def test_unrestricted_model_and_icc_equal_lavaan(name):
    fit, entry = found("twolevel_sem", name)
    tolerance = entry.tolerance["h1"]
    best = MAXIMA.get(name, {})
    for level in ("within", "between"):
        stored = entry.values[f"h1_{level}_cov"]
        frame = fit.covariances(level=level).loc[stored["row_names"], stored["col_names"]]
        expected = best.get(level, stored["data"])
        assert close(frame.to_numpy(), np.array(expected), tolerance).all()
    icc = fit.icc().set_index("item")["icc"]
    given = dict(zip(best["item"], best["icc"], strict=True)) if "icc" in best else {}
    for item, value in (entry.values["icc"] | given).items():
        assert close(icc[item], value, tolerance), item


@pytest.mark.parametrize("name", list(MAXIMA))
def test_where_lavaan_stops_early_the_maximum_is_that_of_base_r(name):
    fit, entry = found("twolevel_sem", name)
    best, reference = MAXIMA[name], entry.values["fit"]
    assert abs(best["decrement"]) < 1e-10
    unrestricted = "between" in best
    ours = fit.solution.saturated.log_likelihood if unrestricted else None
    ours = fit.glance()["log_likelihood"].iloc[0] if ours is None else ours
    assert ours == pytest.approx(best["logl"], abs=1e-6)
    assert best["logl"] > reference["unrestricted.logl" if unrestricted else "logl"]


@pytest.mark.parametrize("name", [n for n in OPEN if "multilevel_omega" in OPEN[n].values])
def test_omega_equals_semtools(name):
    fit, entry = found("twolevel_sem", name)
    rows = fit.omega().set_index("level")
    for level, value in entry.values["multilevel_omega"].items():
        assert rows.loc[level, "estimate"] == pytest.approx(value, abs=1e-3)
        assert rows.loc[level, "conf_low"] < value < rows.loc[level, "conf_high"] < 1


@pytest.mark.parametrize("name", [n for n in MORE if "partial" in MORE[n].values])
def test_levels_fit_as_partially_saturated_models_in_lavaan(name):
    fit, entry = found("two_level", name)
    rows = fit.fit_by_level().set_index("level")
    for level, part in entry.values["partial"].items():
        chisq = 2 * (entry.values["saturated"]["logl"] - part["logl"])
        assert rows.loc[level, "df"] == part["df"]
        assert rows.loc[level, "chisq"] == pytest.approx(chisq, abs=2e-3)
    assert rows.loc["between", "n"] == fit.solution.data.clusters


ONE = "level: 1\n fw =~ a + b + c\nlevel: 2\n fb =~ a + b + c"


def drawn(units=60, size=6, between=1.0, seed=1):
    rng = np.random.default_rng(seed)
    unit = np.repeat(np.arange(units), size)
    one, two = rng.normal(size=len(unit)), between * rng.normal(size=units)[unit]
    frame = pd.DataFrame(
        {
            n: one + two + rng.normal(size=len(unit)) + between * 0.5 * rng.normal(size=units)[unit]
            for n in "abc"
        }
    )
    return frame.assign(unit=[f"u{k}" for k in unit])


def test_rows_and_labels_of_units_do_not_matter():
    frame = drawn()
    other = frame.sample(frac=1, random_state=1)
    other["unit"] = other["unit"].map({u: i for i, u in enumerate(sorted(set(other["unit"])))})
    one, two = (two_level_cfa(ONE, f, cluster="unit").tidy() for f in (frame, other))
    np.testing.assert_allclose(one["estimate"], two["estimate"], rtol=1e-5, atol=1e-7)


def test_a_unit_of_measurement_does_not_change_the_test():
    frame = drawn()
    small = frame.assign(**{n: frame[n] / 1000 for n in "abc"})
    # two degrees of freedom: equal loadings across levels
    text = "level: 1\n f =~ a + l*b + m*c\nlevel: 2\n g =~ a + l*b + m*c"
    one, two = (two_level_cfa(text, f, cluster="unit").glance().iloc[0] for f in (frame, small))
    assert one["chisq"] == pytest.approx(two["chisq"], abs=1e-6)
    assert one["srmr_between"] == pytest.approx(two["srmr_between"], abs=1e-6)


def test_missing_rows_are_dropped_and_counted():
    frame = drawn()
    holed = frame.copy()
    holed.loc[[0, 7], "a"] = np.nan
    holed.loc[9, "unit"] = None
    fit = two_level_cfa(ONE, holed, cluster="unit")
    assert fit.glance()["rows_dropped"].item() == 3
    assert "3 rows dropped" in repr(fit)
    other = two_level_cfa(ONE, frame.drop([0, 7, 9]), cluster="unit")
    assert fit.glance()["log_likelihood"].item() == other.glance()["log_likelihood"].item()


def test_implied_covariances_and_vcov_are_labelled():
    fit = two_level_cfa(ONE, drawn(), cluster="unit")
    gap = fit.covariances(level="within") - fit.covariances(level="within", kind="implied")
    assert np.abs(gap).max().max() < 1e-5
    assert "fb =~ b [between]" in fit.vcov().index
    row = fit.tidy().set_index(["level", "term"]).loc[("between", "fb =~ b")]
    assert row["std_error"] == pytest.approx(
        np.sqrt(fit.vcov().loc["fb =~ b [between]", "fb =~ b [between]"])
    )


@pytest.mark.parametrize(
    ("change", "model", "message"),
    [
        (lambda f: f.assign(unit="x"), ONE, "every row of 'unit' is 'x'"),
        (lambda f: f.assign(unit=range(len(f))), ONE, "one person only"),
        (lambda f: f.assign(a=1.0), ONE, "every value is 1"),
        (lambda f: f.assign(a="x"), ONE, "'a': is not numeric"),
        (lambda f: f.assign(a=np.nan), ONE, "'a': nobody answered it"),
        (lambda f: f.assign(a=f["a"].where(f["b"].isna())), ONE, "'a': nobody answered it"),
        (lambda f: f.assign(unit=None), ONE, "No row has a value"),
        (lambda f: f.assign(a=f["b"] + 2 * f["c"]), ONE,
         "'a', 'b', 'c': determine each other within units"),
        (lambda f: pd.concat([f, f[["a"]]], axis=1), ONE, "'a': has more than one column"),
        (lambda f: f.drop(columns="c"), ONE, "'c': not in the data"),
        (lambda f: f.assign(a=f.groupby("unit")["a"].transform("mean")), ONE, "no part at level 1"),
        (lambda f: f.assign(w=f["a"]), ONE + "\n fb ~ w", "differs between persons of unit 'u"),
        (lambda f: f, "level: 1\n f =~ a + b + c", "level 2: has no line"),
        (lambda f: f, "f =~ a + b\n" + ONE, "stands before the first block"),
        (lambda f: f, ONE.replace("fw", "fw") + "\n a | t1", "thresholds are not available"),
        (lambda f: f.head(12), ONE, "2 units for 3 variables"),
        (lambda f: f.groupby("unit").head(1).iloc[:58].pipe(lambda g: pd.concat([g, f.iloc[1:3]])),
         ONE, "persons in"),
        (lambda f: f, "level: 1\n f =~ a + b\nlevel: 2\n g =~ a + b", "free parameters for"),
        (lambda f: f, "level: 1\n f =~ a\n g =~ b\n h =~ a + b + c\nlevel: 2\n a ~~ b + c",
         "free parameters for|not identified"),
    ],
)  # fmt: skip
def test_unusable_data_and_models_are_refused(change, model, message):
    with pytest.raises(MeasurementError, match=message):
        two_level_cfa(model, change(drawn()), cluster="unit")


def test_parameters_that_data_do_not_determine_are_named_and_have_no_errors():
    """They used to end the fit, where a model of one level only warned."""
    text = "level: 1\n f =~ NA*a + b + c\nlevel: 2\n a ~~ a\n b ~~ b\n c ~~ c"
    with pytest.warns(NotIdentifiedWarning, match="'level 1, f =~ a', 'level 1, f =~ b'"):
        fit = two_level_cfa(text, drawn(), cluster="unit")
    assert fit.status == fit.glance()["status"].iloc[0] == "not identified"
    rows = fit.tidy().set_index("term")["std_error"]
    assert rows[["f =~ a", "f =~ b", "f ~~ f"]].isna().all()
    same = two_level_cfa(text.replace("NA*", ""), drawn(), cluster="unit")
    np.testing.assert_allclose(same.glance()["chisq"], fit.glance()["chisq"], rtol=1e-6, atol=1e-6)
    between = same.tidy().query("level == 'between'")["std_error"]
    np.testing.assert_allclose(
        fit.tidy().query("level == 'between'")["std_error"], between, rtol=1e-4
    )


def test_wrong_estimator_and_no_frame():
    with pytest.raises(MeasurementError, match=r"must be 'ml' or 'mlr', got 'mlx'\. Did you mean"):
        two_level_cfa(ONE, drawn(), cluster="unit", estimator="mlx")
    with pytest.raises(MeasurementError, match="got list"):
        two_level_cfa(ONE, [1], cluster="unit")


def test_a_model_without_free_parameters():
    zero = "\n ".join(f"{n} ~~ 1*{n}" for n in "abc")
    means = "\n ".join(f"{n} ~ 0*1" for n in "abc")
    with pytest.raises(MeasurementError, match="no free parameter"):
        two_level_cfa(f"level: 1\n {zero}\nlevel: 2\n {zero}\n {means}", drawn(), cluster="unit")


def test_an_item_without_variance_between_units_is_named():
    """Unit means that differ less than chance makes them: the variance between is below zero."""
    frame = drawn(units=40, size=8)
    within = frame.groupby("unit")["c"].transform("mean")
    frame["c"] = frame["c"] - 0.95 * within
    text = "level: 1\n fw =~ a + b + c\nlevel: 2\n a ~~ b + c\n b ~~ c"
    with pytest.warns(HeywoodWarning) as caught:
        fit = two_level_cfa(text, frame, cluster="unit")
    texts = [str(w.message) for w in caught]
    assert any("Item 'c' has no variance between units (ICC -" in t for t in texts)
    assert fit.status == "converged"


def test_an_item_centred_within_units_is_refused_between():
    frame = drawn(units=40, size=8)
    frame["c"] -= frame.groupby("unit")["c"].transform("mean")
    with pytest.raises(MeasurementError, match="'c': has the same mean in every unit"):
        two_level_cfa(ONE, frame, cluster="unit")
    fit = two_level_cfa("level: 1\n fw =~ a + b + c\nlevel: 2\n a ~~ b", frame, cluster="unit")
    assert fit.icc().set_index("item")["icc"]["c"] == 0


def test_a_start_outside_the_domain_is_refused():
    text = ONE + "\n a ~~ -9*a"
    with pytest.raises(MeasurementError, match="search cannot start"):
        two_level_cfa(text, drawn(), cluster="unit")


def test_a_negative_variance_is_named():
    with pytest.warns(HeywoodWarning, match=r"'TSIG02' has a negative residual variance between"):
        two_level_cfa(
            OPEN["tlcfa_lq2002_tsig_mlr"].values["model"], data("lq2002"), cluster="COMPID"
        )


def test_levels_cannot_be_judged_apart_when_labels_tie_them():
    fit, _ = found("twolevel_sem", "tlcfa_demo_y123_metric")
    with pytest.raises(MeasurementError, match="'b', 'c' make parameters of both levels equal"):
        fit.fit_by_level()


def test_equal_labels_may_be_written_as_equalities():
    same, entry = found("twolevel_sem", "tlcfa_demo_y123_metric")
    one, two = entry.values["model"].split("level: 2")
    text = f"{one}level: 2{two.replace('b*', 'b2*').replace('c*', 'c2*')}\nb == b2\nc2 == c"
    fit = two_level_cfa(text, data(entry.dataset), cluster=CLUSTER[entry.dataset])
    np.testing.assert_allclose(fit.tidy()["std_error"], same.tidy()["std_error"])
    assert fit.glance()["chisq"].item() == pytest.approx(same.glance()["chisq"].item())
    with pytest.raises(MeasurementError, match="'b', 'b2', 'c', 'c2' make parameters of both"):
        fit.fit_by_level()


def test_no_convergence_is_named(monkeypatch):
    monkeypatch.setattr("crosslevel.psychometrics.twolevel.scoring._STEPS", 2)
    with pytest.warns(NotConvergedWarning, match="did not converge after"):
        fit = two_level_cfa(ONE, drawn(), cluster="unit")
    assert fit.status == "not converged"
    assert "not converged" in repr(fit)


def test_few_units_without_a_maximum_over_indefinite_covariances():
    """One unit is the largest: the likelihood grows without end; it said "not identified" once."""
    rng = np.random.default_rng(19)
    unit = np.repeat(np.arange(25), rng.integers(2, 12, 25))
    common = rng.normal(size=len(unit)) + 0.2 * rng.normal(size=25)[unit]
    frame = pd.DataFrame({n: common + 0.8 * rng.normal(size=len(unit)) for n in "abcd"})
    frame = frame.assign(unit=unit)
    text = "level: 1\n f =~ a + b + c + d\nlevel: 2\n a ~~ a\n b ~~ b\n c ~~ c\n d ~~ d"
    with pytest.raises(MeasurementError, match="likelihood has no maximum"):
        two_level_cfa(text, frame, cluster="unit")


def test_em_of_the_unrestricted_model_equals_lavaan(monkeypatch):
    """Where scoring finds no maximum, EM takes over; here both find the same."""
    frame = data("Demo.twolevel")
    statistics = summarise(frame, ["y1", "y2", "y3"], [], cluster="cluster")
    every = np.ones(3, dtype=bool)
    direct = saturate(statistics, Roles(every, ~every))
    monkeypatch.setattr("crosslevel.psychometrics.twolevel.scoring._STEPS", 1)
    em = saturate(statistics, Roles(every, ~every))
    assert em.optimum.status == "converged"
    assert em.log_likelihood == pytest.approx(direct.log_likelihood, abs=1e-4)
    stored = OPEN["tlcfa_demo_y123"].values["h1_between_cov"]["data"]
    np.testing.assert_allclose(em.moments.B, stored, rtol=1e-3, atol=1e-4)


def test_chi_square_without_correction_is_named(monkeypatch):
    monkeypatch.setattr("crosslevel.psychometrics.twolevel.fitting.corrected", lambda *_: np.nan)
    with pytest.warns(CorrectionWarning, match="Chi-square cannot be corrected: 15 moments"):
        fit = two_level_cfa(ONE, drawn(), cluster="unit", estimator="mlr")
    row = fit.glance().iloc[0]
    assert np.isnan(row["scaling_factor"])
    assert np.isfinite(row["chisq"])
