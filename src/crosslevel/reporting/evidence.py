"""The evidence sheet of one scale: what a build knows about it, in sections a terminal can show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from crosslevel.errors import StudyError, did_you_mean
from crosslevel.reporting.numbers import count, interval, number, percent
from crosslevel.reporting.soundness import closest
from crosslevel.study.build import Build, open_build

_NOTHING = pd.DataFrame()


@dataclass(frozen=True, slots=True)
class Section:
    """One part of a sheet: sentences, then a table."""

    title: str
    lines: tuple[str, ...] = ()
    header: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    align: str = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a study knows about one scale."""

    title: str
    about: str
    sections: tuple[Section, ...]

    def plain(self) -> dict[str, Any]:
        """Return the sheet as nested lists and texts."""
        return asdict(self)


def evidence_sheet(study: Path | str, name: str) -> Sheet:
    """Return what the build of a study knows about one scale.

    Use it to look at a scale before relying on it. Every verdict names its criterion and source.

    Parameters
    ----------
    study
        A study folder that was run, or its `build/`.
    name
        The scale.

    Raises
    ------
    StudyError
        When the study was not run, or has no such scale.
    """
    build = open_build(study)
    scales = build.table("scales").set_index("scale")
    if name not in scales.index:
        hint = did_you_mean(name, scales.index) or f"It has: {', '.join(scales.index)}."
        raise StudyError(f"The study has no scale '{name}'. {hint}")
    row: pd.Series = scales.loc[[name]].iloc[0]
    made = "Simulated data. " if build.manifest.simulated else ""
    about = (
        f"{made}{row['instrument']} {row['version']}, answered by {row['audience']}s; "
        f"{count(row['n_items'])} items, score: {row['method']} of the items."
    )
    parts = [
        _reliability(build, name, row),
        _items(build, name),
        _distinctness(build, name),
        _groups(build, name),
        _averaging(build, name, row),
        Section("Validation", (" ".join(str(row.get("validation", "")).split()),)),
    ]
    kept = tuple(part for part in parts if part.rows or any(part.lines))
    return Sheet(f"{row['label']} ({name})", about, kept)


def _of(build: Build, table: str, name: str) -> pd.DataFrame:
    """Rows of a table about a scale; none when the build has no such table."""
    if table not in build.tables:
        return _NOTHING
    frame = build.table(table)
    return frame[frame["scale"] == name]


def _reliability(build: Build, name: str, row: pd.Series) -> Section:
    """Mean, spread, alpha and omega."""
    level = f"{100 * build.manifest.conf_level:g}% interval"
    lines = [f"{count(row['n'])} scores: mean {number(row['mean'])}, SD {number(row['std_dev'])}."]
    if pd.notna(row["alpha"]):
        reach = interval(row["alpha_low"], row["alpha_high"])
        lines.append(f"alpha {number(row['alpha'])}, {level} {reach} (Feldt).")
    for _, own in _of(build, "evidence", name).iterrows():
        if pd.notna(own["omega"]):
            reach = interval(own["omega_low"], own["omega_high"])
            lines.append(f"omega total {number(own['omega'])}, {level} {reach} (McDonald 1999).")
        if pd.notna(own["one_factor_rmsea"]):
            fit = number(own["one_factor_rmsea"], decimals=3)
            lines.append(f"RMSEA of one factor {fit} (convention: up to 0.06, Hu & Bentler 1999).")
    return Section("Reliability", tuple(lines))


def _items(build: Build, name: str) -> Section:
    """One row per item."""
    items = _of(build, "items", name)
    loadings = _of(build, "loadings", name)
    known = {} if loadings.empty else loadings.set_index("item")["loading"].to_dict()
    rows = tuple(
        (
            str(row["item"]) + (" (reversed)" if row["reversed"] else ""),
            count(row["n"]),
            number(row["mean"]),
            number(row["std_dev"]),
            number(row["item_total"]),
            number(row["alpha_if_dropped"]),
            number(known.get(row["item"])),
            str(row["text"]),
        )
        for _, row in items.iterrows()
    )
    header = ("Item", "n", "Mean", "SD", "r rest", "α without", "Loading", "Wording")
    return Section("Items", (), header, rows, "lrrrrrrl")


def _distinctness(build: Build, name: str) -> Section:
    """Correlations with the other factors of the questionnaire."""
    if "factors" not in build.tables:
        return Section("")
    frame = build.table("factors")
    own = frame[(frame["scale"] == name) | (frame["other"] == name)]
    rows = tuple(
        (
            str(row["other_label"] if row["scale"] == name else row["label"]),
            number(row["estimate"]),
            interval(row["conf_low"], row["conf_high"]),
        )
        for _, row in own.iterrows()
    )
    lines = closest(own) if rows else ""
    return Section("Distinct from other scales", (lines,), ("Factor", "r", "Interval"), rows, "lrr")


def _groups(build: Build, name: str) -> Section:
    """Invariance across groups."""
    frame = _of(build, "invariance", name)
    lines = tuple(dict.fromkeys(frame["verdict"].astype(str))) if len(frame) else ()
    rows = tuple(_step_rows(frame)) if len(frame) else ()
    header = ("Across", "Step", "CFI", "RMSEA", "SRMR", "Change of CFI", "Holds")
    return Section("The same in every group", lines, header, rows, "llrrrrl")


def _step_rows(frame: pd.DataFrame) -> Iterator[tuple[str, ...]]:
    """One row per step of invariance."""
    for _, row in frame.iterrows():
        numbers: Sequence[float] = [row["cfi"], row["rmsea"], row["srmr"], row["cfi_change"]]
        shown = [number(value, decimals=3) for value in numbers]
        yield (str(row["variable_label"]), str(row["step"]), *shown, str(row["holds"]))


def _averaging(build: Build, name: str, row: pd.Series) -> Section:
    """Whether answers may stand for the unit."""
    lines = []
    if pd.notna(row["icc1"]):
        reach = interval(row["icc1_low"], row["icc1_high"])
        lines.append(
            f"{count(row['groups'])} units of {number(row['mean_size'], decimals=1)} on average: "
            f"ICC(1) {number(row['icc1'])} {reach}, ICC(2) {number(row['icc2'])}."
        )
        if pd.notna(row["rwg_median"]):
            lines.append(
                f"Median r_wg {number(row['rwg_median'])}; "
                f"{percent(row['rwg_share_070'])} of units at 0.70 or above."
            )
    for _, own in _of(build, "evidence", name).iterrows():
        if isinstance(own["averaging_verdict"], str):
            lines.append(own["averaging_verdict"])
    return Section("As a property of the unit", tuple(lines))
