"""Reads what other software computed: entries of tests/reference and the data they were made on."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "tests" / "reference"
ELSEWHERE = {"bh1996": ROOT / "analysis" / "army-companies" / "data" / "bh1996.csv"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One reference result: its values by name, and the tolerance per group of values."""

    id: str
    dataset: str
    values: dict[str, Any]
    tolerance: dict[str, Any]


@cache
def entries(topic: str) -> dict[str, Entry]:
    """Return all entries of one topic file by id."""
    found = json.loads((REFERENCE / f"{topic}.json").read_text(encoding="utf-8"))["entries"]
    return {
        e["id"]: Entry(e["id"], Path(e["dataset"][0]).stem, e["values"], e["tolerance"])
        for e in found
        if e.get("dataset")
    }


def data(name: str) -> pd.DataFrame:
    """Return a data set with the types of its sidecar; factors keep their level order."""
    sidecar = REFERENCE / "data" / f"{name}.meta.json"
    columns = json.loads(sidecar.read_text(encoding="utf-8"))["columns"]
    frame = pd.read_csv(ELSEWHERE.get(name, REFERENCE / "data" / f"{name}.csv"))
    for column in columns:
        if "levels" in column:
            text = frame[column["name"]].astype("string")
            frame[column["name"]] = pd.Categorical(text, categories=column["levels"])
    return frame


def hard(name: str) -> pd.DataFrame:
    """Return one of the data sets on which mixed-model software fails."""
    return pd.read_csv(REFERENCE / "hard" / name)
