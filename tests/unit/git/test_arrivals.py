"""When files came to a branch, for real repositories."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.git_repository import GitRepository

from reconciler.git.arrivals import read_arrivals

FILE = "plans/2026-01-30-abc/receipt.jsonl"


@pytest.fixture
def repository(tmp_path: Path) -> GitRepository:
    return GitRepository(tmp_path / "repository", ".")


def committed(repository: GitRepository, ref: str = "HEAD") -> datetime:
    return datetime.fromtimestamp(int(repository.git("show", "-s", "--format=%ct", ref)), UTC)


def test_a_file_has_the_time_of_the_commit_that_changed_it_last(repository: GitRepository) -> None:
    repository.commit("first", {FILE: "1\n", "plans/other": "", "elsewhere": ""})
    first = committed(repository)
    repository.commit("second", {FILE: "1\n2\n"})
    second = committed(repository)
    repository.commit("third", {"elsewhere": "3"})
    assert first < second < committed(repository)
    assert read_arrivals(repository.root, "HEAD", "plans") == {FILE: second, "plans/other": first}
    assert read_arrivals(repository.root / "plans" / "2026-01-30-abc", "HEAD", "plans") == read_arrivals(
        repository.root / "plans", "HEAD"
    )
    assert read_arrivals(repository.root / "plans", "HEAD") == {FILE: second, "plans/other": first}


def test_a_file_of_a_branch_came_when_the_branch_was_merged(repository: GitRepository) -> None:
    """The author of a pull request chooses the times of its commits, not that of the merge."""
    repository.commit("first", {"a": ""})
    repository.git("checkout", "--quiet", "-b", "forged")
    repository.git("commit", "--quiet", "--allow-empty", "-m", "years ago")
    repository.commit("years ago", {FILE: "forged\n"})
    repository.git("checkout", "--quiet", "main")
    repository.commit("later", {"a": "b"})
    repository.commit("and later", {"a": "c"})
    repository.git("merge", "--quiet", "--no-ff", "-m", "merge", "forged")
    merged = committed(repository)
    assert committed(repository, "forged") < merged
    assert read_arrivals(repository.root, "HEAD", "plans") == {FILE: merged}
    assert read_arrivals(repository.root, "forged", "plans") == {FILE: committed(repository, "forged")}


def test_no_name_of_a_file_passes_for_a_commit(repository: GitRepository) -> None:
    repository.commit("first", {"plans/\x01100": "", FILE: ""})
    assert read_arrivals(repository.root, "HEAD", "plans")[FILE] == committed(repository)


def test_without_a_repository_or_a_branch_nothing_is_known(tmp_path: Path, repository: GitRepository) -> None:
    assert read_arrivals(tmp_path, "HEAD", "plans") == {}
    assert read_arrivals(repository.root, "HEAD", "plans") == {}
    repository.commit("first", {"a": ""})
    assert read_arrivals(repository.root, "no-such-branch", "plans") == {}
    assert read_arrivals(repository.root, "HEAD", "plans") == {}
