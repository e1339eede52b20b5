"""Rows as people."""

from __future__ import annotations

import pytest
from support.csv_files import diagnostics, people, read, refusal


def test_an_empty_cell_is_unassigned_and_a_missing_column_is_not_read() -> None:
    snapshot = read("userPrincipalName,department,city\na@x.com,,Rome\nb@x.com,IT,\n")
    assert [dict(person.attributes) for person in snapshot.people] == [
        {"userPrincipalName": "a@x.com", "city": "Rome"},
        {"userPrincipalName": "b@x.com", "department": "IT"},
    ]
    assert snapshot.attributes == {"userPrincipalName", "department", "city"}
    assert (snapshot.groups, snapshot.scope, dict(snapshot.gone)) == (None, None, {})


def test_an_empty_account_enabled_enables_no_one() -> None:
    text = "userPrincipalName,accountEnabled\na@x.com,True\nb@x.com,\nc@x.com,1\n"
    assert people(text) == [{"userPrincipalName": "a@x.com", "accountEnabled": True}]
    assert read(text).doubtful == {"b@x.com", "c@x.com"}
    assert diagnostics(text) == [
        'error staff.csv:3:2 column accountEnabled: values that are neither true nor false, such as "" (2 values)'
    ]


@pytest.mark.parametrize(
    ("rows", "summary"),
    [
        (
            "1,Ada@x.com\n2,b@x.com\n3,ada@X.com\n",
            'staff.csv:4:2: userPrincipalName "Ada@x.com" is used twice, in lines 2 and 4',
        ),
        ("7F,a@x.com\n7f,b@x.com\n", 'staff.csv:3:1: objectId "7F" is used twice, in lines 2 and 3'),
    ],
)
def test_two_rows_for_one_user_are_refused(rows: str, summary: str) -> None:
    assert refusal(f"objectId,userPrincipalName\n{rows}") == (summary, "Delete one of the rows.")


def test_many_users_that_are_there_twice_are_listed() -> None:
    names = [f"u{number}@x.com" for number in range(9)]
    _, detail = refusal("\n".join(["userPrincipalName", *names, *names]))
    assert detail == ("Delete one of the rows. So are lines 3 and 12; 4 and 13; 5 and 14; 6 and 15; 7 and 16 and more.")


def test_rows_that_name_no_user_refuse_the_file() -> None:
    assert refusal("userPrincipalName,city\na@x.com,Rome\n,Paris\n ,Oslo\n") == (
        "staff.csv:3: 2 rows without userPrincipalName",
        "Lines 3, 4. Who is meant? Fill in the cells, or delete the rows.",
    )
    summary, _ = refusal("objectId,userPrincipalName,city\n,,Rome\n")
    assert summary == "staff.csv:2: 1 row without objectId and userPrincipalName"


def test_people_with_one_of_two_names_are_left_as_they_are() -> None:
    text = "objectId,userPrincipalName\nA1,\n,b@x.com\nC3,c@x.com\n"
    assert people(text) == [{"objectId": "C3", "userPrincipalName": "c@x.com"}]
    assert read(text).doubtful == {"a1", "b@x.com"}
    assert diagnostics(text) == [
        "error staff.csv:3:1 column objectId: missing values (1)",
        "error staff.csv:2:2 column userPrincipalName: missing values (1)",
    ]


def test_characters_that_cannot_be_seen_are_removed_and_reported() -> None:
    text = "userPrincipalName,surname\n\u200ba@x.com,Lo\u00a0Bianco\n"
    assert people(text) == [{"userPrincipalName": "a@x.com", "surname": "Lo Bianco"}]
    assert diagnostics(text) == [
        "warning staff.csv:2:1 column userPrincipalName: no-break spaces or invisible characters (1 value)",
        "warning staff.csv:2:2 column surname: no-break spaces or invisible characters (1 value)",
    ]


def test_names_that_differ_only_in_what_cannot_be_seen_are_one_user() -> None:
    assert "is used twice" in refusal("userPrincipalName\na@x.com\na@x.com\u200b\n")[0]


def test_a_header_of_another_name_is_shown_with_its_attribute() -> None:
    text = "userPrincipalName,Kostenstelle\na@x.com,#REF!\n"
    (found,) = diagnostics(text, "Kostenstelle=costCenter")
    assert found.startswith('error staff.csv:2:2 column "Kostenstelle" (costCenter): error values of a spreadsheet')


BLOCKED = "userPrincipalName,Block\na@x.com,{}\nb@x.com,{}\nc@x.com,{}\n"


def test_states_in_a_column_that_says_the_opposite_are_refused() -> None:
    text = BLOCKED.format("Suspended", "Active", "")
    snapshot = read(text, "Block=not accountEnabled")
    assert (snapshot.people, snapshot.doubtful) == ([], {"a@x.com", "b@x.com", "c@x.com"})
    found = snapshot.diagnostics[-1]
    assert found.summary == (
        'column "Block" (accountEnabled): states such as "Suspended" in a column that is read as the opposite'
        " (2 values)"
    )
    assert "Is the user disabled, as the word says, or enabled, as Yes and No are read here?" in found.detail
    assert 'To take the words as they are: --map "Block=accountEnabled".' in found.detail
    states = BLOCKED.format("Suspended", "Active", "Disabled")
    assert [each["accountEnabled"] for each in people(states, "Block=accountEnabled")] == [False, True, False]


def test_states_beside_answers_cannot_be_taken_as_they_are() -> None:
    snapshot = read(BLOCKED.format("Active", "Yes", "No"), "Block=not accountEnabled")
    assert [dict(each.attributes) for each in snapshot.people] == [
        {"userPrincipalName": "b@x.com", "accountEnabled": False},
        {"userPrincipalName": "c@x.com", "accountEnabled": True},
    ]
    (found,) = snapshot.diagnostics
    assert "Is the user enabled, as the word says, or disabled" in found.detail
    assert "=accountEnabled" not in found.detail


def test_an_apostrophe_that_marks_text_is_removed() -> None:
    text = "userPrincipalName,employeeId,telephoneNumber,city\na@x.com,'0007,'+49 30,'s-Hertogenbosch\nb@x.com,'7,,\n"
    assert [list(each.values())[1:] for each in people(text)] == [["0007", "+49 30", "'s-Hertogenbosch"], ["'7"]]
    what = "values with an apostrophe before them, which marks text in spreadsheets (1 value)"
    assert diagnostics(text) == [
        f"warning staff.csv:2:2 column employeeId: {what}",
        f"warning staff.csv:2:3 column telephoneNumber: {what}",
    ]
