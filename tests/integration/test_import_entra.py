"""A tenant that Entra provisioned: imported, the plan is empty; then each change in Entra is one in the plan."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from support.servers.fake_scim import FakeScimServer, make_user
from support.servers.graph.faults import Fault
from support.servers.graph.server import GraphServer
from support.servers.graph.tenant import Tenant
from support.workspace import ENTERPRISE, OpenWorkspace, Workspace

PEOPLE, LEAVER, NESTED, DIRECT = 6, 3, 4, 5


class Provisioned:
    """A tenant, and the accounts that Entra's own service made of it."""

    service: FakeScimServer

    def __init__(self) -> None:
        self.tenant = Tenant()
        self.accounts = [make_user(number) for number in range(PEOPLE)]
        self.users = [self._hire(account) for account in self.accounts]
        for user, account in zip(self.users, self.accounts, strict=True):
            account["externalId"] = user
        self.tenant.set(self.users[LEAVER], accountEnabled=False)
        self.accounts[LEAVER]["active"] = False
        inner = self.tenant.add_group("Inner", [self.users[0], self.users[NESTED]])
        self.staff = self.tenant.add_group("Staff", [*self.users[:NESTED], inner], rule="user.city -ne null")
        self.application = self.tenant.add_application()
        self.tenant.assign(self.application, self.staff)
        self.tenant.assign(self.application, self.users[DIRECT])
        del self.accounts[NESTED]  # only in a nested group

    def _hire(self, account: dict[str, Any]) -> str:
        work = account[ENTERPRISE]
        return self.tenant.add_user(
            account["userName"],
            displayName=None,
            givenName=account["name"]["givenName"],
            surname=account["name"]["familyName"],
            department=work["department"],
            employeeId=work["employeeNumber"],
            employeeOrgData={"costCenter": work["costCenter"], "division": work["division"]},
        )


def entra(tenant: Tenant) -> dict[str, str]:
    return {"tenant": tenant.id, "client_id": tenant.app.client_id, "application": "Apple Business Manager"}


Adopted = tuple[Provisioned, Workspace, GraphServer]


@pytest.fixture
def provisioned(open_workspace: OpenWorkspace, monkeypatch: pytest.MonkeyPatch) -> Iterator[Adopted]:
    found = Provisioned()
    found.service = FakeScimServer(users=found.accounts)
    workspace = open_workspace(found.service)
    with GraphServer(found.tenant, page_cap=2) as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        workspace.settings(source={"entra": entra(found.tenant)})
        yield found, workspace, server


def test_the_plan_for_an_adopted_tenant_is_empty(provisioned: Adopted) -> None:
    found, workspace, _ = provisioned
    imported = workspace.run("import", "entra")
    assert imported.code == 0, imported.err
    planned = workspace.plan()
    assert planned.code == 0, planned.out
    assert set(planned.actions.values()) <= {"no-op"}

    found.tenant.set(found.users[0], department="Navy")
    found.tenant.remove_member(found.staff, found.users[1])
    found.tenant.set(found.users[2], userPrincipalName="grace@example.com")
    found.tenant.add_member(found.staff, found.users[NESTED])
    assert workspace.run("import", "entra", "--check").code == 2
    imported = workspace.run("import", "entra")
    assert imported.code == 0, imported.err
    assert "no longer assigned" in imported.out
    actions = {key: action for key, action in workspace.plan().actions.items() if action != "no-op"}
    names = [account["userName"] for account in found.accounts]
    nested = found.tenant.objects[found.users[NESTED]].properties["userPrincipalName"]
    assert actions == {names[0]: "update", "grace@example.com": "update", nested: "create"}
    assert workspace.run("import", "entra", "--on-missing", "remove").code == 0
    actions = {key: action for key, action in workspace.plan().actions.items() if action != "no-op"}
    assert actions.pop(names[1]) == "deactivate"
    assert len(actions) == 3


