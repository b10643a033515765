"""What a fitted multilevel model answers; the numbers themselves are made elsewhere."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from crosslevel.errors import DegreesOfFreedomWarning, ModelError
from crosslevel.multilevel.conditioning import Conditioned
from crosslevel.multilevel.design import INTERCEPT, Design
from crosslevel.multilevel.df import Fixed, Reference, kenward_roger, satterthwaite, unit_rows
from crosslevel.multilevel.doubt import doubtful
from crosslevel.multilevel.estimates import Effects, Estimates, effects
from crosslevel.multilevel.followup import FollowUp
from crosslevel.multilevel.intervals import intervals
from crosslevel.multilevel.objective import Objective
from crosslevel.multilevel.optimise import Optimum
from crosslevel.multilevel.prediction import fitted_values, predict
from crosslevel.multilevel.robust import KINDS, Robust, robust
from crosslevel.multilevel.tables import (
    coefficient_table,
    component_table,
    effect_table,
    joint_table,
)
from crosslevel.multilevel.threads import one_blas_thread

if TYPE_CHECKING:
    from crosslevel.multilevel.bootstrap import Bootstrap
    from crosslevel.multilevel.replication import Progress

DFS = ("satterthwaite", "kenward-roger", "residual", "normal")


@dataclass(frozen=True, slots=True, repr=False)
class MultilevelFit(FollowUp):
    """A fitted linear multilevel model. Nothing is overwritten after fitting.

    `design` is the formula met by the data, `estimates` holds the numbers in the user's units;
    `objective`, `problem` and `optimum` are the engine's side, kept for inference.
    """

    design: Design
    estimates: Estimates
    objective: Objective
    problem: Conditioned
    optimum: Optimum
    method: str
    covariance: str = "model"

    @property
    def formula(self) -> str:
        """The formula as it was written."""
        return self.design.formula.text

    @property
    def status(self) -> str:
        """Either "converged", "boundary" or "not converged"."""
        return self.estimates.status

    @property
    def status_text(self) -> str:
        """The status with its reason and the groups it concerns, in words."""
        if self.status == "boundary":
            return f"boundary: {self.estimates.reason}; {', '.join(self.estimates.singular)}"
        return f"{self.status}: {self.estimates.reason}" if self.estimates.reason else self.status

    @property
    def criterion(self) -> float:
        """The REML criterion, or -2 log-likelihood for maximum likelihood."""
        return self.estimates.criterion

    @property
    def log_likelihood(self) -> float:
        """The (restricted) log-likelihood."""
        return -0.5 * self.estimates.criterion

    @property
    def sigma(self) -> float:
        """Residual standard deviation, in units of the outcome."""
        return self.estimates.sigma

    @property
    def theta(self) -> pd.Series:
        """Relative covariance factors in lme4's order and with lme4's names."""
        names = []
        free = self.objective.parameters
        for f, a, b in zip(free.factor, free.row, free.column, strict=True):
            factor = self.design.factors[f]
            parts = [factor.name, factor.names[a], *([factor.names[b]] if a != b else [])]
            names.append(".".join(parts))
        return pd.Series(self.estimates.theta, index=names, name="theta")

    @property
    def doubtful_df(self) -> tuple[str, ...]:
        """Groups whose covariance is so close to singular that Satterthwaite's df are not reliable.

        Two optimisers may then both be right to ten digits and differ in the degrees of freedom;
        Kenward and Roger's do not have this weakness. Empty for most fits.
        """
        at = doubtful(self.objective, self.problem, self.optimum)
        return tuple(self.design.factors[f].name for f in at)

    @property
    def parameters(self) -> int:
        """Number of parameters estimated: fixed coefficients, theta and sigma."""
        return len(self.estimates.beta) + len(self.estimates.theta) + 1

    def tidy(self, *, df: str = "satterthwaite", conf_level: float = 0.95) -> pd.DataFrame:
        """Return one row per fixed term.

        Parameters
        ----------
        df
            Reference distribution: t with `"satterthwaite"` or `"kenward-roger"` degrees of freedom
            (the latter also corrects the standard errors), with `"residual"` n - P degrees of
            freedom, or the `"normal"`.
        conf_level
            Level of the confidence intervals.
        """
        reference, estimates = self.reference(df), self.estimates
        rows = np.eye(len(estimates.beta))
        return coefficient_table(
            estimates.names,
            estimates.beta,
            np.sqrt(np.diag(reference.covariance)),
            df=np.array([reference.df(row) for row in rows]),
            conf_level=conf_level,
        )

    def reference(self, df: str = "satterthwaite") -> Reference:
        """Return covariance and degrees of freedom for contrasts of the fixed coefficients."""
        if df not in DFS:
            raise ModelError(f"`df` must be {', '.join(map(repr, DFS))}, got {df!r}.")
        residual = float(self.design.n - len(self.estimates.beta))
        if df in ("normal", "residual"):
            return Fixed(self.estimates.vcov, np.inf if df == "normal" else residual)
        with one_blas_thread():
            if self.covariance != "model":
                if df == "kenward-roger":
                    raise ModelError(
                        "Kenward-Roger corrects the model's own covariance; "
                        f"use df='satterthwaite' with {self.covariance}."
                    )
                return self._robust(self.covariance)
            if df == "kenward-roger":
                return kenward_roger(self.objective, self.problem, self.optimum)
            self._warn_of_doubt()
            return satterthwaite(self.objective, self.problem, self.optimum)

    def joint_test(self, terms: Sequence[str], *, df: str = "satterthwaite") -> pd.DataFrame:
        """Return the F test that all these terms are zero: statistic, df, df_denominator, p_value.

        Use it for a predictor with several categories, or a main effect with its interactions.
        """
        rows = unit_rows(self.estimates.names, terms)
        return joint_table(terms, self.reference(df).joint(rows, self.estimates.beta))

    def with_vcov(self, kind: str) -> MultilevelFit:
        """Return the same fit with another covariance of the fixed coefficients.

        Parameters
        ----------
        kind
            `"CR0"` or `"CR2"` trust the clusters (groups of the outermost factor) but not the model
            for the variances; CR2 is nearly unbiased with few clusters. `"model"` goes back.
        """
        if kind not in KINDS:
            raise ModelError(f"`kind` must be {', '.join(map(repr, KINDS))}, got {kind!r}.")
        if kind == "model":
            vcov = satterthwaite(self.objective, self.problem, self.optimum).covariance
        else:
            with one_blas_thread():
                vcov = self._robust(kind).covariance
        return replace(self, estimates=replace(self.estimates, vcov=vcov), covariance=kind)

    def glance(self) -> pd.DataFrame:
        """Return one row about the whole fit; `dropped_terms` names aliased terms."""
        n, k = self.design.n, self.parameters
        return pd.DataFrame(
            {
                "n": [n],
                "groups": [self.groups],
                "method": [self.method],
                "criterion": [self.criterion],
                "log_likelihood": [self.log_likelihood],
                "parameters": [k],
                "aic": [self.criterion + 2.0 * k],
                "bic": [self.criterion + float(np.log(n)) * k],
                "sigma": [self.sigma],
                "df_residual": [n - len(self.estimates.beta)],
                "status": [self.status],
                "status_text": [self.status_text],
                "doubtful_df": [", ".join(self.doubtful_df)],
                "rows_dropped": [self.design.rows_dropped],
                "dropped_terms": [self.estimates.dropped],
            }
        )

    def augment(self) -> pd.DataFrame:
        """Return one row per input row: outcome, fitted value, residual; missing where dropped."""
        design = self.design
        fitted = fitted_values(design, self.estimates, self._effects())
        columns = {
            str(design.formula.response): design.y,
            "fitted": fitted,
            "residual": design.y - fitted,
        }
        index = design.index if design.kept is None else design.index[design.kept]
        return pd.DataFrame(columns, index=index).reindex(design.index)

    def vcov(self) -> pd.DataFrame:
        """Return the covariance matrix of the fixed coefficients, labelled."""
        names = list(self.estimates.names)
        return pd.DataFrame(self.estimates.vcov, index=names, columns=names)

    def variance_components(self) -> pd.DataFrame:
        """Return variances and covariances: group, term, other, covariance, sd, correlation.

        `other` and `correlation` are missing for a variance; the residual comes last.
        """
        return component_table(self.design.factors, self.estimates)

    def random_effects(self) -> pd.DataFrame:
        """Return predicted random coefficients: group, level, term, estimate, std_error.

        The standard error is the conditional standard deviation given the fixed part and the
        variances, as `condVar` of lme4.
        """
        return effect_table(self.design.factors, self._effects())

    def icc(self) -> pd.DataFrame:
        """Return the share of variance at each level: group, icc.

        Raises
        ------
        ModelError
            With random slopes, where the share depends on the predictor.
        """
        for factor in self.design.factors:
            if factor.names != (INTERCEPT,):
                raise ModelError(
                    f"The intraclass correlation of '{factor.name}' depends on its random slopes. "
                    "Fit the model with random intercepts only."
                )
        shares = np.array([float(T[0, 0] ** 2) for T in self.estimates.T])
        names = [factor.name for factor in self.design.factors]
        return pd.DataFrame({"group": names, "icc": shares / (1.0 + shares.sum())})

    def predict(
        self,
        data: pd.DataFrame | None = None,
        *,
        include: str | Sequence[str] = "all",
        interval: str | None = None,
        conf_level: float = 0.95,
    ) -> pd.Series | pd.DataFrame:
        """Return predictions aligned to the rows of `data` (default: the rows of the fit).

        Parameters
        ----------
        include
            `"all"` random effects, `"none"` (the population), or names of groups. A level the model
            has not met gets random effects of zero.
        interval
            A frame estimate, std_error, conf_low, conf_high: `"confidence"` for the mean of such
            rows, in their groups as far as `include` says; `"prediction"` for one new outcome,
            where groups not met and groups left out of `include` add their whole variance. The
            variance parameters count as known, the reference is normal.
        """
        return predict(
            self.design,
            self.estimates,
            self._effects,
            data=data,
            include=include,
            interval=interval,
            conf_level=conf_level,
        )

    @property
    def groups(self) -> str:
        """Number of groups per level, finest first, such as "72 unit, 6 hospital"."""
        return ", ".join(f"{factor.J} {factor.name}" for factor in self.design.factors)

    def simulate(self, n: int, *, seed: int) -> pd.DataFrame:
        """Return n outcomes drawn from the fit, one column each; see `replication.simulate`."""
        from crosslevel.multilevel.replication import simulate

        return simulate(self, n, seed=seed)

    def bootstrap(
        self, n: int, *, seed: int, n_jobs: int = 1, progress: Progress | None = None
    ) -> Bootstrap:
        """Return the spread of estimates over n outcomes drawn from the fit; see `Bootstrap`."""
        from crosslevel.multilevel.bootstrap import bootstrap

        return bootstrap(self, n, seed=seed, n_jobs=n_jobs, progress=progress)

    def intervals(
        self,
        *,
        method: str = "profile",
        conf_level: float = 0.95,
        n: int = 2000,
        seed: int | None = None,
    ) -> pd.DataFrame:
        """Return intervals of every parameter: kind, group, term, other, estimate, conf_low, ...

        Parameters
        ----------
        method
            `"profile"` inverts the likelihood-ratio test and may end at a standard deviation of
            zero; `"wald"` is quick and needs variances away from zero; `"bootstrap"` takes the
            percentiles of `bootstrap(n, seed=seed)`.
        n, seed
            Replicates of the bootstrap and their seed, which it needs.
        """
        if method == "bootstrap":
            if seed is None:
                raise ModelError("Bootstrap intervals need `seed`, a whole number of your choice.")
            return self.bootstrap(n, seed=seed).intervals(conf_level=conf_level)
        with one_blas_thread():
            return intervals(self, method=method, conf_level=conf_level)

    def _warn_of_doubt(self) -> None:
        if doubt := self.doubtful_df:
            advice = "use df='kenward-roger'"
            if self.method == "ml":
                advice = "fit by REML and use df='kenward-roger'"
            warnings.warn(
                f"The covariance of {', '.join(map(repr, doubt))} is nearly singular and the "
                f"Satterthwaite degrees of freedom hang on its last digits; {advice}.",
                DegreesOfFreedomWarning,
                4,
            )

    def _robust(self, kind: str) -> Robust:
        return robust(kind, self.design, self.problem, self.objective, self.optimum)

    def _effects(self) -> tuple[Effects, ...]:
        with one_blas_thread():
            return effects(self.objective, self.problem, self.optimum)

    def __repr__(self) -> str:
        design = self.design
        lost = ", ".join(f"{name} {count}" for name, count in design.lost.items())
        dropped = f"{design.rows_dropped} dropped ({lost} missing)" if lost else "none dropped"
        lines = [
            f"Multilevel model by {self.method.upper()}: {self.formula}",
            f"  {design.n} rows ({dropped}); groups: {self.groups}",
            f"  {self.status_text}; criterion {self.criterion:.4f}; sigma {self.sigma:.4g}",
        ]
        if self.estimates.dropped:
            lines.append(f"  dropped as aliased: {', '.join(self.estimates.dropped)}")
        for name, beta, variance in zip(
            self.estimates.names, self.estimates.beta, np.diag(self.estimates.vcov), strict=True
        ):
            lines.append(f"  {name:<28} {beta:>12.5g}  (s.e. {np.sqrt(variance):.4g})")
        return "\n".join(lines)
