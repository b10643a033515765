"""Reference values and the data they were computed from."""

from __future__ import annotations

import json
from collections.abc import Callable
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
