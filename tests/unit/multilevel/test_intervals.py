"""Profile intervals against lme4's; Wald intervals against lme4's and against the curvature."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from crosslevel.errors import ModelError
from crosslevel.multilevel import MultilevelFit, fit
from crosslevel.multilevel.profiling import Variance, profiler
from multilevel_models import IDS, LMM, fitted
from reference_values import data, hard

PROFILES = [i for i in IDS if "profile_ci95" in LMM[i].values]


def _as_lme4(row: pd.Series) -> str:
    if row["kind"] == "sigma":
        return "sigma"
    if row["kind"] == "sd":
        return f"sd_{row['term']}|{row['group']}"
    if row["kind"] == "correlation":
        return f"cor_{row['other']}.{row['term']}|{row['group']}"
    return str(row["term"]).replace("[", "").replace("]", "")


@pytest.mark.parametrize("entry_id", PROFILES)
def test_profile(entry_id: str) -> None:
    entry = LMM[entry_id]
    theirs = entry.values["profile_ci95"]
    table = fitted(entry_id).intervals(method="profile")
    table.index = pd.Index([_as_lme4(row) for _, row in table.iterrows()])
    mine = table.loc[theirs["row_names"], ["conf_low", "conf_high"]]
    np.testing.assert_allclose(
        mine, theirs["data"], **{k: entry.tolerance["profile_ci"][k] for k in ("rtol", "atol")}
    )


@pytest.mark.parametrize("entry_id", [i for i in IDS if not LMM[i].values["singular"]])
def test_wald_of_fixed_coefficients(entry_id: str) -> None:
    table = fitted(entry_id).intervals(method="wald")
    fixed = table[table["kind"] == "fixed"][["conf_low", "conf_high"]]
    theirs = np.array(LMM[entry_id].values["wald_ci95"]["data"])
    size = np.ptp(theirs, axis=1, keepdims=True)
    assert (np.abs(fixed - theirs) <= 1e-5 * (np.abs(theirs) + size)).to_numpy().all()


def _profile_se(model: MultilevelFit, held: Variance, value: float, step: float) -> float:
    """Return the standard error from the curvature of the profile deviance at its minimum."""
    made = profiler(model.objective, model.problem, model.optimum)  # type: ignore[arg-type]
    ends = [made.deviance_of(held, value + s * step) - made.minimum for s in (-1, 1)]
    return float(np.sqrt(2.0 * step**2 / sum(ends)))


@pytest.mark.parametrize("entry_id", ["sleepstudy_rs_ml", "exam_rs_ml"])
def test_wald_of_variances_equals_the_curvature_of_the_profile(entry_id: str) -> None:
    """Two routes to one number: the exact Hessian, and refits with one parameter held."""
    model = fitted(entry_id)
    table = model.intervals(method="wald")
    z = 1.959963984540054
    for held in (Variance("sd"), Variance("correlation", 0, 0, 1), Variance("sigma")):
        kind = held.kind
        row = table[table["kind"] == kind].iloc[0]
        value = float(row["estimate"])
        forward = np.arctanh if kind == "correlation" else np.log
        slope = 1.0 / (1.0 - value**2) if kind == "correlation" else 1.0 / value
        wald = (forward(row["conf_high"]) - forward(row["conf_low"])) / (2 * z) / slope
        step = 0.05 * wald
        assert _profile_se(model, held, value, step) == pytest.approx(wald, rel=5e-3)


def test_profile_at_a_boundary() -> None:
    """A variance of zero has zero as its lower end and a finite upper end."""
    table = fitted("dyestuff2_singular").intervals()
    sd = table[table["kind"] == "sd"].iloc[0]
    assert sd["estimate"] == 0.0
    assert sd["conf_low"] == 0.0
    assert 0.5 < sd["conf_high"] < 10.0


def test_profile_does_not_depend_on_origin_and_unit() -> None:
    plain = fitted("sleepstudy_rs_reml").intervals().set_index(["kind", "term"])
    moved = fit("y ~ x + (x | g)", hard("h3.csv")).intervals().set_index(["kind", "term"])
    for end in ("conf_low", "conf_high"):
        ours = moved[end]["sd", "x"] * 1e4
        assert ours == pytest.approx(plain[end]["sd", "Days"], rel=1e-4)
        assert moved[end]["fixed", "x"] * 1e4 == pytest.approx(
            plain[end]["fixed", "Days"], rel=1e-4
        )


def test_wider_level_wider_interval() -> None:
    model = fit("strength ~ 1 + (1 | batch)", data("Pastes"))
    narrow, wide = model.intervals(conf_level=0.5), model.intervals(conf_level=0.99)
    assert (wide["conf_low"] <= narrow["conf_low"]).all()
    assert (wide["conf_high"] > narrow["conf_high"]).all()


def test_refusals() -> None:
    with pytest.raises(ModelError, match="Use method='profile'"):
        fitted("dyestuff2_singular").intervals(method="wald")
    with pytest.raises(ModelError, match="`method` must be 'wald' or 'profile'"):
        fitted("exam_ri_reml").intervals(method="exact")
    with pytest.raises(ModelError, match="`conf_level` must lie"):
        fitted("exam_ri_reml").intervals(conf_level=95)
