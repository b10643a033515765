"""Scores against a second computation, written out answer by answer."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crosslevel.errors import ResponseError
from crosslevel.instruments.records import Scale
from crosslevel.responses import read, score

HEADER = "id,a1,a2,a3,b1,b2,tenure,profession\n"
SETTINGS = settings(derandomize=True, deadline=None, max_examples=30, database=None)


def _read(write, instrument, rows):
    lines = "".join(",".join("" if v is None else str(v) for v in row) + "\n" for row in rows)
    return read(write(HEADER + lines), instrument, respondent="id")


def test_mean_sum_reverse_and_minimum_share(write, instrument):
    rows = [
        ["01", 1, 2, 3, 3, 1, 4, 1],  # learning (1 + 2 + 1) / 3, effort 3 + 3
        ["02", 3, None, 1, 3, None, None, 2],  # learning (3 + 3) / 2, effort 3 * 2
        ["03", None, None, 1, None, None, 2, None],  # one of three answered: no score
        ["04", 8, 2, 2, 8, 8, 2, None],  # "not relevant" is no answer
    ]
    scored = score(_read(write, instrument, rows))
    np.testing.assert_allclose(scored.frame["learning"], [4 / 3, 3.0, np.nan, 2.0])
    np.testing.assert_allclose(scored.frame["effort"], [6.0, 6.0, np.nan, np.nan])
    assert list(scored.frame.columns) == ["id", "learning", "effort", "tenure", "profession"]
    assert scored.frame["id"].tolist() == ["01", "02", "03", "04"]
    assert scored.frame["profession"].tolist()[:2] == ["nurse", "doctor"]


def test_columns_remember_where_they_come_from(write, instrument):
    scored = score(_read(write, instrument, [[1, 1, 1, 1, 1, 1, 1, 1]]), ["learning"])
    column = scored.columns["learning"]
    assert (column.kind, column.version, column.instrument, column.role) == (
        "scale",
        "1.2.0",
        "learning",
        "outcome",
    )
    assert column.label["en"] == "Learning"
    assert scored.columns["tenure"].label["en"] == "Years"
    assert scored.respondent == "id"
    assert scored.names("scale") == ["learning"]
    assert scored.names("background") == ["tenure", "profession"]
    assert list(scored.columns) == list(scored.frame.columns)


def test_items_keep_the_respondent_and_turn_reverse_items(write, instrument):
    answers = _read(write, instrument, [["007", 1, 2, 3, 1, 1, 1, 1]])
    assert answers.items("learning").loc["007"].tolist() == [1.0, 2.0, 1.0]
    assert answers.items("learning", reversed=False).loc["007"].tolist() == [1.0, 2.0, 3.0]
    with pytest.raises(ResponseError, match=r"no scale 'lerning'. Did you mean 'learning'\?"):
        answers.items("lerning")


def test_scores_already_made_are_read_as_numbers(write, instrument):
    scales = {**instrument.scales, "years": Scale("years", {"en": "Y"}, "control", "mean", 1.0)}
    items = tuple(
        replace(item, scale="years", reverse=True) if item.id == "tenure" else item
        for item in instrument.items
    )
    changed = replace(instrument, scales=scales, items=items)
    scored = score(_read(write, changed, [[1, 1, 1, 1, 1, 1, 12.25, 1]]), ["years"])
    assert scored.frame["years"].tolist() == [50 + 0 - 12.25]
    open_ended = replace(changed.response_scales["years"], maximum=None)
    unbounded = replace(changed, response_scales={**changed.response_scales, "years": open_ended})
    with pytest.raises(ResponseError, match=r"'tenure' is reversed.* no minimum and maximum"):
        score(_read(write, unbounded, [[1, 1, 1, 1, 1, 1, 12.25, 1]]))


def test_scales_that_cannot_be_scored(write, instrument):
    answers = _read(write, instrument, [[1, 1, 1, 1, 1, 1, 1, 1]])
    with pytest.raises(ResponseError, match=r"scale 'efort': .* Did you mean 'effort'"):
        score(answers, ["efort"])
    items = tuple(
        replace(i, scale="" if i.scale == "effort" else "learning") for i in instrument.items
    )
    changed = replace(
        instrument,
        items=items,
        scales={**instrument.scales, "b1": Scale("b1", {}, "", "mean", 0.5)},
    )
    with pytest.raises(ResponseError) as caught:
        score(replace(answers, instrument=changed))
    text = "\n".join(map(str, caught.value.problems))
    assert "item 'profession' is nominal" in text
    assert "scale 'effort': has no items." in text
    assert "scale 'b1': another column has this name." in text


answer = st.one_of(st.none(), st.sampled_from([1, 2, 3, 8]))


@given(rows=st.lists(st.tuples(*[answer] * 5), min_size=1, max_size=6), seed=st.randoms())
@SETTINGS
def test_scores_equal_a_count_by_hand_in_any_order(tmp_path_factory, instrument, rows, seed):
    folder = tmp_path_factory.mktemp("scores")
    named = [[f"p{i:02}", *row, 1, 1] for i, row in enumerate(rows)]
    shuffled = list(named)
    seed.shuffle(shuffled)
    scored = {}
    for name, order in (("plain", named), ("shuffled", shuffled)):
        text = "".join(",".join("" if v is None else str(v) for v in row) + "\n" for row in order)
        path = folder / f"{name}.csv"
        path.write_text(HEADER + text, encoding="utf-8")
        scored[name] = score(read(path, instrument, respondent="id")).frame
    plain = scored["plain"].set_index("id")
    pd.testing.assert_frame_equal(plain, scored["shuffled"].set_index("id").loc[plain.index])
    for person, *cells in named:
        a = [
            c if c is None or c == 8 else (4 - c if i == 2 else c) for i, c in enumerate(cells[:3])
        ]
        given_ = [c for c in a if c not in (None, 8)]
        expected = sum(given_) / len(given_) if len(given_) >= 2 else math.nan
        assert plain.loc[person, "learning"] == pytest.approx(expected, nan_ok=True)
        b = [cells[3], None if cells[4] in (None, 8) else 4 - cells[4]]
        given_ = [c for c in b if c not in (None, 8)]
        expected = 2 * sum(given_) / len(given_) if given_ else math.nan
        assert plain.loc[person, "effort"] == pytest.approx(expected, nan_ok=True)


def test_a_reversed_item_answered_in_reverse_changes_nothing(write, instrument):
    rows = [["1", 1, 2, 3, 1, 2, 1, 1], ["2", 3, None, 2, 3, 3, 1, 1]]
    turned = [[r[0], r[1], r[2], 4 - r[3], *r[4:]] for r in rows]
    items = tuple(replace(i, reverse=False) if i.id == "a3" else i for i in instrument.items)
    one = score(_read(write, instrument, rows)).frame
    two = score(_read(write, replace(instrument, items=items), turned)).frame
    pd.testing.assert_series_equal(one["learning"], two["learning"])
