"""Which estimator of a unit predictor is safer: read off simulated studies.

ERRORS is the table of analysis/recovery/latent_aggregation.md (simulated; contextual effect 0.3, of
a predictor with variance 1): for units, ICC of the score and persons per unit, the root mean square
error of the contextual effect by the three estimators. A test compares the two. A larger
contextual effect speaks more for the latent estimators than the table does, a smaller one less.
"""

from __future__ import annotations

ESTIMATORS = ("manifest", "single-latent", "doubly-latent")
UNITS = (20, 50, 100, 200)
ICCS = (0.05, 0.10, 0.20)
SIZES = (5, 20)
ERRORS: dict[tuple[int, float, int], tuple[float, float, float]] = {
    (20, 0.05, 5): (0.386, 1.153, 1.140),
    (20, 0.05, 20): (0.343, 0.773, 0.846),
    (20, 0.10, 5): (0.317, 0.920, 0.974),
    (20, 0.10, 20): (0.257, 0.440, 0.530),
    (20, 0.20, 5): (0.290, 0.639, 0.747),
    (20, 0.20, 20): (0.201, 0.254, 0.349),
    (50, 0.05, 5): (0.302, 0.914, 0.947),
    (50, 0.05, 20): (0.223, 0.390, 0.482),
    (50, 0.10, 5): (0.252, 0.625, 0.707),
    (50, 0.10, 20): (0.174, 0.211, 0.249),
    (50, 0.20, 5): (0.203, 0.287, 0.347),
    (50, 0.20, 20): (0.136, 0.142, 0.161),
    (100, 0.05, 5): (0.260, 0.837, 0.839),
    (100, 0.05, 20): (0.191, 0.279, 0.337),
    (100, 0.10, 5): (0.240, 0.492, 0.573),
    (100, 0.10, 20): (0.142, 0.153, 0.175),
    (100, 0.20, 5): (0.168, 0.189, 0.221),
    (100, 0.20, 20): (0.099, 0.096, 0.108),
    (200, 0.05, 5): (0.255, 0.575, 0.641),
    (200, 0.05, 20): (0.177, 0.189, 0.216),
    (200, 0.10, 5): (0.211, 0.283, 0.337),
    (200, 0.10, 20): (0.119, 0.101, 0.115),
    (200, 0.20, 5): (0.157, 0.132, 0.155),
    (200, 0.20, 20): (0.086, 0.074, 0.083),
}


def safer(*, clusters: int, icc: float, size: float, items: int) -> tuple[str, str]:
    """Return the estimator with the smallest error in simulated studies, and a sentence why.

    The studies are those with the next smaller number of units, ICC and persons per unit; below the
    smallest of them the answer is "manifest". A predictor of one item has no doubly-latent
    estimator.

    Examples
    --------
    >>> safer(clusters=12, icc=0.1, size=8, items=4)[0]
    'manifest'
    """
    known = (("units", clusters, UNITS), ("ICC", icc, ICCS), ("persons per unit", size, SIZES))
    for name, value, grid in known:
        if value < grid[0]:
            shown = f"{value:.3f}" if name == "ICC" else f"{value:.3g}"
            return "manifest", (
                f"With {name} {shown}, below {grid[0]:g}, latent estimators are too uncertain to "
                "correct anything; unit means draw the effect between units towards the one within."
            )
    cell = (
        max(point for point in UNITS if point <= clusters),
        max(point for point in ICCS if point <= icc),
        max(point for point in SIZES if point <= size),
    )
    errors = dict(zip(ESTIMATORS, ERRORS[cell], strict=True))
    if items < 2:
        del errors["doubly-latent"]
    best = min(errors, key=errors.__getitem__)
    listed = ", ".join(f"{name} {error:.2f}" for name, error in errors.items())
    return best, (
        f"In simulated studies of {cell[0]} units, ICC {cell[1]:.2f} and {cell[2]} persons per "
        f"unit, errors of the contextual effect (RMSE) were: {listed}."
    )
