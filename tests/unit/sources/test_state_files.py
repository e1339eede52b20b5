"""A desired state is read once and completely, and every entry and field of it can be located."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from reconciler.core.model import Origin
from reconciler.errors import SourceError
from reconciler.history.edits import USER, Entity
from reconciler.sources.state_files import StateFiles, read_state_files

STATE = {
    "users/a.yaml": "# Head\n\n- userPrincipalName: ada@example.com\n  lifecycle:\n    expires: 2027-01-01\n"
    "\n# Bob\n- # comment\n  objectId: b\n  userPrincipalName: bob@example.com\n",
    "users/b.json.yaml": '[{"userPrincipalName": "cyd@example.com"},\n {"userPrincipalName": "dan@example.com"}]\n',
    "groups/g.yaml": "- name: staff\n  members:\n    users: [ada@example.com]\n",
    "scope.yaml": "sync: assigned\nassigned:\n  users:\n    - ada@example.com\n",
}


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    return root


@pytest.fixture
def files(tmp_path: Path) -> StateFiles:
    return read_state_files(write(tmp_path, STATE))


def test_all_entries_are_read(files: StateFiles) -> None:
    assert [each.name.partition("@")[0] for each in files.current.users] == ["ada", "bob", "cyd", "dan"]
    assert [each.name for each in files.current.groups] == ["staff"]
    assert files.current.scope is not None
    assert files.current.scope.fields["assigned.users"] == ("ada@example.com",)
    assert files.current.files == ("groups/g.yaml", "users/a.yaml", "users/b.json.yaml")
    assert files.contents == {name: text.encode() for name, text in STATE.items()}


def test_entries_and_fields_are_located(files: StateFiles) -> None:
    ada, bob, _, dan = files.current.users
    assert files.locate(ada) == Origin("users/a.yaml", 3, 3)
    assert files.locate(ada, "userPrincipalName") == Origin("users/a.yaml", 3, 22)
    assert files.locate(ada, "lifecycle.expires") == Origin("users/a.yaml", 5, 14)
    assert files.locate(bob, "userPrincipalName") == Origin("users/a.yaml", 10, 22)
    assert files.locate(bob, "department") == Origin("users/a.yaml", 9, 3)
    assert files.locate(dan, "userPrincipalName") == Origin("users/b.json.yaml", 2, 24)
    assert files.locate(files.current.groups[0], "members.users") == Origin("groups/g.yaml", 3, 12)
    assert files.current.scope is not None
    assert files.locate(files.current.scope, "assigned.users") == Origin("scope.yaml", 4, 5)


def test_files_are_as_they_were_read_until_one_of_them_differs(files: StateFiles) -> None:
    digests = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in STATE.items()}
    assert files.is_as_read(digests)
    name = "users/a.yaml"
    assert not files.is_as_read({**digests, name: "0" * 64})
    assert not files.is_as_read({**digests, "users/new.yaml": digests[name]})
    assert not files.is_as_read({each: digest for each, digest in digests.items() if each != name})


def test_the_entries_know_their_places_and_all_files_of_users_and_groups(tmp_path: Path) -> None:
    current = read_state_files(write(tmp_path, {**STATE, "users/empty.yaml": "[]\n"})).current
    assert current.files == ("groups/g.yaml", "users/a.yaml", "users/b.json.yaml", "users/empty.yaml")
    assert current.locate is not None
    assert current.locate(current.users[1], "userPrincipalName") == Origin("users/a.yaml", 10, 22)
    assert current.locate(current.users[1], "") == Origin("users/a.yaml", 9, 3)


def test_what_the_files_do_not_have_is_located_at_the_start_of_the_file(files: StateFiles) -> None:
    new = Entity(USER, "eve@example.com", {}, "users/entra.yaml")
    assert files.locate(new, "userPrincipalName") == Origin("users/entra.yaml", 1, 1)
    assert files.current.locate is not None
    assert files.current.locate(new, "userPrincipalName") is None


def test_a_byte_order_mark_and_windows_line_ends_change_no_place(tmp_path: Path) -> None:
    text = "\ufeff- userPrincipalName: ada@example.com\r\n- userPrincipalName: bob@example.com\r\n  title: Sir\r\n"
    files = read_state_files(write(tmp_path, {"users/a.yaml": text}))
    assert set(files.places.cuts) == {"users/a.yaml"}
    assert files.locate(files.current.users[0]) == Origin("users/a.yaml", 1, 3)
    assert files.locate(files.current.users[1], "title") == Origin("users/a.yaml", 3, 10)


def test_a_dash_inside_of_a_text_begins_no_entry(tmp_path: Path) -> None:
    text = '- userPrincipalName: ada@example.com\n  title: "A\n\n- B"\n- userPrincipalName: bob@example.com\n'
    files = read_state_files(write(tmp_path, {"users/a.yaml": text}))
    assert files.places.cuts == {}
    assert files.locate(files.current.users[1]) == Origin("users/a.yaml", 5, 3)


def test_a_state_without_files_is_empty(tmp_path: Path) -> None:
    files = read_state_files(tmp_path)
    assert (files.current.users, files.current.groups, files.current.scope) == ((), (), None)


@pytest.mark.parametrize(
    ("name", "text", "place"),
    [
        ("users/a.yaml", "- userPrincipalName: ada\n- userPrincipalName: [\n", "users/a.yaml:3:1"),
        ("users/a.yaml", "- &a\n  userPrincipalName: ada\n- *a\n", "users/a.yaml:1:3"),
        ("users/a.yaml", "- userPrincipalName: ada\n  userPrincipalName: bob\n", "users/a.yaml:2:3"),
        ("users/a.yaml", "- title: Sir\n", "users/a.yaml:1:3"),
        ("users/a.yaml", "- userPrincipalName: ada\n  objectid: a\n", "users/a.yaml:2:3"),
        ("users/a.yaml", "", "users/a.yaml:1:1"),
        ("users/a.txt", "- userPrincipalName: ada\n", "users/a.txt:1:1"),
        ("user/a.yaml", "- userPrincipalName: ada\n", "user:1:1"),
        ("groups/a.yaml", "- members: {users: [ada]}\n", "groups/a.yaml:1:3"),
        ("scope.yaml", "- sync: all\n", "scope.yaml:1:1"),
    ],
)
def test_a_state_that_is_not_read_as_a_whole_is_refused(tmp_path: Path, name: str, text: str, place: str) -> None:
    with pytest.raises(SourceError) as refused:
        read_state_files(write(tmp_path, {name: text}))
    assert refused.value.summary.startswith(f"{place}: ")
    assert "Nothing was written." in refused.value.detail


def test_a_link_that_leaves_the_state_is_refused(tmp_path: Path) -> None:
    outside = tmp_path / "people.yaml"
    outside.write_text("- userPrincipalName: ada\n")
    state = write(tmp_path / "state", {"scope.yaml": "sync: all\n"})
    (state / "users").mkdir()
    (state / "users" / "people.yaml").symlink_to(outside)
    with pytest.raises(SourceError, match=r"users/people.yaml:1:1: a link that leaves the directory"):
        read_state_files(state)
