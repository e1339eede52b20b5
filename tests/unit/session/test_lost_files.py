from pathlib import Path

import pytest
from support.git_repository import GitRepository

from reconciler.errors import LostFileError
from reconciler.session.lost_files import LastApply, find_lost_files


@pytest.fixture
def state(tmp_path: Path) -> Path:
    repository = GitRepository(tmp_path)
    repository.commit("first", {"desired-state/scope.yaml": "sync: all\n", "scope.yaml": "", "mappings.yaml": ""})
    return tmp_path / "desired-state"


def summaries(state: Path, files: set[str], last: LastApply, *, strict: bool = True) -> list[str]:
    return [item.summary for item in find_lost_files(state, files, last, strict=strict)]


def remove(state: Path, name: str = "scope.yaml") -> str:
    """Remove a file in a commit; return the commit before."""
    repository = GitRepository(state.parent)
    before = repository.head()
    repository.commit("keep", {"desired-state/settings.yaml": "{}\n"})
    repository.commit("remove", {f"desired-state/{name}": None})
    return before


def test_a_scope_that_the_last_apply_had_is_reported(state: Path) -> None:
    commit = remove(state)
    (found,) = find_lost_files(state, {"settings.yaml"}, LastApply(commit))
    assert found.summary == (
        f"scope.yaml is missing, but the last apply had it (commit {commit[:12]}): without it every user is in scope"
    )
    assert found.detail == f"To restore it: git -C {state} checkout {commit[:12]} -- scope.yaml"


@pytest.mark.parametrize("commit", [None, "", "HEAD", "0" * 40, "--all", "main"])
def test_without_a_commit_that_is_here_nothing_is_said(state: Path, commit: str | None) -> None:
    assert summaries(state, set(), LastApply(commit)) == []


@pytest.mark.parametrize("commit", [None, "0" * 40])
def test_a_removal_that_the_history_has_is_confirmed_without_the_commit(state: Path, commit: str | None) -> None:
    remove(state)
    (found,) = find_lost_files(state, {"settings.yaml"}, LastApply(commit, {"scope.yaml", "settings.yaml"}))
    assert found.summary == "scope.yaml is missing, but the last apply had it: without it every user is in scope"
    assert found.detail == f"Its commits: git -C {state} log -- scope.yaml"


def test_a_scope_that_is_there_is_not_reported(state: Path) -> None:
    assert summaries(state, {"scope.yaml"}, LastApply(GitRepository(state.parent).head(), {"scope.yaml"})) == []


@pytest.mark.parametrize("name", ["scope.yaml", "mappings.yaml"])
def test_a_file_that_git_never_had_may_be_lost(state: Path, name: str) -> None:
    """Without git, in a shallow clone, or if it was never committed."""
    GitRepository(state.parent).git("rm", "--quiet", "desired-state/scope.yaml")
    GitRepository(state.parent).commit("first", {"desired-state/settings.yaml": "{}\n"}, tracked=".")
    shallow = state.parent / "shallow"
    GitRepository(state.parent).git("clone", "--quiet", "--depth=1", f"file://{state.parent}", str(shallow))
    with pytest.raises(LostFileError, match="and git does not show that it was removed") as raised:
        summaries(shallow / "desired-state", {"settings.yaml"}, LastApply(None, {name}))
    assert f"git -C {shallow / 'desired-state'} fetch --unshallow" in raised.value.detail
    (state.parent / ".git").rename(state.parent / "git")
    with pytest.raises(LostFileError):
        summaries(state, {"settings.yaml"}, LastApply("0" * 40, {name}))
    assert len(summaries(state, {"settings.yaml"}, LastApply(None, {name}), strict=False)) == 1
