"""What must not matter: order of rows and columns, names of units, labels of frames, language."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crosslevel.instruments import read as read_instrument
from crosslevel.responses import Roster, Scored, ScoredColumn, flow, link, read, score

SETTINGS = settings(derandomize=True, deadline=None, max_examples=15, database=None)
INSTRUMENT = """\
id: ward
version: 1.0.0
title: {en: Ward, da: Afdeling}
audience: employee
languages: [en, da]
provenance: toolkit-authored
source: written for this test
licence: CC0-1.0
validation: none
intro: {en: Please answer., da: Svar venligst.}
closing: {en: Thank you., da: Tak.}
response_scales:
  agreement:
    kind: ordered
    options:
      1: {en: Disagree, da: Uenig}
      2: {en: Neither, da: Hverken eller}
      3: {en: Agree, da: Enig}
    not_relevant: {8: {en: Not relevant, da: Ikke relevant}}
  years: {kind: number, minimum: 0, maximum: 50}
  work:
    kind: nominal
    options:
      1: {en: Nurse, da: Sygeplejerske}
      2: {en: Doctor, da: Læge}
scales:
  learning:
    label: {en: Learning, da: Læring}
    role: outcome
    method: mean
    minimum_valid: 0.5
items:
  - {id: a1, text: {en: One., da: Et.}, response_scale: agreement, scale: learning}
  - {id: a2, text: {en: Two., da: To.}, response_scale: agreement, scale: learning, reverse: true}
  - {id: a3, text: {en: Three., da: Tre.}, response_scale: agreement, scale: learning}
  - {id: tenure, text: {en: Years?, da: År?}, response_scale: years, background: true}
  - {id: work, text: {en: Work?, da: Arbejde?}, response_scale: work, background: true}
