"""Known totals of a population, met by the people in a file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from crosslevel.errors import MeasurementError, Problem, did_you_mean
from crosslevel.frames import level_text, require_columns, require_finite
from crosslevel.quality.survey.domains import ordered_codes

Floats = npt.NDArray[np.float64]
ALIKE = 1e-6  # relative difference of two sums that counts as rounding


@dataclass(frozen=True, slots=True)
class Margin:
    """levels (L,) of a column; indicators (L, n), or the values of a number; target (L,)."""

    name: str
    levels: tuple[str, ...]
    indicators: Floats
    target: Floats
    shares: bool = False

    @property
    def total(self) -> float:
        """Sum of the targets."""
        return float(self.target.sum())


def margin(
    data: pd.DataFrame,
    name: str,
    totals: Mapping[str, float] | pd.Series | Iterable[tuple[object, float]],
    *,
    shares: bool = True,
) -> Margin:
    """Return one margin of a category; totals that sum to one are shares where that is allowed.

    Raises
    ------
    MeasurementError
        With every level that data and totals do not share or that has two totals, and every total
        that is not positive.
    """
    require_columns(data, [name], error=MeasurementError)
    pairs = totals.items() if isinstance(totals, Mapping | pd.Series) else totals
    named = [(level_text(level), value) for level, value in pairs]
    given = {level: number(value, f"level '{level}' of '{name}'") for level, value in named}
    twice = [level for level, count in Counter(level for level, _ in named).items() if count > 1]
    gaps = int(data[name].isna().sum())
    codes, levels = ordered_codes(data[name])
    problems = [Problem("data", f"{gaps} row(s) have none.", "Leave them out.")] if gaps else []
    problems += [Problem(f"level '{level}'", "has more than one total.") for level in twice]
    problems += [
        Problem(f"level '{level}'", "is in the data and has no total.", did_you_mean(level, given))
        for level in levels
        if level not in given
    ]
    problems += [
        Problem(f"level '{level}'", "has a total and nobody in the data.", "Merge it with another.")
        for level in given
        if level not in levels
    ]
    problems += [
        Problem(f"level '{level}'", f"has a total of {value:g}.", "Totals must be positive.")
        for level, value in given.items()
        if not (np.isfinite(value) and value > 0)
    ]
    if problems:
        raise MeasurementError(f"The margin '{name}' does not fit the data.", problems)
    indicators = (codes == np.arange(len(levels))[:, None]).astype(np.float64)
    target = np.array([given[level] for level in levels])
    alike = shares and abs(float(target.sum()) - 1.0) <= ALIKE
    return Margin(name, tuple(levels), indicators, target, alike)


def number(value: Any, place: str) -> float:
    """Return a total as a number.

    Raises
    ------
    MeasurementError
        When it is none.

    Examples
    --------
    >>> number(12, "'before'")
    12.0
    """
    try:
        return float(value)
    except (TypeError, ValueError):
        raise MeasurementError(f"The total of {place} must be a number, got {value!r}.") from None


def numeric_total(data: pd.DataFrame, name: str, total: object) -> Margin:
    """Return the known total of a number.

    Raises
    ------
    MeasurementError
        When the column is no number or has missing or infinite values, or the total is no finite
        number.
    """
    require_columns(data, [name], error=MeasurementError)
    total = number(total, f"'{name}'")
    if not pd.api.types.is_numeric_dtype(data[name]):
        raise MeasurementError(
            f"'{name}' holds {data[name].dtype} values; give its levels totals, level by level."
        )
    require_finite(data[[name]], error=MeasurementError)
    gaps = int(data[name].isna().sum())
    if gaps or not np.isfinite(total):
        found = f"{gaps} row(s) have none" if gaps else f"its total is {total:g}"
        raise MeasurementError(f"The total of '{name}' cannot be met: {found}.")
    values = data[name].to_numpy(dtype=np.float64)[None, :]
    return Margin(name, ("",), values, np.array([total]))


def require_alike(margins: Sequence[Margin], people: float | None) -> list[Margin]:
    """Return margins in people: shares times the sum of the weights, when all are shares.

    Raises
    ------
    MeasurementError
        When the sums differ by more than rounding.
    """
    if margins and all(one.shares for one in margins) and people is not None:
        margins = [replace(m, target=m.target / m.total * people) for m in margins]
    sums = [one.total for one in margins]
    if sums and max(sums) - min(sums) > ALIKE * max(sums):
        problems = [Problem(f"'{one.name}'", f"sums to {one.total:g}.") for one in margins]
        raise MeasurementError("All margins must sum to the same number of people.", problems)
    return [replace(one, target=one.target * (sums[0] / one.total)) for one in margins]
