"""How two variables go together within units and between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from crosslevel.errors import MeasurementError
from crosslevel.frames import require_finite
from crosslevel.psychometrics.grouping import Floats, pair, refusal


@dataclass(frozen=True, slots=True, repr=False)
class Waba:
    """Within-and-between analysis of two variables.

    The raw correlation is eta_between_x * eta_between_y * r_between + eta_within_x * eta_within_y
    * r_within. `r_between` weights groups by their size, `r_means` counts each group once.
    """

    r_raw: float
    eta_between_x: float
    eta_between_y: float
    r_between: float
    eta_within_x: float
    eta_within_y: float
    r_within: float
    r_means: float
    n: int
    groups: int

    def __repr__(self) -> str:
        return (
            f"r = {self.r_raw:.3f}: {self.r_between:.3f} between groups (etas "
            f"{self.eta_between_x:.3f} and {self.eta_between_y:.3f}), {self.r_within:.3f} within "
            f"(etas {self.eta_within_x:.3f} and {self.eta_within_y:.3f}); {self.n} persons in "
            f"{self.groups} groups"
        )


def waba(x: pd.Series, y: pd.Series, groups: pd.Series) -> Waba:
    """Return the parts of a correlation that lie between and within groups.

    Parameters
    ----------
    x, y
        (n_persons,) numbers; a person without both is left out.
    groups
        (n_persons,) the group of each person, with the same index.

    Returns
    -------
    Waba
        nan for a part in which either variable does not vary.

    Raises
    ------
    MeasurementError
        With fewer than two groups, or infinite values.

    Notes
    -----
    Source: Dansereau, Alutto & Yammarino (1984). Agrees with R multilevel::waba.

    Examples
    --------
    >>> frame = pd.DataFrame({"unit": list("aabb"), "x": [1, 2, 3, 4], "y": [2, 1, 4, 3]})
    >>> waba(frame["x"], frame["y"], frame["unit"]).r_within
    -1.0
    """
    if not x.index.equals(y.index):
        raise MeasurementError(
            "The two variables have different indexes: take both from one frame."
        )
    for values, name in ((x, "x"), (y, "y")):
        frame = values.to_frame(name if values.name is None else str(values.name))
        require_finite(frame, error=MeasurementError)
    data = pair(pd.DataFrame({"x": x, "y": y}), groups)
    if len(data.names) < 2:
        names = pd.DataFrame(columns=[x.name, y.name])
        raise refusal(names, f"everyone is in one group, '{data.names[0]}'.")
    means = data.means()
    between = means[data.codes]
    within = data.cells - between
    return Waba(
        r_raw=_r(data.cells, data.cells),
        eta_between_x=_eta(between[:, 0], data.cells[:, 0]),
        eta_between_y=_eta(between[:, 1], data.cells[:, 1]),
        r_between=_r(between, data.cells),
        eta_within_x=_eta(within[:, 0], data.cells[:, 0]),
        eta_within_y=_eta(within[:, 1], data.cells[:, 1]),
        r_within=_r(within, data.cells),
        r_means=_r(means, data.cells),
        n=len(data.codes),
        groups=len(data.names),
    )


def _r(part: Floats, whole: Floats) -> float:
    """Correlation of two columns of a part; nan when one has only the rounding left by centring."""
    still = np.std(part, axis=0) <= 1e-9 * np.max(np.abs(whole), axis=0)
    if len(part) < 3 or bool(np.any(still)):
        return float("nan")
    return float(np.corrcoef(part[:, 0], part[:, 1])[0, 1])


def _eta(part: Floats, whole: Floats) -> float:
    """Share of the standard deviation of a variable that one of its parts has."""
    total = whole.std()
    return float(part.std() / total) if total > 0 else float("nan")
