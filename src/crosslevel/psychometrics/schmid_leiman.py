"""One general factor beside several narrower ones: omega hierarchical, after Schmid and Leiman.

L and Phi are oblique loadings and factor correlations, g the loadings of the factors on the general
factor.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd

from crosslevel.errors import MeasurementError
from crosslevel.psychometrics.coefficients import alpha_of
from crosslevel.psychometrics.efa import FactorSolution, efa, long_loadings
from crosslevel.psychometrics.extraction import extract
from crosslevel.psychometrics.grouping import Floats
from crosslevel.psychometrics.notices import (
    HeywoodWarning,
    ItemDirectionWarning,
    WeakIdentificationWarning,
)

GENERAL = ("equal", "first", "second")
_ROTATIONS = ("oblimin", "promax")


@dataclass(frozen=True, slots=True)
class SchmidLeiman:
    """A general factor, group factors, and what they say about a total score.

    Attributes
    ----------
    loadings
        One row per item: item, general, one column per group factor, communality, uniqueness,
        share_general (of the communality), reversed.
    omega_h
        Share of the variance of the total score that the general factor explains.
    omega_total
        Share that all factors explain.
    omega_limit
        omega_h if the test were endlessly long: omega_h / omega_total.
    alpha, g6
        Cronbach's alpha of standardised items and Guttman's lambda 6.
    ecv
        Explained common variance: share of the general factor in all squared loadings.
    groups
        One row for the total score and one per group factor with the items that load most on it:
        factor, n_items, omega_total, omega_general, omega_group.
    general_loadings
        (n_factors,) loadings of the group factors on the general factor.
    reversed_items
        Items turned round because their general loading was negative.
    solution
        The oblique solution it was made of.
    """

    loadings: pd.DataFrame
    omega_h: float
    omega_total: float
    omega_limit: float
    alpha: float
    g6: float
    ecv: float
    groups: pd.DataFrame
    general_loadings: pd.Series
    reversed_items: tuple[str, ...]
    solution: FactorSolution

    def tidy(self) -> pd.DataFrame:
        """One row per item and factor: term is the item, group the factor, estimate the loading."""
        factors = ["general", *self.solution.loadings.columns]
        return long_loadings(self.loadings.set_index("item")[factors])

    def glance(self) -> pd.DataFrame:
        """One row: the coefficients, items, respondents."""
        names = ("omega_h", "omega_total", "omega_limit", "alpha", "g6", "ecv")
        row: dict[str, object] = {name: getattr(self, name) for name in names}
        row |= {"n_items": len(self.loadings), "n": self.solution.n}
        return pd.DataFrame([row | {"dropped": self.solution.dropped}])

    def __repr__(self) -> str:
        turned = f", reversed: {', '.join(self.reversed_items)}" if self.reversed_items else ""
        return (
            f"omega hierarchical {self.omega_h:.3f}, total {self.omega_total:.3f}, explained "
            f"common variance {self.ecv:.3f}, {self.solution.loadings.shape[1]} group factors of "
            f"{len(self.loadings)} items, {self.solution.n} respondents "
            f"({self.solution.dropped} dropped){turned}"
        )


def schmid_leiman(
    items: pd.DataFrame,
    n_factors: int = 3,
    *,
    method: str = "minres",
    rotation: str = "oblimin",
    general: str = "equal",
    ordered: bool = False,
    smooth: bool = False,
    starts: int = 10,
    seed: int = 0,
) -> SchmidLeiman:
    """Return how much of a total score is one general factor, by a Schmid-Leiman solution.

    Use it when a scale has subscales and one total is to be reported. It assumes that the general
    factor acts on items through the group factors; three of them or more are needed to find it.

    Parameters
    ----------
    items
        (n_persons, n_items) answers; nan = not answered. Items are standardised.
    n_factors
        Number of group factors.
    method, rotation, ordered, smooth, starts, seed
        As in `efa`; "oblimin" or "promax".
    general
        With two group factors, what their one correlation is taken for: "equal" loadings on the
        general factor, or the "first" or "second" factor being the general one.

    Returns
    -------
    SchmidLeiman

    Raises
    ------
    MeasurementError
        As `efa`; with fewer than two group factors, or uncorrelated ones.

    Warns
    -----
    ItemDirectionWarning
        When items load negatively on the general factor and were turned round.
    WeakIdentificationWarning
        With two group factors.
    HeywoodWarning
        When an item, or a group factor, is left without unique variance.

    Notes
    -----
    General loadings L g; group loadings L_ij sqrt(1 - g_j^2); omega_h = (sum of general loadings)^2
    / sum of correlations; omega_total = 1 - sum of uniquenesses / sum of correlations.
    Source: Schmid & Leiman (1957); Zinbarg et al. (2005). Agrees with R psych::omega.

    Examples
    --------
    >>> rng = np.random.default_rng(2)
    >>> narrow = rng.normal(size=(400, 1)) + rng.normal(size=(400, 3))
    >>> answers = np.repeat(narrow, 3, axis=1) + rng.normal(size=(400, 9))
    >>> found = schmid_leiman(pd.DataFrame(answers))
    >>> round(found.omega_h, 2), round(found.omega_total, 2)
    (0.7, 0.93)
    """
    _check(n_factors, rotation, general)
    solution = efa(
        items,
        n_factors,
        method=method,
        rotation=rotation,
        ordered=ordered,
        smooth=smooth,
        starts=starts,
        seed=seed,
    )
    g = _general_loadings(solution, method, general)
    found = _result(solution, g)
    if found.reversed_items:
        names = ", ".join(f"'{name}'" for name in found.reversed_items)
        warnings.warn(
            f"Item(s) {names} load negatively on the general factor and were turned round: was a "
            "reverse item left unreversed?",
            ItemDirectionWarning,
            stacklevel=2,
        )
    return found


def _check(n_factors: int, rotation: str, general: str) -> None:
    """Refuse what has no general factor."""
    if n_factors < 2:
        raise MeasurementError(
            f"A general factor needs at least two group factors, got {n_factors}. For one factor "
            "use `omega`."
        )
    if rotation not in _ROTATIONS:
        listed = "' or '".join(_ROTATIONS)
        raise MeasurementError(
            f"`rotation` must be '{listed}', got '{rotation}': a general factor rests on factors "
            "that correlate."
        )
    if general not in GENERAL:
        listed = ", ".join(f"'{word}'" for word in GENERAL)
        raise MeasurementError(f"`general` must be one of {listed}, got '{general}'.")


def _general_loadings(solution: FactorSolution, method: str, general: str) -> Floats:
    """(n_factors,) loadings of the group factors on the general factor."""
    phi = solution.factor_correlations.to_numpy()
    if len(phi) == 2:
        r = float(phi[0, 1])
        warnings.warn(
            f"Two group factors tell a general factor only by assumption (general='{general}'): "
            "compare the three, or use three group factors.",
            WeakIdentificationWarning,
            stacklevel=3,
        )
        pairs = {
            "equal": (np.sqrt(abs(r)), np.sign(r) * np.sqrt(abs(r))),
            "first": (1.0, r),
            "second": (r, 1.0),
        }
        return np.array(pairs[general])
    found = extract(phi, 1, method=method)
    if found.heywood:
        names = ", ".join(solution.loadings.columns[i] for i in found.heywood)
        warnings.warn(
            f"Group factor(s) {names} are the general factor (no variance of their own is left): "
            "try fewer group factors.",
            HeywoodWarning,
            stacklevel=3,
        )
    g = found.loadings[:, 0]
    return -g if g.sum() < 0 else g


def _result(solution: FactorSolution, g: Floats) -> SchmidLeiman:
    """Turn items to the general factor and add up."""
    L = solution.loadings.to_numpy()
    key = np.where(L @ g < 0, -1.0, 1.0)
    R = solution.correlations.to_numpy() * key[:, None] * key
    general = key * (L @ g)
    group = key[:, None] * L * np.sqrt(np.maximum(1 - g**2, 0.0))
    explained = solution.communalities.to_numpy()
    total = float(R.sum())
    omega_h = float(general.sum() ** 2) / total
    omega_total = 1 - float((1 - explained).sum()) / total
    squares = np.append((general**2).sum(), (group**2).sum(axis=0))
    names = np.array(solution.loadings.index)
    factors = list(solution.loadings.columns)
    return SchmidLeiman(
        loadings=pd.DataFrame(
            {"item": names, "general": general}
            | {factor: group[:, j] for j, factor in enumerate(factors)}
            | {
                "communality": explained,
                "uniqueness": 1 - explained,
                "share_general": general**2 / explained,
                "reversed": key < 0,
            }
        ),
        omega_h=omega_h,
        omega_total=omega_total,
        omega_limit=omega_h / omega_total,
        alpha=float(alpha_of(R)),
        g6=1 - float((1 / np.diag(np.linalg.inv(R))).sum()) / total,
        ecv=float(squares[0] / squares.sum()),
        groups=_groups(R, general, group, omega_total, factors),
        general_loadings=pd.Series(g, index=factors, name="general"),
        reversed_items=tuple(str(name) for name in names[key < 0]),
        solution=solution,
    )


def _groups(
    R: Floats, general: Floats, group: Floats, omega_total: float, factors: list[str]
) -> pd.DataFrame:
    """Omegas of the total score and of the items that load most on each group factor."""
    most = np.abs(group).argmax(axis=1)
    rows, own_sums = [], 0.0
    for j, factor in enumerate(factors):
        own = most == j
        variance = float(R[np.ix_(own, own)].sum()) if own.any() else float("nan")
        by_general = float(general[own].sum() ** 2) / variance
        by_group = float(group[own, j].sum() ** 2) / variance
        own_sums += float(group[own, j].sum() ** 2)
        rows.append((factor, int(own.sum()), by_general + by_group, by_general, by_group))
    total = float(R.sum())
    whole = (omega_total, float(general.sum() ** 2) / total, own_sums / total)
    columns = ["factor", "n_items", "omega_total", "omega_general", "omega_group"]
    return pd.DataFrame([("total", len(R), *whole), *rows], columns=columns)
