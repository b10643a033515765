"""May this number be shown."""

from crosslevel.disclosure.withholding import DisclosureError, Withheld, withhold

__all__ = ["DisclosureError", "Withheld", "withhold"]
