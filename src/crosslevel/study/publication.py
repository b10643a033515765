"""What a build shows: its tables with no more digits than their uncertainty deserves.

Two models, or two tables, whose people differ by one would otherwise give that one's answer to
whoever knows the predictors, exactly. The exact tables stay in `build/private/`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from crosslevel import disclosure
from crosslevel.integration.claims import decimals
from crosslevel.study.spec import ClaimSpec

Places = npt.NDArray[np.intp]

DIGITS = 4
"""Digits of a number that no other rule is about."""
_ESTIMATES = ("estimate", "std_error", "conf_low", "conf_high")
_STANDARDISED = ("standardised", "standardised_low", "standardised_high")
_CURVES = ("predictions", "unit_effects")
_FIXED = {
    "statistic": 2, "df": 1, "p_value": 4, "criterion": 1, "log_likelihood": 1, "aic": 1, "bic": 1,
    "share": 3, "icc": 3,
}  # fmt: skip


def published(
    tables: Mapping[str, pd.DataFrame], claims: Sequence[ClaimSpec]
) -> dict[str, pd.DataFrame]:
    """Return the tables of a build as they may be shown.

    Parameters
    ----------
    tables
        The exact tables by name; not changed.
    claims
        What is claimed: rounding must not change a verdict.

    Notes
    -----
    An estimate, its standard error and its interval are rounded to two digits of the standard error
    (a quarter of the interval's width), or to as many more as their signs and their claim need; a
    mean and a standard deviation to two decimals, fewer where the standard deviation is 10 or more
    and more where it is below 0.1; lines and unit effects
    alike over their whole length; any other number to four digits.
    """
    return {name: _table(name, frame, claims) for name, frame in tables.items()}


def _table(name: str, frame: pd.DataFrame, claims: Sequence[ClaimSpec]) -> pd.DataFrame:
    """Return one table as it may be shown."""
    columns = [str(c) for c in frame.columns if pd.api.types.is_float_dtype(frame[c])]
    done: set[str] = set()
    if frame.empty:
        return frame
    if {"estimate", "conf_low", "conf_high"} <= set(columns):
        own = [column for column in _ESTIMATES if column in columns]
        frame = disclosure.rounded(frame, own, _interval(name, frame, claims))
        done |= set(own)
    if set(_STANDARDISED) <= set(columns):
        frame = disclosure.rounded(frame, _STANDARDISED, _places(frame, *_STANDARDISED))
        done |= set(_STANDARDISED)
    if {"mean", "std_dev"} <= set(columns):
        frame = disclosure.rounded(frame, ["mean", "std_dev"], _moments(frame["std_dev"]))
        done |= {"mean", "std_dev"}
    if "x" in columns:
        reach = frame.groupby(["model", "term"])["x"].transform(np.ptp)
        frame = disclosure.rounded(frame, ["x"], disclosure.places_of(reach, digits=3))
        done.add("x")
    for column, fixed in _FIXED.items():
        if column in columns:
            frame = disclosure.rounded(frame, [column], fixed)
            done.add(column)
    return disclosure.significant(frame, [c for c in columns if c not in done], digits=DIGITS)


def _interval(name: str, frame: pd.DataFrame, claims: Sequence[ClaimSpec]) -> Places:
    """Return the decimals of estimates with an interval."""
    if name in _CURVES:
        keys = [key for key in ("model", "term") if key in frame]
        width = frame["conf_high"] - frame["conf_low"]
        return disclosure.places_of(width.groupby([frame[k] for k in keys]).transform("median") / 4)
    places = _places(frame, "estimate", "conf_low", "conf_high")
    if {"model", "term"} <= set(frame.columns):
        numbers = frame[["estimate", "conf_low", "conf_high"]].to_numpy(dtype=np.float64)
        for claim in claims:
            about = (frame["model"] == claim.model) & (frame["term"] == claim.term)
            for row in np.flatnonzero(about):
                places[row] = max(places[row], decimals(numbers[row], claim.smallest))
    return places


def _moments(std_dev: pd.Series) -> Places:
    """Return the decimals of a mean: two while the standard deviation lies from 0.1 to 10."""
    two, three = (disclosure.places_of(std_dev, digits=digits) for digits in (2, 3))
    places: Places = np.maximum(two, np.minimum(three, 2))
    return places


def _places(frame: pd.DataFrame, estimate: str, low: str, high: str) -> Places:
    """Return decimals at which two digits of the standard error, and every sign, are kept."""
    width = (frame[high] - frame[low]).to_numpy(dtype=np.float64)
    numbers = frame[[estimate, low, high]].to_numpy(dtype=np.float64)
    return disclosure.keeping_sign(disclosure.places_of(width / 4), numbers)
