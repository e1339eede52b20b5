"""What was read is compared with the commit that is checked out, for real repositories."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from support.git_repository import GitRepository

from reconciler.errors import RepositoryError
from reconciler.git.uncommitted import find_uncommitted

FILES = {"state/settings.yaml": "a: 1\n", "state/users/a.yaml": "- a\n- b\n", "state/users/b.yaml": "", "other": "x"}


@pytest.fixture
def repository(tmp_path: Path) -> GitRepository:
    found = GitRepository(tmp_path / "repository", ".")
    found.commit("first", FILES)
    return found


def find(repository: GitRepository) -> list[str]:
    state = repository.root / "state"
    files = [path for path in state.rglob("*.yaml") if path.is_file()]
    read = {str(path.relative_to(state)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    return find_uncommitted(state, read, lambda name: name.endswith(".yaml"))


def test_a_commit_and_files_that_are_not_read_are_no_edits(repository: GitRepository) -> None:
    (repository.root / "state/README.md").write_text("new")
    (repository.root / "other").write_text("y")
    assert find(repository) == []


def write(name: str, text: str) -> Callable[[GitRepository], object]:
    return lambda repository: (repository.root / name).write_bytes(text.encode())


def delete(repository: GitRepository) -> None:
    (repository.root / "state/users/a.yaml").unlink()


def stage(repository: GitRepository) -> None:
    write("state/users/a.yaml", "- c\n")(repository)
    repository.git("add", "--all")


def mark(repository: GitRepository) -> None:
    repository.git("update-index", "--assume-unchanged", "state/users/a.yaml")
    write("state/users/a.yaml", "- c\n")(repository)


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (write("state/settings.yaml", "a: 2\n"), ["settings.yaml"]),
        (write("state/users/a.yaml", "- a\n- b\n\n"), ["users/a.yaml"]),
        (write("state/users/new.yaml", ""), ["users/new.yaml"]),
        (write("state/users/a.yaml", "- a\r\n- b\r\n"), []),
        (delete, ["users/a.yaml"]),
        (stage, ["users/a.yaml"]),
        (mark, ["users/a.yaml"]),
    ],
)
def test_edits(repository: GitRepository, edit: Callable[[GitRepository], object], expected: list[str]) -> None:
    edit(repository)
    assert find(repository) == expected


def test_what_was_read_counts_and_not_what_is_there_now(repository: GitRepository) -> None:
    state = repository.root / "state"
    read = {"users/b.yaml": hashlib.sha256(b"- edited\n").hexdigest()}
    assert find_uncommitted(state, read, lambda name: name == "users/b.yaml") == ["users/b.yaml"]


def test_a_link_is_committed_with_what_it_leads_to(repository: GitRepository) -> None:
    state = repository.root / "state"
    (state / "users/link.yaml").symlink_to("a.yaml")
    assert find(repository) == ["users/link.yaml"]
    repository.commit("link")
    assert find(repository) == []
    (state / "users/a.yaml").write_text("- c\n")
    assert find(repository) == ["users/a.yaml", "users/link.yaml"]
    repository.commit("edit")
    (state / "users/link.yaml").unlink()
    assert find(repository) == ["users/link.yaml"]
    (state / "users/link.yaml").symlink_to("b.yaml")
    assert find(repository) == ["users/link.yaml"]


def test_without_a_commit_git_cannot_tell(tmp_path: Path) -> None:
    for directory in (tmp_path, GitRepository(tmp_path / "new").root):
        with pytest.raises(RepositoryError, match="git shows no commit of"):
            find_uncommitted(directory, {}, lambda _: True)
