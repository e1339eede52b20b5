from pathlib import Path

import pytest
from support.git_repository import GitRepository

from reconciler.session.lost_files import find_lost_files


@pytest.fixture
def state(tmp_path: Path) -> Path:
    repository = GitRepository(tmp_path)
    repository.commit("first", {"desired-state/scope.yaml": "sync: all\n", "scope.yaml": "", "mappings.yaml": ""})
    return tmp_path / "desired-state"


def summaries(state: Path, files: set[str], commit: str | None) -> list[str]:
    return [item.summary for item in find_lost_files(state, files, commit)]


def test_a_scope_that_the_last_apply_had_is_reported(state: Path) -> None:
    commit = GitRepository(state.parent).head()
    (found,) = find_lost_files(state, {"settings.yaml"}, commit)
    assert found.summary == (
        f"scope.yaml is missing, but the last apply had it (commit {commit[:12]}): without it every user is in scope"
    )
    assert found.detail == f"To restore it: git checkout {commit[:12]} -- {state}/scope.yaml"


@pytest.mark.parametrize("commit", [None, "", "HEAD", "0" * 40, "--all", "main"])
def test_without_a_commit_that_is_here_nothing_is_said(state: Path, commit: str | None) -> None:
    assert summaries(state, set(), commit) == []


def test_a_scope_that_is_there_is_not_reported(state: Path) -> None:
    assert summaries(state, {"scope.yaml"}, GitRepository(state.parent).head()) == []
