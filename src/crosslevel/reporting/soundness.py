"""Sentences about the soundness of scales and answers; empty where a study has nothing to say."""

from __future__ import annotations

import pandas as pd

from crosslevel.integration import within_sentence
from crosslevel.reporting.markdown import escape
from crosslevel.reporting.models import value_or
from crosslevel.reporting.numbers import count
from crosslevel.reporting.wording import joined
from crosslevel.study.build import Build

APART = 0.90
"""Correlation of factors that an interval may not reach (Roenkkoe & Cho 2022)."""
GOOD = {"cfi": 0.95, "rmsea": 0.06, "srmr": 0.08}
"""Conventions of Hu & Bentler (1999): CFI from, RMSEA and SRMR up to."""


def factors(build: Build) -> str:
    """Whether one factor per scale fits, questionnaire by questionnaire."""
    sentences = []
    for _, row in build.table("factor_fit").iterrows():
        who = "employees" if row["audience"] == "employee" else "managers"
        if row["status"] != "converged":
            sentences.append(f"The model of what {who} answered did not end properly: ignore it.")
            continue
        missed = _missed(row)
        if missed:
            sentences.append(
                f"For {who}, the model falls short of the conventions in {joined(missed)}."
            )
        else:
            sentences.append(f"For {who}, it meets the conventions in every index.")
    return escape(" ".join(sentences))


def distinct(build: Build) -> str:
    """Which factors are hard to tell apart: an interval that reaches 0.90."""
    frame = build.table("factors")
    return escape(closest(frame)) if len(frame) else ""


def closest(frame: pd.DataFrame) -> str:
    """Return which of some pairs of factors are hard to tell apart, in a sentence."""
    close = frame[frame["conf_high"].abs().combine(frame["conf_low"].abs(), max) >= APART]
    if close.empty:
        return (
            "No two of these scales are so close that they may be one: no interval of a "
            "correlation reaches 0.90 (Rönkkö & Cho 2022)."
        )
    pairs = joined(
        [
            f"{within_sentence(str(row['label']))} with {within_sentence(str(row['other_label']))}"
            for _, row in close.iterrows()
        ]
    )
    return (
        f"These scales are hard to tell apart, or too few answered to tell: {pairs}. The interval "
        "of their correlation reaches 0.90 (Rönkkö & Cho 2022)."
    )


def verdicts(build: Build) -> str:
    """What may be compared between groups, as a list."""
    frame = build.table("invariance").drop_duplicates(["variable", "scale"])
    if frame.empty:
        return ""
    groups: dict[str, list[str]] = {}
    for _, row in frame.iterrows():
        groups.setdefault(str(row["verdict"]), []).append(str(row["label"]))
    lines = [f"- {escape(f'{joined(names)}: {text}')}" for text, names in groups.items()]
    return "\n".join(lines) + "\n"


def averaging(build: Build) -> str:
    """Which of the employees' scales may be averaged to the unit."""
    frame = build.table("evidence")
    labels = build.table("scales").set_index("scale")["label"]
    judged = frame[frame["may_average"].isin(["yes", "no"]) & frame["scale"].isin(labels.index)]
    if judged.empty:
        return ""
    named = {
        word: [
            within_sentence(str(labels[s])) for s in judged[judged["may_average"] == word]["scale"]
        ]
        for word in ("yes", "no")
    }
    parts = []
    if named["yes"]:
        parts.append(f"Answers may be averaged to the unit for {joined(named['yes'])}")
    if named["no"]:
        start = "they may not" if parts else "Answers may not be averaged to the unit"
        parts.append(f"{start} for {joined(named['no'])}")
    criteria = (
        "units differ beyond chance, enough of the variance lies between them, and their members "
        "agree"
    )
    return escape(f"{'; '.join(parts)}. The criteria: {criteria}.")


def screening(build: Build) -> str:
    """Who was screened for careless answers, and how many carry several flags."""
    screened = float(value_or(build, "screened", 0))
    if not screened:
        return ""
    out = build.value("screened_out")
    minimum = count(build.manifest.disclosure_minimum)
    flags = int(float(value_or(build, "screen_flags", 2)))
    many = f"fewer than {minimum}" if out == "few" else count(float(out))
    return escape(
        f"Of {count(screened)} employees, {many} carry at least "
        f"{count(flags)} flag{'s' if flags > 1 else ''}. The models leave nobody out for that."
    )


def _missed(row: pd.Series) -> list[str]:
    """Indices that fall short of their convention."""
    short = []
    if row["cfi"] < GOOD["cfi"]:
        short.append("CFI")
    short += [name.upper() for name in ("rmsea", "srmr") if row[name] > GOOD[name]]
    return short
