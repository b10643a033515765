"""From a questionnaire to a published report: modules are the namespaces.

Subpackages load when first touched, so that `import crosslevel` stays light.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from crosslevel.version import __version__

_NAMESPACES = (
    "comparison",
    "disclosure",
    "errors",
    "frames",
    "instruments",
    "integration",
    "multilevel",
    "psychometrics",
    "quality",
    "reporting",
    "responses",
    "study",
)

__all__ = ["Study", "__version__", *_NAMESPACES]


def __getattr__(name: str) -> Any:
    """Load a namespace, or `Study`, on first use."""
    if name == "Study":
        return import_module("crosslevel.study").Study
    if name in _NAMESPACES:
        return import_module(f"crosslevel.{name}")
    raise AttributeError(f"module 'crosslevel' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)
