"""Who was invited, responded, was linked and was analysed (STROBE), in all and by unit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import pandas as pd

from crosslevel.errors import Problem, ResponseError
from crosslevel.responses.records import NO_ANSWER, NO_ID, Flow, Linked, Scored
from crosslevel.responses.roster import Roster

STAGES = ("invited", "responded", "linked", "analysed")
SILENT = "did not respond"
NAMELESS = "answered without an identifier"
BLANK = "answered no item"
_NO_UNIT = "no employee responded"
_NOT_USED = "the main model uses no answer of managers"
_NOT_ANALYSED = {
    "manager": "no employee of the units headed was analysed",
    "employee": "a value that the model needs is missing",
    "unit": "no employee was analysed",
}


def flow(
    roster: Roster,
    employees: Scored,
    managers: Scored | None,
    linked: Linked,
    analysed: Iterable[str] | None = None,
    *,
    managers_used: bool = True,
) -> Flow:
    """Return the numbers of a flow diagram, with the reason of each loss.

    Parameters
    ----------
    roster
        Who was invited.
    employees, managers
        Who responded; None when managers were not asked (no rows for them then).
    linked
        What `link` returned.
    analysed
        Ids of the employees the main model used; None before a model was fitted (the stage is
        left out then).
    managers_used
        Whether the main model uses answers of managers. When it does not, an employee needs no
        manager to be linked: the roster gives the unit.

    Returns
    -------
    Flow
        `levels`: n falls from stage to stage, `lost` is the difference to the stage before. A unit
        has responded when an employee of it has; it is linked or analysed when an employee of it
        is. A manager is linked or analysed when an employee of a unit they head is and their
        answers are attached to it. A row of answers without identifier is somebody's who was
        invited: it is counted with its reason, not as silence.

    Raises
    ------
    ResponseError
        When an analysed employee was never linked.

    Notes
    -----
    Source: von Elm et al. (2007), STROBE statement, item 13: numbers at each stage, with reasons.
    """
    people = _people(roster, employees, linked, analysed, managers_used)
    heads = _heads(roster, managers, linked, people)
    if not managers_used:
        heads["analysed"] = False
    units = _units(roster, people, heads, analysed is not None)
    stages = STAGES if analysed is not None else STAGES[:-1]
    sources = {"employee": people.set_index("employee")}
    reasons = {"employee": {"responded": _unheard(sources["employee"], employees)}}
    if managers is not None:
        sources = {"manager": heads.groupby("manager").any(), **sources}
        reasons["manager"] = {"responded": _unheard(sources["manager"], managers)}
    sources["unit"] = units.set_index("unit")[list(stages)] > 0
    sources["unit"]["invited"] = True
    reasons["unit"] = {"responded": _NO_UNIT}
    for level, known in reasons.items():
        known["linked"] = "; ".join(_counted(level, linked))
        unused = level == "manager" and not managers_used
        known["analysed"] = _NOT_USED if unused else _NOT_ANALYSED[level]
    tables = [_level(level, table, stages, reasons[level]) for level, table in sources.items()]
    return Flow(pd.concat(tables, ignore_index=True), units)


def _people(
    roster: Roster,
    employees: Scored,
    linked: Linked,
    analysed: Iterable[str] | None,
    managers_used: bool,
) -> pd.DataFrame:
    """One row per invited employee: unit and whether each stage was reached."""
    frame = roster.employees[["employee", "unit"]].reset_index(drop=True)
    used = list(linked.employees if managers_used else linked.frame["employee"])
    ids = used if analysed is None else [str(name) for name in analysed]
    strange = sorted(set(ids) - set(used))
    if strange:
        problems = [Problem(f"employee '{name}'", "was not linked.") for name in strange]
        raise ResponseError("Employees were analysed who were never linked.", problems)
    return frame.assign(
        invited=True,
        responded=frame["employee"].isin(employees.frame[employees.respondent]),
        linked=frame["employee"].isin(used),
        analysed=frame["employee"].isin(ids),
    )


def _heads(
    roster: Roster, managers: Scored | None, linked: Linked, people: pd.DataFrame
) -> pd.DataFrame:
    """One row per invited manager and unit: whether each stage was reached through that unit."""
    frame = roster.managers[["manager", "unit"]].reset_index(drop=True)
    if managers is None:
        return frame.iloc[:0].assign(**{stage: np.array([], dtype=bool) for stage in STAGES})
    responded = frame["manager"].isin(managers.frame[managers.respondent])
    unusable = linked.losses.loc[linked.losses["level"] == "unit", "identifier"]
    usable = responded & ~frame["unit"].isin(unusable)
    reached = {
        stage: usable & frame["unit"].isin(people.loc[people[stage], "unit"])
        for stage in ("linked", "analysed")
    }
    return frame.assign(invited=True, responded=responded, **reached)


def _units(roster: Roster, people: pd.DataFrame, heads: pd.DataFrame, fitted: bool) -> pd.DataFrame:
    """One row per unit with its counts."""
    units = roster.units.reset_index(drop=True)
    counts = people.groupby("unit")[list(STAGES)].sum()
    counts = counts.reindex(units["unit"], fill_value=0).reset_index(drop=True)
    invited = counts["invited"].where(counts["invited"] > 0)
    above = heads.groupby("unit")[["invited", "responded"]].sum()
    above = (
        above.reindex(units["unit"], fill_value=0).reset_index(drop=True).add_prefix("managers_")
    )
    if not fitted:
        counts["analysed"] = np.nan
    counts["response_rate"] = counts["responded"] / invited
    return pd.concat([units, counts, above.astype("int64")], axis=1)


def _level(
    level: str, reached: pd.DataFrame, stages: Iterable[str], reasons: Mapping[str, str]
) -> pd.DataFrame:
    """Count one level stage by stage, each loss with its reason."""
    rows: list[tuple[str, str, int, int, str]] = []
    for stage in stages:
        n = int(reached[stage].sum())
        lost = rows[-1][2] - n if rows else 0
        rows.append((level, stage, n, lost, reasons[stage] if lost else ""))
    return pd.DataFrame(rows, columns=["level", "stage", "n", "lost", "reason"])


def _unheard(reached: pd.DataFrame, scored: Scored) -> str:
    """Say why the invited did not all respond, each reason with its number."""
    missed = reached.index[~reached["responded"]]
    losses = scored.losses
    blank = losses.loc[losses["reason"] == NO_ANSWER, "respondent"]
    n_blank = int(missed.isin(blank).sum())
    n_nameless = min(int((losses["reason"] == NO_ID).sum()), len(missed) - n_blank)
    silent = len(missed) - n_blank - n_nameless
    counts = {SILENT: silent, NAMELESS: n_nameless, BLANK: n_blank}
    return "; ".join(_listed({reason: n for reason, n in counts.items() if n}))


def _counted(level: str, linked: Linked) -> Iterator[str]:
    """Yield each reason of the link, with how often it was met when there are several."""
    reasons = linked.losses.loc[linked.losses["level"] == level, "reason"].value_counts(sort=False)
    yield from _listed({str(reason): int(n) for reason, n in reasons.items()})


def _listed(counts: Mapping[str, int]) -> Iterator[str]:
    """Yield reasons, with their numbers when there are several."""
    for reason, n in counts.items():
        yield reason if len(counts) == 1 else f"{n:,}: {reason}"
