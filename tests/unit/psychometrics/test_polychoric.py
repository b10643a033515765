"""Polychoric correlations against lavaan, psych, and numerical integration."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, optimize, special, stats

from crosslevel.errors import MeasurementError
from crosslevel.psychometrics import (
    BoundaryCorrelationWarning,
    EmptyCategoryWarning,
    NotPositiveDefiniteWarning,
    polychoric,
)
from crosslevel.psychometrics.bivariate_normal import bivariate_cdf, bivariate_density
from crosslevel.psychometrics.ordered_answers import ordered_answers
from crosslevel.psychometrics.ordered_moments import ordered_moments
from tolerances import CLOSED_FORM, EXACT

AGREE, CONSC = [f"A{i}" for i in range(1, 6)], [f"C{i}" for i in range(1, 6)]
LAVAAN_STOP = 1e-6  # where lavaan's search for a correlation stops


def test_polychoric_equals_lavaan_and_psych(entry, dataset):
    reference = entry("efa", "polychoric_bfi_c")
    expected, tolerance = reference["values"], reference["tolerance"]
    found = polychoric(dataset("bfi")[CONSC])
    assert found.n == expected["n"]
    for name in ("lavaan", "psych"):
        np.testing.assert_allclose(
            found.correlations, expected[name]["data"], atol=tolerance[name]["atol"]
        )
    np.testing.assert_allclose(
        found.thresholds["estimate"],
        list(expected["thresholds"].values()),
        atol=tolerance["thresholds"]["atol"],
    )
    labels = [f"{row.item}|t{row.threshold}" for row in found.thresholds.itertuples()]
    assert labels == list(expected["thresholds"])


def _uneven(bfi):
    items = bfi.loc[:399, ["E1", "E2", "E3", "N1"]]
    return items.assign(
        E2=items["E2"].clip(upper=3), E3=1 + (items["E3"] > 3).where(items["E3"].notna())
    )


CASES = {
    "moments_bfi_ac": lambda bfi: bfi[AGREE + CONSC],
    "moments_uneven": _uneven,
    "moments_two": lambda bfi: 1 + (bfi.loc[:299, AGREE].dropna() > 5),
}


@pytest.mark.parametrize("name", CASES)
def test_moments_and_their_covariance_equal_lavaan(entry, dataset, name):
    expected = entry("ordered", name)["values"]
    items = CASES[name](dataset("bfi"))
    found = ordered_moments(ordered_answers(items.astype("float64")))
    assert found.n == expected["n"]
    np.testing.assert_allclose(found.thresholds, expected["thresholds"], atol=CLOSED_FORM)
    np.testing.assert_allclose(found.correlations, expected["correlations"], atol=LAVAAN_STOP)
    diagonal = np.diag(found.gamma)
    np.testing.assert_allclose(diagonal, expected["gamma_diagonal"], rtol=1e-5)
    np.testing.assert_allclose(
        found.gamma.sum(axis=1), expected["gamma_row_sums"], atol=1e-5 * diagonal.max()
    )


def test_pairwise_equals_lavaan(entry, dataset):
    expected = entry("ordered", "polychoric_pairwise")["values"]["correlations"]
    found = polychoric(dataset("bfi")[AGREE], missing="pairwise")
    np.testing.assert_allclose(found.correlations, expected, atol=LAVAAN_STOP)
    assert (found.n, found.dropped) == (2800, 0)


def test_one_empty_cell_of_a_two_by_two_table_equals_lavaan(entry):
    items = pd.DataFrame({"a": np.repeat([1, 2], [40, 60]), "b": [1] * 40 + [1] * 25 + [2] * 35})
    found = polychoric(items).correlations.loc["a", "b"]
    assert found == pytest.approx(entry("ordered", "cell_empty")["values"]["rho"], abs=LAVAAN_STOP)


@pytest.mark.parametrize("rho", [0.0, 0.3, -0.8, 0.95, -0.99, 0.9999])
def test_bivariate_normal_equals_integration(rho):
    rng = np.random.default_rng(11)
    h, k = rng.normal(scale=1.3, size=(2, 12))
    h[0] = k[1] = h[2] = k[2] = 0.0
    k[3] = h[3] + 0.01
    scale = np.sqrt(1 - rho**2)

    def slice_below(x, top):
        return stats.norm.pdf(x) * special.ndtr((top - rho * x) / scale)

    for i in range(12):
        edge = k[i] / rho if rho else 0.0
        breaks = [edge + m * scale for m in (-8, -3, 0, 3, 8)]
        inside = sorted(x for x in breaks if -12 < x < h[i])
        brute, _ = integrate.quad(
            slice_below, -12, h[i], args=(k[i],), points=inside or None, epsabs=1e-14, limit=400
        )
        assert bivariate_cdf(h[i], k[i], rho) == pytest.approx(brute, abs=1e-13)
    assert bivariate_cdf(h, np.inf, rho) == pytest.approx(special.ndtr(h), abs=1e-15)
    assert bivariate_cdf(h, -np.inf, rho) == pytest.approx(np.zeros(12), abs=1e-15)


def test_density_is_the_slope_of_the_probability():
    h, k, rho = np.array([0.3, -1.0, 2.0]), np.array([0.5, 0.2, 1.9]), np.array([0.1, -0.7, 0.95])
    density, slope = bivariate_density(h, k, rho)
    step = 1e-6
    numeric = (bivariate_cdf(h, k, rho + step) - bivariate_cdf(h, k, rho - step)) / (2 * step)
    np.testing.assert_allclose(density, numeric, rtol=1e-6)
    up, down = (bivariate_density(h, k, rho + s)[0] for s in (step, -step))
    np.testing.assert_allclose(slope, (up - down) / (2 * step), rtol=1e-6)
    for i in range(3):
        joint = stats.multivariate_normal(cov=[[1, rho[i]], [rho[i], 1]])
        assert density[i] == pytest.approx(joint.pdf([h[i], k[i]]), rel=EXACT)
        assert bivariate_cdf(h, k, rho)[i] == pytest.approx(joint.cdf([h[i], k[i]]), abs=1e-8)


@pytest.mark.parametrize("rho", [-0.95, 0.2, 0.985])
def test_one_pair_by_brute_force(rho):
    """The likelihood of one table, from scipy's distribution, searched in one dimension."""
    rng = np.random.default_rng(3)
    latent = rng.multivariate_normal([0, 0], [[1, rho], [rho, 1]], size=400)
    items = pd.DataFrame(
        {"a": np.digitize(latent[:, 0], [-1, 0.2, 1]), "b": np.digitize(latent[:, 1], [-1.1, 0.9])}
    )
    counts = pd.crosstab(items["a"], items["b"]).to_numpy()
    a = np.r_[-9, stats.norm.ppf(np.cumsum(counts.sum(axis=1))[:-1] / 400), 9]
    b = np.r_[-9, stats.norm.ppf(np.cumsum(counts.sum(axis=0))[:-1] / 400), 9]

    def minus_log_likelihood(r):
        joint = stats.multivariate_normal(cov=[[1, r], [r, 1]])
        corners = np.array([[joint.cdf([x, y]) for y in b] for x in a])
        cells = np.diff(np.diff(corners, axis=0), axis=1)
        return -(counts * np.log(np.maximum(cells, 1e-300))).sum()

    best = optimize.minimize_scalar(
        minus_log_likelihood, bounds=(-0.999, 0.999), method="bounded", options={"xatol": 1e-9}
    ).x
    assert polychoric(items).correlations.loc["a", "b"] == pytest.approx(best, abs=1e-6)


