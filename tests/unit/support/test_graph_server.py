"""The stand-in of Graph tested: what Microsoft documents of each read, and the faults that tests ask for."""

from __future__ import annotations

import ssl
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from support.csdl_check import faults_of
from support.servers.graph.companies import Company, company, log_provisioning, pause
from support.servers.graph.properties import PROPERTIES
from support.servers.graph.server import GraphServer
from support.servers.graph.service import DeltaHabits

TLS = ssl.create_default_context()  # one for all: each client would load the certificates again
EVENTUAL = {"ConsistencyLevel": "eventual"}
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
PROBE = """
import sys
sys.path.insert(0, "tests")
import support.servers.graph.server, support.servers.graph.companies
print(*sorted(name for name in sys.modules if name.split(".")[0] == "reconciler"))
"""


@pytest.fixture
def contoso() -> Company:
    return company(5)


@pytest.fixture
def server(contoso: Company) -> Iterator[GraphServer]:
    with GraphServer(contoso.tenant) as server:
        yield server


def get(server: GraphServer, path: str, headers: dict[str, str] | None = None, token: str = "") -> httpx.Response:
    url = path if path.startswith("http") else f"{server.graph_url}/v1.0{path}"
    with httpx.Client(verify=TLS) as client:
        return client.get(url, headers={"Authorization": f"Bearer {token or server.token()}", **(headers or {})})


def post(server: GraphServer, path: str, document: Any) -> httpx.Response:
    with httpx.Client(verify=TLS, headers={"Authorization": f"Bearer {server.token()}"}) as client:
        return client.post(f"{server.graph_url}/v1.0{path}", json=document)


def read(server: GraphServer, path: str, headers: dict[str, str] | None = None) -> list[dict[str, Any]]:
    """All rows of a list, page by page, and what its last page says beside them."""
    rows: list[dict[str, Any]] = []
    link: str | None = path
    while link is not None:
        response = get(server, link, headers)
        assert response.status_code == 200, response.text
        document = response.json()
        rows += document["value"]
        link = document.get("@odata.nextLink")
    return rows


def code(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]


def test_it_shares_no_code_with_the_client() -> None:
    result = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True)
    assert result.stdout == "\n"


def test_every_body_conforms_to_the_metadata(contoso: Company) -> None:
    tenant = contoso.tenant
    full = tenant.define_extension("badge")
    tenant.set(contoso.users[1], **{full: "0042"}, onPremisesExtensionAttributes={"extensionAttribute1": "x"})
    tenant.set(contoso.users[1], mobilePhone="1", employeeHireDate="2025-01-31T00:00:00Z")
    tenant.add_member(contoso.staff, tenant.add_other("device", "Mac"), tenant.add_other("orgContact", "Carol"))
    tenant.add_group("Rule", rule='(user.department -eq "Sales")')
    tenant.delete(tenant.add_user("gone@contoso.com"))
    tenant.purge(tenant.add_user("purged@contoso.com"))
    log_provisioning(tenant, contoso.job, contoso.users[0], "GN-1")
    pause(tenant.jobs[contoso.application][0].document)
    tenant.app.roles += ["Directory.Read.All"]
    everything = ",".join(sorted(PROPERTIES["user"]))
    principal = f"/servicePrincipals/{contoso.application}"
    paths = [
        "/users",
        f"/users?$select={everything},{full}&$expand=manager($select=id,userPrincipalName)",
        f"/users/{contoso.users[1]}?$select={everything}",
        f"/users/{contoso.users[1]}/manager",
        f"/users/delta?$select={everything},{full},manager",
        "/groups",
        f"/groups/{contoso.staff}",
        f"/groups/{contoso.staff}/members?$select=id,displayName,userPrincipalName",
        f"/groups/{contoso.staff}/transitiveMembers",
        "/groups/delta?$select=displayName,members",
        "/servicePrincipals",
        principal,
        f"{principal}/appRoleAssignedTo",
        f"{principal}/synchronization/jobs",
        f"{principal}/synchronization/jobs/{contoso.job}",
        f"{principal}/synchronization/jobs/{contoso.job}/schema",
        "/directory/deletedItems/microsoft.graph.user",
        f"/directoryObjects/{contoso.staff}",
        "/auditLogs/provisioning",
        "/organization",
        f"/applications(appId='{tenant.app.client_id}')",
    ]
    with GraphServer(tenant, bodies=True, habits=DeltaHabits(removed_in_first_round=True)) as server:
        for path in paths:
            assert get(server, path).status_code == 200, path
        beta = f"{server.graph_url}/beta/servicePrincipals/{contoso.application}/synchronization/secrets"
        assert get(server, beta).status_code == 200
        assert post(server, "/directoryObjects/getByIds", {"ids": contoso.users}).status_code == 200
        assert post(server, "/directoryObjects/getAvailableExtensionProperties", {}).status_code == 200
        tenant.app.roles = ["GroupMember.Read.All"]
        limited = get(server, f"/groups/{contoso.staff}/members").json()
        assert server.bodies is not None
        assert {seen.status for seen, _ in server.bodies} == {200}
        assert {seen.target: found for seen, body in server.bodies if (found := faults_of(body))} == {}
        assert {row["@odata.type"] for row in limited["value"]} >= {"#microsoft.graph.user", "#microsoft.graph.device"}
        assert all(row.get("userPrincipalName") is None for row in limited["value"])
