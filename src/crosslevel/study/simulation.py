"""Item-level survey data drawn from a stated truth: hospitals > units > managers and employees.

An item's answer, before it is cut into categories, is y = lambda eta + sqrt(1 - lambda^2) eps, with
eta the latent score of the person who answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import ndtri

from crosslevel.errors import StudyError
from crosslevel.instruments.records import Instrument, ResponseScale
from crosslevel.study.truth import (
    Background,
    EmployeeScale,
    LatentScale,
    Organisation,
    Truth,
    check_truth,
)

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class SimulatedStudy:
    """The five files of a study: two surveys, two rosters and the units."""

    employees: pd.DataFrame
    managers: pd.DataFrame
    units: pd.DataFrame
    employee_roster: pd.DataFrame
    manager_roster: pd.DataFrame


@dataclass(frozen=True, slots=True)
class _Chart:
    """Who sits where: unit of each employee, hospital of each unit, leads (manager, unit)."""

    hospital: Codes
    size: Codes
    employee_unit: Codes
    lead_manager: Codes
    lead_unit: Codes
    managers: int

    def unit_means(self, values: Floats) -> Floats:
        """Mean over the managers of each unit: (managers, k) -> (units, k)."""
        count = np.bincount(self.lead_unit, minlength=self.size.size)
        columns = [
            np.bincount(self.lead_unit, values[self.lead_manager, k], minlength=self.size.size)
            for k in range(values.shape[1])
        ]
        means: Floats = np.column_stack(columns) / count[:, None]
        return means


def simulate(
    truth: Truth, *, managers: Instrument, employees: Instrument, seed: int
) -> SimulatedStudy:
    """Return one simulated study; the same truth, instruments and seed give the same data.

    Parameters
    ----------
    truth
        The population, as `truth.yml` states it.
    managers, employees
        The two instruments; items are answered in their codes, reversed items reversed.
    seed
        Seed of NumPy's default generator.

    Returns
    -------
    SimulatedStudy
        Answers of those who responded, and rosters of everybody invited.

    Raises
    ------
    StudyError
        When the truth names scales, items or codes that the instruments do not have.

    Notes
    -----
    An item's loading follows from the reliability r of a scale of k items by Spearman-Brown,
    lambda^2 = r / (k - (k - 1) r); cutting answers into categories costs a little of it.
    """
    problems = check_truth(truth, managers=managers, employees=employees)
    if problems:
        raise StudyError("The truth does not fit the instruments.", problems)
    rng = np.random.default_rng(seed)
    chart = _chart(truth.organisation, rng)
    uses = _manager_uses(truth, chart, rng)
    unit_names, hospital_names = _unit_names(chart.hospital)
    manager_names = _names("m", chart.managers)
    employee_names = _names("e", chart.employee_unit.size)

    answering = np.flatnonzero(_answers(truth, chart, rng))
    latent, background = _employees(truth, chart, uses, rng, employees=employees)
    answered = _items(truth, truth.employee_scales, latent, employees, rng, keep=answering)
    answered |= _background_items(truth, background, rng, keep=answering)
    employee_frame = _frame(employees, "employee", employee_names[answering], answered)

    responding = np.flatnonzero(rng.random(chart.managers) < truth.response.managers)
    staff = np.bincount(
        chart.lead_manager, weights=chart.size[chart.lead_unit].astype(np.float64)
    ).astype(np.float64)
    drawn = {
        name: _draw(entry, chart.managers, rng, limits=_scale(managers, name), staff=staff)
        for name, entry in truth.manager_background.items()
    }
    by_scale = dict(zip(truth.manager_scales, uses.T, strict=True))
    reported = _items(truth, truth.manager_scales, by_scale, managers, rng, keep=responding)
    reported |= _background_items(truth, drawn, rng, keep=responding)
    manager_frame = _frame(managers, "manager", manager_names[responding], reported)

    return SimulatedStudy(
        employees=employee_frame,
        managers=manager_frame,
        units=pd.DataFrame({"unit": unit_names, "hospital": hospital_names[chart.hospital]}),
        employee_roster=pd.DataFrame(
            {"employee": employee_names, "unit": unit_names[chart.employee_unit]}
        ),
        manager_roster=pd.DataFrame(
            {"manager": manager_names[chart.lead_manager], "unit": unit_names[chart.lead_unit]}
        ),
    )


def _chart(organisation: Organisation, rng: np.random.Generator) -> _Chart:
    """Draw the organisation: unit sizes are log-normal around `unit_size`."""
    units, spread = organisation.units, organisation.unit_size_spread
    hospital = np.sort(np.arange(units) % organisation.hospitals)
    log_size = rng.normal(np.log(organisation.unit_size) - spread**2 / 2, spread, units)
    size = np.maximum(np.rint(np.exp(log_size)), organisation.unit_size_minimum).astype(np.intp)

    shared = rng.random(units) < organisation.leads_next_unit
    shared[0] = False
    shared &= np.concatenate([[False], hospital[1:] == hospital[:-1]])
    shared[1:] &= ~shared[:-1]
    leader = np.cumsum(~shared) - 1
    second = np.flatnonzero(rng.random(units) < organisation.second_manager)
    first_managers = int(leader[-1]) + 1
    return _Chart(
        hospital=hospital,
        size=size,
        employee_unit=np.repeat(np.arange(units), size),
        lead_manager=np.concatenate([leader, first_managers + np.arange(second.size)]),
        lead_unit=np.concatenate([np.arange(units), second]),
        managers=first_managers + second.size,
    )


def _manager_uses(truth: Truth, chart: _Chart, rng: np.random.Generator) -> Floats:
    """Draw latent uses, (managers, uses), each of variance 1 and correlated between uses."""
    scales = list(truth.manager_scales.values())
    k = len(scales)
    correlation = np.full((k, k), truth.use_correlation)
    np.fill_diagonal(correlation, 1.0)
    root = np.linalg.cholesky(correlation).T
    _, first_unit = np.unique(chart.lead_manager, return_index=True)
    unit = chart.lead_unit[first_unit]
    hospital = np.array([s.hospital for s in scales])
    agreement = np.maximum(np.array([s.agreement for s in scales]), hospital)
    at_hospital = rng.normal(size=(int(chart.hospital.max()) + 1, k)) @ root
    at_unit = rng.normal(size=(chart.size.size, k)) @ root
    own = rng.normal(size=(chart.managers, k)) @ root
    uses: Floats = (
        np.sqrt(hospital) * at_hospital[chart.hospital[unit]]
        + np.sqrt(agreement - hospital) * at_unit[unit]
        + np.sqrt(1 - agreement) * own
    )
    return uses


def _answers(truth: Truth, chart: _Chart, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    """Draw who answers: each unit has its own rate, met to the nearest person."""
    rate = rng.uniform(truth.response.employees_low, truth.response.employees_high, chart.size.size)
    wanted = np.maximum(np.rint(rate * chart.size), 1).astype(np.intp)
    order = np.lexsort((rng.random(chart.employee_unit.size), chart.employee_unit))
    start = np.concatenate([[0], np.cumsum(chart.size)[:-1]])
    rank = np.empty(order.size, dtype=np.intp)
    rank[order] = np.arange(order.size) - start[chart.employee_unit[order]]
    chosen: npt.NDArray[np.bool_] = rank < wanted[chart.employee_unit]
    return chosen


def _employees(
    truth: Truth, chart: _Chart, uses: Floats, rng: np.random.Generator, *, employees: Instrument
) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Draw background and latent scores of everybody invited."""
    n = chart.employee_unit.size
    background = {
        name: _draw(entry, n, rng, limits=_scale(employees, name), staff=None)
        for name, entry in truth.employee_background.items()
    }
    at_work = chart.unit_means(uses)[chart.employee_unit]
    use = dict(zip(truth.manager_scales, at_work.T, strict=True))
    mood = rng.normal(size=n)
    latent: dict[str, Floats] = {}
    for name in _order(truth.employee_scales):
        scale = truth.employee_scales[name]
        at_hospital = rng.normal(size=int(chart.hospital.max()) + 1)
        at_unit = rng.normal(size=chart.size.size)
        eta = scale.mood * mood + np.sqrt(scale.person) * rng.normal(size=n)
        eta += np.sqrt(scale.icc_hospital) * at_hospital[chart.hospital[chart.employee_unit]]
        eta += np.sqrt(scale.icc_unit) * at_unit[chart.employee_unit]
        for other, slope in scale.slopes.items():
            eta += slope * use[other]
        for other, slope in scale.on.items():
            eta += slope * latent[other]
        for other, effect in scale.effects.items():
            eta += _effect(background[other], effect)
        latent[name] = eta
    return latent, background


