"""The flow diagram: columns for managers, employees and units, boxes for stages, losses between."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import pandas as pd

from crosslevel.reporting.figures.style import ACCENT, GROUND, INK, MUTE, WARM, sheet, styled
from crosslevel.reporting.numbers import count
from crosslevel.study.build import Build

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_NAMES = {"manager": "Managers", "employee": "Employees", "unit": "Units"}
_STAGES = ("invited", "responded", "linked", "analysed")
_BOX_HEIGHT, _STEP, _BOX_WIDTH, _COLUMN = 0.46, 1.0, 1.5, 2.05


def draw(build: Build) -> Figure:
    """Return the diagram of `flow`; a level without people is left out."""
    frame = build.table("flow")
    frame = frame[frame.groupby("level")["n"].transform("max") > 0]
    levels = [level for level in _NAMES if (frame["level"] == level).any()]
    stages = [s for s in _STAGES if (frame["stage"] == s).any()]
    with styled():
        figure = sheet(_COLUMN * max(2, len(levels)), 0.45 + 0.9 * len(stages), free=True)
        axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
        axes.set_axis_off()
        axes.set_xlim(0, _COLUMN * max(2, len(levels)))
        axes.set_ylim(-(len(stages) - 1) * _STEP - 0.4, 0.65)
        for column, level in enumerate(levels):
            part = frame[frame["level"] == level]
            _column(axes, column * _COLUMN + 0.06, _NAMES[level], part)
    return figure


def _column(axes: Axes, left: float, name: str, part: pd.DataFrame) -> None:
    """One level from invited to analysed."""
    axes.text(left, 0.42, name, fontsize=10, fontweight="semibold", color=ACCENT, va="center")
    rows = {str(entry["stage"]): entry for _, entry in part.iterrows()}
    stages = [stage for stage in _STAGES if stage in rows]
    for row, stage in enumerate(stages):
        y = -row * _STEP
        _box(axes, left, y, stage.capitalize(), count(rows[stage]["n"]))
        if row == 0:
            continue
        above = y + _STEP - _BOX_HEIGHT / 2
        axes.annotate(
            "",
            xy=(left + 0.28, y + _BOX_HEIGHT / 2),
            xytext=(left + 0.28, above),
            arrowprops={"arrowstyle": "-|>", "color": MUTE, "linewidth": 0.8, "shrinkA": 0,
                        "shrinkB": 0, "mutation_scale": 8},
        )  # fmt: skip
        _loss(axes, left + 0.42, (above + y + _BOX_HEIGHT / 2) / 2, rows[stage])


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
    reason = textwrap.shorten(str(row["reason"] or ""), 84, placeholder=" ...")
    lines = textwrap.wrap(reason, 27)
    text = f"{count(row['lost'])} left out"
    axes.text(
        left, y + (0.105 * len(lines) / 2 if lines else 0), text, fontsize=7.8, color=WARM,
        va="center", fontweight="semibold",
    )  # fmt: skip
    if lines:
        axes.text(
            left, y - 0.07, "\n".join(lines), fontsize=7.3, color=INK, va="center",
            linespacing=1.1,
        )  # fmt: skip
