"""All of a run that comes before the fitting: `check` does it too, so both find the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pandas as pd

from crosslevel import instruments, multilevel
from crosslevel.errors import CrosslevelError, Problem, StudyError
from crosslevel.instruments.records import Instrument
from crosslevel.multilevel.conditioning import aliased
from crosslevel.multilevel.design import Design
from crosslevel.responses.places import listed
from crosslevel.study import measures, origin
from crosslevel.study.categories import small_cells
from crosslevel.study.checks import Checked, check_spec, named_terms
from crosslevel.study.document import Document, counted, parse, read_document
from crosslevel.study.measures import Descriptives
from crosslevel.study.notices import READING, SCALES, Notices
from crosslevel.study.sources import Gathered, invited_known, join, read_files
from crosslevel.study.spec import LINK_LEVEL, StudySpec
from crosslevel.study.truth import Truth, check_truth

T = TypeVar("T")

NOT_INVITED = (
    "The roster of employees is the data file itself: it is not known who was invited and did not "
    "answer, so the response rate is not one."
)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A study that is sound: what was read, the scales judged, and each model's terms by id."""

    gathered: Gathered
    scales: pd.DataFrame
    items: pd.DataFrame
    described: Descriptives
    correlations: pd.DataFrame


def prepare(root: Path, spec: StudySpec, document: Document, notices: Notices) -> Prepared:
    """Return a study ready to be fitted, or say all that is wrong with it.

    What does not hang together is looked at apart, so that one mistake hides no other: a formula
    that cannot be read does not keep the data from being read.

    Parameters
    ----------
    root
        The study folder; read, never written.
    spec, document
        What `study.yml` says, and on which lines.
    notices
        Told the steps; keeps what a reader should know.

    Raises
    ------
    StudyError
        With every problem.
    """
    checked = check_spec(root, spec, document)
    problems = list(checked.problems)
    with notices.step(READING):
        problems += origin.undeclared(root, spec, document)
        files = read_files(root, spec, skip=checked.unreadable)
        problems += files.problems
        asked = checked.unreadable.isdisjoint({"sources.employees", "sources.managers"})
        if spec.simulated and (root / "truth.yml").is_file() and asked:
            attempt(lambda: read_truth(root, spec), problems)
        gathered = None
        if checked.sound and not files.problems:
            gathered = attempt(lambda: join(files, spec), problems)
    prepared = None
    if gathered is not None:
        _note(root, spec, gathered, notices)
        with notices.step(SCALES):
            prepared = _judged(gathered, spec, problems)
        problems += _models(gathered, spec, document, checked)
    if problems or prepared is None:
        raise StudyError(f"The study has {counted(problems)}.", problems)
    return prepared


def read_truth(root: Path, spec: StudySpec) -> tuple[Truth, Instrument, Instrument]:
    """Return the truth of a simulated study with the instruments of managers and employees.

    Raises
    ------
    CrosslevelError
        When it cannot be read, or does not fit the instruments.
    """
    sources = spec.sources
    if sources.managers is None:
        raise StudyError("A simulated study needs managers: add `managers` under `sources`.")
    truth = parse(read_document(root / "truth.yml"), Truth)
    managers = instruments.read(root / sources.managers.instrument)
    employees = instruments.read(root / sources.employees.instrument)
    if problems := check_truth(truth, managers=managers, employees=employees):
        found = [Problem(f"truth.yml {p.where}", p.found, p.fix) for p in problems]
        raise StudyError("The truth does not fit the instruments.", found)
    return truth, managers, employees


def attempt(step: Callable[[], T], problems: list[Problem]) -> T | None:
    """Return what a step gives; when it refuses, add its problems to the list and go on."""
    try:
        return step()
    except CrosslevelError as error:
        problems += list(error.problems) or [Problem("", error.message)]
        return None