def test_a_read_that_fails_is_one_error_and_no_file(provisioned: Adopted) -> None:
    _, workspace, server = provisioned
    server.faults = [Fault("/members", call=2, status=403)]
    result = workspace.run("import", "entra")
    assert result.code == 1
    assert result.out == ""
    assert result.err.startswith("Error: Microsoft Graph refused page 2 of /groups/")
    assert "GroupMember.Read.All" in result.err
    assert [path.name for path in workspace.state.rglob("*.yaml")] == ["settings.yaml"]


def test_redacted_output_has_no_names(provisioned: Adopted) -> None:
    found, workspace, _ = provisioned
    found.tenant.set(found.users[0], accountEnabled=None)
    result = workspace.run("import", "entra", "--redact", "--dry-run", "-v")
    assert result.code == 5
    for user in found.accounts:
        for word in (user["userName"], user["name"]["familyName"], user["externalId"], "Staff", "Inner"):
            assert word not in result.out + result.err, word


@pytest.mark.parametrize("on_missing", ["disable", "remove"])
def test_the_way_out_for_another_person_with_the_name_of_a_leaver_works(provisioned: Adopted, on_missing: str) -> None:
    found, workspace, _ = provisioned
    workspace.settings(source={"entra": {**entra(found.tenant), "on_missing": on_missing}})
    assert workspace.run("import", "entra").code == 0
    assert workspace.apply().code == 0
    old = found.users[1]
    name = found.tenant.objects[old].properties["userPrincipalName"]
    found.tenant.delete(old)
    new = found.tenant.add_user(name, displayName=None, givenName="New", surname="Person", department="Navy")
    found.tenant.add_member(found.staff, new)

    imported = workspace.run("import", "entra")
    assert imported.code == 5
    assert "has another objectId" in imported.err
    assert "will be DISABLED" in imported.out
    assert "1 deactivated" in workspace.apply().out

    # Another person: another name in the entry and in each place that the message lists.
    places = re.findall(r"(\w+/\w+\.yaml):\d+:\d+ \(members\.users\)", imported.err)
    for file in ["users/entra.yaml", *places]:
        path = workspace.state / file
        path.write_text(path.read_text().replace(name, f"left.{name}"))
    assert workspace.apply().code == 0
    imported = workspace.run("import", "entra", "--on-missing", "disable")
    assert imported.code == 0, imported.err
    planned = workspace.plan()
    assert {key: action for key, action in planned.actions.items() if action != "no-op"} == {
        f"left.{name}": "update",
        name: "create",
    }
    guards = {"removals": {"count": 1000, "percent": 100}, "name_takeovers": {"count": 1}}
    workspace.settings(source={"entra": {**entra(found.tenant), "on_missing": on_missing}}, guards=guards)
    applied = workspace.apply()
    assert applied.code == 0, applied.err
    accounts = {user["userName"]: (user["externalId"], user["active"]) for user in found.service.users.values()}
    assert accounts[name] == (new, True)
    assert accounts[f"left.{name}"] == (old, False)
    assert workspace.run("import", "entra").code == 0


def test_an_import_never_gives_a_dangling_reference_to_a_new_person(provisioned: Adopted) -> None:
    found, workspace, _ = provisioned
    assert workspace.run("import", "entra").code == 0
    (workspace.state / "groups/vip.yaml").write_text("- name: VIP\n  members:\n    users: [new@example.com]\n")
    found.tenant.add_member(found.staff, found.tenant.add_user("new@example.com", givenName="New", surname="Person"))
    before = read(workspace)
    imported = workspace.run("import", "entra")
    assert imported.code == 1
    assert 'there is no user "new@example.com"' in imported.err
    assert "groups/vip.yaml:3:13" in imported.err
    assert read(workspace) == before
    (workspace.state / "groups/vip.yaml").unlink()
    assert workspace.run("import", "entra").code == 0


def read(workspace: Workspace) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in workspace.state.rglob("*.yaml")}
