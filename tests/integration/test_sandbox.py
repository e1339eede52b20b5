"""The sandbox behaves as Apple's service is documented and reported to: over real sockets, point by point."""

import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from reconciler.sandbox import admin
from reconciler.sandbox.quirks import Quirks
from reconciler.sandbox.seed import edit_user, list_users, seed
from reconciler.sandbox.server import RunningSandbox, start

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
PATCH_OP = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"

SEED: Mapping[str, Any] = {
    "domains": ["example.com", "example.org"],
    "users": [
        {
            "id": "GN-1",
            "userName": "Ada.Lovelace@example.com",
            "externalId": "ext-ada",
            "name": {"givenName": "Ada", "familyName": "Lovelace"},
            "active": True,
            "emails": [{"value": "ada@corp.local", "type": "work", "primary": True}],
            ENTERPRISE: {"department": "Engineering", "employeeNumber": "0012"},
            "meta": {"created": "2026-01-01T00:00:00Z", "lastModified": "2026-02-03T04:05:06Z"},
        },
        {
            "id": "GN-2",
            "userName": "grace@example.com",
            "externalId": "ext-grace",
            "name": {"givenName": "Grace", "familyName": "Hopper"},
            "active": False,
        },
        {"id": "GN-3", "userName": "lost@example.com", "name": {"givenName": "Lost", "familyName": "Link"}},
    ],
    "accounts": [
        {"kind": "manual", "userName": "manual@example.com"},
        {"kind": "jit", "userName": "jit@example.com"},
        {"kind": "admin", "userName": "Boss@example.com"},
        {"kind": "personal", "userName": "private@example.com"},
    ],
    "deleted": [
        {"userName": "gone@example.com", "days_ago": 29},
        {"userName": "long.gone@example.com", "days_ago": 31},
        {"userName": "longer.gone@example.com", "days_ago": 121},
    ],
}

# Loading the certificate authorities takes httpx a tenth of a second for each client; plain http needs none.
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

Serve = Callable[..., httpx.Client]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    file = tmp_path / "sandbox.db"
    seed(file, SEED)
    return file


@pytest.fixture
def running(state: Path) -> Iterator[Callable[..., RunningSandbox]]:
    sandboxes: list[RunningSandbox] = []

    def run(**quirks: Any) -> RunningSandbox:
        sandboxes.append(start(state, quirks=Quirks(**quirks) if quirks else None))
        return sandboxes[-1]

    yield run
    for sandbox in sandboxes:
        sandbox.close()


@pytest.fixture
def serve(running: Callable[..., RunningSandbox]) -> Iterator[Serve]:
    clients: list[httpx.Client] = []

    def client(*, school: bool = False, **quirks: Any) -> httpx.Client:
        sandbox = running(**quirks)
        url = sandbox.school_url if school else sandbox.base_url
        clients.append(httpx.Client(base_url=url, headers={"Authorization": f"Bearer {sandbox.token}"}, verify=NO_TLS))
        return clients[-1]

    yield client
    for opened in clients:
        opened.close()


def new_user(user_name: str = "new@example.com", **attributes: Any) -> dict[str, Any]:
    return {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": user_name,
        "name": {"givenName": "New", "familyName": "Comer"},
        **attributes,
    }


def patch(client: httpx.Client, identifier: str, *operations: Mapping[str, Any]) -> httpx.Response:
    return client.patch(f"/Users/{identifier}", json={"schemas": [PATCH_OP], "Operations": list(operations)})


def find(client: httpx.Client, text: str) -> list[dict[str, Any]]:
    answer = client.get("/Users", params={"filter": text})
    assert answer.status_code == 200
    assert answer.json()["totalResults"] == len(answer.json()["Resources"])
    return answer.json()["Resources"]


def codes(state: Path) -> list[tuple[str, str]]:
    return [(line.code, line.user_name) for line in admin.read_activity_log(state)]


# -- 1. routing ---------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/v2/Users", "/v2", "/Groups", "/Groups/1", "/Bulk", "/Me", "/.search", "/", "/Users/1/2"]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_endpoints_that_apple_does_not_offer_are_404(serve: Serve, path: str, method: str) -> None:
    answer = serve().request(method, path, json={} if method == "POST" else None)
    assert answer.status_code == 404
    assert answer.json()["schemas"] == [ERROR]
    assert answer.json()["status"] == "404"


def test_search_with_a_body_is_404(serve: Serve) -> None:
    assert serve().post("/Users/.search", json={}).status_code == 404


def test_paths_outside_the_base_are_404(running: Callable[..., RunningSandbox]) -> None:
    sandbox = running()
    headers = {"Authorization": f"Bearer {sandbox.token}"}
    for path in ("/", "/Users", "/feeds/other/scim/Users", "/feeds/business/scimUsers"):
        assert httpx.get(f"http://127.0.0.1:{sandbox.port}{path}", headers=headers, verify=NO_TLS).status_code == 404


@pytest.mark.parametrize("path", ["/ServiceProviderConfig", "/Schemas", "/ResourceTypes"])
def test_discovery_can_be_absent_or_present(serve: Serve, path: str) -> None:
    assert serve().get(path).status_code == 404
    assert serve(discovery="rfc").get(path).status_code == 200


def test_the_school_service_serves_the_same_users(serve: Serve) -> None:
    answer = serve(school=True).get("/Users/GN-1")
    assert answer.json()["meta"]["location"].endswith("/feeds/school/scim/Users/GN-1")


def test_wrong_methods_are_405(serve: Serve) -> None:
    answer = serve().put("/Users", json={})
    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]


