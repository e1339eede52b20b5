"""The stand-in of Graph tested: what Microsoft documents of each read, and the faults that tests ask for."""

from __future__ import annotations

import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from support.csdl_check import faults_of
from support.servers.graph.actions_oidc import WorkflowRun
from support.servers.graph.companies import Company, company, log_provisioning, pause
from support.servers.graph.faults import Fault
from support.servers.graph.properties import PROPERTIES
from support.servers.graph.server import GraphServer
from support.servers.graph.service import DeltaEnd, DeltaHabits

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


def test_without_select_only_the_default_properties_come(server: GraphServer) -> None:
    (first, *_) = read(server, "/users")
    assert set(first) == set(
        "businessPhones displayName givenName id jobTitle mail mobilePhone officeLocation preferredLanguage surname"
        " userPrincipalName".split()
    )


def test_an_extension_that_was_never_set_is_absent_and_other_unset_properties_are_null(contoso: Company) -> None:
    full = contoso.tenant.define_extension("badge")
    contoso.tenant.set(contoso.users[0], **{full: "1"})
    with GraphServer(contoso.tenant) as server:
        first, second, *_ = read(server, f"/users?$select=mobilePhone,{full}")
    assert first == {"mobilePhone": None, full: "1"}
    assert second == {"mobilePhone": None}


@pytest.mark.parametrize("size", [0, 1, 4, 5])
def test_pages_follow_opaque_links(contoso: Company, size: int) -> None:
    cap = size or None
    with GraphServer(contoso.tenant, page_cap=cap) as server:
        rows = read(server, "/users?$select=id&$top=999")
        assert [row["id"] for row in rows] == contoso.users
        assert server.count("/users") == (1 if cap is None else -(-5 // cap))


@pytest.mark.parametrize("top", ["0", "1000", "x", "-1"])
def test_the_page_size_has_bounds(server: GraphServer, top: str) -> None:
    assert code(get(server, f"/users?$top={top}")) == (400, "Request_BadRequest")


def test_expand_caps_a_page_at_a_hundred() -> None:
    big = company(150)
    with GraphServer(big.tenant) as server:
        page = get(server, "/users?$select=id&$expand=manager($select=id)&$top=999").json()
        assert len(page["value"]) == 100
        assert "manager" not in page["value"][0]
        assert page["value"][1]["manager"] == {"@odata.type": "#microsoft.graph.user", "id": big.users[0]}
        assert len(read(server, page["@odata.nextLink"])) == 50


def test_an_advanced_query_needs_its_header_on_every_page(contoso: Company) -> None:
    path = f"/groups/{contoso.staff}/transitiveMembers/microsoft.graph.user?$select=id&$count=true&$top=2"
    with GraphServer(contoso.tenant) as server:
        assert code(get(server, path)) == (400, "Request_UnsupportedQuery")
        page = get(server, path, EVENTUAL).json()
        assert page["@odata.count"] == 4
        assert code(get(server, page["@odata.nextLink"])) == (400, "Directory_ExpiredPageToken")
        assert "@odata.count" not in get(server, page["@odata.nextLink"], EVENTUAL).json()


def test_an_expired_page_token_is_refused(contoso: Company) -> None:
    with GraphServer(contoso.tenant, page_cap=2) as server:
        link = get(server, "/users").json()["@odata.nextLink"]
        server.service.expire_pages()
        assert code(get(server, link)) == (400, "Directory_ExpiredPageToken")
        assert code(get(server, link[:-3] + "abc")) == (400, "Directory_InvalidPageToken")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/users?$select=skills", (501, "NotImplemented")),
        ("/users?$select=nonsense", (400, "BadRequest")),
        ("/users?$expand=memberOf", (400, "BadRequest")),
        ("/users?$filter=department ne 'x'", (400, "Request_UnsupportedQuery")),
        ("/users?$filter=department is 'x'", (400, "BadRequest")),
        ("/users?$nonsense=1", (400, "BadRequest")),
        ("/users/$count", (400, "Request_BadRequest")),
        ("/users/nobody@contoso.com", (404, "Request_ResourceNotFound")),
        ("/users/delta?$top=5", (400, "Request_UnsupportedQuery")),
        ("/users/delta?$select=skills", (501, "NotImplemented")),
        ("/directory/deletedItems", (400, "Request_UnsupportedQuery")),
        ("/nonsense", (400, "BadRequest")),
        ("/directoryObjects/getByIds", (405, "Request_BadRequest")),
    ],
)
def test_what_is_not_supported_is_an_error(server: GraphServer, path: str, expected: tuple[int, str]) -> None:
    assert code(get(server, path)) == expected


