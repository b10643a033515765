"""Data on which a search easily goes astray: units, reversed items, near-collinear items."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

from crosslevel.errors import NotConvergedWarning
from crosslevel.psychometrics import HeywoodWarning, cfa

FACTORS, ITEMS = 3, 4
MODEL = "\n".join(
    f"f{j} =~ " + " + ".join(f"y{j}{i}" for i in range(ITEMS)) for j in range(FACTORS)
)


def _answers(seed: int, *, low: float = 0.3, n: int = 200, noise: float = 1.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    spread = np.full((FACTORS, FACTORS), 0.3) + 0.7 * np.eye(FACTORS)
    f = np.repeat(rng.multivariate_normal(np.zeros(FACTORS), spread, n), ITEMS, axis=1)
    loading = rng.uniform(low, 0.9, FACTORS * ITEMS)
    values = loading * f + noise * np.sqrt(1 - loading**2) * rng.normal(size=f.shape)
    names = [f"y{j}{i}" for j in range(FACTORS) for i in range(ITEMS)]
    return pd.DataFrame(values, columns=names)


@pytest.mark.parametrize("seed", range(6))
def test_units_and_reversed_items_change_no_test(seed: int) -> None:
    """Nine of forty such searches used to end at a chi-square in the hundreds, far from the end."""
    frame = _answers(seed)
    rng = np.random.default_rng(100 + seed)
    units = rng.choice([-1.0, 1.0], frame.shape[1]) * 10.0 ** rng.uniform(-3, 3, frame.shape[1])
    first, second = cfa(MODEL, frame), cfa(MODEL, frame * units + 7.0)
    assert first.status == second.status == "converged"
    np.testing.assert_allclose(second.test.chisq, first.test.chisq, rtol=1e-6)
    own = np.abs(second.tidy()["standardised"].to_numpy())
    np.testing.assert_allclose(own, np.abs(first.tidy()["standardised"]), atol=1e-4)


def test_near_collinear_items_converge() -> None:
    rng = np.random.default_rng(2)
    f = rng.normal(size=(150, 1))
    frame = pd.DataFrame(f + 0.01 * rng.normal(size=(150, 4)), columns=list("abcd"))
    fit = cfa("f =~ a + b + c + d", frame)
    assert fit.status == "converged"
    assert fit.tidy()["standardised"].iloc[:4].min() > 0.999


def test_items_that_measure_nothing_are_named_facts() -> None:
    """Noise has no factor: the fit says that it ended nowhere, or at an impossible variance."""
    frame = pd.DataFrame(np.random.default_rng(1).normal(size=(60, 6)), columns=list("abcdef"))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit = cfa("f =~ a + b + c\ng =~ d + e + f1", frame.rename(columns={"f": "f1"}))
    kinds = {w.category for w in caught}
    assert kinds <= {NotConvergedWarning, HeywoodWarning} and kinds
    assert fit.status == "not converged" or HeywoodWarning in kinds
    assert fit.status in repr(fit)
