"""Known loadings, and known non-invariance, are found again."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from crosslevel.psychometrics import cfa, invariance

LOADINGS = {
    "use": {"u1": 0.8, "u2": 0.7, "u3": 0.6, "u4": 0.5},
    "reward": {"r1": 0.7, "r2": 0.7, "r3": 0.6, "r4": 0.8},
}
CORRELATION = 0.4
MODEL = "\n".join(f"{f} =~ {' + '.join(own)}" for f, own in LOADINGS.items())


def _answers(rng: np.random.Generator, n: int) -> pd.DataFrame:
    """Standardised items of two correlated factors."""
    f = rng.multivariate_normal([0, 0], [[1, CORRELATION], [CORRELATION, 1]], n)
    columns = {}
    for k, own in enumerate(LOADINGS.values()):
        for name, loading in own.items():
            columns[name] = loading * f[:, k] + np.sqrt(1 - loading**2) * rng.normal(size=n)
    return pd.DataFrame(columns)


@pytest.mark.slow
def test_loadings_and_their_intervals_are_right() -> None:
    truth = {f"{f} =~ {i}": v for f, own in LOADINGS.items() for i, v in own.items()}
    truth["use ~~ reward"] = CORRELATION
    estimates, inside = [], []
    for seed in range(120):
        table = cfa(MODEL, _answers(np.random.default_rng(seed), 300), std_lv=True).tidy()
        own = table.set_index("term").loc[list(truth)]
        estimates.append(own["estimate"].to_numpy())
        values = np.array(list(truth.values()))
        inside.append((own["conf_low"] <= values) & (values <= own["conf_high"]))
    bias = np.mean(estimates, axis=0) - np.array(list(truth.values()))
    np.testing.assert_allclose(bias, 0.0, atol=0.02)  # 3 Monte Carlo errors of about 0.006
    coverage = np.mean(inside)
    assert 0.93 < coverage < 0.97  # 1,080 intervals, not independent


@pytest.mark.slow
def test_the_shifted_item_is_found() -> None:
    """One intercept of eight differs by half a standard deviation between two groups of 250."""
    found, false_alarms = 0, 0
    for seed in range(30):
        rng = np.random.default_rng(1000 + seed)
        frame = _answers(rng, 500).assign(wave=["first", "second"] * 250)
        false_alarms += not invariance(MODEL, frame, group="wave").means_comparable
        frame.loc[frame["wave"] == "second", "u3"] += 0.5
        shifted = invariance(MODEL, frame, group="wave")
        worst = shifted.score_tests().query("term != '(all)'")["term"].iloc[0]
        found += (not shifted.means_comparable) and worst == "u3 ~ 1"
    assert found >= 27
    assert false_alarms <= 3
