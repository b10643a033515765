"""Groups made of one or several columns, against pandas."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from crosslevel.multilevel.grouping import grouping


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("nested", [False, True])
def test_codes_of_two_columns_number_the_sorted_pairs(nested: bool, missing: bool) -> None:
    rng = np.random.default_rng(5)
    hospital = rng.integers(0, 6, 200)
    unit = hospital * 10 + rng.integers(0, 4, 200) if nested else rng.integers(0, 9, 200)
    frame = pd.DataFrame({"hospital": hospital.astype(float), "unit": 1000 - unit})
    if missing:
        frame.loc[[3, 17], "hospital"] = np.nan
    made = grouping([frame["hospital"], frame["unit"]])
    expected = frame.groupby(["hospital", "unit"]).ngroup().fillna(-1).to_numpy(int)
    np.testing.assert_array_equal(made.codes, expected)
    labels = frame.dropna().drop_duplicates().sort_values(["hospital", "unit"])
    assert list(made.levels.labels()) == [f"{int(h)}:{u}" for h, u in labels.to_numpy(int)]
