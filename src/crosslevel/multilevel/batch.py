"""Many responses on the design of one fitted model, refitted together.

With one grouping factor all responses step together (`batch_objective`, `batch_optimise`); the few
that the joint optimiser leaves open, and all with several factors, go through the ordinary one with
the design's statistics shared.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import cast

import numpy as np
import numpy.typing as npt

from crosslevel.errors import ModelError
from crosslevel.multilevel.batch_df import satterthwaite
from crosslevel.multilevel.batch_objective import BatchObjective
from crosslevel.multilevel.batch_optimise import STATUSES, minimise_batch
from crosslevel.multilevel.batch_statistics import (
    EXACT_FIT,
    SharedDesign,
    batch_statistics,
    shared_design,
)
from crosslevel.multilevel.coding import Floats
from crosslevel.multilevel.conditioning import least_squares
from crosslevel.multilevel.nested import NestedObjective, nested_factors
from crosslevel.multilevel.objective import Objective, SingleObjective
from crosslevel.multilevel.optimise import minimise
from crosslevel.multilevel.result import MultilevelFit
from crosslevel.multilevel.several import SeveralObjective
from crosslevel.multilevel.statistics import several_factors
from crosslevel.multilevel.threads import one_blas_thread

START = 0.1  # smallest relative standard deviation to start from: a zero would never be left
BLOCK = 32  # responses whose statistics are made in one pass with several factors
CACHE = 24_000  # groups times responses that step together; more would leave the cache


@dataclass(frozen=True, slots=True)
class BatchFit:
    """The estimates of B fits on one design, in the user's units.

    beta (B, P), vcov (B, P, P), theta (B, K), components (B, C) in the order of
    `variance_components()`, sigma (B,), criterion (B,), status (B,) as a place in `STATUSES`,
    and df (B, P), Satterthwaite's, when they were asked for.
    """

    names: tuple[str, ...]
    beta: Floats
    vcov: Floats
    theta: Floats
    components: Floats
    sigma: Floats
    criterion: Floats
    status: npt.NDArray[np.int8]
    df: Floats | None

    def __len__(self) -> int:
        return len(self.sigma)

    @property
    def std_error(self) -> Floats:
        """Standard errors of the fixed coefficients, (B, P)."""
        return np.asarray(np.sqrt(np.einsum("bpp->bp", self.vcov)))

    def count(self, status: str) -> int:
        """Return how many fits ended as "converged", "boundary" or "not converged"."""
        return int((self.status == STATUSES.index(status)).sum())


@dataclass(frozen=True, slots=True)
class _Raw:
    """What the engine found, in its own units; `start` and `scale` take the response back."""

    theta: Floats
    beta: Floats
    F: Floats
    rho2: Floats
    criterion: Floats
    status: npt.NDArray[np.int8]
    start: Floats
    scale: Floats
    df: Floats


def refit(
    model: MultilevelFit, responses: Floats, *, start: Floats | None = None, df: str = "none"
) -> BatchFit:
    """Return the fits of many responses on the design of one model.

    Use it where the rows, predictors and groups stay and only the outcome changes: bootstrap,
    power, permutation. Each response gets what `fit` would give it.

    Parameters
    ----------
    model
        A fitted model; its formula, method, weights and offset are used.
    responses
        (B, n) one outcome per row, in the order of the rows analysed.
    start
        (K,) theta to start from, in the engine's units; the model's own when not given.
    df
        `"none"`, or `"satterthwaite"` for degrees of freedom of each coefficient (one factor).

    Raises
    ------
    ModelError
        For the wrong shape, and responses that are not finite or that the predictors reproduce.

    Notes
    -----
    Costs O(J p^2 (p + P)) per response and step after one pass over the responses.

    Examples
    --------
    >>> import pandas as pd
    >>> from crosslevel.multilevel import fit
    >>> rng = np.random.default_rng(3)
    >>> unit = np.repeat(np.arange(20), 5)
    >>> frame = pd.DataFrame({"y": rng.normal(size=20)[unit] + rng.normal(size=100), "unit": unit})
    >>> model = fit("y ~ 1 + (1 | unit)", frame)
    >>> many = refit(model, np.array([frame["y"], 10 * frame["y"]]))
    >>> bool(np.allclose(many.sigma, [model.sigma, 10 * model.sigma]))
    True
    """
    Y = _checked(model, responses)
    if df not in ("none", "satterthwaite"):
        raise ModelError(f"`df` must be 'none' or 'satterthwaite', got {df!r}.")
    with one_blas_thread():
        if len(model.design.factors) == 1:
            raw = _together(model, Y, start, df)
        elif df == "none":
            raw = _one_by_one(model, Y, start)
        else:
            raise ModelError("df='satterthwaite' in bulk is for models with one grouping factor.")
    return _in_user_units(model, raw, df)


def _checked(model: MultilevelFit, responses: Floats) -> Floats:
    """Return the responses weighted and less the offset."""
    Y = np.asarray(responses, dtype=float)
    design = model.design
    if Y.ndim != 2 or Y.shape[1] != design.n:
        raise ModelError(
            f"`responses` must have one row per outcome and {design.n} columns, one per row "
            f"analysed; its shape is {Y.shape}."
        )
    bad = np.flatnonzero(~np.isfinite(Y).all(axis=1))
    if len(bad):
        raise ModelError(
            f"{len(bad)} response(s) hold missing or infinite values, as row {bad[0]}."
        )
    if design.offset is not None:
        Y = Y - design.offset
    return Y if design.weights is None else Y * np.sqrt(design.weights)


def _start(model: MultilevelFit, start: Floats | None) -> Floats:
    """Return the engine's theta with no zero on a diagonal."""
    free = model.objective.parameters
    theta = np.array(model.optimum.theta if start is None else start, dtype=float)
    diagonal = free.row == free.column
    return np.where(diagonal, np.maximum(np.abs(theta), START), theta)


