"""Strata, sampling units and finite populations read from the columns of a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from crosslevel.errors import MeasurementError, Problem
from crosslevel.frames import group_codes
from crosslevel.quality.survey.linearised import Strata

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]


def positive(column: pd.Series, what: str = "Weights") -> Floats:
    """Return weights, or sizes of populations, as numbers; refuse what is not positive."""
    if not pd.api.types.is_numeric_dtype(column):
        raise MeasurementError(f"{what} '{column.name}' must be numbers, got {column.dtype}.")
    w = column.to_numpy(dtype=np.float64)
    bad = ~(np.isfinite(w) & (w > 0))
    if bad.any():
        at = int(np.flatnonzero(bad)[0])
        raise MeasurementError(
            f"{what} must be positive; '{column.name}' has {int(bad.sum())} that are not, the "
            f"first {w[at]:g} in row {at + 1}. Leave out who was not asked."
        )
    return w


def stages(
    data: pd.DataFrame,
    strata: str | None,
    clusters: Sequence[str],
    fpcs: Sequence[str],
    *,
    nest: bool,
    lonely: str,
) -> tuple[Strata, ...]:
    """Return the stages of a sample, the first with the strata.

    A later stage draws units within each unit of the one before; its variance counts as far as the
    stages before took their populations whole.

    Raises
    ------
    MeasurementError
        For clusters in two strata, impossible populations and lonely strata.
    """
    whole = strata or "the file"
    first = _strata(data, strata, clusters[0] if clusters else None, nest=nest)
    first = replace(first, fraction=_fraction(data, next(iter(fpcs), None), first, whole))
    made = [replace(first, lonely=lonely)]
    for k, column in enumerate(clusters[1:], start=1):
        outer = made[-1]
        unit, labels = group_codes(data[column])
        unit = pd.factorize(outer.unit * len(labels) + unit)[0].astype(np.intp)
        stratum = np.zeros(int(unit.max()) + 1, dtype=np.intp)
        stratum[unit] = outer.unit
        size = np.bincount(stratum, minlength=outer.units).astype(np.float64)
        names = pd.Series(data[clusters[k - 1]].astype("string").to_numpy())
        named = names.groupby(outer.unit).first()
        inner = Strata(
            names=tuple(str(name) for name in named),
            unit=unit,
            stratum=stratum,
            size=size,
            fraction=np.zeros(outer.units),
            lonely="refuse" if lonely == "refuse" else "remove",
            scale=(outer.scale * outer.fraction)[outer.stratum],
        )
        known = fpcs[k] if k < len(fpcs) else None
        made.append(replace(inner, fraction=_fraction(data, known, inner, f"'{clusters[k - 1]}'")))
    for one in made:
        _refuse_lonely(one)
    return tuple(made)


def _strata(data: pd.DataFrame, strata: str | None, cluster: str | None, *, nest: bool) -> Strata:
    """Return sampling units and their strata; fractions come later."""
    n = len(data)
    codes, names = np.zeros(n, dtype=np.intp), ["all"]
    if strata is not None:
        codes, names = group_codes(data[strata])
    if cluster is None:
        unit, labels = np.arange(n, dtype=np.intp), None
    else:
        unit, labels = group_codes(data[cluster])
        if nest:
            unit = pd.factorize(codes * len(labels) + unit)[0].astype(np.intp)
        else:
            _refuse_crossed(codes, unit, names, labels)
    stratum = np.zeros(int(unit.max()) + 1, dtype=np.intp)
    stratum[unit] = codes
    size = np.bincount(stratum, minlength=len(names)).astype(np.float64)
    H = len(names)
    return Strata(
        names=tuple(names),
        unit=unit,
        stratum=stratum,
        size=size,
        fraction=np.zeros(H),
        lonely="refuse",
        scale=np.ones(H),
    )


def _refuse_crossed(strata: Codes, unit: Codes, names: list[str], labels: list[str]) -> None:
    """Refuse a cluster that lies in two strata."""
    pairs = pd.DataFrame({"unit": unit, "stratum": strata}).drop_duplicates()
    counts = pairs["unit"].value_counts()
    problems = [
        Problem(
            f"cluster '{labels[int(u)]}'",
            "is in strata "
            + ", ".join(f"'{names[s]}'" for s in pairs.loc[pairs["unit"] == u, "stratum"])
            + ".",
        )
        for u in sorted(counts[counts > 1].index)
    ]
    if problems:
        raise MeasurementError(
            "A cluster lies in one stratum. If names start anew in each stratum, say nest=True.",
            problems,
        )


def _fraction(data: pd.DataFrame, fpc: str | None, made: Strata, strata: str) -> Floats:
    """Return the sampled fraction of each stratum."""
    if fpc is None:
        return np.zeros(made.number)
    given = positive(data[fpc], "Populations")
    codes = made.stratum[made.unit]
    first = np.zeros(made.number)
    first[codes] = given
    differing = [made.names[k] for k in np.unique(codes[given != first[codes]])]
    if differing:
        shown = ", ".join(f"'{name}'" for name in differing[:5])
        raise MeasurementError(
            f"'{fpc}' must be one number in each stratum of {strata}; it differs within {shown}."
        )
    if (first <= 1.0).all():
        return first
    problems = [
        Problem(f"stratum '{name}'", f"{int(n)} sampled of {N:g}.")
        for name, n, N in zip(made.names, made.size, first, strict=True)
        if n > N
    ]
    if problems:
        raise MeasurementError(
            f"'{fpc}' must be the number of sampling units in the population, at least those "
            "sampled (or, in all strata, a fraction up to 1).",
            problems,
        )
    return np.asarray(made.size / first)


def _refuse_lonely(strata: Strata) -> None:
    """Refuse strata with one sampling unit, unless something was said about them."""
    alone = np.flatnonzero(strata.alone & (strata.scale > 0.0))
    if strata.lonely == "refuse" and len(alone):
        problems = [
            Problem(f"stratum '{strata.names[k]}'", "has one sampling unit.") for k in alone
        ]
        raise MeasurementError(
            "Variances within a stratum need two sampling units. Merge the stratum with one like "
            "it, or choose lonely='adjust', 'average' or 'remove'.",
            problems,
        )
