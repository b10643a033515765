"""The diagnostic figure: its panels show the residuals of the fit, and no group is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy.stats import norm

from crosslevel.errors import ModelError
from crosslevel.multilevel.diagnostics import quantile_band
from multilevel_models import fitted


def _figure(entry: str) -> Figure:
    figure = fitted(entry).diagnostics()
    assert isinstance(figure, Figure)
    return figure


def test_panels() -> None:
    titles = [axes.get_title(loc="left") for axes in _figure("sherif_nested3_slope").axes]
    assert titles[::2] == titles[1::2]
    assert titles[::2] == [
        "Rows", "person: (Intercept)", "group: (Intercept)", "group: time",
    ]  # fmt: skip


def test_caterpillar_shows_the_random_effects() -> None:
    axes = _figure("sleepstudy_rs_reml").axes[2]
    drawn = np.sort(np.concatenate([line.get_ydata() for line in axes.lines[1:]]))
    effects = fitted("sleepstudy_rs_reml").random_effects()
    intercepts = effects[effects["term"] == "(Intercept)"]
    np.testing.assert_allclose(drawn, np.sort(intercepts["estimate"]), rtol=1e-12)
    lines = [s for c in axes.collections for s in c.get_segments()]
    assert len(lines) == 18
    width = sum(s[1, 1] - s[0, 1] for s in lines)
    assert width == pytest.approx(2 * 1.959963984540054 * intercepts["std_error"].sum())


def test_quantiles_show_the_standardised_groups() -> None:
    axes = _figure("sleepstudy_rs_reml").axes[3]
    groups = fitted("sleepstudy_rs_reml").residuals("Subject")
    values = groups.loc[groups["term"] == "(Intercept)", "standardised"]
    np.testing.assert_allclose(axes.lines[-1].get_ydata(), np.sort(values))


def test_no_group_is_named() -> None:
    figure = _figure("sleepstudy_rs_reml")
    words = " ".join(t.get_text() for axes in figure.axes for t in axes.texts)
    assert "308" not in words


def test_a_variance_of_zero() -> None:
    texts = [t.get_text() for t in _figure("dyestuff2_singular").axes[3].texts]
    assert texts == ["variance estimated at zero"]


def test_band_holds_normal_samples() -> None:
    """By simulation: each point of the band by itself holds 95 % of 20,000 samples of eight."""
    _, low, high = quantile_band(8)
    sample = np.sort(np.random.default_rng(4).normal(size=(20000, 8)), axis=1)
    np.testing.assert_allclose(((sample > low) & (sample < high)).mean(axis=0), 0.95, atol=0.006)
    assert quantile_band(1)[0][0] == pytest.approx(norm.ppf(0.5), abs=1e-12)


@pytest.mark.parametrize("ending", [".png", ".pdf", ".svg"])
def test_written_file(ending: str, tmp_path: Path) -> None:
    target = tmp_path / f"figure{ending}"
    assert fitted("sleepstudy_rs_reml").diagnostics(target) == target
    start = target.read_bytes()[:8]
    assert start.startswith({".png": b"\x89PNG", ".pdf": b"%PDF", ".svg": b"<?xml"}[ending])


def test_other_endings() -> None:
    with pytest.raises(ModelError, match=r"must end in .png, .pdf, .svg, got 'figure.docx'"):
        fitted("sleepstudy_rs_reml").diagnostics("figure.docx")
