"""The exit codes that docs/reference/exit-codes.md lists, where the reason is not obvious."""

from __future__ import annotations

import pytest
from support.git_repository import GitRepository
from support.git_workspace import person
from support.servers.fake_scim import FakeScimServer
from support.workspace import OpenWorkspace, Workspace, run


@pytest.fixture
def work(open_workspace: OpenWorkspace) -> Workspace:
    found = open_workspace(FakeScimServer())
    found.users([person("ada")])
    return found


def test_an_invalid_desired_state_is_an_error(work: Workspace) -> None:
    work.write("scope.yaml", "snyc: all\n")
    assert [work.run(command).code for command in ("validate", "plan", "apply")] == [1, 1, 1]


def test_a_log_outside_of_git_or_without_a_commit_is_an_error(work: Workspace) -> None:
    assert work.run("log").code == 1
    GitRepository(work.root)
    result = work.run("log")
    assert (result.code, "the current branch has no commit yet" in result.err) == (1, True)
    assert "no commit yet" in work.run("rollback", "HEAD").err


def test_changes_are_2_if_asked_for(work: Workspace) -> None:
    plans = ("--plans", str(work.plans))
    assert [work.run("plan").code, work.run("plan", "--detailed-exitcode").code] == [0, 2]
    assert work.run("drift", "--detailed-exitcode", *plans).code == 2
    assert work.apply().code == 0
    assert [work.run("plan", "--detailed-exitcode").code, work.run("drift", "--detailed-exitcode", *plans).code] == [
        0,
        0,
    ]


def test_usage(work: Workspace) -> None:
    assert work.run("plan", "--user", "nobody").code == 64
    assert work.run("explain", "nobody").code == 64
    assert work.run("apply").code == 64, "there is no terminal to ask on"
    assert run(["reconciler", "init", str(work.root)]).code == 64


def test_a_missing_file_is_5_only_if_a_removal_is_withheld(work: Workspace) -> None:
    work.users([person("ada"), person("bob")])
    work.write("users/more.yaml", "[]\n")
    GitRepository(work.root).commit("Begin")
    (work.state / "users/more.yaml").unlink()
    result = work.apply()
    assert (result.code, "in git's index, but not in the work tree" in result.err + result.out) == (0, True)
    work.users([person("bob")])
    assert work.plan().code == 5
