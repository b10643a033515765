"""Figures that show estimates as points with intervals."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import pandas as pd

from crosslevel.errors import RenderError
from crosslevel.integration import within_sentence
from crosslevel.reporting.figures.style import (
    ACCENT,
    INK,
    MUTE,
    RULE,
    WARM,
    WIDTH,
    bare_rows,
    sheet,
    styled,
    zero_line,
)
from crosslevel.reporting.models import INTERCEPT, fit_of, main_model
from crosslevel.study.build import Build

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ESTIMATORS = (
    ("multilevel", "Multilevel", ACCENT, "o", 0.13),
    ("ols-cluster", "OLS, clustered by unit", WARM, "s", -0.13),
)


def coefficients(build: Build, model: str) -> Figure:
    """One row per predictor, one mark per estimator; the intercept is left out."""
    name = model or main_model(build)
    frame = build.table("coefficients")
    frame = frame[(frame["model"] == name) & (frame["term"] != INTERCEPT)]
    if frame.empty:
        raise RenderError(f"The build has no predictors for model '{name}'.")
    terms = list(dict.fromkeys(frame["term"]))
    rows = {term: len(terms) - 1 - i for i, term in enumerate(terms)}
    labels = dict(zip(frame["term"], frame["label"], strict=True))
    outcome = within_sentence(str(fit_of(build, name)["outcome_label"]))
    with styled():
        figure = sheet(WIDTH, 0.95 + 0.37 * len(terms))
        axes = figure.subplots()
        zero_line(axes)
        for estimator, words, color, marker, shift in _ESTIMATORS:
            part = frame[frame["estimator"] == estimator]
            for i, (_, row) in enumerate(part.iterrows()):
                y = rows[row["term"]] + shift
                _mark(axes, row, y, color=color, marker=marker)
                if i == 0:
                    _name_mark(axes, row, y + (0.25 if shift > 0 else -0.25), words, color)
        axes.set_yticks([rows[t] for t in terms], [_wrapped(labels[t]) for t in terms])
        axes.set_ylim(-0.6, len(terms) - 0.25)
        axes.set_xlabel(f"Difference in {outcome} per unit of the predictor (scale points)")
        bare_rows(axes)
    return figure


def _mark(axes: Axes, row: pd.Series, y: float, *, color: str, marker: str) -> None:
    """A point with its interval."""
    axes.plot([row["conf_low"], row["conf_high"]], [y, y], color=color, linewidth=1.4)
    axes.plot(
        [row["estimate"]], [y], marker=marker, color=color, markersize=5.5,
        markeredgecolor="white", markeredgewidth=0.7,
    )  # fmt: skip


def _name_mark(axes: Axes, row: pd.Series, y: float, words: str, color: str) -> None:
    """The name of a mark, written beside it instead of in a legend."""
    axes.text(row["estimate"], y, words, color=color, fontsize=8, ha="center", va="center")


def _wrapped(text: str, width: int = 34) -> str:
    """A label on at most a few lines."""
    return "\n".join(textwrap.wrap(text, width))


def unit_effects(build: Build, model: str) -> Figure:
    """A caterpillar without names: units in order, each with its interval."""
    frame = build.table("unit_effects")
    name = model or main_model(build)
    frame = frame[frame["model"] == name].sort_values("position")
    if frame.empty:
        raise RenderError(f"The build has no unit effects for model '{name}'.")
    apart = (frame["conf_low"] > 0) | (frame["conf_high"] < 0)
    with styled():
        figure = sheet(WIDTH, 2.6)
        axes = figure.subplots()
        axes.axhline(0, color=MUTE, linewidth=0.7, zorder=0)
        for color, part in ((MUTE, frame[~apart]), (ACCENT, frame[apart])):
            axes.vlines(part["position"], part["conf_low"], part["conf_high"], color=color,
                        linewidth=1.0, alpha=0.75)  # fmt: skip
            axes.plot(part["position"], part["estimate"], linestyle="none", marker="o",
                      color=color, markersize=3.2)  # fmt: skip
        axes.set_xticks([])
        axes.spines["bottom"].set_visible(False)
        axes.set_xlabel(f"{len(frame)} units, in order of size")
        axes.set_ylabel("Difference from the average\n(scale points)")
        axes.text(0.01, 0.97, "Interval excludes nought", color=ACCENT, fontsize=8.3,
                  transform=axes.transAxes, va="top")  # fmt: skip
        axes.text(0.01, 0.90, "Interval includes nought", color=MUTE, fontsize=8.3,
                  transform=axes.transAxes, va="top")  # fmt: skip
    return figure


def common_source(build: Build) -> Figure:
    """Standardised estimates, one row per source, predictors one below the other."""
    frame = build.table("common_source").reset_index(drop=True)
    labels, main = list(dict.fromkeys(frame["label"])), main_model(build)
    with styled():
        figure = sheet(WIDTH, 0.75 + 0.3 * len(frame) + 0.32 * len(labels))
        axes = figure.subplots()
        zero_line(axes)
        y, ticks, names = 0.0, [], []
        for label in labels:
            axes.text(0.0, y + 0.02, label, fontweight="semibold", fontsize=9, va="center",
                      ha="right", transform=axes.get_yaxis_transform())  # fmt: skip
            ticks.append(y)
            names.append("")
            for _, row in frame[frame["label"] == label].iterrows():
                y -= 1
                color = ACCENT if row["model"] == main else WARM
                renamed = row.rename(
                    {"conf_low": "_", "conf_high": "__", "estimate": "___",
                     "standardised": "estimate", "standardised_low": "conf_low",
                     "standardised_high": "conf_high"}
                )  # fmt: skip
                _mark(axes, renamed, y, color=color, marker="o")
                ticks.append(y)
                names.append(_wrapped(str(row["source"]), 40))
            axes.axhline(y - 0.5, color=RULE, linewidth=0.5, zorder=0)
            y -= 1.15
        axes.set_yticks(ticks, names)
        axes.set_ylim(y + 0.55, 0.6)
        axes.set_xlabel("Standardised coefficient")
        axes.tick_params(axis="y", labelcolor=INK)
        bare_rows(axes)
    return figure