# -- 2. authentication --------------------------------------------------------


@pytest.mark.parametrize("header", [None, "Bearer wrong", "Basic {token}", "Bearer", "{token}"])
def test_a_request_without_the_token_is_401(running: Callable[..., RunningSandbox], header: str | None) -> None:
    sandbox = running()
    headers = {} if header is None else {"Authorization": header.format(token=sandbox.token)}
    answer = httpx.get(f"{sandbox.base_url}/Users", headers=headers, verify=NO_TLS)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert sandbox.token not in answer.text


def test_a_token_expires_after_a_year(serve: Serve, state: Path) -> None:
    client = serve()
    assert client.get("/Users").status_code == 200
    admin.advance_clock(state, days=364)
    assert client.get("/Users").status_code == 200
    admin.advance_clock(state, days=1)
    assert client.get("/Users").status_code == 401


def test_a_token_expires_when_unused_for_four_days(serve: Serve, state: Path) -> None:
    client = serve()
    admin.advance_clock(state, days=4, seconds=5)
    assert client.get("/Users").status_code == 401


def test_revoked_and_expired_tokens_are_401(serve: Serve, running: Callable[..., RunningSandbox], state: Path) -> None:
    client, first = serve(), running().token
    second = admin.issue_token(state)
    third = {"Authorization": f"Bearer {second}"}
    assert client.get("/Users", headers=third).status_code == 200
    admin.revoke_token(state, first)
    assert client.get("/Users").status_code == 401
    admin.expire_token(state, second)
    assert client.get("/Users", headers=third).status_code == 401


def test_the_connection_becomes_active_after_the_first_request(serve: Serve, state: Path) -> None:
    client = serve()
    assert admin.read_connection_status(state) == "PENDING"
    client.get("/Users")
    assert admin.read_connection_status(state) == "PENDING"
    admin.advance_clock(state, seconds=60)
    assert admin.read_connection_status(state) == "ACTIVE"


# -- 4. media types -----------------------------------------------------------


@pytest.mark.parametrize(
    "media_type", ["application/scim+json", "application/json", "application/scim+json; charset=utf-8"]
)
def test_both_media_types_are_accepted(serve: Serve, media_type: str) -> None:
    body = '{"userName": "new@example.com", "name": {"givenName": "N", "familyName": "C"}}'
    answer = serve().post("/Users", content=body, headers={"Content-Type": media_type})
    assert answer.status_code == 201
    assert answer.headers["Content-Type"] == "application/scim+json"


def test_other_media_types_are_415(serve: Serve) -> None:
    assert serve().post("/Users", content="x=1", headers={"Content-Type": "text/plain"}).status_code == 415


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b'{"userName": "\\ud800@example.com"}', b"[" * 100_000])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_a_body_that_is_not_json_is_400(serve: Serve, method: str, body: bytes) -> None:
    path = "/Users" if method == "POST" else "/Users/GN-1"
    answer = serve().request(method, path, content=body, headers={"Content-Type": "application/scim+json"})
    assert answer.status_code == 400
    assert answer.json()["schemas"] == [ERROR]


# -- 5. POST ------------------------------------------------------------------


def test_post_creates(serve: Serve, state: Path) -> None:
    client = serve()
    answer = client.post("/Users", json=new_user("New.Comer@Example.com", externalId="e", locale="en_US"))
    user = answer.json()
    assert answer.status_code == 201
    assert user["id"].startswith("GN-")
    assert answer.headers["Location"] == user["meta"]["location"] == f"{client.base_url}Users/{user['id']}"
    assert user["userName"] == "new.comer@example.com"
    assert user["meta"]["created"] == user["meta"]["lastModified"]
    assert client.get(f"/Users/{user['id']}").json() == user
    view = next(row for row in admin.list_accounts(state) if row["userName"] == "New.Comer@Example.com")
    assert (view["status"], view["role"]) == ("NEW", "Staff")


def test_the_school_service_creates_students(serve: Serve, state: Path) -> None:
    assert serve(school=True).post("/Users", json=new_user()).status_code == 201
    assert next(row for row in admin.list_accounts(state) if row["userName"] == "new@example.com")["role"] == "Student"


@pytest.mark.parametrize(
    "change",
    [
        {"userName": None},
        {"userName": "no-address"},
        {"userName": "@example.com"},
        {"userName": "x@"},
        {"userName": "x@other.net"},
        {"userName": "x@sub.example.com"},
        {"name": {"givenName": "N"}},
        {"name": {"familyName": "C"}},
        {"name": {"givenName": " ", "familyName": "C"}},
        {"name": None},
        {"name": "N"},
        {"userName": 5},
        {"active": "maybe"},
    ],
)
def test_post_refuses(serve: Serve, state: Path, change: Mapping[str, Any]) -> None:
    answer = serve().post("/Users", json=new_user() | change)
    assert answer.status_code == 400
    assert answer.json()["status"] == "400"
    assert len(list_users(state)) == 3
    assert codes(state) == []


@pytest.mark.parametrize(
    "user_name",
    [
        "o'brien+tag@example.com",
        '"a b"@example.com',
        "a..b@example.org",
        "用户@example.com",
        "émile%41@example.com",
        "a\\b@example.com",
        'q"uote@example.com',
    ],
)
def test_unusual_names_work(serve: Serve, user_name: str) -> None:
    client = serve()
    name = {"givenName": "Zoë 😀", "familyName": "عبد\u200d الله"}
    created = client.post("/Users", json=new_user(user_name, name=name))
    assert created.status_code == 201
    assert created.json()["name"] == name
    escaped = user_name.replace("\\", "\\\\").replace('"', '\\"')
    assert [user["id"] for user in find(client, f'userName eq "{escaped}"')] == [created.json()["id"]]
    assert patch(client, created.json()["id"], {"op": "replace", "path": "locale", "value": "x"}).status_code == 200


