"""Could an association come from who was asked: checks for one source, each with its limits.

When the same person reports the predictor and the outcome, part of their correlation may come from
that person's mood or style. No check on such data proves that it does not: every result here says
what it can show and what it cannot.
"""

from crosslevel.psychometrics.common_source.added_factor import MethodFactor, method_factor
from crosslevel.psychometrics.common_source.one_component import Harman, harman
from crosslevel.psychometrics.common_source.shared_correlation import Marker, marker
from crosslevel.psychometrics.common_source.split_halves import SplitSample, split_sample
from crosslevel.psychometrics.common_source.split_models import SplitModel, split_sample_model

__all__ = [
    "Harman",
    "Marker",
    "MethodFactor",
    "SplitModel",
    "SplitSample",
    "harman",
    "marker",
    "method_factor",
    "split_sample",
    "split_sample_model",
]
