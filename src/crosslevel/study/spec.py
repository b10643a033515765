"""What `study.yml` may say: one pydantic model per block, unknown keys refused."""

from __future__ import annotations

from datetime import date as Date  # noqa: N812 (a field is called `date`)
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

RESPONDENT_LEVEL, LINK_LEVEL = "employee", "unit"
ROW = "(row)"
"""Stands for a column: the data carry no identifier, so each row gets its number."""


def _as_text(value: Any) -> Any:
    """Return a number as the text it was written as; anything else unchanged."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


TextValue = Annotated[str, BeforeValidator(_as_text)]


def _tabulator(value: Any) -> Any:
    """Return the character that the word tab stands for; anything else unchanged."""
    return "\t" if value == "tab" else value


Delimiter = Annotated[Literal[",", ";", "|", "\t"] | None, BeforeValidator(_tabulator)]
"""What separates the fields of a file; without it, commas, or tabs in .tsv and .tab files."""


class Block(BaseModel):
    """A block of the file: frozen, and strict about its keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


class Wave(Block):
    """One round of fieldwork."""

    id: str
    label: str


class Source(Block):
    """One data file: which instrument it answers and how it is written."""

    instrument: str
    data: str
    platform: Literal["csv"] = "csv"
    wave: str | None = None
    respondent: str
    values: Literal["codes", "labels"] = "codes"
    language: str | None = None
    missing: tuple[TextValue, ...] = ()
    columns: dict[str, str] = Field(default_factory=dict)
    delimiter: Delimiter = None


class Sources(Block):
    """The data files by respondent level; a study may have no managers."""

    employees: Source
    managers: Source | None = None


class Link(Block):
    """A link table: its file, and the column that names the unit."""

    data: str
    unit: str = "unit"
    delimiter: Delimiter = None


class UnitLink(Link):
    """Which file says to which higher level each unit belongs."""

    columns: dict[str, str] = Field(default_factory=dict)


class EmployeeLink(Link):
    """Which file lists every invited employee and the employee's unit."""

    employee: str = "employee"


class ManagerLink(Link):
    """Which file lists every invited manager and the units the manager leads."""

    manager: str = "manager"
    rule: Literal["sole", "mean-of-managers"] = "sole"


class Links(Block):
    """Who belongs to whom."""

    employees: EmployeeLink
    managers: ManagerLink | None = None
    units: UnitLink | None = None


def _role(value: Any) -> Any:
    """Return 'null' for the YAML word null, which means nothing to YAML and much to us."""
    return "null" if value is None else value


class ModelSpec(Block):
    """One multilevel model, as it was decided before looking at results."""

    id: str
    label: str
    role: Annotated[Literal["null", "main", "secondary"], BeforeValidator(_role)] = "secondary"
    formula: str
    method: Literal["reml", "ml"] = "reml"
    df: Literal["satterthwaite", "kenward-roger", "residual", "normal"] = "satterthwaite"
    covariance: Literal["model", "CR0", "CR2"] = "model"


class ClaimSpec(Block):
    """What the study expected of one term, and how small an association still matters."""

    id: str
    statement: str
    model: str
    term: str
    expected: Literal["positive", "negative"]
    smallest: float = Field(gt=0)


class Estimate(Block):
    """One estimate of a comparison: the term of a model, and who reported the predictor."""

    source: str
    model: str
    term: str


class Comparison(Block):
    """The same predictor as reported by different people: the common-source comparison."""

    use: str
    label: str
    estimates: tuple[Estimate, ...] = Field(min_length=2)


class DisclosureRule(Block):
    """How few people a unit may have before its figures are withheld."""

    minimum: int = Field(default=5, ge=1)


class ReportSpec(Block):
    """A report of the study and the formats it is written in; a name alone means all of them."""

    name: str
    formats: tuple[Literal["html", "pdf", "docx"], ...] = Field(
        default=("html", "pdf", "docx"), min_length=1
    )


def named_report(value: Any) -> Any:
    """Return a report given by its name alone as a block.

    Examples
    --------
    >>> named_report("article")
    {'name': 'article'}
    """
    return {"name": value} if isinstance(value, str) else value


class MeasurementRule(Block):
    """How scales and answers are judged beyond reliability.

    `invariance` names background columns of employees whose groups the scales are compared across;
    `careless` the flags from which a respondent is proposed for exclusion, 0 for no screening.
    """

    invariance: tuple[str, ...] = ()
    careless: int = Field(default=2, ge=0)


class StudySpec(Block):
    """Everything `study.yml` says."""

    title: str
    subtitle: str = ""
    authors: tuple[str, ...] = Field(min_length=1)
    date: Date
    language: str = "en"
    based_on: str = ""
    simulated: bool = False
    seed: int | None = Field(default=None, ge=0)
    conf_level: float = Field(default=0.95, gt=0.5, lt=1)
    levels: tuple[str, ...] = (RESPONDENT_LEVEL, LINK_LEVEL)
    pseudonym_key_from: str | None = None
    waves: tuple[Wave, ...] = ()
    sources: Sources
    links: Links
    scales: tuple[str, ...] = Field(min_length=1)
    labels: dict[str, str] = Field(default_factory=dict)
    models: tuple[ModelSpec, ...] = Field(min_length=1)
    claims: tuple[ClaimSpec, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    disclosure: DisclosureRule = DisclosureRule()
    measurement: MeasurementRule = MeasurementRule()
    reports: tuple[Annotated[ReportSpec, BeforeValidator(named_report)], ...] = Field(
        default=(ReportSpec(name="article"),), min_length=1
    )

    @field_validator("levels")
    @classmethod
    def _levels_start_with_people(cls, levels: tuple[str, ...]) -> tuple[str, ...]:
        if levels[:2] != (RESPONDENT_LEVEL, LINK_LEVEL):
            raise ValueError(
                f"levels must begin with {RESPONDENT_LEVEL}, {LINK_LEVEL}, from low to high, "
                f"got {', '.join(levels) or 'nothing'}."
            )
        return levels

    @model_validator(mode="after")
    def _seed_of_a_simulation(self) -> StudySpec:
        if self.simulated and self.seed is None:
            raise ValueError("a simulated study needs a 'seed' (a whole number).")
        return self

    @property
    def higher_levels(self) -> tuple[str, ...]:
        """Levels above the unit, from low to high."""
        return self.levels[2:]

    def model(self, name: str) -> ModelSpec:
        """Return one model by its id."""
        return next(m for m in self.models if m.id == name)

    @property
    def main_model(self) -> ModelSpec:
        """The model the study is about: that with the role main; without one, the last.

        A null model is taken only when there is no other.
        """
        main = [m for m in self.models if m.role == "main"]
        others = [m for m in self.models if m.role != "null"]
        return (main or others or list(self.models))[-1]
