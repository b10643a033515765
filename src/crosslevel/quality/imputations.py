"""Imputed data sets, how they came about, and analyses pooled over them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from crosslevel.errors import ModelError
from crosslevel.multilevel import fit, parse, regress
from crosslevel.quality.incomplete import Floats
from crosslevel.quality.plan import UNIT, Plan
from crosslevel.quality.pooling import Pooled, pool

TRACED = ("mean", "sd", "sd_between", "sigma")


@dataclass(frozen=True, slots=True, repr=False)
class Imputations:
    """m completed data sets.

    Attributes
    ----------
    data
        The data as given.
    plan
        Levels, methods and predictors of the variables; `tidy()` shows them.
    imputed
        Variable -> (m, n_missing) drawn values: numbers in their own units, categories as codes.
    trace
        One row per imputation, iteration and variable: mean and sd of the imputed values,
        sd_between (units) and sigma of the imputation model.
    seed, groups
        As given to `impute`.
    """

    data: pd.DataFrame
    plan: Plan
    imputed: Mapping[str, Floats]
    trace: pd.DataFrame
    seed: int
    groups: str | None

    @property
    def m(self) -> int:
        """Number of imputations."""
        return len(next(iter(self.imputed.values())))

    def __len__(self) -> int:
        return self.m

    def __iter__(self) -> Iterator[pd.DataFrame]:
        return (self.complete(k) for k in range(1, self.m + 1))

    def complete(self, k: int) -> pd.DataFrame:
        """Return data set k, counted from 1, with nothing missing in the variables imputed.

        Raises
        ------
        ModelError
            For a number outside 1 to m.
        """
        if not 1 <= k <= self.m:
            raise ModelError(f"There are imputations 1 to {self.m}, none with number {k}.")
        made = self.data.copy()
        for name, variable in self.plan.variables.items():
            if not self.data[name].isna().any():
                continue
            full = variable.in_own_units()
            if name in self.imputed:
                full[variable.missing] = self.imputed[name][k - 1]
            if variable.level == UNIT:
                full = full[self.plan.codes]
            unsorted = np.empty_like(full)
            unsorted[self.plan.order] = full
            made[name] = _typed(unsorted, variable.categories, self.data[name])
        return made

    def stacked(self) -> pd.DataFrame:
        """Return all data sets below each other, with a first column `imputation` from 1 to m."""
        frames = [frame.assign(imputation=k) for k, frame in enumerate(self, start=1)]
        whole = pd.concat(frames)
        return whole[["imputation", *self.data.columns]]

    def fit(
        self,
        formula: str,
        *,
        method: str = "reml",
        family: str = "gaussian",
        weights: str | None = None,
        cluster: str | None = None,
        df_complete: float | None = None,
        rule: str = "barnard-rubin",
    ) -> Pooled:
        """Return a model fitted on every data set and pooled.

        Parameters
        ----------
        formula
            With random terms a multilevel model (`multilevel.fit`), without a regression
            (`multilevel.regress`). `within()` and `between()` are computed in each data set.
        method
            `"reml"` or `"ml"`, of multilevel models; D3 needs `"ml"`.
        family, cluster
            Of regressions, as `multilevel.regress` takes them.
        weights
            Column of prior weights.
        df_complete, rule
            As `pool` takes them.

        Raises
        ------
        FormulaError, ModelError
            As `multilevel.fit`; also where a column of the model still has gaps.
        """
        parsed = parse(formula)
        gaps = [
            c
            for c in parsed.columns()
            if c in self.data and c not in self.plan.variables and self.data[c].isna().any()
        ]
        if gaps:
            listed = ", ".join(f"'{c}'" for c in gaps)
            raise ModelError(f"Not imputed, and not complete: {listed}. Add them to `variables`.")
        if parsed.random:
            fits: list[Any] = [fit(formula, d, method=method, weights=weights) for d in self]
        else:
            fits = [
                regress(formula, d, family=family, weights=weights, cluster=cluster) for d in self
            ]
        return pool(fits, df_complete=df_complete, rule=rule)

    def analyse(
        self, function: Callable[[pd.DataFrame], Any], *, df_complete: float | None = None
    ) -> Pooled:
        """Return any analysis pooled: a function of a frame that gives what `pool` takes."""
        return pool([function(d) for d in self], df_complete=df_complete)

    def convergence(self) -> pd.DataFrame:
        """Return one row per variable and traced quantity: variable, quantity, rhat.

        rhat compares the spread between the chains with that within them over the second half of
        the iterations (Gelman & Rubin 1992); near 1 the chains have mixed, above 1.1 more
        iterations are needed.
        """
        rows = []
        last = int(self.trace["iteration"].max())
        late = self.trace[self.trace["iteration"] > last // 2]
        for name, own in late.groupby("variable", sort=False):
            for quantity in TRACED:
                chains = own.pivot_table(index="iteration", columns="imputation", values=quantity)
                if len(chains) > 1 and chains.shape[1] > 1:
                    rows.append({"variable": name, "quantity": quantity, "rhat": _rhat(chains)})
        return pd.DataFrame(rows, columns=["variable", "quantity", "rhat"])

    def tidy(self) -> pd.DataFrame:
        """Return one row per variable: variable, level, method, missing, share, predictors."""
        return self.plan.table()

    def glance(self) -> pd.DataFrame:
        """Return one row: m, iterations, rows, units, variables imputed, largest rhat, seed."""
        table = self.convergence()
        return pd.DataFrame(
            {
                "m": [self.m],
                "iterations": [int(self.trace["iteration"].max())],
                "n": [len(self.data)],
                "units": [self.plan.J],
                "imputed": [len(self.imputed)],
                "largest_rhat": [float(table["rhat"].max()) if len(table) else np.nan],
                "seed": [self.seed],
            }
        )

    def __repr__(self) -> str:
        units = f", {self.plan.J} {self.groups}" if self.groups else ""
        row = self.glance().iloc[0]
        lines = [
            f"{self.m} imputations of {len(self.data)} rows{units}; "
            f"{int(self.trace['iteration'].max())} iterations, largest rhat "
            f"{row['largest_rhat']:.2f}, seed {self.seed}"
        ]
        lines += [
            f"  {v.name}: {v.method}, {v.level} level, {int(v.missing.sum())} missing"
            for v in self.plan.targets
        ]
        return "\n".join(lines)


def _typed(values: Floats, categories: tuple[object, ...], like: pd.Series) -> Any:
    """Return values as a column like the original, or as floats where that cannot hold them."""
    if not categories:
        whole = bool((values == np.round(values)).all())
        keeps = pd.api.types.is_float_dtype(like.dtype) or whole
        made = pd.Series(values, index=like.index)
        return made.astype(like.dtype) if keeps else made
    labels = pd.Series(pd.Categorical.from_codes(values.astype(np.intp), pd.Index(categories)))
    return labels.astype(like.dtype if str(like.dtype) != "object" else "object").set_axis(
        like.index
    )


def _rhat(chains: pd.DataFrame) -> float:
    """Potential scale reduction of (iterations, chains)."""
    values = chains.to_numpy()
    n = len(values)
    within = float(values.var(axis=0, ddof=1).mean())
    between = float(values.mean(axis=0).var(ddof=1))
    if within <= 0:
        return 1.0 if between <= 0 else float("inf")
    return float(np.sqrt((n - 1) / n + between / within))
