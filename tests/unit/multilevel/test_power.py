"""Smallest detectable effects and power against PowerUp!, statsmodels and full covariances."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t as student
from statsmodels.stats.power import TTestIndPower

from crosslevel.errors import ModelError
from crosslevel.multilevel import power
from crosslevel.multilevel.power_designs import PowerDesign
from crosslevel.multilevel.power_simulation import layout, truth

SLOPE = power.ManagerSlope(units=30, size=8, icc=0.15)
NESTED = power.ManagerSlope(
    units=5, organisations=8, size=6, icc=0.10, icc_organisation=0.08, predictor_between=0.3
)
INTERACTION = power.CrossLevelInteraction(units=24, size=6, icc=0.10, slope_variance=0.05)
FIXED = power.CrossLevelInteraction(units=24, size=6, icc=0.10)
CRA2 = power.ClusterRandomised(units=40, size=20, icc=0.10)
CRA3 = power.ClusterRandomised(
    units=2, organisations=83, size=10, icc=0.06, icc_organisation=0.18, treated=0.4,
    r2_employee=0.55, r2_unit=0.50, r2_organisation=0.45, covariates=1,
)  # fmt: skip
WAVES = power.TwoWave(units=20, size=7, icc=0.12, unit_stability=0.7)
COHORT = power.TwoWave(units=20, size=7, icc=0.12, unit_stability=0.7, person_stability=0.5)


def test_powerup_cra2() -> None:
    """Dong & Maynard (2013), PowerUp! CRA2: rho .10, n 20, J 40."""
    assert CRA2.mdes() == pytest.approx(0.3463, abs=5e-5)
    assert CRA2.df == 38


def test_powerup_cra3() -> None:
    """PowerUp! CRA3: rho2 .06, rho3 .18, g3 1, R2 .55 .50 .45, P .40, n 10, J 2, K 83."""
    assert CRA3.mdes() == pytest.approx(0.23009, abs=5e-6)
    assert CRA3.df == 80
    assert CRA3.std_error == pytest.approx(0.08113, abs=5e-6)


def test_multiplier_is_about_2_8_with_many_units() -> None:
    """Bloom (2006): 1.96 + 0.84 = 2.80."""
    many = power.ClusterRandomised(units=4000, size=20, icc=0.10)
    assert many.mdes() / many.std_error == pytest.approx(1.959964 + 0.841621, abs=2e-3)


@pytest.mark.parametrize("effect", [0.1, 0.35, 0.8])
def test_units_as_single_observations_against_statsmodels(effect: float) -> None:
    """With one employee per unit the design is a two-sample t test of J people."""
    design = power.ClusterRandomised(units=36, size=1, icc=0.3)
    other = TTestIndPower().power(effect_size=effect, nobs1=18, alpha=0.05)
    assert design.power(effect) == pytest.approx(other, abs=1e-9)


def test_large_units_against_statsmodels() -> None:
    """With endless units only the variance between units is left."""
    design = power.ClusterRandomised(units=30, size=10**9, icc=0.2)
    other = TTestIndPower().power(effect_size=0.5 / np.sqrt(0.2), nobs1=15, alpha=0.01)
    assert design.power(0.5, alpha=0.01) == pytest.approx(other, abs=1e-7)


@pytest.mark.parametrize(
    "design",
    [
        SLOPE, NESTED, INTERACTION, FIXED, CRA2, WAVES, COHORT,
        power.ClusterRandomised(units=3, organisations=12, size=4, icc=0.1, icc_organisation=0.1),
    ],
    ids=lambda d: type(d).__name__,
)  # fmt: skip
def test_standard_error_is_that_of_least_squares_with_known_covariance(
    design: PowerDesign,
) -> None:
    """(X'V^-1X)^-1 of the rows that the simulation uses, V written out row by row."""
    plan = layout(design)
    model = truth(plan, 0.3)
    V = plan.residual * np.eye(model.design.n)
    for factor in model.design.factors:
        S = np.diag([plan.variances[(factor.name, name)] for name in factor.names])
        V += (factor.codes[:, None] == factor.codes) * (factor.Z.T @ S @ factor.Z)
    F = np.linalg.inv(model.design.X @ np.linalg.solve(V, model.design.X.T))
    at = model.design.names.index(plan.term)
    assert design.std_error == pytest.approx(np.sqrt(F[at, at]), rel=1e-9)


def test_truth_is_what_is_drawn() -> None:
    """Shares of variance add up: units, employees, and two waves with their correlation."""
    plan = layout(WAVES)
    unit, wave = plan.variances[("unit", "(Intercept)")], plan.variances[("unit", "wave")]
    assert unit + wave / 4 == pytest.approx(0.12)
    assert unit - wave / 4 == pytest.approx(0.12 * 0.7)
    assert plan.residual == pytest.approx(0.88)
    model = truth(layout(INTERACTION), 0.3)
    sd = model.estimates.sigma * np.diag(model.estimates.T[0])
    np.testing.assert_allclose(sd**2, [0.10, 0.05])
    assert model.estimates.beta.tolist() == [0, 0, 0, 0.3]


def test_degrees_of_freedom() -> None:
    assert SLOPE.df == 28
    assert NESTED.df == 8 * 4 - 1
    assert INTERACTION.df == 22
    assert FIXED.df == 24 * 5 - 2
    assert WAVES.df == 18
    assert power.ManagerSlope(
        units=5, organisations=8, size=6, icc=0.1, predictor_between=1.0, covariates=2
    ).df == 4  # fmt: skip


@pytest.mark.parametrize("design", [SLOPE, NESTED, INTERACTION, CRA2, CRA3, WAVES])
def test_power_at_the_smallest_effect(design: PowerDesign) -> None:
    """The multiplier uses two central t quantiles, the power the noncentral t: nearly the same."""
    for wanted in (0.7, 0.8, 0.9):
        assert design.power(design.mdes(power=wanted)) == pytest.approx(wanted, abs=0.015)
    assert design.power(0.0) == pytest.approx(0.05, abs=1e-9)
    assert design.power(-0.2) == design.power(0.2)


def test_needed_is_the_smallest_number() -> None:
    count = CRA2.needed(0.30)
    enough = power.ClusterRandomised(units=count, size=20, icc=0.10)
    fewer = power.ClusterRandomised(units=count - 1, size=20, icc=0.10)
    assert fewer.power(0.30) < 0.80 <= enough.power(0.30)
    assert CRA3.needed(0.23) in (82, 83, 84)
    with pytest.raises(ModelError, match="No number of units up to 1,000,000 gives a power of"):
        CRA2.needed(1e-5)


def test_curve() -> None:
    table = CRA2.curve(0.3, counts=[20, 40], sizes=[10, 20])
    assert list(table.columns) == ["units", "size", "power", "mdes"]
    row = table.query("units == 40 and size == 20").iloc[0]
    assert row["power"] == CRA2.power(0.3)
    assert row["mdes"] == CRA2.mdes()
    assert table.groupby("size")["power"].is_monotonic_increasing.all()
    assert CRA3.curve(0.3, counts=[20], sizes=[10]).columns[0] == "organisations"


def test_figure_says_what_it_shows() -> None:
    figure = CRA2.plot(0.3)
    axes = figure.axes[0]
    texts = [t.get_text() for t in axes.texts]
    assert {"5 per unit", "10 per unit", "20 per unit", "40 per unit"} <= set(texts)
    assert "this design: 40 units, 20 per unit,\npower 0.68" in texts
    own = max(axes.lines, key=lambda line: line.get_linewidth() if len(line.get_xdata()) > 5 else 0)
    at = int(np.argmin(np.abs(np.asarray(own.get_xdata()) - 40)))
    units = int(np.asarray(own.get_xdata())[at])
    shown = float(np.asarray(own.get_ydata())[at])
    assert shown == power.ClusterRandomised(units=units, size=20, icc=0.10).power(0.3)
    assert CRA3.plot(0.3).axes[0].get_xlabel() == "Number of organisations"
    with pytest.raises(ModelError, match="effect of 0 is the same everywhere"):
        CRA2.plot(0.0)


def test_labels_of_lines_never_lie_on_each_other() -> None:
    """Power near one at the right edge: labels are pushed apart and stay inside."""
    figure = power.ClusterRandomised(units=100, size=400, icc=0.02).plot(0.6)
    heights = [t.xy[1] for t in figure.axes[0].texts if t.get_text().endswith(" per unit")]
    assert np.diff(np.sort(heights)).min() > 0.04
    assert max(heights) <= 1.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"units": 1}, "units: must be a whole number of 2 or more, got 1"),
        ({"size": 0}, "size: must be a whole number of 1 or more, got 0"),
        ({"icc": 1.2}, "icc: must be at least 0 and at most 1, got 1.2"),
        ({"r2_unit": 1.0}, "r2_unit: must be at least 0 and below 1, got 1.0"),
        ({"treated": 0.0}, "treated: must lie between 0 and 1, got 0.0"),
        ({"icc": 1.0}, "Their sum must be below 1"),
        ({"icc_organisation": 0.1}, "icc_organisation: needs `organisations`"),
        ({"units": 4, "covariates": 2}, "leaves 0 degrees of freedom"),
    ],
)
def test_impossible_designs(options: dict[str, float], message: str) -> None:
    given = {"units": 40, "size": 20, "icc": 0.1, **options}
    with pytest.raises(ModelError, match=message):
        power.ClusterRandomised(**given)


