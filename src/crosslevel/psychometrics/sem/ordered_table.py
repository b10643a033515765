"""Parameters of a model of ordered items: thresholds and scales beside loadings.

Delta parameterisation: the variable behind an item has variance 1 / delta^2, and its residual
variance is what the factors leave of that. delta is 1, and free in later groups once thresholds
are equal. Source: Muthen & Asparouhov (2002), Mplus web note 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from crosslevel.errors import MeasurementError, Problem
from crosslevel.psychometrics.sem.syntax import Statement, equalities
from crosslevel.psychometrics.sem.table import Options, Parameter, Table, build, numbered

_REFUSED = ("intercepts", "residuals")


def ordered_table(
    statements: Sequence[Statement], options: Options, sizes: Sequence[tuple[str, int]]
) -> Table:
    """Return the parameter table; `sizes` holds each item and its number of thresholds.

    Raises
    ------
    MeasurementError
        When the model asks of ordered items what they cannot tell.
    """
    names = {name for name, _ in sizes}
    _check(statements, options, names)
    said = {(s.lhs, s.rhs) for s in statements if s.op == "|"}
    more = [
        Statement(name, "|", f"t{number}")
        for name, count in sizes
        for number in range(1, count + 1)
        if (name, f"t{number}") not in said
    ]
    table = build([*statements, *more], replace(options, means=True))
    rows: list[Parameter] = []
    for row in table.rows:
        own = row.lhs in names and (row.rhs == row.lhs or row.op == "~1")
        rows.append(replace(row, value=0.0, label="") if own else row)
    free = "thresholds" in options.equal
    for number in range(options.n_groups):
        base = Parameter("", "~*~", "", number, number, 0)
        value = np.nan if free and number else 1.0
        rows += [replace(base, lhs=name, rhs=name, value=value) for name, _ in sizes]
    return replace(table, rows=numbered(rows, equalities(statements)))


def _check(statements: Sequence[Statement], options: Options, names: set[str]) -> None:
    """Refuse paths from items, their variances, intercepts, and equality of those."""
    problems = []
    for s in statements:
        where = f"line {s.line}"
        if s.op == "~" and s.rhs in names:
            fix = "Let a factor with this one item predict, or use 'mlr'."
            problems.append(Problem(where, f"the ordered item '{s.rhs}' predicts.", fix))
        elif s.lhs in names and (s.op == "~1" or (s.op == "~~" and s.lhs == s.rhs)):
            found = f"an ordered item has no free mean or variance ('{s.lhs}')."
            problems.append(Problem(where, found, "Leave the term out."))
        elif s.op == "|" and s.lhs not in names:
            problems.append(Problem(where, f"'{s.lhs}' is no ordered item.", "Leave the term out."))
    for kind in _REFUSED:
        if kind in options.equal:
            fix = "Say 'thresholds' and 'loadings'."
            problems.append(Problem("equal", f"ordered items have no free {kind}.", fix))
    if problems:
        raise MeasurementError("The model does not suit ordered items.", problems)
