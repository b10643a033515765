"""Who was invited, and where they belong: the explicit link table of a study."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from crosslevel.errors import Problem, ResponseError, did_you_mean
from crosslevel.frames import require_columns
from crosslevel.responses.identity import pseudonyms
from crosslevel.responses.places import in_rows, listed
from crosslevel.responses.table import ROW, as_name, read_table

_RESERVED = {"employee", "manager", "unit"}


@dataclass(frozen=True, slots=True)
class Roster:
    """Everyone invited, with their units; it is checked when it is made.

    Attributes
    ----------
    employees
        employee, unit: each employee once.
    managers
        manager, unit: a manager may head several units and a unit may have several managers.
    units
        unit, then one column per higher level from the lowest up: each unit once.

    Raises
    ------
    ResponseError
        With every blank, duplicate, and unknown unit, named.
    """

    employees: pd.DataFrame
    managers: pd.DataFrame
    units: pd.DataFrame

    def __post_init__(self) -> None:
        require_columns(self.employees, ["employee", "unit"], error=ResponseError)
        require_columns(self.managers, ["manager", "unit"], error=ResponseError)
        require_columns(self.units, ["unit"], error=ResponseError)
        for name in ("employees", "managers", "units"):
            object.__setattr__(self, name, _named(getattr(self, name)))
        problems = [*_check(self)]
        if problems:
            raise ResponseError(f"The roster has {len(problems)} problem(s).", problems)

    @property
    def levels(self) -> Sequence[str]:
        """Names of the levels above the unit, from the lowest up."""
        return [name for name in self.units.columns if name != "unit"]


def read_roster(
    *,
    employees: Path | str,
    managers: Path | str | None = None,
    units: Path | str | None = None,
    employee: str = "employee",
    manager: str = "manager",
    unit: str = "unit",
    levels: Sequence[str] | None = None,
    pseudonym_key: str | None = None,
) -> Roster:
    """Return the roster held in up to three link tables.

    Parameters
    ----------
    employees
        File with one row per invited employee: who, and in which unit.
    managers
        File with one row per pair of manager and unit; none when managers were not asked.
    units
        File with one row per unit and a column per higher level; when None, the units are those
        of the two other files and there is no higher level.
    employee, manager, unit
        Names of the columns, the same in all files.
    levels
        Columns of the units file that are higher levels, from the lowest up; when None, all of
        them but the unit.
    pseudonym_key
        The key the answers were read with, so that people still match.

    Returns
    -------
    Roster
        Frames of strings, indexed by the row of their file.

    Raises
    ------
    ResponseError
        With every blank, every employee, unit or pair that occurs twice, and every unit that the
        units file does not know. Unit names must be unique across hospitals: two wards called
        "A" are an error, never one ward.
    """
    people = read_table(employees, columns={"employee": employee, "unit": unit})
    heads = _empty("manager", "unit")
    if managers is not None:
        heads = read_table(managers, columns={"manager": manager, "unit": unit})
    if units is None:
        names = pd.concat([people["unit"], heads["unit"]])
        known = pd.DataFrame({"unit": names[names != ""].drop_duplicates()})
    else:
        known = _read_units(units, unit, levels)
    if pseudonym_key is not None:
        people = people.assign(employee=pseudonyms(people["employee"], key=pseudonym_key))
        heads = heads.assign(manager=pseudonyms(heads["manager"], key=pseudonym_key))
    return Roster(people, heads, known)


def _read_units(path: Path | str, unit: str, levels: Sequence[str] | None) -> pd.DataFrame:
    """Read the units with their higher levels."""
    if levels is None:
        known = read_table(path)
        levels = [name for name in known.columns if name != unit]
    taken = [name for name in levels if name in _RESERVED - {unit}]
    if taken:
        raise ResponseError(f"A higher level of '{path}' cannot be called '{taken[0]}'.")
    return read_table(path, columns={"unit": unit} | {name: name for name in levels})


def _named(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame with its texts as names are compared; nothing else is touched."""
    return frame.map(lambda cell: as_name(cell) if isinstance(cell, str) else cell)


def _empty(*names: str) -> pd.DataFrame:
    """Return a frame of strings without rows."""
    return pd.DataFrame({name: pd.Series([], dtype="str") for name in names})


def _check(roster: Roster) -> Iterator[Problem]:
    """Yield everything that makes a roster ambiguous."""
    known = list(roster.units["unit"])
    yield from _blanks(roster.units, "units")
    yield from _repeated(roster.units, "units", ["unit"], "Give each unit a name of its own.")
    for frame, table, person in (
        (roster.employees, "employees", ["employee"]),
        (roster.managers, "managers", ["manager", "unit"]),
    ):
        yield from _blanks(frame, table)
        yield from _repeated(frame, table, person, "Keep one of them.")
        unknown = frame.loc[~frame["unit"].isin(known) & (frame["unit"] != ""), "unit"]
        for name, rows in unknown.groupby(unknown, sort=False).groups.items():
            found, fix = f"unit '{name}' is unknown.", did_you_mean(str(name), known)
            yield from _in_rows(table, frame, rows, (found, fix))


def _blanks(frame: pd.DataFrame, table: str) -> Iterator[Problem]:
    """Yield empty cells."""
    for column in frame.columns:
        empty = frame[column].isna() | (frame[column] == "")
        yield from _in_rows(table, frame, frame.index[empty], (f"no {column}.", "Fill it in."))


def _repeated(frame: pd.DataFrame, table: str, key: list[str], fix: str) -> Iterator[Problem]:
    """Yield keys that occur more than once, with the rows and what differs between them."""
    filled = frame[(frame[key] != "").all(axis=1)]
    again = filled[filled.duplicated(key, keep=False)]
    for values, rows in again.groupby(key, sort=False):
        name = " in unit ".join(f"'{value}'" for value in values)
        others = [c for c in frame.columns if c not in key]
        each = [
            ", ".join([_row(frame, row), *(f"{c} '{cells[c]}'" for c in others)])
            for row, cells in rows.iterrows()
        ]
        found = f"occurs {len(rows)} times ({listed(each, between='; ')})."
        yield Problem(f"{table}, {key[0]} {name}", found, fix)


def _in_rows(
    table: str, frame: pd.DataFrame, rows: pd.Index, said: tuple[str, str]
) -> Iterator[Problem]:
    """Yield what is wrong (found, fix) in the same way in several rows of a table."""
    names = [_row(frame, row) for row in rows]
    yield from in_rows(names, *said, few=lambda row: f"{table}, {row}", many=table)


def _row(frame: pd.DataFrame, row: object) -> str:
    """Name a row: by its number in the file when it was read from one."""
    return f"row {row}" if frame.index.name == ROW else f"index {row}"
