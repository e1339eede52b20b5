"""Services that leave `active` out: no leaver keeps access and no returner stays locked out under *No changes.*"""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.habit_cycle import KEEPER, MAPPINGS, NO_CHANGES, person
from support.servers.patching import User
from support.servers.server_faults import ServerFaults
from support.servers.service_habits import HabitServer, ServiceHabits
from support.workspace import CommandResult, OpenWorkspace, Workspace

HIDES_FALSE = ServiceHabits(hides_active=False, filters_active=True)
HIDES_FALSE_UNFILTERED = ServiceHabits(hides_active=False)


TARGET: dict[str, Any] = {"profile": "scim"}
SETTINGS: dict[str, Any] = {"guards": {"removals": {"count": 1000, "percent": 100}, "reactivations": {"percent": 100}}}


def begin(open_workspace: OpenWorkspace, service: HabitServer, *people: dict[str, Any]) -> Workspace:
    workspace = open_workspace(service)
    workspace.write("mappings.yaml", MAPPINGS)
    workspace.write("scope.yaml", "sync: all\n")
    workspace.settings(**SETTINGS)
    workspace.users([*people, KEEPER])
    return workspace


def leave(who: str) -> dict[str, Any]:
    return person(who, accountEnabled=False)


def active(service: HabitServer) -> dict[str, Any]:
    return {user["userName"].partition("@")[0]: user.get("active", "unset") for user in service.people}


def at_rest(workspace: Workspace, service: HabitServer) -> CommandResult:
    writes = len(service.writes)
    result = workspace.apply()
    assert (result.code, NO_CHANGES in result.out) == (0, True), result.out + result.err
    assert len(service.writes) == writes
    return result


def forget(workspace: Workspace) -> None:
    """Lose the record."""
    for receipt in workspace.plans.glob("*/receipt.jsonl"):
        receipt.unlink()
    for lost in workspace.plans.iterdir():
        for file in lost.iterdir():
            file.unlink()
        lost.rmdir()


@pytest.mark.parametrize("leavers", [("bob",), ("bob", "cyd")])
def test_a_leaver_whose_active_is_left_out_is_at_rest_and_comes_back(
    leavers: tuple[str, ...], open_workspace: OpenWorkspace
) -> None:
    service = HabitServer(HIDES_FALSE)
    everybody = [person(who) for who in ("ada", "bob", "cyd")]
    workspace = begin(open_workspace, service, *everybody)
    assert workspace.apply().code == 0
    stay = [person(who) for who in ("ada", "cyd") if who not in leavers]
    workspace.users([*stay, *(leave(who) for who in leavers), KEEPER])
    left = workspace.apply()
    assert left.code == 0, left.out
    assert [who for who, shown in sorted(active(service).items()) if shown is False] == list(leavers)
    at_rest(workspace, service)
    workspace.users([*everybody, KEEPER])
    plan = workspace.plan()
    assert plan.actions == {f"{who}@example.com": "reactivate" for who in leavers}
    back = workspace.apply()
    assert back.code == 0, back.out
    assert set(active(service).values()) == {True}
    at_rest(workspace, service)


@pytest.mark.parametrize("first", ["ada", "bob"])
def test_a_filter_of_the_service_needs_no_record(open_workspace: OpenWorkspace, first: str) -> None:
    service = HabitServer(HIDES_FALSE)
    workspace = begin(open_workspace, service)
    for people in ([person(first)], [person("ada"), person("bob"), KEEPER]):
        workspace.users(people)
        workspace.apply()
    assert service.people[0]["userName"].startswith(first)
    service.find("bob@example.com")["active"] = False
    assert workspace.plan().actions == {"bob@example.com": "reactivate"}
    workspace.users([person("ada"), leave("bob"), KEEPER])
    at_rest(workspace, service)
    # Activated there, by someone else: it shows true then.
    service.find("bob@example.com")["active"] = True
    assert workspace.plan().actions == {"bob@example.com": "deactivate"}


