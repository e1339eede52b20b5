"""Refs that exist, that do not, and that git cannot resolve: in real repositories."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.git_repository import GitRepository

from reconciler.git.process import GitCommandError
from reconciler.git.refs import BrokenRefError, resolve_ref

REF = "refs/remotes/origin/record"


@pytest.fixture
def here(tmp_path: Path) -> GitRepository:
    repository = GitRepository(tmp_path / "repository", ".")
    repository.commit("first", {"state/a": "a"})
    repository.git("update-ref", REF, "HEAD")
    return repository


def file(here: GitRepository) -> Path:
    return here.root / ".git" / REF


def replace_by_link(here: GitRepository) -> None:
    file(here).unlink()
    file(here).symlink_to("/nowhere")


def lose_commit(here: GitRepository) -> None:
    """Lose the commit of a ref that is in no file of its own."""
    digest = here.git("commit-tree", "-m", "other", "HEAD^{tree}")
    here.git("update-ref", REF, digest)
    here.git("pack-refs", "--all")
    (here.root / ".git/objects" / digest[:2] / digest[2:]).unlink()


BROKEN: dict[str, Callable[[GitRepository], object]] = {
    "empty": lambda here: file(here).write_bytes(b""),
    "rubbish": lambda here: file(here).write_bytes(b"x\n"),
    "NULs": lambda here: file(here).write_bytes(bytes(41)),
    "zeros": lambda here: file(here).write_text("0" * 40),
    "a commit that is missing": lambda here: file(here).write_text("1" * 40 + "\n"),
    "a commit that is missing, packed": lose_commit,
    "a blob": lambda here: file(here).write_text(here.git("hash-object", "-w", "state/a") + "\n"),
    "a ref that does not exist": lambda here: file(here).write_text("ref: refs/heads/nowhere\n"),
    "a link to nowhere": replace_by_link,
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_ref_that_git_cannot_resolve_is_not_one_that_does_not_exist(here: GitRepository, name: str) -> None:
    BROKEN[name](here)
    with pytest.raises(BrokenRefError) as raised:
        resolve_ref(here.root / "state", REF)
    assert raised.value.path == (None if "packed" in name else file(here))


@pytest.mark.parametrize("packed", [False, True])
def test_a_ref_is_resolved_from_anywhere_in_the_repository(here: GitRepository, packed: bool) -> None:
    if packed:
        here.git("pack-refs", "--all")
        assert not file(here).exists()
    here.git("worktree", "add", "--quiet", "--detach", str(here.root.parent / "linked"))
    for directory in (here.root, here.root / "state", here.root.parent / "linked/state"):
        assert resolve_ref(directory, REF) == here.head()


def test_a_ref_that_does_not_exist(here: GitRepository) -> None:
    assert resolve_ref(here.root, f"{REF}/nested") is None
    here.git("update-ref", "-d", REF)
    assert resolve_ref(here.root, REF) is None
    here.git("update-ref", f"{REF}/nested", "HEAD")
    assert resolve_ref(here.root, REF) is None
    # git would take a tag of that name for it.
    here.git("tag", REF)
    assert resolve_ref(here.root, REF) is None


def test_refs_that_cannot_be_read_at_all(here: GitRepository) -> None:
    here.git("update-ref", "-d", REF)
    (here.root / ".git/packed-refs").write_text("rubbish\n")
    with pytest.raises(GitCommandError, match="packed-refs"):
        resolve_ref(here.root, REF)