def test_an_error_names_the_request(server: GraphServer) -> None:
    response = get(server, "/users/x", {"client-request-id": "mine"})
    inner = response.json()["error"]["innerError"]
    assert (inner["client-request-id"], response.headers["client-request-id"]) == ("mine", "mine")
    assert inner["request-id"] == response.headers["request-id"]


def test_lists_have_the_headers_of_the_real_service(server: GraphServer) -> None:
    headers = get(server, "/users").headers
    assert headers["odata-version"] == "4.0"
    assert headers["transfer-encoding"] == "chunked"
    assert headers["content-type"].startswith("application/json;odata.metadata=minimal;odata.streaming=true")


# Permissions and tokens


@pytest.mark.parametrize(
    ("permission", "path"),
    [
        ("User.Read.All", "/users"),
        ("User.Read.All", "/users/delta"),
        ("User.Read.All", "/directory/deletedItems/microsoft.graph.user"),
        ("GroupMember.Read.All", "/groups/{staff}/members"),
        ("GroupMember.Read.All", "/groups/{staff}"),
        ("Application.Read.All", "/servicePrincipals"),
        ("Application.Read.All", "/servicePrincipals/{application}/appRoleAssignedTo"),
        ("Synchronization.Read.All", "/servicePrincipals/{application}/synchronization/jobs"),
        ("AuditLog.Read.All", "/auditLogs/provisioning"),
    ],
)
def test_each_read_needs_its_permission(contoso: Company, permission: str, path: str) -> None:
    path = path.format(staff=contoso.staff, application=contoso.application)
    with GraphServer(contoso.tenant) as server:
        assert get(server, path).status_code == 200
        contoso.tenant.app.roles.remove(permission)
        assert code(get(server, path)) == (403, "Authorization_RequestDenied")


def test_members_that_the_token_may_not_read_are_rows_with_nulls(contoso: Company) -> None:
    contoso.tenant.app.roles.remove("User.Read.All")
    with GraphServer(contoso.tenant) as server:
        rows = read(server, f"/groups/{contoso.staff}/members?$select=id,displayName,userPrincipalName")
    assert rows[0] == {
        "@odata.type": "#microsoft.graph.user",
        "id": contoso.users[1],
        "displayName": None,
        "userPrincipalName": None,
    }


@pytest.mark.parametrize("empty", [False, True])
def test_hidden_membership_needs_a_permission(contoso: Company, empty: bool) -> None:
    hidden = contoso.tenant.add_group("Hidden", contoso.users, visibility="HiddenMembership")
    with GraphServer(contoso.tenant) as server:
        server.service.hidden_as_empty = empty
        response = get(server, f"/groups/{hidden}/members")
        assert response.json().get("value") == [] if empty else response.status_code == 403
        contoso.tenant.app.roles.append("Member.Read.Hidden")
        assert len(read(server, f"/groups/{hidden}/members")) == 5


def test_a_token_expires(contoso: Company) -> None:
    now = [1_800_000_000.0]
    with GraphServer(contoso.tenant, clock=lambda: now[0]) as server:
        token = server.token(lifetime=60)
        assert get(server, "/users", token=token).status_code == 200
        now[0] += 60
        assert code(get(server, "/users", token=token)) == (401, "InvalidAuthenticationToken")
        assert code(get(server, "/users", token="made-up")) == (401, "InvalidAuthenticationToken")


def login(server: GraphServer, **form: str) -> httpx.Response:
    app = server.tenant.app
    whole = {
        "client_id": app.client_id,
        "grant_type": "client_credentials",
        "scope": "https://graph.microsoft.com/.default",
        **form,
    }
    tenant = whole.pop("tenant", server.tenant.domains[0])
    with httpx.Client(verify=TLS) as client:
        return client.post(f"{server.login_url}/{tenant}/oauth2/v2.0/token", data=whole)


def assertion(server: GraphServer, audience: str = "api://AzureADTokenExchange") -> dict[str, str]:
    environment = server.oidc_environment
    headers = {"Authorization": f"bearer {environment['ACTIONS_ID_TOKEN_REQUEST_TOKEN']}"}
    with httpx.Client(verify=TLS) as client:
        url = f"{environment['ACTIONS_ID_TOKEN_REQUEST_URL']}&audience={audience}"
        value = client.get(url, headers=headers).json()["value"]
    return {"client_assertion": value, "client_assertion_type": ASSERTION}


