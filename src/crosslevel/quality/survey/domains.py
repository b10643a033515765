"""Values of the people described, domain by domain: who has them, and what they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from crosslevel.errors import MeasurementError, Problem
from crosslevel.frames import group_codes, level_text, listed, require_columns, require_finite
from crosslevel.quality.survey.designing import SurveyDesign

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.bool_]
Cell = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Values:
    """y (n, k) with zeros outside `rows` (n,), which have all the values and are in the domain."""

    names: tuple[str, ...]
    y: Floats
    rows: Rows
    dropped: int


def numeric(design: SurveyDesign, variables: str | Sequence[str]) -> Values:
    """Return numeric variables of the people of a design's domain who have them all."""
    names = listed(variables)
    if not names:
        raise MeasurementError("Name at least one variable.")
    require_columns(design.data, names, error=MeasurementError)
    problems = [
        Problem(f"column '{name}'", f"holds {design.data[name].dtype} values, no numbers.")
        for name in names
        if not pd.api.types.is_numeric_dtype(design.data[name])
    ]
    if problems:
        raise MeasurementError("These estimates need numbers; see `proportion`.", problems)
    require_finite(design.data.loc[design.inside, names], error=MeasurementError)
    y = design.data[names].to_numpy(dtype=np.float64, na_value=np.nan)
    return _values(design, names, y)


def indicators(design: SurveyDesign, variable: str) -> tuple[Values, list[str]]:
    """Return an indicator of each level of a categorical variable, and the levels."""
    require_columns(design.data, [variable], error=MeasurementError)
    codes, levels = ordered_codes(design.data[variable])
    y = (codes[:, None] == np.arange(len(levels))).astype(np.float64)
    y[codes < 0] = np.nan
    names = [f"{variable}[{level}]" for level in levels]
    return _values(design, names, y), levels


def ordered_codes(column: pd.Series) -> tuple[npt.NDArray[np.intp], list[str]]:
    """Return codes and levels: categories in their order, other labels sorted."""
    if not isinstance(column.dtype, pd.CategoricalDtype):
        column = pd.Series(pd.Categorical(column), index=column.index)
    return group_codes(column)


def crossed(data: pd.DataFrame, names: Sequence[str]) -> tuple[pd.Series, dict[str, Cell]]:
    """Return the cell of each row, missing where a part is, and the parts of each cell.

    Parts are joined by ":", as in "nurse:ward"; cells that would be written alike are written as
    `('a:b', 'c')`.

    Examples
    --------
    >>> people = pd.DataFrame({"role": ["nurse", "doctor"], "place": ["ward", None]})
    >>> crossed(people, ["role", "place"])[1]
    {'nurse:ward': ('nurse', 'ward')}
    """
    known = data[list(names)].dropna()
    rows = [tuple(map(level_text, row)) for row in known.itertuples(index=False, name=None)]
    cells = list(dict.fromkeys(rows))
    count = Counter(":".join(cell) for cell in cells)
    label = {c: ":".join(c) if count[":".join(c)] == 1 else repr(c) for c in cells}
    made = np.full(len(data), None, dtype=object)
    made[data[list(names)].notna().all(axis=1).to_numpy()] = [label[row] for row in rows]
    return pd.Series(made, index=data.index, dtype="str"), {label[c]: c for c in cells}


def _values(design: SurveyDesign, names: Sequence[str], y: Floats) -> Values:
    known = np.isfinite(y).all(axis=1)
    rows = design.inside & known
    if not rows.any():
        shown = ", ".join(f"'{name}'" for name in names)
        raise MeasurementError(f"The domain is empty: nobody in it has a value of {shown}.")
    return Values(
        tuple(names), np.where(rows[:, None], y, 0.0), rows, int((design.inside & ~known).sum())
    )


def domains(
    design: SurveyDesign, by: str | Sequence[str] | None, rows: Rows
) -> Iterator[tuple[str, Rows, float]]:
    """Yield the label, the rows and the degrees of freedom of each domain; for None one of all.

    Raises
    ------
    MeasurementError
        When a domain that the design has lost all its rows, because nobody has the values.
    """
    if by is None:
        yield "", rows, design.degrees_of_freedom
        return
    names = listed(by)
    require_columns(design.data, names, error=MeasurementError)
    key = design.data[names[0]] if len(names) == 1 else crossed(design.data, names)[0]
    codes, levels = ordered_codes(key)
    for k, level in enumerate(levels):
        here = codes == k
        if not (here & design.inside).any():
            continue
        if not (here & rows).any():
            raise MeasurementError(f"The domain is empty: nobody in '{level}' has the values.")
        yield level, rows & here, design.df_of(here & design.inside)
