"""Permutation test of a predictor that belongs to the units: Freedman-Lane on unit residuals.

Under the null the units differ by chance only. From the model without the predictor come marginal
residuals r; m_j is their mean in unit j, with variance v_j = zbar_j'Sigma zbar_j + s2/n_j, and

    y*_ij = fitted_ij + (r_ij - m_j) + sqrt(v_j / v_k) m_k,   k = pi(j)

is fitted with the predictor again. Random effects of other factors are part of `fitted`; with
strata the stratum's own mean stays where it is, and units change places within strata only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import permutations, product
from math import factorial, prod

import numpy as np
import numpy.typing as npt
import pandas as pd

from crosslevel.errors import ModelError, did_you_mean
from crosslevel.multilevel.batch import refit
from crosslevel.multilevel.coding import Codes, Floats
from crosslevel.multilevel.design import Design, Factor
from crosslevel.multilevel.estimates import effects
from crosslevel.multilevel.fit import fit_design
from crosslevel.multilevel.grouping import grouping
from crosslevel.multilevel.replication import Progress, block_sizes, run_blocks
from crosslevel.multilevel.result import MultilevelFit
from crosslevel.multilevel.threads import one_blas_thread

TIE = 1e-9  # relative difference of two statistics that are equal but for rounding


@dataclass(frozen=True, slots=True)
class PermutationTest:
    """The test of one coefficient against its distribution under exchange of units.

    `p_value` is two-sided, on |t|; with all arrangements enumerated their share, otherwise
    (1 + number at least as large) / (1 + replicates). `statistics` (B,) are the t values.
    """

    term: str
    group: str
    statistic: float
    p_value: float
    mc_error: float
    replicates: int
    enumerated: bool
    statistics: Floats


@dataclass(frozen=True, slots=True)
class _Units:
    """Rows' unit codes, unit means m (J,), their standard deviations (J,), strata (J,)."""

    codes: Codes
    m: Floats
    sd: Floats
    strata: Codes
    rest: Floats

    def outcomes(self, orders: npt.NDArray[np.intp]) -> Floats:
        """Return y* (B, n) for orders (B, J): unit j receives the residual of unit orders[b, j]."""
        centre = _strata_means(self.m, self.strata)
        white = (self.m - centre) / self.sd
        moved = centre + white[orders] * self.sd
        return self.rest + moved[:, self.codes]


def permutation_test(
    model: MultilevelFit,
    term: str,
    n: int = 999,
    *,
    seed: int,
    group: str | None = None,
    strata: str | Sequence[object] | pd.Series | None = None,
    n_jobs: int = 1,
    progress: Progress | None = None,
) -> PermutationTest:
    """Return the permutation test of a unit-level predictor, such as managers' use of data.

    Use it with few units, where normality of the unit effects matters most. It assumes that units
    are exchangeable, given the other predictors: within organisations when `strata` says so.

    Parameters
    ----------
    term
        A fixed coefficient, as `tidy()` names it, that is constant within units.
    n
        Random arrangements; if there are no more arrangements than this, all are used.
    group
        The grouping factor whose levels are exchanged; by default the coarsest one within which
        the predictor is constant.
    strata
        Name of another grouping factor of the model, or one label per row of the data: units
        change places within these only.
    n_jobs
        Worker processes, as in joblib.

    Raises
    ------
    ModelError
        For an unknown term or group, a predictor that varies within units, strata that cut units.

    Notes
    -----
    Freedman & Lane (1983, doi 10.1080/07350015.1983.10509354). Exact with equal unit sizes and no
    other unit-level predictor; otherwise approximate, which the t statistic makes robust.

    Examples
    --------
    >>> from crosslevel.multilevel import fit
    >>> rng = np.random.default_rng(5)
    >>> unit = np.repeat(np.arange(6), 8)
    >>> frame = pd.DataFrame({"use": np.arange(6.0)[unit], "unit": unit})
    >>> frame["y"] = frame["use"] + rng.normal(size=6)[unit] + rng.normal(size=48)
    >>> made = permutation_test(fit("y ~ use + (1 | unit)", frame), "use", n=720, seed=1)
    >>> made.enumerated, made.replicates
    (True, 720)
    """
    design = model.design
    at = _place(model, term)
    factor = _factor(design, design.X[at], term, group)
    units = _units(model, at, factor, _strata(design, factor, strata))
    orders, enumerated = _orders(units.strata, n, seed)
    task = _Statistic(model, model.estimates.names.index(term), units)
    sizes = block_sizes(design.n, len(orders))
    ends = np.cumsum(sizes)
    calls = [(task, (orders[e - k : e],)) for e, k in zip(ends, sizes, strict=True)]
    parts: list[Floats] = run_blocks(calls, sizes, n_jobs=n_jobs, progress=progress)
    drawn = np.concatenate(parts)
    observed = task.observed()
    extreme = int((np.abs(drawn) >= abs(observed) * (1.0 - TIE)).sum())
    p = extreme / len(drawn) if enumerated else (1 + extreme) / (1 + len(drawn))
    error = 0.0 if enumerated else float(np.sqrt(p * (1 - p) / len(drawn)))
    return PermutationTest(term, factor.name, observed, p, error, len(drawn), enumerated, drawn)


@dataclass(frozen=True, slots=True)
class _Statistic:
    """Orders of the units -> t statistics of the coefficient."""

    model: MultilevelFit
    at: int
    units: _Units

    def observed(self) -> float:
        """Return the t statistic of the data themselves."""
        made = refit(self.model, self.model.design.y[None])
        return float(made.beta[0, self.at] / made.std_error[0, self.at])

    def __call__(self, orders: npt.NDArray[np.intp]) -> Floats:
        made = refit(self.model, self.units.outcomes(orders))
        return np.asarray(made.beta[:, self.at] / made.std_error[:, self.at])


