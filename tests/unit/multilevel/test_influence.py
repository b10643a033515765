"""Leave-one-group-out influence against lme4 refits and against brute force."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from crosslevel.errors import ModelError
from crosslevel.multilevel import MultilevelFit, fit
from multilevel_models import fitted
from reference_values import data, entries

R = entries("after_the_fit")
FORMULAS = {
    "influence_slopes": "Reaction ~ Days + (Days | Subject)",
    "influence_nested": "strength ~ 1 + (1 | batch) + (1 | sample)",
    "influence_crossed": "diameter ~ 1 + (1 | plate) + (1 | sample)",
}


@pytest.mark.parametrize("entry", list(FORMULAS))
def test_refits_equal_lme4(entry: str) -> None:
    theirs = R[entry].values
    model = fit(FORMULAS[entry], data(R[entry].dataset))
    mine = model.influence(theirs["group"], method="refit")
    groups = mine.groups.set_index("level").loc[theirs["level"]]
    terms = mine.terms.set_index("level").loc[theirs["level"]]
    np.testing.assert_allclose(groups["cooks_distance"], theirs["cooks_distance"], rtol=1e-5)
    np.testing.assert_allclose(groups["sigma"], theirs["sigma"], rtol=1e-6)
    np.testing.assert_allclose(terms["estimate"], np.ravel(theirs["beta"]), rtol=1e-7)
    np.testing.assert_allclose(terms["dfbetas"], np.ravel(theirs["dfbetas"]), atol=1e-5)


@pytest.fixture(scope="module")
def uneven() -> pd.DataFrame:
    """Units of one to twenty rows in hospitals."""
    rng = np.random.default_rng(12)
    unit = np.repeat(np.arange(24), rng.integers(1, 21, size=24))
    n = len(unit)
    x, w = rng.normal(size=n), rng.uniform(0.5, 2, size=n)
    hospital = unit // 3
    y = 1 + 0.5 * x + rng.normal(size=24)[unit] + 0.6 * rng.normal(size=8)[hospital]
    y += x * 0.4 * rng.normal(size=24)[unit] + rng.normal(size=n)
    return pd.DataFrame({"y": y, "x": x, "w": w, "unit": unit, "hospital": hospital})


def _gls(model: MultilevelFit, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return beta and X'V^-1X of some rows at the whole fit's relative variances, V written out."""
    design, estimates = model.design, model.estimates
    weights = np.ones(design.n) if design.weights is None else design.weights
    V = np.diag(1 / weights)
    for f, T in zip(design.factors, estimates.T, strict=True):
        same = f.codes[:, None] == f.codes
        V += same * (f.Z.T @ T @ T.T @ f.Z)
    W = np.linalg.inv(V[np.ix_(rows, rows)])
    X, y = design.X[:, rows].T, design.y[rows]
    M = X.T @ W @ X
    return np.linalg.solve(M, X.T @ W @ y), M


@pytest.mark.parametrize(
    ("formula", "group", "weights"),
    [
        ("y ~ x + (1 + x | unit)", "unit", None),
        ("y ~ x + (1 | unit)", "unit", "w"),
        ("y ~ x + (1 | hospital/unit)", "hospital", None),
        ("y ~ x + (1 + x | hospital) + (1 | hospital:unit)", "hospital:unit", "w"),
    ],
)
def test_updates_equal_dense_algebra(
    uneven: pd.DataFrame, formula: str, group: str, weights: str | None
) -> None:
    model = fit(formula, uneven, weights=weights)
    mine = model.influence(group)
    assert "held at those of the whole fit" in mine.note
    factor = next(f for f in model.design.factors if f.name == group)
    beta, M = model.estimates.beta, np.linalg.inv(model.estimates.vcov)
    by_hand = np.array([_gls(model, factor.codes != j)[0] for j in range(factor.J)])
    estimates = mine.terms["estimate"].to_numpy().reshape(factor.J, 2)
    np.testing.assert_allclose(estimates, by_hand, rtol=1e-7)
    gap = beta - by_hand
    cook = np.einsum("jp,pq,jq->j", gap, M, gap) / 2
    np.testing.assert_allclose(mine.groups["cooks_distance"], cook, rtol=1e-6)


