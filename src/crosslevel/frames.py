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
    known = [str(c) for c in frame.columns]
    missing = [n for n in names if n not in known]
    if missing:
        problems = [Problem(f"column '{n}'", "not found.", did_you_mean(n, known)) for n in missing]
        raise error(f"The data have no column for {len(missing)} name(s).", problems)


def group_codes(values: pd.Series) -> tuple[npt.NDArray[np.intp], list[str]]:
    """Return integer codes of a grouping column and its levels as strings.

    Missing values get code -1. Levels keep the order of first appearance for a plain column and
    the category order for a categorical one; categories that never occur are left out.

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
    """
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.cat.remove_unused_categories()
        return (
            values.cat.codes.to_numpy().astype(np.intp),
            [str(level) for level in values.cat.categories],
        )
    codes, levels = pd.factorize(values, use_na_sentinel=True)
    return codes.astype(np.intp), [str(level) for level in levels]
