"""From the files a study names to one linked frame, every problem of every file at once."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import pandas as pd

from crosslevel import instruments, responses
from crosslevel.errors import CrosslevelError, Problem, StudyError
from crosslevel.instruments.records import Instrument
from crosslevel.responses import Linked, Responses, Roster, Scored
from crosslevel.study.document import counted
from crosslevel.study.labels import Labels, text_in
from crosslevel.study.spec import ROW, Link, Source, StudySpec

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Survey:
    """One survey as read and as scored."""

    responses: Responses
    scored: Scored

    @property
    def instrument(self) -> Instrument:
        """The instrument that was answered."""
        return self.responses.instrument

    def options(self, scale: str) -> tuple[int, ...]:
        """Codes that every item of a scale is answered with; none where they differ."""
        items = self.instrument.items_of(scale)
        codes = {self.instrument.response_scale_of(item).codes for item in items}
        return codes.pop() if len(codes) == 1 else ()

    def bounds(self, scale: str) -> tuple[float, float] | None:
        """Lowest and highest answer to the items of a scale; None where they differ."""
        codes = self.options(scale)
        return (float(min(codes)), float(max(codes))) if codes else None


@dataclass(frozen=True, slots=True)
class Gathered:
    """Everything read: both surveys, the roster, and employees linked to their managers.

    `frame` is the linked frame with nominal columns as categories in the order of the instrument,
    so that the first option is the reference.
    """

    employees: Survey
    managers: Survey | None
    roster: Roster
    linked: Linked
    frame: pd.DataFrame
    labels: Labels

    @property
    def surveys(self) -> Sequence[Survey]:
        """The surveys there are, employees first."""
        return [self.employees, self.managers] if self.managers else [self.employees]

    @property
    def asked_of_managers(self) -> frozenset[str]:
        """Columns of `frame` that managers answered."""
        return frozenset(manager_columns(self.managers.instrument) if self.managers else ())


@dataclass(frozen=True, slots=True)
class Files:
    """What could be read of a study's files, and what was wrong with the rest."""

    employees: Survey | None
    managers: Survey | None
    roster: Roster | None
    problems: tuple[Problem, ...]


def gather(root: Path, spec: StudySpec) -> Gathered:
    """Return the surveys of a study, read, scored and linked.

    Parameters
    ----------
    root
        The study folder.
    spec
        What `study.yml` says.

    Raises
    ------
    StudyError
        With the problems of all files together; nothing is repaired.
    """
    return join(read_files(root, spec), spec)


def read_files(root: Path, spec: StudySpec, *, skip: Collection[str] = ()) -> Files:
    """Return both surveys, scored, and the roster, as far as they can be read.

    Parameters
    ----------
    root
        The study folder.
    spec
        What `study.yml` says.
    skip
        Blocks of `study.yml` that are known to be unreadable, such as "sources.managers".
    """
    problems: list[Problem] = []
    surveys: dict[str, Survey | None] = {"employees": None, "managers": None}
    roster = None
    try:
        pseudonym_key(spec)
    except StudyError as error:
        return Files(None, None, None, (Problem("", error.message),))
    for name in surveys:
        source = getattr(spec.sources, name)
        if source is not None and f"sources.{name}" not in skip:
            surveys[name] = _attempt(lambda s=source: _survey(root, spec, s), problems)  # type: ignore[misc]
    if not any(name.startswith("links.") for name in skip):
        roster = _attempt(lambda: _roster(root, spec), problems)
    return Files(surveys["employees"], surveys["managers"], roster, tuple(problems))


def join(files: Files, spec: StudySpec) -> Gathered:
    """Return what was read, employees linked to their managers.

    Raises
    ------
    StudyError
        With the problems of all files together.
    ResponseError
        With every respondent who cannot be linked.
    """
    employees, managers, roster = files.employees, files.managers, files.roster
    if files.problems or employees is None or roster is None:
        problems = files.problems
        raise StudyError(f"The data of the study have {counted(problems)}.", problems)
    links = spec.links.managers
    linked = responses.link(
        employees.scored,
        managers.scored if managers else None,
        roster,
        rule=links.rule if links else "sole",
    )
    surveys = [employees, managers] if managers else [employees]
    return Gathered(
        employees=employees,
        managers=managers,
        roster=roster,
        linked=linked,
        frame=_in_order(linked.frame, surveys),
        labels=_labels(linked, spec),
    )


def input_files(root: Path, spec: StudySpec) -> list[Path]:
    """Return every file a run reads, `study.yml` first."""
    links, sources = spec.links, spec.sources
    named = [links.employees.data, *([links.managers.data] if links.managers else [])]
    named += [links.units.data] if links.units else []
    files = [root / "study.yml"]
    for source in (sources.employees, sources.managers):
        if source is not None:
            folder = root / source.instrument
            files.append(folder / "instrument.yml" if folder.is_dir() else folder)
            named.append(source.data)
    truth = root / "truth.yml"
    files += [truth] if spec.simulated and truth.is_file() else []
    return [*files, *(root / name for name in dict.fromkeys(named))]


def pseudonym_key(spec: StudySpec) -> str | None:
    """Return the key of the pseudonyms, which is kept outside the study folder.

    Raises
    ------
    StudyError
        When `study.yml` names an environment variable that is not set.
    """
    name = spec.pseudonym_key_from
    if name is None:
        return None
    if not (key := os.environ.get(name)):
        raise StudyError(
            f"The environment variable {name} is not set, and it holds the key of the pseudonyms. "
            "Set it to the secret of this study."
        )
    return key


