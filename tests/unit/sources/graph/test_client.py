from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any

import httpx
import pytest
from support.graph_client import NOW, Counted, Handler, error, make_client, page, scripted
from support.servers.http_server import HttpServer, Reply, Request

from reconciler.errors import SourceError, StopRequestedError
from reconciler.scim.retry import Wait
from reconciler.scim.transport import WriteRefusedError
from reconciler.sources.graph.client import GraphClient, encode_segment, encode_text, open_graph
from reconciler.sources.graph.clouds import parse_origin
from reconciler.sources.graph.errors import GraphError, Reading
from reconciler.sources.graph.permissions import PEOPLE
from reconciler.sources.graph.tokens import Tokens

USERS = "https://graph.microsoft.com/v1.0/users"


def identity(row: Mapping[str, Any]) -> str:
    return str(row["id"])


def read(handler: Handler, path: str = "/users?$top=999", **options: Any) -> Any:
    return make_client(handler).read_list(path, identity, **options)


# --- pages ---------------------------------------------------------------------------------------


def test_pages_are_followed_by_their_links_as_they_are_until_the_last_one() -> None:
    opaque = f"{USERS}?$skiptoken=RFNwd%2bA%3D'x'&$top=999"
    handler, seen = scripted(page({"id": "1"}, nextLink=opaque), page(nextLink=f"{USERS}?b"), page({"id": "2"}))
    progress: list[int] = []
    found = read(handler, headers={"ConsistencyLevel": "eventual"}, progress=progress.append)
    assert (found.rows, found.pages, found.duplicates, found.delta_link) == (["1", "2"], 3, frozenset(), None)
    assert [str(request.url.raw_path, "ascii") for request in seen] == [
        "/v1.0/users?$top=999",
        "/v1.0/users?$skiptoken=RFNwd%2bA%3D'x'&$top=999",
        "/v1.0/users?b",
    ]
    assert progress == [1, 1, 2]
    for request in seen:
        assert request.headers["ConsistencyLevel"] == "eventual"
        assert request.headers["x-ms-throttle-priority"] == "low"
    assert len({request.headers["client-request-id"] for request in seen}) == 3


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/v1.0/users?$skiptoken=x",
        "http://graph.microsoft.com/v1.0/users",
        "https://graph.microsoft.com:8443/v1.0/users",
        "https://graph.microsoft.com.evil.example/v1.0/users",
        "https://graph.microsoft.com@evil.example/v1.0/users",
        "https://evil.example@graph.microsoft.com/v1.0/users",
        "//graph.microsoft.com/v1.0/users",
        "/v1.0/users?$skiptoken=x",
        "https://graph.microsoft.com/v1.0/users?$skiptoken=a b",
        "https://graph.microsoft.com/v1.0/" + "x" * 33_000,
        17,
        "",
    ],
)
def test_a_link_that_leaves_the_host_is_not_followed(link: object) -> None:
    handler, seen = scripted(page({"id": "1"}, nextLink=link))
    with pytest.raises(GraphError, match=r"page 1 of /users (leaves|has a link that is no URL)"):
        read(handler)
    assert len(seen) == 1


def test_a_link_that_leads_back_ends_the_read() -> None:
    handler, seen = scripted(page(nextLink=f"{USERS}?a"), page(nextLink=f"{USERS}?b"), page(nextLink=f"{USERS}?a"))
    with pytest.raises(GraphError, match=r"^the link on page 3 of /users leads back to an earlier page$"):
        read(handler)
    assert len(seen) == 3
    handler, seen = scripted(page(nextLink=f"{USERS}?$top=999"))
    with pytest.raises(GraphError, match=r"^the link on page 1 of /users leads back"):
        read(handler)


