"""Exploratory factor analysis against psych, and what becomes of data that cannot be factored."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, stats

from crosslevel.errors import MeasurementError, NotConvergedWarning
from crosslevel.psychometrics import (
    HeywoodWarning,
    ItemDirectionWarning,
    NotPositiveDefiniteWarning,
    efa,
    factorability,
    minimum_average_partial,
    parallel_analysis,
    polychoric,
)
from crosslevel.psychometrics.extraction import extract
from crosslevel.psychometrics.rotation import rotate
from factor_matching import matched
from reference_values import data, entries
from tolerances import CLOSED_FORM, EXACT

ENTRIES = {
    "efa_hs9_oblimin": (3, "minres", "oblimin"),
    "efa_hs9_varimax_ml": (3, "ml", "varimax"),
    "efa_hs9_promax": (3, "minres", "promax"),
    "efa_bfi_ace_oblimin": (3, "minres", "oblimin"),
    "efa_hs9_1f": (1, "minres", "none"),
}


def _items(reference, dataset):
    name = reference["dataset"][0].removeprefix("data/").removesuffix(".csv")
    return dataset(name)[reference["values"]["loadings"]["row_names"]]


def _array(matrix):
    return np.array(matrix["data"])


@pytest.mark.parametrize("name", ENTRIES)
def test_factors_equal_psych(entry, dataset, name):
    reference = entry("efa", name)
    expected, tolerance = reference["values"], reference["tolerance"]
    n_factors, method, rotation = ENTRIES[name]
    found = efa(_items(reference, dataset), n_factors, method=method, rotation=rotation)
    assert found.n == expected["n"]
    theirs = _array(expected["loadings"])
    loadings, order, signs = matched(found.loadings.to_numpy(), theirs)
    np.testing.assert_allclose(loadings, theirs, atol=tolerance["loadings"]["atol"])
    structure = found.structure.to_numpy()[:, order] * signs
    np.testing.assert_allclose(structure, _array(expected["structure"]), atol=1e-3)
    if "Phi" in expected:
        phi = found.factor_correlations.to_numpy()[np.ix_(order, order)] * np.outer(signs, signs)
        np.testing.assert_allclose(phi, _array(expected["Phi"]), atol=tolerance["Phi"]["atol"])
    shares = list(expected["communality"].values())
    np.testing.assert_allclose(found.communalities, shares, atol=tolerance["communality"]["atol"])
    np.testing.assert_allclose(found.uniquenesses + found.communalities, 1, atol=EXACT)
    squares = (found.unrotated**2).sum()
    np.testing.assert_allclose(squares, expected["unrotated_abs_sumsq"], atol=1e-4)


@pytest.mark.parametrize("name", ENTRIES)
def test_fit_equals_psych(entry, dataset, name):
    reference = entry("efa", name)
    expected, tolerance = reference["values"], reference["tolerance"]
    n_factors, method, rotation = ENTRIES[name]
    fit = efa(_items(reference, dataset), n_factors, method=method, rotation=rotation).fit
    assert fit.df == expected["df"]
    assert fit.chisq == pytest.approx(expected["chisq"], rel=tolerance["chisq"]["rtol"])
    assert fit.objective == pytest.approx(expected["objective"], rel=tolerance["objective"]["rtol"])
    assert fit.p_value == pytest.approx(expected["p"], rel=1e-3, abs=1e-100)
    rmsea = expected["RMSEA"]
    assert fit.rmsea == pytest.approx(rmsea["RMSEA"], abs=1e-6)
    assert [fit.rmsea_low, fit.rmsea_high] == pytest.approx(
        [rmsea["lower"], rmsea["upper"]], abs=1e-6
    )
    assert fit.tli == pytest.approx(expected["TLI"], abs=1e-6)
    assert fit.rmsr == pytest.approx(expected["rms"], abs=1e-7)
    assert fit.bic == pytest.approx(expected["BIC"], rel=1e-4)


@pytest.mark.parametrize("name", ["efa_hs9_oblimin", "efa_bfi_ace_oblimin"])
def test_before_factoring_equals_psych(entry, dataset, name):
    reference = entry("efa", name)
    expected, tolerance = reference["values"], reference["tolerance"]
    items = _items(reference, dataset)
    found = factorability(items)
    np.testing.assert_allclose(
        found.eigenvalues, expected["eigenvalues"], rtol=tolerance["eigenvalues"]["rtol"]
    )
    assert found.kmo == pytest.approx(expected["KMO"], rel=tolerance["KMO"]["rtol"])
    np.testing.assert_allclose(
        found.items["kmo"], list(expected["KMO_items"].values()), rtol=tolerance["KMO"]["rtol"]
    )
    np.testing.assert_allclose(found.items["smc"], list(expected["smc"].values()), rtol=CLOSED_FORM)
    bartlett = expected["bartlett"]
    assert (found.n, found.df) == (expected["n"], bartlett["df"])
    assert found.chisq == pytest.approx(bartlett["chisq"], rel=CLOSED_FORM)
    assert found.p_value == pytest.approx(bartlett["p"], rel=1e-6)
    partial = minimum_average_partial(items).table["average_squared"].to_numpy()[1:]
    theirs = expected["velicer_map"][: len(partial)]
    np.testing.assert_allclose(partial[: len(theirs)], theirs, rtol=CLOSED_FORM)


@pytest.mark.parametrize("name", ["efa_hs9_oblimin", "efa_bfi_ace_oblimin"])
def test_parallel_analysis_equals_psych(entry, dataset, name):
    reference = entry("efa", name)
    expected, atol = reference["values"], reference["tolerance"]["parallel"]["atol"]
    found = parallel_analysis(_items(reference, dataset), reference="normal", draws=400, seed=1)
    table = found.eigenvalues
    np.testing.assert_allclose(table["eigenvalue"], expected["eigenvalues"], rtol=1e-9)
    np.testing.assert_allclose(table["mean"], expected["parallel_normal_mean"], atol=atol)
    np.testing.assert_allclose(table["quantile"], expected["parallel_normal_q95"], atol=atol)
    assert found.n_factors == 3


def test_parallel_analysis_of_other_kinds(dataset):
    items = dataset("bfi").loc[:800, ["A1", "A2", "A3", "E1", "E2", "E3"]]
    first, again = (parallel_analysis(items, draws=60, seed=5) for _ in range(2))
    pd.testing.assert_frame_equal(first.eigenvalues, again.eigenvalues)
    other = parallel_analysis(items, draws=60, seed=6)
    assert not first.eigenvalues["mean"].equals(other.eigenvalues["mean"])
    factors = parallel_analysis(items, basis="factors", draws=60)
    assert factors.eigenvalues["eigenvalue"].sum() < first.eigenvalues["eigenvalue"].sum()
    assert "eigenvalues of factors above the 95% point of 60 permutation draws" in repr(factors)
    ordered = parallel_analysis(items, ordered=True, draws=20)
    latent = np.linalg.eigvalsh(polychoric(items).correlations)[::-1]
    np.testing.assert_allclose(ordered.eigenvalues["eigenvalue"], latent, rtol=CLOSED_FORM)
    assert ordered.eigenvalues["mean"].sum() == pytest.approx(6, rel=EXACT)
    assert first.glance().loc[0, "n_factors"] == first.n_factors
    assert first.tidy()["retained"].sum() == first.n_factors


def test_average_partial_for_people(dataset):
    found = minimum_average_partial(dataset("HolzingerSwineford1939").filter(regex="^x"))
    assert (found.n_factors, found.n_factors_fourth) == (2, 2)
    assert repr(found).startswith("minimum average partial suggests 2 factor(s) (2 by the fourth")
    assert found.glance().loc[0, "n"] == 301
    assert found.tidy()["components"].tolist() == list(range(8))


def test_ml_loadings_maximise_the_likelihood():
    """One factor of five items by a general search over all ten parameters."""
    rng = np.random.default_rng(9)
    values = rng.normal(size=(150, 1)) * [0.9, 0.8, 0.7, 0.6, 0.5] + rng.normal(size=(150, 5))
    R = np.corrcoef(values, rowvar=False)

    def discrepancy(parameters):
        sigma = np.outer(parameters[:5], parameters[:5]) + np.diag(np.exp(parameters[5:]))
        return np.linalg.slogdet(sigma)[1] + np.trace(np.linalg.solve(sigma, R))

    best = optimize.minimize(discrepancy, np.r_[np.full(5, 0.5), np.zeros(5)], tol=1e-14)
    found = extract(R, 1, method="ml").loadings[:, 0]
    np.testing.assert_allclose(np.abs(found), np.abs(best.x[:5]), atol=1e-5)


def test_minres_leaves_the_smallest_residuals():
    rng = np.random.default_rng(9)
    R = np.corrcoef(rng.normal(size=(80, 1)) + rng.normal(size=(80, 5)), rowvar=False)
    off = np.triu_indices(5, 1)
    best = optimize.least_squares(lambda x: (R - np.outer(x, x))[off], np.full(5, 0.5), xtol=1e-14)
    found = np.abs(extract(R, 1).loadings[:, 0])
    np.testing.assert_allclose(found, np.abs(best.x), atol=1e-6)


def test_rotation_reproduces_the_correlations_and_improves_on_its_starts():
    rng = np.random.default_rng(4)
    loadings = rng.uniform(-0.7, 0.7, size=(12, 3))
    for rotation in ("oblimin", "promax", "varimax", "none"):
        found = rotate(loadings, rotation=rotation)
        np.testing.assert_allclose(
            found.loadings @ found.correlations @ found.loadings.T,
            loadings @ loadings.T,
            atol=1e-8,
        )
        np.testing.assert_allclose(np.diag(found.correlations), 1, atol=1e-8)
    one = rotate(loadings, rotation="oblimin", starts=0).criterion
    many = rotate(loadings, rotation="oblimin", starts=20).criterion
    assert many <= one + 1e-12


@pytest.mark.parametrize("name", ["bfi_6", "hs_2", "lead_2"])
def test_varimax_is_at_its_maximum_and_factors_have_smc(name):
    """R's varimax with a tight stopping rule; with its own it ends up to 0.008 from there."""
    reference = entries("rotation")[name]
    expected, tolerance = reference.values, reference.tolerance
    items = data(reference.dataset)[expected["items"]]
    theirs = np.array(expected["loadings"])
    found = efa(items, expected["n_factors"], rotation="varimax").loadings.to_numpy()
    loadings, _, _ = matched(found, theirs)
    np.testing.assert_allclose(loadings, theirs, atol=tolerance["loadings"]["atol"])
    assert np.abs(loadings - np.array(expected["stats_default"])).max() > 1e-3
    table = parallel_analysis(items, basis="factors", draws=20).eigenvalues
    np.testing.assert_allclose(
        table["eigenvalue"], expected["eigenvalues_smc"], **tolerance["eigenvalues"]
    )


