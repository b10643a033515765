"""Harman's test: shares of components, and where it is undefined."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from crosslevel.errors import MeasurementError
from crosslevel.psychometrics import common_source
from tolerances import CLOSED_FORM


def _items(n: int = 300) -> pd.DataFrame:
    rng = np.random.default_rng(6)
    traits = rng.normal(size=(n, 2))
    return pd.DataFrame(
        np.hstack([traits[:, [i]] + rng.normal(size=(n, 3)) for i in range(2)]),
        columns=list("abcdef"),
    )


def test_share_is_the_first_singular_value_of_the_standardised_items():
    items = _items()
    found = common_source.harman(items)
    z = (items - items.mean()) / items.std(ddof=0)
    values = np.linalg.svd(z.to_numpy(), compute_uv=False) ** 2 / len(items)
    np.testing.assert_allclose(found.eigenvalues, values, rtol=CLOSED_FORM)
    assert found.share == pytest.approx(values[0] / 6, rel=CLOSED_FORM)
    assert found.tidy()["cumulative"].iloc[-1] == pytest.approx(1)
    assert not found.above_half
    assert found.factor_share < found.share
    assert found.rmsea > 0.1  # two traits are not one factor


def test_the_single_factor_is_that_of_lavaan(scale):
    found = common_source.harman(scale.items)
    assert found.chisq == pytest.approx(scale.expected["cfa1"]["chisq"], abs=1e-5)
    assert found.df == scale.expected["cfa1"]["df"]


def test_one_source_shows_and_the_limits_are_said():
    rng = np.random.default_rng(2)
    found = common_source.harman(
        pd.DataFrame(3 * rng.normal(size=(200, 1)) + rng.normal(size=(200, 5)))
    )
    assert found.above_half
    assert found.rmsea < 0.05
    assert "Cannot show that there is no common-source bias" in repr(found)
    assert found.glance().loc[0, "cannot_show"] == found.cannot_show


def test_where_it_is_undefined():
    items = _items()
    with pytest.raises(MeasurementError, match="Harman's test needs at least three items, got 2"):
        common_source.harman(items[["a", "b"]])
    with pytest.raises(MeasurementError, match="exact sums or copies"):
        common_source.harman(items.assign(g=items["a"]))
