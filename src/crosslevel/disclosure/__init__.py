"""May this number be shown, and how exactly."""

from crosslevel.disclosure.rounding import keeping_sign, places_of, rounded, significant
from crosslevel.disclosure.withholding import DisclosureError, Withheld, withhold

__all__ = [
    "DisclosureError",
    "Withheld",
    "keeping_sign",
    "places_of",
    "rounded",
    "significant",
    "withhold",
]
