"""The difference test of two nested models of ordered items."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from crosslevel.psychometrics.sem.differences import Difference, projected
from crosslevel.psychometrics.sem.testing import Statistic
from crosslevel.psychometrics.sem.weighted import Group, information

Floats = npt.NDArray[np.float64]


def difference(
    larger: tuple[Sequence[Group], Floats, Statistic],
    smaller: tuple[Sequence[Group], Floats, Statistic],
    method: str,
) -> Difference:
    """Return the difference, scaled and shifted by "satorra-2000".

    Each model is its groups, estimates and test.
    """
    groups, theta, test = larger
    nested, theta_nested, test_nested = smaller
    fall, m = test_nested.chisq - test.chisq, test_nested.df - test.df
    if method != "satorra-2000" or m == 0:
        return Difference(fall, m, 1.0, 0.0, method)
    inside = np.zeros((len(theta), len(theta)))
    for group in groups:
        turned = group.weights[:, None] * group.derivatives(theta)
        inside += group.n * turned.T @ group.moments.gamma @ turned
    wide = [group.derivatives(theta) for group in groups]
    narrow = [group.derivatives(theta_nested) for group in nested]
    scaling, shift = projected(information(groups, theta), inside, wide, narrow, m=m)
    return Difference(fall, m, scaling, shift, method)
