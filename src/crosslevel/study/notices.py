"""What a reader should know of a run beside its results: warnings met on the way, by step."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pandas as pd

READING, SCALES, ANSWERS, MODELS, CLAIMS = (
    "Reading and linking",
    "Judging the scales",
    "Judging the answers",
    "Fitting the models",
    "Judging the claims",
)


class Notices:
    """Warnings met on the way, by step: a run shows them instead of hiding them."""

    def __init__(self, progress: Callable[[str], None]) -> None:
        self._progress = progress
        self._rows: list[tuple[str, str]] = []

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Announce a step and keep the warnings it gives."""
        self._progress(name)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UserWarning)
            yield
        self._rows += [(name, str(w.message)) for w in caught if w.category is not UserWarning]

    def add(self, step: str, text: str) -> None:
        """Note something a reader should know."""
        self._rows.append((step, text))

    def table(self) -> pd.DataFrame:
        """Return step and text of each warning, each once."""
        rows = list(dict.fromkeys(self._rows))
        return pd.DataFrame(rows, columns=["step", "text"]).astype("str")
