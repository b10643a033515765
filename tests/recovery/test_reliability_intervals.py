"""Intervals of alpha and omega hold the truth: five-point answers of persons in units."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from crosslevel.psychometrics import alpha, omega

LOADINGS = np.array([0.9, 0.8, 0.7, 0.6, 0.5])
STEPS = [-1.5, -0.5, 0.3, 1.0]
ICC = 0.2
SAMPLES = 100


def _answers(rng: np.random.Generator, *, units: int, size: int) -> tuple[pd.DataFrame, pd.Series]:
    """Units differ in the trait and in every item."""
    unit = np.repeat(np.arange(units), size)

    def draw(columns: int) -> np.ndarray:
        shared = rng.normal(size=(units, columns))[unit]
        return np.sqrt(ICC) * shared + np.sqrt(1 - ICC) * rng.normal(size=(units * size, columns))

    latent = draw(1) * LOADINGS + draw(5) * np.sqrt(1 - LOADINGS**2)
    return pd.DataFrame(np.digitize(latent, STEPS) + 1.0), pd.Series(unit)


@pytest.mark.slow
def test_coverage():
    """At 95 %, 100 samples of 30 units with 10 members: between 88 and 100 of each."""
    population, _ = _answers(np.random.default_rng(0), units=100_000, size=2)
    truth = {"alpha": alpha(population).estimate, "omega": omega(population).estimate}
    rng, estimates = np.random.default_rng(1), []
    held = dict.fromkeys(("Feldt", "alpha by unit", "omega", "omega by unit"), 0)
    for _ in range(SAMPLES):
        items, unit = _answers(rng, units=30, size=10)
        found = {
            "Feldt": alpha(items),
            "alpha by unit": alpha(items, interval="robust", groups=unit),
            "omega": omega(items),
            "omega by unit": omega(items, groups=unit),
        }
        for name, result in found.items():
            true = truth["omega" if name.startswith("omega") else "alpha"]
            held[name] += result.conf_low <= true <= result.conf_high
        estimates.append((found["Feldt"].estimate, found["omega"].estimate))
    assert all(88 <= count <= SAMPLES for count in held.values()), held
    np.testing.assert_allclose(np.mean(estimates, axis=0), list(truth.values()), atol=0.01)
