"""Tables about people and scales: flow, reliability, aggregation, items, correlations."""

from __future__ import annotations

import pandas as pd

from crosslevel.reporting.markdown import Cells, Table, section
from crosslevel.reporting.numbers import DASH, count, interval, mean_and_spread, number, percent
from crosslevel.reporting.wording import LEVELS, STAGES
from crosslevel.study.build import Build


def flow(build: Build) -> Table:
    """Numbers at each stage with the reason for each loss."""
    rows = []
    frame = build.table("flow")
    for level, name in LEVELS.items():
        part = frame[frame["level"] == level]
        if part.empty:
            continue
        rows.append(section(name, 4))
        for _, row in part.iterrows():
            lost = count(row["lost"]) if row["lost"] else ""
            stage = STAGES.get(str(row["stage"]), str(row["stage"]))
            reason = str(row["reason"] or "") if lost else ""
            rows.append(Cells((stage, count(row["n"]), lost, reason)))
    header = ("Stage", "n", "Left out", "Why")
    return Table(header, tuple(rows), align="lrrl", widths=(28, 12, 14, 46))


def reliability(build: Build) -> Table:
    """One row per scale; managers and employees apart, alpha where there are items."""
    scales = build.table("scales")
    level = f"{100 * build.manifest.conf_level:g}%"
    judged = bool(scales["alpha"].notna().any())
    complete = judged and "n_complete" in scales.columns
    omega = _omega(build)
    shown = [i for i in range(8) if i < 5 or (judged and (i != 5 or complete))]
    shown += [8, 9] if omega else []
    rows = []
    for audience in ("employee", "manager"):
        part = scales[scales["audience"] == audience]
        if len(set(scales["audience"])) > 1:
            rows.append(section(LEVELS[audience], len(shown)))
        for _, row in part.iterrows():
            cells = (*_reliability_cells(row), *omega.get(str(row["scale"]), ("", "")))
            rows.append(Cells(tuple(cells[i] for i in shown)))
    header = (
        "Scale", "Items", "n", "Mean", "SD", "Complete", "α", f"{level} interval", "ω",
        f"{level} interval",
    )  # fmt: skip
    widths = (33, 8, 9, 8, 7, 11, 7, 17, 7, 17)
    note = "n: respondents with a score. SD: standard deviation."
    if judged:
        note += (
            " α: Cronbach's alpha with Feldt's interval, of respondents with every item answered"
        )
        note += " (complete)." if complete else "."
    if omega:
        note += " ω: omega total of one factor; employees' intervals allow for units."
    return Table(
        tuple(header[i] for i in shown),
        tuple(rows),
        align="".join("lrrrrrrrrr"[i] for i in shown),
        widths=tuple(widths[i] for i in shown),
        note=note,
    )


def _omega(build: Build) -> dict[str, tuple[str, str]]:
    """Omega and its interval by scale; empty where no scale has one."""
    if "evidence" not in build.tables:
        return {}
    frame = build.table("evidence")
    known = frame[frame["omega"].notna()]
    return {
        str(row["scale"]): (number(row["omega"]), interval(row["omega_low"], row["omega_high"]))
        for _, row in known.iterrows()
    }


def _reliability_cells(row: pd.Series) -> tuple[str, ...]:
    """Size, mean, spread and reliability of one scale."""
    judged = pd.notna(row["alpha"])
    return (
        str(row["label"]),
        count(row["n_items"]),
        count(row["n"]),
        number(row["mean"]),
        number(row["std_dev"]),
        count(row.get("n_complete")) if judged else "",
        number(row["alpha"]),
        interval(row["alpha_low"], row["alpha_high"]),
    )


def aggregation(build: Build) -> Table:
    """One row per scale that employees answered; agreement where there are options."""
    scales = build.table("scales")
    scales = scales[scales["icc1"].notna()]
    level = f"{100 * build.manifest.conf_level:g}%"
    agreed = bool(scales["rwg_median"].notna().any())
    shown = [i for i in range(9) if agreed or i not in (6, 7)]
    rows = [_aggregation_cells(row) for _, row in scales.iterrows()]
    header = (
        "Scale", "Units", "Mean size", "ICC(1)", f"{level} interval", "ICC(2)", "Median rwg",
        "rwg ≥ 0.70", "Design effect",
    )  # fmt: skip
    widths = (33, 8, 8, 9, 16, 9, 10, 9, 9)
    note = "ICC(1): share of variance between units. ICC(2): reliability of a unit mean."
    if agreed:
        note += (
            " rwg: agreement within a unit against a uniform null distribution; the last but one "
            "column is the share of units at 0.70 or above."
        )
    return Table(
        tuple(header[i] for i in shown),
        tuple(Cells(tuple(cells[i] for i in shown)) for cells in rows),
        align="l" + "r" * (len(shown) - 1),
        widths=tuple(widths[i] for i in shown),
        note=note,
    )


