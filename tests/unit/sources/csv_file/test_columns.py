"""Which column is which attribute."""

from __future__ import annotations

import pytest
from support.csv_files import people, read, refusal

from reconciler.sources.csv_file.columns import count_known, parse_header
from reconciler.sources.csv_file.options import CsvOptions

ADA = "ada@example.com"


def test_case_spaces_and_marks_around_headers_do_not_count() -> None:
    assert people("\ufeff USERPRINCIPALNAME ,\u00a0GivenName\u200b\nada@example.com,Ada\n") == [
        {"userPrincipalName": ADA, "givenName": "Ada"}
    ]


def test_suffixes_of_templates_are_cut_off() -> None:
    cells = ["Name [displayName] Required", "First Name [Required]", "Status [READ ONLY]", "Nom[surname]", "a [b"]
    assert [header.name for header in parse_header(cells)] == ["displayname", "first name", "status", "surname", "a [b"]


def test_two_columns_for_one_attribute_are_an_error_that_names_both() -> None:
    assert refusal("userPrincipalName,Dept,department\nada@example.com,A,B\n", "Dept=department") == (
        'staff.csv:1:3: columns 2 and 3 both hold department: "Dept" and "department"',
        'Leave one of them out: --map "Dept=", or rename it in the file if both have one name.',
    )
    text = "userPrincipalName,Dept,department\nada@example.com,A,B\n"
    assert people(text, "Dept=department", "department=") == [{"userPrincipalName": ADA, "department": "A"}]


def test_a_header_that_is_there_twice_is_an_error_if_it_is_imported() -> None:
    summary, _ = refusal("userPrincipalName,city,Notes,City,Notes\nada@example.com,A,,B,\n")
    assert summary == 'staff.csv:1:4: columns 2 and 4 both hold city: "city" and "City"'
    assert people("userPrincipalName,Notes,Notes\nada@example.com,a,b\n") == [{"userPrincipalName": ADA}]
    summary, detail = refusal("userPrincipalName,Notes,Notes\nada@example.com,a,b\n", "notes=city")
    assert summary == 'staff.csv:1:3: two columns are called "notes"'
    assert "columns 2 and 3" in detail


def test_a_file_that_names_no_user_is_refused() -> None:
    summary, detail = refusal("mail,surname\na@example.com,A\n")
    assert summary == "staff.csv:1: no column holds userPrincipalName, the name by which users are recognised"
    assert detail == 'Say which one does: --map "HEADER=userPrincipalName". The columns are "mail", "surname".'
    assert people("mail,surname\nada@example.com,A\n", "mail=userPrincipalName", "mail=mail") == [
        {"userPrincipalName": ADA, "mail": ADA, "surname": "A"}
    ]


def test_unknown_columns_are_listed_and_never_guessed() -> None:
    snapshot = read("userPrincipalName,Vorname,\u202eKosten,\nada@example.com,Ada,1,\n")
    assert [dict(person.attributes) for person in snapshot.people] == [{"userPrincipalName": ADA}]
    assert 'Unknown columns, not imported: "Vorname", "Kosten".' in snapshot.notes


def test_a_map_for_a_missing_column_is_refused() -> None:
    summary, detail = refusal("userPrincipalName,Personal-Nr\nada@example.com,1\n", "Personalnr=employeeId")
    assert summary == '--map: staff.csv:1 has no column "Personalnr"'
    assert detail.startswith('Did you mean "Personal-Nr"? The columns are "userPrincipalName", "Personal-Nr".')


def test_a_map_finds_a_header_without_its_suffix() -> None:
    text = "User name [userPrincipalName] Required,Badge [Required]\nada@example.com,12\n"
    assert people(text, "badge=employeeId") == [{"userPrincipalName": ADA, "employeeId": "12"}]


def test_no_map_imports_a_password() -> None:
    text = "userPrincipalName,Password [Required]\nada@example.com,s3cret\n"
    summary, detail = refusal(text, "Password=city")
    assert summary == '--map: the column "Password [Required]" holds secrets'
    assert "neither imported nor stored" in detail
    assert people(text, "Password=") == [{"userPrincipalName": ADA}]


def test_attributes_that_mappings_read_are_known() -> None:
    options = CsvOptions(known=frozenset({"timezone", "House"}))
    assert count_known(["TimeZone", "house", "x"], options) == 2


@pytest.mark.parametrize(
    ("first", "header", "says"),
    [
        ("version:v1.0\n", "Block sign in (Yes/No) [accountEnabled] Required", False),
        ("version:v1.0\n", "Anmeldung blockieren (Ja/Nein) [accountEnabled] Erforderlich", False),
        ("", "Block sign in [accountEnabled]", False),
        ("", "accountEnabled", True),
    ],
)
def test_block_sign_in_is_the_opposite(first: str, header: str, *, says: bool) -> None:
    text = f"{first}User [userPrincipalName],Name [displayName],{header}\nada@example.com,Ada,Yes\n"
    assert people(text)[0]["accountEnabled"] is says


@pytest.mark.parametrize("first", ["", "version:v1.0\n"])
def test_another_label_of_account_enabled_is_asked_about(first: str) -> None:
    header = "Account enabled [accountEnabled]" if first else "Connexion [accountEnabled]"
    text = f"{first}User [userPrincipalName],Name [displayName],{header}\nada@example.com,Ada,Yes\n"
    summary, detail = refusal(text)
    assert f'does Yes in column "{header}" block the user?' in summary
    assert f'--map "{header}=not accountEnabled"' in detail
    assert people(text, f"{header}=not accountEnabled")[0]["accountEnabled"] is False
    assert people(text, f"{header}=accountEnabled")[0]["accountEnabled"] is True


def test_a_header_that_two_formats_read_differently_is_ambiguous() -> None:
    text = "login,First Name,Last Name,Email Address,person_id,first_name,last_name,department\na@x.com,,,,,,,\n"
    assert "both hold userPrincipalName" in refusal(text)[0]
    both = "login,userPrincipalName,displayName,id,userType\nx,ada@example.com,A,1,Member\n"
    summary, detail = refusal(both, "login=")
    assert summary == 'staff.csv:1:5: the column "userType" is ambiguous'
    assert 'Entra ID, "Download users" and Okta read it differently' in detail
    assert people(both, "login=", "userType=userType")[0]["userType"] == "Member"


def test_characters_of_the_shell_are_escaped_in_what_can_be_typed() -> None:
    _, detail = refusal('userPrincipalName,"a$(x)`""\\",city\nada@example.com,A,B\n', 'a$(x)`"\\=city')
    assert '--map "a\\$(x)\\`\\"\\\\="' in detail
