"""Newton's method on theta with safeguards; every step is logged.

The criterion is smooth in T but every T with a zero column is a stationary point, so a zero is
believed only with a certificate: M = d criterion / d Sigma positive semidefinite there. Otherwise
the variance is opened along the direction of negative curvature. The criterion can have several
minima: small data, and fits that end at a boundary, are started again from elsewhere and the lowest
end is kept. Convergence is judged by the Newton decrement g'H^-1 g, which no change of units
alters.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from crosslevel.multilevel.coding import Floats
from crosslevel.multilevel.objective import Derivatives, Evaluation, Objective, Profile
from crosslevel.multilevel.parameters import Parameters

DECREMENT = 1e-10  # of the criterion, whose unit is twice a log-likelihood
SETTLED = 1e-12  # of a large model: a further step would move theta by 1e-6 standard errors
NOISE = 1e-13  # relative error of one evaluation of the criterion
SINGULAR = 1e-6  # standard deviation, in units of sigma and of a scaled predictor, tried as zero
OPEN = 1e-2  # relative standard deviation above which a small gradient needs no certificate
STEPS = 200
HALVINGS = 24
SMALL = 80  # residual degrees of freedom up to which every fit is started from several places
DOUBTED = 300  # and up to which one at a boundary is started from the best of random places as well
SAMPLE, DESCENTS, ROUNDS = 150, 12, 3
LARGE = 2000  # and above which even a fit at a boundary is started again from few
ABOVE = "ends above another minimum"
HOPELESS = 1e-2  # decrement from which a second start that is still higher is given up


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the optimiser."""

    criterion: float
    decrement: float
    length: float
    note: str = ""


@dataclass(frozen=True, slots=True)
class Optimum:
    """Where the optimiser ended: status "converged", "boundary" or "not converged", and why."""

    theta: Floats
    evaluation: Evaluation
    derivatives: Derivatives
    status: str
    reason: str
    singular: tuple[int, ...]
    log: tuple[Step, ...]

    @property
    def profile(self) -> Profile:
        """The profiled fit at the optimum."""
        return self.evaluation.profile


def minimise(objective: Objective, start: Floats) -> Optimum:
    """Return the lowest minimum found from `start` and, where there may be several, elsewhere."""
    best = _certified(objective, start)
    settled = best.status == "converged"
    starts = elsewhere(objective.parameters, best.profile.nn, settled=settled)
    best = _best(objective, best, starts)
    if settled or best.profile.nn > DOUBTED or len(objective.parameters) < 2:
        return best
    best = _best(objective, best, _sampled(objective))
    for _ in range(ROUNDS):
        found = _best(objective, best, _turned(objective.parameters, best.theta))
        if found is best:
            break
        best = found
    return best


def _best(objective: Objective, best: Optimum, starts: list[Floats]) -> Optimum:
    """Return the lowest of an end and the ends of further starts."""
    for start in starts:
        floor = np.inf if _rank(best) else best.profile.criterion
        best = _lower(best, _certified(objective, start, floor=floor))
    return best


def _lower(best: Optimum, other: Optimum) -> Optimum:
    """Return the better of two ends: one that converged, then the lower; the first when equal."""
    margin = 1e-9 * max(1.0, abs(best.profile.criterion))
    if _rank(other) != _rank(best):
        return min(best, other, key=_rank)
    return other if other.profile.criterion < best.profile.criterion - margin else best


def elsewhere(free: Parameters, nn: float, *, settled: bool) -> list[Floats]:
    """Return further starts for `nn` residual degrees of freedom; none for an inner end of many.

    All standard deviations 1, 0.1, 10, 1000 times sigma; correlations of either sign; one
    coefficient large and all others small.
    """
    if settled and nn > SMALL:
        return []
    diagonal = free.row == free.column
    one = diagonal.astype(float)
    starts = [one]
    if not diagonal.all():
        first = np.where(diagonal, np.where(free.column == 0, 1.0, 0.3), 0.0)
        starts += [first + ~diagonal, first - ~diagonal]
    if nn > LARGE:
        return starts
    starts += [0.1 * one, 10.0 * one, 1e3 * one]
    for k in np.flatnonzero(diagonal) if diagonal.sum() > 1 else ():
        for size in (3.0, 1e3):
            alone = 0.03 * one
            alone[k] = size
            starts.append(alone)
    return starts


def _turned(free: Parameters, theta: Floats) -> list[Floats]:
    """Return places where one coefficient's correlations have the other sign, in three sizes."""
    diagonal, smallest = free.row == free.column, 0.05 * float(np.abs(theta).max(initial=1e-3))
    made = []
    for factor, row in np.unique(np.column_stack([free.factor, free.row]), axis=0):
        turned = np.where((free.factor == factor) & (free.row == row), -theta, theta)
        turned = np.where(diagonal, np.maximum(np.abs(turned), smallest), turned)
        made += [size * turned for size in (1.0, 0.3, 3.0)]
    return made


