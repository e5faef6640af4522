"""CSV files: exact for people, harmless in spreadsheets."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.export import safe_cell, safe_csv

FORMULA_SIGNS = "=+-@＝＋－＠"


def rows(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1+1", "'-1+1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t'=1"),
        ("\r=1", "'\r'=1"),
        ("\n=1", "'\n'=1"),
        ("\ttext", "'\ttext"),
        ("  =1", "'  =1"),
        ("\xa0=1", "'\xa0=1"),
        ("\u200b=1", "'\u200b=1"),
        ("\ufeff=1", "'\ufeff=1"),
        ("\u202e=1", "'\u202e=1"),
        ("＝1", "'＝1"),
    ],
)
def test_a_text_that_a_spreadsheet_would_run_begins_with_an_apostrophe(value: str, cell: str) -> None:
    assert safe_cell(value) == cell


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("a;=1+1", "a;'=1+1"),
        ("a\t=1+1", "a\t'=1+1"),
        ("a\n=1+1", "a\n'=1+1"),
        ("a\r\n@x", "a\r\n'@x"),
        ("a; +1", "a;' +1"),
    ],
)
def test_a_formula_behind_a_separator_of_another_locale_is_stopped_too(value: str, cell: str) -> None:
    assert safe_cell(value) == cell


@pytest.mark.parametrize("value", ["plain", "a-b", "x=1", "a@b.com", "1; 2", "C+", "", "naïve café"])
def test_an_ordinary_text_is_unchanged(value: str) -> None:
    assert safe_cell(value) == value


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=[]), max_size=60))
def test_no_text_begins_a_formula_in_any_piece_that_a_spreadsheet_could_cut_it_into(value: str) -> None:
    cell = rows(safe_csv(pd.DataFrame({"c": pd.Series([value, "x"], dtype="object")})))[1:][0][0]
    for piece in cell.replace("\r", "\n").replace("\t", "\n").replace(";", "\n").split("\n"):
        assert piece.strip(" \xa0\u3000\u200b\ufeff")[:1] not in set(FORMULA_SIGNS)


def test_the_file_opens_right_in_excel() -> None:
    content = safe_csv(pd.DataFrame({"title": ["café"]}))
    assert content == b'\xef\xbb\xbf"title"\r\n"caf\xc3\xa9"\r\n'


def test_times_are_rfc_3339_and_numbers_and_absent_values_stay_what_they_are() -> None:
    frame = pd.DataFrame(
        {
            "at": pd.array([datetime(2025, 11, 22, 10, 2, 13, tzinfo=UTC), None], dtype="datetime64[us, UTC]"),
            "bytes": pd.array([-5, None], dtype="Int64"),
            "ok": pd.array([True, None], dtype="boolean"),
            "map": [{"a": [1]}, None],
            "text": pd.array(["x", None], dtype="string"),
        }
    )
    assert rows(safe_csv(frame))[1:] == [
        ["2025-11-22T10:02:13Z", "-5", "True", '{"a": [1]}', "x"],
        ["", "", "", "", ""],
    ]


def test_column_names_are_as_harmless_as_cells() -> None:
    assert rows(safe_csv(pd.DataFrame({"=cmd()": ["x"]})))[0] == ["'=cmd()"]


def test_an_empty_frame_keeps_its_heading() -> None:
    assert rows(safe_csv(pd.DataFrame({"a": pd.Series([], dtype="string"), "b": pd.Series([], dtype="Int64")}))) == [
        ["a", "b"]
    ]


def test_characters_that_no_file_can_hold_are_shown_as_replaced() -> None:
    assert safe_cell("a\ud800b\x00c") == "a\ufffdb\ufffdc"


@pytest.mark.parametrize("dtype", ["float64", "Float64"])
def test_percentages_have_one_decimal_and_never_read_as_a_threshold_that_they_are_not(dtype):
    shares = [12.3456789, 79.97, 80, 99.99, 100, 100.01, None]
    frame = pd.DataFrame({"storage_percent": pd.Series(shares, dtype=dtype), "usual": pd.Series(shares, dtype=dtype)})
    written = rows(safe_csv(frame))[1:]
    assert [row[0] for row in written] == ["12.3", "79.9", "80.0", "99.9", "100.0", "100.1", ""]
    assert written[0][1] == "12.3456789"
