"""One formula, several estimators: pooled, between, within, random effects and multilevel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from crosslevel.errors import ModelError, did_you_mean
from crosslevel.frames import require_columns
from crosslevel.multilevel.coding import Codes
from crosslevel.multilevel.conditioning import aliased
from crosslevel.multilevel.design import INTERCEPT, Design, Factor
from crosslevel.multilevel.fit import fit, fit_design
from crosslevel.multilevel.grouping import grouping
from crosslevel.multilevel.panel import NO_VARIATION, Panel, PanelFit, estimators
from crosslevel.multilevel.result import MultilevelFit
from crosslevel.multilevel.robust import inside
from crosslevel.multilevel.specification import specification_tests, wald
from crosslevel.multilevel.tables import coefficient_table

VCOVS = ("cluster", "model")
TEST = ["test", "statistic", "df", "df_denominator", "p_value"]


@dataclass(frozen=True, slots=True)
class Mundlak:
    """The multilevel model with the group means of its predictors beside them.

    `means` names the group means tested; their coefficients are the differences between the
    association between groups and the association within groups.
    """

    means: tuple[str, ...]
    model: MultilevelFit

    def tidy(self, *, df: str = "satterthwaite", conf_level: float = 0.95) -> pd.DataFrame:
        """Return one row per fixed term of the model with group means."""
        return self.model.tidy(df=df, conf_level=conf_level)

    def tests(self) -> pd.DataFrame:
        """Return the tests that no group mean has a coefficient: test, statistic, df, ...

        The Wald chi-square, as in Mundlak (1978, Econometrica 46, 69-85), and with REML the F test
        of Kenward and Roger, which is right for few groups.
        """
        names = self.model.estimates.names
        at = [names.index(name) for name in self.means]
        V = self.model.estimates.vcov[np.ix_(at, at)]
        value, q, p_value = wald(self.model.estimates.beta[at], V)
        rows = [("Wald chi-square", value, float(q), np.nan, p_value)]
        if self.model.method == "reml":
            joint = self.model.joint_test(self.means, df="kenward-roger")
            F, df, below, p_value = (float(joint[k].iloc[0]) for k in TEST[1:])
            rows.append(("F, Kenward-Roger", F, df, below, p_value))
        return pd.DataFrame(rows, columns=TEST)


@dataclass(frozen=True, slots=True, repr=False)
class SideBySide:
    """Estimates of one formula by several estimators on the same rows.

    `group` is the grouping factor whose effects the panel estimators treat; `left_out` says why an
    estimator is missing.
    """

    fit: MultilevelFit
    group: str
    panel: Panel
    panels: tuple[PanelFit, ...]
    left_out: Mapping[str, str]

    def tidy(
        self, *, vcov: str = "cluster", df: str = "satterthwaite", conf_level: float = 0.95
    ) -> pd.DataFrame:
        """Return one row per estimator and term: model, then the standard columns.

        Parameters
        ----------
        vcov
            Of the panel estimators: `"cluster"` by group, times G/(G-1) (n-1)/(n-P), with t of G-1
            degrees of freedom; `"model"` as each estimator assumes. The between estimator, whose
            rows are the groups, and the multilevel model keep their own.
        df
            Of the multilevel model, as in its `tidy`.
        conf_level
            Level of the confidence intervals.
        """
        if vcov not in VCOVS:
            raise ModelError(f"`vcov` must be {' or '.join(map(repr, VCOVS))}, got {vcov!r}.")
        tables = [(p.model, _table(p, vcov, len(p.theta), conf_level)) for p in self.panels]
        tables.append(("multilevel", self.fit.tidy(df=df, conf_level=conf_level)))
        for name, table in tables:
            table.insert(0, "model", name)
        return pd.concat([table for _, table in tables], ignore_index=True)

    def glance(self) -> pd.DataFrame:
        """Return one row per estimator: model, n, terms, df_residual, sigma, sd_group, ...

        `sd_group` is the standard deviation of the group effects (random effects, and a multilevel
        model with a random intercept); `note` says why an estimator was left out.
        """
        rows: list[dict[str, object]] = [
            {
                "model": p.model, "n": p.n, "terms": len(p.beta), "df_residual": p.df_residual,
                "sigma": p.sigma, "sd_group": float(np.sqrt(p.group_variance)),
                "r_squared": p.r_squared, "note": "",
            }
            for p in self.panels
        ]  # fmt: skip
        rows += [{"model": name, "note": reason} for name, reason in self.left_out.items()]
        estimates, n = self.fit.estimates, self.fit.design.n
        rows.append(
            {
                "model": "multilevel", "n": n, "terms": len(estimates.beta),
                "df_residual": n - len(estimates.beta), "sigma": estimates.sigma,
                "sd_group": self._spread(), "note": self.fit.status_text,
            }
        )  # fmt: skip
        columns = ["model", "n", "terms", "df_residual", "sigma", "sd_group", "r_squared", "note"]
        table = pd.DataFrame(rows, columns=columns)
        counts = ["n", "terms", "df_residual"]
        return table.astype(dict.fromkeys(counts, "Int64"))

    def tests(self) -> pd.DataFrame:
        """Return tests between the estimators: test, statistic, df, df_denominator, p_value, note.

        Hausman's test of random effects against within, from the difference of the estimates and by
        the auxiliary regression (plain and clustered by group); the F test of the group effects;
        the Lagrange multiplier test of Breusch and Pagan. `mundlak()` asks Hausman's question of
        the multilevel model itself and is to be preferred with random slopes and few groups.
        """
        return specification_tests(self.panel, self.panels)

    def mundlak(self) -> Mundlak:
        """Return the multilevel model with group means, and the test that they do not matter.

        Raises
        ------
        ModelError
            When no predictor varies within groups, or all that do have their means in the model.
        """
        design = self.fit.design
        factor = _factor(design, self.group)
        names, means = _means(design, factor)
        wider = replace(design, X=np.concatenate([design.X, means]), names=(*design.names, *names))
        model = fit_design(wider, method=self.fit.method)
        P = len(design.names)
        kept = tuple(wider.names[k] for k in model.problem.basis.kept if k >= P)
        if not kept:
            raise ModelError(
                f"The other predictors explain all group means of '{self.group}' "
                f"({', '.join(names)}); there is nothing to test."
            )
        return Mundlak(kept, model)

    def _spread(self) -> float:
        """Return the standard deviation of the group's random intercept, if that is all it has."""
        table = self.fit.variance_components()
        own = table[table["group"] == self.group]
        alone = len(own) == 1 and own["term"].iloc[0] == INTERCEPT
        return float(own["sd"].iloc[0]) if alone else np.nan

    def __repr__(self) -> str:
        table = self.tidy().pivot_table(
            index="term", columns="model", values="estimate", sort=False
        )
        lines = [f"{self.fit.formula}, by group of '{self.group}'"]
        lines += [f"  without {name}: {reason}" for name, reason in self.left_out.items()]
        return "\n".join([*lines, table.rename_axis(None).rename_axis(None, axis=1).to_string()])


