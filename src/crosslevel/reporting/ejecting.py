"""Give a study a report template of its own."""

from __future__ import annotations

import shutil
from pathlib import Path

from crosslevel import catalogue
from crosslevel.errors import RenderError, did_you_mean
from crosslevel.reporting.job import as_list, option
from crosslevel.reporting.qmd import read

DEFAULT_STUDY = 'study = "../analysis/danish-hospitals"'


def eject(report: str, study: Path | str) -> list[Path]:
    """Copy a report template, and what it needs, into a study's `reports/` and return the paths.

    From then on the study's report is the study's own: later versions of this package do not
    change it.

    Raises
    ------
    RenderError
        When there is no such template, the folder is no study, or a file would be overwritten.
    """
    folder = Path(study)
    if not (folder / "study.yml").is_file():
        raise RenderError(f"{folder} is no study: it has no study.yml.")
    source = catalogue.root() / "reports"
    template = source / f"{report}.qmd"
    known = sorted(path.stem for path in source.glob("*.qmd"))
    if report not in known:
        hint = did_you_mean(report, known) or f"Known: {', '.join(known)}."
        raise RenderError(f"There is no report '{report}'. {hint}")
    front = read(template).front
    names = [template.name, *as_list(front.get("bibliography")), *as_list(front.get("csl"))]
    for output, key in (("html", "css"), ("typst", "include-in-header")):
        names += as_list(option(front, output, key))
    target = folder / "reports"
    if (target / template.name).exists():
        raise RenderError(f"{target / template.name} exists already. Delete it to start afresh.")
    made = []
    for name in names:
        place = target / name
        if place.exists():
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, place)
        made.append(place)
    text = (target / template.name).read_text(encoding="utf-8")
    own = text.replace(DEFAULT_STUDY, 'study = ".."')
    (target / template.name).write_text(own, encoding="utf-8")
    return made