def invited_known(spec: StudySpec) -> bool:
    """Whether the roster is a list of its own, so that who did not answer is known."""
    return spec.links.employees.data != spec.sources.employees.data


def manager_columns(instrument: Instrument) -> list[str]:
    """Return the columns a manager survey adds to the linked frame."""
    background = [f"manager_{item.id}" for item in instrument.background]
    return [*instrument.scales, *background]


def _attempt(step: Callable[[], T], problems: list[Problem]) -> T | None:
    """Return what a step gives, or note its problems and go on."""
    try:
        return step()
    except CrosslevelError as error:
        problems += list(error.problems) or [Problem("", error.message)]
        return None


def _survey(root: Path, spec: StudySpec, source: Source) -> Survey:
    """Read and score one survey."""
    try:
        with _numbered(root, source) as path:
            answers = responses.read(
                path,
                instruments.read(root / source.instrument),
                respondent="row" if source.respondent == ROW else source.respondent,
                values=source.values,
                language=source.language or spec.language,
                missing=source.missing,
                columns=source.columns,
                delimiter=source.delimiter,
                pseudonym_key=pseudonym_key(spec),
            )
        return Survey(replace(answers, source=root / source.data), responses.score(answers))
    except CrosslevelError as error:
        raise _named(error, source.data) from error


def _roster(root: Path, spec: StudySpec) -> Roster:
    """Read who was invited, and to which unit and higher levels they belong."""
    links = spec.links
    wanted = {"unit": links.employees.unit}
    if links.employees.employee != ROW:
        wanted["employee"] = links.employees.employee
    people = _table(root, links.employees, wanted)
    if links.employees.employee == ROW:
        people["employee"] = _row_names(people.index)
    heads = pd.DataFrame({"manager": [], "unit": []}, dtype="str")
    if links.managers is not None:
        names = {"manager": links.managers.manager, "unit": links.managers.unit}
        heads = _table(root, links.managers, names)
    if links.units is None:
        everywhere = pd.concat([people["unit"], heads["unit"]])
        units = pd.DataFrame({"unit": everywhere[everywhere != ""].drop_duplicates()})
    else:
        names = {"unit": links.units.unit}
        names |= {level: links.units.columns.get(level, level) for level in spec.higher_levels}
        units = _table(root, links.units, names)
    if (key := pseudonym_key(spec)) is not None:
        people["employee"] = responses.pseudonyms(people["employee"], key=key)
        if links.managers is not None:
            heads["manager"] = responses.pseudonyms(heads["manager"], key=key)
    try:
        return Roster(people[["employee", "unit"]], heads, units)
    except CrosslevelError as error:
        raise _in_files(error, spec) from error


def _table(root: Path, link: Link, columns: Mapping[str, str]) -> pd.DataFrame:
    """Read the columns of one link table."""
    try:
        return responses.read_table(root / link.data, columns=columns, delimiter=link.delimiter)
    except CrosslevelError as error:
        raise _named(error, link.data) from error


def _in_files(error: CrosslevelError, spec: StudySpec) -> CrosslevelError:
    """Return a roster's error with files in place of the names of its tables."""
    problems = []
    for problem in error.problems:
        table, comma, rest = problem.where.partition(",")
        link = getattr(spec.links, table, None)
        where = f"{link.data}{comma}{rest}" if isinstance(link, Link) else problem.where
        problems.append(Problem(where, problem.found, problem.fix))
    return StudyError(error.message, problems)


@contextmanager
def _numbered(root: Path, source: Source) -> Iterator[Path]:
    """Give the file of a survey, or a numbered copy when its rows carry no identifier."""
    path = root / source.data
    if source.respondent != ROW or not path.is_file():
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, path.name)
        delimiter = source.delimiter or responses.delimiter_of(path)
        table = responses.read_table(path, delimiter=delimiter)
        table.insert(0, "row", _row_names(table.index))
        table.to_csv(copy, index=False, encoding="utf-8", lineterminator="\n", sep=delimiter)
        yield copy


def _row_names(index: pd.Index) -> list[str]:
    """Return an identifier per row of a file: r2 is the row a spreadsheet calls 2."""
    return [f"r{row}" for row in index]


def _named(error: CrosslevelError, name: str) -> CrosslevelError:
    """Return the error with the file's name before each place."""
    if not error.problems:
        where = "" if name in error.message else name
        return StudyError(error.message, [Problem(where, error.message)])
    return StudyError(
        error.message, [Problem(f"{name}, {p.where}", p.found, p.fix) for p in error.problems]
    )


def _in_order(frame: pd.DataFrame, surveys: Sequence[Survey]) -> pd.DataFrame:
    """Return the frame with nominal columns as categories in the order of their options."""
    ordered = {}
    for survey, prefix in zip(surveys, ("", "manager_"), strict=False):
        for item in survey.instrument.background:
            scale, name = survey.instrument.response_scale_of(item), prefix + item.id
            if scale.kind == "nominal" and name in frame:
                language = survey.responses.language
                labels = [text_in(o.label, language, otherwise="") for o in scale.options]
                ordered[name] = pd.Categorical(frame[name], categories=list(dict.fromkeys(labels)))
    return frame.assign(**ordered)


def _labels(linked: Linked, spec: StudySpec) -> Labels:
    """Return the labels of the columns: the study's own first, then those of the scales."""
    named = {
        name: text_in(column.label, spec.language, otherwise=name)
        for name, column in linked.columns.items()
        if column.kind == "scale"
    }
    return Labels({**named, **spec.labels}, spec.language)
