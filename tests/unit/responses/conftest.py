"""A small instrument and files written as a test shows them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from crosslevel.instruments.records import Instrument, Item, Option, ResponseScale, Scale

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write text, or bytes, as a file of the given name."""

    def _write(content: str | bytes, name: str = "answers.csv") -> Path:
        path = tmp_path / name
        raw = content.encode("utf-8") if isinstance(content, str) else content
        path.write_bytes(raw)
        return path

    return _write


def _options(**labels: tuple[int, str]) -> tuple[Option, ...]:
    return tuple(Option(value, {"en": en, "da": da}) for en, (value, da) in labels.items())


@pytest.fixture(scope="session")
def instrument() -> Instrument:
    """Three agreement items (the third reversed), one sum scale, and background items."""
    agreement = tuple(
        Option(value, {"en": en, "da": da})
        for value, en, da in (
            (1, "Disagree", "Uenig"),
            (2, "Neither", "Hverken eller"),
            (3, "Agree", "Enig"),
        )
    )
    scales = {
        "agreement": ResponseScale(
            "agreement", "ordered", agreement,
            Option(8, {"en": "Not relevant", "da": "Ikke relevant"}), None, None,
        ),
        "years": ResponseScale("years", "number", (), None, 0, 50),
        "profession": ResponseScale(
            "profession", "nominal",
            _options(nurse=(1, "sygeplejerske"), doctor=(2, "læge")), None, None, None,
        ),
    }  # fmt: skip
    return Instrument(
        id="learning",
        version="1.2.0",
        title={"en": "Learning"},
        audience="employee",
        languages=("en", "da"),
        provenance="toolkit-authored",
        source="",
        licence="",
        validation="",
        intro={},
        closing={},
        response_scales=scales,
        scales={
            "learning": Scale("learning", {"en": "Learning"}, "outcome", "mean", 0.5),
            "effort": Scale("effort", {"en": "Effort"}, "outcome", "sum", 0.5),
        },
        items=(
            Item("a1", {"en": "One"}, "agreement", reverse=False, scale="learning"),
            Item("a2", {"en": "Two"}, "agreement", reverse=False, scale="learning"),
            Item("a3", {"en": "Three"}, "agreement", reverse=True, scale="learning"),
            Item("b1", {"en": "Four"}, "agreement", reverse=False, scale="effort"),
            Item("b2", {"en": "Five"}, "agreement", reverse=True, scale="effort"),
            Item("tenure", {"en": "Years"}, "years", reverse=False, scale=""),
            Item("profession", {"en": "Work"}, "profession", reverse=False, scale=""),
        ),
        path=Path("instrument.yml"),
    )
