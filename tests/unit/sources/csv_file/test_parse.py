"""A whole file."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.csv_files import diagnostics, read, write_csv

from reconciler.errors import ReconcilerError
from reconciler.sources.csv_file.cells import clean_cell
from reconciler.sources.csv_file.columns import Column
from reconciler.sources.csv_file.damage import find_damage
from reconciler.sources.csv_file.options import CsvOptions
from reconciler.sources.csv_file.parse import parse_csv

ATTRIBUTES = ("givenName", "surname", "department", "streetAddress", "employeeId", "costCenter")


def test_the_notes_say_what_was_read_and_what_was_not() -> None:
    text = "login,firstName,managerId,Shoe size,Password\na@x.com,Ada,7,38,secret\n"
    assert read(text).notes == (
        "1 user in the format Okta.",
        'Unknown columns, not imported: "Shoe size".',
        'Not imported: "managerId".',
        'Passwords are neither imported nor stored: "Password".',
    )


@pytest.mark.parametrize("header", ["Status", "Gesperrt", "is active", "DISABLED"])
def test_a_column_that_may_say_who_has_left_is_worth_a_warning(header: str) -> None:
    text = f"userPrincipalName,{header}\na@x.com,x\n"
    (found,) = read(text).diagnostics
    assert found.summary == f'column "{header}" is not imported: users that it marks as inactive come in too'
    assert f'--map "{header}=not accountEnabled"' in found.detail
    assert diagnostics(f"userPrincipalName,accountEnabled,{header}\na@x.com,yes,x\n") == []


def test_the_map_for_a_column_of_states_is_that_of_its_values() -> None:
    text = "userPrincipalName,Suspended\na@x.com,Active\nb@x.com,Suspended\n"
    (found,) = read(text).diagnostics
    assert found.detail == 'It names states, such as Active: --map "Suspended=accountEnabled".'
    (mixed,) = read(text + "c@x.com,No\n").diagnostics
    assert '--map "Suspended=not accountEnabled"' in mixed.detail


def test_a_column_without_any_value_decides_nothing() -> None:
    text = "userPrincipalName,Department,city\na@x.com,,\nb@x.com, ,Rome\n"
    snapshot = read(text)
    assert snapshot.attributes == {"userPrincipalName", "city"}
    assert snapshot.notes[-1] == (
        'Every cell of column "Department" is empty, so it changes nothing. To clear department of all these users:'
        ' --map "Department=department".'
    )
    assert "department" in read(text, "Department=department").attributes
    assert "Every cell" not in read(text, "Department=department").notes[-1]
    assert "Every cell" not in read("userPrincipalName,accountEnabled\na@x.com,\n").notes[-1]


Table = tuple[list[str], list[list[str]]]
_TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=12)
_TEXT = _TEXT.map(lambda text: text.replace("\0", ""))
_EDGE = st.sampled_from(["0012", "1E5", "=1", '"', "a,b", "a;b", "a\tb|c", "No", "O'Neil", "null", "  ", "\ufeff", "é"])
_CELLS = st.one_of(_EDGE, _TEXT)


def _is_sound(attribute: str, text: str) -> bool:
    cleaned = clean_cell(text)
    if cleaned == "":
        return True
    column = Column(2, attribute, attribute)
    return not any(
        each.kind.is_error(attribute, frozenset({"employeeId"})) for each in find_damage(column, [cleaned] * 3)
    )


@st.composite
def tables(draw: st.DrawFn) -> Table:
    names = sorted(draw(st.sets(st.sampled_from(ATTRIBUTES), min_size=1)))
    header = draw(st.permutations(("userPrincipalName", *names)))
    rows = []
    for number in range(draw(st.integers(1, 5))):
        # Not `filter`: three of four tables would be thrown away.
        cells = {name: draw(_CELLS) for name in names}
        sound = {name: text if _is_sound(name, text) else "x" for name, text in cells.items()}
        rows.append([sound.get(name, f"u{number}@example.com") for name in header])
    return header, rows


@given(
    tables(),
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    st.sampled_from(["", "sep={}", "\n;;;"]),
)
def test_any_table_in_any_dialect_and_encoding_is_read_back(
    table: Table, delimiter: str, end: str, encoding: str, start: str
) -> None:
    header, rows = table
    content = start.format(delimiter) + end + write_csv([header, *rows], delimiter, end)
    found = parse_csv(content.encode(encoding), "f.csv", CsvOptions())
    assert [dict(person.attributes) for person in found.people] == [
        {name: clean_cell(cell) for name, cell in zip(header, row, strict=True) if clean_cell(cell)} for row in rows
    ]
    assert found.attributes == {
        name for name, cells in zip(header, zip(*rows, strict=True), strict=True) if any(map(clean_cell, cells))
    }


@given(
    st.one_of(st.binary(max_size=200), st.text(max_size=200).map(lambda text: f"userPrincipalName,{text}".encode())),
    st.sampled_from([None, "windows-1252", "utf-16", "shift_jis"]),
)
def test_any_bytes_are_read_or_refused_with_one_error(content: bytes, encoding: str | None) -> None:
    try:
        found = parse_csv(content, "f.csv", CsvOptions(encoding=encoding))
    except ReconcilerError as exc:
        refused = (exc.summary, exc.detail)
    else:
        refused = ()
        assert found.people or found.diagnostics
    assert all(refused)
