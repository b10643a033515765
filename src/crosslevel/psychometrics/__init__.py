"""Is the scale sound, and may it be aggregated to the unit."""

from crosslevel.psychometrics import common_source
from crosslevel.psychometrics.averaging import Averaging, CutOffs, may_average
from crosslevel.psychometrics.cfa import cfa
from crosslevel.psychometrics.consensus import NULLS, Agreement, rwg
from crosslevel.psychometrics.correlating import correlations
from crosslevel.psychometrics.decomposition import Waba, waba
from crosslevel.psychometrics.intraclass import Aggregation, aggregation
from crosslevel.psychometrics.invariance import Criteria, Invariance, invariance
from crosslevel.psychometrics.item_table import item_statistics
from crosslevel.psychometrics.notices import (
    BoundaryCorrelationWarning,
    EmptyCategoryWarning,
    HeywoodWarning,
    ItemDirectionWarning,
    NotIdentifiedWarning,
    NotPositiveDefiniteWarning,
    ResponseScaleWarning,
    SquareFrameWarning,
)
from crosslevel.psychometrics.omega_total import Omega, omega
from crosslevel.psychometrics.polychoric import Polychoric, polychoric
from crosslevel.psychometrics.raters import RaterAgreement, rater_icc
from crosslevel.psychometrics.reliability import Reliability, alpha
from crosslevel.psychometrics.scale_length import TwoItems, length_for, prophecy, spearman_brown
from crosslevel.psychometrics.sem.result import SemFit

__all__ = [
    "NULLS",
    "Aggregation",
    "Agreement",
    "Averaging",
    "BoundaryCorrelationWarning",
    "Criteria",
    "CutOffs",
    "EmptyCategoryWarning",
    "HeywoodWarning",
    "Invariance",
    "ItemDirectionWarning",
    "NotIdentifiedWarning",
    "NotPositiveDefiniteWarning",
    "Omega",
    "Polychoric",
    "RaterAgreement",
    "Reliability",
    "ResponseScaleWarning",
    "SemFit",
    "SquareFrameWarning",
    "TwoItems",
    "Waba",
    "aggregation",
    "alpha",
    "cfa",
    "common_source",
    "correlations",
    "invariance",
    "item_statistics",
    "length_for",
    "may_average",
    "omega",
    "polychoric",
    "prophecy",
    "rater_icc",
    "rwg",
    "spearman_brown",
    "waba",
]
