"""Entries are edited in place: every other byte of a file stays."""

from __future__ import annotations

from textwrap import dedent
from typing import Any

import pytest

from reconciler.history.edits import USER, Entity
from reconciler.history.revert import RevertStep
from reconciler.history.yaml_edit import EditedFile
from reconciler.history.yaml_entries import parse_entries, split_entries
from reconciler.history.yaml_nodes import EditError

NAME = "users/people.yaml"
PEOPLE = """\
    # People of the company

    - userPrincipalName: ada   # the first
      title: 'Countess'

    # about Bob
    - {userPrincipalName: bob, title: "Sir"}
    - userPrincipalName: cyd
"""


def text(content: str) -> bytes:
    return dedent(content).encode()


def find(content: bytes, name: str) -> Entity:
    return next(each for each in parse_entries(NAME, content) if each.name == name)


def edit(now: bytes | None, *steps: tuple[str | None, str | None, dict[str, Any]], then: bytes = b"") -> str:
    """Edit `now`; each step is the entry of today, the one of `then`, and fields."""
    file = EditedFile(NAME, now)
    head, old = split_entries(NAME, then) or (b"", [])
    made = [
        RevertStep(
            file.find(find(now or b"", today)) if today is not None else None,
            find(then, wanted) if wanted is not None else None,
            fields,
        )
        for today, wanted, fields in steps
    ]
    for step in made:
        file.apply(step, head, old)
    file.check()
    return file.content.decode()


def test_one_field_is_set_and_comments_and_quotes_stay() -> None:
    now = text(PEOPLE)
    edited = edit(now, ("ada", "ada", {"title": "Lady"}), then=now)
    assert edited == text(PEOPLE).decode().replace("'Countess'", "'Lady'")


def test_a_field_is_added_and_removed() -> None:
    now = text(PEOPLE)
    edited = edit(now, ("ada", "ada", {"title": None, "department": "Engineering"}), then=now)
    assert "  department: Engineering\n" in edited
    assert "Countess" not in edited
    assert edited.endswith('# about Bob\n- {userPrincipalName: bob, title: "Sir"}\n- userPrincipalName: cyd\n')


LIST = """\
    # Head
    - userPrincipalName: ada
    # about Bob
    - userPrincipalName: bob
      title: "Sir"   # since 2020
    # about Cyd
    - userPrincipalName: cyd
"""


def test_an_entry_is_removed_and_the_comment_about_the_next_one_stays() -> None:
    removed = '- userPrincipalName: bob\n  title: "Sir"   # since 2020\n'
    assert removed in text(LIST).decode()
    assert edit(text(LIST), ("bob", None, {})) == text(LIST).decode().replace(removed, "")


def test_an_entry_comes_back_where_it_was_with_its_old_text() -> None:
    now = edit(text(LIST), ("bob", None, {})).encode()
    assert edit(now, (None, "bob", {}), then=text(LIST)) == text(LIST).decode()
    first = edit(text(LIST), ("ada", None, {})).encode()
    assert edit(first, (None, "ada", {}), then=text(LIST)) == text(LIST).decode()


def test_an_entry_whose_neighbours_are_gone_is_added_at_the_end() -> None:
    now = text("- userPrincipalName: eve\n")
    edited = edit(now, (None, "bob", {}), then=text(LIST))
    assert edited == '- userPrincipalName: eve\n- userPrincipalName: bob\n  title: "Sir"   # since 2020\n'


def test_an_entry_gets_its_old_text_back() -> None:
    now = (
        text(PEOPLE)
        .replace(b"userPrincipalName: bob", b"title: x, userPrincipalName: bob", 1)
        .replace(b', title: "Sir"', b"")
    )
    assert edit(now, ("bob", "bob", {}), then=text(PEOPLE)) == text(PEOPLE).decode()


def test_a_new_file_has_the_old_head() -> None:
    then = text("# Head\n- userPrincipalName: ada\n")
    assert edit(None, (None, "ada", {}), then=then) == "# Head\n- userPrincipalName: ada\n"


