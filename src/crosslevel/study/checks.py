"""Whether the parts of `study.yml` agree with each other, with the instruments and the files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from crosslevel import catalogue, instruments
from crosslevel.errors import FormulaError, InstrumentError, Problem, did_you_mean
from crosslevel.instruments.records import Instrument
from crosslevel.multilevel.formula import Formula, parse
from crosslevel.study.document import Document, Place
from crosslevel.study.formulas import groups, term_names
from crosslevel.study.sources import manager_columns
from crosslevel.study.spec import LINK_LEVEL, ModelSpec, StudySpec

_KEYS = ("employees", "managers", "units")


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the instruments hold: columns for formulas, the nominal ones, and scales."""

    columns: Sequence[str]
    nominal: dict[str, list[str]]
    scales: Sequence[str]


@dataclass(frozen=True, slots=True)
class Checked:
    """What `study.yml` says of itself.

    `unreadable` are blocks whose files cannot be read, such as "sources.managers"; `sound` says
    whether the surveys, links, levels and scales fit together; `formulas` are the sound models.
    """

    problems: tuple[Problem, ...]
    unreadable: frozenset[str]
    sound: bool
    formulas: Mapping[str, Formula]


def check_spec(root: Path, spec: StudySpec, document: Document) -> Checked:
    """Return every contradiction that can be seen without reading data.

    Parameters
    ----------
    root
        The study folder.
    spec, document
        What `study.yml` says, and on which lines.
    """
    absent = dict(_files(root, spec, document))
    basis = [*absent.values(), *_levels(spec, document)]
    others = [*_truth(root, spec, document), *_references(spec, document)]
    others += _reports(root, spec, document)
    unreadable = set(absent)
    employees, found = _instrument(root, spec, document, "employees")
    unreadable |= {"sources.employees"} if found else set()
    managers, missed = _instrument(root, spec, document, "managers")
    unreadable |= {"sources.managers"} if missed else set()
    basis += [*found, *missed]
    formulas: dict[str, Formula] = {}
    if employees is not None and (managers is not None or spec.sources.managers is None):
        asked = _asked(employees, managers)
        basis += _scales(spec, document, asked, [employees, managers])
        others += _labels(spec, document, asked)
        others += _compared(spec, document, asked)
        others += _models(spec, document, asked, formulas)
    problems = tuple(sorted([*basis, *others], key=_line))
    return Checked(problems, frozenset(unreadable), not basis, formulas)


def _line(problem: Problem) -> tuple[str, int]:
    """Return file and line of a problem, to show them in the order of the file."""
    file, _, line = problem.where.partition(" ")[0].partition(":")
    return file, int(line) if line.isdigit() else 0


def _files(root: Path, spec: StudySpec, document: Document) -> Iterator[tuple[str, Problem]]:
    """Yield blocks whose data file is named and not there."""
    blocks = [(block, key) for block in ("sources", "links") for key in _KEYS]
    for block, key in blocks:
        named = getattr(getattr(spec, block), key, None)
        if named is None or (root / named.data).is_file():
            continue
        folder = (root / named.data).parent
        known = [f"{Path(named.data).parent}/{p.name}" for p in sorted(folder.glob("*"))]
        where = document.where((block, key, "data"))
        found = f"there is no {named.data}."
        yield f"{block}.{key}", Problem(where, found, did_you_mean(named.data, known))


def _truth(root: Path, spec: StudySpec, document: Document) -> Iterator[Problem]:
    """Yield a simulated study whose truth is not there."""
    if spec.simulated and not (root / "truth.yml").is_file():
        yield Problem(
            document.where(("simulated",)),
            "the study is simulated, but there is no truth.yml.",
            "Restore the file, or delete `simulated` if the data are real.",
        )


def _reports(root: Path, spec: StudySpec, document: Document) -> Iterator[Problem]:
    """Yield reports that neither the study nor the catalogue has."""
    known = catalogue.reports(root)
    for i, report in enumerate(spec.reports):
        if report.name not in known:
            where = document.where(("reports", i))
            yield Problem(where, f"there is no report '{report.name}'.", _hint(report.name, known))