def test_all_problems_at_once() -> None:
    with pytest.raises(ModelError, match=r"(?s)units.*size.*icc.*treated"):
        power.ClusterRandomised(units=0, size=0, icc=-1, treated=2)
    with pytest.raises(ModelError, match="slope_variance: must be 0 or more"):
        power.CrossLevelInteraction(units=9, size=9, icc=0.1, slope_variance=-1)


def test_impossible_questions() -> None:
    with pytest.raises(ModelError, match="`power` must lie between 0 and 1, got 80"):
        CRA2.mdes(power=80)
    with pytest.raises(ModelError, match="`alpha` must lie between 0 and 1, got 5"):
        CRA2.power(0.3, alpha=5)
    with pytest.raises(ModelError, match="`effect` must be a finite number"):
        CRA2.power(float("nan"))
    with pytest.raises(ModelError, match="two employees per unit or more"):
        power.CrossLevelInteraction(units=30, size=1, icc=0.1, slope_variance=0.1).simulate(
            0.1, 9, seed=1
        )
    with pytest.raises(ModelError, match="leaves nothing to simulate"):
        power.TwoWave(units=30, size=5, icc=0.1, unit_stability=0.5, person_stability=1.0).simulate(
            0.1, 9, seed=1
        )


def test_simulation_does_not_depend_on_the_workers() -> None:
    one = SLOPE.simulate(0.2, 300, seed=5)
    assert one == SLOPE.simulate(0.2, 300, seed=5, n_jobs=2)
    assert one != SLOPE.simulate(0.2, 300, seed=6)
    assert one.mc_error == pytest.approx(np.sqrt(one.power * (1 - one.power) / 300))


def test_simulated_power_is_the_share_of_separate_t_tests() -> None:
    """A balanced slope model is a regression of unit means: the same decisions, one by one."""
    from crosslevel.multilevel.replication import simulate

    design = power.ManagerSlope(units=20, size=8, icc=0.4)
    model = truth(layout(design), 0.5)
    drawn = simulate(model, 60, seed=9)
    rows = layout(design).frame
    x = rows.groupby("unit")["predictor"].mean().to_numpy()
    found = 0
    for k in drawn:
        means = drawn[k].groupby(rows["unit"]).mean().to_numpy()
        slope, intercept = np.polyfit(x, means, 1)
        rest = means - intercept - slope * x
        error = np.sqrt(rest @ rest / 18 / ((x - x.mean()) @ (x - x.mean())))
        found += abs(slope / error) > student.ppf(0.975, 18)
    assert design.simulate(0.5, 60, seed=9).power == pytest.approx(found / 60)
    assert isinstance(drawn, pd.DataFrame)