def test_where_only_the_record_knows_nothing_is_sent_again_and_an_error_names_the_way_out(
    open_workspace: OpenWorkspace,
) -> None:
    service = HabitServer(HIDES_FALSE_UNFILTERED)
    workspace = begin(open_workspace, service, person("ada"), person("bob"), person("gone"))
    workspace.apply()
    workspace.users([person("ada"), leave("bob"), KEEPER])
    assert workspace.apply().code == 0
    assert [active(service)[who] for who in ("bob", "gone")] == [False, False]
    writes = len(service.writes)
    for _ in range(2):
        result = workspace.apply()
        assert result.code == 5, result.out
        assert "only the record says that 2 accounts are deactivated" in result.out + result.err
        assert "active_when_absent: false" in result.out + result.err
    assert len(service.writes) == writes
    workspace.settings(**SETTINGS, target=TARGET | {"base_url": workspace.base_url, "active_when_absent": False})
    at_rest(workspace, service)
    # Others are not kept from their changes meanwhile, nor a returner from theirs.
    workspace.settings(**SETTINGS)
    workspace.users([person("ada", department="Sales"), person("bob"), KEEPER])
    assert workspace.plan().actions == {"ada@example.com": "update", "bob@example.com": "reactivate"}
    assert workspace.apply().code == 5
    assert [active(service)[who] for who in ("ada", "bob", "gone")] == [True, True, False]


def test_an_account_that_changed_after_its_deactivation_is_deactivated_again(open_workspace: OpenWorkspace) -> None:
    """A console took the attribute away: it is active again by default."""
    service = HabitServer()
    workspace = begin(open_workspace, service, person("ada"), person("bob"))
    workspace.apply()
    workspace.users([person("ada"), leave("bob"), KEEPER])
    workspace.apply()
    at_rest(workspace, service)
    account = service.find("bob@example.com")
    del account["active"]
    account["meta"]["lastModified"] = "2026-01-02T03:04:05Z"
    assert workspace.plan().actions == {"bob@example.com": "deactivate"}
    assert workspace.apply().code == 0
    assert active(service)["bob"] is False


@pytest.mark.parametrize("dated", [True, False])
def test_a_service_that_leaves_false_out_and_reset_the_account_is_sent_it_again(
    dated: bool, open_workspace: OpenWorkspace
) -> None:
    service = HabitServer(HIDES_FALSE_UNFILTERED, faults=ServerFaults(omit_meta=not dated))
    workspace = begin(open_workspace, service, person("ada"), person("bob"))
    workspace.apply()
    workspace.users([person("ada"), leave("bob"), KEEPER])
    workspace.apply()
    service.find("bob@example.com")["meta"]["lastModified"] = "2026-01-02T03:04:05Z"
    plan = workspace.plan()
    assert plan.actions == {"bob@example.com": "deactivate"}
    assert [item["summary"] for item in plan.plan["diagnostics"]] == [
        "the service does not show whether 1 account is active"
    ]


def test_a_forged_record_of_a_service_that_shows_no_false_hides_no_leaver(open_workspace: OpenWorkspace) -> None:
    """Copied receipts say that three accounts were deactivated, whose `active` was never set."""
    service = HabitServer()
    workspace = begin(open_workspace, service, person("ada"), *(person(who) for who in ("bob", "cyd", "dan")))
    workspace.apply()
    workspace.users([person("ada"), *(leave(who) for who in ("bob", "cyd", "dan")), KEEPER])
    workspace.apply()
    names = [f"{who}@example.com" for who in ("bob", "cyd", "dan")]
    for name in names:
        account = service.find(name)
        del account["active"]
        account["meta"]["lastModified"] = "2026-01-02T03:04:05Z"
    assert workspace.plan().actions == dict.fromkeys(names, "deactivate")


