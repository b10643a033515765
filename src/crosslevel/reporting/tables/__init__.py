"""The tables of a report, each read from one build."""

from __future__ import annotations

from dataclasses import dataclass

from crosslevel.reporting.markdown import Table
from crosslevel.reporting.models import main_model
from crosslevel.reporting.tables import measurement, models, provenance, soundness
from crosslevel.study.build import Build


@dataclass(frozen=True, slots=True)
class Tables:
    """Tables of one build; each method returns one, ready to be shown."""

    build: Build

    @property
    def main_model(self) -> str:
        """Name of the model the study is about."""
        return main_model(self.build)

    def flow(self) -> Table:
        """Who was invited, answered, could be linked and was analysed, and why not."""
        return measurement.flow(self.build)

    def reliability(self) -> Table:
        """Each scale with its mean, spread and reliability."""
        return measurement.reliability(self.build)

    def aggregation(self) -> Table:
        """Each employee scale with what speaks for and against unit means."""
        return measurement.aggregation(self.build)

    def factor_fit(self) -> Table:
        """How well one factor per scale fits, questionnaire by questionnaire."""
        return soundness.factor_fit(self.build)

    def invariance(self) -> Table:
        """Which parts of a scale are equal across groups, and whether means may be compared."""
        return soundness.invariance(self.build)

    def response(self) -> Table:
        """How many of the employees invited responded, over all and between groups."""
        return soundness.response(self.build)

    def missing(self) -> Table:
        """How much each questionnaire's respondents did not answer."""
        return soundness.missing(self.build)

    def careless(self) -> Table:
        """Indices of careless responding with their rules and how many they flag."""
        return soundness.careless(self.build)

    def sensitivity(self) -> Table:
        """The claimed estimates with everybody and without those who were flagged."""
        return soundness.sensitivity(self.build)

    def items(self, audience: str = "") -> Table:
        """Every item as it was asked, with its statistics; of one audience when named."""
        return measurement.items(self.build, audience=audience)

    def background(self) -> Table:
        """Who answered: the background of employees and managers."""
        return measurement.background(self.build)

    def correlations(self) -> Table:
        """Correlations within units above the diagonal, between units below it."""
        return measurement.correlations(self.build)

    def iccs(self) -> Table:
        """How much of each outcome lies at each level."""
        return models.iccs(self.build)

    def model(self, name: str = "") -> Table:
        """One model, multilevel and pooled side by side, with its variance components."""
        return models.model(self.build, name or self.main_model)

    def common_source(self) -> Table:
        """The same predictor as told by different people."""
        return models.common_source(self.build)

    def claims(self) -> Table:
        """What was expected, what was found, and the verdict."""
        return models.claims(self.build)

    def inputs(self) -> Table:
        """The files that went in, and their fingerprints."""
        return provenance.inputs(self.build)

    def software(self) -> Table:
        """The software that computed the results."""
        return provenance.software(self.build)
