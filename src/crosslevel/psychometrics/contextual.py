"""The effect of a unit's level of a variable, by three ways of measuring that level."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from crosslevel.errors import MeasurementError, NotConvergedWarning
from crosslevel.frames import RESULT_COLUMNS
from crosslevel.multilevel import fit as fit_mixed
from crosslevel.psychometrics.grouping import Floats
from crosslevel.psychometrics.notices import HeywoodWarning
from crosslevel.psychometrics.safer import safer
from crosslevel.psychometrics.sem.delta import delta_errors
from crosslevel.psychometrics.sem.syntax import Statement
from crosslevel.psychometrics.sem.table import Table
from crosslevel.psychometrics.twolevel.fitting import Search, improper, search
from crosslevel.psychometrics.twolevel.statements import measured, predicted, table_of
from crosslevel.psychometrics.twolevel.statistics import summarise

TERMS = ("within", "between", "contextual")
_PREDICTOR, _OUTCOME = "the predictor", "the outcome"


@dataclass(frozen=True, slots=True)
class ContextualEffect:
    """The effect of a predictor within units, between them, and the difference.

    Attributes
    ----------
    table
        The rows of `tidy`.
    n, clusters, mean_size, rows_dropped
        Persons and units used, persons per unit, persons left out.
    icc, reliability
        Share of variance of the predictor's score between units, and reliability of a unit mean.
    safer
        The estimator with the smallest error in simulated studies of about this size: "manifest",
        "single-latent" or "doubly-latent".
    reason
        Why, in a sentence.
    """

    table: pd.DataFrame
    n: int
    clusters: int
    mean_size: float
    rows_dropped: int
    icc: float
    reliability: float
    safer: str
    reason: str

    def tidy(self) -> pd.DataFrame:
        """One row per estimator and effect (term within, between, contextual), with `status`."""
        return self.table.copy()

    def glance(self) -> pd.DataFrame:
        """One row: sizes, ICC, reliability of unit means, and which estimator is safer."""
        names = (
            "n", "clusters", "mean_size", "rows_dropped", "icc", "reliability", "safer", "reason",
        )  # fmt: skip
        return pd.DataFrame([{name: getattr(self, name) for name in names}])

    def __repr__(self) -> str:
        own = self.table[self.table["term"] == "contextual"].set_index("estimator")["estimate"]
        values = ", ".join(f"{name} {value:.3f}" for name, value in own.items())
        dropped = f", {self.rows_dropped} rows dropped" if self.rows_dropped else ""
        return (
            f"contextual effect: {values}; {self.n} persons in {self.clusters} units{dropped}\n"
            f"safer: {self.safer}. {self.reason}"
        )


@dataclass(frozen=True, slots=True)
class _Plan:
    """Columns of the question: outcome and predictor items, controls of persons and of units."""

    outcome: tuple[str, ...]
    items: tuple[str, ...]
    persons: tuple[str, ...]
    units: tuple[str, ...]
    cluster: str

    @property
    def columns(self) -> list[str]:
        """Columns of persons."""
        return list(dict.fromkeys([*self.outcome, *self.items, *self.persons]))


def contextual_effect(
    data: pd.DataFrame,
    *,
    outcome: str | Sequence[str],
    predictor: str | Sequence[str],
    cluster: str,
    controls: Sequence[str] = (),
    conf_level: float = 0.95,
) -> ContextualEffect:
    """Return the effect of a unit's level of a predictor, estimated in three ways.

    Use it when persons' answers about their unit predict an outcome. "manifest" takes unit means as
    they are: too close to the effect within when units are small. "single-latent" corrects for the
    few persons in a unit; "doubly-latent" for that and for the items. Corrections cost precision:
    with few units or a low ICC they may be off further than what they correct, and `safer` says so.

    Parameters
    ----------
    data
        One row per person.
    outcome, predictor
        Column, or items of a scale (their mean is the score; two or more make "doubly-latent"
        possible).
    cluster
        Column with the unit of each person.
    controls
        Further predictors: those of persons enter within and between units, those of units (the
        same for all persons of each unit) between.
    conf_level
        Level of the intervals.

    Returns
    -------
    ContextualEffect

    Raises
    ------
    MeasurementError
        When columns are missing or are no numbers, no complete row is left, there are no more units
        than effects between them, no unit of two, or a variable does not vary at both levels.

    Warns
    -----
    HeywoodWarning
        When a latent model has a negative variance, or no variance between units.
    NotConvergedWarning
        When no maximum was found; the row's status says which.

    Notes
    -----
    contextual = between - within. Manifest: REML with the deviation from the unit mean and the unit
    mean; latent: full-information maximum likelihood of a two-level model. Loadings are equal at
    both levels, and coefficients are given per point of the mean of the items, so that the three
    are on one scale. "Associated with", never "causes", without a design.
    Source: Lüdtke et al. (2008); Marsh et al. (2009).

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> unit = np.repeat(np.arange(60), 10)
    >>> climate = rng.normal(size=60)[unit]
    >>> x = climate + rng.normal(size=600)
    >>> y = 0.2 * x + 0.3 * climate + rng.normal(size=600) + 0.4 * rng.normal(size=60)[unit]
    >>> found = contextual_effect(
    ...     pd.DataFrame({"x": x, "y": y, "unit": unit}), outcome="y", predictor="x",
    ...     cluster="unit")
    >>> found.tidy()["estimator"].unique().tolist()
    ['manifest', 'single-latent']
    """
    plan, frame, dropped = _prepared(data, outcome, predictor, cluster, controls)
    rows = [_manifest(plan, frame, conf_level), _single(plan, frame, conf_level)]
    if len(plan.items) > 1:
        rows.append(_double(plan, frame, conf_level))
    score = frame[[_PREDICTOR, plan.cluster]]
    icc = _icc(score, plan.cluster)
    clusters, size = int(frame[plan.cluster].nunique()), len(frame) / frame[plan.cluster].nunique()
    best, reason = safer(clusters=clusters, icc=icc, size=size, items=len(plan.items))
    return ContextualEffect(
        table=pd.concat(rows, ignore_index=True),
        n=len(frame),
        clusters=clusters,
        mean_size=size,
        rows_dropped=dropped,
        icc=icc,
        reliability=size * icc / (1 + (size - 1) * icc) if icc > 0 else 0.0,
        safer=best,
        reason=reason,
    )


def _prepared(
    data: pd.DataFrame,
    outcome: str | Sequence[str],
    predictor: str | Sequence[str],
    cluster: str,
    controls: Sequence[str],
) -> tuple[_Plan, pd.DataFrame, int]:
    """Complete rows with the scores of outcome and predictor."""
    ys = (outcome,) if isinstance(outcome, str) else tuple(outcome)
    xs = (predictor,) if isinstance(predictor, str) else tuple(predictor)
    used = [*ys, *xs, *controls]
    twice = sorted({name for name in used if used.count(name) > 1})
    if twice or not ys or not xs:
        found = f"'{twice[0]}' is used twice" if twice else "one of them is empty"
        raise MeasurementError(f"Outcome, predictor and controls must be different: {found}.")
    persons = [*ys, *xs]
    given = [name for name in controls if name in data and _constant(data, name, cluster)]
    own = [name for name in controls if name not in given]
    statistics = summarise(data, [*persons, *own], given, cluster=cluster, both=[*persons, *own])
    frame = data.dropna(subset=[*used, cluster])
    clusters, effects = frame[cluster].nunique(), 2 + len(controls)
    if clusters <= effects:
        raise MeasurementError(
            f"{clusters} units cannot tell {effects} effects between units (mean, predictor, "
            "controls): more units than effects are needed."
        )
    scores = {_PREDICTOR: frame[list(xs)].mean(axis=1), _OUTCOME: frame[list(ys)].mean(axis=1)}
    plan = _Plan(ys, xs, tuple(own), tuple(given), cluster)
    return plan, frame.assign(**scores), statistics.dropped


def _constant(data: pd.DataFrame, name: str, cluster: str) -> bool:
    """Whether all persons of each unit have one value."""
    return cluster in data and bool(data.groupby(cluster)[name].nunique().le(1).all())


def _icc(score: pd.DataFrame, cluster: str) -> float:
    """ICC(1) of the predictor's score, as analysis of variance has it."""
    grouped = score.groupby(cluster)[_PREDICTOR]
    size, mean = grouped.size(), grouped.mean()
    n, J = len(score), len(size)
    between = float((size * (mean - score[_PREDICTOR].mean()) ** 2).sum()) / (J - 1)
    within = float(((grouped.size() - 1) * grouped.var(ddof=1).fillna(0)).sum()) / (n - J)
    k = (n - float((size**2).sum()) / n) / (J - 1)
    return (between - within) / (between + (k - 1) * within)


