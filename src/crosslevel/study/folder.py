"""A study folder: opened, checked, simulated and run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from crosslevel import instruments
from crosslevel.errors import CrosslevelError, Problem, StudyError
from crosslevel.instruments.records import Instrument
from crosslevel.study.build import Build, open_build, replacing, require_replaceable
from crosslevel.study.checks import check_spec
from crosslevel.study.document import Document, counted, parse, read_document
from crosslevel.study.run import compute
from crosslevel.study.simulation import simulate
from crosslevel.study.sources import Gathered, gather
from crosslevel.study.spec import StudySpec
from crosslevel.study.truth import Truth, check_truth
from crosslevel.study.writing import write_data

Progress = Callable[[str], None]
"""Called with the name of each step as it begins."""


def _quiet(step: str) -> None:
    """Say nothing."""


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

    def check(self) -> list[Problem]:
        """Return everything that would keep the study from running; an empty list is good.

        First the file itself, its instruments and formulas; when these are sound, the data files,
        the rosters and the link between them.
        """
        problems = check_spec(self.root, self.spec, self.document)
        if problems:
            return problems
        try:
            self.gather()
            if self.spec.simulated:
                self._truth()
        except CrosslevelError as error:
            return list(error.problems) or [Problem("", error.message)]
        return []

    def gather(self) -> Gathered:
        """Return the surveys as read, scored and linked; nothing is written.

        Raises
        ------
        CrosslevelError
            With the problems of all files.
        """
        return gather(self.root, self.spec)

    def simulate(self) -> list[Path]:
        """Write data drawn from `truth.yml` and return the files, all of them replaced.

        Raises
        ------
        StudyError
            When `study.yml` does not say `simulated: true`, or the truth does not fit.
        """
        spec = self.spec
        if not spec.simulated or spec.seed is None:
            raise StudyError(
                f"{self.document.path} does not say `simulated: true`, so its data may be real "
                "and are not overwritten."
            )
        truth, managers, employees = self._truth()
        drawn = simulate(truth, managers=managers, employees=employees, seed=spec.seed)
        return write_data(self.root, spec, drawn)

    def _truth(self) -> tuple[Truth, Instrument, Instrument]:
        """Return the truth of a simulated study with the instruments it was checked against."""
        sources = self.spec.sources
        if sources.managers is None:
            raise StudyError("A simulated study needs managers: add `managers` under `sources`.")
        truth = parse(read_document(self.root / "truth.yml"), Truth)
        managers = instruments.read(self.root / sources.managers.instrument)
        employees = instruments.read(self.root / sources.employees.instrument)
        if problems := check_truth(truth, managers=managers, employees=employees):
            found = [Problem(f"truth.yml {p.where}", p.found, p.fix) for p in problems]
            raise StudyError("The truth does not fit the instruments.", found)
        return truth, managers, employees

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
        require_replaceable(self.root / "build")
        problems = check_spec(self.root, self.spec, self.document)
        if problems:
            raise StudyError(f"The study has {counted(problems)}.", problems)
        with replacing(self.root) as folder:
            compute(self.root, self.spec, folder, progress=progress)
        return open_build(self.root)