def test_a_secret_or_a_job_of_github_gets_a_token_that_reads(server: GraphServer) -> None:
    for form in ({"client_secret": server.tenant.app.secret}, assertion(server)):
        answer = login(server, **form).json()
        assert answer["expires_in"] == 3599
        assert get(server, "/users", token=answer["access_token"]).status_code == 200


@pytest.mark.parametrize("immutable", [False, True])
def test_both_forms_of_githubs_subject_are_known(contoso: Company, immutable: bool) -> None:
    with GraphServer(contoso.tenant, run=WorkflowRun(immutable=immutable)) as server:
        assert login(server, **assertion(server)).status_code == 200


@pytest.mark.parametrize(
    ("number", "form"),
    [
        (90002, {"tenant": "fabrikam.onmicrosoft.com"}),
        (700016, {"client_id": "00000000-0000-4000-8000-000000000000"}),
        (7000215, {"client_secret": "5f1d2c3b-0000-4000-8000-000000000001"}),
        (7000218, {}),
        (1002012, {"client_secret": "right", "scope": "https://graph.microsoft.com/User.Read.All"}),
        (500011, {"client_secret": "right", "scope": "https://graph.microsoft.example/.default"}),
        (900144, {"scope": ""}),
        (70003, {"grant_type": "password"}),
    ],
)
def test_a_wrong_request_for_a_token_has_its_number(server: GraphServer, number: int, form: dict[str, str]) -> None:
    if form.get("client_secret") == "right":
        form = {**form, "client_secret": server.tenant.app.secret}
    answer = login(server, **form).json()
    assert answer["error_codes"] == [number]
    assert answer["error_description"].startswith(f"AADSTS{number}: ")


@pytest.mark.parametrize(
    ("number", "run", "audience", "late"),
    [
        (700213, WorkflowRun(context="pull_request"), "api://AzureADTokenExchange", 0),
        (7002138, WorkflowRun(owner="Octo-Org"), "api://AzureADTokenExchange", 0),
        (700212, WorkflowRun(), "api://other", 0),
        (700024, WorkflowRun(), "api://AzureADTokenExchange", 301),
    ],
)
def test_an_assertion_must_fit_exactly(
    contoso: Company, number: int, run: WorkflowRun, audience: str, late: int
) -> None:
    now = [1_800_000_000.0]
    with GraphServer(contoso.tenant, run=run, clock=lambda: now[0]) as server:
        form = assertion(server, audience)
        now[0] += late
        assert login(server, **form).json()["error_codes"] == [number]


def test_other_reasons_to_refuse(server: GraphServer) -> None:
    app, secret = server.tenant.app, {"client_secret": server.tenant.app.secret}
    server.login.not_yet = 1
    assert login(server, **assertion(server)).json()["error_codes"] == [70021]
    server.oidc.issuer = "https://token.actions.githubusercontent.com/"
    assert login(server, **assertion(server)).json()["error_codes"] == [700211]
    app.blocked = True
    assert login(server, **secret).json()["error_codes"] == [53003]
    app.secret_expired = True
    assert login(server, **secret).json()["error_codes"] == [7000222]


# Delta


def follow(server: GraphServer, path: str, headers: dict[str, str] | None = None) -> tuple[list[dict[str, Any]], str]:
    """All rows of a round, and its deltaLink."""
    rows: list[dict[str, Any]] = []
    while True:
        response = get(server, path, headers)
        assert response.status_code == 200, response.text
        document = response.json()
        rows += document["value"]
        if "@odata.deltaLink" in document:
            assert "@odata.nextLink" not in document
            return rows, document["@odata.deltaLink"]
        path = document["@odata.nextLink"]


