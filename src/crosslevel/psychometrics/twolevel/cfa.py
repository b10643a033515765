"""Two-level confirmatory factor analysis and structural equations: the public entry."""

from __future__ import annotations

import pandas as pd

from crosslevel.errors import MeasurementError, did_you_mean
from crosslevel.psychometrics.twolevel.fitting import ESTIMATORS, solve, warn
from crosslevel.psychometrics.twolevel.result import TwoLevelFit
from crosslevel.psychometrics.twolevel.structure import read_model


def two_level_cfa(
    model: str,
    data: pd.DataFrame,
    *,
    cluster: str,
    estimator: str = "ml",
    fixed_x: bool = True,
) -> TwoLevelFit:
    r"""Return a two-level factor or path model: one part within units, one part between them.

    Use it when persons answer about something they share: what items have in common within a unit
    (who sees it more favourably than colleagues) need not be what they have in common between
    units. Intercepts vary between units, slopes do not. Rows with a missing value or unit are
    dropped and counted.

    Parameters
    ----------
    model
        Model text in lavaan's notation, in two blocks that begin with `level: 1` and `level: 2`.
        A variable in both has a latent part in each; in level 2 only, it must be the same for all
        persons of a unit; in level 1 only, all its variance is taken to be within (centre it with
        the unit mean unless it has none). One label in both blocks, or
        `a == b` of two, makes parameters equal.
    data
        One row per person; numeric items.
    cluster
        Column with the unit of each person.
    estimator
        "ml": normal standard errors, from the observed information; "mlr": standard errors and
        chi-square that allow for other distributions and for levels above the unit.
    fixed_x
        Whether predictors that one level alone has are taken as given; their moments are then
        those of the data and no parameters. Predictors of both levels never are: they have a latent
        part in each.

    Returns
    -------
    TwoLevelFit

    Raises
    ------
    MeasurementError
        When text and data do not fit, there is one unit only or no unit of two, a variable does not
        vary where the model uses it, or data are too few for the model.

    Warns
    -----
    HeywoodWarning
        When an item has no variance between units, or a variance is below zero.
    NotConvergedWarning
        When no maximum was found.
    NotIdentifiedWarning
        When the information matrix is singular; the text names the parameters.
    CorrectionWarning
        With "mlr" and too few units to correct chi-square.

    Notes
    -----
    A unit of s persons has means with covariance B + W / s and, beside them, s - 1 independent
    deviations with covariance W; log-likelihoods of both are summed over units and maximised by
    Fisher scoring, at a cost that grows with the number of different unit sizes.
    Source: McDonald & Goldstein (1989); Muthén (1994). Agrees with R lavaan (0.6), whose
    unrestricted model stops earlier: chi-square differs in the second decimal.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> unit = np.repeat(np.arange(60), 8)
    >>> common = rng.normal(size=60)[unit] + rng.normal(size=480)
    >>> answers = {n: common + rng.normal(size=480) + 0.5 * rng.normal(size=60)[unit]
    ...            for n in "abcd"}
    >>> data = pd.DataFrame(answers).assign(unit=unit)
    >>> fit = two_level_cfa(
    ...     "level: 1\n fw =~ a + b + c + d\nlevel: 2\n fb =~ a + b + c + d",
    ...     data, cluster="unit")
    >>> fit.glance()[["df", "n", "clusters"]].iloc[0].tolist()
    [4, 480, 60]
    """
    if estimator not in ESTIMATORS:
        hint = did_you_mean(estimator, ESTIMATORS)
        raise MeasurementError(
            f"`estimator` must be 'ml' or 'mlr', got '{estimator}'. {hint}".rstrip()
        )
    if not isinstance(data, pd.DataFrame):
        raise MeasurementError(
            f"`data` must be a frame with one row per person, got {type(data).__name__}."
        )
    table = read_model(model, fixed_x=fixed_x)
    solution = solve(table, data, cluster=cluster, estimator=estimator)
    warn(solution, stacklevel=2)
    return TwoLevelFit(solution, cluster)
