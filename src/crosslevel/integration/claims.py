"""What the study claimed beforehand, held against what was estimated.

The rule, for an expected positive sign and the smallest effect of interest s > 0 (mirrored for a
negative one): *supported* when the whole interval lies above 0 and the estimate is at least s;
*not supported* when the whole interval lies below s; *inconclusive* otherwise. An interval above
0 with an estimate below s is therefore inconclusive as long as the interval reaches s.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

import pandas as pd

from crosslevel.errors import CrosslevelError, Problem, did_you_mean
from crosslevel.frames import require_columns

Verdict = Literal["supported", "not supported", "inconclusive"]
SUPPORTED: Final = "supported"
NOT_SUPPORTED: Final = "not supported"
INCONCLUSIVE: Final = "inconclusive"
COLUMNS = (
    "id", "statement", "model", "term", "expected", "smallest", "estimate", "conf_low",
    "conf_high", "p_value", "verdict", "sentence",
)  # fmt: skip


class ClaimError(CrosslevelError):
    """A claim cannot be held against the estimates."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One statement tied to one parameter, written down before the estimates are seen.

    Attributes
    ----------
    id, statement
        Its name and its wording.
    model, term
        The parameter it is about.
    expected
        The sign it states.
    smallest
        Smallest effect of interest, above zero, in the units of the estimate.

    Raises
    ------
    ClaimError
        When `expected` is no sign or `smallest` is not above zero.
    """

    id: str
    statement: str
    model: str
    term: str
    expected: Literal["positive", "negative"]
    smallest: float

    def __post_init__(self) -> None:
        if self.expected not in ("positive", "negative"):
            raise ClaimError(
                f"Claim '{self.id}': `expected` must be 'positive' or 'negative', "
                f"got {self.expected!r}."
            )
        if not self.smallest > 0 or math.isinf(self.smallest):
            raise ClaimError(
                f"Claim '{self.id}': the smallest effect of interest must be above zero, "
                f"got {self.smallest:g}. Say which size would matter in practice."
            )


def judge(
    claims: Iterable[Claim],
    estimates: pd.DataFrame,
    *,
    estimator: str = "multilevel",
    outcomes: Mapping[str, str] | None = None,
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """Return one verdict per claim, with the sentence a report prints.

    Parameters
    ----------
    claims
        What was claimed.
    estimates
        One row per coefficient: model, term, estimate, conf_low, conf_high; where there are, also
        estimator, label and p_value are used.
    estimator
        Which rows count when the table has a column of that name.
    outcomes
        Model -> name of its outcome, for the sentences.
    conf_level
        Level of the intervals in `estimates`, for the sentences.

    Returns
    -------
    DataFrame
        id, statement, model, term, expected, smallest, estimate, conf_low, conf_high, p_value,
        verdict ("supported" | "not supported" | "inconclusive"), sentence. The rule is that of the
        module. Sentences speak of association, never of cause.

    Raises
    ------
    ClaimError
        Naming every claim whose model or term was not estimated, or was estimated twice, and
        every id that occurs twice.

    Examples
    --------
    >>> claim = Claim("C1", "More use, more learning", "main", "use", "positive", 0.05)
    >>> table = pd.DataFrame({"model": ["main"], "term": ["use"], "estimate": [0.2],
    ...                       "conf_low": [0.1], "conf_high": [0.3]})
    >>> judge([claim], table)["verdict"].item()
    'supported'
    """
    needed = ["model", "term", "estimate", "conf_low", "conf_high"]
    require_columns(estimates, needed, error=ClaimError)
    used = estimates
    if "estimator" in estimates:
        used = estimates[estimates["estimator"] == estimator]
    listed = list(claims)
    problems = _problems(listed, used)
    if problems:
        raise ClaimError(f"{len(problems)} claim(s) cannot be judged.", problems)
    rows = []
    for claim in listed:
        found = used[(used["model"] == claim.model) & (used["term"] == claim.term)].iloc[0]
        estimate, low, high = (float(found[c]) for c in ("estimate", "conf_low", "conf_high"))
        decided = verdict(claim, estimate, low, high)
        subject = str(found["label"]) if pd.notna(found.get("label")) else claim.term
        outcome = (outcomes or {}).get(claim.model, "the outcome")
        sentence = _sentence(claim, decided, (estimate, low, high), (subject, outcome), conf_level)
        p_value = float(found.get("p_value", math.nan))
        stated = (claim.id, claim.statement, claim.model, claim.term, claim.expected)
        numbers = (claim.smallest, estimate, low, high, p_value)
        rows.append((*stated, *numbers, decided, sentence))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def verdict(claim: Claim, estimate: float, conf_low: float, conf_high: float) -> Verdict:
    """Return the verdict on a claim, by the rule of this module; nan is inconclusive.

    Examples
    --------
    >>> verdict(Claim("C", "", "m", "x", "negative", 0.1), -0.02, -0.08, 0.04)
    'not supported'
    """
    if not all(map(math.isfinite, (estimate, conf_low, conf_high))):
        return INCONCLUSIVE
    if claim.expected == "negative":
        estimate, conf_low, conf_high = -estimate, -conf_high, -conf_low
    if conf_high < claim.smallest:
        return NOT_SUPPORTED
    if conf_low > 0 and estimate >= claim.smallest:
        return SUPPORTED
    return INCONCLUSIVE


def _problems(claims: list[Claim], estimates: pd.DataFrame) -> list[Problem]:
    """List claims that point to no coefficient, or to several."""
    ids = [claim.id for claim in claims]
    problems = [
        Problem(f"claim '{name}'", "occurs twice.", "Give each an id of its own.")
        for name in sorted({name for name in ids if ids.count(name) > 1})
    ]
    models = list(dict.fromkeys(estimates["model"]))
    for claim in claims:
        where = f"claim '{claim.id}'"
        own = estimates[estimates["model"] == claim.model]
        if own.empty:
            hint = did_you_mean(claim.model, models)
            problems.append(Problem(where, f"there is no model '{claim.model}'.", hint))
            continue
        n = int((own["term"] == claim.term).sum())
        if n == 0:
            hint = did_you_mean(claim.term, own["term"])
            found = f"model '{claim.model}' has no term '{claim.term}'."
            problems.append(Problem(where, found, hint))
        elif n > 1:
            found = f"model '{claim.model}' has the term '{claim.term}' {n} times."
            problems.append(Problem(where, found, "Give one estimator."))
    return problems


def _sentence(
    claim: Claim,
    decided: Verdict,
    numbers: tuple[float, float, float],
    names: tuple[str, str],
    conf_level: float,
) -> str:
    """Word a verdict, with the numbers it rests on and without any talk of cause."""
    subject, outcome = names[0][:1].upper() + names[0][1:], within_sentence(names[1])
    if not all(map(math.isfinite, numbers)):
        return f"{subject}: the association with {outcome} could not be estimated. Inconclusive."
    _, low, high = numbers
    digits = decimals(numbers, claim.smallest)
    shown = [_number(value, digits) for value in numbers]
    interval = f"{shown[0]}, {100 * conf_level:g}% interval {shown[1]} to {shown[2]}"
    size = _number(claim.smallest, digits)
    if low > 0 or high < 0:
        sign = "positively" if low > 0 else "negatively"
        opening = f"{subject} is {sign} associated with {outcome} ({interval})"
    else:
        opening = f"No association of {within_sentence(subject)} with {outcome} is "
        opening += f"established ({interval})"
    return f"{opening}{_ground(claim, decided, (low, high), size)}"


def within_sentence(label: str) -> str:
    """Return a label as it stands within a sentence: an abbreviation keeps its capitals.

    Examples
    --------
    >>> within_sentence("Goal-based learning"), within_sentence("ICC of a unit")
    ('goal-based learning', 'ICC of a unit')
    >>> within_sentence("Leadership (within units) × Work hours")
    'leadership (within units) × work hours'
    """
    parts = label.split(" × ")
    return " × ".join(p if p[1:2].isupper() else p[:1].lower() + p[1:] for p in parts)


def _ground(claim: Claim, decided: Verdict, interval: tuple[float, float], size: str) -> str:
    """Say why the verdict is what it is."""
    low, high = interval if claim.expected == "positive" else (-interval[1], -interval[0])
    if decided == SUPPORTED:
        return f", of at least the smallest size of interest ({size}). Supported."
    if decided == NOT_SUPPORTED:
        if high < 0:
            return f", the opposite of the {claim.expected} sign expected. Not supported."
        return (
            f"; {claim.expected} associations of the smallest size of interest ({size}) are "
            "ruled out. Not supported."
        )
    if low > 0:
        return (
            f", as expected, but the association may be smaller than the smallest of interest "
            f"({size}). Inconclusive."
        )
    return (
        f"; the interval holds both no association and a {claim.expected} one of the smallest size "
        f"of interest ({size}). Inconclusive."
    )


def decimals(numbers: Iterable[float], smallest: float) -> int:
    """Return the fewest decimals, from 2 to 5, that hide no sign and no distance to the size.

    Tables and sentences about a claim both use it.

    Examples
    --------
    >>> decimals((0.2, 0.1, 0.3), 0.05), decimals((0.2, 0.004, 0.3), 0.05)
    (2, 3)
    """
    for digits in range(2, 5):
        signs = all(round(value, digits) != 0 or value == 0 for value in numbers)
        sizes = round(smallest, digits) != 0 and all(
            round(abs(value), digits) != round(smallest, digits) or abs(value) == smallest
            for value in numbers
        )
        if signs and sizes:
            return digits
    return 5


def _number(value: float, digits: int) -> str:
    """Write a coefficient with a true minus sign."""
    return f"{value:.{digits}f}".replace("-", "\N{MINUS SIGN}")
