"""Criterion and derivatives against dense algebra and finite differences, on random shapes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crosslevel.multilevel.design import Factor
from crosslevel.multilevel.grouping import Levels
from crosslevel.multilevel.objective import Objective, SingleObjective
from crosslevel.multilevel.parameters import parameters
from crosslevel.multilevel.several import SeveralObjective
from crosslevel.multilevel.statistics import one_factor, several_factors
from dense_model import profiled_criterion

SHAPES = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 10_000),
        "n": st.integers(12, 60),
        "P": st.integers(0, 4),
        "sizes": st.lists(st.tuples(st.integers(1, 3), st.integers(2, 8)), min_size=1, max_size=3),
        "independent": st.booleans(),
        "reml": st.booleans(),
    }
)


def _case(shape: dict) -> tuple[Objective, np.ndarray, np.ndarray, np.ndarray, list[Factor]]:
    """Return an objective with its X, y, a theta and its factors; groups may be tiny or empty."""
    rng = np.random.default_rng(shape["seed"])
    n, P = shape["n"], shape["P"]
    X, y = rng.normal(size=(P, n)), rng.normal(size=n)
    factors = []
    for f, (p, J) in enumerate(shape["sizes"]):
        codes = rng.integers(0, J, size=n)
        Z = rng.normal(size=(p, n))
        Z[0] = 1.0
        blocks = tuple(range(p)) if shape["independent"] else (0,) * p
        names = tuple(f"z{k}" for k in range(p))
        factors.append(Factor(f"g{f}", (), Levels((range(J),)), codes, Z, names, blocks))
    free = parameters(factors)
    theta = rng.normal(size=len(free))
    A = np.vstack([X, y])
    if len(factors) == 1:
        one = factors[0]
        statistics = one_factor(one.codes, one.J, Z=one.Z, A=A)
        return SingleObjective(statistics, free, shape["reml"]), theta, X, y, factors
    order = tuple(int(k) for k in rng.permutation(len(factors)))
    several = several_factors(
        [factors[k].codes for k in order],
        [factors[k].J for k in order],
        Z=[factors[k].Z for k in order],
        A=A,
    )
    return SeveralObjective(several, free, order, shape["reml"]), theta, X, y, factors


def _dense(
    objective: Objective, theta: np.ndarray, X: np.ndarray, y: np.ndarray, factors: list
) -> float:
    columns = [
        (factor.Z * (factor.codes == level)).T @ T
        for factor, T in zip(factors, objective.parameters.unpack(theta), strict=True)
        for level in range(factor.J)
    ]
    return profiled_criterion(y, X.T, np.hstack(columns), reml=objective.reml)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(SHAPES)
def test_blocked_equals_dense(shape: dict) -> None:
    objective, theta, X, y, factors = _case(shape)
    ours = objective.at(theta).profile.criterion
    assert ours == pytest.approx(_dense(objective, theta, X, y, factors), rel=1e-9, abs=1e-8)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(SHAPES)
def test_gradient_and_hessian_equal_differences(shape: dict) -> None:
    objective, theta, X, y, factors = _case(shape)
    made = objective.at(theta).derivatives()
    step = 1e-5
    ends = [(theta + step * e, theta - step * e) for e in np.eye(len(theta))]
    slope = [
        (_dense(objective, a, X, y, factors) - _dense(objective, b, X, y, factors)) / (2 * step)
        for a, b in ends
    ]
    curve = [
        (objective.at(a).derivatives().gradient - objective.at(b).derivatives().gradient)
        / (2 * step)
        for a, b in ends
    ]
    size = 1.0 + np.abs(slope).max()
    np.testing.assert_allclose(made.gradient, slope, atol=1e-5 * size)
    np.testing.assert_allclose(made.hessian, curve, atol=1e-6 * (1.0 + np.abs(curve).max()))


@settings(max_examples=25, deadline=None, derandomize=True)
@given(SHAPES)
def test_sparse_and_dense_projections_agree(shape: dict) -> None:
    """Small cross-blocks are kept dense; both kinds give the same criterion and derivatives."""
    made = []
    for small in (0, 10**9):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("crosslevel.multilevel.statistics.SMALL", small)
            objective, theta, *_ = _case(shape)
            here = objective.at(theta)
            derivatives = here.derivatives()
            parts = (here.profile.criterion, derivatives.gradient, derivatives.hessian)
            made.append((*parts, *here.diagonal(), *here.pieces().g))
    for sparse, dense in zip(*made, strict=True):
        np.testing.assert_allclose(sparse, dense, rtol=1e-7, atol=1e-7)
