"""The reference files are the ones their manifest describes, and it describes them all."""

from __future__ import annotations

import hashlib
import json

import pytest

from reference_values import ELSEWHERE, REFERENCE

MANIFEST = json.loads((REFERENCE / "MANIFEST.json").read_text(encoding="utf-8"))
NOTES = {"LICENCE.md", "README.md"}


@pytest.mark.parametrize("row", MANIFEST, ids=lambda row: row["file"])
def test_checksum(row: dict[str, str]) -> None:
    content = (REFERENCE / row["file"]).read_bytes()
    assert hashlib.sha256(content).hexdigest() == row["sha256"]
    assert row["source"]
    assert row["licence"]


def test_every_data_file_is_listed() -> None:
    listed = {row["file"] for row in MANIFEST}
    for folder in ("data", "hard"):
        for path in (REFERENCE / folder).iterdir():
            assert path.name in NOTES or f"{folder}/{path.name}" in listed


def test_army_data_state_their_checksum() -> None:
    path = ELSEWHERE["bh1996"]
    note = (path.parent / "PROVENANCE.md").read_text(encoding="utf-8")
    assert hashlib.sha256(path.read_bytes()).hexdigest() in note
