"""Strict reading: each way a file can be broken, and its message."""

from __future__ import annotations

import pytest

from crosslevel.errors import ResponseError
from crosslevel.responses import read_table


def test_strings_stay_strings_and_rows_are_those_of_a_spreadsheet(write):
    path = write('id,x,note\n007,1.0,\'\n\n 010 ,NA,"a, b\nc"\n')
    table = read_table(path)
    assert table.index.tolist() == [2, 4]
    assert table["id"].tolist() == ["007", "010"]
    assert table["x"].tolist() == ["1.0", "NA"]
    assert table["note"].tolist() == ["'", "a, b\nc"]
    assert table.dtypes.eq("str").all()


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_byte_order_marks_and_line_ends(write, end, mark):
    path = write(mark + f"id,x{end}1,æ{end}".encode())
    assert read_table(path).to_dict("list") == {"id": ["1"], "x": ["æ"]}


def test_columns_are_picked_in_the_order_asked_for_and_renamed(write):
    path = write("a,b,c\n1,2,3\n")
    assert list(read_table(path, columns=["c", "a"]).columns) == ["c", "a"]
    assert read_table(path, columns={"unit": "b"}).to_dict("list") == {"unit": ["2"]}


def test_tab_separated_by_ending_and_by_argument(write):
    assert list(read_table(write("a\tb\n1\t2\n", "x.tsv")).columns) == ["a", "b"]
    assert list(read_table(write("a;b\n1;2\n"), delimiter=";").columns) == ["a", "b"]


def test_trailing_blank_column_of_a_spreadsheet_is_dropped(write):
    assert read_table(write("a,b,,\n1,2,,\n3,4,,\n")).to_dict("list") == {
        "a": ["1", "3"],
        "b": ["2", "4"],
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ('""', "is empty"),
        ('""\n""\n', "is empty"),
        ("sep=;\nid;x\n1;2\n", r"row 1: .*Delete the first line 'sep=;', and say .* is ';'"),
        ('"sep=,"\r\nid,x\r\n1,2\r\n', r"row 1: is an instruction .* line 'sep=,'\."),
        (
            "id,x\n" + "1,2,3\n" * 9,
            r"row 2 and others: 3 fields .* 2, in 9 rows \(first: row 2",
        ),
        ("\ufeff \n\n", "is empty"),
        ("id,x\n", "a header and no rows"),
        ("id;x\n1;2\n", r"separated by semicolons, not by commas.*say that the delimiter is ';'"),
        ("id\tx\n1\t2\n", r"separated by tabs, not by commas"),
        ("id,x,id\n1,2,3\n", r"column 'id': 2 columns have this name"),
        ("id,,x\n1,2,3\n", r"column B: has no name"),
        ("id,x\n1,2,3\n4,5\n", r"row 2: 3 fields where the header has 2"),
        ("id,x,y\n1,2,3\n4,5", r"row 3: 2 fields .* it was cut off"),
        ('id,x\n1,2\n3,"never', r"row 3: a quotation mark is opened and never closed"),
        ('id,x\n1,"a"b\n', r"row 2: the quotation marks do not pair up"),
        (b"id,x\n1,\x00\n", r"line 2 holds a NUL byte"),
        (b"id,x\n1,\xe6\n", r"not UTF-8: line 2 holds the byte 0xe6"),
        ("id,x\n1,2\n".encode("utf-16"), r"is UTF-16"),
        (b"PK\x03\x04rest", r"is a workbook"),
    ],
)
def test_broken_files_are_refused_with_their_place(write, content, message):
    with pytest.raises(ResponseError, match=r"(?s)" + message):
        read_table(write(content))


def test_all_defects_at_once(write):
    with pytest.raises(ResponseError) as caught:
        read_table(write("a,a,\n1,2,3\n4,5\n"))
    assert len(caught.value.problems) == 3


def test_a_long_unclosed_quotation_is_reported_where_it_begins(write):
    rows = "\n".join(f"{i},text of some length" for i in range(8000))
    with pytest.raises(ResponseError, match=r"row 3: a quotation mark is opened"):
        read_table(write(f'id,x\n1,2\n3,"open\n{rows}\n'))


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(ResponseError, match="does not exist"):
        read_table(tmp_path / "no.csv")
    with pytest.raises(ResponseError, match="is a folder"):
        read_table(tmp_path)


def test_column_that_is_not_there(write):
    with pytest.raises(ResponseError, match=r"column 'unti': not found. Did you mean 'unit'\?"):
        read_table(write("employee,unit\n1,2\n"), columns=["unti"])
    with pytest.raises(ResponseError, match=r"column 'ward': not found. The file has: employee"):
        read_table(write("employee,unit\n1,2\n"), columns=["ward"])


def test_a_header_that_holds_code_is_a_name_and_nothing_else(write, tmp_path):
    flag = tmp_path / "executed"
    code = f"__import__('os').system('touch {flag}')"
    table = read_table(write(f'id,"{code}"\n1,=1+1\n'))
    assert list(table.columns) == ["id", code]
    assert table.iloc[0, 1] == "=1+1"
    assert not flag.exists()


def test_the_file_is_left_as_it_was(write):
    path = write(b"\xef\xbb\xbfid,x\r\n 007 ,2\r\n")
    before = path.read_bytes()
    read_table(path)
    assert path.read_bytes() == before
