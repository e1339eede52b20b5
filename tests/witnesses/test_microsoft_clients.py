"""Microsoft's own clients read the stand-in of Graph: what they see is what is there, and what our client sees.

`.ci/run` makes their environments; without them the tests are skipped:

    python3 -m venv .venv-witnesses
    .venv-witnesses/bin/pip install --no-compile --require-hashes -r tests/witnesses/requirements.lock
    npm ci --prefix tests/witnesses
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from support.entra_reads import read_tenant
from support.servers.graph.companies import Company, company, log_provisioning
from support.servers.graph.server import GraphServer
from support.servers.graph.tls import make_certificate
from support.servers.http_server import HttpServer, Reply

from reconciler.sources.snapshot import Person

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-witnesses" / "bin" / "python"
SCRIPT = Path(__file__).parent / "read_with_sdk.py"
JAVASCRIPT = Path(__file__).parent / "read_with_sdk.mjs"
NODE = shutil.which("node")
MODULES = Path(__file__).parent / "node_modules" / "@microsoft" / "microsoft-graph-client"
NAMES = ("department", "mobile", "businessPhones", "costCenter", "employeeHireDate", "extensionAttribute1", "manager")
SELECT = (
    "id,userPrincipalName,accountEnabled,department,mobilePhone,businessPhones,employeeOrgData,employeeHireDate,"
    "onPremisesExtensionAttributes"
)


@pytest.fixture
def contoso() -> Company:
    contoso = company(7)
    tenant, users = contoso.tenant, contoso.users
    extension = tenant.define_extension("badge")
    tenant.set(users[1], **{extension: "0042"}, onPremisesExtensionAttributes={"extensionAttribute1": "x"})
    tenant.set(users[2], mobilePhone="+1", businessPhones=["1", "2"], employeeHireDate="2025-01-31T00:00:00Z")
    tenant.set(users[3], accountEnabled=False, department=None, employeeOrgData=None)
    tenant.add_member(contoso.staff, tenant.add_group("Inner"), tenant.add_other("device", "Mac"))
    tenant.delete(tenant.add_user("gone@contoso.com"))
    log_provisioning(tenant, contoso.job, users[0], "GN-1")
    return contoso


def edit(contoso: Company) -> None:
    """What changes between the two rounds of delta."""
    tenant, users = contoso.tenant, contoso.users
    tenant.set(users[1], department="New")
    tenant.set_manager(users[2], None)
    tenant.delete(users[4])


def run(server: GraphServer, contoso: Company, certificate: Path, edit_url: str) -> dict[str, Any]:
    tenant = contoso.tenant
    return execute(
        [str(PYTHON), str(SCRIPT)],
        {
            **variables(server, contoso),
            "SSL_CERT_FILE": str(certificate),
            "EXTENSION": tenant.extensions[0]["name"],
            "APPLICATION": contoso.application,
            "JOB": contoso.job,
            "EDIT": edit_url,
            **server.oidc_environment,
        },
    )


def variables(server: GraphServer, contoso: Company) -> dict[str, str]:
    tenant = contoso.tenant
    return {
        "PATH": "/usr/bin:/bin",
        "GRAPH": server.graph_url,
        "LOGIN": server.login_url,
        "TENANT": tenant.domains[0],
        "CLIENT": tenant.app.client_id,
        "SECRET": tenant.app.secret,
        "STAFF": contoso.staff,
        "SELECT": SELECT,
    }


def execute(command: list[str], environment: dict[str, str]) -> dict[str, Any]:
    """Run a script and return the JSON that it prints."""
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def expected_user(contoso: Company, user: str) -> dict[str, Any]:
    """What a client must see of a user, from the tenant itself."""
    tenant = contoso.tenant
    given = tenant.objects[user].properties
    extension = tenant.extensions[0]["name"]
    hired = given.get("employeeHireDate")
    return {
        "id": user,
        "userPrincipalName": given["userPrincipalName"],
        "accountEnabled": given["accountEnabled"],
        "department": given.get("department"),
        "mobilePhone": given.get("mobilePhone"),
        "businessPhones": given.get("businessPhones", []),
        "costCenter": (given.get("employeeOrgData") or {}).get("costCenter"),
        "extensionAttribute1": given.get("onPremisesExtensionAttributes", {}).get("extensionAttribute1"),
        "hired": hired.replace("Z", "+00:00") if hired else None,
        "manager": tenant.managers.get(user),
        "more": {extension: given[extension]} if extension in given else {},
    }


def seen_by_us(contoso: Company, person: Person) -> dict[str, Any]:
    """The same from our client, whose people have assigned attributes only, with Entra's names."""
    values = person.attributes
    extension = contoso.tenant.extensions[0]["name"]
    hired = values.get("employeeHireDate")
    return {
        "id": values["objectId"],
        "userPrincipalName": values["userPrincipalName"],
        "accountEnabled": values["accountEnabled"],
        "department": values.get("department"),
        "mobilePhone": values.get("mobile"),
        "businessPhones": list(values.get("businessPhones", ())),
        "costCenter": values.get("costCenter"),
        "extensionAttribute1": values.get("extensionAttribute1"),
        "hired": str(hired).replace("Z", "+00:00") if hired else None,
        "manager": values.get("manager"),
        "more": {extension: values[extension]} if extension in values else {},
    }