def side_by_side(
    formula: str,
    data: pd.DataFrame,
    *,
    group: str | None = None,
    time: str | None = None,
    method: str = "reml",
    missing: str = "drop",
) -> SideBySide:
    """Return the same formula fitted by panel estimators and as a multilevel model.

    Use it to see how far an association depends on differences between groups: pooled least squares
    and the multilevel model mix associations within and between groups, the within estimator
    (fixed effects) uses the former alone. Where they differ, `mundlak()` says whether by chance.

    Parameters
    ----------
    formula
        As for `fit`; the panel estimators take its fixed part.
    data
        (n_rows, n_columns) one row per observation. Not changed.
    group
        Grouping factor whose effects the panel estimators treat, such as `"hospital:unit"`; may be
        left out when all factors are nested, and is then the innermost.
    time
        Column of times, for the two-way within estimator and first differences; each group has one
        row per time at most.
    method, missing
        As for `fit`.

    Raises
    ------
    FormulaError, ModelError
        As `fit`; for an unknown group, a choice to be made between crossed factors, missing or
        repeated times.

    Notes
    -----
    Estimates by linearmodels: pooled, within, between (means of groups, each counted once), random
    effects of Swamy and Arora (Baltagi and Chang 1994 for groups of different sizes), first
    differences with an intercept. All agree with plm.

    Examples
    --------
    >>> rng = np.random.default_rng(5)
    >>> unit = np.repeat(np.arange(40), 6)
    >>> use = rng.normal(size=240) + rng.normal(size=40)[unit]
    >>> frame = pd.DataFrame({"unit": unit, "use": use, "y": use + rng.normal(size=40)[unit]})
    >>> frame["y"] += rng.normal(size=240)
    >>> both = side_by_side("y ~ use + (1 | unit)", frame)
    >>> list(both.glance()["model"])
    ['pooled', 'between', 'within', 'random', 'multilevel']
    >>> both.mundlak().means
    ('between(use, unit)',)
    """
    model = fit(formula, data, method=method, missing=missing)
    design = model.design
    factor = _factor(design, group)
    kept = list(aliased(design)[0])
    panel = Panel(
        y=design.y,
        X=design.X[kept],
        names=tuple(design.names[k] for k in kept),
        codes=factor.codes,
        times=None if time is None else _times(time, data, design, factor),
    )
    panels, left_out = estimators(panel)
    return SideBySide(model, factor.name, panel, panels, left_out)