def _sampled(objective: Objective) -> list[Floats]:
    """Return the lowest of random places, many of them near a covariance of rank one."""
    free = objective.parameters
    rng = np.random.default_rng(0)  # the same places for every fit
    columns = np.unique(np.column_stack([free.factor, free.column]), axis=0, return_inverse=True)[1]
    shrunk = 10.0 ** rng.uniform(-3.0, 0.0, (SAMPLE, int(columns.max()) + 1))
    places = rng.normal(size=(SAMPLE, len(free))) * shrunk[:, columns.ravel()]
    places *= 10.0 ** rng.uniform(-1.5, 2.0, (SAMPLE, 1))
    values = [objective.at(place).profile.criterion for place in places]
    return [places[k] for k in np.argsort(values)[:DESCENTS]]


def _rank(optimum: Optimum) -> bool:
    return optimum.status == "not converged"


def _certified(objective: Objective, start: Floats, *, floor: float = np.inf) -> Optimum:
    """Descend, set tiny variances to zero, and open again what the certificate rejects.

    A descent that will not come below `floor` is given up as not converged.
    """
    optimum = _descend(objective, start, (), floor)
    if optimum.reason == ABOVE:
        return optimum
    for _ in range(6):
        optimum = _snapped(objective, optimum)
        opened = _opened(objective, optimum)
        if opened is None:
            break
        optimum = _descend(objective, opened, (*optimum.log, Step(np.nan, np.nan, 0.0, "opened")))
    singular = _singular(objective.parameters, optimum.theta)
    if optimum.status == "converged" and singular:
        reason = "a variance is estimated as zero or a correlation as +-1 (certified)"
        return replace(optimum, status="boundary", reason=reason, singular=singular)
    return replace(optimum, singular=singular)


def _descend(
    objective: Objective, theta: Floats, log: tuple[Step, ...], floor: float = np.inf
) -> Optimum:
    """Take Newton steps until the decrement is small, or no longer promises to pass the floor."""
    here, reason = objective.at(theta), f"no convergence in {STEPS} steps"
    steps, status = list(log), "not converged"
    derivatives = here.derivatives()
    for _ in range(STEPS):
        direction, decrement, curved = _direction(derivatives)
        if decrement < SETTLED and not (curved or derivatives.exact):
            status, reason = "converged", ""
            break
        if decrement < HOPELESS and not curved and here.profile.criterion - 10 * decrement > floor:
            reason = ABOVE
            break
        radius = max(1.0, 2.0 * float(np.abs(theta).max(initial=0.0)))
        direction *= min(1.0, radius / max(float(np.abs(direction).max(initial=0.0)), 1e-300))
        slope = float(derivatives.gradient @ direction)
        found = _line_search(objective, theta, here.profile, direction, slope)
        if found is None:
            small = decrement < 1e-6 * max(1.0, 1e-8 * abs(here.profile.criterion))
            status = "converged" if small else "not converged"
            reason = "" if small else f"no lower criterion along a step of {decrement:.1e}"
            break
        theta, here, length = found
        steps.append(Step(here.profile.criterion, decrement, length))
        derivatives = here.derivatives()
        if decrement < DECREMENT:
            beside = _beside(objective, theta, derivatives, here.profile) if curved else None
            if beside is None:
                status, reason = "converged", ""
                break
            theta, here = beside
            steps.append(Step(here.profile.criterion, decrement, 0.0, "left a saddle"))
            derivatives = here.derivatives()
    return Optimum(theta, here, derivatives, status, reason, (), tuple(steps))


def _direction(derivatives: Derivatives) -> tuple[Floats, float, bool]:
    """Return the Newton direction on |H|, its decrement, and whether H curves downwards."""
    g = derivatives.gradient
    if not len(g):
        return g, 0.0, False
    if len(g) == 1:
        slope, bend = float(g[0]), float(derivatives.hessian[0, 0])
        size = max(abs(bend), 1e-300)
        return -g / size, slope * slope / size, bend < 0.0
    values, vectors = np.linalg.eigh(derivatives.hessian)
    top = float(np.abs(values).max())
    sizes = np.maximum(np.abs(values), 1e-9 * max(top, 1e-300))
    along = vectors.T @ g
    return (
        -vectors @ (along / sizes),
        float((along * along / sizes).sum()),
        bool(values.min() < -1e-6 * top),
    )


