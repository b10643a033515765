"""Replicates of a fitted model: simulated outcomes, and one parallel loop over blocks of them.

Each block has its own seed, spawned from the caller's, and a size that depends on the design only:
the numbers are the same whatever the number of workers, and more replicates extend fewer ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import pandas as pd

from crosslevel.errors import ModelError
from crosslevel.multilevel.coding import Floats
from crosslevel.multilevel.result import MultilevelFit

Progress = Callable[[int, int], None]
Made = TypeVar("Made")
CELLS = 4_000_000  # outcomes drawn in one block: 32 MB
LARGEST, SMALLEST = 256, 4


def simulate(model: MultilevelFit, n: int, *, seed: int) -> pd.DataFrame:
    """Return n outcomes drawn from a fitted model, one column each, rows as in its data.

    Random effects and residuals are drawn anew; predictors, groups, weights and offset stay.

    Parameters
    ----------
    n
        Number of outcomes.
    seed
        The same seed gives the same numbers; more outcomes extend fewer.

    Returns
    -------
    DataFrame
        (n_rows, n), columns 1 to n; missing where the fit left the row out.

    Examples
    --------
    >>> from crosslevel.multilevel import fit
    >>> frame = pd.DataFrame({"y": [1.0, 2, 4, 5, 3, 4], "unit": list("aabbcc")})
    >>> simulate(fit("y ~ 1 + (1 | unit)", frame), 3, seed=1).shape
    (6, 3)
    """
    Y = np.concatenate(over_blocks(model, n, seed=seed, task=_keep))
    design = model.design
    index = design.index if design.kept is None else design.index[design.kept]
    made = pd.DataFrame(Y.T, index=index, columns=pd.RangeIndex(1, n + 1, name="replicate"))
    return made if design.kept is None else made.reindex(design.index)


def _keep(_: MultilevelFit, Y: Floats) -> Floats:
    return Y


def draw(model: MultilevelFit, size: int, rng: np.random.Generator) -> Floats:
    """Return (size, n) outcomes for the rows analysed: X beta + offset + Z u + e."""
    design, estimates = model.design, model.estimates
    kept = [k for k, name in enumerate(design.names) if name not in estimates.dropped]
    mean = estimates.beta @ design.X[kept]
    if design.offset is not None:
        mean = mean + design.offset
    Y = rng.standard_normal((size, design.n))
    Y *= estimates.sigma if design.weights is None else estimates.sigma / np.sqrt(design.weights)
    Y += mean
    for factor, T in zip(design.factors, estimates.T, strict=True):
        u = estimates.sigma * (T @ rng.standard_normal((size, factor.p, factor.J)))
        for z, part in zip(factor.Z, u.transpose(1, 0, 2), strict=True):
            drawn = np.take(part, factor.codes, axis=1)
            Y += drawn if (z == 1.0).all() else drawn * z
    return Y


def over_blocks(
    model: MultilevelFit,
    n: int,
    *,
    seed: int,
    task: Callable[[MultilevelFit, Floats], Made],
    n_jobs: int = 1,
    progress: Progress | None = None,
) -> list[Made]:
    """Return task(model, outcomes) for each block of outcomes drawn from a model.

    Blocks run through one joblib call, so a joblib backend (Dask, Ray) takes them where it runs.
    """
    sizes, full = block_sizes(model.design.n, n), block_size(model.design.n)
    seeds = np.random.SeedSequence(seed).spawn(len(sizes))
    block = _Block(model, task, full)
    calls = [(block, (child, size)) for child, size in zip(seeds, sizes, strict=True)]
    return run_blocks(calls, sizes, n_jobs=n_jobs, progress=progress)


def run_blocks(
    calls: Sequence[tuple[Callable[..., Made], tuple[object, ...]]],
    sizes: Sequence[int],
    *,
    n_jobs: int,
    progress: Progress | None,
) -> list[Made]:
    """Run calls in order on `n_jobs` workers, telling `progress` (done, total) after each."""
    from joblib import Parallel, delayed

    parallel = Parallel(n_jobs=n_jobs, return_as="generator")
    made, done = [], 0
    for result, size in zip(parallel(delayed(f)(*a) for f, a in calls), sizes, strict=True):
        made.append(result)
        done += size
        if progress is not None:
            progress(done, sum(sizes))
    return made


def block_sizes(rows: int, n: int) -> list[int]:
    """Return how many replicates each block holds; all but the last hold as many.

    Raises
    ------
    ModelError
        When n is not a positive whole number.

    Examples
    --------
    >>> block_sizes(2000, 600)
    [256, 256, 88]
    """
    if isinstance(n, bool) or int(n) != n or n < 1:
        raise ModelError(f"The number of replicates must be a whole number above 0, got {n}.")
    size = block_size(rows)
    whole, rest = divmod(int(n), size)
    return [size] * whole + ([rest] if rest else [])


def block_size(rows: int) -> int:
    """Return how many replicates a block of a design with so many rows holds."""
    return min(LARGEST, max(SMALLEST, CELLS // rows))


@dataclass(frozen=True, slots=True)
class _Block(Generic[Made]):
    """Seed and size -> task(model, outcomes); always draws `full`, so that fewer begin alike."""

    model: MultilevelFit
    task: Callable[[MultilevelFit, Floats], Made]
    full: int

    def __call__(self, seed: np.random.SeedSequence, size: int) -> Made:
        Y = draw(self.model, self.full, np.random.default_rng(seed))
        return self.task(self.model, Y[:size])
