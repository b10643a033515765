"""Tables about scales and answers: fit of factors, invariance, careless answers."""

from __future__ import annotations

import pandas as pd

from crosslevel.reporting.answering import chi_square
from crosslevel.reporting.markdown import Cells, Table, section
from crosslevel.reporting.numbers import MINUS, count, interval, number, p_value, percent
from crosslevel.reporting.wording import LEVELS
from crosslevel.study.build import Build

_STEPS = {"metric": "Loadings", "scalar": "Intercepts", "strict": "Residuals"}


def factor_fit(build: Build) -> Table:
    """One row per questionnaire: how well one factor per scale fits the answers."""
    rows = []
    for _, row in build.table("factor_fit").iterrows():
        low, high = row["rmsea_low"], row["rmsea_high"]
        rows.append(
            Cells(
                (
                    LEVELS[str(row["audience"])],
                    count(row["n"]),
                    count(row["factors"]),
                    f"{number(row['chisq'], decimals=1)} ({count(row['df'])})",
                    p_value(row["p_value"]),
                    number(row["cfi"], decimals=3),
                    number(row["tli"], decimals=3),
                    f"{number(row['rmsea'], decimals=3)} {interval(low, high, decimals=3)}",
                    number(row["srmr"], decimals=3),
                )
            )
        )
    header = ("", "n", "Factors", "χ² (df)", "p", "CFI", "TLI", "RMSEA", "SRMR")
    note = (
        "One factor per scale; factors correlate freely. Robust maximum likelihood (Yuan–Bentler "
        "test, robust CFI, TLI and RMSEA with its 90% interval), respondents with every item "
        "answered; employees' standard errors and test allow for units. Conventions: CFI and TLI "
        "from 0.95, RMSEA up to 0.06, SRMR up to 0.08."
    )
    widths = (16, 8, 9, 15, 8, 8, 8, 22, 8)
    return Table(header, tuple(rows), align="lrrrrrrrr", widths=widths, note=note)


def invariance(build: Build) -> Table:
    """One row per scale and column of groups: what may be held equal, and what follows."""
    frame = build.table("invariance")
    rows = []
    for variable, part in frame.groupby("variable_label", sort=False):
        rows.append(section(f"Across {str(variable).lower()}", 7))
        rows += [_invariance_cells(own) for _, own in part.groupby("scale", sort=False)]
    header = ("Scale", "Groups", "n", *(f"{name}: ΔCFI" for name in _STEPS.values()), "Means")
    note = (
        "ΔCFI: change of CFI when the loadings, then also the intercepts, then also the residual "
        "variances are held equal in all groups; a step in brackets fits worse than it may. Means: "
        "whether means may be compared between groups, which asks for equal loadings and "
        "intercepts. Robust CFI, corrected for answers alike within units."
    )
    widths = (32, 9, 9, 15, 16, 15, 10)
    return Table(header, tuple(rows), align="lrrrrrl", widths=widths, note=note)


def _invariance_cells(own: pd.DataFrame) -> Cells:
    """One scale across one column of groups."""
    steps = own.set_index("step")
    first = own.iloc[0]
    cells = [str(first["label"]), count(first["groups"]), count(first["n"])]
    for step in _STEPS:
        if step not in steps.index:
            cells.append("")
            continue
        found = steps.loc[[step]].to_dict("records")[0]
        change = number(found["cfi_change"], decimals=3)
        cells.append(change if found["holds"] == "yes" else f"({change})")
    upto = steps["holds"].reindex(["configural", "metric", "scalar"])
    cells.append("yes" if (upto == "yes").all() else "no")
    return Cells(tuple(cells))


