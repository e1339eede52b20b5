"""The externalId of a managed account is neither cleared nor changed, and no change ends its management."""

from __future__ import annotations

from typing import Any

import pytest
from support.servers.fake_scim import FakeScimServer, make_user
from support.workspace import CommandResult, OpenWorkspace, Workspace, source

REST = """
- {target: userName, source: userPrincipalName, match: 1}
- {target: name.givenName, source: givenName}
- {target: name.familyName, source: surname}
- {target: userType, source: kind, when_null: clear}
- {target: "enterprise:department", source: department, when_null: clear}
"""
LINKED = "- {target: externalId, source: objectId, when_null: clear}\n" + REST
BY_ID = LINKED.replace("source: objectId", "source: objectId, match: 1").replace(
    "userPrincipalName, match: 1", "userPrincipalName, match: 2"
)

People = list[dict[str, Any]]


@pytest.fixture
def company(open_workspace: OpenWorkspace) -> tuple[Workspace, FakeScimServer, People]:
    """Return a company whose accounts match by userName only and are as desired, and its people."""
    service = FakeScimServer(users=[make_user(number, userType=None) for number in range(9)])
    people = [source(make_user(number)) for number in range(9)]
    work = open_workspace(service)
    work.write("mappings.yaml", LINKED)
    work.users(people)
    assert work.plan().actions == {}
    return work, service, people


def failed_guards(result: CommandResult) -> list[str]:
    return [guard["name"] for guard in result.plan["guards"] if not guard["passed"]]


def assert_blocked(work: Workspace, service: FakeScimServer) -> None:
    """The guard `relink` alone blocks the plan, and nothing is written."""
    planned = work.plan()
    assert (planned.code, failed_guards(planned)) == (3, ["relink"])
    assert work.apply().code == 3
    assert service.writes == []


@pytest.mark.parametrize(
    "rule", ["template: '{{ badge }}'", "expression: 'IIF(IsPresent([badge]), [badge], \"\")'", "source: badge"]
)
def test_a_rule_that_gives_no_user_a_value_clears_no_external_id(
    rule: str, company: tuple[Workspace, FakeScimServer, People]
) -> None:
    work, service, people = company
    work.write("mappings.yaml", LINKED.replace("source: objectId", rule))
    work.users([{**user, "badge": "1"} if user is people[0] else user for user in people[1:]])
    work.users([*people[1:], {**people[0], "accountEnabled": False, "badge": people[0]["objectId"]}])
    planned = work.plan()
    assert "relink" in failed_guards(planned)
    assert work.apply().code == 3
    assert service.writes == []


def test_three_lost_ids_clear_no_external_id(company: tuple[Workspace, FakeScimServer, People]) -> None:
    work, service, people = company
    for user in people[:3]:
        del user["objectId"]
    work.users(people)
    assert_blocked(work, service)


def test_an_approval_clears_it(company: tuple[Workspace, FakeScimServer, People]) -> None:
    work, service, people = company
    del people[0]["objectId"]
    work.users(people)
    identity = work.plan().plan["plan_id"]
    assert work.apply("--approve", identity).code == 3, "the guard is named"
    assert work.apply("--approve", identity, "--lift", "relink").code == 0
    assert [user.get("externalId") for user in service.users.values()].count(None) == 1


def test_a_mapping_without_external_id_clears_none(company: tuple[Workspace, FakeScimServer, People]) -> None:
    work, service, people = company
    work.write("mappings.yaml", REST)
    people[0]["surname"] = "New"
    work.users(people)
    assert list(work.plan().actions.values()) == ["update"]
    assert work.apply().code == 0
    assert all(user["externalId"] for user in service.users.values())


def test_other_ids_are_a_conflict(company: tuple[Workspace, FakeScimServer, People]) -> None:
    work, service, people = company
    people[0]["objectId"] = "another"
    work.users(people)
    planned = work.plan()
    assert (planned.code, planned.actions) == (5, {})
    assert work.apply().code == 5
    assert service.writes == []


@pytest.mark.parametrize("flow", ["create", "if_empty"])
def test_an_external_id_that_flows_once_is_neither_cleared_nor_changed(
    flow: str, company: tuple[Workspace, FakeScimServer, People]
) -> None:
    work, _, people = company
    work.write("mappings.yaml", LINKED.replace("when_null: clear", f"apply: {flow}", 1))
    del people[0]["objectId"]
    work.users(people)
    planned = work.plan()
    assert (planned.code, planned.actions) == (0, {})


def test_an_external_id_in_another_case_is_the_same(company: tuple[Workspace, FakeScimServer, People]) -> None:
    work, _, people = company
    for user in people:
        user["objectId"] = user["objectId"].upper()
    work.users(people)
    assert work.plan().actions == {}


# --- the ownership filter ---------------------------------------------------------


@pytest.mark.parametrize(
    ("ownership", "attribute", "value"),
    [
        ('externalId pr and userType eq "staff"', "kind", "guest"),
        ('externalId pr and userType eq "staff"', "kind", None),
        ('not (userType eq "guest") and externalId pr', "kind", "guest"),
        ('externalId pr and userName ew "@example.com"', "userPrincipalName", "ada.0@example.net"),
        ('externalId pr and roles.value eq "staff" and userType eq "staff"', "kind", "guest"),
    ],
)
def test_no_change_ends_the_management_of_an_account(
    ownership: str, attribute: str, value: str | None, open_workspace: OpenWorkspace
) -> None:
    accounts = [make_user(number, userType="staff", roles=[{"value": "staff"}]) for number in range(4)]
    people = [source(account, kind="staff") for account in accounts]
    service = FakeScimServer(users=accounts)
    work = open_workspace(service)
    work.settings(ownership=ownership)
    work.write("mappings.yaml", BY_ID)
    work.users(people)
    assert work.plan().actions == {}
    people[0][attribute] = value
    people[1]["surname"] = "New"
    work.users([{key: found for key, found in user.items() if found is not None} for user in people])
    planned = work.plan()
    assert (planned.code, list(planned.actions.values())) == (5, ["update"])
    (problem,) = [item for item in planned.plan["diagnostics"] if item["severity"] == "error"]
    assert problem["summary"] == "this change would put the account outside the ownership filter"
    assert work.apply().code == 5
    assert len(service.writes) == 1
