"""One run: from the files a study names to a finished build."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

from crosslevel.integration import Claim, judge
from crosslevel.study import estimates, measures
from crosslevel.study.answering import answering
from crosslevel.study.build import (
    Manifest,
    describe_inputs,
    package_versions,
    python_version,
    write_build,
)
from crosslevel.study.document import Document
from crosslevel.study.estimates import Fitted
from crosslevel.study.labels import Labels
from crosslevel.study.measures import FlowTables
from crosslevel.study.notices import ANSWERS, CLAIMS, MODELS, Notices
from crosslevel.study.predictions import prediction_table
from crosslevel.study.preparation import prepare
from crosslevel.study.publication import published
from crosslevel.study.screening import sensitivity
from crosslevel.study.soundness import soundness
from crosslevel.study.sources import Gathered, input_files, invited_known
from crosslevel.study.spec import StudySpec
from crosslevel.version import __version__

Values = dict[str, float | int | str]


def compute(
    root: Path,
    spec: StudySpec,
    document: Document,
    folder: Path,
    *,
    progress: Callable[[str], None],
) -> None:
    """Compute a study into an empty folder.

    Parameters
    ----------
    root
        The study folder; read, never written.
    spec, document
        What `study.yml` says, and on which lines.
    folder
        Where the build is written.
    progress
        Called with the name of each step as it begins.

    Raises
    ------
    CrosslevelError
        Of the stage that found something wrong.
    """
    notices = Notices(progress)
    prepared = prepare(root, spec, document, notices)
    gathered, described = prepared.gathered, prepared.described
    with notices.step(ANSWERS):
        sound = soundness(gathered, spec, lambda text: notices.add(ANSWERS, text))
        given = answering(gathered, spec, lambda text: notices.add(ANSWERS, text))
    with notices.step(MODELS):
        fitted = estimates.fit_models(gathered.frame, spec, gathered.labels)
    for text in estimates.cautions(fitted):
        notices.add(MODELS, text)
    with notices.step(CLAIMS):
        main = next(one for one in fitted if one.spec == spec.main_model)
        flow = measures.flow_tables(gathered, spec, main)
        effects = estimates.unit_effects(main, spec)
        coefficients = estimates.coefficient_table(fitted)
        shown = published({"coefficients": coefficients}, spec.claims)["coefficients"]
        tables = {
            "flow": flow.levels,
            "scales": prepared.scales,
            "items": prepared.items,
            "descriptives": described.table,
            "correlations": prepared.correlations,
            "coefficients": coefficients,
            "fits": estimates.fit_table(fitted, gathered.labels),
            "variance": estimates.variance_table(fitted),
            "iccs": estimates.icc_table(fitted, gathered.labels),
            "predictions": prediction_table(fitted, spec, gathered.labels),
            "unit_effects": effects.table,
            "claims": _claims(spec, shown, fitted, gathered.labels),
            "common_source": estimates.comparison_table(fitted, spec, gathered.labels),
            **sound.tables,
            **given.tables,
            "sensitivity": _without_careless(main, gathered, spec, sound.excluded),
        }
        values = _values(gathered, flow, main, spec) | dict(sound.values) | dict(given.values)
        values["units_withheld"] = flow.units_withheld
        values["categories_withheld"] = described.categories_withheld
        values["unit_effects_withheld"] = effects.withheld
    tables["notices"] = notices.table()
    progress("Writing")
    write_build(
        folder,
        _manifest(root, spec),
        tables=published(tables, spec.claims),
        values=values,
        private={
            "linked": gathered.linked.frame,
            "flow_units": flow.units,
            **{f"exact/{name}": table for name, table in tables.items()},
        },
    )


def _claims(
    spec: StudySpec, coefficients: pd.DataFrame, fitted: Sequence[Fitted], labels: Labels
) -> pd.DataFrame:
    """Return each claim with its verdict."""
    claims = [
        Claim(
            id=c.id,
            statement=" ".join(c.statement.split()),
            model=c.model,
            term=c.term,
            expected=c.expected,
            smallest=c.smallest,
        )
        for c in spec.claims
    ]
    outcomes = {one.spec.id: labels.of(one.outcome) for one in fitted}
    return judge(claims, coefficients, outcomes=outcomes, conf_level=spec.conf_level)


def _values(gathered: Gathered, flow: FlowTables, main: Fitted, spec: StudySpec) -> Values:
    """Return the numbers and words that prose needs, by name."""
    values: Values = {}
    counts = flow.levels.set_index(["level", "stage"])["n"]
    for level in ("employee", "manager", "unit"):
        for stage in ("invited", "responded", "linked", "analysed"):
            values[f"{level}s_{stage}"] = int(counts.get((level, stage), 0))
    values["response_rate"] = _share(values, "employees")
    values["managers_response_rate"] = _share(values, "managers")
    analysed = main.rows(gathered.frame)
    for level in spec.higher_levels:
        values[f"{level}s_invited"] = int(gathered.roster.units[level].nunique())
        values[f"{level}s_analysed"] = int(analysed[level].nunique())
    values |= {
        "rule": gathered.linked.rule if gathered.managers else "",
        "rows_dropped": main.design.rows_dropped,
        "main_model": main.spec.id,
        "main_label": main.spec.label,
        "outcome": main.outcome,
        "outcome_label": gathered.labels.of(main.outcome),
        "invited_known": "yes" if invited_known(spec) else "no",
        "disclosure_minimum": spec.disclosure.minimum,
        "conf_level": spec.conf_level,
    }
    return values


def _without_careless(
    main: Fitted, gathered: Gathered, spec: StudySpec, excluded: frozenset[str]
) -> pd.DataFrame:
    """Return the claimed terms of the main model with and without those screened out.

    Nothing where fewer of them were analysed than the disclosure minimum: two fits that differ by
    a few people tell about these.
    """
    analysed = main.rows(gathered.frame)["employee"]
    out = gathered.frame["employee"].isin(excluded)
    if int(analysed.isin(excluded).sum()) < spec.disclosure.minimum:
        return sensitivity(main.estimates, None, ())
    terms = list(dict.fromkeys(c.term for c in spec.claims if c.model == main.spec.id))

    def refit() -> pd.DataFrame:
        """Fit the main model without them."""
        return estimates.fit_models(
            gathered.frame[~out], spec.model_copy(update={"models": (main.spec,)}), gathered.labels
        )[0].estimates

    return sensitivity(main.estimates, refit, terms)


def _share(values: Values, who: str) -> float:
    """Return who responded as a share of who was invited; 0 when nobody was."""
    invited = float(values[f"{who}_invited"])
    return float(values[f"{who}_responded"]) / invited if invited else 0.0


def _manifest(root: Path, spec: StudySpec) -> Manifest:
    """Return where the build comes from; the outputs are added when they are written."""
    return Manifest(
        title=spec.title,
        subtitle=spec.subtitle,
        authors=spec.authors,
        date=spec.date.isoformat(),
        language=spec.language,
        based_on=" ".join(spec.based_on.split()),
        simulated=spec.simulated,
        seed=spec.seed,
        crosslevel_version=__version__,
        python=python_version(),
        packages=package_versions(),
        inputs=describe_inputs(root, input_files(root, spec)),
        outputs=(),
        disclosure_minimum=spec.disclosure.minimum,
        conf_level=spec.conf_level,
        reports=spec.reports,
    )
