"""The flow diagram: columns for managers, employees and units, boxes for stages, losses between."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import pandas as pd

from crosslevel.reporting.figures.style import ACCENT, GROUND, INK, MUTE, WARM, sheet, styled
from crosslevel.reporting.numbers import count
from crosslevel.reporting.wording import LEVELS, STAGES
from crosslevel.study.build import Build

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_BOX_HEIGHT, _BOX_WIDTH, _COLUMN = 0.46, 1.5, 2.05
_GAP, _LINE, _REASON = 0.54, 0.118, 27
"""Height between two boxes at least, of a line of a reason, and its letters per line."""


def draw(build: Build) -> Figure:
    """Return the diagram of `flow`; a level without people is left out."""
    frame = build.table("flow")
    frame = frame[frame.groupby("level")["n"].transform("max") > 0]
    levels = [level for level in LEVELS if (frame["level"] == level).any()]
    heights = _heights(frame)
    width, low = _COLUMN * max(2, len(levels)), min(heights.values()) - 0.4
    with styled():
        figure = sheet(width, 0.95 * (0.65 - low), free=True)
        axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
        axes.set_axis_off()
        axes.set_xlim(0, width)
        axes.set_ylim(low, 0.65)
        for column, level in enumerate(levels):
            part = frame[frame["level"] == level]
            _column(axes, column * _COLUMN + 0.06, part, heights=heights, name=LEVELS[level])
    return figure


def _reason(row: pd.Series) -> list[str]:
    """Lines of the reason why people were lost before a stage."""
    return textwrap.wrap(str(row["reason"] or ""), _REASON) if row["lost"] else []


def _heights(frame: pd.DataFrame) -> dict[str, float]:
    """Middle of the boxes of each stage; the longest reason of a stage sets the gap above it."""
    heights: dict[str, float] = {}
    y = 0.0
    for stage in STAGES:
        rows = [row for _, row in frame[frame["stage"] == stage].iterrows()]
        if not rows:
            continue
        if heights:
            lines = max(len(_reason(row)) for row in rows)
            y -= _BOX_HEIGHT + max(_GAP, 0.3 + _LINE * lines)
        heights[stage] = y
    return heights


def _column(
    axes: Axes, left: float, part: pd.DataFrame, *, heights: dict[str, float], name: str
) -> None:
    """One level from invited to analysed."""
    axes.text(left, 0.42, name, fontsize=10, fontweight="semibold", color=ACCENT, va="center")
    rows = {str(entry["stage"]): entry for _, entry in part.iterrows()}
    above = None
    for stage, y in heights.items():
        if stage not in rows:
            continue
        _box(axes, left, y, stage.capitalize(), count(rows[stage]["n"]))
        top = y + _BOX_HEIGHT / 2
        if above is not None:
            axes.annotate(
                "",
                xy=(left + 0.28, top),
                xytext=(left + 0.28, above),
                arrowprops={"arrowstyle": "-|>", "color": MUTE, "linewidth": 0.8, "shrinkA": 0,
                            "shrinkB": 0, "mutation_scale": 8},
            )  # fmt: skip
            _loss(axes, left + 0.42, (above + top) / 2, rows[stage])
        above = y - _BOX_HEIGHT / 2


def _box(axes: Axes, left: float, y: float, name: str, number: str) -> None:
    """A stage and its number."""
    from matplotlib.patches import Rectangle

    axes.add_patch(
        Rectangle(
            (left, y - _BOX_HEIGHT / 2),
            _BOX_WIDTH,
            _BOX_HEIGHT,
            facecolor=GROUND,
            edgecolor=ACCENT,
            linewidth=0.8,
        )
    )
    axes.text(left + 0.1, y, name, fontsize=9, va="center")
    right = left + _BOX_WIDTH - 0.1
    axes.text(right, y, number, fontsize=10, fontweight="semibold", va="center", ha="right")


def _loss(axes: Axes, left: float, y: float, row: pd.Series) -> None:
    """How many were lost before this stage, and why."""
    if not row["lost"]:
        axes.text(left, y, "none left out", fontsize=7.5, color=MUTE, va="center")
        return
    lines = _reason(row)
    height = 0.13 + _LINE * len(lines)
    axes.text(
        left, y + height / 2, f"{count(row['lost'])} left out", fontsize=7.8, color=WARM,
        va="top", fontweight="semibold",
    )  # fmt: skip
    if lines:
        axes.text(
            left, y + height / 2 - 0.14, "\n".join(lines), fontsize=7.3, color=INK, va="top",
            linespacing=1.1,
        )  # fmt: skip
