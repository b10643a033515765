"""Coding answers: by codes or labels, with every cell and every row accounted for."""

from __future__ import annotations

import unicodedata
from dataclasses import replace

import numpy as np
import pytest

from crosslevel.errors import ResponseError
from crosslevel.instruments.records import Option
from crosslevel.responses import pseudonym, read

HEADER = "id,a1,a2,a3,b1,b2,tenure,profession\n"
KEY = "a secret of the study"


def test_codes(write, instrument):
    path = write(HEADER + "007,1,2.0,8,3,,4.5,2\n008,3,99,1,1,1,0,\n")
    answers = read(path, instrument, respondent="id", missing=(99,))
    assert answers.frame["id"].tolist() == ["007", "008"]
    np.testing.assert_equal(answers.frame["a2"].to_numpy(), [2.0, np.nan])
    np.testing.assert_equal(answers.frame["a3"].to_numpy(), [np.nan, 1.0])
    np.testing.assert_equal(answers.frame["tenure"].to_numpy(), [4.5, 0.0])
    assert answers.frame["profession"].tolist()[0] == "doctor"
    assert answers.frame["profession"].isna().tolist() == [False, True]
    assert answers.rows == 2
    assert answers.losses.empty


def test_labels_in_another_language(write, instrument):
    path = write(HEADER + "1,Enig,Hverken  eller,Ikke relevant,Uenig,,12,læge\n")
    answers = read(path, instrument, respondent="id", values="labels", language="da")
    assert answers.frame.iloc[0][["a1", "a2", "b1"]].tolist() == [3.0, 2.0, 1.0]
    assert np.isnan(answers.frame["a3"].iloc[0])
    assert answers.frame["profession"].tolist() == ["læge"]


def test_the_mapping_tells_what_became_of_each_raw_value(write, instrument):
    path = write(HEADER + "1,3,1,8,1,,4,1\n2,3,1,99,1,,9,2\n3,1.0,1,1,1,1,,2\n")
    mapping = read(path, instrument, respondent="id", missing=[99]).mapping
    of = {
        name: rows.drop(columns="item").to_numpy().tolist()
        for name, rows in mapping.groupby("item")
    }
    assert of["a1"] == [["1.0", "1", "Disagree", 1], ["3", "3", "Agree", 2]]
    assert of["a3"] == [
        ["1", "1", "Disagree", 1],
        ["8", "not relevant", "Not relevant", 1],
        ["99", "missing", "", 1],
    ]
    assert of["tenure"] == [["(numbers)", "4 to 9", "", 2], ["", "missing", "", 1]]
    assert of["profession"] == [["1", "nurse", "nurse", 1], ["2", "doctor", "doctor", 2]]
    assert mapping.groupby("item")["n"].sum().eq(3).all()


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("1,7,1,1,1,1,1,1", r"row 2, column 'a1': '7' is no answer .* Codes: 1, 2, 3, 8"),
        ("1,1.5,1,1,1,1,1,1", r"column 'a1': '1.5' is no answer"),
        ("1,Agree,1,1,1,1,1,1", r"This is a label: say that the file holds labels"),
        ("1,1,1,1,1,1,51,1", r"column 'tenure': 51 is out of range. The range is 0 to 50"),
        ("1,1,1,1,1,1,\"3,5\",1", r"'3,5' is not a number. Write 3.5"),
        ("1,1,1,1,1,1,nan,1", r"'nan' is not a number. .* declare 'nan' as `missing`"),
        ("1,1,1,1,1,1,inf,1", r"'inf' is not a number"),
        ("1,1,1,1,1,1,1,3", r"column 'profession': '3' is no answer"),
        ("1,1,1,1,1,1,NA,1", r"If it means no answer, declare 'NA' as `missing`."),
    ],
)  # fmt: skip
def test_cells_that_are_no_answer(write, instrument, row, message):
    with pytest.raises(ResponseError, match=message):
        read(write(HEADER + row + "\n"), instrument, respondent="id")


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("Agre", r"row 2, column 'a1': 'Agre' is no answer to this item. Did you mean 'Agree'"),
        ("Perhaps so", r"Labels: Disagree, Neither, Agree, Not relevant"),
        ("3", r"This is a code: say that the file holds codes .* Labels: Dis"),
    ],
)
def test_labels_that_match_nothing(write, instrument, cell, message):
    path = write(HEADER + f"1,{cell},Agree,Agree,Agree,Agree,1,nurse\n")
    with pytest.raises(ResponseError, match=message):
        read(path, instrument, respondent="id", values="labels")


