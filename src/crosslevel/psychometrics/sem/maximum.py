"""A model at its maximum: moments, scores, information and sandwich, group by group together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import numpy.typing as npt

from crosslevel.psychometrics.sem.matrices import Block, Moments, blocks
from crosslevel.psychometrics.sem.normal import Seen, casewise, information, seen
from crosslevel.psychometrics.sem.sample import Sample
from crosslevel.psychometrics.sem.scoring import Ascent, ascend, observed_at
from crosslevel.psychometrics.sem.start import fixed_values, starts
from crosslevel.psychometrics.sem.table import Parameter, Table

Floats = npt.NDArray[np.float64]
_SHORT = 0.5  # bound of a step, in standard errors per root of respondents, after a first failure
_FIRST, _FURTHER = 300, 200


@dataclass(frozen=True, slots=True)
class Maximum:
    """A fitted model.

    Attributes
    ----------
    table, blocks, samples
        What was fitted to what; block g belongs to sample g.
    values
        Row by row, what fixed parameters are fixed at.
    ascent
        Free parameters, deviance, convergence.
    moments, seen
        Implied moments with derivatives, and patterns under them, of each group.
    """

    table: Table
    blocks: tuple[Block, ...]
    samples: tuple[Sample, ...]
    values: tuple[float, ...]
    ascent: Ascent
    moments: tuple[Moments, ...]
    seen: tuple[tuple[Seen, ...], ...]

    @property
    def theta(self) -> Floats:
        """Free parameters, (k,)."""
        return self.ascent.theta

    @property
    def n(self) -> int:
        """Respondents of all groups."""
        return sum(sample.n for sample in self.samples)

    def expected(self) -> Floats:
        """Expected information, (k, k)."""
        parts = zip(self.moments, self.seen, strict=True)
        total: Floats = np.sum([information(*part) for part in parts], axis=0)
        return total

    def observed(self) -> Floats:
        """Observed information, (k, k)."""
        return observed_at(self.blocks, self.samples, self.theta)

    def meat(self) -> Floats:
        """Crossproduct of scores, summed by cluster where there are clusters, (k, k)."""
        parts = zip(self.samples, self.moments, self.seen, strict=True)
        total: Floats = np.sum([crossproduct(casewise(*part), part[0]) for part in parts], axis=0)
        return total

    def estimates(self, theta: Floats | None = None) -> Floats:
        """Row by row, every parameter, free or fixed."""
        at = self.theta if theta is None else theta
        free = np.array([row.free for row in self.table.rows], dtype=np.intp)
        if not len(at):
            return np.array(self.values)
        return np.where(free >= 0, at[free], np.array(self.values))


def maximise(
    table: Table,
    samples: Sequence[Sample],
    observed: Sequence[Moments],
    start: Floats | None = None,
) -> Maximum:
    """Return a model at its maximum.

    `observed` holds the saturated moments of each group; `start` defaults to what they suggest.
    """
    values = fixed_values(table, observed)
    means = () if table.means else [moments.mu for moments in observed]
    made = blocks(table, values, means=means)
    ascent = _ascended(table, made, samples, observed, start=start)
    moments = tuple(block.moments(ascent.theta, derivatives=True) for block in made)
    parts = tuple(seen(s, m) or () for s, m in zip(samples, moments, strict=True))
    return Maximum(table, made, tuple(samples), tuple(values), ascent, moments, parts)


def _ascended(
    table: Table,
    made: Sequence[Block],
    samples: Sequence[Sample],
    observed: Sequence[Moments],
    *,
    start: Floats | None,
) -> Ascent:
    """Return the best ascent: where one does not converge, from other places and in short steps.

    With items that measure several factors the likelihood may have several maxima: every place is
    then tried, and the highest counts.
    """
    begins = [starts(table, observed, axes=axes) for axes in (True, False)]
    begins = begins if start is None else [start]
    found: list[Ascent] = []
    several = start is None and _crossed(table)
    long = begins if several else begins[:1]
    for begin, reach in [*((b, np.inf) for b in long), *((b, _SHORT) for b in begins)]:
        steps = _FURTHER if found else _FIRST
        try:
            found.append(ascend(made, samples, begin, steps=steps, reach=reach))
        except ValueError:
            plain = _plain(table, begin)
            found.append(ascend(made, samples, plain, steps=steps, reach=reach))
        if found[-1].converged and not several:
            return found[-1]
    return min(found, key=lambda ascent: (not ascent.converged, ascent.deviance))


def _crossed(table: Table) -> bool:
    """Whether an item measures several factors."""
    measured = Counter((row.block, row.rhs) for row in table.rows if row.op == "=~")
    return max(measured.values(), default=0) > 1


def crossproduct(scores: Floats, sample: Sample) -> Floats:
    """Return the crossproduct of scores: of cluster sums, times J / (J - 1), where units are."""
    if not len(sample.clusters):
        return scores.T @ scores
    which, position = np.unique(sample.clusters, return_inverse=True)
    sums = np.zeros((len(which), scores.shape[1]))
    np.add.at(sums, position, scores)
    return sums.T @ sums * (len(which) / (len(which) - 1))


def baseline(table: Table) -> Table:
    """Return the table of the model in which no variables but observed predictors covary."""
    rows: list[Parameter] = []
    for number, part in enumerate(table.block_roles):
        own = table.block(number)
        base = replace(own[0], label="", value=np.nan, start=np.nan, exogenous=False)
        rows += [row for row in own if row.exogenous]
        given = {row.key for row in own if row.exogenous}
        wanted = list(combinations(part.exogenous, 2))
        wanted += [(name, name) for name in part.observed]
        keys = [(a, "~~", b) for a, b in wanted]
        keys += [(name, "~1", "") for name in part.observed] if table.means else []
        for lhs, op, rhs in keys:
            row = replace(base, lhs=lhs, op=op, rhs=rhs)
            rows += [] if row.key in given else [row]
    free = iter(range(len(rows)))
    numbered = tuple(replace(row, free=-1 if row.exogenous else next(free)) for row in rows)
    bare = tuple(replace(part, latent=()) for part in table.block_roles)
    return replace(table, rows=numbered, block_roles=bare, definitions=())


def baseline_start(table: Table, observed: Sequence[Moments]) -> Floats:
    """Return the variances and means at which the baseline model is at its maximum already."""
    theta = np.zeros(table.n_free)
    for row in table.rows:
        if row.free >= 0:
            at = table.block_roles[row.block].observed.index
            moments = observed[row.block]
            theta[row.free] = (
                moments.mu[at(row.lhs)]
                if row.op == "~1"
                else moments.sigma[at(row.lhs), at(row.rhs)]
            )
    return theta


def _plain(table: Table, start: Floats) -> Floats:
    """Return a start without covariances between variables, which always implies a covariance."""
    plain = start.copy()
    for row in table.rows:
        if row.free >= 0 and ((row.op == "~~" and row.lhs != row.rhs) or row.op == "~"):
            plain[row.free] = 0.0
        elif row.free >= 0 and row.op == "=~":
            plain[row.free] *= 0.5
        elif row.free >= 0 and row.op == "~~":
            plain[row.free] = max(plain[row.free], 0.05)
    return plain