def _manifest(plan: _Plan, frame: pd.DataFrame, conf_level: float) -> pd.DataFrame:
    """Unit means as they are."""
    names = {name: f"c{i}" for i, name in enumerate((*plan.persons, *plan.units))}
    safe = pd.DataFrame({"y": frame[_OUTCOME], "x": frame[_PREDICTOR]})
    safe = safe.assign(unit=frame[plan.cluster].astype("str"))
    safe = safe.assign(**{short: frame[name] for name, short in names.items()})
    more = [f"within({names[n]}, unit) + between({names[n]}, unit)" for n in plan.persons]
    more += [names[n] for n in plan.units]
    rest = " + ".join(["between(x, unit)", *more, "(1 | unit)"])
    apart = fit_mixed(f"y ~ within(x, unit) + {rest}", safe)
    joint = fit_mixed(f"y ~ x + {rest}", safe)
    rows = apart.tidy(conf_level=conf_level).set_index("term")
    difference = joint.tidy(conf_level=conf_level).set_index("term")
    table = pd.concat(
        [
            rows.loc[["within(x, unit)", "between(x, unit)"]],
            difference.loc[["between(x, unit)"]],
        ]
    ).reset_index(drop=True)
    table["term"] = TERMS
    return _labelled(table, "manifest", str(apart.status))