def _instrument(
    root: Path, spec: StudySpec, document: Document, survey: str
) -> tuple[Instrument | None, list[Problem]]:
    """Return the instrument of a survey, or its problems."""
    source = getattr(spec.sources, survey)
    if source is None:
        return None, []
    place: Place = ("sources", survey, "instrument")
    path = root / source.instrument
    if not path.exists():
        hint = _where_else(Path(source.instrument).name)
        return None, [Problem(document.where(place), f"there is no {source.instrument}.", hint)]
    try:
        instrument = instruments.read(path)
    except InstrumentError as error:
        return None, list(error.problems) or [Problem(document.where(place), error.message)]
    audience = survey.removesuffix("s")
    if instrument.audience != audience:
        found = f"'{instrument.id}' is for {instrument.audience}s, not for {survey}."
        return None, [Problem(document.where(place), found)]
    language = source.language or spec.language
    if language not in instrument.languages:
        found = f"'{instrument.id}' has no language '{language}'."
        fix = f"It has: {', '.join(instrument.languages)}."
        return None, [Problem(document.where((*place[:2], "language")), found, fix)]
    return instrument, []


def _where_else(name: str) -> str:
    """Say that the catalogue has an instrument of this name, when it does."""
    known = sorted(p.parent.name for p in (catalogue.root() / "surveys").glob("*/instrument.yml"))
    if name in known:
        return f"The catalogue has '{name}': copy its folder there."
    return did_you_mean(name, known)


def _references(spec: StudySpec, document: Document) -> Iterator[Problem]:
    """Yield ids that are used twice, and names of models and waves that do not exist."""
    for block in ("models", "claims", "waves"):
        counts = Counter(entry.id for entry in getattr(spec, block))
        for i, entry in enumerate(getattr(spec, block)):
            if counts[entry.id] > 1:
                where = document.where((block, i, "id"))
                yield Problem(where, f"'{entry.id}' is used {counts[entry.id]} times.")
    models = [m.id for m in spec.models]
    for place, name in _named_models(spec):
        if name not in models:
            yield Problem(document.where(place), f"no model '{name}'.", _hint(name, models))
    mains = [i for i, m in enumerate(spec.models) if m.role == "main"]
    for i in mains[1:]:
        yield Problem(document.where(("models", i, "role")), "only one model can be main.")
    waves = [w.id for w in spec.waves]
    for survey in ("employees", "managers"):
        source = getattr(spec.sources, survey)
        if source is not None and source.wave is not None and source.wave not in waves:
            where = document.where(("sources", survey, "wave"))
            yield Problem(where, f"no wave '{source.wave}'.", _hint(source.wave, waves))


def _named_models(spec: StudySpec) -> Iterator[tuple[Place, str]]:
    """Yield each mention of a model and its place."""
    for i, claim in enumerate(spec.claims):
        yield ("claims", i, "model"), claim.model
    for i, comparison in enumerate(spec.comparisons):
        for j, estimate in enumerate(comparison.estimates):
            yield ("comparisons", i, "estimates", j, "model"), estimate.model


def _levels(spec: StudySpec, document: Document) -> Iterator[Problem]:
    """Yield levels and links that do not fit together."""
    where = document.where(("levels",))
    if len(set(spec.levels)) < len(spec.levels):
        yield Problem(where, "a level is named twice.")
    if spec.higher_levels and spec.links.units is None:
        yield Problem(
            where,
            f"units belong to {', '.join(spec.higher_levels)}, but no file says which.",
            "Add `units` under `links`, or shorten `levels`.",
        )
    if (spec.sources.managers is None) != (spec.links.managers is None):
        has, lacks = ("sources", "links") if spec.sources.managers else ("links", "sources")
        yield Problem(
            document.where((has, "managers")), f"`{has}` has managers and `{lacks}` has none."
        )


def _asked(employees: Instrument, managers: Instrument | None) -> _Asked:
    """Return what the two instruments hold together."""
    pairs = [("", employees)] + ([("manager_", managers)] if managers else [])
    columns = [*employees.scales, *(item.id for item in employees.background)]
    columns += manager_columns(managers) if managers else []
    nominal = {
        prefix + item.id: [t for o in scale.options for t in o.label.values()]
        for prefix, instrument in pairs
        for item in instrument.background
        if (scale := instrument.response_scale_of(item)).kind == "nominal"
    }
    scales = [s for _, instrument in pairs for s in instrument.scales]
    return _Asked(columns, nominal, scales)


def _scales(
    spec: StudySpec, document: Document, asked: _Asked, surveys: Iterable[Instrument | None]
) -> Iterator[Problem]:
    """Yield scales that no instrument has."""
    names = " or ".join(f"'{i.id}'" for i in surveys if i is not None)
    for i, scale in enumerate(spec.scales):
        if scale not in asked.scales:
            where = document.where(("scales", i))
            yield Problem(
                where, f"there is no scale '{scale}' in {names}.", _hint(scale, asked.scales)
            )


