"""What a frame must be before a factor model is fitted to it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from crosslevel.errors import SHOWN, MeasurementError, Problem, did_you_mean
from crosslevel.psychometrics.coefficients import correlation_of, tied

Floats = npt.NDArray[np.float64]
MESSAGE = "The model cannot be fitted to these data."


def check_columns(data: pd.DataFrame, names: Sequence[str]) -> None:
    """Refuse what is no frame, names that are no columns, and names of several columns."""
    if not isinstance(data, pd.DataFrame):
        kind = type(data).__name__
        raise MeasurementError(f"`data` must be a frame with one row per respondent, got {kind}.")
    known = [str(c) for c in data.columns]
    problems = [
        Problem(f"variable '{name}'", "not in the data.", did_you_mean(name, known))
        for name in dict.fromkeys(names)
        if name not in known
    ]
    if problems:
        raise MeasurementError("The model names variables that the data do not have.", problems)
    problems = [
        Problem(f"variable '{name}'", "has more than one column.")
        for name in dict.fromkeys(names)
        if known.count(name) > 1
    ]
    if problems:
        raise MeasurementError("Each variable has one column.", problems)


def check_values(data: pd.DataFrame, names: Sequence[str]) -> None:
    """Refuse variables that are no numbers, hold infinite ones, or that nobody answered."""
    problems = []
    for name in names:
        where, column = f"variable '{name}'", data[name]
        if not pd.api.types.is_numeric_dtype(column):
            problems.append(Problem(where, "is not numeric.", "Read it with its codes."))
        elif np.isinf(column.to_numpy(dtype=np.float64, na_value=np.nan)).any():
            problems.append(Problem(where, "holds infinite values."))
        elif not column.notna().any():
            problems.append(Problem(where, "nobody answered it.", "Leave it out."))
    if problems:
        raise MeasurementError(MESSAGE, problems)


def check_group(values: Floats, names: Sequence[str], label: str) -> None:
    """Refuse (n, p) answers of a group whose moments say nothing; nan = not answered."""
    where = f"group '{label}'" if label else "data"
    inside = f" in group '{label}'" if label else ""
    if len(values) <= len(names):
        found = f"{len(values)} usable rows for {len(names)} variables."
        fix = "Leave the group out, or ask for fewer items." if label else "Ask for fewer items."
        raise MeasurementError(MESSAGE, [Problem(where, found, fix)])
    answered = np.isfinite(values)
    low = np.where(answered, values, np.inf).min(axis=0)
    high = np.where(answered, values, -np.inf).max(axis=0)
    problems = []
    for i in np.flatnonzero(~(high > low)).tolist():
        some = answered[:, i].any()
        found = f"it does not vary{inside}." if some else f"nobody answered it{inside}."
        problems.append(Problem(f"variable '{names[i]}'", found))
    problems += [] if problems else _determined(values[answered.all(axis=1)], names, inside)
    if problems:
        raise MeasurementError(MESSAGE, problems)


def _determined(complete: Floats, names: Sequence[str], inside: str) -> list[Problem]:
    """The problem of variables that determine each other, judged by complete rows."""
    if len(complete) <= len(names) or (np.ptp(complete, axis=0) == 0).any():
        return []
    return dependent(np.atleast_2d(np.cov(complete, rowvar=False)), names, inside)


def dependent(covariance: Floats, names: Sequence[str], inside: str = "") -> list[Problem]:
    """Return the problem of (p, p) covariances of variables that determine each other."""
    at = tied(correlation_of(covariance))
    if not at:
        return []
    listed = ", ".join(f"'{names[i]}'" for i in at[:SHOWN]) + (" ..." if len(at) > SHOWN else "")
    fix = "Leave out a total, or a variable that is there twice."
    return [Problem(f"variables {listed}", f"determine each other{inside}.", fix)]
