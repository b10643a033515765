"""What differs, and what is left of it when many things are compared."""

from __future__ import annotations

from crosslevel.comparison.groups import TwoGroups, two_groups
from crosslevel.comparison.multiplicity import METHODS, adjust

__all__ = ["METHODS", "TwoGroups", "adjust", "two_groups"]