def test_emails_need_no_valid_domain(serve: Serve) -> None:
    emails = [{"value": "a@corp.local", "type": "work"}, {"value": "rubbish"}]
    assert serve().post("/Users", json=new_user(emails=emails)).json()["emails"] == emails


def test_attribute_names_and_urns_ignore_case(serve: Serve) -> None:
    user = {"USERNAME": "new@example.com", "NAME": {"GIVENNAME": "N", "familyname": "C"}}
    user[ENTERPRISE.upper()] = {"DEPARTMENT": "Sales"}
    answer = serve().post("/Users", json=user)
    assert answer.json()["name"] == {"givenName": "N", "familyName": "C"}
    assert answer.json()[ENTERPRISE] == {"department": "Sales"}


UNKNOWN: list[Mapping[str, Any]] = [
    {"title": "Engineer"},
    {"name": {"givenName": "N", "familyName": "C", "middleName": "M"}},
    {ENTERPRISE: {"manager": {"value": "1"}}},
    {"urn:example:extension:User": {"shoe": 42}},
    {"displayName": "N C"},
]


@pytest.mark.parametrize("extra", UNKNOWN)
def test_unknown_attributes_are_ignored(serve: Serve, extra: Mapping[str, Any]) -> None:
    answer = serve().post("/Users", json=new_user() | extra)
    assert answer.status_code == 201
    assert set(answer.json()) == {"schemas", "id", "userName", "name", "meta"}
    assert answer.json()["name"].keys() == {"givenName", "familyName"}


@pytest.mark.parametrize("extra", UNKNOWN)
def test_unknown_attributes_are_refused(serve: Serve, extra: Mapping[str, Any]) -> None:
    client = serve(unknown_attr="reject400")
    assert client.post("/Users", json=new_user() | extra).status_code == 400
    assert client.post("/Users", json=new_user()).status_code == 201


def test_formatted_names_are_always_accepted(serve: Serve) -> None:
    name = {"givenName": "N", "familyName": "C", "formatted": "N C"}
    answer = serve(unknown_attr="break_connection").post("/Users", json=new_user(name=name))
    assert answer.status_code == 201
    assert "formatted" not in answer.json()["name"]


def test_unknown_attributes_break_the_connection(serve: Serve, state: Path) -> None:
    client = serve(unknown_attr="break_connection")
    assert client.post("/Users", json=new_user(title="Engineer")).status_code == 400
    assert client.get("/Users").status_code == 401
    assert admin.read_connection_status(state) == "DISCONNECTED"
    admin.reconnect(state)
    assert client.get("/Users").status_code == 200


# -- 6. uniqueness ------------------------------------------------------------


@pytest.mark.parametrize(
    ("user_name", "code"),
    [
        ("ADA.lovelace@example.com", None),
        ("Grace@Example.com", None),
        ("Manual@example.com", "EMAIL_UNAVAILABLE_AS_MAID"),
        ("JIT@example.com", "EMAIL_UNAVAILABLE_AS_MAID"),
        ("boss@example.com", "NOT_ENOUGH_PRIVILEGE"),
        ("private@EXAMPLE.com", "USERNAME_CONFLICT_WITH_EXISTING_APPLE_ID"),
        ("GONE@example.com", "OPERATION_NOT_ALLOWED"),
    ],
)
def test_a_taken_name_is_409(serve: Serve, state: Path, user_name: str, code: str | None) -> None:
    client = serve()
    created = client.post("/Users", json=new_user(user_name))
    renamed = patch(client, "GN-3", {"op": "replace", "path": "userName", "value": user_name})
    for answer in (created, renamed):
        assert answer.status_code == 409
        assert answer.json().items() >= {"schemas": [ERROR], "status": "409", "scimType": "uniqueness"}.items()
    assert codes(state) == ([(code, user_name)] * 2 if code else [])
    assert len(list_users(state)) == 3


@pytest.mark.parametrize("name", ["manual@example.com", "boss@example.com", "private@example.com", "gone@example.com"])
def test_blocking_accounts_are_never_returned(serve: Serve, name: str) -> None:
    client = serve()
    assert find(client, f'userName eq "{name}"') == []
    assert name not in client.get("/Users").text


def test_an_external_id_is_unique(serve: Serve) -> None:
    client = serve()
    assert client.post("/Users", json=new_user(externalId="ext-ada")).status_code == 409
    assert client.post("/Users", json=new_user(externalId="EXT-ADA")).status_code == 201
    assert patch(client, "GN-2", {"op": "replace", "path": "externalId", "value": "ext-ada"}).status_code == 409
    assert (
        serve(unique_external_id=False).post("/Users", json=new_user("b@example.com", externalId="ext-ada")).is_success
    )


@pytest.mark.parametrize("name", ["manual@example.com", "jit@example.com"])
def test_auto_merge_takes_an_account_over(serve: Serve, state: Path, name: str) -> None:
    assert serve(auto_merge=True).post("/Users", json=new_user(name)).status_code == 201
    assert [row["source"] for row in admin.list_accounts(state) if row["userName"] == name] == ["scim"]


@pytest.mark.parametrize("name", ["boss@example.com", "private@example.com"])
def test_auto_merge_excludes_administrators_and_personal_accounts(serve: Serve, name: str) -> None:
    assert serve(auto_merge=True).post("/Users", json=new_user(name)).status_code == 409


