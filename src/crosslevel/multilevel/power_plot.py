"""Power by number of units, one line per size of unit, each line named where it ends."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from crosslevel.errors import ModelError
from crosslevel.multilevel.coding import Floats
from crosslevel.multilevel.power_answers import counted
from crosslevel.multilevel.power_designs import PowerDesign

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ACCENT, WARM, INK, MUTE, RULE = "#22577a", "#b35a3c", "#1d2429", "#5a646b", "#cfd6da"
SETTINGS = {
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": MUTE,
    "axes.linewidth": 0.6,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": MUTE,
    "ytick.color": MUTE,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.major.size": 3.0,
    "ytick.major.size": 3.0,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
}
WANTED = 0.80
POINTS = 60
APART = 0.045  # least distance of two labels, in power


def draw_power(design: PowerDesign, effect: float, *, alpha: float = 0.05) -> Figure:
    """Return a figure of the power for an effect around a design, which is marked in it.

    Raises
    ------
    ModelError
        For an effect of zero, whose power is the same everywhere.

    Examples
    --------
    >>> from crosslevel.multilevel.power_designs import ClusterRandomised
    >>> figure = draw_power(ClusterRandomised(units=40, size=20, icc=0.10), 0.30)
    >>> figure.axes[0].get_ylabel()
    'Power'
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    if effect == 0.0:
        raise ModelError("The power for an effect of 0 is the same everywhere; give an effect.")
    name = counted(design)
    here = int(getattr(design, name))
    counts = _counts(design, effect, here)
    sizes = sorted({max(1, round(design.size * k)) for k in (0.25, 0.5, 1.0, 2.0)} | {design.size})
    sizes = [size for size in sizes if size > 1 or design.kind != "interaction"]
    with mpl.rc_context(cast("Any", SETTINGS)):
        figure = Figure(figsize=(6.15, 3.5), layout="constrained")
        axes = figure.subplots()
        _lines(axes, design, effect, counts=counts, sizes=sizes, alpha=alpha)
        axes.set_xlabel(f"Number of {name}")
        axes.set_ylabel("Power")
        axes.set_ylim(0.0, 1.0)
        axes.set_xlim(counts[0], counts[-1])
        _mark(axes, name, here, size=design.size, power=design.power(effect, alpha=alpha))
        axes.set_yticks([0.0, 0.2, 0.4, 0.6, 0.8, 1.0])
        axes.set_title(f"Power for an effect of {effect:g}", loc="left", fontsize=9.5)
    return figure


def _counts(design: PowerDesign, effect: float, here: int) -> Floats:
    """Return the numbers of groups along the axis: to where power is ample, past the design."""
    least = 3
    while least < here:
        try:
            replace(design, **cast("Any", {counted(design): least}))
            break
        except ModelError:
            least += 1
    try:
        enough = design.needed(effect, power=0.95)
    except ModelError:
        enough = 0
    top = max(int(1.25 * here), min(enough, 4 * here), least + 8)
    return np.unique(np.linspace(least, top, POINTS).round()).astype(float)


def _lines(
    axes: Axes,
    design: PowerDesign,
    effect: float,
    *,
    counts: Floats,
    sizes: list[int],
    alpha: float,
) -> None:
    """Draw one line per size; the design's own size in colour, the wanted power as a rule."""
    table = design.curve(effect, counts=[int(c) for c in counts], sizes=sizes, alpha=alpha)
    axes.axhline(WANTED, color=RULE, linewidth=0.8, zorder=0)
    ends = []
    for size, part in table.groupby("size"):
        own = size == design.size
        axes.plot(
            part.iloc[:, 0], part["power"], color=ACCENT if own else MUTE,
            linewidth=2.0 if own else 0.9, zorder=3 if own else 2,
        )  # fmt: skip
        ends.append((float(part["power"].iloc[-1]), int(cast("int", size))))
    heights = _apart(np.array([end for end, _ in ends]))
    for height, (_, size) in zip(heights, ends, strict=True):
        own = size == design.size
        axes.annotate(
            f"{size} per unit", (1.0, height), xycoords=("axes fraction", "data"),
            xytext=(5, 0), textcoords="offset points", va="center", fontsize=8.5,
            color=ACCENT if own else MUTE, weight=axes.title.get_fontweight() if own else "normal",
            annotation_clip=False,
        )  # fmt: skip


def _apart(ends: Floats) -> Floats:
    """Return label heights in the order of the ends, none closer than APART, none above one."""
    order = np.argsort(ends, kind="stable")
    heights = ends[order].astype(float)
    for k in range(1, len(heights)):
        heights[k] = max(heights[k], heights[k - 1] + APART)
    for k in range(len(heights) - 1, -1, -1):
        top = 1.0 if k == len(heights) - 1 else heights[k + 1] - APART
        heights[k] = min(heights[k], top)
    made = np.empty_like(heights)
    made[order] = heights
    return made


def _mark(axes: Axes, name: str, here: int, *, size: int, power: float) -> None:
    """Mark the design itself, with a line down to where its power is said."""
    axes.vlines(here, 0.0, power, color=WARM, linewidth=0.8, zorder=1)
    axes.plot([here], [power], marker="o", markersize=6, color=WARM, zorder=4, linestyle="none")
    low, high = axes.get_xlim()
    left = here > low + 0.6 * (high - low)
    axes.annotate(
        f"this design: {here} {name}, {size} per unit,\npower {power:.2f}", (here, 0.0),
        xytext=(-5 if left else 5, 5), textcoords="offset points", va="bottom",
        ha="right" if left else "left", color=WARM, fontsize=8.5, linespacing=1.3,
    )  # fmt: skip
