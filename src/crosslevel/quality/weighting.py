"""Weights that were made, what they cost, and how well they meet their targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from crosslevel.quality.margins import Margin
from crosslevel.quality.survey.designing import SurveyDesign

Floats = npt.NDArray[np.float64]


class WeightsWarning(UserWarning):
    """Weights were made that an analysis may not take; the text says which."""


@dataclass(frozen=True, slots=True, repr=False)
class Weighting:
    """Calibrated weights.

    Attributes
    ----------
    method
        How they were made.
    weights
        One per row of the data, with its index.
    design
        The design with these weights, for `quality.survey`: its standard errors know them.
    margins
        What `tidy` gives back.
    iterations, status
        Rounds needed, and "converged" or "not converged".
    trimmed
        Weights that were cut to a bound on the way.
    """

    method: str
    weights: pd.Series
    design: SurveyDesign
    margins: pd.DataFrame
    iterations: int
    status: str
    trimmed: int

    @property
    def effective_n(self) -> float:
        """Kish's effective sample size."""
        return self.design.effective_n

    @property
    def design_effect(self) -> float:
        """Kish's design effect: how much larger variances are through unequal weights."""
        return self.design.design_effect

    def tidy(self) -> pd.DataFrame:
        """Return one row per total: variable, level, n, target, before, after, difference.

        `n` counts respondents; `before` has the weights it began with; `difference` is relative.
        """
        return self.margins.copy()

    def glance(self) -> pd.DataFrame:
        """Return one row about the weights."""
        w = self.weights
        row = {
            "method": self.method,
            "n": len(w),
            "sum": float(w.sum()),
            "effective_n": self.effective_n,
            "design_effect": self.design_effect,
            "smallest": float(w.min()),
            "largest": float(w.max()),
            "trimmed": self.trimmed,
            "iterations": self.iterations,
            "status": self.status,
        }
        return pd.DataFrame([row])

    def sentence(self) -> str:
        """Return what was done and what it cost, with the source of the criterion."""
        names = list(dict.fromkeys(self.margins["variable"]))
        shown = ", ".join(names[:-1]) + " and " + names[-1] if len(names) > 1 else "".join(names)
        to = f" to the population by {shown}" if names else ""
        cut = f" {self.trimmed} weights were trimmed." if self.trimmed else ""
        state = "" if self.status == "converged" else " The weights did not converge."
        return (
            f"Respondents were weighted by {self.method}{to}; "
            f"unequal weights multiply variances by {self.design_effect:.2f}, so that "
            f"{len(self.weights)} respondents count as {self.effective_n:.0f} "
            f"(Kish, 1965).{cut}{state}"
        )

    def __repr__(self) -> str:
        w = self.weights
        return (
            f"Weights by {self.method}: {len(w)} respondents for {w.sum():g} people, from "
            f"{w.min():.4g} to {w.max():.4g}; effective n {self.effective_n:.1f}; {self.status} "
            f"after {self.iterations} round(s); {self.trimmed} trimmed"
        )


def described(
    method: str,
    design: SurveyDesign,
    before: Floats,
    margins: Sequence[Margin],
    *,
    converged: bool,
    iterations: int = 1,
    trimmed: npt.NDArray[np.bool_] | None = None,
) -> Weighting:
    """Return weights with the design they belong to and the table of their targets."""
    w = design.weights
    rows = [
        (one.name, level, int((z != 0).sum()), target, float(z @ before), float(z @ w))
        for one in margins
        for level, z, target in zip(one.levels, one.indicators, one.target, strict=True)
    ]
    table = pd.DataFrame(rows, columns=["variable", "level", "n", "target", "before", "after"])
    table["difference"] = table["after"] / table["target"] - 1.0
    return Weighting(
        method=method,
        weights=pd.Series(w, index=design.data.index, name="weight"),
        design=design,
        margins=table,
        iterations=iterations,
        status="converged" if converged else "not converged",
        trimmed=0 if trimmed is None else int(trimmed.sum()),
    )
