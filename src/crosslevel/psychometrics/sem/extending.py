"""What a model would gain from parameters it does not have: score tests.

With scores s and information I of all parameters, and the free ones f at their maximum, a fixed
parameter t changes chi-square by s_t^2 / v, v = I_tt - I_tf I_ff^-1 I_ft, and itself by s_t / v.
Source: Sorbom (1989), Psychometrika 54, eq. 9 and 12.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
import numpy.typing as npt

from crosslevel.psychometrics.sem.matrices import blocks
from crosslevel.psychometrics.sem.maximum import Maximum
from crosslevel.psychometrics.sem.normal import information, score, seen
from crosslevel.psychometrics.sem.roles import Roles
from crosslevel.psychometrics.sem.table import Parameter, Table

Floats = npt.NDArray[np.float64]
Derive = Callable[[Maximum, Table, Floats], tuple[Floats, Floats]]


def gains(model: Maximum, extra: Sequence[Parameter], derive: Derive) -> tuple[Floats, Floats]:
    """Return the fall of chi-square and the expected change of each further parameter, (t,) each.

    `extra` holds parameters that are fixed: at the value their row has in the model, or at nought.
    """
    table, theta = _with_extra(model, extra)
    s, expected = derive(model, table, theta)
    k = model.table.n_free
    inner = np.linalg.pinv(expected[:k, :k], hermitian=True)
    cross = expected[:k, k:]
    v = np.diag(expected)[k:] - np.einsum("kt,kl,lt->t", cross, inner, cross)
    usable = v > 1e-9 * np.maximum(np.diag(expected)[k:], 1e-300)
    own = s[k:]
    fall = np.where(usable, own**2 / np.where(usable, v, 1.0), np.nan)
    change = np.where(usable, own / np.where(usable, v, 1.0), np.nan)
    return fall, change


def releases(model: Maximum, rows: Sequence[int], derive: Derive) -> tuple[Floats, float]:
    """Return the fall of chi-square when each row ceases to equal its like, and when all do.

    `rows` holds positions in the table: rows of later groups that share a free parameter.
    """
    shared, count = [row.free for row in model.table.rows], model.table.n_free
    apart = {row: count + i for i, row in enumerate(rows)}
    theta = [*model.theta, *(model.theta[shared[i]] for i in rows)]
    separate = tuple(
        replace(row, free=apart.get(i, row.free)) for i, row in enumerate(model.table.rows)
    )
    table = replace(model.table, rows=separate)
    s, expected = derive(model, table, np.array(theta))
    # moving the shared parameter moves every row that holds it
    turn = np.eye(len(theta))
    for i in rows:
        turn[apart[i], shared[i]] = 1.0
    s, expected = turn.T @ s, turn.T @ expected @ turn
    single = np.array([_quadratic(s, expected, [*range(count), apart[i]]) for i in rows])
    return single, _quadratic(s, expected, list(range(len(theta))))


def absent(model: Maximum) -> list[Parameter]:
    """Return what a modification could free: what is fixed, and what the model does not have.

    Loadings and covariances; regressions among variables of regressions, where there are any.
    Moments of given predictors stay, and so does a path that the model has under another sign.
    """
    found = []
    for number, part in enumerate(model.table.block_roles):
        rows = model.table.block(number)
        base = replace(rows[0], label="", value=0.0, free=-1, exogenous=False)
        found += [row for row in rows if row.free < 0 and not row.exogenous]
        taken = {row.key for row in rows} | {_turned(row) for row in rows}
        items = [n for n in part.observed if n not in part.exogenous]
        wanted = [(f, "=~", n) for f in part.latent for n in items]
        wanted += [
            (a, "~~", b) for names in (items, part.latent) for a, b in combinations(names, 2)
        ]
        for lhs, op, rhs in [*_regressions(rows, part), *wanted]:
            row = replace(base, lhs=lhs, op=op, rhs=rhs)
            if row.key not in taken:
                found.append(row)
                taken |= {row.key, _turned(row)}
    return found


def _turned(row: Parameter) -> tuple[str, str, str]:
    """The same path as a loading where it is a regression, and the other way round."""
    return row.rhs, {"=~": "~", "~": "=~"}.get(row.op, ""), row.lhs


def _regressions(rows: Sequence[Parameter], part: Roles) -> list[tuple[str, str, str]]:
    """Paths to outcomes and factors among the variables that regressions of the model name."""
    stated = [row for row in rows if row.op == "~"]
    names = dict.fromkeys([*(row.lhs for row in stated), *(row.rhs for row in stated)])
    return [(a, "~", b) for a in names for b in names if a != b and a not in part.exogenous]


def _with_extra(model: Maximum, extra: Sequence[Parameter]) -> tuple[Table, Floats]:
    """Return the table with further free parameters, and where they stand."""
    k = model.table.n_free
    held = {(row.block, row.key): i for i, row in enumerate(model.table.rows)}
    rows, start = list(model.table.rows), list(model.theta)
    for t, row in enumerate(extra):
        freed = replace(row, free=k + t, value=np.nan)
        at = held.get((row.block, row.key))
        start.append(0.0 if np.isnan(row.value) else row.value)
        if at is None:
            rows.append(freed)
        else:
            rows[at] = freed
    return replace(model.table, rows=tuple(rows)), np.array(start)


def derivatives(model: Maximum, table: Table, theta: Floats) -> tuple[Floats, Floats]:
    """Return gradient and expected information of another table at the same moments."""
    known = {(row.block, row.key): v for row, v in zip(model.table.rows, model.values, strict=True)}
    values = [known.get((row.block, row.key), row.value) for row in table.rows]
    means = [block.mean for block in model.blocks] if not table.means else ()
    s, expected = np.zeros(len(theta)), np.zeros((len(theta), len(theta)))
    for block, sample in zip(blocks(table, values, means=means), model.samples, strict=True):
        moments = block.moments(theta, derivatives=True)
        parts = seen(sample, moments) or ()
        s += score(moments, parts)
        expected += information(moments, parts)
    return s, expected


def _quadratic(s: Floats, expected: Floats, at: Sequence[int]) -> float:
    """The score test of a set of parameters."""
    inner = np.linalg.pinv(expected[np.ix_(at, at)], hermitian=True)
    return float(s[list(at)] @ inner @ s[list(at)])