def _beside(
    objective: Objective, theta: Floats, derivatives: Derivatives, profile: Profile
) -> tuple[Floats, Evaluation] | None:
    """Return a lower point along the direction in which H curves downwards most, or None."""
    downwards = np.linalg.eigh(derivatives.hessian)[1][:, 0]
    noise = NOISE * max(1.0, abs(profile.criterion))
    for size in (1.0, -1.0, 0.1, -0.1, 1e-2, -1e-2, 1e-3, -1e-3):
        trial = theta + size * downwards
        found = objective.at(trial)
        if found.profile.criterion < profile.criterion - noise:
            return trial, found
    return None


def _line_search(
    objective: Objective, theta: Floats, profile: Profile, direction: Floats, slope: float
) -> tuple[Floats, Evaluation, float] | None:
    """Return the first point along a halved step that is lower by enough, or None."""
    noise = NOISE * max(1.0, abs(profile.criterion))
    length = 1.0
    for _ in range(HALVINGS):
        trial = theta + length * direction
        found = objective.at(trial)
        if found.profile.criterion <= profile.criterion + 1e-4 * length * slope + noise:
            return trial, found, length
        length *= 0.5
    return None


def _snapped(objective: Objective, optimum: Optimum) -> Optimum:
    """Set negligible variances to exactly zero where the criterion does not rise."""
    parameters = objective.parameters
    triangles = list(parameters.unpack(optimum.theta))
    changed = False
    for f, T in enumerate(triangles):
        U, values, _ = np.linalg.svd(T)
        tiny = (values < SINGULAR * max(1.0, float(values.max()) * 1e-3)) & (values > 0)
        if tiny.any():
            square = (U * np.where(tiny, 0.0, values)) @ U.T
            triangles[f] = _semidefinite(square @ square, parameters, f)
            changed = True
    if not changed:
        return optimum
    theta = parameters.pack(triangles)
    here = objective.at(theta)
    allowed = 1e-10 * max(1.0, abs(optimum.profile.criterion))
    if here.profile.criterion > optimum.profile.criterion + allowed:
        return optimum
    return replace(optimum, theta=theta, evaluation=here, derivatives=here.derivatives())


def _semidefinite(sigma: Floats, parameters: Parameters, factor: int) -> Floats:
    """Return the lower factor of a semidefinite covariance, within the free entries."""
    p = len(sigma)
    T, free = np.zeros((p, p)), np.zeros((p, p), bool)
    at = parameters.of(factor)
    free[parameters.row[at], parameters.column[at]] = True
    rest = np.where(free | free.T, sigma, 0.0)
    for k in range(p):
        if rest[k, k] <= 1e-13 * max(sigma[k, k], 1e-300):
            continue
        T[k:, k] = rest[k:, k] / np.sqrt(rest[k, k])
        rest = rest - np.outer(T[:, k], T[:, k])
    return np.where(free, T, 0.0)


def _opened(objective: Objective, optimum: Optimum) -> Floats | None:
    """Return a lower point off the boundary, or None when the certificate holds."""
    parameters, M_all = objective.parameters, optimum.derivatives.M
    triangles = parameters.unpack(optimum.theta)
    for f, (T, M) in enumerate(zip(triangles, M_all, strict=True)):
        for block in _blocks(parameters, f):
            if np.linalg.svd(T[np.ix_(block, block)], compute_uv=False).min() > OPEN:
                continue
            inside = M[np.ix_(block, block)]
            values, vectors = np.linalg.eigh(inside)
            scale = max(float(np.abs(values).max()), 1e-300)
            if values[0] >= -1e-7 * max(scale, 1.0):
                continue
            direction = np.zeros(len(T))
            direction[block] = vectors[:, 0]
            for size in (1.0, 0.1, 1e-2, 1e-3, 1e-4):
                sigma = T @ T.T + (size * size) * np.outer(direction, direction)
                trial = list(triangles)
                trial[f] = _semidefinite(sigma, parameters, f)
                theta = parameters.pack(trial)
                lower = objective.at(theta).profile.criterion
                if lower < optimum.profile.criterion - 1e-8:
                    return theta
    return None


def _blocks(parameters: Parameters, factor: int) -> list[list[int]]:
    """Return the sets of coefficients of a factor that covary freely."""
    at = parameters.of(factor)
    sets: dict[int, list[int]] = {}
    for a, b in zip(parameters.row[at], parameters.column[at], strict=True):
        sets.setdefault(int(b), []).append(int(a))
    blocks: list[list[int]] = []
    for rows in sets.values():
        if not any(set(rows) <= set(block) for block in blocks):
            blocks.append(rows)
    return blocks


def _singular(parameters: Parameters, theta: Floats) -> tuple[int, ...]:
    """Return the factors whose covariance is singular."""
    return tuple(
        f
        for f, T in enumerate(parameters.unpack(theta))
        if np.linalg.svd(T, compute_uv=False).min(initial=1.0) <= SINGULAR
    )
