"""What was asked: instruments as text files, read strictly, checked whole.

`read` gives an `Instrument`, `check` every problem of its file at once, `codebook` one row per
answer code.
"""

from crosslevel.instruments.codes import codebook
from crosslevel.instruments.reading import check, read
from crosslevel.instruments.records import (
    Instrument,
    Item,
    Option,
    ResponseScale,
    Scale,
    Section,
    Text,
)

__all__ = [
    "Instrument",
    "Item",
    "Option",
    "ResponseScale",
    "Scale",
    "Section",
    "Text",
    "check",
    "codebook",
    "read",
]
