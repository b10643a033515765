"""Factor models of ordered items by diagonally weighted least squares: behind `cfa`."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from crosslevel.errors import MeasurementError, NotConvergedWarning
from crosslevel.psychometrics.notices import (
    HeywoodWarning,
    NotIdentifiedWarning,
    NotPositiveDefiniteWarning,
)
from crosslevel.psychometrics.sem.identification import not_identified, undetermined, without
from crosslevel.psychometrics.sem.matrices import Moments, blocks
from crosslevel.psychometrics.sem.maximum import Maximum
from crosslevel.psychometrics.sem.measures import srmr
from crosslevel.psychometrics.sem.ordered_fit import OrderedFit
from crosslevel.psychometrics.sem.ordered_sample import coded, group_moments
from crosslevel.psychometrics.sem.ordered_table import ordered_table
from crosslevel.psychometrics.sem.ordered_testing import (
    independent,
    ordered_indices,
    ordered_statistic,
    robust_indices,
)
from crosslevel.psychometrics.sem.roles import roles
from crosslevel.psychometrics.sem.sample import Sample, samples
from crosslevel.psychometrics.sem.scoring import Ascent
from crosslevel.psychometrics.sem.start import fixed_values, starts
from crosslevel.psychometrics.sem.syntax import ABOUT_LABELS, Statement
from crosslevel.psychometrics.sem.table import Options, Table
from crosslevel.psychometrics.sem.testing import Saturated
from crosslevel.psychometrics.sem.weighted import Group, Weighted, fit_weighted, scales

Floats = npt.NDArray[np.float64]


def fit_ordered(
    model: str,
    statements: Sequence[Statement],
    data: pd.DataFrame,
    options: Options,
    *,
    estimator: str,
    group: str | None,
) -> OrderedFit:
    """Return the fit of a model all of whose observed variables are ordered items.

    Parameters
    ----------
    model, statements
        Model text, and what it says.
    data
        Answers; rows without one of them, or without a group, are left out.
    options
        As for the parameter table; the number of groups is read from the data.
    estimator
        "dwls" (naive test and standard errors) or "wlsmv" (scaled and shifted test, robust
        standard errors).
    group
        Column of groups.

    Returns
    -------
    OrderedFit

    Notes
    -----
    Minimises sum (n_g - 1) (s - sigma)' W (s - sigma), W the inverse diagonal of Gamma. Covariances
    n / (n - G) (sum n_g D'WD)^-1 in G groups, or with Gamma between (Muthen, du Toit & Spisic
    1997); these weights, as in lavaan, are the same in one group only.
    """
    names = roles([s for s in statements if s.op not in ABOUT_LABELS]).observed
    codes = coded(data, names, group)
    answers = samples(codes, names, group=group)
    moments = group_moments(answers)
    _warn_indefinite(answers, [one.correlations for one in moments])
    sizes = [(n, int((moments[0].threshold_item == i).sum())) for i, n in enumerate(names)]
    table = ordered_table(statements, replace(options, n_groups=len(answers)), sizes)
    sample = [_as_moments(one.correlations) for one in moments]
    values = fixed_values(table, sample)
    places = scales(table, names)
    parts = tuple(
        Group(one, block, place)
        for one, block, place in zip(moments, blocks(table, values), places, strict=True)
    )
    _check_count(table, parts)
    best = fit_weighted(parts, _start(table, parts, sample))
    return _result(model, table, (answers, parts, best, values), estimator, data.index)


def _as_moments(correlations: Floats) -> Moments:
    """Correlations as moments with means of zero."""
    p = len(correlations)
    return Moments(correlations, np.zeros(p), np.empty((0, p, p)), np.empty((0, p)))


def _start(table: Table, parts: Sequence[Group], sample: Sequence[Moments]) -> Floats:
    """Loadings as the correlations suggest, thresholds as observed, scales of one."""
    theta = starts(table, sample)
    for part in reversed(parts):
        own = part.scale.threshold_free
        theta[own[own >= 0]] = part.moments.thresholds[own >= 0]
        theta[part.scale.scale_free[part.scale.scale_free >= 0]] = 1.0
    return theta


def _check_count(table: Table, parts: Sequence[Group]) -> None:
    """Refuse more parameters than moments."""
    count = sum(len(part.observed) for part in parts)
    if count < table.n_free:
        raise MeasurementError(
            f"The model is not identified: {table.n_free} free parameters, but only {count} "
            "thresholds and correlations to learn them from. Fix some, or drop paths."
        )


def _result(
    model: str,
    table: Table,
    found: tuple[tuple[Sample, ...], tuple[Group, ...], Weighted, list[float]],
    estimator: str,
    index: pd.Index,
) -> OrderedFit:
    """Put estimates, tests and indices together."""
    answers, parts, best, values = found
    covariance, loose = _covariance(parts, best, robust=estimator == "wlsmv")
    status = "converged" if best.converged else "not converged"
    status = "not identified" if loose and best.converged else status
    test, base = ordered_statistic(parts, best), independent(parts)
    robust = estimator == "wlsmv"
    measures = ordered_indices(test, base, parts, robust=robust)
    if robust:
        measures |= robust_indices(parts, best, test.df)
    implied = tuple(_implied(part, best.theta) for part in parts)
    raw = tuple(_as_moments(part.moments.correlations) for part in parts)
    sizes = [part.moments.n for part in parts]
    measures |= {"srmr": srmr(raw, implied, sizes, means=False)}
    maximum = Maximum(
        table=table,
        blocks=tuple(part.block for part in parts),
        samples=answers,
        values=tuple(values),
        ascent=Ascent(best.theta, best.criterion, 0.0, best.converged, best.iterations),
        moments=implied,
        seen=tuple(() for _ in parts),
    )
    n_moments = sum(len(part.observed) for part in parts)
    fit = OrderedFit(
        model=model,
        estimator=estimator,
        status=status,
        covariance=covariance,
        test=test,
        baseline=base,
        measures=measures,
        rows_dropped=len(index) - sum(sizes),
        row_labels=index,
        maximum=maximum,
        saturated=Saturated(raw, 0.0, n_moments, 0.0),
        parts=parts,
    )
    _warn(fit, loose)
    return fit


def _implied(part: Group, theta: Floats) -> Moments:
    """Implied correlations of a group."""
    matrix = np.eye(len(part.moments.names))
    i, j = part.moments.pairs
    matrix[i, j] = matrix[j, i] = part.implied(theta)[len(part.moments.thresholds) :]
    return _as_moments(matrix)


def _covariance(
    parts: Sequence[Group], best: Weighted, *, robust: bool
) -> tuple[Floats, tuple[int, ...]]:
    """Return covariances of the free parameters, and those that the data do not tell apart."""
    loose = undetermined(best.information)
    bread: Floats = np.asarray(np.linalg.pinv(best.information, hermitian=True))
    total = sum(part.n for part in parts)
    correction = total / (total - len(parts))
    if not robust:
        return without(correction * bread, loose), loose
    meat = np.zeros_like(bread)
    for part in parts:
        turned = part.weights[:, None] * part.derivatives(best.theta)
        meat += part.n * turned.T @ part.moments.gamma @ turned
    return without(correction * bread @ meat @ bread, loose), loose


def _warn(fit: OrderedFit, loose: tuple[int, ...]) -> None:
    """Warn of an end that is no minimum, no single one, or none that a population can have."""
    best = fit.maximum.theta
    if fit.status == "not converged":
        text = (
            f"The estimates are no minimum after {fit.maximum.ascent.iterations} steps: do not use "
            "them. Look for an item that measures two factors, or give starting values."
        )
        warnings.warn(text, NotConvergedWarning, stacklevel=5)
    elif fit.status == "not identified":
        text = not_identified(fit.maximum.table.rows, loose)
        warnings.warn(text, NotIdentifiedWarning, stacklevel=5)
    wrong = [
        f"The variance of '{row.lhs}' is negative ({value:.3f}) (Heywood)"
        for row, value in zip(fit.maximum.table.rows, fit.estimates(best), strict=True)
        if row.op == "~~" and row.lhs == row.rhs and value < 0
    ]
    if wrong:
        warnings.warn("; ".join(wrong) + ".", HeywoodWarning, stacklevel=5)


def _warn_indefinite(answers: Sequence[Sample], matrices: Sequence[Floats]) -> None:
    """Warn of polychoric matrices that are not positive definite."""
    for sample, matrix in zip(answers, matrices, strict=True):
        smallest = float(np.linalg.eigvalsh(matrix)[0])
        if smallest < 1e-8:
            where = f" of group '{sample.label}'" if sample.label else ""
            warnings.warn(
                f"The polychoric matrix{where} is not positive definite (smallest eigenvalue "
                f"{smallest:.3g}): too few respondents for these items, or items that say the "
                "same.",
                NotPositiveDefiniteWarning,
                stacklevel=5,
            )
