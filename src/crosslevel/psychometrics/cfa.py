"""Confirmatory factor analysis and path models by maximum likelihood."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from crosslevel.errors import MeasurementError, NotConvergedWarning, Problem, did_you_mean
from crosslevel.psychometrics.answers import warn_matrix
from crosslevel.psychometrics.notices import HeywoodWarning, NotIdentifiedWarning
from crosslevel.psychometrics.ordered_cfa import fit_ordered
from crosslevel.psychometrics.sem.checking import check_columns
from crosslevel.psychometrics.sem.identification import not_identified, undetermined, without
from crosslevel.psychometrics.sem.matrices import Moments
from crosslevel.psychometrics.sem.maximum import Maximum, baseline, baseline_start, maximise
from crosslevel.psychometrics.sem.measures import indices, srmr
from crosslevel.psychometrics.sem.normal import deviance, seen
from crosslevel.psychometrics.sem.result import SemFit
from crosslevel.psychometrics.sem.roles import roles
from crosslevel.psychometrics.sem.sample import Sample, samples
from crosslevel.psychometrics.sem.saturated import saturated
from crosslevel.psychometrics.sem.syntax import ABOUT_LABELS, Statement, parse
from crosslevel.psychometrics.sem.table import Options, Table, build
from crosslevel.psychometrics.sem.testing import Saturated, satorra_bentler, saturate, statistic

Floats = npt.NDArray[np.float64]
ESTIMATORS = ("ml", "mlm", "mlr", "dwls", "wlsmv")
LEAST_SQUARES = ("dwls", "wlsmv")


def cfa(
    model: str,
    data: pd.DataFrame,
    *,
    estimator: str = "ml",
    ordered: Sequence[str] | bool = (),
    group: str | None = None,
    equal: Sequence[str] = (),
    release: Sequence[str] = (),
    missing: str = "drop",
    cluster: str | None = None,
    std_lv: bool = False,
    orthogonal: bool = False,
    means: bool | None = None,
    fixed_x: bool = True,
) -> SemFit:
    """Return a fitted confirmatory factor or path model.

    Use it to ask whether items measure what their scales say. Estimates assume normal answers;
    "mlr" and "mlm" keep the estimates and correct tests and standard errors where they are not.

    Parameters
    ----------
    model
        lavaan's notation: `f =~ a + b + c`, `y ~ x`, `a ~~ b`, `y ~ 1`, `ab := a * b` (also with
        exp, log, sqrt, abs), `a == b` of two labels, modifiers `0.5*x`, `NA*x`, `label*x`,
        `c(a, b)*x` per group, `start(0.5)*x`.
    data
        (n_persons, n_columns) with a column per observed variable; nan = not answered. Always
        answers, never a correlation matrix.
    estimator
        "ml": normal theory. "mlm": Satorra-Bentler, complete answers only. "mlr": Yuan-Bentler
        test and sandwich standard errors. "wlsmv": ordered items, by least squares on polychoric
        correlations, with a scaled and shifted test and robust standard errors; "dwls": the same
        without those.
    ordered
        Ordered items, for "wlsmv" and "dwls": all observed variables, which is also what True, or
        nothing, means there.
    group
        Column of groups; the model is fitted in each at once, in order of appearance.
    equal
        What is equal in all groups: "loadings", "intercepts", "residuals", "residual.covariances",
        "lv.variances", "lv.covariances", "means", "regressions".
    release
        Parameters that are not, written as in a model: "x3 ~ 1", "f =~ x2".
    missing
        "drop" leaves out rows with an unanswered variable; "fiml" uses what was answered, of rows
        that have every predictor taken as given.
    cluster
        Column of units; standard errors and test then allow for answers alike within units.
    std_lv
        Fix the variances of factors at 1 instead of their first loadings.
    orthogonal
        Fix at 0 the covariances of factors, and of the residuals of predicted factors, that the
        text does not name, as a bifactor model has it.
    means
        Model the means; by default with groups, clusters, "fiml" or intercepts in the text.
    fixed_x
        Take observed predictors as given.

    Returns
    -------
    SemFit

    Raises
    ------
    MeasurementError
        When the model cannot be read, defines a quantity by a label that it lacks, names no
        columns, has more parameters than moments, or the data cannot carry it (too few rows,
        variables that do not vary or determine each other);
        every problem is named.

    Warns
    -----
    NotConvergedWarning
        When the estimates are no maximum.
    NotIdentifiedWarning
        When the information matrix is singular; the text names the parameters.
    HeywoodWarning
        When a variance is negative or a correlation of factors is beyond one (Heywood).
    SquareFrameWarning
        When the frame looks like a correlation matrix; it is read as answers.

    Notes
    -----
    Fisher scoring, then BFGS, on exact gradients; about 20 iterations of O(k p^3). Standard errors:
    expected information (ml), observed where answers are missing (ml) or with a sandwich (mlr).
    Source: Joreskog (1969); Satorra & Bentler (1994); Yuan & Bentler (2000). Agrees with lavaan.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> factor = rng.normal(size=300)
    >>> data = pd.DataFrame({name: factor + rng.normal(size=300) for name in "abcd"})
    >>> fit = cfa("f =~ a + b + c + d", data)
    >>> fit.status, int(fit.glance()["df"].iloc[0])
    ('converged', 2)
    """
    estimator = _checked(estimator, missing=missing, cluster=cluster)
    statements = parse(model)
    part = roles([s for s in statements if s.op not in ABOUT_LABELS])
    names = part.observed
    _check_ordered(names, _listed(ordered, names), estimator)
    check_columns(data, [*names, *(c for c in (group, cluster) if c)])
    warn_matrix(data, stacklevel=2)
    if estimator in LEAST_SQUARES:
        _check_levels(statements)
        options = Options(1, True, std_lv, fixed_x, tuple(equal), tuple(release), orthogonal)
        return fit_ordered(model, statements, data, options, estimator=estimator, group=group)
    given = part.exogenous if fixed_x else ()
    answers = samples(data, names, group=group, cluster=cluster, missing=missing, needed=given)
    _check_levels(statements)
    if means is None:
        means = bool(group or cluster or missing == "fiml")
        means = means or any(s.op == "~1" for s in statements)
    options = Options(
        len(answers), means, std_lv, fixed_x, tuple(equal), tuple(release), orthogonal
    )
    table = build(statements, options)
    return _fitted(model, table, answers, estimator=estimator, index=data.index)


def _fitted(
    model: str, table: Table, answers: Sequence[Sample], *, estimator: str, index: pd.Index
) -> SemFit:
    """Return the fit of a parameter table to the answers of each group."""
    observed = [saturated(sample) for sample in answers]
    robust = estimator == "mlr"
    full = saturate(answers, observed, given=table.given, means=table.means, robust=robust)
    if full.n_moments < table.n_free:
        raise MeasurementError(
            f"The model is not identified: {table.n_free} free parameters, but only "
            f"{full.n_moments} moments to learn them from. Fix some, or drop paths."
        )
    best = maximise(table, answers, observed)
    bare = baseline(table)
    worst = maximise(bare, answers, observed, baseline_start(bare, observed))
    covariance, loose = _covariance(best, estimator)
    test = statistic(best, full, estimator=estimator)
    against = statistic(worst, full, estimator=estimator)
    status = "converged" if best.ascent.converged else "not converged"
    status = "not identified" if loose and best.ascent.converged else status
    _warn(best, status, loose)
    sizes = [sample.n for sample in answers]
    measures = indices(
        test,
        against,
        n=best.n,
        groups=len(answers),
        robust=estimator != "ml",
        partly=not all(sample.complete for sample in answers),
    )
    measures |= {"srmr": srmr(observed, best.moments, sizes, means=table.means)}
    measures |= _criteria(best, full)
    return SemFit(
        model=model,
        estimator=estimator,
        status=status,
        covariance=covariance,
        test=test,
        baseline=against,
        measures=measures,
        rows_dropped=len(index) - best.n,
        row_labels=index,
        maximum=best,
        saturated=full,
    )


def _checked(estimator: str, *, missing: str, cluster: str | None) -> str:
    """Return the estimator, refusing what does not go together."""
    if estimator not in ESTIMATORS:
        hint = did_you_mean(estimator, ESTIMATORS)
        raise MeasurementError(
            f"`estimator` must be one of {', '.join(ESTIMATORS)}, got '{estimator}'. {hint}".strip()
        )
    if missing not in ("drop", "fiml"):
        raise MeasurementError(f"`missing` must be 'drop' or 'fiml', got '{missing}'.")
    if estimator in LEAST_SQUARES and (missing == "fiml" or cluster):
        what = "missing='fiml'" if missing == "fiml" else "`cluster`"
        raise MeasurementError(f"'{estimator}' has no {what}. Use 'mlr', or leave it out.")
    if estimator == "mlm" and missing == "fiml":
        raise MeasurementError("'mlm' needs complete answers. Use 'mlr' with missing='fiml'.")
    if estimator == "mlm" and cluster:
        raise MeasurementError("'mlm' does not allow for clusters. Use 'mlr' with `cluster`.")
    return "mlr" if cluster else estimator


def _listed(ordered: Sequence[str] | bool, names: Sequence[str]) -> Sequence[str]:
    """Return the ordered items by name."""
    if isinstance(ordered, str):
        return (ordered,)
    if isinstance(ordered, bool):
        return names if ordered else ()
    return ordered


def _check_ordered(names: Sequence[str], ordered: Sequence[str], estimator: str) -> None:
    """Refuse ordered items beside other variables, and under estimators that ignore order."""
    if ordered and estimator not in LEAST_SQUARES:
        raise MeasurementError(
            f"'{estimator}' treats answers as numbers. For ordered items use estimator='wlsmv'."
        )
    others = [name for name in names if ordered and name not in ordered]
    unknown = [name for name in ordered if name not in names]
    problems = [
        Problem(f"variable '{name}'", "is in the model and not among `ordered`.") for name in others
    ]
    problems += [
        Problem(f"ordered item '{name}'", "is not in the model.", did_you_mean(name, names))
        for name in unknown
    ]
    if problems:
        raise MeasurementError(
            "With ordered items all observed variables of the model must be ordered.", problems
        )


def _check_levels(statements: Sequence[Statement]) -> None:
    """Refuse models of two levels."""
    if any(s.level for s in statements):
        raise MeasurementError(
            "The model has levels. Use `two_level_cfa`, which takes the column of units."
        )


def _covariance(model: Maximum, estimator: str) -> tuple[Floats, tuple[int, ...]]:
    """Return covariances of the free parameters, and those that the data do not tell apart."""
    complete = all(sample.complete for sample in model.samples)
    plain = estimator == "mlm" or (estimator == "ml" and complete)
    bread = model.expected() if plain else model.observed()
    loose = undetermined(model.expected()) or undetermined(bread)
    inverse: Floats = np.asarray(
        np.linalg.pinv(bread, hermitian=True) if loose else np.linalg.inv(bread)
    )
    if estimator == "ml":
        return without(inverse, loose), loose
    middle = satorra_bentler(model)[1] if estimator == "mlm" else model.meat()
    return without(inverse @ middle @ inverse, loose), loose


def _criteria(model: Maximum, full: Saturated) -> dict[str, float]:
    """Return log-likelihoods and information criteria; observed predictors' share is taken out."""
    apart = 0.0
    for sample, given, moments in zip(model.samples, model.table.given, full.moments, strict=True):
        apart += _given_deviance(sample, given, moments)
    logl = -(model.ascent.deviance - apart) / 2
    k, n = model.table.n_free, model.n
    return {
        "log_likelihood": logl,
        "saturated_log_likelihood": -(full.deviance - apart) / 2,
        "aic": 2 * k - 2 * logl,
        "bic": k * np.log(n) - 2 * logl,
        "bic_adjusted": k * np.log((n + 2) / 24) - 2 * logl,
    }


