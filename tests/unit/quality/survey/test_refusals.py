"""Designs and estimates that cannot be: one readable message each."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2, f

from crosslevel import quality
from crosslevel.errors import FormulaError, MeasurementError, ModelError
from crosslevel.quality.survey.mixtures import mixture_sf, saddlepoint_sf

survey = quality.survey


@pytest.fixture
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    return pd.DataFrame(
        {
            "w": rng.uniform(1, 3, 24),
            "s": np.repeat(["a", "b"], 12),
            "c": np.repeat([f"c{k}" for k in range(8)], 3),
            "N": np.repeat([30.0, 40.0], 12),
            "y": rng.normal(size=24),
            "zero": 0.0,
            "g": ["x", "y", "z"] * 8,
            "one": "q",
        }
    )


def _refused(frame: pd.DataFrame, **options: Any) -> str:
    with pytest.raises(MeasurementError) as caught:
        quality.design(frame, **{"weights": "w", **options})
    return str(caught.value)


def test_designs_that_cannot_be(frame: pd.DataFrame) -> None:
    assert "column 'W': not found." in _refused(frame, weights="W")
    assert "'w' has 1 that are not, the first 0 in row 3" in _refused(
        frame.assign(w=[1.0, 1, 0, *[1.0] * 21])
    )
    assert "the first -2 in row 1" in _refused(frame.assign(w=-2.0))
    assert "Weights 'g' must be numbers" in _refused(frame, weights="g")
    assert "column 's': is missing on 1 row(s)" in _refused(
        frame.assign(s=[None, *frame["s"][1:]]), strata="s"
    )
    assert "`lonely` must be" in _refused(frame, lonely="ignore")
    assert "have no rows" in _refused(frame.iloc[:0])
    mixed = frame.assign(c=["c9", *frame["c"][1:12], "c9", *frame["c"][13:]])
    assert "cluster 'c9': is in strata 'a', 'b'." in _refused(mixed, strata="s", cluster="c")
    quality.design(mixed, weights="w", strata="s", cluster="c", nest=True)
    uneven = frame.assign(N=[31.0, *frame["N"][1:]])
    assert "it differs within 'a'" in _refused(uneven, strata="s", fpc="N")
    assert "stratum 'a': 12 sampled of 3" in _refused(
        frame.assign(N=[3.0] * 12 + [40.0] * 12), strata="s", fpc="N"
    )


def test_domains_that_cannot_be(frame: pd.DataFrame) -> None:
    design = quality.design(frame, weights="w")
    with pytest.raises(MeasurementError, match="The domain is empty: no row"):
        design.domain(frame["y"] > 99)
    with pytest.raises(MeasurementError, match="one truth value for each of the 24 rows"):
        design.domain(frame["y"])
    few = design.domain(frame["g"] == "x")
    with pytest.raises(MeasurementError, match="nobody in it has a value of 'y'"):
        survey.mean(
            quality.design(frame.assign(y=frame["y"].where(frame["g"] != "x")), weights="w").domain(
                frame["g"] == "x"
            ),
            "y",
        )
    with pytest.raises(MeasurementError, match="Calibrate the whole design first"):
        quality.rake(few, {"g": {"x": 1.0}})


def test_estimates_that_cannot_be(frame: pd.DataFrame) -> None:
    design = quality.design(frame, weights="w")
    with pytest.raises(MeasurementError, match="column 'g': holds str values, no numbers"):
        survey.mean(design, "g")
    with pytest.raises(MeasurementError, match="at least one variable"):
        survey.mean(design, [])
    with pytest.raises(MeasurementError, match="The total of 'zero' is zero"):
        survey.ratio(design, "y", "zero")
    with pytest.raises(MeasurementError, match="has no level 'w'; it has 'x', 'y', 'z'"):
        survey.proportion(design, "g", level="w")
    with pytest.raises(MeasurementError, match="`interval` must be"):
        survey.proportion(design, "g", interval="exact")
    with pytest.raises(MeasurementError, match="strictly between 0 and 1"):
        survey.quantile(design, "y", [0.5, 1.0])
    with pytest.raises(MeasurementError, match="`conf_level` must lie"):
        survey.mean(design, "y").tidy(conf_level=95)
    ends = survey.proportion(design, "one").tidy()
    assert ends["estimate"][0] == 1.0 and np.isnan(ends["conf_low"][0])


def test_models_and_tests_that_cannot_be(frame: pd.DataFrame) -> None:
    design = quality.design(frame, weights="w", cluster="c")
    with pytest.raises(FormulaError, match="has no random terms"):
        survey.regress("y ~ 1 + (1 | g)", design)
    with pytest.raises(ModelError, match="Perfect separation"):
        split = frame.assign(up=(frame["y"] > 0).astype(float))
        survey.regress("up ~ y", quality.design(split, weights="w"), family="binomial")
    with pytest.raises(MeasurementError, match="cannot carry 8 coefficients"):
        wide = frame.assign(**{f"x{k}": np.cos(k * np.arange(24.0)) for k in range(1, 8)})
        terms = " + ".join(f"x{k}" for k in range(1, 8))
        few = quality.design(wide, weights="w", strata="s", cluster="c")
        survey.regress(f"y ~ {terms}", few)
    with pytest.raises(MeasurementError, match="'g' has 3 with values of 'y': 'x', 'y', 'z'"):
        survey.t_test(design, "y", group="g")
    with pytest.raises(MeasurementError, match=r"got 'rao-scott'\. Did you mean"):
        survey.chi_square(design, "g", "s", statistic="rao-scott")
    with pytest.raises(MeasurementError, match="'one' has 1 level"):
        survey.chi_square(design, "one", "s")
    nearly = frame["g"].where((frame["g"] != "z") | (frame.index > 12), "also z")
    apart = quality.design(frame.assign(h=nearly), weights="w")
    for statistic in survey.tables.STATISTICS:
        with pytest.raises(MeasurementError, match=r"8 combination.* are empty, and the others"):
            survey.chi_square(apart, "g", "h", statistic=statistic)


def test_the_jackknife_needs_the_domain_in_two_units(frame: pd.DataFrame) -> None:
    design = quality.design(frame, weights="w", cluster="c").with_jackknife()
    with pytest.raises(MeasurementError, match="the domain, or what a coefficient rests on"):
        survey.mean(design.domain(frame["c"] == "c1"), "y")
    own = frame.assign(own=(frame["c"] == "c1").astype(float))
    design = quality.design(own, weights="w", cluster="c").with_jackknife()
    with pytest.raises(MeasurementError, match="lies in it alone"):
        survey.regress("y ~ own", design)


def test_mixtures_collapse_to_known_tails() -> None:
    equal = np.full(3, 1.7)
    assert mixture_sf(9.0, equal, np.inf) == pytest.approx(chi2.sf(9.0 / 1.7, 3), rel=1e-12)
    assert mixture_sf(9.0, equal, 12.0) == pytest.approx(f.sf(9.0 / 1.7 / 3, 3, 12), rel=1e-12)
    assert saddlepoint_sf(9.0, equal, 50.0) == pytest.approx(f.sf(9 / 5.1, 3, 50), rel=0.02)
    assert saddlepoint_sf(5.1, equal, 50.0) == pytest.approx(f.sf(1.0, 3, 50), rel=0.02)
    rng = np.random.default_rng(3)
    weights, draws = np.array([0.4, 1.0, 2.5]), rng.chisquare(1, size=(400_000, 3))
    beyond = (draws @ weights > 8.0).mean()
    assert mixture_sf(8.0, weights, np.inf) == pytest.approx(beyond, abs=0.002)
    lopsided = mixture_sf(8.0, np.array([1e-9, 1.0]), np.inf)
    assert lopsided == pytest.approx(chi2.sf(8.0, 1), rel=1e-6)
