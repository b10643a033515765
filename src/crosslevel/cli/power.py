"""Command of the power group: how many units a study needs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, fields
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crosslevel.cli import app
from crosslevel.errors import ModelError, Problem

if TYPE_CHECKING:
    from crosslevel.multilevel.power import PowerDesign, SimulatedPower

FILES = (".png", ".svg", ".pdf")
_DESIGN, _ASK, _SHOW = "The design", "The question", "What to show"


class Kind(StrEnum):
    """The designs by the name they have on the command line."""

    SLOPE = "slope"
    INTERACTION = "interaction"
    RANDOMISED = "randomised"
    TWO_WAVE = "two-wave"


TITLES = {
    Kind.SLOPE: "A predictor of the units (slope: outcome sd per predictor sd)",
    Kind.INTERACTION: "A predictor of the units that changes a slope (cross-level interaction)",
    Kind.RANDOMISED: "Units assigned by lot (difference in outcome sd)",
    Kind.TWO_WAVE: "Two waves, some units make a change (difference of changes in outcome sd)",
}


def _option(text: str, panel: str) -> Any:
    return typer.Option(help=text, rich_help_panel=panel)


@app.command()
def power(
    design: Annotated[
        Kind,
        typer.Argument(
            metavar="DESIGN",
            help="slope: a predictor of the units, such as managers' use of data. interaction: it "
            "changes the slope of a predictor of employees. randomised: units are assigned by lot. "
            "two-wave: before and after a change that some units make.",
        ),
    ],
    *,
    units: Annotated[int, _option("Units; per organisation with --organisations.", _DESIGN)],
    size: Annotated[int, _option("Employees who answer, per unit (and wave).", _DESIGN)],
    icc: Annotated[float, _option("Share of the outcome's variance between units.", _DESIGN)],
    organisations: Annotated[
        int | None, _option("Organisations that the units lie in, if several.", _DESIGN)
    ] = None,
    icc_organisation: Annotated[
        float | None, _option("Share of variance between organisations.", _DESIGN)
    ] = None,
    predictor_between: Annotated[
        float | None,
        _option("slope: share of the predictor's variance between organisations.", _DESIGN),
    ] = None,
    slope_variance: Annotated[
        float | None, _option("interaction: variance of the slope between units.", _DESIGN)
    ] = None,
    treated: Annotated[
        float | None, _option("randomised, two-wave: share treated (0.5).", _DESIGN)
    ] = None,
    unit_stability: Annotated[
        float | None, _option("two-wave: correlation of unit effects over time.", _DESIGN)
    ] = None,
    person_stability: Annotated[
        float | None,
        _option("two-wave: the same for employees; 0 for a fresh sample.", _DESIGN),
    ] = None,
    r2_unit: Annotated[
        float | None, _option("Share of unit variance that covariates explain.", _DESIGN)
    ] = None,
    r2_employee: Annotated[
        float | None, _option("Share of employee variance that covariates explain.", _DESIGN)
    ] = None,
    r2_organisation: Annotated[
        float | None, _option("The same for organisations.", _DESIGN)
    ] = None,
    covariates: Annotated[
        int | None, _option("Number of covariates at the predictor's level.", _DESIGN)
    ] = None,
    effect: Annotated[
        float | None, _option("Effect to find; without it, the smallest is given.", _ASK)
    ] = None,
    target: Annotated[
        float, typer.Option("--power", help="Power wanted.", rich_help_panel=_ASK)
    ] = 0.80,
    alpha: Annotated[float, _option("Level of the two-sided test.", _ASK)] = 0.05,
    simulate: Annotated[
        int | None, _option("Also draw and fit so many data sets; needs --effect.", _ASK)
    ] = None,
    seed: Annotated[int, _option("Seed of the simulation.", _ASK)] = 1,
    jobs: Annotated[int, _option("Worker processes; -1 for all cores.", _ASK)] = 1,
    plot: Annotated[
        Path | None, _option("Write a figure (.png, .svg, .pdf); needs --effect.", _SHOW)
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON for a script.", rich_help_panel=_SHOW)
    ] = False,
) -> None:
    """Say which effect a design can find, and how many units it needs.

    For example: crosslevel power randomised --units 40 --size 20 --icc 0.10 --effect 0.3
    """
    given = {
        "units": units, "size": size, "icc": icc, "organisations": organisations,
        "icc_organisation": icc_organisation, "predictor_between": predictor_between,
        "slope_variance": slope_variance, "treated": treated, "unit_stability": unit_stability,
        "person_stability": person_stability, "r2_unit": r2_unit, "r2_employee": r2_employee,
        "r2_organisation": r2_organisation, "covariates": covariates,
    }  # fmt: skip
    if effect is None and (simulate is not None or plot is not None):
        raise typer.BadParameter(
            "needs --effect, the effect to find.", param_hint="--simulate, --plot"
        )
    if plot is not None:
        _check_plot(plot)
    made = _design(design, {name: value for name, value in given.items() if value is not None})
    answers = _answers(made, effect, target=target, alpha=alpha)
    if simulate is not None and effect is not None:
        with _progress(simulate) as progress:
            found = made.simulate(
                effect, simulate, seed=seed, alpha=alpha, n_jobs=jobs, progress=progress
            )
        answers["simulation"] = asdict(found) | {"seed": seed}
        shown = _simulated(found)
    else:
        shown = ""
    if plot is not None and effect is not None:
        _draw(made, effect, alpha, plot)
        answers["plot"] = str(plot)
    if as_json:
        typer.echo(json.dumps({"design": design.value, **answers}, indent=2))
        return
    typer.secho(TITLES[design], bold=True)
    for line in _lines(made, answers, target):
        typer.echo(line)
    if shown:
        typer.echo(shown)
    if plot is not None:
        typer.echo(f"Figure written to {plot}")


def _design(kind: Kind, given: dict[str, Any]) -> PowerDesign:
    """Return the design, or say which options do not belong to it or cannot be."""
    from crosslevel.multilevel.power import DESIGNS

    known = {field.name for field in fields(DESIGNS[kind]) if field.init}
    strange = [_flag(name) for name in given if name not in known]
    if strange:
        raise typer.BadParameter(
            f"not used with '{kind}'. It knows {', '.join(map(_flag, sorted(known)))}.",
            param_hint=", ".join(strange),
        )
    if kind is Kind.TWO_WAVE and "unit_stability" not in given:
        raise typer.BadParameter(
            "is needed with 'two-wave': the correlation of a unit's effect between the waves, from "
            "0 (units change places freely) to 1 (their order stays).",
            param_hint="--unit-stability",
        )
    try:
        return DESIGNS[kind](**given)
    except ModelError as error:
        renamed = [Problem(_flag(p.where), p.found, p.fix) for p in error.problems]
        raise ModelError(error.message, renamed) from None


def _flag(name: str) -> str:
    """Return how a parameter is typed.

    Examples
    --------
    >>> _flag("icc_organisation")
    '--icc-organisation'
    """
    parts = name.split(", ")
    return ", ".join("--" + part.replace("_", "-") for part in parts) if name != "design" else name


def _answers(
    design: PowerDesign, effect: float | None, *, target: float, alpha: float
) -> dict[str, Any]:
    """Return the numbers of a design, for people and scripts."""
    made: dict[str, Any] = {
        "parameters": {k: v for k, v in asdict(design).items() if k != "kind" and v is not None},
        "alpha": alpha,
        "std_error": design.std_error,
        "df": design.df,
        "target_power": target,
        "mdes": design.mdes(power=target, alpha=alpha),
    }
    if effect is None:
        return made
    made |= {"effect": effect, "power": design.power(effect, alpha=alpha)}
    try:
        made["needed"] = design.needed(effect, power=target, alpha=alpha)
    except ModelError:
        made["needed"] = None
    return made


def _lines(design: PowerDesign, answers: dict[str, Any], target: float) -> Iterator[str]:
    """Yield the answers as sentences."""
    name = "units" if getattr(design, "organisations", None) is None else "organisations"
    where = f"{design.units} units of {design.size} employees, ICC {design.icc:g}"
    if name == "organisations":
        where = f"{getattr(design, name)} organisations of {where}"
    yield where
    yield (
        f"Smallest effect found with power {target:g}: {answers['mdes']:.3f} "
        f"(standard error {answers['std_error']:.3f}, {answers['df']} degrees of freedom)"
    )
    if "effect" not in answers:
        return
    yield f"Power for an effect of {answers['effect']:g}: {answers['power']:.2f}"
    if answers["needed"] is None:
        yield f"No number of {name} up to a million reaches power {target:g} for it."
    else:
        yield f"For power {target:g} it needs {answers['needed']:,} {name}."


def _simulated(found: SimulatedPower) -> str:
    """Return the result of a simulation as a sentence."""
    text = (
        f"Simulated: {found.power:.3f} in {found.replicates:,} data sets "
        f"(Monte-Carlo standard error {found.mc_error:.3f})"
    )
    if found.boundary_share >= 0.005:
        text += f"; a variance was estimated as zero in {found.boundary_share:.1%}"
    return text + "."


def _check_plot(path: Path) -> None:
    """Refuse a figure that could not be written, before any work is done."""
    if path.suffix.lower() not in FILES:
        raise typer.BadParameter(
            f"must end in {', '.join(FILES)}, got '{path.name}'.", param_hint="--plot"
        )
    if not path.absolute().parent.is_dir():
        raise typer.BadParameter(f"the folder '{path.parent}' does not exist.", param_hint="--plot")


def _draw(design: PowerDesign, effect: float, alpha: float, path: Path) -> None:
    """Write the figure in the look of the reports."""
    from crosslevel.reporting.figures.style import styled

    with styled():
        design.plot(effect, alpha=alpha).savefig(path, dpi=200)


@contextmanager
def _progress(total: int) -> Iterator[Callable[[int, int], None]]:
    """Show a bar on a terminal; say nothing elsewhere."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("Simulating", total=total)
        yield lambda done, _: bar.update(task, completed=done)