def test_one_label_for_two_codes_is_not_guessed(write, instrument):
    scale = instrument.response_scales["agreement"]
    twice = (*scale.options, Option(4, {"en": "Agree", "da": "Meget enig"}))
    scales = {**instrument.response_scales, "agreement": replace(scale, options=twice)}
    changed = replace(instrument, response_scales=scales)
    path = write(HEADER + "1,Agree,Agree,Agree,Agree,Agree,1,nurse\n")
    with pytest.raises(ResponseError, match=r"options 3 and 4 share the label 'Agree'"):
        read(path, changed, respondent="id", values="labels")
    assert read(write(HEADER + "1,4,1,1,1,1,1,1\n"), changed, respondent="id").frame["a1"][0] == 4


def test_an_option_without_a_label_in_the_language(write, instrument):
    scale = instrument.response_scales["profession"]
    more = (*scale.options, Option(3, {"da": "andet"}))
    scales = {**instrument.response_scales, "profession": replace(scale, options=more)}
    path = write(HEADER + "1,Agree,Agree,Agree,Agree,Agree,1,nurse\n")
    with pytest.raises(ResponseError, match=r"option 3 has no label in 'en'"):
        read(path, replace(instrument, response_scales=scales), respondent="id", values="labels")


def test_a_missing_code_that_is_also_an_answer_is_not_guessed(write, instrument):
    path = write(HEADER + "1,9,1,1,1,1,9,1\n")
    with pytest.raises(ResponseError, match=r"'tenure': 9 is declared missing and is also an ans"):
        read(path, instrument, respondent="id", missing=(9,))
    frame = read(path, instrument, respondent="id", missing={"a1": (9,)}).frame
    assert np.isnan(frame["a1"][0])
    assert frame["tenure"][0] == 9
    with pytest.raises(ResponseError, match=r"missing: tenur.* Did you mean 'tenure'"):
        read(path, instrument, respondent="id", missing={"tenur": (9,)})


def test_missing_codes_match_however_the_number_is_written(write, instrument):
    path = write(HEADER + "1,99.0,1,1,1,1,-1,1\n")
    frame = read(path, instrument, respondent="id", missing=[99.0, "-1"]).frame
    assert frame[["a1", "tenure"]].isna().all(axis=None)


def test_equal_cells_are_counted_when_they_are_many(write, instrument):
    """A missing code that was an answer gave one line for each of 6,944 cells."""
    rows = "".join(f"{i},1,5,1,1,1,99,{1 if i % 4 else 7}\n" for i in range(12))
    with pytest.raises(ResponseError) as caught:
        read(write(HEADER + rows), instrument, respondent="id", missing=(1,))
    said = [str(problem) for problem in caught.value.problems]
    fix = "Under `missing`, give the codes item by item (item: codes)."
    is_both = "1 is declared missing and is also an answer to this item"
    counted = f"{is_both}, in 12 rows (first: row 2). {fix}"
    assert f"column 'a1': {counted}" in said
    assert "column 'tenure': 99 is out of range, in 12 rows (first: row 2)." in "\n".join(said)
    no_answer = "'7' is no answer to this item. Codes: 1, 2."
    few = [f"row {row}, column 'profession': {no_answer}" for row in (2, 6, 10)]
    assert [line.partition(" If it")[0] for line in said if "'7'" in line] == few
    assert len(said) == 10


def test_rows_in_are_rows_out_or_listed(write, instrument):
    path = write(HEADER + "1,1,1,1,1,1,1,1\n,1,1,1,1,1,1,1\n3,99,,,,,,\n4,8,,,,,,\n")
    answers = read(path, instrument, respondent="id", missing=("99",))
    assert answers.frame["id"].tolist() == ["1", "4"]
    assert answers.losses.to_numpy().tolist() == [
        [3, "", "no respondent id"],
        [4, "3", "no answer to any item"],
    ]
    assert answers.rows == len(answers.frame) + len(answers.losses)


def test_no_row_left(write, instrument):
    with pytest.raises(ResponseError, match=r"(?s)No row .* row 2: no answer to any item"):
        read(write(HEADER + "1,,,,,,,\n2,,,,,,,\n"), instrument, respondent="id")


def test_no_row_left_of_a_long_file(write, instrument):
    with pytest.raises(ResponseError) as caught:
        read(write(HEADER + ",1,1,1,1,1,1,1\n" + "1,,,,,,,\n" * 9), instrument, respondent="id")
    assert list(map(str, caught.value.problems)) == [
        "row 2: no respondent id.",
        "row 3 and others: no answer to any item, in 9 rows (first: row 3).",
    ]


def test_one_respondent_in_many_rows_is_one_short_line(write, instrument):
    with pytest.raises(ResponseError, match=r"'1': occurs in rows 2, 3, 4 and 46 more. Keep one"):
        read(write(HEADER + "1,1,1,1,1,1,1,1\n" * 49), instrument, respondent="id")


