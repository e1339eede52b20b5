from __future__ import annotations

from pathlib import Path

import pytest
from support.git_repository import GitRepository

from reconciler.git.commits import Commits
from reconciler.session.rollback_draft import RollbackDraft, RollbackScope, Versions, draft_rollback

PEOPLE = "users/people.yaml"
ADA = "- userPrincipalName: ada@example.com  # first\n  department: {}\n"
BOB = "- userPrincipalName: bob@example.com\n  department: {}\n"


@pytest.fixture
def git(tmp_path: Path) -> GitRepository:
    return GitRepository(tmp_path)


@pytest.fixture
def commits(git: GitRepository) -> list[str]:
    """Three commits: both in IT, both in Sales, and then Bob in Legal."""

    def commit(ada: str, bob: str, sync: str) -> str:
        files = {
            f"desired-state/{PEOPLE}": ADA.format(ada) + BOB.format(bob),
            "desired-state/scope.yaml": f"sync: {sync}\n",
        }
        return git.commit("Edit", files)

    return [commit("IT", "IT", "all"), commit("Sales", "Sales", "assigned"), commit("Sales", "Legal", "assigned")]


def draft(git: GitRepository, versions: list[str], scope: RollbackScope | None = None) -> RollbackDraft:
    with Commits(git.root / "desired-state") as repository:
        return draft_rollback(repository, Versions(*versions), scope or RollbackScope())


def test_a_later_edit_is_a_conflict(git: GitRepository, commits: list[str]) -> None:
    found = draft(git, commits)
    assert found.files == {PEOPLE: (ADA.format("IT") + BOB.format("Legal")).encode()}
    assert [conflict.address for conflict in found.restoration.conflicts] == ['user["bob@example.com"]']


def test_force_overwrites_it(git: GitRepository, commits: list[str]) -> None:
    found = draft(git, commits, RollbackScope(force=True))
    assert found.files == {PEOPLE: (ADA.format("IT") + BOB.format("IT")).encode()}


def test_one_user_can_be_restored(git: GitRepository, commits: list[str]) -> None:
    found = draft(git, [commits[0], commits[2], commits[2]], RollbackScope("BOB@example.com"))
    assert found.files == {PEOPLE: (ADA.format("Sales") + BOB.format("IT")).encode()}


def test_other_files_are_named_and_restored_on_request(git: GitRepository, commits: list[str]) -> None:
    assert draft(git, commits).others == ["scope.yaml"]
    found = draft(git, commits, RollbackScope(everything=True))
    assert (found.whole, found.others, found.files["scope.yaml"]) == (["scope.yaml"], [], b"sync: all\n")


@pytest.mark.parametrize("force", [False, True])
def test_a_later_edit_of_another_file_is_a_conflict_too(git: GitRepository, commits: list[str], force: bool) -> None:
    latest = git.commit("Edit", {"desired-state/scope.yaml": "sync: all\nfilters: []\n"})
    found = draft(git, [commits[0], commits[1], latest], RollbackScope(everything=True, force=force))
    assert "scope.yaml" in [conflict.address for conflict in found.restoration.conflicts]
    assert ("scope.yaml" in found.files) is force
