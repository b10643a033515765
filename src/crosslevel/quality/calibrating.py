"""Weights that make a sample agree with known totals of its population."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from crosslevel.errors import MeasurementError, NotConvergedWarning, Problem
from crosslevel.frames import level_text, listed, require_columns
from crosslevel.quality.distances import calibrated, distance
from crosslevel.quality.margins import Margin, margin, numeric_total, require_alike
from crosslevel.quality.survey.designing import SurveyDesign, design
from crosslevel.quality.survey.domains import Cell, crossed
from crosslevel.quality.weighting import Weighting, WeightsWarning, described

Floats = npt.NDArray[np.float64]
Totals = Mapping[str, float] | pd.Series
CellTotals = Mapping[str, float] | Mapping[tuple[str, ...], float] | pd.Series
ROUNDS = 50  # of raking between two trimmings


def rake(
    data: pd.DataFrame | SurveyDesign,
    margins: Mapping[str, Totals],
    *,
    weights: str | None = None,
    trim: float | tuple[float, float] | None = None,
    tolerance: float = 1e-10,
    max_iterations: int = 500,
) -> Weighting:
    """Return weights whose totals agree with several known margins.

    Use it when the population is known by age and by profession but not by both at once. It removes
    bias as far as people of one margin answer alike whether they took part or not.

    Parameters
    ----------
    data
        (n, n_columns) one row per respondent, or a survey design.
    margins
        Column -> level -> total in the population. All sum alike; if all sum to one they are shares
        and the weights keep their sum.
    weights
        Column of design weights, for a frame; None when everybody was asked alike.
    trim
        Largest weight as a multiple of the mean weight, or (smallest, largest). Weights are cut and
        raked again until both hold.
    tolerance
        Largest relative difference of a total from its target at which raking stops.
    max_iterations
        Rounds over all margins.

    Returns
    -------
    Weighting
        `status` says whether raking converged; if not, it also warns.

    Raises
    ------
    MeasurementError
        For missing columns or values, levels that data and margins do not share, totals that are
        not positive or do not sum alike, weights that are not positive.

    Warns
    -----
    NotConvergedWarning
        When a margin is still off after `max_iterations`, with the largest difference.

    Notes
    -----
    Iterative proportional fitting. Standard errors of the calibrated design come from the residuals
    of an unweighted regression on the margins, as in R survey (with trimming an approximation);
    R sweeps the margins ten times, too few where one of them says much about another, and its
    standard error is then off by some percent.
    Source: Deming & Stephan (1940); Deville & Sarndal (1992); agrees with R survey's `rake`.

    Examples
    --------
    >>> people = pd.DataFrame({"sex": list("ffm"), "role": list("aba")})
    >>> made = rake(people, {"sex": {"f": 10, "m": 10}, "role": {"a": 12, "b": 8}})
    >>> made.weights.round(6).tolist(), made.status
    ([2.0, 8.0, 10.0], 'converged')
    """
    start = starting_design(data, weights)
    low, high = _bounds(trim)
    if not margins:
        raise MeasurementError("Raking needs at least one margin.")
    made = [margin(start.data, name, totals) for name, totals in margins.items()]
    made = require_alike(made, float(start.weights.sum()))
    w, iterations, trimmed = start.weights, 0, np.zeros(len(start.data), dtype=np.bool_)
    while iterations < max_iterations:
        w, used = _raked(w, made, tolerance, min(max_iterations - iterations, _rounds(trim)))
        iterations += used
        mean = float(w.mean())
        cut = (w < low * mean * (1.0 - 1e-9)) | (w > high * mean * (1.0 + 1e-9))
        if not cut.any() and _off(w, made) <= tolerance:
            break
        trimmed |= cut
        w = np.clip(w, low * mean, high * mean)
    converged = _off(w, made) <= tolerance
    if not converged:
        warnings.warn(_unconverged(w, made, iterations, trim), NotConvergedWarning, stacklevel=2)
    X = np.vstack([m.indicators for m in made])
    return described(
        "raking",
        start.calibrated(w, X, equal=True),
        start.weights,
        made,
        iterations=iterations,
        converged=converged,
        trimmed=trimmed,
    )


def poststratify(
    data: pd.DataFrame | SurveyDesign,
    by: str | Sequence[str],
    totals: CellTotals,
    *,
    weights: str | None = None,
) -> Weighting:
    """Return weights whose totals agree with the population in every cell.

    Use it when the population is known by all the columns at once, and each cell has some twenty
    respondents or more.

    Parameters
    ----------
    by
        One column, or several.
    totals
        Cell -> total; with several columns a cell is ("nurse", "ward"), or "nurse:ward" where that
        is one cell only. If they sum to one they are shares.
    data, weights
        As for `rake`.

    Raises
    ------
    MeasurementError
        As `rake`; and for a name in which ":" may stand for two cells.

    Notes
    -----
    w = d N_cell / sum of d in the cell. Agrees with R survey's `postStratify`.

    Examples
    --------
    >>> people = pd.DataFrame({"role": list("aab")})
    >>> poststratify(people, "role", {"a": 10, "b": 7}).weights.tolist()
    [5.0, 5.0, 7.0]
    """
    start = starting_design(data, weights)
    names = listed(by)
    if not names:
        raise MeasurementError("Name at least one column in `by`.")
    require_columns(start.data, names, error=MeasurementError)
    label, given = ":".join(names), list(totals.items())
    cells = start.data[names]
    if len(names) > 1:
        cell, parts = crossed(start.data, names)
        cells, given = pd.DataFrame({label: cell}), _by_cell(given, parts)
    [made] = require_alike([margin(cells, label, given)], float(start.weights.sum()))
    w = _fitted(start.weights, made)
    final = start.calibrated(w, made.indicators)
    return described("post-stratification", final, start.weights, [made], converged=True)


def calibrate(
    data: pd.DataFrame | SurveyDesign,
    totals: Mapping[str, float | Totals],
    *,
    size: float | None = None,
    weights: str | None = None,
    method: str = "linear",
    bounds: tuple[float, float] | None = None,
    tolerance: float = 1e-10,
) -> Weighting:
    """Return weights whose totals agree with known totals of numbers and categories.

    Use it when the population total of a number is known too, such as last year's score: estimates
    of what goes with it become much more precise (the generalised regression estimator).

    Parameters
    ----------
    totals
        Column -> total of a number, or level -> total of a category (totals, not shares).
    size
        People in the population, when no category says so.
    method
        `"linear"` (GREG), `"exponential"`, whose weights are always positive, or `"logit"`, which
        approaches its `bounds` smoothly.
    bounds
        Smallest and largest factor by which a weight may change, such as (0.5, 2); None for any.
    tolerance
        Largest relative difference of a total from its target.
    data, weights
        As for `rake`.

    Raises
    ------
    MeasurementError
        As `rake`; and when no weights meet the totals (within `bounds`).

    Warns
    -----
    WeightsWarning
        When linear calibration makes negative weights.

    Notes
    -----
    w = d (1 + x'l), or d exp(x'l), with sum w x = totals; cut at `bounds`, or the logit distance.
    Source: Deville & Sarndal (1992), cases 1, 2, 6 and 7; agrees with R survey's `calibrate`
    (calfun "linear", "raking" and "logit", `bounds`).

    Examples
    --------
    >>> people = pd.DataFrame({"before": [1.0, 2.0, 4.0]})
    >>> made = calibrate(people, {"before": 30.0}, size=12)
    >>> round(float(made.weights.sum()), 6)
    12.0
    >>> round(float((made.weights * people["before"]).sum()), 6)
    30.0
    """
    by = distance(method, bounds)
    start = starting_design(data, weights)
    made = [
        margin(start.data, name, given, shares=False)
        if isinstance(given, Mapping | pd.Series)
        else numeric_total(start.data, name, given)
        for name, given in totals.items()
    ]
    if size is not None:
        ones = np.ones((1, len(start.data)))
        made.append(Margin("(people)", ("",), ones, np.array([float(size)])))
    if not made:
        raise MeasurementError("Calibration needs at least one total.")
    require_alike([m for m in made if m.levels != ("",) or m.name == "(people)"], None)
    X, target = np.vstack([m.indicators for m in made]), np.concatenate([m.target for m in made])
    w, iterations = calibrated(X, target, start.weights, by=by, tolerance=tolerance)
    if (w <= 0.0).any():
        warnings.warn(
            f"{int((w <= 0).sum())} weights are not positive; method='exponential' keeps them so.",
            WeightsWarning,
            stacklevel=2,
        )
    final, name = start.calibrated(w, X), f"{method} calibration"
    return described(name, final, start.weights, made, iterations=iterations, converged=True)


def _by_cell(
    given: Sequence[tuple[object, float]], parts: Mapping[str, Cell]
) -> list[tuple[object, float]]:
    """Return totals under the name that each cell has in the data."""
    label, alike = {cell: name for name, cell in parts.items()}, defaultdict[str, list[Cell]](list)
    for cell in label:
        alike[":".join(cell)].append(cell)
    made: list[tuple[object, float]] = []
    problems = []
    for key, total in given:
        if isinstance(key, tuple):
            cell = tuple(map(level_text, key))
            made.append((label.get(cell, repr(cell)), total))
            continue
        if len(alike[str(key)]) > 1:
            shown = " and ".join(map(repr, alike[str(key)]))
            problems.append(Problem(f"'{key}'", f"may be {shown}.", "Give the levels as a tuple."))
        made.append((key, total))
    if problems:
        raise MeasurementError("These cells have several meanings.", problems)
    return made


def starting_design(data: pd.DataFrame | SurveyDesign, weights: str | None) -> SurveyDesign:
    """Return the design that new weights start from."""
    if not isinstance(data, SurveyDesign):
        return design(data, weights=weights)
    if weights is not None:
        raise MeasurementError("A survey design has its weights already; leave `weights` out.")
    if data.n < len(data.data) or data.jackknife:
        raise MeasurementError(
            "Calibrate the whole design first, then choose a domain or the jackknife."
        )
    return data


def _bounds(trim: float | tuple[float, float] | None) -> tuple[float, float]:
    if trim is None:
        return 0.0, np.inf
    low, high = (0.0, float(trim)) if isinstance(trim, int | float) else trim
    if not 0.0 <= low < 1.0 < high:
        raise MeasurementError(
            "`trim` is the largest weight as a multiple of the mean, above 1, or (smallest, "
            f"largest) around 1; got {trim!r}."
        )
    return low, high


def _rounds(trim: object) -> int:
    return 10**9 if trim is None else ROUNDS


def _raked(w: Floats, margins: list[Margin], tolerance: float, rounds: int) -> tuple[Floats, int]:
    """Return weights fitted to each margin in turn until all hold, and the rounds it took."""
    for used in range(1, rounds + 1):
        for one in margins:
            w = _fitted(w, one)
        if _off(w, margins) <= tolerance:
            return w, used
    return w, rounds


def _fitted(w: Floats, one: Margin) -> Floats:
    factor = one.target / (one.indicators @ w)
    return np.asarray(w * (factor @ one.indicators))


def _off(w: Floats, margins: Sequence[Margin]) -> float:
    """Return the largest relative difference of a total from its target."""
    return max(float(np.abs(m.indicators @ w / m.target - 1.0).max()) for m in margins)


def _unconverged(w: Floats, margins: Sequence[Margin], iterations: int, trim: object) -> str:
    worst = max(margins, key=lambda m: np.abs(m.indicators @ w / m.target - 1.0).max())
    gap = np.abs(worst.indicators @ w / worst.target - 1.0)
    level = worst.levels[int(gap.argmax())]
    hint = (
        "Margins may contradict each other through empty combinations; merge levels."
        if trim is None
        else "The trimming bounds may leave no solution; widen them or merge levels."
    )
    return (
        f"Raking did not converge in {iterations} rounds: '{worst.name}' = '{level}' is off its "
        f"target by {100 * float(gap.max()):.3g} %. {hint}"
    )
