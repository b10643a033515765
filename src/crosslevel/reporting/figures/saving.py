"""A figure as files: SVG for pages on screen and paper, PNG for Word; equal input, equal bytes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PNG_DPI = 300


def save(figure: Figure, folder: Path, name: str) -> str:
    """Write `name.svg` and `name.png` into a folder and return the name of the SVG.

    Letters are drawn as outlines, so that the picture looks the same wherever it is shown.
    """
    import matplotlib as mpl

    settings: Any = {"svg.fonttype": "path", "svg.hashsalt": name, "savefig.dpi": PNG_DPI}
    with mpl.rc_context(settings):
        figure.savefig(folder / f"{name}.svg", metadata={"Date": None, "Creator": None})
        figure.savefig(folder / f"{name}.png", dpi=PNG_DPI, metadata={"Software": None})
    return f"{name}.svg"
