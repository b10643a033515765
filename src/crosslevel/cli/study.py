"""Commands of the study group: new, check, simulate, run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from crosslevel.cli import app
from crosslevel.errors import CrosslevelError, Problem

if TYPE_CHECKING:
    import pandas as pd

    from crosslevel.study import Build, Study
    from crosslevel.study.folder import Progress
    from crosslevel.study.preparation import Prepared
    from crosslevel.study.spec import StudySpec

StudyFolder = Annotated[Path, typer.Argument(help="The study folder.", metavar="[STUDY]")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a script.")]


@app.command()
def new(
    name: Annotated[Path, typer.Argument(help="The folder to make.", metavar="NAME")],
    template: Annotated[str, typer.Option(help="What to start from.")] = "hospital-study",
) -> None:
    """Make a study folder with simulated data, ready to run."""
    from crosslevel.study import create

    folder = create(name, template=template)
    typer.echo(f"Made {folder} with simulated data. Next:\n")
    typer.echo(f"  cd {folder}\n  crosslevel check\n  crosslevel run\n  crosslevel render\n")
    typer.echo("README.md there says which files to replace by your own.")


@app.command()
def check(study: StudyFolder = Path(), as_json: AsJson = False) -> None:
    """Say what is wrong with a study, if anything, and change nothing."""
    from crosslevel.study import Study
    from crosslevel.study.document import counted

    found = None
    problems: Sequence[Problem] = ()
    notes: Sequence[str] = ()
    try:
        opened = Study.open(study)
        with _progress() as progress:
            found = opened.inspect(progress)
        problems, notes = found.problems, found.notes
    except CrosslevelError as error:
        problems = error.problems or (Problem("", error.message),)
    if as_json:
        listed = [{"where": p.where, "found": p.found, "fix": p.fix} for p in problems]
        told = {"problems": listed, "notes": list(notes)}
        typer.echo(json.dumps(told, indent=2, ensure_ascii=False))
    elif problems:
        typer.secho(f"{counted(problems)}:", fg="red", bold=True, err=True)
        for problem in problems:
            typer.echo(f"  {problem}", err=True)
        _show_notes(notes, err=True)
    elif found is not None and found.prepared is not None:
        _show_study(opened.spec, found.prepared)
        _show_notes(notes)
        typer.secho("No problems found.", fg="green")
    if problems:
        raise typer.Exit(1)


@app.command()
def simulate(
    study: StudyFolder = Path(),
    *,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace data files that may be real, for good.")
    ] = False,
) -> None:
    """Draw the data of a simulated study again from truth.yml and its seed."""
    from crosslevel.study import Study

    opened = Study.open(study)
    for path in opened.simulate(overwrite=overwrite):
        typer.echo(f"wrote {path}")
    typer.echo(f"Simulated data (seed {opened.spec.seed}); the truth is in truth.yml.")


@app.command()
def run(study: StudyFolder = Path(), as_json: AsJson = False) -> None:
    """Compute a study into build/."""
    from crosslevel.study import Study

    opened = Study.open(study)
    with _progress() as progress:
        build = opened.run(progress)
    if as_json:
        typer.echo(json.dumps(_as_json(build), indent=2, ensure_ascii=False))
    else:
        _show_build(build, opened)


@contextmanager
def _progress() -> Iterator[Progress]:
    """Show the step at work on a terminal; say nothing elsewhere."""
    console = Console(stderr=True)
    with console.status("Reading") as status:
        yield lambda step: status.update(step)


def _show_study(spec: StudySpec, prepared: Prepared) -> None:
    """Print what a sound study holds."""
    from crosslevel.study.sources import invited_known

    gathered = prepared.gathered
    typer.secho(spec.title, bold=True)
    if spec.simulated:
        typer.echo("Simulated data.")
    table = Table("survey", "instrument", "invited", "responded", "scales", box=None)
    invited = {"employee": gathered.roster.employees, "manager": gathered.roster.managers}
    for survey in gathered.surveys:
        audience, instrument = survey.instrument.audience, survey.instrument
        people = invited[audience][audience].nunique()
        table.add_row(
            f"{audience}s",
            f"{instrument.id} {instrument.version}",
            f"{people:,}" if audience == "manager" or invited_known(spec) else "not known",
            f"{len(survey.scored.frame):,}",
            str(len(instrument.scales)),
        )
    Console().print(table)
    units = _count(len(gathered.roster.units), "unit")
    above = [
        _count(gathered.roster.units[level].nunique(), level) for level in gathered.roster.levels
    ]
    plan = [_count(len(spec.models), "model"), _count(len(spec.claims), "claim")]
    typer.echo(f"{', '.join([units, *above])}; {', '.join(plan)}.")


def _show_notes(notes: Sequence[str], *, err: bool = False) -> None:
    """Print what is right and should still be known."""
    for text in notes:
        typer.secho("note: ", fg="yellow", nl=False, err=err)
        typer.echo(text, err=err)


def _show_build(build: Build, study: Study) -> None:
    """Print the main results of a run."""
    from crosslevel.reporting.wording import plural

    console, manifest = Console(), build.manifest
    typer.secho(manifest.title, bold=True)
    if manifest.simulated:
        typer.secho(manifest.subtitle or "Simulated data", fg="yellow")
    known = build.value("invited_known") == "yes"
    for level, stages in build.table("flow").groupby("level", sort=False):
        told = (r for r in stages.itertuples() if known or r.stage != "invited")
        typer.echo(f"{level}s: {', '.join(f'{r.n:,} {r.stage}' for r in told)}")
    for level in study.spec.higher_levels:
        counts = (f"{build.value(f'{level}s_{s}'):,} {s}" for s in ("invited", "analysed"))
        typer.echo(f"{plural(level)}: {', '.join(counts)}")
    for row in build.table("iccs").itertuples():
        typer.echo(f"ICC of {row.outcome_label}, {row.group}: {row.icc:.3f}")
    main = study.spec.main_model
    console.print(_coefficients(build.table("coefficients"), main.id, main.label))
    for row in build.table("claims").itertuples():
        typer.echo(row.sentence)
    _show_notes(list(build.table("notices")["text"]))
    typer.echo(f"Written to {build.root}. Next: crosslevel render {study.root}")


def _coefficients(table: pd.DataFrame, model: str, label: str) -> Table:
    """Return the coefficients of one model, multilevel and OLS side by side."""
    shown = Table(label, "multilevel", "interval", "OLS", "clustered SE", box=None)
    for column in shown.columns[1:]:
        column.justify = "right"
    ours = table[table["model"] == model]
    pooled = {r.term: r for r in ours[ours["estimator"] == "ols-cluster"].itertuples()}
    for row in ours[ours["estimator"] == "multilevel"].itertuples():
        other = pooled.get(row.term)
        beside = [f"{other.estimate:.3f}", f"{other.std_error:.3f}"] if other else ["", ""]
        interval = f"{row.conf_low:.3f} to {row.conf_high:.3f}"
        shown.add_row(str(row.label), f"{row.estimate:.3f}", interval, *beside)
    return shown


def _as_json(build: Build) -> dict[str, object]:
    """Return what a script needs of a run."""
    claims = build.table("claims")
    return {
        "build": str(build.root),
        "simulated": build.manifest.simulated,
        "values": dict(build.values),
        "claims": json.loads(claims.to_json(orient="records")),
        "tables": list(build.tables),
    }


def _count(n: int, what: str) -> str:
    """Return a number with its noun.

    Examples
    --------
    >>> _count(1, "unit"), _count(80, "company")
    ('1 unit', '80 companies')
    """
    from crosslevel.reporting.wording import plural

    return f"{n:,} {what if n == 1 else plural(what)}"
