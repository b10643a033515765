"""One figure to judge a fit by: for rows and for each random coefficient, spread and normality.

Groups are drawn in order of their estimate and never named.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import beta as beta_distribution
from scipy.stats import norm

from crosslevel.errors import ModelError
from crosslevel.multilevel.coding import Floats
from crosslevel.multilevel.residuals import residuals

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from crosslevel.multilevel.result import MultilevelFit

INK, MUTE, RULE, ACCENT, WARM = "#1d2429", "#5a646b", "#cfd6da", "#22577a", "#b35a3c"
FORMATS = (".png", ".pdf", ".svg")
WIDTH, HEIGHT = 7.2, 2.6
LOOK: Any = {
    "font.size": 9.0,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.edgecolor": MUTE,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    "axes.labelcolor": INK,
    "xtick.color": MUTE,
    "ytick.color": MUTE,
    "svg.fonttype": "none",
}


def diagnostics(fit: MultilevelFit, path: Path | str | None = None) -> Figure | Path:
    """Return the diagnostic figure of a fit, or write it to `path` (.png, .pdf, .svg).

    First row: residuals against fitted values, and their normal quantile plot. Then for each random
    coefficient a caterpillar plot (each group's estimate with its 95 % interval, in order) and the
    normal quantile plot of its standardised estimates. Bands hold 95 % of normal samples at each
    point by itself. A coefficient whose variance is estimated at zero has no quantile plot.

    Raises
    ------
    ModelError
        For a path with another ending.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    target = None if path is None else Path(path)
    if target is not None and target.suffix.lower() not in FORMATS:
        raise ModelError(f"`path` must end in {', '.join(FORMATS)}, got '{target.name}'.")
    panels = [(factor, k) for factor in fit.design.factors for k in range(factor.p)]
    with rc_context(LOOK):
        rows = 1 + len(panels)
        figure = Figure(figsize=(WIDTH, HEIGHT * rows), layout="constrained")
        axes = figure.subplots(rows, 2, squeeze=False)
        _rows(fit, axes[0])
        for place, (factor, k) in zip(axes[1:], panels, strict=True):
            table = residuals(fit, factor.name)
            here = table[table["term"] == factor.names[k]]
            title = f"{factor.name}: {factor.names[k]}"
            _caterpillar(place[0], here["estimate"].to_numpy(), here["std_error"].to_numpy(), title)
            _quantiles(place[1], here["standardised"].dropna().to_numpy(), title)
        figure.align_ylabels()
        if target is None:
            return figure
        figure.savefig(target, dpi=150)
    return target


def quantile_band(n: int, share: float = 0.95) -> tuple[Floats, Floats, Floats]:
    """Return expected normal quantiles of n ordered values, and the band of each by itself.

    The k-th of n uniform values is Beta(k, n + 1 - k).
    """
    k = np.arange(1, n + 1)
    low, middle, high = (
        norm.ppf(beta_distribution.ppf(q, k, n + 1 - k))
        for q in (0.5 - share / 2.0, 0.5, 0.5 + share / 2.0)
    )
    return np.asarray(middle), np.asarray(low), np.asarray(high)


def _rows(fit: MultilevelFit, places: Any) -> None:
    values = residuals(fit)["standardised"].dropna().to_numpy()
    fitted = fit.augment()["fitted"].dropna().to_numpy()
    place: Axes = places[0]
    place.axhline(0.0, color=RULE, linewidth=0.8)
    size = float(np.clip(4000.0 / len(values), 1.0, 12.0))
    place.scatter(fitted, values, s=size, color=ACCENT, alpha=0.5, linewidths=0, rasterized=True)
    place.set(title="Rows", xlabel="Fitted value", ylabel="Residual / sigma")
    _quantiles(places[1], values / values.std(), "Rows")


def _caterpillar(place: Axes, estimate: Floats, std_error: Floats, title: str) -> None:
    order = np.argsort(estimate)
    middle, half = estimate[order], 1.959963984540054 * std_error[order]
    at = np.arange(1, len(order) + 1)
    away = np.abs(middle) > half
    place.axhline(0.0, color=RULE, linewidth=0.8)
    for chosen, colour in ((~away, MUTE), (away, WARM)):
        if chosen.any():
            low, high = (middle - half)[chosen], (middle + half)[chosen]
            place.vlines(at[chosen], low, high, color=colour, linewidth=0.8)
            place.plot(at[chosen], middle[chosen], "o", color=colour, markersize=2.2)
    place.set(title=title, xlabel="Groups in order", ylabel="Estimate, 95 % interval")


def _quantiles(place: Axes, values: Floats, title: str) -> None:
    place.set(title=title, xlabel="Normal quantile", ylabel="Standardised value")
    if len(values) < 3:
        place.text(0.5, 0.5, "variance estimated at zero", ha="center", transform=place.transAxes)
        return
    middle, low, high = quantile_band(len(values))
    place.fill_between(middle, low, high, color=RULE, alpha=0.6, linewidth=0)
    place.plot(middle, middle, color=MUTE, linewidth=0.8)
    place.plot(middle, np.sort(values), "o", color=ACCENT, markersize=2.0, rasterized=True)
