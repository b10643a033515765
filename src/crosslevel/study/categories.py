"""Categories that too few people chose to be a term of a model."""

from __future__ import annotations

import pandas as pd

from crosslevel.errors import ModelError, Problem
from crosslevel.multilevel import MultilevelFit
from crosslevel.study.document import counted


def require_people(fit: MultilevelFit, frame: pd.DataFrame, minimum: int) -> None:
    """Refuse a category that so few people chose that its coefficient would tell their answers.

    Raises
    ------
    ModelError
        With every such category of the model.
    """
    used = frame if fit.design.kept is None else frame[fit.design.kept]
    grouping = {name for factor in fit.design.factors for name in factor.columns}
    problems = []
    for name in fit.design.formula.columns():
        if name in grouping or pd.api.types.is_numeric_dtype(used[name]):
            continue
        counts = used[name].astype("str").value_counts()
        problems += [
            Problem(
                f"'{name}'",
                f"only {counts[level]} analysed people chose '{level}', fewer than the disclosure "
                f"minimum of {minimum}: the coefficient would tell their answers.",
                f"Merge it with another category, or leave '{name}' out.",
            )
            for level in counts.index
            if 0 < counts[level] < minimum
        ]
    if problems:
        raise ModelError(f"{counted(problems)} with the categories of a model.", problems)
