"""What a single-level regression answers; the numbers themselves are made elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from crosslevel.errors import ModelError
from crosslevel.multilevel.assumptions import (
    breusch_godfrey,
    breusch_pagan,
    durbin_watson,
    reset,
    vif,
)
from crosslevel.multilevel.assumptions import influence as influence_rows
from crosslevel.multilevel.coding import Floats
from crosslevel.multilevel.design import INTERCEPT, Design
from crosslevel.multilevel.df import Fixed, Reference, unit_rows
from crosslevel.multilevel.glm import Solution, log_likelihood, solve
from crosslevel.multilevel.likelihood_intervals import profile
from crosslevel.multilevel.regression_means import on_all_rows, predicted, slopes
from crosslevel.multilevel.sandwich import CR, Clusters, Covariance, covariance
from crosslevel.multilevel.serial import Lags
from crosslevel.multilevel.tables import coefficient_table, joint_table, quantile


@dataclass(frozen=True, slots=True, repr=False)
class RegressionFit:
    """A fitted single-level regression. Nothing is overwritten after fitting.

    Attributes
    ----------
    names, dropped
        Terms of the fit, and those left out because others explain them.
    event
        Of a binomial outcome, the label counted as one.
    rows_dropped
        Rows left out because something was missing.
    """

    design: Design
    solution: Solution
    names: tuple[str, ...]
    dropped: tuple[str, ...]
    event: str
    clusters: Clusters | None
    covariance: Covariance
    rows_dropped: int

    @property
    def formula(self) -> str:
        """The formula as it was written."""
        return self.design.formula.text

    @property
    def family(self) -> str:
        """Either "gaussian", "binomial" or "poisson"."""
        return self.solution.family.name

    @property
    def n(self) -> int:
        """Rows analysed."""
        return self.design.n

    @property
    def beta(self) -> Floats:
        """(P,) coefficients."""
        return self.solution.beta

    @property
    def status(self) -> str:
        """Either "converged" or "not converged"."""
        return "converged" if self.solution.converged else "not converged"

    @property
    def df_residual(self) -> int:
        """Rows less coefficients."""
        return self.n - len(self.beta)

    @property
    def sigma(self) -> float:
        """Residual standard deviation of a row of weight one; 1 for binomial and Poisson."""
        scaled = self.solution.family.scale
        return float(np.sqrt(self.solution.deviance / self.df_residual)) if scaled else 1.0

    @property
    def log_likelihood(self) -> float:
        """The maximised log-likelihood."""
        return log_likelihood(self.solution)

    @property
    def parameters(self) -> int:
        """Coefficients, and sigma where it is estimated."""
        return len(self.beta) + int(self.solution.family.scale)

    @property
    def aic(self) -> float:
        """Akaike's criterion."""
        return 2.0 * (self.parameters - self.log_likelihood)

    @property
    def bic(self) -> float:
        """Schwarz's criterion."""
        return float(np.log(self.n)) * self.parameters - 2.0 * self.log_likelihood

    @property
    def null(self) -> Solution:
        """The model with an intercept alone (with none, for a formula without one)."""
        there = INTERCEPT in self.names
        X = np.ones((int(there), self.n))
        s = self.solution
        return solve(X, s.y, family=s.family, w=s.w, offset=self.design.offset)

    @property
    def r_squared(self) -> float:
        """Share of the deviance explained: of the variance (gaussian), McFadden's (0 and 1)."""
        return 1.0 - self.solution.deviance / self.null.deviance

    def reference(self) -> Reference:
        """Return covariance and degrees of freedom for contrasts of the coefficients.

        Model, HC and HAC: n - P for gaussian, normal otherwise. CR2: Satterthwaite. Other CR:
        groups less one.
        """
        made = self.covariance
        if made.robust is not None:
            return made.robust
        if made.kind in CR and self.clusters is not None:
            return Fixed(made.matrix, float(self.clusters.number - 1))
        df = float(self.df_residual) if self.solution.family.scale else np.inf
        return Fixed(made.matrix, df)

    def tidy(self, *, conf_level: float = 0.95) -> pd.DataFrame:
        """Return one row per term, with the reference distribution that goes with the covariance.

        Binomial coefficients are log odds ratios, Poisson coefficients log rate ratios.
        """
        reference = self.reference()
        return coefficient_table(
            self.names,
            self.beta,
            np.sqrt(np.diag(reference.covariance)),
            df=np.array([reference.df(row) for row in np.eye(len(self.beta))]),
            conf_level=conf_level,
        )

    def joint_test(self, terms: Sequence[str]) -> pd.DataFrame:
        """Return the F test that all these terms are zero: statistic, df, df_denominator, p_value.

        With CR2, Hotelling's T-squared with the degrees of freedom of Pustejovsky & Tipton (2018).
        """
        rows = unit_rows(self.names, terms)
        return joint_table(terms, self.reference().joint(rows, self.beta))

    def with_vcov(
        self, kind: str, *, lags: Lags = None, adjust: bool = False, prewhiten: bool = False
    ) -> RegressionFit:
        """Return the same fit with another covariance of the coefficients.

        Parameters
        ----------
        kind
            `"model"`; `"HC0"` to `"HC4"` for unequal variances (HC3 for small samples); `"HAC"` for
            rows in the order of time; `"CR0"`, `"CR1"`, `"CR1S"` (Stata's), `"CR2"` (few clusters),
            `"CR3"` for rows in clusters; of a binomial or Poisson fit the last two take time with
            the cube of the largest cluster.
        lags
            Of HAC: how many rows apart disturbances may be related; floor(4 (n/100)^(2/9)) if None;
            `"automatic"` by Newey and West (1994).
        adjust
            Of HAC: multiply by n / (n - P).
        prewhiten
            Of HAC: take a first-order autoregression out of the scores first, for strong serial
            correlation. With it and `"automatic"` lags this is the default of R's `NeweyWest`.

        Raises
        ------
        ModelError
            For an unknown kind, CR without clusters, and a covariance that does not exist here.
        """
        made = covariance(
            kind, self.solution, self.clusters, lags=lags, adjust=adjust, prewhiten=prewhiten
        )
        return replace(self, covariance=made)

    def intervals(self, *, method: str = "profile", conf_level: float = 0.95) -> pd.DataFrame:
        """Return one row per term: term, estimate, conf_low, conf_high.

        Parameters
        ----------
        method
            `"profile"` inverts the likelihood-ratio test of a binomial or Poisson model; an end is
            infinite where the likelihood never falls enough. `"wald"` is that of `tidy`, which is
            exact for a gaussian model.
        """
        if method not in ("profile", "wald"):
            raise ModelError(f"`method` must be 'profile' or 'wald', got {method!r}.")
        if method == "wald":
            return self.tidy(conf_level=conf_level)[["term", "estimate", "conf_low", "conf_high"]]
        if self.solution.family.scale:
            raise ModelError(
                "Profile intervals are for binomial and Poisson models; a gaussian model has exact "
                "t intervals: use method='wald'."
            )
        cut = float(quantile(np.array(np.inf), conf_level)) ** 2
        ends = profile(self.solution, self.design.offset, cut=cut)
        return pd.DataFrame(
            {
                "term": list(self.names),
                "estimate": self.beta,
                "conf_low": ends[:, 0],
                "conf_high": ends[:, 1],
            }
        )

    def average_slopes(self, *, conf_level: float = 0.95) -> pd.DataFrame:
        """Return the average derivative of the fitted mean by each numeric main term.

        In points of probability for a binomial model, in counts for a Poisson model. Standard
        errors by the delta method with the covariance of the fit. A term that appears in a product
        or a curve has no slope of its own and is left out, as is a category.
        """
        return slopes(self, conf_level=conf_level)

    def glance(self) -> pd.DataFrame:
        """Return one row about the whole fit; `dropped_terms` names aliased terms."""
        groups = "" if self.clusters is None else f"{self.clusters.number} {self.clusters.column}"
        gaussian = self.solution.family.scale
        null, residual = self.null.deviance, self.solution.deviance
        free = len(self.beta) - int(INTERCEPT in self.names)
        r2 = self.r_squared
        explained = (null - residual) / free / self.sigma**2 if free and gaussian else np.nan
        adjusted = 1.0 - (1.0 - r2) * (self.df_residual + free) / self.df_residual
        return pd.DataFrame(
            {
                "n": [self.n],
                "groups": [groups],
                "family": [self.family],
                "log_likelihood": [self.log_likelihood],
                "parameters": [self.parameters],
                "aic": [self.aic],
                "bic": [self.bic],
                "deviance": [residual],
                "null_deviance": [null],
                "df_residual": [self.df_residual],
                "sigma": [self.sigma],
                "r_squared": [r2],
                "adjusted_r_squared": [adjusted if gaussian else np.nan],
                "statistic": [explained],
                "dispersion": [float(pearson_chi_square(self.solution)) / self.df_residual],
                "covariance": [self.covariance.kind],
                "status": [self.status],
                "rows_dropped": [self.rows_dropped],
                "dropped_terms": [self.dropped],
            }
        )

    def vcov(self) -> pd.DataFrame:
        """Return the covariance matrix of the coefficients, labelled."""
        names = list(self.names)
        return pd.DataFrame(self.reference().covariance, index=names, columns=names)

    def augment(self) -> pd.DataFrame:
        """Return one row per input row: outcome, fitted mean, residual, and its influence.

        hat (leverage), studentised (residual in units of its own standard error without the row),
        cooks_distance; missing where the row was dropped.
        Rows without a cluster are not among them.
        """
        s, design = self.solution, self.design
        columns = {str(design.formula.response): s.y, "fitted": s.mu, "residual": s.y - s.mu}
        columns |= influence_rows(s)
        return on_all_rows(pd.DataFrame(columns), design)

    def predict(
        self, data: pd.DataFrame | None = None, *, conf_level: float = 0.95
    ) -> pd.DataFrame:
        """Return the fitted mean of rows with its interval: estimate, std_error, conf_low, ...

        The interval is made on the scale of the linear predictor with the covariance of the fit, at
        the smallest degrees of freedom of its terms.
        """
        return predicted(self, data, conf_level=conf_level)

    def tests(self, *, order: int = 1, alternative: str = "greater") -> pd.DataFrame:
        """Return tests of assumptions of a gaussian fit: test, statistic, df, ..., p_value.

        `durbin_watson` (serial correlation of neighbours that is `"greater"` than zero, `"less"` or
        `"two-sided"`; exact below 100 rows, no p value with weights), `breusch_godfrey` (serial
        correlation up to `order`), `breusch_pagan` (unequal variances, Koenker's studentised form),
        `reset` (curves left out: square and cube of the fitted mean). `df_denominator` is that of
        an F test.

        Raises
        ------
        ModelError
            For a binomial or Poisson fit, or an unknown `alternative`.
        """
        if not self.solution.family.scale:
            raise ModelError(f"These tests are for gaussian models; this one is {self.family}.")
        statistic, p = durbin_watson(self.solution, alternative)
        rows = [
            ("durbin_watson", statistic, np.nan, np.nan, p),
            ("breusch_godfrey", *_chi_square(*breusch_godfrey(self.solution, order))),
            ("breusch_pagan", *_chi_square(*breusch_pagan(self.solution))),
            ("reset", *reset(self.solution)),
        ]
        columns = ["test", "statistic", "df", "df_denominator", "p_value"]
        return pd.DataFrame(rows, columns=columns)

    def vif(self) -> pd.DataFrame:
        """Return variance inflation by term: term, vif. Above 10 a term is nearly a sum of others.

        Generalised (Fox & Monette, 1992) for a category: one value for all its columns.
        """
        return vif(self.design, self.solution, self.names)

    def __repr__(self) -> str:
        lost = f"{self.rows_dropped} dropped" if self.rows_dropped else "none dropped"
        groups = "" if self.clusters is None else f"; {self.clusters.number} {self.clusters.column}"
        lines = [
            f"Regression ({self.family}): {self.formula}",
            f"  {self.n} rows ({lost}){groups}; {self.status}; covariance {self.covariance.kind}",
        ]
        for name, beta, variance in zip(
            self.names, self.beta, np.diag(self.covariance.matrix), strict=True
        ):
            lines.append(f"  {name:<28} {beta:>12.5g}  (s.e. {np.sqrt(variance):.4g})")
        return "\n".join(lines)


def _chi_square(statistic: float, df: float, p_value: float) -> tuple[float, ...]:
    """A chi-square test as one with an infinite denominator."""
    return statistic, df, np.inf, p_value


def pearson_chi_square(solution: Solution) -> float:
    """Return Pearson's chi-square of a fit."""
    V = solution.family.variance(solution.mu)
    return float(solution.w @ ((solution.y - solution.mu) ** 2 / V))
