"""What a build has to show: a template leaves out the parts of which there is nothing."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from crosslevel.reporting.models import fit_of, main_model, predictors, value_or
from crosslevel.study.build import Build

USES = ("problem_solving_use", "reward_control_use")
"""The two managers' scales of the hospital study, and its outcome."""
LEARNING = "goal_learning"


def contents(build: Build) -> Mapping[str, bool]:
    """Return, by name, what a template may ask with `when-meta="has.NAME"`.

    ================ ====================================================================
    aggregation      some employees' scale is judged as a property of units
    background       background variables were described
    careless         answers were screened for careless responding
    claims           the study makes claims
    correlations     there are correlations between scales
    factors          one factor per scale was fitted to the answers
    invariance       scales were compared across groups
    employee-items   items that employees answered
    manager-items    items that managers answered
    managers         managers were surveyed
    missing          it was counted what respondents did not answer
    predictions      a claim is about a term of the main model that can be drawn as a line
    predictors       the main model has predictors
    reliability      some scale has a reliability
    response         response rates of groups are known
    sensitivity      claims were looked at without those who answered carelessly
    shares           there are models without predictors, with shares of variance
    sources          the same predictor is compared as different people report it
    units            there are unit effects to show
    uses             the main model relates goal-based learning to both uses of data
    ================ ====================================================================
    """
    main, scales = main_model(build), build.table("scales")
    told = scales.set_index("scale")["audience"]
    items = set(build.table("items")["scale"].map(told))
    return {
        "aggregation": bool(scales["icc1"].notna().any()),
        "background": bool((build.table("descriptives")["kind"] == "background").any()),
        "careless": _rows(build, "careless") > 0,
        "claims": len(build.table("claims")) > 0,
        "correlations": len(build.table("correlations")) > 0,
        "employee-items": "employee" in items,
        "factors": _rows(build, "factor_fit") > 0,
        "invariance": _rows(build, "invariance") > 0,
        "manager-items": "manager" in items,
        "managers": float(value_or(build, "managers_invited", 0)) > 0,
        "missing": _rows(build, "missing") > 0,
        "predictions": _about(build.table("predictions"), main),
        "predictors": len(predictors(build, main)) > 0,
        "reliability": bool(scales["alpha"].notna().any()),
        "response": _rows(build, "response") > 1,
        "sensitivity": _rows(build, "sensitivity") > 0,
        "shares": len(build.table("iccs")) > 0,
        "sources": len(build.table("common_source")) > 0,
        "units": _about(build.table("unit_effects"), main),
        "uses": _both_uses(build, main, told),
    }


def _rows(build: Build, table: str) -> int:
    """How many rows a table has; none when the build has no such table."""
    return len(build.table(table)) if table in build.tables else 0


def _about(frame: pd.DataFrame, model: str) -> bool:
    """Whether a table has rows of a model."""
    return bool((frame["model"] == model).any())


def _both_uses(build: Build, main: str, told: pd.Series) -> bool:
    """Whether the main model is that of the hospital study, with managers reporting the uses."""
    terms = set(predictors(build, main)["term"])
    managers = all(use in terms and told.get(use) == "manager" for use in USES)
    return managers and str(fit_of(build, main)["outcome"]) == LEARNING
