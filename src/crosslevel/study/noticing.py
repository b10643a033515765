"""What a run says on the way: warnings turned into notices, and errors that stop one part only."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import pandas as pd

from crosslevel.errors import CrosslevelError
from crosslevel.instruments.records import Item
from crosslevel.study.sources import Survey
from crosslevel.study.spec import StudySpec

Notice = Callable[[str], None]


@contextmanager
def quietly(notice: Notice, where: str) -> Iterator[None]:
    """Turn warnings into notices that say where they come from."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        yield
    for text in dict.fromkeys(str(w.message) for w in caught):
        notice(f"{where}: {text}")


def reason(error: CrosslevelError) -> str:
    """Return an error as one sentence."""
    first = f" {error.problems[0]}" if error.problems else ""
    return f"{error.message}{first}"


def rows_as_frame(rows: Iterable[Mapping[str, object]], names: Sequence[str]) -> pd.DataFrame:
    """Return rows as a frame that has its columns even when there are no rows."""
    return pd.DataFrame(list(rows)).reindex(columns=list(names))


def scales_with(survey: Survey, spec: StudySpec, *, fewest: int) -> list[str]:
    """Return scales of a survey that the study describes and that have so many ordered items."""
    instrument = survey.instrument

    def ordered(item: Item) -> bool:
        """Whether an item is answered on ordered options."""
        return instrument.response_scale_of(item).kind == "ordered"

    return [
        name
        for name in spec.scales
        if name in instrument.scales
        and len(items := instrument.items_of(name)) >= fewest
        and all(ordered(item) for item in items)
    ]
