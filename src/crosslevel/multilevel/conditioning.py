"""Change of origin and unit before a fit, exactly undone after it; aliased columns are found here.

With X (P, n) component-first and prior weights w, the fit works on rows sqrt(w) (X B, y - X b0, Z)
whose columns are centred and of unit size; B, b0 and the maps of Z take the result back.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import solve_triangular

from crosslevel.errors import ModelError
from crosslevel.multilevel.coding import Floats
from crosslevel.multilevel.design import INTERCEPT, Design, Factor
from crosslevel.multilevel.statistics import within_slopes

ALIASED = (
    1e-7  # share of a column's length that earlier columns leave over (as lme4's qr tolerance)
)
COLLINEAR = 1e-6  # share of a random column that others leave over; below it, it stays as it is
CANCELS = 1e-2  # share of y's variation within groups left by X; below it y is taken closer first
DOUBTFUL = 1e-4  # below this the columns are orthogonalised twice over instead of only scaled


@dataclass(frozen=True, slots=True)
class Basis:
    """kept (P',) positions of the columns kept; B (P', P') with X_fit = X_kept B."""

    kept: tuple[int, ...]
    B: Floats

    @property
    def log_det(self) -> float:
        """Return log |det B|."""
        return float(np.linalg.slogdet(self.B)[1]) if len(self.kept) else 0.0


@dataclass(frozen=True, slots=True)
class Conditioned:
    """What the engine works on: y (n,), X (P, n), one Z (p, n) per factor, rows weighted.

    `back` holds per factor the (p, p) map from the fit's coefficients to the user's. The user's
    coefficients are `start + scale * B beta`, the user's sigma is `scale * sigma`.
    """

    y: Floats
    X: Floats
    Z: tuple[Floats, ...]
    basis: Basis
    back: tuple[Floats, ...]
    start: Floats
    scale: float
    log_weights: float


def condition(design: Design) -> Conditioned:
    """Return the conditioned problem of a design.

    Raises
    ------
    ModelError
        For a constant outcome, an exact fit, weights that are not positive, a random coefficient
        whose column does not vary.
    """
    root = _root_weights(design)
    y = design.y if design.offset is None else design.y - design.offset
    if np.ptp(y) == 0.0:
        raise ModelError(
            f"The outcome '{design.formula.response}' has the same value on every row."
        )
    X, basis = _predictors(design.X, design.names, design.weights, root)
    if design.n <= len(X):
        raise ModelError(
            f"{design.n} rows cannot carry {len(X)} fixed coefficients and a variance."
        )
    Z, back = zip(*(_random(f, design.weights) for f in design.factors), strict=True)
    weighted = y if root is None else y * root
    whole = float(np.sqrt(weighted @ weighted / len(y)))
    middle = float(y.mean()) if design.names[:1] == (INTERCEPT,) else 0.0
    y = y - middle  # exact where it matters: doubles near one another
    if root is not None:
        X, y, Z = X * root, y * root, tuple(z * root for z in Z)
    coefficients, residual = least_squares(X, y)
    scale = float(np.sqrt(residual @ residual / len(y)))
    if scale <= 1e-13 * whole:
        raise ModelError(
            "The predictors reproduce the outcome exactly; there is nothing to explain."
        )
    start = basis.B @ coefficients
    start[:1] += middle
    return Conditioned(
        y=residual / scale,
        X=X,
        Z=Z,
        basis=basis,
        back=back,
        start=start,
        scale=scale,
        log_weights=0.0 if design.weights is None else float(np.log(design.weights).sum()),
    )


def closer(problem: Conditioned, W: Floats) -> Conditioned | None:
    """Return the problem with y less its regression within groups, or None when nothing is gained.

    W = [X y]'[X y] within groups. Where units differ much more than their members, the slopes of
    all rows leave y with within-group variation that only cancels later, digit by digit.
    """
    P, step = len(W) - 1, within_slopes(W, len(problem.y))
    if W[P, P] - W[P, :P] @ step > CANCELS * W[P, P]:
        return None
    return replace(
        problem,
        y=problem.y - step @ problem.X,
        start=problem.start + problem.scale * (problem.basis.B @ step),
    )


def aliased(design: Design) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Return the positions of the columns to keep, and the names of those that others explain."""
    if np.ptp(design.y) == 0.0:
        raise ModelError(
            f"The outcome '{design.formula.response}' has the same value on every row."
        )
    root = _root_weights(design)
    kept = _predictors(design.X, design.names, design.weights, root)[1].kept
    return kept, tuple(name for k, name in enumerate(design.names) if k not in kept)


def independent(X: Floats, names: tuple[str, ...]) -> tuple[int, ...]:
    """Return the positions of the columns (P, n) that earlier ones do not explain."""
    return _predictors(X, names, None, None)[1].kept


def least_squares(X: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Return coefficients and residuals of y on the rows of X, with one step of refinement."""
    if not len(X):
        return np.zeros(0), y
    L = np.linalg.cholesky(X @ X.T)
    coefficients, residual = np.zeros(len(X)), y
    for _ in range(2):
        step = solve_triangular(L, X @ residual, lower=True)
        coefficients = coefficients + solve_triangular(L, step, lower=True, trans="T")
        residual = y - coefficients @ X
    return coefficients, residual


def lower(T: Floats) -> Floats:
    """Return the lower triangle with a diagonal >= 0 that has the same T T'."""
    L = np.asarray(np.linalg.qr(T.T, mode="r")).T
    return np.asarray(np.tril(L * np.where(np.diag(L) < 0, -1.0, 1.0)))


def _root_weights(design: Design) -> Floats | None:
    if design.weights is None:
        return None
    if (design.weights <= 0).any():
        count = int((design.weights <= 0).sum())
        raise ModelError(f"Weights must be positive; {count} row(s) hold zero or less.")
    return np.sqrt(design.weights)


def _predictors(
    X: Floats, names: tuple[str, ...], weights: Floats | None, root: Floats | None
) -> tuple[Floats, Basis]:
    """Return scaled columns and their basis; columns that earlier ones explain are dropped."""
    centre, size = _centre_and_size(X, names, weights)
    P = len(X)
    B = np.diag(1.0 / np.where(size > 0, size, 1.0))
    shift = centre * np.diag(B)
    if P and names[0] == INTERCEPT:
        B[0, 1:] -= shift[1:]
    scaled = X - centre[:, None]
    scaled *= np.diag(B)[:, None]
    weighted = scaled if root is None else scaled * root
    R = weighted @ weighted.T / X.shape[1]
    try:
        doubtful = bool((size <= 0).any()) or np.diag(np.linalg.cholesky(R)).min() < DOUBTFUL
    except np.linalg.LinAlgError:
        doubtful = True
    if P == 0 or not doubtful:
        return scaled, Basis(tuple(range(P)), B)
    return _orthogonal(scaled, weighted, B, size)


def _orthogonal(scaled: Floats, weighted: Floats, B: Floats, size: Floats) -> tuple[Floats, Basis]:
    """Return orthonormal columns in the original order without the aliased ones (two passes)."""
    n = weighted.shape[1]
    kept: list[int] = []
    maps: list[Floats] = []
    Q = np.zeros((0, n))
    for j in range(len(weighted)):
        column, coordinates = weighted[j].copy(), np.eye(len(weighted))[j]
        for _ in range(2):
            r = Q @ column / n
            column -= r @ Q
            coordinates = coordinates - sum((a * m for a, m in zip(r, maps, strict=True)), 0.0)
        norm = float(np.sqrt(column @ column / n))
        if size[j] <= 0 or norm < ALIASED * max(1.0, float(np.sqrt(weighted[j] @ weighted[j] / n))):
            continue
        kept.append(j)
        maps.append(coordinates / norm)
        Q = np.vstack([Q, column / norm])
    C = np.array(maps).T.reshape(len(weighted), len(kept))
    return C.T @ scaled, Basis(tuple(kept), (B @ C)[kept])


def _centre_and_size(
    X: Floats, names: tuple[str, ...], weights: Floats | None
) -> tuple[Floats, Floats]:
    """Return what to subtract from and divide each row by; size 0 marks a constant beside 1."""
    n = X.shape[1]
    centre = np.zeros(len(X))
    if len(X) and names[0] == INTERCEPT:
        centre[1:] = np.average(X[1:], axis=1, weights=weights) if len(X) > 1 else 0.0
    deviations = (row - middle for row, middle in zip(X, centre, strict=True))
    size = np.sqrt(np.array([float(d @ d) for d in deviations]) / n)
    size[size <= 1e-13 * np.abs(centre)] = 0.0
    return centre, size


def _random(factor: Factor, weights: Floats | None) -> tuple[Floats, Floats]:
    """Return a factor's scaled columns and the map from their coefficients to the user's."""
    if factor.names == (INTERCEPT,):
        return factor.Z, np.eye(1)
    Z, back = np.empty_like(factor.Z), np.eye(factor.p)
    for block in dict.fromkeys(factor.blocks):
        at = [k for k, b in enumerate(factor.blocks) if b == block]
        names = tuple(factor.names[k] for k in at)
        whole = slice(at[0], at[-1] + 1)
        centre, size = _centre_and_size(factor.Z[whole], names, weights)
        if (size <= 0).any():
            name = names[int(np.flatnonzero(size <= 0)[0])]
            raise ModelError(
                f"The random coefficient '{name}' of '{factor.name}' has no variation."
            )
        np.subtract(factor.Z[whole], centre[:, None], out=Z[whole])
        Z[whole] /= size[:, None]
        back[at, at] = 1.0 / size
        if names[0] == INTERCEPT:
            back[at[0], at[1:]] = -(centre / size)[1:]
        if len(at) > 1 + (names[0] == INTERCEPT):
            turn = _whitening(Z[whole])
            Z[whole] = turn @ Z[whole]
            back[:, at] = back[:, at] @ turn.T
    return Z, back


def _whitening(Z: Floats) -> Floats:
    """Return the lower map that makes rows orthonormal; the identity when they are collinear."""
    L = np.eye(len(Z))
    try:
        L = np.linalg.cholesky(Z @ Z.T / Z.shape[1])
    except np.linalg.LinAlgError:
        return L
    return np.asarray(np.linalg.inv(L)) if np.diag(L).min() > COLLINEAR else np.eye(len(Z))