@pytest.mark.parametrize("fault", [ServerFaults(ignore_filter=True), ServerFaults(filter_unsupported=501)])
def test_a_filter_that_is_ignored_or_refused_proves_nothing(fault: ServerFaults, open_workspace: OpenWorkspace) -> None:
    service = HabitServer(faults=fault)
    workspace = begin(open_workspace, service, person("ada"), person("bob"))
    workspace.apply()
    del service.find("bob@example.com")["active"]
    workspace.users([person("ada"), leave("bob"), KEEPER])
    assert workspace.plan().actions == {"bob@example.com": "deactivate"}


def test_without_the_record_a_leaver_is_deactivated_again(open_workspace: OpenWorkspace) -> None:
    service = HabitServer(HIDES_FALSE_UNFILTERED)
    workspace = begin(open_workspace, service, person("ada"), person("bob"))
    workspace.apply()
    workspace.users([person("ada"), leave("bob"), KEEPER])
    workspace.apply()
    forget(workspace)
    assert workspace.plan().actions == {"bob@example.com": "deactivate"}
    again = workspace.apply()
    assert (again.code, active(service)["bob"]) == (0, False)
    assert "already in effect" not in again.out + again.err
    assert "does not show whether 1 account is active" in again.out + again.err
    assert workspace.apply().code == 5
    forget(workspace)
    workspace.users([person("ada"), person("bob"), KEEPER])
    assert workspace.plan().actions == {"bob@example.com": "reactivate"}
    assert workspace.apply().code == 0
    assert active(service)["bob"] is True


def unset(who: str) -> User:
    """An account without `active`, as another client created it."""
    return {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "externalId": f"id-{who}",
        "userName": f"{who}@example.com",
        "name": {"givenName": who.capitalize(), "familyName": "Åström"},
    }


def test_a_leaver_whose_active_was_never_set_is_deactivated(open_workspace: OpenWorkspace) -> None:
    """Absent is active there, and false is shown: the others that show true say nothing about it."""
    service = HabitServer()
    workspace = begin(open_workspace, service, person("ada"), person("eve"))
    workspace.apply()
    for who in ("bob", "cyd", "dan"):
        service.add(unset(who))
    workspace.users([person("ada"), person("eve"), leave("bob"), person("cyd"), leave("dan"), KEEPER])
    assert workspace.plan().actions == {
        "bob@example.com": "deactivate",
        "cyd@example.com": "reactivate",
        "dan@example.com": "deactivate",
    }
    assert workspace.apply().code == 0
    assert [active(service)[who] for who in ("bob", "cyd", "dan")] == [False, True, False]
    at_rest(workspace, service)
    # Both values are shown now: another one that shows none is not deactivated, whatever the record says.
    del service.find("bob@example.com")["active"]
    assert workspace.plan().actions == {"bob@example.com": "deactivate"}
    assert workspace.apply().code == 0
    assert active(service)["bob"] is False
    at_rest(workspace, service)


def test_a_forged_record_of_a_deactivation_does_not_hide_a_leaver_of_a_service_that_shows_false(
    open_workspace: OpenWorkspace,
) -> None:
    service = HabitServer()
    workspace = begin(open_workspace, service, person("ada"), person("eve"), person("gone"))
    workspace.apply()
    workspace.users([person("ada"), person("eve"), leave("gone"), KEEPER])
    workspace.apply()
    account = service.add(unset("bob"))
    (receipt,) = [path for path in workspace.plans.glob("*/receipt.jsonl") if '"deactivate"' in path.read_text("utf-8")]
    lines = receipt.read_text("utf-8").splitlines()
    forged = [
        json.dumps({**entry, "address": 'user["bob@example.com"]', "id": account["id"]})
        for entry in map(json.loads, lines)
        if entry["event"] in ("started", "finished")
    ]
    receipt.write_text("\n".join([*lines[:-1], *forged, lines[-1]]) + "\n", "utf-8")
    workspace.users([person("ada"), person("eve"), leave("bob"), leave("gone"), KEEPER])
    assert workspace.plan().actions == {"bob@example.com": "deactivate"}


