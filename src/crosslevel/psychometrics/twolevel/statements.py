"""Two-level models put together from columns, whatever their names, without model text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from crosslevel.psychometrics.sem.syntax import Statement
from crosslevel.psychometrics.sem.table import Options, Table, build


def table_of(statements: Iterable[Statement]) -> Table:
    """Return the parameter table, predictors of one level taken as given."""
    return build(tuple(statements), Options(means=True))


def measured(factor: str, items: Sequence[str], *, level: int, label: str = "") -> list[Statement]:
    """Return a factor with its items; the first loading is 1, the others labelled where asked.

    One label at both levels makes loadings equal between levels.
    """
    return [
        Statement(factor, "=~", item, labels=(f"{label}{i}",) if label and i else (), level=level)
        for i, item in enumerate(items)
    ]


def predicted(
    outcome: str, predictors: Sequence[str], *, level: int, label: str = ""
) -> list[Statement]:
    """Return an outcome on its predictors; the first slope labelled where asked."""
    return [
        Statement(outcome, "~", name, labels=(label,) if label and not i else (), level=level)
        for i, name in enumerate(predictors)
    ]
