"""Is a score made of these items reliable: Cronbach's alpha with its interval, item by item."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from crosslevel.errors import MeasurementError, did_you_mean
from crosslevel.frames import RESULT_COLUMNS
from crosslevel.psychometrics.answers import (
    Answers,
    check_bounds,
    read_answers,
    warn_direction,
    warn_shape,
)
from crosslevel.psychometrics.coefficients import (
    alpha_of,
    correlation_of,
    duhachek_error,
    lambda2_of,
    lambda6_of,
)
from crosslevel.psychometrics.grouping import Floats, check_level, refusal
from crosslevel.psychometrics.item_table import item_statistics
from crosslevel.psychometrics.resampling import percentile_interval, resampled_covariances

INTERVALS = ("feldt", "duhachek", "robust", "bootstrap")


@dataclass(frozen=True, slots=True)
class Reliability:
    """Cronbach's alpha of one scale.

    Attributes
    ----------
    estimate, std_error, conf_low, conf_high
        Alpha, its standard error and its interval at `conf_level`.
    interval
        How the interval was found: "feldt", "duhachek", "robust" or "bootstrap".
    standardised
        Alpha of the standardised items.
    average_r, median_r, signal_to_noise
        Mean and median correlation between items; k r / (1 - r) with r their mean.
    lambda2, lambda6
        Guttman's, of the standardised items; lambda6 is nan when an item repeats others.
    n
        Respondents who answered every item; alpha rests on them.
    n_partial, n_none, n_no_group
        Respondents who answered some items, none, and all without having a group; left out.
    n_items
        Number of items.
    n_groups
        Groups the standard error allows for; None when respondents were taken as independent.
    items
        One row per item, as `item_statistics` gives it.
    """

    estimate: float
    std_error: float
    conf_low: float
    conf_high: float
    conf_level: float
    interval: str
    standardised: float
    average_r: float
    median_r: float
    signal_to_noise: float
    lambda2: float
    lambda6: float
    n: int
    n_partial: int
    n_none: int
    n_no_group: int
    n_items: int
    n_groups: int | None
    items: pd.DataFrame

    def tidy(self) -> pd.DataFrame:
        """One row with the standard columns."""
        row = {"term": "alpha", "estimate": self.estimate, "std_error": self.std_error}
        row |= {"conf_low": self.conf_low, "conf_high": self.conf_high}
        return pd.DataFrame([row]).reindex(columns=list(RESULT_COLUMNS))

    def glance(self) -> pd.DataFrame:
        """One row: alpha and its relatives, respondents, items."""
        row = {"alpha": self.estimate, "n": self.n, "n_items": self.n_items}
        names = ("standardised", "average_r", "median_r", "signal_to_noise", "lambda2", "lambda6")
        row |= {name: getattr(self, name) for name in names}
        return pd.DataFrame(
            [
                row
                | {
                    "n_partial": self.n_partial,
                    "n_none": self.n_none,
                    "n_no_group": self.n_no_group,
                }
            ]
        )

    def __repr__(self) -> str:
        interval = (
            f"{100 * self.conf_level:g}% interval {self.conf_low:.3f} to {self.conf_high:.3f}"
        )
        return (
            f"alpha = {self.estimate:.3f} ({interval}), {self.n_items} items, "
            f"{self.n} complete respondents{dropped(self.n_partial, self.n_none, self.n_no_group)}"
        )


def dropped(n_partial: int, n_none: int, n_no_group: int = 0) -> str:
    """Return, in words, how many respondents were left out, and why."""
    parts = [
        f"{count} {words}"
        for count, words in (
            (n_partial, "answered in part"),
            (n_none, "answered nothing"),
            (n_no_group, "without a group"),
        )
        if count
    ]
    return f" ({', '.join(parts)})" if parts else ""


def alpha(
    items: pd.DataFrame,
    *,
    interval: str = "feldt",
    conf_level: float = 0.95,
    groups: pd.Series | None = None,
    bounds: tuple[float, float] | None = None,
    draws: int = 2000,
    seed: int | None = None,
) -> Reliability:
    """Return Cronbach's alpha with an interval and the statistics of each item.

    Use it for a scale whose items are meant to measure one thing to the same degree; when they do
    so to different degrees, alpha is a lower bound (see `omega`). Reverse items must have been
    turned round (`Responses.items` does it). Alpha rests on the respondents who answered every
    item.

    Parameters
    ----------
    items
        (n_persons, n_items) numbers in scale points; nan = not answered. Always answers: a square
        frame is not read as a correlation matrix.
    interval
        "feldt": exact for parallel normal items; "duhachek": large sample, normal items; "robust":
        large sample, any distribution, and groups; "bootstrap": percentiles, and groups. Large
        sample intervals are cut at one.
    conf_level
        Level of the interval.
    groups
        (n_persons,) unit of each person, with the same index, when people of one unit answer
        alike: the interval then rests on units. For "robust" and "bootstrap".
    bounds
        Lowest and highest point of the response scale, for floor and ceiling; the lowest and
        highest answer to any item when None.
    draws, seed
        Bootstrap samples and their seed.

    Returns
    -------
    Reliability

    Raises
    ------
    MeasurementError
        With fewer than two items, an item that is no number, does not vary or has answers outside
        the bounds, fewer than three complete respondents, or an interval that is not known.

    Warns
    -----
    ItemDirectionWarning
        When an item correlates negatively with the rest: it may have been left reversed.
    ResponseScaleWarning
        When items seem to have been answered on different response scales.
    SquareFrameWarning
        When the frame looks like a correlation matrix.

    Notes
    -----
    alpha = k / (k - 1) * (1 - sum of item variances / variance of the sum). Feldt:
    1 - (1 - alpha) F, with F the quantiles of F(n - 1, (n - 1)(k - 1)). Robust: the variance of
    the influence of each respondent, summed by group, times G / (G - 1).
    Source: Cronbach (1951); Feldt, Woodruff & Salih (1987), eq. 7; Duhachek & Iacobucci (2004);
    Maydeu-Olivares, Coffman & Hartmann (2007). Agrees with R psych::alpha.

    Examples
    --------
    >>> answers = pd.DataFrame({"a": [1.0, 2, 3, 4], "b": [1.0, 3, 2, 4], "c": [2.0, 2, 3, 4]})
    >>> alpha(answers)
    alpha = 0.916 (95% interval 0.446 to 0.994), 3 items, 4 complete respondents
    """
    check_interval(interval, INTERVALS, conf_level)
    if groups is not None and interval in ("feldt", "duhachek"):
        raise MeasurementError(
            f"The interval '{interval}' takes respondents as independent. With `groups` use "
            "'robust' or 'bootstrap'."
        )
    answers = read_answers(
        items,
        what="alpha",
        hint="A single item has no internal consistency; repeated measurement would show its "
        "reliability.",
        groups=groups,
    )
    if bounds:
        check_bounds(items, bounds)
    C = answers.covariance()
    estimate = float(alpha_of(C))
    if np.isnan(estimate):
        found = "the sum of the items is the same for everyone."
        raise refusal(items, found, message="Alpha is undefined.")
    std_error, low, high = _interval(
        answers, estimate, interval, conf_level=conf_level, draws=draws, seed=seed
    )
    table = item_statistics(items, bounds=bounds)
    warn_direction(table)
    warn_shape(items, bounds)
    R = correlation_of(C)
    pairs = R[np.triu_indices(len(R), 1)]
    average, (n, k) = float(pairs.mean()), answers.shape
    return Reliability(
        estimate=estimate,
        std_error=std_error,
        conf_low=low,
        conf_high=high,
        conf_level=conf_level,
        interval=interval,
        standardised=float(alpha_of(R)),
        average_r=average,
        median_r=float(np.median(pairs)),
        signal_to_noise=k * average / (1 - average) if average < 1 else float("inf"),
        lambda2=lambda2_of(R),
        lambda6=lambda6_of(R),
        n=n,
        n_partial=answers.n_partial,
        n_none=answers.n_none,
        n_no_group=answers.n_no_group,
        n_items=k,
        n_groups=answers.n_groups,
        items=table,
    )


def check_interval(interval: str, known: tuple[str, ...], conf_level: float) -> None:
    """Refuse an interval that is not known, and a level that is no probability."""
    if interval not in known:
        hint = did_you_mean(interval, known) or f"It is one of: {', '.join(known)}."
        raise MeasurementError(f"There is no interval '{interval}'. {hint}")
    check_level(conf_level)


def wald(estimate: float, std_error: float, conf_level: float) -> tuple[float, float, float]:
    """Return the standard error and the normal interval of a coefficient, cut at one."""
    reach = float(stats.norm.ppf((1 + conf_level) / 2)) * std_error
    return std_error, estimate - reach, min(estimate + reach, 1.0)


def clustered_error(influence: Floats, answers: Answers) -> float:
    """Return the standard error of a coefficient from the influence (n,) of each respondent."""
    n = len(influence)
    if answers.n_groups is None:
        return float(np.sqrt((influence**2).sum()) / n)
    sums = np.bincount(answers.codes, weights=influence)
    G = answers.n_groups
    return float(np.sqrt((sums**2).sum() * G / (G - 1)) / n)


def _interval(
    answers: Answers,
    estimate: float,
    interval: str,
    *,
    conf_level: float,
    draws: int,
    seed: int | None,
) -> tuple[float, float, float]:
    """Standard error and bounds of alpha."""
    if interval == "bootstrap":
        covariances = resampled_covariances(answers, draws=draws, seed=seed)
        return percentile_interval(alpha_of(covariances), conf_level)
    if interval == "robust":
        return wald(estimate, clustered_error(_influence(answers), answers), conf_level)
    n, k = answers.shape
    std_error = duhachek_error(answers.covariance(), n)
    if interval == "duhachek":
        return wald(estimate, std_error, conf_level)
    df, tail = (n - 1, (n - 1) * (k - 1)), (1 - conf_level) / 2
    low = float(1 - (1 - estimate) * stats.f.ppf(1 - tail, *df))
    return std_error, low, float(1 - (1 - estimate) * stats.f.ppf(tail, *df))


def _influence(answers: Answers) -> Floats:
    """(n,) how much each respondent moves alpha, times n."""
    deviations = answers.deviations()
    n, k = answers.shape
    C = deviations.T @ deviations / n
    own, total = np.trace(C), C.sum()
    of_own, of_total = (deviations**2).sum(axis=1), deviations.sum(axis=1) ** 2
    slope: Floats = k / (k - 1) * (own * (of_total - total) / total - (of_own - own)) / total
    return slope
