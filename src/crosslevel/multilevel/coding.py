"""Columns -> numbers, with what was learnt on the way kept for new data.

A `Coding` remembers the levels of a categorical predictor and the group means behind `within()`
and `between()`, so that predictions on new rows use the same coding as the fit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from crosslevel.errors import ModelError, Problem
from crosslevel.multilevel.bases import Basis, contrasts, learnt
from crosslevel.multilevel.formula import Atom

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]
ROUNDING = 1e-13  # share of a group's mean: a smaller deviation from it is an error of the mean


@dataclass(frozen=True, slots=True)
class Coding:
    """What one atom learnt: levels (None for a number), group means by label, a curve's basis."""

    levels: tuple[str, ...] | None = None
    means: pd.Series | None = None
    basis: Basis | None = None


@dataclass(frozen=True, slots=True)
class Variable:
    """One evaluated atom: numbers with nan, or level codes with -1 for missing."""

    atom: Atom
    coding: Coding
    values: Floats | Codes

    @property
    def missing(self) -> npt.NDArray[np.bool_]:
        """(n,) where the value is not known."""
        return np.isnan(self.values) if self.coding.levels is None else self.values < 0

    def columns(
        self, rows: npt.NDArray[np.bool_] | None, *, full: bool
    ) -> list[tuple[str, Floats]]:
        """Return the named design columns of these rows.

        One for a number, one per piece of a curve; for a category its contrasts, or with `full`
        one per level.
        """
        values = self.at(rows)
        if self.coding.basis is not None:
            made = self.coding.basis.columns(np.asarray(values, dtype=float))
            return [(f"{self.atom}[{k + 1}]", column) for k, column in enumerate(made)]
        levels = self.coding.levels
        if levels is None:
            return [(str(self.atom), np.asarray(values, dtype=float))]
        if full:
            named = enumerate(levels)
            return [(f"{self.atom}[{level}]", (values == k).astype(float)) for k, level in named]
        atom = self.atom
        coded = contrasts(
            levels, coding=atom.coding, reference=atom.reference, column=atom.columns[0]
        )
        matrix = np.vstack([coded.matrix, np.zeros(len(coded.names))])
        return [(f"{atom}[{name}]", matrix[values, k]) for k, name in enumerate(coded.names)]

    def at(self, rows: npt.NDArray[np.bool_] | None) -> Floats | Codes:
        """Return the values of these rows, of all rows for None."""
        return self.values if rows is None else self.values[rows]

    def used(self, rows: npt.NDArray[np.bool_]) -> Variable:
        """Return the variable without the levels that no row of `rows` has."""
        levels = self.coding.levels
        if levels is None:
            return self
        here = self.values[rows]
        seen = np.bincount(here[here >= 0], minlength=len(levels)) > 0
        if seen.all():
            return self
        lookup = np.append(np.where(seen, np.cumsum(seen) - 1, -1), -1)
        left = tuple(level for level, there in zip(levels, seen, strict=True) if there)
        return Variable(self.atom, Coding(left), lookup[self.values].astype(np.intp))


def is_number(column: pd.Series) -> bool:
    """Return whether a column holds numbers; truth values and labels do not count."""
    dtype = column.dtype
    return bool(pd.api.types.is_numeric_dtype(dtype)) and not pd.api.types.is_bool_dtype(dtype)


def numbers(column: pd.Series) -> Floats:
    """Return a numeric column as floats with nan for missing.

    Raises
    ------
    ModelError
        When the column does not hold numbers, or holds an infinite one.
    """
    name = str(column.name)
    if not is_number(column):
        example = column.dropna()
        shown = f" such as {example.iloc[0]!r}" if len(example) else ""
        raise ModelError(
            f"Column '{name}' must hold numbers, and holds {column.dtype} values{shown}."
        )
    if isinstance(column.dtype, np.dtype):
        values = column.to_numpy(dtype=float)
    else:
        values = column.to_numpy(dtype=float, na_value=np.nan)
    if np.isinf(values.sum()) and np.isinf(values).any():
        row = int(np.flatnonzero(np.isinf(values))[0])
        raise ModelError(
            f"Column '{name}' holds an infinite value (row {row + 1}). "
            "Replace it or set it to missing."
        )
    return values


