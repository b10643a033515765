"""Tables about models: coefficients, variances, predictions, unit effects, comparisons."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from crosslevel import disclosure, multilevel
from crosslevel.errors import ModelError, NotConvergedWarning, Problem
from crosslevel.multilevel import MultilevelFit
from crosslevel.multilevel.design import Design
from crosslevel.multilevel.formula import parse
from crosslevel.study.document import counted
from crosslevel.study.formulas import fixed_part
from crosslevel.study.labels import Labels
from crosslevel.study.spec import LINK_LEVEL, ModelSpec, StudySpec

REFERENCE = {
    "kenward-roger": (
        "t distribution with Kenward-Roger degrees of freedom. They, and the standard errors, "
        "correct for the number of groups."
    ),
    "satterthwaite": (
        "t distribution with Satterthwaite degrees of freedom, which correct for the number of "
        "groups."
    ),
    "normal": (
        "Standard normal distribution. Nothing corrects for the number of groups, so with few "
        "groups p-values and intervals are too small."
    ),
    "residual": (
        "t distribution with rows minus fixed terms as degrees of freedom. Nothing corrects for "
        "the number of groups, so with few groups p-values and intervals are too small."
    ),
}
STATUS = {
    "converged": "The criterion is at its minimum.",
    "boundary": "The criterion is at its minimum on the boundary: {}.",
    "not converged": "The fit stopped before the criterion was at its minimum: do not use it.",
}
_COEFFICIENTS = (
    "model", "estimator", "term", "label", "group", "estimate", "std_error", "statistic", "df",
    "p_value", "conf_low", "conf_high",
)  # fmt: skip

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Fitted:
    """One model of the study with its fit and the design it was fitted on."""

    spec: ModelSpec
    fit: MultilevelFit
    design: Design
    coefficients: pd.DataFrame

    @property
    def estimates(self) -> pd.DataFrame:
        """Multilevel coefficients by term."""
        own = self.coefficients["estimator"] == "multilevel"
        return self.coefficients[own].set_index("term")

    @property
    def outcome(self) -> str:
        """Name of the outcome column."""
        return self.design.formula.response.columns[0]

    def rows(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the rows of a frame that were analysed."""
        return frame if self.design.kept is None else frame[self.design.kept]

    @property
    def boundary(self) -> str:
        """Which variances are estimated as zero, or correlations as one; empty inside."""
        table = self.fit.variance_components()
        said = []
        for name in self.fit.estimates.singular:
            own = table[(table["group"] == name) & table["other"].isna()]
            zero = own.loc[own["covariance"] == 0, "term"]
            if len(own) == 1 or len(zero) == len(own):
                said.append(f"the variance of {self.groups[name]} is estimated as zero")
            elif len(zero):
                of = " and ".join(zero)
                said.append(f"the variance of {of} by {self.groups[name]} is estimated as zero")
            else:
                said.append(
                    f"coefficients that vary by {self.groups[name]} are estimated as fully "
                    "correlated"
                )
        return "; ".join(said)

    @property
    def groups(self) -> Mapping[str, str]:
        """Grouping factors by name, with the name a reader sees: 'hospital:unit' is 'unit'."""
        short = {factor.name: factor.columns[-1] for factor in self.design.factors}
        return short if len(set(short.values())) == len(short) else {name: name for name in short}

    def column(self, term: str) -> Floats:
        """Return the design column of a term over the analysed rows."""
        column: Floats = self.design.X[self.design.names.index(term)]
        return column


def fit_models(frame: pd.DataFrame, spec: StudySpec, labels: Labels) -> list[Fitted]:
    """Return each model of the study fitted, in the order of `study.yml`.

    Raises
    ------
    ModelError
        With every model that cannot be fitted, and why.
    """
    fitted: list[Fitted] = []
    problems: list[Problem] = []
    for entry in spec.models:
        try:
            fitted.append(_fit(entry, frame, spec, labels))
        except ModelError as error:
            found = list(error.problems) or [Problem("", error.message)]
            problems += [
                Problem(f"model '{entry.id}'" + f", {p.where}" * bool(p.where), p.found, p.fix)
                for p in found
            ]
    if problems:
        raise ModelError(f"{counted(problems)} with the models.", problems)
    return fitted