def _place(model: MultilevelFit, term: str) -> int:
    """Return the column of a coefficient in the design."""
    names = model.estimates.names
    if term not in names:
        hint = did_you_mean(term, names) or f"Terms: {', '.join(names)}."
        raise ModelError(f"The model has no coefficient '{term}'. {hint}")
    return model.design.names.index(term)


def _factor(design: Design, x: Floats, term: str, group: str | None) -> Factor:
    """Return the factor whose levels are exchanged."""
    known = [factor.name for factor in design.factors]
    if group is not None and group not in known:
        hint = did_you_mean(group, known) or f"Groups: {', '.join(known)}."
        raise ModelError(f"`group` names '{group}', which is no group of this model. {hint}")
    constant = [f for f in design.factors if _constant(x, f.codes, f.J)]
    chosen = [f for f in constant if group in (None, f.name)]
    if not chosen:
        raise ModelError(
            f"'{term}' varies within {group or ' and '.join(known)}: exchanging groups tests only "
            "predictors that are constant within them."
        )
    return chosen[-1]


def _constant(values: Floats | Codes, codes: Codes, J: int) -> bool:
    first = np.empty(J, dtype=values.dtype)
    first[codes] = values
    return bool((first[codes] == values).all())


def _strata(
    design: Design, factor: Factor, strata: str | Sequence[object] | pd.Series | None
) -> Codes:
    """Return the stratum (J,) of each unit."""
    if strata is None:
        return np.zeros(factor.J, dtype=np.intp)
    if isinstance(strata, str):
        known = {f.name: f for f in design.factors if f.name != factor.name}
        if strata not in known:
            hint = did_you_mean(strata, known) or "Give one label per row of the data instead."
            raise ModelError(f"`strata` names '{strata}', no other group of this model. {hint}")
        rows = known[strata].codes
    else:
        labels = pd.Series(np.asarray(strata, dtype=object)).astype("str")
        if len(labels) != len(design.index):
            raise ModelError(
                f"`strata` has {len(labels)} labels; the data have {len(design.index)} rows."
            )
        kept = labels if design.kept is None else labels[design.kept]
        rows = grouping([kept]).codes
    if not _constant(rows, factor.codes, factor.J):
        raise ModelError(f"The strata cut through levels of '{factor.name}'.")
    made = np.empty(factor.J, dtype=np.intp)
    made[factor.codes] = rows
    return made


def _units(model: MultilevelFit, at: int, factor: Factor, strata: Codes) -> _Units:
    """Return the residuals of the model without the predictor, split into unit means and rest."""
    design = model.design
    left = [k for k in range(len(design.names)) if k != at]
    smaller = replace(design, X=design.X[left], names=tuple(design.names[k] for k in left))
    with one_blas_thread():
        null = fit_design(smaller, method=model.method)
        parts = effects(null.objective, null.problem, null.optimum)
    kept = [k for k, name in enumerate(smaller.names) if name not in null.estimates.dropped]
    fitted = null.estimates.beta @ smaller.X[kept]
    fitted = fitted if design.offset is None else fitted + design.offset
    for other, part in zip(design.factors, parts, strict=True):
        if other.name != factor.name:
            fitted = fitted + np.einsum("pn,pn->n", other.Z, part.b[:, other.codes])
    weights = np.ones(design.n) if design.weights is None else design.weights
    size = np.asarray(np.bincount(factor.codes, weights=weights, minlength=factor.J), dtype=float)
    m = _means(weights * (design.y - fitted), factor, size)
    T = null.estimates.T[design.factors.index(factor)]
    z = np.array([_means(weights * column, factor, size) for column in factor.Z])
    own = np.einsum("pj,pj->j", T.T @ z, T.T @ z)
    sd = null.estimates.sigma * np.sqrt(own + 1.0 / size)
    return _Units(factor.codes, m, sd, strata, design.y - m[factor.codes])


def _means(values: Floats, factor: Factor, size: Floats) -> Floats:
    return np.asarray(np.bincount(factor.codes, weights=values, minlength=factor.J) / size)


def _strata_means(values: Floats, strata: Codes) -> Floats:
    if not strata.any():
        return np.zeros_like(values)
    count = np.bincount(strata)
    return np.asarray((np.bincount(strata, weights=values) / np.maximum(count, 1))[strata])


def _orders(strata: Codes, n: int, seed: int) -> tuple[npt.NDArray[np.intp], bool]:
    """Return orders of the units (B, J), and whether these are all there are."""
    if isinstance(n, bool) or int(n) != n or n < 1:
        raise ModelError(f"The number of replicates must be a whole number above 0, got {n}.")
    sets = [np.flatnonzero(strata == s) for s in np.unique(strata)]
    J = len(strata)
    if all(len(s) <= 12 for s in sets) and prod(factorial(len(s)) for s in sets) <= n:
        every = []
        for choice in product(*(permutations(s) for s in sets)):
            order = np.empty(J, dtype=np.intp)
            for members, arranged in zip(sets, choice, strict=True):
                order[members] = arranged
            every.append(order)
        return np.array(every), True
    rng = np.random.default_rng(seed)
    orders = np.tile(np.arange(J), (n, 1))
    for members in sets:
        orders[:, members] = rng.permuted(np.tile(members, (n, 1)), axis=1)
    return orders, False
