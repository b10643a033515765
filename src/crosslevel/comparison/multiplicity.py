"""P values of many tests, adjusted so that few of them mislead."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from crosslevel.errors import ModelError, did_you_mean

METHODS = {
    "holm": "holm",
    "hochberg": "simes-hochberg",
    "hommel": "hommel",
    "bonferroni": "bonferroni",
    "BH": "fdr_bh",
    "BY": "fdr_by",
    "fdr": "fdr_bh",
}


def adjust(
    p_values: pd.Series | Sequence[float] | npt.NDArray[np.float64], *, method: str = "holm"
) -> pd.Series:
    """Return adjusted p values, in the order and with the index of the given ones.

    Use it when several tests answer one question, such as all pairs of professions. `holm`,
    `hochberg`, `hommel` and `bonferroni` bound the chance of any false finding (`hochberg` and
    `hommel` assume independent or positively dependent tests); `BH` and `BY` bound the expected
    share of false findings (`BY` under any dependence); `fdr` is R's other name of `BH`.

    Parameters
    ----------
    p_values
        (n_tests,) between 0 and 1; nan = not tested, stays nan and does not count.
    method
        `"holm"`, `"hochberg"`, `"hommel"`, `"bonferroni"`, `"BH"` (or `"fdr"`) or `"BY"`.

    Returns
    -------
    Series
        (n_tests,) at most 1.

    Raises
    ------
    ModelError
        For an unknown method, or a value outside 0 to 1.

    Notes
    -----
    Source: Holm (1979); Hochberg (1988); Hommel (1988); Benjamini & Hochberg (1995); Benjamini &
    Yekutieli (2001). By statsmodels; agrees with R's `p.adjust`.

    Examples
    --------
    >>> adjust([0.01, 0.02, 0.04]).tolist()
    [0.03, 0.04, 0.04]
    """
    if method not in METHODS:
        known, hint = ", ".join(f"'{m}'" for m in METHODS), did_you_mean(method, METHODS)
        raise ModelError(f"`method` must be one of {known}, got {method!r}. {hint}".rstrip())
    given = pd.Series(p_values, dtype=float)
    p = given.to_numpy()
    known_p = ~np.isnan(p)
    wrong = known_p & ~((p >= 0.0) & (p <= 1.0))
    if wrong.any():
        at = int(np.flatnonzero(wrong)[0])
        raise ModelError(
            f"P values lie between 0 and 1; {int(wrong.sum())} do not, the first is {p[at]:g} "
            f"(position {at + 1})."
        )
    made = np.full(len(p), np.nan)
    if known_p.any():
        from statsmodels.stats.multitest import multipletests

        made[known_p] = multipletests(p[known_p], method=METHODS[method])[1]
    return pd.Series(made, index=given.index, name="p_adjusted")