def cautions(fitted: Iterable[Fitted]) -> Iterator[str]:
    """Yield a sentence for each fit that did not end inside its bounds."""
    for one in fitted:
        if one.fit.status != "converged":
            said = one.boundary if one.fit.status == "boundary" else "it has not converged"
            reason = "" if one.fit.status == "boundary" else f" ({one.fit.estimates.reason})"
            yield f"Model '{one.spec.id}': {said}{reason}."


def coefficient_table(fitted: Iterable[Fitted]) -> pd.DataFrame:
    """Return fixed effects of all models, multilevel and OLS with unit-clustered errors."""
    return pd.concat([one.coefficients for one in fitted], ignore_index=True)


def fit_table(fitted: Iterable[Fitted], labels: Labels) -> pd.DataFrame:
    """Return one row per model: size, criterion, convergence, and what was left out."""
    rows = []
    for one in fitted:
        glance = one.fit.glance().iloc[0]
        used = set(one.estimates.index)
        sizes = [f"{factor.J} {one.groups[factor.name]}" for factor in one.design.factors]
        rows.append(
            {
                "model": one.spec.id,
                "label": one.spec.label,
                "role": one.spec.role,
                "outcome": one.outcome,
                "outcome_label": labels.of(one.outcome),
                "formula": " ".join(one.spec.formula.split()),
                "method": one.spec.method.upper(),
                "estimator": "multilevel",
                "n": one.design.n,
                "groups": ", ".join(sizes),
                "criterion": one.fit.criterion,
                "log_likelihood": one.fit.log_likelihood,
                "aic": glance["aic"],
                "bic": glance["bic"],
                "sigma": one.fit.sigma,
                "status": one.fit.status,
                "status_text": STATUS[one.fit.status].format(one.boundary),
                "rows_dropped": one.design.rows_dropped,
                "terms_dropped": ", ".join(n for n in one.design.names if n not in used),
                "reference": _reference(one.spec),
            }
        )
    return pd.DataFrame(rows)


def variance_table(fitted: Iterable[Fitted]) -> pd.DataFrame:
    """Return the variance components of all models."""
    tables = []
    for one in fitted:
        table = one.fit.variance_components().rename(columns={"sd": "std_dev"})
        table = table.assign(model=one.spec.id, group=table["group"].replace(dict(one.groups)))
        tables.append(table)
    columns = ["model", "group", "term", "other", "covariance", "std_dev", "correlation"]
    return pd.concat(tables, ignore_index=True).reindex(columns=columns)


def icc_table(fitted: Iterable[Fitted], labels: Labels) -> pd.DataFrame:
    """Return, from each null model, the share of variance that lies between groups."""
    rows = []
    for one in fitted:
        if one.spec.role != "null":
            continue
        sizes = {factor.name: factor.J for factor in one.design.factors}
        shares = one.fit.icc().set_index("group")["icc"]
        rows += [
            {
                "model": one.spec.id,
                "outcome": one.outcome,
                "outcome_label": labels.of(one.outcome),
                "group": one.groups[group],
                "icc": shares[group],
                "n": one.design.n,
                "groups": size,
            }
            for group, size in sizes.items()
        ]
    columns = ["model", "outcome", "outcome_label", "group", "icc", "n", "groups"]
    return pd.DataFrame(rows, columns=columns)


@dataclass(frozen=True, slots=True)
class UnitEffects:
    """Unit effects in order of size without names, and how many units were left out."""

    table: pd.DataFrame
    withheld: int


