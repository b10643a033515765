"""Is the same thing measured in every group: steps of invariance with a verdict in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pandas as pd

from crosslevel.errors import MeasurementError, did_you_mean
from crosslevel.psychometrics.cfa import LEAST_SQUARES, cfa
from crosslevel.psychometrics.sem.result import SemFit

STEPS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "configural": (),
        "metric": ("loadings",),
        "scalar": ("loadings", "intercepts"),
        "strict": ("loadings", "intercepts", "residuals"),
    }
)
ORDERED_STEPS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "configural": (),
        "thresholds": ("thresholds",),
        "scalar": ("thresholds", "loadings"),
    }
)
SMALL = 300
SOURCE = "Chen (2007)"
_POOR_CFI, _POOR_RMSEA = 0.90, 0.10


@dataclass(frozen=True, slots=True)
class Criteria:
    """How much worse a step may fit than the one before (Chen 2007, p. 501).

    Invariance is rejected when CFI falls by `cfi` or more and, besides, RMSEA rises by `rmsea` or
    SRMR by `srmr_metric` (loadings) or `srmr` (intercepts, residuals), or more.
    """

    cfi: float
    rmsea: float
    srmr_metric: float
    srmr: float


LARGE_SAMPLE = Criteria(cfi=0.010, rmsea=0.015, srmr_metric=0.030, srmr=0.010)
SMALL_SAMPLE = Criteria(cfi=0.005, rmsea=0.010, srmr_metric=0.025, srmr=0.005)


@dataclass(frozen=True, slots=True)
class Invariance:
    """Steps of measurement invariance.

    Attributes
    ----------
    fits
        The fit of each step by name.
    table
        One row per step, as `glance` gives it.
    criteria
        How much worse a step was allowed to fit.
    group
        The column of groups.
    released
        Parameters left free: with any, invariance is partial.
    verdict
        What may be compared, in words, with the source of the criterion.
    """

    fits: Mapping[str, SemFit]
    table: pd.DataFrame
    criteria: Criteria
    group: str
    released: tuple[str, ...]
    verdict: str

    def glance(self) -> pd.DataFrame:
        """Return one row per step: fit, change from the step before, difference test, `holds`."""
        return self.table.copy()

    def tidy(self) -> pd.DataFrame:
        """Return the parameters of every step, with the step in a column of its own."""
        parts = [fit.tidy().assign(step=name) for name, fit in self.fits.items()]
        return pd.concat(parts, ignore_index=True)

    def score_tests(self, step: str = "scalar") -> pd.DataFrame:
        """Return which equal parameters of a step fit worst, largest first."""
        table = self.fits[step].score_tests()
        return table.sort_values("statistic", ascending=False, ignore_index=True)

    @property
    def means_comparable(self) -> bool:
        """Whether means of the scale may be compared between groups."""
        return self._holds("scalar")

    @property
    def associations_comparable(self) -> bool:
        """Whether slopes and correlations may be compared between groups."""
        return self._holds("metric") or self._holds("scalar")

    def _holds(self, step: str) -> bool:
        """Whether a step and those before it hold."""
        upto = list(self.table["step"]).index(step) + 1 if step in set(self.table["step"]) else 0
        return bool(upto) and bool(self.table["holds"].iloc[:upto].all())

    def __repr__(self) -> str:
        shown = self.table[["step", "chisq", "df", "cfi", "rmsea", "srmr", "holds"]].round(3)
        return f"{shown.to_string(index=False)}\n{self.verdict}"


def invariance(
    model: str,
    data: pd.DataFrame,
    *,
    group: str,
    steps: Sequence[str] | None = None,
    partial: Sequence[str] = (),
    estimator: str = "ml",
    missing: str = "drop",
    cluster: str | None = None,
    criteria: Criteria | None = None,
) -> Invariance:
    """Return whether a scale measures the same thing in the same way in every group.

    Use it before means or slopes of a scale are compared between professions, languages or waves.

    Parameters
    ----------
    model
        As `cfa` takes it, without groups.
    data
        (n_persons, n_columns) answers and a column of groups.
    group
        Column of groups.
    steps
        Which steps, in this order, the first among them: "configural" (same items), "metric" (equal
        loadings), "scalar" (and intercepts), "strict" (and residual variances). For ordered items
        ("wlsmv", "dwls"): "configural", "thresholds", "scalar" (thresholds and loadings). All when
        None.
    partial
        Parameters set free all the same: "x3 ~ 1", "f =~ x2".
    estimator, missing, cluster
        As in `cfa`; with a column of units, tests and robust indices allow for answers alike within
        them.
    criteria
        How much worse a step may fit; Chen's (2007) for large or, up to 300 respondents, for small
        samples when None.

    Returns
    -------
    Invariance

    Raises
    ------
    MeasurementError
        With fewer than two groups, an unknown step, steps without the first, or what `cfa` refuses.

    Notes
    -----
    Changes are of robust CFI and RMSEA with a robust estimator; the difference test is then scaled
    (Satorra & Bentler 2001). Source: Chen (2007), Structural Equation Modeling 14, p. 501; Meredith
    (1993); for ordered items Wu & Estabrook (2016), in the delta parameterisation, with indices of
    the scaled test and Satorra's (2000) difference test. Agrees with lavaan.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> f = rng.normal(size=600)
    >>> data = pd.DataFrame({name: f + rng.normal(size=600) for name in "abcd"})
    >>> data["shift"] = ["day", "night"] * 300
    >>> found = invariance("f =~ a + b + c + d", data, group="shift")
    >>> found.means_comparable
    True
    """
    plan = ORDERED_STEPS if estimator in LEAST_SQUARES else STEPS
    steps = _in_order(tuple(plan) if steps is None else steps, plan)
    fits: dict[str, SemFit] = {}
    for step in steps:
        equal = plan[step]
        known = [text for text in partial if step != "configural"]
        fits[step] = cfa(
            model, data, group=group, equal=equal, release=known, estimator=estimator,
            missing=missing, cluster=cluster,
        )  # fmt: skip
    first = fits[steps[0]]
    if len(first.groups) < 2:
        raise MeasurementError(
            f"Column '{group}' has one group ('{first.groups[0]}'), and invariance compares groups."
        )
    used = criteria or (SMALL_SAMPLE if first.n <= SMALL else LARGE_SAMPLE)
    table = _steps_table(fits, used)
    return Invariance(
        fits=MappingProxyType(fits),
        table=table,
        criteria=used,
        group=group,
        released=tuple(partial),
        verdict=_verdict(table, group=group, partial=partial, judged_by=(used, estimator))
        + _improper(fits),
    )


def _in_order(steps: Sequence[str], plan: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Return steps in their order, refusing unknown ones."""
    for step in steps:
        if step not in plan:
            hint = did_you_mean(step, plan) or f"Known: {', '.join(plan)}."
            raise MeasurementError(f"'{step}' is no step of invariance. {hint}")
    first = next(iter(plan))
    if first not in steps:
        raise MeasurementError(
            f"The steps of invariance begin with '{first}': each step is compared with the one "
            "before it, and the first with nothing held equal."
        )
    return [step for step in plan if step in steps]


