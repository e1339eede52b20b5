"""Accounts of a former identity provider, of people who come back, and of two companies that merge."""

from __future__ import annotations

from typing import Any

import pytest
from support.servers.fake_scim import FakeScimServer, make_user
from support.workspace import CommandResult, OpenWorkspace, Workspace, source

MAPPINGS = """
- {target: externalId, source: objectId, match: 1}
- {target: userName, source: userPrincipalName, match: 2}
- {target: active, expression: 'Not([IsSoftDeleted])', default: "True"}
- {target: name.givenName, source: givenName}
- {target: name.familyName, source: surname}
"""
GUARDS = {"removals": {"count": 1000, "percent": 100}, "updates": {"percent": 50}}
People = list[dict[str, Any]]
Company = tuple[Workspace, FakeScimServer, People]


def old_id(number: int) -> str:
    return str(make_user(number)["externalId"])


@pytest.fixture
def company(open_workspace: OpenWorkspace) -> Company:
    """Return a company of twelve whose people have other ids than their accounts: a new tenant."""
    service = FakeScimServer(users=[make_user(number) for number in range(12)])
    people = [source(make_user(number), objectId=f"new-{number}") for number in range(12)]
    work = open_workspace(service)
    work.users(people)
    return work, service, people


def failed_guards(result: CommandResult) -> list[str]:
    return [guard["name"] for guard in result.plan["guards"] if not guard["passed"]]


def test_without_the_setting_no_account_is_touched_and_one_message_leads_on(company: Company) -> None:
    work, service, _ = company
    planned = work.plan()
    assert (planned.code, planned.actions) == (5, {})
    (hint,) = [item for item in planned.plan["diagnostics"] if item["severity"] == "warning"]
    assert hint["summary"] == "12 accounts have the userName of a user, but an externalId that no user has"
    assert "relink: {match: userName}" in hint["detail"]
    assert work.apply().code == 5
    assert service.writes == []


def test_a_whole_company_is_relinked_by_user_name_after_an_approval(company: Company) -> None:
    work, service, _ = company
    work.settings(relink={"match": "userName"}, guards=GUARDS)
    planned = work.plan()
    assert (planned.code, set(planned.actions.values())) == (3, {"relink"})
    assert failed_guards(planned) == ["updates", "relink"]
    assert work.apply().code == 3
    assert service.writes == []
    identity = planned.plan["plan_id"]
    assert work.apply("--approve", identity, "--lift", "updates").code == 3, "every guard is named"
    assert work.apply("--approve", identity, "--lift", "relink", "--lift", "updates").code == 0
    assert sorted(user["externalId"] for user in service.users.values()) == sorted(f"new-{n}" for n in range(12))
    assert len(service.users) == 12
    after = work.plan()
    assert (after.code, after.actions) == (0, {})
    (told,) = after.plan["diagnostics"]
    assert told["summary"] == "relink in settings.yaml has nothing left to do: no account would get another externalId"
    work.settings()
    assert work.plan().plan["diagnostics"] == []


def test_ids_lead_to_the_accounts_although_every_name_is_another(company: Company) -> None:
    """A merger: other ids and another domain at once."""
    work, service, people = company
    for user in people:
        user["userPrincipalName"] = user["userPrincipalName"].replace("example.com", "merged.example")
    work.users(people)
    rows = [{"from": old_id(number).upper(), "to": f"new-{number}"} for number in range(12)]
    work.settings(relink={"ids": rows})
    planned = work.plan()
    assert (planned.code, set(planned.actions.values()), failed_guards(planned)) == (3, {"relink"}, ["relink"])
    before = {identity: user["externalId"] for identity, user in service.users.items()}
    assert work.apply("--approve", planned.plan["plan_id"], "--lift", "relink").code == 0
    wanted = {old_id(number): f"new-{number}" for number in range(12)}
    assert {key: user["externalId"] for key, user in service.users.items()} == {
        key: wanted[old] for key, old in before.items()
    }
    assert all(user["userName"].endswith("@merged.example") for user in service.users.values())
    assert work.plan().actions == {}


def test_an_account_of_another_person_with_the_same_name_needs_an_approval_of_its_own(company: Company) -> None:
    work, _, people = company
    people[0] |= {"givenName": "Someone", "surname": "Else"}
    work.users(people)
    work.settings(relink={"match": "userName"})
    assert failed_guards(work.plan()) == ["identity-changes", "relink"]


