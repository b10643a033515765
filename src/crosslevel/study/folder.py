"""A study folder: opened, checked, simulated and run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from crosslevel.errors import Problem, StudyError
from crosslevel.study.build import (
    FOLDER,
    Build,
    displaced,
    open_build,
    replacing,
    require_replaceable,
)
from crosslevel.study.document import Document, parse, read_document
from crosslevel.study.notices import READING, Notices
from crosslevel.study.preparation import Prepared, attempt, prepare, read_truth
from crosslevel.study.run import compute
from crosslevel.study.simulation import simulate
from crosslevel.study.sources import Gathered, gather
from crosslevel.study.spec import StudySpec
from crosslevel.study.writing import write_data

Progress = Callable[[str], None]
"""Called with the name of each step as it begins."""
INTERRUPTED = (
    "A run was killed while it replaced build/; what was there is in {place}. `crosslevel run` and "
    "`crosslevel render` put it back."
)


def _quiet(step: str) -> None:
    """Say nothing."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was found without fitting: problems, and, when there are none, the study prepared."""

    problems: tuple[Problem, ...]
    prepared: Prepared | None
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Study:
    """One study folder and what its `study.yml` says.

    Examples
    --------
    >>> from crosslevel.catalogue import template_dir
    >>> study = Study.open(template_dir("hospital-study"))
    >>> study.spec.main_model.id
    'main'
    """

    root: Path
    spec: StudySpec
    document: Document

    @classmethod
    def open(cls, path: Path | str = ".") -> Study:
        """Return the study of a folder, or of a `study.yml`.

        Raises
        ------
        StudyError
            When there is no `study.yml`, or with every problem of the file, each with its line.
        """
        place = Path(path)
        file = place if place.suffix in (".yml", ".yaml") else place / "study.yml"
        if not file.is_file():
            raise StudyError(
                f"There is no {file.name} in {file.parent}. "
                "Name a study folder, or make one: crosslevel new my-study"
            )
        document = read_document(file)
        return cls(file.parent, parse(document, StudySpec), document)

    def check(self, progress: Progress = _quiet) -> list[Problem]:
        """Return everything that would keep the study from running; an empty list is good.

        Parameters
        ----------
        progress
            Called with the name of each step as it begins.
        """
        return list(self.inspect(progress).problems)

    def inspect(self, progress: Progress = _quiet) -> Inspection:
        """Return what all steps of a run before the fitting find; nothing is changed.

        Parameters
        ----------
        progress
            Called with the name of each step as it begins.
        """
        notices = Notices(progress)
        if (old := displaced(self.root)) is not None:
            place = old.relative_to(self.root).as_posix()
            notices.add(READING, INTERRUPTED.format(place=place))
        problems: list[Problem] = []
        attempt(lambda: require_replaceable(self.root / FOLDER), problems)
        prepared = attempt(lambda: prepare(self.root, self.spec, self.document, notices), problems)
        return Inspection(tuple(problems), prepared, tuple(notices.table()["text"]))

    def gather(self) -> Gathered:
        """Return the surveys as read, scored and linked; nothing is written.

        Raises
        ------
        CrosslevelError
            With the problems of all files.
        """
        return gather(self.root, self.spec)

    def simulate(self, *, overwrite: bool = False) -> list[Path]:
        """Write data drawn from `truth.yml` and return the files, all of them replaced.

        Parameters
        ----------
        overwrite
            Replace data files even when they are not those that a simulation wrote.

        Raises
        ------
        StudyError
            When `study.yml` does not say `simulated: true`, when the truth does not fit, and when a
            data file may be real (unless `overwrite`).
        """
        spec = self.spec
        if not spec.simulated or spec.seed is None:
            raise StudyError(
                f"{self.document.path} does not say `simulated: true`, so its data may be real "
                "and are not overwritten."
            )
        truth, managers, employees = read_truth(self.root, spec)
        drawn = simulate(truth, managers=managers, employees=employees, seed=spec.seed)
        return write_data(self.root, spec, drawn, overwrite=overwrite)

    def run(self, progress: Progress = _quiet) -> Build:
        """Compute the study into `build/` and return it; on an error the old build stays.

        Parameters
        ----------
        progress
            Called with the name of each step as it begins.

        Raises
        ------
        CrosslevelError
            With everything that is wrong; nothing has been written then.
        """
        with replacing(self.root) as folder:
            compute(self.root, self.spec, self.document, folder, progress=progress)
        return open_build(self.root)
