"""Power by formula and by simulation agree, for every design, within Monte-Carlo error."""

from __future__ import annotations

import pytest

from crosslevel.multilevel import power
from crosslevel.multilevel.power_designs import PowerDesign

ONE_FACTOR = [
    (power.ClusterRandomised(units=40, size=20, icc=0.10), 0.30),
    (power.ClusterRandomised(units=24, size=10, icc=0.25, treated=0.25, r2_unit=0.4), 0.50),
    (power.ManagerSlope(units=40, size=20, icc=0.10), 0.17),
    (power.ManagerSlope(units=12, size=30, icc=0.20), 0.35),
    (power.CrossLevelInteraction(units=40, size=20, icc=0.10, slope_variance=0.10), 0.15),
    (power.CrossLevelInteraction(units=20, size=10, icc=0.10), 0.15),
    (power.TwoWave(units=40, size=20, icc=0.10, unit_stability=0.5), 0.40),
    (power.TwoWave(units=40, size=20, icc=0.10, unit_stability=0.5, person_stability=0.6), 0.35),
]
SEVERAL = [
    (power.ManagerSlope(units=6, organisations=12, size=12, icc=0.2, icc_organisation=0.1), 0.17),
    (
        power.ClusterRandomised(
            units=3, organisations=24, size=12, icc=0.15, icc_organisation=0.15
        ),
        0.45,
    ),
]


@pytest.mark.slow
@pytest.mark.parametrize(("design", "effect"), ONE_FACTOR, ids=lambda v: type(v).__name__)
@pytest.mark.parametrize("seed", [1, 2])
def test_formula_and_simulation_agree(design: PowerDesign, effect: float, seed: int) -> None:
    made = design.simulate(effect, 3000, seed=seed)
    assert abs(made.power - design.power(effect)) < 4 * made.mc_error
    assert abs(made.estimate - effect) < 4 * made.std_error / 3000**0.5
    assert made.std_error == pytest.approx(design.std_error, rel=0.06)


@pytest.mark.slow
@pytest.mark.parametrize(("design", "effect"), SEVERAL, ids=lambda v: type(v).__name__)
def test_agreement_with_three_levels(design: PowerDesign, effect: float) -> None:
    made = design.simulate(effect, 500, seed=3)
    assert abs(made.power - design.power(effect)) < 4 * made.mc_error
    assert made.std_error == pytest.approx(design.std_error, rel=0.13)


@pytest.mark.slow
def test_no_effect_is_found_at_the_nominal_rate() -> None:
    design = power.ClusterRandomised(units=30, size=15, icc=0.15)
    made = design.simulate(0.0, 8000, seed=4)
    assert abs(made.power - 0.05) < 4 * (0.05 * 0.95 / 8000) ** 0.5