@pytest.mark.parametrize("path", ["/users/delta", "/users/delta()", "/users/microsoft.graph.delta"])
def test_delta_tells_what_changed(contoso: Company, path: str) -> None:
    tenant, (boss, first, second, third, _) = contoso.tenant, contoso.users
    with GraphServer(tenant, delta_page=2) as server:
        rows, link = follow(server, f"{path}?$select=userPrincipalName,department,mobilePhone,manager")
        assert [row["id"] for row in rows] == contoso.users
        assert all("mobilePhone" not in row for row in rows)
        assert follow(server, link)[0] == []
        tenant.set(first, department=None)
        tenant.set(second, jobTitle="not selected")
        tenant.set_manager(third, first)
        tenant.delete(second)
        tenant.purge(boss)
        rows, link = follow(server, link)
        name = tenant.objects[first].properties["userPrincipalName"]
        assert {row["id"]: row for row in rows} == {
            first: {"id": first, "userPrincipalName": name, "department": None},
            second: {"id": second, "@removed": {"reason": "changed"}},
            third: {
                "id": third,
                "userPrincipalName": tenant.objects[third].properties["userPrincipalName"],
                "department": tenant.objects[third].properties["department"],
                "manager@delta": [
                    {"@odata.type": "#microsoft.graph.user", "id": boss, "@removed": {"reason": "deleted"}},
                    {"@odata.type": "#microsoft.graph.user", "id": first},
                ],
            },
            boss: {"id": boss, "@removed": {"reason": "deleted"}},
        }
        tenant.restore(second)
        rows, link = follow(server, link)
        assert [set(row) for row in rows] == [{"id", "userPrincipalName", "department"}]
        tenant.set(first, department="New")
        assert follow(server, link, {"Prefer": "return=minimal"})[0] == [{"id": first, "department": "New"}]


def test_delta_of_groups_spreads_members_over_rows_and_forgets_deleted_users() -> None:
    big = company(50)
    with GraphServer(big.tenant) as server:
        rows, link = follow(server, "/groups/delta?$select=displayName,members")
        assert len(rows) == 3
        assert [entry["id"] for row in rows for entry in row["members@delta"]] == big.users[1:]
        big.tenant.delete(big.users[1])
        assert follow(server, link)[0] == []
        big.tenant.remove_member(big.staff, big.users[2])
        (row,) = follow(server, link)[0]
        assert row["members@delta"] == [
            {"@odata.type": "#microsoft.graph.user", "id": big.users[2], "@removed": {"reason": "deleted"}}
        ]


def test_delta_tokens_expire_in_two_ways(server: GraphServer) -> None:
    _, link = follow(server, "/users/delta")
    server.service.expire_deltas()
    assert code(get(server, link)) == (400, "syncStateNotFound")
    _, link = follow(server, "/users/delta")
    server.service.expire_deltas(DeltaEnd.GONE)
    gone = get(server, link)
    assert gone.status_code == 410
    assert len(follow(server, gone.headers["location"])[0]) == 5


def test_delta_from_now_on_has_no_rows(server: GraphServer) -> None:
    rows, link = follow(server, "/users/delta?$deltatoken=latest")
    assert rows == []
    server.tenant.set(server.tenant.order["user"][0], surname="New")
    assert [row["surname"] for row in follow(server, link)[0]] == ["New"]


def test_habits_of_delta() -> None:
    contoso = company(20)
    tenant = contoso.tenant
    gone = tenant.add_user("gone@contoso.com")
    tenant.delete(gone)
    habits = DeltaHabits(duplicates=True, shuffled=True, replays=True, late=0.5, removed_in_first_round=True)
    with GraphServer(tenant, habits=habits) as server:
        rows, link = follow(server, "/users/delta?$select=department")
        assert {"id": gone, "@removed": {"reason": "changed"}} in rows
        assert len(rows) > 21
        assert [row["id"] for row in rows] != contoso.users
        for user in contoso.users:
            tenant.set(user, department="New")
        first, link = follow(server, link)
        first = [row for row in first if "@removed" not in row]
        assert {row["department"] for row in first} > {"New"}
        assert {row["id"] for row in first} < set(contoso.users)
        second = [row for row in follow(server, link)[0] if "@removed" not in row]
        assert {row["id"] for row in [*first, *second]} == set(contoso.users)
        assert {row["id"] for row in first} & {row["id"] for row in second}
        last = {row["id"]: row["department"] for row in [*first, *second]}
        assert set(last.values()) == {"New"}


# Other reads


def test_ids_are_resolved_and_unknown_ones_left_out(contoso: Company) -> None:
    contoso.tenant.app.roles.append("Directory.Read.All")
    ids = [contoso.users[0], contoso.staff, "00000000-0000-4000-8000-000000000000"]
    with GraphServer(contoso.tenant) as server:
        rows = post(server, "/directoryObjects/getByIds", {"ids": ids}).json()["value"]
        assert [row["@odata.type"] for row in rows] == ["#microsoft.graph.user", "#microsoft.graph.group"]
        assert post(server, "/directoryObjects/getByIds", {"ids": ids * 400}).status_code == 400
        assert post(server, "/directoryObjects/getByIds?$select=id", {"ids": ids}).status_code == 400