def test_respondents_that_occur_twice_are_named(write, instrument):
    row = ",1,1,1,1,1,1,1\n"
    path = write(HEADER + "7" + row + "8" + row + "7" + row + "9" + row + "9,,,,,,,\n")
    with pytest.raises(ResponseError, match=r"respondent '7': occurs in rows 2, 4") as caught:
        read(path, instrument, respondent="id")
    assert len(caught.value.problems) == 1


def test_columns_are_mapped_and_others_listed(write, instrument):
    path = write("who,Q1,a2,a3,b1,b2,tenure,profession,__import__('os')\n1,3,1,1,1,1,1,1,x\n")
    answers = read(path, instrument, respondent="who", columns={"a1": "Q1"})
    assert answers.frame["a1"].tolist() == [3.0]
    assert answers.ignored == ("__import__('os')",)
    assert answers.frame.columns[0] == "who"


def test_columns_that_do_not_fit_are_all_named(write, instrument):
    path = write("id,a1,a2,a3,b1,b22,tenure,a9\n1,1,1,1,1,1,1,1\n")
    with pytest.raises(ResponseError) as caught:
        read(path, instrument, respondent="ids", columns={"a8": "a9", "a2": "a1"})
    text = "\n".join(map(str, caught.value.problems))
    assert "columns: a8: is no item of this instrument." in text
    assert "column 'ids': not found. Did you mean 'id'?" in text
    assert "item 'b2': no column 'b2'. Did you mean 'b22'?" in text
    assert "item 'profession': no column 'profession'." in text
    assert "column 'a1': is given to several items." in text
    with pytest.raises(ResponseError, match=r"column 'a1': has the name of an item"):
        read(path, instrument, respondent="a1")


def test_an_optional_item_may_have_no_column(write, instrument):
    items = tuple(replace(i, optional=i.id == "tenure") for i in instrument.items)
    path = write("id,a1,a2,a3,b1,b2,profession\n1,1,1,1,1,1,1\n")
    answers = read(path, replace(instrument, items=items), respondent="id")
    assert answers.frame["tenure"].isna().all()


def test_names_match_whatever_their_unicode_form(write, instrument):
    """ "Børneafd. å" typed on a Mac (NFD) was another unit than on Windows (NFC)."""
    whole, parted = (unicodedata.normalize(form, "Åse") for form in ("NFC", "NFD"))
    assert whole != parted
    content = HEADER.replace("id", parted).replace("a1", parted + "1")
    answers = read(
        write(content + f"{parted},3,1,1,1,1,{parted},1\n"),
        instrument,
        respondent=whole,
        columns={"a1": whole + "1"},
        missing=[whole],
    )
    assert answers.frame[whole].tolist() == [whole]
    assert answers.frame["a1"].tolist() == [3.0]
    assert answers.frame["tenure"].isna().all()
    assert answers.respondent == whole


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"values": "text"}, "`values` must be 'codes' or 'labels', got 'text'"),
        ({"language": "fi"}, "has no language 'fi'. It has: en, da"),
        ({"identifiers": ["id"]}, "need a pseudonym key"),
        ({"pseudonym_key": "short"}, "has 5 characters. Use at least 16"),
    ],
)
def test_wrong_options(write, instrument, options, message):
    path = write(HEADER + "1,1,1,1,1,1,1,1\n")
    with pytest.raises(ResponseError, match=message):
        read(path, instrument, respondent="id", **options)


def test_pseudonyms_replace_direct_identifiers_everywhere(write, instrument):
    path = write(
        "mail,"
        + HEADER.replace("\n", ",boss\n")
        + "x@y.z,007,1,1,1,1,1,1,1,Ann\nq,,1,1,1,1,1,1,1,\n"
    )
    answers = read(path, instrument, respondent="id", pseudonym_key=KEY, identifiers=["boss"])
    assert answers.frame["id"].tolist() == [pseudonym("007", key=KEY)]
    assert answers.frame["boss"].tolist() == [pseudonym("Ann", key=KEY)]
    shown = answers.frame.to_csv() + answers.losses.to_csv() + answers.mapping.to_csv()
    assert not any(secret in shown for secret in ("007", "Ann", "x@y.z"))
    other = read(path, instrument, respondent="id", pseudonym_key=KEY[::-1]).frame["id"].tolist()
    assert other != answers.frame["id"].tolist()


def test_an_error_does_not_show_an_identifier_that_is_to_be_hidden(write, instrument):
    path = write(HEADER + "Ann Lee,1,1,1,1,1,1,1\nAnn Lee,1,1,1,1,1,1,1\n")
    with pytest.raises(ResponseError, match=r"occurs in rows 2, 3") as caught:
        read(path, instrument, respondent="id", pseudonym_key=KEY)
    assert "Ann" not in str(caught.value)


def test_a_pseudonym_is_an_hmac():
    """Witness: OpenSSL, `printf 007 | openssl dgst -sha256 -hmac "a secret of the study"`."""
    assert pseudonym(" 007", key=KEY) == "pd44160341751ad5b"
