"""How the people in a file were sampled: weights, strata, clusters and finite populations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from crosslevel.errors import MeasurementError, Problem
from crosslevel.frames import listed, require_columns
from crosslevel.quality.survey.linearised import LONELY, Strata, covariance
from crosslevel.quality.survey.sampling import positive, stages

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.bool_]
Estimator = Callable[[Floats], Floats]


@dataclass(frozen=True, slots=True)
class Projection:
    """What calibration explains of an outcome: X (P, n), weights of the regression, of the end."""

    X: Floats
    fitted: Floats
    after: Floats

    def residual(self, influence: Floats) -> Floats:
        """Return weighted residuals (n, k) for weighted linearised values (n, k).

        e = u - x'B with B from weighted least squares; the last weights weigh it again.
        """
        root = np.sqrt(self.fitted)
        u = influence / self.after[:, None] * root[:, None]
        Q, R = np.linalg.qr((self.X * root).T)
        sure = np.abs(np.diag(R)) > 1e-9 * np.abs(np.diag(R)).max()
        if not sure.all():
            U, size, _ = np.linalg.svd((self.X * root).T, full_matrices=False)
            Q = U[:, size > 1e-9 * size[0]]
        return np.asarray((u - Q @ (Q.T @ u)) / root[:, None] * self.after[:, None])


@dataclass(frozen=True, slots=True, repr=False)
class SurveyDesign:
    """A file of people with their sampling design; made by `design`. Nothing in it changes.

    Attributes
    ----------
    data
        (n, n_columns) one row per person.
    weights
        (n,) how many people of the population each person stands for.
    strata
        Primary sampling units, their strata and sampling fractions.
    inner
        The same for the stages after the first.
    inside
        (n,) people of the domain that is described; the design counts the others too.
    jackknife
        Whether standard errors come from leaving out one sampling unit at a time.
    """

    data: pd.DataFrame
    weights: Floats
    strata: Strata
    inside: Rows
    projections: tuple[Projection, ...] = ()
    jackknife: bool = False
    inner: tuple[Strata, ...] = ()

    @property
    def n(self) -> int:
        """People in the domain."""
        return int(self.inside.sum())

    @property
    def degrees_of_freedom(self) -> float:
        """Primary sampling units with somebody in the domain, less their strata."""
        return self.df_of(self.inside)

    @property
    def effective_n(self) -> float:
        """Kish's effective sample size of the weights, (sum w)^2 / sum w^2."""
        w = self.weights[self.inside]
        return float(w.sum() ** 2 / (w @ w))

    @property
    def design_effect(self) -> float:
        """Kish's design effect of unequal weights, n / effective n."""
        return self.n / self.effective_n

    def df_of(self, rows: Rows) -> float:
        """Return the sampling units among some of the people, less their strata."""
        units = np.unique(self.strata.unit[rows])
        return float(len(units) - len(np.unique(self.strata.stratum[units])))

    def domain(self, rows: pd.Series | Rows) -> SurveyDesign:
        """Return the same design for some of the people.

        Use it instead of leaving rows out of the file: the sampling units without anybody in the
        domain still count in its standard errors.

        Raises
        ------
        MeasurementError
            When `rows` is no truth value per person, or nobody is in the domain.
        """
        chosen = np.asarray(rows)
        if chosen.dtype != np.bool_ or chosen.shape != (len(self.data),):
            raise MeasurementError(
                f"A domain is one truth value for each of the {len(self.data)} rows, got "
                f"{chosen.dtype} of length {chosen.size}."
            )
        inside = self.inside & chosen
        if not inside.any():
            raise MeasurementError("The domain is empty: no row of the data is in it.")
        return replace(self, inside=inside)

    def with_jackknife(self) -> SurveyDesign:
        """Return the same design with delete-one-unit jackknife (JKn) standard errors.

        Use it for estimates without a linearisation; for means and totals both agree closely.

        Raises
        ------
        MeasurementError
            For calibrated weights, which every replicate would have to calibrate again, and for
            strata with one sampling unit.
        """
        if self.projections:
            raise MeasurementError(
                "Calibrated weights have no jackknife here: each replicate would need calibrating "
                "again. Use the linearised standard errors of the calibrated design."
            )
        alone = self.strata.alone
        if alone.any():
            names = ", ".join(f"'{self.strata.names[k]}'" for k in np.flatnonzero(alone)[:5])
            raise MeasurementError(
                f"Stratum {names} has one sampling unit, and the jackknife cannot leave it out. "
                "Merge it with a stratum like it."
            )
        return replace(self, jackknife=True)

    def calibrated(self, weights: Floats, X: Floats, *, equal: bool = False) -> SurveyDesign:
        """Return the design with calibrated weights; X (P, n) are the variables calibrated to.

        Residuals come from a regression under the weights before, or with `equal` weights.
        """
        made = Projection(X, np.ones(len(weights)) if equal else self.weights, weights)
        return replace(self, weights=weights, projections=(*self.projections, made))

    def covariance(self, estimate: Estimator, influence: Floats) -> Floats:
        """Return the covariance (k, k) of an estimate.

        `influence` (n, k) holds each person's weighted contribution; `estimate` recomputes the (k,)
        values from weights (n,) for the jackknife.
        """
        if self.jackknife:
            return self._jackknifed(estimate)
        for projection in self.projections:
            influence = projection.residual(influence)
        made = covariance(influence, self.strata)
        for stage in self.inner:
            made = made + covariance(influence, stage)
        return made

    def _jackknifed(self, estimate: Estimator) -> Floats:
        """Return sum_r (n_h - 1) / n_h (1 - f_h) (t_r - t.)(t_r - t.)' over units left out."""
        s = self.strata
        made = []
        for unit in range(s.units):
            h = s.stratum[unit]
            factor = np.where(s.stratum[s.unit] == h, s.size[h] / (s.size[h] - 1.0), 1.0)
            w = self.weights * np.where(s.unit == unit, 0.0, factor)
            try:
                with np.errstate(divide="ignore", invalid="ignore"):
                    made.append(estimate(w))
            except np.linalg.LinAlgError:
                made.append(np.array([np.nan]))
            if not np.isfinite(made[-1]).all():
                raise MeasurementError(
                    "The jackknife cannot leave out one of the sampling units: the domain, or what "
                    "a coefficient rests on, lies in it alone. Use linearised standard errors."
                )
        values = np.array(made)
        scale = ((s.size - 1.0) / s.size * (1.0 - s.fraction))[s.stratum]
        apart = values - values[scale > 0].mean(axis=0)
        return np.asarray((apart * scale[:, None]).T @ apart)

    def __repr__(self) -> str:
        s = self.strata
        by = "jackknife" if self.jackknife else "linearisation"
        finite = "finite" if (s.fraction > 0).any() else "infinite"
        return (
            f"Survey design: {self.n} of {len(self.data)} people, {s.units} sampling units in "
            f"{s.number} strata of a {finite} population; design effect of weights "
            f"{self.design_effect:.2f}; {len(self.projections)} calibration(s); "
            f"standard errors by {by}"
        )