"""
COLUMNS = ["id", "a1", "a2", "a3", "tenure", "work", "remark"]
LABELS = {
    "en": {"1": "Disagree", "2": "Neither", "3": "Agree", "8": "Not relevant"},
    "da": {"1": "Uenig", "2": "Hverken eller", "3": "Enig", "8": "Ikke relevant"},
}
WORK = {"en": {"1": "Nurse", "2": "Doctor"}, "da": {"1": "Sygeplejerske", "2": "Læge"}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("invariance")


@pytest.fixture(scope="module")
def instrument(folder: Path):
    path = folder / "instrument.yml"
    path.write_text(INSTRUMENT, encoding="utf-8")
    return read_instrument(path)


def _read(folder, instrument, frame, **options):
    path = folder / "answers.csv"
    frame.to_csv(path, index=False, encoding="utf-8")
    return read(path, instrument, respondent="id", missing=(99,), **options)


closed = st.sampled_from(["1", "2", "3", "8", "99", "", "2.0"])
row_ = st.tuples(
    closed, closed, closed,
    st.sampled_from(["0", "4.5", "50", "99", ""]),
    st.sampled_from(["1", "2", "99", ""]),
    st.sampled_from(["", "late", "3"]),
)  # fmt: skip


@st.composite
def files(draw):
    """A file with one complete row at least, and rows that carry no name."""
    rows = [("1", "2", "3", "4", "1", ""), *draw(st.lists(row_, max_size=7))]
    nameless = draw(st.sets(st.integers(1, 7), max_size=2))
    ids = ["" if i in nameless else f"p{i}" for i in range(len(rows))]
    return pd.DataFrame(
        [(name, *row) for name, row in zip(ids, rows, strict=True)], columns=COLUMNS
    )


def _sorted(frame):
    return frame.sort_values(list(frame.columns), ignore_index=True)


@given(file=files(), rows=st.randoms(), columns=st.permutations(COLUMNS))
@SETTINGS
def test_order_of_rows_and_columns(folder, instrument, file, rows, columns):
    order = list(range(len(file)))
    rows.shuffle(order)
    plain = _read(folder, instrument, file)
    mixed = _read(folder, instrument, file.iloc[order][columns])
    pd.testing.assert_frame_equal(
        plain.frame.set_index("id"), mixed.frame.set_index("id").loc[plain.frame["id"]]
    )
    pd.testing.assert_frame_equal(_sorted(plain.mapping), _sorted(mixed.mapping))
    lost = [_sorted(r.losses[["respondent", "reason"]]) for r in (plain, mixed)]
    pd.testing.assert_frame_equal(*lost)
    assert {order[row - 2] + 2 for row in mixed.losses["row"]} == set(plain.losses["row"])
    scores = [score(r).frame.set_index("id") for r in (plain, mixed)]
    pd.testing.assert_frame_equal(scores[0], scores[1].loc[scores[0].index])


@given(file=files())
@SETTINGS
def test_every_row_and_every_cell_is_accounted_for(folder, instrument, file):
    found = _read(folder, instrument, file)
    assert found.rows == len(file) == len(found.frame) + len(found.losses)
    assert found.mapping.groupby("item")["n"].sum().eq(len(file)).all()
    assert found.ignored == ("remark",)
    assert set(found.losses["row"]) == {
        i + 2
        for i, (name, *cells) in enumerate(file.drop(columns="remark").itertuples(index=False))
        if not name or all(cell in ("", "99") for cell in cells)
    }


@given(file=files(), language=st.sampled_from(["en", "da"]))
@SETTINGS
def test_codes_and_labels_of_any_language_say_the_same(folder, instrument, file, language):
    texts = file.replace({"2.0": "2"})
    for name in ("a1", "a2", "a3"):
        texts[name] = texts[name].replace(LABELS[language])
    texts["work"] = texts["work"].replace(WORK[language])
    coded = _read(folder, instrument, file, language=language)
    labelled = _read(folder, instrument, texts, language=language, values="labels")
    pd.testing.assert_frame_equal(coded.frame, labelled.frame)


def _scored(ids, values):
    columns = [
        ScoredColumn("who", "respondent", {}, "1", "demo", ""),
        ScoredColumn("use", "scale", {"en": "Use"}, "1", "demo", ""),
    ]
    frame = pd.DataFrame({"who": pd.Series(ids, dtype="str"), "use": values}).astype(
        {"use": "float64"}
    )
    return Scored(frame, MappingProxyType({c.name: c for c in columns}))


def _results(staff, heads, units, answers):
    roster = Roster(staff, heads, units)
    employees, managers = answers
    linked = link(employees, managers, roster, rule="mean-of-managers")
    return linked, flow(roster, employees, managers, linked, list(linked.employees))


units_ = st.sampled_from("ABC")


@given(
    staff=st.dictionaries(st.sampled_from([f"e{i}" for i in range(6)]), units_, min_size=1),
    heads=st.sets(st.tuples(st.sampled_from(["m1", "m2"]), units_), min_size=1),
    order=st.randoms(use_true_random=False),
    label=st.integers(0, 2),
)
@SETTINGS
def test_a_link_does_not_depend_on_order_names_or_labels(staff, heads, order, label):
    """Frames put together by `pd.concat` carry row labels more than once."""
    tables = [
        pd.DataFrame(sorted(staff.items()), columns=["employee", "unit"]).astype("str"),
        pd.DataFrame(sorted(heads), columns=["manager", "unit"]).astype("str"),
        pd.DataFrame({"unit": list("ABC"), "hospital": ["N", "N", "S"]}).astype("str"),
    ]
    above = sorted({name for name, _ in heads})
    employees = _scored(sorted(staff), range(len(staff)))
    managers = Scored(
        _scored(above, range(len(above))).frame.rename(columns={"use": "lead"}),
        MappingProxyType({
            "who": employees.columns["who"],
            "lead": ScoredColumn("lead", "scale", {"en": "Lead"}, "1", "demo", ""),
        }),
    )  # fmt: skip
    plain_link, plain_flow = _results(*tables, (employees, managers))
    renamed = {"A": "ward 9", "B": "ward 1", "C": "ward 5"}

    def _mixed(frame):
        rows = list(range(len(frame)))
        order.shuffle(rows)
        frame = frame.iloc[rows].set_axis([label] * len(frame))
        return frame.assign(unit=frame["unit"].map(renamed)) if "unit" in frame else frame

    answers = [Scored(_mixed(s.frame), s.columns) for s in (employees, managers)]
    linked, counted = _results(*map(_mixed, tables), answers)
    expected = plain_link.frame.assign(unit=plain_link.frame["unit"].map(renamed))
    pd.testing.assert_frame_equal(_sorted(expected), _sorted(linked.frame))
    pd.testing.assert_frame_equal(plain_flow.levels, counted.levels)
    units = plain_flow.units.assign(unit=plain_flow.units["unit"].map(renamed))
    pd.testing.assert_frame_equal(_sorted(units), _sorted(counted.units))
    losses = plain_link.losses.replace({"identifier": renamed})
    pd.testing.assert_frame_equal(_sorted(losses), _sorted(linked.losses))
