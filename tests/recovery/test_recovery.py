"""Simulate, fit, look: a small version of analysis/recovery."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from crosslevel import instruments
from crosslevel.catalogue import template_dir
from crosslevel.study import Study, Truth, create, simulate
from crosslevel.study.document import parse, read_document

SCRIPT = Path(__file__).parents[2] / "analysis" / "recovery" / "recover.py"
TRUTH = parse(read_document(template_dir("hospital-study") / "truth.yml"), Truth)
STUDIES = 40


@pytest.fixture(scope="module")
def recover() -> ModuleType:
    spec = importlib.util.spec_from_file_location("recover", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_the_direct_route_scores_as_the_pipeline_does(recover: ModuleType, tmp_path: Path) -> None:
    """Two independent routes from answers to scores agree to the last digits."""
    study = Study.open(create(tmp_path / "study"))
    managers = instruments.read(study.root / "surveys" / "manager-data-use")
    employees = instruments.read(study.root / "surveys" / "employee-goal-learning")
    drawn = simulate(TRUTH, managers=managers, employees=employees, seed=study.spec.seed)
    direct = recover.scored_directly(drawn, managers, employees).set_index("employee")
    pipeline = study.gather().frame.set_index("employee").loc[direct.index]
    for column in ("goal_learning", "tenure", *recover.USES):
        np.testing.assert_allclose(direct[column], pipeline[column], rtol=1e-12, err_msg=column)
    for column in ("unit", "hospital", "profession"):
        same = direct[column].astype("str").fillna("") == pipeline[column].astype("str").fillna("")
        assert same.all(), column


@pytest.mark.slow
def test_intervals_cover_the_population_slopes(recover: ModuleType) -> None:
    """With 40 studies, 95 % coverage gives 33 hits or more in 999 runs of 1,000."""
    reference = recover.population(TRUTH, 5, 2)
    seeds = np.random.default_rng(11).choice(2**31, size=STUDIES, replace=False)
    found = recover.studies(TRUTH, seeds)
    table = recover.coverage(found, reference)
    assert (table["coverage"] * STUDIES >= 33).all(), table
    bias = (table["mean estimate"] - table["population slope"]).abs()
    assert (bias < 3.5 * np.hypot(table["its MC error"], 0.003)).all(), table
    iccs = recover.icc_bias(found, reference).set_index("group")
    assert (iccs["bias"].abs() < 4 * iccs["MC error"] + 0.005).all(), iccs
    attenuated = recover.attenuation(reference, TRUTH)["observed / latent"]
    assert attenuated.between(0.5, 0.95).all()
    page = recover.report(found, TRUTH, reference, 11)
    assert "Simulated data" in page
    assert isinstance(found, pd.DataFrame)
