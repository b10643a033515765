"""Compares a fitted measurement model with lavaan's, at the tolerances of the entry."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from crosslevel.psychometrics import SemFit

MEASURES = {
    "chisq": "chisq", "pvalue": "p_value", "baseline.chisq": "baseline_chisq",
    "baseline.df": "baseline_df", "df": "df", "cfi": "cfi", "tli": "tli", "rmsea": "rmsea",
    "rmsea.ci.lower": "rmsea_low", "rmsea.ci.upper": "rmsea_high",
    "rmsea.pvalue": "rmsea_p_value", "srmr": "srmr", "logl": "log_likelihood",
    "unrestricted.logl": "saturated_log_likelihood", "aic": "aic", "bic": "bic",
    "bic2": "bic_adjusted", "chisq.scaled": "chisq_scaled", "pvalue.scaled": "p_value_scaled",
    "chisq.scaling.factor": "scaling_factor", "cfi.scaled": "cfi_scaled",
    "tli.scaled": "tli_scaled", "cfi.robust": "cfi_robust", "tli.robust": "tli_robust",
    "rmsea.scaled": "rmsea_scaled", "rmsea.ci.lower.scaled": "rmsea_scaled_low",
    "rmsea.ci.upper.scaled": "rmsea_scaled_high", "rmsea.robust": "rmsea_robust",
    "rmsea.ci.lower.robust": "rmsea_robust_low", "rmsea.ci.upper.robust": "rmsea_robust_high",
}  # fmt: skip
GROUPS = {"logl": "logl", "unrestricted.logl": "logl", "aic": "logl", "bic": "logl", "bic2": "logl"}
ENTRY = {
    "est": {"rtol": 1e-4, "atol": 1e-5},
    "se": {"rtol": 1e-3, "atol": 1e-9},
    "std": {"rtol": 0.0, "atol": 1e-4},
}


def _tolerance(name: str, stated: dict[str, Any]) -> dict[str, float]:
    """The stated tolerance of an index of fit."""
    fit = stated["fit"]
    if "ci." in name:
        found = fit["rmsea_ci"]
    elif "scal" in name or "robust" in name or "pvalue" in name:
        found = stated["scaled"]
    else:
        found = fit.get(GROUPS.get(name, name.removeprefix("baseline.")), fit["chisq"])
    return {"rtol": found.get("rtol", 0.0), "atol": found.get("atol", 1e-12)}


def same_fit(fit: SemFit, reference: dict[str, Any], stated: dict[str, Any]) -> int:
    """Compare every index of fit that both have; return how many."""
    own = fit.glance().iloc[0]
    compared = 0
    for theirs, mine in MEASURES.items():
        value = reference.get(theirs)
        if value is None or mine not in own.index:
            continue
        np.testing.assert_allclose(own[mine], value, err_msg=theirs, **_tolerance(theirs, stated))
        compared += 1
    return compared


def same_parameters(fit: SemFit, reference: dict[str, Any]) -> int:
    """Compare estimates, standard errors and standardised estimates; return how many rows."""
    theirs = pd.DataFrame(reference)
    if "group" not in theirs:
        theirs["group"] = 1
    numbers = {label: i + 1 for i, label in enumerate(fit.groups)}
    own = {}
    for row in fit.tidy().itertuples():
        own[row.lhs, row.op, "" if row.op == ":=" else row.rhs, numbers.get(row.sample, 1)] = row
    for row in theirs.itertuples():
        group = max(int(row.group), 1)
        rhs = "" if row.op == ":=" else row.rhs
        mine = own.get((row.lhs, row.op, rhs, group)) or own[rhs, row.op, row.lhs, group]
        where = f"{row.lhs} {row.op} {row.rhs} [{group}]"
        np.testing.assert_allclose(mine.estimate, row.est, err_msg=where, **ENTRY["est"])
        np.testing.assert_allclose(mine.std_error, row.se or 0.0, err_msg=where, **ENTRY["se"])
        scaled = reference["std.all"][row.Index]
        if scaled is not None:
            np.testing.assert_allclose(mine.standardised, scaled, err_msg=where, **ENTRY["std"])
    return len(theirs)
