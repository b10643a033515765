"""What the figures show is what the build holds."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from crosslevel.reporting import Report, open_report
from crosslevel.reporting.figures.style import ACCENT, WARM
from reports.synthetic import UNIT_NAMES, edited, write_build


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    return open_report(write_build(tmp_path_factory.mktemp("figures")))


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def drawn(figure: Figure) -> list[Text]:
    """Texts that are on the page: tick labels outside an axis are not."""
    found = list(figure.texts)
    for axes in figure.axes:
        found += [*axes.texts, axes.xaxis.label, axes.yaxis.label]
        found += [axes.title, axes._left_title]  # type: ignore[attr-defined]
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            ticks = axis.get_major_ticks() if axes.axison else []
            found += [tick.label1 for tick in ticks if low <= tick.get_loc() <= high]
    return [text for text in found if text.get_visible() and text.get_text().strip()]


def points(figure: Figure) -> list[float]:
    """Where the marks stand, from left to right."""
    lines = [line for line in figure.axes[0].lines if line.get_marker() not in ("None", None, "")]
    return sorted(float(x) for line in lines for x in np.atleast_1d(line.get_xdata()))


def test_flow_diagram_shows_every_number_and_reason(report: Report) -> None:
    shown = " ".join(texts(report.figures.flow())).replace("\n", " ")
    frame = report.build.table("flow")
    for row in frame.itertuples():
        assert f" {row.n:,}" in f" {shown}"
        if row.lost:
            assert f"{row.lost:,} left out {row.reason}" in shown
    for name in ("Managers", "Employees", "Units", "Invited", "Analysed"):
        assert name in shown


def test_flow_diagram_without_managers_has_no_column_for_them(
    report: Report, tmp_path: Path
) -> None:
    other = open_report(write_build(tmp_path))
    path = tmp_path / "build" / "tables" / "flow.parquet"
    frame = pd.read_parquet(path)
    frame.loc[frame["level"] == "manager", ["n", "lost"]] = 0
    frame.to_parquet(path, index=False)
    assert "Managers" not in texts(other.figures.flow())


def test_long_reasons_are_wrapped_and_not_cut(tmp_path: Path) -> None:
    """Everything after 84 letters used to be dropped."""
    long = "no manager of the unit answered; " * 5 + "the last words"

    def lengthened(frame: pd.DataFrame) -> pd.DataFrame:
        return frame.assign(reason=frame["reason"].where(frame["stage"] != "linked", long))

    study = write_build(tmp_path)
    edited(study, "flow", lengthened)
    figure = open_report(study).figures.flow()
    shown = " ".join(texts(figure)).replace("\n", " ")
    assert shown.count(long) == 3
    assert_apart(figure)


def test_sources_are_coloured_by_model_and_not_by_their_name(tmp_path: Path) -> None:
    """A source counted as primary when its name contained the word manager."""
    study = write_build(tmp_path)
    edited(study, "common_source", lambda frame: frame.assign(source="As seen by managers"))
    frame = open_report(study).build.table("common_source")
    figure = open_report(study).figures.common_source()
    lines = [line for line in figure.axes[0].lines if line.get_marker() == "o"]
    for line, model in zip(lines, frame["model"], strict=True):
        assert line.get_color() == (ACCENT if model == "main" else WARM)


def test_marks_stand_where_the_estimates_are(report: Report) -> None:
    frame = report.build.table("coefficients")
    frame = frame[(frame["model"] == "main") & (frame["term"] != "(Intercept)")]
    assert points(report.figures.coefficients()) == pytest.approx(sorted(frame["estimate"]))
    source = report.build.table("common_source")
    assert points(report.figures.common_source()) == pytest.approx(sorted(source["standardised"]))


def test_lines_are_the_predictions(report: Report) -> None:
    frame = report.build.table("predictions")
    for axes, (_, part) in zip(
        report.figures.predictions().axes, frame.groupby("term", sort=False), strict=True
    ):
        assert axes.lines[0].get_ydata() == pytest.approx(part["estimate"].to_numpy())
        assert axes.get_title(loc="left") == part["label"].iloc[0]


def test_unit_effects_are_drawn_in_order_and_without_names(report: Report) -> None:
    figure = report.figures.unit_effects()
    frame = report.build.table("unit_effects")
    heights = [float(y) for line in figure.axes[0].lines for y in np.atleast_1d(line.get_ydata())]
    assert set(np.round(frame["estimate"], 9)) <= set(np.round(heights, 9))
    assert f"{len(frame)} units, in order of size" in texts(figure)
    assert not any(name in text for text in texts(figure) for name in UNIT_NAMES)


@pytest.mark.parametrize(
    "name", ["flow", "coefficients", "predictions", "unit_effects", "common_source"]
)
def test_no_text_is_cut_off_or_overlaps_another(report: Report, name: str) -> None:
    assert_apart(getattr(report.figures, name)())


def assert_apart(figure: Figure) -> None:
    """No text leaves the figure or lies on another."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    whole = figure.bbox
    boxes = []
    for text in drawn(figure):
        box = text.get_window_extent(renderer)
        assert whole.x0 - 1 <= box.x0, text
        assert box.x1 <= whole.x1 + 1, text
        assert whole.y0 - 1 <= box.y0, text
        assert box.y1 <= whole.y1 + 1, text
        boxes.append((text, box.padded(-1)))
    for i, (first, box) in enumerate(boxes):
        for second, other in boxes[:i]:
            assert not box.overlaps(other), (first, second)


def test_drawing_leaves_the_callers_settings_alone(report: Report) -> None:
    before = dict(mpl.rcParams)
    report.figures.coefficients()
    assert dict(mpl.rcParams) == before