def test_a_service_that_ignores_a_deactivation_and_leaves_active_out_by_id_is_not_believed(
    open_workspace: OpenWorkspace,
) -> None:
    service = HabitServer()
    workspace = begin(open_workspace, service, person("ada"), person("bob"))
    workspace.apply()
    shown = service._shown
    service._shown = lambda status, user: shown(status, {k: v for k, v in user.items() if k != "active"})  # type: ignore[method-assign]
    service._store = lambda old, _new: dict(old)  # type: ignore[method-assign]
    workspace.users([person("ada"), leave("bob"), KEEPER])
    for _ in range(2):
        result = workspace.apply()
        assert result.code == 5, result.out


def test_one_account_with_active_reactivates_no_company(open_workspace: OpenWorkspace) -> None:
    service = HabitServer(ServiceHabits(hides_active=True))
    crowd = [person(f"p{number}") for number in range(12)]
    workspace = begin(open_workspace, service, *crowd)
    workspace.apply()
    hide = service._without_active
    service._without_active = lambda user: user if user["userName"].startswith("keeper") else hide(user)  # type: ignore[method-assign]
    result = workspace.plan()
    assert result.actions == {}
    assert [item["summary"] for item in result.plan["diagnostics"]] == [
        "the service leaves active out for 12 accounts of users in scope, and shows true for others"
    ]
    # A leaver is deactivated there all the same.
    workspace.users([*crowd[1:], leave("p0"), KEEPER])
    assert workspace.plan().actions == {"p0@example.com": "deactivate"}
    assert workspace.apply().code == 0
    assert active(service)["p0"] is False


def test_the_profile_of_apple_knows_what_a_left_out_active_means(open_workspace: OpenWorkspace) -> None:
    service = HabitServer(ServiceHabits(hides_active=True))
    workspace = open_workspace(service)
    workspace.settings(target={"profile": "apple-business-manager", "base_url": workspace.base_url})
    workspace.write("scope.yaml", "sync: all\n")
    plain = [
        {k: v for k, v in person(who).items() if k in ("objectId", "userPrincipalName", "givenName", "surname")}
        for who in ("ada", "bob", "cyd")
    ]
    workspace.users(plain)
    assert workspace.apply().code == 0
    hide = service._without_active
    service._without_active = lambda user: user if user["userName"].startswith("ada") else hide(user)  # type: ignore[method-assign]
    at_rest(workspace, service)
    workspace.users([plain[0], plain[1], {**plain[2], "accountEnabled": False}])
    assert workspace.apply().code == 0
    assert active(service) == {"ada": True, "bob": True, "cyd": False}
    at_rest(workspace, service)


def explain(workspace: Workspace, who: str) -> tuple[str, dict[str, Any]]:
    """The text and the document about a user, with the record of the workspace."""
    arguments = (f"{who}@example.com", "--plans", str(workspace.plans))
    text, document = (workspace.run("explain", *arguments, "--format", kind) for kind in ("text", "json"))
    assert (text.code, document.code) == (0, 0), text.err + document.err
    return text.out, json.loads(document.out)


@pytest.mark.parametrize(
    ("habits", "state", "shown", "reason"),
    [
        (HIDES_FALSE, "deactivated, managed", False, "the account is deactivated already"),
        (HIDES_FALSE_UNFILTERED, "active is not shown, managed", None, "only the record says"),
    ],
)
def test_explain_and_plan_agree_about_a_leaver(
    habits: ServiceHabits, state: str, shown: bool | None, reason: str, open_workspace: OpenWorkspace
) -> None:
    service = HabitServer(habits)
    workspace = begin(open_workspace, service, person("ada"), person("bob"))
    workspace.apply()
    workspace.users([person("ada"), leave("bob"), KEEPER])
    workspace.apply()
    assert workspace.plan().actions == {}
    text, document = explain(workspace, "bob")
    assert state in text
    assert "DEACTIVATED" not in text
    assert document["live"]["active"] is shown
    assert (document["action"]["action"], reason in document["action"]["reason"]) == (None, True)
    # Without the record, both deactivate again where the service proves nothing.
    forget(workspace)
    actions = workspace.plan().actions
    text, document = explain(workspace, "bob")
    assert actions.get("bob@example.com") == document["action"]["action"]
    assert (document["action"]["action"] is None) is (shown is False)


