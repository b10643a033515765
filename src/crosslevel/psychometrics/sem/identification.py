"""Parameters that the data cannot tell apart: which they are, and what is said of them.

One rule for all models: the fit is given, its status is "not identified", a warning names the
parameters, and they have no standard errors.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from crosslevel.errors import SHOWN
from crosslevel.psychometrics.sem.table import Parameter

Floats = npt.NDArray[np.float64]
_SINGULAR = 1e-9
_TAKES_PART = 0.1  # of the largest share in a direction without information


def undetermined(information: Floats) -> tuple[int, ...]:
    """Return parameters that take part in a direction without information.

    Examples
    --------
    >>> undetermined(np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]))
    (0, 1)
    """
    if not len(information):
        return ()
    scale = np.sqrt(np.maximum(np.diag(information), 1e-300))
    values, vectors = np.linalg.eigh(information / np.outer(scale, scale))
    flat = np.abs(vectors[:, values <= _SINGULAR])
    share = flat > _TAKES_PART * flat.max(axis=0, initial=0.0)
    return tuple(np.flatnonzero(share.any(axis=1)).tolist())


def without(covariance: Floats, parameters: Sequence[int]) -> Floats:
    """Return covariances in which some parameters have none."""
    kept = np.array(covariance)
    at = list(parameters)
    kept[at, :] = kept[:, at] = np.nan
    return kept


def not_identified(rows: Sequence[Parameter], parameters: Sequence[int]) -> str:
    """Return the sentence that names the parameters without information."""
    named = {row.free: _name(row) for row in reversed(rows) if row.free >= 0}
    names = [named[k] for k in parameters]
    shown = ", ".join(f"'{name}'" for name in names[:SHOWN])
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return (
        f"The data cannot tell all parameters apart: {shown}{more} could have other values with "
        "the same fit, and have no standard errors. Fix a loading or a variance, or drop a path."
    )


def _name(row: Parameter) -> str:
    """A parameter, with its level where the model has two."""
    return f"level {row.level}, {row.name}" if row.level else row.name
