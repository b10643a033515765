"""How data frames become named arrays and back, and the vocabulary of result columns."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pandas as pd

from crosslevel.errors import CrosslevelError, Problem, did_you_mean

RESULT_COLUMNS = (
    "term",
    "group",
    "estimate",
    "std_error",
    "statistic",
    "df",
    "p_value",
    "conf_low",
    "conf_high",
)


def require_columns(
    frame: pd.DataFrame, names: Iterable[str], *, error: type[CrosslevelError]
) -> None:
    """Raise `error` naming every column that the frame does not have.

    Parameters
    ----------
    frame
        (n_rows, n_columns) any frame.
    names
        Columns that must be there.
    error
        The stage's error class.

    Raises
    ------
    CrosslevelError
        The given child class, when a column is missing.

    Examples
    --------
    >>> require_columns(pd.DataFrame({"unit": []}), ["unit"], error=CrosslevelError)
    """
    asked = list(names)
    known = [c for c in frame.columns if isinstance(c, str)]
    missing = [n for n in asked if n not in known]
    if missing:
        require_text(frame, error=error)
        problems = [
            Problem(f"column '{n}'", "not found.", did_you_mean(str(n), known)) for n in missing
        ]
        raise error(f"The data have no column for {len(missing)} name(s).", problems)
    twice = [n for n in dict.fromkeys(asked) if known.count(n) > 1]
    if twice:
        problems = [Problem(f"column '{n}'", "is there more than once.") for n in twice]
        raise error("Column names must differ.", problems)


def require_text(frame: pd.DataFrame, *, error: type[CrosslevelError]) -> None:
    """Raise `error` when columns have numbers, or several levels, for names.

    Examples
    --------
    >>> require_text(pd.DataFrame({"unit": []}), error=CrosslevelError)
    """
    other = [c for c in frame.columns if not isinstance(c, str)]
    if other:
        raise error(
            f"Column names must be text, and {len(other)} are not, such as {other[0]!r}. Rename "
            "them, as by `data.columns = [str(name) for name in data.columns]`."
        )


def require_finite(
    frame: pd.DataFrame, *, error: type[CrosslevelError], what: str = "column"
) -> None:
    """Raise `error` naming every column of numbers that holds an infinite one.

    Examples
    --------
    >>> require_finite(pd.DataFrame({"a": [1.0, None], "b": ["x", "y"]}), error=CrosslevelError)
    """
    problems = [
        Problem(f"{what} '{name}'", "holds infinite values.")
        for name, column in frame.items()
        if pd.api.types.is_numeric_dtype(column) and np.isinf(_floats(column)).any()
    ]
    if problems:
        raise error("Values must be finite; set them to missing.", problems)


def listed(names: str | Iterable[str]) -> list[str]:
    """Return one name or several as a list: everywhere a single text is a list of one.

    Examples
    --------
    >>> listed("role"), listed(["role", "age"])
    (['role'], ['role', 'age'])
    """
    if isinstance(names, str) or not isinstance(names, Iterable):
        return [names]
    return list(names)


def level_text(level: object) -> str:
    """Return a label as text; a whole number is written without its '.0'.

    Examples
    --------
    >>> level_text(1.0), level_text(1.5), level_text("1.0")
    ('1', '1.5', '1.0')
    """
    if isinstance(level, float | np.floating) and float(level).is_integer():
        return str(int(level))
    return str(level)


def group_codes(values: pd.Series) -> tuple[npt.NDArray[np.intp], list[str]]:
    """Return integer codes of a grouping column and its levels as strings.

    Missing values get code -1. Levels keep the order of first appearance for a plain column and
    the category order for a categorical one; categories that never occur are left out. Labels that
    are written alike, such as 1, 1.0 and "1", are one level.

    Parameters
    ----------
    values
        (n_rows,) labels of any type.

    Returns
    -------
    codes
        (n_rows,) intp, -1 for missing.
    levels
        One string per code.

    Examples
    --------
    >>> group_codes(pd.Series(["b", "a", "b", None]))
    (array([ 0,  1,  0, -1]), ['b', 'a'])
    >>> group_codes(pd.Series([2, "1", 1], dtype=object))
    (array([0, 1, 1]), ['2', '1'])
    """
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.cat.remove_unused_categories()
        codes, levels = values.cat.codes.to_numpy(), values.cat.categories
    else:
        codes, levels = pd.factorize(values, use_na_sentinel=True)
    names = [level_text(level) for level in levels]
    own = list(dict.fromkeys(names))
    if len(own) < len(names):
        at = {name: k for k, name in enumerate(own)}
        codes = np.append([at[name] for name in names], -1)[codes]
    return codes.astype(np.intp), own


def _floats(column: pd.Series) -> npt.NDArray[np.float64]:
    values: npt.NDArray[np.float64] = column.to_numpy(dtype=np.float64, na_value=np.nan)
    return values
