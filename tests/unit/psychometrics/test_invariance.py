"""Steps of invariance against lavaan, and verdicts on data whose truth is known."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from crosslevel.errors import MeasurementError
from crosslevel.psychometrics import (
    Criteria,
    HeywoodWarning,
    NotIdentifiedWarning,
    invariance,
)
from reference_values import REFERENCE, data, entries
from sem_reference import same_fit, same_parameters

PAIRS = {"metric": "configural", "scalar": "metric", "strict": "scalar"}


@pytest.mark.parametrize("name", list(entries("invariance")))
def test_differences_and_score_tests_equal_lavaan(name: str) -> None:
    entry = entries("invariance")[name]
    robust = name.endswith("mlr")
    found = invariance(
        entry.values["model"],
        data(entry.dataset),
        group=entry.values["group"],
        estimator="mlr" if robust else "ml",
    )
    table = found.glance().set_index("step")
    suffix = "_robust" if robust else ""
    for step, before in PAIRS.items():
        reference, own = entry.values["differences"][f"{step}_vs_{before}"], table.loc[step]
        np.testing.assert_allclose(own["chisq_difference"], reference["chisq_diff"], rtol=1e-3)
        assert own["df_difference"] == reference["df_diff"]
        np.testing.assert_allclose(own["p_difference"], reference["p"], rtol=5e-3)
        for index in ("cfi", "rmsea"):
            np.testing.assert_allclose(
                own[f"{index}_change"], reference[f"delta_{index}{suffix}"], atol=2e-5
            )
        np.testing.assert_allclose(own["srmr_change"], reference["delta_srmr"], atol=2e-5)
    tests = entry.values["score_tests_scalar"]
    own = found.fits["scalar"].score_tests()
    np.testing.assert_allclose(
        own["statistic"].iloc[:-1], tests["univariate"]["X2"], rtol=1e-3, atol=1e-4
    )
    np.testing.assert_allclose(own["statistic"].iloc[-1], tests["total"]["X2"], rtol=1e-4)
    assert own["df"].iloc[-1] == tests["total_df"]


def _two_groups(
    rng: np.random.Generator, *, shift: float = 0.0, weaker: float = 0.0, n: int = 700
) -> pd.DataFrame:
    """Five items in two groups of different means; one item shifts, or measures less, in one."""
    parts = []
    for label, mean in (("nurse", 0.0), ("doctor", 0.4)):
        f = rng.normal(mean, 1.0, n)
        items = pd.DataFrame({k: 0.8 * f + rng.normal(0, 0.6, n) for k in "abcde"})
        if label == "doctor":
            items["c"] += shift - weaker * f
        parts.append(items.assign(profession=label))
    return pd.concat(parts, ignore_index=True)


def test_true_invariance_lets_means_be_compared() -> None:
    found = invariance(
        "f =~ a + b + c + d + e", _two_groups(np.random.default_rng(1)), group="profession"
    )
    assert found.means_comparable
    assert found.associations_comparable
    assert found.verdict.startswith("Means may be compared between groups of profession")
    mean = found.fits["scalar"].tidy().query("lhs == 'f' and op == '~1' and sample == 'doctor'")
    np.testing.assert_allclose(mean["standardised"].iloc[0], 0.4, atol=0.12)


def test_a_shifted_item_forbids_means_until_it_is_released() -> None:
    frame = _two_groups(np.random.default_rng(2), shift=0.7)
    model = "f =~ a + b + c + d + e"
    found = invariance(model, frame, group="profession")
    assert not found.means_comparable
    assert found.associations_comparable
    assert "Means may not be compared" in found.verdict
    worst = found.score_tests().query("term != '(all)'")["term"].iloc[0]
    assert worst == "c ~ 1"
    freed = invariance(model, frame, group="profession", partial=["c ~ 1"])
    assert freed.means_comparable
    assert "(c ~ 1 left free)" in freed.verdict


def test_a_weaker_item_forbids_associations() -> None:
    frame = _two_groups(np.random.default_rng(3), weaker=0.6)
    found = invariance("f =~ a + b + c + d + e", frame, group="profession")
    assert not found.associations_comparable
    assert "Neither means nor associations" in found.verdict
    assert "metric" in repr(found)


def test_a_model_that_does_not_fit_says_so() -> None:
    rng = np.random.default_rng(4)
    frame = pd.DataFrame(rng.normal(size=(400, 6)), columns=list("abcdef"))
    first, second = rng.normal(size=400), rng.normal(size=400)
    for name in "abc":
        frame[name] += first
    for name in "def":
        frame[name] += second
    frame["wave"] = ["one", "two"] * 200
    found = invariance("g =~ a + b + c + d + e + f", frame, group="wave")
    assert "does not fit even with nothing held equal" in found.verdict


def test_small_samples_have_stricter_criteria() -> None:
    frame = _two_groups(np.random.default_rng(5), n=120)
    model = "f =~ a + b + c + d + e"
    assert invariance(model, frame, group="profession").criteria.cfi == 0.005
    own = Criteria(cfi=0.02, rmsea=0.02, srmr_metric=0.04, srmr=0.02)
    assert invariance(model, frame, group="profession", criteria=own).criteria is own
    only = invariance(model, frame, group="profession", steps=["metric", "configural"])
    assert list(only.glance()["step"]) == ["configural", "metric"]
    assert only.verdict.startswith("Associations may be compared")
    assert not only.means_comparable


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"steps": ["scaler"]}, "Did you mean 'scalar'"),
        ({"steps": []}, "begin with 'configural'"),
        ({"steps": ["metric"]}, "begin with 'configural'"),
        ({"partial": ["c ~ 2"]}, "no parameter 'c ~ 2'"),
    ],
)
def test_wrong_questions_are_refused(options: dict, found: str) -> None:
    frame = _two_groups(np.random.default_rng(6), n=60)
    with pytest.raises(MeasurementError) as caught:
        invariance("f =~ a + b + c + d + e", frame, group="profession", **options)
    assert found in str(caught.value)


def test_one_group_is_refused() -> None:
    frame = _two_groups(np.random.default_rng(7), n=60).query("profession == 'nurse'")
    with pytest.raises(MeasurementError, match="has one group"):
        invariance("f =~ a + b + c + d + e", frame, group="profession")


def test_clustered_groups_equal_lavaan() -> None:
    """People of one unit answer alike: the study's steps used to be tested as if they did not."""
    text = (REFERENCE / "clustered_groups.json").read_text(encoding="utf-8")
    values = json.loads(text)["entries"][0]["values"]
    frame = data("lq2002")
    frame["half"] = np.where(np.arange(len(frame)) % 2 == 0, "odd", "even")
    found = invariance(values["model"], frame, group="half", cluster="COMPID", estimator="mlr")
    table = found.glance().set_index("step")
    tolerance = entries("invariance")["inv_hs_school_mlr"].tolerance
    for step, model in values["models"].items():
        assert same_fit(found.fits[step], model["fit"], tolerance) >= 15
        assert same_parameters(found.fits[step], model["parameters"]) > 30
    for step, difference in values["differences"].items():
        np.testing.assert_allclose(
            table.loc[step, "chisq_difference"], difference["chisq"], rtol=1e-3
        )
        assert table.loc[step, "df_difference"] == difference["df"]


