"""Who was invited and who responded, by attribute; small groups stay unseen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import norm

from crosslevel.errors import MeasurementError, Problem
from crosslevel.frames import listed, require_columns, require_finite
from crosslevel.psychometrics.grouping import check_level
from crosslevel.quality.survey.domains import ordered_codes

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]
Rows = npt.NDArray[np.bool_]
UNKNOWN = "(unknown)"
BANDS = 4
MANY = 10  # different values from which a number is cut into bands


@dataclass(frozen=True, slots=True)
class Attribute:
    """A column of the roster as levels: codes (n,) point at levels, none is missing."""

    name: str
    codes: Codes
    levels: tuple[str, ...]


def attribute(roster: pd.DataFrame, name: str, *, banded: bool = True) -> Attribute:
    """Return an attribute; unknown is a level.

    Numbers with many values are cut at quartiles when `banded`; numbers of units never are.
    """
    column = roster[name]
    number = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
    if banded and number and column.nunique() > MANY:
        column = _bands(column)
    codes, levels = ordered_codes(column)
    if (codes < 0).any():
        codes, levels = np.where(codes < 0, len(levels), codes), [*levels, UNKNOWN]
    return Attribute(name, codes.astype(np.intp), tuple(levels))


def responses(roster: pd.DataFrame, name: str) -> Rows:
    """Return who responded, from truth values or 0 and 1.

    Raises
    ------
    MeasurementError
        When the column is missing or holds something else, or everybody or nobody responded.
    """
    made = _said(roster, name)
    if made.all() or not made.any():
        who = "Everybody" if made.all() else "Nobody"
        raise MeasurementError(f"{who} of {len(made)} responded; there is nothing to compare.")
    return made


def _said(roster: pd.DataFrame, name: str) -> Rows:
    """Return who responded; refuse a column that does not say so of everybody."""
    require_columns(roster, [name], error=MeasurementError)
    if not len(roster):
        raise MeasurementError("The roster is empty: nobody was invited.")
    column = roster[name]
    odd = column[~column.isin([0, 1, True, False])]
    if len(odd):
        raise MeasurementError(
            f"'{name}' must say of everybody whether they responded, true or false (1 or 0); "
            f"{len(odd)} row(s) do not, such as {odd.iloc[0]!r}."
        )
    return np.asarray(column.astype(bool).to_numpy())


def rates(responded: Rows, attributes: Sequence[Attribute], *, conf_level: float) -> pd.DataFrame:
    """Return one row per level: variable, level, invited, responded, rate, conf_low, conf_high.

    Wilson's (1927) interval, as if the invited were a sample of such people.
    """
    check_level(conf_level)
    reach = float(norm.ppf(0.5 + 0.5 * conf_level))
    frames = [_row("(all)", ["(all)"], np.zeros(len(responded), dtype=np.intp), responded)]
    frames += [_row(a.name, a.levels, a.codes, responded) for a in attributes]
    table = pd.concat(frames, ignore_index=True)
    n, p = table["invited"].to_numpy(dtype=float), table["rate"].to_numpy(dtype=float)
    centre = (p + reach**2 / (2 * n)) / (1 + reach**2 / n)
    half = reach / (1 + reach**2 / n) * np.sqrt(p * (1 - p) / n + reach**2 / (4 * n**2))
    return table.assign(
        conf_low=np.maximum(centre - half, 0), conf_high=np.minimum(centre + half, 1)
    )


def shown(table: pd.DataFrame, minimum: int) -> Rows:
    """Return which rows of `rates` rest on enough people, also against subtraction from a total.

    Within each variable, levels with fewer invited than the minimum are hidden; where any is, the
    next smallest follow until two or more are hidden that together hold the minimum.
    """
    hidden = (table["invited"] < minimum).to_numpy(dtype=bool).copy()
    for name in table["variable"].unique():
        here = np.flatnonzero(table["variable"] == name)
        if not hidden[here].any():
            continue
        n = table["invited"].to_numpy()[here]
        for k in here[np.argsort(n, kind="stable")]:
            inside = hidden[here]
            if inside.sum() >= 2 and n[inside].sum() >= minimum:
                break
            hidden[k] = True
    return np.asarray(~hidden)


def response_rates(
    roster: pd.DataFrame,
    *,
    responded: str,
    by: str | Sequence[str],
    minimum: int = 5,
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """Return response rates over all and by attribute, without groups too small to be shown.

    Use it where a rate is all that is wanted; `nonresponse` also says what the differences between
    groups can do to a result, and needs groups in which some did and some did not respond.

    Parameters
    ----------
    roster
        One row per person invited.
    responded
        Column that says who responded: true or false, or 1 and 0.
    by
        Attributes, such as hospital and profession; none for the overall rate alone.
    minimum
        People a row that is shown must rest on; smaller groups are hidden, with others where their
        difference from the total would show them.
    conf_level
        Level of the intervals.

    Returns
    -------
    DataFrame
        variable, level, invited, responded, rate, conf_low, conf_high; first the row "(all)".

    Raises
    ------
    MeasurementError
        For missing columns or infinite values, a `responded` that does not say it of everybody, a
        `minimum` below one, or a level that is no probability.

    Notes
    -----
    Wilson's interval, as if the invited were a sample of such people. Source: Wilson (1927).

    Examples
    --------
    >>> staff = pd.DataFrame({"role": ["nurse"] * 60 + ["doctor"] * 40})
    >>> staff["answered"] = [True] * 45 + [False] * 15 + [True] * 40
    >>> response_rates(staff, responded="answered", by=["role"])["rate"].tolist()
    [0.85, 1.0, 0.75]
    """
    names = listed(by)
    check_minimum(minimum)
    require_columns(roster, names, error=MeasurementError)
    require_finite(roster[names], error=MeasurementError)
    there = _said(roster, responded)
    known = [attribute(roster, name) for name in names]
    table = rates(there, known, conf_level=conf_level)
    return table[shown(table, minimum)].reset_index(drop=True)


def check_minimum(minimum: int) -> None:
    """Refuse a smallest group that would show everybody.

    Raises
    ------
    MeasurementError
        When it is below one.
    """
    if minimum < 1:
        raise MeasurementError(f"`minimum` must be at least 1, got {minimum}.")


def refuse_certain(responded: Rows, attributes: Sequence[Attribute]) -> None:
    """Refuse levels in which everybody or nobody responded: their propensity is not estimable."""
    problems = []
    for one in attributes:
        if len(one.levels) < 2:
            problems.append(Problem(f"'{one.name}'", "has one level.", "Leave it out."))
            continue
        n = np.bincount(one.codes)
        r = np.bincount(one.codes, weights=responded)
        for level, invited, answered in zip(one.levels, n, r, strict=True):
            if answered in (0, invited):
                who = "everybody" if answered else "nobody"
                problems.append(
                    Problem(
                        f"'{one.name}' = '{level}'",
                        f"{who} of {invited} responded.",
                        "Merge it with a level like it.",
                    )
                )
    if problems:
        raise MeasurementError("The chance to respond cannot be estimated.", problems)


def _row(name: str, levels: Sequence[str], codes: Codes, responded: Rows) -> pd.DataFrame:
    invited = np.bincount(codes, minlength=len(levels))
    answered = np.bincount(codes, weights=responded, minlength=len(levels)).astype(int)
    columns = {"variable": name, "level": list(levels), "invited": invited, "responded": answered}
    return pd.DataFrame(columns).assign(rate=answered / invited)


def _bands(column: pd.Series) -> pd.Series:
    """Return a number cut at its quartiles, with labels such as '20 to 31'."""
    cuts = np.unique(column.dropna().quantile(np.linspace(0, 1, BANDS + 1)))
    made = pd.cut(column, cuts.tolist(), include_lowest=True)
    values = column.groupby(made, observed=True).agg(["min", "max"])
    names = {k: f"{row['min']:g} to {row['max']:g}" for k, row in values.iterrows()}
    kept = made.cat.remove_unused_categories()
    return pd.Series(kept.cat.rename_categories(names), index=column.index)
