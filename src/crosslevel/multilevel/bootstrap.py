"""Parametric bootstrap: the spread of estimates and likelihood ratios under a fitted model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from crosslevel.errors import ModelError
from crosslevel.multilevel.batch import refit
from crosslevel.multilevel.coding import Floats
from crosslevel.multilevel.replication import Progress, over_blocks
from crosslevel.multilevel.result import MultilevelFit
from crosslevel.multilevel.tables import correlations

INTERVALS = ("percentile", "basic")


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """Estimates of a fitted model and of its replicates, in the user's units.

    beta (B, P); components (B, C), sds and correlations in the order of `variance_components()`.
    Fits at a boundary are kept; fits that did not converge are left out and counted.
    """

    model: MultilevelFit
    beta: Floats
    components: Floats
    converged: int
    boundary: int
    not_converged: int

    def tidy(self, *, interval: str = "percentile", conf_level: float = 0.95) -> pd.DataFrame:
        """Return one row per fixed term with bootstrap standard errors and intervals.

        Parameters
        ----------
        interval
            `"percentile"`: the quantiles of the replicates; `"basic"`: these reflected about the
            estimate (Davison & Hinkley, 1997, eq. 5.6).

        Notes
        -----
        `p_value` inverts the interval; `statistic` is estimate over standard error, `df` infinite.
        """
        estimate = self.model.estimates.beta
        low, high = _limits(estimate, self.beta, interval, conf_level)
        std_error = self.beta.std(axis=0, ddof=1)
        centred = self.beta if interval == "percentile" else 2.0 * estimate - self.beta
        count = np.minimum((centred <= 0).sum(axis=0), (centred >= 0).sum(axis=0))
        return pd.DataFrame(
            {
                "term": list(self.model.estimates.names),
                "group": "",
                "estimate": estimate,
                "std_error": std_error,
                "statistic": estimate / std_error,
                "df": np.inf,
                "p_value": np.minimum(1.0, 2.0 * (1 + count) / (len(self.beta) + 1)),
                "conf_low": low,
                "conf_high": high,
            }
        )

    def variance_components(
        self, *, interval: str = "percentile", conf_level: float = 0.95
    ) -> pd.DataFrame:
        """Return standard deviations and correlations: group, term, other, scale, estimate, ...

        `scale` is "sd" or "correlation"; a correlation is missing in replicates with a variance
        of zero, and `replicates` says how many defined it. Limits stay within what is possible.
        """
        table = self.model.variance_components()
        is_sd = table["other"].isna().to_numpy()
        estimate = np.where(is_sd, table["sd"], table["correlation"])
        low, high = _limits(estimate, self.components, interval, conf_level)
        bottom, top = np.where(is_sd, 0.0, -1.0), np.where(is_sd, np.inf, 1.0)
        defined = np.isfinite(self.components)
        return pd.DataFrame(
            {
                "group": table["group"],
                "term": table["term"],
                "other": table["other"],
                "scale": np.where(is_sd, "sd", "correlation"),
                "estimate": estimate,
                "std_error": np.nanstd(self.components, axis=0, ddof=1),
                "conf_low": np.clip(low, bottom, top),
                "conf_high": np.clip(high, bottom, top),
                "replicates": defined.sum(axis=0),
            }
        )

    def intervals(self, *, interval: str = "percentile", conf_level: float = 0.95) -> pd.DataFrame:
        """Return intervals of every parameter: kind, group, term, other, estimate, conf_low, ...

        `kind` is "fixed", "sd", "correlation" or "sigma", as in `MultilevelFit.intervals`.
        """
        fixed = self.tidy(interval=interval, conf_level=conf_level).assign(kind="fixed", other=None)
        parts = self.variance_components(interval=interval, conf_level=conf_level)
        parts["kind"] = parts["scale"].where(parts["group"] != "Residual", "sigma")
        columns = ["kind", "group", "term", "other", "estimate", "conf_low", "conf_high"]
        table = pd.concat([fixed[columns], parts[columns]], ignore_index=True)
        return table.astype({"kind": "str", "term": "str", "other": "str"})

    def glance(self) -> pd.DataFrame:
        """Return one row: replicates, how they ended, and the share at a boundary."""
        total = self.converged + self.boundary + self.not_converged
        return pd.DataFrame(
            {
                "replicates": [total],
                "converged": [self.converged],
                "boundary": [self.boundary],
                "not_converged": [self.not_converged],
                "boundary_share": [self.boundary / total],
            }
        )


@dataclass(frozen=True, slots=True)
class BootstrapTest:
    """A likelihood ratio of two nested models and its bootstrap p-value.

    `p_value` = (1 + number of replicates at least as large) / (1 + replicates); `mc_error` is its
    Monte-Carlo standard error; `statistics` (B,) are the ratios under the null model.
    """

    statistic: float
    p_value: float
    mc_error: float
    replicates: int
    not_converged: int
    statistics: Floats


def bootstrap(
    model: MultilevelFit,
    n: int,
    *,
    seed: int,
    n_jobs: int = 1,
    progress: Progress | None = None,
) -> Bootstrap:
    """Return the estimates of n outcomes drawn from a fitted model and fitted again.

    Use it for intervals of variance components, and of fixed effects with few groups. It assumes
    that the model holds: normal random effects and residuals.

    Parameters
    ----------
    n
        Number of replicates; 1,000 for a standard error, some 5,000 for limits.
    seed
        The same seed gives the same numbers, whatever `n_jobs`.
    n_jobs
        Worker processes, as in joblib; -1 for all cores.
    progress
        Called with (replicates done, replicates in all).

    Notes
    -----
    The outcomes are those of `simulate(n, seed=seed)`.

    Examples
    --------
    >>> from crosslevel.multilevel import fit
    >>> frame = pd.DataFrame({"y": [1.0, 2, 4, 5, 3, 4, 2, 4], "unit": list("aabbccdd")})
    >>> made = bootstrap(fit("y ~ 1 + (1 | unit)", frame), 200, seed=1)
    >>> list(made.variance_components()["scale"])
    ['sd', 'sd']
    """
    parts = over_blocks(model, n, seed=seed, task=refit, n_jobs=n_jobs, progress=progress)
    used = [part.status != 2 for part in parts]
    return Bootstrap(
        model=model,
        beta=np.concatenate([part.beta[at] for part, at in zip(parts, used, strict=True)]),
        components=np.concatenate(
            [_scaled(model, part.components[at]) for part, at in zip(parts, used, strict=True)]
        ),
        converged=sum(part.count("converged") for part in parts),
        boundary=sum(part.count("boundary") for part in parts),
        not_converged=sum(part.count("not converged") for part in parts),
    )


def bootstrap_test(
    null: MultilevelFit,
    model: MultilevelFit,
    n: int,
    *,
    seed: int,
    n_jobs: int = 1,
    progress: Progress | None = None,
) -> BootstrapTest:
    """Return the likelihood-ratio test of two nested models with a bootstrap reference.

    Use it where the chi-square is in doubt: few groups, or variances that may be zero. Compare
    fixed parts by maximum likelihood; with REML both must have the same fixed part.

    Parameters
    ----------
    null, model
        Fits of the same rows; `null` is the smaller one, from which outcomes are drawn.

    Raises
    ------
    ModelError
        When the two are not nested fits of the same rows by the same method.

    Notes
    -----
    The p-value is that of `PBmodcomp` of pbkrtest (Halekoh & Hojsgaard, 2014).
    """
    _check_nested(null, model)
    task = _Ratio(model)
    parts = over_blocks(null, n, seed=seed, task=task, n_jobs=n_jobs, progress=progress)
    drawn = np.concatenate(parts)
    used = drawn[np.isfinite(drawn)]
    observed = max(0.0, null.criterion - model.criterion)
    larger = int((used >= observed - 1e-9).sum())
    p = (1 + larger) / (1 + len(used))
    error = float(np.sqrt(p * (1 - p) / max(len(used), 1)))
    return BootstrapTest(observed, p, error, len(used), len(drawn) - len(used), used)


@dataclass(frozen=True, slots=True)
class _Ratio:
    """Outcomes -> likelihood ratios of the null model to a larger one; nan if not converged."""

    model: MultilevelFit

    def __call__(self, null: MultilevelFit, Y: Floats) -> Floats:
        small, large = refit(null, Y), refit(self.model, Y)
        ratio = np.maximum(small.criterion - large.criterion, 0.0)
        failed: npt.NDArray[np.bool_] = (small.status == 2) | (large.status == 2)
        return np.where(failed, np.nan, ratio)


def _check_nested(null: MultilevelFit, model: MultilevelFit) -> None:
    """Raise unless the null model is a special case of the other, as far as can be seen."""
    a, b = null.design, model.design
    if a.n != b.n or not np.array_equal(a.y, b.y):
        raise ModelError("The two models must be fits of the same outcome on the same rows.")
    if null.method != model.method:
        raise ModelError(
            f"The two models must be fitted by the same method, got {null.method!r} and "
            f"{model.method!r}."
        )
    fitted, *_ = np.linalg.lstsq(b.X.T, a.X.T, rcond=None)
    size = np.sqrt((a.X**2).sum(axis=1))
    if (np.sqrt(((a.X.T - b.X.T @ fitted) ** 2).sum(axis=0)) > 1e-7 * size).any():
        raise ModelError("The null model has fixed terms that the other model does not have.")
    groups = {factor.name for factor in b.factors}
    missing = [factor.name for factor in a.factors if factor.name not in groups]
    if missing or null.parameters >= model.parameters:
        raise ModelError(
            "The null model must be the smaller one: its terms a part of the other's, with fewer "
            f"parameters (now {null.parameters} and {model.parameters})."
        )
    if null.method == "reml" and len(null.estimates.beta) != len(model.estimates.beta):
        raise ModelError(
            "The fixed parts differ, and REML criteria with different fixed parts cannot be "
            "compared: fit both with method='ml'."
        )


def _scaled(model: MultilevelFit, components: Floats) -> Floats:
    """Return standard deviations and correlations from variances and covariances, (B, C)."""
    table = model.variance_components()
    made = np.empty_like(components)
    place: dict[tuple[str, str], int] = {}
    keys = list(zip(table["group"], table["term"], table["other"], strict=True))
    for k, (group, term, other) in enumerate(keys):
        if not isinstance(other, str):
            made[:, k] = np.sqrt(components[:, k])
            place[(group, term)] = k
    for k, (group, term, other) in enumerate(keys):
        if isinstance(other, str):
            both = made[:, place[(group, term)]] * made[:, place[(group, other)]]
            made[:, k] = correlations(components[:, k], both)
    return made


def _limits(
    estimate: Floats, replicates: Floats, interval: str, conf_level: float
) -> tuple[Floats, Floats]:
    """Return the lower and upper limits of each column."""
    if interval not in INTERVALS:
        raise ModelError(
            f"`interval` must be {' or '.join(map(repr, INTERVALS))}, got {interval!r}."
        )
    if not 0.0 < conf_level < 1.0:
        raise ModelError(f"`conf_level` must lie between 0 and 1, got {conf_level}.")
    tail = 0.5 * (1.0 - conf_level)
    low, high = np.nanquantile(replicates, [tail, 1.0 - tail], axis=0)
    if interval == "basic":
        return 2.0 * estimate - high, 2.0 * estimate - low
    return low, high
