"""What a build says about its models; tables, figures and prose all ask here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from crosslevel.errors import RenderError, did_you_mean
from crosslevel.reporting.wording import group_name
from crosslevel.study.build import Build

INTERCEPT = "(Intercept)"


@dataclass(frozen=True, slots=True)
class Groups:
    """A level of a model and how many groups it has there."""

    name: str
    n: int


def value_or(build: Build, name: str, otherwise: float | str) -> float | str:
    """Return a value of the build, or what stands for it when the build has none."""
    return build.values.get(name, otherwise)  # noqa: PD011 (a field of the build)


def main_model(build: Build) -> str:
    """Return the model the study is about, as the run took it."""
    return str(build.value("main_model"))


def fit_of(build: Build, name: str) -> pd.Series:
    """Return the row of a multilevel fit.

    Raises
    ------
    RenderError
        When the build has no such model.
    """
    frame = build.table("fits")
    own = frame[(frame["model"] == name) & (frame["estimator"] == "multilevel")]
    if own.empty:
        hint = did_you_mean(name, frame["model"].unique())
        raise RenderError(f"The build has no model '{name}'. {hint}")
    return own.iloc[0]


def groups_of(build: Build, name: str) -> Sequence[Groups]:
    """Return the levels of a model above the employee, from many groups to few."""
    found = []
    for part in str(fit_of(build, name)["groups"]).split(", "):
        n, _, group = part.partition(" ")
        found.append(Groups(group_name(group), int(n.replace(",", ""))))
    return sorted(found, key=lambda entry: -entry.n)


def predictors(build: Build, name: str) -> pd.DataFrame:
    """Return the multilevel coefficients of a model without its intercept."""
    frame = build.table("coefficients")
    own = (frame["model"] == name) & (frame["estimator"] == "multilevel")
    return frame[own & (frame["term"] != INTERCEPT)]


def focal(build: Build, name: str) -> pd.DataFrame:
    """Return the coefficients of a model that a claim is about, in the order of the claims."""
    claims = build.table("claims")
    terms = list(dict.fromkeys(claims.loc[claims["model"] == name, "term"]))
    own = predictors(build, name).set_index("term", drop=False)
    return own.loc[[term for term in terms if term in own.index]]
