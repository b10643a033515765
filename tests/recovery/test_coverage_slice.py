"""A slice of analysis/benchmarks/coverage.py: intervals of a unit-level slope in few units."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[2] / "analysis" / "benchmarks" / "coverage.py"


@pytest.fixture(scope="module")
def coverage() -> ModuleType:
    spec = importlib.util.spec_from_file_location("coverage_of_slopes", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("place", range(12))
def test_sums_over_units_equal_ordinary_fits(coverage: ModuleType, place: int) -> None:
    """Standard errors and df of every method, by hand on batched estimates, as `tidy` gives them.

    Satterthwaite's df in bulk were once off by 6e-5: derivatives from one step before the end.
    """
    cell = list(coverage.cells())[place]
    model, x, Y = next(coverage.replicates(cell, 20260123, coverage.PER_DESIGN))
    many = coverage.refit(model, Y, df="satterthwaite")
    sizes = cell.sizes()
    made = coverage.by_hand(many, x, sizes)
    made["CR2"] = coverage.sandwich(many, x, sizes, Y)
    assert set(made) == set(coverage.METHODS)
    assert coverage.witness(model, Y[: coverage.WITNESS], made) <= 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("balanced", [True, False])
def test_kenward_roger_covers(coverage: ModuleType, balanced: bool) -> None:
    """2,000 replicates: the Monte-Carlo error is 0.49 points, four of them are allowed."""
    found = coverage.study(coverage.Cell(10, balanced, 0.30), 5, 2000)
    assert abs(found.coverage["kenward-roger"] - 0.95) <= 4 * np.sqrt(0.95 * 0.05 / 2000)
    assert found.coverage["normal"] < 0.935
    assert found.not_converged == 0
    assert abs(found.bias) < 0.03