def _effect(values: Floats, effect: float | Mapping[int, float]) -> Floats:
    """Return slope * value for a number, and the effect of its category for a code."""
    if isinstance(effect, float | int):
        return effect * values
    total = np.zeros_like(values)
    for code, size in effect.items():
        total += size * (values == code)
    return total


def _draw(
    entry: Background,
    n: int,
    rng: np.random.Generator,
    *,
    limits: ResponseScale,
    staff: Floats | None,
) -> Floats:
    """Draw a background item: a category, a whole number (gamma), or the number of staff."""
    if entry.shares:
        weights = np.array(list(entry.shares.values()), dtype=float)
        codes = np.array(list(entry.shares), dtype=float)
        return codes[np.searchsorted(np.cumsum(weights / weights.sum())[:-1], rng.random(n))]
    if entry.follows is not None and staff is not None:
        values = staff
    else:
        mean, std_dev = entry.mean or 1.0, entry.std_dev or 1.0
        values = np.rint(rng.gamma((mean / std_dev) ** 2, std_dev**2 / mean, n))
    low = -np.inf if limits.minimum is None else limits.minimum
    high = np.inf if limits.maximum is None else limits.maximum
    clipped: Floats = np.clip(values, low, high)
    return clipped


def _items(
    truth: Truth,
    scales: Mapping[str, LatentScale],
    latent: Mapping[str, Floats],
    instrument: Instrument,
    rng: np.random.Generator,
    *,
    keep: Codes,
) -> dict[str, Floats]:
    """Return answers in codes, one array per item, nan where nothing was answered."""
    answers: dict[str, Floats] = {}
    for name, scale in scales.items():
        items = instrument.items_of(name)
        k, r = len(items), scale.reliability
        loading = np.sqrt(r / (k - (k - 1) * r))
        cuts = ndtri(np.cumsum(np.array(scale.shares) / np.sum(scale.shares))[:-1])
        shifts = np.linspace(-scale.item_spread, scale.item_spread, k) if k > 1 else np.zeros(1)
        for item, shift in zip(items, shifts, strict=True):
            response = instrument.response_scale_of(item)
            y = loading * latent[name][keep] + np.sqrt(1 - loading**2) * rng.normal(size=keep.size)
            position = np.searchsorted(cuts + shift, y)
            codes = np.sort(np.array(response.codes, dtype=float))
            answer = codes[::-1][position] if item.reverse else codes[position]
            if response.not_relevant is not None:
                aside = rng.random(keep.size) < truth.response.not_relevant
                answer = np.where(aside, float(response.not_relevant.value), answer)
            answers[item.id] = _with_gaps(answer, truth, rng)
    return answers