def test_a_batch_answers_each_request_by_itself(contoso: Company) -> None:
    requests = [
        {"id": "1", "method": "GET", "url": f"/users/{contoso.users[0]}?$select=id"},
        {"id": "2", "method": "GET", "url": "/users/nobody"},
        {"id": "3", "method": "GET", "url": "/users/$count", "headers": EVENTUAL, "dependsOn": ["2"]},
    ]
    fault = Fault(f"/users/{contoso.users[0]}", status=429, retry_after=7)
    with GraphServer(contoso.tenant, faults=[fault]) as server:
        answers = {one["id"]: one for one in post(server, "/$batch", {"requests": requests}).json()["responses"]}
        assert {key: one["status"] for key, one in answers.items()} == {"1": 429, "2": 404, "3": 424}
        assert answers["1"]["headers"]["Retry-After"] == "7"
        again = post(server, "/$batch", {"requests": requests[:1]}).json()["responses"][0]
        assert again["body"]["id"] == contoso.users[0]
        assert post(server, "/$batch", {"requests": requests * 7}).status_code == 400


def test_deleted_users_are_listed_until_they_are_purged(contoso: Company) -> None:
    tenant, user = contoso.tenant, contoso.users[1]
    with GraphServer(tenant) as server:
        tenant.delete(user)
        (row,) = read(server, "/directory/deletedItems/microsoft.graph.user?$select=id,deletedDateTime")
        assert row == {"id": user, "deletedDateTime": tenant.objects[user].deleted}
        assert user not in [row["id"] for row in read(server, f"/groups/{contoso.staff}/members?$select=id")]
        tenant.purge(user)
        assert read(server, "/directory/deletedItems/microsoft.graph.user") == []


def test_assignments_of_deleted_users_may_lag(contoso: Company) -> None:
    path = f"/servicePrincipals/{contoso.application}/appRoleAssignedTo"
    contoso.tenant.delete(contoso.users[0])
    with GraphServer(contoso.tenant) as server:
        assert [row["principalType"] for row in read(server, path)] == ["Group"]
        server.service.lagging_assignments = True
        assert [row["principalType"] for row in read(server, path)] == ["User", "Group"]


def test_groups_contain_each_other_in_a_circle(contoso: Company) -> None:
    inner = contoso.tenant.add_group("Inner", [contoso.users[0]])
    contoso.tenant.add_member(inner, contoso.staff)
    contoso.tenant.add_member(contoso.staff, inner)
    with GraphServer(contoso.tenant) as server:
        ids = [row["id"] for row in read(server, f"/groups/{inner}/transitiveMembers?$select=id")]
    assert sorted(ids) == sorted([*contoso.users, contoso.staff, inner])


def test_the_provisioning_log_is_filtered(contoso: Company) -> None:
    for number, user in enumerate(contoso.users):
        log_provisioning(contoso.tenant, contoso.job, user, f"GN-{number}")
    moment = contoso.tenant.provisioning_log[2]["activityDateTime"]
    path = f"/auditLogs/provisioning?$filter=jobId eq '{contoso.job}' and activityDateTime gt {moment}&$top=1"
    with GraphServer(contoso.tenant) as server:
        assert [row["targetIdentity"]["id"] for row in read(server, path)] == ["GN-4", "GN-3"]
        assert read(server, "/auditLogs/provisioning?$filter=jobId eq 'other'") == []


def test_secrets_are_read_in_beta_only(contoso: Company) -> None:
    path = f"/servicePrincipals/{contoso.application}/synchronization/secrets"
    with GraphServer(contoso.tenant) as server:
        assert get(server, path).status_code == 405
        keys = {row["key"] for row in get(server, f"{server.graph_url}/beta{path}").json()["value"]}
    assert keys > {"SyncAll", "SecretToken"}


# Faults


def test_a_fault_replaces_the_answer_of_one_request(contoso: Company) -> None:
    with GraphServer(contoso.tenant, page_cap=2, faults=[Fault("/users", call=2, status=503, retry_after=3)]) as server:
        link = get(server, "/users").json()["@odata.nextLink"]
        failed = get(server, link)
        assert (*code(failed), failed.headers["retry-after"]) == (503, "ServiceUnavailable", "3")
        assert get(server, link).status_code == 200
        assert [seen.status for seen in server.requests] == [200, 503, 200]


