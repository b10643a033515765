"""What is missing, where, in which pattern, and where respondents stopped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from crosslevel.errors import MeasurementError, Problem
from crosslevel.frames import group_codes, listed, require_columns, require_finite
from crosslevel.psychometrics.answers import warn_matrix
from crosslevel.quality.incomplete import Bools, Codes, patterns

ROW = "row"


@dataclass(frozen=True, slots=True, repr=False)
class Missingness:
    """Missing values by item, row, unit and pattern, and where respondents stopped.

    Attributes
    ----------
    items
        One row per item: item, level, n (rows, or units of its level), missing, share; of the
        missing, `skipped` (a later item was answered) and `after_stop` (none was).
    patterns
        One row per distinct pattern, most frequent first: n, share, n_missing, then one column per
        item, True where missing. Items of the rows' own level only.
    rows
        One row per row of the data: n_missing, share, last_answered (item; missing for none),
        stopped (the last item is missing).
    units
        One row per unit and grouping: level, unit, n (rows), missing (share of the rows' cells),
        complete (share of rows).
    dropout
        One row per item, in order: position, stopped (rows whose last answer it is, though items
        follow), share, going_on (share that answered it or a later one).
    """

    items: pd.DataFrame
    patterns: pd.DataFrame
    rows: pd.DataFrame
    units: pd.DataFrame
    dropout: pd.DataFrame

    def tidy(self) -> pd.DataFrame:
        """One row per item: term, level, n, missing, share, skipped, after_stop."""
        return self.items.rename(columns={"item": "term"})

    def glance(self) -> pd.DataFrame:
        """One row: rows, items, share of cells missing, complete, empty and stopped rows."""
        n, k = len(self.rows), len(self.dropout)
        n_missing = self.rows["n_missing"]
        return pd.DataFrame(
            {
                "n": [n],
                "n_items": [k],
                "share_missing": [float(n_missing.sum()) / (n * k)],
                "complete": [int((n_missing == 0).sum())],
                "empty": [int((n_missing == k).sum())],
                "stopped": [int(self.dropout["stopped"].sum())],
                "patterns": [len(self.patterns)],
            }
        )

    def __repr__(self) -> str:
        row = self.glance().loc[0]
        worst = self.items.nlargest(1, "share").iloc[0]
        return (
            f"Missing values: {row['n']:.0f} rows, {row['n_items']:.0f} items, "
            f"{100 * row['share_missing']:.1f}% of cells; {row['complete']:.0f} rows complete, "
            f"{row['empty']:.0f} empty, {row['stopped']:.0f} stopped early; "
            f"{row['patterns']:.0f} patterns\n"
            f"  most missing: {worst['item']} ({100 * worst['share']:.1f}%)"
        )


def missingness(
    data: pd.DataFrame,
    *,
    items: str | Sequence[str] | None = None,
    by: str | Sequence[str] = (),
    levels: Mapping[str, str] | None = None,
) -> Missingness:
    """Return what is missing by item, row, unit and pattern, and where respondents stopped.

    Use it before anything is dropped or imputed. Items stand in the order in which they were asked:
    a row has stopped at its last answer when the items after it are all missing. One last item left
    out cannot be told from stopping.

    Parameters
    ----------
    data
        (n_rows, n_columns) one row per respondent; missing values as nan or None, of any type.
    items
        Columns to judge, in the order asked; all but `by` when None.
    by
        Grouping columns, such as `["unit", "hospital"]`; rows without a unit count as "(missing)".
    levels
        Item -> the grouping column at whose level it was measured, such as `{"beds": "hospital"}`;
        it is counted once per unit and stands in no pattern.

    Raises
    ------
    MeasurementError
        For unknown columns, infinite values, no rows, no items of the rows' own level.

    Warns
    -----
    SquareFrameWarning
        When the items look like a correlation matrix; they are read as answers.

    Examples
    --------
    >>> answers = pd.DataFrame({"a": [1, 2, 3.0], "b": [1, None, None], "c": [2, 2, None]})
    >>> found = missingness(answers)
    >>> found.items[["item", "missing", "skipped", "after_stop"]]
      item  missing  skipped  after_stop
    0    a        0        0           0
    1    b        2        1           1
    2    c        1        0           1
    >>> found.dropout["stopped"].tolist()
    [1, 0, 0]
    """
    by, at_level = listed(by), dict(levels or {})
    asked = _asked(data, items, by, at_level)
    warn_matrix(data[asked], stacklevel=2)
    return gaps(data, asked, by=by, levels=at_level)


def gaps(
    data: pd.DataFrame, asked: Sequence[str], *, by: Sequence[str], levels: Mapping[str, str]
) -> Missingness:
    """Return what `missingness` does, of columns that were checked.

    Raises
    ------
    MeasurementError
        For no rows, no items of the rows' own level.

    Examples
    --------
    >>> answers = pd.DataFrame({"a": [1.0, None], "b": [1.0, 2.0]})
    >>> gaps(answers, ["a", "b"], by=[], levels={}).items["missing"].tolist()
    [1, 0]
    """
    own = [name for name in asked if name not in levels]
    if not own or not len(data):
        raise MeasurementError(
            f"There is nothing to judge: {len(data)} row(s) and {len(own)} item(s) of their level."
        )
    missing = data[own].isna().to_numpy()
    last = _last_answered(missing)
    k = len(own)
    after = missing & (np.arange(k)[None, :] > last[:, None])
    rows = _row_table(data.index, own, missing, last)
    return Missingness(
        items=_item_table(data, asked, own, levels, missing, after),
        patterns=_pattern_table(own, missing),
        rows=rows,
        units=_unit_table(data, by, rows),
        dropout=_dropout_table(own, last),
    )


def _asked(
    data: pd.DataFrame,
    items: str | Sequence[str] | None,
    by: Sequence[str],
    levels: Mapping[str, str],
) -> list[str]:
    """Return the items, or say what does not fit."""
    asked = [c for c in data.columns if c not in by] if items is None else listed(items)
    require_columns(data, [*asked, *by, *levels, *levels.values()], error=MeasurementError)
    require_finite(data[asked], error=MeasurementError)
    problems = [
        Problem(f"item '{name}'", f"its level '{level}' is not among `by`.")
        for name, level in levels.items()
        if level not in by
    ]
    if problems:
        raise MeasurementError("The levels of the items cannot be used.", problems)
    return asked


def _last_answered(missing: Bools) -> Codes:
    """Position of the last answer of each row; -1 for none."""
    k = missing.shape[1]
    from_end = np.argmin(missing[:, ::-1], axis=1).astype(np.intp)
    return np.where(missing.all(axis=1), -1, k - 1 - from_end)


def _row_table(index: pd.Index, own: Sequence[str], missing: Bools, last: Codes) -> pd.DataFrame:
    n_missing = missing.sum(axis=1)
    return pd.DataFrame(
        {
            "n_missing": n_missing,
            "share": n_missing / len(own),
            "last_answered": pd.Categorical.from_codes(last, categories=pd.Index(list(own))),
            "stopped": last < len(own) - 1,
        },
        index=index,
    )


def _item_table(
    data: pd.DataFrame,
    asked: Sequence[str],
    own: Sequence[str],
    levels: Mapping[str, str],
    missing: Bools,
    after: Bools,
) -> pd.DataFrame:
    """One row per item, in the order asked."""
    lost, later = missing.sum(axis=0), after.sum(axis=0)
    at, rows = {name: j for j, name in enumerate(own)}, []
    for name in asked:
        if name in levels:
            known = data[name].notna().groupby(data[levels[name]], observed=True).any()
            n, gone = len(known), int((~known).sum())
            row = {"level": levels[name], "n": n, "missing": gone}
            rows.append({"item": name, **row, "skipped": np.nan, "after_stop": np.nan})
        else:
            j = at[name]
            row = {"level": ROW, "n": len(data), "missing": int(lost[j])}
            parts = {"skipped": int(lost[j] - later[j]), "after_stop": int(later[j])}
            rows.append({"item": name, **row, **parts})
    table = pd.DataFrame(rows)
    share = table["missing"] / table["n"]
    table.insert(4, "share", share)
    return table


def _pattern_table(own: Sequence[str], missing: Bools) -> pd.DataFrame:
    found = patterns(missing)
    cells = pd.DataFrame(found.missing, columns=list(own))
    head = pd.DataFrame(
        {
            "n": found.counts,
            "share": found.counts / len(missing),
            "n_missing": found.missing.sum(axis=1),
        }
    )
    return pd.concat([head, cells], axis=1)


def _unit_table(data: pd.DataFrame, by: Sequence[str], rows: pd.DataFrame) -> pd.DataFrame:
    """One row per unit of each grouping, in order of appearance."""
    tables = []
    for level in by:
        codes, names = group_codes(data[level])
        codes = np.where(codes < 0, len(names), codes)
        J = int(codes.max(initial=-1)) + 1
        n = np.bincount(codes, minlength=J)
        share = np.bincount(codes, weights=rows["share"].to_numpy(), minlength=J) / n
        whole = np.bincount(codes, weights=rows["n_missing"].to_numpy() == 0, minlength=J) / n
        labels = [*names, "(missing)"][:J]
        tables.append(
            pd.DataFrame(
                {"level": level, "unit": labels, "n": n, "missing": share, "complete": whole}
            )
        )
    empty = pd.DataFrame(columns=["level", "unit", "n", "missing", "complete"])
    return pd.concat(tables, ignore_index=True) if tables else empty


def _dropout_table(own: Sequence[str], last: Codes) -> pd.DataFrame:
    """One row per item: how many gave their last answer there."""
    n, k = len(last), len(own)
    ends = np.bincount(last[last >= 0], minlength=k)
    going_on = (n - (last < 0).sum() - np.concatenate([[0], np.cumsum(ends)[:-1]])) / n
    stopped = np.where(np.arange(k) < k - 1, ends, 0)
    return pd.DataFrame(
        {
            "item": list(own),
            "position": np.arange(1, k + 1),
            "stopped": stopped,
            "share": stopped / n,
            "going_on": going_on,
        }
    )
