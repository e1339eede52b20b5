from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from support.git_repository import GitRepository

from reconciler.fleet import file_ids
from reconciler.fleet.file_ids import (
    LINK,
    compute_ids,
    find_prefix,
    has_same_files,
    is_unchanged,
    list_files,
    read_commit_ids,
)

NOTHING: frozenset[str] = frozenset()


def blob(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def test_the_ids_of_a_commit_by_name(tmp_path: Path) -> None:
    repository = GitRepository(tmp_path, ".")
    (tmp_path / "link").symlink_to("a")
    commit = repository.commit("first", {"a": "1\n", "b/ü": "2\n"})
    assert read_commit_ids(tmp_path, commit, "") == {"a": blob(b"1\n"), "b/ü": blob(b"2\n"), "link": LINK}
    assert find_prefix(tmp_path) == ""
    assert find_prefix(tmp_path / "b") == "b/"
    assert read_commit_ids(tmp_path / "b", commit, "b/") == {"b/ü": blob(b"2\n")}


def test_folders_are_skipped_at_the_top_only(tmp_path: Path) -> None:
    for name in ("plans/x", "a/plans/y", "z"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    assert sorted(name for name, _ in list_files(str(tmp_path), frozenset({"plans"}))) == ["a/plans/y", "z"]
    assert list(list_files(str(tmp_path / "absent"), NOTHING)) == []


@pytest.mark.parametrize("limit", [1, 1024])
def test_bytes_decide_whatever_the_size(tmp_path: Path, limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_ids, "_WHOLE_FILE", limit)
    path = tmp_path / "a"
    path.write_bytes(b"12345")
    assert is_unchanged(str(path), blob(b"12345"))
    assert is_unchanged(str(path), hashlib.sha256(b"blob 5\0" + b"12345").hexdigest())
    assert not is_unchanged(str(path), blob(b"12346"))
    assert not is_unchanged(str(path), None)
    assert not is_unchanged(str(path), LINK)


def test_what_is_no_regular_file_is_no_file_of_before(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert not is_unchanged(str(tmp_path / "pipe"), blob(b""))
    (tmp_path / "a").write_bytes(b"")
    (tmp_path / "link").symlink_to("a")
    with pytest.raises(OSError, match="symbolic links"):
        is_unchanged(str(tmp_path / "link"), blob(b""))
    assert not has_same_files(str(tmp_path), {"a": blob(b""), "link": blob(b""), "pipe": blob(b"")}, NOTHING)


def test_a_missing_and_another_file_are_seen(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1")
    same = {"a": blob(b"1")}
    assert has_same_files(str(tmp_path), same, NOTHING)
    assert not has_same_files(str(tmp_path), {}, NOTHING)
    assert not has_same_files(str(tmp_path), {**same, "b": blob(b"")}, NOTHING)
    assert has_same_files(str(tmp_path / "absent"), {}, NOTHING)
    assert compute_ids(str(tmp_path), "0" * 40, NOTHING) == same
    (tmp_path / "link").symlink_to("a")
    assert compute_ids(str(tmp_path), "0" * 40, NOTHING) is None