def _labels(spec: StudySpec, document: Document, asked: _Asked) -> Iterator[Problem]:
    """Yield labels of columns that do not exist."""
    for name in spec.labels:
        if name not in asked.columns:
            where = document.where(("labels", name))
            yield Problem(where, f"there is no column '{name}'.", _hint(name, asked.columns))


def _compared(spec: StudySpec, document: Document, asked: _Asked) -> Iterator[Problem]:
    """Yield groups to compare scales across that are no categories of employees."""
    known = [name for name in asked.nominal if not name.startswith("manager_")]
    for i, name in enumerate(spec.measurement.invariance):
        if name not in known:
            where = document.where(("measurement", "invariance", i))
            found = f"'{name}' is no background item of employees with categories."
            yield Problem(where, found, _hint(name, known))


def _models(
    spec: StudySpec, document: Document, asked: _Asked, formulas: dict[str, Formula]
) -> Iterator[Problem]:
    """Yield formulas that cannot be read or name unknown columns, and terms a model lacks.

    The sound formulas are added to `formulas`.
    """
    for i, entry in enumerate(spec.models):
        yield from _reference(entry, document.where(("models", i, "df")))
        where = document.where(("models", i, "formula"))
        try:
            formula = parse(entry.formula)
        except FormulaError as error:
            yield Problem(where, error.message)
            continue
        wrong = list(_columns(spec, formula, asked, where=where))
        wrong += _null(entry, formula, document.where(("models", i, "role")))
        yield from wrong
        if not wrong:
            formulas[entry.id] = formula
    for place, name, term in named_terms(spec):
        if name in formulas:
            known = term_names(formulas[name], asked.nominal)
            if term not in known:
                found = f"model '{name}' has no term '{term}'."
                yield Problem(document.where(place), found, _hint(term, known))


def _null(entry: ModelSpec, formula: Formula, where: str) -> Iterator[Problem]:
    """Yield a null model that is none: its shares of variance would not be what they are called."""
    if entry.role != "null":
        return
    if formula.terms or not formula.intercept:
        found = f"a null model has no predictors, and '{entry.id}' is {entry.formula.strip()}."
        yield Problem(where, found, "Say `role: secondary`, or leave the predictors out.")
    elif any(random.terms or not random.intercept for random in formula.random):
        found = f"a null model has random intercepts only, and '{entry.id}' has more."
        yield Problem(where, found, "Say `role: secondary`, or write (1 | unit).")


def _reference(entry: ModelSpec, where: str) -> Iterator[Problem]:
    """Yield a reference distribution that does not go with the method or the covariance."""
    if entry.df != "kenward-roger":
        return
    if entry.method == "ml":
        yield Problem(where, "kenward-roger goes with REML only.", "Say `method: reml`.")
    if entry.covariance != "model":
        found = f"kenward-roger corrects the model's covariance, not {entry.covariance}."
        yield Problem(where, found, "Say `df: satterthwaite`.")


def _columns(spec: StudySpec, formula: Formula, asked: _Asked, *, where: str) -> Iterator[Problem]:
    """Yield columns of one formula that the data will not have, or not in that role."""
    levels = [LINK_LEVEL, *spec.higher_levels]
    known = [*asked.columns, *levels]
    unknown = [name for name in formula.columns() if name not in known]
    for name in unknown:
        yield Problem(where, f"there is no column '{name}'.", _hint(name, known))
    for name in groups(formula):
        if name not in levels and name not in unknown:
            found = f"'{name}' is no level above the employee."
            yield Problem(where, found, _hint(name, levels))
    if not formula.random:
        yield Problem(where, "there is no random term.", f"Add one, such as (1 | {LINK_LEVEL}).")
    if (outcome := formula.response.columns[0]) in asked.nominal:
        yield Problem(where, f"the outcome '{outcome}' is nominal, not a number.")


def named_terms(spec: StudySpec) -> Iterator[tuple[Place, str, str]]:
    """Yield the place, the model and the term of each claim and comparison."""
    for i, claim in enumerate(spec.claims):
        yield ("claims", i, "term"), claim.model, claim.term
    for i, comparison in enumerate(spec.comparisons):
        for j, estimate in enumerate(comparison.estimates):
            yield ("comparisons", i, "estimates", j, "term"), estimate.model, estimate.term


def _hint(name: str, known: Sequence[str]) -> str:
    """Return the closest name, or the names there are when they are few."""
    close = did_you_mean(name, known)
    if close or not known or len(known) > 8:
        return close
    return f"There is: {', '.join(known)}."