@pytest.mark.parametrize("fault", [Fault("/users", close=True), Fault("/users", break_off=True)])
def test_a_connection_can_break(contoso: Company, fault: Fault) -> None:
    with GraphServer(contoso.tenant, faults=[fault]) as server, pytest.raises(httpx.RemoteProtocolError):
        get(server, "/users")


def test_json_can_end_in_the_middle_with_status_200(contoso: Company) -> None:
    with GraphServer(contoso.tenant, faults=[Fault("/users", truncate=True)]) as server:
        response = get(server, "/users")
    assert response.status_code == 200
    with pytest.raises(ValueError):
        response.json()


def test_links_can_lead_astray(contoso: Company) -> None:
    faults = [
        Fault("/users", call=1, other_host="https://graph.example.com"),
        Fault("/users", call=2, loop=True),
        Fault("/users", call=3, empty_page=True),
        Fault("/users", call=4, duplicate_rows=True),
        Fault("/users", call=5, without_value=True),
        Fault("/users", call=6, edit=lambda document: [document]),
    ]
    with GraphServer(contoso.tenant, page_cap=2, faults=faults) as server:
        pages = [get(server, "/users").json() for _ in faults]
        assert pages[0]["@odata.nextLink"].startswith("https://graph.example.com/v1.0/users")
        assert pages[1]["@odata.nextLink"] == f"{server.graph_url}/v1.0/users"
        assert (pages[2]["value"], pages[2]["@odata.nextLink"]) == ([], f"{server.graph_url}/v1.0/users")
        assert [row["id"] for row in pages[3]["value"]] == [*contoso.users[:2], contoso.users[0]]
        assert "value" not in pages[4]
        assert isinstance(pages[5], list)


def test_the_tenant_can_change_while_it_is_read(contoso: Company) -> None:
    user = contoso.users[1]
    fault = Fault("/members", before=lambda tenant: tenant.delete(user))
    with GraphServer(contoso.tenant, faults=[fault]) as server:
        assert len(read(server, "/users")) == 5
        assert user not in [row["id"] for row in read(server, f"/groups/{contoso.staff}/members")]


def test_an_answer_can_be_anything_come_late_and_change_the_tenant(contoso: Company) -> None:
    faults = [
        Fault("/users", call=1, body=b"<html>"),
        Fault("/users", call=2, status=400, code="Directory_ReplicaUnavailable", message="not now"),
        Fault("/users", call=3, wait=0.2, after=lambda tenant: tenant.delete(contoso.users[0])),
    ]
    with GraphServer(contoso.tenant, faults=faults) as server:
        assert (first := get(server, "/users")).text == "<html>"
        assert first.status_code == 200
        assert get(server, "/users").json()["error"]["message"] == "not now"
        start = time.monotonic()
        assert len(read(server, "/users")) == 5
        assert time.monotonic() - start >= 0.2
        assert len(read(server, "/users")) == 4


def test_a_limit_decides_on_each_request_first(contoso: Company) -> None:
    with GraphServer(contoso.tenant) as server:
        server.limit = lambda seen: Fault(status=429, retry_after=2).reply() if "x-tired" in seen.headers else None
        limited = get(server, "/users", {"x-tired": "1"})
        assert (limited.status_code, limited.headers["retry-after"]) == (429, "2")
        assert get(server, "/users").status_code == 200


def test_faults_of_the_token_endpoints_are_their_own(contoso: Company) -> None:
    faults = [Fault(service="login", status=503), Fault(service="oidc", close=True)]
    with GraphServer(contoso.tenant, faults=faults) as server:
        assert login(server, client_secret=contoso.tenant.app.secret).status_code == 503
        assert login(server, client_secret=contoso.tenant.app.secret).status_code == 200
        with pytest.raises(httpx.RemoteProtocolError):
            assertion(server)
        assert get(server, "/users").status_code == 200


@pytest.mark.slow
def test_a_large_tenant_is_read_fast() -> None:
    big = company(100_000)
    with GraphServer(big.tenant) as server:
        assert len(read(server, "/users?$select=id,userPrincipalName,department,employeeOrgData&$top=999")) == 100_000
        assert server.count("/users") == 101
        assert len(read(server, f"/groups/{big.staff}/members?$select=id&$top=999")) == 99_999
