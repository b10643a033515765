"""Were the answers honest, complete and representative."""

from crosslevel.quality.careless import UnavailableIndexWarning, careless
from crosslevel.quality.cutoffs import DEFAULT_CUTOFFS, INDICES, Cutoff
from crosslevel.quality.respondents import Careless

__all__ = [
    "DEFAULT_CUTOFFS",
    "INDICES",
    "Careless",
    "Cutoff",
    "UnavailableIndexWarning",
    "careless",
]
