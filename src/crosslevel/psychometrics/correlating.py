"""Correlations within and between units, in all, and with others held constant; with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from crosslevel.errors import MeasurementError, Problem, did_you_mean
from crosslevel.frames import listed, require_columns, require_finite
from crosslevel.psychometrics.decomposition import waba
from crosslevel.psychometrics.grouping import check_level, refusal

Floats = npt.NDArray[np.float64]
METHODS = ("pearson", "spearman", "kendall")
COLUMNS = ("level", "variable", "other", "estimate", "n", "conf_low", "conf_high")
TESTED = (*COLUMNS, "statistic", "df", "p_value")


def correlations(
    frame: pd.DataFrame,
    variables: str | Sequence[str],
    *,
    group: str | None = None,
    method: str = "pearson",
    given: Sequence[str] | str = (),
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """Return the correlation of each pair of variables: within and between units, or in all.

    The first two answer different questions and may differ in sign: do colleagues who score higher
    on one thing than the rest of their unit also score higher on the other; and do units? Over all
    persons the two are mixed, and the interval takes persons as independent.

    Parameters
    ----------
    frame
        One row per person.
    variables
        Columns with numbers; variables of the unit (the same for all its members) may be among
        them and have no correlation within.
    group
        Column with the unit of each person; None for correlations over all persons.
    method
        Over all persons: `"pearson"`, `"spearman"` (ranks) or `"kendall"` (tau-b).
    given
        Over all persons: variables to hold constant (partial correlation), or `"others"` for all
        the other `variables`. Not for `"kendall"`.
    conf_level
        Level of the intervals.

    Returns
    -------
    DataFrame
        level ("within" | "between" | "total"), variable, other, estimate, n (persons within and in
        all, units between), conf_low, conf_high; over all persons also statistic, df, p_value
        (two-sided). Pairs are complete pairwise (with what is held constant); nan where a part does
        not vary or too few are left.

    Raises
    ------
    MeasurementError
        When a column is missing, not numeric or infinite, for an unknown method or a level that is
        no probability, and when `method` or `given` is asked for within units.

    Notes
    -----
    Within: correlation of deviations from unit means, interval by Fisher's z with standard error
    1 / sqrt(n - G - 2), as for a correlation with G - 1 unit indicators partialled out. Between:
    correlation of unit means, each unit counted once, Fisher's interval with 1 / sqrt(G - 3).
    In all: Fisher's z with variance 1 / (n - 3), (1 + r^2 / 2) / (n - 3) for Spearman and
    0.437 / (n - 4) for Kendall; n less the number of variables held constant. Tests: t =
    r sqrt(df / (1 - r^2)), df = n - 2 less the variables held constant, also of ranks; z of
    Kendall's S with the variance for ties, and no df.
    Source: Bonett & Wright (2000) for the intervals of ranks, Kendall (1970) for S. Agrees with R
    multilevel::waba, cor and `cor.test(exact=FALSE)`, ppcor's formula, and pingouin.

    Examples
    --------
    >>> data = pd.DataFrame({"unit": list("aabb"), "x": [1, 2, 3, 4], "y": [2, 1, 4, 3]})
    >>> correlations(data, ["x", "y"], group="unit")["estimate"].tolist()
    [-1.0, nan]
    """
    variables = listed(variables)
    given = given if given == "others" else listed(given)
    held = variables if given == "others" else list(given)
    check_level(conf_level)
    _check_request(group, method, given)
    named = [*variables, *held, *([] if group is None else [group])]
    require_columns(frame, dict.fromkeys(named), error=MeasurementError)
    problems = [
        Problem(f"column '{name}'", "is not numeric.")
        for name in dict.fromkeys([*variables, *held])
        if not pd.api.types.is_numeric_dtype(frame[name])
    ]
    if problems:
        raise MeasurementError("Correlations need numbers.", problems)
    require_finite(frame[list(dict.fromkeys([*variables, *held]))], error=MeasurementError)
    if group is None:
        return _all_in_one(frame, variables, held, method, conf_level)
    rows: list[tuple[object, ...]] = []
    for x, y in combinations(variables, 2):
        if not frame[[x, y, group]].notna().all(axis=1).any():
            raise refusal(frame[[x, y]], f"no person has both and a {group}.")
        found = waba(frame[x], frame[y], frame[group])
        low, high = _interval(found.r_within, found.n - found.groups + 1, conf_level)
        rows.append(("within", x, y, found.r_within, found.n, low, high))
        low, high = _interval(found.r_means, found.groups, conf_level)
        rows.append(("between", x, y, found.r_means, found.groups, low, high))
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return table.sort_values("level", ascending=False, kind="stable", ignore_index=True)


def _check_request(group: str | None, method: str, given: Sequence[str] | str) -> None:
    """Refuse what is not a correlation that exists here."""
    if method not in METHODS:
        known, hint = ", ".join(map(repr, METHODS)), did_you_mean(method, METHODS)
        raise MeasurementError(f"`method` must be {known}, got {method!r}. {hint}".rstrip())
    if group is not None and (method != "pearson" or given):
        raise MeasurementError("`method` and `given` are for correlations without `group`.")
    if method == "kendall" and given:
        raise MeasurementError("A partial Kendall correlation has no interval; use 'spearman'.")


def _all_in_one(
    frame: pd.DataFrame, variables: Sequence[str], given: Sequence[str], method: str, level: float
) -> pd.DataFrame:
    """Return the correlations over all persons, whatever their unit."""
    rows: list[tuple[object, ...]] = []
    for x, y in combinations(variables, 2):
        others = [name for name in given if name not in (x, y)]
        complete = frame[[x, y, *others]].dropna().to_numpy(dtype=np.float64)
        if not len(complete):
            raise refusal(frame[[x, y]], "no person has both.")
        r = _partial(_matrix(complete, method))
        low, high = _interval(r, len(complete) - len(others), level, method)
        test = _kendall(complete) if method == "kendall" else _t_test(r, complete.shape)
        rows.append(("total", x, y, r, len(complete), low, high, *test))
    return pd.DataFrame(rows, columns=list(TESTED))


def _matrix(values: Floats, method: str) -> Floats:
    """(n, k) complete answers -> (k, k) correlations; nan where a column does not vary."""
    k = values.shape[1]
    if method == "spearman":
        values = np.asarray(stats.rankdata(values, axis=0), dtype=np.float64)
    made = np.eye(k)
    for i, j in combinations(range(k), 2):
        x, y = values[:, i], values[:, j]
        if len(x) < 2 or np.ptp(x) == 0 or np.ptp(y) == 0:
            r = np.nan
        elif method == "kendall":
            r = float(stats.kendalltau(x, y).statistic)
        else:
            r = float(np.corrcoef(x, y)[0, 1])
        made[i, j] = made[j, i] = r
    return made


def _partial(R: Floats) -> float:
    """Correlation of the first two variables with the others held constant."""
    if len(R) == 2 or np.isnan(R).any():
        return float(R[0, 1])
    if np.linalg.cond(R) > 1e12:
        return float("nan")
    P = np.linalg.inv(R)
    return float(-P[0, 1] / np.sqrt(P[0, 0] * P[1, 1]))


def _interval(r: float, n: int, conf_level: float, method: str = "pearson") -> tuple[float, float]:
    """Fisher's interval for a correlation that is worth n pairs."""
    if n < (5 if method == "kendall" else 4) or not abs(r) < 1:
        return float("nan"), float("nan")
    factor = {"pearson": 1.0, "spearman": 1.0 + r * r / 2.0, "kendall": 0.437}[method]
    variance = factor / (n - (4 if method == "kendall" else 3))
    reach = float(stats.norm.ppf((1 + conf_level) / 2)) * np.sqrt(variance)
    return float(np.tanh(np.arctanh(r) - reach)), float(np.tanh(np.arctanh(r) + reach))


