"""Alpha against psych and pingouin, and what happens where it is undefined."""

from __future__ import annotations

import re
import statistics
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crosslevel.errors import MeasurementError
from crosslevel.psychometrics import ItemDirectionWarning, alpha, item_statistics
from tolerances import EXACT, THREE_DECIMALS

ENTRIES = [
    "alpha_bfi_agree", "alpha_bfi_consc", "alpha_bfi_extra", "alpha_bfi_agree_unreversed",
    "alpha_hs_verbal", "alpha_hs_all9", "alpha_attitude",
    "alpha_lq2002_tsig", "alpha_lq2002_hostile",
]  # fmt: skip
REVERSED = ["A1", "C4", "C5", "E1", "E2"]
SETTINGS = settings(derandomize=True, deadline=None, max_examples=30, database=None)


def _items(reference, dataset):
    name = reference["dataset"][0].removeprefix("data/").removesuffix(".csv")
    items = dataset(name)[reference["values"]["item"]["item"]]
    if reference["preprocessing"].startswith("reverse"):
        turned = [column for column in items if column in REVERSED]
        items[turned] = 7 - items[turned]
    return items


@pytest.mark.parametrize("name", ENTRIES)
def test_alpha_equals_psych(entry, dataset, name):
    reference = entry("reliability", name)
    expected, rtol = reference["values"], reference["tolerance"]["default"]["rtol"]
    items = _items(reference, dataset)
    if expected["item"]["r_drop"][0] < 0:
        with pytest.warns(ItemDirectionWarning, match=r"Item\(s\) 'A1' correlate negatively"):
            found = alpha(items)
    else:
        found = alpha(items)
    assert (found.n, found.n_items) == (expected["n"], expected["k"])
    assert found.estimate == pytest.approx(expected["alpha_raw"], rel=rtol)
    interval = expected["feldt_ci95"]
    assert found.conf_low == pytest.approx(
        interval["lower"], rel=reference["tolerance"]["ci"]["rtol"]
    )
    assert found.conf_high == pytest.approx(
        interval["upper"], rel=reference["tolerance"]["ci"]["rtol"]
    )
    columns = {"r_drop": "item_total"}
    if found.n_items > 2:
        columns["alpha_if_dropped_raw"] = "alpha_if_dropped"
    for theirs, ours in columns.items():
        np.testing.assert_allclose(found.items[ours], expected["item"][theirs], rtol=rtol)
    assert found.items["n_complete"].eq(expected["n"]).all()
    complete = item_statistics(items.dropna())  # the rows psych was given
    for theirs, ours in {"mean": "mean", "sd": "std_dev"}.items():
        np.testing.assert_allclose(complete[ours], expected["item"][theirs], rtol=rtol)


def test_two_items(entry, dataset):
    reference = entry("reliability", "two_item_hs")
    found = alpha(dataset("HolzingerSwineford1939")[["x4", "x5"]])
    assert found.estimate == pytest.approx(
        reference["values"]["alpha"], rel=reference["tolerance"]["rtol"]
    )
    assert found.items["item_total"].to_numpy() == pytest.approx([reference["values"]["r"]] * 2)
    assert found.items["alpha_if_dropped"].isna().all()


def test_alpha_and_interval_equal_pingouin(dataset):
    pingouin = pytest.importorskip("pingouin")
    items = dataset("attitude")[["rating", "complaints", "learning", "raises"]]
    estimate, (low, high) = pingouin.cronbach_alpha(items, nan_policy="listwise", ci=0.9)
    found = alpha(items, conf_level=0.9)
    assert found.estimate == pytest.approx(estimate, rel=EXACT)
    assert [found.conf_low, found.conf_high] == pytest.approx([low, high], abs=THREE_DECIMALS)


def test_item_table_counts_answers_floor_and_ceiling():
    items = pd.DataFrame({"a": [1, 1, 5, 3, np.nan], "b": [2, 1, 5, 5, 4], "c": [1, 2, 4, 5, 5.0]})
    found = alpha(items)
    assert found.n == 4
    assert found.items["n"].tolist() == [4, 5, 5]
    assert found.items["missing"].tolist() == [1, 0, 0]
    assert found.items["floor"].tolist() == [0.5, 0.2, 0.2]
    assert found.items["ceiling"].tolist() == [0.25, 0.4, 0.4]
    assert alpha(items, bounds=(0, 5)).items["floor"].tolist() == [0, 0, 0]


