"""Delimiters, and where the table begins."""

from __future__ import annotations

import pytest
from support.csv_files import people, refusal, write_csv

from reconciler.sources.csv_file.dialect import Start, choose_delimiter, find_start
from reconciler.sources.csv_file.options import CsvOptions

ROWS = [["userPrincipalName", "surname", "city"], ["ada@example.com", "Lovelace; Lady", "Rome, IT|\t"]]
ADA = {"userPrincipalName": "ada@example.com", "surname": "Lovelace; Lady", "city": "Rome, IT|"}


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("start", ["", "\r\n\r\n", "sep={}\r\n", '"sep={}"\r\n', "SEP={}\r\n", "sep={0}{0}{0}\r\n"])
def test_the_delimiter_is_found(delimiter: str, start: str) -> None:
    assert people(start.format(delimiter) + write_csv(ROWS, delimiter)) == [ADA]


@pytest.mark.parametrize("delimiter", ["^", "~", "\x1f"])
def test_any_other_one_is_named_by_a_sep_line_or_the_option(delimiter: str) -> None:
    assert people(f"sep={delimiter}\r\n" + write_csv(ROWS, delimiter)) == [ADA]
    assert people(write_csv(ROWS, delimiter), delimiter=delimiter) == [ADA]


def test_the_option_decides_against_the_file() -> None:
    assert people("sep=,\n" + write_csv(ROWS, ";"), delimiter=";") == [ADA]


def test_a_file_with_one_column_has_any_delimiter() -> None:
    assert people("userPrincipalName\nada@example.com\n") == [{"userPrincipalName": "ada@example.com"}]


def test_a_delimiter_that_can_be_two_is_asked_for() -> None:
    assert refusal("userPrincipalName,x;surname\nada@example.com,1;L\n") == (
        "staff.csv:1: the delimiter can be comma and semicolon",
        "Say which it is: --delimiter comma or --delimiter semicolon.",
    )


def test_a_header_without_a_known_name_is_shown() -> None:
    summary, detail = refusal("Nr;Vorname;Nachname;Ort;Stra\u200bße;Telefon\n1;A;B;C;D;E\n")
    assert summary == "staff.csv:1: no column is recognised: this is not a header, or the header of another format"
    assert 'It reads "Nr", "Vorname", "Nachname", "Ort", "Stra\\u{200b}ße" and 1 more.' in detail
    assert '--map "HEADER=attribute"' in detail


def test_columns_that_are_mapped_are_known() -> None:
    assert people("Nr;Login-Name\n1;ada@example.com\n", "Login-Name=userPrincipalName") == [
        {"userPrincipalName": "ada@example.com"}
    ]


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("a,b\n", Start(1)),
        ("\r\n;;\r\na,b\n", Start(3)),
        ("version:v1.0,,\r\na\n", Start(2, is_bulk=True)),
        ('sep=;\n"version:v1.0";;\n\na', Start(4, ";", is_bulk=True)),
        ("sep=\na", Start(2)),
    ],
)
def test_lines_before_the_header_are_passed(text: str, start: Start) -> None:
    assert find_start(text) == start


def test_a_quote_that_never_ends_is_no_header_of_any_kind() -> None:
    endless = '"' + "userPrincipalName," * 50_000
    assert "no column is recognised" in refusal(endless)[0]
    assert choose_delimiter("userPrincipalName\tx", Start(1), CsvOptions(), "f") == "\t"