@pytest.mark.parametrize("formula", ["y ~ x + (1 + x | unit)", "y ~ x + (1 | hospital/unit)"])
def test_refits_equal_fits_without_the_rows(uneven: pd.DataFrame, formula: str) -> None:
    model = fit(formula, uneven)
    group = model.design.factors[-1].name
    mine = model.influence(group, method="refit")
    for j in (0, 3, 7):
        rest = uneven[uneven[group] != j]
        fresh = fit(formula, rest)
        here = mine.terms[mine.terms["level"] == str(j)]
        np.testing.assert_allclose(here["estimate"], fresh.tidy()["estimate"], atol=2e-6)
        np.testing.assert_allclose(here["std_error"], fresh.tidy()["std_error"], rtol=2e-5)
        row = mine.groups.set_index("level").loc[str(j)]
        assert row["sigma"] == pytest.approx(fresh.sigma, rel=1e-5)
        assert row["status"] == fresh.status


def test_small_residual_variance_and_a_distant_origin() -> None:
    """A residual of 1e-5 beside units that differ by 1, and an outcome near a million."""
    rng = np.random.default_rng(6)
    unit = np.repeat(np.arange(15), 6)
    x = rng.normal(size=90)
    y = 1e6 + x + rng.normal(size=15)[unit] + 1e-5 * rng.normal(size=90)
    frame = pd.DataFrame({"y": y, "x": x, "unit": unit})
    mine = fit("y ~ x + (1 | unit)", frame).influence("unit", method="refit").terms
    for j in (2, 11):
        fresh = fit("y ~ x + (1 | unit)", frame[frame["unit"] != j]).tidy()
        here = mine[mine["level"] == str(j)]
        known = np.spacing(y.max())  # y near a million is known no closer
        np.testing.assert_allclose(here["estimate"], fresh["estimate"], rtol=1e-11, atol=known)
        np.testing.assert_allclose(here["std_error"], fresh["std_error"], rtol=1e-4)


def test_a_coefficient_only_one_unit_determines(uneven: pd.DataFrame) -> None:
    frame = uneven.assign(z=(uneven["unit"] == 5) * 1.0)
    model = fit("y ~ x + z + (1 | unit)", frame)
    for method in ("update", "refit"):
        mine = model.influence("unit", method=method)
        row = mine.groups.set_index("level").loc["5"]
        assert row["status"] == "not estimable"
        assert np.isnan(row["cooks_distance"])
        terms = mine.terms[mine.terms["level"] == "5"].set_index("term")
        assert np.isnan(terms.loc["z", "dfbetas"])
        plain = fit("y ~ x + (1 | unit)", frame[frame["unit"] != 5])
        if method == "refit":
            assert terms.loc["x", "estimate"] == pytest.approx(
                plain.tidy()["estimate"][1], rel=1e-6
            )
        assert mine.groups["cooks_distance"].notna().sum() == 23


def test_an_outlying_unit_stands_out(uneven: pd.DataFrame) -> None:
    frame = uneven.assign(y=uneven["y"] + (uneven["unit"] == 9) * uneven["x"] * 8)
    mine = fit("y ~ x + (1 + x | unit)", frame).influence("unit").groups
    assert mine.loc[mine["cooks_distance"].idxmax(), "level"] == "9"


def test_what_cannot_be_answered() -> None:
    model = fitted("sleepstudy_rs_reml")
    with pytest.raises(ModelError, match="`method` must be 'update' or 'refit'"):
        model.influence("Subject", method="batch")
    with pytest.raises(ModelError, match="Did you mean 'Subject'"):
        model.influence("Subjects")
    frame = data("sleepstudy").assign(half=lambda d: d["Subject"].cat.codes % 2)
    with pytest.raises(ModelError, match="'half' has two groups"):
        fit("Reaction ~ Days + (1 | half)", frame).influence("half")