def test_polychoric_factors_equal_those_of_a_finer_answer():
    """Two categories hide a third of a correlation from Pearson, nothing from polychoric."""
    rng = np.random.default_rng(8)
    factor = rng.normal(size=(4000, 1))
    fine = factor * 0.8 + 0.6 * rng.normal(size=(4000, 6))
    coarse = pd.DataFrame((fine > 0.5).astype(int), columns=list("abcdef"))
    latent = efa(coarse, 1, ordered=True).loadings["F1"]
    np.testing.assert_allclose(latent, 0.8, atol=0.05)
    assert efa(coarse, 1).loadings["F1"].max() < 0.7
    np.testing.assert_allclose(
        efa(coarse, 1, ordered=True).correlations, polychoric(coarse).correlations, atol=EXACT
    )


def test_tables_for_people(dataset):
    found = efa(dataset("HolzingerSwineford1939").filter(regex="^x"), 3)
    tidy = found.tidy()
    assert len(tidy) == 27
    row = tidy[(tidy["term"] == "x4") & (tidy["group"] == "F1")]["estimate"].item()
    assert row == found.loadings.loc["x4", "F1"]
    glance = found.glance().loc[0]
    assert glance[["n", "n_items", "n_factors", "method"]].tolist() == [301, 9, 3, "minres"]
    variance = found.variance()
    assert variance["ss_loadings"].sum() == pytest.approx(found.communalities.sum(), rel=1e-8)
    assert variance["ss_loadings"].is_monotonic_decreasing
    residuals = found.residuals().to_numpy()
    off = residuals[~np.eye(9, dtype=bool)]
    assert np.sqrt((off**2).mean()) == pytest.approx(found.fit.rmsr, rel=EXACT)
    np.testing.assert_allclose(np.diag(residuals), found.uniquenesses, atol=1e-8)
    text = repr(found)
    assert text.startswith("3 factor(s) (minres, oblimin) of 9 items, 301 respondents (0 dropped)")
    assert "chi2(12) = 22.56, p = 0.032, RMSEA 0.054, TLI 0.963, RMSR 0.019" in text
    assert "KMO 0.752" in repr(factorability(dataset("HolzingerSwineford1939").filter(regex="^x")))