def test_line_ends_and_indents_are_those_of_the_file() -> None:
    now = b"  - userPrincipalName: ada\r\n"
    then = b"- userPrincipalName: bob\n  title: x\n"
    edited = edit(now, (None, "bob", {}), then=then)
    assert edited == "  - userPrincipalName: ada\r\n  - userPrincipalName: bob\r\n    title: x\r\n"


def test_lifecycle_fields_are_in_their_section() -> None:
    now = text("- userPrincipalName: ada\n")
    edited = edit(now, ("ada", "ada", {"lifecycle.expires": "2027-01-01"}), then=now)
    assert edited == "- userPrincipalName: ada\n  lifecycle:\n    expires: 2027-01-01\n"
    assert edit(edited.encode(), ("ada", "ada", {"lifecycle.expires": None}), then=now) == now.decode()


def test_a_new_list_has_an_item_in_each_line() -> None:
    now = text("- userPrincipalName: ada\n")
    assert edit(now, ("ada", "ada", {"tags": ("a", "b")}), then=now).endswith("  tags:\n    - a\n    - b\n")


def test_a_file_of_which_nothing_is_left_is_empty() -> None:
    now = text("- userPrincipalName: ada\n")
    file = EditedFile(NAME, now)
    file.apply(RevertStep(file.find(find(now, "ada")), None), b"", [])
    assert file.is_empty
    assert not EditedFile(NAME, now).is_empty


EDITOR_LINE = "# yaml-language-server: $schema=../../schemas/users.json\n"


def test_the_line_for_editors_stays_whatever_is_edited() -> None:
    now = text(EDITOR_LINE + dedent(PEOPLE))
    for steps in (
        [("ada", None, {})],
        [("ada", "ada", {"title": "Lady"})],
        [("ada", None, {}), ("bob", None, {}), ("cyd", None, {})],
        [(None, "ada", {})],
    ):
        assert edit(now, *steps, then=now).startswith(EDITOR_LINE)
    bare = text(EDITOR_LINE + "- userPrincipalName: ada\n- userPrincipalName: bob\n")
    assert edit(bare, ("ada", None, {})) == EDITOR_LINE + "- userPrincipalName: bob\n"


def test_a_file_of_which_the_line_for_editors_is_left_is_empty() -> None:
    now = text(EDITOR_LINE + "\n- userPrincipalName: ada\n")
    file = EditedFile(NAME, now)
    file.apply(RevertStep(file.find(find(now, "ada")), None), b"", [])
    assert file.is_empty


def test_a_file_of_which_a_comment_is_left_is_the_empty_list() -> None:
    now = text("# Head\n- userPrincipalName: ada\n")
    emptied = edit(now, ("ada", None, {}))
    assert emptied == "# Head\n[]\n"
    assert edit(emptied.encode(), (None, "ada", {}), then=now) == now.decode()


@pytest.mark.parametrize("empty", [b"[]", b"[]\n", b"[]  \r\n", b"# Head\n[]\n", b"---\n[]\n"])
def test_an_entry_is_added_to_an_empty_list(empty: bytes) -> None:
    edited = edit(empty, (None, "ada", {}), then=text("- userPrincipalName: ada\n"))
    assert edited.replace("\r", "").removeprefix("# Head\n").removeprefix("---\n") == "- userPrincipalName: ada\n"


def test_a_file_that_is_no_list_cannot_be_edited() -> None:
    with pytest.raises(EditError) as caught:
        EditedFile(NAME, b"[{userPrincipalName: ada}]\n")
    assert str(caught.value) == "it is not a list with a dash for each entry, or cannot be read"


def test_an_entry_of_another_file_is_not_found() -> None:
    with pytest.raises(EditError, match='"bob": it does not hold this entry'):
        EditedFile(NAME, b"- userPrincipalName: ada\n").find(Entity(USER, "bob", {}, NAME))


def test_a_value_that_cannot_be_written_is_refused() -> None:
    now = text("- userPrincipalName: ada\n")
    with pytest.raises(EditError, match='"ada": it would not be read as intended'):
        edit(now, ("ada", "ada", {"title": ""}), then=now)
