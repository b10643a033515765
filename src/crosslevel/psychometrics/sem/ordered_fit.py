"""A fitted model of ordered items, and how it answers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from crosslevel.errors import MeasurementError
from crosslevel.psychometrics.sem.differences import checked_method, difference_table
from crosslevel.psychometrics.sem.following import (
    deviations,
    equality_table,
    modification_table,
)
from crosslevel.psychometrics.sem.ordered_comparing import difference
from crosslevel.psychometrics.sem.ordered_extending import absent_of_ordered, deriving
from crosslevel.psychometrics.sem.result import SemFit
from crosslevel.psychometrics.sem.testing import Statistic
from crosslevel.psychometrics.sem.weighted import Group

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, repr=False)
class OrderedFit(SemFit):
    """A fitted model of ordered items; also answers what `SemFit` does.

    In `tidy()`, thresholds have op `|`, scales `~*~`; an item's residual variance is what the
    factors leave of 1 / scale^2, so that it has no test.

    Attributes
    ----------
    parts
        Thresholds, polychoric correlations and model of each group.
    """

    parts: tuple[Group, ...]

    def index(self, name: str) -> float:
        """Return an index of fit, of the scaled test where there is one."""
        return float(self.measures.get(f"{name}_scaled", self.measures[name]))

    def compare(self, other: SemFit, *, method: str | None = None) -> pd.DataFrame:
        """Return the chi-square difference test with a nested model, and changes of indices.

        Scaled and shifted with "wlsmv" (`method` "satorra-2000", which is the only one).
        """
        if not isinstance(other, OrderedFit) or other.estimator != self.estimator:
            raise MeasurementError(
                f"The fits have different estimators ('{self.estimator}', '{other.estimator}')."
            )
        larger, smaller = (self, other) if self.test.df <= other.test.df else (other, self)
        if (larger.groups, larger.n) != (smaller.groups, smaller.n) or any(
            one.moments.names != two.moments.names
            for one, two in zip(larger.parts, smaller.parts, strict=True)
        ):
            raise MeasurementError(
                "The fits rest on different respondents or items, so they cannot be compared. Fit "
                "both to the same rows and the same items."
            )
        method = checked_method(method, self.estimator)
        test = difference(larger.nesting, smaller.nesting, method)
        return difference_table(larger, smaller, test)

    @property
    def nesting(self) -> tuple[tuple[Group, ...], Floats, Statistic]:
        """What a difference test needs of the fit."""
        return self.parts, self.maximum.theta, self.test

    def modification_indices(self) -> pd.DataFrame:
        """Return what each loading, covariance and regression the model lacks would bring.

        As `SemFit.modification_indices`; the fall is that of the plain statistic, not scaled.
        """
        at = self.maximum
        spreads: list[tuple[Floats, Floats]] = []
        for part, block in zip(self.parts, at.blocks, strict=True):
            p = len(block.observed)
            sd, own = deviations(at)[len(spreads)]
            explained = np.diag(block.moments(at.theta).sigma)
            left = 1 / part.scale.at(at.theta)[1] ** 2
            sd[:p] = np.sqrt(left)
            own[:p] = np.sqrt(np.where(left > explained, left - explained, np.nan))
            spreads.append((sd, own))
        extra = absent_of_ordered(at)
        return modification_table(at, extra, spreads, derive=deriving(self.parts))

    def score_tests(self) -> pd.DataFrame:
        """Return, for parameters held equal, the fall of the plain statistic if set free."""
        return equality_table(self.maximum, derive=deriving(self.parts))

    def factor_scores(self, *, method: str = "regression") -> pd.DataFrame:
        """Refuse: not defined here."""
        raise MeasurementError(
            f"A factor score ({method}) is not defined for least squares on ordered items. Fit "
            "with 'mlr' to see it."
        )

    def estimates(self, theta: Floats) -> Floats:
        """Row by row, every parameter; residual variances are what is left."""
        values = self.maximum.estimates(theta)
        for number, part in enumerate(self.parts):
            spread = np.diag(part.block.moments(theta).sigma)
            delta = part.scale.at(theta)[1]
            left = dict(zip(part.block.observed, 1 / delta**2 - spread, strict=True))
            for i, row in enumerate(self.maximum.table.rows):
                if row.block == number and row.op == "~~" and row.lhs == row.rhs in left:
                    values[i] = left[row.lhs]
        return values

    def standardised(self, theta: Floats) -> Floats:
        """Row by row, with the variables behind the items, and the factors, of variance one."""
        values = self.estimates(theta)
        done = np.empty(len(values))
        for number, part in enumerate(self.parts):
            p = len(part.block.observed)
            total = np.sqrt(np.maximum(np.diag(part.block.spread(theta)), 1e-300))
            total[:p] = 1 / part.scale.at(theta)[1]
            sd = dict(zip(part.block.names, total, strict=True))
            rows = [i for i, row in enumerate(self.maximum.table.rows) if row.block == number]
            part_rows = [self.maximum.table.rows[i] for i in rows]
            own = {
                row.lhs: float(np.sqrt(max(values[i], 1e-300)))
                for i, row in zip(rows, part_rows, strict=True)
                if row.op == "~~" and row.lhs == row.rhs
            }
            for i, row in zip(rows, part_rows, strict=True):
                done[i] = values[i] * _factor(row.lhs, row.op, row.rhs, (sd, own))
        return done


def _factor(
    lhs: str, op: str, rhs: str, spreads: tuple[dict[str, float], dict[str, float]]
) -> float:
    """What a parameter is multiplied with, given standard deviations, total and of residuals."""
    sd, own = spreads
    if op == "=~":
        return sd[lhs] / sd[rhs]
    if op == "~":
        return sd[rhs] / sd[lhs]
    if op in ("|", "~1"):
        return 1 / sd[lhs]
    if op == "~*~":
        return sd[lhs]
    if lhs == rhs:
        return 1 / sd[lhs] ** 2
    return 1 / (own[lhs] * own[rhs])
