"""Correlations within and between units, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from scipy import stats

from crosslevel.errors import MeasurementError, Problem
from crosslevel.frames import require_columns
from crosslevel.psychometrics.decomposition import waba
from crosslevel.psychometrics.grouping import refusal

COLUMNS = ("level", "variable", "other", "estimate", "n", "conf_low", "conf_high")


def correlations(
    frame: pd.DataFrame, variables: Sequence[str], *, group: str, conf_level: float = 0.95
) -> pd.DataFrame:
    """Return the correlation of each pair of variables within and between units.

    The two answer different questions and may differ in sign: do colleagues who score higher on
    one thing than the rest of their unit also score higher on the other; and do units?

    Parameters
    ----------
    frame
        One row per person.
    variables
        Columns with numbers; variables of the unit (the same for all its members) may be among
        them and have no correlation within.
    group
        Column with the unit of each person.
    conf_level
        Level of the intervals.

    Returns
    -------
    DataFrame
        level ("within" | "between"), variable, other, estimate, n (persons within, units
        between), conf_low, conf_high. Pairs are complete pairwise; nan where a part does not vary
        or too few are left.

    Raises
    ------
    MeasurementError
        When a column is missing or not numeric.

    Notes
    -----
    Within: correlation of deviations from unit means, interval by Fisher's z with standard error
    1 / sqrt(n - G - 2), as for a correlation with G - 1 unit indicators partialled out. Between:
    correlation of unit means, each unit counted once, Fisher's interval with 1 / sqrt(G - 3).
    Agrees with R multilevel::waba and pingouin.

    Examples
    --------
    >>> data = pd.DataFrame({"unit": list("aabb"), "x": [1, 2, 3, 4], "y": [2, 1, 4, 3]})
    >>> correlations(data, ["x", "y"], group="unit")["estimate"].tolist()
    [-1.0, nan]
    """
    require_columns(frame, [*variables, group], error=MeasurementError)
    problems = [
        Problem(f"column '{name}'", "is not numeric.")
        for name in variables
        if not pd.api.types.is_numeric_dtype(frame[name])
    ]
    if problems:
        raise MeasurementError("Correlations need numbers.", problems)
    rows: list[tuple[object, ...]] = []
    for x, y in combinations(variables, 2):
        if not frame[[x, y, group]].notna().all(axis=1).any():
            raise refusal(frame[[x, y]], f"no person has both and a {group}.")
        found = waba(frame[x], frame[y], frame[group])
        low, high = _interval(found.r_within, found.n - found.groups + 1, conf_level)
        rows.append(("within", x, y, found.r_within, found.n, low, high))
        low, high = _interval(found.r_means, found.groups, conf_level)
        rows.append(("between", x, y, found.r_means, found.groups, low, high))
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return table.sort_values("level", ascending=False, kind="stable", ignore_index=True)


def _interval(r: float, n: int, conf_level: float) -> tuple[float, float]:
    """Fisher's interval for a correlation that is worth n pairs."""
    if n < 4 or not abs(r) < 1:
        return float("nan"), float("nan")
    reach = float(stats.norm.ppf((1 + conf_level) / 2)) / np.sqrt(n - 3)
    return float(np.tanh(np.arctanh(r) - reach)), float(np.tanh(np.arctanh(r) + reach))
