from __future__ import annotations

from pathlib import Path

import pytest
from support.git_repository import GitRepository

from reconciler.errors import RepositoryError
from reconciler.git.server import Remote
from reconciler.github.newest_commit import fetch_newest_commit


class Clone:
    """A clone of a repository with one commit, and the server."""

    def __init__(self, root: Path) -> None:
        self.origin = GitRepository(root / "origin", ".")
        self.first = self.origin.commit("First", {"a": "1\n"})
        self.root = root / "clone"
        self.origin.git("clone", "--quiet", str(self.origin.root), str(self.root))
        self.remote = Remote(str(self.origin.root), "https://github.com", "file", {})

    def fetch(self, branch: str = "main") -> str:
        return fetch_newest_commit(self.root, branch, self.remote)


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path)


def test_the_newest_commit_is_fetched_and_no_branch_of_the_clone_moves(clone: Clone) -> None:
    assert clone.fetch() == clone.first
    newer = clone.origin.commit("Newer", {"a": "2\n"})
    assert clone.fetch() == newer
    here = GitRepository(clone.root)
    assert here.git("show", f"{newer}:a") == "2"
    assert here.git("rev-parse", "HEAD", "refs/remotes/origin/main").split() == [clone.first] * 2


def test_a_branch_that_was_moved_back_is_followed(clone: Clone) -> None:
    clone.origin.commit("Dropped", {"a": "2\n"})
    clone.fetch()
    clone.origin.git("reset", "--quiet", "--hard", clone.first)
    assert clone.fetch() == clone.first


def test_a_shallow_clone_gets_it_too(clone: Clone, tmp_path: Path) -> None:
    clone.root = tmp_path / "shallow"
    clone.origin.git("clone", "--quiet", "--depth=1", f"file://{clone.origin.root}", str(clone.root))
    newer = clone.origin.commit("Newer", {"a": "2\n"})
    assert clone.fetch() == newer


@pytest.mark.parametrize("branch", ["", "gone", "*", "m*", "--all", "x:y", "a\x1b[31m\n"])
def test_what_is_no_branch_of_the_server_is_an_error_also_if_the_clone_has_it(branch: str, clone: Clone) -> None:
    GitRepository(clone.root).git("update-ref", "refs/remotes/origin/gone", "HEAD")
    with pytest.raises(RepositoryError, match=r'^the server has no branch "[^\x1b\n]*"$') as caught:
        clone.fetch(branch)
    assert caught.value.detail.startswith("Nothing is applied")


def test_a_server_that_cannot_be_reached_is_an_error_although_it_was_fetched_before(clone: Clone) -> None:
    clone.fetch()
    clone.origin.root.rename(clone.root.with_name("away"))
    with pytest.raises(RepositoryError, match=r'^the branch "main" cannot be reached \(ls-remote\)') as caught:
        clone.fetch()
    assert caught.value.detail.startswith("Check that the job has `contents: read`. Nothing is applied")
