from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from reconciler.desired.yaml_reader import read_document
from reconciler.history.entry_layout import format_file
from reconciler.sources.live.entries import MAX_LINE, comment_out, fits, format_entry

# The desired state is UTF-8, and JSON with lone surrogates is refused by the client.
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
USERS = st.dictionaries(TEXT.filter(bool), TEXT, min_size=1, max_size=6)


def read(text: str) -> Any:
    problems: list[Any] = []
    found = read_document(text.encode(), "users/a.yaml", problems.append)
    assert problems == []
    return found


def test_an_entry_has_a_line_for_each_attribute() -> None:
    user = {"objectId": "0012", "userPrincipalName": "ada@example.com", "surname": "No", "accountEnabled": False}
    assert format_entry(user) == (
        "- objectId: '0012'\n  userPrincipalName: ada@example.com\n  surname: 'No'\n  accountEnabled: false\n"
    )
    assert format_entry({"userPrincipalName": "a", "accountEnabled": True}) == "- userPrincipalName: a\n"


def test_an_entry_has_the_layout_of_fmt() -> None:
    user = {"department": "A", "zeta": "1", "surname": "L", "userPrincipalName": "ada@example.com", "objectId": "x"}
    text = format_entry({**user, "accountEnabled": False, "alpha": "2"})
    assert format_file("users/a.yaml", text.encode()) == text.encode()
    assert list(read(text)[0])[:3] == ["objectId", "userPrincipalName", "surname"]


@given(st.lists(USERS, min_size=1, max_size=3))
def test_entries_are_read_as_they_were_written(users: list[dict[str, str]]) -> None:
    wanted = [{**user, "objectId": "1"} for user in users]
    found = read("".join(map(format_entry, wanted)))
    assert [{key: value or "" for key, value in each.items()} for each in found] == wanted


@given(USERS, TEXT)
def test_a_comment_holds_nothing_else(user: dict[str, str], reason: str) -> None:
    text = comment_out(format_entry(user), reason)
    assert read(f"[]\n{text}") == []
    assert all(line.startswith(b"#") for line in text.encode().split(b"\n")[:-1])


def test_a_comment_is_the_entry_again_without_its_marks() -> None:
    entry = format_entry({"objectId": "1", "surname": "No: #"})
    assert "".join(line.removeprefix("# ") for line in comment_out(entry).splitlines(keepends=True)) == entry


def test_a_line_that_the_loader_would_refuse_does_not_fit() -> None:
    assert fits("title", "x" * (MAX_LINE - 100))
    assert not fits("title", "\u200b" * 30_000)
    assert not fits("x" * MAX_LINE, "a")
