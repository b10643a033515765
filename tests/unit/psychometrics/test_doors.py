"""What comes in at the doors of psychometrics: values, names, seeds; each test names a defect."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from crosslevel import psychometrics as P
from crosslevel.errors import MeasurementError
from crosslevel.psychometrics import common_source as C


def _answers() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    level = rng.normal(size=(120, 1))
    codes = np.clip(np.round(3 + level + rng.normal(size=(120, 6))), 1, 5)
    return pd.DataFrame(codes, columns=list("abcdef"))


B = _answers()
G = pd.Series(np.repeat([f"u{k}" for k in range(12)], 10))
ENDLESS = B.assign(a=[np.inf, *B["a"][1:]])
UNITS = B.assign(u=G)
NUMBERED = B.set_axis(range(6), axis=1)
NOTHING = B[[]]
LEVELS = B.set_axis(pd.MultiIndex.from_product([["x"], list("abcdef")]), axis=1)
SCALES = {"f": ["a", "b"], "g": ["c", "d"]}


def _said(call: Callable[[], Any]) -> str:
    with pytest.raises(MeasurementError) as caught:
        call()
    return str(caught.value)


@pytest.mark.parametrize(
    "call",
    [
        lambda d: P.rwg(d, G, n_options=5),
        lambda d: P.aggregation(d["a"], G),
        lambda d: P.may_average(d, G, n_options=5),
        lambda d: P.waba(d["b"], d["a"], G),
        lambda d: C.split_sample(d.assign(u=G), predictor="a", outcome="b", group="u", seed=1),
        lambda d: C.marker(d, ["a", "b"], marker="c"),
        lambda d: P.htmt(d, SCALES),
        lambda d: P.correlations(d, ["a", "b"]),
    ],
)
def test_infinite_answers_are_refused_by_name(call: Callable[[pd.DataFrame], Any]) -> None:
    """They were left out as if not answered, or ended as nan: five answers to one question."""
    assert "'a': holds infinite values." in _said(lambda: call(ENDLESS))


def test_infinite_values_without_a_name() -> None:
    """A Series without a name lost its infinite values in silence too."""
    said = _said(lambda: P.aggregation(ENDLESS["a"].rename(None), G))
    assert "'values': holds infinite values." in said
    said = _said(lambda: P.waba(ENDLESS["a"].rename(None), B["b"], G))
    assert "'x': holds infinite values." in said


@pytest.mark.parametrize(
    "call",
    [
        lambda d: P.htmt(d, {"f": [0, 1], "g": [2, 3]}),  # type: ignore[dict-item]
        lambda d: C.marker(d, [0, 1], marker=2),  # type: ignore[list-item, arg-type]
        lambda d: C.split_sample(d.assign(u=G), predictor=0, outcome=1, group="u", seed=1),  # type: ignore[arg-type]
        lambda d: C.marker(d, ["0", "1"], marker="2"),
    ],
)
def test_numbers_for_names_are_refused_in_words(call: Callable[[pd.DataFrame], Any]) -> None:
    """TypeError: 'int' object is not iterable, from the search for a name like it."""
    assert "Column names must be text, and 6 are not, such as 0." in _said(lambda: call(NUMBERED))


def test_frames_that_are_no_table_of_items() -> None:
    """Raw errors of numpy and pandas: a tuple formatted as number, an empty maximum."""
    for judge in (P.alpha, P.omega, P.item_statistics, P.polychoric):
        assert "the columns have 2 levels of names. Join them first." in _said(
            lambda judge=judge: judge(LEVELS)
        )
    for call in (
        lambda: P.rwg(NOTHING, G, n_options=5),
        lambda: P.may_average(NOTHING, G, n_options=5),
    ):
        assert "The frame of values has no columns." in _said(call)
    assert "got a frame of 0 column(s)" in _said(
        lambda: P.aggregation(NOTHING, G)  # type: ignore[arg-type]
    )
    twice = pd.concat([B, B[["a"]]], axis=1)
    said = _said(lambda: C.marker(twice, ["a", "b"], marker="c"))
    assert "column 'a': is there more than once." in said


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: P.efa(B, 1.5), "`n_factors` must be a whole number, got 1.5."),  # type: ignore[arg-type]
        (lambda: P.efa(B, 1.0), "`n_factors` must be a whole number, got 1.0."),  # type: ignore[arg-type]
        (
            lambda: P.parallel_analysis(B, draws=20.5),  # type: ignore[arg-type]
            "`draws` must be a whole number, got 20.5.",
        ),
        (
            lambda: P.alpha(B, interval="bootstrap", seed=1, draws=200.5),  # type: ignore[arg-type]
            "`draws` must be a whole number, got 200.5.",
        ),
        (lambda: P.efa(B, 1, seed="x"), "`seed` must be a whole number, got 'x'."),  # type: ignore[arg-type]
        (
            lambda: P.alpha(B, bounds=(1, 2, 3)),  # type: ignore[arg-type]
            "`bounds` are two points of a response scale, got (1, 2, 3).",
        ),
        (
            lambda: P.rwg(B, G, n_options=5, null=float("nan")),
            "The variance of the null must be positive, got nan.",
        ),
        (
            lambda: P.rwg(B, G, n_options=5, null=[np.nan, 0.2, 0.2, 0.2, 0.4]),
            "shares of a null must be positive and add up to 1, got nan.",
        ),
    ],
)
def test_numbers_that_cannot_be(call: Callable[[], Any], said: str) -> None:
    """TypeErrors of range() and unpacking, and a printed r_wg of nan."""
    assert said in _said(call)


def test_levels_of_intervals_are_probabilities() -> None:
    """conf_level=95 gave intervals from nan to nan."""
    said = "`conf_level` must lie between 0 and 1, got 95."
    small = P.polychoric(B)
    model = P.cfa("f =~ a + b + c + d", B)
    rng = np.random.default_rng(1)
    of_unit = rng.normal(size=(40, 1)) + 0.5 * rng.normal(size=(40, 4))
    answers = np.repeat(of_unit, 10, axis=0) + rng.normal(size=(400, 1)) + rng.normal(size=(400, 4))
    units = pd.DataFrame(answers, columns=list("abcd")).assign(u=np.repeat(np.arange(40), 10))
    items = "a + b + c + d"
    two = P.two_level_cfa(f"level: 1\n f =~ {items}\nlevel: 2\n g =~ {items}", units, cluster="u")
    for call in (
        lambda: small.tidy(conf_level=95),
        lambda: model.tidy(conf_level=95),
        lambda: two.tidy(conf_level=95),
        lambda: two.omega(conf_level=95),
        lambda: P.correlations(B, ["a", "b"], conf_level=95),
    ):
        assert _said(call) == said


@pytest.mark.parametrize(
    "call",
    [
        lambda: P.efa(B, 1, seed=None),  # type: ignore[arg-type]
        lambda: P.parallel_analysis(B, seed=None),  # type: ignore[arg-type]
        lambda: C.split_sample(UNITS, predictor="a", outcome="b", group="u", seed=None),  # type: ignore[arg-type]
        lambda: C.split_sample_model(
            "b ~ a + (1 | u)",
            UNITS,
            predictor="a",
            group="u",
            seed=None,  # type: ignore[arg-type]
        ),
        lambda: P.alpha(B, interval="bootstrap"),
    ],
)
def test_what_is_random_can_be_repeated(call: Callable[[], Any]) -> None:
    """seed=None gave other numbers each time."""
    assert "needs `seed`, so that it can be repeated." in _said(call)


def test_labels_that_are_written_alike_are_one_group() -> None:
    """1 and "1" were two groups of one name; alone, they had "'group': has one group only"."""
    mixed = pd.Series([1, "1"] * 60, dtype=object)
    said = _said(lambda: P.aggregation(B["a"], mixed))
    assert "'a': everyone is in one group, '1': no ICC." in said
    codes = pd.Series(np.repeat([1, "1", 2, 3], 30), dtype=object)
    assert P.rwg(B, codes, n_options=5).groups["group"].tolist() == ["1", "2", "3"]
    points = UNITS.assign(u=np.repeat(np.arange(1.0, 13.0), 10))
    made = C.split_sample_model(
        "b ~ a + (1 | u)", points, predictor="a", group="u", splits=10, seed=1
    )
    assert (made.groups, made.n) == (12, 120)


@pytest.mark.parametrize(
    "call",
    [
        lambda m: P.htmt(m, {"f": ["a", "b", "c"], "g": ["d", "e", "f"]}),
        lambda m: C.marker(m, list("abcde"), marker="f"),
    ],
)
def test_a_matrix_of_correlations_is_noticed(call: Callable[[pd.DataFrame], Any]) -> None:
    """Correlations were read as six respondents without a word."""
    with pytest.warns(P.SquareFrameWarning, match="looks like a correlation matrix"):
        call(B.corr())


def test_one_text_is_a_list_of_one() -> None:
    """given="c" was refused, and "ab" in place of ["ab"] read as 'a' and 'b'."""
    one = P.correlations(B, ["a", "b"], given="c")
    pd.testing.assert_frame_equal(one, P.correlations(B, ["a", "b"], given=["c"]))
    with pytest.raises(MeasurementError, match="column 'ab': not found"):
        C.marker(B, "ab", marker="c")
    assert "scale 'f': 1 item(s), and two are needed." in _said(
        lambda: P.htmt(B, {"f": "ab", "g": ["c", "d"]})
    )


def test_waba_is_printed_as_a_sentence() -> None:
    """It printed the arguments of its dataclass."""
    shown = repr(P.waba(B["a"], B["b"], G))
    assert shown.startswith("r = ")
    assert shown.endswith("120 persons in 12 groups")
