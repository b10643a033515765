"""May answers be averaged to the unit: every criterion, its cut-off and source, and one verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from crosslevel.errors import MeasurementError, did_you_mean
from crosslevel.frames import listed
from crosslevel.psychometrics.answers import warn_direction, warn_shape
from crosslevel.psychometrics.consensus import Agreement, rwg
from crosslevel.psychometrics.intraclass import Aggregation, aggregation
from crosslevel.psychometrics.item_table import item_statistics
from crosslevel.psychometrics.nulls import is_known

COMPOSITIONS = ("consensus", "additive")
_ADDITIVE = "an average that claims nothing shared asks nothing of its members (Chan 1998)"


@dataclass(frozen=True, slots=True)
class CutOffs:
    """From where on a criterion is met; change them with a reason.

    Attributes
    ----------
    agreement
        Lowest median r_wg or r_wg(j), and a_wg.
    icc1
        Lowest ICC(1).
    icc2
        Lowest ICC(2), for unit means to count as reliable.
    p_value
        Highest p-value of the test that units do not differ.
    """

    agreement: float = 0.70
    icc1: float = 0.05
    icc2: float = 0.70
    p_value: float = 0.05


@dataclass(frozen=True, slots=True)
class Averaging:
    """Whether answers may be averaged to the unit.

    Attributes
    ----------
    may
        Whether every criterion that decides is met, reliability apart.
    reliable
        Whether unit means are reliable.
    verdict
        The same in a sentence, with the reasons.
    criteria
        One row per criterion: criterion, estimate, relation, cut_off, met, decides ("averaging",
        "reliability", "sensitivity" or nothing), source.
    composition
        "consensus" or "additive".
    aggregation, agreement
        What the criteria were read from; agreement against the first null.
    """

    may: bool
    reliable: bool
    verdict: str
    criteria: pd.DataFrame
    composition: str
    aggregation: Aggregation
    agreement: Agreement

    def tidy(self) -> pd.DataFrame:
        """One row per criterion."""
        return self.criteria.copy()

    def glance(self) -> pd.DataFrame:
        """One row: the verdict and what it rests on."""
        row = {"may": self.may, "reliable": self.reliable, "verdict": self.verdict}
        row |= {"icc1": self.aggregation.icc1, "icc2": self.aggregation.icc2}
        row |= {"rwg_median": self.agreement.median, "null": self.agreement.null}
        return pd.DataFrame([row | {"n": self.aggregation.n, "groups": self.aggregation.groups}])

    def __repr__(self) -> str:
        return self.verdict


def may_average(
    items: pd.DataFrame | pd.Series,
    groups: pd.Series,
    *,
    n_options: int,
    bounds: tuple[float, float] | None = None,
    nulls: str | Sequence[str | float | Sequence[float]] = ("uniform", "slight"),
    composition: str = "consensus",
    cut_offs: CutOffs | None = None,
    scores: pd.Series | None = None,
) -> Averaging:
    """Return whether answers may be averaged to the unit, and why.

    The verdict follows conventions, each with its source in the table; what the construct means at
    the level of the unit is for the reader to say first.

    Parameters
    ----------
    items
        (n_persons, n_items) numbers in scale points; a person's score is the mean of the items;
        rows with a missing answer are left out.
    groups
        (n_persons,) the unit of each person, with the same index.
    n_options, bounds
        Options of the response scale, and its lowest and highest point (for a_wg).
    nulls
        What answers would look like without agreement, as in `rwg`. The first decides; the others
        show how much hangs on it, and are left out where they are not tabled.
    composition
        "consensus": the average stands for something members share, so units must differ and
        members agree; "additive": it is an average and no more, and none of that decides (Chan,
        1998).
    cut_offs
        Where criteria are met.
    scores
        (n_persons,) the score that is averaged, with the same index, where it is another than the
        mean of complete answers: one that forgives a missing answer has more respondents.

    Returns
    -------
    Averaging

    Raises
    ------
    MeasurementError
        Where `rwg` or `aggregation` is undefined, with an unknown composition, or without a null.

    Warns
    -----
    ItemDirectionWarning, ResponseScaleWarning, SquareFrameWarning
        As `alpha` does: unreversed items agree as well as others, and their mean is nothing.

    Notes
    -----
    With consensus decide: the F test of units, ICC(1), the median r_wg. Do not: a_wg, the mean
    average deviation. ICC(2) decides whether the means are reliable.
    Source: named in the table, criterion by criterion; Chan (1998).

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> unit = pd.Series(np.repeat(list("abcdefgh"), 10))
    >>> level = np.repeat([2, 4, 3, 4, 2, 3, 4, 2], 10)
    >>> answers = pd.Series(np.clip(level + rng.integers(-1, 2, 80), 1, 5))
    >>> may_average(answers, unit, n_options=7).may
    True
    """
    if composition not in COMPOSITIONS:
        hint = did_you_mean(composition, COMPOSITIONS) or "It is 'consensus' or 'additive'."
        raise MeasurementError(f"There is no composition '{composition}'. {hint}")
    nulls = listed(nulls) if isinstance(nulls, str) else nulls
    if not nulls:
        raise MeasurementError("Agreement needs at least one null, such as 'uniform'.")
    cuts = cut_offs or CutOffs()
    frame = items.to_frame() if isinstance(items, pd.Series) else items
    agreements = [
        rwg(frame, groups, n_options=n_options, null=null, bounds=bounds)
        for i, null in enumerate(nulls)
        if i == 0 or is_known(null, n_options)
    ]
    if frame.shape[1] > 1:
        warn_direction(item_statistics(frame))
        warn_shape(frame, bounds)
    score = frame.mean(axis=1, skipna=False) if scores is None else scores
    found = aggregation(score.rename("score"), groups)
    criteria = [
        *_of_units(found, cuts, decides=composition == "consensus"),
        *_of_agreement(agreements, cuts, decides=composition == "consensus"),
    ]
    may = all(c.met for c in criteria if c.decides == "averaging")
    reliable = all(c.met for c in criteria if c.decides == "reliability")
    return Averaging(
        may=may,
        reliable=reliable,
        verdict=_sentence(criteria, may=may, reliable=reliable),
        criteria=pd.DataFrame([c.row() for c in criteria]),
        composition=composition,
        aggregation=found,
        agreement=agreements[0],
    )


@dataclass(frozen=True, slots=True)
class _Criterion:
    """One criterion, and what it says when it is met and when it is not."""

    name: str
    estimate: float
    relation: str
    cut_off: float
    decides: str
    source: str
    yes: str
    no: str

    @property
    def met(self) -> bool:
        """Whether the estimate is on the right side of the cut-off."""
        if self.relation == ">=":
            return self.estimate >= self.cut_off
        return self.estimate < self.cut_off or (
            self.relation == "<=" and self.estimate == self.cut_off
        )

    def row(self) -> dict[str, object]:
        """The criterion as a row of the table."""
        shown = {"criterion": self.name, "estimate": self.estimate, "relation": self.relation}
        shown |= {"cut_off": self.cut_off, "met": self.met, "decides": self.decides}
        return shown | {"source": self.source}

    def reason(self) -> str:
        """What it says, in words and numbers."""
        return f"{self.yes if self.met else self.no} ({self.figure()})"

    def figure(self) -> str:
        """Its numbers."""
        if self.relation == "<":
            small = self.estimate < 0.001
            return f"{self.name} {'below 0.001' if small else f'= {self.estimate:.3f}'}"
        return f"{self.name} = {self.estimate:.3f}, cut-off {self.cut_off:.2f}"


def _of_units(found: Aggregation, cuts: CutOffs, *, decides: bool) -> list[_Criterion]:
    """Criteria of differences between units."""
    beyond = (
        "units differ beyond chance",
        f"no difference between the {found.groups} units was shown",
    )
    part = "averaging" if decides else ""
    enough = ("enough of the variance lies between units", "too little variance lies between units")
    reliable = ("unit means are reliable", "unit means are not reliable")
    size, both = "LeBreton & Senter (2008)", "Bliese (2000); LeBreton & Senter (2008)"
    return [
        _Criterion(
            "p of the F test",
            found.p_value,
            "<",
            cuts.p_value,
            part,
            "Bliese (2000)",
            *beyond,
        ),
        _Criterion("ICC(1)", found.icc1, ">=", cuts.icc1, part, size, *enough),
        _Criterion("ICC(2)", found.icc2, ">=", cuts.icc2, "reliability", both, *reliable),
    ]


def _of_agreement(
    agreements: Sequence[Agreement], cuts: CutOffs, *, decides: bool
) -> list[_Criterion]:
    """Criteria of agreement within units: r_wg for every null, a_wg, average deviation."""
    words = ("members agree", "members do not agree")
    index = "r_wg(j)" if agreements[0].n_items > 1 else "r_wg"
    criteria = [
        _Criterion(
            f"median {index} ({agreement.null})",
            agreement.median,
            ">=",
            cuts.agreement,
            ("averaging" if decides else "") if i == 0 else "sensitivity",
            "James, Demaree & Wolf (1984); LeBreton & Senter (2008)",
            *words,
        )
        for i, agreement in enumerate(agreements)
    ]
    first = agreements[0].groups
    if first["awg"].notna().any():
        median, source = float(first["awg"].median()), "Brown & Hauenstein (2005)"
        criteria.append(_Criterion("median a_wg", median, ">=", cuts.agreement, "", source, *words))
    limit, mean = agreements[0].n_options / 6, float(first["ad_mean"].mean())
    source = "Burke & Dunlap (2002): a sixth of the options"
    criteria.append(_Criterion("mean AD from the mean", mean, "<=", limit, "", source, *words))
    return criteria


def _sentence(criteria: Sequence[_Criterion], *, may: bool, reliable: bool) -> str:
    """The verdict, with its reasons."""
    deciding = [c for c in criteria if c.decides == "averaging"]
    if not may:
        failed = _joined([c.reason() for c in deciding if not c.met])
        return f"Answers may not be averaged to the unit, because {failed}."
    means = next(c for c in criteria if c.decides == "reliability")
    why = _joined([c.reason() for c in deciding]) if deciding else _ADDITIVE
    text = f"Answers may be averaged to the unit, because {why}"
    text += f"; {'and' if reliable else 'but'} {means.reason()}"
    text += "." if reliable else ": a model with a latent unit mean allows for that."
    hanging = [c.figure() for c in criteria if c.decides == "sensitivity" and not c.met]
    if hanging and any(c.name.startswith("median r_wg") for c in deciding):
        text += f" It hangs on the null: {_joined(hanging)}."
    return text


def _joined(parts: Sequence[str]) -> str:
    """Parts as a list in words."""
    return ", ".join(parts[:-1]) + (" and " if len(parts) > 1 else "") + parts[-1]
