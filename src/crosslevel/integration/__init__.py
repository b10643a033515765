"""Do the strands tell one story."""

from crosslevel.integration.claims import Claim, ClaimError, judge, verdict, within_sentence

__all__ = ["Claim", "ClaimError", "judge", "verdict", "within_sentence"]
