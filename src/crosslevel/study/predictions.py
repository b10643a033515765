"""What a model predicts over each term that a claim is about."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from crosslevel.multilevel.grid import Predictor, columns, predictors, variable_of
from crosslevel.study.estimates import Fitted, coefficient
from crosslevel.study.labels import Labels
from crosslevel.study.spec import LINK_LEVEL, StudySpec

Floats = npt.NDArray[np.float64]

GRID = 41


def prediction_table(fitted: Iterable[Fitted], spec: StudySpec, labels: Labels) -> pd.DataFrame:
    """Return the outcome predicted over the range of each term that a claim names.

    The range is that between the 5th and the 95th percentile, over units for a term that does not
    vary within them, over people otherwise: an end that is one person's score would show it. The
    other numeric predictors are held at their means over the analysed rows, categories at their
    reference; a product follows its parts. The interval is that of the mean (fixed effects only).
    """
    tables = []
    for one in fitted:
        named = dict.fromkeys(c.term for c in spec.claims if c.model == one.spec.id)
        tables += [
            _predict(one, term, conf_level=spec.conf_level, labels=labels)
            for term in named
            if term in one.design.names and ":" not in term and "[" not in term
        ]
    columns = ["model", "term", "label", "x", "estimate", "conf_low", "conf_high", "outcome_label"]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns)


def _range(one: Fitted, values: Floats) -> tuple[float, float]:
    """Return where the line over a predictor starts and ends."""
    spread = pd.Series(values)
    factor = next((f for f in one.design.factors if f.columns[-1] == LINK_LEVEL), None)
    if factor is not None:
        by_unit = spread.groupby(factor.codes)
        if (by_unit.min() == by_unit.max()).all():
            spread = by_unit.first()
    low, high = np.quantile(spread, (0.05, 0.95))
    return float(low), float(high)


def _held(one: Fitted, predictor: Predictor) -> float | str:
    """Return where a predictor is held: a number at its mean, a category at its reference."""
    if predictor.levels is None:
        return float(np.mean(predictor.values))
    atoms = (atom for term in one.design.formula.terms for atom in term)
    stated = (a.reference for a in atoms if variable_of(a) == predictor.name and a.reference)
    return next(stated, predictor.levels[0])


def _predict(one: Fitted, term: str, *, conf_level: float, labels: Labels) -> pd.DataFrame:
    """Return predictions over the range of one term."""
    coefficient(one, term)
    reference = one.fit.reference(one.spec.df)
    names = [str(name) for name in one.fit.vcov().index]
    over = next(variable_of(t[0]) for t in one.design.formula.terms if str(t[0]) == term)
    known = predictors(one.design)
    x = np.linspace(*_range(one, np.asarray(known[over].values, dtype=float)), GRID)
    points = pd.DataFrame({name: [_held(one, p)] * GRID for name, p in known.items()})
    points[over] = x
    kept = [one.design.names.index(name) for name in names]
    rows = columns(one.design, points)[kept].T
    estimate = rows @ one.estimates.loc[names, "estimate"].to_numpy(dtype=float)
    std_error = np.sqrt(np.einsum("ij,jk,ik->i", rows, reference.covariance, rows))
    quantile = stats.t.ppf((1 + conf_level) / 2, [reference.df(row) for row in rows])
    return pd.DataFrame(
        {
            "model": one.spec.id,
            "term": term,
            "label": labels.term(over),
            "x": x,
            "estimate": estimate,
            "conf_low": estimate - quantile * std_error,
            "conf_high": estimate + quantile * std_error,
            "outcome_label": labels.of(one.outcome),
        }
    )
