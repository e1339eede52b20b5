"""What is read while files are validated proves what was drafted; what it does not prove is read by itself."""

from __future__ import annotations

import pytest

from reconciler.desired.yaml_reader import read_items
from reconciler.history.edits import USER, Entity
from reconciler.sources.read_back import ReadBack

NAME = "users/a.yaml"
ADA, BOB = (Entity(USER, name, {"userPrincipalName": name, "otherMails": (f"x@{name}",)}, NAME) for name in "ab")
AS_DRAFTED = "- userPrincipalName: a\n  otherMails: [x@a]\n- userPrincipalName: b\n  otherMails: [x@b]\n"


def read(text: str, *, is_valid: bool = True, name: str = NAME) -> list[str]:
    """Return the files that were checked by themselves."""
    checked: list[str] = []
    read_back = ReadBack()
    read_back.expect(NAME, [ADA, BOB], lambda: checked.append(NAME))
    for item in read_items(text.encode(), name, lambda _: None):
        read_back.see(name, item)
    read_back.finish(is_valid=is_valid)
    return checked


def test_a_file_that_is_read_as_drafted_is_not_read_again() -> None:
    assert read(AS_DRAFTED) == []


@pytest.mark.parametrize(
    "text",
    [
        AS_DRAFTED.replace("x@a", "x@b"),
        AS_DRAFTED.replace("x@b", "x@a"),
        f"{AS_DRAFTED}- userPrincipalName: c\n",
        AS_DRAFTED.partition("- userPrincipalName: b")[0],
        f"{AS_DRAFTED}  department: IT\n",
        "[]\n",
    ],
)
def test_a_file_with_another_entry_is_checked(text: str) -> None:
    assert read(text) == [NAME]


def test_the_order_of_entries_counts() -> None:
    first, second = AS_DRAFTED.split("- userPrincipalName: b")
    assert read(f"- userPrincipalName: b{second}{first}") == [NAME]


def test_a_read_with_errors_or_of_other_files_proves_nothing() -> None:
    assert read(AS_DRAFTED, is_valid=False) == [NAME]
    assert read(AS_DRAFTED, name="users/b.yaml") == [NAME]


def test_a_check_that_fails_is_raised() -> None:
    read_back = ReadBack()

    def fail() -> None:
        raise ValueError

    read_back.expect(NAME, [ADA], fail)
    with pytest.raises(ValueError):
        read_back.finish(is_valid=True)
