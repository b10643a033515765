"""What comes in at the doors of quality: totals, units, levels, names; each test names a defect."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from crosslevel import quality
from crosslevel.errors import MeasurementError

survey = quality.survey


def _staff() -> pd.DataFrame:
    """24 units of ten, coded 101 to 124; nurses respond more often."""
    rng = np.random.default_rng(4)
    role = np.tile(["nurse", "doctor"], 120)
    answered = rng.random(240) < np.where(role == "nurse", 0.8, 0.5)
    unit = np.repeat(np.arange(101, 125), 10)
    return pd.DataFrame({"role": role, "r": answered, "unit": unit})


def test_cells_that_are_written_alike_stay_apart() -> None:
    """("a:b", "c") and ("a", "b:c") were one cell: three people got the weights 5, 5, 5."""
    people = pd.DataFrame({"x": ["a:b", "a", "c"], "y": ["c", "b:c", "d"]})
    with pytest.raises(MeasurementError, match=r"'a:b:c': may be \('a:b', 'c'\) and \('a', 'b:c'"):
        quality.poststratify(people, ["x", "y"], {"a:b:c": 10, "c:d": 5})
    totals = {("a:b", "c"): 7, ("a", "b:c"): 3, ("c", "d"): 5}
    made = quality.poststratify(people, ["x", "y"], totals)
    assert made.weights.tolist() == [7.0, 3.0, 5.0]
    series = quality.poststratify(people, ["x", "y"], pd.Series(totals))
    assert series.weights.tolist() == [7.0, 3.0, 5.0]
    parts = survey.mean(quality.design(people.assign(z=[1.0, 2, 3]), weights=None), "z", by=["x"])
    both = survey.mean(
        quality.design(people.assign(z=[1.0, 2, 3]), weights=None), "z", by=["x", "y"]
    )
    assert parts.groups == ("a", "a:b", "c")
    assert set(both.groups) == {"('a', 'b:c')", "('a:b', 'c')", "c:d"}
    with pytest.raises(MeasurementError, match=r"level '\('q', 'd'\)': has a total and nobody"):
        quality.poststratify(people, ["x", "y"], {**totals, ("q", "d"): 2})
    with pytest.raises(MeasurementError, match="at least one column in `by`"):
        quality.poststratify(people, [], {})


def test_keys_of_margins_that_look_alike() -> None:
    """{1: 10, "1": 90} lost the 10 without a word; a repeated index was a TypeError of float()."""
    people = pd.DataFrame({"g": [1, 2, 1]})
    for totals in ({1: 10, "1": 90, 2: 10}, pd.Series([10, 90, 10], index=[1, 1, 2])):
        with pytest.raises(MeasurementError, match="level '1': has more than one total"):
            quality.rake(people, {"g": totals})
    with pytest.raises(MeasurementError, match="level '2' of 'g' must be a number, got 'many'"):
        quality.rake(people, {"g": {1: 10, 2: "many"}})


def test_whole_numbers_are_levels_with_or_without_point() -> None:
    """Levels 1.0 and 2.0 did not meet the totals of 1 and 2: "level '1.0' ... has no total"."""
    people = pd.DataFrame({"g": [1.0, 2.0, 2.0]})
    made = quality.rake(people, {"g": {1: 10, 2: 4}})
    assert made.weights.tolist() == pytest.approx([10.0, 2.0, 2.0])


def test_units_are_never_bands() -> None:
    """24 units with numbers for names were listed as four bands, '101 to 106' and so on."""
    staff = _staff()
    found = quality.nonresponse(staff, responded="r", by=["role"], unit="unit")
    rates = found.rates()
    assert rates.loc[rates["variable"] == "unit", "level"].tolist() == [
        str(u) for u in range(101, 125)
    ]


def test_constant_predictors_of_a_survey_regression_are_named() -> None:
    """A constant k left the model without a trace in the result."""
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"a": rng.normal(size=30), "b": rng.normal(size=30), "k": 1.0})
    made = survey.regress("a ~ k + b", quality.design(frame, weights=None))
    assert made.dropped == ("k",)
    assert "dropped as aliased: k" in repr(made)
    assert survey.regress("a ~ b", quality.design(frame, weights=None)).dropped == ()


def test_columns_that_determine_each_other_have_no_test() -> None:
    """Two names of one thing gave an F of 1.66e+35."""
    frame = pd.DataFrame({"x": ["a", "b"] * 20, "y": ["p", "q"] * 20})
    for statistic in survey.tables.STATISTICS:
        with pytest.raises(MeasurementError, match="'x' and 'y' determine each other"):
            survey.chi_square(quality.design(frame, weights=None), "x", "y", statistic=statistic)


def test_levels_of_intervals_and_smallest_groups() -> None:
    """conf_level=95 gave nan intervals; minimum=-1 showed groups of one."""
    staff = _staff()
    with pytest.raises(MeasurementError, match="`conf_level` must lie between 0 and 1, got 95"):
        quality.response_rates(staff, responded="r", by=["role"], conf_level=95)
    with pytest.raises(MeasurementError, match="`conf_level` must lie between 0 and 1, got 95"):
        quality.nonresponse(staff, responded="r", by=["role"], conf_level=95)
    with pytest.raises(MeasurementError, match="`conf_level` must lie between 0 and 1, got 95"):
        survey.quantile(quality.design(staff, weights=None), "unit", conf_level=95)
    with pytest.raises(MeasurementError, match="`minimum` must be at least 1, got -1"):
        quality.response_rates(staff, responded="r", by=["role"], minimum=-1)


def test_infinite_values_of_totals_attributes_and_estimates() -> None:
    """A LinAlgError, a band 'nan to nan', and "12 rows dropped" for infinite values."""
    with pytest.raises(MeasurementError, match="column 'b': holds infinite values"):
        quality.calibrate(pd.DataFrame({"b": [1, np.inf, 2.0]}), {"b": 10.0}, size=3)
    with pytest.raises(MeasurementError, match="total of 'b' must be a number, got 'x'"):
        quality.calibrate(pd.DataFrame({"b": [1.0, 2.0]}), {"b": "x"}, size=3)  # type: ignore[dict-item]
    staff = _staff().assign(x=[np.inf, *np.arange(239.0)])
    with pytest.raises(MeasurementError, match="column 'x': holds infinite values"):
        quality.nonresponse(staff, responded="r", by=["x"])
    with pytest.raises(MeasurementError, match="column 'x': holds infinite values"):
        quality.response_rates(staff, responded="r", by="x")
    with pytest.raises(MeasurementError, match="column 'x': holds infinite values"):
        survey.mean(quality.design(staff, weights=None), "x")


def test_one_text_is_a_list_of_one() -> None:
    """by="role" was read letter by letter: columns 'o', 'l' and 'e' not found."""
    staff = _staff()
    one, listed = (quality.response_rates(staff, responded="r", by=by) for by in ("role", ["role"]))
    pd.testing.assert_frame_equal(one, listed)
    found = quality.nonresponse(staff, responded="r", by="role")
    assert found.names == ("role",)


def test_results_are_printed_as_sentences() -> None:
    """Quantiles and tests of independence printed the arguments of their dataclass."""
    staff = _staff()
    design = quality.design(staff, weights=None)
    shown = repr(survey.quantile(design, "unit", 0.5, by="role"))
    assert shown.startswith("quantiles (0 rows dropped)\n  unit at 0.5 in doctor")
    assert "95% interval" in shown
    assert repr(survey.chi_square(design, "role", "r")).startswith(
        "Test of independence (rao-scott-f): statistic "
    )
    rough = repr(survey.chi_square(design, "role", "r", statistic="rao-scott-chisq"))
    assert " on 1 degrees of freedom, p " in rough
