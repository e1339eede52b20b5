from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from support.git_repository import GitRepository
from support.sample_org import person
from support.target_workspace import TargetWorkspace

from reconciler.history.unapplied import UnappliedCommits
from reconciler.record.reader import read_runs
from reconciler.session.unapplied import find_unapplied_commits, find_unapplied_merges


class Organization:
    """A repository whose first commit is applied."""

    def __init__(self, target: TargetWorkspace) -> None:
        self.target = target
        self.git = GitRepository(target.files.root)
        (target.files.root / ".gitignore").write_text("plans/\nstate-home/\n")
        self.first = self.commit("ada", subject="Begin")
        target.apply()

    def commit(self, *who: str, subject: str = "Edit", **fields: str) -> str:
        """Desire these users, the first one with `fields`, and commit."""
        users = [person(each, **(fields if number == 0 else {})) for number, each in enumerate(who)]
        self.target.desire(*users)
        return self.git.commit(subject)

    def find(self, ref: str = "HEAD") -> UnappliedCommits | None:
        runs = read_runs(self.target.workspace.history, self.target.state().target)
        return find_unapplied_commits(self.target.workspace, runs, ref)

    def found(self) -> list[str]:
        """The ids of the commits that are not applied."""
        found = self.find()
        assert found is not None
        assert found.why == ""
        return [commit.id for commit in found.commits]

    def reason(self) -> str:
        found = self.find()
        assert found is not None
        assert found.count == 0
        return found.why


@pytest.fixture
def org(target: TargetWorkspace) -> Organization:
    return Organization(target)


def test_nothing_is_missing_right_after_an_apply(org: Organization) -> None:
    assert org.found() == []
    org.commit("ada", department="Sales")
    org.target.apply()
    assert org.found() == []


def test_commits_after_the_last_complete_apply_are_listed_newest_first(org: Organization) -> None:
    one = org.commit("ada", "bob", subject="Add Bob (#7)")
    two = org.commit("ada", "bob", "cyd", subject="Merge pull request #8 from x/cyd")
    assert org.found() == [two, one]
    found = org.find()
    assert found is not None
    assert [commit.pull_request for commit in found.commits] == ["8", "7"]
    assert found.last.commit == org.first


def test_a_later_complete_apply_includes_a_merge_that_was_never_applied(org: Organization) -> None:
    """The apply of the middle merge was cancelled; the next one did what it was to do."""
    org.commit("ada", "bob")
    org.commit("ada", "bob", "cyd")
    org.target.apply()
    assert org.found() == []


def test_an_apply_of_some_users_includes_nothing(org: Organization) -> None:
    one = org.commit("ada", "bob", "cyd")
    org.target.apply(users=("bob@example.com",))
    assert org.found() == [one]


def test_an_apply_that_did_not_end_includes_nothing(org: Organization) -> None:
    one = org.commit("ada", "bob")
    org.target.apply()
    for receipt in org.target.workspace.plans.glob("*/receipt.jsonl"):
        lines = receipt.read_text().splitlines(keepends=True)
        if json.loads(lines[0])["commit"] == one:
            receipt.write_text("".join(lines[:-1]))
    assert org.found() == [one]


def test_a_commit_and_its_revert_cancel_out(org: Organization) -> None:
    org.commit("ada", "bob")
    org.commit("ada")
    assert org.found() == []


def test_a_revert_counts_as_applied_whatever_version_wrote_the_receipt(org: Organization) -> None:
    """Another version may digest the same settings otherwise."""
    for receipt in org.target.workspace.plans.glob("*/receipt.jsonl"):
        receipt.write_text(receipt.read_text().replace('"config_digest": "sha256:', '"config_digest": "sha256:0'))
    org.commit("ada", "bob")
    org.commit("ada")
    assert org.found() == []


def test_commits_of_other_files_do_not_count(org: Organization) -> None:
    org.git.commit("Docs", {"README.md": "Docs\n"}, tracked="README.md")
    org.git.commit("Notes", {"desired-state/NOTES.txt": "Notes\n"})
    assert org.found() == []
    one = org.commit("ada", "bob")
    org.git.commit("Notes", {"desired-state/NOTES.txt": "More notes\n"})
    assert org.found() == [one]


def test_files_that_were_applied_before_they_were_committed_count_as_applied(org: Organization) -> None:
    org.target.desire(person("ada"), person("bob"))
    org.target.apply()
    org.git.commit("Add Bob")
    assert org.found() == []


