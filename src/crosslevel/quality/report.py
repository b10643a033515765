"""One record of what the answers are worth: missing values and careless responding, in words."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from crosslevel.errors import MeasurementError
from crosslevel.frames import listed, require_columns
from crosslevel.quality.careless import UnavailableIndexWarning, careless
from crosslevel.quality.checking import Bounds, Scales
from crosslevel.quality.cutoffs import Cutoff
from crosslevel.quality.mcar import McarTest, mcar
from crosslevel.quality.missingness import Missingness, gaps
from crosslevel.quality.respondents import Careless

LEVEL = 0.05  # of Little's test
Sentence = tuple[str, str, str, str]
_WORDS = {
    "longstring": "gave the same answer to a long run of items",
    "average_string": "repeated answers in long runs on average",
    "irv": "varied their answers unusually",
    "inter_item_sd": "varied their answers within scales unusually",
    "mahalanobis": "gave a combination of answers far from everybody else's",
    "mahalanobis_p": "gave a combination of answers that is rare given everybody else's",
    "person_total": "answered against the pattern of everybody else",
    "even_odd": "answered the two halves of the scales inconsistently",
    "synonyms": "answered items that go together as if they did not",
    "antonyms": "answered items that are opposites as if they went together",
    "instructed_failed": "did not give the answer an item asked for",
    "seconds_per_item": "answered faster than the items can be read",
    "fast_pages": "answered pages faster than they can be read",
}


@dataclass(frozen=True, slots=True, repr=False)
class QualityReport:
    """What the answers are worth.

    Attributes
    ----------
    careless
        Indices, flags and proposed exclusions.
    missingness
        By item, row, unit and pattern, and where respondents stopped.
    mcar
        Little's test, or None where it is undefined; `mcar_reason` says why.
    """

    careless: Careless
    missingness: Missingness
    mcar: McarTest | None
    mcar_reason: str

    def sentences(self) -> pd.DataFrame:
        """Return the findings in plain words: topic, text, criterion, source.

        `criterion` and `source` are empty for a count that is judged by nothing.
        """
        rows = [*self._missing(), *self._little(), *self._flags(), *self._rule()]
        return pd.DataFrame(rows, columns=["topic", "text", "criterion", "source"])

    def tidy(self) -> pd.DataFrame:
        """Return one row per index of careless responding, as `Careless.tidy`."""
        return self.careless.tidy()

    def glance(self) -> pd.DataFrame:
        """Return one row: the glances of both parts and the p-value of Little's test."""
        part = self.missingness.glance().drop(columns=["n", "n_items", "empty"])
        whole = pd.concat([self.careless.glance(), part], axis=1)
        return whole.assign(mcar_p_value=float("nan") if self.mcar is None else self.mcar.p_value)

    def _missing(self) -> Iterator[Sentence]:
        """Yield how much is missing, where, and where respondents stopped."""
        found = self.missingness
        row = found.glance().to_dict("records")[0]
        n = len(found.rows)
        yield (
            "missing values",
            f"{n:,} respondents and {row['n_items']:.0f} items: {_percent(row['share_missing'])} "
            f"of the answers are missing; {_count(int(row['complete']), n)} answered every item, "
            f"{_count(int(row['empty']), n)} none.",
            "",
            "",
        )
        if row["share_missing"] == 0:
            return
        worst = found.items.nlargest(1, "share").iloc[0]
        yield (
            "missing values",
            f"Most often missing is '{worst['item']}' ({_percent(float(worst['share']))}).",
            "",
            "",
        )
        if row["stopped"]:
            last = found.dropout.nlargest(1, "stopped").iloc[0]
            yield (
                "dropout",
                f"{_count(int(row['stopped']), n)} stopped before the end, most often after "
                f"'{last['item']}' ({int(last['stopped']):,}).",
                "no answer after the last one given",
                "",
            )
        for level, own in found.units.groupby("level", sort=False):
            low, high = _percent(own["missing"].min()), _percent(own["missing"].max())
            text = f"Between {low} and {high} of the answers are missing, by {level} ({len(own)})."
            yield ("missing values", text, "", "")

    def _little(self) -> Iterator[Sentence]:
        """Yield what Little's test says, and what it does not."""
        if self.mcar is None:
            if self.mcar_reason:
                text = f"Little's test was not computed: {self.mcar_reason}"
                yield ("missing values", text, "", "")
            return
        test = self.mcar
        numbers = f"chi-square {test.statistic:.1f}, df {test.df}, {_p(test.p_value)}"
        if test.p_value < LEVEL:
            text = (
                f"Respondents with different gaps differ in what they did answer ({numbers}): "
                "values are not missing completely at random, so leaving out incomplete "
                "respondents is not harmless."
            )
        else:
            text = (
                f"There is no sign that respondents with different gaps differ in what they did "
                f"answer ({numbers}); that does not show that gaps are random."
            )
        yield ("missing values", text, f"p < {LEVEL:g}", "Little (1988)")

    def _flags(self) -> Iterator[Sentence]:
        """Yield what each index flags, by which cut-off, and which could not be computed."""
        for row in self.careless.tidy().to_dict("records"):
            if not row["source"]:
                continue
            text = f"{_count(int(row['flagged']), int(row['n']))} {_WORDS[row['term']]}."
            criterion = f"{row['term']} {row['side']} {row['limit']:g}"
            yield ("careless responding", text, criterion, row["source"])
        for name, why in self.careless.unavailable.items():
            text = f"The index {name} was not computed: {why}."
            yield ("careless responding", text, "", "")
        for name, why in self.careless.unflagged.items():
            text = f"The index {name} flags nobody: {why}."
            yield ("careless responding", text, "", "")

    def _rule(self) -> Iterator[Sentence]:
        """Yield who is proposed for exclusion."""
        found = self.careless
        excluded, n = int(found.excluded.sum()), len(found.table)
        yield (
            "careless responding",
            f"{_count(excluded, n)} are proposed for exclusion. A flag is a signal, not a verdict: "
            "haste, a long questionnaire or an unusual but honest opinion can raise it. Results "
            "belong in the report with and without these respondents.",
            f"{found.exclude_at} or more flags of {len(found.cutoffs)} indices",
            "several indices together: Meade & Craig (2012); the number is this study's choice",
        )

    def __repr__(self) -> str:
        return "\n".join(f"- {text}" for text in self.sentences()["text"])


