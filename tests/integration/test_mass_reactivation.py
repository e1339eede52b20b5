"""Leavers do not get their access back by an accident: each cause blocks the plan, whatever brings them back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from support.servers.fake_scim import FakeScimServer, make_user
from support.workspace import OpenWorkspace, Workspace, source

SIZE, LEAVERS = 100, 30
DEFAULT_MAPPINGS = """
- {target: externalId, source: objectId, match: 1}
- {target: userName, source: userPrincipalName, match: 2}
- {target: name.givenName, source: givenName}
- {target: name.familyName, source: surname}
"""


def accounts(**of_leavers: Any) -> list[dict[str, Any]]:
    """100 accounts, 30 of them deactivated."""
    overrides = {"active": False, **of_leavers}
    return [make_user(number, **(overrides if number < LEAVERS else {})) for number in range(SIZE)]


def people(**of_leavers: Any) -> list[dict[str, Any]]:
    """All users as they are in `users/`; `of_leavers` is set on the 30 only."""
    return [source(make_user(number), **(of_leavers if number < LEAVERS else {})) for number in range(SIZE)]


NAMES = [user["userPrincipalName"] for user in people()]
STAYING = ", ".join(NAMES[LEAVERS:])
GONE = ", ".join(NAMES[:LEAVERS])


def with_scope(workspace: Workspace, text: str, **of_leavers: Any) -> None:
    workspace.write("scope.yaml", text)
    workspace.users(people(**of_leavers))


def without_scope_file(workspace: Workspace) -> None:
    with_scope(workspace, f"sync: assigned\nassigned: {{users: [{STAYING}]}}\n")
    assert_leavers_stay_away(workspace)
    (workspace.state / "scope.yaml").unlink()


def emptied_exclusions(workspace: Workspace) -> None:
    with_scope(workspace, f"sync: all\nexcluded: {{users: [{GONE}]}}\n")
    assert_leavers_stay_away(workspace)
    workspace.write("scope.yaml", "sync: all\nexcluded: {users: []}\n")


def all_instead_of_assigned(workspace: Workspace) -> None:
    with_scope(workspace, f"sync: assigned\nassigned: {{users: [{STAYING}]}}\n")
    assert_leavers_stay_away(workspace)
    workspace.write("scope.yaml", "sync: all\n")


def lost_disabled_flags(workspace: Workspace) -> None:
    workspace.users(people(accountEnabled=False))
    assert_leavers_stay_away(workspace)
    workspace.users(people())


def a_larger_group(workspace: Workspace) -> None:
    with_scope(workspace, "sync: assigned\nassigned: {groups: [staff]}\n")
    workspace.write("groups/staff.yaml", f"- name: staff\n  members: {{users: [{STAYING}]}}\n")
    assert_leavers_stay_away(workspace)
    workspace.write("groups/staff.yaml", f"- name: staff\n  members: {{users: [{STAYING}, {GONE}]}}\n")


def a_lost_filter(workspace: Workspace) -> None:
    clause = "{attribute: employeeType, operator: IS NULL}"
    with_scope(workspace, f"sync: all\nfilters: [{{name: staff, clauses: [{clause}]}}]\n", employeeType="Alumni")
    assert_leavers_stay_away(workspace)
    workspace.write("scope.yaml", "sync: all\n")


def a_mapping_that_is_always_true(workspace: Workspace) -> None:
    rule = '- {target: active, expression: \'IIF([employeeType]="Alumni", "False", "True")\'}\n'
    workspace.write("mappings.yaml", DEFAULT_MAPPINGS + rule)
    workspace.users(people(employeeType="Alumni"))
    assert_leavers_stay_away(workspace)
    workspace.write("mappings.yaml", DEFAULT_MAPPINGS + '- {target: active, constant: "True"}\n')


def lost_expiry_dates(workspace: Workspace) -> None:
    workspace.users(people(lifecycle={"expires": "2026-01-31"}))
    assert_leavers_stay_away(workspace)
    workspace.users(people())


def a_date_that_came_too_early(workspace: Workspace) -> None:
    workspace.users(people(lifecycle={"starts": "2099-01-01"}))
    assert_leavers_stay_away(workspace)
    workspace.users(people(lifecycle={"starts": "2009-01-01"}))


def users_restored_from_an_old_file(workspace: Workspace) -> None:
    workspace.users(people()[LEAVERS:])
    assert_leavers_stay_away(workspace)
    workspace.users(people())


CAUSES: dict[str, Callable[[Workspace], None]] = {
    "scope.yaml is lost": without_scope_file,
    "the exclusions are emptied": emptied_exclusions,
    "sync: all instead of assigned": all_instead_of_assigned,
    "accountEnabled: false is lost": lost_disabled_flags,
    "the leavers come back into a group": a_larger_group,
    "a scoping filter is lost": a_lost_filter,
    "the mapping of active is always true": a_mapping_that_is_always_true,
    "the expiry dates are lost": lost_expiry_dates,
    "the start dates are in the past": a_date_that_came_too_early,
    "the users come back from an old file": users_restored_from_an_old_file,
}


def assert_leavers_stay_away(workspace: Workspace) -> None:
    planned = workspace.plan()
    assert (planned.code, planned.actions) == (0, {})


def assert_blocked(workspace: Workspace, service: FakeScimServer, *arguments: str) -> str:
    answer = workspace.apply(*arguments)
    assert answer.code == 3, answer.out + answer.err
    assert "guards.reactivations." in answer.out
    assert service.writes == []
    return answer.out


@pytest.mark.parametrize("cause", CAUSES)
def test_leavers_do_not_get_their_access_back(cause: str, open_workspace: OpenWorkspace) -> None:
    service = FakeScimServer(users=accounts())
    workspace = open_workspace(service)
    CAUSES[cause](workspace)
    planned = workspace.plan()
    assert [guard["name"] for guard in planned.plan["guards"] if not guard["passed"]] == ["reactivations"]
    assert planned.actions == dict.fromkeys(NAMES[:LEAVERS], "reactivate")
    message = (
        "30 deactivated accounts would become active (42.9 % of 70 active managed users), more than the limit of 7"
    )
    assert message in assert_blocked(workspace, service)


@pytest.mark.parametrize("cause", CAUSES)
def test_naming_the_leavers_one_by_one_does_not_get_around_it(cause: str, open_workspace: OpenWorkspace) -> None:
    service = FakeScimServer(users=accounts())
    workspace = open_workspace(service)
    CAUSES[cause](workspace)
    assert_blocked(workspace, service, "--user", NAMES[0])
    assert_blocked(workspace, service, "--user", NAMES[1], "--user", NAMES[2])


def test_deactivated_accounts_that_would_be_adopted_count(open_workspace: OpenWorkspace) -> None:
    service = FakeScimServer(users=accounts(externalId=None))
    workspace = open_workspace(service)
    workspace.users(people())
    planned = workspace.plan()
    assert planned.actions == dict.fromkeys(NAMES[:LEAVERS], "adopt")
    assert_blocked(workspace, service)


def test_a_first_apply_adopts_a_few_deactivated_accounts(open_workspace: OpenWorkspace) -> None:
    """A tenant that is adopted as a whole has no managed user; the active accounts are the measure."""
    service = FakeScimServer(users=[make_user(n, externalId=None, active=n >= 3) for n in range(SIZE)])
    workspace = open_workspace(service)
    workspace.users(people())
    assert workspace.apply().code == 0
    assert all(user["active"] for user in service.users.values())


@pytest.mark.parametrize("inactive", [SIZE, 30, 8])
def test_a_service_that_calls_active_accounts_inactive_is_not_believed(
    inactive: int, open_workspace: OpenWorkspace
) -> None:
    service = FakeScimServer(users=[make_user(number, active=number >= inactive) for number in range(SIZE)])
    workspace = open_workspace(service)
    workspace.users(people())
    limit = {100: 1, 30: 7, 8: 9}[inactive]
    if inactive <= limit:
        assert workspace.apply().code == 0
    else:
        assert f"more than the limit of {limit} " in assert_blocked(workspace, service)


@pytest.mark.parametrize("size", [1, 2, 4, 9, 40])
def test_an_organisation_of_any_size_rehires_one_person(size: int, open_workspace: OpenWorkspace) -> None:
    service = FakeScimServer(users=[make_user(number, active=number > 0) for number in range(size)])
    workspace = open_workspace(service)
    workspace.users(people()[:size])
    assert workspace.apply().code == 0
    assert all(user["active"] for user in service.users.values())


def test_the_limit_can_be_set(open_workspace: OpenWorkspace) -> None:
    service = FakeScimServer(users=accounts())
    workspace = open_workspace(service)
    workspace.users(people())
    workspace.settings(guards={"reactivations": {"count": 29, "percent": 100}})
    assert "more than the limit of 29 (guards.reactivations.count: 29)" in assert_blocked(workspace, service)
    workspace.settings(guards={"reactivations": {"count": 30, "percent": 42}})
    assert "more than the limit of 29 (guards.reactivations.percent: 42)" in assert_blocked(workspace, service)
    workspace.settings(guards={"reactivations": {"count": 30, "percent": 50}})
    assert workspace.apply().code == 0
