"""Who did not respond, how much that can matter, and weights that make up for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import norm

from crosslevel.errors import MeasurementError
from crosslevel.frames import RESULT_COLUMNS, listed, require_columns, require_finite
from crosslevel.multilevel.regression import regress
from crosslevel.multilevel.regression_fit import RegressionFit
from crosslevel.psychometrics.grouping import check_level
from crosslevel.quality.attributes import (
    Attribute,
    attribute,
    check_minimum,
    rates,
    refuse_certain,
    responses,
    shown,
)
from crosslevel.quality.representativeness import (
    Partial,
    Propensities,
    Spread,
    conditional,
    spread,
    unconditional,
)
from crosslevel.quality.response_weights import ResponseWeights, class_weights
from crosslevel.quality.survey.sampling import positive

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, repr=False)
class Nonresponse:
    """What the roster says about who responded.

    Attributes
    ----------
    invited, responded
        People.
    spread
        Variance of the response propensities, its bias and standard error.
    table, partial_table
        Everything, for the analyst: `rates` and `partial` leave out small groups.
    minimum
        People a row that is shown must rest on.
    model
        Logistic regression behind the propensities, with attributes numbered v1, v2, ...
    """

    invited: int
    responded: int
    spread: Spread
    table: pd.DataFrame
    partial_table: pd.DataFrame
    minimum: int
    conf_level: float
    model: RegressionFit
    propensities: Propensities
    index: pd.Index
    names: tuple[str, ...]

    @property
    def rate(self) -> float:
        """Response rate."""
        return self.responded / self.invited

    @property
    def r_indicator(self) -> float:
        """R, 1 when everybody was as likely to respond, without the bias of small samples."""
        return self.spread.r()

    @property
    def largest_bias(self) -> float:
        """Largest bias of a mean of respondents, in standard deviations: S / response rate."""
        return float(np.sqrt(self.spread.adjusted)) / self.propensities.mean

    def tidy(self) -> pd.DataFrame:
        """Return the standard columns, one row per indicator.

        response_rate, r_indicator, r_indicator_unadjusted (with the bias of small samples) and
        largest_bias.
        """
        reach = float(norm.ppf(0.5 + 0.5 * self.conf_level))
        low, high = self.spread.r_interval(reach)
        error = self.spread.r_std_error
        everyone = self.table.iloc[0]
        rows = [
            {
                "term": "response_rate",
                "estimate": self.rate,
                "conf_low": everyone["conf_low"],
                "conf_high": everyone["conf_high"],
            },
            {
                "term": "r_indicator",
                "estimate": self.r_indicator,
                "std_error": error,
                "conf_low": low,
                "conf_high": high,
            },
            {
                "term": "r_indicator_unadjusted",
                "estimate": self.spread.r(adjusted=False),
                "std_error": error,
            },
            {"term": "largest_bias", "estimate": self.largest_bias},
        ]
        return pd.DataFrame(rows).reindex(columns=list(RESULT_COLUMNS))

    def rates(self) -> pd.DataFrame:
        """Return response rates by level, without groups that are too small to be shown."""
        return self.table[shown(self.table, self.minimum)].reset_index(drop=True)

    def partial(self) -> pd.DataFrame:
        """Return partial R-indicators: variable, level, unconditional, conditional, std errors.

        A row without a level is the whole variable: how much of S it makes by itself, and beyond
        all other attributes. The unconditional indicator of a level has a sign: below zero, the
        level is underrepresented. Levels too small to be shown are left out.
        """
        seen = self.rates()
        keys = set(zip(seen["variable"], seen["level"], strict=True))
        keep = [
            level == "" or (variable, level) in keys
            for variable, level in zip(
                self.partial_table["variable"], self.partial_table["level"], strict=True
            )
        ]
        return self.partial_table[keep].reset_index(drop=True)

    def propensity(self) -> pd.DataFrame:
        """Return the logistic regression of response on the attributes, as odds on the log scale.

        Coefficients of small groups are theirs to know: this table is for the analyst.
        """
        table = self.model.tidy(conf_level=self.conf_level)
        numbered = {f"v{k + 1}": name for k, name in enumerate(self.names)}
        terms = [
            f"{numbered[t.split('[', 1)[0]]}[{t.split('[', 1)[1]}" if "[" in t else t
            for t in table["term"]
        ]
        return table.assign(term=terms)

    def weights(self, *, method: str = "classes", classes: int = 5) -> ResponseWeights:
        """Return weights that give respondents the place of people like them.

        Parameters
        ----------
        method
            `"classes"`: people are sorted into classes by propensity, and a respondent counts for
            the invited over the responded of the class; steadier. `"propensity"`: one over the
            propensity.
        classes
            Number of classes; fewer when propensities are tied.

        Raises
        ------
        MeasurementError
            For an unknown method, fewer than two classes, or a class without respondents.

        Notes
        -----
        Source: Rosenbaum & Rubin (1984) for five classes; Little (1986).
        """
        if method not in ("classes", "propensity"):
            raise MeasurementError(f"`method` must be 'classes' or 'propensity', got {method!r}.")
        p, there = self.propensities, self.model.solution.y > 0
        if method == "propensity":
            w, table = p.d / p.rho, pd.DataFrame()
        else:
            w, table = class_weights(p, there, classes)
        made = pd.Series(w[there], index=self.index[there], name="weight")
        return ResponseWeights(method, made, table)

    def sentences(self) -> tuple[str, ...]:
        """Return the finding in words; every criterion with its source."""
        reach = float(norm.ppf(0.5 + 0.5 * self.conf_level))
        low, high = self.spread.r_interval(reach)
        made = [
            f"{self.responded} of {self.invited} invited responded ({100 * self.rate:.0f} %).",
            f"The R-indicator is {self.r_indicator:.2f} ({100 * self.conf_level:g}% interval "
            f"{low:.2f} to {high:.2f}); 1 would mean that all were equally likely to respond, as "
            f"far as {_and(self.names)} can tell (Schouten, Cobben & Bethlehem, 2009).",
            f"For a variable that goes with response as closely as these attributes allow, the "
            f"mean of respondents is off by at most {self.largest_bias:.2f} standard deviations "
            "(Schouten, Cobben & Bethlehem, 2009).",
        ]
        levels = self.partial()
        levels = levels[(levels["level"] != "") & (levels["unconditional"] < 0)]
        sure = levels[levels["unconditional"] + reach * levels["unconditional_se"] < 0]
        if len(sure):
            worst = sure.sort_values("unconditional").iloc[0]
            made.append(
                f"Most underrepresented: {worst['level']} ({worst['variable']}), partial "
                f"R-indicator {worst['unconditional']:.3f} (Schouten, Shlomo & Skinner, 2011)."
            )
        return tuple(made)

    def __repr__(self) -> str:
        return " ".join(self.sentences()[:2])


def nonresponse(
    roster: pd.DataFrame,
    *,
    responded: str,
    by: str | Sequence[str],
    unit: str | None = None,
    weights: str | None = None,
    minimum: int = 5,
    conf_level: float = 0.95,
) -> Nonresponse:
    """Return who responded, by unit and attribute, and whether respondents represent the invited.

    Use it with what the staff list knows of everybody invited. It can see only what the list knows:
    people of one profession and age may still have responded because they were content.

    Parameters
    ----------
    roster
        One row per person invited.
    responded
        Column that says who responded: true or false, or 1 and 0.
    by
        Attributes behind the response propensity, such as profession and age. Numbers with many
        values are cut at their quartiles; a missing value is the level "(unknown)".
    unit
        Column of units, for rates by unit; it does not enter the propensity.
    weights
        Column of design weights of the invited; None when everybody counts alike.
    minimum
        People a row that is shown must rest on; smaller groups are hidden, with others where their
        difference from the total would show them.
    conf_level
        Level of the intervals.

    Returns
    -------
    Nonresponse

    Raises
    ------
    MeasurementError
        For missing columns or infinite values, an unusable `responded`, attributes with one level,
        levels in which everybody or nobody responded, and a level that is no probability.

    Notes
    -----
    Propensities by logistic regression on the main effects of the attributes. R = 1 - 2 S with S
    the standard deviation of the propensities, less its bias; the interval is made on S^2.
    Source: Schouten, Cobben & Bethlehem (2009); Shlomo, Skinner & Schouten (2012); Schouten, Shlomo
    & Skinner (2011).

    Examples
    --------
    >>> staff = pd.DataFrame({"role": ["nurse"] * 60 + ["doctor"] * 40})
    >>> staff["answered"] = [True] * 45 + [False] * 15 + [True] * 20 + [False] * 20
    >>> found = nonresponse(staff, responded="answered", by=["role"])
    >>> found.rates()[["level", "invited", "rate"]]
        level  invited  rate
    0   (all)      100  0.65
    1  doctor       40  0.50
    2   nurse       60  0.75
    >>> round(found.r_indicator, 3)
    0.773
    """
    names = listed(by)
    if not names:
        raise MeasurementError("Name at least one attribute in `by`.")
    check_minimum(minimum)
    check_level(conf_level)
    named = list(dict.fromkeys([*names, *([unit] if unit else [])]))
    require_columns(roster, named, error=MeasurementError)
    require_finite(roster[named], error=MeasurementError)
    there = responses(roster, responded)
    d = np.ones(len(roster))
    if weights is not None:
        require_columns(roster, [weights], error=MeasurementError)
        d = positive(roster[weights])
    known = [attribute(roster, name, banded=name != unit) for name in names]
    refuse_certain(there, known)
    model = _model(there, known, d)
    kind = "model" if weights is None else "HC0"
    model = model.with_vcov(kind)
    s = model.solution
    V = s.mu * (1.0 - s.mu)
    p = Propensities(s.mu, s.X * V, model.covariance.matrix, d)
    units = [] if unit is None or unit in names else [attribute(roster, unit, banded=False)]
    return Nonresponse(
        invited=len(roster),
        responded=int(there.sum()),
        spread=spread(p),
        table=rates(there, [*known, *units], conf_level=conf_level),
        partial_table=_partials(p, known),
        minimum=minimum,
        conf_level=conf_level,
        model=model,
        propensities=p,
        index=roster.index,
        names=tuple(names),
    )


def _model(there: npt.NDArray[np.bool_], known: Sequence[Attribute], d: Floats) -> RegressionFit:
    """Return the logistic regression of response; weights have mean one."""
    columns = {
        f"v{k + 1}": pd.Categorical.from_codes(a.codes.tolist(), categories=pd.Index(a.levels))
        for k, a in enumerate(known)
    }
    frame = pd.DataFrame({"responded": there.astype(float), "w": d / d.mean(), **columns})
    terms = " + ".join(columns)
    return regress(f"responded ~ {terms}", frame, family="binomial", weights="w")


def _partials(p: Propensities, known: Sequence[Attribute]) -> pd.DataFrame:
    """Return one row per attribute and per level with both partial indicators."""
    rows: list[tuple[str, str, float, float, float, float]] = []

    def _add(name: str, level: str, first: Partial, second: Partial) -> None:
        values = (first.estimate, first.std_error, second.estimate, second.std_error)
        rows.append((name, level, *values))

    for one in known:
        others = [a.codes for a in known if a is not one]
        whole, levels = unconditional(p, one.codes)
        within, parts = conditional(p, one.codes, others)
        _add(one.name, "", whole, within)
        for level, first, second in zip(one.levels, levels, parts, strict=True):
            _add(one.name, level, first, second)
    columns = ["unconditional", "unconditional_se", "conditional", "conditional_se"]
    return pd.DataFrame(rows, columns=["variable", "level", *columns])


def _and(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]