def labels(column: pd.Series) -> pd.Series:
    """Return a column's values as strings; whole numbers lose their '.0'; missing stays missing."""
    if column.dtype.kind == "f":
        known = column.dropna()
        if (known == known.round()).all():
            return column.astype("Int64").astype("string")
    return column.astype("string")


def evaluate(atom: Atom, frame: pd.DataFrame, known: Coding | None = None) -> Variable:
    """Return one atom evaluated on a frame, with `known` coding or a newly learnt one.

    Raises
    ------
    ModelError
        For values the function cannot take, and for levels a known coding has not met.
    """
    column = frame[atom.columns[0]]
    if atom.function in ("within", "between"):
        return _centred(atom, frame, known)
    if atom.function in ("log", "sqrt"):
        return Variable(atom, Coding(), _transformed(atom, numbers(column)))
    if atom.function in ("poly", "ns"):
        values = numbers(column)
        made = known or Coding(basis=learnt(atom.function, values, atom.size, text=str(atom)))
        return Variable(atom, made, values)
    if atom.function == "C" or not is_number(column):
        return _categorical(atom, column, known)
    return Variable(atom, Coding(), numbers(column))


def _transformed(atom: Atom, values: Floats) -> Floats:
    """Return log or square root; a value outside the domain is an error with its row."""
    bad = values <= 0 if atom.function == "log" else values < 0
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise ModelError(
            f"{atom} is not defined for {int(bad.sum())} row(s), the first is row {row + 1} "
            f"with {atom.columns[0]} = {values[row]:g}."
        )
    return np.log(values) if atom.function == "log" else np.sqrt(values)


def _categorical(atom: Atom, column: pd.Series, known: Coding | None) -> Variable:
    """Return level codes; categories keep their order, other labels are sorted."""
    if known is not None and known.levels is not None:
        text = labels(column)
        codes = pd.Index(known.levels).get_indexer(pd.Index(text))
        strange = text[(codes < 0) & text.notna().to_numpy()].unique()
        if len(strange):
            found = [
                Problem(f"level '{s}'", f"is not one of {', '.join(known.levels)}.")
                for s in strange
            ]
            raise ModelError(
                f"Column '{atom.columns[0]}' has levels the model was not fitted on.", found
            )
        return Variable(atom, known, codes.astype(np.intp))
    if isinstance(column.dtype, pd.CategoricalDtype):
        used = column.cat.remove_unused_categories()
        levels = tuple(labels(pd.Series(used.cat.categories)))
        return Variable(atom, Coding(levels), used.cat.codes.to_numpy().astype(np.intp))
    codes, unique = pd.factorize(column, sort=True)
    return Variable(atom, Coding(tuple(labels(pd.Series(unique)))), codes.astype(np.intp))


def _centred(atom: Atom, frame: pd.DataFrame, known: Coding | None) -> Variable:
    """Return the group mean, or the deviation from it, over all rows where both are known."""
    values = numbers(frame[atom.columns[0]])
    text = labels(frame[atom.columns[1]])
    codes, unique = pd.factorize(text)
    codes = codes.astype(np.intp)
    here = (codes >= 0) & ~np.isnan(values)
    count = np.bincount(codes[here], minlength=len(unique))
    total = np.bincount(codes[here], weights=values[here], minlength=len(unique))
    mean = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    means = pd.Series(mean, index=pd.Index(unique))
    if known is not None and known.means is not None:
        learnt = known.means.reindex(means.index)
        means = learnt.where(learnt.notna(), means)
    between = np.where(codes >= 0, means.to_numpy()[codes], np.nan)
    result = between
    if atom.function == "within":
        result = values - between
        result[np.abs(result) <= ROUNDING * np.abs(between)] = 0.0
    coding = known if known is not None else Coding(means=means)
    return Variable(atom, coding, np.asarray(result, dtype=float))
