"""Multiple imputation that respects units."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from crosslevel.errors import ModelError, NotConvergedWarning
from crosslevel.frames import listed
from crosslevel.multilevel.threads import one_blas_thread
from crosslevel.quality.chain import run_chain
from crosslevel.quality.imputations import TRACED, Imputations
from crosslevel.quality.plan import Wishes, plan

STUCK = 1.3  # rhat of the mean or sd of imputed values from which a warning is due


def impute(
    data: pd.DataFrame,
    *,
    groups: str | None = None,
    variables: str | Sequence[str] | None = None,
    levels: Mapping[str, str] | None = None,
    methods: Mapping[str, str] | None = None,
    slopes: str | Sequence[str] = (),
    predictors: Mapping[str, str | Sequence[str]] | None = None,
    m: int = 20,
    iterations: int = 20,
    seed: int,
) -> Imputations:
    """Return m data sets in which missing values are drawn from what the other variables say.

    Use it where values are missing at random given the variables used, and give it every variable
    of the model to come, its outcome and its unit among them: what is left out here counts as
    unrelated. With `groups`, relations within and between units may differ, and the variance
    between units is kept; leaving the units out would pull it towards zero. A product of variables,
    or a curve, is not preserved unless its column is among the variables.

    Parameters
    ----------
    data
        (n_rows, n_columns) one row per respondent. Not changed.
    groups
        Column of units; no row may lack one. None for rows that share nothing. A third level with
        few groups, such as hospitals, can stand among the variables as a category.
    variables
        Columns to impute or to impute from; all but `groups` when None. Leave identifiers out.
    levels
        Variable -> `"row"` or the name in `groups`. Otherwise a variable that never differs within
        a unit is the unit's: imputed once per unit.
    methods
        Variable -> `"normal"` (the default with groups), `"pmm"` (predictive mean matching, the
        default without; always for values that must stay possible ones), or `"probit"` (the
        default for two values and for categories: latent normals, one category against the later
        ones).
    slopes
        Row variables whose effects on other row variables differ between units.
    predictors
        Variable -> the variables it is imputed from; all others when left out.
    m
        Number of data sets; `Pooled.glance()` advises whether it was enough.
    iterations
        Rounds through the variables in each of the m chains.
    seed
        Same seed, same numbers; imputation k does not depend on m.

    Returns
    -------
    Imputations
        Iterates over the data sets; `.fit(formula)` fits a model on each and pools it.

    Raises
    ------
    ModelError
        Without a seed; when nothing is missing; for a variable never known or constant, rows
        without a unit, text with many values, more predictors than rows to learn from, and
        variables that determine each other (a score and its items: impute the items, then score
        each data set).

    Warns
    -----
    NotConvergedWarning
        When five chains or more of ten iterations or more have not mixed;
        `Imputations.convergence()` says for what.

    Notes
    -----
    Fully conditional specification. A row's variable: y = X beta + Z u_j + e with the unit means of
    the predictors in X (Grund, Lüdtke & Robitzsch 2018), one residual variance, flat priors, and
    that of Huang & Wand (2013) on the covariance of u. A unit's variable: linear regression over
    units on the other unit variables and on unit means. pmm draws one of the five nearest donors,
    of all units, by predicted values with the unit's effects. Numbers drawn by "normal" are not
    rounded and not bounded. Cost per round and variable: n P^2.
    Source: van Buuren (2018, ch. 7); Schafer & Yucel (2002); Albert & Chib (1993).

    Examples
    --------
    >>> rng = np.random.default_rng(5)
    >>> unit = np.repeat(np.arange(30), 10)
    >>> x = rng.normal(size=300)
    >>> y = 0.5 * x + rng.normal(size=30)[unit] + rng.normal(size=300)
    >>> gap = rng.random(300) < 0.2
    >>> frame = pd.DataFrame({"unit": unit, "x": np.where(gap, np.nan, x), "y": y})
    >>> made = impute(frame, groups="unit", m=5, iterations=10, seed=1)
    >>> made.fit("y ~ x + (1 | unit)").tidy()["term"].tolist()
    ['(Intercept)', 'x']
    """
    if m < 2 or iterations < 1:
        raise ModelError(
            f"`m` must be at least 2 and `iterations` at least 1, got {m} and {iterations}."
        )
    if seed is None:
        raise ModelError("Imputation needs `seed`, so that it can be repeated.")
    asked = Wishes(
        None if variables is None else listed(variables),
        dict(levels or {}),
        dict(methods or {}),
        listed(slopes),
        {name: listed(used) for name, used in (predictors or {}).items()},
    )
    made = plan(data, groups, asked)
    seeds = np.random.SeedSequence(seed).spawn(m)
    with one_blas_thread():
        chains = [
            run_chain(made, iterations=iterations, rng=np.random.default_rng(s)) for s in seeds
        ]
    targets = [t.name for t in made.targets]
    trace = np.array([chain.trace for chain in chains])
    index = pd.MultiIndex.from_product(
        [range(1, m + 1), range(1, iterations + 1), targets],
        names=["imputation", "iteration", "variable"],
    )
    table = pd.DataFrame(trace.reshape(-1, len(TRACED)), index=index, columns=list(TRACED))
    found = Imputations(
        data=data.copy(),
        plan=made,
        imputed={name: np.array([chain.imputed[name] for chain in chains]) for name in targets},
        trace=table.reset_index(),
        seed=seed,
        groups=groups,
    )
    _warn(found)
    return found


def _warn(found: Imputations) -> None:
    """Name the variables whose imputed values differ between chains more than within them."""
    table = found.convergence()
    stuck = table[table["quantity"].isin(["mean", "sd"]) & (table["rhat"] > STUCK)]
    if len(stuck) and found.m >= 5 and found.trace["iteration"].max() >= 10:
        names = ", ".join(f"'{name}'" for name in dict.fromkeys(stuck["variable"]))
        warnings.warn(
            f"The chains of {names} have not mixed (rhat up to {stuck['rhat'].max():.2f}). Raise "
            "`iterations`.",
            NotConvergedWarning,
            stacklevel=3,
        )
