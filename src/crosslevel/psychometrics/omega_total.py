"""Is a score reliable when its items measure one thing to different degrees: omega total."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from crosslevel.errors import NotConvergedWarning
from crosslevel.frames import RESULT_COLUMNS
from crosslevel.psychometrics.answers import Answers, read_answers, warn_direction, warn_shape
from crosslevel.psychometrics.coefficients import correlation_of, omega_of
from crosslevel.psychometrics.grouping import Floats, refusal
from crosslevel.psychometrics.item_table import item_statistics
from crosslevel.psychometrics.notices import HeywoodWarning
from crosslevel.psychometrics.one_factor import OneFactor, information, one_factor, scores
from crosslevel.psychometrics.reliability import check_interval, clustered_error, dropped, wald
from crosslevel.psychometrics.resampling import percentile_interval, resampled_covariances

INTERVALS = ("robust", "delta", "bootstrap")


@dataclass(frozen=True, slots=True)
class Omega:
    """Omega total of one scale.

    Attributes
    ----------
    estimate, std_error, conf_low, conf_high
        Omega, its standard error and its interval at `conf_level`.
    interval
        How the interval was found: "robust", "delta" or "bootstrap".
    observed
        The same with the observed variance of the sum of the items below the line.
    loadings
        One row per item: item, loading and unique_variance in scale points, and loading_std.
    chisq, df, p_value, rmsea
        Whether one factor fits; nan and 0 for three items, which always fit.
    n, n_partial, n_none, n_no_group, n_items, n_groups
        As in `Reliability`.
    items
        One row per item, as `item_statistics` gives it.
    """

    estimate: float
    std_error: float
    conf_low: float
    conf_high: float
    conf_level: float
    interval: str
    observed: float
    loadings: pd.DataFrame
    chisq: float
    df: int
    p_value: float
    rmsea: float
    n: int
    n_partial: int
    n_none: int
    n_no_group: int
    n_items: int
    n_groups: int | None
    items: pd.DataFrame

    def tidy(self) -> pd.DataFrame:
        """One row with the standard columns."""
        row = {"term": "omega", "estimate": self.estimate, "std_error": self.std_error}
        row |= {"conf_low": self.conf_low, "conf_high": self.conf_high}
        return pd.DataFrame([row]).reindex(columns=list(RESULT_COLUMNS))

    def glance(self) -> pd.DataFrame:
        """One row: omega, fit of the one factor, respondents, items."""
        names = ("observed", "chisq", "df", "p_value", "rmsea", "n", "n_items", "n_partial")
        row = {"omega": self.estimate} | {name: getattr(self, name) for name in names}
        return pd.DataFrame([row | {"n_none": self.n_none, "n_no_group": self.n_no_group}])

    def __repr__(self) -> str:
        interval = (
            f"{100 * self.conf_level:g}% interval {self.conf_low:.3f} to {self.conf_high:.3f}"
        )
        fit = f"RMSEA of one factor {self.rmsea:.3f}, " if self.df else ""
        return (
            f"omega = {self.estimate:.3f} ({interval}), {fit}{self.n_items} items, "
            f"{self.n} complete respondents{dropped(self.n_partial, self.n_none, self.n_no_group)}"
        )


def omega(
    items: pd.DataFrame,
    *,
    interval: str = "robust",
    conf_level: float = 0.95,
    groups: pd.Series | None = None,
    bounds: tuple[float, float] | None = None,
    draws: int = 2000,
    seed: int | None = None,
) -> Omega:
    """Return omega total of a one-factor model, with an interval and each item's loading.

    Use it instead of alpha when items measure one thing to different degrees. It rests on the one
    factor: with a poor fit (`rmsea`) it describes a model the data do not follow. For a total over
    subscales, use omega hierarchical of `schmid_leiman`.

    Parameters
    ----------
    items
        (n_persons, n_items) numbers in scale points; nan = not answered. Reverse items turned
        round; always answers, never a correlation matrix.
    interval
        "robust": large sample, any distribution, and groups; "delta": large sample, normal items;
        both cut at one; "bootstrap": percentiles, and groups.
    conf_level
        Level of the interval.
    groups
        (n_persons,) unit of each person, with the same index: the interval then rests on units.
    bounds
        Lowest and highest point of the response scale, for floor and ceiling.
    draws, seed
        Bootstrap samples and their seed.

    Returns
    -------
    Omega

    Raises
    ------
    MeasurementError
        With fewer than three items, an item that is no number or does not vary, items that repeat
        each other, or too few complete respondents.

    Warns
    -----
    ItemDirectionWarning, ResponseScaleWarning, SquareFrameWarning
        As `alpha` does.
    HeywoodWarning
        When an item's unique variance would be negative, or next to nothing, and was held at 0.5 %
        of its variance.
    NotConvergedWarning
        When no solution was found.

    Notes
    -----
    omega = (sum of loadings)^2 / ((sum of loadings)^2 + sum of unique variances), by maximum
    likelihood with covariances of divisor n. Standard errors by the delta method, from the expected
    information or from respondents' scores (summed by group, times G / (G - 1)).
    Source: McDonald (1999); Kelley & Pornprasertmanit (2016). Agrees with R lavaan.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> trait, loadings = rng.normal(size=(200, 1)), [0.8, 0.7, 0.6, 0.5]
    >>> answers = pd.DataFrame(trait * loadings + 0.6 * rng.normal(size=(200, 4)))
    >>> found = omega(answers)
    >>> round(found.estimate, 3), round(found.conf_low, 3), round(found.conf_high, 3)
    (0.806, 0.763, 0.849)
    """
    check_interval(interval, INTERVALS, conf_level)
    hint = "For two items use `spearman_brown`." if items.shape[1] == 2 else ""
    answers = read_answers(items, what="omega", least=3, hint=hint, groups=groups)
    table = item_statistics(items, bounds=bounds)
    warn_direction(table)
    warn_shape(items, bounds)
    C, (n, k) = answers.covariance(), answers.shape
    solution = one_factor(correlation_of(C)[None])
    _check_solution(items, answers, solution)
    scale = np.sqrt(np.diag(C) * (n - 1) / n)
    lam, psi = solution.lam[0] * scale, solution.psi[0] * scale**2
    common, own = float(lam.sum() ** 2), float(psi.sum())
    estimate = common / (common + own)
    if interval == "bootstrap":
        values = omega_of(resampled_covariances(answers, draws=draws, seed=seed))
        std_error, low, high = percentile_interval(values, conf_level)
    else:
        error = _error(answers, lam, psi, robust=interval == "robust")
        std_error, low, high = wald(estimate, error, conf_level)
    chisq, df = n * float(solution.F[0]), k * (k - 3) // 2
    return Omega(
        estimate=estimate,
        std_error=std_error,
        conf_low=low,
        conf_high=high,
        conf_level=conf_level,
        interval=interval,
        observed=common / float(C.sum()),
        loadings=pd.DataFrame(
            {
                "item": list(answers.names),
                "loading": lam,
                "unique_variance": psi,
                "loading_std": solution.lam[0],
            }
        ),
        chisq=chisq,
        df=df,
        p_value=float(stats.chi2.sf(chisq, df)) if df else float("nan"),
        rmsea=float(np.sqrt(max(chisq - df, 0) / (df * n))) if df else float("nan"),
        n=n,
        n_partial=answers.n_partial,
        n_none=answers.n_none,
        n_no_group=answers.n_no_group,
        n_items=k,
        n_groups=answers.n_groups,
        items=table,
    )


def _check_solution(items: pd.DataFrame, answers: Answers, solution: OneFactor) -> None:
    """Refuse items that repeat each other; warn of an edge and of a search without an end."""
    if np.isnan(solution.F[0]):
        n, k = answers.shape
        found = (
            f"{n} complete respondents are too few for {k} items."
            if n <= k
            else "some items are exact sums or copies of others. Leave them out."
        )
        raise refusal(items, found, message="Omega is undefined.")
    held = [f"'{name}'" for name, at in zip(answers.names, solution.at_bound[0], strict=True) if at]
    if held:
        warnings.warn(
            f"The one factor would explain more than 99.5 % of item(s) {', '.join(held)} (a "
            "Heywood case): their unique variance is held at 0.5 % of the item's. Look for items "
            "that repeat each other, for several factors, or for a sample that is too small.",
            HeywoodWarning,
            stacklevel=3,
        )
    if not solution.converged[0]:
        warnings.warn(
            "The one-factor model did not converge; omega is not to be relied on.",
            NotConvergedWarning,
            stacklevel=3,
        )


def _error(answers: Answers, lam: Floats, psi: Floats, *, robust: bool) -> float:
    """Delta-method standard error of omega."""
    reach, own = lam.sum(), psi.sum()
    below = (reach**2 + own) ** 2
    gradient = np.concatenate(
        [np.full(len(lam), 2 * reach * own / below), np.full(len(psi), -(reach**2) / below)]
    )
    direction = np.linalg.solve(information(lam, psi), gradient)
    if not robust:
        return float(np.sqrt(gradient @ direction / len(answers.complete)))
    influence = scores(answers.deviations(), lam, psi) @ direction
    return clustered_error(influence, answers)
