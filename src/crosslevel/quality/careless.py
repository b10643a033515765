"""Who answered without reading: one row per respondent, one column per index."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy import stats

from crosslevel.errors import MeasurementError
from crosslevel.frames import listed, require_text
from crosslevel.psychometrics.answers import warn_matrix
from crosslevel.quality.checking import (
    Bounds,
    Scales,
    check_exclude_at,
    check_instructed,
    check_items,
    check_scales,
    check_times,
    item_bounds,
    turned,
)
from crosslevel.quality.cutoffs import INDICES, Cutoff, chosen_cutoffs
from crosslevel.quality.incomplete import Floats
from crosslevel.quality.indices import (
    FEWEST,
    Answers,
    answers,
    correlations,
    distances,
    even_odd,
    mean_variability,
    paired,
    person_total,
    strings,
    variability,
)
from crosslevel.quality.respondents import Careless

STEADY = 10  # scales or pairs from which the default cut-off of a correlation is applied
SINGULAR = 1e-10  # smallest eigenvalue of the correlations taken as more than none


class UnavailableIndexWarning(UserWarning):
    """An index could not be computed on these data; the text says which and why."""


def careless(
    items: pd.DataFrame,
    *,
    scales: Scales | None = None,
    reverse: str | Sequence[str] = (),
    bounds: Bounds | None = None,
    instructed: Mapping[str, float] | None = None,
    times: pd.DataFrame | None = None,
    page_items: Mapping[str, int] | None = None,
    anonymised: bool | None = None,
    synonym_r: float = 0.60,
    cutoffs: Mapping[str, Cutoff | None] | None = None,
    exclude_at: int = 2,
) -> Careless:
    """Return the indices of careless responding of every respondent, flagged and counted.

    Use it before a scale is scored. Items stay in the order and with the codes in which they were
    shown (reverse items not turned). No index is a verdict: a respondent is proposed for exclusion
    only with several flags, and results belong in a report with and without the excluded.

    Parameters
    ----------
    items
        (n_persons, n_items) numbers in scale points; nan = not answered. Instructed items may be
        among them.
    scales
        Scale name -> its items. Needed for `even_odd` (three scales of two items or more) and
        `inter_item_sd`.
    reverse
        Items that run against their scale; turned for `even_odd` and `inter_item_sd` only.
    bounds
        Lowest and highest point of the response scale, of all items or item by item; needed with
        `reverse`.
    instructed
        Item -> the answer that was asked for. These items enter no other index.
    times
        (n_persons, n_pages) seconds on each page; nan = unknown. Only where the survey is not
        anonymised, which `anonymised=False` has to say.
    page_items
        Page -> number of items on it; needed with `times`.
    synonym_r
        Item pairs correlated at or above it are synonyms, at or below minus it antonyms.
    cutoffs
        Index -> `Cutoff` in place of the default, or None for no flag. The defaults of even_odd,
        synonyms and antonyms need ten scales or pairs; with fewer, only a cut-off given here flags.
    exclude_at
        Number of flags from which a respondent is proposed for exclusion.

    Returns
    -------
    Careless
        `.table`, `.flags`, `.n_flags`, `.excluded`, `.tidy()`, `.glance()`, `.without(data)`,
        `.compare(data, analyse)`.

    Raises
    ------
    MeasurementError
        For items that are no numbers, unknown or repeated names, scales or bounds that do not fit,
        page times of an anonymised survey.

    Warns
    -----
    UnavailableIndexWarning
        When the data leave an index undefined (few complete respondents, an item without variance,
        items that repeat each other); the index is nan and the reason kept.
    SquareFrameWarning
        When the frame looks like a correlation matrix; it is read as answers.

    Notes
    -----
    longstring, average_string: runs of the same code, ended by a missing answer. irv: standard
    deviation (n - 1) of the answers; inter_item_sd: its mean over scales, items turned.
    mahalanobis: (x - m)' S^-1 (x - m) with m, S from the respondents who answered every item; a
    respondent with gaps is judged on the answered items, with as many degrees of freedom.
    person_total: correlation with the item means. even_odd: -2r / (1 + r), at most 1, of odd and
    even half-scale means (the sign of R careless 1.2).
    synonyms, antonyms: within-person correlation over item pairs, the earlier item first. Gaps
    leave a pair, a half or a scale out; correlations need three points. A respondent without
    answers has nan and no flag.
    Source: Meade & Craig (2012); Curran (2016); Dunn et al. (2018); Marjanovic et al. (2015); Huang
    et al. (2012). Each index equals its R definition.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> level = rng.normal(size=(200, 1))
    >>> codes = np.clip(np.round(3 + level + rng.normal(size=(200, 10))), 1, 5)
    >>> codes[0] = 3
    >>> found = careless(pd.DataFrame(codes).add_prefix("q"))
    >>> int(found.table["longstring"].iloc[0]), bool(found.flags["longstring"].iloc[0])
    (10, True)
    """
    rules = chosen_cutoffs(cutoffs)
    check_exclude_at(exclude_at)
    if scales or reverse or bounds or instructed:
        require_text(items, error=MeasurementError)
    check_items(items)
    warn_matrix(items, stacklevel=2)
    wanted, reverse = dict(instructed or {}), listed(reverse)
    check_instructed(items, wanted)
    asked = items.drop(columns=list(wanted))
    ranges = item_bounds(asked, bounds)
    columns = check_scales(asked, scales, reverse, ranges)
    given = answers(asked.to_numpy(dtype=np.float64, na_value=np.nan))
    made, unavailable, pairs = _of_answers(asked, given, synonym_r)
    own, why = _of_scales(turned(asked, reverse, ranges), columns)
    made, unavailable = {**made, **own}, {**unavailable, **why}
    if wanted:
        made["instructed_failed"] = _instructed(items, wanted)
    if times is not None:
        check_times(items, times, page_items, anonymised)
        made |= _speed(times, dict(page_items or {}))
    table = pd.DataFrame({name: made[name] for name in INDICES if name in made}, index=items.index)
    unflagged = _too_noisy(table, columns, pairs, cutoffs or {})
    return Careless(
        table=table,
        cutoffs={n: rule for n, rule in rules.items() if n in table and n not in unflagged},
        unflagged=unflagged,
        exclude_at=exclude_at,
        n_items=asked.shape[1],
        empty=pd.Series(given.count == 0, index=items.index, name="empty"),
        pairs=pairs,
        unavailable=unavailable,
    )


def _of_answers(
    items: pd.DataFrame, given: Answers, synonym_r: float
) -> tuple[dict[str, Floats], dict[str, str], pd.DataFrame]:
    """Return the indices that need the answers only, those undefined, and the item pairs used."""
    if not 0.0 < synonym_r <= 1.0:
        raise MeasurementError(f"`synonym_r` must lie above 0 and up to 1, got {synonym_r:g}.")
    longest, average = strings(given)
    made = {"longstring": longest, "average_string": average, "irv": variability(given)}
    made["person_total"] = person_total(given)
    r = correlations(given)
    names = [str(c) for c in items.columns]
    pairs, unavailable = [], {}
    values = np.where(given.answered, given.filled, np.nan)
    for kind, close in (("synonyms", r >= synonym_r), ("antonyms", r <= -synonym_r)):
        first, second = np.nonzero(np.triu(close, k=1))
        pairs += [(kind, names[i], names[j], r[i, j]) for i, j in zip(first, second, strict=True)]
        if len(first) >= FEWEST:
            made[kind] = paired(values, first.tolist(), second.tolist())
        else:
            sign = "" if kind == "synonyms" else "-"
            unavailable[kind] = (
                f"{len(first)} item pair(s) reach r = {sign}{synonym_r:g}; at least {FEWEST} are "
                "needed"
            )
    distance, why = _mahalanobis(names, given)
    if why:
        unavailable["mahalanobis"] = why
        warnings.warn(
            f"The index 'mahalanobis' is left out: {why}.", UnavailableIndexWarning, stacklevel=3
        )
    else:
        made["mahalanobis"] = distance
        made["mahalanobis_p"] = np.asarray(stats.chi2.sf(distance, given.count))
    return made, unavailable, pd.DataFrame(pairs, columns=["kind", "first", "second", "r"])


def _mahalanobis(names: Sequence[str], given: Answers) -> tuple[Floats, str]:
    """Return the distances, or why there are none."""
    nothing = np.full(len(given.count), np.nan)
    complete = given.filled[given.answered.all(axis=1)]
    n, k = complete.shape
    if n <= k:
        return nothing, f"{n} respondent(s) answered all {k} items, more than {k} are needed"
    flat = [
        name for name, spread in zip(names, np.ptp(complete, axis=0), strict=True) if not spread
    ]
    if flat:
        shown = ", ".join(f"'{name}'" for name in flat[:5])
        return nothing, f"every complete respondent gave the same answer to {shown}"
    S = np.cov(complete, rowvar=False).reshape(k, k)
    scale = np.sqrt(np.diag(S))
    values, vectors = np.linalg.eigh(S / np.outer(scale, scale))
    if values[0] < SINGULAR:
        members = [n for n, v in zip(names, vectors[:, 0], strict=True) if abs(v) > 1e-6]
        shown = ", ".join(f"'{name}'" for name in members[:5])
        return nothing, f"these items determine each other: {shown}"
    precision = (vectors / values) @ vectors.T / np.outer(scale, scale)
    return distances(given, complete.mean(axis=0), precision), ""


def _of_scales(
    values: Floats, columns: Sequence[Sequence[int]]
) -> tuple[dict[str, Floats], dict[str, str]]:
    """Return the indices that need scales, on turned items, and why one is missing."""
    if not columns:
        why = "the items of each scale are unknown; give `scales`"
        return {}, {"even_odd": why, "inter_item_sd": why}
    several = [own for own in columns if len(own) > 1]
    if not several:
        why = "no scale has two items"
        return {}, {"even_odd": why, "inter_item_sd": why}
    made = {"inter_item_sd": mean_variability(values, several)}
    if len(several) < FEWEST:
        why = f"{len(several)} scale(s) have two items or more; at least {FEWEST} are needed"
        return made, {"even_odd": why}
    return {**made, "even_odd": even_odd(values, several)}, {}


def _too_noisy(
    table: pd.DataFrame,
    columns: Sequence[Sequence[int]],
    pairs: pd.DataFrame,
    cutoffs: Mapping[str, Cutoff | None],
) -> dict[str, str]:
    """Return the correlations over few points, which flag by chance unless the caller insists."""
    points = {"even_odd": (sum(len(own) > 1 for own in columns), "scales")}
    for kind in ("synonyms", "antonyms"):
        points[kind] = (int((pairs["kind"] == kind).sum()), "item pairs")
    return {
        name: f"it rests on {n} {what}; with fewer than {STEADY} chance alone raises flags"
        for name, (n, what) in points.items()
        if name in table and n < STEADY and name not in cutoffs
    }


def _instructed(items: pd.DataFrame, wanted: Mapping[str, float]) -> Floats:
    """Return the number of instructed items answered otherwise; nan where none was answered."""
    got = items[list(wanted)].to_numpy(dtype=np.float64, na_value=np.nan)
    answered = np.isfinite(got)
    failed = (answered & (got != np.array(list(wanted.values())))).sum(axis=1)
    return np.where(answered.any(axis=1), failed, np.nan)


def _speed(times: pd.DataFrame, page_items: Mapping[str, int]) -> dict[str, Floats]:
    """Return seconds per item over the timed pages, and pages below two seconds per item."""
    seconds = times[list(page_items)].to_numpy(dtype=np.float64, na_value=np.nan)
    on_page = np.array(list(page_items.values()), dtype=np.float64)
    timed = np.isfinite(seconds)
    below = timed.astype(np.float64) @ on_page
    with np.errstate(invalid="ignore"):
        pace = np.where(timed, seconds, 0.0).sum(axis=1) / np.where(below > 0, below, np.nan)
        fast = (timed & (seconds / on_page < 2.0)).sum(axis=1)
    return {
        "seconds_per_item": pace,
        "fast_pages": np.where(timed.any(axis=1), fast, np.nan),
    }
