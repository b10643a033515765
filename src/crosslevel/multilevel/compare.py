"""Several fits of one outcome side by side: information criteria and likelihood-ratio tests."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pandas as pd
from scipy.stats import chi2

from crosslevel.errors import ModelError
from crosslevel.multilevel.design import Factor
from crosslevel.multilevel.regression_fit import RegressionFit
from crosslevel.multilevel.result import MultilevelFit

Fit = MultilevelFit | RegressionFit


def compare(*fits: Fit) -> pd.DataFrame:
    """Return one row per fit, fewest parameters first, each tested against the one before it.

    Use maximum likelihood to compare fixed parts; REML fits may differ in their random part only.
    The models must be nested for the test to mean anything; that is for the reader to judge.

    Parameters
    ----------
    fits
        Two or more fits of the same outcome on the same rows, by the same method. A regression of
        `regress` is fitted by maximum likelihood, and may stand beside multilevel models that are.

    Returns
    -------
    DataFrame
        formula, parameters, criterion, log_likelihood, aic, bic, then of the likelihood-ratio test
        statistic, df, p_value, and p_value_boundary: the 50:50 mixture of chi-squares for one term
        that gained one random coefficient, whose variance of zero lies on the boundary (Stram & Lee
        1994, Biometrics 50, 1171-1177); missing where the mixture is not known.

    Raises
    ------
    ModelError
        For fewer than two fits, other rows, families or methods, REML fits with other fixed parts,
        and regressions of rows in clusters.

    Notes
    -----
    Agrees with `anova` of R lme4 and, for regressions, with lmtest::lrtest. The F test of a
    gaussian regression is `joint_test`.

    Examples
    --------
    >>> from crosslevel.multilevel import fit
    >>> rng = np.random.default_rng(2)
    >>> frame = pd.DataFrame({"unit": np.repeat(range(20), 6), "x": rng.normal(size=120)})
    >>> frame["y"] = frame["x"] + rng.normal(size=20)[frame["unit"]] + rng.normal(size=120)
    >>> table = compare(fit("y ~ x + (1 | unit)", frame), fit("y ~ x + (x | unit)", frame))
    >>> table["df"].tolist()
    [nan, 2.0]
    """
    _check(fits)
    ordered = sorted(fits, key=lambda fit: fit.parameters)
    glances = pd.concat([fit.glance() for fit in ordered], ignore_index=True)
    table = glances[["parameters", "log_likelihood", "aic", "bic"]].copy()
    table.insert(1, "criterion", [_criterion(fit) for fit in ordered])
    table.insert(0, "formula", [fit.formula for fit in ordered])
    tests = [(np.nan, np.nan, np.nan, np.nan)]
    tests += [_test(a, b) for a, b in pairwise(ordered)]
    columns = ["statistic", "df", "p_value", "p_value_boundary"]
    return pd.concat([table, pd.DataFrame(tests, columns=columns)], axis=1)


def _check(fits: tuple[Fit, ...]) -> None:
    if len(fits) < 2:
        raise ModelError("`compare` needs two fits or more.")
    first = fits[0]
    for fit in fits:
        if not isinstance(fit, MultilevelFit | RegressionFit):
            raise ModelError(f"`compare` takes what `fit` and `regress` return, got {type(fit)}.")
        if isinstance(fit, RegressionFit) and fit.clusters is not None:
            raise ModelError(
                "Rows in clusters are not independent, so their likelihoods cannot be compared; "
                "use `joint_test`, or a multilevel model."
            )
    for other in fits[1:]:
        if _method(other) != _method(first):
            raise ModelError(f"The fits differ in method: {_method(first)} and {_method(other)}.")
        if _family(other) != _family(first):
            raise ModelError(f"The fits differ in family: {_family(first)} and {_family(other)}.")
        same = len(other.design.y) == len(first.design.y)
        if not same or not np.array_equal(other.design.y, first.design.y):
            raise ModelError(
                f"The fits have different outcomes or rows ({first.design.n} and "
                f"{other.design.n}). Leave out the rows that one of them cannot use."
            )
        if _method(first) == "reml" and _terms(other) != _terms(first):
            raise ModelError(
                "REML criteria of models with different fixed terms cannot be compared. "
                "Fit both with method='ml'."
            )


def _method(fit: Fit) -> str:
    return "ml" if isinstance(fit, RegressionFit) else fit.method


def _family(fit: Fit) -> str:
    return fit.family if isinstance(fit, RegressionFit) else "gaussian"


def _terms(fit: Fit) -> tuple[str, ...]:
    return fit.names if isinstance(fit, RegressionFit) else fit.estimates.names


def _criterion(fit: Fit) -> float:
    return -2.0 * fit.log_likelihood if isinstance(fit, RegressionFit) else fit.criterion


def _test(small: Fit, large: Fit) -> tuple[float, float, float, float]:
    """Return statistic, df, p-value and boundary p-value of one comparison."""
    df = large.parameters - small.parameters
    statistic = max(_criterion(small) - _criterion(large), 0.0)
    if df == 0:
        return statistic, 0.0, np.nan, np.nan
    q = _grown(small, large)
    boundary = np.nan
    if q is not None:
        below = chi2.sf(statistic, q) if q else float(statistic <= 0.0)
        boundary = 0.5 * float(below) + 0.5 * float(chi2.sf(statistic, q + 1))
    return statistic, float(df), float(chi2.sf(statistic, df)), boundary


def _grown(small: Fit, large: Fit) -> int | None:
    """Return q when one block grew from q to q + 1 coefficients and all else is equal."""
    if _terms(small) != _terms(large):
        return None
    before, after = Counter(_blocks(small)), Counter(_blocks(large))
    gone, new = list((before - after).elements()), list((after - before).elements())
    if len(new) != 1 or len(gone) > 1:
        return None
    group, names = new[0]
    old = gone[0] if gone else (group, frozenset())
    one_more = old[0] == group and old[1] < names and len(names) == len(old[1]) + 1
    return len(old[1]) if one_more else None


def _blocks(fit: Fit) -> list[tuple[str, frozenset[str]]]:
    """Return each block of random coefficients as its group and its names."""
    return [
        (factor.name, _names(factor, block))
        for factor in fit.design.factors
        for block in dict.fromkeys(factor.blocks)
    ]


def _names(factor: Factor, block: int) -> frozenset[str]:
    pairs = zip(factor.names, factor.blocks, strict=True)
    return frozenset(name for name, b in pairs if b == block)
