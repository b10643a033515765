"""Weights cut to bounds: equal to R survey's trimWeights; what cannot be kept is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from crosslevel import quality
from crosslevel.errors import MeasurementError, NotConvergedWarning
from crosslevel.quality import SurveyDesign, Weighting, trimming
from reference_values import data, entries
from tolerances import EXACT

ENTRY = entries("survey_more")["trimmed"]
LOW, HIGH, ONLY = (ENTRY.values[key] for key in ("lower", "upper", "only_upper"))


def _uneven() -> SurveyDesign:
    frame = data("apistrat").assign(w=lambda d: d["pw"] * np.sqrt(d["enroll"]) / 20)
    return quality.design(frame, weights="w", strata="stype")


def _made(key: str) -> Weighting:
    design = _uneven()
    if key == "calibrated":
        design = quality.calibrate(design, {"stype": ENTRY.values["schools"]}).design
    bounds = {"upper": ONLY} if key.startswith("upper") else {"lower": LOW, "upper": HIGH}
    return quality.trim_weights(design, **bounds, strict="plain" not in key)


@pytest.mark.parametrize("key", ["plain", "strict", "upper_plain", "upper_strict", "calibrated"])
def test_weights_and_standard_errors_equal_r(key: str) -> None:
    expected, rtol = ENTRY.values[key], ENTRY.tolerance["default"]["rtol"]
    made = _made(key)
    np.testing.assert_allclose(made.weights, expected["weights"], rtol=rtol)
    for found, what in (
        (quality.survey.mean(made.design, ["api00", "meals"]), "mean"),
        (quality.survey.total(made.design, "api00"), "total"),
    ):
        np.testing.assert_allclose(found.estimate, expected[what]["est"], rtol=rtol)
        np.testing.assert_allclose(found.std_error, expected[what]["se"], rtol=rtol)


def test_the_sum_stays_and_strict_bounds_hold() -> None:
    before = _uneven().weights
    loose, strict = _made("upper_plain"), _made("upper_strict")
    for made in (loose, strict):
        assert made.weights.sum() == pytest.approx(before.sum(), rel=EXACT)
        assert made.status == "converged"
    assert loose.weights.max() > ONLY and loose.trimmed == (before > ONLY).sum()
    assert strict.weights.max() <= ONLY and strict.trimmed > loose.trimmed
    assert strict.glance()["iterations"][0] > loose.glance()["iterations"][0] == 1
    assert loose.tidy().empty
    assert loose.sentence().startswith("Respondents were weighted by trimming; unequal weights")
    untouched = quality.trim_weights(_uneven(), upper=1e6)
    assert untouched.trimmed == 0 and (untouched.weights == before).all()


def test_too_few_rounds_warn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trimming, "ROUNDS", 1)
    with pytest.warns(NotConvergedWarning, match="After 1 rounds a weight still lies beyond"):
        made = _made("upper_strict")
    assert made.status == "not converged"


def test_refusals() -> None:
    people = pd.DataFrame({"w": [1.0, 1, 10, 10]})
    with pytest.raises(MeasurementError, match="needs `lower`, `upper` or both"):
        quality.trim_weights(people, weights="w")
    with pytest.raises(MeasurementError, match=r"The mean weight, 5\.5, must lie between"):
        quality.trim_weights(people, weights="w", upper=5)
    with pytest.raises(MeasurementError, match="No weight lies between 2 and 9"):
        quality.trim_weights(people, weights="w", lower=2, upper=9)
