"""No user gets a second account: an externalId that a live account holds is given to no other."""

from __future__ import annotations

from typing import Any

import pytest
from support.servers.fake_scim import FakeScimServer, make_user
from support.workspace import OpenWorkspace, Workspace, source

REST = """
- {target: userName, source: userPrincipalName, match: 1}
- {target: name.givenName, source: givenName}
- {target: name.familyName, source: surname}
"""
BY_NAME = "- {target: externalId, source: objectId}\n" + REST
BY_ID_TOO = "- {target: externalId, source: objectId, match: 2}\n" + REST
BY_ID_FIRST = BY_ID_TOO.replace("match: 1", "match: 3")
People = list[dict[str, Any]]


def errors_of(work: Workspace) -> list[str]:
    return [item["summary"] for item in work.plan().plan["diagnostics"] if item["severity"] == "error"]


@pytest.fixture
def company(open_workspace: OpenWorkspace) -> tuple[Workspace, FakeScimServer, People]:
    """Return a company of 60 whose accounts match by userName only and are as desired, and its people."""
    service = FakeScimServer(users=[make_user(number) for number in range(60)])
    people = [source(make_user(number)) for number in range(60)]
    work = open_workspace(service)
    work.write("mappings.yaml", BY_NAME)
    work.users(people)
    assert work.plan().actions == {}
    return work, service, people


@pytest.mark.parametrize("flow", ["always", "create", "if_empty"])
@pytest.mark.parametrize("active", [True, False])
def test_a_rename_creates_no_second_account(
    flow: str, active: bool, company: tuple[Workspace, FakeScimServer, People]
) -> None:
    work, service, people = company
    work.write("mappings.yaml", BY_NAME.replace("objectId}", f"objectId, apply: {flow}}}"))
    account = next(user for user in service.users.values() if user["userName"] == people[0]["userPrincipalName"])
    account["active"] = active
    people[0]["userPrincipalName"] = "new.name@example.com"
    work.users(people)
    planned = work.plan()
    assert (planned.code, planned.actions) == (5, {})
    assert errors_of(work) == [
        f'externalId "{people[0]["objectId"]}" belongs to the live account "{account["userName"]}"'
    ]
    assert work.apply().code == 5
    assert service.writes == []


def test_a_domain_migration_creates_no_second_accounts(company: tuple[Workspace, FakeScimServer, People]) -> None:
    work, service, people = company
    for user in people:
        user["userPrincipalName"] = user["userPrincipalName"].replace("example.com", "example.org")
    work.users(people)
    assert work.apply().code == 5
    assert service.writes == []
    assert len(errors_of(work)) == 60
    work.write("mappings.yaml", BY_ID_FIRST)
    assert work.apply().code == 0
    assert len(service.users) == 60
    assert work.plan().actions == {}


def test_a_user_out_of_scope_with_another_name_is_not_taken_for_removed(
    company: tuple[Workspace, FakeScimServer, People],
) -> None:
    work, service, people = company
    people[0].update(userPrincipalName="new.name@example.com", accountEnabled=False)
    work.settings(lifecycle={"removed": "delete"})
    work.users(people)
    planned = work.plan()
    assert (planned.code, planned.actions) == (5, {})
    assert work.apply().code == 5
    assert service.writes == []


def test_an_account_that_is_not_managed_holds_its_external_id_too(
    company: tuple[Workspace, FakeScimServer, People],
) -> None:
    work, _, people = company
    work.settings(ownership='userName ew "@example.com"')
    people[0]["userPrincipalName"] = "new.name@example.com"
    work.users(people)
    held = work.plan()
    assert (held.code, held.actions) == (5, {})


def test_an_adoption_gives_no_second_account_the_same_external_id(open_workspace: OpenWorkspace) -> None:
    """An administrator created the new account manually; the old one has the externalId."""
    service = FakeScimServer(users=[make_user(1), make_user(1, userName="new@example.com", externalId=None)])
    work = open_workspace(service)
    work.users([source(make_user(1), userPrincipalName="new@example.com")])
    for rows in (BY_NAME, BY_ID_TOO):
        work.write("mappings.yaml", rows)
        planned = work.plan()
        assert (planned.code, planned.actions) == (5, {})
        assert work.apply().code == 5
    assert service.writes == []


def test_accounts_that_are_duplicates_already_are_reported(open_workspace: OpenWorkspace) -> None:
    """The second account of one person is left as it is, and so is the first."""
    service = FakeScimServer(users=[make_user(1), make_user(1, userName="old@example.com"), make_user(2)])
    work = open_workspace(service)
    work.write("mappings.yaml", BY_NAME)
    work.users([source(make_user(1), surname="New"), source(make_user(2))])
    planned = work.plan()
    assert (planned.code, planned.actions) == (5, {})
    name, identity = make_user(1)["userName"], make_user(1)["externalId"]
    assert errors_of(work) == [f'2 live accounts have the externalId "{identity}": "{name}", "old@example.com"']
    assert work.apply().code == 5
    assert service.writes == []


def test_duplicates_of_no_user_are_a_warning(open_workspace: OpenWorkspace) -> None:
    inactive = [make_user(1, active=False), make_user(1, userName="old@example.com", active=False)]
    work = open_workspace(FakeScimServer(users=[*inactive, make_user(2)]))
    work.users([source(make_user(2))])
    planned = work.plan()
    assert (planned.code, planned.actions) == (0, {})
    (found,) = planned.plan["diagnostics"]
    assert (found["severity"], found["summary"]) == ("warning", "1 externalId is held by more than one live account")
    assert "old@example.com" in found["detail"]


@pytest.mark.parametrize(
    "rule", ["constant: same", "source: badge", "source: objectId, default: same", "expression: 'ToLower(\"SAME\", )'"]
)
def test_two_new_users_get_no_common_external_id(rule: str, open_workspace: OpenWorkspace) -> None:
    service = FakeScimServer(users=[make_user(3)])
    work = open_workspace(service)
    work.write("mappings.yaml", BY_NAME.replace("source: objectId", rule))
    work.users([source(make_user(number), objectId=None, badge="Same" if number == 1 else "same") for number in (1, 2)])
    work.settings(lifecycle={"removed": "keep"})
    planned = work.plan()
    assert (planned.code, planned.actions) == (5, {})
    assert len(errors_of(work)) == 2
    work.apply()
    assert service.writes == []


def test_a_default_that_a_live_account_has_is_given_to_no_new_user(open_workspace: OpenWorkspace) -> None:
    service = FakeScimServer(users=[make_user(1, externalId="shared"), make_user(3)])
    work = open_workspace(service)
    work.write("mappings.yaml", BY_NAME.replace("objectId", "objectId, default: shared"))
    work.users([source(make_user(2), objectId=None), source(make_user(3))])
    planned = work.plan()
    assert (planned.code, planned.actions) == (5, {}), "the holder, who left, is not removed either"


def test_an_update_sets_no_external_id_of_another_account(open_workspace: OpenWorkspace) -> None:
    """Both accounts are managed, one has no externalId."""
    service = FakeScimServer(users=[make_user(1, externalId=None), make_user(2)])
    work = open_workspace(service)
    work.settings(ownership='userName ew "@example.com"')
    work.write("mappings.yaml", BY_NAME)
    people = [source({**make_user(1), "externalId": make_user(2)["externalId"]})]
    work.users(people)
    planned = work.plan()
    assert (planned.code, planned.actions) == (5, {})
    work.apply()
    assert service.writes == []
