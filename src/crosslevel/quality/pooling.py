"""One result from the results of m imputed data sets, by Rubin's rules."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from crosslevel.errors import ModelError
from crosslevel.frames import listed
from crosslevel.multilevel import RegressionFit
from crosslevel.multilevel.tables import coefficient_table
from crosslevel.quality.completed import estimate, refuse_impossible
from crosslevel.quality.constraints import Weights, constraint_label, constraint_matrix
from crosslevel.quality.incomplete import Floats
from crosslevel.quality.nested import METHODS, NestedTest, d1, d2, d2_likelihood, d3, d4
from crosslevel.quality.pooled_r_squared import pooled_r_squared

RULES = ("barnard-rubin", "rubin")


@dataclass(frozen=True, slots=True, repr=False)
class Pooled:
    """Estimates pooled over m imputations; the fits behind them are kept in `fits`.

    betas (m, P) and covariances (m, P, P) of the single fits; df_complete (P,): the degrees of
    freedom the terms would have without missing values.
    """

    names: tuple[str, ...]
    betas: Floats
    covariances: Floats
    df_complete: Floats
    rule: str
    fits: tuple[Any, ...]

    @property
    def m(self) -> int:
        """Number of imputations."""
        return len(self.betas)

    @property
    def estimate(self) -> Floats:
        """(P,) mean over the imputations."""
        return np.asarray(self.betas.mean(axis=0))

    @property
    def within(self) -> Floats:
        """(P, P) mean covariance: the uncertainty there would be without missing values."""
        return np.asarray(self.covariances.mean(axis=0))

    @property
    def between(self) -> Floats:
        """(P, P) covariance of the estimates over the imputations: what missing values add."""
        return np.cov(self.betas, rowvar=False, ddof=1).reshape(self.within.shape)

    @property
    def total(self) -> Floats:
        """(P, P) within + (1 + 1/m) between."""
        return np.asarray(self.within + (1.0 + 1.0 / self.m) * self.between)

    def pooling(self) -> pd.DataFrame:
        """Return one row per term: within, between, total, riv, lambda, fmi, df, df_rubin, re.

        riv is the relative increase of the variance due to missing values, lambda their share of
        the total variance, fmi the fraction of information they cost (lambda, for finite m), re the
        efficiency relative to infinitely many imputations.
        """
        within, between, total = (np.diag(v) for v in (self.within, self.between, self.total))
        added = (1.0 + 1.0 / self.m) * between
        with np.errstate(divide="ignore", invalid="ignore"):
            riv, share = added / within, added / total
            df_rubin = (self.m - 1.0) / share**2
        df = df_rubin if self.rule == "rubin" else _barnard_rubin(df_rubin, share, self.df_complete)
        return pd.DataFrame(
            {
                "term": list(self.names),
                "within": within,
                "between": between,
                "total": total,
                "riv": riv,
                "lambda": share,
                "fmi": (riv + 2.0 / (df + 3.0)) / (1.0 + riv),
                "df": df,
                "df_rubin": df_rubin,
                "re": 1.0 / (1.0 + share / self.m),
            }
        )

    def tidy(self, *, conf_level: float = 0.95) -> pd.DataFrame:
        """Return one row per term with the standard columns, and riv and fmi."""
        pooling = self.pooling()
        table = coefficient_table(
            self.names,
            self.estimate,
            np.sqrt(np.diag(self.total)),
            df=pooling["df"].to_numpy(),
            conf_level=conf_level,
        )
        return table.assign(riv=pooling["riv"], fmi=pooling["fmi"])

    def glance(self) -> pd.DataFrame:
        """Return one row: m, rule, terms, largest fmi, advised m, fits not converged.

        `m_advised` is the number of imputations from which another run would change a standard
        error by about 5 % (von Hippel 2020, eq. 2): 1 + (fmi / 0.05)^2 / 2 for the largest fmi.
        """
        fmi = float(self.pooling()["fmi"].max())
        stuck = sum(getattr(fit, "status", "") == "not converged" for fit in self.fits)
        return pd.DataFrame(
            {
                "m": [self.m],
                "rule": [self.rule],
                "terms": [len(self.names)],
                "largest_fmi": [fmi],
                "m_advised": [int(np.ceil(1.0 + 0.5 * (fmi / 0.05) ** 2))],
                "not_converged": [stuck],
            }
        )

    def vcov(self) -> pd.DataFrame:
        """Return the total covariance matrix, labelled."""
        return pd.DataFrame(self.total, index=list(self.names), columns=list(self.names))

    def variance_components(self) -> pd.DataFrame:
        """Return pooled variances and covariances: group, term, other, covariance, sd, correlation.

        Variances and covariances are averaged; sd and correlation follow from the averages.

        Raises
        ------
        ModelError
            When the fits are not multilevel models.
        """
        tables: list[pd.DataFrame] = [f.variance_components() for f in self._multilevel()]
        pooled = tables[0].copy()
        pooled["covariance"] = np.mean([t["covariance"] for t in tables], axis=0)
        single = pooled["other"].isna()
        pooled["sd"] = np.sqrt(pooled["covariance"].where(single))
        sd = pooled[single].set_index(["group", "term"])["sd"]
        for k in pooled.index[~single]:
            group, a, b = pooled.loc[k, ["group", "term", "other"]]
            both = sd[group, a] * sd[group, b]
            pooled.loc[k, "correlation"] = pooled.loc[k, "covariance"] / both if both else np.nan
        return pooled

    def icc(self) -> pd.DataFrame:
        """Return the mean over the imputations of the share of variance at each level."""
        tables: list[pd.DataFrame] = [fit.icc() for fit in self._multilevel()]
        return tables[0].assign(icc=np.mean([t["icc"] for t in tables], axis=0))

    def r_squared(self, *, adjusted: bool = False, conf_level: float = 0.95) -> pd.DataFrame:
        """Return the pooled share of variance explained: term, estimate, conf_low, conf_high, fmi.

        On Fisher's scale (Harel 2009), as R mice's `pool.r.squared`; an end below zero is zero.

        Raises
        ------
        ModelError
            When the fits are no gaussian regressions, or an adjusted share is below zero.
        """
        if not all(isinstance(f, RegressionFit) and f.family == "gaussian" for f in self.fits):
            raise ModelError("R-squared is pooled over gaussian regressions of `regress`.")
        column = "adjusted_r_squared" if adjusted else "r_squared"
        shares = np.array([float(fit.glance()[column].iloc[0]) for fit in self.fits])
        if (shares < 0).any():
            raise ModelError(
                f"An adjusted R-squared is {shares.min():.3g}; it has no root to pool."
            )
        n = np.array([float(fit.n) for fit in self.fits])
        made = pooled_r_squared(shares, n, conf_level=conf_level)
        made.insert(0, "term", column)
        return made

    def test(
        self,
        null: Pooled | str | Sequence[str],
        *,
        method: str = "D1",
        use: str = "wald",
        df_complete: float | None = None,
    ) -> NestedTest:
        """Return a test of this model against a smaller one.

        Parameters
        ----------
        null
            The smaller model pooled over the same imputations, or the terms that are zero in it.
        method
            `"D1"` pools estimates and covariances (Li, Raghunathan & Rubin 1991; degrees of freedom
            of Reiter 2007); `"D2"` pools the tests of the single data sets, and is the least
            powerful; `"D3"` pools likelihood ratios (Meng & Rubin 1992) and needs `null` fitted,
            and both by maximum likelihood; `"D4"` does so from the data sets stacked (Chan & Meng
            2022) and needs regressions of a single level.
        use
            The single tests of D2: `"wald"` or `"likelihood"`.
        df_complete
            Degrees of freedom without missing values for D1; the smallest of the tested terms when
            None, infinite with `numpy.inf`.

        Raises
        ------
        ModelError
            For models that are not nested, or not fitted as the method needs.

        Notes
        -----
        Agrees with `testModels` of R mitml (D3 and D4: `ariv="positive"`, where an increase in
        variance is never below zero).
        """
        if method not in METHODS:
            raise ModelError(f"`method` must be {', '.join(map(repr, METHODS))}, got {method!r}.")
        if use not in ("wald", "likelihood"):
            raise ModelError(f"`use` must be 'wald' or 'likelihood', got {use!r}.")
        likelihood = {"D3": d3, "D4": d4} | ({"D2": d2_likelihood} if use == "likelihood" else {})
        if method in likelihood:
            if not isinstance(null, Pooled):
                raise ModelError(f"{method} with likelihoods needs the smaller model, pooled.")
            return likelihood[method](self.fits, null.fits)
        terms = self._tested(null)
        at = [self.names.index(t) for t in terms]
        betas, covariances = self.betas[:, at], self.covariances[:, at][:, :, at]
        if method == "D2":
            return d2(terms, betas, covariances)
        df = float(self.df_complete[at].min()) if df_complete is None else float(df_complete)
        return d1(terms, betas, covariances, df_complete=df)

    def test_constraints(
        self,
        constraints: Sequence[Weights],
        *,
        values: Sequence[float] | None = None,
        method: str = "D1",
        df_complete: float | None = None,
    ) -> NestedTest:
        """Return a joint test of linear combinations of the coefficients.

        Parameters
        ----------
        constraints
            (k,) weights by term of each combination: `[{"x": 1, "z": -1}]` asks whether x = z.
        values
            (k,) what the combinations are if the constraints hold; zeros when None.
        method
            `"D1"` or `"D2"` (of Wald tests), as in `test`.
        df_complete
            As in `test`; of the terms with a weight when None.

        Raises
        ------
        ModelError
            For another method, unknown terms, or constraints that follow from each other.

        Notes
        -----
        D1 or D2 of L beta - c with covariances L V L'. Agrees with `testConstraints` of R mitml.
        """
        if method not in METHODS[:2]:
            raise ModelError(f"`method` must be 'D1' or 'D2' for constraints, got {method!r}.")
        L = constraint_matrix(constraints, self.names)
        c = np.zeros(len(L)) if values is None else np.asarray(values, dtype=np.float64)
        if c.shape != (len(L),) or not np.isfinite(c).all():
            raise ModelError(f"`values` needs one number for each of {len(L)} constraints.")
        terms = [constraint_label(w, v) for w, v in zip(constraints, c, strict=True)]
        betas, covariances = self.betas @ L.T - c, L @ self.covariances @ L.T
        if method == "D2":
            return d2(terms, betas, covariances)
        df = self.df_complete[(L != 0.0).any(axis=0)].min() if df_complete is None else df_complete
        return d1(terms, betas, covariances, df_complete=float(df))

    def _tested(self, null: Pooled | str | Sequence[str]) -> list[str]:
        """Return the terms that the smaller model leaves out."""
        others = list(null.names) if isinstance(null, Pooled) else listed(null)
        terms = [t for t in self.names if t not in others] if isinstance(null, Pooled) else others
        strange = [t for t in others if t not in self.names]
        if strange:
            raise ModelError(
                f"The models are not nested: this one has no {', '.join(map(repr, strange))}. Its "
                f"terms are {', '.join(self.names)}."
            )
        if not terms:
            raise ModelError("Both models have the same fixed terms: there is nothing to test.")
        return list(terms)

    def _multilevel(self) -> tuple[Any, ...]:
        if not all(hasattr(fit, "variance_components") for fit in self.fits):
            raise ModelError("Variance components need multilevel models.")
        return self.fits

    def __repr__(self) -> str:
        table = self.tidy()
        lines = [f"Pooled over {self.m} imputations ({self.rule} degrees of freedom)"]
        lines += [
            f"  {row.term:<28} {row.estimate:>12.5g}  (s.e. {row.std_error:.4g}, "
            f"df {row.df:.1f}, fmi {row.fmi:.2f})"
            for row in table.itertuples()
        ]
        return "\n".join(lines)


def pool(
    fits: Iterable[Any], *, df_complete: float | None = None, rule: str = "barnard-rubin"
) -> Pooled:
    """Return estimates and standard errors pooled over imputed data sets by Rubin's rules.

    Use it on the same analysis of each imputed data set. `Imputations.fit` does both.

    Parameters
    ----------
    fits
        m results: anything with `tidy()` and `vcov()` (models of `multilevel`), results of
        statsmodels, or frames with term, estimate, std_error (covariances are then unknown, so only
        tests of single terms are possible).
    df_complete
        Degrees of freedom without missing values. None takes what the fits say: Satterthwaite per
        term for multilevel models, n - P for linear ones, infinite where a fit says nothing.
    rule
        `"barnard-rubin"` or `"rubin"` (1987), whose degrees of freedom can exceed the complete
        data's.

    Returns
    -------
    Pooled

    Raises
    ------
    ModelError
        For fewer than two results, results with different terms or the same term twice, estimates
        or standard errors that are no finite numbers, or something that is no result.

    Notes
    -----
    T = W + (1 + 1/m) B. Rubin (1987): df = (m - 1) / lambda^2, lambda = (1 + 1/m) B / T; Barnard &
    Rubin (1999): 1 / (1/df + 1/((df0 + 1) / (df0 + 3) df0 (1 - lambda))). Agrees with R mice::pool
    and mitml::testEstimates.

    Examples
    --------
    >>> one = pd.DataFrame({"term": ["x"], "estimate": [0.4], "std_error": [0.1]})
    >>> two = pd.DataFrame({"term": ["x"], "estimate": [0.6], "std_error": [0.1]})
    >>> pool([one, two]).tidy()[["estimate", "std_error", "fmi"]].round(3)
       estimate  std_error    fmi
    0       0.5        0.2  0.855
    """
    if rule not in RULES:
        raise ModelError(f"`rule` must be {' or '.join(map(repr, RULES))}, got {rule!r}.")
    if not isinstance(fits, Iterable) or isinstance(fits, pd.DataFrame):
        raise ModelError(f"`fits` are several results, got one {type(fits).__name__}.")
    fits = tuple(fits)
    if len(fits) < 2:
        raise ModelError(
            f"Pooling needs results of two imputed data sets or more, got {len(fits)}."
        )
    made = [estimate(fit, known=df_complete is not None or rule == "rubin") for fit in fits]
    for k, one in enumerate(made, start=1):
        refuse_impossible(one, k)
    names = made[0].names
    for k, other in enumerate(made[1:], start=2):
        if other.names != names:
            raise ModelError(
                f"Result {k} has the terms {', '.join(other.names)}, result 1 has "
                f"{', '.join(names)}. Pool one analysis at a time."
            )
    df = np.mean([e.df for e in made], axis=0)
    return Pooled(
        names=names,
        betas=np.array([e.beta for e in made]),
        covariances=np.array([e.covariance for e in made]),
        df_complete=df if df_complete is None else np.full(len(names), float(df_complete)),
        rule=rule,
        fits=fits,
    )


def _barnard_rubin(df_rubin: Floats, share: Floats, df_complete: Floats) -> Floats:
    """Return the small-sample degrees of freedom of Barnard & Rubin (1999, eq. 3)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        observed = (df_complete + 1.0) / (df_complete + 3.0) * df_complete * (1.0 - share)
        observed = np.where(np.isinf(df_complete), np.inf, observed)
        return np.asarray(1.0 / (1.0 / df_rubin + 1.0 / observed))