@pytest.mark.parametrize("renamed", [False, True])
def test_a_typo_in_the_ids_leaves_the_account_as_it_is(renamed: bool, company: Company) -> None:
    work, service, people = company
    if renamed:
        people[0] |= {"userPrincipalName": "another@example.com", "accountEnabled": False}
        work.users(people)
    rows = [{"from": old_id(number), "to": f"new-{number}" if number else "typo"} for number in range(12)]
    work.settings(relink={"ids": rows})
    planned = work.plan()
    assert set(planned.actions.values()) == {"relink"}
    assert len(planned.actions) == 11
    (problem,) = [item for item in planned.plan["diagnostics"] if item["severity"] == "error"]
    wanted = "relink.ids gives the live account" if renamed else "correct the row of relink.ids that gives the account"
    assert wanted in f"{problem['summary']} {problem['detail']}"
    assert "settings.yaml:1:" in f"{problem['file']}:{problem['line']}:{problem['detail']}"
    assert work.apply("--approve", planned.plan["plan_id"], "--lift", "relink").code == 5
    assert len(service.users) == 12
    assert all(user["active"] for user in service.users.values())


@pytest.mark.parametrize(
    ("relink", "message"),
    [
        ({"match": "mail"}, "userName"),
        (
            {"ids": [{"from": "a", "to": "b"}, {"from": "A", "to": "c"}]},
            'the externalId "a" is more than once in `from`',
        ),
        ({"ids": [{"from": "a", "to": "b"}, {"from": "c", "to": "B"}]}, 'the externalId "b" is more than once in `to`'),
        ({"ids": [{"from": "a", "to": "A"}]}, '`from` and `to` are the same externalId, "a"'),
        ({"ids": [{"from": "a", "to": ""}]}, "to"),
    ],
)
def test_a_faulty_setting_is_one_error(relink: dict[str, Any], message: str, company: Company) -> None:
    work, _, _ = company
    work.settings(relink=relink)
    result = work.run("validate")
    assert (result.code, result.err.count("Error:")) == (1, 1), result.err
    assert message in result.err
    assert "settings.yaml" in result.err


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("typo", "new-0"),
        (old_id(0), "typo"),
        ("new-0", old_id(0)),
    ],
)
def test_no_mistake_in_a_row_creates_a_second_account_or_removes_the_first(
    old: str, new: str, company: Company
) -> None:
    work, service, people = company
    people[0]["userPrincipalName"] = "renamed@example.com"
    work.users(people)
    rows = [{"from": old, "to": new}, *({"from": old_id(number), "to": f"new-{number}"} for number in range(1, 12))]
    work.settings(relink={"ids": rows}, lifecycle={"removed": "delete"})
    planned = work.plan()
    assert set(planned.actions.values()) == {"relink"}
    assert len(planned.actions) == 11
    assert work.apply("--approve", planned.plan["plan_id"], "--lift", "relink").code == 5
    assert len(service.users) == 12
    assert all(user["active"] for user in service.users.values())
    # Correcting the row is all that is left to do.
    rows[0] = {"from": old_id(0), "to": "new-0"}
    work.settings(relink={"ids": rows})
    planned = work.plan()
    assert planned.actions == {"renamed@example.com": "relink"}
    assert work.apply("--approve", planned.plan["plan_id"], "--lift", "relink").code == 0
    assert work.plan().actions == {}


@pytest.mark.parametrize("relink", [{"match": "userName"}, {"ids": [{"from": old_id(0), "to": "new-0"}]}])
@pytest.mark.parametrize("flow", ["always", "create", "if_empty"])
def test_every_relink_needs_an_approval_and_changes_the_external_id(
    flow: str, relink: dict[str, Any], company: Company
) -> None:
    """A joiner who has the userName of a leaver looks like this."""
    work, service, people = company
    work.write("mappings.yaml", MAPPINGS.replace("match: 1", f"match: 1, apply: {flow}"))
    work.settings(relink=relink)
    work.users([people[0], *(source(make_user(number)) for number in range(1, 12))])
    planned = work.plan()
    assert (planned.code, planned.actions) == (3, {people[0]["userPrincipalName"]: "relink"})
    assert "relink" in failed_guards(planned)
    assert (work.apply().code, service.writes) == (3, [])
    assert work.apply("--approve", planned.plan["plan_id"], "--lift", "relink").code == 0
    assert [user["externalId"] for user in service.users.values()].count("new-0") == 1
    assert work.plan().actions == {}


def test_a_relink_does_not_end_the_management_of_the_account(company: Company) -> None:
    work, service, _ = company
    work.settings(relink={"match": "userName"}, ownership='externalId pr and not (externalId sw "new-")')
    planned = work.plan()
    assert (planned.code, planned.actions) == (5, {})
    assert "outside the ownership filter" in planned.out
    assert (work.apply().code, service.writes) == (5, [])


# --- people who come back -------------------------------------------------------------


def rehire(open_workspace: OpenWorkspace, **settings: Any) -> tuple[Workspace, FakeScimServer, People]:
    """Return a company whose first account is that of a leaver who comes back with a new object id."""
    accounts = [make_user(number, active=number > 0) for number in range(12)]
    service = FakeScimServer(users=accounts)
    work = open_workspace(service)
    work.settings(**settings)
    people = [source(account) for account in accounts]
    people[0]["objectId"] = "rehired"
    work.users(people)
    return work, service, people


