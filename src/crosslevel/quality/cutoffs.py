"""From which value on an index of careless responding raises a flag, and who says so."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from crosslevel.errors import MeasurementError, Problem, did_you_mean

SIDES: Mapping[str, Callable[[Any, Any], Any]] = {
    ">=": operator.ge,
    ">": operator.gt,
    "<": operator.lt,
    "<=": operator.le,
}
OF = ("value", "share of items", "percentile")
INDICES = (
    "longstring",
    "average_string",
    "irv",
    "inter_item_sd",
    "mahalanobis",
    "mahalanobis_p",
    "person_total",
    "even_odd",
    "synonyms",
    "antonyms",
    "instructed_failed",
    "seconds_per_item",
    "fast_pages",
)


@dataclass(frozen=True, slots=True)
class Cutoff:
    """A rule that flags a respondent: index, side, limit.

    Attributes
    ----------
    side
        `">="`, `">"`, `"<"` or `"<="`: a value on this side of the limit is flagged.
    value
        The limit, in what `of` says.
    source
        Who set it: a publication, or the reason.
    of
        `"value"` of the index; `"share of items"`, times the number of items; `"percentile"` of the
        index among these respondents, 0 to 100 (it flags that share of any sample).
    """

    side: str
    value: float
    source: str
    of: str = "value"

    def limit(self, values: pd.Series, n_items: int) -> float:
        """Return the limit in units of the index.

        Examples
        --------
        >>> Cutoff(">=", 0.5, "Curran (2016)", of="share of items").limit(pd.Series([3.0]), 15)
        7.5
        """
        if self.of == "share of items":
            return self.value * n_items
        if self.of == "percentile":
            known = values.dropna()
            return float(np.percentile(known, self.value)) if len(known) else float("nan")
        return self.value

    def flags(self, values: pd.Series, n_items: int) -> pd.Series:
        """Return who is flagged; an index that could not be computed flags nobody.

        Examples
        --------
        >>> Cutoff("<", 0.0, "sign").flags(pd.Series([-0.2, 0.4, None]), 15).tolist()
        [True, False, False]
        """
        return pd.Series(SIDES[self.side](values, self.limit(values, n_items)), index=values.index)


DEFAULT_CUTOFFS: Mapping[str, Cutoff] = MappingProxyType(
    {
        "longstring": Cutoff(
            ">=", 0.5, "Curran (2016): the same answer to half of the items", of="share of items"
        ),
        "mahalanobis_p": Cutoff("<", 0.001, "Tabachnick & Fidell (2013): p < .001"),
        "person_total": Cutoff("<", 0.0, "the sign, see Curran (2016): against the sample"),
        "even_odd": Cutoff(">", -0.30, "Jackson (1976), in Johnson (2005): consistency below .30"),
        "synonyms": Cutoff("<", 0.0, "the sign: pairs that go together answered apart"),
        "antonyms": Cutoff(">", 0.0, "the sign: pairs that go apart answered alike"),
        "instructed_failed": Cutoff(
            ">=", 1.0, "any wrong answer; instructed items after Meade & Craig (2012)"
        ),
        "seconds_per_item": Cutoff("<", 2.0, "Huang et al. (2012): two seconds per item"),
    }
)


def chosen_cutoffs(cutoffs: Mapping[str, Cutoff | None] | None) -> dict[str, Cutoff]:
    """Return the defaults with the caller's changes; None takes a flag away.

    Raises
    ------
    MeasurementError
        For an unknown index, side or kind of limit, a cut-off without a source, a bad percentile.

    Examples
    --------
    >>> sorted(set(DEFAULT_CUTOFFS) - set(chosen_cutoffs({"antonyms": None})))
    ['antonyms']
    """
    given = dict(cutoffs or {})
    problems = [
        Problem(f"index '{name}'", "is not known.", did_you_mean(name, INDICES))
        for name in given
        if name not in INDICES
    ]
    for name, cutoff in given.items():
        problems += [Problem(f"index '{name}'", found) for found in _faults(cutoff)]
    if problems:
        raise MeasurementError("The cut-offs cannot be used.", problems)
    merged = {**DEFAULT_CUTOFFS, **given}
    return {name: c for name in INDICES if (c := merged.get(name)) is not None}


def _faults(cutoff: Cutoff | None) -> list[str]:
    """Say what is wrong with one cut-off."""
    if cutoff is None:
        return []
    faults = []
    if cutoff.side not in SIDES:
        faults.append(f"`side` must be {', '.join(map(repr, SIDES))}, got {cutoff.side!r}.")
    if cutoff.of not in OF:
        faults.append(f"`of` must be {', '.join(map(repr, OF))}, got {cutoff.of!r}.")
    if not cutoff.source.strip():
        faults.append("`source` is empty. Name who set this cut-off, or why it is right here.")
    if cutoff.of == "percentile" and not 0 <= cutoff.value <= 100:
        faults.append(f"a percentile lies between 0 and 100, got {cutoff.value:g}.")
    return faults
