"""What a run leaves behind: tables, values and a manifest, written whole or not at all."""

from __future__ import annotations

import hashlib
import json
import platform
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import pandas as pd
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from crosslevel.errors import StudyError, did_you_mean
from crosslevel.study.spec import ReportSpec, named_report

SCHEMA = 1
_STALE = 3600.0  # seconds: a younger folder may belong to a run that is at work
_INSTANT = 0.3  # seconds: far longer than a run takes between its two renames
FOLDER = "build"
_MANIFEST, _VALUES, _TABLES, _PRIVATE = "manifest.json", "values.json", "tables", "private"
_PACKAGES = (
    "numpy",
    "pandas",
    "pyarrow",
    "pydantic",
    "ruamel.yaml",
    "scipy",
    "statsmodels",
)
_WARNING = (
    "This folder holds answers of single persons, and numbers so exact that they may tell them.\n"
    "It must not leave the house: do not publish it, mail it or put it under version control.\n"
    "No report reads it; it may be deleted at any time.\n"
)


class FileRecord(BaseModel):
    """One file and its fingerprint; inputs also state their size."""

    model_config = ConfigDict(frozen=True)

    path: str
    sha256: str
    bytes: int | None = None


class Manifest(BaseModel):
    """Where a build comes from: enough to make it again and to see that nothing changed."""

    model_config = ConfigDict(frozen=True, protected_namespaces=(), populate_by_name=True)

    schema_version: int = Field(default=SCHEMA, alias="schema")
    title: str
    subtitle: str
    authors: tuple[str, ...]
    date: str
    language: str
    based_on: str = ""
    simulated: bool
    seed: int | None
    crosslevel_version: str
    python: str
    packages: dict[str, str]
    inputs: tuple[FileRecord, ...]
    outputs: tuple[FileRecord, ...]
    disclosure_minimum: int
    conf_level: float
    reports: tuple[Annotated[ReportSpec, BeforeValidator(named_report)], ...]


@dataclass(frozen=True, slots=True)
class Build:
    """A finished run. A report reads this and nothing else."""

    root: Path
    manifest: Manifest
    values: Mapping[str, float | int | str]

    def table(self, name: str) -> pd.DataFrame:
        """Return one table by its name.

        Raises
        ------
        StudyError
            When the build has no such table; the message names the closest one.
        """
        path = self.root / _TABLES / f"{name}.parquet"
        if not path.is_file():
            hint = did_you_mean(name, self.tables) or f"Known: {', '.join(self.tables)}."
            raise StudyError(f"The build has no table '{name}'. {hint}")
        return pd.read_parquet(path)

    def exact(self, name: str) -> pd.DataFrame:
        """Return one table in full precision, for work inside the house; never publish it.

        Two exact tables may give away the answer of one person by whom they differ.

        Raises
        ------
        StudyError
            When the build has no such table, or its private folder was deleted.
        """
        path = self.root / _PRIVATE / "exact" / f"{name}.parquet"
        if not path.is_file():
            self.table(name)
            raise StudyError(f"{path} is not there. Run the study again.")
        return pd.read_parquet(path)

    @property
    def tables(self) -> Sequence[str]:
        """Names of the tables, sorted."""
        return sorted(path.stem for path in (self.root / _TABLES).glob("*.parquet"))

    def value(self, name: str) -> float | int | str:
        """Return one number or word for the prose of a report.

        Raises
        ------
        StudyError
            When the build has no such value; the message names the closest one.
        """
        if name not in self.values:
            hint = did_you_mean(name, self.values) or f"Known: {', '.join(self.values)}."
            raise StudyError(f"The build has no value '{name}'. {hint}")
        return self.values[name]


