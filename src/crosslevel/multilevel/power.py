"""How many units does a study need? Smallest detectable effect and power, computed and simulated.

A design is a record; it answers `mdes()`, `power(effect)`, `needed(effect)`, `curve(...)`,
`plot(effect)` and `simulate(effect, n, seed=...)`.

>>> from crosslevel.multilevel import power
>>> design = power.ClusterRandomised(units=40, size=20, icc=0.10)
>>> round(design.mdes(), 4), round(design.power(0.30), 2), design.needed(0.30)
(0.3463, 0.68, 53)
"""

from __future__ import annotations

from crosslevel.multilevel.power_designs import (
    DESIGNS,
    ClusterRandomised,
    CrossLevelInteraction,
    ManagerSlope,
    PowerDesign,
    TwoWave,
)
from crosslevel.multilevel.power_plot import draw_power
from crosslevel.multilevel.power_simulation import SimulatedPower

__all__ = [
    "DESIGNS",
    "ClusterRandomised",
    "CrossLevelInteraction",
    "ManagerSlope",
    "PowerDesign",
    "SimulatedPower",
    "TwoWave",
    "draw_power",
]
