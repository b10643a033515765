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

    Invariance is rejected when CFI falls by more than `cfi` and, besides, RMSEA rises by more than
    `rmsea` or SRMR by more than `srmr_metric` (loadings) or `srmr` (intercepts, residuals).
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
        Which steps, in this order: "configural" (same items), "metric" (equal loadings), "scalar"
        (and intercepts), "strict" (and residual variances). For ordered items ("wlsmv", "dwls"):
        "configural", "thresholds", "scalar" (thresholds and loadings). All when None.
    partial
        Parameters set free all the same: "x3 ~ 1", "f =~ x2".
    estimator, missing
        As in `cfa`.
    criteria
        How much worse a step may fit; Chen's (2007) for large or, up to 300 respondents, for small
        samples when None.

    Returns
    -------
    Invariance

    Raises
    ------
    MeasurementError
        With fewer than two groups, an unknown step, or what `cfa` refuses.

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
            missing=missing,
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
        verdict=_verdict(table, group=group, partial=partial, used=used),
    )


def _in_order(steps: Sequence[str], plan: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Return steps in their order, refusing unknown ones."""
    for step in steps:
        if step not in plan:
            hint = did_you_mean(step, plan) or f"Known: {', '.join(plan)}."
            raise MeasurementError(f"'{step}' is no step of invariance. {hint}")
    if not steps:
        raise MeasurementError("No step of invariance was asked for.")
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
    besides = change["rmsea_change"] > criteria.rmsea or change["srmr_change"] > srmr
    return bool(change["cfi_change"] < -criteria.cfi and besides)


def _close(table: pd.DataFrame, used: Criteria) -> str:
    """Return a caution where CFI alone would have decided otherwise; empty where it would not."""
    upto = table[table["step"].isin(["metric", "scalar"]) & table["holds"]]
    fell = upto[upto["cfi_change"] < -used.cfi] if "cfi_change" in upto else upto.iloc[:0]
    if fell.empty:
        return ""
    named = " and ".join(
        f"{step} ({change:.3f})"
        for step, change in zip(fell["step"], fell["cfi_change"], strict=True)
    )
    return f" With caution: CFI alone falls further than that at {named}."


def _verdict(table: pd.DataFrame, *, group: str, partial: Sequence[str], used: Criteria) -> str:
    """Return what may be compared, in words."""
    holds = dict(zip(table["step"], np.logical_and.accumulate(table["holds"]), strict=True))
    rule = (
        f"{SOURCE}: against a step speaks a fall of CFI by more than {used.cfi:.3f} together with "
        f"a rise of RMSEA above {used.rmsea:.3f}, or of SRMR above {used.srmr_metric:.3f} for "
        f"loadings and {used.srmr:.3f} after"
    )
    exceptions = f" ({', '.join(partial)} left free)" if partial else ""
    if not table["holds"].iloc[0]:
        return (
            f"Means may not be compared between groups of {group}: the model does not fit even "
            f"with nothing held equal (CFI below {_POOR_CFI:.2f} or RMSEA above "
            f"{_POOR_RMSEA:.2f}; Hu & Bentler 1999, Browne & Cudeck 1992)."
        )
    if holds.get("scalar"):
        close = _close(table, used)
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
