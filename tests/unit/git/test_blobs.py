"""The files of a commit by git's ids, for real repositories."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.git_repository import GitRepository

from reconciler.errors import RepositoryError
from reconciler.git.blobs import CommitFiles, compute_blob_id


@pytest.fixture
def repository(tmp_path: Path) -> GitRepository:
    return GitRepository(tmp_path / "repository", ".")


def test_files_have_gits_ids_and_their_bytes(repository: GitRepository) -> None:
    commit = repository.commit("first", {"state/users/a.yaml": "- a\n", "state/users/b.yaml": "", "other": "x"})
    repository.commit("second", {"state/users/a.yaml": "- b\n"})
    files = CommitFiles(repository.root / "state", commit)
    assert sorted(files.ids) == ["users/a.yaml", "users/b.yaml"]
    assert files.read(["users/a.yaml"], 4) == {"users/a.yaml": b"- a\n"}
    assert compute_blob_id(b"- a\n", files.ids["users/a.yaml"]) == files.ids["users/a.yaml"]
    assert compute_blob_id(b"- b\n", files.ids["users/a.yaml"]) != files.ids["users/a.yaml"]
    assert len(compute_blob_id(b"", "0" * 64)) == 64


def test_links_are_no_files(repository: GitRepository) -> None:
    (repository.root / "state").mkdir()
    (repository.root / "state" / "link.yaml").symlink_to("/etc/passwd")
    assert CommitFiles(repository.root / "state", repository.commit("link", {"state/a.yaml": "a"})).ids.keys() == {
        "a.yaml"
    }


def test_what_cannot_be_read_is_an_error(repository: GitRepository) -> None:
    commit = repository.commit("first", {"a.yaml": "- a\n"})
    with pytest.raises(RepositoryError, match="too large"):
        CommitFiles(repository.root, commit).read(["a.yaml"], 3)
    for unknown in ("0" * 40, "--help", "HEAD"):
        with pytest.raises(RepositoryError, match="cannot be read here"):
            CommitFiles(repository.root, unknown)
    outside = repository.root.parent / "outside"
    outside.mkdir()
    with pytest.raises(RepositoryError):
        CommitFiles(outside, commit)


def test_a_commit_without_the_directory_has_no_files(repository: GitRepository) -> None:
    commit = repository.commit("first", {"a.yaml": "a"})
    repository.commit("second", {"state/a.yaml": "a"})
    assert CommitFiles(repository.root / "state", commit).ids == {}
