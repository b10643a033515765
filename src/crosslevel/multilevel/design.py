"""Terms and a frame -> outcome, predictor columns and groups; reusable on new data.

Arrays are component-first: X is (P, n), the columns of a random term are (p, n).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from crosslevel.errors import ModelError
from crosslevel.frames import require_columns
from crosslevel.multilevel.coding import Codes, Coding, Floats, Variable, evaluate, numbers
from crosslevel.multilevel.formula import Atom, Formula, RandomTerm, Term
from crosslevel.multilevel.grouping import Grouping, Levels, grouping

INTERCEPT = "(Intercept)"
Rows = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Factor:
    """One grouping factor with all its random coefficients.

    codes (n,); Z (p, n); names (p,); blocks (p,): coefficients of one block covary freely,
    those of different blocks (`||`) are independent.
    """

    name: str
    columns: tuple[str, ...]
    levels: Levels
    codes: Codes
    Z: Floats
    names: tuple[str, ...]
    blocks: tuple[int, ...]

    @property
    def p(self) -> int:
        """Number of random coefficients per level."""
        return len(self.names)

    @property
    def J(self) -> int:
        """Number of levels."""
        return len(self.levels)


@dataclass(frozen=True, slots=True)
class Design:
    """Everything a fit needs from formula and data, and what new data will need from it.

    `variables` are the predictors of all rows, also of those left out (`kept` False); `columns`
    names the columns of weights and offset, where there are any.
    """

    formula: Formula
    y: Floats
    X: Floats
    names: tuple[str, ...]
    factors: tuple[Factor, ...]
    weights: Floats | None
    offset: Floats | None
    kept: Rows | None
    index: pd.Index
    lost: Mapping[str, int]
    codings: Mapping[Atom, Coding]
    variables: Mapping[Atom, Variable]
    columns: Mapping[str, str]

    @property
    def n(self) -> int:
        """Number of rows analysed."""
        return len(self.y)

    @property
    def rows_dropped(self) -> int:
        """Number of rows left out because something was missing."""
        return len(self.index) - self.n


def build(
    formula: Formula,
    data: pd.DataFrame,
    *,
    weights: str | None = None,
    offset: str | None = None,
    missing: str = "drop",
) -> Design:
    """Return the design of a formula on a frame.

    Raises
    ------
    ModelError
        For unknown or unusable columns, and when no row is complete.
    """
    named = [c for c in (weights, offset) if c is not None]
    require_columns(data, [*formula.columns(), *named], error=ModelError)
    if not data.columns.is_unique:
        repeated = sorted({str(c) for c in data.columns[data.columns.duplicated()]})
        raise ModelError(f"Column names must differ; more than once: {', '.join(repeated)}.")
    response = Variable(formula.response, Coding(), _outcome(formula.response, data))
    variables = evaluated(formula, data)
    extra = {name: numbers(data[name]) for name in named}
    groups = {r.groups: grouping([data[c] for c in r.groups]) for r in formula.random}
    lost, kept = _complete(response, variables, extra, groups, missing)
    if kept is not None:
        variables = {atom: variable.used(kept) for atom, variable in variables.items()}
    y = _subset(np.asarray(response.values, dtype=float), kept)
    names, X = matrix(formula.intercept, formula.terms, variables, kept, n=len(y))
    return Design(
        formula=formula,
        y=y,
        X=X,
        names=names,
        factors=_factors(formula.random, variables, groups, kept),
        weights=None if weights is None else _subset(extra[weights], kept),
        offset=None if offset is None else _subset(extra[offset], kept),
        kept=kept,
        index=data.index,
        lost=lost,
        codings={atom: v.coding for atom, v in variables.items()},
        variables=variables,
        columns={k: v for k, v in (("weights", weights), ("offset", offset)) if v is not None},
    )


def evaluated(
    formula: Formula,
    data: pd.DataFrame,
    known: Mapping[Atom, Coding] | None = None,
    *,
    random: bool = True,
) -> dict[Atom, Variable]:
    """Return all predictor atoms of a formula evaluated once each."""
    terms = [*formula.terms, *(t for r in formula.random if random for t in r.terms)]
    atoms = dict.fromkeys(atom for term in terms for atom in term)
    return {a: evaluate(a, data, None if known is None else known.get(a)) for a in atoms}


def matrix(
    intercept: bool,
    terms: Sequence[Term],
    variables: Mapping[Atom, Variable],
    rows: Rows | None,
    *,
    n: int,
) -> tuple[tuple[str, ...], Floats]:
    """Return the named columns of terms as a (P, n) array.

    A factor is coded by contrasts to its first level when the term without it is in the model, and
    by one column per level otherwise (R's rule).
    """
    present: set[frozenset[Atom]] = {frozenset(term) for term in terms}
    if intercept:
        present.add(frozenset())
    names: list[str] = [INTERCEPT] if intercept else []
    columns: list[Floats] = [np.ones(n)] if intercept else []
    for term in terms:
        product: list[tuple[str, Floats]] = [("", np.ones(0))]
        for atom in term:
            margin = frozenset(term) - {atom}
            own = variables[atom].columns(rows, full=margin not in present)
            if not own:
                raise ModelError(f"'{atom}' has one level only, so it has no slope. Leave it out.")
            product = [_times(left, right) for right in own for left in product]
            if len(term) == 1 and variables[atom].coding.levels is not None:
                present.add(frozenset())
        names += [name for name, _ in product]
        columns += [column for _, column in product]
    return tuple(names), np.array(columns).reshape(len(columns), n)


def _times(left: tuple[str, Floats], right: tuple[str, Floats]) -> tuple[str, Floats]:
    if not left[0]:
        return right
    return f"{left[0]}:{right[0]}", left[1] * right[1]


def _outcome(atom: Atom, data: pd.DataFrame) -> Floats:
    if atom.function not in ("", "log", "sqrt"):
        raise ModelError(f"The outcome cannot be {atom}: use a column, log() or sqrt().")
    if atom.function:
        return np.asarray(evaluate(atom, data).values, dtype=float)
    return numbers(data[atom.columns[0]])


def _complete(
    response: Variable,
    variables: Mapping[Atom, Variable],
    extra: Mapping[str, Floats],
    groups: Mapping[tuple[str, ...], Grouping],
    missing: str,
) -> tuple[dict[str, int], Rows | None]:
    """Return the number of rows lost by each variable, and the complete rows (None for all)."""
    masks = {str(v.atom): v.missing for v in (response, *variables.values())}
    masks |= {name: np.isnan(values) for name, values in extra.items()}
    masks |= {":".join(columns): group.codes < 0 for columns, group in groups.items()}
    lost = {name: count for name, mask in masks.items() if (count := int(mask.sum()))}
    if not lost and len(response.values):
        return lost, None
    kept = ~np.logical_or.reduce([masks[name] for name in lost]) if lost else np.ones(0, bool)
    counts = ", ".join(f"{name} {count}" for name, count in lost.items())
    if not kept.any():
        raise ModelError(f"No row is complete ({len(kept)} rows; missing: {counts or 'no rows'}).")
    if missing == "raise":
        raise ModelError(f"{int((~kept).sum())} rows have missing values ({counts}).")
    return lost, kept


def _subset(values: Floats, kept: Rows | None) -> Floats:
    return values if kept is None else values[kept]


def _factors(
    random: Iterable[RandomTerm],
    variables: Mapping[Atom, Variable],
    groups: Mapping[tuple[str, ...], Grouping],
    kept: Rows | None,
) -> tuple[Factor, ...]:
    """Return one factor per grouping, terms of the same grouping merged, most levels first."""
    merged: dict[tuple[str, ...], list[RandomTerm]] = {}
    for term in random:
        merged.setdefault(term.groups, []).append(term)
    made = [_factor(terms, variables, groups[key], kept) for key, terms in merged.items()]
    return tuple(sorted(made, key=lambda factor: -factor.J))


def _factor(
    terms: list[RandomTerm],
    variables: Mapping[Atom, Variable],
    group: Grouping,
    kept: Rows | None,
) -> Factor:
    codes, levels = group.codes, group.levels
    if kept is not None:
        used = np.bincount(codes[kept], minlength=len(levels)) > 0
        codes = (np.cumsum(used) - 1)[codes[kept]]
        levels = Levels(tuple(part[used] for part in levels.parts))
    parts = [matrix(t.intercept, t.terms, variables, kept, n=len(codes)) for t in terms]
    return Factor(
        name=terms[0].group,
        columns=terms[0].groups,
        levels=levels,
        codes=codes,
        Z=parts[0][1] if len(parts) == 1 else np.concatenate([Z for _, Z in parts]),
        names=tuple(name for names, _ in parts for name in names),
        blocks=tuple(k for k, (names, _) in enumerate(parts) for _ in names),
    )