def test_an_administrator_may_be_ignored_silently(serve: Serve, state: Path) -> None:
    client = serve(admin_collision="silently_ignored")
    answer = client.post("/Users", json=new_user("boss@example.com"))
    assert answer.status_code == 201
    assert client.get(f"/Users/{answer.json()['id']}").status_code == 404
    assert len(list_users(state)) == 3
    assert codes(state)[0] == ("NOT_ENOUGH_PRIVILEGE", "boss@example.com")


# -- 7. lists -----------------------------------------------------------------


def many(state: Path, count: int) -> None:
    seed(state, {"users": [{"userName": f"u{number}@example.com"} for number in range(count)]})


def test_pages_contain_every_user_once(serve: Serve, state: Path) -> None:
    many(state, 23)
    client = serve(page_cap=10)
    pages = [client.get("/Users", params={"startIndex": start, "count": 200}).json() for start in (1, 11, 21)]
    assert [page["startIndex"] for page in pages] == [1, 11, 21]
    assert [page["itemsPerPage"] for page in pages] == [10, 10, 3]
    assert {page["totalResults"] for page in pages} == {23}
    names = [user["userName"] for page in pages for user in page["Resources"]]
    assert sorted(names) == sorted(f"u{number}@example.com" for number in range(23))


def test_the_default_page_is_200(serve: Serve, state: Path) -> None:
    many(state, 201)
    client = serve()
    assert len(client.get("/Users").json()["Resources"]) == 200
    assert len(client.get("/Users", params={"count": 1000}).json()["Resources"]) == 200


@pytest.mark.parametrize(
    ("query", "length"),
    [
        ({"count": 0}, 0),
        ({"count": -1}, 0),
        ({"count": 2}, 2),
        ({"startIndex": 0}, 3),
        ({"startIndex": 3}, 1),
        ({"startIndex": 9}, 0),
    ],
)
def test_paging_outside_the_range_is_tolerated(serve: Serve, query: Mapping[str, int], length: int) -> None:
    page = serve().get("/Users", params=query).json()
    assert (page["totalResults"], len(page["Resources"])) == (3, length)


@pytest.mark.parametrize("query", [{"count": "x"}, {"startIndex": "1.5"}, {"count": ""}, {"startIndex": "9" * 30}])
def test_non_numeric_paging_is_400(serve: Serve, query: Mapping[str, str]) -> None:
    assert serve().get("/Users", params=query).status_code == 400


@pytest.mark.parametrize(("value", "expected"), [("ok", 3), ("zero", 0), ("absent", None)])
def test_items_per_page_can_be_configured(serve: Serve, value: str, expected: int | None) -> None:
    page = serve(items_per_page=value).get("/Users").json()
    assert page.get("itemsPerPage") == expected
    assert len(page["Resources"]) == 3


def test_the_list_may_hide_users_that_a_filter_finds(serve: Serve) -> None:
    client = serve(list_hides_n=2)
    page = client.get("/Users").json()
    assert (page["totalResults"], [user["id"] for user in page["Resources"]]) == (1, ["GN-3"])
    assert client.post("/Users", json=new_user("grace@example.com")).status_code == 409
    assert [user["id"] for user in find(client, 'userName eq "grace@example.com"')] == ["GN-2"]


def test_an_empty_list_may_omit_resources(serve: Serve) -> None:
    query = {"filter": 'userName eq "nobody@example.com"'}
    assert serve().get("/Users", params=query).json()["Resources"] == []
    page = serve(resources_absent_when_empty=True).get("/Users", params=query).json()
    assert page["totalResults"] == 0
    assert "Resources" not in page


def test_a_new_user_may_be_listed_with_a_delay(serve: Serve, state: Path) -> None:
    client = serve(eventual_consistency=30)
    identifier = client.post("/Users", json=new_user()).json()["id"]
    assert client.get(f"/Users/{identifier}").status_code == 200
    assert client.get("/Users").json()["totalResults"] == 3
    assert find(client, 'userName eq "new@example.com"') == []
    assert client.post("/Users", json=new_user()).status_code == 409
    admin.advance_clock(state, seconds=31)
    assert client.get("/Users").json()["totalResults"] == 4
    assert len(find(client, 'userName eq "new@example.com"')) == 1


# -- 8. filters ---------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        'userName eq "ada.lovelace@example.com"',
        'USERNAME EQ "ADA.LOVELACE@EXAMPLE.COM"',
        "userName eq ada.lovelace@example.com",
        '  userName   eq "ada.lovelace@example.com" ',
        'externalId eq "ext-ada"',
        'id eq "GN-1"',
    ],
)
def test_the_three_filters(serve: Serve, text: str) -> None:
    assert [user["id"] for user in find(serve(), text)] == ["GN-1"]


@pytest.mark.parametrize("text", ['externalId eq "EXT-ADA"', 'id eq "gn-1"', 'userName eq ""', 'userName eq "ada"'])
def test_no_match_is_an_empty_list(serve: Serve, text: str) -> None:
    assert find(serve(), text) == []


@pytest.mark.parametrize(
    "text",
    [
        'userName sw "a"',
        'displayName eq "x"',
        'userName eq "a" or id eq "b"',
        "userName pr",
        "",
        "(",
        'userName eq "\\ud800"',
        'id eq "a',
    ],
)
def test_other_filters_are_400(serve: Serve, text: str) -> None:
    answer = serve().get("/Users", params={"filter": text})
    assert answer.status_code == 400
    assert answer.json()["scimType"] == "invalidFilter"


