"""A multilevel model in which other members of the unit measure the predictor."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from crosslevel.errors import MeasurementError, NotConvergedWarning
from crosslevel.frames import RESULT_COLUMNS, level_text
from crosslevel.multilevel import Formula, fit, parse
from crosslevel.psychometrics.common_source.split_halves import (
    CANNOT_SHOW,
    SHOWS,
    first_halves,
    median_interval,
    two_or_more,
)
from crosslevel.psychometrics.grouping import check_seed, check_whole

_CANNOT_SHOW = CANNOT_SHOW.replace(", not with `whole`", "")


@dataclass(frozen=True, slots=True)
class SplitModel:
    """Fixed terms of a multilevel model over random halves of the units.

    Attributes
    ----------
    table
        One row per term: term, estimate (median over splits), std_error, conf_low, conf_high,
        spread_low and spread_high (the middle share of the splits), same_half (median when the
        persons who answer the outcome also measured the predictor).
    formula, predictor
        The model, and the column that other members measured.
    groups, n, dropped_groups, splits
        Units and persons used, units left out for having fewer than two members, random splits.
    not_converged
        Splits left out because the model did not converge.
    shows, cannot_show
        What the check is good for, and what not.
    """

    table: pd.DataFrame
    formula: str
    predictor: str
    conf_level: float
    groups: int
    n: int
    dropped_groups: int
    splits: int
    not_converged: int
    shows: str = SHOWS
    cannot_show: str = _CANNOT_SHOW

    def tidy(self) -> pd.DataFrame:
        """One row per fixed term, with the standard columns."""
        return self.table.reindex(columns=list(RESULT_COLUMNS))

    def glance(self) -> pd.DataFrame:
        """One row: the sample, and the limits of the check."""
        names = [name for name in self.__slots__ if name != "table"]
        return pd.DataFrame([{name: getattr(self, name) for name in names}])

    def __repr__(self) -> str:
        shown = self.table.set_index("term")
        row = shown.loc[self.predictor] if self.predictor in shown.index else shown.iloc[-1]
        return (
            f"{row.name}: {row['estimate']:.3f} ({100 * self.conf_level:g}% interval "
            f"{row['conf_low']:.3f} to {row['conf_high']:.3f}) when other members measure it, "
            f"{row['same_half']:.3f} when the same do; {self.groups} units, {self.n} persons, "
            f"{self.splits} splits.\n{self.shows}\n{self.cannot_show}"
        )


def split_sample_model(
    formula: str,
    frame: pd.DataFrame,
    *,
    predictor: str,
    group: str,
    splits: int = 100,
    seed: int,
    conf_level: float = 0.95,
) -> SplitModel:
    """Return a multilevel model whose unit-level predictor comes from other members.

    Each time the members of every unit are divided at random into halves: one half gives the unit's
    mean of the predictor, and the model is fitted to the other half, who answer the outcome.

    Parameters
    ----------
    formula
        As for `multilevel.fit`, with the predictor as a plain term and `(1 | group)`.
    frame
        One row per person.
    predictor
        Column measured by persons, to be replaced by the mean of the other half of the unit.
    group
        Column with the unit of each person.
    splits, seed
        Random splits and their seed; two fits each.
    conf_level
        Level of the intervals, and share of the splits in the spread.

    Returns
    -------
    SplitModel

    Raises
    ------
    MeasurementError
        Without a seed; when the predictor or the group is not in the formula, a column is missing,
        fewer than five units have two members or more, or most fits do not converge.

    Notes
    -----
    Over the splits: the median, and the root of the median of std_error^2 + (estimate - median)^2.
    Source: Chernozhukov et al. (2018), definition 3.3.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> unit = np.repeat(np.arange(30), 8)
    >>> climate = rng.normal(size=30)[unit]
    >>> data = pd.DataFrame({"unit": unit, "x": climate + rng.normal(size=240),
    ...                      "y": 0.5 * climate + rng.normal(size=240)})
    >>> found = split_sample_model("y ~ x + (1 | unit)", data, predictor="x", group="unit",
    ...                            splits=10, seed=2)
    >>> found.table["term"].tolist()
    ['(Intercept)', 'x']
    """
    parsed = parse(formula)
    _check_formula(parsed, predictor, group)
    outcome = parsed.response.columns[0]
    check_seed(seed, "Splitting at random")
    check_whole("splits", splits)
    if splits < 10:
        raise MeasurementError(f"The spread needs at least ten splits, got {splits}.")
    used = frame.dropna(subset=[c for c in parsed.columns() if c in frame]).reset_index(drop=True)
    data, dropped = two_or_more(used, predictor, outcome, group, conf_level=conf_level)
    rows = _rows(used, group, data.names)
    masks = first_halves(data.codes, data.sizes, splits, np.random.default_rng(seed))
    found = [_both(formula, rows, predictor, data.codes, mask) for mask in masks]
    kept = [pairs for pairs in found if pairs is not None]
    if len(kept) < splits / 2:
        raise MeasurementError(
            f"The model did not converge in {splits - len(kept)} of {splits} splits: it asks too "
            "much of half the members. Use fewer random terms, or `split_sample`."
        )
    return SplitModel(
        table=_table(kept, conf_level),
        formula=formula,
        predictor=predictor,
        conf_level=conf_level,
        groups=len(data.names),
        n=len(rows),
        dropped_groups=dropped,
        splits=splits,
        not_converged=splits - len(kept),
    )


def _check_formula(parsed: Formula, predictor: str, group: str) -> None:
    """Refuse a formula in which the predictor is not a plain property of the unit."""
    for name in (predictor, group):
        if name not in parsed.columns():
            raise MeasurementError(f"The formula '{parsed.text}' has no column '{name}'.")
    for atom in (atom for term in parsed.terms for atom in term):
        if predictor in atom.columns and len(atom.columns) > 1:
            raise MeasurementError(
                f"'{atom}': what other members measure has one value per unit. Write '{predictor}'."
            )


def _rows(used: pd.DataFrame, group: str, names: tuple[str, ...]) -> pd.DataFrame:
    """The rows of the units kept, sorted as the units are."""
    place = {name: i for i, name in enumerate(names)}
    code = used[group].map(lambda name: place.get(level_text(name), -1)).to_numpy(dtype=np.intp)
    order = np.argsort(code, kind="stable")
    return used.iloc[order[code[order] >= 0]].reset_index(drop=True)


def _both(
    formula: str,
    rows: pd.DataFrame,
    predictor: str,
    codes: npt.NDArray[np.intp],
    mask: npt.NDArray[np.bool_],
) -> tuple[pd.DataFrame, pd.DataFrame] | None:
    """Terms with the predictor from the other half, and from the same; None without a solution."""
    values = rows[predictor].to_numpy(dtype=np.float64)
    answering = rows[~mask].reset_index(drop=True)
    tables = []
    for measuring in (mask, ~mask):
        sizes = np.bincount(codes[measuring])
        means = np.bincount(codes[measuring], weights=values[measuring]) / sizes
        half = answering.assign(**{predictor: means[codes[~mask]]})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotConvergedWarning)
            fitted = fit(formula, half)
        if fitted.status == "not converged":
            return None
        tables.append(fitted.tidy(df="normal"))
    return tables[0], tables[1]


def _table(kept: list[tuple[pd.DataFrame, pd.DataFrame]], conf_level: float) -> pd.DataFrame:
    """One row per term over the splits."""
    terms = kept[0][0]["term"].tolist()
    estimates, errors, same = (
        np.array([pairs[side].set_index("term")[column].reindex(terms) for pairs in kept])
        for side, column in ((0, "estimate"), (0, "std_error"), (1, "estimate"))
    )
    tails = [(1 - conf_level) / 2, (1 + conf_level) / 2]
    quantile = float(stats.norm.ppf(tails[1]))
    rows = []
    for i, term in enumerate(terms):
        middle, reach = median_interval(estimates[:, i], errors[:, i], conf_level)
        spread = np.quantile(estimates[:, i], tails)
        rows.append((term, middle, reach / quantile, middle - reach, middle + reach, *spread))
    columns = ["term", "estimate", "std_error", "conf_low", "conf_high"]
    table = pd.DataFrame(rows, columns=[*columns, "spread_low", "spread_high"])
    return table.assign(same_half=np.median(same, axis=0))
