"""What spreadsheets do to values."""

from __future__ import annotations

import pytest
from support.csv_files import diagnostics, people, read, refusal, write_csv

from reconciler.history.edits import USER, Entity
from reconciler.sources.csv_file.damage import KINDS, format_lines

ERROR_VALUES = ("#REF!", "#NAME?", "#N/A", "#NV", "#WERT!", "#DIV/0!", "####", "#BEZUG!")
LOCALISED = (
    *("#N/D", "#ARG!", "#ADR!", "#NAZWA?", "#DZIEL/0!", "#¡REF!", "#¿NOMBRE?", "#¡VALOR!", "#¡DIV/0!", "#RIF!"),
    *("#VALORE!", "#NOME?", "#NB", "#VERW!", "#WAARDE!", "#SAKNAS!", "#VÄRDEFEL!", "#BLOCKED!", "#CONNECT!", "#Н/Д"),
    *("#EXTERNAL!", "#SPILL!", "#CALC!", "#FIELD!", "#ÉRTÉK!", "#ЗНАЧ!", "#BAŞV!", "#YOK", "Err:502", "Fehler:508"),
)
SHORTENED = ("1.23457E+11", "1,23457E+11", "1E+05", "4.9E+12")


def column(attribute: str, *values: str) -> str:
    """Write users with one further attribute."""
    rows = [[f"u{number}@example.com", value] for number, value in enumerate(values)]
    return write_csv([["userPrincipalName", attribute], *rows])


@pytest.mark.parametrize(
    "value", [*ERROR_VALUES, *LOCALISED, *SHORTENED, "Gro\ufffd", "a\x07b", "a\u202eb", "x" * 5000, "a\nb"]
)
def test_a_value_that_is_certainly_wrong_is_not_imported(value: str) -> None:
    text = column("department", "Sales", value, "", value)
    assert [person["userPrincipalName"] for person in people(text)] == ["u0@example.com", "u2@example.com"]
    assert read(text).doubtful == {"u1@example.com", "u3@example.com"}
    (found,) = read(text).diagnostics
    assert (found.severity, str(found.origin)) == ("error", "staff.csv:3:2")
    assert "These users are left as they are." in found.detail
    assert '--map "department=".' in found.detail


@pytest.mark.parametrize(
    "value", [*ERROR_VALUES, *LOCALISED, *SHORTENED, "Gro\ufffd", "NULL", "nan", "2-Jan", "01.02.2024", "JÃ¼rgen"]
)
def test_an_identity_that_is_damaged_refuses_the_file(value: str) -> None:
    summary, detail = refusal(column("employeeId", "0012", value))
    assert summary.startswith("staff.csv:3:2: column employeeId: ")
    assert detail.endswith("The file is not imported: its users cannot be distinguished.")


@pytest.mark.parametrize("value", ["#IT", "#1", "C#", "#", "F#!", "Room: 502", "#A-1!", "# Sales!"])
def test_text_with_the_signs_of_error_values_is_text(value: str) -> None:
    assert people(column("department", value))[0]["department"] == value


@pytest.mark.parametrize("value", ["NULL", "2-Jan"])
def test_an_attribute_that_matching_reads_is_an_identity_too(value: str) -> None:
    assert people(column("extensionAttribute1", value))
    summary, _ = refusal(column("extensionAttribute1", value), matching=frozenset({"extensionAttribute1"}))
    assert summary.startswith("staff.csv:2:2: column extensionAttribute1: ")


@pytest.mark.parametrize("value", ["2-Jan", "02. Jan", "Jan-02", "1-Feb-24", "Mär 24", "01.02.2024", "1/2/2024"])
def test_dates_are_wrong_in_codes_and_odd_elsewhere(value: str) -> None:
    assert diagnostics(column("costCenter", value))[0].startswith("error staff.csv:2:2 column costCenter: dates, which")
    assert diagnostics(column("jobTitle", value))[0].startswith("warning staff.csv:2:2 column jobTitle: dates, which")
    assert people(column("jobTitle", value))[0]["jobTitle"] == value


def test_iso_dates_are_wrong_in_codes() -> None:
    assert diagnostics(column("costCenter", "2026-02-01", "1-2"))[0].startswith(
        "error staff.csv:2:2 column costCenter: dates such as 2026-02-01"
    )
    assert diagnostics(column("extensionAttribute1", "2026-02-01")) == []


def test_codes_that_the_desired_state_has_are_no_damage() -> None:
    fields = {"userPrincipalName": "u0@example.com", "costCenter": "DUB-24"}
    held = (Entity(USER, "u0@example.com", fields, "users/a.yaml"),)
    assert diagnostics(column("costCenter", "DUB-24"), users=held) == []
    assert diagnostics(column("costCenter", "DUB-24", "DUB-25"), users=held)[0].startswith("error staff.csv:3:2")


