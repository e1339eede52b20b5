"""What the command line says about a file."""

from __future__ import annotations

import pytest

from reconciler.errors import UsageError
from reconciler.sources.csv_file.options import ColumnChoice, parse_columns, parse_dates, parse_delimiter


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("Personalnr=employeeId", ColumnChoice("Personalnr", "employeeId")),
        ("Notes=", ColumnChoice("Notes", "")),
        ("a=b = city", ColumnChoice("a=b", "city")),
        ("Gesperrt=not accountEnabled", ColumnChoice("Gesperrt", "accountEnabled", inverted=True)),
        ("House=extension_0123_house", ColumnChoice("House", "extension_0123_house")),
    ],
)
def test_a_map_is_a_header_and_an_attribute(text: str, choice: ColumnChoice) -> None:
    assert parse_columns([text]) == (choice,)


@pytest.mark.parametrize(
    ("text", "summary", "detail"),
    [
        ("Personalnr", "is not HEADER=attribute", "--map"),
        ("=employeeId", "is not HEADER=attribute", "--map"),
        ("X=userprincipalname", 'there is no attribute "userprincipalname"', "Did you mean userPrincipalName?"),
        ("X=lifecycle.expires", "belongs to git", "lifecycle"),
        ("X=proxyAddresses", "cannot be imported", "one value"),
        ("X=IsSoftDeleted", "cannot be imported", "one value"),
        ("X=not department", "only accountEnabled can be inverted", "--map"),
        ("X=a b", '"a b" is not an attribute name', "--map"),
    ],
)
def test_any_other_map_is_refused_with_a_way_out(text: str, summary: str, detail: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_columns([text])
    assert summary in caught.value.summary
    assert detail in caught.value.detail


def test_an_attribute_that_a_mapping_reads_may_have_any_spelling() -> None:
    assert parse_columns(["X=department"], frozenset({"Department"})) == (ColumnChoice("X", "department"),)
    assert parse_columns(["X=Department"], frozenset({"Department"})) == (ColumnChoice("X", "Department"),)


def test_a_delimiter_is_a_character_or_its_name() -> None:
    texts = (None, ";", "tab", "\\t", "Semicolon", "^")
    assert [parse_delimiter(text) for text in texts] == [None, ";", "\t", "\t", ";", "^"]


@pytest.mark.parametrize("text", ["", "a", "::", '"', "@", "\n", "\0", "7"])
def test_what_cannot_separate_cells_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="cannot separate cells"):
        parse_delimiter(text)


def test_an_unknown_order_of_dates_is_refused() -> None:
    assert parse_dates("dmy") == "dmy"
    with pytest.raises(UsageError, match="is not known"):
        parse_dates("ymd")
