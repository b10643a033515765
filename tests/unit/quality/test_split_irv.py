"""Spread by part of a questionnaire: the definition of R careless, with gaps."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from crosslevel.errors import MeasurementError
from crosslevel.quality import split_irv
from reference_values import data, entries

ENTRIES = entries("careless_more")


@pytest.mark.parametrize("name", ENTRIES)
def test_each_part_equals_r(name: str) -> None:
    values, rtol = ENTRIES[name].values, ENTRIES[name].tolerance["default"]["rtol"]
    found = split_irv(data("bfi")[values["names"]], parts=values["parts"])
    assert list(found) == ["irv", *(f"irv_{j + 1}" for j in range(values["parts"]))]
    for column, expected in zip(found, values["irv"], strict=True):
        got = found[column]
        first = np.array(expected["first20"], dtype=float)
        np.testing.assert_allclose(got.head(20), first, rtol=rtol)
        assert got.sum() == pytest.approx(expected["sum"], rel=rtol)
        assert (got**2).sum() == pytest.approx(expected["sum_sq"], rel=rtol)
        assert got.isna().sum() == expected["n_na"]


def test_index_stays_and_refusals() -> None:
    items = pd.DataFrame(np.eye(4), columns=list("abcd"), index=[7, 8, 9, 10])
    assert split_irv(items, parts=2).index.tolist() == [7, 8, 9, 10]
    with pytest.raises(MeasurementError, match="from 2 to 2 for 4 items, got 3"):
        split_irv(items, parts=3)
    with pytest.raises(MeasurementError, match="2 parts of 3 items leave a part with a single"):
        split_irv(items[["a", "b", "c"]], parts=2)
    with pytest.raises(MeasurementError, match="'t'"):
        split_irv(items.assign(t="x"))