def test_every_filter_of_the_rfc(serve: Serve) -> None:
    client = serve(filters="rfc")
    assert [user["id"] for user in find(client, 'name.givenName sw "gr" or externalId eq "ext-ada"')] == [
        "GN-1",
        "GN-2",
    ]
    assert client.get("/Users", params={"filter": "(("}).status_code == 400


# -- 9. returned attributes ---------------------------------------------------


def test_apple_omits_attributes(serve: Serve) -> None:
    ada, grace, lost = serve().get("/Users").json()["Resources"]
    assert ada == {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE],
        "id": "GN-1",
        "userName": "ada.lovelace@example.com",
        "externalId": "ext-ada",
        "name": {"givenName": "Ada", "familyName": "Lovelace"},
        "emails": [{"value": "ada@corp.local", "type": "work"}],
        ENTERPRISE: {"department": "Engineering", "employeeNumber": "0012"},
        "meta": {
            "resourceType": "User",
            "created": "2026-01-01T00:00:00Z",
            "lastModified": "2026-02-03T04:05:06Z",
            "location": ada["meta"]["location"],
        },
    }
    assert grace["active"] is False
    assert "externalId" not in lost
    assert ENTERPRISE not in lost
    assert lost["schemas"] == ["urn:ietf:params:scim:schemas:core:2.0:User"]


def test_each_omission_can_be_switched_off(serve: Serve) -> None:
    shown = serve(lowercase_username=False, omit_active_when_true=False, omit_primary=False).get("/Users/GN-1").json()
    assert shown["userName"] == "Ada.Lovelace@example.com"
    assert shown["active"] is True
    assert shown["emails"][0]["primary"] is True


@pytest.mark.parametrize("quirks", [{}, {"filters": "rfc"}, {"etag": True}])
def test_list_read_filter_and_writes_agree_on_the_shape(serve: Serve, quirks: Mapping[str, Any]) -> None:
    client = serve(**quirks)
    patched = patch(client, "GN-1", {"op": "replace", "path": "locale", "value": "de_DE"}).json()
    assert client.get("/Users/GN-1").json() == patched
    assert client.get("/Users").json()["Resources"][0] == patched
    assert find(client, 'userName eq "ada.lovelace@example.com"') == [patched]
    assert client.put("/Users/GN-1", json={**patched, "active": True}).json()["userName"] == patched["userName"]


def test_etags_are_absent_and_preconditions_ignored(serve: Serve) -> None:
    client = serve()
    answer = client.get("/Users/GN-1")
    assert "ETag" not in answer.headers
    assert "version" not in answer.json()["meta"]
    assert client.delete("/Users/GN-1", headers={"If-Match": 'W/"other"'}).status_code == 204


def test_etags_can_be_switched_on(serve: Serve) -> None:
    client = serve(etag=True)
    tag = client.get("/Users/GN-1").headers["ETag"]
    assert client.delete("/Users/GN-1", headers={"If-Match": 'W/"other"'}).status_code == 412
    assert client.delete("/Users/GN-1", headers={"If-Match": tag}).status_code == 204


# -- 10. PATCH ----------------------------------------------------------------

AUGUSTA = {"givenName": "Augusta", "familyName": "Lovelace"}
IN_FINANCE = {"department": "Engineering", "employeeNumber": "0012", "costCenter": "7"}
IN_SALES = {"department": "Sales", "employeeNumber": "0012"}
WORK = {"value": "x@y", "type": "work"}


