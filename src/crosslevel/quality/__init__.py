"""Were the answers honest, complete and representative."""

from crosslevel.quality import survey
from crosslevel.quality.attributes import response_rates
from crosslevel.quality.calibrating import calibrate, poststratify, rake
from crosslevel.quality.careless import UnavailableIndexWarning, careless
from crosslevel.quality.cutoffs import DEFAULT_CUTOFFS, INDICES, Cutoff
from crosslevel.quality.early_late import EarlyLate, early_late
from crosslevel.quality.imputations import Imputations
from crosslevel.quality.impute import impute
from crosslevel.quality.mcar import McarTest, mcar
from crosslevel.quality.missingness import Missingness, missingness
from crosslevel.quality.nested import NestedTest
from crosslevel.quality.nonresponse import Nonresponse, nonresponse
from crosslevel.quality.pooling import Pooled, pool
from crosslevel.quality.report import QualityReport, report
from crosslevel.quality.respondents import Careless
from crosslevel.quality.response_weights import ResponseWeights
from crosslevel.quality.split_irv import split_irv
from crosslevel.quality.survey import SurveyDesign, design
from crosslevel.quality.trimming import trim_weights
from crosslevel.quality.weighting import Weighting, WeightsWarning

__all__ = [
    "DEFAULT_CUTOFFS",
    "INDICES",
    "Careless",
    "Cutoff",
    "EarlyLate",
    "Imputations",
    "McarTest",
    "Missingness",
    "NestedTest",
    "Nonresponse",
    "Pooled",
    "QualityReport",
    "ResponseWeights",
    "SurveyDesign",
    "UnavailableIndexWarning",
    "Weighting",
    "WeightsWarning",
    "calibrate",
    "careless",
    "design",
    "early_late",
    "impute",
    "mcar",
    "missingness",
    "nonresponse",
    "pool",
    "poststratify",
    "rake",
    "report",
    "response_rates",
    "split_irv",
    "survey",
    "trim_weights",
]
