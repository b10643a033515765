"""Reference values and the data they were computed from."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[3]
REFERENCE = ROOT / "tests" / "reference"
ARMY = ROOT / "analysis" / "army-companies" / "data"


@pytest.fixture(scope="session")
def entry() -> Callable[[str, str], dict]:
    """Return one entry of a reference file."""
    files: dict[str, dict[str, dict]] = {}

    def _entry(file: str, name: str) -> dict:
        if file not in files:
            content = json.loads((REFERENCE / f"{file}.json").read_text(encoding="utf-8"))
            files[file] = {e["id"]: e for e in content["entries"]}
        return files[file][name]

    return _entry


@pytest.fixture(scope="session")
def dataset() -> Callable[[str], pd.DataFrame]:
    """Return one data set by its name."""
    frames: dict[str, pd.DataFrame] = {}

    def _dataset(name: str) -> pd.DataFrame:
        if name not in frames:
            folder = ARMY if name == "bh1996" else REFERENCE / "data"
            frames[name] = pd.read_csv(folder / f"{name}.csv")
        return frames[name].copy()

    return _dataset


SCALES = (
    "alpha_bfi_agree", "alpha_bfi_consc", "alpha_bfi_extra", "alpha_bfi_agree_unreversed",
    "alpha_hs_verbal", "alpha_hs_all9", "alpha_attitude",
    "alpha_lq2002_tsig", "alpha_lq2002_hostile",
)  # fmt: skip
REVERSED = ["A1", "C4", "C5", "E1", "E2"]


@dataclass(frozen=True)
class Scale:
    """One scale of the reference files: its items, turned round where the entry says so."""

    items: pd.DataFrame
    expected: dict
    tolerance: dict


@pytest.fixture(params=SCALES)
def scale(request, entry, dataset) -> Scale:
    """Return each scale of reliability.json in turn."""
    reference = entry("reliability", request.param)
    name = reference["dataset"][0].removeprefix("data/").removesuffix(".csv")
    items = dataset(name)[reference["values"]["item"]["item"]]
    if reference["preprocessing"].startswith("reverse"):
        turned = [column for column in items if column in REVERSED]
        items[turned] = 7 - items[turned]
    return Scale(items, reference["values"], reference["tolerance"])
