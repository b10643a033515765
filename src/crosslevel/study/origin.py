"""Which data files a simulation wrote: they may be overwritten, and must say what they are.

`simulated.json` in the study folder holds their fingerprints. A file that is not as it was written
may be real; a file that is still as it was written is simulated, whatever `study.yml` says.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from crosslevel.errors import Problem, StudyError
from crosslevel.study.build import digest, sha256
from crosslevel.study.document import Document, counted
from crosslevel.study.spec import StudySpec

RECORD = "simulated.json"


def write_record(root: Path, contents: Mapping[str, bytes], *, seed: int) -> Path:
    """Write which files a simulation wrote, with their fingerprints, and return the record."""
    record = {
        "about": "These files were drawn by `crosslevel simulate`; they are no one's answers.",
        "seed": seed,
        "files": {name: digest(content) for name, content in sorted(contents.items())},
    }
    path = root / RECORD
    text = json.dumps(record, indent=2, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8", newline="\n")
    return path


def require_replaceable(root: Path, contents: Mapping[str, bytes]) -> None:
    """Raise unless every file that would be replaced was written by a simulation.

    Raises
    ------
    StudyError
        Naming each file that may hold real data.
    """
    known = _recorded(root)
    problems = []
    for name, content in contents.items():
        path = root / name
        if path.exists() and (not path.is_file() or not _written(path, name, known, content)):
            found = "is not a file that `crosslevel simulate` wrote: its data may be real."
            problems.append(Problem(name, found))
    if problems:
        raise StudyError(
            f"Nothing was simulated: {counted(problems)}. If the data are your own, delete "
            "`simulated` and `seed` in study.yml. To lose them for good and draw new ones, say "
            "`crosslevel simulate --overwrite`.",
            problems,
        )


def undeclared(root: Path, spec: StudySpec, document: Document) -> Iterator[Problem]:
    """Yield simulated files in a study that does not say `simulated: true`."""
    if spec.simulated:
        return
    for name, seen in _recorded(root).items():
        if _named(spec, name) and (root / name).is_file() and sha256(root / name) == seen:
            yield Problem(
                document.where(("simulated",)),
                f"{name} holds simulated data, and the study does not say so.",
                "Put your own file in its place, or say `simulated: true` and give the seed.",
            )


def altered(root: Path, spec: StudySpec) -> Iterator[str]:
    """Yield a sentence for each file of a simulated study that is not as it was simulated."""
    if not spec.simulated:
        return
    for name, seen in _recorded(root).items():
        if _named(spec, name) and (root / name).is_file() and sha256(root / name) != seen:
            yield (
                f"{name} was changed after it was simulated. If its data are your own, delete "
                "`simulated` and `seed` in study.yml."
            )


def _written(path: Path, name: str, known: Mapping[str, str], content: bytes) -> bool:
    """Whether a file is as a simulation left it, or as it would be left now."""
    return sha256(path) in (known.get(name), digest(content))


def _named(spec: StudySpec, name: str) -> bool:
    """Whether the study reads a file."""
    blocks = (spec.sources.employees, spec.sources.managers)
    links = (spec.links.employees, spec.links.managers, spec.links.units)
    return name in [block.data for block in (*blocks, *links) if block is not None]


def _recorded(root: Path) -> dict[str, str]:
    """Return the fingerprints of simulated files by name; a record that is damaged holds none."""
    try:
        files = json.loads((root / RECORD).read_text(encoding="utf-8"))["files"]
        return {str(name): str(seen) for name, seen in files.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