@pytest.mark.parametrize(
    ("operation", "path", "expected"),
    [
        ({"op": "Replace", "path": "name.givenName", "value": "Augusta"}, "name", AUGUSTA),
        ({"op": "Add", "path": "NAME.FAMILYNAME", "value": "King"}, "name", {"givenName": "Ada", "familyName": "King"}),
        ({"op": "replace", "path": "name", "value": {"givenName": "Augusta"}}, "name", AUGUSTA),
        ({"op": "REPLACE", "path": "active", "value": "False"}, "active", False),
        ({"op": "replace", "path": "active", "value": False}, "active", False),
        ({"op": "add", "path": "active", "value": "false"}, "active", False),
        ({"op": "Replace", "value": {"active": "False"}}, "active", False),
        ({"op": "Add", "path": "locale", "value": "de_DE"}, "locale", "de_DE"),
        ({"op": "Add", "path": "timezone", "value": "Europe/Berlin"}, "timezone", "Europe/Berlin"),
        ({"op": "Remove", "path": "externalId"}, "externalId", None),
        ({"op": "Replace", "path": "externalId", "value": None}, "externalId", None),
        ({"op": "Replace", "path": "externalId", "value": "new"}, "externalId", "new"),
        ({"op": "Replace", "path": "userName", "value": "Countess@example.org"}, "userName", "countess@example.org"),
        ({"op": "Replace", "path": f"{ENTERPRISE}:department", "value": "Sales"}, ENTERPRISE, IN_SALES),
        ({"op": "Add", "path": f"{ENTERPRISE}:costCenter", "value": "7"}, ENTERPRISE, IN_FINANCE),
        ({"op": "Remove", "path": f"{ENTERPRISE}:department"}, ENTERPRISE, {"employeeNumber": "0012"}),
        ({"op": "Remove", "path": ENTERPRISE}, ENTERPRISE, None),
        ({"op": "Replace", "path": ENTERPRISE, "value": {"department": "Sales"}}, ENTERPRISE, IN_SALES),
        ({"op": "Replace", "value": {f"{ENTERPRISE}:department": "Sales", "title": "x"}}, ENTERPRISE, IN_SALES),
        ({"op": "Replace", "value": {"name.givenName": "Augusta"}}, "name", AUGUSTA),
        ({"op": "Replace", "path": "urn:ietf:params:scim:schemas:core:2.0:User:locale", "value": "x"}, "locale", "x"),
        ({"op": "Replace", "path": "emails", "value": [{"value": "x@y.local"}]}, "emails", [{"value": "x@y.local"}]),
        ({"op": "Replace", "path": 'emails[type eq "work"].value', "value": "x@y"}, "emails", [WORK]),
        ({"op": "Remove", "path": "emails"}, "emails", None),
    ],
)  # fmt: skip
def test_patch_changes(serve: Serve, operation: Mapping[str, Any], path: str, expected: object) -> None:
    client = serve()
    before = client.get("/Users/GN-1").json()
    answer = patch(client, "GN-1", operation)
    assert answer.status_code == 200
    assert answer.json().get(path) == expected
    after = client.get("/Users/GN-1").json()
    assert after == answer.json()
    assert after["id"] == "GN-1"
    assert after["meta"]["lastModified"] > before["meta"]["lastModified"]
    ignored = {path, "meta", "schemas"}
    assert {k: v for k, v in after.items() if k not in ignored} == {k: v for k, v in before.items() if k not in ignored}


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "replace", "path": "title", "value": "x"},
        {"op": "replace", "path": "name.middleName", "value": "x"},
        {"op": "replace", "path": f"{ENTERPRISE}:manager", "value": "x"},
        {"op": "replace", "path": "userName.x", "value": "x"},
        {"op": "replace", "path": "((", "value": "x"},
        {"op": "replace", "path": 5, "value": "x"},
        {"op": "replace", "path": "id", "value": "x"},
        {"op": "replace", "path": "meta.created", "value": "x"},
        {"op": "copy", "path": "locale", "value": "x"},
        {"op": "remove"},
        {"op": "replace", "value": "x"},
        {"op": "replace", "path": "active", "value": "maybe"},
        {"op": "replace", "path": "locale", "value": {"a": 1}},
        {"op": "remove", "path": "userName"},
        {"op": "remove", "path": "name.givenName"},
        {"op": "replace", "path": "name.familyName", "value": ""},
        {"op": "replace", "path": "userName", "value": "x@other.net"},
        {"op": "replace", "path": "userName", "value": "nothing"},
        "replace",
    ],
)
def test_patch_refuses_and_changes_nothing(serve: Serve, state: Path, operation: Any) -> None:
    before = list_users(state)
    # Atomic (RFC 7644 §3.5.2): the valid operation before the invalid one isn't kept either.
    answer = patch(serve(), "GN-1", {"op": "replace", "path": "timezone", "value": "X"}, operation)
    assert answer.status_code == 400
    assert list_users(state) == before


@pytest.mark.parametrize("body", [{}, {"Operations": []}, {"Operations": {}}, {"operations": "x"}])
def test_a_patch_without_operations_is_400(serve: Serve, body: Mapping[str, Any]) -> None:
    assert serve().patch("/Users/GN-1", json=body).status_code == 400


def test_a_patch_that_changes_nothing_keeps_last_modified(serve: Serve) -> None:
    client = serve()
    answer = patch(client, "GN-1", {"op": "replace", "path": "name.givenName", "value": "Ada"})
    assert answer.status_code == 200
    assert answer.json()["meta"]["lastModified"] == "2026-02-03T04:05:06Z"


def test_the_status_of_a_patch_can_be_configured(serve: Serve) -> None:
    client = serve(patch_status=204)
    answer = patch(client, "GN-1", {"op": "replace", "path": "locale", "value": "x"})
    assert (answer.status_code, answer.content) == (204, b"")
    assert client.get("/Users/GN-1").json()["locale"] == "x"


@pytest.mark.parametrize("rejected", ["externalId", "userName", "emails", f"{ENTERPRISE}:department", "name.givenName"])
def test_patch_rejects(serve: Serve, rejected: str) -> None:
    client = serve(patch_rejects=frozenset({rejected}))
    answer = patch(client, "GN-1", {"op": "replace", "path": rejected, "value": "x@example.com"})
    assert answer.status_code == 400
    assert answer.json()["detail"] == "Invalid request"
    assert patch(client, "GN-1", {"op": "replace", "path": "locale", "value": "x"}).status_code == 200


def test_patch_of_an_unknown_user_is_404(serve: Serve) -> None:
    client = serve()
    assert patch(client, "GN-9", {"op": "replace", "path": "locale", "value": "x"}).status_code == 404
    assert client.get("/Users/GN-9").status_code == 404
    assert client.delete("/Users/GN-9").status_code == 404


def test_a_user_may_change_the_case_of_its_own_name(serve: Serve) -> None:
    client = serve(lowercase_username=False)
    answer = patch(client, "GN-1", {"op": "replace", "path": "userName", "value": "ADA.LOVELACE@example.com"})
    assert answer.json()["userName"] == "ADA.LOVELACE@example.com"


# -- 11. PUT ------------------------------------------------------------------


def put_body(**changes: Any) -> dict[str, Any]:
    return new_user("ada.lovelace@example.com", id="GN-1", externalId="ext-ada") | changes


def test_put_replaces_everything(serve: Serve) -> None:
    answer = serve().put("/Users/GN-1", json=put_body())
    assert answer.status_code == 200
    assert answer.json()["externalId"] == "ext-ada"
    assert ENTERPRISE not in answer.json()
    assert "emails" not in answer.json()


