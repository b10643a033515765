"""`crosslevel power`, as a newcomer types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from crosslevel.cli import main
from crosslevel.multilevel import power

CRA2 = ["power", "randomised", "--units", "40", "--size", "20", "--icc", "0.10"]


def test_sentences(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*CRA2, "--effect", "0.3"]) == 0
    shown = capsys.readouterr().out
    assert "40 units of 20 employees, ICC 0.1" in shown
    assert "Smallest effect found with power 0.8: 0.346" in shown
    assert "38 degrees of freedom" in shown
    assert "Power for an effect of 0.3: 0.68" in shown
    assert "it needs 53 units" in shown


def test_json_holds_the_numbers_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [
        "power", "randomised", "--units", "2", "--organisations", "83", "--size", "10", "--icc",
        "0.06", "--icc-organisation", "0.18", "--covariates", "1", "--r2-employee", "0.55",
        "--r2-unit", "0.5", "--r2-organisation", "0.45", "--treated", "0.4", "--json",
    ]  # fmt: skip
    assert main(arguments) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["mdes"] == pytest.approx(0.23009, abs=5e-6)
    assert made["df"] == 80
    assert made["std_error"] == pytest.approx(0.08113, abs=5e-6)
    assert "effect" not in made
    assert made["parameters"]["organisations"] == 83


def test_simulation_with_its_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*CRA2, "--effect", "0.3", "--simulate", "200", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)["simulation"]
    found = power.ClusterRandomised(units=40, size=20, icc=0.1).simulate(0.3, 200, seed=1)
    assert made["power"] == found.power
    assert made["mc_error"] == found.mc_error
    assert main([*CRA2, "--effect", "0.3", "--simulate", "200"]) == 0
    assert f"Simulated: {found.power:.3f} in 200 data sets" in capsys.readouterr().out


def test_a_simulation_says_how_often_a_variance_was_zero(
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = ["power", "slope", "--units", "20", "--size", "5", "--icc", "0.02"]
    assert main([*arguments, "--effect", "0.3", "--simulate", "100"]) == 0
    assert "a variance was estimated as zero in" in capsys.readouterr().out


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_figure(tmp_path: Path, ending: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / f"power.{ending}"
    assert main([*CRA2, "--effect", "0.3", "--plot", str(path)]) == 0
    assert path.stat().st_size > 4000
    assert f"Figure written to {path}" in capsys.readouterr().out.replace("\n", "")


@pytest.mark.parametrize(
    "design",
    [
        ["slope"],
        ["interaction", "--slope-variance", "0.05"],
        ["two-wave", "--unit-stability", "0.7", "--person-stability", "0.4"],
    ],
)
def test_every_design(design: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    name, *more = design
    assert main(["power", name, "--units", "30", "--size", "9", "--icc", "0.1", *more]) == 0
    assert "Smallest effect" in capsys.readouterr().out


def test_an_effect_that_no_number_of_units_finds(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*CRA2, "--effect", "0.00001"]) == 0
    assert "No number of units up to a million" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("extra", "code", "message"),
    [
        (["--icc", "2", "--treated", "0"], 1, "--icc: must be at least 0 and at most 1, got 2.0"),
        (["--icc-organisation", "0.1"], 1, "--icc-organisation: needs `organisations`"),
        (["--slope-variance", "0.1"], 2, "not used with 'randomised'"),
        (["--simulate", "9"], 2, "needs --effect"),
        (["--effect", "0.3", "--plot", "x.jpg"], 2, "must end in .png, .svg, .pdf, got 'x.jpg'"),
        (["--effect", "0.3", "--plot", "nowhere/x.png"], 2, "the folder 'nowhere' does not exist"),
        (["--power", "80"], 1, "`power` must lie between 0 and 1, got 80"),
        (["--effect", "0.3", "--simulate", "0"], 1, "whole number above 0, got 0"),
    ],
)
def test_wrong_use(
    extra: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*CRA2, *extra]) == code
    shown = " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert message in shown


def test_two_waves_need_their_stability(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["power", "two-wave", "--units", "30", "--size", "9", "--icc", "0.1"]) == 2
    shown = " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert "--unit-stability: is needed with 'two-wave'" in shown
