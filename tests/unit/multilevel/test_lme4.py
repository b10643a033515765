"""Every linear mixed model of tests/reference/lmm.json against lme4 1.1-31, at its tolerance."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from multilevel_models import IDS, LMM, fitted


def _close(entry_id: str, group: str, ours: object, theirs: object) -> None:
    tolerance = LMM[entry_id].tolerance[group]
    np.testing.assert_allclose(
        np.asarray(ours, dtype=float),
        np.asarray(theirs, dtype=float),
        rtol=tolerance.get("rtol", 0.0),
        atol=tolerance.get("atol", 0.0),
        err_msg=f"{entry_id}: {group}",
    )


def _as_lme4(term: str) -> str:
    return re.sub(r"\[(\w+)\]", r"\1", term)


@pytest.mark.parametrize("entry_id", IDS)
def test_fixed_part(entry_id: str) -> None:
    values, tidy = LMM[entry_id].values, fitted(entry_id).tidy()
    assert [_as_lme4(t) for t in tidy["term"]] == list(values["fixef"])
    _close(entry_id, "fixef", tidy["estimate"], list(values["fixef"].values()))
    _close(entry_id, "se", tidy["std_error"], list(values["se"].values()))
    _close(entry_id, "vcov_fixed", fitted(entry_id).vcov(), values["vcov_fixed"]["data"])


@pytest.mark.parametrize("entry_id", IDS)
def test_variances(entry_id: str) -> None:
    values, model = LMM[entry_id].values, fitted(entry_id)
    assert list(model.theta.index) == list(values["theta"])
    _close(entry_id, "theta", model.theta, list(values["theta"].values()))
    _close(entry_id, "sigma", model.sigma, values["sigma"])
    components = model.variance_components()
    assert [_as_lme4(t) for t in components["term"].dropna()] == [
        v for v in values["varcorr"]["var1"] if v is not None
    ]
    _close(entry_id, "varcorr", components["covariance"], values["varcorr"]["vcov"])
    reported = components["sd"].fillna(components["correlation"])
    theirs = pd.Series(values["varcorr"]["sdcor"], dtype=float)
    known = (reported.notna() & theirs.notna()).to_numpy()
    _close(entry_id, "varcorr", reported[known], theirs[known])


@pytest.mark.parametrize("entry_id", IDS)
def test_criterion(entry_id: str) -> None:
    values, model = LMM[entry_id].values, fitted(entry_id)
    glance = model.glance().iloc[0]
    _close(entry_id, "criterion", model.criterion, values["criterion"])
    _close(entry_id, "logLik", model.log_likelihood, values["logLik"])
    _close(entry_id, "AIC", glance["aic"], values["AIC"])
    _close(entry_id, "BIC", glance["bic"], values["BIC"])
    assert glance["n"] == values["nobs"]
    assert glance["parameters"] == values["npar"]
    assert model.status == ("boundary" if values["singular"] else "converged")
    assert list(glance["dropped_terms"]) == values.get("dropped_columns", [])


@pytest.mark.parametrize("entry_id", IDS)
@pytest.mark.parametrize(
    ("group", "column"), [("ranef", "estimate"), ("ranef_condsd", "std_error")]
)
def test_random_effects(entry_id: str, group: str, column: str) -> None:
    effects = fitted(entry_id).random_effects()
    for name, table in LMM[entry_id].values[f"{group}_first10"].items():
        mine = effects[effects["group"] == name].set_index("level")[column]
        assert len(table["data"]) > 0
        for level, row in zip(table["row_names"], table["data"], strict=True):
            _close(entry_id, group, np.atleast_1d(mine[level]), row)


@pytest.mark.parametrize("entry_id", IDS)
def test_fitted_values(entry_id: str) -> None:
    values, model = LMM[entry_id].values["fitted"], fitted(entry_id)
    rows = model.augment()
    fitted_values, residual = rows["fitted"].dropna(), rows["residual"].dropna()
    _close(entry_id, "fitted", fitted_values[:5], values["first5"])
    _close(entry_id, "fitted", (fitted_values**2).sum(), values["sum_sq"])
    _close(entry_id, "fitted", (residual**2).sum(), values["resid_ss"])
    population = model.predict(include="none").sum()
    size = float(np.abs(model.predict(include="none")).sum())
    assert abs(population - values["marginal_sum"]) <= 1e-6 * size
    assert abs(fitted_values.sum() - values["sum"]) <= 1e-6 * size
