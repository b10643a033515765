"""Do the strands tell one story."""

from crosslevel.integration.claims import Claim, ClaimError, judge, verdict

__all__ = ["Claim", "ClaimError", "judge", "verdict"]