@pytest.mark.parametrize("identifier", [None, "GN-2", ""])
def test_put_needs_its_own_id(serve: Serve, identifier: str | None) -> None:
    client = serve()
    answer = client.put("/Users/GN-1", json=put_body(id=identifier))
    assert answer.status_code == 400
    assert answer.json()["detail"] == "Invalid request"
    assert serve(put_needs_id=False).put("/Users/GN-1", json=put_body(id=identifier)).status_code == 200


def test_put_without_external_id_erases_it(serve: Serve) -> None:
    client = serve()
    body = put_body()
    del body["externalId"]
    assert client.put("/Users/GN-1", json=body).status_code == 200
    assert "externalId" not in client.get("/Users/GN-1").json()
    assert find(client, 'externalId eq "ext-ada"') == []


def test_put_with_external_id_may_be_refused(serve: Serve) -> None:
    client = serve(put_external_id="reject400")
    assert client.put("/Users/GN-1", json=put_body()).status_code == 400
    assert client.put("/Users/GN-1", json=put_body(externalId=None)).status_code == 200


# -- 12. deactivation ---------------------------------------------------------


@pytest.mark.parametrize(("value", "status"), [("deactivate", "DEACTIVATED"), ("stored_only", "ACTIVE")])
def test_active_false_deactivates_a_user(serve: Serve, state: Path, value: str, status: str) -> None:
    client = serve(active_false=value)
    answer = patch(client, "GN-1", {"op": "replace", "path": "active", "value": False})
    assert answer.json()["active"] is False
    assert client.get("/Users").json()["totalResults"] == 3
    view = {row["userName"]: row["status"] for row in admin.list_accounts(state)}
    assert view["Ada.Lovelace@example.com"] == status


def test_a_deactivated_user_can_be_reactivated(serve: Serve, state: Path) -> None:
    answer = patch(serve(), "GN-2", {"op": "replace", "path": "active", "value": "True"})
    assert "active" not in answer.json()
    assert {row["userName"]: row["status"] for row in admin.list_accounts(state)}["grace@example.com"] == "ACTIVE"


# -- 13. deletion -------------------------------------------------------------


def test_delete_hides_the_user_and_keeps_the_name(serve: Serve, state: Path) -> None:
    client = serve()
    answer = client.delete("/Users/GN-1")
    assert (answer.status_code, answer.content) == (204, b"")
    assert client.get("/Users/GN-1").status_code == 404
    assert client.get("/Users").json()["totalResults"] == 2
    assert find(client, 'userName eq "ada.lovelace@example.com"') == []
    assert client.post("/Users", json=new_user("ada.lovelace@example.com")).status_code == 409
    view = {row["userName"]: (row["source"], row["status"]) for row in admin.list_accounts(state)}
    assert view["Ada.Lovelace@example.com"] == ("deleted", "DEACTIVATED")


@pytest.mark.parametrize(("school", "days"), [(False, 30), (True, 120)])
def test_the_name_is_free_after_the_window(serve: Serve, state: Path, *, school: bool, days: int) -> None:
    client = serve(school=school)
    client.delete("/Users/GN-1")
    admin.advance_clock(state, days=days - 0.01)
    assert client.post("/Users", json=new_user("ada.lovelace@example.com")).status_code == 409
    admin.advance_clock(state, days=0.02)
    assert client.post("/Users", json=new_user("ada.lovelace@example.com")).status_code == 201


def test_seeded_deletions_block_by_their_age(serve: Serve) -> None:
    business, school = serve(), serve(school=True)
    assert business.post("/Users", json=new_user("long.gone@example.com")).status_code == 201
    assert school.post("/Users", json=new_user("gone@example.com")).status_code == 409
    assert school.post("/Users", json=new_user("longer.gone@example.com")).status_code == 201


def test_auto_merge_revives_a_deleted_account(serve: Serve) -> None:
    client = serve(auto_merge=True)
    client.delete("/Users/GN-1")
    answer = client.post("/Users", json=new_user("ada.lovelace@example.com"))
    assert (answer.status_code, answer.json()["id"]) == (201, "GN-1")


def test_licences_block_the_erasure(serve: Serve, state: Path) -> None:
    client = serve()
    admin.attach_licences(state, "ada.lovelace@example.com", 2)
    client.delete("/Users/GN-1")
    admin.advance_clock(state, days=300)
    assert client.post("/Users", json=new_user("ada.lovelace@example.com")).status_code == 409
    assert ("OPERATION_NOT_ALLOWED_BY_VPP", "Ada.Lovelace@example.com") in codes(state)


def test_names_need_not_be_reserved(serve: Serve) -> None:
    client = serve(reserve_names=False)
    client.delete("/Users/GN-1")
    assert client.post("/Users", json=new_user("ada.lovelace@example.com")).status_code == 201


# -- 14. failures -------------------------------------------------------------


def test_every_nth_request_fails(serve: Serve) -> None:
    client = serve(flaky=3)
    assert [client.get("/Users").status_code for _ in range(7)] == [200, 200, 500, 200, 200, 503, 200]


def test_a_flaky_write_may_or_may_not_take_effect(serve: Serve, state: Path) -> None:
    assert serve(flaky=1).post("/Users", json=new_user()).status_code == 500
    assert len(list_users(state)) == 3
    assert serve(flaky=1, flaky_lands=True).post("/Users", json=new_user()).status_code == 500
    assert len(list_users(state)) == 4


def test_server_errors_may_be_html(serve: Serve) -> None:
    client = serve(flaky=1, html_errors=True)
    answer = client.get("/Users")
    assert answer.headers["Content-Type"].startswith("text/html")
    assert answer.text.startswith("<!DOCTYPE html>")
    assert serve(html_errors=True).get("/Users/none").json()["status"] == "404"