def test_a_merged_branch_is_one_commit(org: Organization) -> None:
    org.git.git("checkout", "--quiet", "-b", "topic")
    org.commit("ada", "bob")
    org.commit("ada", "bob", "cyd")
    org.git.git("checkout", "--quiet", "main")
    merged = org.git.merge("topic", "Merge pull request #7 from x/topic")
    assert org.found() == [merged]


def test_an_apply_of_an_older_commit_leaves_the_later_ones_out(org: Organization, tmp_path: Path) -> None:
    plans = org.target.workspace.history
    before = {each.name for each in plans.iterdir()}
    later = org.commit("ada", "bob")
    org.target.apply()
    (applied,) = (each for each in plans.iterdir() if each.name not in before)
    # Where the record has not arrived yet, an older commit can be applied.
    applied.rename(tmp_path / applied.name)
    org.git.git("checkout", "--quiet", org.first)
    org.target.files.settings(guards={"removals": {"count": 1000, "percent": 100}, "foreign_accounts": {"count": 9}})
    org.target.apply()
    (tmp_path / applied.name).rename(applied)
    org.git.git("checkout", "--quiet", "--force", "main")
    assert org.found() == [later]


def test_many_commits_are_counted_beyond_twenty(org: Organization) -> None:
    for number in range(22):
        org.commit("ada", department=f"D{number}")
    found = org.find()
    assert found is not None
    assert (len(found.commits), found.more, found.count) == (20, 2, 22)


# --- what is not known -----------------------------------------------------------------


def test_without_a_complete_apply_of_a_commit_there_is_nothing_to_compare(target: TargetWorkspace) -> None:
    assert find_unapplied_commits(target.workspace, []) is None
    target.desire(person("ada"))
    target.apply()
    runs = read_runs(target.workspace.history, target.state().target)
    assert len(runs) == 1
    assert find_unapplied_commits(target.workspace, runs) is None, "not in git"


def test_history_that_was_rewritten_is_reported(org: Organization) -> None:
    dropped = org.commit("ada", "bob")
    org.target.apply()
    org.git.git("reset", "--quiet", "--hard", org.first)
    assert org.reason() == f"commit {dropped[:12]} of the last complete apply is not in the history that is checked out"
    org.git.git("reflog", "expire", "--expire=now", "--all")
    org.git.git("gc", "--quiet", "--prune=now")
    expected = f"commit {dropped[:12]} of the last complete apply is not in this repository: the branch that had it "
    assert org.reason() == f"{expected}was deleted or rewritten"


def test_a_shallow_clone_is_reported(org: Organization, tmp_path: Path) -> None:
    org.commit("ada", "bob")
    clone = tmp_path / "clone"
    org.git.git("clone", "--quiet", "--depth=1", f"file://{org.git.root}", str(clone))
    org.target.workspace = replace(org.target.workspace, state=clone / "desired-state")
    assert org.reason().startswith(
        f"commit {org.first[:12]} of the last complete apply is not in this clone, which is shallow ("
    )


def test_a_directory_that_is_no_repository_any_more_is_reported(org: Organization) -> None:
    (org.git.root / ".git").rename(org.git.root / "gone")
    assert org.reason().endswith("the desired state is not in a git repository that can be read")


# --- the default branch ---------------------------------------------------------------


def merges(org: Organization) -> list[str]:
    runs = read_runs(org.target.workspace.history, org.target.state().target)
    found = find_unapplied_merges(org.target.workspace, runs)
    assert found is not None
    return [commit.id for commit in found.commits]


def test_commits_of_a_feature_branch_are_no_merges(org: Organization) -> None:
    merged = org.commit("ada", "bob")
    org.git.git("update-ref", "refs/remotes/origin/main", merged)
    org.git.git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main")
    org.git.git("checkout", "--quiet", "-b", "feature")
    own = org.commit("ada", "bob", "cyd")
    assert merges(org) == [merged]
    assert org.found() == [own, merged]


def test_what_was_applied_and_not_pushed_is_compared_with_what_is_checked_out(org: Organization) -> None:
    org.git.git("update-ref", "refs/remotes/origin/main", org.first)
    org.git.git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main")
    org.commit("ada", "bob")
    org.target.apply()
    assert merges(org) == []
    own = org.commit("ada", "bob", "cyd")
    assert merges(org) == [own]
