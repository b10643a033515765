"""Simulated data as the CSV files that `study.yml` names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from crosslevel.errors import StudyError
from crosslevel.study.origin import require_replaceable, write_record
from crosslevel.study.simulation import SimulatedStudy
from crosslevel.study.spec import ROW, Source, StudySpec


def write_data(
    root: Path, spec: StudySpec, drawn: SimulatedStudy, *, overwrite: bool = False
) -> list[Path]:
    """Write simulated data where, and with the column names that, `study.yml` says.

    Raises
    ------
    StudyError
        When `study.yml` asks for files that a simulation does not write, and, unless `overwrite`,
        when a file is there that no simulation wrote.
    """
    contents = {name: _csv(frame) for name, frame in _tables(spec, drawn).items()}
    if not overwrite:
        require_replaceable(root, contents)
    paths = [_write(root / name, content) for name, content in contents.items()]
    write_record(root, contents, seed=spec.seed or 0)
    return paths


def _tables(spec: StudySpec, drawn: SimulatedStudy) -> dict[str, pd.DataFrame]:
    """Return the five files by name."""
    sources, links = spec.sources, spec.links
    if sources.managers is None or links.managers is None or links.units is None:
        raise StudyError("A simulated study needs managers, and links for managers and units.")
    if any(source.values != "codes" for source in (sources.employees, sources.managers)):  # noqa: PD011
        raise StudyError("A simulated study is written in codes: set `values: codes`.")
    if ROW in (sources.employees.respondent, links.employees.employee):
        raise StudyError(f"A simulated study needs columns for identifiers, not '{ROW}'.")
    if len(spec.higher_levels) != 1:
        raise StudyError("A simulated study has one level above the unit, such as hospital.")
    level = spec.higher_levels[0]
    above = {"hospital": links.units.columns.get(level, level)}
    tables = {
        sources.employees.data: _renamed(drawn.employees, "employee", sources.employees),
        sources.managers.data: _renamed(drawn.managers, "manager", sources.managers),
        links.units.data: drawn.units.rename(columns={"unit": links.units.unit, **above}),
        links.employees.data: drawn.employee_roster.rename(
            columns={"employee": links.employees.employee, "unit": links.employees.unit}
        ),
        links.managers.data: drawn.manager_roster.rename(
            columns={"manager": links.managers.manager, "unit": links.managers.unit}
        ),
    }
    if len(tables) < 5:
        raise StudyError("A simulated study needs five different files under sources and links.")
    return tables


def _renamed(frame: pd.DataFrame, respondent: str, source: Source) -> pd.DataFrame:
    """Return a survey file with the column names of the study."""
    names: Mapping[str, str] = {respondent: source.respondent, **source.columns}
    return frame.rename(columns=dict(names))


def _csv(frame: pd.DataFrame) -> bytes:
    """Return a frame as CSV, the same bytes on every system."""
    return frame.to_csv(index=False, lineterminator="\n").encode("utf-8")


def _write(path: Path, content: bytes) -> Path:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.part")
    try:
        beside.write_bytes(content)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    return path
