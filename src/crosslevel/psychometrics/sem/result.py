"""A fitted measurement or path model, and how it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from crosslevel.frames import RESULT_COLUMNS
from crosslevel.psychometrics.grouping import check_level
from crosslevel.psychometrics.sem.delta import delta_errors
from crosslevel.psychometrics.sem.differences import compare_fits
from crosslevel.psychometrics.sem.extending import absent
from crosslevel.psychometrics.sem.following import (
    deviations,
    equality_table,
    modification_table,
    scores,
)
from crosslevel.psychometrics.sem.maximum import Maximum
from crosslevel.psychometrics.sem.standardise import defined, defined_errors, standardised
from crosslevel.psychometrics.sem.testing import Saturated, Statistic

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SemFit:
    """A fitted model with observed and latent variables.

    Attributes
    ----------
    model
        The model text.
    estimator
        "ml", "mlm" or "mlr".
    status
        "converged", "not converged" or "not identified".
    covariance
        (k, k) covariances of the free parameters.
    test, baseline
        Test of the model, and of the one in which nothing covaries.
    measures
        Every index of fit by name, as `glance` shows them.
    rows_dropped
        Rows left out because of what was not answered, or without a group or cluster.
    row_labels
        (n_rows,) labels of the caller's rows.
    maximum, saturated
        The optimum itself, for further questions.
    """

    model: str
    estimator: str
    status: str
    covariance: Floats
    test: Statistic
    baseline: Statistic
    measures: Mapping[str, float]
    rows_dropped: int
    row_labels: pd.Index
    maximum: Maximum
    saturated: Saturated

    @property
    def n(self) -> int:
        """Respondents."""
        return self.maximum.n

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of the groups; one empty name without groups."""
        return tuple(sample.label for sample in self.maximum.samples)

    def tidy(self, *, conf_level: float = 0.95) -> pd.DataFrame:
        """Return one row per parameter.

        Columns lhs, op, rhs, sample (the group), the standard columns, `standardised` with its
        standard error, and `label`. Fixed parameters have a standard error of zero and no test;
        those that the data do not determine have no standard error.
        """
        check_level(conf_level)
        at = self.maximum
        table, theta = at.table, at.theta
        estimates = self.estimates(theta)
        free = np.array([row.free for row in table.rows], dtype=np.intp)
        spread = np.sqrt(np.maximum(np.diag(self.covariance), 0.0))
        errors = np.where(free >= 0, spread[free], 0.0) if len(spread) else np.zeros(len(free))
        raw = (
            np.concatenate([estimates, defined(table, estimates)]),
            np.concatenate([errors, defined_errors(table, estimates, self.covariance)]),
        )

        def scaled(theta: Floats) -> Floats:
            """Every row, then every defined quantity, in standard deviations."""
            rows = self.standardised(theta)
            return np.concatenate([rows, defined(table, rows)])

        standard = (scaled(theta), delta_errors(scaled, theta, self.covariance))
        return with_tests(self._labels(), raw, standard, conf_level)

    def estimates(self, theta: Floats) -> Floats:
        """Row by row, every parameter, free or fixed."""
        return self.maximum.estimates(theta)

    def standardised(self, theta: Floats) -> Floats:
        """Row by row, with all variables scaled to a variance of one."""
        at = self.maximum
        return standardised(at.table, at.blocks, self.estimates(theta), theta)

    def _labels(self) -> pd.DataFrame:
        """What each row of `tidy` is about."""
        table = self.maximum.table
        rows = [
            {
                "lhs": row.lhs, "op": row.op, "rhs": row.rhs, "sample": self.groups[row.group],
                "term": row.name, "label": "" if row.label.startswith(".") else row.label,
            }
            for row in table.rows
        ]  # fmt: skip
        rows += [
            {"lhs": one.name, "op": ":=", "rhs": one.expression, "sample": "",
             "term": f"{one.name} := {one.expression}", "label": ""}
            for one in table.definitions
        ]  # fmt: skip
        return pd.DataFrame(rows).assign(group="")

    def glance(self) -> pd.DataFrame:
        """Return one row: respondents, test, indices of fit, criteria, status."""
        front = {
            "n": self.n,
            "groups": len(self.groups),
            "n_parameters": self.maximum.table.n_free,
            "estimator": self.estimator,
            "status": self.status,
            "rows_dropped": self.rows_dropped,
        }
        frame = pd.DataFrame([front | dict(self.measures)])
        frame["df"] = frame["df"].astype("int64")
        return frame

    def vcov(self) -> pd.DataFrame:
        """Return covariances of the free parameters; equal parameters appear once."""
        names: dict[int, str] = {}
        for row in self.maximum.table.rows:
            if row.free >= 0:
                group = self.groups[row.group]
                names.setdefault(row.free, f"{row.name} [{group}]" if group else row.name)
        labels = [names[k] for k in sorted(names)]
        return pd.DataFrame(self.covariance, index=labels, columns=labels)

    def implied(self, group: str = "") -> pd.DataFrame:
        """Return the covariances that the model implies, of one group when there are several."""
        number = self.groups.index(group) if group else 0
        names = list(self.maximum.samples[number].names)
        return pd.DataFrame(self.maximum.moments[number].sigma, index=names, columns=names)

    def index(self, name: str) -> float:
        """Return an index of fit ("cfi", "tli", "rmsea"); its robust twin where the fit has one."""
        return float(self.measures.get(f"{name}_robust", self.measures[name]))

    def modification_indices(self) -> pd.DataFrame:
        """Return what each loading, covariance and regression that the model lacks would bring.

        Also what is fixed in it; regressions where it has some, among the variables they name.

        One row per parameter, largest first: the fall of chi-square (`statistic`), the expected
        `change` of the parameter, and that standardised. A list to think about, not to work off: a
        model changed until it fits has lost its test.
        """
        extra = absent(self.maximum)
        return modification_table(self.maximum, extra, deviations(self.maximum))

    def score_tests(self) -> pd.DataFrame:
        """Return, for parameters held equal, the fall of chi-square if each were set free."""
        return equality_table(self.maximum)

    def factor_scores(self, *, method: str = "regression") -> pd.DataFrame:
        """Return a score per respondent and factor; nan for rows that were left out.

        "regression" scores have the smallest error; "bartlett" scores are unbiased, and nan for a
        factor none of whose own items was answered, as that of a second-order factor.
        Source: Thurstone (1935); Bartlett (1937).
        """
        return scores(self.maximum, method=method, index=self.row_labels)

    def compare(self, other: SemFit, *, method: str | None = None) -> pd.DataFrame:
        """Return the chi-square difference test with a nested model, and changes of indices.

        Parameters
        ----------
        other
            A fit of the same rows and items by the same estimator, nested in this one or the other
            way round.
        method
            How the difference of "mlm" and "mlr" is scaled. "satorra-bentler-2001" (the default):
            from the scaling factors of both fits, which can come out negative.
            "satorra-bentler-2010": the larger model's taken where it implies what the smaller one
            does; never negative with "mlm", but with "mlr" it can be, and it then depends on how
            the scales of factors are fixed. "satorra-2000": scaled and shifted by what the models
            differ in, never negative; complete answers without clusters only.

        Returns
        -------
        DataFrame
            One row: the standard columns, `scaling_factor`, `shift`, `method`, the changes of CFI,
            RMSEA and SRMR (robust where the fits are), and `status`: "tested", "same degrees of
            freedom" or "negative scaling factor", where statistic and p_value are nan.

        Warns
        -----
        CorrectionWarning
            When the scaling factor is not positive.

        Notes
        -----
        Source: Satorra (2000); Satorra & Bentler (2001), Psychometrika 66; (2010), Psychometrika
        75. Agrees with lavaan's `lavTestLRT`; where means of factors are free in the smaller model
        only, lavaan 0.6-14 does not carry them over for "satorra-bentler-2010".
        """
        return compare_fits(self, other, method)

    def __repr__(self) -> str:
        m = self.measures
        several = f" in {len(self.groups)} groups" if len(self.groups) > 1 else ""
        dropped = f", {self.rows_dropped} rows dropped" if self.rows_dropped else ""
        lines = [
            f"{self.estimator.upper()}, {self.status}, {self.n} respondents{several}{dropped}",
            f"chi-square {m['chisq']:.3f} on {self.test.df} df, {short_p(m['p_value'])}",
        ]
        if "chisq_scaled" in m:
            lines.append(f"scaled {m['chisq_scaled']:.3f}, {short_p(m['p_value_scaled'])}")
        lines.append(
            f"CFI {m['cfi']:.3f}, TLI {m['tli']:.3f}, RMSEA {m['rmsea']:.3f} "
            f"({m['rmsea_low']:.3f} to {m['rmsea_high']:.3f}), SRMR {m['srmr']:.3f}"
        )
        return "\n".join(lines)


def with_tests(
    frame: pd.DataFrame,
    raw: tuple[Floats, Floats],
    standard: tuple[Floats, Floats],
    conf_level: float,
) -> pd.DataFrame:
    """Return rows with statistics and intervals in the agreed order of columns."""
    estimates, errors = raw
    tested = errors > 0
    statistic = np.full(len(errors), np.nan)
    statistic[tested] = estimates[tested] / errors[tested]
    half = stats.norm.ppf(0.5 + conf_level / 2) * errors
    frame = frame.assign(
        estimate=estimates,
        std_error=errors,
        statistic=statistic,
        df=np.where(tested, np.inf, np.nan),
        p_value=2 * stats.norm.sf(np.abs(statistic)),
        conf_low=estimates - half,
        conf_high=estimates + half,
        standardised=standard[0],
        standardised_error=standard[1],
    )
    columns = ["lhs", "op", "rhs", "sample", *RESULT_COLUMNS]
    return frame[[*columns, "standardised", "standardised_error", "label"]]


def short_p(value: float) -> str:
    """Return a p value as it is printed; nothing to test without degrees of freedom."""
    if not np.isfinite(value):
        return "nothing to test"
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"
