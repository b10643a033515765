"""Tables about models: ICCs, coefficients beside variance components, sources, claims."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from crosslevel.errors import RenderError, did_you_mean
from crosslevel.reporting.markdown import Cells, Table, section
from crosslevel.reporting.numbers import (
    count,
    decimals_for,
    interval,
    number,
    p_value,
    with_error,
)
from crosslevel.study.build import Build

_EXPECTED = {"positive": "Positive", "negative": "Negative"}


def main_model(build: Build) -> str:
    """Model with the role `main`; without roles, the one the claims are about."""
    fits = build.table("fits")
    if "role" in fits.columns and (fits["role"] == "main").any():
        return str(fits.loc[fits["role"] == "main", "model"].iloc[0])
    if "claims" in build.tables and len(claimed := build.table("claims")):
        return str(claimed["model"].iloc[0])
    return _with_predictors(build)[0]


def secondary_models(build: Build) -> Sequence[str]:
    """Models with predictors other than the main one, in the study's order."""
    main = main_model(build)
    return [name for name in _with_predictors(build) if name != main]


def _with_predictors(build: Build) -> list[str]:
    """Models that have a term besides the intercept."""
    coefficients = build.table("coefficients")
    terms = coefficients[coefficients["term"] != "(Intercept)"]
    found = list(dict.fromkeys(terms["model"]))
    if not found:
        raise RenderError("The build has no model with a predictor.")
    return found


def iccs(build: Build) -> Table:
    """One row per outcome and level."""
    frame = build.table("iccs")
    rows = tuple(
        Cells(
            (
                str(row["outcome_label"]),
                _level(str(row["group"])),
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


def _level(group: str) -> str:
    """Name of a grouping level: its lowest part, with a capital."""
    return group.split(":")[-1].split("/")[-1].capitalize()


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
        Cells((str(row["label"]), *_estimates(row), *_estimates(pooled.get(str(term)))))
        for term, row in multilevel.iterrows()
    ]
    pooled_df = float(next(iter(pooled.values()))["df"]) if pooled else None
    rows += _variance_rows(build, name)
    rows += _fit_rows(build, name)
    header = ("", "Multilevel", f"{level} interval", "p", "OLS", f"{level} interval", "p")
    return Table(
        header,
        tuple(rows),
        align="lrrrrrr",
        widths=(25, 16, 19, 9, 16, 19, 9),
        note=_model_note(build, name, pooled_df),
    )


def _estimates(row: pd.Series | None) -> tuple[str, str, str]:
    """Estimate with its standard error, interval, p value; blanks for a term that is not there."""
    if row is None:
        return ("", "", "")
    decimals = decimals_for(row["std_error"])
    return (
        with_error(row["estimate"], row["std_error"]),
        interval(row["conf_low"], row["conf_high"], decimals=decimals),
        p_value(row["p_value"]),
    )


def _variance_rows(build: Build, name: str) -> list[Cells]:
    """Standard deviation of each random term, correlations after it."""
    variance, coefficients = build.table("variance"), build.table("coefficients")
    labels = dict(zip(coefficients["term"], coefficients["label"], strict=True))
    part = variance[variance["model"] == name]
    rows = [section("Standard deviations", 7)] if len(part) else []
    for _, row in part.iterrows():
        other = row["other"] if isinstance(row["other"], str) else ""
        if other:
            first, second = labels.get(row["term"], row["term"]), labels.get(other, other)
            label = f"Correlation: {first} and {second}"
            rows.append(_single(label, number(row["correlation"])))
            continue
        label = "Residual" if row["group"] == "Residual" else f"Between {_plural(row['group'])}"
        if isinstance(row["term"], str) and row["term"] not in ("(Intercept)", ""):
            label = f"{label}: {labels.get(row['term'], row['term'])}"
        rows.append(_single(label, number(row["std_dev"])))
    return rows


def _plural(group: str) -> str:
    """`units` for `hospital:unit`."""
    word = group.split(":")[-1].split("/")[-1]
    return f"{word[:-1]}ies" if word.endswith("y") else f"{word}s"


def _single(label: str, multilevel: str, pooled: str = "") -> Cells:
    """A row with one entry per estimator."""
    return Cells((label, multilevel, "", "", pooled, "", ""))


def _fit_rows(build: Build, name: str) -> list[Cells]:
    """Observations and criterion."""
    fit = fit_of(build, name)
    criterion = "REML criterion" if fit["method"] == "REML" else "Deviance"
    return [
        section("Fit", 7),
        _single("Employees", count(fit["n"])),
        _single(criterion, number(fit["criterion"], decimals=1)),
    ]


def fit_of(build: Build, name: str) -> pd.Series:
    """The row of a multilevel fit."""
    frame = build.table("fits")
    return frame[(frame["model"] == name) & (frame["estimator"] == "multilevel")].iloc[0]


def _model_note(build: Build, name: str, pooled_df: float | None) -> str:
    """What the two estimators are, and which distribution the tests use."""
    fit = fit_of(build, name)
    reference = str(fit["reference"]).partition(". ")[0].rstrip(".")
    texts = [
        "Entries: unstandardised coefficient (standard error).",
        f"Multilevel: {fit['method']}, {fit['groups']}; reference: {reference}.",
    ]
    if pooled_df is not None:
        df = f"t distribution with {count(pooled_df)} degrees of freedom"
        texts.append(f"OLS: standard errors clustered by unit, {df}.")
    if fit["status"] != "converged":
        texts.append(str(fit["status_text"]))
    if fit["terms_dropped"]:
        texts.append(f"Left out, being determined by other terms: {fit['terms_dropped']}.")
    return " ".join(texts)


def common_source(build: Build) -> Table:
    """One row per predictor and source."""
    frame = build.table("common_source")
    level = f"{100 * build.manifest.conf_level:g}%"
    rows = []
    for label, part in frame.groupby("label", sort=False):
        rows.append(section(str(label), 5))
        for _, row in part.iterrows():
            rows.append(
                Cells(
                    (
                        str(row["source"]),
                        with_error(row["estimate"], row["std_error"]),
                        interval(
                            row["conf_low"],
                            row["conf_high"],
                            decimals=decimals_for(row["std_error"]),
                        ),
                        number(row["standardised"]),
                        interval(row["standardised_low"], row["standardised_high"]),
                    )
                )
            )
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
                number(row["smallest"]),
                number(row["estimate"]),
                interval(row["conf_low"], row["conf_high"]),
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
