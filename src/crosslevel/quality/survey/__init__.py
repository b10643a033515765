"""What does a sample say about its population? Estimates that know weights, strata and clusters.

>>> import pandas as pd
>>> from crosslevel import quality
>>> people = pd.DataFrame({"w": [1.0, 1, 2, 2], "use": [1.0, 2, 4, 4], "role": list("aabb")})
>>> sampled = quality.design(people, weights="w", strata="role")
>>> quality.survey.total(sampled, "use").tidy()[["term", "estimate", "std_error"]]
  term  estimate  std_error
0  use      19.0        1.0
"""

from __future__ import annotations

from crosslevel.quality.survey.designing import SurveyDesign, design
from crosslevel.quality.survey.estimates import SurveyEstimates
from crosslevel.quality.survey.estimating import mean, proportion, ratio, total, variance
from crosslevel.quality.survey.models import regress, t_test
from crosslevel.quality.survey.quantiles import SurveyQuantiles, quantile
from crosslevel.quality.survey.tables import IndependenceTest, chi_square

__all__ = [
    "IndependenceTest",
    "SurveyDesign",
    "SurveyEstimates",
    "SurveyQuantiles",
    "chi_square",
    "design",
    "mean",
    "proportion",
    "quantile",
    "ratio",
    "regress",
    "t_test",
    "total",
    "variance",
]
