"""Is the scale sound, and may it be aggregated to the unit."""

from crosslevel.psychometrics.reliability import ItemDirectionWarning, Reliability, alpha

__all__ = ["ItemDirectionWarning", "Reliability", "alpha"]
