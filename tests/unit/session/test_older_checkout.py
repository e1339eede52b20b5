from dataclasses import replace

import pytest
from support.git_repository import GitRepository
from support.sample_org import person
from support.target_workspace import TargetWorkspace

from reconciler.errors import StalePlanError
from reconciler.record.reader import read_runs
from reconciler.record.runs import ApplyRun
from reconciler.session import older_checkout as module
from reconciler.session.older_checkout import find_later_commit, refuse_older_checkout


class Organization:
    """Two commits, both applied."""

    def __init__(self, target: TargetWorkspace) -> None:
        self.target = target
        self.git = GitRepository(target.files.root)
        (target.files.root / ".gitignore").write_text("plans/\nstate-home/\n")
        self.first = self.commit("ada", "bob")
        target.apply()
        self.second = self.commit("ada")
        target.apply()

    def commit(self, *who: str) -> str:
        self.target.desire(*map(person, who))
        return self.git.commit("Edit")

    @property
    def runs(self) -> list[ApplyRun]:
        return list(read_runs(self.target.workspace.history, self.target.state().target))

    def found(self) -> str | None:
        found = find_later_commit(self.target.workspace, self.runs)
        return None if found is None else found.commit


@pytest.fixture
def org(target: TargetWorkspace) -> Organization:
    return Organization(target)


def test_the_applied_commit_and_those_after_it_are_not_older(org: Organization) -> None:
    assert org.found() is None
    org.commit("ada", "cyd")
    assert org.found() is None
    refuse_older_checkout(org.target.workspace, org.runs)


def test_a_checkout_before_an_applied_commit_is_refused(org: Organization) -> None:
    org.git.git("checkout", "--quiet", org.first)
    assert org.found() == org.second
    with pytest.raises(StalePlanError, match=f"the later commit {org.second[:12]} has been applied") as caught:
        refuse_older_checkout(org.target.workspace, org.runs)
    assert "git pull" in caught.value.detail


def test_a_commit_that_is_not_here_hides_no_later_one(org: Organization) -> None:
    org.git.git("checkout", "--quiet", org.first)
    elsewhere = replace(org.runs[0], commit="0" * 39 + "1")
    found = find_later_commit(org.target.workspace, [elsewhere, *org.runs])
    assert found is not None
    assert found.commit == org.second


def test_git_is_asked_once_about_commits_in_the_history(org: Organization, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> str:
        raise AssertionError

    monkeypatch.setattr(module, "explain_missing_commit", fail)
    assert org.found() is None


def test_an_apply_of_an_older_checkout_sends_nothing(org: Organization) -> None:
    org.git.git("checkout", "--quiet", org.first)
    written = list(org.target.service.writes)
    with pytest.raises(StalePlanError, match=f"the later commit {org.second[:12]} has been applied"):
        org.target.apply()
    assert org.target.service.writes == written


def test_a_revert_of_the_applied_commit_is_not_older(org: Organization) -> None:
    org.git.git("revert", "--no-edit", org.second)
    assert org.found() is None


def test_a_later_commit_with_the_same_desired_state_undoes_nothing(org: Organization) -> None:
    (org.target.files.root / "NOTES.md").write_text("x\n")
    third = org.git.commit("Notes")
    org.target.desire(person("ada"))
    org.target.apply()
    org.git.git("checkout", "--quiet", org.second)
    assert third != org.second
    assert org.found() is None


def test_a_branch_beside_the_applied_commit_is_not_older(org: Organization) -> None:
    org.git.git("checkout", "--quiet", "-b", "side", org.first)
    org.commit("ada", "bob", "cyd")
    assert org.found() is None


def test_without_git_or_a_record_nothing_is_refused(org: Organization, target: TargetWorkspace) -> None:
    org.git.git("checkout", "--quiet", org.first)
    assert find_later_commit(target.workspace, []) is None
