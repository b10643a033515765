"""Which part each variable plays in a model: latent, indicator, outcome, exogenous."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from crosslevel.psychometrics.sem.syntax import ABOUT_LABELS, Statement


@dataclass(frozen=True, slots=True)
class Roles:
    """Variables of one level of a model by the part they play, each in order of appearance.

    Attributes
    ----------
    latent
        Left of `=~`.
    observed
        Everything else.
    exogenous_latent
        Latent variables that nothing predicts or measures.
    outcomes
        Variables that are predicted, predict nothing and measure nothing: their residuals covary by
        default.
    exogenous
        Observed variables that only predict and whose (co)variances and means the text leaves
        alone.
    single
        Indicators that measure a latent variable alone: no residual variance by default.
    """

    latent: tuple[str, ...]
    observed: tuple[str, ...]
    exogenous_latent: tuple[str, ...]
    outcomes: tuple[str, ...]
    exogenous: tuple[str, ...]
    single: tuple[str, ...]


def roles(statements: Sequence[Statement]) -> Roles:
    """Return the parts that variables play in the statements of one level."""
    measured = [s for s in statements if s.op == "=~"]
    latent = tuple(dict.fromkeys(s.lhs for s in measured))
    names = dict.fromkeys(
        name
        for s in statements
        if s.op not in ABOUT_LABELS
        for name in _names(s)
        if name not in latent
    )
    indicators = {s.rhs for s in measured}
    predicted = {s.lhs for s in statements if s.op == "~"}
    predictors = {s.rhs for s in statements if s.op == "~"}
    touched = {name for s in statements if s.op in ("~~", "~1") for name in _names(s)}
    everything = (*latent, *names)
    return Roles(
        latent=latent,
        observed=tuple(names),
        exogenous_latent=tuple(n for n in latent if n not in predicted | indicators),
        outcomes=tuple(n for n in everything if n in predicted - predictors - indicators),
        exogenous=tuple(n for n in names if n in predictors - predicted - indicators - touched),
        single=tuple(
            group[0].rhs
            for name in latent
            if len(group := [s for s in measured if s.lhs == name]) == 1
        ),
    )


def _names(statement: Statement) -> tuple[str, ...]:
    """Variables a statement names."""
    thresholds = statement.op == "|"
    return (statement.lhs,) if thresholds or not statement.rhs else (statement.lhs, statement.rhs)
