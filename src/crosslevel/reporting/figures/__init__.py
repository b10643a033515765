"""The figures of a report, each drawn from one build; drawing never computes a result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from crosslevel.reporting.figures import estimates, flow, loadings, predictions
from crosslevel.study.build import Build

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures of one build; each method returns a matplotlib figure."""

    build: Build

    def flow(self) -> Figure:
        """Who was invited, answered, could be linked and was analysed, level by level."""
        return flow.draw(self.build)

    def coefficients(self, model: str = "") -> Figure:
        """Coefficients with intervals, multilevel and pooled."""
        return estimates.coefficients(self.build, model)

    def loadings(self) -> Figure:
        """Standardised loadings, one row per scale and one cell per item."""
        return loadings.draw(self.build)

    def predictions(self, model: str = "") -> Figure:
        """The predicted outcome over each focal predictor, others held."""
        return predictions.draw(self.build, model)

    def unit_effects(self, model: str = "") -> Figure:
        """How far units differ, in order of size and without names."""
        return estimates.unit_effects(self.build, model)

    def common_source(self) -> Figure:
        """The same predictor as told by different people."""
        return estimates.common_source(self.build)
