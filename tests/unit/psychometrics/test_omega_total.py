"""Omega against lavaan, item by item without one, and where it is undefined."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crosslevel.errors import MeasurementError, NotConvergedWarning
from crosslevel.psychometrics import HeywoodWarning, ItemDirectionWarning, omega
from crosslevel.psychometrics.one_factor import OneFactor, information, one_factor, scores
from tolerances import CLOSED_FORM, EXACT

SETTINGS = settings(derandomize=True, deadline=None, max_examples=10, database=None)


def _items(dataset, reference):
    name = reference["dataset"][0].removeprefix("data/").removesuffix(".csv")
    items = dataset(name)[reference["values"]["items"]]
    turned = [column for column in items if column in ("E1", "E2")]
    items[turned] = 7 - items[turned]
    return items


def test_omega_and_the_one_factor_equal_lavaan(scale):
    expected, atol = scale.expected, scale.tolerance["omega"]["atol"]
    if expected["item"]["r_drop"][0] < 0:
        with pytest.warns(ItemDirectionWarning, match="'A1'"):
            found = omega(scale.items)
    else:
        found = omega(scale.items)
    assert (found.n, found.n_items) == (expected["n"], expected["k"])
    assert found.estimate == pytest.approx(expected["omega_total_model_implied"], abs=atol)
    assert found.observed == pytest.approx(expected["omega_total_observed_variance"], abs=atol)
    lavaan = expected["cfa1"]
    loadings = np.array(list(lavaan["loadings_std_lv"].values()))
    unique = np.array(list(lavaan["residual_var"].values()))
    spread = scale.items.std().to_numpy()
    ours = found.loadings["loading"] * np.sign(loadings.sum())
    np.testing.assert_allclose(ours / spread, loadings / spread, atol=atol)
    np.testing.assert_allclose(
        found.loadings["unique_variance"] / spread**2, unique / spread**2, atol=atol
    )
    assert found.chisq == pytest.approx(lavaan["chisq"], abs=1e-5)
    assert found.df == lavaan["df"]


@pytest.mark.parametrize(
    "name", ["omega_se_bfi_extra", "omega_se_hs_all9", "omega_se_lq2002_hostile"]
)
def test_standard_errors_equal_lavaan(entry, dataset, name):
    reference = entry("measurement", name)
    expected, tolerance = reference["values"], reference["tolerance"]
    items = _items(dataset, reference)
    options = {"ml": {"interval": "delta"}, "mlm": {"interval": "robust"}}
    if "cluster" in expected:
        options["cluster"] = {"interval": "robust", "groups": dataset("lq2002")["COMPID"]}
    for key, option in options.items():
        found, theirs = omega(items, **option), expected[key]
        assert found.estimate == pytest.approx(theirs["est"], abs=tolerance["est"]["atol"])
        assert found.std_error == pytest.approx(theirs["se"], rel=tolerance["se"]["rtol"])
        assert found.conf_low == pytest.approx(theirs["lower"], abs=tolerance["est"]["atol"])
        assert found.conf_high == pytest.approx(theirs["upper"], abs=tolerance["est"]["atol"])
    assert found.rmsea == pytest.approx(expected["rmsea"], abs=tolerance["rmsea"]["atol"])
    assert found.chisq == pytest.approx(expected["chisq"], abs=tolerance["chisq"]["atol"])


def test_bootstrap_interval_and_omega_without_each_item(entry, dataset):
    items = _items(dataset, entry("measurement", "omega_se_bfi_extra"))
    found = omega(items, interval="bootstrap", draws=400, seed=2)
    robust = omega(items)
    assert found.std_error == pytest.approx(robust.std_error, rel=0.1)
    assert found.estimate == robust.estimate
    assert found.conf_low < found.estimate < found.conf_high
    complete = items.dropna()
    fewer = [omega(complete.drop(columns=name)).estimate for name in items]
    np.testing.assert_allclose(found.items["omega_if_dropped"], fewer, rtol=EXACT)


def test_loadings_of_a_known_matrix_are_found_many_at_once():
    loadings = np.array([[0.9, 0.8, 0.7, 0.6], [0.5, 0.4, -0.3, 0.6]])
    R = loadings[:, :, None] * loadings[:, None, :]
    R[:, range(4), range(4)] = 1
    found = one_factor(np.concatenate([R, np.full((1, 4, 4), np.nan), np.ones((1, 4, 4))]))
    np.testing.assert_allclose(found.lam[:2], loadings, atol=1e-7)
    assert found.converged.tolist() == [True, True, False, False]
    assert np.isnan(found.psi[2:]).all()
    nothing = one_factor(np.full((1, 4, 4), np.nan))
    assert np.isnan(nothing.F).all()


def test_information_is_the_mean_product_of_scores():
    """Simulated: the two sides of the information identity, 200,000 respondents."""
    lam, psi = np.array([0.9, 0.7, 0.5]), np.array([0.3, 0.6, 0.8])
    rng = np.random.default_rng(8)
    n = 200_000
    x = rng.normal(size=(n, 1)) * lam + rng.normal(size=(n, 3)) * np.sqrt(psi)
    g = scores(x, lam, psi)
    np.testing.assert_allclose(g.T @ g / n, information(lam, psi), atol=0.03)


@given(order=st.permutations(range(4)), seed=st.integers(0, 50))
@SETTINGS
def test_order_units_and_direction_do_not_matter(order, seed):
    rng = np.random.default_rng(seed)
    loadings = np.array([0.9, 0.7, 0.6, 0.5])
    items = pd.DataFrame(
        rng.normal(size=(150, 1)) * loadings + 0.6 * rng.normal(size=(150, 4)), columns=list("abcd")
    )
    plain = omega(items)
    others = [
        omega(items.sample(frac=1, random_state=seed)),
        omega(items.iloc[:, list(order)]),
        omega(items * 20 - 7),
        omega(6 - items),
        omega(pd.concat([items, pd.DataFrame({"a": [1.0, np.nan]})], ignore_index=True)),
    ]
    for other in others:
        assert other.estimate == pytest.approx(plain.estimate, abs=CLOSED_FORM)
        assert other.std_error == pytest.approx(plain.std_error, rel=1e-6)
    assert (others[-1].n, others[-1].n_partial, others[-1].n_none) == (150, 1, 1)


def test_a_wald_interval_is_cut_at_one():
    rng = np.random.default_rng(2)
    items = pd.DataFrame(rng.normal(size=(12, 1)) + 0.3 * rng.normal(size=(12, 4)))
    assert omega(items, interval="delta", conf_level=0.999999).conf_high == 1


def test_results_answer_tidy_glance_and_repr(dataset):
    found = omega(dataset("attitude")[["complaints", "learning", "raises", "rating"]])
    assert found.tidy().loc[0, ["term", "estimate"]].tolist() == ["omega", found.estimate]
    assert found.glance().loc[0, ["omega", "df", "n"]].tolist() == [found.estimate, 2, 30]
    assert "RMSEA of one factor" in repr(found)
    three = omega(dataset("attitude")[["complaints", "learning", "raises"]])
    assert "RMSEA" not in repr(three)
    assert np.isnan([three.p_value, three.rmsea]).all()


def test_a_heywood_case_is_named():
    rng = np.random.default_rng(1)
    a = rng.normal(size=200)
    b, c = a + 0.6 * rng.normal(size=200), a + 0.6 * rng.normal(size=200)
    items = pd.DataFrame({"a": a, "b": b, "c": c, "d": b - c + 0.3 * rng.normal(size=200)})
    with pytest.warns(HeywoodWarning, match=r"more than 99.5 % of item"):
        found = omega(items[["a", "b", "c"]].assign(b=b - 0.2 * c))
    assert found.loadings["unique_variance"].min() > 0


def test_a_search_without_an_end_is_named(monkeypatch, dataset):
    def unfinished(R):
        found = one_factor(R)
        return OneFactor(found.lam, found.psi, found.F, np.zeros(len(R), dtype=bool))

    monkeypatch.setattr("crosslevel.psychometrics.omega_total.one_factor", unfinished)
    with pytest.warns(NotConvergedWarning, match="did not converge"):
        omega(dataset("attitude")[["complaints", "learning", "raises"]])


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ({"a": [1.0, 2, 3]}, "'a': omega needs at least three items, got 1."),
        ({"a": [1.0, 2, 3], "b": [1.0, 3, 2]}, "got 2. For two items use `spearman_brown`."),
        (
            {"a": [1.0, 2, 3, 4], "b": [1.0, 3, 2, 4], "c": [2.0, 2, 2, 2]},
            "Omega needs items that vary between respondents.",
        ),
        (
            {"a": [1.0, 2, 3, 4], "b": [1.0, 3, 2, 4], "c": [1.0, 2, 3, 4]},
            "some items are exact sums or copies of others",
        ),
        (
            {"a": [1.0, 2, 4], "b": [1.0, 3, 2], "c": [2.0, 4, 3]},
            "3 complete respondents are too few for 3 items",
        ),
    ],
)
def test_where_omega_is_undefined(items, message):
    with pytest.raises(MeasurementError, match=re.escape(message)):
        omega(pd.DataFrame(items))