def test_requests_over_the_rate_limit_are_429(serve: Serve) -> None:
    client = serve(rate_limit=1)
    assert client.get("/Users/GN-1").status_code == 200
    # On a busy machine two requests may fall into different seconds.
    refused = next(answer for answer in (client.get("/Users/GN-1") for _ in range(50)) if not answer.is_success)
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "1")
    assert refused.json()["schemas"] == [ERROR]


def test_responses_can_be_delayed(serve: Serve) -> None:
    assert serve(slow=0.2).get("/Users/GN-1").elapsed.total_seconds() >= 0.2


def test_a_new_connection_can_be_delayed(serve: Serve) -> None:
    client = serve(activation=0.3)
    assert client.get("/Users").json()["detail"] == "The connection is not active yet"
    assert client.get("/Users").status_code == 403
    time.sleep(0.3)
    assert client.get("/Users").status_code == 200


@pytest.mark.parametrize(
    ("quirk", "status"), [("login_page", 200), ("redirect", 302), ("proxy_password", 407), ("proxy_error", 502)]
)
def test_an_intermediary_can_respond_instead_of_the_service(quirk: str, status: int, serve: Serve) -> None:
    answer = serve(in_between=quirk).get("/Users", follow_redirects=False)
    assert answer.status_code == status
    assert "scim" not in answer.headers.get("Content-Type", "") or not answer.content


# -- 15. the administrator's side ----------------------------------------------


def test_the_activity_log_lists_successes(serve: Serve, state: Path) -> None:
    client = serve()
    identifier = client.post("/Users", json=new_user()).json()["id"]
    patch(client, identifier, {"op": "replace", "path": "locale", "value": "x"})
    client.delete(f"/Users/{identifier}")
    lines = [(line.code, line.user_name, line.detail.split(":")[0]) for line in admin.read_activity_log(state)]
    assert lines == [("UPDATED", "new@example.com", detail) for detail in ("created", "updated", "deleted")]


def test_quirks_in_the_file_take_effect_immediately(serve: Serve, state: Path) -> None:
    client = serve()
    admin.set_quirks(state, Quirks(items_per_page="absent"))
    assert "itemsPerPage" not in client.get("/Users").json()
    admin.set_auto_merge(state, on=True)
    assert client.post("/Users", json=new_user("manual@example.com")).status_code == 201
    assert "itemsPerPage" not in client.get("/Users").json()


def test_domains_can_change(serve: Serve, state: Path) -> None:
    client = serve()
    admin.set_domains(state, ["Else.ORG"])
    assert client.post("/Users", json=new_user("a@else.org")).status_code == 201
    assert client.post("/Users", json=new_user("a@example.com")).status_code == 400
    admin.set_domains(state, [])
    assert client.post("/Users", json=new_user("b@else.org")).status_code == 400
    admin.set_domains(state, None)
    assert client.post("/Users", json=new_user("b@any.net")).status_code == 201


def test_disconnecting_makes_users_manual(serve: Serve, state: Path) -> None:
    client = serve()
    admin.disconnect(state)
    assert client.get("/Users").status_code == 401
    headers = {"Authorization": f"Bearer {admin.reconnect(state)}"}
    assert client.get("/Users", headers=headers).json()["totalResults"] == 0
    assert client.get("/Users/GN-1", headers=headers).status_code == 404
    assert client.post("/Users", headers=headers, json=new_user("grace@example.com")).status_code == 409
    admin.reconnect(state, merge=True)
    assert client.post("/Users", headers=headers, json=new_user("grace@example.com")).status_code == 201


def test_a_first_sign_in_makes_an_account_active(serve: Serve, state: Path) -> None:
    serve().post("/Users", json=new_user())
    admin.sign_in(state, "new@example.com")
    assert {row["userName"]: row["status"] for row in admin.list_accounts(state)}["new@example.com"] == "ACTIVE"


def test_edits_by_an_administrator_are_visible(serve: Serve, state: Path) -> None:
    client = serve()
    edit_user(
        state,
        "ada.lovelace@example.com",
        {"enterprise:department": "Sales", "name.givenName": "Augusta", "externalId": None},
    )
    user = client.get("/Users/GN-1").json()
    assert user[ENTERPRISE]["department"] == "Sales"
    assert user["name"]["givenName"] == "Augusta"
    assert "externalId" not in user
    admin.delete_user(state, "grace@example.com")
    assert client.post("/Users", json=new_user("grace@example.com")).status_code == 201


# -- the plain preset ---------------------------------------------------------


def test_the_plain_preset_has_no_quirks_of_apple(state: Path) -> None:
    with start(state, quirks=Quirks.plain()) as sandbox:
        client = httpx.Client(
            base_url=sandbox.base_url, headers={"Authorization": f"Bearer {sandbox.token}"}, verify=NO_TLS
        )
        created = client.post("/Users", json={"userName": "Anybody", "title": "Engineer", "active": True})
        user = created.json()
        assert created.status_code == 201
        assert user.items() >= {"userName": "Anybody", "title": "Engineer", "active": True}.items()
        assert created.headers["ETag"] == user["meta"]["version"]
        assert client.get("/Users").json()["Resources"][-1] == user
        assert client.delete(f"/Users/{user['id']}").status_code == 204
        assert client.post("/Users", json={"userName": "anybody"}).status_code == 201
        assert client.get("/ServiceProviderConfig").json()["sort"] == {"supported": True}
        client.close()
