"""Permutation of a unit-level predictor against exchanges of unit means done by hand."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from crosslevel.errors import ModelError
from crosslevel.multilevel import fit
from crosslevel.multilevel.permutation import permutation_test


def _frame(seed: int, J: int, size: int = 8, slope: float = 0.4) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    g = np.repeat(np.arange(J), size)
    frame = pd.DataFrame({"g": g, "h": g // 3, "x": rng.normal(size=J * size)})
    frame["w"] = rng.normal(size=J)[g]
    frame["y"] = slope * frame["w"] + rng.normal(size=J)[g] + 0.3 * rng.normal(size=J * size)
    return frame


def test_all_arrangements_of_balanced_units_against_unit_means() -> None:
    """With equal units and nothing else in the model, |t| orders as the correlation of means."""
    frame = _frame(1, J=6)
    made = permutation_test(fit("y ~ w + (1 | g)", frame), "w", n=720, seed=1)
    means = frame.groupby("g")[["y", "w"]].mean()
    observed = abs(np.corrcoef(means["y"], means["w"])[0, 1])
    every = [
        abs(np.corrcoef(means["y"].to_numpy()[list(order)], means["w"])[0, 1])
        for order in permutations(range(6))
    ]
    assert made.enumerated
    assert made.mc_error == 0.0
    assert made.p_value == np.mean(np.array(every) >= observed - 1e-12)


def test_random_arrangements_against_scipy() -> None:
    frame = _frame(2, J=14)
    made = permutation_test(fit("y ~ w + (1 | g)", frame), "w", n=2999, seed=1)
    means = frame.groupby("g")[["y", "w"]].mean()

    def statistic(y: np.ndarray) -> float:
        return abs(float(np.corrcoef(y, means["w"])[0, 1]))

    other = stats.permutation_test(
        (means["y"].to_numpy(),), statistic, permutation_type="pairings", n_resamples=2999,
        alternative="greater", rng=np.random.default_rng(3),
    )  # fmt: skip
    error = np.hypot(made.mc_error, np.sqrt(other.pvalue * (1 - other.pvalue) / 2999))
    assert abs(made.p_value - other.pvalue) < 4 * error


def test_strata_keep_units_within_their_organisation() -> None:
    """Three organisations of three units: 6 ** 3 arrangements, by hand on stratum deviations."""
    frame = _frame(3, J=9)
    frame["y"] += 5.0 * frame["h"]
    model = fit("y ~ w + C(h) + (1 | g)", frame)
    made = permutation_test(model, "w", n=216, seed=1, strata=frame["h"])
    assert made.enumerated
    assert made.replicates == 216
    means = frame.groupby("g")[["y", "w", "h"]].mean()
    centred = means[["y", "w"]] - means.groupby("h")[["y", "w"]].transform("mean")
    y, w = centred["y"].to_numpy(), centred["w"].to_numpy()
    inner = [list(p) for p in permutations(range(3))]
    pairs = [(b, [6 + k for k in c]) for b in ([3 + k for k in b] for b in inner) for c in inner]
    orders = [a + b + c for a in inner for b, c in pairs]
    every = np.array([abs(np.corrcoef(y[order], w)[0, 1]) for order in orders])
    assert made.p_value == np.mean(every >= abs(np.corrcoef(y, w)[0, 1]) - 1e-12)


def test_names_of_strata_and_labels_agree() -> None:
    frame = _frame(4, J=12)
    frame.loc[5, "x"] = np.nan
    model = fit("y ~ w + x + (1 | h/g)", frame)
    one = permutation_test(model, "w", n=30, seed=2, strata="h")
    two = permutation_test(model, "w", n=30, seed=2, strata=list(frame["h"]), n_jobs=2)
    assert one.group == "h:g"
    np.testing.assert_allclose(one.statistics, two.statistics, rtol=1e-10)


@pytest.mark.slow
def test_size_under_the_null_with_unequal_units() -> None:
    """400 data sets without an effect: the share of p <= 0.1 is near 0.1 (binomial, 4 sd)."""
    rng = np.random.default_rng(8)
    sizes = rng.integers(2, 15, 12)
    g = np.repeat(np.arange(12), sizes)
    hits = 0
    for _ in range(400):
        frame = pd.DataFrame({"g": g, "w": rng.normal(size=12)[g]})
        frame["y"] = rng.standard_t(5, size=12)[g] + rng.normal(size=len(g))
        seed = int(rng.integers(1e9))
        made = permutation_test(fit("y ~ w + (1 | g)", frame), "w", n=99, seed=seed)
        hits += made.p_value <= 0.1
    assert abs(hits / 400 - 0.1) < 4 * np.sqrt(0.09 / 400)


def test_refusals() -> None:
    frame = _frame(5, J=9)
    model = fit("y ~ w + x + (1 | h/g)", frame)
    with pytest.raises(ModelError, match="'x' varies within h:g and h"):
        permutation_test(model, "x", seed=1)
    with pytest.raises(ModelError, match="'w' varies within h:"):
        permutation_test(model, "w", seed=1, group="h")
    with pytest.raises(ModelError, match=r"no coefficient 'ww'\. Did you mean 'w'\?"):
        permutation_test(model, "ww", seed=1)
    with pytest.raises(ModelError, match="`group` names 'hg', which is no group"):
        permutation_test(model, "w", seed=1, group="hg")
    with pytest.raises(ModelError, match="`strata` names 'hospital', no other group"):
        permutation_test(model, "w", seed=1, strata="hospital")
    with pytest.raises(ModelError, match="has 3 labels; the data have 72 rows"):
        permutation_test(model, "w", seed=1, strata=[1, 2, 3])
    with pytest.raises(ModelError, match="strata cut through levels of 'h:g'"):
        permutation_test(model, "w", seed=1, strata=list(range(72)))
    with pytest.raises(ModelError, match="whole number above 0, got 0"):
        permutation_test(model, "w", n=0, seed=1)
