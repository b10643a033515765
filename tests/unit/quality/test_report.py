"""The quality report: its sentences, their criteria and sources."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from crosslevel.errors import MeasurementError
from crosslevel.quality import QualityReport, report
from reference_values import data

NAMES = [f"{letter}{i}" for letter in "ACE" for i in range(1, 6)]


@pytest.fixture(scope="module")
def bfi() -> QualityReport:
    frame = data("bfi").assign(unit=np.arange(2800) % 40)
    return report(
        frame,
        items=NAMES,
        by=["unit"],
        scales={letter: [f"{letter}{i}" for i in range(1, 6)] for letter in "ACE"},
        reverse=["A1", "C4", "C5", "E1", "E2"],
        bounds=(1, 6),
    )


def test_every_judgement_names_its_criterion_and_source(bfi):
    table = bfi.sentences()
    judged = table[table["criterion"].ne("") & table["topic"].ne("dropout")]
    assert judged["source"].ne("").all()
    assert len(judged) == 1 + len(bfi.careless.cutoffs) + 1
    assert table["text"].str.endswith(".").all()
    line = table[table["criterion"] == "longstring >= 7.5"].iloc[0]
    assert line["text"].endswith("gave the same answer to a long run of items.")
    assert line["source"].startswith("Curran (2016)")


def test_sentences_hold_the_numbers_of_the_records(bfi):
    text = " ".join(bfi.sentences()["text"])
    complete = int(data("bfi")[NAMES].notna().all(axis=1).sum())
    assert f"{complete:,} ({100 * complete / 2800:.1f}%) answered every item" in text
    assert "values are not missing completely at random" in text
    assert "by unit (40)" in text
    excluded = int(bfi.careless.excluded.sum())
    assert f"{excluded:,} ({100 * excluded / 2800:.1f}%) are proposed for exclusion" in text
    assert "The index even_odd flags nobody: it rests on 3 scales" in text
    assert "cause" not in text
    assert repr(bfi).count("\n- ") == len(bfi.sentences()) - 1
    glance = bfi.glance().loc[0]
    assert glance["mcar_p_value"] == bfi.mcar.p_value
    assert glance["excluded"] == excluded
    assert bfi.tidy()["term"].tolist() == list(bfi.careless.table)


def test_nothing_missing_and_no_sign():
    rng = np.random.default_rng(2)
    items = pd.DataFrame(rng.integers(1, 6, size=(90, 5)), columns=list("abcde")).astype("float64")
    whole = report(items, items=list("abcde"))
    assert whole.mcar is None and whole.mcar_reason == ""
    assert len(whole.sentences()[whole.sentences()["topic"] == "missing values"]) == 1
    gaps = items.mask(rng.random(items.shape) < 0.1)
    assert "does not show that gaps are random" in repr(report(gaps, items=list("abcde")))


def test_what_cannot_be_computed_is_said_and_nothing_warns():
    items = pd.DataFrame({"a": [1.0, 2, np.nan, 4], "b": [2.0, 2, 2, 2], "c": [1.0, 3, 2, 2]})
    made = report(items, items=["a", "b", "c"])
    text = repr(made)
    assert "Little's test was not computed: Every value is the same in 'b'." in text
    assert "The index mahalanobis was not computed: 3 respondent(s) answered all 3 items" in text


def test_unknown_items_are_refused():
    with pytest.raises(MeasurementError, match="column 'z'"):
        report(pd.DataFrame({"a": [1.0]}), items=["z"])


@pytest.mark.slow
def test_a_report_on_a_hundred_thousand_respondents():
    rng = np.random.default_rng(3)
    level = rng.normal(size=(100_000, 1))
    codes = np.clip(np.round(3 + 0.8 * level + rng.normal(size=(100_000, 60))), 1, 5)
    items = pd.DataFrame(codes).add_prefix("q")
    items = items.mask(rng.random(items.shape) < 0.02)
    frame = items.assign(unit=rng.integers(0, 2000, size=100_000))
    scales = {f"s{i}": [f"q{6 * i + j}" for j in range(6)] for i in range(10)}
    made = report(frame, items=list(items), by=["unit"], scales=scales)
    assert len(made.sentences()) > 8
