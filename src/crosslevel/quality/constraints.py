"""Linear constraints on pooled coefficients, written as weights of terms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from crosslevel.errors import ModelError, did_you_mean
from crosslevel.quality.incomplete import Floats

Weights = Mapping[str, float]


def constraint_matrix(constraints: Sequence[Weights], names: Sequence[str]) -> Floats:
    """Return the weights (k, P) of constraints on the terms of a model.

    Raises
    ------
    ModelError
        For no constraint, an unknown term, weights that are no numbers, or constraints that follow
        from each other.

    Examples
    --------
    >>> constraint_matrix([{"b": 1, "c": -1}, {"a": 2}], ["a", "b", "c"]).tolist()
    [[0.0, 1.0, -1.0], [2.0, 0.0, 0.0]]
    """
    if isinstance(constraints, Mapping | str) or not constraints:
        raise ModelError(
            "Give the constraints as a list of weights by term, such as [{'x': 1, 'z': -1}] for "
            f"x = z; got {constraints!r}."
        )
    L = np.zeros((len(constraints), len(names)))
    for k, weights in enumerate(constraints):
        for term, weight in weights.items():
            if term not in names:
                hint = did_you_mean(term, names) or f"The terms are {', '.join(names)}."
                raise ModelError(f"Constraint {k + 1} has an unknown term {term!r}. {hint}")
            L[k, list(names).index(term)] = weight
    if not np.isfinite(L).all():
        raise ModelError("The weights of constraints must be finite numbers.")
    if np.linalg.matrix_rank(L) < len(L):
        raise ModelError(
            f"The {len(L)} constraints follow from each other, or one has no weight but zero; "
            f"{np.linalg.matrix_rank(L)} can be tested."
        )
    return L


def constraint_label(weights: Weights, value: float) -> str:
    """Return a constraint in words.

    Examples
    --------
    >>> constraint_label({"x": 1, "z": -2.5}, 0.0), constraint_label({"x": 1}, 3)
    ('x - 2.5 z = 0', 'x = 3')
    """
    text = ""
    for term, weight in weights.items():
        if weight:
            size = "" if abs(weight) == 1 else f"{abs(weight):g} "
            text += f" {'-' if weight < 0 else '+'} {size}{term}"
    sign = "-" if text.startswith(" -") else ""
    return f"{sign}{text[3:]} = {value:g}"
