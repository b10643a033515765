"""What differs, and what is left of it when many things are compared."""

from __future__ import annotations

from crosslevel.comparison.groups import TwoGroups, two_groups
from crosslevel.comparison.multiplicity import METHODS, adjust
from crosslevel.comparison.paired import MeanDifference, one_sample, paired

__all__ = [
    "METHODS",
    "MeanDifference",
    "TwoGroups",
    "adjust",
    "one_sample",
    "paired",
    "two_groups",
]