def test_a_model_without_an_answer_is_no_verdict() -> None:
    """With every intercept free, the verdict was that means may not be compared."""
    frame = _two_groups(np.random.default_rng(7))
    partial = [f"{item} ~ 1" for item in "abcde"]
    with pytest.warns(NotIdentifiedWarning):
        found = invariance(
            "f =~ a + b + c + d + e", frame, group="profession", partial=partial,
            steps=["configural", "metric", "scalar"],
        )  # fmt: skip
    assert not found.means_comparable
    assert found.associations_comparable
    assert found.verdict.startswith("Associations may be compared")
    assert found.verdict.endswith(
        "Whether means may be compared between groups of profession cannot be judged: the model of "
        "step 'scalar' is not identified."
    )


def test_a_negative_variance_is_a_caution_in_the_verdict() -> None:
    rng = np.random.default_rng(8)
    frame = _two_groups(rng, n=80)[["a", "b", "c", "profession"]]
    f = rng.normal(size=len(frame))
    frame["a"] = f
    frame["b"], frame["c"] = f + rng.normal(0, 1.2, 160), f + rng.normal(0, 1.2, 160)
    frame["c"] -= 0.35 * (frame["b"] - f)
    with pytest.warns(HeywoodWarning):
        found = invariance(
            "f =~ a + b + c", frame, group="profession", steps=["configural", "metric"]
        )
    assert "With caution: a variance is negative in the model of configural" in found.verdict


def test_limits_borrowed_for_ordered_items_are_said_to_be() -> None:
    frame = _two_groups(np.random.default_rng(9), n=300)
    items = frame[list("abcde")].apply(lambda c: np.digitize(c, [-1.0, 0.0, 1.0]))
    found = invariance(
        "f =~ a + b + c + d + e", items.assign(profession=frame["profession"]),
        group="profession", estimator="wlsmv",
    )  # fmt: skip
    assert "found for maximum likelihood on continuous items, borrowed here" in found.verdict
