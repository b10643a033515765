"""What was estimated for a population, and how surely."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import t as student

from crosslevel.errors import MeasurementError
from crosslevel.frames import RESULT_COLUMNS, listed
from crosslevel.multilevel.df import Fixed, unit_rows
from crosslevel.multilevel.tables import joint_table

Floats = npt.NDArray[np.float64]
INTERVALS = ("wald", "logit")


@dataclass(frozen=True, slots=True, repr=False)
class SurveyEstimates:
    """Estimates of a population with their design-based covariance.

    Attributes
    ----------
    what
        What was estimated, such as "mean".
    terms, groups
        (k,) names, and the domain each belongs to ("" for all).
    estimate, covariance
        (k,) and (k, k).
    df
        (k,) degrees of freedom of the t reference: sampling units in the domain less strata.
    n
        (k,) people each estimate rests on.
    design_effect
        (k,) variance over that of a simple random sample of the same size; nan where not asked for.
    interval
        `"wald"`, or `"logit"` for shares.
    rows_dropped
        People of the domain without the value.
    dropped
        Terms of a regression that others explain, left out of it.
    """

    what: str
    terms: tuple[str, ...]
    groups: tuple[str, ...]
    estimate: Floats
    covariance: Floats
    df: Floats
    n: tuple[int, ...]
    design_effect: Floats
    interval: str
    rows_dropped: int
    dropped: tuple[str, ...] = ()

    @property
    def std_error(self) -> Floats:
        """(k,) design-based standard errors."""
        return np.asarray(np.sqrt(np.maximum(np.diag(self.covariance), 0.0)))

    def tidy(self, *, conf_level: float = 0.95) -> pd.DataFrame:
        """Return one row per estimate: the standard columns, then n and design_effect.

        The statistic tests zero; for shares and quantiles it has no meaning and is left empty.
        """
        low, high = self._ends(conf_level)
        error = self.std_error
        tested = self.what in ("mean", "total", "ratio", "regression", "difference")
        with np.errstate(divide="ignore", invalid="ignore"):
            statistic = np.where(tested, self.estimate / error, np.nan)
        columns = {
            "term": list(self.terms),
            "group": list(self.groups),
            "estimate": self.estimate,
            "std_error": error,
            "statistic": statistic,
            "df": self.df,
            "p_value": 2.0 * student.sf(np.abs(statistic), self.df),
            "conf_low": low,
            "conf_high": high,
            "n": list(self.n),
            "design_effect": self.design_effect,
        }
        return pd.DataFrame(columns)[[*RESULT_COLUMNS, "n", "design_effect"]]

    @property
    def labels(self) -> tuple[str, ...]:
        """(k,) the term, with its domain in brackets."""
        pairs = zip(self.terms, self.groups, strict=True)
        return tuple(f"{term} ({group})" if group else term for term, group in pairs)

    def vcov(self) -> pd.DataFrame:
        """Return the covariance matrix, labelled."""
        names = list(self.labels)
        return pd.DataFrame(self.covariance, index=names, columns=names)

    def joint_test(self, terms: str | Sequence[str]) -> pd.DataFrame:
        """Return the Wald F test that all these are zero: statistic, df, df_denominator, p_value.

        Terms as in `vcov`; the denominator is the smallest `df` among them. Agrees with R survey's
        `regTermTest`.
        """
        terms = listed(terms)
        rows = unit_rows(self.labels, terms)
        reference = Fixed(self.covariance, float(self.df[rows.any(axis=0)].min()))
        return joint_table(terms, reference.joint(rows, self.estimate))

    def _ends(self, conf_level: float) -> tuple[Floats, Floats]:
        if not 0.0 < conf_level < 1.0:
            raise MeasurementError(f"`conf_level` must lie between 0 and 1, got {conf_level}.")
        reach = student.ppf(0.5 + 0.5 * conf_level, self.df) * self.std_error
        p = self.estimate
        if self.interval == "wald":
            return p - reach, p + reach
        known = (p > 0.0) & (p < 1.0)
        inner = np.where(known, p, 0.5)
        centre, half = np.log(inner / (1.0 - inner)), reach / (inner * (1.0 - inner))
        low, high = (1.0 / (1.0 + np.exp(-(centre + side * half))) for side in (-1.0, 1.0))
        return np.where(known, low, np.nan), np.where(known, high, np.nan)

    def __repr__(self) -> str:
        lines = [
            f"{self.what} ({self.df.min():g} degrees of freedom; {self.rows_dropped} rows dropped)"
        ]
        if self.dropped:
            lines.append(f"  dropped as aliased: {', '.join(self.dropped)}")
        for term, group, value, error in zip(
            self.terms, self.groups, self.estimate, self.std_error, strict=True
        ):
            place = f" in {group}" if group else ""
            lines.append(f"  {term + place:<28} {value:>12.5g}  (s.e. {error:.4g})")
        return "\n".join(lines)


def nothing(k: int) -> Floats:
    """Return k missing numbers."""
    return np.full(k, np.nan)
