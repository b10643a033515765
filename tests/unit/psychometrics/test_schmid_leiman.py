"""Omega hierarchical against psych, and general factors that cannot be found."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from crosslevel.errors import MeasurementError
from crosslevel.psychometrics import (
    HeywoodWarning,
    ItemDirectionWarning,
    WeakIdentificationWarning,
    schmid_leiman,
)
from factor_matching import matched

REVERSED = ["A1", "C4", "C5", "E1", "E2"]


def _items(reference, dataset):
    names = reference["values"]["schmid_leiman"]["row_names"]
    if "bfi" not in reference["dataset"][0]:
        return dataset("HolzingerSwineford1939")[names]
    items = dataset("bfi")[names]
    items[REVERSED] = 7 - items[REVERSED]
    return items


@pytest.mark.parametrize("name", ["omega_bfi_ace", "omega_hs9"])
def test_omega_hierarchical_equals_psych(entry, dataset, name):
    reference = entry("reliability", name)
    expected, tolerance = reference["values"], reference["tolerance"]
    found = schmid_leiman(_items(reference, dataset), 3)
    assert found.solution.n == expected["n"]
    assert found.alpha == pytest.approx(expected["alpha"], rel=tolerance["alpha"]["rtol"])
    atol = tolerance["omega_h"]["atol"]
    assert found.omega_h == pytest.approx(expected["omega_h"], abs=atol)
    assert found.omega_total == pytest.approx(
        expected["omega_total"], abs=tolerance["omega_total"]["atol"]
    )
    assert found.omega_limit == pytest.approx(expected["omega_lim"], abs=atol)
    assert found.g6 == pytest.approx(expected["G6"], rel=1e-8)
    assert found.ecv == pytest.approx(expected["ECV"]["g"], abs=atol)
    theirs, atol = np.array(expected["schmid_leiman"]["data"]), tolerance["schmid_leiman"]["atol"]
    table = found.loadings
    np.testing.assert_allclose(table["general"], theirs[:, 0], atol=atol)
    group, order, _ = matched(table[["F1", "F2", "F3"]].to_numpy(), theirs[:, 1:4])
    np.testing.assert_allclose(group, theirs[:, 1:4], atol=atol)
    for column, values in zip(
        ("communality", "uniqueness", "share_general"), theirs[:, 4:].T, strict=True
    ):
        np.testing.assert_allclose(table[column], values, atol=atol)
    groups = found.groups.iloc[[0, *(1 + place for place in order)]]
    for key in ("total", "general", "group"):
        column = f"omega_{key}"
        np.testing.assert_allclose(groups[column], expected["group_factor_omegas"][key], atol=1e-3)


def test_an_unreversed_item_is_turned_round_and_named(entry, dataset):
    reference = entry("reliability", "omega_bfi_ace")
    items = _items(reference, dataset)
    items["A1"] = 7 - items["A1"]
    with pytest.warns(ItemDirectionWarning, match="'A1' load negatively on the general factor"):
        found = schmid_leiman(items)
    assert found.reversed_items == ("A1",)
    assert found.omega_h == pytest.approx(reference["values"]["omega_h"], abs=1e-4)
    assert "reversed: A1" in repr(found)


def test_a_known_hierarchy_is_recovered():
    rng = np.random.default_rng(6)
    n, g, own = 20000, 0.7, 0.8
    general = rng.normal(size=(n, 1))
    narrow = g * general + np.sqrt(1 - g**2) * rng.normal(size=(n, 4))
    items = np.repeat(narrow, 3, axis=1) * own + 0.6 * rng.normal(size=(n, 12))
    found = schmid_leiman(pd.DataFrame(items), 4)
    np.testing.assert_allclose(found.general_loadings, g, atol=0.03)
    np.testing.assert_allclose(found.loadings["general"], g * own, atol=0.03)
    by_general, by_group = (12 * g * own) ** 2, 4 * (3 * own) ** 2 * (1 - g**2)
    truth = by_general / (by_general + by_group + 12 * 0.36)
    assert found.omega_h == pytest.approx(truth, abs=0.01)


def test_two_group_factors_need_an_assumption(dataset):
    items = dataset("HolzingerSwineford1939")[["x1", "x2", "x3", "x4", "x5", "x6"]]
    found = {}
    for general in ("equal", "first", "second"):
        with pytest.warns(WeakIdentificationWarning, match=rf"general='{general}'"):
            found[general] = schmid_leiman(items, 2, general=general)
    r = found["equal"].solution.factor_correlations.iloc[0, 1]
    np.testing.assert_allclose(found["equal"].general_loadings, np.sqrt(r))
    np.testing.assert_allclose(found["first"].general_loadings, [1, r])
    np.testing.assert_allclose(found["second"].general_loadings, [r, 1])
    total = {round(one.omega_total, 10) for one in found.values()}
    assert len(total) == 1


def test_a_group_factor_that_is_the_general_one_is_named():
    rng = np.random.default_rng(0)
    general = rng.normal(size=(500, 1))
    narrow = np.hstack([general, 0.6 * general + 0.8 * rng.normal(size=(500, 2))])
    items = pd.DataFrame(np.repeat(narrow, 3, axis=1) + 0.7 * rng.normal(size=(500, 9)))
    items = items.sub(items.mean())
    with pytest.warns(HeywoodWarning, match=r"Group factor\(s\) F\d are the general factor"):
        schmid_leiman(items)


def test_tables_for_people(dataset):
    found = schmid_leiman(dataset("HolzingerSwineford1939").filter(regex="^x"))
    tidy = found.tidy()
    assert len(tidy) == 36
    general = tidy[tidy["group"] == "general"].set_index("term")["estimate"]
    np.testing.assert_allclose(general[found.loadings["item"]], found.loadings["general"])
    assert found.glance().loc[0, ["omega_h", "n"]].tolist() == [found.omega_h, 301]
    assert found.groups["n_items"].tolist() == [9, 3, 3, 3]
    assert repr(found).startswith(
        "omega hierarchical 0.449, total 0.851, explained common variance"
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_factors": 1}, "needs at least two group factors, got 1. For one factor use `omega`."),
        ({"rotation": "varimax"}, "`rotation` must be 'oblimin' or 'promax', got 'varimax'"),
        ({"general": "both"}, "`general` must be one of 'equal', 'first', 'second', got 'both'."),
    ],
)
def test_where_there_is_no_general_factor(dataset, options, message):
    with pytest.raises(MeasurementError, match=re.escape(message)):
        schmid_leiman(dataset("HolzingerSwineford1939").filter(regex="^x"), **options)