def _steps_table(fits: Mapping[str, SemFit], criteria: Criteria) -> pd.DataFrame:
    """Return one row per step with its fit and how it compares with the step before."""
    rows: list[dict[str, object]] = []
    before: SemFit | None = None
    for step, fit in fits.items():
        row: dict[str, object] = {
            "step": step,
            "n": fit.n,
            "groups": len(fit.groups),
            "chisq": fit.test.chisq,
            "df": fit.test.df,
            "p_value": fit.measures["p_value"],
            "cfi": fit.index("cfi"),
            "rmsea": fit.index("rmsea"),
            "srmr": fit.measures["srmr"],
            "status": fit.status,
        }
        if before is None:
            row |= {"holds": fit.status == "converged" and _acceptable(fit)}
        else:
            change = before.compare(fit).iloc[0]
            row |= {
                "cfi_change": change["cfi_change"],
                "rmsea_change": change["rmsea_change"],
                "srmr_change": change["srmr_change"],
                "chisq_difference": change["statistic"],
                "df_difference": change["df"],
                "p_difference": change["p_value"],
                "holds": fit.status == "converged" and not _worse(step, change, criteria),
            }
        rows.append(row)
        before = fit
    table = pd.DataFrame(rows)
    last = table.pop("holds").astype(bool)
    return table.assign(holds=last)


def _acceptable(fit: SemFit) -> bool:
    """Whether the model fits at all when nothing is equal."""
    return bool(fit.index("cfi") >= _POOR_CFI and fit.index("rmsea") <= _POOR_RMSEA)


