"""From a frame to the answers of each group, sorted by which items were answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from crosslevel.errors import MeasurementError
from crosslevel.psychometrics.sem.checking import check_columns, check_group, check_values

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Pattern:
    """Respondents of a group who answered the same variables.

    Attributes
    ----------
    rows
        (n,) positions in the group's `values`.
    seen
        (q,) positions of the variables answered.
    mean, cov
        (q,) means and (q, q) covariances with divisor n.
    """

    rows: Integers
    seen: Integers
    mean: Floats
    cov: Floats

    @property
    def n(self) -> int:
        """Respondents."""
        return len(self.rows)


@dataclass(frozen=True, slots=True)
class Sample:
    """Answers of one group.

    Attributes
    ----------
    label
        Name of the group; empty when there is one.
    names
        (p,) variables.
    values
        (n, p) answers; nan = not answered.
    rows
        (n,) positions in the caller's frame.
    clusters
        (n,) cluster of each respondent; empty when there are none.
    patterns
        One when everything was answered.
    """

    label: str
    names: tuple[str, ...]
    values: Floats
    rows: Integers
    clusters: Integers
    patterns: tuple[Pattern, ...]

    @property
    def n(self) -> int:
        """Respondents."""
        return len(self.values)

    def column(self, name: str) -> Floats:
        """(n,) answers to one variable."""
        answers: Floats = self.values[:, self.names.index(name)]
        return answers

    @property
    def complete(self) -> bool:
        """Whether everybody answered everything."""
        return len(self.patterns) == 1 and len(self.patterns[0].seen) == len(self.names)


def samples(
    data: pd.DataFrame,
    names: Sequence[str],
    *,
    group: str | None = None,
    cluster: str | None = None,
    missing: str = "drop",
    needed: Sequence[str] = (),
) -> tuple[Sample, ...]:
    """Return the answers of each group, in the order groups appear in, with rows left out or not.

    Rows without a group or cluster are left out, and with `missing="drop"` so are rows with an
    unanswered variable; with `"fiml"`, those without any answer, or without one of `needed`.

    Raises
    ------
    MeasurementError
        When a column is missing or there twice, holds no finite numbers, does not vary within a
        group or is determined by others, a group has too few rows, or there is one cluster; every
        such problem is named.
    """
    check_columns(data, [*names, *(c for c in (group, cluster) if c)])
    check_values(data, names)
    values = data[list(names)].to_numpy(dtype=np.float64, na_value=np.nan)
    answered = np.isfinite(values)
    always = [name in needed for name in names]
    kept = answered.all(axis=1) if missing == "drop" else answered.any(axis=1)
    kept &= answered[:, always].all(axis=1)
    for column in (group, cluster):
        if column:
            kept &= data[column].notna().to_numpy()
    codes = np.zeros(len(data), dtype=np.intp)
    labels = [""]
    if group:
        given = data[group].notna().to_numpy()
        codes[given], found = pd.factorize(data.loc[given, group].astype("str"))
        labels = [str(label) for label in found] or [""]
    units = pd.factorize(data[cluster])[0].astype(np.intp) if cluster else None
    if units is not None and kept.any() and len(np.unique(units[kept])) < 2:
        raise MeasurementError(
            f"Standard errors by unit need several units, but every row of '{cluster}' is "
            f"'{data.loc[kept, cluster].iloc[0]}'."
        )
    made = []
    for code in sorted(set(codes[kept].tolist()) or {0}):
        label = labels[code]
        rows = np.flatnonzero(kept & (codes == code))
        own = values[rows]
        check_group(own, names, label)
        empty = np.empty(0, dtype=np.intp)
        made.append(
            Sample(label, tuple(names), own, rows, empty if units is None else units[rows],
                   _patterns(own))
        )  # fmt: skip
    return tuple(made)


def _patterns(values: Floats) -> tuple[Pattern, ...]:
    """Return rows grouped by what was answered, most frequent first."""
    answered = np.isfinite(values)
    if answered.all():
        which, kinds = np.zeros(len(values), dtype=np.intp), answered[:1]
    else:
        kinds, which = np.unique(answered, axis=0, return_inverse=True)
        which = which.reshape(-1)
    made = []
    for k, kind in enumerate(kinds):
        rows, seen = np.flatnonzero(which == k), np.flatnonzero(kind)
        own = values[np.ix_(rows, seen)]
        mean = own.mean(axis=0)
        centred = own - mean
        made.append(Pattern(rows, seen, mean, centred.T @ centred / len(rows)))
    return tuple(sorted(made, key=lambda pattern: -pattern.n))
