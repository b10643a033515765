"""Quantiles of a population, with intervals by inverting the share of people below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import t as student

from crosslevel.errors import MeasurementError
from crosslevel.frames import RESULT_COLUMNS
from crosslevel.psychometrics.grouping import check_level
from crosslevel.quality.survey.designing import SurveyDesign
from crosslevel.quality.survey.domains import domains, numeric

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, repr=False)
class SurveyQuantiles:
    """Quantiles of one variable: `tidy` gives one row per domain and quantile."""

    table: pd.DataFrame
    conf_level: float
    rows_dropped: int

    def tidy(self) -> pd.DataFrame:
        """Return the standard columns, with p (the share below) and n.

        The standard error is the interval's length over twice the t quantile; an end is missing
        where the share's own interval leaves 0 to 1.
        """
        return self.table.copy()

    def __repr__(self) -> str:
        lines = [f"quantiles ({self.rows_dropped} rows dropped)"]
        for row in self.table.to_dict("records"):
            place = f" in {row['group']}" if row["group"] else ""
            name = f"{row['term']} at {row['p']:g}{place}"
            lines.append(
                f"  {name:<28} {row['estimate']:>12.5g}  "
                f"({100 * self.conf_level:g}% interval {row['conf_low']:.4g} to "
                f"{row['conf_high']:.4g})"
            )
        return "\n".join(lines)


def quantile(
    design: SurveyDesign,
    variable: str,
    p: float | Sequence[float] = (0.25, 0.5, 0.75),
    *,
    by: str | Sequence[str] | None = None,
    conf_level: float = 0.95,
) -> SurveyQuantiles:
    """Return weighted quantiles with Woodruff's intervals.

    Parameters
    ----------
    design
        People with their sampling design.
    variable
        Numeric column.
    p
        Shares of people below, between 0 and 1.
    by
        Columns whose groups are described one by one; None for all.
    conf_level
        Level of the intervals.

    Returns
    -------
    SurveyQuantiles

    Raises
    ------
    MeasurementError
        When a share or the level is not between 0 and 1, and as `mean`.

    Notes
    -----
    The smallest value with at least p of the weight at or below it. The interval of the share of
    people at or below that value is turned back into values in the same way. Source: Woodruff
    (1952); agrees with R survey's `svyquantile` (qrule "math").
    """
    check_level(conf_level)
    shares = np.atleast_1d(np.asarray(p, dtype=np.float64))
    if not ((shares > 0.0) & (shares < 1.0)).all():
        raise MeasurementError(f"Quantiles lie strictly between 0 and 1, got {shares.tolist()}.")
    values = numeric(design, variable)
    y, w, rows = values.y[:, 0], design.weights, []
    for label, here, df in domains(design, by, values.rows):
        critical = float(student.ppf(0.5 + 0.5 * conf_level, df))
        order = np.argsort(y[here], kind="stable")
        sorted_y, sorted_w = y[here][order], w[here][order]
        for share in shares:
            q = _inverse(sorted_y, sorted_w, float(share))
            below = (y <= q).astype(np.float64)
            low, high = _shares_interval(design, below, here, critical)
            ends = [
                _inverse(sorted_y, sorted_w, low) if low >= 0.0 else np.nan,
                _inverse(sorted_y, sorted_w, high) if high <= 1.0 else np.nan,
            ]
            error = (ends[1] - ends[0]) / (2.0 * critical)
            rows.append((variable, label, q, error, df, *ends, float(share), int(here.sum())))
    columns = ["term", "group", "estimate", "std_error", "df", "conf_low", "conf_high", "p", "n"]
    table = pd.DataFrame(rows, columns=columns)
    table = table.reindex(columns=[*RESULT_COLUMNS, "p", "n"])
    return SurveyQuantiles(table, conf_level, values.dropped)


def _inverse(y: Floats, w: Floats, share: float) -> float:
    """Return the smallest of sorted values with this share of the weight at or below it."""
    reached = np.cumsum(w) / w.sum()
    k = int(np.searchsorted(reached, share - 1e-12))
    return float(y[min(k, len(y) - 1)])


def _shares_interval(
    design: SurveyDesign, below: Floats, here: npt.NDArray[np.bool_], critical: float
) -> tuple[float, float]:
    """Return the t interval of the share of people with `below`."""

    def _share(v: Floats) -> Floats:
        v = v * here
        return np.array([(v @ below) / v.sum()])

    w = design.weights * here
    share = float(_share(design.weights)[0])
    z = w * (below - share) / w.sum()
    reach = critical * float(np.sqrt(design.covariance(_share, z[:, None])[0, 0]))
    return share - reach, share + reach
