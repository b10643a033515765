"""Quantities defined in a model: estimates, standardised values and both errors, as in lavaan."""

from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd
import pytest

from crosslevel.errors import MeasurementError
from crosslevel.psychometrics import SemFit, cfa, two_level_cfa
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


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        (
            "ab := a*bb",
            "line 4: 'a*bb' uses 'bb', which no parameter is labelled. Did you mean 'b'?",
        ),
        ("t := ab + a\nab := a*b", "line 4: 'ab + a' uses 'ab', which no parameter is labelled."),
        ("ab := a*(b", "line 4: 'a*(b' ends too early."),
        ("ab := a/0", "line 4: 'a/0' has no value"),
        ("ab := (-1)^0.5 * a", "line 4: '(-1)^0.5 * a' has no value"),
        ("u := a*zzz\nv := u*b2", "line 5: 'u*b2' uses 'b2'"),
    ],
)
def test_what_cannot_be_computed_is_refused_when_the_model_is_read(lines: str, found: str) -> None:
    """It used to be fitted, and to fail in `tidy()`."""
    text = f"x4 ~ a*x1\nx7 ~ b*x4\nx1 ~ 1\n{lines}"
    with pytest.raises(MeasurementError, match=re.escape(found)):
        cfa(text, data("HolzingerSwineford1939"))


def test_two_levels_refuse_an_unknown_label() -> None:
    text = "level: 1\nx4 ~ a*x1\nlevel: 2\nx4 ~ b*x1\ngap := b - aa"
    where = "line 5: 'b - aa' uses 'aa', which no parameter is labelled. Did you mean 'a'?"
    with pytest.raises(MeasurementError, match=re.escape(where)):
        two_level_cfa(text, data("HolzingerSwineford1939"), cluster="school")
