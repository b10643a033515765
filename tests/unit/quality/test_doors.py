"""What comes in at the doors of quality: totals, units, levels, names; each test names a defect."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from crosslevel import quality
from crosslevel.errors import MeasurementError, ModelError
from crosslevel.multilevel import regress
from crosslevel.psychometrics import SquareFrameWarning
from crosslevel.quality import UnavailableIndexWarning

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


def _answers() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    return pd.DataFrame(rng.integers(1, 6, size=(120, 6)).astype(float), columns=list("abcdef"))


def test_infinite_answers_are_refused_by_name() -> None:
    """Infinite answers counted as given in `missingness`, and gave d = nan in `early_late`."""
    endless = _answers().assign(a=[np.inf, *np.ones(119)], day=range(120))
    with pytest.raises(MeasurementError, match="column 'a': holds infinite values"):
        quality.missingness(endless)
    with pytest.raises(MeasurementError, match="column 'a': holds infinite values"):
        quality.early_late(endless, ["a"], order="day")
    with pytest.raises(MeasurementError, match="item 'a': holds infinite values"):
        quality.mcar(endless)


def test_numbers_for_names_are_refused_in_words() -> None:
    """`'int' object is not iterable`, a TypeError, and KeyError '0' from `careless`."""
    frame = _answers().set_axis(range(6), axis=1)
    said = "Column names must be text, and 6 are not, such as 0"
    holed = frame.mask(frame > 4)
    for call in (
        lambda: quality.missingness(frame),
        lambda: quality.careless(frame, bounds=(1, 5)),
        lambda: quality.report(frame, items=[0, 1]),  # type: ignore[list-item]
        lambda: quality.early_late(frame, [1], order=0),  # type: ignore[list-item, arg-type]
        lambda: survey.mean(quality.design(frame, weights=None), 3),  # type: ignore[arg-type]
        lambda: survey.mean(quality.design(frame, weights=None), "3"),
    ):
        with pytest.raises(MeasurementError, match=said):
            call()
    with pytest.raises(ModelError, match=said):
        quality.impute(holed, seed=1)


def test_a_column_that_is_there_twice() -> None:
    """`survey.mean` ended as AttributeError: 'DataFrame' object has no attribute 'dtype'."""
    twice = pd.concat([_answers(), _answers()[["a"]]], axis=1)
    with pytest.raises(MeasurementError, match="column 'a': is there more than once"):
        survey.mean(quality.design(twice, weights=None), "a")


def test_one_text_is_a_list_of_one_item() -> None:
    """`early_late(.., "ab", ..)` looked for 'a' and 'b'; `careless` and `missingness` refused."""
    frame = _answers().assign(day=range(120), ab=lambda f: f["a"] + f["b"])
    one = quality.early_late(frame, "ab", order="day").tidy()
    pd.testing.assert_frame_equal(one, quality.early_late(frame, ["ab"], order="day").tidy())
    found = quality.missingness(frame.assign(unit="u"), items="a", by="unit")
    assert (found.items["item"].tolist(), found.units["level"].tolist()) == (["a"], ["unit"])
    items = _answers()
    scales = {"s": ["a", "b"], "t": ["c", "d"], "u": ["e", "f"]}
    text, several = (
        quality.careless(items, scales=scales, reverse=reverse, bounds=(1, 5)).table
        for reverse in ("a", ["a"])
    )
    pd.testing.assert_frame_equal(text, several)
    made = quality.impute(items.mask(items["a"] > 4), predictors={"a": "b"}, m=2, seed=1)
    assert made.plan.table().set_index("variable").loc["a", "predictors"] == "b"


def test_imputation_can_be_repeated() -> None:
    """seed=None drew other numbers each time."""
    with pytest.raises(ModelError, match="needs `seed`, so that it can be repeated"):
        quality.impute(_answers().mask(_answers() > 4), seed=None)  # type: ignore[arg-type]


def _fits(**columns: list[object]) -> list[pd.DataFrame]:
    row: dict[str, list[object]] = {"term": ["x"], "estimate": [0.4], "std_error": [0.1]}
    return [pd.DataFrame(row), pd.DataFrame({**row, **columns})]


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"estimate": [np.inf]}, "term 'x': its estimate is inf."),
        ({"estimate": [np.nan]}, "term 'x': its estimate is nan."),
        ({"std_error": [-0.1]}, "term 'x': its standard error is -0.1."),
        ({"std_error": [np.nan]}, "term 'x': its standard error is nan."),
    ],
)
def test_impossible_results_are_not_pooled(columns: dict[str, list[object]], said: str) -> None:
    """They were: an estimate of inf, and 0.1 for a standard error of -0.1."""
    with pytest.raises(ModelError, match="Result 2 cannot be pooled") as caught:
        quality.pool(_fits(**columns))
    assert said in str(caught.value)


def test_results_with_a_term_twice_are_not_pooled() -> None:
    """Two rows 'x' became two terms of one name."""
    twice = [pd.concat([one, one]) for one in _fits()]
    with pytest.raises(ModelError, match="term 'x': is there more than once"):
        quality.pool(twice)
    people = pd.DataFrame({"g": ["a", "b"] * 10, "y": np.arange(20.0)})
    design = quality.design(people, weights=None)
    parts = [survey.mean(design, "y", by="g") for _ in range(2)]
    assert quality.pool(parts).names == ("y (a)", "y (b)")


def test_any_iterable_of_results_is_pooled() -> None:
    """A generator was a TypeError: it has no len()."""
    made = quality.pool(one for one in _fits())
    assert made.m == 2
    with pytest.raises(ModelError, match="`fits` are several results, got one DataFrame"):
        quality.pool(_fits()[0])
    with pytest.raises(ModelError, match="`fits` are several results, got one int"):
        quality.pool(3)  # type: ignore[arg-type]


def test_results_that_do_not_fit_their_covariance() -> None:
    """Three terms with a covariance matrix of two ended in an IndexError while printing."""

    class Odd:
        """One term, and the covariance of two."""

        def tidy(self) -> pd.DataFrame:
            return _fits()[0]

        def vcov(self) -> pd.DataFrame:
            return pd.DataFrame(np.eye(2))

    with pytest.raises(ModelError, match="Result 1 has 1 terms and a covariance matrix of 2"):
        quality.pool([Odd(), Odd()])


def test_the_level_of_a_pooled_r_squared() -> None:
    """conf_level=95 gave a share between nan and nan."""
    rng = np.random.default_rng(1)
    data = [pd.DataFrame(rng.normal(size=(40, 2)), columns=["x", "y"]) for _ in range(2)]
    pooled = quality.pool([regress("y ~ x", frame) for frame in data])
    with pytest.raises(ModelError, match="`conf_level` must lie between 0 and 1, got 95"):
        pooled.r_squared(conf_level=95)


def test_a_matrix_of_correlations_is_noticed() -> None:
    """`careless` and `missingness` read correlations as six respondents without a word."""
    matrix = _answers().corr()
    with pytest.warns(SquareFrameWarning, match="looks like a correlation matrix"):
        quality.missingness(matrix)
    with (
        pytest.warns(UnavailableIndexWarning),
        pytest.warns(SquareFrameWarning, match="looks like a correlation matrix"),
    ):
        quality.careless(matrix)