def open_build(path: Path | str) -> Build:
    """Return the build of a study folder, or of its `build/` folder.

    Raises
    ------
    StudyError
        When the study was never run, or its manifest cannot be read.
    """
    root = Path(path)
    if not (root / _MANIFEST).is_file():
        restore(root)
        root = root / FOLDER
    if not (root / _MANIFEST).is_file():
        raise StudyError(f"{Path(path)} has no build yet. Run `crosslevel run {Path(path)}` first.")
    try:
        content = json.loads((root / _MANIFEST).read_text(encoding="utf-8"))
        manifest = Manifest.model_validate(content)
        values = json.loads((root / _VALUES).read_text(encoding="utf-8"))
    except (ValidationError, ValueError, OSError) as error:
        raise StudyError(
            f"The build in {root} is damaged. Delete the folder and run the study again."
        ) from error
    return Build(root, manifest, values)


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal.

    Examples
    --------
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "empty").write_bytes(b"")
    >>> sha256(folder / "empty")[:12]
    'e3b0c44298fc'
    """
    return digest(path.read_bytes())


def digest(content: bytes) -> str:
    """Return the SHA-256 of some bytes in hexadecimal.

    Examples
    --------
    >>> digest(b"")[:12]
    'e3b0c44298fc'
    """
    return hashlib.sha256(content).hexdigest()


def describe_inputs(root: Path, paths: Sequence[Path]) -> tuple[FileRecord, ...]:
    """Return path, fingerprint and size of each input, sorted by path."""
    records = [
        FileRecord(path=_relative(path, root), sha256=sha256(path), bytes=path.stat().st_size)
        for path in dict.fromkeys(paths)
    ]
    return tuple(sorted(records, key=lambda record: record.path))


def package_versions() -> dict[str, str]:
    """Return the versions of the packages that compute something."""
    return {name: version(name) for name in _PACKAGES}


def python_version() -> str:
    """Return the version of Python in use."""
    return platform.python_version()


@contextmanager
def replacing(root: Path) -> Iterator[Path]:
    """Give a fresh folder that becomes `build/` at the end; on an error the old one stays.

    Raises
    ------
    StudyError
        When `build` is a file, or a folder that no run has written.
    """
    target = root / FOLDER
    restore(root)
    require_replaceable(target)
    _sweep(root)
    fresh = Path(tempfile.mkdtemp(prefix=".build-", dir=root))
    (fresh / ".gitignore").write_text("*\n", encoding="utf-8", newline="\n")
    try:
        yield fresh
        fresh.chmod(0o755)
        _swap(fresh, target)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def displaced(root: Path) -> Path | None:
    """Return the build that a run had moved aside when it was killed, if there is one."""
    if (root / FOLDER).exists():
        return None
    found = (left / FOLDER for left in sorted(root.glob(".build-old-*")))
    return next((old for old in found if (old / _MANIFEST).is_file()), None)


def restore(root: Path) -> None:
    """Put back the build that a killed run had moved aside; otherwise do nothing.

    A run that is at work moves it aside for an instant only, so that instant is waited for.
    """
    if displaced(root) is None:
        return
    time.sleep(_INSTANT)
    if (old := displaced(root)) is not None:
        old.rename(root / FOLDER)
        shutil.rmtree(old.parent, ignore_errors=True)


def require_replaceable(target: Path) -> None:
    """Raise unless a build folder may be written over."""
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise StudyError(
            f"{target} is not a folder, and a run writes its results there. "
            "Rename or delete it, then run again."
        )
    if target.is_dir() and any(target.iterdir()) and not (target / _MANIFEST).is_file():
        raise StudyError(
            f"{target} holds files that no run has written (it has no {_MANIFEST}). "
            "Move them elsewhere, then run again."
        )


def write_build(
    folder: Path,
    manifest: Manifest,
    *,
    tables: Mapping[str, pd.DataFrame],
    values: Mapping[str, float | int | str],
    private: Mapping[str, pd.DataFrame],
) -> None:
    """Write a build into an empty folder; equal inputs give equal bytes."""
    for name, frame in tables.items():
        _write_table(frame, folder / _TABLES / f"{name}.parquet")
    for name, frame in private.items():
        _write_table(frame, folder / _PRIVATE / f"{name}.parquet")
        (folder / _PRIVATE / f"{name}.parquet").chmod(0o600)
    (folder / _PRIVATE).chmod(0o700)
    (folder / _PRIVATE / "README.txt").write_text(_WARNING, encoding="utf-8", newline="\n")
    _write_json(folder / _VALUES, dict(values))
    files = (path for path in folder.rglob("*") if path.is_file())
    written = sorted(path for path in files if path.name != ".gitignore")
    outputs = tuple(FileRecord(path=_relative(p, folder), sha256=sha256(p)) for p in written)
    complete = manifest.model_copy(update={"outputs": outputs})
    _write_json(folder / _MANIFEST, complete.model_dump(mode="json", by_alias=True))


def _sweep(root: Path) -> None:
    """Delete what runs that were killed left behind."""
    for left in root.glob(".build-*"):
        if time.time() - left.stat().st_mtime > _STALE:
            shutil.rmtree(left, ignore_errors=True)


def _write_table(frame: pd.DataFrame, path: Path) -> None:
    """Write a frame as Parquet."""
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.reset_index(drop=True).to_parquet(path, index=False)


def _write_json(path: Path, content: object) -> None:
    """Write JSON that a person can read and that is the same each time."""
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8", newline="\n")


def _swap(fresh: Path, target: Path) -> None:
    """Put the fresh folder in the place of the old one."""
    if not target.exists():
        fresh.rename(target)
        return
    old = Path(tempfile.mkdtemp(prefix=".build-old-", dir=target.parent)) / "build"
    target.rename(old)
    try:
        fresh.rename(target)
    except OSError:
        old.rename(target)
        raise
    finally:
        shutil.rmtree(old.parent, ignore_errors=True)


def _relative(path: Path, root: Path) -> str:
    """Return a path as seen from a folder, with forward slashes; its name when it lies outside."""
    resolved, base = path.resolve(), root.resolve()
    return resolved.relative_to(base).as_posix() if base in resolved.parents else resolved.name
