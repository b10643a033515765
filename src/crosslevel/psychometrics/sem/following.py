"""Questions to a fitted model: what to change, what is unequal, who stands where."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from crosslevel.errors import MeasurementError
from crosslevel.psychometrics.sem.extending import Derive, derivatives, gains, releases
from crosslevel.psychometrics.sem.matrices import Block
from crosslevel.psychometrics.sem.maximum import Maximum
from crosslevel.psychometrics.sem.normal import Seen, residuals
from crosslevel.psychometrics.sem.table import Parameter

Floats = npt.NDArray[np.float64]


def deviations(model: Maximum) -> list[tuple[Floats, Floats]]:
    """Return, for each group, standard deviations of all variables and of their residuals."""
    found = []
    for block in model.blocks:
        own = np.diag(block.matrices(model.theta)[1])
        sd: Floats = np.sqrt(np.maximum(np.diag(block.spread(model.theta)), 1e-300))
        found.append((sd, np.sqrt(np.where(own > 0, own, np.nan))))
    return found


def modification_table(
    model: Maximum,
    extra: Sequence[Parameter],
    spreads: Sequence[tuple[Floats, Floats]],
    *,
    derive: Derive = derivatives,
) -> pd.DataFrame:
    """Return one row per parameter of `extra`, which the model does not have, largest gain first.

    `spreads` holds standard deviations of the variables of each group, and of their residuals.
    """
    fall, change = gains(model, extra, derive)
    rows = []
    for row, chisq, epc in zip(extra, fall, change, strict=True):
        block, (sd, own) = model.blocks[row.block], spreads[row.block]
        left, right = (block.names.index(name) for name in (row.lhs, row.rhs or row.lhs))
        factors = {
            "=~": sd[left] / sd[right], "~": sd[right] / sd[left], "~1": 1 / sd[left],
            "~~": 1 / (own[left] * own[right]),
        }  # fmt: skip
        scaled = epc * factors[row.op]
        rows.append(
            {
                "lhs": row.lhs, "op": row.op, "rhs": row.rhs,
                "sample": model.samples[row.group].label, "term": row.name, "statistic": chisq,
                "df": 1, "p_value": stats.chi2.sf(chisq, 1), "change": epc,
                "change_standardised": scaled,
            }
        )  # fmt: skip
    frame = pd.DataFrame(rows).dropna(subset=["statistic"])
    return frame.sort_values("statistic", ascending=False, ignore_index=True)


def equality_table(model: Maximum, *, derive: Derive = derivatives) -> pd.DataFrame:
    """Return one row per parameter held equal across groups, and one for all together."""
    first: dict[int, int] = {}
    for i, row in enumerate(model.table.rows):
        first.setdefault(row.free, i)
    shared = [(first[r.free], i) for i, r in enumerate(model.table.rows) if r.free >= 0]
    rows = [i for start, i in sorted(shared) if i != start]
    columns = ["term", "sample", "statistic", "df", "p_value"]
    if not rows:
        return pd.DataFrame(columns=columns)
    single, together = releases(model, rows, derive)
    table = [
        {
            "term": model.table.rows[i].name,
            "sample": model.samples[model.table.rows[i].group].label,
            "statistic": value,
            "df": 1,
        }
        for i, value in zip(rows, single, strict=True)
    ]
    table.append({"term": "(all)", "sample": "", "statistic": together, "df": len(rows)})
    frame = pd.DataFrame(table)
    return frame.assign(p_value=stats.chi2.sf(frame["statistic"], frame["df"]))[columns]


def scores(model: Maximum, *, method: str, index: pd.Index) -> pd.DataFrame:
    """Return factor scores of everybody analysed, one column per factor."""
    if method not in ("regression", "bartlett"):
        raise MeasurementError(f"`method` must be 'regression' or 'bartlett', got '{method}'.")
    names = model.blocks[0].latent
    if not names:
        raise MeasurementError("The model has no latent variable to score.")
    done = pd.DataFrame(np.nan, index=index, columns=list(names))
    for number, (block, sample) in enumerate(zip(model.blocks, model.samples, strict=True)):
        p = len(block.observed)
        spread = block.spread(model.theta)
        centre = _centre(block, model.theta)
        own = np.full((sample.n, len(names)), np.nan)
        for part in model.seen[number]:
            d = residuals(sample, model.moments[number], part)
            if method == "regression":
                weights = spread[p:, :p] @ part.precision
            else:
                weights = _bartlett(_measuring(model, number), part)[: len(names)]
            own[part.pattern.rows] = centre + d @ weights.T
        done.iloc[sample.rows] = own
    return done


def _centre(block: Block, theta: Floats) -> Floats:
    """Means of the factors; what is observed has its own mean where the model has none."""
    a, _, m = block.matrices(theta)
    p = len(block.observed)
    total = np.linalg.inv(np.eye(len(a)) - a)
    inner = np.linalg.inv(np.eye(len(a) - p) - a[p:, p:])
    means: Floats = inner @ a[p:, :p] @ block.mean if len(block.mean) else (total @ m)[p:]
    return means


def _measuring(model: Maximum, number: int) -> Floats:
    """Effects on observed variables of latent ones, then of those nothing leads to, (p, m + q).

    Effects by way of a latent variable do not count: it is known where scores are sought.
    """
    block = model.blocks[number]
    p = len(block.observed)
    a = block.matrices(model.theta)[0][:p]
    within = np.linalg.inv(np.eye(p) - a[:, :p])
    return np.hstack([within @ a[:, p:], within[:, ~a.any(axis=1)]])


def _bartlett(loadings: Floats, part: Seen) -> Floats:
    """Weights of Bartlett's scores; nan for factors none of whose own items was answered."""
    measured = (loadings[part.pattern.seen] != 0).any(axis=0)
    own = loadings[:, measured]
    weighted = own.T @ part.precision
    weights = np.full(loadings.T.shape, np.nan)
    weights[measured] = np.linalg.pinv(weighted @ own, hermitian=True) @ weighted
    return weights