def report(
    data: pd.DataFrame,
    *,
    items: str | Sequence[str],
    by: str | Sequence[str] = (),
    scales: Scales | None = None,
    reverse: str | Sequence[str] = (),
    bounds: Bounds | None = None,
    instructed: Mapping[str, float] | None = None,
    times: pd.DataFrame | None = None,
    page_items: Mapping[str, int] | None = None,
    anonymised: bool | None = None,
    cutoffs: Mapping[str, Cutoff | None] | None = None,
    exclude_at: int = 2,
) -> QualityReport:
    """Return missing values and careless responding of a survey, with sentences for a report.

    Use it once per questionnaire and wave, before scales are scored.

    Parameters
    ----------
    data
        (n_persons, n_columns) one row per respondent.
    items
        Item columns in the order asked, with the codes shown; nan = not answered.
    by
        Grouping columns, such as `["unit", "hospital"]`.
    scales, reverse, bounds, instructed, times, page_items, anonymised, cutoffs, exclude_at
        As `careless` takes them.

    Raises
    ------
    MeasurementError
        As `careless` and `missingness` do.

    Notes
    -----
    An index or a test that these data leave undefined is named in a sentence; nothing warns.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> answers = pd.DataFrame(rng.integers(1, 6, size=(80, 6))).add_prefix("q").astype(float)
    >>> answers.loc[:9, "q5"] = np.nan
    >>> made = report(answers, items=list(answers))
    >>> made.sentences()["text"][1]
    "Most often missing is 'q5' (12.5%)."
    """
    items, by = listed(items), listed(by)
    require_columns(data, [*items, *by], error=MeasurementError)
    answers = data[items]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnavailableIndexWarning)
        judged = careless(
            answers,
            scales=scales,
            reverse=reverse,
            bounds=bounds,
            instructed=instructed,
            times=times,
            page_items=page_items,
            anonymised=anonymised,
            cutoffs=cutoffs,
            exclude_at=exclude_at,
        )
    asked = [name for name in items if name not in (instructed or {})]
    test, reason = None, ""
    if answers[asked].isna().any(axis=None):
        try:
            test = mcar(answers[asked])
        except MeasurementError as error:
            reason = str(error)
    return QualityReport(
        careless=judged,
        missingness=gaps(data, items, by=by, levels={}),
        mcar=test,
        mcar_reason=reason,
    )


def _percent(share: float) -> str:
    return f"{100.0 * share:.1f}%"


def _count(k: int, n: int) -> str:
    return f"{k:,} ({_percent(k / n)})" if n and k else f"{k:,}"


def _p(value: float) -> str:
    return "p < .001" if value < 0.001 else f"p = {value:.3f}".replace("0.", ".")