def _note(root: Path, spec: StudySpec, gathered: Gathered, notices: Notices) -> None:
    """Note what is right and should still be known."""
    if not invited_known(spec):
        notices.add(READING, NOT_INVITED)
    for survey in gathered.surveys:
        if text := unused_rows(survey.responses.losses, survey.responses.rows):
            notices.add(READING, f"{survey.responses.source.name}: {text}.")
    for text in origin.altered(root, spec):
        notices.add(READING, text)
    if all(model.role != "main" for model in spec.models):
        notices.add(READING, f"No model has the role main; '{spec.main_model.id}' is taken.")


def unused_rows(losses: pd.DataFrame, rows: int) -> str:
    """Return how many rows of a file are not used, why, and which; nothing when all are.

    Examples
    --------
    >>> lost = pd.DataFrame({"row": [4], "respondent": [""], "reason": ["no respondent id"]})
    >>> unused_rows(lost, 900)
    '1 of 900 rows is not used: no respondent id (row 4)'
    """
    if losses.empty:
        return ""
    parts = []
    for reason, own in losses.groupby("reason", sort=False)["row"]:
        noun = "row" if len(own) == 1 else f"{len(own):,} rows:"
        parts.append(f"{reason} ({noun} {listed([str(row) for row in own])})")
    be = "is" if len(losses) == 1 else "are"
    return f"{len(losses):,} of {rows:,} rows {be} not used: {'; '.join(parts)}"


def _judged(gathered: Gathered, spec: StudySpec, problems: list[Problem]) -> Prepared | None:
    """Return the tables about people and scales, or note what is in their way."""
    scales = attempt(lambda: measures.scale_tables(gathered, spec), problems)
    described = attempt(lambda: measures.descriptives(gathered, spec), problems)
    correlations = attempt(lambda: measures.correlation_table(gathered, spec), problems)
    if scales is None or described is None or correlations is None:
        return None
    return Prepared(gathered, *scales, described, correlations)


def _models(
    gathered: Gathered, spec: StudySpec, document: Document, checked: Checked
) -> Iterator[Problem]:
    """Yield what keeps the models from being fitted to these data, and their terms from being."""
    terms: dict[str, Sequence[str]] = {}
    for entry in spec.models:
        if entry.id not in checked.formulas:
            continue
        problems: list[Problem] = []
        design = attempt(
            lambda e=entry: multilevel.check(e.formula, gathered.frame, method=e.method),  # type: ignore[misc]
            problems,
        )
        if design is not None:
            problems += _few(design, gathered, spec)
            left_out = set(aliased(design)[1])
            terms[entry.id] = [name for name in design.names if name not in left_out]
        yield from (problem.within(f"model '{entry.id}'") for problem in problems)
    yield from _missing_terms(spec, document, terms)


def _few(design: Design, gathered: Gathered, spec: StudySpec) -> Iterator[Problem]:
    """Yield categories of too few people, and too few units to compare."""
    heads, managers = gathered.roster.managers, gathered.managers
    if managers is not None:
        answered = managers.scored.frame[managers.scored.respondent]
        heads = heads[heads["manager"].isin(answered)]
    yield from small_cells(
        design,
        gathered.frame,
        minimum=spec.disclosure.minimum,
        heads=heads,
        managers=gathered.asked_of_managers,
    )
    used = gathered.frame if design.kept is None else gathered.frame[design.kept]
    units = used[LINK_LEVEL].unique()
    if len(units) == 1 and all(LINK_LEVEL not in factor.columns for factor in design.factors):
        yield Problem("", f"everybody analysed is of unit '{units[0]}'; two units are needed.")


def _missing_terms(
    spec: StudySpec, document: Document, terms: Mapping[str, Sequence[str]]
) -> Iterator[Problem]:
    """Yield claims and comparisons about a term that these data cannot estimate."""
    for place, model, term in named_terms(spec):
        if model in terms and term not in terms[model]:
            yield Problem(
                document.where(place),
                f"model '{model}' has no estimate for '{term}': in these data it does not vary, "
                "nobody is in it, or other terms determine it.",
                f"It has: {', '.join(terms[model])}.",
            )
