"""Could an association come from who was asked: checks for one source, each with its limits.

When the same person reports the predictor and the outcome, part of their correlation may come from
that person's mood or style. No check on such data proves that it does not: every result here says
what it can show and what it cannot.
"""

from crosslevel.psychometrics.common_source.harman import Harman, harman
from crosslevel.psychometrics.common_source.marker import Marker, marker
from crosslevel.psychometrics.common_source.split_models import SplitModel, split_sample_model
from crosslevel.psychometrics.common_source.split_sample import SplitSample, split_sample

__all__ = [
    "Harman",
    "Marker",
    "SplitModel",
    "SplitSample",
    "harman",
    "marker",
    "split_sample",
    "split_sample_model",
]