def _background_items(
    truth: Truth, values: Mapping[str, Floats], rng: np.random.Generator, *, keep: Codes
) -> dict[str, Floats]:
    """Return the background answers of those who responded."""
    return {name: _with_gaps(drawn[keep], truth, rng) for name, drawn in values.items()}


def _with_gaps(values: Floats, truth: Truth, rng: np.random.Generator) -> Floats:
    """Return the values with some left blank."""
    return np.where(rng.random(values.size) < truth.response.item_missing, np.nan, values)


def _frame(
    instrument: Instrument,
    respondent: str,
    names: npt.NDArray[np.str_],
    answers: Mapping[str, Floats],
) -> pd.DataFrame:
    """Return a survey file: the respondent, then the items in the order of the instrument."""
    columns: dict[str, object] = {respondent: names}
    for item in instrument.items:
        if item.id in answers:
            columns[item.id] = pd.Series(answers[item.id]).astype("Int64")
    return pd.DataFrame(columns)


def _names(letter: str, n: int) -> npt.NDArray[np.str_]:
    """Return n identifiers such as e0001, all of one width."""
    width = max(4 if letter == "e" else 3, len(str(n)))
    return np.array([f"{letter}{i:0{width}d}" for i in range(1, n + 1)])


def _unit_names(hospital: Codes) -> tuple[npt.NDArray[np.str_], npt.NDArray[np.str_]]:
    """Return names such as H1-U03 for units and H1 for hospitals."""
    hospitals = np.array([f"H{h + 1}" for h in range(int(hospital.max()) + 1)])
    first = np.searchsorted(hospital, hospital)
    within = np.arange(hospital.size) - first + 1
    units = [f"{hospitals[h]}-U{w:02d}" for h, w in zip(hospital, within, strict=True)]
    return np.array(units), hospitals


def _order(scales: Mapping[str, EmployeeScale]) -> list[str]:
    """Return the scales so that each comes after those it depends on."""
    done: list[str] = []
    while len(done) < len(scales):
        ready = [n for n, s in scales.items() if n not in done and set(s.on) <= set(done)]
        if not ready:
            raise StudyError("The employee scales of the truth depend on each other in a circle.")
        done += ready
    return done


def _scale(instrument: Instrument, name: str) -> ResponseScale:
    """Return the response scale of a background item."""
    return instrument.response_scale_of(instrument.item(name))
