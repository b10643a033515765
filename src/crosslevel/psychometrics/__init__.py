"""Is the scale sound, and may it be aggregated to the unit."""

from crosslevel.psychometrics.consensus import NULLS, Agreement, rwg
from crosslevel.psychometrics.correlating import correlations
from crosslevel.psychometrics.decomposition import Waba, waba
from crosslevel.psychometrics.intraclass import Aggregation, aggregation
from crosslevel.psychometrics.notices import (
    BoundaryCorrelationWarning,
    EmptyCategoryWarning,
    HeywoodWarning,
    NotPositiveDefiniteWarning,
)
from crosslevel.psychometrics.polychoric import Polychoric, polychoric
from crosslevel.psychometrics.reliability import (
    ItemDirectionWarning,
    Reliability,
    alpha,
    item_statistics,
)

__all__ = [
    "NULLS",
    "Aggregation",
    "Agreement",
    "BoundaryCorrelationWarning",
    "EmptyCategoryWarning",
    "HeywoodWarning",
    "ItemDirectionWarning",
    "NotPositiveDefiniteWarning",
    "Polychoric",
    "Reliability",
    "Waba",
    "aggregation",
    "alpha",
    "correlations",
    "item_statistics",
    "polychoric",
    "rwg",
    "waba",
]