def _aggregation_cells(row: pd.Series) -> tuple[str, ...]:
    """What speaks for and against unit means of one scale."""
    return (
        str(row["label"]),
        count(row["groups"]),
        number(row["mean_size"], decimals=1),
        number(row["icc1"]),
        interval(row["icc1_low"], row["icc1_high"]),
        number(row["icc2"]),
        number(row["rwg_median"]),
        percent(row["rwg_share_070"]),
        number(row["design_effect"], decimals=1),
    )


def items(build: Build, *, audience: str) -> Table:
    """One row per item, grouped by scale."""
    scales = build.table("scales").set_index("scale")[["label", "audience"]].to_dict("index")
    frame = build.table("items")
    rows = []
    for scale, part in frame.groupby("scale", sort=False):
        about = scales.get(scale, {"label": scale, "audience": ""})
        if audience and about["audience"] != audience:
            continue
        rows.append(section(str(about["label"]), 6))
        for _, row in part.iterrows():
            text = f"{row['text']} (reversed)" if row["reversed"] else str(row["text"])
            rows.append(
                Cells(
                    (
                        text,
                        count(row["n"]),
                        *mean_and_spread(row),
                        number(row["item_total"]),
                        number(row["alpha_if_dropped"]),
                    )
                )
            )
    header = ("Item", "n", "Mean", "SD", "Item–rest r", "α without")
    note = (
        "Reversed items are shown after recoding. Item–rest r: correlation with the other items "
        "of the scale. α without: alpha of the scale if the item were left out."
    )
    return Table(header, tuple(rows), align="lrrrrr", widths=(56, 9, 8, 7, 10, 10), note=note)


def background(build: Build) -> Table:
    """Background variables of both levels; shares for categories, means for numbers."""
    frame = build.table("descriptives")
    frame = frame[frame["kind"] == "background"]
    rows = []
    for level in ("employee", "manager"):
        part = frame[frame["level"] == level]
        if part.empty:
            continue
        rows.append(section(LEVELS[level], 4))
        rows += [_background_row(row) for _, row in part.iterrows()]
    header = ("", "n", "Mean or share", "SD")
    note = (
        f"Categories of fewer than {count(build.manifest.disclosure_minimum)} people are left out."
    )
    return Table(header, tuple(rows), align="lrrr", widths=(56, 12, 20, 12), note=note)


def _background_row(row: pd.Series) -> Cells:
    """A number with its mean, or a category with its share."""
    label, n = str(row["label"]), count(row["n"])
    if pd.notna(row["share"]):
        return Cells((label, n, percent(row["share"]), ""))
    return Cells((label, n, *mean_and_spread(row)))


def correlations(build: Build) -> Table:
    """A square of coefficients beside means and standard deviations."""
    frame = build.table("correlations")
    scales = build.table("scales").set_index("scale")
    labels = dict(zip(frame["variable"], frame["label"], strict=True))
    labels |= dict(zip(frame["other"], frame["other_label"], strict=True))
    names = [scale for scale in scales.index if scale in labels]
    names += [name for name in labels if name not in names]
    known: dict[tuple[str, str, str], float] = {}
    for _, row in frame.iterrows():
        first, second = str(row["variable"]), str(row["other"])
        known[str(row["level"]), first, second] = row["estimate"]
        known[str(row["level"]), second, first] = row["estimate"]
    rows = []
    for i, name in enumerate(names):
        cells = [f"{i + 1}. {labels[name]}"]
        cells += mean_and_spread(scales.loc[name]) if name in scales.index else ["", ""]
        for j, other in enumerate(names):
            level = "within" if j > i else "between"
            cells.append(DASH if i == j else number(known.get((level, name, other))))
        rows.append(Cells(tuple(cells)))
    header = ("Scale", "Mean", "SD", *(str(i + 1) for i in range(len(names))))
    sizes = frame.groupby("level")["n"].max()
    note = (
        "Above the diagonal: within units, employees' deviations from the mean of their unit"
        f"{_sized(sizes, 'within', 'employees')}. Below: between units"
        f"{_sized(sizes, 'between', 'units')}."
    )
    if (scales["audience"] == "manager").any():
        note += " Managers' scales do not vary within units."
    widths = (32, 8, 8, *([8] * len(names)))
    return Table(header, tuple(rows), align="l" + "r" * (2 + len(names)), widths=widths, note=note)


def _sized(sizes: pd.Series, level: str, what: str) -> str:
    """How many went into the coefficients of a level."""
    return f" ({count(sizes[level])} {what})" if level in sizes.index else ""
