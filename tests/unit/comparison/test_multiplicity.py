"""Adjusted p values: equal to R's p.adjust; what is missing stays missing."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from crosslevel.comparison import METHODS, adjust
from crosslevel.errors import ModelError
from crosslevel.psychometrics import correlations
from reference_values import REFERENCE, data, entries


@pytest.mark.parametrize("method", [name for name in METHODS if name != "fdr"])
def test_equal_to_r(method: str) -> None:
    found = json.loads((REFERENCE / "single_level.json").read_text(encoding="utf-8"))["entries"]
    entry = next(e for e in found if e["id"] == "padjust_open")
    p, expected = entry["values"]["p"], entry["values"][method]
    rtol = entry["tolerance"]["rtol"]
    np.testing.assert_allclose(adjust(p, method=method), expected, rtol=rtol)
    order = np.random.default_rng(2).permutation(len(p))
    shuffled = adjust(np.array(p)[order], method=method)
    np.testing.assert_allclose(shuffled, np.array(expected)[order], rtol=rtol)


def test_fdr_is_bh_as_in_r() -> None:
    """All correlations of a table, adjusted."""
    entry = entries("single_level_more")["false_discovery"]
    frame = data("attitude")
    p = correlations(frame, list(frame))["p_value"]
    np.testing.assert_allclose(p, entry.values["p"], rtol=entry.tolerance["default"]["rtol"])
    found = adjust(p, method="fdr")
    np.testing.assert_allclose(found, entry.values["fdr"], rtol=entry.tolerance["default"]["rtol"])
    assert found.equals(adjust(p, method="BH"))


def test_missing_values_do_not_count_and_the_index_stays() -> None:
    given = pd.Series([0.02, np.nan, 0.01], index=["a", "b", "c"])
    found = adjust(given, method="bonferroni")
    assert found.index.tolist() == ["a", "b", "c"]
    assert found.tolist() == pytest.approx([0.04, np.nan, 0.02], nan_ok=True)
    assert adjust([np.nan]).isna().all()
    assert len(adjust([])) == 0


def test_refusals() -> None:
    with pytest.raises(ModelError, match=r"got 'hom'\. Did you mean"):
        adjust([0.1], method="hom")
    with pytest.raises(ModelError, match=r"1 do not, the first is 1\.2 \(position 2\)"):
        adjust([0.1, 1.2])
