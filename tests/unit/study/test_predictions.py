"""Lines over a predictor, against `predict` on rows that hold everything else."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from crosslevel.catalogue import template_dir
from crosslevel.study import Study
from crosslevel.study.estimates import fit_models
from crosslevel.study.labels import Labels
from crosslevel.study.predictions import prediction_table
from crosslevel.study.spec import ClaimSpec, ModelSpec

LABELS = Labels({"x": "Use"}, "en")


def _frame() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    n = 400
    unit = np.arange(n) % 40
    x, z = rng.normal(3, 1, n), rng.normal(2, 1, 40)[unit]
    job = np.where(rng.random(n) < 0.4, "doctor", "nurse")
    y = 1 + 0.4 * x + 0.3 * z - 0.2 * x * z + 0.5 * x * (job == "nurse") + rng.normal(size=n)
    return pd.DataFrame({"y": y, "x": x, "z": z, "job": job, "unit": [f"u{u}" for u in unit]})


def _line(formula: str, term: str, frame: pd.DataFrame):
    claim = {"id": "c", "statement": "", "model": "m", "term": term}
    spec = Study.open(template_dir("hospital-study")).spec.model_copy(
        update={
            "models": (ModelSpec(id="m", label="", role="main", formula=formula),),
            "claims": (ClaimSpec(**claim, expected="positive", smallest=0.1),),
        }
    )
    fitted = fit_models(frame, spec, LABELS)
    return fitted[0].fit, prediction_table(fitted, spec, LABELS)


@pytest.mark.parametrize(
    "formula",
    ["y ~ x * z + (1 | unit)", "y ~ x * job + z:x + (1 | unit)", "y ~ x * z * job + (1 | unit)"],
)
def test_a_product_follows_its_parts(formula: str) -> None:
    """The line had the slope of x alone, which is that at z = 0, not at the mean of z."""
    frame = _frame()
    fit, table = _line(formula, "x", frame)
    held = {"z": frame["z"].mean(), "job": "doctor", "unit": "u1"}
    rows = pd.DataFrame({"x": table["x"], **held})
    np.testing.assert_allclose(table["estimate"], fit.predict(rows, include="none"), rtol=1e-9)
    assert table["x"].min() == pytest.approx(frame["x"].quantile(0.05))
    middle = (table["conf_low"] + table["conf_high"]) / 2
    np.testing.assert_allclose(middle, table["estimate"], rtol=1e-9)


def test_a_line_over_a_centred_predictor_and_over_a_logarithm() -> None:
    frame = _frame().assign(x=lambda f: f["x"].clip(0.1))
    fit, table = _line("y ~ within(x, unit) * z + (1 | unit)", "within(x, unit)", frame)
    slope = fit.vcov().index.get_loc("within(x, unit)")
    product = fit.vcov().index.get_loc("within(x, unit):z")
    beta = fit.estimates.beta
    expected = beta[slope] + beta[product] * frame["z"].mean()
    steps = np.diff(table["estimate"]) / np.diff(table["x"])
    np.testing.assert_allclose(steps, expected, rtol=1e-8)
    fit, table = _line("y ~ log(x) + (1 | unit)", "log(x)", frame)
    rows = pd.DataFrame({"x": table["x"], "unit": "u1"})
    np.testing.assert_allclose(table["estimate"], fit.predict(rows, include="none"), rtol=1e-9)
    assert set(table["label"]) == {"Use"}
