"""Response rates, R-indicators and response weights: hand values, simulation, small groups."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from crosslevel import quality
from crosslevel.errors import MeasurementError
from crosslevel.multilevel.families import BINOMIAL
from crosslevel.multilevel.glm import solve
from crosslevel.quality.attributes import shown
from crosslevel.quality.representativeness import Propensities, spread


def _staff(seed: int, n: int, *, effect: float) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    role = rng.choice(["doctor", "nurse", "other"], n, p=[0.2, 0.5, 0.3])
    age = rng.integers(20, 66, n)
    eta = 0.3 + effect * ((role == "nurse") - 0.6 * (role == "doctor") + 0.02 * (age - 43))
    answered = rng.random(n) < 1 / (1 + np.exp(-eta))
    unit = rng.choice([f"u{k}" for k in range(12)], n)
    return pd.DataFrame({"role": role, "age": age, "answered": answered, "unit": unit})


def test_one_attribute_is_arithmetic() -> None:
    """With group rates as propensities: S, partial indicators and the bias of S2 by hand."""
    staff = pd.DataFrame({"sex": ["f"] * 70 + ["m"] * 30})
    staff["answered"] = [1] * 56 + [0] * 14 + [1] * 12 + [0] * 18
    found = quality.nonresponse(staff, responded="answered", by=["sex"])
    apart, share = np.array([0.8, 0.4]) - 0.68, np.array([0.7, 0.3])
    S2 = 100 * (share @ apart**2) / 99
    bias = 0.7 * 0.3 * (0.8 * 0.2 / 70 + 0.4 * 0.6 / 30)
    assert found.spread.plain == pytest.approx(S2, rel=1e-9)
    assert found.spread.adjusted == pytest.approx(S2 - bias, rel=1e-9)
    assert found.r_indicator == pytest.approx(1 - 2 * np.sqrt(S2 - bias), rel=1e-9)
    variance = 0.8 * 0.2 / 70 + 0.4 * 0.6 / 30
    error = np.sqrt(4 * (0.21 * 0.4) ** 2 * variance + 2 * (0.21 * variance) ** 2)
    assert found.spread.std_error == pytest.approx(error, rel=1e-8)
    table = found.partial().set_index("level")
    assert table.loc["", "unconditional"] == pytest.approx(np.sqrt(share @ apart**2), rel=1e-9)
    assert table.loc["", "conditional"] == pytest.approx(np.sqrt(S2), rel=1e-9)
    np.testing.assert_allclose(table.loc[["f", "m"], "unconditional"], np.sqrt(share) * apart)
    assert table.loc["m", "unconditional_se"] == pytest.approx(np.sqrt(0.3) * 0.7 * variance**0.5)
    assert found.largest_bias == pytest.approx(np.sqrt(S2 - bias) / 0.68)


def test_partial_indicators_add_up() -> None:
    """Between and within the levels of an attribute make the whole variance."""
    found = quality.nonresponse(
        _staff(1, 900, effect=0.8), responded="answered", by=["role", "age"]
    )
    rows = found.partial()
    whole = rows[rows["level"] == ""].set_index("variable")
    total = found.spread.plain * (900 - 1) / 900
    for one, other in (("role", "age"), ("age", "role")):
        within = whole.loc[other, "conditional"] ** 2 * (900 - 1) / 900
        assert whole.loc[one, "unconditional"] ** 2 + within == pytest.approx(total, rel=1e-9)
        levels = rows[(rows["variable"] == one) & (rows["level"] != "")]
        assert (levels["unconditional"] ** 2).sum() == pytest.approx(
            whole.loc[one, "unconditional"] ** 2
        )
        assert (levels["conditional"] ** 2).sum() == pytest.approx(
            whole.loc[one, "conditional"] ** 2
        )


@pytest.mark.parametrize("effect", [0.0, 0.8])
def test_bias_and_standard_error_hold_in_simulation(effect: float) -> None:
    """400 rosters of 500 with a known S2: the plain estimate is too high, R too low."""
    rng = np.random.default_rng(11)
    role, age = np.arange(500) % 5, np.arange(500) // 5 % 4
    X = np.vstack(
        [np.ones(500), *(role == k for k in (1, 2, 3, 4)), *(age == k for k in (1, 2, 3))]
    )
    rho = 1 / (
        1 + np.exp(-0.3 - effect * (0.5 * (role == 1) - 0.6 * (role == 2) + 0.2 * (age - 2)))
    )
    truth = rho.var(ddof=1)
    made = []
    for _ in range(400):
        y = (rng.random(500) < rho).astype(float)
        s = solve(X.astype(float), y, family=BINOMIAL)
        made.append(spread(Propensities(s.mu, s.X * s.W, s.F, np.ones(500))))
    plain, bias = (np.array([getattr(m, name) for m in made]) for name in ("plain", "bias"))
    error = 4 * plain.std() / np.sqrt(400)
    assert plain.mean() - truth > error
    assert (plain - bias).mean() == pytest.approx(truth, abs=error)
    errors = np.array([m.std_error for m in made])
    assert 0.9 < errors.mean() / plain.std() < (1.15 if effect else 1.8)
    R = 1 - 2 * np.sqrt(truth)
    ends = np.array([m.r_interval(1.959964) for m in made])
    assert ((ends[:, 0] <= R) & (ends[:, 1] >= R)).mean() >= 0.9


def test_rates_bands_units_and_unknown() -> None:
    staff = _staff(3, 600, effect=0.5)
    staff["age"] = staff["age"].astype(float)
    staff.loc[:39, "age"] = np.nan
    found = quality.nonresponse(staff, responded="answered", by=["role", "age"], unit="unit")
    table = found.rates()
    ages = table[table["variable"] == "age"]
    assert ages["level"].iloc[-1] == "(unknown)" and ages["invited"].iloc[-1] == 40
    assert len(ages) == 5 and ages["level"].iloc[0].startswith("20 to ")
    assert set(table["variable"]) == {"(all)", "role", "age", "unit"}
    first = table.iloc[0]
    assert first["rate"] == pytest.approx(staff["answered"].mean())
    assert first["conf_low"] < first["rate"] < first["conf_high"]
    assert "unit" not in set(found.partial()["variable"])


def test_small_groups_stay_unseen_also_by_subtraction() -> None:
    staff = _staff(4, 300, effect=0.4)
    staff["unit"] = ["big"] * 200 + ["mid"] * 60 + ["low"] * 37 + ["few"] * 3
    found = quality.nonresponse(staff, responded="answered", by=["role"], unit="unit")
    seen = found.rates()
    assert seen.loc[seen["variable"] == "unit", "level"].tolist() == ["big", "mid"]
    everything = quality.nonresponse(
        staff, responded="answered", by=["role"], unit="unit", minimum=1
    )
    assert len(everything.rates()) == len(seen) + 2
    pairs = pd.DataFrame({"variable": "x", "level": list("abc"), "invited": [1, 1, 9]})
    assert shown(pairs, 5).tolist() == [False, False, False]
    few = staff.assign(role=["rare"] * 4 + ["nurse"] * 146 + ["doctor"] * 150)
    few["answered"] = [True, False] * 150
    hidden = quality.nonresponse(few, responded="answered", by=["role"])
    assert set(hidden.partial()["level"]) == {"", "doctor"} or "rare" not in set(
        hidden.partial()["level"]
    )
    assert not any("rare" in sentence for sentence in hidden.sentences())


def test_weights_give_back_the_invited() -> None:
    staff = _staff(5, 2000, effect=0.8)
    found = quality.nonresponse(staff, responded="answered", by=["role", "age"])
    there = staff["answered"].to_numpy()
    for method in ("classes", "propensity"):
        made = found.weights(method=method)
        assert made.weights.index.equals(staff.index[there])
        nurses = (staff.loc[there, "role"] == "nurse").to_numpy()
        weighted = made.weights[nurses].sum() / made.weights.sum()
        plain, truth = nurses.mean(), (staff["role"] == "nurse").mean()
        assert abs(weighted - truth) < 0.35 * abs(plain - truth)
        assert made.design_effect > 1
    made = found.weights()
    assert made.weights.sum() == pytest.approx(2000)
    assert len(made.classes) == 5 and made.classes["rate"].is_monotonic_increasing


def test_design_weights_enter() -> None:
    """Integer weights give the estimates of the roster with its rows repeated."""
    staff = _staff(6, 400, effect=0.6).assign(w=lambda d: 1.0 + (d.index % 3))
    weighted = quality.nonresponse(staff, responded="answered", by=["role"], weights="w")
    repeated = staff.loc[staff.index.repeat(staff["w"].astype(int))].reset_index(drop=True)
    plain = quality.nonresponse(repeated, responded="answered", by=["role"])
    assert weighted.spread.plain == pytest.approx(plain.spread.plain, rel=1e-9)


def test_words_name_their_sources() -> None:
    found = quality.nonresponse(
        _staff(7, 1500, effect=1.0), responded="answered", by=["role", "age"]
    )
    text = " ".join(found.sentences())
    assert "of 1500 invited responded" in text
    assert "as far as role and age can tell (Schouten, Cobben & Bethlehem, 2009)" in text
    assert "Most underrepresented: doctor (role)" in text
    assert repr(found) == " ".join(found.sentences()[:2])
    assert found.propensity()["term"].tolist()[:2] == ["(Intercept)", "role[nurse]"]


def test_rosters_that_cannot_be_judged() -> None:
    staff = _staff(8, 60, effect=0.2)

    def refused(frame: pd.DataFrame, **options: object) -> str:
        with pytest.raises(MeasurementError) as caught:
            quality.nonresponse(frame, **{"responded": "answered", "by": ["role"], **options})
        return str(caught.value)

    assert "column 'roel': not found. Did you mean 'role'?" in refused(staff, by=["roel"])
    assert "at least one attribute" in refused(staff, by=[])
    assert "`minimum` must be at least 1, got 0" in refused(staff, minimum=0)
    assert "60 row(s) do not, such as 'yes'" in refused(staff.assign(answered="yes"))
    assert "Everybody of 60 responded" in refused(staff.assign(answered=True))
    assert "Nobody of 60 responded" in refused(staff.assign(answered=0))
    assert "The roster is empty" in refused(staff.iloc[:0])
    assert "'role': has one level." in refused(staff.assign(role="nurse"))
    sure = staff.assign(answered=staff["answered"] | (staff["role"] == "doctor"))
    assert "'role' = 'doctor': everybody of" in refused(sure)
    assert "'w' has 60 that are not" in refused(staff.assign(w=0.0), weights="w")
    found = quality.nonresponse(staff, responded="answered", by=["role"])
    with pytest.raises(MeasurementError, match="must be 'classes' or 'propensity'"):
        found.weights(method="inverse")
    with pytest.raises(MeasurementError, match="at least 2, got 1"):
        found.weights(classes=1)


def test_late_respondents_are_compared_with_early_ones() -> None:
    rng = np.random.default_rng(2)
    day = np.repeat(np.arange(20), 20)
    frame = pd.DataFrame({"day": day, "same": rng.normal(size=400)})
    frame["worse"] = rng.normal(size=400) - 0.08 * day
    frame.loc[0, "same"] = np.nan
    made = quality.early_late(frame, ["same", "worse"], order="day")
    first, last = frame[frame["day"] < 5], frame[frame["day"] > 14]
    table = made.tidy().set_index("term")
    gap = last["worse"].mean() - first["worse"].mean()
    assert table.loc["worse", "estimate"] == pytest.approx(gap)
    assert table["n_early"].tolist() == [99, 100]
    pooled = np.sqrt((last["worse"].var() + first["worse"].var()) / 2)
    assert table.loc["worse", "standardised"] == pytest.approx(gap / pooled)
    assert "100 late and 100 early respondents differ on worse (d = -1." in made.sentence()
    assert "Armstrong & Overton, 1977" in repr(made)
    calm = quality.early_late(frame, ["same"], order="day")
    assert "do not differ noticeably on 1 variable(s)" in calm.sentence()


def test_early_and_late_that_cannot_be_told() -> None:
    frame = pd.DataFrame({"n": [0, 0, 0, 0, 0, 1], "y": [1.0, 2, 3, 4, 5, 6], "t": list("abcdef")})
    with pytest.raises(MeasurementError, match="does not tell early from late"):
        quality.early_late(frame.assign(n=1), ["y"], order="n")
    with pytest.raises(MeasurementError, match="'y' has 5 early and 1 late"):
        quality.early_late(frame, ["y"], order="n", share=0.1)
    with pytest.raises(MeasurementError, match="column 't': holds str values"):
        quality.early_late(frame, ["t"], order="n")
    with pytest.raises(MeasurementError, match="'t' holds str values"):
        quality.early_late(frame, ["y"], order="t")
    with pytest.raises(MeasurementError, match=r"up to 0\.5, got 0\.7"):
        quality.early_late(frame, ["y"], order="n", share=0.7)
    with pytest.raises(MeasurementError, match="does not vary among"):
        quality.early_late(frame.assign(n=range(6), y=1.0), ["y"], order="n", share=0.4)
