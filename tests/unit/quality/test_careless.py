"""Careless responding against R on the bfi, speed, and what happens with gaps and bad input."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from crosslevel.errors import MeasurementError
from crosslevel.psychometrics import SquareFrameWarning
from crosslevel.quality import DEFAULT_CUTOFFS, Careless, Cutoff, UnavailableIndexWarning, careless
from reference_values import data, entries
from tolerances import EXACT

ZERO = 1e-12  # a correlation that is zero in exact arithmetic
NAMES = [f"{letter}{i}" for letter in "ACE" for i in range(1, 6)]
SCALES = {letter: [f"{letter}{i}" for i in range(1, 6)] for letter in "ACE"}
REVERSE = ["A1", "C4", "C5", "E1", "E2"]
ENTRY = entries("careless")["careless_bfi_ace"]


@pytest.fixture(scope="module")
def found() -> Careless:
    items = data("bfi")[NAMES].dropna().astype("float64")
    return careless(items, scales=SCALES, reverse=REVERSE, bounds=(1, 6), synonym_r=0.45)


@pytest.mark.parametrize(
    ("index", "entry"),
    [
        ("longstring", "longstring"),
        ("average_string", "average_string"),
        ("irv", "irv"),
        ("mahalanobis", "mahalanobis_D2"),
        ("person_total", "person_total_cor"),
        ("synonyms", "psych_synonyms_r_ge_045"),
    ],
)
def test_each_index_equals_r(found, index, entry):
    expected, got = ENTRY.values[entry], found.table[index]
    rtol = ENTRY.tolerance["rtol"]
    np.testing.assert_allclose(got.head(20), expected["first20"], rtol=rtol, atol=ZERO)
    summary = expected["summary"]
    assert got.sum() == pytest.approx(summary["sum"], rel=rtol)
    assert (got**2).sum() == pytest.approx(summary["sum_sq"], rel=rtol)
    assert got.min() == pytest.approx(summary["min"], rel=rtol, abs=ZERO)
    assert got.max() == pytest.approx(summary["max"], rel=rtol)
    assert got.isna().sum() == summary["n_na"]


def test_rows_distribution_pairs_and_p_values_equal_r(found):
    values, rtol = ENTRY.values, ENTRY.tolerance["rtol"]
    assert len(found.table) == values["n"]
    assert (found.table.index[:20] + 1).tolist() == values["row_number_first20"]
    counts = found.table["longstring"].value_counts()
    assert {str(int(k)): int(n) for k, n in counts.items()} == values["longstring"]["distribution"]
    distance = values["mahalanobis_D2"]
    top = found.table["mahalanobis"].nlargest(10)
    assert (top.index + 1).tolist() == distance["top10_rows"]
    np.testing.assert_allclose(top, distance["top10_D2"], rtol=rtol)
    p = found.table["mahalanobis_p"]
    np.testing.assert_allclose(p.head(20), distance["p_first20"], rtol=rtol)
    assert int(found.flags["mahalanobis_p"].sum()) == distance["n_p_below_001"]
    pairs = found.pairs[found.pairs["kind"] == "synonyms"]
    expected = values["psych_synonyms_r_ge_045"]["pairs"]
    assert (pairs["first"] + " " + pairs["second"]).tolist() == expected


def test_even_odd_equals_r_with_the_sign_of_careless(found):
    expected, rtol = ENTRY.values["even_odd"], ENTRY.tolerance["rtol"]
    got = found.table["even_odd"]
    np.testing.assert_allclose(
        -got.head(20), expected["spearman_brown_first20"], rtol=rtol, atol=ZERO
    )
    assert got.isna().sum() == expected["raw_cor_summary"]["n_na"]
    inside = got[got < 1]  # stepping up is undone where it was not cut at 1
    raw = -inside / (2 + inside)
    first = np.array(expected["raw_cor_first20"])
    np.testing.assert_allclose(
        raw.reindex(got.index[:20]).dropna(), first[first > -1 / 3], rtol=rtol, atol=ZERO
    )


def test_inter_item_sd_is_the_mean_of_the_scales(found):
    items = data("bfi")[NAMES].dropna().astype("float64")
    items[REVERSE] = 7 - items[REVERSE]
    by_scale = [items[own].std(axis=1) for own in SCALES.values()]
    np.testing.assert_allclose(found.table["inter_item_sd"], sum(by_scale) / 3, rtol=EXACT)


def test_gaps():
    """Each index on answers with gaps equals its definition on what was answered."""
    items = data("bfi")[NAMES].astype("float64")
    with_gaps = items[items.isna().any(axis=1)].index[:60]
    found = careless(items, scales=SCALES, reverse=REVERSE, bounds=(1, 6), synonym_r=0.45)
    complete = items.dropna()
    mean, covariance = complete.mean(), complete.cov()
    pairs = found.pairs[found.pairs["kind"] == "synonyms"]
    for row in with_gaps:
        own = items.loc[row]
        known = own.dropna()
        off = known - mean[known.index]
        S = covariance.loc[known.index, known.index]
        got = found.table.loc[row]
        assert got["mahalanobis"] == pytest.approx(off @ np.linalg.solve(S, off), rel=1e-8)
        assert got["irv"] == pytest.approx(known.std(), rel=1e-8)
        means = items.mean()[known.index]
        if known.std() > 0:
            assert got["person_total"] == pytest.approx(np.corrcoef(known, means)[0, 1], rel=1e-8)
        runs = [
            len(run) for run in re.findall(r"([1-6])\1*", "".join(f"{x:.0f}" for x in own.dropna()))
        ]
        assert got["longstring"] <= max(len(own), *runs)
        both = pd.DataFrame(
            {"a": own[pairs["first"]].to_numpy(), "b": own[pairs["second"]].to_numpy()}
        ).dropna()
        if len(both) < 3 or both["a"].nunique() == 1 or both["b"].nunique() == 1:
            assert np.isnan(got["synonyms"])
        else:
            assert got["synonyms"] == pytest.approx(both.corr().iloc[0, 1], rel=1e-8, abs=ZERO)
    pd.testing.assert_frame_equal(
        found.table.loc[complete.index, ["longstring", "average_string", "irv", "mahalanobis"]],
        careless(complete, synonym_r=0.45).table[
            ["longstring", "average_string", "irv", "mahalanobis"]
        ],
    )


def _random(n: int, k: int, seed: int = 3) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    level = rng.normal(size=(n, 1))
    codes = np.clip(np.round(3 + 0.8 * level + rng.normal(size=(n, k))), 1, 5)
    return pd.DataFrame(codes, columns=[f"q{i + 1}" for i in range(k)])


def test_a_gap_ends_a_string():
    items = pd.DataFrame(
        [[2, 2, np.nan, 2, 2, 2], [1, 2, 3, 4, 5, 1], [5, 5, 5, 5, 5, 5]],
        columns=list("abcdef"),
        dtype="float64",
    )
    with pytest.warns(UnavailableIndexWarning, match=re.escape("2 respondent(s) answered all 6")):
        found = careless(items)
    assert found.table["longstring"].tolist() == [3, 1, 6]
    assert found.table["average_string"].tolist() == [2.5, 1, 6]


def test_a_respondent_without_answers_has_no_index_and_no_flag():
    items = _random(200, 9)
    items.iloc[5] = np.nan
    found = careless(items, scales={"a": ["q1", "q2"], "b": ["q3", "q4"], "c": ["q5", "q6"]})
    assert found.table.iloc[5].isna().all()
    assert found.n_flags.iloc[5] == 0
    assert found.glance().loc[0, ["n", "empty"]].tolist() == [200, 1]
    assert "1 answered nothing" in repr(found)


def test_instructed_items_enter_no_other_index():
    items = _random(100, 8).assign(check=2.0, check2=4.0)
    items.loc[3, "check"] = 5
    items.loc[4, ["check", "check2"]] = np.nan
    items.loc[6, ["check", "check2"]] = [1, 1]
    found = careless(items, instructed={"check": 2, "check2": 4})
    got = found.table["instructed_failed"]
    assert got[[3, 6]].tolist() == [1, 2]
    assert np.isnan(got[4])
    assert found.flags["instructed_failed"].sum() == 2
    pd.testing.assert_frame_equal(
        found.table.drop(columns="instructed_failed"), careless(items[items.columns[:8]]).table
    )


def test_page_times():
    items = _random(60, 6)
    times = pd.DataFrame({"p1": 40.0, "p2": 30.0}, index=items.index)
    times.loc[0] = [3.0, 30.0]
    times.loc[1] = [np.nan, 2.0]
    times.loc[2] = np.nan
    found = careless(items, times=times, page_items={"p1": 4, "p2": 2}, anonymised=False)
    assert found.table["seconds_per_item"].head(3).tolist()[:2] == [5.5, 1.0]
    assert found.table["fast_pages"].head(2).tolist() == [1, 1]
    assert found.table.loc[2, ["seconds_per_item", "fast_pages"]].isna().all()
    assert found.flags["seconds_per_item"].tolist()[:4] == [False, True, False, False]


def test_cutoffs_flags_and_the_rule():
    items = _random(300, 12)
    items.iloc[0] = 3
    mine = Cutoff("<=", 5, "our pilot", of="percentile")
    found = careless(items, cutoffs={"irv": mine, "person_total": None}, exclude_at=2)
    assert "person_total" not in found.flags and "person_total" in found.table
    assert found.flags["irv"].sum() >= 15
    assert bool(found.excluded[0])
    tidy = found.tidy().set_index("term")
    assert tidy.loc["irv", "source"] == "our pilot"
    assert tidy.loc["longstring", "limit"] == 6
    assert np.isnan(tidy.loc["average_string", "limit"])
    assert (found.excluded == (found.flags.sum(axis=1) >= 2)).all()
    assert found.augment()["n_flags"].equals(found.n_flags)


def test_with_and_without():
    items = pd.DataFrame(np.random.default_rng(1).integers(1, 6, size=(120, 10)))
    items.iloc[:5] = 4
    rules = {**dict.fromkeys(DEFAULT_CUTOFFS), "longstring": Cutoff(">=", 10, "all items")}
    found = careless(items, exclude_at=1, cutoffs=rules)
    kept = found.without(pd.DataFrame({"y": np.arange(120.0)}))
    assert len(kept) == 115

    def analyse(frame):
        return pd.DataFrame({"term": ["mean"], "estimate": [frame["y"].mean()]})

    both = found.compare(pd.DataFrame({"y": np.arange(120.0)}), analyse)
    assert both["estimate_all"].tolist() == [59.5]
    assert both["difference"].tolist() == [2.5]
    with pytest.raises(MeasurementError, match="1 row\\(s\\) of the data were not judged"):
        found.without(pd.DataFrame({"y": [1.0]}, index=[999]))
    with pytest.raises(MeasurementError, match="it gave float"):
        found.compare(pd.DataFrame({"y": np.arange(120.0)}), lambda _: 1.0)
    twice = careless(items.set_axis([0] * 120), exclude_at=1)
    with pytest.raises(MeasurementError, match="Several respondents have the same index"):
        twice.without(kept)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.assign(q1=3.0), "the same answer to 'q1'"),
        (lambda d: d.assign(q2=d["q1"]), "these items determine each other: 'q1', 'q2'"),
        (lambda d: d.head(6), "6 respondent(s) answered all 6 items, more than 6 are needed"),
        (lambda d: d.assign(q6=np.nan), "0 respondent(s) answered all 6 items"),
    ],
)
def test_where_distances_are_undefined_the_others_are_not(change, message):
    with pytest.warns(UnavailableIndexWarning, match=re.escape(message)):
        found = careless(change(_random(50, 6)))
    assert "mahalanobis" not in found.table and message in found.unavailable["mahalanobis"]
    assert found.table["longstring"].notna().all()
    assert "not computed: mahalanobis" in repr(found)


def test_a_square_frame_is_answers():
    items = _random(7, 6).head(6)
    square = pd.DataFrame(
        np.corrcoef(items.T.to_numpy()), index=items.columns, columns=items.columns
    )
    with pytest.warns(UnavailableIndexWarning), pytest.warns(SquareFrameWarning):
        found = careless(square)
    assert len(found.table) == 6


def test_few_scales_and_few_pairs_are_said():
    found = careless(_random(80, 6), scales={"a": ["q1", "q2", "q3"], "b": ["q4", "q5"]})
    assert "2 scale(s) have two items or more; at least 3" in found.unavailable["even_odd"]
    assert "item pair(s) reach r = -0.6" in found.unavailable["antonyms"]
    assert careless(_random(80, 6)).unavailable["even_odd"].endswith("give `scales`")
    one = careless(_random(80, 6), scales={"a": ["q1"]}).unavailable
    assert one["inter_item_sd"] == "no scale has two items"


def test_correlations_over_few_points_flag_only_when_asked():
    """Even-odd consistency over three scales used to flag 30 % of the bfi's respondents."""
    scales = {"a": ["q1", "q2"], "b": ["q3", "q4"], "c": ["q5", "q6"]}
    items = _random(200, 6)
    found = careless(items, scales=scales)
    assert "even_odd" in found.table and "even_odd" not in found.flags
    assert "rests on 3 scales; with fewer than 10" in found.unflagged["even_odd"]
    assert "without a flag: even_odd" in repr(found)
    mine = Cutoff(">", 0.5, "our pilot")
    assert "even_odd" in careless(items, scales=scales, cutoffs={"even_odd": mine}).flags
    ten = {f"s{i}": [f"q{2 * i + 1}", f"q{2 * i + 2}"] for i in range(10)}
    assert "even_odd" in careless(_random(200, 20), scales=ten).flags


