"""What `truth.yml` may say: the population a simulated study is drawn from.

Every figure is an assumption of the demonstration; none is an estimate from anybody's data.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pydantic import Field, model_validator

from crosslevel.errors import Problem, did_you_mean
from crosslevel.instruments.records import Instrument
from crosslevel.study.spec import Block


class Organisation(Block):
    """How many hospitals, units, people and managers, and who leads what."""

    hospitals: int = Field(default=6, ge=1)
    units: int = Field(default=80, ge=2)
    unit_size: float = Field(default=45, gt=1)
    unit_size_spread: float = Field(default=0.45, ge=0)
    unit_size_minimum: int = Field(default=8, ge=1)
    second_manager: float = Field(default=0.2, ge=0, le=1)
    leads_next_unit: float = Field(default=0.08, ge=0, le=1)


class Response(Block):
    """Who answers, and what an answer may lack."""

    employees_low: float = Field(default=0.35, ge=0, le=1)
    employees_high: float = Field(default=0.65, ge=0, le=1)
    managers: float = Field(default=0.9, ge=0, le=1)
    item_missing: float = Field(default=0.02, ge=0, lt=1)
    not_relevant: float = Field(default=0.01, ge=0, lt=1)


class Background(Block):
    """A background item: shares of its categories, or the mean and spread of a number."""

    shares: dict[int, float] = Field(default_factory=dict)
    mean: float | None = None
    std_dev: float | None = Field(default=None, gt=0)
    follows: str | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Background:
        number = self.mean is not None and self.std_dev is not None
        if number + bool(self.shares) + (self.follows == "unit_size") != 1:
            raise ValueError("give 'shares', or 'mean' and 'std_dev', or 'follows: unit_size'.")
        if self.mean is not None and self.mean <= 0:
            raise ValueError("'mean' must be above 0.")
        return self


class LatentScale(Block):
    """What an item scale measures and how well, before answers are cut into categories."""

    reliability: float = Field(gt=0, lt=1)
    shares: tuple[float, ...] = Field(min_length=2)
    item_spread: float = Field(default=0.25, ge=0)


class ManagerScale(LatentScale):
    """A manager's latent use: how alike the managers of one unit, and the units of a hospital."""

    agreement: float = Field(default=0.5, ge=0, le=1)
    hospital: float = Field(default=0.05, ge=0, lt=1)


class EmployeeScale(LatentScale):
    """An employee's latent score.

    latent = sum slopes * unit's latent use + sum on * other latent scale + background effects
    + mood * shared mood + hospital + unit + person; the random parts have variance 1 in all.
    """

    slopes: dict[str, float] = Field(default_factory=dict)
    on: dict[str, float] = Field(default_factory=dict)
    effects: dict[str, float | dict[int, float]] = Field(default_factory=dict)
    mood: float = Field(default=0.0, ge=0, lt=1)
    icc_unit: float = Field(default=0.0, ge=0, lt=1)
    icc_hospital: float = Field(default=0.0, ge=0, lt=1)

    @property
    def person(self) -> float:
        """Variance left to the person once hospital, unit and mood have theirs."""
        return 1 - self.icc_unit - self.icc_hospital - self.mood**2

    @model_validator(mode="after")
    def _something_left_for_the_person(self) -> EmployeeScale:
        if self.person < 0:
            raise ValueError("icc_unit + icc_hospital + mood squared is above 1.")
        return self


class Truth(Block):
    """The whole population."""

    organisation: Organisation = Organisation()
    response: Response = Response()
    use_correlation: float = Field(default=0.2, gt=-1, lt=1)
    manager_scales: dict[str, ManagerScale]
    employee_scales: dict[str, EmployeeScale]
    manager_background: dict[str, Background] = Field(default_factory=dict)
    employee_background: dict[str, Background] = Field(default_factory=dict)


def check_truth(truth: Truth, *, managers: Instrument, employees: Instrument) -> list[Problem]:
    """Return every name or code of the truth that the instruments do not know.

    Parameters
    ----------
    truth
        The population.
    managers, employees
        The instruments that are to be answered.
    """
    problems: list[Problem] = []
    for block, instrument in (("manager", managers), ("employee", employees)):
        scales = getattr(truth, f"{block}_scales")
        background = getattr(truth, f"{block}_background")
        problems += _unknown(f"{block}_scales", scales, instrument.scales)
        problems += _unknown(
            f"{block}_background", background, [item.id for item in instrument.background]
        )
        problems += _options(block, scales, instrument)
        problems += _categories(block, background, instrument)
        if block == "manager" and any(b.follows for b in truth.employee_background.values()):
            problems.append(Problem("employee_background", "only a manager has staff to follow."))
    for name, scale in truth.employee_scales.items():
        where = f"employee_scales.{name}"
        problems += _unknown(f"{where}.slopes", scale.slopes, truth.manager_scales)
        problems += _unknown(f"{where}.on", scale.on, truth.employee_scales)
        problems += _unknown(f"{where}.effects", scale.effects, truth.employee_background)
    return problems


def _unknown(where: str, names: Iterable[str], known: Iterable[str]) -> list[Problem]:
    """Return a problem for each name that is not among the known."""
    known = list(known)
    return [
        Problem(f"{where}.{n}", f"'{n}' is not known here.", did_you_mean(n, known))
        for n in names
        if n not in known
    ]


def _options(
    block: str, scales: Mapping[str, LatentScale], instrument: Instrument
) -> list[Problem]:
    """Return a problem for each scale whose shares do not fit its items' options."""
    problems = []
    for name, scale in scales.items():
        for item in instrument.items_of(name):
            options = instrument.response_scale_of(item).codes
            if len(options) != len(scale.shares):
                problems.append(
                    Problem(
                        f"{block}_scales.{name}.shares",
                        f"{len(scale.shares)} shares, but '{item.id}' has {len(options)} answers.",
                    )
                )
                break
    return problems


def _categories(
    block: str, background: Mapping[str, Background], instrument: Instrument
) -> list[Problem]:
    """Return a problem for each background item whose shares name unknown codes."""
    problems = []
    known = {item.id: instrument.response_scale_of(item) for item in instrument.background}
    for name, entry in background.items():
        codes = known[name].codes if name in known else ()
        wrong = [str(code) for code in entry.shares if code not in codes]
        if name in known and (wrong or bool(entry.shares) != bool(codes)):
            found = f"code {', '.join(wrong)}" if wrong else "a number"
            answers = ", ".join(map(str, codes)) or "a number"
            problems.append(
                Problem(f"{block}_background.{name}", f"{found}, but the answers are {answers}.")
            )
    return problems