def design(
    data: pd.DataFrame,
    *,
    weights: str | None,
    strata: str | None = None,
    cluster: str | Sequence[str] | None = None,
    fpc: str | Sequence[str] | None = None,
    nest: bool = False,
    lonely: str = "refuse",
) -> SurveyDesign:
    """Return a file together with how its people were sampled.

    Use it before anything is said about a population: estimates then weigh people by what they
    stand for, and standard errors know strata and clusters. Units are taken as drawn independently
    within strata; without `fpc` only the first stage matters (ultimate clusters).

    Parameters
    ----------
    data
        (n, n_columns) one row per person.
    weights
        Column with positive weights; None when everybody was as likely to be asked.
    strata
        Column of strata; None for none.
    cluster
        Column of primary sampling units, such as the hospital; None when people were drawn singly.
        With several stages, one column for each, the outermost first.
    fpc
        Column, constant in a stratum, with the number of sampling units in the population of the
        stratum, or (all values up to 1) the fraction sampled; None when that is small. With several
        stages, one column for each: units in the stratum, then units in the cluster.
    nest
        Whether cluster names start anew in each stratum; otherwise one in two strata is an error.
    lonely
        What a stratum with a single sampling unit does: `"refuse"`; `"remove"`, it adds nothing to
        the variance; `"adjust"`, it is compared with the mean of all units (careful); `"average"`,
        it adds what the others add on average (later stages: as "remove"). A stratum that was taken
        whole is never lonely.

    Returns
    -------
    SurveyDesign

    Raises
    ------
    MeasurementError
        For missing columns or values, weights that are not positive, clusters in two strata,
        populations that differ within a stratum or are smaller than their sample, a lonely stratum.

    Notes
    -----
    Source: Lumley (2010), Complex Surveys, chapters 1-3; agrees with R survey's `svydesign`.

    Examples
    --------
    >>> people = pd.DataFrame({"w": [2.0, 2, 3, 3], "role": list("aabb")})
    >>> design(people, weights="w", strata="role").degrees_of_freedom
    2.0
    """
    if lonely not in LONELY:
        raise MeasurementError(f"`lonely` must be {', '.join(map(repr, LONELY))}, got {lonely!r}.")
    clusters = [] if cluster is None else listed(cluster)
    fpcs = [] if fpc is None else listed(fpc)
    if fpcs and len(fpcs) != max(len(clusters), 1):
        raise MeasurementError(
            f"Each stage has a population: {max(len(clusters), 1)} stage(s), {len(fpcs)} in `fpc`."
        )
    named = [c for c in (weights, strata, *clusters, *fpcs) if c is not None]
    require_columns(data, named, error=MeasurementError)
    if not len(data):
        raise MeasurementError("The data have no rows; there is nobody to weigh.")
    gaps = [
        Problem(f"column '{c}'", f"is missing on {int(data[c].isna().sum())} row(s).")
        for c in named
        if data[c].isna().any()
    ]
    if gaps:
        raise MeasurementError("A design needs its columns on every row.", gaps)
    w = np.ones(len(data)) if weights is None else positive(data[weights])
    first, *rest = stages(data, strata, clusters, fpcs, nest=nest, lonely=lonely)
    everyone = np.ones(len(data), dtype=np.bool_)
    return SurveyDesign(data.copy(), w, first, everyone, inner=tuple(rest))
