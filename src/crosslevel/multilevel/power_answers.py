"""What every design can be asked: smallest effect, power, units needed, curve, simulation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd
from scipy.special import ncfdtr, stdtrit

from crosslevel.errors import ModelError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from crosslevel.multilevel.power_designs import PowerDesign
    from crosslevel.multilevel.power_simulation import SimulatedPower
    from crosslevel.multilevel.replication import Progress

MOST = 1_000_000  # units beyond which no number of units is offered


class Answers:
    """The questions; a design brings `std_error` and `df`."""

    __slots__ = ()

    def mdes(self, *, power: float = 0.80, alpha: float = 0.05) -> float:
        """Return the minimum detectable effect: (t_{alpha/2} + t_power) times the standard error.

        The multiplier is that of PowerUp! (Bloom, 2006), on the design's degrees of freedom, for
        a two-sided test.
        """
        _check_probability("power", power)
        _check_probability("alpha", alpha)
        design = cast("PowerDesign", self)
        df = design.df
        multiplier = stdtrit(df, 1.0 - alpha / 2.0) + stdtrit(df, power)
        return float(multiplier * design.std_error)

    def power(self, effect: float, *, alpha: float = 0.05) -> float:
        """Return the power of the two-sided t test for an effect: noncentral t, as its square F."""
        _check_probability("alpha", alpha)
        _check_effect(effect)
        design = cast("PowerDesign", self)
        limit = float(stdtrit(design.df, 1.0 - alpha / 2.0))
        shift = effect / design.std_error
        return float(1.0 - ncfdtr(1, design.df, shift * shift, limit * limit))

    def needed(self, effect: float, *, power: float = 0.80, alpha: float = 0.05) -> int:
        """Return how many units (organisations, where there are any) reach a power.

        Raises
        ------
        ModelError
            When no number up to a million does.
        """
        _check_probability("power", power)
        design = cast("PowerDesign", self)
        name = counted(design)

        def reaches(count: int) -> bool:
            """Return whether so many are enough."""
            try:
                larger = replace(design, **cast("Any", {name: count}))
            except ModelError:
                return False
            return larger.power(effect, alpha=alpha) >= power

        high = 2
        while not reaches(high):
            high *= 2
            if high > MOST:
                raise ModelError(
                    f"No number of {name} up to {MOST:,} gives a power of {power:g} for an effect "
                    f"of {effect:g}."
                )
        low = high // 2
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if reaches(middle) else (middle, high)
        return high

    def curve(
        self,
        effect: float,
        *,
        counts: Sequence[int],
        sizes: Sequence[int],
        alpha: float = 0.05,
    ) -> pd.DataFrame:
        """Return power and smallest effect by number of units and size of unit.

        Parameters
        ----------
        counts
            Numbers of units; of organisations where the design has them.
        sizes
            Employees per unit.

        Returns
        -------
        DataFrame
            units (or organisations), size, power, mdes.
        """
        design, rows = cast("PowerDesign", self), []
        name = counted(design)
        for size in sizes:
            for count in counts:
                one = replace(design, **cast("Any", {name: count, "size": size}))
                rows.append((count, size, one.power(effect, alpha=alpha), one.mdes(alpha=alpha)))
        return pd.DataFrame(rows, columns=[name, "size", "power", "mdes"])

    def plot(self, effect: float, *, alpha: float = 0.05) -> Figure:
        """Return a figure of power by number of units, one line per size of unit."""
        from crosslevel.multilevel.power_plot import draw_power

        return draw_power(cast("PowerDesign", self), effect, alpha=alpha)

    def simulate(
        self,
        effect: float,
        n: int = 1000,
        *,
        seed: int,
        alpha: float = 0.05,
        n_jobs: int = 1,
        progress: Progress | None = None,
    ) -> SimulatedPower:
        """Return the power found in n data sets that are drawn and fitted; see `SimulatedPower`.

        Parameters
        ----------
        n
            Data sets.
        seed
            The same seed gives the same numbers, whatever `n_jobs`.
        """
        from crosslevel.multilevel.power_simulation import simulated_power

        _check_probability("alpha", alpha)
        _check_effect(effect)
        design = cast("PowerDesign", self)
        return simulated_power(
            design, effect, n, seed=seed, alpha=alpha, n_jobs=n_jobs, progress=progress
        )


def counted(design: PowerDesign) -> str:
    """Return what the number of groups is called in this design."""
    return "units" if getattr(design, "organisations", None) is None else "organisations"


def _check_probability(name: str, value: float) -> None:
    if not 0.0 < value < 1.0:
        raise ModelError(f"`{name}` must lie between 0 and 1, got {value}.")


def _check_effect(effect: float) -> None:
    if not np.isfinite(effect):
        raise ModelError(f"`effect` must be a finite number, got {effect}.")