def test_row_order_units_and_item_order_do_not_matter(dataset):
    items = dataset("HolzingerSwineford1939").filter(regex="^x")
    plain = efa(items, 3).loadings
    turned = efa(items.iloc[::-1, ::-1] * 10 + 3, 3).loadings.loc[plain.index]
    np.testing.assert_allclose(turned, plain, atol=1e-5)
    reversed_ = efa(items.assign(x4=10 - items["x4"]), 3).loadings
    np.testing.assert_allclose(np.abs(reversed_.loc["x4"]), np.abs(plain.loc["x4"]), atol=1e-5)


def test_no_degrees_of_freedom():
    rng = np.random.default_rng(1)
    found = efa(pd.DataFrame(rng.normal(size=(90, 1)) + rng.normal(size=(90, 3))), 1)
    assert found.fit.df == 0
    assert np.isnan(found.fit.p_value) and np.isnan(found.fit.rmsea)
    assert "chi2" not in repr(found)


def test_heywood_case_is_named():
    R = np.array([[1, 0.85, 0.85], [0.85, 1, 0.6], [0.85, 0.6, 1]])
    rng = np.random.default_rng(3)
    draws = stats.zscore(rng.normal(size=(60, 3)), axis=0)
    whitened = draws @ np.linalg.inv(np.linalg.cholesky(np.cov(draws, rowvar=False, ddof=0))).T
    items = pd.DataFrame(whitened @ np.linalg.cholesky(R).T, columns=["a", "b", "c"])
    with pytest.warns(HeywoodWarning, match=r"Item\(s\) 'a' have no unique variance left"):
        found = efa(items, 1)
    assert found.heywood == ("a",)
    assert "no unique variance: a" in repr(found)