def _given_deviance(sample: Sample, given: Sequence[str], moments: Moments) -> float:
    """Return -2 log-likelihood of the observed predictors alone."""
    at = [sample.names.index(name) for name in given]
    if not at:
        return 0.0
    frame = pd.DataFrame({name: sample.column(name) for name in given})
    alone = samples(frame, given, missing="fiml")[0]
    own = Moments(
        moments.sigma[np.ix_(at, at)], moments.mu[at], moments.d_sigma[:0], moments.d_mu[:0]
    )
    return deviance(own, seen(alone, own) or ())


def _warn(model: Maximum, status: str, loose: tuple[int, ...]) -> None:
    """Warn of an end that is no maximum, no single one, or none that a population can have."""
    if status == "not converged":
        text = (
            f"The estimates are no maximum after {model.ascent.iterations} steps: do not use them. "
            "Look for an item that measures two factors, or give starting values (start(0.5)*x)."
        )
        warnings.warn(text, NotConvergedWarning, stacklevel=4)
    elif status == "not identified":
        text = not_identified(model.table.rows, loose)
        warnings.warn(text, NotIdentifiedWarning, stacklevel=4)
    if wrong := _improper(model):
        warnings.warn("; ".join(wrong) + ".", HeywoodWarning, stacklevel=4)


def _improper(model: Maximum) -> list[str]:
    """Return estimates that no population can have, in words."""
    wrong = []
    estimates = model.estimates()
    for row, value in zip(model.table.rows, estimates, strict=True):
        if row.op == "~~" and row.lhs == row.rhs and value < 0 and row.free >= 0:
            label = model.samples[row.group].label
            where = f" in group '{label}'" if label else ""
            wrong.append(f"The variance of '{row.lhs}' is negative ({value:.3f}){where} (Heywood)")
    for block, sample in zip(model.blocks, model.samples, strict=True):
        spread = block.spread(model.theta)[len(block.observed) :, len(block.observed) :]
        sd = np.sqrt(np.maximum(np.diag(spread), 1e-12))
        beyond = np.argwhere(np.tril(np.abs(spread / np.outer(sd, sd)), -1) > 1.0 + 1e-8)
        where = f" in group '{sample.label}'" if sample.label else ""
        wrong += [
            f"Factors '{block.latent[j]}' and '{block.latent[i]}' correlate beyond one{where}"
            for i, j in beyond
        ]
    return wrong
