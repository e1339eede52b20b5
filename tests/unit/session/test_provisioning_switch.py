from __future__ import annotations

import pytest
from support.git_repository import GitRepository
from support.target_workspace import TargetWorkspace

from reconciler.core.provisioning import ON, Provisioning
from reconciler.session.provisioning_switch import find_time_of_switch, read_provisioning_at

OFF = Provisioning(enabled=False, reason="A move")


@pytest.fixture
def git(target: TargetWorkspace) -> GitRepository:
    return GitRepository(target.files.root)


def commit(target: TargetWorkspace, git: GitRepository, found: Provisioning, **more: object) -> str:
    target.files.settings(provisioning={"enabled": found.enabled, "reason": found.reason or None}, **more)
    return git.commit("Switch")


def test_the_settings_of_a_commit_say_whether_provisioning_is_on(target: TargetWorkspace, git: GitRepository) -> None:
    on, off = commit(target, git, ON), commit(target, git, OFF)
    target.files.write("settings.yaml", "provisioning: off\n")
    broken = git.commit("Break it")
    found = [read_provisioning_at(target.workspace.state, each) for each in (on, off, broken)]
    assert found == [ON, OFF, None]


def test_a_commit_without_settings_is_not_on(target: TargetWorkspace, git: GitRepository) -> None:
    commit(target, git, ON)
    (target.workspace.state / "settings.yaml").unlink()
    assert read_provisioning_at(target.workspace.state, git.commit("Remove it")) is None


def test_provisioning_is_off_since_the_commit_that_switched_it(target: TargetWorkspace, git: GitRepository) -> None:
    state = target.workspace.state
    assert find_time_of_switch(state) is None
    for found in (OFF, ON, OFF):
        commit(target, git, found)
    switched = find_time_of_switch(state)
    commit(target, git, OFF, lifecycle={"removed": "keep"})
    assert switched is not None
    assert find_time_of_switch(state) == switched, "a later edit of the settings is not when it was switched off"
    commit(target, git, ON)
    assert find_time_of_switch(state) is None


def test_the_search_for_the_switch_is_bounded(target: TargetWorkspace, git: GitRepository) -> None:
    for number in range(22):
        commit(target, git, OFF, lifecycle={"delete_after_days": number})
    oldest = find_time_of_switch(target.workspace.state)
    assert oldest is not None
