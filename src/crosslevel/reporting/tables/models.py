"""Tables about models: ICCs, coefficients beside variance components, sources, claims."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from crosslevel.errors import RenderError, did_you_mean
from crosslevel.integration.claims import decimals
from crosslevel.reporting.markdown import Cells, Table, section
from crosslevel.reporting.models import fit_of, groups_of
from crosslevel.reporting.numbers import (
    count,
    decimals_for,
    interval,
    number,
    p_value,
    with_error,
)
from crosslevel.reporting.wording import group_name, joined, plural
from crosslevel.study.build import Build

_EXPECTED = {"positive": "Positive", "negative": "Negative"}


def iccs(build: Build) -> Table:
    """One row per outcome and level."""
    frame = build.table("iccs")
    rows = tuple(
        Cells(
            (
                str(row["outcome_label"]),
                group_name(str(row["group"])).capitalize(),
                count(row["groups"]),
                count(row["n"]),
                number(row["icc"], decimals=3),
            )
        )
        for _, row in frame.iterrows()
    )
    header = ("Outcome", "Level", "Groups", "Employees", "ICC")
    note = "ICC: share of the variance of a model without predictors that lies at this level."
    return Table(header, rows, align="llrrr", widths=(40, 18, 12, 14, 12), note=note)


def model(build: Build, name: str) -> Table:
    """Coefficients of both estimators, then variance components, then what was fitted."""
    coefficients = build.table("coefficients")
    part = coefficients[coefficients["model"] == name]
    if part.empty:
        hint = did_you_mean(name, coefficients["model"].unique())
        raise RenderError(f"The build has no model '{name}'. {hint}")
    multilevel = part[part["estimator"] == "multilevel"].set_index("term")
    pooled = {
        str(row["term"]): row for _, row in part[part["estimator"] == "ols-cluster"].iterrows()
    }
    level = f"{100 * build.manifest.conf_level:g}%"
    rows = [
        Cells(
            (
                str(row["label"]),
                *_with_interval(row),
                df_text(row["df"]),
                p_value(row["p_value"]),
                *_pooled(pooled.get(str(term))),
            )
        )
        for term, row in multilevel.iterrows()
    ]
    rows += _variance_rows(build, name)
    rows += _fit_rows(build, name)
    header = ("", "Multilevel", f"{level} interval", "df", "p", "OLS", f"{level} interval", "p")
    widths = (27, 15, 18, 7, 8, 15, 18, 8)
    small = bool(np.isfinite(multilevel["df"]).any())
    shown = [i for i in range(8) if (small or i != 3) and (pooled or i < 5)]
    return Table(
        tuple(header[i] for i in shown),
        tuple(Cells(tuple(r.texts[i] for i in shown), section=r.section) for r in rows),
        align="l" + "r" * (len(shown) - 1),
        widths=tuple(widths[i] for i in shown),
        note=_model_note(build, name, part.loc[part["estimator"] == "ols-cluster", "df"]),
    )


def _with_interval(row: pd.Series) -> tuple[str, str]:
    """Estimate with standard error, and interval."""
    places = decimals_for(row["std_error"], row["estimate"], row["conf_low"], row["conf_high"])
    return (
        with_error(row["estimate"], row["std_error"], decimals=places),
        interval(row["conf_low"], row["conf_high"], decimals=places),
    )


def _pooled(row: pd.Series | None) -> tuple[str, ...]:
    """Estimate, interval and p of the pooled model; blanks for a term that is not there."""
    return ("", "", "") if row is None else (*_with_interval(row), p_value(row["p_value"]))


def _variance_rows(build: Build, name: str) -> list[Cells]:
    """Standard deviation of each random term, correlations after it."""
    variance, coefficients = build.table("variance"), build.table("coefficients")
    labels = dict(zip(coefficients["term"], coefficients["label"], strict=True))
    part = variance[variance["model"] == name]
    rows = [section("Standard deviations", 8)] if len(part) else []
    for _, row in part.iterrows():
        other = row["other"] if isinstance(row["other"], str) else ""
        if other:
            first, second = labels.get(row["term"], row["term"]), labels.get(other, other)
            label = f"Correlation: {first} and {second}"
            rows.append(_single(label, number(row["correlation"])))
            continue
        label = (
            "Residual"
            if row["group"] == "Residual"
            else f"Between {plural(group_name(str(row['group'])))}"
        )
        if isinstance(row["term"], str) and row["term"] not in ("(Intercept)", ""):
            label = f"{label}: {labels.get(row['term'], row['term'])}"
        rows.append(_single(label, number(row["std_dev"])))
    return rows


def _single(label: str, multilevel: str, pooled: str = "") -> Cells:
    """A row with one entry per estimator."""
    return Cells((label, multilevel, "", "", "", pooled, "", ""))


def _fit_rows(build: Build, name: str) -> list[Cells]:
    """Observations and criterion."""
    fit = fit_of(build, name)
    criterion = "REML criterion" if fit["method"] == "REML" else "Deviance"
    return [
        section("Fit", 8),
        _single("Employees", count(fit["n"])),
        _single(criterion, number(fit["criterion"], decimals=1)),
    ]


def _model_note(build: Build, name: str, pooled: pd.Series) -> str:
    """What the two estimators are, and which distribution the tests use."""
    fit = fit_of(build, name)
    sizes = joined([f"{count(g.n)} {plural(g.name)}" for g in groups_of(build, name)])
    reference = [s.rstrip(".") for s in str(fit["reference"]).split(". ")]
    robust = [s for s in reference[1:] if "cluster-robust" in s]
    texts = [
        "Entries: unstandardised coefficient (standard error).",
        f"Multilevel: {fit['method']}, {sizes}; {'; '.join(_opening(reference[:1] + robust))}.",
    ]
    if len(pooled):
        lowest, highest = df_text(pooled.min()), df_text(pooled.max())
        df = lowest if lowest == highest else f"{lowest} to {highest}"
        texts.append(
            f"OLS: standard errors clustered by unit, t distribution with {df} degrees of freedom."
        )
    if fit["status"] != "converged":
        texts.append(str(fit["status_text"]))
    if fit["terms_dropped"]:
        texts.append(f"Left out, being determined by other terms: {fit['terms_dropped']}.")
    return " ".join(texts)


def _opening(sentences: Sequence[str]) -> Sequence[str]:
    """Sentences that go on within another."""
    return [sentence[:1].lower() + sentence[1:] for sentence in sentences]


def df_text(df: float) -> str:
    """Return degrees of freedom; fractions only where they matter, infinity as such.

    Examples
    --------
    >>> df_text(4.87), df_text(71.0), df_text(1650.3), df_text(float("inf"))
    ('4.9', '71', '1,650', '∞')
    """
    if pd.isna(df):
        return ""
    if math.isinf(df):
        return "∞"
    return count(df) if df >= 100 or float(df).is_integer() else number(df, decimals=1)


def common_source(build: Build) -> Table:
    """One row per predictor and source."""
    frame = build.table("common_source")
    level = f"{100 * build.manifest.conf_level:g}%"
    rows = []
    for label, part in frame.groupby("label", sort=False):
        rows.append(section(str(label), 5))
        for _, row in part.iterrows():
            ends = (row["standardised_low"], row["standardised_high"])
            places = decimals_for(None, row["standardised"], *ends)
            standardised = (
                number(row["standardised"], decimals=places),
                interval(*ends, decimals=places),
            )
            rows.append(Cells((str(row["source"]), *_with_interval(row), *standardised)))
    header = ("Source", "b (SE)", f"{level} interval", "Standardised", f"{level} interval")
    note = (
        "Standardised: standard deviations of the outcome per standard deviation of the predictor."
    )
    return Table(header, tuple(rows), align="lrrrr", widths=(39, 15, 17, 13, 17), note=note)


def claims(build: Build) -> Table:
    """One row per claim."""
    frame = build.table("claims")
    level = f"{100 * build.manifest.conf_level:g}%"
    rows = tuple(
        Cells(
            (
                str(row["statement"]),
                _EXPECTED.get(str(row["expected"]), str(row["expected"])),
                *_claimed(row),
                str(row["verdict"]).capitalize(),
            )
        )
        for _, row in frame.iterrows()
    )
    header = ("Claim", "Expected", "Smallest of interest", "b", f"{level} interval", "Verdict")
    note = (
        "Supported: the interval lies wholly on the expected side and the estimate is at least the "
        "smallest association of interest. Not supported: the interval lies on the other side, or "
        "leaves out associations of that size. Otherwise inconclusive."
    )
    return Table(header, rows, align="llrrrl", widths=(40, 12, 12, 8, 17, 16), note=note)


def _claimed(row: pd.Series) -> tuple[str, str, str]:
    """Smallest of interest, estimate and interval, with the decimals of the claim's sentence."""
    estimate, low, high = (float(row[c]) for c in ("estimate", "conf_low", "conf_high"))
    places = decimals((estimate, low, high), float(row["smallest"]))
    return (
        number(row["smallest"], decimals=places),
        number(estimate, decimals=places),
        interval(low, high, decimals=places),
    )
