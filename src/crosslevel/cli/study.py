"""Commands of the study group: new, check, simulate, run."""

from __future__ import annotations

import json
from collections.abc import Iterator
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
    from crosslevel.study.document import counted

    problems = _problems(study)
    if as_json:
        listed = [{"where": p.where, "found": p.found, "fix": p.fix} for p in problems]
        typer.echo(json.dumps({"problems": listed}, indent=2, ensure_ascii=False))
    elif problems:
        typer.secho(f"{counted(problems)}:", fg="red", bold=True, err=True)
        for problem in problems:
            typer.echo(f"  {problem}", err=True)
    else:
        _show_study(study)
    if problems:
        raise typer.Exit(1)


@app.command()
def simulate(study: StudyFolder = Path()) -> None:
    """Draw the data of a simulated study again from truth.yml and its seed."""
    from crosslevel.study import Study

    opened = Study.open(study)
    for path in opened.simulate():
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


def _problems(folder: Path) -> list[Problem]:
    """Return the problems of a study, also when it cannot even be opened."""
    from crosslevel.study import Study

    try:
        return Study.open(folder).check()
    except CrosslevelError as error:
        return list(error.problems) or [Problem("", error.message)]


@contextmanager
def _progress() -> Iterator[Progress]:
    """Show the step at work on a terminal; say nothing elsewhere."""
    console = Console(stderr=True)
    with console.status("Reading") as status:
        yield lambda step: status.update(step)


def _show_study(folder: Path) -> None:
    """Print what a sound study holds."""
    from crosslevel.study import Study

    opened = Study.open(folder)
    gathered, spec = opened.gather(), opened.spec
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
            f"{people:,}",
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
    for survey in gathered.surveys:
        if len(losses := survey.responses.losses):
            typer.echo(f"{survey.responses.source.name}: {_count(len(losses), 'row')} not used.")
    typer.secho("No problems found.", fg="green")


def _show_build(build: Build, study: Study) -> None:
    """Print the main results of a run."""
    console, manifest = Console(), build.manifest
    typer.secho(manifest.title, bold=True)
    if manifest.simulated:
        typer.secho(manifest.subtitle or "Simulated data", fg="yellow")
    for level, stages in build.table("flow").groupby("level", sort=False):
        typer.echo(f"{level}s: " + ", ".join(f"{r.n:,} {r.stage}" for r in stages.itertuples()))
    for row in build.table("iccs").itertuples():
        typer.echo(f"ICC of {row.outcome_label}, {row.group}: {row.icc:.3f}")
    if (main := study.spec.main_model) is not None:
        console.print(_coefficients(build.table("coefficients"), main.id, main.label))
    for row in build.table("claims").itertuples():
        typer.echo(row.sentence)
    for row in build.table("notices").itertuples():
        typer.secho("note: ", fg="yellow", nl=False)
        typer.echo(f"{row.step}: {row.text}")
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
    >>> _count(1, "unit"), _count(80, "unit")
    ('1 unit', '80 units')
    """
    return f"{n:,} {what}" if n == 1 else f"{n:,} {what}s"
