"""Factor and path models against lavaan: structure among factors, modifiers, groups, missing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from crosslevel.psychometrics import cfa
from reference_values import data, entries
from sem_reference import same_fit, same_parameters

OPTIONS: dict[str, dict[str, Any]] = {
    "regressions_among_factors": {},
    "equality_labels": {},
    "per_group_modifiers": {"group": "school"},
    "fiml_groups_mlr": {
        "group": "school", "equal": ["loadings"], "missing": "fiml", "estimator": "mlr",
    },
    "fiml_ml": {"missing": "fiml"},
    "mlr_clusters_factors": {"estimator": "mlr", "cluster": "agemo"},
    "single_indicator": {},
    "mlm_groups_scalar": {
        "group": "school", "equal": ["loadings", "intercepts"], "estimator": "mlm",
    },
    "std_lv_groups_metric": {"group": "school", "equal": ["loadings"], "std_lv": True},
    "partial_scalar_mlr": {
        "group": "school", "equal": ["loadings", "intercepts"], "release": ["x3 ~ 1", "x7 ~ 1"],
        "estimator": "mlr",
    },
    "equal_latent_part": {
        "group": "school", "equal": ["loadings", "lv.variances", "lv.covariances"],
    },
    "second_order_std_lv": {"std_lv": True},
    "growth_curve": {},
    "path_mlm": {"estimator": "mlm"},
    "bfi_five_factors_mlr": {"estimator": "mlr"},
}  # fmt: skip


def _with_holes(frame: pd.DataFrame) -> pd.DataFrame:
    """The holes of the entries with missing values."""
    frame = frame.copy()
    for j in range(1, 10):
        frame.loc[(frame["id"] * (j + 3)) % 11 == j % 5, f"x{j}"] = np.nan
    return frame


@pytest.mark.parametrize("name", list(OPTIONS))
def test_equals_lavaan(name: str) -> None:
    entry = entries("factor_models")[name]
    frame = data(entry.dataset)
    frame = _with_holes(frame) if name.startswith("fiml") else frame
    fit = cfa(entry.values["model"], frame, **OPTIONS[name])
    assert fit.status == "converged"
    assert fit.n == entry.values["nobs"]
    assert same_fit(fit, entry.values["fit"], entry.tolerance) >= 10
    assert same_parameters(fit, entry.values["parameters"]) > fit.maximum.table.n_free


def test_every_entry_is_compared() -> None:
    assert set(OPTIONS) == set(entries("factor_models"))