def _worse(step: str, change: pd.Series, criteria: Criteria) -> bool:
    """Whether a step fits worse than it may."""
    srmr = criteria.srmr_metric if step == "metric" else criteria.srmr
    besides = change["rmsea_change"] >= criteria.rmsea or change["srmr_change"] >= srmr
    return bool(change["cfi_change"] <= -criteria.cfi and besides)


def _close(table: pd.DataFrame, used: Criteria) -> str:
    """Return a caution where CFI alone would have decided otherwise; empty where it would not."""
    upto = table[table["step"].isin(["metric", "scalar"]) & table["holds"]]
    fell = upto[upto["cfi_change"] <= -used.cfi] if "cfi_change" in upto else upto.iloc[:0]
    if fell.empty:
        return ""
    named = " and ".join(
        f"{step} ({change:.3f})"
        for step, change in zip(fell["step"], fell["cfi_change"], strict=True)
    )
    return f" With caution: CFI alone falls further than that at {named}."


def _rule(used: Criteria, estimator: str) -> str:
    """Return the rule that steps were judged by, in words."""
    text = (
        f"{SOURCE}: against a step speaks a fall of CFI by {used.cfi:.3f} or more together with a "
        f"rise of RMSEA by {used.rmsea:.3f}, or of SRMR by {used.srmr_metric:.3f} for loadings and "
        f"{used.srmr:.3f} after"
    )
    if estimator in LEAST_SQUARES:
        text += "; found for maximum likelihood on continuous items, borrowed here"
    return text


def _improper(fits: Mapping[str, SemFit]) -> str:
    """Return a caution that names the steps with a negative variance; empty without one."""
    named = []
    for step, fit in fits.items():
        values = fit.estimates(fit.maximum.theta)
        rows = fit.maximum.table.rows
        if any(
            row.op == "~~" and row.lhs == row.rhs and value < 0
            for row, value in zip(rows, values, strict=True)
        ):
            named.append(step)
    if not named:
        return ""
    return f" With caution: a variance is negative in the model of {' and '.join(named)}."


def _open(table: pd.DataFrame, group: str) -> str:
    """Return what the first model without an answer leaves open; empty when all have one."""
    unanswered = table[table["status"] != "converged"]
    if unanswered.empty:
        return ""
    step, status = unanswered["step"].iloc[0], unanswered["status"].iloc[0]
    why = "did not converge" if status == "not converged" else "is not identified"
    what = {"metric": "associations and means", "strict": "residual variances"}.get(step, "means")
    return (
        f"Whether {what} may be compared between groups of {group} cannot be judged: the model of "
        f"step '{step}' {why}."
    )


def _verdict(
    table: pd.DataFrame, *, group: str, partial: Sequence[str], judged_by: tuple[Criteria, str]
) -> str:
    """Return what may be compared, in words."""
    judged = table[(table["status"] == "converged").cummin()]
    unanswered = _open(table, group)
    if judged.empty:
        return unanswered
    known = _judged(judged, group=group, partial=partial, judged_by=judged_by)
    return f"{known} {unanswered}".rstrip()


def _judged(
    table: pd.DataFrame, *, group: str, partial: Sequence[str], judged_by: tuple[Criteria, str]
) -> str:
    """Return what may be compared, from steps whose models have an answer."""
    rule = _rule(*judged_by)
    holds = dict(zip(table["step"], np.logical_and.accumulate(table["holds"]), strict=True))
    exceptions = f" ({', '.join(partial)} left free)" if partial else ""
    if not table["holds"].iloc[0]:
        return (
            f"Means may not be compared between groups of {group}: the model does not fit even "
            f"with nothing held equal (CFI below {_POOR_CFI:.2f}, Bentler & Bonett 1980, or RMSEA "
            f"above {_POOR_RMSEA:.2f}, Browne & Cudeck 1992)."
        )
    if holds.get("scalar"):
        close = _close(table, judged_by[0])
        return f"Means may be compared between groups of {group}{exceptions} ({rule}).{close}"
    if holds.get("metric") and "scalar" in holds:
        return (
            f"Means may not be compared between groups of {group}; associations may "
            f"be{exceptions} ({rule})."
        )
    if holds.get("metric"):
        return f"Associations may be compared between groups of {group}{exceptions} ({rule})."
    if "scalar" in holds and "metric" not in holds:
        return f"Means may not be compared between groups of {group} ({rule})."
    if "metric" in holds:
        return f"Neither means nor associations may be compared between groups of {group} ({rule})."
    return f"The same items measure the scale in every group of {group}; nothing more was asked."
