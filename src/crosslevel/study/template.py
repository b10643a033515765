"""A new study folder, made from a template of the catalogue."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from crosslevel.catalogue import instrument_dir, template_dir
from crosslevel.errors import StudyError
from crosslevel.study.folder import Study

_README = Path(__file__).with_name("new_study.md")


def create(target: Path, *, template: str = "hospital-study") -> Path:
    """Make a new study folder from a template, with simulated data, and return it.

    Raises
    ------
    StudyError
        When the target exists and is not an empty folder.
    CrosslevelError
        When there is no such template.
    """
    source = template_dir(template)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise StudyError(f"{target} exists already and is not an empty folder. Choose a new name.")
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=".new-", dir=target.parent))
    fresh.chmod(0o755)
    try:
        for name in ("study.yml", "truth.yml"):
            shutil.copyfile(source / name, fresh / name)
        shutil.copyfile(_README, fresh / "README.md")
        (fresh / ".gitignore").write_text("build/\n", encoding="utf-8", newline="\n")
        study = Study.open(fresh)
        for named in (study.spec.sources.employees, study.spec.sources.managers):
            if named is not None:
                _copy_instrument(fresh / named.instrument)
        study.simulate()
        if target.exists():
            target.rmdir()
        fresh.rename(target)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return target


def _copy_instrument(folder: Path) -> None:
    """Copy a catalogue instrument of the same name into a study."""
    folder.mkdir(parents=True)
    shutil.copyfile(instrument_dir(folder.name) / "instrument.yml", folder / "instrument.yml")
