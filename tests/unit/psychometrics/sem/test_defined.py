"""Quantities defined in a model: estimates, standardised values and both errors, as in lavaan."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from crosslevel.psychometrics import SemFit, cfa
from reference_values import REFERENCE, data
from sem_reference import same_parameters

CALLS = {
    "defined_ml": {},
    "defined_groups": {"group": "school", "estimator": "mlr"},
    "defined_wlsmv": {"estimator": "wlsmv"},
}
ENTRIES = {
    entry["id"]: entry
    for entry in json.loads((REFERENCE / "defined.json").read_text(encoding="utf-8"))["entries"]
}


def _fitted(name: str) -> SemFit:
    dataset = "bfi" if name == "defined_wlsmv" else "HolzingerSwineford1939"
    return cfa(ENTRIES[name]["values"]["model"], data(dataset), **CALLS[name])


@pytest.mark.parametrize("name", CALLS)
def test_equals_lavaan(name: str) -> None:
    """Standardised errors used to be nan, and ordered models to leave the rows out."""
    values = ENTRIES[name]["values"]
    fit = _fitted(name)
    rows = fit.tidy().set_index("lhs")
    own = rows[rows["op"] == ":="]
    theirs = pd.DataFrame(values["parameters"])
    raw = theirs[theirs["op"] == ":="].set_index("lhs")
    scaled = pd.DataFrame(values["standardized"]).query("op == ':='").set_index("lhs")
    assert list(own.index) == list(raw.index)
    for mine, other in (("estimate", raw["est"]), ("standardised", scaled["est.std"])):
        np.testing.assert_allclose(own[mine], other, rtol=2e-4, err_msg=mine)
    for mine, other in (("std_error", raw["se"]), ("standardised_error", scaled["se"])):
        np.testing.assert_allclose(own[mine], other, rtol=1e-3, err_msg=mine)


@pytest.mark.parametrize("name", ["defined_ml", "defined_groups"])
def test_the_rows_they_are_made_of_equal_lavaan(name: str) -> None:
    reference = ENTRIES[name]["values"]["parameters"]
    assert same_parameters(_fitted(name), reference) == len(reference["lhs"])
