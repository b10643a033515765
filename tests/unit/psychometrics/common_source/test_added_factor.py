"""Unmeasured method factor against lavaan, a known truth, and what it cannot be told from."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pandas as pd
import pytest

from crosslevel.errors import MeasurementError, NotConvergedWarning
from crosslevel.psychometrics import common_source
from crosslevel.psychometrics.notices import NotIdentifiedWarning

FACTORS = {
    "method_bfi_ace": {name: [f"{name[0].upper()}{i}" for i in range(1, 6)]
                       for name in ("agree", "consc", "extra")},
    "method_lq2002": {
        "lead": [f"LEAD{i:02d}" for i in range(1, 12)],
        "tsig": [f"TSIG0{i}" for i in range(1, 4)],
        "hostile": [f"HOSTIL0{i}" for i in range(1, 6)],
    },
}  # fmt: skip


@pytest.mark.parametrize("loadings", ["equal", "free"])
@pytest.mark.parametrize("name", FACTORS)
def test_equals_lavaan(entry, dataset, name, loadings):
    reference = entry("measurement", name)
    expected, tolerance = reference["values"], reference["tolerance"]
    items = dataset(reference["dataset"][0].removeprefix("data/").removesuffix(".csv"))
    turned = [item for item in ("A1", "C4", "C5", "E1", "E2") if item in items]
    items[turned] = 7 - items[turned]
    found = common_source.method_factor(items, FACTORS[name], loadings=loadings)
    for model, theirs in ((0, expected["without"]), (1, expected[loadings])):
        row = found.fit.iloc[model]
        assert row["chisq"] == pytest.approx(theirs["chisq"], abs=tolerance["chisq"]["atol"])
        assert row["df"] == theirs["df"]
        table = found.associations.set_index(["lhs", "rhs"])[["without", "with_method"]]
        for lhs, rhs, value in theirs["correlations"]:
            assert table.loc[(lhs, rhs)].iloc[model] == pytest.approx(
                value, abs=tolerance["correlations"]["atol"]
            )
    method = found.items.set_index("item")["method"]
    theirs = pd.Series(expected[loadings]["method"])[method.index]
    sign = np.sign(theirs.sum() * method.sum())
    np.testing.assert_allclose(sign * method, theirs, atol=tolerance["method"]["atol"])
    assert found.method_share == pytest.approx((theirs**2).mean(), abs=1e-3)
    assert found.df == expected["without"]["df"] - expected[loadings]["df"]


UNLIKE = np.array([1.5, 0.9, 0.5])


def _frame(n: int = 10_000) -> pd.DataFrame:
    """Two traits that correlate 0.3, with unlike loadings, and a mood in all six items."""
    rng = np.random.default_rng(10)
    mood, use, other = rng.normal(size=(3, n, 1))
    learning = 0.3 * use + np.sqrt(1 - 0.3**2) * other
    items = [trait * UNLIKE + mood for trait in (use, learning)]
    return pd.DataFrame(np.hstack(items) + rng.normal(size=(n, 6)), columns=list("abcdef"))


def test_a_known_method_is_taken_out():
    found = common_source.method_factor(_frame(), {"use": "abc", "learning": "def"})
    row = found.associations.iloc[0]
    assert row["with_method"] == pytest.approx(0.3, abs=0.1)
    assert row["change"] < -0.1
    spread = np.sqrt(np.tile(UNLIKE**2 + 2, 2))
    np.testing.assert_allclose(found.items["method"], 1 / spread, atol=0.06)
    np.testing.assert_allclose(found.items["loading_with"], np.tile(UNLIKE, 2) / spread, atol=0.06)
    assert found.method_share == pytest.approx((1 / spread**2).mean(), abs=0.05)
    assert "Cannot show what that factor is" in repr(found)
    assert found.tidy().equals(found.associations)
    assert found.glance().loc[0, "loadings"] == "equal"


@pytest.mark.slow
def test_items_that_load_alike_cannot_be_told_from_a_method():
    rng = np.random.default_rng(3)
    traits = np.repeat(rng.normal(size=(2000, 2)), 3, axis=1) + rng.normal(size=(2000, 1))
    items = pd.DataFrame(traits + rng.normal(size=(2000, 6)), columns=list("abcdef"))
    with pytest.warns((NotConvergedWarning, NotIdentifiedWarning)):
        found = common_source.method_factor(items, {"use": "abc", "learning": "def"})
    assert found.with_method.status in repr(found)
    assert found.glance().loc[0, "status"] != "converged"


def test_a_regression_and_names_that_are_taken():
    items = _frame().rename(columns={"a": "method", "b": "shared"})
    factors = {"use": ["method", "shared", "c"], "learning": ["d", "e", "f"]}
    found = common_source.method_factor(items, factors, structure="learning ~ use")
    plain = common_source.method_factor(_frame(), {"use": "abc", "learning": "def"})
    assert found.associations["op"].tolist() == ["~"]
    assert found.associations["without"].iloc[0] == pytest.approx(
        plain.associations["without"].iloc[0], abs=1e-6
    )
    assert found.items["item"].tolist() == ["method", "shared", "c", "d", "e", "f"]


@pytest.mark.parametrize(
    ("factors", "options", "message"),
    [
        ({"use": "abc"}, {}, "needs at least two other factors, got 1"),
        ({"use": "abc", "learning": "d"}, {}, "factor 'learning': has 1 item(s); it needs two."),
        ({"use": "abc", "learning": "cde"}, {}, "item 'c': belongs to more than one factor"),
        ({"use": "abc", "f": "de"}, {}, "factor 'f': is called like a column of the data"),
        ({"use": "abc", "learning": "dez"}, {}, "column 'z': not found"),
        ({"use": "abc", "learning": "def"}, {"loadings": "same"}, "must be 'equal' or 'free'"),
    ],
)
def test_factors_it_cannot_be_told_from(factors, options, message):
    with pytest.raises(MeasurementError, match=re.escape(message)):
        common_source.method_factor(_frame(50), factors, **options)


def test_a_solution_no_population_has_says_nothing_of_associations() -> None:
    """An association once moved "0.96 -> -310.17", and that was printed as the finding."""
    rng = np.random.default_rng(2)
    values = rng.normal(size=(120, 1)) * [1, 0.8, 0.6, 1, 0.8, 0.6] + rng.normal(size=(120, 6))
    items = pd.DataFrame(values, columns=list("abcdef"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = common_source.method_factor(items, {"x": list("abc"), "y": list("def")})
    assert not found.admissible
    assert not found.glance()["admissible"].item()
    assert found.associations[["with_method", "change"]].isna().all(axis=None)
    assert found.associations["without"].notna().all()
    assert "no solution that a population can have" in repr(found)