def test_a_rehire_with_a_new_id_is_told_why_the_old_account_is_not_taken(open_workspace: OpenWorkspace) -> None:
    work, service, _ = rehire(open_workspace)
    planned = work.plan()
    assert (planned.code, planned.actions) == (5, {})
    (problem,) = [item for item in planned.plan["diagnostics"] if item["severity"] == "error"]
    assert problem["summary"].endswith(f'belongs to a deactivated account with another externalId ("{old_id(0)}")')
    assert f'write `objectId: "{old_id(0)}"` in the user\'s entry' in problem["detail"]
    assert (work.apply().code, service.writes) == (5, [])


def test_the_old_id_in_the_entry_gives_the_old_account_back(open_workspace: OpenWorkspace) -> None:
    work, service, people = rehire(open_workspace)
    people[0]["objectId"] = old_id(0)
    work.users(people)
    assert set(work.plan().actions.values()) == {"reactivate"}
    assert work.apply().code == 0
    assert all(user["active"] for user in service.users.values())


def test_a_row_gives_the_old_account_back_with_the_new_id(open_workspace: OpenWorkspace) -> None:
    work, service, _ = rehire(open_workspace, relink={"ids": [{"from": old_id(0), "to": "rehired"}]})
    planned = work.plan()
    assert (planned.code, set(planned.actions.values()), failed_guards(planned)) == (3, {"relink"}, ["relink"])
    assert work.apply("--approve", planned.plan["plan_id"], "--lift", "relink").code == 0
    (account,) = [user for user in service.users.values() if user["externalId"] == "rehired"]
    assert account["active"] is True
    assert len(service.users) == 12


def test_a_relink_that_gives_access_back_counts_as_a_reactivation(open_workspace: OpenWorkspace) -> None:
    work, _, _ = rehire(
        open_workspace,
        relink={"ids": [{"from": old_id(0), "to": "rehired"}]},
        guards={"reactivations": {"count": 0, "floor": 0}},
    )
    planned = work.plan()
    assert failed_guards(planned) == ["reactivations", "relink"]
    (told,) = [guard["message"] for guard in planned.plan["guards"] if guard["name"] == "relink"]
    assert "; 1 of them is deactivated and would become active" in told


# --- a leaver's user name -------------------------------------------------------------


def newcomer(open_workspace: OpenWorkspace) -> tuple[Workspace, FakeScimServer, People]:
    """Return a company whose deactivated leaver has the user name of a newcomer."""
    accounts = [make_user(number, active=number > 0) for number in range(12)]
    service = FakeScimServer(users=accounts)
    work = open_workspace(service)
    people = [source(account) for account in accounts]
    people[0] |= {"userPrincipalName": "former.ada@example.com", "accountEnabled": False}
    new = {"objectId": "newcomer", "userPrincipalName": accounts[0]["userName"], "givenName": "Ada", "surname": "Young"}
    work.users([*people, new])
    return work, service, people


def test_a_rename_in_git_frees_the_name_of_a_leaver(open_workspace: OpenWorkspace) -> None:
    work, service, _ = newcomer(open_workspace)
    planned = work.plan()
    assert planned.actions == {"former.ada@example.com": "update", make_user(0)["userName"]: "create"}
    assert (planned.code, failed_guards(planned)) == (3, ["name-takeovers"])
    assert planned.plan["summary"]["unchanged"] == 11
    assert work.apply("--approve", planned.plan["plan_id"], "--lift", "name-takeovers").code == 0
    assert len(service.users) == 13
    (leaver,) = [user for user in service.users.values() if user["externalId"] == old_id(0)]
    assert (leaver["userName"], leaver["active"]) == ("former.ada@example.com", False)
    assert leaver["name"] == make_user(0)["name"]
    assert work.plan().actions == {}


def test_no_leaver_is_renamed_while_no_user_needs_the_name(open_workspace: OpenWorkspace) -> None:
    work, _, people = newcomer(open_workspace)
    work.users(people)
    assert work.plan().actions == {}


def test_a_leaver_without_another_name_keeps_it_and_the_message_says_how_to_free_it(
    open_workspace: OpenWorkspace,
) -> None:
    work, service, people = newcomer(open_workspace)
    name = make_user(0)["userName"]
    work.users([*people[1:], {"objectId": "newcomer", "userPrincipalName": name, "surname": "Young"}])
    planned = work.plan()
    assert (planned.code, planned.actions) == (5, {})
    (problem,) = [item for item in planned.plan["diagnostics"] if item["severity"] == "error"]
    assert problem["detail"].endswith("; else choose another userName, or free this one (docs/relinking.md).")
    assert (work.apply().code, service.writes) == (5, [])
