"""Values with their groups: paired, checked, and reduced to sums per group."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from crosslevel.errors import MeasurementError, Problem
from crosslevel.frames import group_codes, require_finite

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Grouped:
    """Complete rows of (n, k) cells with the code of the group of each row.

    Every code from 0 to len(names) - 1 occurs.
    """

    cells: Floats
    codes: npt.NDArray[np.intp]
    names: tuple[str, ...]

    @property
    def sizes(self) -> Floats:
        """(n_groups,) rows per group."""
        return np.bincount(self.codes, minlength=len(self.names)).astype(np.float64)

    def means(self) -> Floats:
        """(n_groups, k) means."""
        sums = [
            np.bincount(self.codes, weights=column, minlength=len(self.names))
            for column in self.cells.T
        ]
        return np.column_stack(sums) / self.sizes[:, None]

    def variances(self) -> Floats:
        """(n_groups, k) variances with divisor n - 1; nan for a group of one."""
        deviations = self.cells - self.means()[self.codes]
        sums = np.column_stack(
            [
                np.bincount(self.codes, weights=column**2, minlength=len(self.names))
                for column in deviations.T
            ]
        )
        divisor = np.where(self.sizes > 1, self.sizes - 1, np.nan)
        return sums / divisor[:, None]


def refusal(
    values: pd.DataFrame | pd.Series, found: str, *, message: str = "A scale cannot be judged."
) -> MeasurementError:
    """Return the error that says which variables cannot be judged, and why.

    Examples
    --------
    >>> print(refusal(pd.DataFrame(columns=["a", "b", "c"]), "nobody answered them."))
    A scale cannot be judged.
      'a' to 'c': nobody answered them.
    """
    names = list(values.columns) if isinstance(values, pd.DataFrame) else [values.name]
    quoted = [f"'{name}'" for name in names if name is not None]
    between = " and " if len(quoted) == 2 else " to "
    place = between.join(quoted[:1] + quoted[1:][-1:])
    return MeasurementError(message, [Problem(place, found)])


def dropped(rows: int) -> str:
    """Return what a printed result adds about rows that were left out.

    Examples
    --------
    >>> dropped(3), dropped(0)
    (', 3 rows dropped', '')
    """
    return f", {rows} rows dropped" if rows else ""


def check_level(conf_level: float) -> None:
    """Refuse a level of an interval that is no probability.

    Raises
    ------
    MeasurementError
        When it does not lie between 0 and 1.
    """
    if not 0 < conf_level < 1:
        raise MeasurementError(f"`conf_level` must lie between 0 and 1, got {conf_level:g}.")


def check_whole(name: str, value: object) -> None:
    """Refuse a number of things that is no whole number.

    Raises
    ------
    MeasurementError
        Also for 2.0, which is a measurement.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise MeasurementError(f"`{name}` must be a whole number, got {value!r}.")


def check_seed(seed: object, what: str) -> None:
    """Refuse random numbers that could not be drawn again.

    Raises
    ------
    MeasurementError
        Without a seed, or with one that is no whole number.
    """
    if seed is None:
        raise MeasurementError(f"{what} needs `seed`, so that it can be repeated.")
    check_whole("seed", seed)


def pair(values: pd.DataFrame | pd.Series, groups: pd.Series) -> Grouped:
    """Pair values with groups and leave out rows with a missing value or group.

    Raises
    ------
    MeasurementError
        When the two differ in length or index, there are no columns, values are not numeric or
        infinite, or no complete row is left.
    """
    if len(values) != len(groups):
        raise MeasurementError(f"There are {len(values)} values and {len(groups)} groups.")
    if not values.index.equals(groups.index):
        raise MeasurementError(
            "Values and groups have different indexes, so their rows cannot be paired. Take both "
            "from one frame, or give both the respondent as index."
        )
    frame = values.to_frame() if isinstance(values, pd.Series) else values
    if not frame.shape[1]:
        raise MeasurementError("The frame of values has no columns.")
    for name, column in frame.items():
        if not pd.api.types.is_numeric_dtype(column):
            raise refusal(frame[[name]], "is not numeric.")
    named = values.name is not None if isinstance(values, pd.Series) else True
    require_finite(frame if named else frame.set_axis(["values"], axis=1), error=MeasurementError)
    cells = frame.to_numpy(dtype=np.float64, na_value=np.nan)
    keep = np.isfinite(cells).all(axis=1) & groups.notna().to_numpy()
    if not keep.any():
        raise refusal(values, "no row has both a value and a group.")
    codes, names = group_codes(groups[keep])
    return Grouped(cells[keep], codes, tuple(names))
