"""Respondents with their indices of careless responding, flags, and the rule that excludes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from crosslevel.errors import MeasurementError
from crosslevel.quality.cutoffs import Cutoff


@dataclass(frozen=True, slots=True, repr=False)
class Careless:
    """Indices of careless responding; nothing is removed until someone asks for it.

    Attributes
    ----------
    table
        One row per respondent, one column per index; nan where undefined.
    cutoffs
        Index -> the rule that flags it; an index without one is shown only.
    exclude_at
        Number of flags from which a respondent is proposed for exclusion.
    n_items
        Items judged (instructed items not counted).
    empty
        (n_persons,) whether the respondent answered nothing.
    pairs
        The item pairs behind synonyms and antonyms: kind, first, second, r.
    unavailable
        Index -> why it is not in the table.
    unflagged
        Index -> why it is in the table and its default cut-off was not applied.
    """

    table: pd.DataFrame
    cutoffs: Mapping[str, Cutoff]
    exclude_at: int
    n_items: int
    empty: pd.Series
    pairs: pd.DataFrame
    unavailable: Mapping[str, str]
    unflagged: Mapping[str, str]

    def __getitem__(self, index: str) -> pd.Series:
        """(n_persons,) one index of careless responding by its name."""
        return self.table[index]

    def __len__(self) -> int:
        return len(self.table)

    @property
    def columns(self) -> pd.Index:
        """Names of the indices that were computed."""
        return self.table.columns

    @property
    def flags(self) -> pd.DataFrame:
        """One row per respondent, one column of True and False per index with a cut-off."""
        made = {n: rule.flags(self.table[n], self.n_items) for n, rule in self.cutoffs.items()}
        return pd.DataFrame(made, index=self.table.index, dtype=bool)

    @property
    def n_flags(self) -> pd.Series:
        """(n_persons,) number of flags."""
        return self.flags.sum(axis=1).astype(np.int64).rename("n_flags")

    @property
    def excluded(self) -> pd.Series:
        """(n_persons,) whether the number of flags reaches `exclude_at`."""
        return (self.n_flags >= self.exclude_at).rename("excluded")

    def tidy(self) -> pd.DataFrame:
        """One row per index: term, n, mean, sd, side, limit, flagged, share, source."""
        flags, rows = self.flags, []
        for name, values in self.table.items():
            rule, n = self.cutoffs.get(str(name)), int(values.notna().sum())
            flagged = int(flags[name].sum()) if rule else None
            rows.append(
                {
                    "term": name,
                    "n": n,
                    "mean": values.mean(),
                    "sd": values.std(),
                    "side": rule.side if rule else "",
                    "limit": rule.limit(values, self.n_items) if rule else np.nan,
                    "flagged": np.nan if flagged is None else float(flagged),
                    "share": np.nan if flagged is None or not n else flagged / n,
                    "source": rule.source if rule else "",
                }
            )
        return pd.DataFrame(rows)

    def glance(self) -> pd.DataFrame:
        """One row: respondents, items, how many answered nothing, are flagged, excluded."""
        n_flags = self.n_flags
        excluded = int((n_flags >= self.exclude_at).sum())
        return pd.DataFrame(
            {
                "n": [len(self.table)],
                "n_items": [self.n_items],
                "empty": [int(self.empty.sum())],
                "flagged": [int((n_flags > 0).sum())],
                "excluded": [excluded],
                "share_excluded": [excluded / len(self.table)],
                "exclude_at": [self.exclude_at],
                "indices_with_cutoff": [len(self.cutoffs)],
            }
        )

    def augment(self) -> pd.DataFrame:
        """One row per respondent: every index, n_flags, excluded."""
        return self.table.assign(n_flags=self.n_flags, excluded=self.excluded)

    def without(self, data: pd.DataFrame) -> pd.DataFrame:
        """Return the rows of `data` that belong to respondents not excluded.

        Rows are matched by index; every row of `data` must be a respondent judged here.

        Raises
        ------
        MeasurementError
            When a row of `data` belongs to nobody judged, or the respondents share an index.
        """
        if not self.table.index.is_unique:
            raise MeasurementError(
                "Several respondents have the same index, so rows cannot be matched. Give the "
                "items the respondent as index."
            )
        strangers = data.index.difference(self.table.index)
        if len(strangers):
            raise MeasurementError(
                f"{len(strangers)} row(s) of the data were not judged, such as {strangers[0]!r}. "
                "Give items and data the same index."
            )
        return data[~self.excluded.loc[data.index].to_numpy()]

    def compare(self, data: pd.DataFrame, analyse: Callable[[pd.DataFrame], Any]) -> pd.DataFrame:
        """Return an analysis with and without the excluded, term by term.

        Parameters
        ----------
        data
            One row per respondent or fewer, with the index of the items.
        analyse
            A function of a frame that gives a frame with `term` and `estimate`, or a result that
            answers `tidy()`.

        Returns
        -------
        DataFrame
            term, group, then estimate and std_error of both (`_all`, `_without`), and difference.

        Raises
        ------
        MeasurementError
            When the rows do not match, or the analysis gives no estimates.

        Examples
        --------
        >>> from crosslevel.quality import DEFAULT_CUTOFFS, careless
        >>> codes = np.random.default_rng(2).integers(1, 6, size=(40, 16))
        >>> codes[0] = 3
        >>> items = pd.DataFrame(codes).add_prefix("q")
        >>> only = {**dict.fromkeys(DEFAULT_CUTOFFS), "longstring": DEFAULT_CUTOFFS["longstring"]}
        >>> found = careless(items, cutoffs=only, exclude_at=1)
        >>> data = pd.DataFrame({"score": np.arange(40.0)})
        >>> mean = lambda d: pd.DataFrame({"term": ["mean"], "estimate": [d["score"].mean()]})
        >>> found.compare(data, mean)[["estimate_all", "estimate_without", "difference"]]
           estimate_all  estimate_without  difference
        0          19.5              20.0         0.5
        """
        keys = ["term", "group"]
        every, rest = (_estimates(analyse(d)) for d in (data, self.without(data)))
        both = every.merge(rest, on=keys, how="outer", suffixes=("_all", "_without"), sort=False)
        return both.assign(difference=both["estimate_without"] - both["estimate_all"])

    def __repr__(self) -> str:
        n_flags = self.n_flags
        flagged, excluded = int((n_flags > 0).sum()), int((n_flags >= self.exclude_at).sum())
        lines = [
            f"Careless responding: {len(self.table)} respondents, {self.n_items} items, "
            f"{len(self.table.columns)} indices",
            f"  {flagged} with a flag, {excluded} with {self.exclude_at} or more "
            f"(proposed for exclusion), {int(self.empty.sum())} answered nothing",
        ]
        lines += [f"  not computed: {name} ({why})" for name, why in self.unavailable.items()]
        lines += [f"  without a flag: {name} ({why})" for name, why in self.unflagged.items()]
        return "\n".join(lines)


def _estimates(result: Any) -> pd.DataFrame:
    """Return term, group, estimate and std_error of what an analysis gave."""
    frame = result.tidy() if hasattr(result, "tidy") else result
    if not isinstance(frame, pd.DataFrame) or not {"term", "estimate"} <= set(frame.columns):
        raise MeasurementError(
            "The analysis must give a frame with the columns 'term' and 'estimate', or a result "
            f"with tidy(); it gave {type(result).__name__}."
        )
    kept = frame.reindex(columns=["term", "group", "estimate", "std_error"])
    return kept.assign(group=kept["group"].astype("str").fillna(""))
