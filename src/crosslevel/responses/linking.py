"""Employees with the managers of their unit: by the roster, never by position or by name alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from types import MappingProxyType
from typing import Literal

import pandas as pd

from crosslevel.errors import Problem, ResponseError, did_you_mean
from crosslevel.responses.records import Linked, Scored, ScoredColumn
from crosslevel.responses.roster import Roster

NO_MANAGER = "no manager of the unit responded"
SEVERAL_MANAGERS = "several managers of the unit responded (rule 'sole')"
NO_EMPLOYEE = "no employee of the units headed responded"
NOT_USED = "shares the unit with another manager who responded (rule 'sole')"
RULES = ("sole", "mean-of-managers")
PREFIX = "manager_"


def link(
    employees: Scored,
    managers: Scored | None,
    roster: Roster,
    *,
    rule: Literal["sole", "mean-of-managers"] = "sole",
) -> Linked:
    """Return one row per responding employee, with unit, higher levels and managers' scores.

    Parameters
    ----------
    employees, managers
        What `score` returned; None when managers were not asked.
    roster
        Who belongs to which unit, many managers to many units.
    rule
        "sole": a unit needs exactly one responding manager. "mean-of-managers": scores and numbers
        are averaged over the managers of the unit who responded (each over those who have one); a
        nominal answer is kept when all who gave one agree.

    Returns
    -------
    Linked
        Managers' scores keep their names, their background is prefixed `manager_`. An employee
        whose unit has no usable manager stays in `frame` with nan there, so that what needs no
        manager can still be computed, and is listed in `losses`.

    Raises
    ------
    ResponseError
        Naming every respondent who is not on the roster or occurs twice, and every column name
        that both sources use.
    """
    if rule not in RULES:
        raise ResponseError(f"`rule` must be 'sole' or 'mean-of-managers', got {rule!r}.")
    _check(employees, managers, roster)
    frame = employees.frame.rename(columns={employees.respondent: "employee"})
    placed = frame[["employee"]].merge(
        roster.employees[["employee", "unit"]], on="employee", validate="one_to_one"
    )
    placed = placed.merge(roster.units, on="unit", how="left", validate="many_to_one")
    frame = placed.merge(frame, on="employee", validate="one_to_one")
    columns = {n: c for n, c in employees.columns.items() if c.kind != "respondent"}
    losses = _no_losses()
    if managers is not None:
        pairs = _pairs(managers, roster)
        frame = frame.merge(_per_unit(pairs, managers, rule), on="unit", how="left")
        columns |= _manager_columns(managers)
        losses = _losses(frame[["employee", "unit"]], pairs[["manager", "unit"]], rule)
    columns = {"employee": _employee_column(employees), **columns}
    return Linked(frame, losses, MappingProxyType(columns), rule)


def _check(employees: Scored, managers: Scored | None, roster: Roster) -> None:
    """Raise with every orphan, duplicate and clash of names."""
    problems = [*_strangers(employees, roster.employees["employee"], "employee")]
    own = set(employees.columns) | {"employee", "unit", *roster.levels}
    if managers is not None:
        problems += _strangers(managers, roster.managers["manager"], "manager")
        problems += [
            Problem(f"column '{name}'", "employees and managers both have it.", "Rename a scale.")
            for name in _manager_columns(managers)
            if name in own
        ]
    problems += [
        Problem(f"level '{name}'", "is also a scale or item.", "Rename the level.")
        for name in ("unit", *roster.levels)
        if name in employees.columns
    ]
    if problems:
        raise ResponseError(f"The answers cannot be linked: {len(problems)} problem(s).", problems)


def _strangers(scored: Scored, invited: pd.Series, who: str) -> Iterator[Problem]:
    """Yield respondents who are not on the roster, and those who occur twice."""
    ids = scored.frame[scored.respondent]
    known = sorted(set(invited))
    absent = ids[~ids.isin(known)]
    if len(ids) and len(absent) == len(ids):
        fix = "Were roster and answers read with the same pseudonym key and identifiers?"
        yield Problem(f"{who}s", f"none of the {len(ids)} respondents is on the roster.", fix)
        return
    for name in absent:
        yield Problem(f"{who} '{name}'", "is not on the roster.", did_you_mean(str(name), known))
    for name, n in ids[ids.duplicated(keep=False)].value_counts(sort=False).items():
        yield Problem(f"{who} '{name}'", f"has {n} rows of answers.", "Keep one of them.")


def _pairs(managers: Scored, roster: Roster) -> pd.DataFrame:
    """One row per responding manager and unit, with the manager's answers."""
    answers = managers.frame.rename(columns={managers.respondent: "manager"})
    answers = answers.rename(columns={n: PREFIX + n for n in managers.names("background")})
    return roster.managers[["manager", "unit"]].merge(answers, on="manager", validate="many_to_one")


def _per_unit(pairs: pd.DataFrame, managers: Scored, rule: str) -> pd.DataFrame:
    """One row per unit with a usable manager: unit and the managers' columns."""
    if rule == "sole":
        alone = ~pairs.duplicated("unit", keep=False)
        return pairs.loc[alone].drop(columns="manager")
    names = list(_manager_columns(managers))
    grouped = pairs.groupby("unit", sort=False)
    merged = {
        name: grouped[name].mean()
        if pd.api.types.is_numeric_dtype(pairs[name])
        else grouped[name].agg(_agreed).astype("str")
        for name in names
    }
    return pd.DataFrame(merged, columns=names).rename_axis("unit").reset_index()


def _agreed(answers: pd.Series) -> object:
    """Return the one answer that all gave who answered, or a missing value."""
    given = answers.dropna().unique()
    return given[0] if len(given) == 1 else None


def _losses(people: pd.DataFrame, pairs: pd.DataFrame, rule: str) -> pd.DataFrame:
    """Say who responded and could not be linked, level by level, with the reason."""
    heads = pairs.groupby("unit", sort=False).size()
    reasons = {}
    for unit in people["unit"].unique():
        n = int(heads.get(unit, 0))
        if n == 0:
            reasons[unit] = NO_MANAGER
        elif n > 1 and rule == "sole":
            reasons[unit] = SEVERAL_MANAGERS
    rows = [("unit", unit, reason) for unit, reason in reasons.items()]
    rows += [
        ("employee", row.employee, reasons[row.unit])
        for row in people.itertuples()
        if row.unit in reasons
    ]
    staffed = set(people["unit"])
    for manager, units in pairs.groupby("manager", sort=False)["unit"]:
        reached = [unit for unit in units if unit in staffed]
        if not reached:
            rows.append(("manager", manager, NO_EMPLOYEE))
        elif all(unit in reasons for unit in reached):
            rows.append(("manager", manager, NOT_USED))
    return pd.DataFrame(rows, columns=["level", "identifier", "reason"]).astype("str")


def _no_losses() -> pd.DataFrame:
    """Return an empty table of losses."""
    return pd.DataFrame(columns=["level", "identifier", "reason"]).astype("str")


def _manager_columns(managers: Scored) -> dict[str, ScoredColumn]:
    """Columns a manager brings into the linked frame, under their names there."""
    columns = [managers.columns[name] for name in managers.names("scale")]
    columns += [
        replace(managers.columns[name], name=PREFIX + name) for name in managers.names("background")
    ]
    return {column.name: column for column in columns}


def _employee_column(employees: Scored) -> ScoredColumn:
    """The respondent's column under its name in the linked frame."""
    return replace(employees.columns[employees.respondent], name="employee")
