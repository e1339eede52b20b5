"""Leading zeros that a spreadsheet has removed."""

from __future__ import annotations

import pytest
from support.csv_files import diagnostics, people, refusal, write_csv

from reconciler.history.edits import USER, Entity


def users(attribute: str, **values: str) -> tuple[Entity, ...]:
    """Return entries of the desired state with one attribute, by the part of the name before the @."""
    return tuple(
        Entity(USER, f"{name}@x.com", {"userPrincipalName": f"{name}@x.com", attribute: value}, "users/a.yaml")
        for name, value in values.items()
    )


def column(attribute: str, *values: str) -> str:
    """Write the users a, b, c and so on."""
    rows = [[f"{letter}@x.com", value] for letter, value in zip("abcdefgh", values, strict=False)]
    return write_csv([["userPrincipalName", attribute], *rows])


@pytest.mark.parametrize("attribute", ["employeeId", "costCenter", "postalCode", "division"])
def test_zeros_that_the_desired_state_has_are_lost_for_certain(attribute: str) -> None:
    text = column(attribute, "123", "77", "5")
    summary, detail = refusal(text, users=users(attribute, b="0077", c="0005", a="x"))
    assert summary == (
        f'staff.csv:3:2: column {attribute}: "77" is "0077" in users/: leading zeros are lost (2 values)'
    )
    assert detail.startswith("Lines 3, 4. Format the column as Text")
    assert f'--map "{attribute}="' in detail
    assert people(text, f"{attribute}=", users=users(attribute, b="0077"))


def test_a_user_is_found_by_the_id_first() -> None:
    entry = Entity(USER, "old@x.com", {"objectId": "7F", "employeeId": "007"}, "users/a.yaml")
    text = "objectId,userPrincipalName,employeeId\n7f,new@x.com,7\n"
    assert "leading zeros are lost" in refusal(text, users=(entry,))[0]


@pytest.mark.parametrize(
    ("value", "held"), [("0123", "0123"), ("123", "123"), ("123", "124"), ("0123", "123"), ("A12", "0A12"), ("", "0")]
)
def test_any_other_change_is_a_change(value: str, held: str) -> None:
    assert people(column("employeeId", value), users=users("employeeId", a=held))


def test_numbers_of_several_lengths_are_worth_a_warning() -> None:
    (found,) = diagnostics(column("employeeId", "123", "77", "5"))
    assert found == (
        "warning staff.csv:2:2 column employeeId: numbers of different lengths, none of which begins with 0"
    )


@pytest.mark.parametrize(
    "values", [("123", "077", "5"), ("123", "777", "555"), ("123", "5"), ("123", "A7", "5"), ("1", "22", "²")]
)
def test_other_numbers_are_not(values: tuple[str, ...]) -> None:
    assert diagnostics(column("employeeId", *values)) == []


def test_numbers_without_zeros_in_the_desired_state_settle_it() -> None:
    text = column("employeeId", "123", "77", "5")
    assert diagnostics(text, users=users("employeeId", z="88", y="1")) == []
    assert len(diagnostics(text, users=users("employeeId", z="0088", y="1"))) == 1
    assert len(diagnostics(text, users=users("employeeId", z="A-1"))) == 1


def test_names_and_dates_are_not_compared() -> None:
    held = users("employeeHireDate", a="02026-01-01")
    assert people(column("employeeHireDate", "2026-01-01"), users=held)
    assert diagnostics(column("extensionAttribute1", "1", "22", "333")) == []


@pytest.mark.parametrize(
    ("value", "held", "what"),
    [
        ("7.0", "0007", "leading zeros are lost"),
        ("7,00", "7", "decimals were added"),
        ("1-févr", "1-2", "it became a date"),
        ("2026-02-01", "1-2", "it became a date"),
    ],
)
def test_one_value_that_the_desired_state_has_in_another_form_is_enough(value: str, held: str, what: str) -> None:
    text = column("extensionAttribute1", value, "x")
    summary, _ = refusal(text, users=users("extensionAttribute1", a=held))
    assert summary == (f'staff.csv:2:2: column extensionAttribute1: "{value}" is "{held}" in users/: {what} (1 value)')


def test_a_lost_plus_is_worth_a_warning() -> None:
    text = column("telephoneNumber", "4930123456", "123", "+4930")
    held = users("telephoneNumber", a="+4930123456", b="123", c="4930")
    assert diagnostics(text, users=held) == [
        "warning staff.csv:2:2 column telephoneNumber: numbers that begin with + in users/ (1 value)"
    ]
    assert people(text, users=held)[0]["telephoneNumber"] == "4930123456"
