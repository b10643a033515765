"""Data of persons in units, reduced to what a two-level likelihood needs: sums by size of unit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from crosslevel.errors import MeasurementError, Problem
from crosslevel.frames import group_codes
from crosslevel.psychometrics.grouping import Floats
from crosslevel.psychometrics.sem.checking import MESSAGE, check_columns, check_values, dependent
from crosslevel.psychometrics.twolevel.moments import Indices, Layout

_CONSTANT = 1e-10


@dataclass(frozen=True, slots=True)
class ClusterStatistics:
    """Sufficient statistics of n persons in J units of S different sizes.

    Attributes
    ----------
    names
        The p variables of persons, then the r variables of units.
    p, n, dropped
        Variables of persons; persons used; persons left out because a value or the unit is missing.
    sizes, counts
        (S,) sizes of units and how many units have each.
    means, scatter
        (S, q) mean of the unit means of each size; (S, q, q) cross-products about it.
    within
        (p, p) cross-products of persons about the mean of their unit.
    unit_means, size_of
        (J, q) means of each unit and (J,) the place of its size in `sizes`.
    deviations, starts
        (n, p) persons about the mean of their unit, unit by unit; (J,) where each unit starts.
    """

    names: tuple[str, ...]
    p: int
    n: int
    dropped: int
    sizes: Floats
    counts: Floats
    means: Floats
    scatter: Floats
    within: Floats
    unit_means: Floats
    size_of: Indices
    deviations: Floats
    starts: Indices

    @property
    def layout(self) -> Layout:
        """Places of the moments in a vector."""
        return Layout(self.p, len(self.names))

    @property
    def clusters(self) -> int:
        """Number of units."""
        return len(self.unit_means)


def summarise(
    data: pd.DataFrame,
    persons: Sequence[str],
    units: Sequence[str],
    *,
    cluster: str,
    both: Sequence[str] = (),
) -> ClusterStatistics:
    """Return the sufficient statistics of complete rows.

    Parameters
    ----------
    data
        One row per person.
    persons, units
        Variables measured on persons, and on units (the same for all persons of a unit).
    cluster
        Column with the unit of each person.
    both
        Variables of persons whose unit means must differ.

    Returns
    -------
    ClusterStatistics

    Raises
    ------
    MeasurementError
        When a column is missing or is no number, no complete row is left, there is one unit only
        or no unit of two, a variable of units differs within one, a variable does not vary, or
        variables determine each other.

    Examples
    --------
    >>> frame = pd.DataFrame({"unit": list("aabb"), "y": [1.0, 2, 4, 6], "w": [0.0, 0, 1, 1]})
    >>> found = summarise(frame, ["y"], ["w"], cluster="unit")
    >>> found.sizes, found.counts, found.within
    (array([2.]), array([2.]), array([[2.5]]))
    """
    names = [*persons, *units]
    check_columns(data, [*names, cluster])
    check_values(data, names)
    cells = data[names].to_numpy(dtype=np.float64)
    keep = np.isfinite(cells).all(axis=1) & data[cluster].notna().to_numpy()
    if not keep.any():
        raise MeasurementError(
            f"No row has a value of every variable of the model and a unit in '{cluster}'."
        )
    codes, labels = group_codes(data.loc[keep, cluster])
    order = np.argsort(codes, kind="stable")
    cells, codes = cells[keep][order], codes[order]
    starts = np.searchsorted(codes, np.arange(len(labels)))
    size = np.diff(np.append(starts, len(codes)))
    _check_units(labels, size, cluster)
    unit_means = np.add.reduceat(cells, starts) / size[:, None]
    deviations = cells - unit_means[codes]
    _check_variation(names, len(persons), cells, deviations, [labels[c] for c in codes])
    if both:
        _check_means(names, unit_means, cells.std(axis=0), both)
    sizes, size_of, counts = np.unique(size, return_inverse=True, return_counts=True)
    means, scatter = _by_size(unit_means, size_of, counts)
    own = np.ascontiguousarray(deviations[:, : len(persons)])
    enough = len(own) - len(labels) >= own.shape[1] > 0
    if enough and (problems := dependent(own.T @ own, persons, " within units")):
        raise MeasurementError(MESSAGE, problems)
    return ClusterStatistics(
        names=tuple(names),
        p=len(persons),
        n=len(codes),
        dropped=int((~keep).sum()),
        sizes=sizes.astype(np.float64),
        counts=counts.astype(np.float64),
        means=means,
        scatter=scatter,
        within=own.T @ own,
        unit_means=unit_means,
        size_of=size_of,
        deviations=own,
        starts=starts,
    )


def _by_size(unit_means: Floats, size_of: Indices, counts: Indices) -> tuple[Floats, Floats]:
    """(J, q) means of units -> (S, q) means and (S, q, q) cross-products by size."""
    means = np.zeros((len(counts), unit_means.shape[1]))
    np.add.at(means, size_of, unit_means)
    means /= counts[:, None]
    about = unit_means - means[size_of]
    scatter = np.zeros((*means.shape, means.shape[1]))
    np.add.at(scatter, size_of, about[:, :, None] * about[:, None, :])
    return means, scatter


def _check_means(
    names: Sequence[str], unit_means: Floats, spread: Floats, both: Sequence[str]
) -> None:
    """Refuse variables without a part between units."""
    problems = [
        Problem(
            f"column '{name}'",
            "has the same mean in every unit (was it centred within units?), so it has no part at "
            "level 2.",
            "Use it in level 1 only.",
        )
        for i, name in enumerate(names)
        if name in both and np.ptp(unit_means[:, i]) <= _CONSTANT * spread[i]
    ]
    if problems:
        raise MeasurementError("Some variables do not vary where the model needs it.", problems)


def _check_units(labels: list[str], size: Indices, cluster: str) -> None:
    """Refuse data without two levels."""
    if len(labels) < 2:
        raise MeasurementError(
            f"Two levels need several units, but every row of '{cluster}' is '{labels[0]}'."
        )
    if size.max() < 2:
        raise MeasurementError(
            f"Each of the {len(labels)} units in '{cluster}' has one person only, so nothing "
            "varies within units. Fit a model of one level."
        )


def _check_variation(
    names: Sequence[str], p: int, cells: Floats, deviations: Floats, labels: list[str]
) -> None:
    """Refuse variables that do not vary, or vary at the wrong level."""
    spread = cells.std(axis=0)
    largest = np.abs(deviations)
    problems = []
    for i, name in enumerate(names):
        place = f"column '{name}'"
        if spread[i] == 0:
            problems.append(Problem(place, f"every value is {cells[0, i]:g}.", "Leave it out."))
        elif i < p and largest[:, i].max() <= _CONSTANT * spread[i]:
            problems.append(
                Problem(
                    place,
                    "is the same for all persons of each unit, so it has no part at level 1.",
                    "Use it in level 2 only.",
                )
            )
        elif i >= p and largest[:, i].max() > _CONSTANT * spread[i]:
            unit = labels[int(largest[:, i].argmax())]
            problems.append(
                Problem(
                    place,
                    f"is used in level 2 only, but differs between persons of unit '{unit}'.",
                    "Use it in level 1 too, or give each unit one value.",
                )
            )
    if problems:
        raise MeasurementError("Some variables do not vary where the model needs it.", problems)
