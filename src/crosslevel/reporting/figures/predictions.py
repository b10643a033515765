"""Predicted outcome over each focal predictor, with its interval."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crosslevel.errors import RenderError
from crosslevel.integration import within_sentence
from crosslevel.reporting.figures.style import ACCENT, WARM, WIDTH, sheet, styled
from crosslevel.reporting.models import main_model
from crosslevel.study.build import Build

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLORS = (ACCENT, WARM)


def draw(build: Build, model: str) -> Figure:
    """One panel per focal predictor, on one vertical scale; the line says its own name."""
    name = model or main_model(build)
    frame = build.table("predictions")
    frame = frame[frame["model"] == name]
    if frame.empty:
        raise RenderError(f"The build has no predictions for model '{name}'.")
    terms = list(dict.fromkeys(frame["term"]))
    with styled():
        figure = sheet(WIDTH, 2.6)
        panels = figure.subplots(1, len(terms), sharey=True, squeeze=False)[0]
        for i, (axes, term) in enumerate(zip(panels, terms, strict=True)):
            part = frame[frame["term"] == term].sort_values("x")
            color = _COLORS[i % len(_COLORS)]
            axes.fill_between(part["x"], part["conf_low"], part["conf_high"], color=color,
                              alpha=0.16, linewidth=0)  # fmt: skip
            axes.plot(part["x"], part["estimate"], color=color, linewidth=1.8)
            axes.set_title(str(part["label"].iloc[0]), color=color)
            axes.set_xlabel("Score of the predictor")
            axes.margins(x=0)
        panels[0].set_ylabel(f"Predicted {within_sentence(str(frame['outcome_label'].iloc[0]))}")
    return figure
