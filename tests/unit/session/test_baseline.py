from __future__ import annotations

import pytest
from support.git_repository import GitRepository
from support.sample_org import person
from support.target_workspace import TargetWorkspace

from reconciler.core.plan import Action
from reconciler.core.provisioning import Provisioning
from reconciler.errors import RepositoryError
from reconciler.session.baseline import (
    build_request,
    compare_offline,
    load_baseline,
    load_state_at,
    reads_alike,
    with_desired_state,
)


@pytest.fixture
def git(target: TargetWorkspace) -> GitRepository:
    return GitRepository(target.files.root)


def commit(target: TargetWorkspace, git: GitRepository, *people: dict[str, object]) -> str:
    target.desire(*people)
    return git.commit("Edit")


def test_the_baseline_is_the_state_of_the_commit(target: TargetWorkspace, git: GitRepository) -> None:
    first = commit(target, git, person("ada"))
    target.desire(person("ada"), person("bob"))
    found = load_baseline(target.workspace, target.state(), "HEAD")
    assert (found.base.commit, found.warnings) == (first, ())
    assert found.state is not None
    assert [user.key for user in found.state.users] == ["ada@example.com", "keeper@example.com"]


def test_an_offline_comparison_has_the_difference_of_both(target: TargetWorkspace, git: GitRepository) -> None:
    commit(target, git, person("ada"))
    target.desire(person("bob"))
    baseline = load_baseline(target.workspace, target.state(), "HEAD", offline=True)
    plan, live = compare_offline(target.workspace, target.state(), baseline)
    assert {(change.key, change.action) for change in plan.changes} == {
        ("ada@example.com", Action.DEACTIVATE),
        ("bob@example.com", Action.CREATE),
    }
    assert plan.offline
    assert len(live.users) == 2
    assert [
        change.key
        for change in compare_offline(target.workspace, target.state(), baseline, ("bob@example.com",))[0].changes
    ] == ["bob@example.com"]


def test_a_base_that_is_invalid_is_a_warning(target: TargetWorkspace, git: GitRepository) -> None:
    target.files.write("users/people.yaml", "- 7\n")
    git.commit("Break it")
    target.desire()
    found = load_baseline(target.workspace, target.state(), "HEAD")
    assert found.state is None
    assert "cannot be planned from: expected a mapping" in found.warnings[0].summary
    assert found.warnings[0].detail == (
        "So all changes are listed as this change set's, including those that were pending."
    )


def test_a_base_of_another_target_is_a_warning(target: TargetWorkspace, git: GitRepository) -> None:
    commit(target, git)
    target.files.settings(target={"profile": "scim", "base_url": "https://scim.example.com"})
    found = load_baseline(target.workspace, target.state(), "HEAD")
    assert "is about another target" in found.warnings[0].summary
    assert found.describe()


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (True, True, Provisioning()),
        (True, False, Provisioning(enabled=False, reason="A move", switched=True)),
        (False, False, Provisioning(enabled=False, reason="A move")),
        (False, True, Provisioning(switched=True)),
    ],
)
@pytest.mark.parametrize("moved", [False, True])
def test_a_plan_says_whether_its_change_set_switches_provisioning(
    before: bool, after: bool, *, expected: Provisioning, moved: bool, target: TargetWorkspace, git: GitRepository
) -> None:
    elsewhere = {"target": {"profile": "scim", "base_url": "https://scim.example.com"}} if moved else {}
    target.files.settings(provisioning={"enabled": before, "reason": "A move"})
    commit(target, git)
    target.files.settings(provisioning={"enabled": after, "reason": "A move"}, **elsewhere)
    state = target.state()
    plan, _ = compare_offline(target.workspace, state, load_baseline(target.workspace, state, "HEAD"))
    assert plan.provisioning == expected


@pytest.mark.parametrize(("before", "after", "usable"), [(None, "acme", True), ("acme", None, False)])
def test_a_base_from_before_the_tenant_was_named_is_about_the_same_target(
    before: str | None, after: str | None, usable: bool, target: TargetWorkspace, git: GitRepository
) -> None:
    url = target.service.base_url
    for tenant in (before, after):
        named = {"tenant": tenant} if tenant is not None else {}
        target.files.settings(target={"profile": "scim", "base_url": url, **named})
        if tenant == before:
            commit(target, git)
    found = load_baseline(target.workspace, target.state(), "HEAD")
    assert (found.state is not None) == usable
    assert any("tenant" in note for note in found.describe())


def test_a_commit_without_the_directory_has_no_state(target: TargetWorkspace, git: GitRepository) -> None:
    empty = git.commit("Empty", {"other": "x"}, tracked="other")
    assert load_state_at(target.workspace, empty, target.workspace.now) == "has no such directory"


def test_an_unknown_commit_is_an_error(target: TargetWorkspace, git: GitRepository) -> None:
    commit(target, git)
    with pytest.raises(RepositoryError):
        load_baseline(target.workspace, target.state(), "nowhere")


def test_a_request_for_another_state_is_for_all_its_users(target: TargetWorkspace) -> None:
    state = target.state()
    target.desire(person("ada"))
    request = build_request(target.workspace, target.state(), ("ADA@example.com",))
    assert request.only == {"ada@example.com"}
    other = with_desired_state(state, request)
    assert ([user.key for user in other.desired], len(other.only)) == (["keeper@example.com"], 0)


def test_two_states_read_alike_with_the_same_mappings_and_the_default_ownership(target: TargetWorkspace) -> None:
    before = target.state()
    target.desire(person("ada"))
    assert reads_alike(before, target.state())
    target.files.write("mappings.yaml", "- {target: userName, source: userPrincipalName, match: 1}\n")
    assert not reads_alike(before, target.state())
    (target.workspace.state / "mappings.yaml").unlink()
    target.files.settings(ownership="userName pr")
    owned = target.state()
    assert not reads_alike(before, owned)
    assert not reads_alike(owned, target.state())
