"""Reliability of second-order factors against semTools, and on a known truth."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from crosslevel.errors import MeasurementError
from crosslevel.psychometrics import cfa, second_order_reliability
from reference_values import REFERENCE, data

TEXT = (REFERENCE / "second_order.json").read_text(encoding="utf-8")
ENTRIES = {entry["id"]: entry["values"] for entry in json.loads(TEXT)["entries"]}
OPTIONS: dict[str, dict[str, Any]] = {
    "three": {},
    "three_std_lv": {"std_lv": True, "estimator": "mlr"},
    "residuals": {},
    "direct": {},
    "schools": {"group": "school", "equal": ["loadings"]},
}
COLUMNS = {
    "omegaL1": "omega_items",
    "omegaL2": "omega_factors",
    "partialOmegaL1": "omega_items_partial",
}


@pytest.mark.parametrize("name", list(ENTRIES))
def test_equals_semtools(name: str) -> None:
    values = ENTRIES[name]
    fit = cfa(values["model"], data("HolzingerSwineford1939"), **OPTIONS[name])
    found = second_order_reliability(fit)
    assert list(found["sample"]) == list(fit.groups)
    for own, theirs in zip(found.to_dict("records"), values["reliability"], strict=True):
        for key, column in COLUMNS.items():
            np.testing.assert_allclose(own[column], theirs[key], rtol=1e-4, err_msg=column)


def test_sums_of_items_and_of_factors_correlate_as_omega_says() -> None:
    rng = np.random.default_rng(7)
    n = 100_000
    g = rng.normal(size=(n, 1))
    factors = g * [0.9, 0.7, 0.8] + rng.normal(size=(n, 3)) * [0.6, 0.9, 0.7]
    noise = rng.normal(size=(n, 9))
    items = pd.DataFrame(np.repeat(factors, 3, axis=1) + noise, columns=list("abcdefhij"))
    model = "u =~ a + b + c\nv =~ d + e + f\nw =~ h + i + j\ng =~ u + v + w"
    own = second_order_reliability(cfa(model, items)).iloc[0]
    squared = np.corrcoef(items.sum(axis=1), g[:, 0])[0, 1] ** 2
    assert own["omega_items"] == pytest.approx(squared, abs=0.01)
    squared = np.corrcoef(factors.sum(axis=1), g[:, 0])[0, 1] ** 2
    assert own["omega_factors"] == pytest.approx(squared, abs=0.01)
    assert (own["n_factors"], own["n_items"]) == (3, 9)


def test_models_without_one_are_refused() -> None:
    frame = data("HolzingerSwineford1939")
    with pytest.raises(MeasurementError, match="has no second-order factor"):
        second_order_reliability(cfa("f =~ x1 + x2 + x3", frame))
    both = "f =~ x1 + x2 + x3\nh =~ x4 + x5 + x6\nk =~ x7 + x8 + x9\ng =~ f + h + k + x9"
    with pytest.raises(MeasurementError, match="'g' reaches items directly") as caught:
        second_order_reliability(cfa(both, frame))
    assert "item 'x9': is reached in two ways." in str(caught.value)
    items = [f"{scale}{i}" for scale in "AEN" for i in range(1, 4)]
    ordered = data("bfi").head(600)[items]
    text = "A =~ A1 + A2 + A3\nE =~ E1 + E2 + E3\nN =~ N1 + N2 + N3\ng =~ A + E + N"
    with pytest.raises(MeasurementError, match="not available for ordered items"):
        second_order_reliability(cfa(text, ordered, estimator="wlsmv"))
