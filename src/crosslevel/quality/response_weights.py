"""Weights that give respondents the place of people like them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from crosslevel.errors import MeasurementError
from crosslevel.quality.representativeness import Propensities

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ResponseWeights:
    """Weights of respondents that make up for who did not respond.

    Attributes
    ----------
    method
        "propensity" or "classes".
    weights
        One per respondent, with the index of the roster.
    classes
        Of "classes": class, invited, responded, rate; empty otherwise.
    """

    method: str
    weights: pd.Series
    classes: pd.DataFrame

    @property
    def effective_n(self) -> float:
        """Kish's effective sample size."""
        w = self.weights.to_numpy(dtype=float)
        return float(w.sum() ** 2 / (w @ w))

    @property
    def design_effect(self) -> float:
        """Kish's design effect, n / effective n."""
        return len(self.weights) / self.effective_n


def class_weights(
    p: Propensities, there: npt.NDArray[np.bool_], classes: int
) -> tuple[Floats, pd.DataFrame]:
    """Return weights by class of propensity, and the classes."""
    if classes < 2:
        raise MeasurementError(f"`classes` must be at least 2, got {classes}.")
    cuts = np.unique(np.quantile(p.rho, np.linspace(0, 1, classes + 1)[1:-1]))
    codes = np.unique(np.searchsorted(cuts, p.rho, side="left"), return_inverse=True)[1]
    invited, answered = np.bincount(codes, weights=p.d), np.bincount(codes, weights=p.d * there)
    if (answered == 0).any():
        raise MeasurementError(
            f"{int((answered == 0).sum())} of {len(invited)} propensity classes have no "
            "respondent to take the others' place. Ask for fewer classes."
        )
    table = pd.DataFrame(
        {
            "class": np.arange(1, len(invited) + 1),
            "invited": np.bincount(codes),
            "responded": np.bincount(codes, weights=there).astype(int),
            "rate": answered / invited,
        }
    )
    return p.d * (invited / answered)[codes], table