def response(build: Build) -> Table:
    """Response rates of employees over all, and how far they reach between groups."""
    rows = []
    for _, row in build.table("response").iterrows():
        cells: tuple[str, ...]
        if row["variable"] == "(all)":
            ends = f"({percent(row['conf_low']).rstrip('%')} to {percent(row['conf_high'])})"
            rate = f"{percent(row['rate'])} {ends}"
            cells = ("All", "", count(row["invited"]), count(row["responded"]), rate, "", "", "")
        else:
            reach = (percent(row[name]) for name in ("lowest", "median", "highest"))
            name = f"By {str(row['label']).lower()}"
            cells = (name, count(row["groups"]), "", "", "", *reach)
        rows.append(Cells(cells))
    header = (
        "Employees", "Groups", "Invited", "Responded", "Response rate", "Lowest", "Median",
        "Highest",
    )  # fmt: skip
    note = (
        f"Wilson's {100 * build.manifest.conf_level:g}% interval in brackets. Lowest, median, "
        "highest: rate among the groups, which are not named; those of fewer than "
        f"{count(build.manifest.disclosure_minimum)} people are left out, and so are levels of "
        "fewer than four groups."
    )
    widths = (18, 10, 10, 13, 21, 10, 10, 10)
    return Table(header, tuple(rows), align="lrrrrrrr", widths=widths, note=note)


def missing(build: Build) -> Table:
    """One row per questionnaire: what was not answered, and Little's test."""
    few = "not shown"
    rows = []
    for _, row in build.table("missing").iterrows():
        tested = pd.notna(row["little_p_value"])
        test = f"{chi_square(row['little_statistic'])} ({count(row['little_df'])})"
        rows.append(
            Cells(
                (
                    LEVELS[str(row["audience"])],
                    count(row["n"]),
                    count(row["n_items"]),
                    few if pd.isna(row["share_missing"]) else percent(row["share_missing"]),
                    few if pd.isna(row["complete"]) else count(row["complete"]),
                    few if pd.isna(row["stopped"]) else count(row["stopped"]),
                    test if tested else "",
                    p_value(row["little_p_value"]) if tested else "",
                )
            )
        )
    header = (
        "",
        "n",
        "Items",
        "No answer",
        "Answered all",
        "Stopped early",
        "Little's χ² (df)",
        "p",
    )
    note = (
        "No answer: share of all items put to people that were left empty, or answered with an "
        "option outside the scale, such as that one does not know. Stopped early: answered nothing "
        "after some item. Little's test asks whether people with different gaps differ in what "
        "they did answer. Not shown: what would tell about fewer than "
        f"{count(build.manifest.disclosure_minimum)} people."
    )
    widths = (18, 9, 9, 12, 13, 13, 20, 8)
    return Table(header, tuple(rows), align="lrrrrrrr", widths=widths, note=note)


def careless(build: Build) -> Table:
    """One row per index of careless responding: rule, how many it flags, and who set it."""
    few = f"fewer than {count(build.manifest.disclosure_minimum)}"
    rows = [
        Cells(
            (
                str(row["index"]),
                _rule(str(row["rule"])),
                few if pd.isna(row["flagged"]) else count(row["flagged"]),
                "" if pd.isna(row["share"]) else percent(row["share"]),
                str(row["source"]),
            )
        )
        for _, row in build.table("careless").iterrows()
    ]
    header = ("Index", "Flagged if", "Employees", "Share", "Source of the rule")
    note = (
        "A flag is a signal and not a verdict: fatigue, a scale that really is answered alike, or "
        "a chance pattern raise it too."
    )
    return Table(header, tuple(rows), align="llrrl", widths=(30, 12, 14, 8, 44), note=note)


def _rule(text: str) -> str:
    """A rule in typographic signs that no line break parts."""
    for sign, shown in (("<=", "≤"), (">=", "≥"), ("-", MINUS), (" ", "\u00a0")):
        text = text.replace(sign, shown)
    return text


def sensitivity(build: Build) -> Table:
    """The claimed terms of the main model with everybody, and without those screened out."""
    rows = []
    for _, row in build.table("sensitivity").iterrows():
        rows.append(
            Cells(
                (
                    str(row["label"]),
                    number(row["estimate"], decimals=3),
                    interval(row["conf_low"], row["conf_high"], decimals=3),
                    number(row["estimate_without"], decimals=3),
                    interval(row["conf_low_without"], row["conf_high_without"], decimals=3),
                )
            )
        )
    level = f"{100 * build.manifest.conf_level:g}% interval"
    header = ("", "Everybody", level, "Without the flagged", level)
    return Table(header, tuple(rows), align="lrrrr", widths=(32, 12, 20, 18, 20))
