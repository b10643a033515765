"""One look for every figure: the report's typefaces, few inks, labels beside the marks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from crosslevel.reporting.fonts import register

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, MUTE, RULE, GROUND = "#1d2429", "#5a646b", "#cfd6da", "#f0f4f7"
ACCENT, WARM = "#22577a", "#b35a3c"
WIDTH = 6.15
"""Width of the text block in inches."""


@contextmanager
def styled() -> Iterator[None]:
    """Draw with the report's settings; the caller's come back afterwards."""
    import matplotlib as mpl

    _, sans = register()
    settings: Any = {
        "font.family": sans,
        "font.size": 9.0,
        "axes.titlesize": 9.5,
        "axes.titleweight": "semibold",
        "axes.titlelocation": "left",
        "axes.labelsize": 9.0,
        "axes.labelcolor": INK,
        "axes.edgecolor": MUTE,
        "axes.linewidth": 0.6,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.unicode_minus": True,
        "axes.axisbelow": True,
        "text.color": INK,
        "xtick.color": MUTE,
        "ytick.color": MUTE,
        "xtick.labelcolor": INK,
        "ytick.labelcolor": INK,
        "xtick.labelsize": 8.5,
        "ytick.labelsize": 8.5,
        "xtick.major.size": 3.0,
        "ytick.major.size": 3.0,
        "xtick.major.width": 0.6,
        "ytick.major.width": 0.6,
        "lines.linewidth": 1.5,
        "lines.solid_capstyle": "butt",
        "figure.facecolor": "white",
        "savefig.facecolor": "white",
        "mathtext.default": "regular",
    }
    with mpl.rc_context(settings):
        yield


def sheet(width: float, height: float, *, free: bool = False) -> Figure:
    """An empty figure that belongs to nobody's pyplot; a free one is not laid out."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout=None if free else "constrained")


def zero_line(axes: Axes) -> None:
    """A thin line at nought."""
    axes.axvline(0, color=MUTE, linewidth=0.7, zorder=0)


def bare_rows(axes: Axes) -> None:
    """Rows named at the left need no axis."""
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