def _single(plan: _Plan, frame: pd.DataFrame, conf_level: float) -> pd.DataFrame:
    """Latent unit means of the scores."""
    statements: list[Statement] = []
    for level, label in ((1, "w"), (2, "b")):
        more = plan.persons if level == 1 else (*plan.persons, *plan.units)
        statements += predicted(_OUTCOME, [_PREDICTOR, *more], level=level, label=label)
    return _latent(statements, plan, frame, ("single-latent", conf_level))


def _double(plan: _Plan, frame: pd.DataFrame, conf_level: float) -> pd.DataFrame:
    """Latent unit means of factors; a factor has the points of the mean of its items."""
    statements: list[Statement] = []
    y = _OUTCOME if len(plan.outcome) > 1 else plan.outcome[0]
    for level, label in ((1, "w"), (2, "b")):
        more = plan.persons if level == 1 else (*plan.persons, *plan.units)
        frames = [(_PREDICTOR, plan.items, "x")]
        if len(plan.outcome) > 1:
            frames.append((_OUTCOME, plan.outcome, "y"))
        for name, items, kind in frames:
            statements += measured(name, items, level=level, label=kind)
        statements += predicted(y, [_PREDICTOR, *more], level=level, label=label)
    columns = [*plan.outcome, *plan.items, *plan.persons, *plan.units, plan.cluster]
    return _latent(statements, plan, frame[columns], ("doubly-latent", conf_level))


def _latent(
    statements: Sequence[Statement], plan: _Plan, frame: pd.DataFrame, how: tuple[str, float]
) -> pd.DataFrame:
    """Fit a two-level model and give its effects."""
    name, conf_level = how
    try:
        found = search(table_of(statements), frame, cluster=plan.cluster)
    except MeasurementError as error:
        return _labelled(_none(), name, error.message.split(".")[0].lower())
    if found.information.undetermined:
        return _labelled(_none(), name, "not identified")
    theta, status = found.optimum.theta, found.optimum.status
    _warn(found, name)
    effects = _effects(found.model.table)
    estimate = effects(theta)
    std_error = delta_errors(effects, theta, found.information.inverse())
    half = float(stats.norm.ppf(0.5 + conf_level / 2)) * std_error
    table = pd.DataFrame(
        {
            "term": TERMS,
            "estimate": estimate,
            "std_error": std_error,
            "statistic": estimate / std_error,
            "df": np.inf,
            "p_value": 2 * stats.norm.sf(np.abs(estimate / std_error)),
            "conf_low": estimate - half,
            "conf_high": estimate + half,
        }
    ).reindex(columns=list(RESULT_COLUMNS))
    return _labelled(table, name, status)


def _none() -> pd.DataFrame:
    """The effects of a model that cannot be fitted."""
    return pd.DataFrame({"term": TERMS}).reindex(columns=list(RESULT_COLUMNS))


def _warn(found: Search, name: str) -> None:
    """Warn of a search without end and of variances below zero."""
    if found.optimum.status != "converged":
        warnings.warn(
            f"The {name} model did not converge: its estimates are not to be used.",
            NotConvergedWarning,
            stacklevel=5,
        )
    for text in improper(found.model, found.optimum.theta):
        warnings.warn(f"{name}: {text}", HeywoodWarning, stacklevel=5)


def _effects(table: Table) -> Callable[[Floats], Floats]:
    """Effects within, between and their difference, per point of the items' mean."""
    at = {row.label: row.free for row in table.rows if row.label}
    loadings = {
        kind: [r for r in table.rows if r.op == "=~" and r.level == 1 and r.lhs == factor]
        for kind, factor in (("x", _PREDICTOR), ("y", _OUTCOME))
    }

    def mean(kind: str, theta: Floats) -> float:
        """Mean loading of a factor; 1 without one."""
        rows = loadings[kind]
        values = [theta[r.free] if r.free >= 0 else r.value for r in rows]
        return float(np.mean(values)) if rows else 1.0

    def effects(theta: Floats) -> Floats:
        """The three effects."""
        scale = mean("y", theta) / mean("x", theta)
        within, between = theta[at["w"]] * scale, theta[at["b"]] * scale
        return np.array([within, between, between - within])

    return effects


def _labelled(table: pd.DataFrame, estimator: str, status: str) -> pd.DataFrame:
    """Rows with the estimator before and the status after them."""
    table = table.assign(group="").reindex(columns=list(RESULT_COLUMNS))
    table.insert(0, "estimator", estimator)
    return table.assign(status=status)
