"""Rows and their lines."""

from __future__ import annotations

import pytest
from support.csv_files import people, read, refusal

from reconciler.history.edits import USER, Entity
from reconciler.sources.csv_file import table as module
from reconciler.sources.csv_file.options import CsvOptions
from reconciler.sources.csv_file.table import read_table

HEADER = "userPrincipalName,surname,password\n"


def test_lines_are_those_of_an_editor_also_behind_line_breaks_in_cells() -> None:
    text = "sep=,\r\nuserPrincipalName,streetAddress\r\n"
    text += 'a@x.com,"1 Main St\r\n\r\nTown"\r\n\r\nb@x.com,"a\rb\nc"\rc@x.com,\r\n'
    assert [person.place for person in read(text).people] == ["staff.csv:3", "staff.csv:7", "staff.csv:10"]
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    assert [lines[number - 1].partition(",")[0] for number in (3, 7, 10)] == ["a@x.com", "b@x.com", "c@x.com"]


def test_empty_rows_and_columns_at_the_end_are_accepted() -> None:
    text = "userPrincipalName,surname,,\na@x.com,A,,\nb@x.com,B,,,,\n,,,\n\n , ,,\n"
    assert people(text.replace("surname,,", "surname")) == people(
        text.replace(",,\nb", "\nb").replace("surname,,", "surname")
    )


def test_a_short_row_is_refused() -> None:
    assert refusal(HEADER + "a@x.com,A,x\nb@x.com,B\n") == (
        "staff.csv:3: the row has 2 cells, the header has 3",
        "Cells may have moved to a wrong column. Add what is missing, or a comma for each empty cell.",
    )


def test_a_long_row_is_refused() -> None:
    assert refusal(HEADER + "a@x.com,Jones, Jr.,x\n") == (
        "staff.csv:2: the row has 4 cells, the header has 3",
        "Cells may have moved to a wrong column. A value with a comma in it has to be in quotes.",
    )


@pytest.mark.parametrize(
    ("rows", "summary"),
    [
        ('a@x.com,"A,x\nb@x.com,B,x\n', "staff.csv:2: a quote opens a cell in this row and is never closed"),
        ('a@x.com,A,x\nb@x.com,"B"x,x\n', "staff.csv:3: text follows the quote that ends a cell"),
        ('a@x.com,"' + "x" * 200_000 + "\n", "staff.csv:2: a quote opens a cell in this row and is never closed"),
        ('a@x.com,"' + "x" * 40_000 + '",x\n', "staff.csv:2:2: the cell has more than 32,767 characters"),
    ],
)
def test_quotes_that_do_not_match_are_refused(rows: str, summary: str) -> None:
    assert refusal(HEADER + rows)[0] == summary


def test_cells_of_passwords_are_never_kept() -> None:
    table = read_table(HEADER + "a@x.com,A,s3cret\n", "f.csv", CsvOptions())
    assert "s3cret" not in repr(table)
    assert table.columns.secret == ("password",)


def test_a_table_without_users_is_refused() -> None:
    summary, detail = refusal(HEADER + ",,\n")
    assert summary == "staff.csv: the table has a header and no users"
    assert "nothing was changed" in detail


def test_rows_and_columns_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ROWS", 2)
    monkeypatch.setattr(module, "MAX_COLUMNS", 3)
    assert len(people(HEADER + "a@x.com,,\nb@x.com,,\n")) == 2
    assert "staff.csv:4: the table has more than 2 rows" in refusal(HEADER + "a@x.com,,\nb@x.com,,\nc@x.com,,\n")[0]
    assert "more than 3 columns" in refusal("userPrincipalName,a,b,c\nx@x.com,,,\n")[0]


BULK = "version:v1.0\nName [displayName] Required,User name [userPrincipalName] Required\n"


@pytest.mark.parametrize(
    "example", ["Example: Chris Green", "Beispiel: Chris", "Exemple : Chris", "例: 山田", "Παράδειγμα: X"]
)
def test_the_example_of_a_template_is_no_user(example: str) -> None:
    snapshot = read(f"{BULK}{example},chris@contoso.com\nAda,ada@contoso.com\n")
    assert [person.name for person in snapshot.people] == ["ada@contoso.com"]
    assert "Line 3 of the template: an example, not imported." in snapshot.notes


def test_only_the_first_row_of_a_template_can_be_an_example_in_an_unknown_language() -> None:
    text = f"{BULK}Ada,ada@contoso.com\nGrace: Hopper,grace@contoso.com\nExample: X,x@contoso.com\n"
    assert [person.name for person in read(text).people] == ["ada@contoso.com", "grace@contoso.com"]
    own = "displayName,userPrincipalName\nExample: X,x@contoso.com\n"
    assert [person.name for person in read(own).people] == ["x@contoso.com"]


@pytest.mark.parametrize("cell", ["Extern: Ada Lovelace", "Dr: Ada", "Gast: Ada"])
def test_a_user_with_a_word_and_a_colon_is_no_example(cell: str) -> None:
    assert [person.name for person in read(f"{BULK}{cell},ada@example.com\n").people] == ["ada@example.com"]


@pytest.mark.parametrize("cell", ["Extern: Ada", "Example: Ada"])
def test_a_user_of_the_desired_state_is_no_example(cell: str) -> None:
    users = (Entity(USER, "Ada@contoso.com", {"userPrincipalName": "Ada@contoso.com"}, "users/csv.yaml"),)
    assert [person.name for person in read(f"{BULK}{cell},ada@contoso.com\n", users=users).people] == [
        "ada@contoso.com"
    ]


def test_an_example_with_a_domain_of_ones_own_is_asked_about() -> None:
    summary, detail = refusal(f"{BULK}Example: Ada,ada@example.com\n")
    assert summary == "staff.csv:3: is this row the example of the template, or a user?"
    assert detail.startswith('It begins with "Example: Ada". Delete the row if it is the example;')


def test_the_template_for_deleting_users_adds_none() -> None:
    text = "version:v1.0\nUser name [userPrincipalName] Required\nExample: chris@contoso.com\nada@contoso.com\n"
    summary, detail = refusal(text)
    assert summary == "staff.csv:2: this is a template of Entra with names only, as for deleting users"
    assert "Take users out of users/" in detail
