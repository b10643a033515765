"""Four designs with their standard error and degrees of freedom, in closed form.

All variances are shares of an outcome with variance one. rho is the share between units, tau the
share between organisations, s2 = 1 - rho - tau the rest; a covariate that explains R2 of a share
leaves 1 - R2 of it. J units (per organisation where there are K organisations) of n employees.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from crosslevel.errors import ModelError, Problem
from crosslevel.multilevel.power_answers import Answers


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagerSlope(Answers):
    """A predictor of the units, such as managers' use of data: outcome sd per predictor sd.

    With `organisations`, units lie in organisations and `units` counts those of one organisation;
    the model then has a random intercept for both.

    Parameters
    ----------
    units
        Number of units; per organisation where `organisations` is given.
    size
        Employees per unit.
    icc
        Share of the outcome's variance between units (within organisations).
    organisations, icc_organisation
        Number of organisations and the share of variance between them.
    predictor_between
        Share of the predictor's variance that lies between organisations.
    r2_unit, r2_employee, r2_organisation
        Shares of each level's variance that covariates explain.
    covariates
        Number of covariates at the level of the predictor.

    Notes
    -----
    SE^2 = 1 / (J K [(1 - w) / v + w / (v + J tau (1 - R3^2))]), v = rho (1 - R2^2) +
    s2 (1 - R1^2) / n, w the share between organisations; df = J - g - 2, or K (J - 1) - g - 1 with
    organisations. As CRA2 of Dong & Maynard (2013) with Var(predictor) = 1 for P (1 - P).

    Examples
    --------
    >>> round(ManagerSlope(units=40, size=20, icc=0.10).mdes(), 3)
    0.173
    """

    units: int
    size: int
    icc: float
    organisations: int | None = None
    icc_organisation: float = 0.0
    predictor_between: float = 0.0
    r2_unit: float = 0.0
    r2_employee: float = 0.0
    r2_organisation: float = 0.0
    covariates: int = 0
    kind: str = field(default="slope", init=False)

    def __post_init__(self) -> None:
        check(self)

    @property
    def std_error(self) -> float:
        """Standard error of the slope."""
        within = remaining(self)
        K, J = self.organisations or 1, self.units
        between = within + J * self.icc_organisation * (1.0 - self.r2_organisation)
        w = self.predictor_between
        return float(1.0 / np.sqrt(J * K * ((1.0 - w) / within + w / between)))

    @property
    def df(self) -> int:
        """Degrees of freedom of the t test."""
        if self.organisations is None:
            return self.units - self.covariates - 2
        if self.predictor_between >= 1.0:
            return self.organisations - self.covariates - 2
        return self.organisations * (self.units - 1) - self.covariates - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossLevelInteraction(Answers):
    """A predictor of the units that changes the slope of a predictor of employees.

    Parameters
    ----------
    units, size, icc
        As for `ManagerSlope`.
    slope_variance
        Variance of the employees' slope between units that the unit predictor leaves, in units of
        the outcome's variance per squared sd of the predictor; 0 for slopes that do not vary.
    r2_employee
        Share of the employees' variance that covariates (the predictor itself too) explain.
    covariates
        Number of further predictors of the slope.

    Notes
    -----
    SE^2 = (slope_variance + s2 (1 - R1^2) / n) / J; df = J - g - 2, or J (n - 1) - g - 2 when the
    slopes do not vary (Spybrook, Kelcey & Dong, 2016, J. Educational and Behavioral Statistics 41).
    The employees' predictor is centred within units and has sd one there.

    Examples
    --------
    >>> design = CrossLevelInteraction(units=60, size=15, icc=0.10, slope_variance=0.02)
    >>> round(design.power(0.10), 2)
    0.77
    """

    units: int
    size: int
    icc: float
    slope_variance: float = 0.0
    r2_employee: float = 0.0
    covariates: int = 0
    kind: str = field(default="interaction", init=False)

    def __post_init__(self) -> None:
        check(self)

    @property
    def std_error(self) -> float:
        """Standard error of the interaction."""
        rest = (1.0 - self.icc) * (1.0 - self.r2_employee) / self.size
        return float(np.sqrt((self.slope_variance + rest) / self.units))

    @property
    def df(self) -> int:
        """Degrees of freedom of the t test."""
        if self.slope_variance > 0:
            return self.units - self.covariates - 2
        return self.units * (self.size - 1) - self.covariates - 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterRandomised(Answers):
    """Units, or whole organisations, assigned by lot: a difference in sd of the outcome.

    Parameters
    ----------
    units, size, icc, organisations, icc_organisation
        As for `ManagerSlope`. With `organisations` the lot falls on these.
    treated
        Share of units (organisations) that receive the treatment.
    r2_unit, r2_employee, r2_organisation, covariates
        As for `ManagerSlope`.

    Notes
    -----
    CRA2 and CRA3 of Dong & Maynard (2013, doi 10.1080/19345747.2012.673143; PowerUp!):
    SE^2 = [tau (1 - R3^2) + (rho (1 - R2^2) + s2 (1 - R1^2) / n) / J] / (P (1 - P) K),
    df = K - g - 2; without organisations K = 1 group of J units and df = J - g - 2.

    Examples
    --------
    >>> round(ClusterRandomised(units=40, size=20, icc=0.10).mdes(), 4)
    0.3463
    """

    units: int
    size: int
    icc: float
    organisations: int | None = None
    icc_organisation: float = 0.0
    treated: float = 0.5
    r2_unit: float = 0.0
    r2_employee: float = 0.0
    r2_organisation: float = 0.0
    covariates: int = 0
    kind: str = field(default="randomised", init=False)

    def __post_init__(self) -> None:
        check(self)

    @property
    def std_error(self) -> float:
        """Standard error of the difference."""
        within, K = remaining(self) / self.units, self.organisations or 1
        top = self.icc_organisation * (1.0 - self.r2_organisation)
        return float(np.sqrt((top + within) / (self.treated * (1.0 - self.treated) * K)))

    @property
    def df(self) -> int:
        """Degrees of freedom of the t test."""
        return (self.organisations or self.units) - self.covariates - 2


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoWave(Answers):
    """Units measured before and after a change that some of them make: a difference of changes.

    Parameters
    ----------
    units, size, icc
        As for `ManagerSlope`; `size` employees per unit answer in each wave.
    unit_stability
        Correlation of a unit's own effect between the waves.
    person_stability
        Correlation of an employee's deviation between the waves: 0 for a fresh sample each time,
        above 0 when the same employees answer twice.
    treated
        Share of units that make the change.
    covariates
        Number of unit covariates.

    Notes
    -----
    SE^2 = 2 (rho (1 - r) + s2 (1 - s) / n) / (P (1 - P) J), df = J - g - 2: the comparison of
    changes in Hooper et al. (2016, doi 10.1002/sim.7028), r and s the two stabilities.

    Examples
    --------
    >>> round(TwoWave(units=40, size=20, icc=0.10, unit_stability=0.8).std_error, 4)
    0.114
    """

    units: int
    size: int
    icc: float
    unit_stability: float
    person_stability: float = 0.0
    treated: float = 0.5
    covariates: int = 0
    kind: str = field(default="two-wave", init=False)

    def __post_init__(self) -> None:
        check(self)

    @property
    def std_error(self) -> float:
        """Standard error of the difference of changes."""
        unit = self.icc * (1.0 - self.unit_stability)
        person = (1.0 - self.icc) * (1.0 - self.person_stability) / self.size
        spread = self.treated * (1.0 - self.treated) * self.units
        return float(np.sqrt(2.0 * (unit + person) / spread))

    @property
    def df(self) -> int:
        """Degrees of freedom of the t test."""
        return self.units - self.covariates - 2


PowerDesign = ManagerSlope | CrossLevelInteraction | ClusterRandomised | TwoWave
DESIGNS: dict[str, type[PowerDesign]] = {
    "slope": ManagerSlope,
    "interaction": CrossLevelInteraction,
    "randomised": ClusterRandomised,
    "two-wave": TwoWave,
}
COUNTS = {"units": 2, "size": 1, "organisations": 2, "covariates": 0}
CLOSED = ("icc", "icc_organisation", "predictor_between", "unit_stability", "person_stability")
OPEN_ABOVE = ("r2_unit", "r2_employee", "r2_organisation")


def remaining(design: ManagerSlope | ClusterRandomised) -> float:
    """Return the variance of a unit's mean within organisations that covariates leave."""
    rest = 1.0 - design.icc - design.icc_organisation
    return design.icc * (1.0 - design.r2_unit) + rest * (1.0 - design.r2_employee) / design.size


