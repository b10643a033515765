"""May answers be averaged within the unit: intraclass correlations and what follows from them.

Letters: n persons in G groups; k the mean group size; k0 Searle's adjusted one; MSB and MSW the
mean squares between and within groups of a one-way analysis of variance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import pandas as pd
from scipy import stats

from crosslevel.errors import MeasurementError
from crosslevel.frames import RESULT_COLUMNS
from crosslevel.multilevel import fit
from crosslevel.psychometrics.grouping import (
    Floats,
    Grouped,
    check_level,
    dropped,
    pair,
    refusal,
)


@dataclass(frozen=True, slots=True)
class Aggregation:
    """How much of a variable lies between groups, and how reliable group means are.

    Attributes
    ----------
    icc1, icc1_low, icc1_high
        Share of variance between groups, from the mean squares, with the mean group size.
    icc2, icc2_low, icc2_high
        Reliability of a mean over a group of mean size.
    icc1_k0, icc1_k0_low, icc1_k0_high
        The same as icc1 with Searle's k0, which allows for unequal group sizes.
    icc_reml, tau2, sigma2
        Share of variance between groups in the random-intercept model, by REML, never negative; the
        variances between and within groups it comes from.
    icc2_reml, mean_reliability
        Reliability of a group mean by that model: at mean size, and averaged over the groups.
    icc_ml, tau2_ml, sigma2_ml
        The model by maximum likelihood.
    f, df1, df2, p_value
        Test of equal group means.
    msb, msw
        Mean squares between and within groups.
    n, groups, mean_size, k0, smallest, largest, harmonic_size
        Persons, groups, mean and adjusted group size, and sizes of the groups.
    eta_squared, omega_squared
        Share of the sum of squares between groups, as it is and corrected for chance.
    design_effect
        1 + (mean_size - 1) icc1: by how much clustering multiplies the variance of a mean.
    design_effect_reml, effective_n
        The same by icc_reml, and the persons drawn at random that would be worth as much.
    units
        One row per group: group, n, mean, reliability (of its mean, by the REML variances).
    """

    icc1: float
    icc1_low: float
    icc1_high: float
    icc2: float
    icc2_low: float
    icc2_high: float
    icc1_k0: float
    icc1_k0_low: float
    icc1_k0_high: float
    icc_reml: float
    icc2_reml: float
    mean_reliability: float
    tau2: float
    sigma2: float
    icc_ml: float
    tau2_ml: float
    sigma2_ml: float
    msb: float
    msw: float
    f: float
    df1: int
    df2: int
    p_value: float
    n: int
    rows_dropped: int
    groups: int
    mean_size: float
    k0: float
    smallest: int
    largest: int
    harmonic_size: float
    eta_squared: float
    omega_squared: float
    design_effect: float
    design_effect_reml: float
    effective_n: float
    conf_level: float
    units: pd.DataFrame

    def tidy(self) -> pd.DataFrame:
        """One row per intraclass correlation, with the standard columns."""
        rows = [
            ("ICC(1)", self.icc1, self.icc1_low, self.icc1_high),
            ("ICC(1), k0", self.icc1_k0, self.icc1_k0_low, self.icc1_k0_high),
            ("ICC(2)", self.icc2, self.icc2_low, self.icc2_high),
        ]
        frame = pd.DataFrame(rows, columns=["term", "estimate", "conf_low", "conf_high"])
        return frame.reindex(columns=list(RESULT_COLUMNS))

    def glance(self) -> pd.DataFrame:
        """One row with every figure but those of single groups."""
        names = [field.name for field in fields(self) if field.name != "units"]
        return pd.DataFrame([{name: getattr(self, name) for name in names}])

    def reliability_of_means(self, sizes: Sequence[float] | None = None) -> pd.DataFrame:
        """Return the reliability of a group mean by group size.

        Parameters
        ----------
        sizes
            Sizes to answer for; the sizes found, each once, when None.

        Returns
        -------
        DataFrame
            size, groups (that have it), reliability.

        Notes
        -----
        tau2 / (tau2 + sigma2 / size), by the REML variances: Spearman-Brown of icc_reml.
        """
        counts = self.units["n"].value_counts()
        wanted = np.sort(counts.index) if sizes is None else np.asarray(sizes, dtype=np.float64)
        if (wanted <= 0).any():
            raise MeasurementError(f"A group size must be positive, got {wanted.min():g}.")
        reliability = _reliability(self.tau2, self.sigma2, wanted)
        table = {"size": wanted, "groups": counts.reindex(wanted).fillna(0).astype("int64").array}
        return pd.DataFrame(table | {"reliability": reliability})

    def __repr__(self) -> str:
        interval = (
            f"{100 * self.conf_level:g}% interval {self.icc1_low:.3f} to {self.icc1_high:.3f}"
        )
        return (
            f"ICC(1) = {self.icc1:.3f} ({interval}), ICC(2) = {self.icc2:.3f}, "
            f"{self.n} persons in {self.groups} groups{dropped(self.rows_dropped)}"
        )


def aggregation(values: pd.Series, groups: pd.Series, *, conf_level: float = 0.95) -> Aggregation:
    """Return ICC(1), ICC(2), their intervals, and what clustering does to a mean.

    Use it before averaging answers within units or fitting a multilevel model. The intervals
    assume normal errors and are exact for groups of equal size.

    Parameters
    ----------
    values
        (n_persons,) numbers; nan = not answered, left out.
    groups
        (n_persons,) the group of each person, with the same index; missing ones are left out.
    conf_level
        Level of the intervals.

    Returns
    -------
    Aggregation

    Raises
    ------
    MeasurementError
        With a frame, one group only, no group of two or more, values that do not vary, in all or
        within any group, or a level that is no probability.

    Notes
    -----
    icc1 = (MSB - MSW) / (MSB + (k - 1) MSW); icc2 = (MSB - MSW) / MSB; intervals by the bounds of
    F = MSB / MSW. An icc1 below zero means that persons of one group differ more than persons of
    different groups. Reliability of the mean of n members: tau2 / (tau2 + sigma2 / n).
    Source: Bliese (2000); McGraw & Wong (1996), case 1; Lüdtke et al. (2008). Agrees with R
    multilevel::ICC1, ICC2 and, for the model, lme4::lmer.

    Examples
    --------
    >>> frame = pd.DataFrame({"unit": list("aaabbbccc"), "y": [1, 2, 3, 3, 4, 4, 6, 5, 7]})
    >>> aggregation(frame["y"], frame["unit"])
    ICC(1) = 0.829 (95% interval 0.276 to 0.995), ICC(2) = 0.936, 9 persons in 3 groups
    """
    check_level(conf_level)
    _check_one(values)
    data = pair(values, groups)
    _check(values, data)
    n, count, sizes = len(data.codes), len(data.names), data.sizes
    k = n / count
    k0 = float((n - (sizes**2).sum() / n) / (count - 1))
    between, within = _sums_of_squares(data)
    df1, df2 = count - 1, n - count
    msb, msw = between / df1, within / df2
    f = msb / msw
    tail = (1 - conf_level) / 2
    f_low = f / float(stats.f.ppf(1 - tail, df1, df2))
    f_high = f / float(stats.f.ppf(tail, df1, df2))
    icc1 = _icc1(f, k)
    tau2, sigma2 = _variances(data, "reml")
    tau2_ml, sigma2_ml = _variances(data, "ml")
    icc_reml = tau2 / (tau2 + sigma2)
    reliability = _reliability(tau2, sigma2, sizes)
    return Aggregation(
        icc1=icc1,
        icc1_low=_icc1(f_low, k),
        icc1_high=_icc1(f_high, k),
        icc2=_icc2(f),
        icc2_low=_icc2(f_low),
        icc2_high=_icc2(f_high),
        icc1_k0=_icc1(f, k0),
        icc1_k0_low=_icc1(f_low, k0),
        icc1_k0_high=_icc1(f_high, k0),
        icc_reml=icc_reml,
        icc2_reml=float(_reliability(tau2, sigma2, np.array([k]))[0]),
        mean_reliability=float(reliability.mean()),
        tau2=tau2,
        sigma2=sigma2,
        icc_ml=tau2_ml / (tau2_ml + sigma2_ml),
        tau2_ml=tau2_ml,
        sigma2_ml=sigma2_ml,
        msb=msb,
        msw=msw,
        f=f,
        df1=df1,
        df2=df2,
        p_value=float(stats.f.sf(f, df1, df2)),
        n=n,
        rows_dropped=len(values) - n,
        groups=count,
        mean_size=k,
        k0=k0,
        smallest=int(sizes.min()),
        largest=int(sizes.max()),
        harmonic_size=float(count / (1 / sizes).sum()),
        eta_squared=between / (between + within),
        omega_squared=(between - df1 * msw) / (between + within + msw),
        design_effect=1 + (k - 1) * icc1,
        design_effect_reml=1 + (k - 1) * icc_reml,
        effective_n=n / (1 + (k - 1) * icc_reml),
        conf_level=conf_level,
        units=_units(data, reliability),
    )


def _check_one(values: pd.Series) -> None:
    """Refuse a frame, of which it is not known what the one value of a person is."""
    if isinstance(values, pd.DataFrame):
        raise MeasurementError(
            f"`values` must be one variable, got a frame of {values.shape[1]} column(s). Give one "
            "of them, or a score such as items.mean(axis=1)."
        )


def _check(values: pd.Series, data: Grouped) -> None:
    """Refuse data without variance to divide."""
    if len(data.names) < 2:
        raise refusal(values, f"everyone is in one group, '{data.names[0]}': no ICC.")
    if np.ptp(data.cells) == 0:
        raise refusal(values, f"every value is {data.cells[0, 0]:g}: no ICC.")
    if data.sizes.max() < 2:
        raise refusal(values, "each group has one person only: no ICC.")
    if np.nanmax(data.variances()) == 0:
        raise refusal(
            values,
            "does not vary within any group: a variable measured at the level of the group has "
            "no ICC.",
        )


def _sums_of_squares(data: Grouped) -> tuple[float, float]:
    """Sums of squares between and within groups."""
    means = data.means()[:, 0]
    between = float((data.sizes * (means - data.cells.mean()) ** 2).sum())
    within = float(((data.cells[:, 0] - means[data.codes]) ** 2).sum())
    return between, within


def _icc1(f: float, k: float) -> float:
    """(MSB - MSW) / (MSB + (k - 1) MSW), in terms of their ratio."""
    return (f - 1) / (f + k - 1)


def _icc2(f: float) -> float:
    """(MSB - MSW) / MSB, in terms of their ratio; no lower limit."""
    return 1 - 1 / f if f > 0 else float("-inf")


def _variances(data: Grouped, method: str) -> tuple[float, float]:
    """Variances between and within groups in the random-intercept model."""
    names = np.array(data.names)
    frame = pd.DataFrame({"value": data.cells[:, 0], "group": names[data.codes]})
    fitted = fit("value ~ 1 + (1 | group)", frame, method=method)
    return float(fitted.variance_components()["covariance"].iloc[0]), float(fitted.sigma**2)


def _reliability(tau2: float, sigma2: float, sizes: Floats) -> Floats:
    """Reliability of means over so many members."""
    reliability: Floats = tau2 / (tau2 + sigma2 / sizes)
    return reliability


def _units(data: Grouped, reliability: Floats) -> pd.DataFrame:
    """One row per group."""
    return pd.DataFrame(
        {
            "group": pd.Series(data.names, dtype="str"),
            "n": data.sizes.astype(np.int64),
            "mean": data.means()[:, 0],
            "reliability": reliability,
        }
    )