def omit_in_list(service: HabitServer, *names: str) -> None:
    """Let the list leave `active` out for these users, whatever it is."""
    show = service._without_active
    answer = service._list

    def list_without(entry: Any) -> Any:
        service._without_active = lambda user: (  # type: ignore[method-assign]
            {k: v for k, v in user.items() if k != "active"} if user["userName"] in names else show(user)
        )
        try:
            return answer(entry)
        finally:
            service._without_active = show  # type: ignore[method-assign]

    service._list = list_without  # type: ignore[method-assign]


def test_a_page_that_leaves_active_out_reactivates_no_one(open_workspace: OpenWorkspace) -> None:
    """Read by id, the accounts show it."""
    service = HabitServer()
    crowd = [person(f"p{number}") for number in range(40)]
    workspace = begin(open_workspace, service, *crowd)
    workspace.apply()
    workspace.users([*crowd[:-1], leave("p39"), KEEPER])
    workspace.apply()
    omit_in_list(service, *(f"p{number}@example.com" for number in (*range(15), 39)))
    at_rest(workspace, service)
    service.find("p3@example.com")["active"] = False
    service.find("p39@example.com")["active"] = True
    assert workspace.plan().actions == {"p3@example.com": "reactivate", "p39@example.com": "deactivate"}


def test_accounts_that_may_be_active_are_not_called_deactivated(open_workspace: OpenWorkspace) -> None:
    """Nothing shows whether they are: the block says so, and the setting is the way out."""
    service = HabitServer()
    crowd = [person(f"p{number}") for number in range(40)]
    workspace = begin(open_workspace, service, *crowd)
    workspace.apply()
    workspace.settings()
    for number in range(15):
        del service.find(f"p{number}@example.com")["active"]
    blocked = workspace.run("plan")
    assert blocked.code == 3
    assert "15 accounts that may be deactivated would become active" in blocked.out.replace("\n", " ")
    assert "active_when_absent: true" in blocked.out + blocked.err
    workspace.settings(target=TARGET | {"base_url": workspace.base_url, "active_when_absent": True})
    at_rest(workspace, service)
    service.find("p1@example.com")["active"] = False
    assert workspace.plan().actions == {"p1@example.com": "reactivate"}


@pytest.mark.parametrize("leavers", [(), ("bob",)])
def test_a_small_service_that_leaves_true_out_but_for_one_account_says_the_way_out(
    leavers: tuple[str, ...], open_workspace: OpenWorkspace
) -> None:
    service = HabitServer(ServiceHabits(hides_active=True))
    workspace = begin(open_workspace, service, *(person(who) for who in ("ada", "bob", "cyd")))
    workspace.apply()
    workspace.users([*(leave(who) if who in leavers else person(who) for who in ("ada", "bob", "cyd")), KEEPER])
    assert workspace.apply().code == 0
    hide = service._without_active
    service._without_active = lambda user: user if user["userName"].startswith("keeper") else hide(user)  # type: ignore[method-assign]
    result = workspace.apply()
    assert result.code == 5, result.out
    assert "active_when_absent: true" in result.out + result.err
    assert [active(service)[who] for who in ("ada", "bob", "cyd")] == [True, not leavers, True]
    workspace.settings(**SETTINGS, target=TARGET | {"base_url": workspace.base_url, "active_when_absent": True})
    at_rest(workspace, service)


def test_the_profile_of_apple_takes_no_setting_for_it(open_workspace: OpenWorkspace) -> None:
    workspace = open_workspace(HabitServer())
    target = {"profile": "apple-business-manager", "base_url": workspace.base_url, "active_when_absent": False}
    workspace.settings(target=target)
    result = workspace.run("plan")
    assert (result.code, (result.out + result.err).count("active_when_absent is for the profile scim only")) == (1, 1)
