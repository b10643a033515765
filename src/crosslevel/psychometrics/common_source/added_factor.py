"""An unmeasured method factor: do factors still go together when all items share one more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from crosslevel.errors import MeasurementError, Problem
from crosslevel.frames import require_columns
from crosslevel.psychometrics.cfa import cfa
from crosslevel.psychometrics.sem.result import SemFit

LOADINGS = ("equal", "free")
_FIT = ("chisq", "df", "cfi", "rmsea", "srmr", "bic")
SHOWS = (
    "Shows how much of the items' variance one more factor behind all of them takes, and how far "
    "associations of the factors move when it is let in."
)
CANNOT_SHOW = (
    "Cannot show what that factor is: it takes whatever all items share, substance included, so it "
    "may correct too much; and it depends on its loadings being equal or free. With free loadings "
    "it is often barely identified. An association that stays is no proof of its cause."
)


@dataclass(frozen=True, slots=True)
class MethodFactor:
    """A measurement model without and with a method factor.

    Attributes
    ----------
    associations
        One row per pair of factors or regression: lhs, op, rhs, without, with_method, change, all
        standardised.
    items
        One row per item: item, factor, loading and loading_with (standardised, without and with
        the method factor), method (its standardised loading on the method factor).
    fit
        One row per model: model, chisq, df, cfi, rmsea, srmr, bic.
    method_share, trait_share
        Mean share of an item's variance that the method factor and its own factor take.
    chisq, df, p_value
        Difference of the two models. Null variances lie at the edge of what is possible, so the
        test is conservative.
    loadings
        "equal" or "free".
    without, with_method
        The fitted models.
    shows, cannot_show
        What the check is good for, and what not.
    """

    associations: pd.DataFrame
    items: pd.DataFrame
    fit: pd.DataFrame
    method_share: float
    trait_share: float
    chisq: float
    df: int
    p_value: float
    loadings: str
    without: SemFit
    with_method: SemFit
    shows: str = SHOWS
    cannot_show: str = CANNOT_SHOW

    def tidy(self) -> pd.DataFrame:
        """One row per association of factors."""
        return self.associations.copy()

    def glance(self) -> pd.DataFrame:
        """One row: shares, the difference of the models, and the limits of the check."""
        names = ("method_share", "trait_share", "chisq", "df", "p_value", "loadings")
        row = {name: getattr(self, name) for name in names}
        row |= {"n": self.with_method.n, "status": self.with_method.status}
        row |= {"admissible": self.admissible}
        return pd.DataFrame([row | {"shows": self.shows, "cannot_show": self.cannot_show}])

    @property
    def admissible(self) -> bool:
        """Whether the model with the method factor ended, with correlations of one or less."""
        return _admissible(self.with_method)

    def __repr__(self) -> str:
        if not self.admissible:
            return (
                f"Method factor ({self.loadings} loadings, {self.with_method.status}): no solution "
                "that a population can have, so nothing is said of what it changes. n = "
                f"{self.with_method.n}.\n{self.shows}\n{self.cannot_show}"
            )
        moved = "; ".join(
            f"{lhs} {op} {rhs} {before:.2f} -> {after:.2f}"
            for lhs, op, rhs, before, after, _ in self.associations.itertuples(index=False)
        )
        return (
            f"Method factor ({self.loadings} loadings, {self.with_method.status}): "
            f"{100 * self.method_share:.0f} % of item variance (own factors "
            f"{100 * self.trait_share:.0f} %). Without -> with: {moved}. n = "
            f"{self.with_method.n}.\n{self.shows}\n{self.cannot_show}"
        )


def method_factor(
    items: pd.DataFrame,
    factors: Mapping[str, Sequence[str]],
    *,
    structure: str = "",
    loadings: str = "equal",
    missing: str = "drop",
) -> MethodFactor:
    """Return how associations of factors change when all items also share a method factor.

    Use it for predictor and outcome measured by several items each, answered by one source and all
    on one response scale.

    Parameters
    ----------
    items
        (n_persons, n_columns) numbers, a column per item; nan = not answered.
    factors
        Name of each factor and its items, no item twice.
    structure
        Regressions among the factors in the notation of `cfa`, such as `"learning ~ use"`; by
        default all factors covary.
    loadings
        "equal": every item gets the same from the method, in its own units; "free": its own.
    missing
        As in `cfa`.

    Returns
    -------
    MethodFactor

    Raises
    ------
    MeasurementError
        With fewer than two factors, a factor of one item, an item of two factors, a column that is
        missing or called like a factor, or an option that is not known.

    Warns
    -----
    NotConvergedWarning, NotIdentifiedWarning, HeywoodWarning
        As `cfa` does, for either model.

    Notes
    -----
    The method factor has unit variance and does not covary with the others. Maximum likelihood.
    What the method adds to all covariances alike is told from the factors only by items that load
    differently on their factor: where they load alike the model is not identified, and says so.
    Without a solution that a population can have, what would change is nan.
    Source: Podsakoff et al. (2003); Richardson, Simmering & Sturman (2009). Agrees with R
    lavaan.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> mood, use, learning = rng.normal(size=(3, 3000, 1))
    >>> traits = [trait * [1.5, 0.9, 0.5] + mood for trait in (use, learning)]
    >>> data = pd.DataFrame(np.hstack(traits) + rng.normal(size=(3000, 6)), columns=list("abcdef"))
    >>> found = method_factor(data, {"use": "abc", "learning": "def"})
    >>> bool(found.associations["change"].iloc[0] < 0)
    True
    """
    traits = {name: list(names) for name, names in factors.items()}
    _check(items, traits, loadings)
    names = [item for own in traits.values() for item in own]
    method = _unused("method", {*names, *traits})
    text = "\n".join(f"{name} =~ {' + '.join(own)}" for name, own in traits.items())
    text = f"{text}\n{structure}".strip()
    label = _unused("shared", {*names, *traits})
    mark = f"{label}*" if loadings == "equal" else ""
    further = [f"{method} =~ {' + '.join(mark + item for item in names)}"]
    further += [f"{method} ~~ 0*{name}" for name in traits]
    without = cfa(text, items, std_lv=True, missing=missing)
    with_method = cfa("\n".join([text, *further]), items, std_lv=True, missing=missing)
    table = _items(traits, without, with_method, method)
    measured = [fitted.glance().iloc[0] for fitted in (without, with_method)]
    chisq = float(measured[0]["chisq"] - measured[1]["chisq"])
    df = int(measured[0]["df"] - measured[1]["df"])
    rows = zip(("without", "with method factor"), measured, strict=True)
    return MethodFactor(
        associations=_associations(without, with_method, method),
        items=table,
        fit=pd.DataFrame([{"model": n} | {key: row[key] for key in _FIT} for n, row in rows]),
        method_share=float((table["method"] ** 2).mean()),
        trait_share=float((table["loading_with"] ** 2).mean()),
        chisq=chisq,
        df=df,
        p_value=float(stats.chi2.sf(max(chisq, 0.0), df)),
        loadings=loadings,
        without=without,
        with_method=with_method,
    )


def _check(items: pd.DataFrame, traits: Mapping[str, Sequence[str]], loadings: str) -> None:
    """Refuse factors that a method factor cannot be told from."""
    if loadings not in LOADINGS:
        raise MeasurementError(f"`loadings` must be 'equal' or 'free', got '{loadings}'.")
    if len(traits) < 2:
        raise MeasurementError(
            f"A method factor needs at least two other factors, got {len(traits)}: with one it is "
            "the same factor twice."
        )
    names = [item for own in traits.values() for item in own]
    require_columns(items, names, error=MeasurementError)
    problems = [
        Problem(f"factor '{name}'", f"has {len(own)} item(s); it needs two.")
        for name, own in traits.items()
        if len(own) < 2
    ]
    problems += [
        Problem(f"item '{item}'", "belongs to more than one factor, or twice to one.")
        for item in dict.fromkeys(names)
        if names.count(item) > 1
    ]
    problems += [
        Problem(f"factor '{name}'", "is called like a column of the data. Rename it.")
        for name in traits
        if name in items
    ]
    if problems:
        raise MeasurementError("A method factor cannot be told from these factors.", problems)


def _unused(name: str, taken: set[str]) -> str:
    """A name that is not taken."""
    while name in taken:
        name += "_"
    return name


def _standardised(fitted: SemFit, op: str) -> pd.DataFrame:
    """Standardised parameters of one kind."""
    table = fitted.tidy()
    return table.loc[table["op"] == op, ["lhs", "op", "rhs", "standardised"]]


def _admissible(fitted: SemFit) -> bool:
    """Whether a fit ended, its parameters are determined, and no correlation is beyond one."""
    correlations = _standardised(fitted, "~~")["standardised"].abs()
    return fitted.status == "converged" and bool((correlations <= 1 + 1e-8).all())


def _associations(without: SemFit, with_method: SemFit, method: str) -> pd.DataFrame:
    """Covariances and regressions of factors, without and with the method factor."""
    parts = []
    for fitted, column in ((without, "without"), (with_method, "with_method")):
        both = pd.concat([_standardised(fitted, "~"), _standardised(fitted, "~~")])
        both = both[(both["lhs"] != both["rhs"]) & (both["lhs"] != method)]
        both = both[both["rhs"] != method]
        parts.append(both.rename(columns={"standardised": column}))
    table = parts[0].merge(parts[1], on=["lhs", "op", "rhs"])
    if not _admissible(with_method):
        table["with_method"] = np.nan
    return table.assign(change=table["with_method"] - table["without"])


def _items(
    traits: Mapping[str, Sequence[str]], without: SemFit, with_method: SemFit, method: str
) -> pd.DataFrame:
    """Standardised loadings of each item in both models."""
    first, second = (
        _standardised(fitted, "=~").set_index(["lhs", "rhs"])["standardised"]
        for fitted in (without, with_method)
    )
    rows = [
        (item, name, first[name, item], second[name, item], second[method, item])
        for name, own in traits.items()
        for item in own
    ]
    return pd.DataFrame(rows, columns=["item", "factor", "loading", "loading_with", "method"])