def test_pages_and_rows_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = iter(range(100))

    def endless(_request: httpx.Request) -> httpx.Response:
        return page({"id": "1"}, nextLink=f"{USERS}?{next(numbers)}")

    monkeypatch.setattr("reconciler.sources.graph.client.MAX_PAGES", 3)
    with pytest.raises(GraphError, match=r"^Microsoft Graph's list /users has more than 3 pages$"):
        read(endless)
    monkeypatch.setattr("reconciler.sources.graph.pages.MAX_ROWS", 2)
    with pytest.raises(GraphError, match=r"^Microsoft Graph's list /users has more than 2 rows$"):
        read(endless)


def test_ids_that_come_twice_are_reported_and_their_rows_kept() -> None:
    handler, _ = scripted(page({"id": "1"}, {"id": "2"}, nextLink=f"{USERS}?a"), page({"id": "1"}))
    found = read(handler)
    assert (found.rows, found.duplicates) == (["1", "2", "1"], frozenset({"1"}))


def test_an_expired_page_token_begins_the_list_again() -> None:
    handler, seen = scripted(
        page({"id": "old"}, nextLink=f"{USERS}?a"),
        error(400, "Directory_ExpiredPageToken"),
        page({"id": "new"}, nextLink=f"{USERS}?a"),
        page({"id": "2"}),
    )
    assert read(handler).rows == ["new", "2"]
    assert len(seen) == 4


def test_an_expired_page_token_begins_the_list_again_five_times_at_most() -> None:
    answers = [page({"id": "1"}, nextLink=f"{USERS}?a"), error(400, "Directory_ExpiredPageToken")] * 7
    handler, seen = scripted(*answers)
    with pytest.raises(GraphError, match=r"^Microsoft Graph refused page 2 of /users \(400 Directory_ExpiredPageToken"):
        read(handler)
    assert len(seen) == 12


def test_a_first_page_is_not_expired() -> None:
    handler, seen = scripted(error(400, "Directory_ExpiredPageToken"))
    with pytest.raises(GraphError, match=r"^Microsoft Graph refused page 1 of /users"):
        read(handler)
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (httpx.Response(200, content=b'{"value":[{"id":"1"}'), "is incomplete or not JSON"),
        (httpx.Response(200, content=b""), "is incomplete or not JSON"),
        (httpx.Response(200, json=[]), "is not an object"),
        (httpx.Response(200, json={}), "is not a list of objects"),
        (httpx.Response(200, json={"value": None}), "is not a list of objects"),
        (httpx.Response(200, json={"value": ["x"]}), "is not a list of objects"),
        (httpx.Response(200, json={"value": [], "error": {"code": "x"}}), "holds an error although"),
        (page(nextLink=f"{USERS}?b", deltaLink=f"{USERS}?c"), "is the last page and is not"),
    ],
)
def test_a_page_that_is_not_whole_fails_the_read(answer: httpx.Response, why: str) -> None:
    handler, _ = scripted(page({"id": "1"}, nextLink=f"{USERS}?a"), answer)
    with pytest.raises(GraphError, match=rf"^Microsoft Graph's answer to page 2 of /users {why}"):
        read(handler)


def test_the_end_of_a_delta_query_is_a_link() -> None:
    link = f"{USERS}/delta?$deltatoken=x"
    handler, seen = scripted(page({"id": "1"}, deltaLink=link), page(deltaLink=f"{link}2"))
    found = read(handler, "/users/delta?$select=id")
    assert found.delta_link == link
    assert read(handler, link).delta_link == f"{link}2"
    assert str(seen[1].url) == link
    with pytest.raises(GraphError, match=r"the link on the delta link leaves"):
        read(handler, "https://evil.example/v1.0/users/delta")


# --- single requests -----------------------------------------------------------------------------


def test_one_object_and_its_absence() -> None:
    handler, seen = scripted(httpx.Response(200, json={"id": "1"}), error(404, "Request_ResourceNotFound"))
    client = make_client(handler)
    assert client.get("/users/1?$select=id") == {"id": "1"}
    assert client.find("/users/2") is None
    assert [request.url.path for request in seen] == ["/v1.0/users/1", "/v1.0/users/2"]


