"""Plan, apply, plan: against the sandbox, plain scim2-server and the fake server, verified by direct GETs."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.servers.fake_scim import FakeScimServer, ServerFaults, make_user
from support.servers.plain_scim import PlainScim
from support.workspace import ENTERPRISE, OpenWorkspace, Workspace, source

from reconciler.sandbox.seed import seed
from reconciler.sandbox.server import RunningSandbox, start

DOMAIN = "@example.com"
MAPPINGS = """
- {target: externalId, source: objectId, match: 1}
- {target: userName, source: userPrincipalName, match: 2}
- {target: name.givenName, source: givenName}
- {target: name.familyName, source: surname}
- {target: "enterprise:employeeNumber", source: employeeId}
- {target: "enterprise:costCenter", source: costCenter}
- {target: "enterprise:department", source: department, when_null: clear}
"""
NAMES = "same changed cleared renamed swap-a swap-b left inactive adopted ring-a ring-b ring-c takes-over".split()
PLANNED = {
    "changed": "update",
    "cleared": "update",
    "new-name": "update",
    "swap-a": "update",
    "swap-b": "update",
    "ring-a": "update",
    "ring-b": "update",
    "ring-c": "update",
    "renamed": "create",
    "created": "create",
    "inactive": "reactivate",
    "adopted": "adopt",
    "left": "deactivate",
    "disabled": "deactivate",
}


def live_users() -> dict[str, dict[str, Any]]:
    users = {name: make_user(number, userName=name + DOMAIN) for number, name in enumerate([*NAMES, "disabled"])}
    users["inactive"]["active"] = False
    del users["adopted"]["externalId"]
    users["manual"] = make_user(99, userName="manual" + DOMAIN, externalId=None)
    return users


def wanted_users() -> list[dict[str, Any]]:
    live = live_users()
    wanted = {name: source({"externalId": "adopted-id", **live[name]}) for name in [*NAMES, "disabled"]}
    wanted["changed"]["department"] = "Moved"
    del wanted["cleared"]["department"]
    wanted["renamed"]["userPrincipalName"] = "new-name" + DOMAIN
    # A new user gets the name that becomes free.
    wanted["successor"] = source(make_user(50, userName="renamed" + DOMAIN))
    wanted["created"] = source(make_user(51, userName="created" + DOMAIN))
    wanted["swap-a"]["userPrincipalName"], wanted["swap-b"]["userPrincipalName"] = "swap-b" + DOMAIN, "swap-a" + DOMAIN
    for name, other in (("ring-a", "ring-b"), ("ring-b", "ring-c"), ("ring-c", "ring-a")):
        wanted[name]["userPrincipalName"] = other + DOMAIN
    wanted["disabled"]["accountEnabled"] = False
    del wanted["left"]
    return list(wanted.values())


@pytest.fixture(params=["sandbox", "plain", "fake", "fake-204"])
def service(
    request: pytest.FixtureRequest, open_workspace: OpenWorkspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Workspace, Callable[[], list[dict[str, Any]]]]]:
    """A workspace on a service that holds `live_users`, and a function that reads all its users directly."""
    users = list(live_users().values())
    if request.param == "sandbox":
        with sandbox(tmp_path / "sandbox.db", users) as running:
            yield prepare(Workspace(tmp_path, running.base_url, running.token, monkeypatch))
    elif request.param == "plain":
        yield prepare(open_workspace(PlainScim(users)))
    else:
        faults = ServerFaults(patch_status=204, post_empty_body=True) if request.param == "fake-204" else ServerFaults()
        yield prepare(open_workspace(FakeScimServer(faults, users)))


def prepare(workspace: Workspace) -> tuple[Workspace, Callable[[], list[dict[str, Any]]]]:
    # A swap, a ring of three, and a new user with a name that becomes free.
    workspace.settings(guards={"removals": {"count": 1000, "percent": 100}, "name_takeovers": {"count": 4}})
    workspace.write("mappings.yaml", MAPPINGS)
    workspace.users(wanted_users())
    return workspace, lambda: direct_users(workspace)


def sandbox(file: Path, users: list[dict[str, Any]]) -> RunningSandbox:
    seed(file, {"domains": ["example.com"], "users": users})
    return start(file)


def direct_users(workspace: Workspace) -> list[dict[str, Any]]:
    """Return the live users, read without our client."""
    headers = {"Authorization": f"Bearer {os.environ['RECONCILER_TOKEN']}"}
    answer = httpx.get(f"{workspace.base_url}/Users", headers=headers, params={"count": 100}, timeout=30)
    found: list[dict[str, Any]] = answer.json()["Resources"]
    return found


def test_plan_shows_every_kind_of_change(service: tuple[Workspace, Any]) -> None:
    workspace, live = service
    before = live()
    planned = workspace.plan()
    assert planned.code == 2, planned.err
    assert {key.removesuffix(DOMAIN): action for key, action in planned.actions.items()} == PLANNED
    assert planned.plan["summary"]["unmanaged"] == 1
    assert live() == before, "a plan must not write"


def test_apply_makes_the_live_state_match_the_desired_state(service: tuple[Workspace, Any]) -> None:
    workspace, live = service
    ids = {user["userName"].removesuffix(DOMAIN): user["id"] for user in live()}
    applied = workspace.apply()
    assert applied.code == 0, applied.out + applied.err
    after = {user["userName"].removesuffix(DOMAIN): user for user in live()}
    assert after["changed"][ENTERPRISE]["department"] == "Moved"
    assert "department" not in after["cleared"][ENTERPRISE]
    assert after["new-name"]["id"] == ids["renamed"], "a rename keeps the account"
    assert after["renamed"]["id"] not in ids.values(), "a new user got the name that became free"
    assert (after["swap-a"]["id"], after["swap-b"]["id"]) == (ids["swap-b"], ids["swap-a"])
    assert [after[name]["id"] for name in ("ring-a", "ring-b", "ring-c")] == [
        ids[name] for name in ("ring-c", "ring-a", "ring-b")
    ]
    assert after["inactive"].get("active", True)
    assert (after["left"]["active"], after["disabled"]["active"]) == (False, False)
    assert after["adopted"]["externalId"] == "adopted-id"
    assert after["created"][ENTERPRISE]["employeeNumber"] == "000051"
    assert after["manual"].get("externalId") is None
    assert len(after) == len(ids) + 2
    assert "2 created" in applied.out
    assert (
        "Apply complete! Users: 1 adopted, 2 created, 8 updated, 1 reactivated, 2 deactivated, 0 deleted."
        in applied.out
    )


def test_a_plan_after_an_apply_is_empty(service: tuple[Workspace, Any]) -> None:
    workspace, _ = service
    assert workspace.apply().code == 0
    again = workspace.run("plan", "--detailed-exitcode")
    assert (again.code, again.out.splitlines()[0]) == (0, "No changes. SCIM service matches the desired state.")
    assert workspace.apply().code == 0


def test_removed_users_can_be_deleted(service: tuple[Workspace, Any]) -> None:
    workspace, live = service
    guards = {"removals": {"count": 9, "percent": 100}, "name_takeovers": {"count": 4}}
    workspace.settings(lifecycle={"removed": "delete", "out_of_scope": "delete"}, guards=guards)
    planned = workspace.plan()
    deleted = {key.removesuffix(DOMAIN) for key, action in planned.actions.items() if action == "delete"}
    assert deleted == {"left", "disabled"}
    assert workspace.apply().code == 0
    names = {user["userName"].removesuffix(DOMAIN) for user in live()}
    assert names.isdisjoint({"left", "disabled"})
    assert "manual" in names
    assert workspace.plan().code == 0


def test_each_request_has_its_receipt(service: tuple[Workspace, Any]) -> None:
    workspace, _ = service
    assert workspace.apply().code == 0
    lines = workspace.receipt()
    assert [lines[0]["event"], lines[-1]["event"]] == ["apply_started", "apply_finished"]
    started = [line["address"] for line in lines if line["event"] == "started"]
    done = [line["address"] for line in lines if line["event"] == "finished" and line["result"] == "done"]
    # Two rename cycles: one member of each is renamed twice, and its change ends once.
    temporary = [line["address"] for line in lines if "original_user_name" in line]
    assert len(temporary) == len(set(temporary)) == 2
    assert sorted(started) == sorted([*done, *temporary])
    assert len(done) == len(PLANNED)
    assert lines[-1]["done"] == len(PLANNED)


def test_a_saved_plan_is_applied_as_reviewed(service: tuple[Workspace, Any]) -> None:
    workspace, _ = service
    file = workspace.root / "plan.json"
    saved = workspace.run("plan", "-o", str(file))
    assert saved.code == 0
    assert file.stat().st_mode & 0o777 == 0o600
    assert json.loads(file.read_text())["plan_id"].startswith("sha256:")
    assert workspace.run("apply", str(file)).code == 0
    assert workspace.plan().code == 0


def test_a_saved_plan_is_stale_when_the_target_has_changed(service: tuple[Workspace, Any]) -> None:
    workspace, live = service
    file = workspace.root / "plan.json"
    workspace.run("plan", "-o", str(file))
    users = wanted_users()
    users[0]["department"] = "Somewhere else"
    workspace.users(users)
    before = live()
    stale = workspace.run("apply", str(file))
    assert stale.code == 4
    assert 'user["same@example.com"]: would now be updated, which was not reviewed' in stale.err
    assert live() == before


@pytest.mark.parametrize("make", [PlainScim, lambda users: FakeScimServer(users=users)], ids=["plain", "fake"])
def test_a_sub_attribute_is_written_into_the_existing_element(
    make: Callable[[Any], Any], open_workspace: OpenWorkspace
) -> None:
    person = make_user(1, addresses=[{"type": "work", "country": "DE"}], phoneNumbers=[{"type": "home", "value": "1"}])
    workspace = open_workspace(make([person]))
    work = ('addresses[type eq "work"].locality', "city"), ('phoneNumbers[type eq "work"].value', "phone")
    rows = [f"- {{target: '{target}', source: {name}}}\n" for target, name in work]
    workspace.write("mappings.yaml", MAPPINGS + "".join(rows))
    workspace.users([source(person, city="Berlin", phone="2")])
    assert workspace.apply().code == 0
    (found,) = direct_users(workspace)
    assert found["addresses"] == [{"type": "work", "country": "DE", "locality": "Berlin"}]
    assert [(each["type"], each["value"]) for each in found["phoneNumbers"]] == [("home", "1"), ("work", "2")]
    assert workspace.plan().code == 0