def unit_effects(one: Fitted, spec: StudySpec) -> UnitEffects:
    """Return the random intercepts of units, without anything that tells which unit it is.

    Units with fewer analysed people than the disclosure minimum are left out. Every interval has
    the median width: its own width would tell a unit's size, and so which unit it is.
    """
    columns = ["model", "position", "estimate", "conf_low", "conf_high"]
    factor = next((f for f in one.design.factors if f.columns[-1] == LINK_LEVEL), None)
    if factor is None:
        return UnitEffects(pd.DataFrame(columns=columns), 0)
    effects = one.fit.random_effects()
    effects = effects[(effects["group"] == factor.name) & (effects["term"] == "(Intercept)")]
    people = pd.Series(np.bincount(factor.codes), index=factor.levels.labels().astype(str))
    effects = effects.assign(people=effects["level"].astype(str).map(people).astype("int64"))
    shown = disclosure.withhold(effects, count="people", minimum=spec.disclosure.minimum)
    table = shown.shown.sort_values("estimate", ignore_index=True)
    half = stats.norm.ppf((1 + spec.conf_level) / 2) * table["std_error"].median()
    table = table.assign(
        model=one.spec.id,
        position=np.arange(1, len(table) + 1),
        conf_low=table["estimate"] - half,
        conf_high=table["estimate"] + half,
    )
    return UnitEffects(table[columns], int(shown.withheld))


def comparison_table(fitted: Sequence[Fitted], spec: StudySpec, labels: Labels) -> pd.DataFrame:
    """Return the same predictor as reported by different people, also standardised.

    Standardised: slope * SD(predictor as it stands in the model) / SD(outcome), both over the
    analysed rows.
    """
    by_id = {one.spec.id: one for one in fitted}
    rows = []
    for comparison in spec.comparisons:
        for entry in comparison.estimates:
            one = by_id[entry.model]
            found = coefficient(one, entry.term)
            scale = np.std(one.column(entry.term), ddof=1) / np.std(one.design.y, ddof=1)
            rows.append(
                {
                    "outcome": one.outcome,
                    "outcome_label": labels.of(one.outcome),
                    "use": comparison.use,
                    "label": comparison.label,
                    "source": entry.source,
                    "model": entry.model,
                    "term": entry.term,
                    "estimate": found["estimate"],
                    "std_error": found["std_error"],
                    "conf_low": found["conf_low"],
                    "conf_high": found["conf_high"],
                    "standardised": found["estimate"] * scale,
                    "standardised_low": found["conf_low"] * scale,
                    "standardised_high": found["conf_high"] * scale,
                }
            )
    columns = [
        "outcome", "outcome_label", "use", "label", "source", "model", "term", "estimate",
        "std_error", "conf_low", "conf_high", "standardised", "standardised_low",
        "standardised_high",
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def _fit(entry: ModelSpec, frame: pd.DataFrame, spec: StudySpec, labels: Labels) -> Fitted:
    """Fit one model, and OLS with unit-clustered standard errors beside it."""
    formula = parse(entry.formula)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotConvergedWarning)  # `cautions` names the model
        fit = multilevel.fit(entry.formula, frame, method=entry.method)
    if entry.covariance != "model":
        fit = fit.with_vcov(entry.covariance)
    tables = {"multilevel": fit.tidy(df=entry.df, conf_level=spec.conf_level)}
    if formula.terms:
        pooled = multilevel.ols(fixed_part(formula), frame, cluster=LINK_LEVEL)
        tables["ols-cluster"] = pooled.tidy(conf_level=spec.conf_level)
    coefficients = pd.concat(
        [
            table.assign(
                model=entry.id,
                estimator=estimator,
                label=[labels.term(term) for term in table["term"]],
            )
            for estimator, table in tables.items()
        ],
        ignore_index=True,
    )
    return Fitted(entry, fit, fit.design, coefficients.reindex(columns=list(_COEFFICIENTS)))


def _reference(entry: ModelSpec) -> str:
    """Say what tests and intervals refer to."""
    text = REFERENCE[entry.df]
    if entry.covariance == "model":
        return text
    return f"{text} Standard errors are cluster-robust ({entry.covariance})."


def coefficient(one: Fitted, term: str) -> pd.Series:
    """Return the multilevel estimate of one term.

    Raises
    ------
    ModelError
        When the term was dropped because others determine it.
    """
    table = one.estimates
    if term not in table.index:
        raise ModelError(
            f"Model '{one.spec.id}' has no estimate for '{term}': in these data it does not vary, "
            "or other terms determine it."
        )
    return table.loc[[term]].iloc[0]