@pytest.mark.parametrize("answer", [error(404, "UnknownError"), httpx.Response(404, text="<html>"), error(403, "x")])
def test_only_graph_says_that_an_object_is_absent(answer: httpx.Response) -> None:
    handler, _ = scripted(answer)
    with pytest.raises(GraphError):
        make_client(handler).find("/users/2")


def test_a_count_is_a_number() -> None:
    handler, seen = scripted(
        httpx.Response(200, content=b"\xef\xbb\xbf1234"),
        httpx.Response(200, text="many"),
        httpx.Response(200, text="-1"),
    )
    client = make_client(handler)
    assert client.count("/users/$count") == 1234
    assert seen[0].headers["ConsistencyLevel"] == "eventual"
    for _ in range(2):
        with pytest.raises(GraphError, match=r"^Microsoft Graph's answer to /users/\$count is not a number$"):
            client.count("/users/$count")


def test_extension_properties_are_read_by_post() -> None:
    handler, seen = scripted(page({"id": "1", "name": "extension_x_y"}))
    assert make_client(handler).list_extension_properties()[0]["name"] == "extension_x_y"
    assert (seen[0].method, seen[0].content) == ("POST", b"{}")


def test_another_version() -> None:
    handler, seen = scripted(httpx.Response(200, json={"value": []}))
    make_client(handler).get("/servicePrincipals/1/synchronization/secrets", version="beta")
    assert seen[0].url.path == "/beta/servicePrincipals/1/synchronization/secrets"


def test_texts_are_encoded() -> None:
    assert encode_text("O'Neil & Söhne") == "'O''Neil%20%26%20S%C3%B6hne'"
    assert encode_segment("a/../b?x") == "a%2F..%2Fb%3Fx"
    for text in ("", ".", ".."):
        with pytest.raises(GraphError, match=r"cannot be used in a URL"):
            encode_segment(text)


# --- tokens and errors ---------------------------------------------------------------------------


def test_a_refused_token_is_renewed_once() -> None:
    credential = Counted()
    handler, seen = scripted(error(401, "InvalidAuthenticationToken"), httpx.Response(200, json={}))
    assert make_client(handler, credential).get("/users/1") == {}
    assert credential.acquired == 2
    assert seen[0].headers["Authorization"] != seen[1].headers["Authorization"]
    handler, seen = scripted(*[error(401, "InvalidAuthenticationToken")] * 3)
    with pytest.raises(GraphError, match=r"^Microsoft Graph refused /users/1 \(401 InvalidAuthenticationToken\)"):
        make_client(handler).get("/users/1")
    assert len(seen) == 2
    handler, seen = scripted(error(401, "InvalidAuthenticationToken"))
    with pytest.raises(GraphError):
        make_client(handler, Counted(renewable=False)).get("/users/1")


def test_an_error_names_code_page_permission_and_request() -> None:
    refused = error(403, "Authorization_RequestDenied", "no\x1b[2Jrights", **{"request-id": "r-1"})
    handler, _ = scripted(page(nextLink="https://graph.microsoft.com/v1.0/groups/7/members?a"), refused)
    with pytest.raises(GraphError) as raised:
        read(handler, "/groups/7/members?$top=999")
    assert raised.value.summary == (
        'Microsoft Graph refused page 2 of /groups/7/members (403 Authorization_RequestDenied): "no\\u{1b}[2Jrights"'
    )
    assert raised.value.detail.startswith("Grant GroupMember.Read.All as application permissions: ")
    assert raised.value.detail.endswith('request-id "r-1".')
    assert (raised.value.status, raised.value.code) == (403, "Authorization_RequestDenied")


def test_missing_permissions_are_one_error_before_the_first_read() -> None:
    handler, seen = scripted()
    with pytest.raises(SourceError, match=r"lacks permissions of Microsoft Graph: GroupMember.Read.All, Application"):
        make_client(handler, Counted(roles=["User.Read.All"])).require(PEOPLE)
    make_client(handler, Counted(roles=[*PEOPLE])).require(PEOPLE)
    assert seen == []


