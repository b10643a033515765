"""Newton's method on many responses at once, with the safeguards of `optimise`.

All responses step together and leave when they have converged. Tiny variances are tried as exactly
zero; a fit at a boundary needs its certificate (M positive semidefinite). Small data and fits at a
boundary are started again from where the ordinary optimiser starts them again. What this cannot
settle goes to the ordinary optimiser, one by one.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from crosslevel.multilevel.batch_objective import (
    BatchDerivatives,
    BatchObjective,
    BatchProfile,
)
from crosslevel.multilevel.coding import Floats
from crosslevel.multilevel.objective import SingleObjective
from crosslevel.multilevel.optimise import (
    DECREMENT,
    HOPELESS,
    NOISE,
    SINGULAR,
    elsewhere,
    minimise,
)
from crosslevel.multilevel.parameters import Parameters
from crosslevel.multilevel.start import moments, residual_variance
from crosslevel.multilevel.statistics import OneFactor

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Indices = npt.NDArray[np.intp]
STEPS = 60
STATUSES = ("converged", "boundary", "not converged")
CONVERGED, BOUNDARY, OPEN = range(3)
NEGATIVE = 1e-7  # eigenvalue of M, relative to its size, that refutes a zero variance
OPENING = 0.3  # length of the first step off a saddle, in units of theta
SHORTEST = 1e-9  # share of a step below which there is no way down
CURVED = 1e-6  # eigenvalue of the Hessian, relative to the largest, that counts as downwards


@dataclass(frozen=True, slots=True)
class BatchOptimum:
    """Where many responses ended: theta (B, K), status (B,) as a place in STATUSES.

    `profile` is at theta, `derivatives` there or one converged step before; evaluations (B,).
    """

    theta: Floats
    profile: BatchProfile
    derivatives: BatchDerivatives
    status: Indices
    evaluations: Indices


def minimise_batch(objective: BatchObjective, start: Floats) -> BatchOptimum:
    """Return the minima of many criteria, started at `start`, (B, K) or (1, K) for all."""
    best = _certified(objective, start)
    for settled in (False, True):
        at = np.flatnonzero(best.status == (CONVERGED if settled else BOUNDARY))
        for other in elsewhere(objective.parameters, objective.nn, settled=settled):
            if len(at):
                floor = best.profile.criterion[at]
                _improve(best, at, _certified(objective.take(at), other[None], floor))
    for b in np.flatnonzero(best.status == OPEN):
        _settle(objective, best, np.array([b]))
    return best


def _improve(best: BatchOptimum, at: Indices, second: BatchOptimum) -> None:
    """Keep the ends of a second start that lie lower."""
    first = best.profile.criterion[at]
    margin = 1e-9 * np.maximum(1.0, np.abs(first))
    lower = (second.profile.criterion < first - margin) & (second.status != OPEN)
    _put(best, at[lower], second, np.flatnonzero(lower))


def _settle(objective: BatchObjective, optimum: BatchOptimum, at: Indices) -> None:
    """Give one response to the ordinary optimiser, from the start an ordinary fit has."""
    record = objective.statistics.one(int(at[0]))
    found = minimise(
        SingleObjective(record, objective.parameters, objective.reml),
        objective.parameters.pack([np.diag(_moments(record))]),
    )
    theta = found.theta[None]
    status = np.array([STATUSES.index(found.status)])
    count = optimum.evaluations[at] + len(found.log)
    settled = BatchOptimum(theta, *objective.take(at).at(theta), status, count)
    _put(optimum, at, settled, np.array([0]))


def _moments(record: OneFactor) -> Floats:
    rank = int((np.einsum("ppj->pj", record.R) > 0).sum())
    ZZ = np.einsum("abj,abj->bj", record.R, record.R)
    Zy = np.einsum("abj,aj->bj", record.R, record.c[-1])
    return moments(ZZ, Zy, residual_variance(record, rank))


def _put(into: BatchOptimum, at: Indices, source: BatchOptimum, chosen: Indices) -> None:
    """Overwrite some responses of a result that is still being made."""
    into.theta[at], into.status[at] = source.theta[chosen], source.status[chosen]
    into.evaluations[at] = source.evaluations[chosen]
    _copy(into.profile, at, source.profile, chosen)
    _copy(into.derivatives, at, source.derivatives, chosen)


def _copy(into: DataclassInstance, at: Indices, source: DataclassInstance, chosen: Indices) -> None:
    """Copy rows between two records of arrays."""
    for field in fields(into):
        getattr(into, field.name)[at] = getattr(source, field.name)[chosen]


def _certified(
    objective: BatchObjective, start: Floats, floor: Floats | None = None
) -> BatchOptimum:
    """Descend, set tiny variances to zero, and check the certificate of those at a boundary."""
    optimum = _descend(objective, start, floor)
    T = objective.triangles(optimum.theta)
    values = np.linalg.svd(T, compute_uv=False) if T.shape[1] > 1 else np.abs(T[:, :, 0])
    tiny = values <= SINGULAR * np.maximum(1.0, values.max(axis=1, keepdims=True) * 1e-3)
    at = np.flatnonzero(tiny.any(axis=1) & (optimum.status == CONVERGED))
    if len(at):
        _snap(objective, optimum, at)
    return optimum


def _snap(objective: BatchObjective, optimum: BatchOptimum, at: Indices) -> None:
    """Put these responses exactly on the boundary and judge them there."""
    theta = _snapped(objective.parameters, objective.triangles(optimum.theta[at]))
    profile, derivatives = objective.take(at).at(theta)
    before = optimum.profile.criterion[at]
    risen = profile.criterion > before + 1e-10 * np.maximum(1.0, np.abs(before))
    status = np.where(risen | _refuted(objective.parameters, derivatives.M), OPEN, BOUNDARY)
    there = BatchOptimum(theta, profile, derivatives, status, optimum.evaluations[at])
    _put(optimum, at, there, np.arange(len(at)))


def _snapped(free: Parameters, T: Floats) -> Floats:
    """Return theta (B, K) with negligible singular values of T (B, p, p) taken as zero."""
    U, values, _ = np.linalg.svd(T)
    top = np.maximum(1.0, values.max(axis=1, keepdims=True) * 1e-3)
    kept = U * np.where(values < SINGULAR * top, 0.0, values)[:, None, :]
    rest = kept @ kept.transpose(0, 2, 1)
    p = T.shape[1]
    allowed = np.zeros((p, p), bool)
    allowed[free.row, free.column] = True
    rest = np.where(allowed | allowed.T, rest, 0.0)
    size = np.einsum("bpp->bp", rest).copy()
    made = np.zeros_like(T)
    for k in range(p):
        pivot = rest[:, k, k]
        there = pivot > 1e-13 * np.maximum(size[:, k], 1e-300)
        root = np.sqrt(np.where(there, pivot, 1.0))
        made[:, k:, k] = np.where(there[:, None], rest[:, k:, k] / root[:, None], 0.0)
        rest = rest - made[:, :, k, None] * made[:, None, :, k]
    return np.where(allowed, made, 0.0)[:, free.row, free.column]


def _refuted(free: Parameters, M: Floats) -> npt.NDArray[np.bool_]:
    """Return where a block of M has a negative eigenvalue: a zero that is no minimum."""
    result = np.zeros(len(M), bool)
    for first in np.unique(free.column):
        block = free.row[free.column == first]
        values = np.linalg.eigvalsh(M[:, block[:, None], block])
        scale = np.maximum(np.abs(values).max(axis=1), 1.0)
        result |= values[:, 0] < -NEGATIVE * scale
    return result


@dataclass(slots=True)
class _Walk:
    """Responses still on their way: where they are, the step they try, and how far along it."""

    at: Indices
    theta: Floats
    criterion: Floats
    step: Floats
    slope: Floats
    last: npt.NDArray[np.bool_]
    promise: Floats
    length: Floats

    def take(self, chosen: npt.NDArray[np.bool_]) -> _Walk:
        """Return some of the responses."""
        return _Walk(*(getattr(self, field.name)[chosen] for field in fields(self)))


def _descend(objective: BatchObjective, start: Floats, floor: Floats | None) -> BatchOptimum:
    """Take Newton steps, all responses together, until each decrement is small.

    A response that no longer promises to come below its `floor` (B,) is left open.
    """
    B = len(objective.statistics)
    profile, derivatives = objective.at(start)
    theta = np.broadcast_to(start, (B, start.shape[1])).copy()
    result = BatchOptimum(theta, profile, derivatives, np.full(B, OPEN), np.ones(B, np.intp))
    directions = _directions(theta, derivatives)
    walk = _Walk(np.arange(B), theta.copy(), profile.criterion.copy(), *directions, np.ones(B))
    for _ in range(STEPS):
        if floor is not None:
            walk = walk.take(walk.criterion - walk.promise <= floor[walk.at])
        if walk.last.any():
            _finish(objective, result, walk.take(walk.last))
            walk = walk.take(~walk.last)
        if not len(walk.at):
            break
        walk = _stepped(objective if len(walk.at) == B else objective.take(walk.at), result, walk)
    return result


def _finish(objective: BatchObjective, result: BatchOptimum, walk: _Walk) -> None:
    """Take the last step: the decrement is below the limit, so only the profile is needed."""
    trial = walk.theta + walk.step
    found = objective.take(walk.at).profile(trial)
    result.evaluations[walk.at] += 1
    result.status[walk.at] = CONVERGED
    lower = np.flatnonzero(found.criterion <= walk.criterion + _noise(walk.criterion))
    result.theta[walk.at[lower]] = trial[lower]
    _copy(result.profile, walk.at[lower], found, lower)


def _stepped(active: BatchObjective, result: BatchOptimum, walk: _Walk) -> _Walk:
    """Try the steps: accepted ones get a new direction, the others half the length."""
    trial = walk.theta + walk.length[:, None] * walk.step
    profile, derivatives = active.at(trial)
    result.evaluations[walk.at] += 1
    bound = walk.criterion + 1e-4 * walk.length * walk.slope + _noise(walk.criterion)
    accepted = profile.criterion <= bound
    moved = np.flatnonzero(accepted)
    result.theta[walk.at[moved]] = trial[moved]
    _copy(result.profile, walk.at[moved], profile, moved)
    _copy(result.derivatives, walk.at[moved], derivatives, moved)
    step, slope, last, promise = _directions(trial, derivatives)
    after = _Walk(
        at=walk.at,
        theta=np.where(accepted[:, None], trial, walk.theta),
        criterion=np.where(accepted, profile.criterion, walk.criterion),
        step=np.where(accepted[:, None], step, walk.step),
        slope=np.where(accepted, slope, walk.slope),
        last=accepted & last,
        promise=np.where(accepted, promise, walk.promise),
        length=np.where(accepted, 1.0, 0.5 * walk.length),
    )
    return after.take(after.length > SHORTEST)


def _noise(criterion: Floats) -> Floats:
    return NOISE * np.maximum(1.0, np.abs(criterion))


def _directions(
    theta: Floats, derivatives: BatchDerivatives
) -> tuple[Floats, Floats, npt.NDArray[np.bool_], Floats]:
    """Return damped Newton steps on |H|, their slopes, whose step is the last, the fall to come.

    At a saddle, where there is no gradient left, the step goes along the negative curvature.
    """
    g = derivatives.gradient
    values, vectors = np.linalg.eigh(np.nan_to_num(derivatives.hessian))
    top = np.abs(values).max(axis=1, keepdims=True)
    size = np.maximum(np.abs(values), 1e-9 * np.maximum(top, 1e-300))
    along = (vectors.transpose(0, 2, 1) @ g[:, :, None])[..., 0]
    step = -(vectors @ (along / size)[:, :, None])[..., 0]
    radius = np.maximum(1.0, 2.0 * np.abs(theta).max(axis=1))
    step *= np.minimum(1.0, radius / np.maximum(np.abs(step).max(axis=1), 1e-300))[:, None]
    decrement = (along * along / size).sum(axis=1)
    curved = values[:, 0] < -CURVED * top[:, 0]
    slope = (g * step).sum(axis=1)
    saddle = np.flatnonzero(curved & (decrement < DECREMENT))
    if len(saddle):
        step[saddle] = OPENING * vectors[saddle, :, 0]
        slope[saddle] = 0.5 * OPENING**2 * values[saddle, 0]
    promise = np.where(curved | (decrement > HOPELESS), np.inf, 10.0 * decrement)
    return step, slope, (decrement < DECREMENT) & ~curved, promise
