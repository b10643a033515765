"""The three families of a single-level regression, each with its canonical link.

mu = h(eta); with a canonical link dmu/deta = V(mu), so that the score of a row is w (y - mu) x and
its working weight w V(mu).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit, gammaln, logit, xlogy

from crosslevel.errors import ModelError, did_you_mean
from crosslevel.multilevel.coding import Floats, is_number, labels

Pair = Callable[[Floats, Floats], Floats]
LARGEST = 300.0  # the square of exp(300) is still a double: a step too far can be halved


@dataclass(frozen=True, slots=True)
class Family:
    """What a family knows: h, V, its deviance and log density per row, a start, one parameter more.

    `scale` says whether the dispersion is estimated (gaussian) or one.
    """

    name: str
    mean: Callable[[Floats], Floats]
    variance: Callable[[Floats], Floats]
    deviance: Pair
    log_density: Pair
    start: Callable[[Floats], Floats]
    scale: bool = False


def _binomial_deviance(y: Floats, mu: Floats) -> Floats:
    return np.asarray(2.0 * (xlogy(y, y / mu) + xlogy(1.0 - y, (1.0 - y) / (1.0 - mu))))


def _poisson_deviance(y: Floats, mu: Floats) -> Floats:
    return np.asarray(2.0 * (xlogy(y, y / mu) - (y - mu)))


GAUSSIAN = Family(
    name="gaussian",
    mean=lambda eta: eta,
    variance=np.ones_like,
    deviance=lambda y, mu: (y - mu) ** 2,
    log_density=lambda y, mu: -0.5 * (y - mu) ** 2,
    start=lambda y: y,
    scale=True,
)
BINOMIAL = Family(
    name="binomial",
    mean=lambda eta: np.clip(expit(eta), 1e-15, 1.0 - 1e-15),
    variance=lambda mu: mu * (1.0 - mu),
    deviance=_binomial_deviance,
    log_density=lambda y, mu: np.asarray(xlogy(y, mu) + xlogy(1.0 - y, 1.0 - mu)),
    start=lambda y: np.asarray(logit((y + 0.5) / 2.0)),
)
POISSON = Family(
    name="poisson",
    mean=lambda eta: np.exp(np.clip(eta, -LARGEST, LARGEST)),
    variance=lambda mu: mu,
    deviance=_poisson_deviance,
    log_density=lambda y, mu: np.asarray(xlogy(y, mu) - mu - gammaln(y + 1.0)),
    start=lambda y: np.log(y + 0.1),
)
FAMILIES = {family.name: family for family in (GAUSSIAN, BINOMIAL, POISSON)}


def named(name: str) -> Family:
    """Return a family by its name.

    Raises
    ------
    ModelError
        For an unknown name.

    Examples
    --------
    >>> named("poisson").scale
    False
    """
    if name not in FAMILIES:
        known, hint = ", ".join(f"'{k}'" for k in FAMILIES), did_you_mean(name, FAMILIES)
        raise ModelError(f"`family` must be one of {known}, got {name!r}. {hint}".rstrip())
    return FAMILIES[name]


def outcome(data: pd.DataFrame, column: str, chosen: Family) -> tuple[pd.DataFrame, str]:
    """Return the data with an outcome of two labels as 0 and 1, and the label that is 1.

    A truth value counts as a label; numbers are left as they are and checked by `check_outcome`.

    Raises
    ------
    ModelError
        When a binomial outcome has labels that are not two.
    """
    values = data[column]
    if chosen is not BINOMIAL or is_number(values):
        return data, "1" if chosen is BINOMIAL else ""
    known = values.dropna()
    if isinstance(values.dtype, pd.CategoricalDtype):
        levels = list(known.cat.remove_unused_categories().cat.categories)
    else:
        levels = sorted(known.unique())
    if len(levels) != 2:
        shown = ", ".join(f"'{level}'" for level in levels[:5])
        raise ModelError(
            f"A binomial outcome has two values; column '{column}' has {len(levels)}: {shown}."
        )
    coded = (values == levels[1]).astype(float).where(values.notna())
    event = str(labels(pd.Series([levels[1]])).iloc[0])
    return data.assign(**{column: coded.astype(float)}), event


def check_outcome(y: Floats, chosen: Family, name: str, trials: Floats | None = None) -> None:
    """Refuse an outcome that the family cannot have.

    Raises
    ------
    ModelError
        For a binomial outcome other than 0 and 1, or a share that is no whole number of successes
        in so many `trials` (n,); and for counts that are no whole numbers from 0.
    """
    if chosen is BINOMIAL:
        bad, would = ~np.isin(y, (0.0, 1.0)), "0 or 1 (or two labels); give one row per person"
        if trials is not None:
            bad &= ~((y > 0.0) & (y < 1.0) & _whole(trials) & _whole(trials * y))
            would = "0 or 1 (or two labels), or the share of successes in `weights` trials"
    elif chosen is POISSON:
        bad, would = (y < 0) | (y != np.round(y)), "a count: 0, 1, 2, ..."
    else:
        return
    if bad.any():
        raise ModelError(
            f"The outcome '{name}' of a {chosen.name} model must be {would}; found {y[bad][0]:g} "
            f"and {int(bad.sum())} such value(s) in all."
        )


def _whole(values: Floats) -> npt.NDArray[np.bool_]:
    """Whether values are whole numbers, as nearly as R asks."""
    return np.asarray(np.abs(values - np.round(values)) < 1e-3)