def _t_test(r: float, shape: tuple[int, ...]) -> tuple[float, float, float]:
    """Return t, df and p of a correlation that rests on (n, k) answers, all but two held."""
    df = float(shape[0] - shape[1])
    if df < 1 or np.isnan(r):
        return float("nan"), float("nan"), float("nan")
    t = r * np.sqrt(df / (1.0 - r * r)) if abs(r) < 1 else np.copysign(np.inf, r)
    return float(t), df, float(2.0 * stats.t.sf(abs(t), df))


def _kendall(values: Floats) -> tuple[float, float, float]:
    """Return z, nan and p of Kendall's S of two columns (Kendall, 1970, ch. 4)."""
    n = float(len(values))
    r = _matrix(values, "kendall")[0, 1]
    if n < 3 or np.isnan(r):
        return float("nan"), float("nan"), float("nan")
    tied = [np.unique(column, return_counts=True)[1].astype(np.float64) for column in values.T]
    pairs = np.array([(t * (t - 1)).sum() for t in tied])
    triples = np.array([(t * (t - 1) * (t - 2)).sum() for t in tied])
    lost = sum(float((t * (t - 1) * (2 * t + 5)).sum()) for t in tied)
    S = r * np.sqrt(np.prod(n * (n - 1) - pairs)) / 2.0
    variance = (n * (n - 1) * (2 * n + 5) - lost) / 18.0
    variance += np.prod(pairs) / (2 * n * (n - 1))
    variance += np.prod(triples) / (9 * n * (n - 1) * (n - 2))
    z = float(S / np.sqrt(variance))
    return z, float("nan"), float(2.0 * stats.norm.sf(abs(z)))
