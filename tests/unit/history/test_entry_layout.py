"""The layout of files: keys in their order, everything else as it is written."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from support.laws import examples
from support.user_files import states

from reconciler.history.entry_layout import format_file
from reconciler.history.yaml_edit import check_entries
from reconciler.history.yaml_entries import parse_entries
from reconciler.history.yaml_nodes import EditError

USERS, GROUPS = "users/a.yaml", "groups/g.yaml"


def layout(content: str, name: str = USERS) -> str:
    formatted = format_file(name, content.encode())
    assert formatted is not None
    assert format_file(name, formatted) == formatted
    return formatted.decode()


CASES = {
    "keys with their comments": (
        "- surname: L # f\n  # name\n  UPN: ada\n  lifecycle:\n    expires: x # x\n  z: 1\n  a: 2\n  objectId: i\n",
        "- objectId: i\n  # name\n  UPN: ada\n  surname: L # f\n  z: 1\n  a: 2\n  lifecycle:\n    expires: x # x\n",
    ),
    "a wide dash": ("-   UPN: ada\n    t: |\n      x\n        y\n", "- UPN: ada\n  t: |\n    x\n      y\n"),
    "indented entries": ("  # c\n  - UPN: ada\n\n  # d\n  - UPN: bob", "  # c\n- UPN: ada\n\n# d\n- UPN: bob\n"),
    "blank lines": ("- UPN: a\n\n\n  \n# x   \n\n\n- UPN: b\n\n\n", "- UPN: a\n\n# x\n\n- UPN: b\n"),
    "braces": ("- {surname: L, UPN: 'ada'} # c\n", "- {UPN: 'ada', surname: L} # c\n"),
    "braces on two lines": ("  - {surname: L,\n     UPN: a}\n", "- {surname: L,\n   UPN: a}\n"),
    "a dash alone": ("-\n  UPN: ada\n", "- UPN: ada\n"),
    "a comment above the first key": ("- surname: L\n  # n\n  UPN: a\n", "-\n  # n\n  UPN: a\n  surname: L\n"),
    "Windows line ends": ("- surname: L\r\n  UPN: ada\r\n", "- UPN: ada\r\n  surname: L\r\n"),
    "a byte order mark": ("\ufeff- surname: L\n  UPN: ada\n", "\ufeff- UPN: ada\n  surname: L\n"),
    "a list": ("- tags:\n  - a\n  - b # c\n  UPN: ada", "- UPN: ada\n  tags:\n  - a\n  - b # c\n"),
}


@pytest.mark.parametrize("case", CASES)
def test_keys_come_in_order_with_their_comments(case: str) -> None:
    before, after = (text.replace("UPN", "userPrincipalName") for text in CASES[case])
    assert layout(before) == after


def test_groups_have_their_own_order() -> None:
    before = "- members: {users: [a]}\n  description: d\n  name: g\n"
    assert layout(before, GROUPS) == "- name: g\n  description: d\n  members: {users: [a]}\n"


@pytest.mark.parametrize("content", ["[]\n", '[{"userPrincipalName": "ada"}]\n'])
def test_a_list_without_dashes_stays(content: str) -> None:
    assert format_file(USERS, content.encode()) is None


def test_an_entry_that_cannot_be_ordered_is_refused() -> None:
    with pytest.raises(EditError, match='"ada": it has a key that is not at the start of its line'):
        format_file(USERS, b"- ? surname\n  : L\n  ? userPrincipalName\n  : ada\n")


@settings(max_examples=examples(200), deadline=None)
@given(states())
def test_what_is_read_and_every_comment_stay(contents: dict[str, bytes]) -> None:
    for name, content in contents.items():
        if name == "scope.yaml":
            continue
        formatted = format_file(name, content)
        if formatted is None:
            continue
        assert format_file(name, formatted) == formatted
        check_entries(name, formatted, parse_entries(name, content))
        for comment in (b"# Head", b"# about", b"# rest", b"# first", b"# team", b"# c", b"  # u"):
            assert formatted.count(comment) == content.count(comment)


def test_a_layout_that_would_be_read_otherwise_is_refused() -> None:
    with pytest.raises(EditError, match='"ada": it would not be read as intended'):
        format_file(USERS, b"- userPrincipalName: ada\n  t: |+\n    x\n\n\n\n")
