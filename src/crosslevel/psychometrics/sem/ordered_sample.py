"""Ordered items of each group: thresholds, polychoric correlations and their covariance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from crosslevel.errors import MeasurementError, Problem
from crosslevel.psychometrics.ordered_answers import ordered_answers
from crosslevel.psychometrics.ordered_moments import OrderedMoments, ordered_moments
from crosslevel.psychometrics.sem.sample import Sample


def coded(data: pd.DataFrame, names: Sequence[str], group: str | None) -> pd.DataFrame:
    """Return the frame with the items as codes 0, 1, ... of the categories of all groups."""
    items = data[list(names)]
    kept = items.notna().all(axis=1)
    if group:
        kept &= data[group].notna()
    answers = ordered_answers(items[kept])
    codes = pd.DataFrame(np.nan, index=data.index, columns=list(names))
    codes.loc[kept] = answers.codes.astype(np.float64)
    return codes.assign(**{group: data[group]}) if group else codes


def group_moments(samples: Sequence[Sample]) -> tuple[OrderedMoments, ...]:
    """Return the moments of each group.

    Raises
    ------
    MeasurementError
        When nobody in a group chose a category that others chose, or too few answered.
    """
    answers = [
        np.column_stack([sample.column(name) for name in sample.names]) for sample in samples
    ]
    highest = np.max([own.max(axis=0) for own in answers], axis=0)
    problems = []
    for sample, own in zip(samples, answers, strict=True):
        where = f"group '{sample.label}'" if sample.label else "data"
        for name, top, column in zip(sample.names, highest, own.T, strict=True):
            empty = np.setdiff1d(np.arange(top + 1), column) + 1
            if empty.size:
                listed = ", ".join(f"{number:g}" for number in empty)
                found = f"nobody chose category {listed} (counted from the lowest) of '{name}'."
                problems.append(Problem(where, found, "Join it to its neighbour in all groups."))
    if problems:
        raise MeasurementError("The groups do not use the same categories.", problems)
    return tuple(
        ordered_moments(ordered_answers(pd.DataFrame(own, columns=list(samples[0].names))))
        for own in answers
    )
