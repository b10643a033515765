"""Covariance of a weighted total under stratified sampling of units: the one formula all use.

    V = sum_h (1 - f_h) n_h / (n_h - 1) sum_i (z_hi - z_h.)(z_hi - z_h.)'

with z_hi the sum of a unit's weighted contributions, n_h units in stratum h, f_h of them sampled.
A second stage adds f_h times the same within each unit, and so on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
LONELY = ("refuse", "remove", "adjust", "average")


@dataclass(frozen=True, slots=True)
class Strata:
    """names (H,); unit (n,) of each person; stratum (C,) of each unit; size and fraction (H,).

    scale (H,) is the share of its variance that a stratum adds: one at the first stage, the
    fraction taken by the stages before at later ones.
    """

    names: tuple[str, ...]
    unit: npt.NDArray[np.intp]
    stratum: npt.NDArray[np.intp]
    size: Floats
    fraction: Floats
    lonely: str
    scale: Floats

    @property
    def number(self) -> int:
        """Strata."""
        return len(self.names)

    @property
    def units(self) -> int:
        """Primary sampling units."""
        return len(self.stratum)

    @property
    def alone(self) -> npt.NDArray[np.bool_]:
        """(H,) strata with one unit that were not taken whole."""
        return np.asarray((self.size == 1) & (self.fraction < 1.0 - 1e-12))


def covariance(influence: Floats, strata: Strata) -> Floats:
    """Return the covariance (k, k) of the column sums of weighted contributions (n, k)."""
    total = np.column_stack(
        [np.bincount(strata.unit, weights=z, minlength=strata.units) for z in influence.T]
    )
    first = np.zeros((strata.number, total.shape[1]))
    first[strata.stratum] = total
    apart = total - first[strata.stratum]  # exact zeros where a stratum does not vary
    sums = np.column_stack(
        [np.bincount(strata.stratum, weights=z, minlength=strata.number) for z in apart.T]
    )
    apart = apart - (sums / strata.size[:, None])[strata.stratum]
    several = np.maximum(strata.size - 1.0, 1.0)
    scale = (1.0 - strata.fraction) * np.where(strata.size > 1, strata.size / several, 0.0)
    alone = strata.alone
    if strata.lonely == "adjust" and alone.any():
        on = alone[strata.stratum]
        apart[on] = total[on] - total.mean(axis=0)
        scale = np.where(alone, 1.0 - strata.fraction, scale)
    scale = scale * strata.scale
    made = (apart * scale[strata.stratum][:, None]).T @ apart
    if strata.lonely == "average" and alone.any():
        made = made * strata.number / (strata.number - alone.sum())
    return np.asarray(made)