def _together(model: MultilevelFit, Y: Floats, start: Floats | None, df: str) -> _Raw:
    """Step through the responses in chunks that stay in the cache."""
    objective = cast("SingleObjective", model.objective)
    shared = shared_design(model.design, model.problem, objective.statistics)
    theta = _start(model, start)
    size = max(8, CACHE // shared.shape[2])
    parts = [_chunk(model, shared, Y[at : at + size], theta, df) for at in range(0, len(Y), size)]
    return _joined(parts)


def _chunk(model: MultilevelFit, shared: SharedDesign, Y: Floats, theta: Floats, df: str) -> _Raw:
    """Return what the engine finds for responses that step together."""
    statistics = batch_statistics(shared, Y)
    _refuse_exact(statistics.scale)
    objective = BatchObjective(statistics, model.objective.parameters, model.method == "reml")
    optimum = minimise_batch(objective, theta[None])
    found = optimum.profile
    return _Raw(
        theta=optimum.theta,
        beta=found.beta,
        F=found.F,
        rho2=found.rho2,
        criterion=found.criterion,
        status=optimum.status.astype(np.int8),
        start=statistics.start,
        scale=statistics.scale,
        df=found.beta
        if df == "none"
        else satterthwaite(
            found,
            objective.at(optimum.theta)[1],  # those of the optimum are one step older
            basis=model.problem.basis.B,
            nn=objective.nn,
        ),
    )


def _refuse_exact(scale: Floats) -> None:
    """Raise when predictors reproduce a response."""
    exact = int((scale <= 0).sum())
    if exact:
        raise ModelError(
            f"The predictors reproduce {exact} of the responses exactly; nothing is left over."
        )


def _one_by_one(model: MultilevelFit, Y: Floats, start: Floats | None) -> _Raw:
    """Fit each response by itself; statistics of all are made in one pass per block."""
    theta = _start(model, start)
    return _joined([_block(model, Y[at : at + BLOCK], theta) for at in range(0, len(Y), BLOCK)])


def _block(model: MultilevelFit, Y: Floats, theta: Floats) -> _Raw:
    """Return the fits of a block: one pass with all responses as columns, then one fit each."""
    problem = model.problem
    fits = [least_squares(problem.X, y) for y in Y]
    residuals = np.array([residual for _, residual in fits])
    scale = np.sqrt(np.einsum("bn,bn->b", residuals, residuals) / Y.shape[1])
    scale = np.where(scale <= EXACT_FIT * np.sqrt((Y * Y).mean(axis=1)), 0.0, scale)
    _refuse_exact(scale)
    responses = residuals / scale[:, None]
    found = [minimise(one, theta) for one in _objectives(model, responses)]
    profiles = [optimum.profile for optimum in found]
    beta = np.array([profile.beta for profile in profiles])
    return _Raw(
        theta=np.array([optimum.theta for optimum in found]),
        beta=beta,
        F=np.array([profile.F for profile in profiles]),
        rho2=np.array([profile.rho2 for profile in profiles]),
        criterion=np.array([profile.criterion for profile in profiles]),
        status=np.array([STATUSES.index(o.status) for o in found], dtype=np.int8),
        start=np.array([coefficients for coefficients, _ in fits]),
        scale=scale,
        df=beta,
    )


def _objectives(model: MultilevelFit, responses: Floats) -> Iterator[Objective]:
    """Yield the criterion of each response (B, n)."""
    problem, objective = model.problem, model.objective
    order: Sequence[int] = range(len(problem.Z))
    P = len(problem.X)
    if isinstance(objective, SeveralObjective):
        order = objective.order
    codes = [model.design.factors[k].codes for k in order]
    levels = [model.design.factors[k].J for k in order]
    Z = [problem.Z[k] for k in order]
    if isinstance(objective, NestedObjective):
        for y in responses:
            own = nested_factors(codes, levels, Z=Z, A=np.vstack([problem.X, y]))
            yield replace(objective, statistics=own)
        return
    several = cast("SeveralObjective", objective)
    whole = several_factors(codes, levels, Z=Z, A=np.vstack([problem.X, responses]))
    for b in range(len(responses)):
        at = np.append(np.arange(P), P + b)
        first = replace(whole.first, c=whole.first.c[at], W=whole.first.W[np.ix_(at, at)])
        made = replace(whole, first=first, W_ra=np.ascontiguousarray(whole.W_ra[:, at]))
        yield replace(several, statistics=made)


def _joined(parts: list[_Raw]) -> _Raw:
    return _Raw(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(_Raw)))


