"""Are two factors two things: composite reliability, variance extracted, and what factors share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from crosslevel.errors import MeasurementError, Problem
from crosslevel.frames import RESULT_COLUMNS, listed, require_columns
from crosslevel.psychometrics.answers import check_numbers, warn_matrix
from crosslevel.psychometrics.grouping import Floats
from crosslevel.psychometrics.item_matrix import complete_values
from crosslevel.psychometrics.sem.ordered_fit import OrderedFit
from crosslevel.psychometrics.sem.ordered_reliability import scored_covariances
from crosslevel.psychometrics.sem.result import SemFit
from crosslevel.psychometrics.sem.weighted import Group

HTMT_CUT_OFF = 0.85
HTMT_SOURCE = "Henseler, Ringle & Sarstedt (2015)"
AVE_SOURCE = "Fornell & Larcker (1981)"


@dataclass(frozen=True, slots=True)
class Discriminant:
    """How well factors are measured, and whether they are distinct.

    Attributes
    ----------
    factors
        One row per sample and factor: sample, factor, n_items, omega (share of the variance of the
        sum of the items that is the factor's, in the model), omega_observed (over the observed
        variance of that sum), composite_reliability (of standardised items), ave (average variance
        extracted).
    pairs
        One row per sample and pair: sample, factor, other, correlation, squared, ave (the smaller
        of the two), fornell_larcker (whether it exceeds the square), htmt, distinct (whether htmt
        is below the cut-off).
    cut_off
        The largest htmt of distinct factors.
    verdict
        In words, with sources.
    """

    factors: pd.DataFrame
    pairs: pd.DataFrame
    cut_off: float
    verdict: str

    def tidy(self) -> pd.DataFrame:
        """Return one row per coefficient with the standard columns; `group` is the factor."""
        own = self.factors.melt(
            id_vars=["sample", "factor"],
            value_vars=["omega", "omega_observed", "composite_reliability", "ave"],
            var_name="term",
            value_name="estimate",
        ).rename(columns={"factor": "group"})
        both = self.pairs.melt(
            id_vars=["sample", "factor", "other"],
            value_vars=["correlation", "htmt"],
            var_name="term",
            value_name="estimate",
        )
        both["group"] = both["factor"] + " with " + both["other"]
        frame = pd.concat([own, both], ignore_index=True)
        return frame.reindex(columns=["sample", *RESULT_COLUMNS])

    def glance(self) -> pd.DataFrame:
        """Return one row: the worst of each coefficient, and whether all factors are distinct."""
        return pd.DataFrame(
            {
                "n_factors": [self.factors["factor"].nunique()],
                "omega": [self.factors["omega"].min()],
                "ave": [self.factors["ave"].min()],
                "correlation": [self.pairs["correlation"].abs().max()],
                "htmt": [self.pairs["htmt"].max()],
                "fornell_larcker": [bool(self.pairs["fornell_larcker"].all())],
                "distinct": [bool(self.pairs["distinct"].all())],
            }
        )

    def __repr__(self) -> str:
        tables = [self.factors.round(3).to_string(index=False)]
        tables += [self.pairs.round(3).to_string(index=False)] if len(self.pairs) else []
        return "\n".join([*tables, self.verdict])


def discriminant(fit: SemFit, *, cut_off: float = HTMT_CUT_OFF) -> Discriminant:
    """Return reliability and variance extracted of each factor, and whether factors are distinct.

    Use it when two scales may be one (problem-solving and reward-control use of the same data). The
    numbers are no better than the model: look at its fit first.

    Parameters
    ----------
    fit
        A factor model from `cfa`. Factors without two items of their own are left out.
    cut_off
        Largest heterotrait-monotrait ratio (HTMT) of distinct factors; 0.90 for factors that are
        close in concept.

    Returns
    -------
    Discriminant

    Raises
    ------
    MeasurementError
        When no factor has two items of its own, or `cut_off` is no share.

    Notes
    -----
    omega = (sum lambda)^2 phi / sum of the covariances of the items; AVE = sum lambda^2 phi / sum
    of the implied variances; composite reliability = (sum l)^2 / ((sum l)^2 + sum (1 - l^2)) with
    standardised loadings l. HTMT as in `htmt`. Ordered items: omega of the sum of the answers as
    they are scored, the rest of the variables behind them. Source: McDonald (1999); Green & Yang
    (2009); Fornell & Larcker (1981), p. 45-46; Henseler, Ringle & Sarstedt (2015). Agrees with R
    semTools (compRelSEM, AVE, htmt).

    Examples
    --------
    >>> from crosslevel.psychometrics import cfa
    >>> rng = np.random.default_rng(3)
    >>> f, noise = rng.normal(size=(2, 400)), rng.normal(size=(6, 400))
    >>> data = pd.DataFrame(dict(zip("abcxyz", np.repeat(f, 3, axis=0) + noise)))
    >>> found = discriminant(cfa("f =~ a + b + c; g =~ x + y + z", data))
    >>> bool(found.pairs["distinct"].all())
    True
    """
    _check_cut_off(cut_off)
    scales = _scales(fit)
    factors, pairs = [], []
    for number, sample in enumerate(fit.groups):
        own = _Sample(fit, number, scales)
        factors += [{"sample": sample} | own.factor(name) for name in scales]
        pairs += [{"sample": sample} | own.pair(a, b) for a, b in combinations(scales, 2)]
    columns = ["sample", "factor", "other", "correlation", "squared", "ave", "fornell_larcker"]
    table = pd.DataFrame(pairs, columns=[*columns, "htmt"])
    table["distinct"] = table["htmt"] < cut_off
    return Discriminant(pd.DataFrame(factors), table, cut_off, _verdict(table, cut_off))


def htmt(items: pd.DataFrame, scales: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """Return the heterotrait-monotrait ratios of scales: how far two scales correlate like one.

    Use it to ask whether scales are distinct without fitting a model. It assumes items of a scale
    that measure it about equally well.

    Parameters
    ----------
    items
        (n_persons, n_columns) answers; nan = not answered. Respondents who answered all items of
        the scales count.
    scales
        Names of the items of each scale, two or more.

    Returns
    -------
    DataFrame
        (n_scales, n_scales) symmetric, ones on the diagonal; nan where the items of a scale do not
        correlate.

    Raises
    ------
    MeasurementError
        When there are fewer than two scales or two items in one, an item is missing, in two scales,
        or does not vary, or fewer than three respondents answered all.

    Warns
    -----
    SquareFrameWarning
        When the items look like a correlation matrix; they are read as answers.

    Notes
    -----
    Mean absolute correlation of items of different scales over the geometric mean of the mean
    absolute correlations within each. Source: Henseler, Ringle & Sarstedt (2015), eq. 6. Agrees
    with R semTools::htmt(htmt2 = FALSE).

    Examples
    --------
    >>> frame = pd.DataFrame({"a": [1, 2, 3, 4], "b": [1, 3, 2, 4], "c": [4, 2, 2, 1],
    ...                       "d": [3, 2, 1, 1]})
    >>> htmt(frame, {"f": ["a", "b"], "g": ["c", "d"]}).loc["f", "g"].round(3).item()
    1.021
    """
    scales = {scale: listed(own) for scale, own in scales.items()}
    names = [name for own in scales.values() for name in own]
    _check_scales(scales, names)
    require_columns(items, names, error=MeasurementError)
    used = items[names]
    check_numbers(used)
    warn_matrix(used, stacklevel=2)
    answers = complete_values(used)
    if len(answers) < 3:
        raise MeasurementError(
            f"HTMT needs at least three respondents who answered every item, got {len(answers)}."
        )
    problems = [
        Problem(f"item '{name}'", "it does not vary.", "Leave it out.")
        for name, width in zip(names, np.ptp(answers, axis=0), strict=True)
        if not width
    ]
    if problems:
        raise MeasurementError("HTMT needs items that vary between respondents.", problems)
    correlations = np.abs(np.corrcoef(answers, rowvar=False))
    at = {name: i for i, name in enumerate(names)}
    places = {scale: [at[name] for name in own] for scale, own in scales.items()}
    result = pd.DataFrame(1.0, index=list(scales), columns=list(scales))
    for a, b in combinations(scales, 2):
        result.loc[a, b] = result.loc[b, a] = _ratio(correlations, places[a], places[b])
    return result


def _ratio(correlations: Floats, first: Sequence[int], second: Sequence[int]) -> float:
    """HTMT of two sets of positions in a matrix of absolute correlations."""
    within = [
        float(correlations[np.ix_(own, own)][np.tril_indices(len(own), -1)].mean())
        for own in (first, second)
    ]
    scale = float(np.sqrt(within[0] * within[1]))
    return float(correlations[np.ix_(first, second)].mean()) / scale if scale > 0 else np.nan


def _scales(fit: SemFit) -> dict[str, list[str]]:
    """Items of each factor that has two or more, items that load on two factors left out."""
    rows = [row for row in fit.maximum.table.block(0) if row.op == "=~"]
    observed = fit.maximum.blocks[0].observed
    count = pd.Series([row.rhs for row in rows], dtype="str").value_counts()
    found: dict[str, list[str]] = {}
    for row in rows:
        if row.rhs in observed and count[row.rhs] == 1:
            found.setdefault(row.lhs, []).append(row.rhs)
    scales = {name: own for name, own in found.items() if len(own) > 1}
    if not scales:
        raise MeasurementError(
            "No factor of the model has two items of its own, so there is nothing to judge."
        )
    return scales


class _Sample:
    """Covariances and loadings of one sample; positions run through observed, then latent."""

    def __init__(self, fit: SemFit, number: int, scales: Mapping[str, Sequence[str]]) -> None:
        block = fit.maximum.blocks[number]
        names = list(block.names)
        self.spread = block.spread(fit.maximum.theta)
        self.loadings = block.matrices(fit.maximum.theta)[0]
        self.raw = fit.saturated.moments[number].sigma
        self.thresholds: list[Floats] = []
        if isinstance(fit, OrderedFit):
            self._standardise(fit.parts[number], fit.maximum.theta)
        self.place = {name: names.index(name) for name in scales}
        self.items = {name: [names.index(item) for item in own] for name, own in scales.items()}

    def _standardise(self, part: Group, theta: Floats) -> None:
        """Put in place of ordered items the variables behind them, of variance one."""
        p, item = len(part.block.observed), part.moments.threshold_item
        delta, implied = part.scale.at(theta)[1], part.implied(theta)
        scale = np.append(delta, np.ones(len(self.spread) - p))
        self.spread = self.spread * np.outer(scale, scale)
        self.spread[range(p), range(p)] = 1.0
        self.loadings = self.loadings * scale[:, None]
        self.thresholds = [implied[: len(item)][item == i] for i in range(p)]

    def _reliability(self, at: Sequence[int], true: Floats, whole: Floats) -> float:
        """Share of the true part (k, k) in the variance of the sum of items."""
        if self.thresholds:
            tau = [self.thresholds[i] for i in at]
            true, whole = scored_covariances(tau, true), scored_covariances(tau, whole)
        return float(true.sum()) / float(whole.sum())

    def factor(self, name: str) -> dict[str, object]:
        """Reliability and variance extracted of one factor."""
        at, factor = self.items[name], self.place[name]
        phi, slope = float(self.spread[factor, factor]), self.loadings[at, factor]
        implied, true = self.spread[np.ix_(at, at)], np.outer(slope, slope) * phi
        standard = slope * np.sqrt(max(phi, 0.0) / np.diag(implied))
        squared = float(standard.sum() ** 2)
        return {
            "factor": name,
            "n_items": len(at),
            "omega": self._reliability(at, true, implied),
            "omega_observed": self._reliability(at, true, self.raw[np.ix_(at, at)]),
            "composite_reliability": squared / (squared + float((1 - standard**2).sum())),
            "ave": self.extracted(name),
        }

    def extracted(self, name: str) -> float:
        """Average variance extracted of one factor."""
        at, factor = self.items[name], self.place[name]
        common = float((self.loadings[at, factor] ** 2).sum() * self.spread[factor, factor])
        return common / float(np.diag(self.spread)[at].sum())

    def pair(self, first: str, second: str) -> dict[str, object]:
        """What two factors share."""
        i, j = self.place[first], self.place[second]
        variance = float(self.spread[i, i] * self.spread[j, j])
        correlation = float(self.spread[i, j]) / np.sqrt(variance) if variance > 0 else np.nan
        ave = min(self.extracted(name) for name in (first, second))
        scale = np.sqrt(np.diag(self.raw))
        correlations = np.abs(self.raw / np.outer(scale, scale))
        return {
            "factor": first,
            "other": second,
            "correlation": correlation,
            "squared": correlation**2,
            "ave": ave,
            "fornell_larcker": bool(ave > correlation**2),
            "htmt": _ratio(correlations, self.items[first], self.items[second]),
        }


def _verdict(pairs: pd.DataFrame, cut_off: float) -> str:
    """Return in words which factors are distinct."""
    if not len(pairs):
        return "One factor: there is nothing to be told apart."

    def named(rows: pd.DataFrame) -> str:
        """Pairs with their sample."""
        return "; ".join(
            f"'{first}' and '{second}'{f' in {sample}' if sample else ''}"
            for first, second, sample in rows[["factor", "other", "sample"]].to_numpy().tolist()
        )

    close = pairs[~pairs["distinct"]]
    shared = pairs[~pairs["fornell_larcker"]]
    rule = f"HTMT below {cut_off:.2f}, {HTMT_SOURCE}"
    text = (
        f"Not shown to be distinct: {named(close)} ({rule})."
        if len(close)
        else f"All factors are distinct ({rule})."
    )
    if len(shared):
        text += (
            f" {named(shared)} share more than a factor explains of its own items ({AVE_SOURCE})."
        )
    return text


def _check_cut_off(cut_off: float) -> None:
    """Refuse a cut-off that is no share."""
    if not 0 < cut_off <= 1:
        raise MeasurementError(f"`cut_off` must lie between 0 and 1, got {cut_off:g}.")


def _check_scales(scales: Mapping[str, Sequence[str]], names: Sequence[str]) -> None:
    """Refuse scales that cannot be compared."""
    if len(scales) < 2:
        raise MeasurementError(f"HTMT compares scales, got {len(scales)}. Name at least two.")
    problems = [
        Problem(f"scale '{scale}'", f"{len(own)} item(s), and two are needed.")
        for scale, own in scales.items()
        if len(own) < 2
    ]
    twice = sorted({name for name in names if list(names).count(name) > 1})
    problems += [Problem(f"item '{name}'", "it is named more than once.") for name in twice]
    if problems:
        raise MeasurementError("The scales cannot be compared.", problems)
