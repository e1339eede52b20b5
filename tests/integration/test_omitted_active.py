"""Services that leave `active` out: no leaver keeps access and no returner stays locked out under *No changes.*"""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.habit_cycle import KEEPER, MAPPINGS, NO_CHANGES, person
from support.servers.patching import User
from support.servers.service_habits import HabitServer, ServiceHabits
from support.workspace import CommandResult, OpenWorkspace, Workspace

HIDES_FALSE = ServiceHabits(hides_active=False)


def begin(open_workspace: OpenWorkspace, service: HabitServer, *people: dict[str, Any]) -> Workspace:
    workspace = open_workspace(service)
    workspace.write("mappings.yaml", MAPPINGS)
    workspace.write("scope.yaml", "sync: all\n")
    workspace.settings(guards={"removals": {"count": 1000, "percent": 100}, "reactivations": {"percent": 100}})
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


def test_without_the_record_a_leaver_is_deactivated_again(open_workspace: OpenWorkspace) -> None:
    service = HabitServer(HIDES_FALSE)
    workspace = begin(open_workspace, service, person("ada"), person("bob"))
    workspace.apply()
    workspace.users([person("ada"), leave("bob"), KEEPER])
    workspace.apply()
    forget(workspace)
    assert workspace.plan().actions == {"bob@example.com": "deactivate"}
    again = workspace.apply()
    assert (again.code, active(service)["bob"]) == (0, False)
    assert "already in effect" not in again.out + again.err
    at_rest(workspace, service)
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
