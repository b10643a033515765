"""Is the scale sound, and may it be aggregated to the unit."""

from crosslevel.psychometrics import common_source
from crosslevel.psychometrics.averaging import Averaging, CutOffs, may_average
from crosslevel.psychometrics.cfa import cfa
from crosslevel.psychometrics.consensus import NULLS, Agreement, rwg
from crosslevel.psychometrics.contextual import ContextualEffect, contextual_effect
from crosslevel.psychometrics.correlating import correlations
from crosslevel.psychometrics.decomposition import Waba, waba
from crosslevel.psychometrics.dimensionality import (
    AveragePartial,
    ParallelAnalysis,
    minimum_average_partial,
    parallel_analysis,
)
from crosslevel.psychometrics.discriminant import Discriminant, discriminant, htmt
from crosslevel.psychometrics.efa import FactorSolution, efa
from crosslevel.psychometrics.factorability import Factorability, factorability
from crosslevel.psychometrics.intraclass import Aggregation, aggregation
from crosslevel.psychometrics.invariance import Criteria, Invariance, invariance
from crosslevel.psychometrics.item_table import item_statistics
from crosslevel.psychometrics.notices import (
    BoundaryCorrelationWarning,
    ConstantItemWarning,
    CorrectionWarning,
    EmptyCategoryWarning,
    HeywoodWarning,
    ItemDirectionWarning,
    NotIdentifiedWarning,
    NotPositiveDefiniteWarning,
    ResponseScaleWarning,
    SquareFrameWarning,
    WeakIdentificationWarning,
)
from crosslevel.psychometrics.omega_total import Omega, omega
from crosslevel.psychometrics.polychoric import Polychoric, polychoric
from crosslevel.psychometrics.raters import RaterAgreement, rater_icc
from crosslevel.psychometrics.reliability import Reliability, alpha
from crosslevel.psychometrics.scale_length import TwoItems, length_for, prophecy, spearman_brown
from crosslevel.psychometrics.schmid_leiman import SchmidLeiman, schmid_leiman
from crosslevel.psychometrics.second_order import second_order_reliability
from crosslevel.psychometrics.sem.result import SemFit
from crosslevel.psychometrics.twolevel.cfa import two_level_cfa
from crosslevel.psychometrics.twolevel.reliability import (
    MultilevelReliability,
    multilevel_reliability,
)
from crosslevel.psychometrics.twolevel.result import TwoLevelFit

__all__ = [
    "NULLS",
    "Aggregation",
    "Agreement",
    "AveragePartial",
    "Averaging",
    "BoundaryCorrelationWarning",
    "ConstantItemWarning",
    "ContextualEffect",
    "CorrectionWarning",
    "Criteria",
    "CutOffs",
    "Discriminant",
    "EmptyCategoryWarning",
    "FactorSolution",
    "Factorability",
    "HeywoodWarning",
    "Invariance",
    "ItemDirectionWarning",
    "MultilevelReliability",
    "NotIdentifiedWarning",
    "NotPositiveDefiniteWarning",
    "Omega",
    "ParallelAnalysis",
    "Polychoric",
    "RaterAgreement",
    "Reliability",
    "ResponseScaleWarning",
    "SchmidLeiman",
    "SemFit",
    "SquareFrameWarning",
    "TwoItems",
    "TwoLevelFit",
    "Waba",
    "WeakIdentificationWarning",
    "aggregation",
    "alpha",
    "cfa",
    "common_source",
    "contextual_effect",
    "correlations",
    "discriminant",
    "efa",
    "factorability",
    "htmt",
    "invariance",
    "item_statistics",
    "length_for",
    "may_average",
    "minimum_average_partial",
    "multilevel_reliability",
    "omega",
    "parallel_analysis",
    "polychoric",
    "prophecy",
    "rater_icc",
    "rwg",
    "schmid_leiman",
    "second_order_reliability",
    "spearman_brown",
    "two_level_cfa",
    "waba",
]
