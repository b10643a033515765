"""How every number of a report is written, in one place: true minus sign, fixed decimals."""

from __future__ import annotations

import math

import pandas as pd

MINUS = "\u2212"
DASH = "\u2013"
NOT_KNOWN = ""


def _missing(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value)) or value is pd.NA


def number(value: float | None, *, decimals: int = 2) -> str:
    """Return a number with this many decimals; nothing for a missing one.

    A number that rounds to nought has no sign.

    Examples
    --------
    >>> number(-0.1234), number(-0.001), number(None), number(1234.5, decimals=1)
    ('−0.12', '0.00', '', '1,234.5')
    """
    if _missing(value):
        return NOT_KNOWN
    text = f"{abs(float(value)):,.{decimals}f}"  # type: ignore[arg-type]
    negative = float(value) < 0 and any(c in "123456789" for c in text)  # type: ignore[arg-type]
    return MINUS + text if negative else text


def count(value: float | None) -> str:
    """Return a whole number with thousands set apart.

    Examples
    --------
    >>> count(3600)
    '3,600'
    """
    return number(value, decimals=0)


def percent(value: float | None) -> str:
    """Return a share of 1 as a percentage.

    Examples
    --------
    >>> percent(0.5034)
    '50%'
    """
    return NOT_KNOWN if _missing(value) else f"{number(100 * float(value), decimals=0)}%"  # type: ignore[arg-type]


def p_value(value: float | None) -> str:
    """Return a p value: three decimals, and `<0.001` below that.

    Examples
    --------
    >>> p_value(0.0004), p_value(0.0456)
    ('<0.001', '0.046')
    """
    if _missing(value):
        return NOT_KNOWN
    return "<0.001" if float(value) < 0.001 else number(value, decimals=3)  # type: ignore[arg-type]


def interval(low: float | None, high: float | None, *, decimals: int = 2) -> str:
    """Return an interval in brackets.

    Examples
    --------
    >>> interval(-0.05, 0.31)
    '[−0.05, 0.31]'
    """
    if _missing(low) or _missing(high):
        return NOT_KNOWN
    return f"[{number(low, decimals=decimals)}, {number(high, decimals=decimals)}]"


def decimals_for(std_error: float | None, *shown: float) -> int:
    """Return how many decimals an estimate with this standard error deserves: none to four.

    One more is given as long as one of the numbers `shown` beside it, such as the end of its
    interval, would lose its sign.

    Examples
    --------
    >>> decimals_for(0.04), decimals_for(0.004), decimals_for(0.0004), decimals_for(12.0)
    (2, 3, 4, 0)
    >>> decimals_for(0.04, 0.086, 0.004, 0.168)
    3
    """
    known = [value for value in shown if not _missing(value) and value != 0]
    least = 2
    if not _missing(std_error):
        size = float(std_error)  # type: ignore[arg-type]
        least = sum(size < limit for limit in (10, 1, 0.01, 0.001))
    kept = (d for d in range(least, 4) if all(round(value, d) != 0 for value in known))
    return next(kept, 4)


def mean_and_spread(row: pd.Series) -> tuple[str, str]:
    """Return the `mean` and the `std_dev` of a row with the decimals its spread deserves.

    Examples
    --------
    >>> mean_and_spread(pd.Series({"mean": 3.412, "std_dev": 0.72}))
    ('3.41', '0.72')
    >>> mean_and_spread(pd.Series({"mean": 46.9, "std_dev": 24.5}))
    ('46.9', '24.5')
    """
    spread = row["std_dev"]
    decimals = 2 if _missing(spread) else sum(spread < limit for limit in (100, 10))
    return number(row["mean"], decimals=decimals), number(spread, decimals=decimals)


def with_error(estimate: float | None, std_error: float | None, *, decimals: int) -> str:
    """Return an estimate with its standard error in brackets.

    Examples
    --------
    >>> with_error(-0.213, 0.04, decimals=2)
    '−0.21 (0.04)'
    """
    return f"{number(estimate, decimals=decimals)} ({number(std_error, decimals=decimals)})"


def estimate_text(
    estimate: float, low: float, high: float, *, conf_level: float, decimals: int = 2
) -> str:
    """Return an estimate and its interval in words.

    Examples
    --------
    >>> estimate_text(0.213, 0.12, 0.306, conf_level=0.95)
    '0.21 (95% interval 0.12 to 0.31)'
    """
    level = f"{100 * conf_level:g}%"
    shown = [number(value, decimals=decimals) for value in (estimate, low, high)]
    return f"{shown[0]} ({level} interval {shown[1]} to {shown[2]})"
