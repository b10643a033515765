"""Where the shipped instruments, report templates and study templates lie on disk."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import ModuleType

from crosslevel.errors import CrosslevelError, MissingExtraError, did_you_mean

_PACKAGED = Path(__file__).parent / "_catalogue"
_CHECKOUT = Path(__file__).parents[2]
_TEMPLATES = {"hospital-study": "danish-hospitals"}


def root() -> Path:
    """Return the folder that holds `surveys/` and `reports/`: in the wheel, or the checkout."""
    return _PACKAGED if _PACKAGED.is_dir() else _CHECKOUT


def template_dir(name: str) -> Path:
    """Return the folder of one study template; it holds `study.yml` and `truth.yml`.

    Raises
    ------
    CrosslevelError
        When there is no such template.

    Examples
    --------
    >>> (template_dir("hospital-study") / "study.yml").is_file()
    True
    """
    if name not in _TEMPLATES:
        hint = did_you_mean(name, _TEMPLATES) or f"Known: {', '.join(sorted(_TEMPLATES))}."
        raise CrosslevelError(f"There is no study template '{name}'. {hint}")
    packaged = _PACKAGED / "templates" / name
    return packaged if packaged.is_dir() else _CHECKOUT / "analysis" / _TEMPLATES[name]


def instrument_dir(name: str) -> Path:
    """Return the folder of one catalogue instrument.

    Raises
    ------
    CrosslevelError
        When the catalogue has no such instrument; the message names the closest one.

    Examples
    --------
    >>> instrument_dir("manager-data-use").name
    'manager-data-use'
    """
    surveys = root() / "surveys"
    known = sorted(p.parent.name for p in surveys.glob("*/instrument.yml"))
    if name not in known:
        hint = did_you_mean(name, known) or f"Known: {', '.join(known)}."
        raise CrosslevelError(f"The catalogue has no instrument '{name}'. {hint}")
    return surveys / name


def reports(study: Path) -> list[str]:
    """Return the names of the reports a study can render: its own and the catalogue's.

    Examples
    --------
    >>> "article" in reports(Path())
    True
    """
    return sorted({path.stem for path in _templates(study)})


def report_template(study: Path, name: str) -> Path | None:
    """Return the template of a report: the study's own, else the catalogue's, else nothing.

    Examples
    --------
    >>> report_template(Path(), "article").name, report_template(Path(), "artikel")
    ('article.qmd', None)
    """
    return next((path.resolve() for path in _templates(study) if path.stem == name), None)


def _templates(study: Path) -> list[Path]:
    """Return every report template, those of the study first."""
    places = (study / "reports", root() / "reports")
    return [path for place in places for path in sorted(place.glob("*.qmd"))]


def optional(module: str, *, extra: str) -> ModuleType:
    """Import an optional package, or say which extra to install.

    Raises
    ------
    MissingExtraError
        When the package is not installed.

    Examples
    --------
    >>> optional("math", extra="reports").__name__
    'math'
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingExtraError(
            f"This needs the package '{module}'. Install it with: "
            f'pip install "crosslevel[{extra}]"'
        ) from error
