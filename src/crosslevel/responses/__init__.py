"""Who answered what, and to whom they belong."""

from crosslevel.responses.accounting import flow
from crosslevel.responses.identity import pseudonym, pseudonyms
from crosslevel.responses.linking import link
from crosslevel.responses.reading import read
from crosslevel.responses.records import (
    NO_ANSWER,
    NO_ID,
    Flow,
    Linked,
    Responses,
    Scored,
    ScoredColumn,
)
from crosslevel.responses.roster import Roster, read_roster
from crosslevel.responses.scoring import score
from crosslevel.responses.table import delimiter_of, read_table

__all__ = [
    "NO_ANSWER",
    "NO_ID",
    "Flow",
    "Linked",
    "Responses",
    "Roster",
    "Scored",
    "ScoredColumn",
    "delimiter_of",
    "flow",
    "link",
    "pseudonym",
    "pseudonyms",
    "read",
    "read_roster",
    "read_table",
    "score",
]
