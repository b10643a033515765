"""The questions asked after a fit, as methods; each hands on to the module that answers it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pandas as pd

from crosslevel.multilevel.diagnostics import diagnostics
from crosslevel.multilevel.explained import Explained, r_squared
from crosslevel.multilevel.grid import At
from crosslevel.multilevel.influence import Influence, influence
from crosslevel.multilevel.interactions import JohnsonNeyman, johnson_neyman, simple_slopes
from crosslevel.multilevel.margins import contrasts, emmeans, trend_contrasts, trends
from crosslevel.multilevel.residuals import residuals

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from crosslevel.multilevel.result import MultilevelFit


class FollowUp:
    """Methods of `MultilevelFit` that need nothing but its public parts."""

    __slots__ = ()

    def emmeans(
        self,
        by: str | Sequence[str],
        *,
        at: At | None = None,
        average: str = "equal",
        df: str = "satterthwaite",
        conf_level: float = 0.95,
    ) -> pd.DataFrame:
        """Return estimated marginal means, one row per combination of `by`; see `margins`."""
        fit = cast("MultilevelFit", self)
        return emmeans(fit, by, at=at, average=average, df=df, conf_level=conf_level)

    def contrasts(
        self,
        of: str,
        *,
        by: str | Sequence[str] = (),
        at: At | None = None,
        slope: str | None = None,
        kind: str = "pairwise",
        adjust: str = "none",
        average: str = "equal",
        df: str = "satterthwaite",
        conf_level: float = 0.95,
    ) -> pd.DataFrame:
        """Return differences between marginal means, or between slopes of `slope`."""
        fit = cast("MultilevelFit", self)
        if slope is not None:
            return trend_contrasts(
                fit, slope, of, by=by, at=at, kind=kind, adjust=adjust, average=average, df=df,
                conf_level=conf_level,
            )  # fmt: skip
        return contrasts(
            fit, of, by=by, at=at, kind=kind, adjust=adjust, average=average, df=df,
            conf_level=conf_level,
        )  # fmt: skip

    def trends(
        self,
        x: str,
        *,
        by: str | Sequence[str] = (),
        at: At | None = None,
        average: str = "equal",
        df: str = "satterthwaite",
        conf_level: float = 0.95,
    ) -> pd.DataFrame:
        """Return the slope in `x` at each combination of `by`; see `margins`."""
        fit = cast("MultilevelFit", self)
        return trends(fit, x, by=by, at=at, average=average, df=df, conf_level=conf_level)

    def simple_slopes(
        self,
        x: str,
        *,
        moderator: str,
        at: object = None,
        others: At | None = None,
        df: str = "satterthwaite",
        conf_level: float = 0.95,
    ) -> pd.DataFrame:
        """Return the slope in `x` at values of the moderator; see `interactions`."""
        fit = cast("MultilevelFit", self)
        return simple_slopes(
            fit, x, moderator=moderator, at=at, others=others, df=df, conf_level=conf_level
        )

    def johnson_neyman(
        self,
        x: str,
        *,
        moderator: str,
        others: At | None = None,
        df: str = "satterthwaite",
        conf_level: float = 0.95,
    ) -> JohnsonNeyman:
        """Return where along the moderator the slope in `x` differs from zero."""
        fit = cast("MultilevelFit", self)
        return johnson_neyman(
            fit, x, moderator=moderator, others=others, df=df, conf_level=conf_level
        )

    def r_squared(self) -> Explained:
        """Return marginal and conditional R2 and the variance partition; see `explained`."""
        return r_squared(cast("MultilevelFit", self))

    def residuals(self, level: str = "rows") -> pd.DataFrame:
        """Return the residuals of rows, or of the groups of one level; see `residuals`."""
        return residuals(cast("MultilevelFit", self), level)

    def influence(self, group: str, *, method: str = "update") -> Influence:
        """Return Cook's distances and DFBETAS without each level of `group`; see `influence`."""
        return influence(cast("MultilevelFit", self), group, method=method)

    def diagnostics(self, path: Path | str | None = None) -> Figure | Path:
        """Return the diagnostic figure, or write it to `path`; see `diagnostics`."""
        return diagnostics(cast("MultilevelFit", self), path)
