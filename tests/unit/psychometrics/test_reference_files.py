"""Reference files are those that the manifest describes."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "reference"


def test_checksums_sources_and_licences():
    listed = json.loads((FOLDER / "MANIFEST.json").read_text(encoding="utf-8"))
    names = [row["file"] for row in listed]
    assert {"aggregation.json", "reliability.json", "data/lq2002.csv"} <= set(names)
    assert len(names) == len(set(names))
    for row in listed:
        raw = (FOLDER / row["file"]).read_bytes()
        assert hashlib.sha256(raw).hexdigest() == row["sha256"], row["file"]
        assert row["source"] and row["licence"]
