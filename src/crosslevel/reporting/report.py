"""What a report file is given: the numbers of a build as text, tables and figures.

Nothing here computes a result. Every number is read from `build/` and only written out.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from crosslevel.errors import RenderError, did_you_mean
from crosslevel.reporting import answering, prose, soundness
from crosslevel.reporting.markdown import Block, Code, Inline, escape
from crosslevel.reporting.models import fit_of
from crosslevel.reporting.numbers import count, number, percent
from crosslevel.reporting.tables import Tables
from crosslevel.study.build import Build, open_build

if TYPE_CHECKING:
    from crosslevel.reporting.figures import Figures

_SHARES = ("_rate", "_share")
_DECIMALS = {"icc": 3}
_COUNTS = ("n", "n_items", "groups", "invited", "responded", "linked", "analysed", "lost")


@dataclass(frozen=True, slots=True)
class Report:
    """A build, ready to be written about."""

    build: Build

    @property
    def tables(self) -> Tables:
        """The tables of a report."""
        return Tables(self.build)

    @property
    def figures(self) -> Figures:
        """The figures of a report."""
        from crosslevel.reporting.figures import Figures

        return Figures(self.build)

    def value(self, name: str) -> Inline:
        """Return a value of `build/values.json` as it is written in prose."""
        value = self.build.value(name)
        if isinstance(value, str):
            return Inline(value)
        if name.endswith(_SHARES):
            return Inline(percent(value))
        whole = isinstance(value, int) or float(value).is_integer()
        return Inline(count(value) if whole else number(value))

    def cell(self, table: str, column: str, **where: str) -> Inline:
        """Return one cell of a table of the build; `where` names the one row.

        Raises
        ------
        RenderError
            When no row or more than one row fits.
        """
        row = self._row(table, where)
        if column not in row.index:
            raise RenderError(
                f"Table '{table}' has no column '{column}'. {did_you_mean(column, row.index)}"
            )
        value = row[column]
        if isinstance(value, str):
            return Inline(value)
        if column in _COUNTS:
            return Inline(count(value))
        return Inline(number(value, decimals=_DECIMALS.get(column, 2)))

    def estimate(self, term: str, *, model: str = "", estimator: str = "multilevel") -> Inline:
        """Return a coefficient with its interval, in words; of the main model unless named."""
        where = {"model": model or self.tables.main_model, "estimator": estimator, "term": term}
        return Inline(prose.estimate(self.build, self._row("coefficients", where)))

    def formula(self, *, model: str = "") -> Code:
        """Return the formula of a model."""
        return Code(str(fit_of(self.build, model or self.tables.main_model)["formula"]))

    def outcome(self) -> Block:
        """Return the outcome of the main model, as it stands within a sentence."""
        return Block(prose.outcome(self.build))

    def expectations(self) -> Block:
        """Return where the expectations of the hospital study stand, if they were claimed."""
        return Block(prose.expectations(self.build))

    def reliability(self) -> Block:
        """Return the end of a sentence on scales, where reliability was judged."""
        return Block(prose.reliability(self.build))

    def items(self) -> Block:
        """Return where the items stand."""
        return Block(prose.items(self.build))

    def sample(self) -> Block:
        """Return how many the main model analysed, level by level."""
        return Block(prose.sample(self.build))

    def findings(self) -> Block:
        """Return what the main model says of the terms that were claimed about, in a sentence."""
        return Block(prose.findings(self.build))

    def response(self) -> Block:
        """Return how many were invited and answered."""
        return Block(prose.response(self.build))

    def levels(self) -> Block:
        """Return which levels the main model keeps apart."""
        return Block(prose.levels(self.build))

    def rule(self) -> Block:
        """Return how a unit with several managers gets its scores; nothing without managers."""
        return Block(prose.rule(self.build))

    def scoring(self) -> Block:
        """Return how items become scores."""
        return Block(prose.scoring(self.build))

    def agreement(self) -> Block:
        """Return the end of a sentence on aggregation, where agreement within units was judged."""
        return Block(prose.agreement(self.build))

    def factors(self) -> Block:
        """Return whether one factor per scale fits what was answered."""
        return Block(soundness.factors(self.build))

    def distinct(self) -> Block:
        """Return which scales are hard to tell apart."""
        return Block(soundness.distinct(self.build))

    def comparable(self) -> Block:
        """Return, as a list, what may be compared between groups."""
        return Block(soundness.verdicts(self.build))

    def averaging(self) -> Block:
        """Return which scales may be averaged to the unit."""
        return Block(soundness.averaging(self.build))

    def representative(self) -> Block:
        """Return how alike the chance to respond was, as far as the roster can tell."""
        return Block(answering.representative(self.build))

    def complete(self) -> Block:
        """Return how much was not answered, and where most."""
        return Block(answering.complete(self.build))

    def gaps(self) -> Block:
        """Return what Little's test says of what was not answered."""
        return Block(answering.gaps(self.build))

    def screening(self) -> Block:
        """Return who was screened for careless answers, and how many carry several flags."""
        return Block(soundness.screening(self.build))

    def equation(self) -> Block:
        """Return the main model in symbols and what they stand for."""
        return Block(prose.equation(self.build))

    def estimated(self, *, model: str = "") -> Block:
        """Return the criterion a model was estimated by, such as maximum likelihood."""
        return Block(prose.estimated(self.build, model or self.tables.main_model))

    def shares(self) -> Block:
        """Return how much of the main outcome lies at each level, and what that bounds."""
        return Block(prose.shares(self.build))

    def sources_apart(self) -> Block:
        """Return a sentence when managers report the predictors of the main model."""
        return Block(prose.sources_apart(self.build))

    def incomplete(self) -> Block:
        """Return who did not answer, as a limitation."""
        return Block(prose.incomplete(self.build))

    def few_groups(self) -> Block:
        """Return a limitation where a level of the main model has few groups."""
        return Block(prose.few_groups(self.build))

    def validation(self) -> Block:
        """Return what the instruments say about their validation."""
        return Block(prose.validation(self.build))

    def minimum(self) -> Inline:
        """Return the fewest people a unit may have and still be shown."""
        return Inline(count(self.build.manifest.disclosure_minimum))

    def provenance(self) -> Inline:
        """Return what one needs to make this report again, in two sentences."""
        manifest = self.build.manifest
        files = len(manifest.inputs)
        seed = "" if manifest.seed is None else f" Random numbers start from seed {manifest.seed}."
        return Inline(
            f"Every number above was read from a build of crosslevel {manifest.crosslevel_version} "
            f"under Python {manifest.python}, made from {files} file{'s' if files > 1 else ''} "
            f"and held together by their fingerprints.{seed}"
        )

    def reference(self, *, model: str = "") -> Inline:
        """Return the reference distribution of the tests of a model, in words after `the`."""
        text = str(fit_of(self.build, model or self.tables.main_model)["reference"]).rstrip(".")
        return Inline(text[:1].lower() + text[1:])

    def notice(self) -> Block:
        """Return a box that says so when the data are simulated, otherwise nothing."""
        if not self.build.manifest.simulated:
            return Block("")
        return Block(
            '::: {.callout-warning title="Simulated data"}\n'
            "These data were drawn by a computer from a truth that was written down beforehand, to "
            "show the method. No person answered, and no number below is a finding about any "
            "organisation.\n:::\n"
        )

    def verdicts(self) -> Block:
        """Return one sentence per claim: estimate, interval, verdict and its ground."""
        lines = []
        for _, claim in self.build.table("claims").iterrows():
            lines.append(f"- {escape(str(claim['sentence']))}")
        return Block("\n".join(lines) + "\n")

    def warnings(self) -> Block:
        """Return what the run warned of as a list; a sentence when there was nothing."""
        frame = self.build.table("notices")
        if frame.empty:
            return Block("The run gave no warnings.\n")
        texts = [escape(str(row.text)) for row in frame.itertuples()]
        if len(texts) == 1:
            return Block(f"The run gave one warning. {texts[0]}\n")
        return Block("The run gave these warnings:\n\n" + "\n".join(f"- {t}" for t in texts) + "\n")

    def _row(self, table: str, where: dict[str, Any]) -> pd.Series:
        """The one row of a table that fits."""
        frame = self.build.table(table)
        for column, value in where.items():
            if column not in frame.columns:
                hint = did_you_mean(column, frame.columns)
                raise RenderError(f"Table '{table}' has no column '{column}'. {hint}")
            known = frame[column].astype(str)
            frame = frame[known == value]
            if frame.empty:
                hint = did_you_mean(value, sorted(set(known)))
                raise RenderError(f"Table '{table}' has no row with {column} '{value}'. {hint}")
        if len(frame) != 1:
            raise RenderError(f"Table '{table}' has {len(frame)} rows with {where}, not one.")
        return frame.iloc[0]


def open_report(study: Path | str) -> Report:
    """Return what a report file is given: the study's build as text, tables and figures.

    Parameters
    ----------
    study
        A study folder, or its `build/` folder.

    Raises
    ------
    StudyError
        When the study was not run.
    """
    return Report(open_build(study))