def check(design: PowerDesign) -> None:
    """Raise with everything that is impossible about a design."""
    problems = [*_counts(design), *_shares(design)]
    icc, above = design.icc, getattr(design, "icc_organisation", 0.0)
    if not problems and icc + above >= 1.0:
        found = f"{icc} and {above} leave no variance to the employees."
        problems.append(Problem("icc, icc_organisation", found, "Their sum must be below 1."))
    if getattr(design, "organisations", None) is None:
        needs = ("icc_organisation", "r2_organisation", "predictor_between")
        problems += [
            Problem(name, "needs `organisations`, the number of organisations.")
            for name in needs
            if getattr(design, name, 0.0)
        ]
    if not problems and design.df < 1:
        found = f"leaves {design.df} degrees of freedom."
        problems.append(Problem("design", found, "Add units, or take covariates out."))
    if problems:
        raise ModelError("The design cannot be used as it is.", problems)


def _counts(design: PowerDesign) -> list[Problem]:
    """Return what is wrong with the whole numbers."""
    made = []
    for name, least in COUNTS.items():
        value = getattr(design, name, None)
        if value is not None and (isinstance(value, bool) or int(value) != value or value < least):
            made.append(Problem(name, f"must be a whole number of {least} or more, got {value}."))
    return made


def _shares(design: PowerDesign) -> list[Problem]:
    """Return what is wrong with shares, correlations and variances."""
    made = []
    for name in (*CLOSED, *OPEN_ABOVE):
        value = getattr(design, name, 0.0)
        if not (0.0 <= value <= 1.0) or (name in OPEN_ABOVE and value == 1.0):
            limit = "below 1" if name in OPEN_ABOVE else "at most 1"
            made.append(Problem(name, f"must be at least 0 and {limit}, got {value}."))
    treated = getattr(design, "treated", 0.5)
    if not 0.0 < treated < 1.0:
        made.append(Problem("treated", f"must lie between 0 and 1, got {treated}."))
    slope = getattr(design, "slope_variance", 0.0)
    if not (np.isfinite(slope) and slope >= 0.0):
        made.append(Problem("slope_variance", f"must be 0 or more, got {slope}."))
    return made
