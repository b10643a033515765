"""Single-level regression: least squares, logistic and Poisson, with a covariance one may trust."""

from __future__ import annotations

import pandas as pd

from crosslevel.errors import FormulaError, ModelError
from crosslevel.frames import require_columns
from crosslevel.multilevel.coding import Codes, Floats
from crosslevel.multilevel.conditioning import aliased
from crosslevel.multilevel.design import Design, build
from crosslevel.multilevel.families import check_outcome, named, outcome
from crosslevel.multilevel.formula import parse
from crosslevel.multilevel.glm import refuse_separation, solve
from crosslevel.multilevel.grouping import grouping
from crosslevel.multilevel.regression_fit import RegressionFit
from crosslevel.multilevel.sandwich import Clusters, covariance


def regress(
    formula: str,
    data: pd.DataFrame,
    *,
    family: str = "gaussian",
    weights: str | None = None,
    offset: str | None = None,
    cluster: str | None = None,
    missing: str = "drop",
) -> RegressionFit:
    """Return a regression without random effects.

    Use it for a single level, or beside a multilevel model as a check with fewer assumptions. Rows
    must be independent, or independent between the groups of `cluster`; with fewer than some forty
    groups take `with_vcov("CR2")`.

    Parameters
    ----------
    formula
        As for `fit`, without random terms. The outcome of a binomial model is 0 and 1, a truth
        value, a column of two labels (the second is the event, `fit.event`), or the share of
        successes, with the number of trials as `weights`.
    data
        (n_rows, n_columns) one row per observation, in the order of time for `"HAC"`.
    family
        `"gaussian"` (identity link), `"binomial"` (logit) or `"poisson"` (log).
    weights
        Column of prior weights, known up to a factor for gaussian models: the variance of a row is
        sigma^2 / weight. For weights of a survey take `quality.survey.regress`.
    offset
        Column added to the linear predictor, such as the log of exposure.
    cluster
        Column whose groups are independent. With it the covariance is `"CR1S"` at first, without
        it `"model"`.
    missing
        `"drop"` rows with a missing value, or `"raise"`.

    Returns
    -------
    RegressionFit

    Raises
    ------
    FormulaError
        For random terms.
    ModelError
        For unusable columns, weights that are not positive, an outcome the family cannot have, and
        perfect separation.

    Notes
    -----
    Gaussian: QR. Otherwise Fisher scoring to a relative change of the deviance of 1e-12; a fit that
    does not get there has `status` "not converged" and warns. Aliased columns are dropped from the
    right. The log-likelihood and AIC count sigma, as R's. Agrees with R's `lm` and `glm`.

    Examples
    --------
    >>> frame = pd.DataFrame({"y": [1.0, 2, 3, 5], "x": [0.0, 1, 2, 3]})
    >>> regress("y ~ x", frame).tidy()[["term", "estimate", "std_error"]].round(3)
              term  estimate  std_error
    0  (Intercept)       0.8      0.324
    1            x       1.3      0.173
    """
    chosen = named(family)
    parsed = parse(formula)
    if parsed.random:
        raise FormulaError("A single-level formula has no random terms; use `fit` for those.")
    columns = [*parsed.columns(), *(c for c in (weights, offset, cluster) if c is not None)]
    require_columns(data, columns, error=ModelError)
    response = parsed.response
    coded, event = data, ""
    if not response.function:
        coded, event = outcome(data, response.columns[0], chosen)
    if cluster is not None:
        coded = coded[coded[cluster].notna()]
    design = build(parsed, coded, weights=weights, offset=offset, missing=missing)
    check_outcome(design.y, chosen, str(response), design.weights)
    kept, dropped = aliased(design)
    if design.n <= len(kept):
        raise ModelError(f"{design.n} rows cannot carry {len(kept)} coefficients and a variance.")
    groups = None if cluster is None else _clusters(cluster, coded, design)
    solution = solve(
        design.X[list(kept)], design.y, family=chosen, w=design.weights, offset=design.offset
    )
    names = tuple(design.names[k] for k in kept)
    refuse_separation(solution, names)
    _refuse_exact(solution.deviance, design)
    return RegressionFit(
        design=design,
        solution=solution,
        names=names,
        dropped=dropped,
        event=event,
        clusters=groups,
        covariance=covariance("model" if groups is None else "CR1S", solution, groups),
        rows_dropped=len(data) - design.n,
    )


def _clusters(cluster: str, data: pd.DataFrame, design: Design) -> Clusters:
    """Return the groups of the rows analysed."""
    column = data[cluster] if design.kept is None else data[cluster][design.kept]
    made = grouping([column])
    if len(made.levels) < 2:
        raise ModelError(f"Clustered standard errors need two groups of '{cluster}' or more.")
    codes: Codes = made.codes
    return Clusters(cluster, codes, len(made.levels))


def _refuse_exact(deviance: float, design: Design) -> None:
    y: Floats = design.y - design.y.mean()
    if deviance <= 1e-24 * float(y @ y):
        raise ModelError(
            "The predictors reproduce the outcome exactly; there is nothing to explain."
        )