def test_a_value_too_long_for_a_url_sends_nothing() -> None:
    handler, seen = scripted()
    with pytest.raises(GraphError, match=r"too long for a URL"):
        make_client(handler).get("/users/" + "x" * 70_000)
    assert seen == []


# --- the transports, over a socket ---------------------------------------------------------------
Answers = list[Reply]


@pytest.fixture
def served() -> Iterator[tuple[HttpServer, Answers, list[Request]]]:
    answers: Answers = []
    seen: list[Request] = []

    def answer(request: Request) -> Reply:
        seen.append(request)
        return answers.pop(0)

    server = HttpServer(answer)
    yield server, answers, seen
    server.close()


Served = tuple[HttpServer, Answers, list[Request]]


def open_served(server: HttpServer, **options: Any) -> AbstractContextManager[GraphClient]:
    endpoint = parse_origin("RECONCILER_GRAPH_URL", server.origin)
    return open_graph(endpoint, Tokens(Counted(), tenant="x.com", resource="x", now=lambda: NOW), **options)


def body(*rows: Mapping[str, Any]) -> bytes:
    return json.dumps({"value": rows}).encode()


def test_throttling_is_waited_for_as_long_as_graph_asks(served: Served) -> None:
    server, answers, seen = served
    answers += [
        Reply(status=429, headers={"Retry-After": "1"}),
        Reply(status=503),
        Reply(status=200, body=body({"id": "1"}), break_at=5),
        Reply(status=200, body=body({"id": "1"})),
    ]
    waits: list[Wait] = []
    with open_served(server, on_wait=waits.append) as client:
        assert client.read_list("/users", identity).rows == ["1"]
    assert len(seen) == 4
    assert (waits[0].asked, waits[0].seconds >= 1) == (True, True)
    assert [wait.answer.partition(" (")[0] for wait in waits][:2] == [
        "Microsoft Graph answers 429",
        "Microsoft Graph answers 503",
    ]


def test_a_pause_of_hours_ends_the_read(served: Served) -> None:
    server, answers, seen = served
    answers.append(Reply(status=429, headers={"Retry-After": "7200"}))
    with open_served(server) as client, pytest.raises(GraphError) as raised:
        client.read_list("/users", identity)
    assert raised.value.summary == "Microsoft Graph refused page 1 of /users (429)"
    assert "in 7,200 seconds" in raised.value.detail
    assert len(seen) == 1


def test_a_redirect_is_not_followed(served: Served) -> None:
    server, answers, seen = served
    answers.append(Reply(status=302, headers={"Location": f"{server.origin}/v1.0/other"}))
    with open_served(server) as client, pytest.raises(GraphError, match=r"refused /users/1 \(302\)$"):
        client.get("/users/1")
    assert len(seen) == 1


def test_nothing_but_reading_leaves(served: Served) -> None:
    server, _, seen = served
    with open_served(server) as client, pytest.raises(WriteRefusedError):
        client._request("POST", f"{server.origin}/v1.0/$batch", Reading("/$batch"), body={})
    with open_served(server) as client, pytest.raises(GraphError, match=r"one origin only"):
        client._request("GET", "https://evil.example/v1.0/users", Reading("/users"))
    assert seen == []


def test_a_wait_ends_when_the_run_is_to_end(served: Served) -> None:
    server, answers, _ = served
    answers.append(Reply(status=429, headers={"Retry-After": "60"}))
    stop = threading.Event()
    with open_served(server, stop=stop, on_wait=lambda _: stop.set()) as client, pytest.raises(StopRequestedError):
        client.get("/users/1")


def test_an_origin_that_nothing_listens_on(served: Served) -> None:
    server, _, _ = served
    server.close()
    with open_served(server) as client, pytest.raises(GraphError, match=r"^127\.0\.0\.1 refuses the connection$"):
        client.get("/users/1")
