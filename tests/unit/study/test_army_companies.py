"""The study on real data equals R: lme4 1.1-31 and multilevel 2.7 (reference-r.json)."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path
from types import ModuleType

import pytest

import reference_values
from crosslevel.study import Build, Study
from tolerances import CLOSED_FORM, LMM

ARMY = Path(__file__).parents[3] / "analysis" / "army-companies"
MODELS = ("bh1996_null", "bh1996_within_between", "bh1996_crosslevel")


@pytest.fixture(scope="module")
def compare() -> ModuleType:
    spec = importlib.util.spec_from_file_location("compare_with_r", ARMY / "compare_with_r.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    folder = tmp_path_factory.mktemp("army") / "study"
    shutil.copytree(ARMY, folder, ignore=shutil.ignore_patterns("build"))
    return Study.open(folder).run()


@pytest.mark.parametrize("model", MODELS)
def test_estimates_equal_lme4(model: str, build: Build, compare: ModuleType) -> None:
    pairs = [p for p in compare.pairs(build) if p.where == model]
    assert {p.quantity for p in pairs} >= {"fixef", "se", "theta", "sigma", "criterion"}
    for pair in pairs:
        tolerance = LMM.get(pair.quantity, LMM["criterion"])
        assert pair.ours == pytest.approx(pair.r, rel=tolerance["rtol"], abs=tolerance["atol"]), (
            pair
        )


@pytest.mark.parametrize("scale", ["wbeing", "lead", "hrs", "cohes"])
def test_aggregation_equals_the_multilevel_package(
    scale: str, build: Build, compare: ModuleType
) -> None:
    pairs = [p for p in compare.pairs(build) if p.where == scale]
    assert {p.quantity for p in pairs} == {
        "icc1", "icc1_low", "icc1_high", "icc2", "design_effect", "groups", "mean_size",
    }  # fmt: skip
    for pair in pairs:
        assert pair.ours == pytest.approx(pair.r, rel=CLOSED_FORM), pair


def test_the_copied_values_are_those_of_the_reference_files(compare: ModuleType) -> None:
    """reference-r.json is a copy for readers of the study; the tests' own files are the source."""
    ours = compare.reference()
    models = reference_values.entries("lmm")
    for model in MODELS:
        for quantity in ("fixef", "se", "theta", "sigma", "criterion"):
            assert ours["models"][model][quantity] == models[model].values[quantity]
    aggregation = reference_values.entries("aggregation")
    for scale, values in ours["aggregation"].items():
        assert values["icc1"] == aggregation[f"icc_bh1996_{scale}"].values["ICC1_anova"]


def test_variances_equal_lme4(build: Build) -> None:
    found = reference_values.entries("lmm")["bh1996_crosslevel"].values["varcorr"]
    table = build.exact("variance").query("model == 'bh1996_crosslevel'")
    assert sorted(table["covariance"]) == pytest.approx(
        sorted(found["vcov"]), rel=LMM["variance"]["rtol"], abs=LMM["variance"]["atol"]
    )


def test_a_study_without_managers_says_nothing_of_them(build: Build) -> None:
    assert set(build.table("flow")["level"]) == {"employee", "unit"}
    assert build.value("managers_invited") == 0
    assert build.value("employees_analysed") == 7382
    assert build.value("units_analysed") == 99
    assert not build.manifest.simulated
    assert build.value("invited_known") == "no"
    assert "response rate is not one" in build.table("notices")["text"].item()


def test_the_comparison_is_printed(
    build: Build, compare: ModuleType, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(compare, "open_build", lambda _: build)
    assert compare.main() == 0
    printed = capsys.readouterr().out
    assert "R version 4.2.2" in printed
    assert "Largest relative difference" in printed
    assert "DISAGREES" not in printed