def _factor(design: Design, name: str | None) -> Factor:
    names = [factor.name for factor in design.factors]
    if name is None:
        first = design.factors[0]
        if not all(inside(first, other) for other in design.factors):
            raise ModelError(
                f"No grouping factor lies inside all others. Choose `group`: {', '.join(names)}."
            )
        return first
    if name not in names:
        hint = did_you_mean(name, names) or f"Groups: {', '.join(names)}."
        raise ModelError(f"`group` names '{name}', which is no grouping factor here. {hint}")
    return design.factors[names.index(name)]


def _times(time: str, data: pd.DataFrame, design: Design, factor: Factor) -> Codes:
    """Return codes of the times in their order."""
    require_columns(data, [time], error=ModelError)
    column = data[time] if design.kept is None else data[time][design.kept]
    if count := int(column.isna().sum()):
        raise ModelError(f"The time '{time}' is missing on {count} row(s). Leave those rows out.")
    made = grouping([column])
    twice = pd.Series(factor.codes * len(made.levels) + made.codes).duplicated()
    if twice.any():
        at = int(np.flatnonzero(twice)[0])
        unit = factor.levels.labels()[factor.codes[at]]
        raise ModelError(
            f"{int(twice.sum())} row(s) repeat a time of their group, the first of them in "
            f"'{factor.name}' {unit}, '{time}' {column.iloc[at]}. Each may occur once."
        )
    return made.codes


def _means(design: Design, factor: Factor) -> tuple[tuple[str, ...], np.ndarray]:
    """Return names and columns (M, n) of the group means of columns that vary within groups."""
    panel = Panel(design.y, design.X, design.names, factor.codes, None)
    means = panel.means(design.X)[:, factor.codes]
    size = np.abs(design.X).max(axis=1, initial=0.0)
    inner = np.abs(design.X - means).max(axis=1, initial=0.0) > NO_VARIATION * size
    outer = np.ptp(means, axis=1) > NO_VARIATION * size
    labels = [f"between({name}, {factor.name})" for name in design.names]
    at = [k for k in range(len(means)) if inner[k] and outer[k] and labels[k] not in design.names]
    if not at:
        raise ModelError(
            f"No predictor differs both within and between groups of '{factor.name}' without "
            "having its group means in the model; there is nothing to test."
        )
    return tuple(labels[k] for k in at), means[at]


def _table(panel: PanelFit, vcov: str, groups: int, conf_level: float) -> pd.DataFrame:
    use_clusters = vcov == "cluster" and panel.clustered is not None
    covariance = panel.clustered if use_clusters else panel.covariance
    assert covariance is not None  # noqa: S101
    df = float(groups - 1 if use_clusters else panel.df_residual)
    return coefficient_table(
        panel.names,
        panel.beta,
        np.sqrt(np.diag(covariance)),
        df=np.full(len(panel.beta), df),
        conf_level=conf_level,
    )
