"""A build is written whole or not at all, and says where it comes from."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from crosslevel.errors import StudyError
from crosslevel.study.build import (
    Manifest,
    describe_inputs,
    displaced,
    open_build,
    package_versions,
    python_version,
    replacing,
    restore,
    write_build,
)
from crosslevel.study.spec import ReportSpec


def _manifest() -> Manifest:
    return Manifest(
        title="A study",
        subtitle="",
        authors=("A. Author",),
        date="2026-01-15",
        language="en",
        simulated=True,
        seed=1,
        crosslevel_version="0",
        python=python_version(),
        packages=package_versions(),
        inputs=(),
        outputs=(),
        disclosure_minimum=5,
        conf_level=0.95,
        reports=(ReportSpec(name="article"),),
    )


def _write(folder: Path, number: int = 1) -> None:
    write_build(
        folder,
        _manifest(),
        tables={"flow": pd.DataFrame({"n": [number]})},
        values={"n": number, "rate": 0.5, "rule": "sole"},
        private={"linked": pd.DataFrame({"employee": ["e1"]})},
    )


def _run(root: Path, number: int = 1) -> None:
    with replacing(root) as folder:
        _write(folder, number)


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    _run(tmp_path, 7)
    build = open_build(tmp_path)
    assert build.table("flow")["n"].tolist() == [7]
    assert build.value("rate") == 0.5
    assert build.tables == ["flow"]
    assert build.manifest.title == "A study"
    assert open_build(tmp_path / "build").value("n") == 7


def test_outputs_are_listed_with_their_fingerprints(tmp_path: Path) -> None:
    _run(tmp_path)
    build = tmp_path / "build"
    manifest = json.loads((build / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["schema"] == 1
    listed = {o["path"]: o["sha256"] for o in manifest["outputs"]}
    assert set(listed) == {
        "private/README.txt",
        "private/linked.parquet",
        "tables/flow.parquet",
        "values.json",
    }
    for name, digest in listed.items():
        assert hashlib.sha256((build / name).read_bytes()).hexdigest() == digest


def test_inputs_are_listed_with_path_size_and_fingerprint(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.csv").write_bytes(b"abc")
    (record,) = describe_inputs(tmp_path, [tmp_path / "data" / "a.csv"] * 2)
    assert (record.path, record.bytes) == ("data/a.csv", 3)
    assert record.sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_a_second_run_replaces_everything(tmp_path: Path) -> None:
    _run(tmp_path, 1)
    (tmp_path / "build" / "reports").mkdir()
    _run(tmp_path, 2)
    assert open_build(tmp_path).value("n") == 2
    assert not (tmp_path / "build" / "reports").exists()
    assert [p.name for p in tmp_path.iterdir()] == ["build"]


def test_a_failed_run_leaves_the_old_build_and_no_litter(tmp_path: Path) -> None:
    _run(tmp_path, 1)
    with pytest.raises(RuntimeError, match="half-way"), replacing(tmp_path) as folder:
        _write(folder, 2)
        raise RuntimeError("half-way")
    assert open_build(tmp_path).value("n") == 1
    assert [p.name for p in tmp_path.iterdir()] == ["build"]


def test_a_failed_first_run_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), replacing(tmp_path):
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_the_old_build_stays_when_it_cannot_be_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _run(tmp_path, 1)
    rename = Path.rename

    def refusing(self: Path, target: Path) -> Path:
        if self.name.startswith(".build-") and not self.name.startswith(".build-old-"):
            raise OSError("the disk says no")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refusing)
    with pytest.raises(OSError, match="says no"):
        _run(tmp_path, 2)
    monkeypatch.undo()
    assert open_build(tmp_path).value("n") == 1
    assert [p.name for p in tmp_path.iterdir()] == ["build"]


def test_a_build_that_a_killed_run_had_moved_aside_is_put_back(tmp_path: Path) -> None:
    """After kill -9 between two renames, only the next run found the build again."""
    _run(tmp_path, 1)
    aside = tmp_path / ".build-old-x"
    aside.mkdir()
    (tmp_path / "build").rename(aside / "build")
    assert displaced(tmp_path) == aside / "build"
    assert open_build(tmp_path).value("n") == 1
    assert [p.name for p in tmp_path.iterdir()] == ["build"]
    assert displaced(tmp_path) is None


def test_what_lies_aside_while_there_is_a_build_is_left(tmp_path: Path) -> None:
    _run(tmp_path, 1)
    aside = tmp_path / ".build-old-x" / "build"
    shutil.copytree(tmp_path / "build", aside)
    restore(tmp_path)
    assert aside.is_dir()


def test_build_being_a_file_is_refused_before_anything_is_computed(tmp_path: Path) -> None:
    (tmp_path / "build").write_text("mine", encoding="utf-8")
    with pytest.raises(StudyError, match="is not a folder"), replacing(tmp_path):
        raise AssertionError("computed")
    assert (tmp_path / "build").read_text(encoding="utf-8") == "mine"


def test_a_folder_that_no_run_has_written_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "thesis.txt").write_text("years of work", encoding="utf-8")
    with pytest.raises(StudyError, match="no run has written"):
        _run(tmp_path)
    assert (tmp_path / "build" / "thesis.txt").is_file()


def test_a_study_that_was_never_run_says_how(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="crosslevel run"):
        open_build(tmp_path)


def test_a_damaged_build_is_named(tmp_path: Path) -> None:
    _run(tmp_path)
    (tmp_path / "build" / "manifest.json").write_text("{", encoding="utf-8")
    with pytest.raises(StudyError, match="is damaged"):
        open_build(tmp_path)


def test_unknown_tables_and_values_name_the_closest(tmp_path: Path) -> None:
    _run(tmp_path)
    build = open_build(tmp_path)
    with pytest.raises(StudyError, match="Did you mean 'flow'"):
        build.table("flows")
    with pytest.raises(StudyError, match="Did you mean 'rate'"):
        build.value("rates")
    with pytest.raises(StudyError, match="Known: flow"):
        build.table("zzz")


def test_equal_content_gives_equal_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        _run(tmp_path / name)
    for path in sorted((tmp_path / "a" / "build").rglob("*")):
        if path.is_file():
            twin = tmp_path / "b" / path.relative_to(tmp_path / "a")
            assert path.read_bytes() == twin.read_bytes(), path.name