@pytest.mark.slow
@pytest.mark.skipif(not PYTHON.exists(), reason="no .venv-witnesses: see the head of this file")
def test_microsofts_clients_see_what_is_there(contoso: Company, tmp_path: Path) -> None:
    tenant, users = contoso.tenant, contoso.users
    before = [expected_user(contoso, user) for user in users]
    with GraphServer(tenant, page_cap=3) as plain:
        ours = [
            seen_by_us(contoso, person)
            for person in read_tenant(plain, attributes=[*NAMES, tenant.extensions[0]["name"]]).people
        ]
    editor = HttpServer(lambda _: (edit(contoso), Reply(status=200))[1])
    certificate, key = make_certificate(tmp_path)
    try:
        with GraphServer(tenant, page_cap=3, delta_page=2, tls=(certificate, key)) as server:
            found = run(server, contoso, certificate, editor.origin)
    finally:
        editor.close()
    assert found["users"] == before
    assert found["users"] == ours
    assert found["federated"] == 2
    assert found["refusals"] == ["7000215", "700016", "90002"]
    assert [row["id"] for row in found["delta"]] == users
    for row, was in zip(found["delta"], before, strict=True):
        relation = row["more"].pop("manager@delta", [])
        assert [entry["id"] for entry in relation] == ([was["manager"]] if was["manager"] else [])
        assert {**row, "businessPhones": row["businessPhones"] or [], "manager": was["manager"]} == was
    changed = {row["id"]: row for row in found["changed"]}
    assert set(changed) == {users[1], users[2], users[4]}
    assert changed[users[1]]["department"] == "New"
    (relation,) = changed[users[2]]["more"]["manager@delta"]
    assert (relation["id"], relation["@removed"]) == (users[0], {"reason": "deleted"})
    assert changed[users[4]]["more"] == {"@removed": {"reason": "changed"}}
    kinds = {"user": "User", "group": "Group", "device": "Device"}
    assert found["members"] == [[kinds[one.kind], one.id] for one in tenant.living_members(contoso.staff)]
    rows = tenant.assignments[contoso.application].values()
    assert [row[1:] for row in found["assigned"]] == [[row.principal, row.role] for row in rows]
    assert found["job"] == [contoso.job, "Active", "Active"]
    rules = tenant.jobs[contoso.application][0].schema["synchronizationRules"]
    assert found["mappings"] == len(rules[0]["objectMappings"][0]["attributeMappings"])
    deleted = [one for one in tenant.objects.values() if one.deleted is not None]
    assert found["deleted"] == [[one.id, str(one.deleted).replace("Z", "+00:00")] for one in deleted]
    assert found["log"] == [[users[0], "GN-1", "create"]]
    assert found["missing"] == "404 Request_ResourceNotFound"


@pytest.mark.slow
@pytest.mark.skipif(NODE is None or not MODULES.exists(), reason="no node_modules: see the head of this file")
def test_the_client_for_javascript_follows_all_links(contoso: Company, tmp_path: Path) -> None:
    tenant = contoso.tenant
    certificate, key = make_certificate(tmp_path)
    with GraphServer(tenant, page_cap=3, delta_page=2, tls=(certificate, key)) as server:
        environment = {**variables(server, contoso), "NODE_EXTRA_CA_CERTS": str(certificate)}
        found = execute([str(NODE), str(JAVASCRIPT)], environment)
        requests = server.count("/users")
    assert [row["id"] for row in found["users"]] == contoso.users
    assert requests == 3
    assert {name for row in found["users"] for name in row} == set(SELECT.split(","))
    assert [row["id"] for row in found["members"]] == [one.id for one in tenant.living_members(contoso.staff)]
    assert [row["id"] for row in found["delta"]] == contoso.users
    assert found["changes"] == []