def test_a_reversed_item_is_named(dataset):
    with pytest.warns(ItemDirectionWarning, match=r"'A1' load negatively on the one factor"):
        efa(dataset("bfi")[["A1", "A2", "A3", "A4", "A5"]], 1)


def test_a_search_that_stops_early_is_named(dataset, monkeypatch):
    monkeypatch.setattr("crosslevel.psychometrics.rotation._STEPS", 1)
    with pytest.warns(NotConvergedWarning, match="The rotation stopped before its minimum"):
        efa(dataset("HolzingerSwineford1939").filter(regex="^x"), 3)


NORMAL = pd.DataFrame(np.random.default_rng(0).normal(size=(40, 4)), columns=list("abcd"))
UNUSABLE = [
    (NORMAL[["a", "b"]], 1, "factor analysis needs at least three items, got 2."),
    (NORMAL.assign(b=3.0), 1, "item 'b': every answer is 3. Leave it out."),
    (NORMAL.assign(b="x"), 1, "item 'b': is not numeric."),
    (NORMAL.head(4).assign(a=[1, 2, 3, 9]), 1, "4 respondents answered all 4 items. There must"),
    (NORMAL.corr(), 1, "the frame is square and symmetric, as a matrix of correlations is."),
    (
        NORMAL.assign(d=NORMAL["a"] + NORMAL["b"]),
        1,
        "items 'a', 'b', 'd': determine each other. Leave out a total",
    ),
    (NORMAL, 2, "the correlations of 4 items can tell 1 to 1 factors, got 2."),
    (NORMAL, 0, "the correlations of 4 items can tell 1 to 1 factors, got 0."),
]


@pytest.mark.parametrize(("items", "n_factors", "message"), UNUSABLE)
def test_where_factors_are_undefined(items, n_factors, message):
    with pytest.raises(MeasurementError, match=re.escape(message)):
        efa(items, n_factors)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: efa(NORMAL, 1, method="pa"), "`method` must be one of 'minres', 'ml', got 'pa'."),
        (lambda: efa(NORMAL, 1, rotation="x"), "`rotation` must be one of 'oblimin', 'varimax'"),
        (
            lambda: parallel_analysis(NORMAL, reference="bootstrap"),
            "`reference` must be 'permutation' or 'normal', got 'bootstrap'.",
        ),
        (
            lambda: parallel_analysis(NORMAL, basis="pa"),
            "`basis` must be 'components' or 'factors', got 'pa'.",
        ),
        (lambda: parallel_analysis(NORMAL, quantile=95), "between 0 and 1, got 95."),
        (lambda: parallel_analysis(NORMAL, draws=5), "`draws` must be at least 20, got 5."),
        (
            lambda: parallel_analysis(NORMAL, ordered=True, reference="normal"),
            "Normal draws have no categories",
        ),
    ],
)
def test_words_and_numbers_that_make_no_sense(call, message):
    with pytest.raises(MeasurementError, match=re.escape(message)):
        call()


def test_a_polychoric_matrix_that_cannot_be_inverted():
    rng = np.random.default_rng(2)
    items = pd.DataFrame(rng.integers(0, 2, size=(9, 7)), columns=list("abcdefg"))
    items = items.loc[:, items.nunique() > 1]
    with (
        pytest.warns(NotPositiveDefiniteWarning),
        pytest.raises(MeasurementError, match=r"not positive definite .* Pass smooth=True"),
    ):
        efa(items, 1, ordered=True)
    with pytest.warns(NotPositiveDefiniteWarning, match="It was smoothed"):
        assert factorability(items, ordered=True, smooth=True).n == 9