@pytest.mark.parametrize(
    ("attribute", "values"),
    [
        ("costCenter", ("1E5", "1-2", "10.20", "10.10.30", "2024", "A-1.0")),
        ("telephoneNumber", ("+49 (30) 123", "-", "+49-30", "030/123")),
        ("employeeId", ("10.0", "12.5", "12")),
        ("employeeId", ("1234567890123450", "1234567890123456", "1234567890123451")),
        ("employeeId", ("1234567890123450",)),
        ("surname", ("O'Neil", "JOÃO", "Żółć", "Mai", "Jan", "#1 Fan", "İpek", "Âme")),
        ("postalCode", ("01-234", "SW1Y 4JU", "00-950")),
        ("streetAddress", ("1 Main St\nTown",)),
    ],
)
def test_ordinary_values_are_not_reported(attribute: str, values: tuple[str, ...]) -> None:
    text = column(attribute, *values)
    assert diagnostics(text) == []
    assert [person[attribute] for person in people(text)] == list(values)


@pytest.mark.parametrize(
    ("attribute", "values", "what"),
    [
        ("costCenter", ("10.0", "11.0", "250.0"), "numbers with decimals"),
        ("costCenter", ("1234567890123450", "1234567890123460", "1234567890123400"), "numbers that end in zeros"),
    ],
)
def test_a_column_of_numbers_that_a_program_has_converted(attribute: str, values: tuple[str, ...], what: str) -> None:
    (found,) = diagnostics(column(attribute, *values))
    assert found.startswith(f"error staff.csv:2:2 column {attribute}: {what}")
    assert found.endswith("(3 values)")


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ("=1+3", "formulas for a spreadsheet"),
        ("@SUM(A1)", "formulas for a spreadsheet"),
        ("+cmd|' /C calc'!A0", "formulas for a spreadsheet"),
        ("-x", "formulas for a spreadsheet"),
        ("x" * 255, "values of 255 or 256 characters"),
        ("WAHR", "booleans of a spreadsheet"),
        ("NULL", "placeholders for a missing value"),
        ("JÃ¼rgen", "text that was read in another encoding than UTF-8"),
    ],
)
def test_an_odd_value_is_imported_with_a_warning(value: str, what: str) -> None:
    text = column("department", value)
    assert people(text)[0]["department"] == value
    (found,) = diagnostics(text)
    assert found.startswith(f"warning staff.csv:2:2 column department: {what}")


def test_one_kind_of_damage_in_a_column_is_one_diagnostic() -> None:
    text = column("department", *["#REF!"] * 100, *["=1"] * 100)
    first, second = read(text).diagnostics
    assert first.summary == 'column department: error values of a spreadsheet, such as "#REF!" (100 values)'
    assert first.detail.startswith("Lines 2, 3, 4, 5, 6 and 95 more. ")
    assert second.summary == 'column department: formulas for a spreadsheet, such as "=1" (100 values)'


@pytest.mark.parametrize(
    "name",
    [
        *("ada", "ada@", "@example.com", "ada@example", "a b@example.com", "ada@@example.com", "=1+3"),
        *("a,b@example.com", "\u0430da@example.com", "ada\u2028x@example.com", "a\x07@example.com"),
        f"{'x' * 400}@example.com",
    ],
)
def test_a_user_name_that_is_no_address_leaves_its_user_as_is(name: str) -> None:
    text = write_csv([["objectId", "userPrincipalName"], ["1", "ada@example.com"], ["2", name]])
    snapshot = read(text)
    assert [person.object_id for person in snapshot.people] == ["1"]
    assert "2" in snapshot.doubtful
    assert [str(item.origin) for item in snapshot.diagnostics if item.severity == "error"] == ["staff.csv:3:2"]


def test_a_letter_that_looks_like_another_is_named() -> None:
    (found,) = diagnostics("userPrincipalName\n\u0430da@example.com\nbob@example.com\n")
    assert found.endswith('"\u0430da@example.com" with U+0430 CYRILLIC SMALL LETTER A, among Latin letters (1 value)')


def test_guests_and_names_in_one_other_script_are_user_names() -> None:
    names = ["ada_example.com#EXT#@contoso.onmicrosoft.com", "łukasz@example.com", "ада@example.com"]
    assert [person["userPrincipalName"] for person in people("\n".join(["userPrincipalName", *names]))] == names


def test_lines_are_counted_beyond_five() -> None:
    assert [format_lines(lines) for lines in ([4], [4, 9], range(1, 8))] == [
        "Line 4.",
        "Lines 4, 9.",
        "Lines 1, 2, 3, 4, 5 and 2 more.",
    ]


def test_kinds_have_different_texts() -> None:
    assert len({kind.text for kind in KINDS}) == len(KINDS)
