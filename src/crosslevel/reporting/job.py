"""What both engines are given: a study, its build, a template, and a folder to work in."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crosslevel import catalogue
from crosslevel.errors import Problem, RenderError
from crosslevel.reporting.contents import contents
from crosslevel.reporting.markdown import typographic
from crosslevel.study.build import Build

SIMULATED = {"en": "Simulated data", "da": "Simulerede data"}
_MONTHS = {
    "en": "January February March April May June July August September October November December",
    "da": "januar februar marts april maj juni juli august september oktober november december",
}


@dataclass(frozen=True, slots=True)
class Job:
    """One report of one study, to be made in a scratch folder."""

    study: Path
    template: Path
    build: Build
    scratch: Path
    language: str = "en"
    """Language of the template's prose; labels have that of the study."""

    @property
    def has(self) -> Mapping[str, bool]:
        """What the build has to show, by name."""
        return contents(self.build)

    @property
    def footer(self) -> str:
        """Words at the foot of every page, empty for real data."""
        words = SIMULATED.get(self.language, SIMULATED["en"])
        return words if self.build.manifest.simulated else ""

    @property
    def title(self) -> str:
        """Title of the study; it says so when the data are simulated."""
        title = typographic(self.build.manifest.title)
        if self.footer and "simul" not in title.lower():
            return f"{title} ({self.footer[0].lower()}{self.footer[1:]})"
        return title

    def front(self) -> dict[str, Any]:
        """Title block as the study states it; it takes the place of the template's."""
        manifest = self.build.manifest
        return {
            "title": self.title,
            "subtitle": typographic(manifest.subtitle),
            "author": list(manifest.authors),
            "date": str(manifest.date),
            "lang": self.language,
        }

    def resource(self, name: str) -> Path:
        """A file the template names, beside it or in the catalogue.

        Raises
        ------
        RenderError
            When it is in neither place.
        """
        catalogued = catalogue.root() / "reports" / _inside(name)
        for path in (self.template.parent / name, catalogued):
            if path.is_file():
                return path.resolve()
        raise RenderError(
            f"{self.template.name} cannot be rendered.",
            [Problem(name, "not found beside the report, nor in the catalogue.")],
        )


def _inside(name: str) -> str:
    """The part of a path below `reports/`, however it was reached."""
    parts = [part for part in Path(name).parts if part not in ("..", ".")]
    return "/".join(parts[parts.index("reports") + 1 :] if "reports" in parts else parts)


def long_date(date: str, language: str) -> str:
    """Return a date as people write it.

    Examples
    --------
    >>> long_date("2026-11-22", "en")
    '22 November 2026'
    >>> long_date("2026-11-22", "da")
    '22. november 2026'
    """
    try:
        day = datetime.date.fromisoformat(date)
    except ValueError:
        return date
    month = _MONTHS.get(language, _MONTHS["en"]).split()[day.month - 1]
    return f"{day.day}{'.' if language == 'da' else ''} {month} {day.year}"


def as_list(value: Any) -> list[str]:
    """A front matter value that may be one text or several."""
    if value is None:
        return []
    return [str(entry) for entry in value] if isinstance(value, list) else [str(value)]


def option(front: Mapping[str, Any], output: str, key: str, default: Any = None) -> Any:
    """An option of one format, or of the whole file."""
    formats = front.get("format")
    own = formats.get(output) if isinstance(formats, dict) else None
    if isinstance(own, dict) and key in own:
        return own[key]
    return front.get(key, default)