def test_an_item_is_described_by_its_own_answers_and_counts_both_sets_of_rows():
    """The mean of b used to be 3.25, over the four complete rows, beside an n of 5."""
    items = pd.DataFrame({"a": [1, 1, 5, 3, np.nan], "b": [2, 1, 5, 5, 4], "c": [1, 2, 4, 5, 5.0]})
    table = item_statistics(items)
    pd.testing.assert_frame_equal(table, alpha(items).items)
    for row in table.itertuples():
        own = items[row.item].dropna().tolist()
        assert row.n == len(own)
        assert row.mean == pytest.approx(statistics.fmean(own), rel=EXACT)
        assert row.std_dev == pytest.approx(statistics.stdev(own), rel=EXACT)
    complete = items.iloc[:4]
    rests = [
        statistics.correlation(complete[x], complete.drop(columns=x).sum(axis=1)) for x in items
    ]
    assert table["item_total"].tolist() == pytest.approx(rests, rel=EXACT)
    assert table["n_complete"].tolist() == [4, 4, 4]


def test_a_scale_of_one_item_and_an_item_nobody_answered():
    one = item_statistics(pd.DataFrame({"a": [1.0, 2, 2, np.nan]})).iloc[0]
    assert one[["n", "missing", "n_complete"]].tolist() == [3, 1, 3]
    assert one[["mean", "floor", "ceiling"]].tolist() == [5 / 3, 1 / 3, 2 / 3]
    assert one[["item_total", "alpha_if_dropped"]].isna().all()
    empty = item_statistics(pd.DataFrame({"a": [1.0, 2], "b": [np.nan, np.nan]})).iloc[1]
    assert empty[["n", "missing", "n_complete"]].tolist() == [0, 2, 0]
    assert empty[["mean", "std_dev", "floor", "ceiling", "item_total"]].isna().all()
    with pytest.raises(MeasurementError, match="item 't': is not numeric"):
        item_statistics(pd.DataFrame({"t": ["x"]}))


def test_results_answer_tidy_glance_and_repr(dataset):
    found = alpha(dataset("attitude")[["complaints", "learning", "raises"]])
    assert found.tidy().loc[0, ["term", "estimate"]].tolist() == ["alpha", found.estimate]
    assert found.glance().loc[0, ["n", "n_items"]].tolist() == [30, 3]
    assert "95% interval" in repr(found)


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ({"a": [1.0, 2, 3]}, "'a': alpha needs at least two items, got 1."),
        ({"a": [1.0, 2, 3], "b": ["x", "y", "z"]}, "item 'b': is not numeric."),
        ({"a": [1.0, 2, 3], "b": [4.0, 4, 4]}, "item 'b': every answer is 4. Leave it out."),
        (
            {"a": [np.nan] * 3, "b": [np.nan] * 3},
            "'a' and 'b': alpha needs at least three respondents who answered every item, got 0.",
        ),
        ({"a": [1.0, 2, np.nan], "b": [1.0, 2, 3]}, "who answered every item, got 2."),
        (
            {"a": [1.0, 2, 3], "b": [3.0, 2, 1]},
            "'a' and 'b': the sum of the items is the same for everyone",
        ),
    ],
)
def test_where_alpha_is_undefined(items, message):
    with pytest.raises(MeasurementError, match=re.escape(message)):
        alpha(pd.DataFrame(items))


def _varies(rows):
    return all(
        len(set(column)) > 1 for column in (*zip(*rows, strict=True), [sum(r) for r in rows])
    )


answers = st.lists(st.tuples(*[st.integers(1, 5)] * 3), min_size=4, max_size=12).filter(_varies)


@given(rows=answers, order=st.permutations(range(3)), seed=st.randoms())
@SETTINGS
def test_order_units_and_direction_do_not_matter(rows, order, seed):
    items = pd.DataFrame(rows, columns=list("abc"), dtype="float64")
    shuffled = list(rows)
    seed.shuffle(shuffled)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ItemDirectionWarning)
        plain = alpha(items)
        others = [
            alpha(pd.DataFrame(shuffled, columns=list("abc"), dtype="float64")),
            alpha(items.iloc[:, list(order)]),
            alpha(items * 20 - 7),
            alpha(6 - items),
        ]
    for other in others:
        assert other.estimate == pytest.approx(plain.estimate, rel=EXACT, abs=EXACT)
        one, two = (f.items.set_index("item")["item_total"].sort_index() for f in (plain, other))
        np.testing.assert_allclose(one, two, atol=EXACT)
