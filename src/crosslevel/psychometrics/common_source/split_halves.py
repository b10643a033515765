"""Half of a unit's members measure the predictor, the other half the outcome, many times over.

Letters: B splits, G units, n persons; A and B the halves; x and y predictor and outcome.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from crosslevel.errors import MeasurementError
from crosslevel.frames import require_columns
from crosslevel.psychometrics.grouping import (
    Floats,
    Grouped,
    check_level,
    check_seed,
    check_whole,
    pair,
    refusal,
)

SHOWS = (
    "Shows whether units in which some members report more of the predictor are units in which "
    "other members report more of the outcome: no person's mood or style is in both."
)
CANNOT_SHOW = (
    "Cannot show cause, nor take out what members of a unit share besides the predictor (events, a "
    "common mood, talking to each other). Halves are less reliable than whole units: compare with "
    "`same_half`, not with `whole`."
)
_BLOCK = 2_000_000


@dataclass(frozen=True, slots=True)
class SplitSample:
    """Correlation of unit means from different halves of the members.

    Attributes
    ----------
    estimate, conf_low, conf_high
        Median over the splits, and an interval that holds sampling of units and of splits.
    spread_low, spread_high
        Between which the middle share `conf_level` of the splits lies.
    same_half
        Median correlation when one half measures both: as reliable as `estimate`, with the same
        persons in both.
    whole
        Correlation of means over all members.
    reliability_x, reliability_y
        Median correlation of the halves' means of the same variable.
    corrected
        estimate / sqrt(reliability_x reliability_y): what means without sampling error would give;
        nan when either is not positive.
    slope
        Median slope of the outcome on the predictor, over units.
    draws
        One row per split: estimate, same_half, slope.
    groups, n, dropped_groups
        Units and persons used; units left out for having fewer than two members with both.
    shows, cannot_show
        What the check is good for, and what not.
    """

    estimate: float
    conf_low: float
    conf_high: float
    conf_level: float
    spread_low: float
    spread_high: float
    same_half: float
    whole: float
    reliability_x: float
    reliability_y: float
    corrected: float
    slope: float
    draws: pd.DataFrame
    groups: int
    n: int
    dropped_groups: int
    splits: int
    shows: str = SHOWS
    cannot_show: str = CANNOT_SHOW

    def tidy(self) -> pd.DataFrame:
        """One row per way of measuring: term, estimate, conf_low, conf_high, spread."""
        rows = [
            ("different halves", self.estimate, self.conf_low, self.conf_high),
            ("same half", self.same_half, np.nan, np.nan),
            ("all members", self.whole, np.nan, np.nan),
            ("different halves, corrected", self.corrected, np.nan, np.nan),
        ]
        return pd.DataFrame(rows, columns=["term", "estimate", "conf_low", "conf_high"])

    def glance(self) -> pd.DataFrame:
        """One row with every figure, and the limits of the check."""
        names = [name for name in self.__slots__ if name != "draws"]
        return pd.DataFrame([{name: getattr(self, name) for name in names}])

    def __repr__(self) -> str:
        return (
            f"r = {self.estimate:.3f} between halves ({100 * self.conf_level:g}% interval "
            f"{self.conf_low:.3f} to {self.conf_high:.3f}; splits {self.spread_low:.3f} to "
            f"{self.spread_high:.3f}), {self.same_half:.3f} within one half, {self.whole:.3f} with "
            f"all members; {self.groups} units, {self.n} persons, {self.splits} splits.\n"
            f"{self.shows}\n{self.cannot_show}"
        )


def split_sample(
    frame: pd.DataFrame,
    *,
    predictor: str,
    outcome: str,
    group: str,
    splits: int = 1000,
    seed: int,
    conf_level: float = 0.95,
) -> SplitSample:
    """Return the correlation over units when no person measures both variables.

    Each time the members of every unit are divided at random into halves (the odd one by lot); one
    half gives the unit's mean of the predictor and the other that of the outcome, and the other
    way round. With one source the correlation falls from `same_half` to `estimate`.

    Parameters
    ----------
    frame
        One row per person.
    predictor, outcome
        Columns with numbers; persons without both are left out.
    group
        Column with the unit of each person.
    splits, seed
        Random splits and their seed.
    conf_level
        Level of the interval, and share of the splits in the spread.

    Returns
    -------
    SplitSample

    Raises
    ------
    MeasurementError
        Without a seed; when a column is missing, not numeric or infinite, fewer than five units
        have two members or more, or a variable has the same mean in every unit.

    Notes
    -----
    On Fisher's scale the interval is the median over the splits plus and minus the normal quantile
    times the root of the median of 1 / (G - 3) + (z - median)^2.
    Source: Ostroff, Kinicki & Clark (2002); for the median over splits Chernozhukov et al. (2018),
    definition 3.3.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> unit = np.repeat(np.arange(40), 8)
    >>> mood = rng.normal(size=320)
    >>> data = pd.DataFrame({"unit": unit, "x": mood + rng.normal(size=320),
    ...                      "y": mood + rng.normal(size=320)})
    >>> found = split_sample(data, predictor="x", outcome="y", group="unit", splits=100, seed=2)
    >>> found.estimate < 0.2 < found.same_half
    True
    """
    data, dropped = two_or_more(frame, predictor, outcome, group, conf_level=conf_level)
    check_seed(seed, "Splitting at random")
    check_whole("splits", splits)
    if splits < 10:
        raise MeasurementError(f"The spread needs at least ten splits, got {splits}.")
    found = np.concatenate([_correlations(halves) for halves in _halves(data, splits, seed)])
    cross = np.tanh(np.arctanh(np.clip(found[:, :2], -1 + 1e-12, 1 - 1e-12)).mean(axis=1))
    same = found[:, 2:4].mean(axis=1)
    z, G = np.arctanh(np.clip(cross, -1 + 1e-12, 1 - 1e-12)), len(data.names)
    middle, reach = median_interval(z, np.full(splits, 1 / np.sqrt(G - 3)), conf_level)
    spread = np.quantile(cross, [(1 - conf_level) / 2, (1 + conf_level) / 2])
    reliability = np.median(found[:, 4:6], axis=0)
    product = float(reliability.prod()) if (reliability > 0).all() else float("nan")
    slope = found[:, 6:].mean(axis=1)
    means = data.means()
    return SplitSample(
        estimate=float(np.tanh(middle)),
        conf_low=float(np.tanh(middle - reach)),
        conf_high=float(np.tanh(middle + reach)),
        conf_level=conf_level,
        spread_low=float(spread[0]),
        spread_high=float(spread[1]),
        same_half=float(np.median(same)),
        whole=float(np.corrcoef(means[:, 0], means[:, 1])[0, 1]),
        reliability_x=float(reliability[0]),
        reliability_y=float(reliability[1]),
        corrected=float(np.tanh(middle)) / np.sqrt(product),
        slope=float(np.median(slope)),
        draws=pd.DataFrame({"estimate": cross, "same_half": same, "slope": slope}),
        groups=G,
        n=len(data.codes),
        dropped_groups=dropped,
        splits=splits,
    )


def median_interval(values: Floats, std_errors: Floats, conf_level: float) -> tuple[float, float]:
    """Return the median over splits and the reach of its interval."""
    middle = float(np.median(values))
    error = float(np.sqrt(np.median(std_errors**2 + (values - middle) ** 2)))
    return middle, float(stats.norm.ppf((1 + conf_level) / 2)) * error


def two_or_more(
    frame: pd.DataFrame, predictor: str, outcome: str, group: str, *, conf_level: float
) -> tuple[Grouped, int]:
    """Return the persons, sorted by unit, of units with two or more, and the units left out."""
    require_columns(frame, [predictor, outcome, group], error=MeasurementError)
    if predictor == outcome:
        raise MeasurementError(f"Predictor and outcome are the same column, '{predictor}'.")
    check_level(conf_level)
    data = pair(frame[[predictor, outcome]], frame[group])
    keep = data.sizes[data.codes] >= 2
    count = int((data.sizes >= 2).sum())
    if count < 5:
        found = f"only {count} units have two or more members with both: at least five are needed."
        raise refusal(frame[[predictor, outcome]], found, message="Units cannot be split.")
    codes, inverse = np.unique(data.codes[keep], return_inverse=True)
    order = np.argsort(inverse, kind="stable")
    names = tuple(data.names[code] for code in codes)
    kept = Grouped(data.cells[keep][order], inverse[order], names)
    for i, name in enumerate((predictor, outcome)):
        if np.ptp(kept.means()[:, i]) <= 1e-12 * max(float(np.abs(kept.cells[:, i]).max()), 1e-300):
            raise refusal(frame[[name]], "has the same mean in every unit.")
    return kept, len(data.names) - count


def first_halves(
    codes: npt.NDArray[np.intp], sizes: Floats, draws: int, rng: np.random.Generator
) -> npt.NDArray[np.bool_]:
    """Return (draws, n) who is in the first half of a unit; rows must be sorted by unit."""
    n, counts = len(codes), sizes.astype(np.int64)
    odd_up = (rng.random((draws, len(counts))) < 0.5) & (counts % 2 == 1)
    first = counts // 2 + odd_up
    order = np.argsort(codes + rng.random((draws, n)), axis=1)
    place = np.arange(n) - np.repeat(np.cumsum(counts) - counts, counts)
    chosen = place[None, :] < first[:, codes]
    mask = np.zeros((draws, n), dtype=np.bool_)
    np.put_along_axis(mask, order, chosen, axis=1)
    return mask


def _halves(data: Grouped, splits: int, seed: int) -> Iterator[Floats]:
    """Yield (4, draws, G) means, block by block: x and y of the first half, then of the other."""
    rng = np.random.default_rng(seed)
    starts = np.cumsum(data.sizes.astype(np.int64)) - data.sizes.astype(np.int64)
    block = max(1, _BLOCK // len(data.codes))
    totals = np.add.reduceat(data.cells, starts, axis=0)
    for done in range(0, splits, block):
        mask = first_halves(data.codes, data.sizes, min(block, splits - done), rng)
        size = np.add.reduceat(mask, starts, axis=1, dtype=np.float64)
        means = []
        for i in range(2):
            first = np.add.reduceat(mask * data.cells[:, i], starts, axis=1)
            means += [first / size, (totals[:, i] - first) / (data.sizes - size)]
        yield np.stack([means[0], means[2], means[1], means[3]])


def _correlations(halves: Floats) -> Floats:
    """(draws, 8): r across (two ways), r within a half (two), reliabilities of x and y, slopes."""
    centred = halves - halves.mean(axis=2, keepdims=True)
    length = np.sqrt((centred**2).sum(axis=2))
    length = np.where(length > 0, length, 1.0)
    pairs = ((0, 3), (2, 1), (0, 1), (2, 3), (0, 2), (1, 3))
    r = [(centred[i] * centred[j]).sum(axis=1) / (length[i] * length[j]) for i, j in pairs]
    slopes = [r[0] * length[3] / length[0], r[1] * length[1] / length[2]]
    return np.column_stack([*r, *slopes])