ITEMS = _random(30, 6)
TIMES = pd.DataFrame({"p": 9.0}, index=ITEMS.index)
REFUSED = [
    ({"items": ITEMS[["q1"]]}, "Answers to 2 items or more are needed; the frame has 30 row(s)"),
    ({"items": ITEMS.assign(q2="x")}, "item 'q2': is not numeric. Read it with its codes."),
    ({"items": ITEMS.set_axis(list("aabcde"), axis=1)}, "must differ; more than once: a."),
    ({"items": ITEMS.replace(3.0, np.inf)}, "item 'q1': holds infinite values."),
    ({"exclude_at": 0}, "`exclude_at` must be at least 1 flag, got 0."),
    ({"synonym_r": 0.0}, "`synonym_r` must lie above 0 and up to 1, got 0."),
    ({"scales": {"s": ["q1", "q7"]}}, "scale 's': there is no column 'q7'."),
    ({"scales": {"s": ["q1", "q2"], "t": ["q2"]}}, "item 'q2': is named more than once."),
    ({"reverse": ["q1"]}, "Items can be turned only when `bounds`"),
    ({"bounds": (1, 2, 3)}, "`bounds` are two points of a response scale, got (1, 2, 3)."),
    ({"bounds": (2, 5)}, "answer(s) outside 2 to 5, such as 1. Declare missing codes"),
    ({"bounds": (5, 1)}, "item 'q1': its bounds are 5 to 1."),
    ({"bounds": {"q1": (1, 5)}}, "`bounds` leaves out: q2, q3, q4, q5, q6."),
    (
        {
            "scales": {"s": ["q1", "q2"]},
            "bounds": {**dict.fromkeys(ITEMS, (1, 5)), "q2": (0, 10)},
        },
        "scale 's': its items are answered on 0 to 10 and 1 to 5.",
    ),
    ({"instructed": {"check": 2}}, "`instructed`: there is no column 'check'."),
    ({"instructed": dict.fromkeys(["q1", "q2", "q3", "q4", "q5"], 1)}, "1 item(s) are left; 2"),
    ({"times": TIMES}, "Say with `anonymised=False` that this survey is not anonymised"),
    ({"times": TIMES, "anonymised": True}, "Page times of an anonymised survey are not used"),
    ({"times": TIMES, "anonymised": False}, "`times` needs `page_items`"),
    (
        {"times": TIMES.head(3), "anonymised": False, "page_items": {"p": 3}},
        "Items and times have different indexes",
    ),
    (
        {"times": TIMES, "anonymised": False, "page_items": {"p": 0}},
        "page 'p': has 0 items; at least one is needed.",
    ),
    (
        {"times": TIMES - 10, "anonymised": False, "page_items": {"p": 3}},
        "page 'p': has negative times.",
    ),
    (
        {"times": TIMES.astype("str"), "anonymised": False, "page_items": {"p": 3}},
        "page 'p': its times are not numeric.",
    ),
    ({"cutoffs": {"longstrings": None}}, "index 'longstrings': is not known. Did you mean"),
    ({"cutoffs": {"irv": Cutoff("=", 1, "x")}}, "`side` must be '>=', '>', '<', '<=', got '='."),
    ({"cutoffs": {"irv": Cutoff("<", 1, " ")}}, "`source` is empty. Name who set this cut-off"),
    ({"cutoffs": {"irv": Cutoff("<", 1, "x", of="sd")}}, "`of` must be 'value', 'share of items'"),
    (
        {"cutoffs": {"irv": Cutoff("<", 101, "x", of="percentile")}},
        "a percentile lies between 0 and 100, got 101.",
    ),
]


@pytest.mark.parametrize(("given", "message"), REFUSED)
def test_refused(given, message):
    with pytest.raises(MeasurementError, match=re.escape(message)):
        careless(given.pop("items", ITEMS), **given)


def test_the_callers_items_are_not_changed():
    items = _random(50, 6)
    before = items.copy()
    careless(items, scales={"s": ["q1", "q2"]}, reverse=["q1"], bounds=(1, 5))
    pd.testing.assert_frame_equal(items, before)


def test_order_of_respondents_does_not_matter(found):
    items = data("bfi")[NAMES].dropna().astype("float64")
    turned = items.iloc[::-1]
    other = careless(turned, scales=SCALES, reverse=REVERSE, bounds=(1, 6), synonym_r=0.45)
    pd.testing.assert_frame_equal(other.table.loc[items.index], found.table, rtol=1e-9, atol=1e-9)


def test_a_hundred_thousand_respondents_at_once():
    items = _random(100_000, 60)
    items = items.mask(np.random.default_rng(1).random(items.shape) < 0.02)
    scales = {f"s{i}": [f"q{6 * i + j + 1}" for j in range(6)] for i in range(10)}
    found = careless(items, scales=scales)
    assert found.table["mahalanobis"].notna().all()
