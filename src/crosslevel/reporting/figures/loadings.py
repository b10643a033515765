"""A heat map of loadings: one row per scale, one cell per item in the order it was asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from crosslevel.errors import RenderError
from crosslevel.reporting.figures.style import ACCENT, INK, MUTE, WARM, WIDTH, sheet, styled
from crosslevel.reporting.numbers import number
from crosslevel.study.build import Build

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

WEAK = 0.40
"""Loadings below it are drawn in the warning ink."""


def draw(build: Build) -> Figure:
    """Standardised loadings; the darker a cell, the more the item shares with its scale."""
    from matplotlib.colors import LinearSegmentedColormap, to_rgba

    labels = build.table("scales").set_index("scale")["label"]
    frame = build.table("loadings")
    frame = frame[frame["scale"].isin(labels.index)]
    if frame.empty:
        raise RenderError("The build has no loadings.")
    scales = list(dict.fromkeys(frame["scale"]))
    longest = int(frame["position"].max())
    inks = LinearSegmentedColormap.from_list("loading", ["#ffffff", ACCENT])
    with styled():
        figure = sheet(WIDTH, 0.55 + 0.36 * len(scales))
        axes = figure.subplots()
        for y, scale in enumerate(reversed(scales)):
            for row in frame[frame["scale"] == scale].itertuples():
                size = float(np.clip(row.loading, 0.0, 1.0))
                weak = row.loading < WEAK
                fill = to_rgba(WARM, 0.25) if weak else inks(size)
                x = row.position - 1
                axes.add_patch(_tile(x, y, fill=fill))
                axes.text(
                    x + 0.5, y + 0.56, number(row.loading), ha="center", va="center", fontsize=8.5,
                    color="white" if size > 0.55 and not weak else INK,
                )  # fmt: skip
                axes.text(
                    x + 0.5, y + 0.2, str(row.item), ha="center", va="center", fontsize=5.8,
                    color="white" if size > 0.55 and not weak else MUTE,
                )  # fmt: skip
        axes.set_xlim(0, longest)
        axes.set_ylim(0, len(scales))
        axes.set_yticks(np.arange(len(scales)) + 0.5, [str(labels[s]) for s in reversed(scales)])
        axes.set_xticks([])
        axes.tick_params(axis="y", length=0)
        for side in ("left", "bottom"):
            axes.spines[side].set_visible(False)
    return figure


def _tile(x: float, y: float, *, fill: Any) -> Rectangle:
    """One cell with a white border."""
    from matplotlib.patches import Rectangle

    return Rectangle((x, y), 1, 1, facecolor=fill, edgecolor="white", linewidth=1.5)
