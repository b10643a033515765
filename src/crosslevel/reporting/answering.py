"""Sentences about who answered and what was not answered; empty where there is nothing to say."""

from __future__ import annotations

import pandas as pd

from crosslevel.reporting.markdown import escape
from crosslevel.reporting.models import value_or
from crosslevel.reporting.numbers import count, interval, number, p_value, percent
from crosslevel.study.build import Build

LEVEL = 0.05
"""Level of Little's test."""


def representative(build: Build) -> str:
    """How alike the chance to respond was, as far as the roster can tell."""
    if not value_or(build, "response_attributes", ""):
        return ""
    low, high = (float(build.value(f"r_indicator_{end}")) for end in ("low", "high"))
    known = str(build.value("response_attributes")).lower()
    text = (
        f"The R-indicator is {number(float(build.value('r_indicator')))} "
        f"({100 * build.manifest.conf_level:g}% interval {interval(low, high)}), where 1 means "
        f"that all were equally likely to respond, as far as the {known} they belong to can tell "
    )
    bias = (
        ". The mean of a variable that goes with response as closely as that allows would be off "
        f"by {_at_most(float(build.value('largest_bias')))} standard deviations."
    )
    return escape(text).rstrip() + " [@schouten2009]" + escape(bias)


def _at_most(bias: float) -> str:
    """A bound in words."""
    return "less than 0.01" if bias < 0.005 else f"at most {number(bias)}"


def chi_square(value: float) -> str:
    """A chi-square with no more digits than it was published with."""
    return number(value, decimals=1) if value < 1000 else count(value)


def complete(build: Build) -> str:
    """How much was not answered, where most, and whether the gaps look random."""
    sentences = []
    for _, row in build.table("missing").iterrows():
        who = "Employees" if row["audience"] == "employee" else "Managers"
        if row["share_missing"] == 0:
            sentences.append(f"{who} answered every item.")
            continue
        if pd.isna(row["share_missing"]):
            sentences.append(f"{who} answered all but a few items.")
            continue
        text = f"{who} gave no answer to {percent(row['share_missing'])} of the items"
        if pd.notna(row["complete"]):
            text += f"; {count(row['complete'])} of {count(row['n'])} answered every item"
        if pd.notna(row["stopped"]) and row["stopped"]:
            text += f", and {count(row['stopped'])} stopped before the end"
        sentences.append(f"{text}.")
        if pd.isna(row["most_missing_share"]):
            continue
        sentences.append(
            f"Most often without an answer ({percent(row['most_missing_share'])}) was "
            f"“{str(row['most_missing_text']).rstrip('.')}”."
        )
    return escape(" ".join(sentences))


def gaps(build: Build) -> str:
    """What Little's test says, questionnaire by questionnaire, and what it cannot."""
    frame = build.table("missing")
    frame = frame[frame["little_p_value"].notna()]
    if frame.empty:
        return ""
    found: dict[bool, list[str]] = {True: [], False: []}
    for _, row in frame.iterrows():
        who = "employees" if row["audience"] == "employee" else "managers"
        shown = p_value(row["little_p_value"])
        p = f"p {shown}" if shown.startswith(("<", ">")) else f"p = {shown}"
        numbers = f"χ² {chi_square(row['little_statistic'])}, df {count(row['little_df'])}"
        found[bool(row["little_p_value"] < LEVEL)].append(f"{who} ({numbers}, {p})")
    parts = []
    if found[True]:
        parts.append(
            f"Little's test speaks against gaps that are completely random for "
            f"{' and '.join(found[True])}: those who left out an item seem to differ in what they "
            "did answer, and leaving them out may tilt a result"
        )
    if found[False]:
        parts.append(
            f"Little's test has no sign for {' and '.join(found[False])} that those who left out "
            "an item differ in what they did answer, which does not show that gaps are random"
        )
    caution = "It takes answers as normal and people as independent, which is not quite so."
    return escape(". ".join(parts)) + " [@little1988]. " + escape(caution)