def test_perfect_agreement_is_named():
    items = pd.DataFrame({"a": [1, 2, 3] * 5, "b": [1, 2, 3] * 5, "c": [1, 1, 2, 2, 3] * 3})
    with pytest.warns(BoundaryCorrelationWarning, match="'a' and 'b' runs to -1 or 1: the cells"):
        found = polychoric(items)
    assert found.correlations.loc["a", "b"] > 0.999
    assert abs(found.correlations.loc["a", "c"]) < 0.5


def test_not_positive_definite_is_named_and_smoothed_only_if_asked():
    items = pd.DataFrame(
        np.random.default_rng(2).integers(0, 2, size=(9, 7)), columns=list("abcdefg")
    )
    items = items.loc[:, items.nunique() > 1]
    with pytest.warns(NotPositiveDefiniteWarning, match="need smooth=True, or fewer items") as seen:
        plain = polychoric(items)
    assert plain.smallest_eigenvalue < 0
    assert not plain.smoothed
    assert np.linalg.eigvalsh(plain.correlations)[0] == pytest.approx(plain.smallest_eigenvalue)
    assert any("too few respondents for these items" in str(w.message) for w in seen)
    with pytest.warns(NotPositiveDefiniteWarning, match=r"It was smoothed\."):
        smoothed = polychoric(items, smooth=True)
    assert smoothed.smoothed
    assert np.linalg.eigvalsh(smoothed.correlations)[0] > 0
    assert np.diag(smoothed.correlations) == pytest.approx(np.ones(len(items.columns)))