def _in_user_units(model: MultilevelFit, raw: _Raw, df: str) -> BatchFit:
    """Return the estimates with every change of origin and unit undone."""
    problem, reml = model.problem, model.method == "reml"
    B, P = problem.basis.B, len(problem.X)
    nn = float(model.design.n - P if reml else model.design.n)
    sigma2 = raw.rho2 / nn * raw.scale**2
    criterion = raw.criterion + 2.0 * nn * np.log(raw.scale) - problem.log_weights
    if reml:
        criterion = criterion - 2.0 * problem.basis.log_det
    theta, components = _variances(model, raw.theta, sigma2)
    return BatchFit(
        names=model.estimates.names,
        beta=(raw.start + raw.scale[:, None] * raw.beta) @ B.T,
        vcov=sigma2[:, None, None] * (B @ raw.F @ B.T),
        theta=theta,
        components=components,
        sigma=np.sqrt(sigma2),
        criterion=criterion,
        status=raw.status,
        df=None if df == "none" else raw.df,
    )


def _variances(model: MultilevelFit, theta: Floats, sigma2: Floats) -> tuple[Floats, Floats]:
    """Return theta and the covariances, residual last, in the user's units."""
    free = model.objective.parameters
    made, components = np.empty_like(theta), []
    for f, (factor, back) in enumerate(zip(model.design.factors, model.problem.back, strict=True)):
        at = free.of(f)
        T = np.zeros((len(theta), factor.p, factor.p))
        T[:, free.row[at], free.column[at]] = theta[:, at]
        T = back @ T
        if factor.p > 1:
            T = np.asarray(np.linalg.qr(T.transpose(0, 2, 1), mode="r")).transpose(0, 2, 1)
        T = T * np.where(np.einsum("bpp->bp", T) < 0, -1.0, 1.0)[:, None, :]
        made[:, at] = T[:, free.row[at], free.column[at]]
        sigma = sigma2[:, None, None] * (T @ T.transpose(0, 2, 1))
        components += [sigma[:, free.row[k], free.column[k]] for k in at]
    return made, np.stack([*components, sigma2], axis=1)
