from __future__ import annotations

from pathlib import Path

import pytest
from support.sample_org import person
from support.target_workspace import TargetWorkspace

from reconciler.desired.loader import BrokenState, CheckedState
from reconciler.errors import ReconcilerError
from reconciler.session.state_edit import (
    check_edited,
    diff_contents,
    find_new_errors,
    refuse_uncommitted,
    write_contents,
)


def test_files_as_committed_may_be_edited(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"one\n")
    refuse_uncommitted(tmp_path, {"a.yaml": b"one\n", "new.yaml": None}, {"a.yaml": None, "new.yaml": b"new\n"})


def test_files_as_they_are_to_be_are_accepted(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"one\n")
    refuse_uncommitted(tmp_path, {"a.yaml": b"zero\n", "old.yaml": b"old\n"}, {"a.yaml": b"one\n", "old.yaml": None})


@pytest.mark.parametrize("committed", [{"a.yaml": b"two\n"}, {"a.yaml": None}, {"missing.yaml": b"one\n"}])
def test_another_content_is_refused(tmp_path: Path, committed: dict[str, bytes | None]) -> None:
    (tmp_path / "a.yaml").write_bytes(b"one\n")
    with pytest.raises(ReconcilerError, match=f"not as committed: {next(iter(committed))}"):
        refuse_uncommitted(tmp_path, committed, dict.fromkeys(committed, b"three\n"))


def test_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "users").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ReconcilerError, match=r"users/a\.yaml is reached through a link"):
        refuse_uncommitted(tmp_path, {"users/a.yaml": None}, {"users/a.yaml": b""})


def test_contents_are_written_and_deleted(tmp_path: Path) -> None:
    (tmp_path / "old.yaml").write_text("old")
    write_contents(tmp_path, {"old.yaml": None, "users/new.yaml": "né\n".encode()})
    assert [path.relative_to(tmp_path) for path in tmp_path.rglob("*.yaml")] == [Path("users/new.yaml")]
    assert (tmp_path / "users/new.yaml").read_text("utf-8") == "né\n"


def test_bytes_that_are_not_utf8_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ReconcilerError, match="is not UTF-8 text"):
        write_contents(tmp_path, {"a.yaml": b"\xff"})


def test_the_difference_is_unified_and_escaped() -> None:
    text = diff_contents({"a.yaml": b"one\n", "b.yaml": None}, {"a.yaml": b"t\x1bwo\n", "b.yaml": b"new\n"})
    assert text == (
        "--- a/a.yaml\n+++ b/a.yaml\n@@ -1 +1 @@\n-one\n+t\\u{1b}wo\n--- a/b.yaml\n+++ b/b.yaml\n@@ -0,0 +1 @@\n+new\n"
    )


def test_only_new_errors_count(target: TargetWorkspace) -> None:
    target.files.users([person("ada", lifecycle={"starts": "soon"})])
    people = (target.workspace.state / "users/people.yaml").read_bytes()
    assert find_new_errors(target.workspace, {"users/people.yaml": people}) == []
    (error,) = find_new_errors(target.workspace, {"scope.yaml": b"sync: maybe\n"})
    assert error.origin is not None
    assert error.origin.file == "scope.yaml"
    assert not (target.workspace.state / "scope.yaml").exists(), "checked in a copy"


def test_the_edited_state_is_checked_in_a_copy(target: TargetWorkspace) -> None:
    target.files.users([person("ada")])
    seen = []
    changed = {"users/people.yaml": None, "users/new.yaml": b"- userPrincipalName: bob\n"}
    edited = check_edited(target.workspace, changed, lambda name, item: seen.append((name, dict(item))))
    assert isinstance(edited, CheckedState)
    assert seen == [("users/new.yaml", {"userPrincipalName": "bob"})]
    assert isinstance(check_edited(target.workspace, {"settings.yaml": None}), BrokenState)
    assert sorted(path.name for path in target.workspace.state.rglob("*.yaml")) == ["people.yaml", "settings.yaml"]