def test_tables_for_people(dataset):
    found = polychoric(dataset("bfi")[CONSC])
    table = found.tidy(conf_level=0.9).set_index("term")
    covariance = found.covariance()
    assert table.loc["C1 ~~ C2", "estimate"] == found.correlations.loc["C1", "C2"]
    error = table.loc["C1 ~~ C2", "std_error"]
    assert error == pytest.approx(np.sqrt(covariance.loc["C1~~C2", "C1~~C2"]), rel=EXACT)
    high = table.loc["C1 ~~ C2", "estimate"] + stats.norm.ppf(0.95) * error
    assert table.loc["C1 ~~ C2", "conf_high"] == pytest.approx(high, rel=EXACT)
    first = found.thresholds.iloc[0]
    assert first["std_error"] == pytest.approx(np.sqrt(covariance.loc["C1|t1", "C1|t1"]), rel=EXACT)
    assert found.glance().loc[0, ["n", "dropped", "n_items"]].tolist() == [2707, 93, 5]
    assert "5 items, 2707 respondents (93 dropped)" in repr(found)


def test_categories_and_order_do_not_matter(dataset):
    items = dataset("bfi").loc[:500, CONSC].dropna()
    plain = polychoric(items)
    other = polychoric(items * 10 - 3)
    labels = {value: f"{value:g} points" for value in range(1, 7)}
    ordered = items.apply(
        lambda column: pd.Categorical(column.map(labels), list(labels.values()), ordered=True)
    )
    turned = items.assign(C4=7 - items["C4"]).iloc[::-1]
    for same in (other, polychoric(ordered)):
        pd.testing.assert_frame_equal(same.correlations, plain.correlations)
    signs = np.where(np.array(CONSC) == "C4", -1, 1)
    np.testing.assert_allclose(
        polychoric(turned).correlations, plain.correlations * np.outer(signs, signs), atol=1e-9
    )


def test_an_empty_category_is_named():
    items = pd.DataFrame({"a": [1, 2, 4, 5, 2, 1], "b": [1, 2, 1, 2, 1, 2]})
    with pytest.warns(EmptyCategoryWarning, match=r"in the middle of 'a' \(3\); it has no thresh"):
        found = polychoric(items)
    assert found.thresholds["item"].tolist() == ["a"] * 3 + ["b"]
    labels = pd.Categorical(["low", "high", "low", "high"], ["low", "mid", "high"], ordered=True)
    with pytest.warns(EmptyCategoryWarning, match=r"'a' \(mid\)"):
        ordered_answers(pd.DataFrame({"a": labels, "b": [1, 1, 2, 2]}))
    ordered_answers(pd.DataFrame({"a": [1.5, 4, 1.5, 4], "b": [1, 1, 99, 99]}))


UNDEFINED = [
    ({"a": [1, 2, 1, 2]}, "'a': needs at least two items, got 1."),
    ({"a": [1, 2, 1, 2], "b": [3, 3, 3, 3]}, "item 'b': everyone chose the same category."),
    (
        {"a": range(20), "b": [1, 2] * 10},
        "item 'a': has 20 different values, more than 12. Treat it as continuous.",
    ),
    (
        {"a": ["x", "y", "x"], "b": [1, 2, 1]},
        "item 'a': is not numeric. Read it with its codes.",
    ),
    (
        {"a": pd.Categorical(["x", "y", "x"]), "b": [1, 2, 1]},
        "item 'a': its categories have no order.",
    ),
    (
        {"a": [1, 2, np.nan, 1], "b": [1, np.nan, 2, 1]},
        "'a' and 'b': needs at least three respondents, got 2.",
    ),
    (
        {"a": [1, 2, 1, np.nan], "b": [np.nan, np.nan, np.nan, 1]},
        "items 'a' and 'b': nobody answered both.",
    ),
]


@pytest.mark.parametrize(("items", "message"), UNDEFINED)
def test_where_polychorics_are_undefined(items, message):
    missing = "pairwise" if "both" in message else "drop"
    with pytest.raises(MeasurementError, match=re.escape(message)):
        polychoric(pd.DataFrame(items), missing=missing)


def test_missing_has_two_ways():
    with pytest.raises(
        MeasurementError, match="`missing` must be 'drop' or 'pairwise', got 'fiml'"
    ):
        polychoric(pd.DataFrame({"a": [1, 2], "b": [1, 2]}), missing="fiml")
