from __future__ import annotations

import os
from pathlib import Path

import pytest

from reconciler.desired import user_keys
from reconciler.desired.user_keys import find_user_keys


def write(tmp_path: Path, text: str, name: str = "users/people.yaml") -> Path:
    file = tmp_path / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8")
    return tmp_path


@pytest.mark.parametrize(
    "line",
    [
        "- userPrincipalName: ada@example.com",
        "  userPrincipalName: ada@example.com",
        "  userPrincipalName:   'ada@example.com'  # a comment",
        '  "userPrincipalName": "ada@example.com"\r',
    ],
)
def test_a_key_is_found_in_each_form_of_its_line(line: str, tmp_path: Path) -> None:
    assert find_user_keys(write(tmp_path, f"- objectId: 1\n{line}\n  surname: x\n"), "a") == ["ada@example.com"]


@pytest.mark.parametrize(
    "value", ["$(id)", "`id`", "a b", "a;id", "a'b", 'a"b', "a*", "a\\b", "zoë", "a:b", "", "~", "a\u202eb"]
)
def test_what_a_shell_could_read_as_something_else_is_left_out(value: str, tmp_path: Path) -> None:
    found = find_user_keys(write(tmp_path, f"- userPrincipalName: {value}\n- userPrincipalName: last\n"), "")
    assert [key for key in found if key] == ["last"]


def test_the_start_is_no_pattern(tmp_path: Path) -> None:
    state = write(tmp_path, "- userPrincipalName: ada@example.com\n")
    assert find_user_keys(state, ".*") == []
    assert find_user_keys(state, "\udcff") == []


def test_only_files_of_users_are_read_and_none_that_could_block(tmp_path: Path) -> None:
    write(tmp_path, "- userPrincipalName: one\n", "users/a/deep.yml")
    write(tmp_path, "- userPrincipalName: note\n", "users/README.md")
    write(tmp_path, "- userPrincipalName: group\n", "groups/g.yaml")
    elsewhere = write(tmp_path, "- userPrincipalName: secret\n", "elsewhere.yaml")
    (tmp_path / "users" / "link.yaml").symlink_to(elsewhere / "elsewhere.yaml")
    os.mkfifo(tmp_path / "users" / "pipe.yaml")
    assert find_user_keys(tmp_path, "") == ["one"]
    assert find_user_keys(tmp_path / "missing", "") == []


def test_keys_and_bytes_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = write(tmp_path, "".join(f"- userPrincipalName: u{number}\n" for number in range(300)))
    assert len(find_user_keys(state, "")) == 200
    monkeypatch.setattr(user_keys, "_MAX_BYTES", 60)
    assert find_user_keys(state, "") == ["u0", "u1"]
