"""A fitted two-level model, as a user reads it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from crosslevel.frames import RESULT_COLUMNS
from crosslevel.psychometrics.grouping import Floats, check_level
from crosslevel.psychometrics.sem.delta import delta_errors
from crosslevel.psychometrics.twolevel.fitting import Solution
from crosslevel.psychometrics.twolevel.level_fit import NAMES, level_row, measures, residual
from crosslevel.psychometrics.twolevel.saturated import intraclass
from crosslevel.psychometrics.twolevel.solution import estimates as raw
from crosslevel.psychometrics.twolevel.solution import omegas, standardised
from crosslevel.psychometrics.twolevel.structure import Model


@dataclass(frozen=True, slots=True)
class TwoLevelFit:
    """A model of persons within units, fitted by full-information maximum likelihood.

    Attributes
    ----------
    solution
        Estimates, saturated and baseline models, tests: the numerical record.
    cluster
        Column with the unit of each person.
    """

    solution: Solution
    cluster: str

    @property
    def status(self) -> str:
        """How the fit ended: "converged", "not converged" or "not identified"."""
        return self.solution.status

    @property
    def estimator(self) -> str:
        """How standard errors and tests were made: "ml" or "mlr"."""
        return self.solution.estimator

    def tidy(self, *, conf_level: float = 0.95) -> pd.DataFrame:
        """Return one row per parameter, and per defined quantity.

        Columns lhs, op, rhs, level ("within", "between"; empty for defined quantities), the
        standard columns, `standardised` (in standard deviations of the level) with its standard
        error, and `label`. Fixed parameters have a standard error of zero and no test;
        those that the data do not determine have no standard error.
        """
        check_level(conf_level)
        s = self.solution
        theta, table = s.optimum.theta, s.model.table
        rows = [
            {"lhs": r.lhs, "op": r.op, "rhs": r.rhs, "level": NAMES[r.level], "term": r.name,
             "label": r.label}
            for r in table.rows
        ]  # fmt: skip
        rows += [
            {"lhs": d.name, "op": ":=", "rhs": d.expression, "level": "",
             "term": f"{d.name} := {d.expression}", "label": ""}
            for d in table.definitions
        ]  # fmt: skip
        pairs = [
            (function(s.model, theta), self._errors(function)) for function in (raw, standardised)
        ]
        frame = with_tests(pd.DataFrame(rows).assign(group=""), pairs[0], pairs[1], conf_level)
        columns = ["lhs", "op", "rhs", "level", *RESULT_COLUMNS]
        return frame[[*columns, "standardised", "standardised_error", "label"]]

    def glance(self) -> pd.DataFrame:
        """Return one row: sizes, test, indices of fit of the whole model, criteria, status.

        `srmr` is the sum of `srmr_within` and `srmr_between`. RMSEA counts persons; `fit_by_level`
        judges each level by its own number. Scaled and robust twins with estimator "mlr".
        """
        s = self.solution
        k, n = len(s.optimum.theta), s.data.n
        within, between = residual(s, 1), residual(s, 2)
        row: dict[str, object] = {
            "n": n, "clusters": s.data.clusters, "n_parameters": k, "estimator": s.estimator,
            "status": self.status, "rows_dropped": s.data.dropped,
        }  # fmt: skip
        row |= measures(s.test, s.baseline_test, n=n, robust=s.estimator == "mlr")
        row |= {
            "df": s.test.df, "srmr": within + between, "srmr_within": within,
            "srmr_between": between, "log_likelihood": s.log_likelihood,
            "aic": 2 * k - 2 * s.log_likelihood, "bic": np.log(n) * k - 2 * s.log_likelihood,
        }  # fmt: skip
        return pd.DataFrame([row])

    def fit_by_level(self) -> pd.DataFrame:
        """Return one row per level: its fit with the other level saturated.

        The fit of the whole model hardly sees the level between units, which has fewer
        observations; these rows do. RMSEA counts persons within and units between; chi-square and
        indices are corrected with estimator "mlr".

        Raises
        ------
        MeasurementError
            When a label makes parameters of both levels equal.

        Notes
        -----
        Source: Ryu & West (2009).
        """
        return pd.DataFrame([level_row(self.solution, level) for level in NAMES])

    def icc(self) -> pd.DataFrame:
        """Return the share of variance between units of each variable of persons.

        From the saturated model; 0 for variables that the model uses in level 1 only.
        """
        s = self.solution
        shares = intraclass(s.saturated.moments, s.data.names)
        return pd.DataFrame({"item": list(shares), "icc": list(shares.values())})

    def covariances(self, *, level: str, kind: str = "saturated") -> pd.DataFrame:
        """Return the covariances of a level: "within" or "between", "saturated" or "implied"."""
        s = self.solution
        found = s.saturated.moments
        if kind == "implied":
            found = s.data.layout.unpack(s.model.moments(s.optimum.theta))
        names = np.array(s.data.names)
        inside = np.arange(s.data.p) if level == "within" else np.flatnonzero(s.roles.between)
        matrix = found.W if level == "within" else found.B
        own = names[inside]
        return pd.DataFrame(matrix[np.ix_(inside, inside)], index=own, columns=own)

    def omega(self, *, conf_level: float = 0.95) -> pd.DataFrame:
        """Return omega of each factor at each level, with an interval.

        Between units it is the reliability of the unit part of the sum of items, without the error
        of having few persons in a unit.

        Notes
        -----
        omega = (sum of loadings)^2 phi / ((sum of loadings)^2 phi + residual variance). Intervals
        are symmetric on the scale of log(1 - omega). Omega above 1, of covariances that no
        variables have, is nan.
        Source: Geldhof, Preacher & Zyphur (2014).
        """
        check_level(conf_level)
        s = self.solution
        keys = list(omegas(s.model, s.optimum.theta))

        def found(model: Model, theta: Floats) -> Floats:
            """Omega of every factor."""
            every = omegas(model, theta)
            return np.array([every[key] for key in keys])

        names = [(NAMES[level], name) for level, name in keys]
        estimate = found(s.model, s.optimum.theta)
        return reliability_rows(names, estimate, self._errors(found), conf_level)

    def vcov(self) -> pd.DataFrame:
        """Return the covariance of the free parameters, labelled as the model writes them."""
        table = self.solution.model.table
        first = {r.free: f"{r.name} [{NAMES[r.level]}]" for r in reversed(table.rows)}
        names = [first[i] for i in range(table.n_free)]
        return pd.DataFrame(self.solution.vcov, index=names, columns=names)

    def __repr__(self) -> str:
        s, row = self.solution, self.glance().iloc[0]
        dropped = f", {s.data.dropped} rows dropped" if s.data.dropped else ""
        lines = [
            f"{s.estimator.upper()} at two levels, {self.status}, {s.data.n} persons in "
            f"{s.data.clusters} units ('{self.cluster}'){dropped}",
            f"chi-square {row['chisq']:.3f} on {s.test.df} df, p = {row['p_value']:.4f}",
        ]
        if s.estimator == "mlr":
            lines.append(f"scaled {row['chisq_scaled']:.3f}, p = {row['p_value_scaled']:.4f}")
        lines.append(
            f"CFI {row['cfi']:.3f}, TLI {row['tli']:.3f}, RMSEA {row['rmsea']:.3f}, "
            f"SRMR within {row['srmr_within']:.3f}, between {row['srmr_between']:.3f}"
        )
        return "\n".join(lines)

    def _errors(self, function: Callable[[Model, Floats], Floats]) -> Floats:
        """Standard errors of a function of the parameters."""
        s = self.solution
        return delta_errors(lambda theta: function(s.model, theta), s.optimum.theta, s.vcov)


def reliability_rows(
    keys: list[tuple[str, str]], estimate: Floats, error: Floats, conf_level: float
) -> pd.DataFrame:
    """Return reliabilities with intervals that stay below 1; nan for what is above it.

    Above 1 covariances are those of no variables: it is no reliability, and no interval is one.
    """
    impossible = estimate > 1
    estimate, error = (np.where(impossible, np.nan, values) for values in (estimate, error))
    z = float(stats.norm.ppf((1 + conf_level) / 2))
    with np.errstate(invalid="ignore", divide="ignore"):
        width = z * error / (1 - estimate)
        low, high = 1 - (1 - estimate) * np.exp(width), 1 - (1 - estimate) * np.exp(-width)
    frame = pd.DataFrame(keys, columns=["level", "term"])
    frame["estimate"], frame["std_error"] = estimate, error
    frame["conf_low"], frame["conf_high"] = low, high
    return frame.reindex(columns=["level", *RESULT_COLUMNS])


def with_tests(
    frame: pd.DataFrame,
    raw: tuple[Floats, Floats],
    standard: tuple[Floats, Floats],
    conf_level: float,
) -> pd.DataFrame:
    """Return rows with estimates, errors, tests and intervals; no test without an error."""
    estimate, error = raw
    statistic = np.divide(estimate, error, out=np.full(len(error), np.nan), where=error > 0)
    half = float(stats.norm.ppf(0.5 + conf_level / 2)) * error
    return frame.assign(
        estimate=estimate,
        std_error=error,
        statistic=statistic,
        df=np.where(error > 0, np.inf, np.nan),
        p_value=2 * stats.norm.sf(np.abs(statistic)),
        conf_low=estimate - half,
        conf_high=estimate + half,
        standardised=standard[0],
        standardised_error=standard[1],
    )
