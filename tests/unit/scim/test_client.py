from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

import httpx
import pytest

from reconciler.errors import ScimError, StopRequestedError, TargetError, UnknownOutcomeError
from reconciler.scim.client import ScimClient
from reconciler.scim.deadline import DeadlineExceededError
from reconciler.scim.errors import ErrorMessages
from reconciler.scim.larger_pages import LONGEST_LARGE_PAGE
from reconciler.scim.response_limits import AnswerTooLargeError
from reconciler.scim.retry import Tries
from reconciler.scim.retry_transport import TRIAL_SECONDS, TRIES
from reconciler.scim.secret import Secret, SentTokens

BASE = "https://scim.example.com/scim"
TOKEN = "tok-s3cret"
ADA = {"id": "7", "userName": "ada@example.com"}
PAGE = b"<html>sign in</html>"


class Service(httpx.BaseTransport):
    """Answers with `replies` in turn; an exception is raised."""

    def __init__(self, *replies: httpx.Response | Exception) -> None:
        self._replies = iter(replies)
        self.requests: list[httpx.Request] = []
        self.closed = False
        self.client = ScimClient(BASE, self, ErrorMessages(BASE, SentTokens(Secret(TOKEN)), {}), user_agent="test/1")

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        reply = next(self._replies)
        if isinstance(reply, Exception):
            raise reply
        return reply

    def close(self) -> None:
        self.closed = True


def scim_error(status: int, detail: str = "no", scim_type: str = "") -> httpx.Response:
    return httpx.Response(status, json={"detail": detail, "status": str(status), "scimType": scim_type})


def listing(*users: dict[str, Any], total: object = None, **renamed: Any) -> httpx.Response:
    body = {"totalResults": len(users) if total is None else total, "Resources": list(users)}
    return httpx.Response(200, json=body | renamed)


Call = Callable[[ScimClient], Any]
READS: dict[str, Call] = {
    "get": lambda client: client.get_user("7"),
    "find": lambda client: client.find_users("userName", "ada"),
    "list": lambda client: client.list_users(dict, page_size=2, progress=lambda *_: None),
}
WRITES: dict[str, Call] = {
    "create": lambda client: client.create_user(ADA),
    "patch": lambda client: client.patch_user("7", {"Operations": []}),
    "delete": lambda client: client.delete_user("7"),
}


# --- requests ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "line", "body"),
    [
        (READS["get"], "GET /scim/Users/7", None),
        (READS["find"], "GET /scim/Users?filter=userName+eq+%22ada%22", None),
        (READS["list"], "GET /scim/Users?startIndex=1&count=2", None),
        (lambda c: c.filter_by_active(active=True), "GET /scim/Users?filter=active+eq+true", None),
        (
            lambda c: c.filter_by_active(active=False, start=3),
            "GET /scim/Users?filter=active+eq+false&startIndex=3",
            None,
        ),
        (
            lambda c: c.filter_by_active(active=False, start=3, cursor="a+b"),
            "GET /scim/Users?filter=active%20eq%20false&cursor=a%2Bb",
            None,
        ),
        (lambda c: c.ask("/Schemas"), "GET /scim/Schemas", None),
        (lambda c: c.ask("/Users", {"count": "2"}), "GET /scim/Users?count=2", None),
        (WRITES["create"], "POST /scim/Users", ADA),
        (WRITES["patch"], "PATCH /scim/Users/7", {"Operations": []}),
        (WRITES["delete"], "DELETE /scim/Users/7", None),
        (lambda client: client.get_user("a b@c+d"), "GET /scim/Users/a%20b%40c%2Bd", None),
        (
            lambda client: client.find_users("externalId", 'a"\\b'),
            "GET /scim/Users?filter=externalId+eq+%22a%5C%22%5C%5Cb%22",
            None,
        ),
    ],
)
def test_each_call_is_one_request(call: Call, line: str, body: Any) -> None:
    service = Service(httpx.Response(404))
    with suppress(ScimError, TargetError):
        call(service.client)
    (request,) = service.requests
    assert f"{request.method} {request.url.raw_path.decode()}" == line
    assert "authorization" not in request.headers  # the transport below adds it
    assert request.headers["user-agent"] == "test/1"
    assert request.headers.get("content-type") == ("application/scim+json" if body else None)
    assert (json.loads(request.content) if body else request.content) == (body or b"")


def test_closing_closes_the_transport() -> None:
    service = Service()
    service.client.close()
    assert service.closed


# --- paging by cursor (RFC 9865) ---------------------------------------------------------------

CURSOR = "a b+/=%&?#é\u202e\u0000\"'~"
ENCODED = "a%20b%2B%2F%3D%25%26%3F%23%C3%A9%E2%80%AE%00%22%27~"
LIST_RESPONSE = ["urn:ietf:params:scim:api:messages:2.0:ListResponse"]
BOB = {"id": "8", "userName": "bob"}


def targets(service: Service) -> list[str]:
    return [request.url.raw_path.decode().removeprefix("/scim") for request in service.requests]


def test_a_list_is_read_by_cursor_if_the_service_says_so() -> None:
    config = httpx.Response(200, json={"pagination": {"cursor": True, "index": False}})
    first = listing(ADA, total=2, nextCursor=CURSOR)
    service = Service(first, config, listing(ADA, total=2, nextCursor=CURSOR), listing(BOB, total=2))
    read = service.client.list_users(dict, page_size=2, progress=lambda *_: None)
    assert (read.problem, [*read.users]) == (None, ["7", "8"])
    assert targets(service) == [
        "/Users?startIndex=1&count=2",
        "/ServiceProviderConfig",
        "/Users?cursor=&count=2",
        f"/Users?cursor={ENCODED}&count=2",
    ]


@pytest.mark.parametrize(
    "config",
    [
        *(httpx.Response(status) for status in (401, 403, 404, 500, 501)),
        httpx.Response(200, content=PAGE),
        httpx.Response(200, content=b"[]"),
        httpx.Response(302, headers={"Location": "https://elsewhere.example.com"}),
        httpx.ReadError("reset"),
    ],
)
def test_what_a_service_does_not_say_is_learnt(config: httpx.Response | Exception) -> None:
    page = listing(ADA, total=2, nextCursor="x")
    service = Service(page, config, page, page, listing(BOB, total=2))
    read = service.client.list_users(dict, page_size=2, progress=lambda *_: None)
    assert (read.problem, [*read.users]) == (None, ["7", "8"])
    assert targets(service)[2:] == ["/Users?startIndex=2&count=1", "/Users?cursor=&count=2", "/Users?cursor=x&count=2"]


def test_a_lookup_follows_cursors_until_a_user_came() -> None:
    empty = listing(total=1, nextCursor=CURSOR)
    service = Service(empty, empty, listing(ADA, total=1))
    assert service.client.find_users("userName", "ada") == [ADA]
    assert targets(service) == [
        "/Users?filter=userName+eq+%22ada%22",
        *[f"/Users?filter=userName%20eq%20%22ada%22&cursor={ENCODED}"] * 2,
    ]


def test_a_lookup_that_does_not_end_is_an_error() -> None:
    service = Service(*[listing(total=1, nextCursor=f"c{number}") for number in range(200)])
    with pytest.raises(ScimError, match=r"^the service says that the filter matches users, .* on 100 pages$"):
        service.client.find_users("userName", "ada")
    assert len(service.requests) == 100


def test_a_lookup_whose_filter_is_ignored_does_not_read_the_whole_list() -> None:
    service = Service(listing(BOB, total=900, nextCursor="c1"))
    assert service.client.find_users("userName", "ada") == [BOB]
    assert len(service.requests) == 1


@pytest.mark.parametrize(("found", "error"), [([ADA], False), ([], True)])
def test_a_cursor_that_cannot_be_followed_matters_only_if_no_user_came(found: list[Any], error: bool) -> None:
    service = Service(listing(*found, total=1, nextCursor={"a": 1}))
    if not error:
        assert service.client.find_users("userName", "ada") == found
        return
    with pytest.raises(ScimError, match=r"^the service's nextCursor is not a string$"):
        service.client.find_users("userName", "ada")


def test_a_filter_and_a_cursor_that_are_too_long_together_are_an_error() -> None:
    service = Service(listing(total=1, nextCursor="x" * 16_000))
    with pytest.raises(ScimError, match=r"^a value is too long for a URL, so nothing was sent$"):
        service.client.find_users("userName", "a" * 60_000)


@pytest.mark.parametrize("body", [{}, {"Resources": []}, {"schemas": LIST_RESPONSE, "totalResults": "x"}])
def test_only_an_answer_that_calls_itself_a_list_may_leave_the_total_out(body: dict[str, Any]) -> None:
    with pytest.raises(TargetError, match=r"\(totalResults\)$"):
        Service(httpx.Response(200, json=body)).client.find_users("userName", "ada")
    found = Service(httpx.Response(200, json={"schemas": LIST_RESPONSE})).client.find_users("userName", "ada")
    assert found == []


@pytest.mark.parametrize("schemas", [None, LIST_RESPONSE])
def test_a_list_by_index_needs_a_total(schemas: list[str] | None) -> None:
    body = {"schemas": schemas, "Resources": [ADA]}
    service = Service(httpx.Response(200, json=body), httpx.Response(404))
    with pytest.raises(TargetError, match=r"\(totalResults\)$"):
        service.client.list_users(dict, page_size=2, progress=lambda *_: None)


# --- reading -----------------------------------------------------------------------------------


def test_a_user_is_read() -> None:
    assert Service(httpx.Response(200, json=ADA)).client.get_user("7") == ADA


def test_a_user_whose_id_is_a_number_is_read() -> None:
    assert Service(httpx.Response(200, json={"id": 7})).client.get_user("7") == {"id": 7}


def test_a_user_that_does_not_exist_is_none() -> None:
    assert Service(scim_error(404)).client.get_user("7") is None


def test_an_answer_with_another_user_is_refused() -> None:
    with pytest.raises(ScimError, match=r"^the service answered with another user( \(id .*\))? than 7$"):
        Service(httpx.Response(200, json={"id": "8"})).client.get_user("7")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'"x"', b"[" * 100_000, b"\xff"])
def test_an_answer_about_one_user_that_is_no_json_object_fails_that_user_only(content: bytes) -> None:
    with pytest.raises(ScimError):
        Service(httpx.Response(200, content=content)).client.get_user("7")


@pytest.mark.parametrize("call", READS)
def test_a_web_page_instead_of_json_stops_the_run(call: str) -> None:
    with pytest.raises(TargetError, match="a web page instead of JSON"):
        READS[call](Service(httpx.Response(200, content=PAGE)).client)


def test_users_are_found() -> None:
    assert Service(listing(ADA)).client.find_users("userName", "ada") == [ADA]


@pytest.mark.parametrize(
    "body",
    [
        {"totalResults": 1, "Resources": [ADA]},
        {"totalResults": "1", "Resources": [ADA]},
        {"totalResults": 1.0, "Resources": [ADA]},
        {"TOTALRESULTS": 1, "resources": [ADA]},
    ],
)
def test_a_list_is_read_whatever_the_case_of_its_keys(body: dict[str, Any]) -> None:
    assert Service(httpx.Response(200, json=body)).client.find_users("userName", "ada") == [ADA]


@pytest.mark.parametrize("resources", [{}, {"Resources": None}, {"Resources": []}])
def test_a_list_without_users_is_empty(resources: dict[str, Any]) -> None:
    found = Service(httpx.Response(200, json={"totalResults": 0, **resources})).client.find_users("userName", "ada")
    assert found == []


@pytest.mark.parametrize("total", [-1, True, "x", 1.5, [], "-1", "²", "1e3", "9" * 5000, 2**63, 1e300])
def test_a_list_without_a_total_is_refused(total: object) -> None:
    with pytest.raises(TargetError, match="without saying how many there are"):
        Service(listing(ADA, total=total)).client.find_users("userName", "ada")


@pytest.mark.parametrize("resources", ["x", {"id": 1}, [1], [ADA, None]])
def test_a_list_of_anything_but_objects_is_refused(resources: object) -> None:
    with pytest.raises(TargetError, match="not JSON objects"):
        Service(listing(total=1, Resources=resources)).client.find_users("userName", "ada")


def test_all_users_are_listed() -> None:
    service = Service(listing(ADA), listing(total=1))
    read = service.client.list_users(dict, page_size=10, progress=lambda *_: None)
    assert (read.users, read.problem) == ({"7": ADA}, None)


def test_the_rest_of_a_long_list_is_read_in_large_pages() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        start, count = (int(request.url.params[name]) for name in ("startIndex", "count"))
        tries = request.extensions[TRIES] = Tries()
        tries.begin(0.0)
        tries.end(0.25)
        seen.append((start, count, request.extensions.get(TRIAL_SECONDS)))
        return listing(*users[start - 1 : start - 1 + count], total=len(users))

    seen: list[tuple[int, int, float | None]] = []
    users = [{"id": str(number)} for number in range(1, 2101)]
    messages = ErrorMessages(BASE, SentTokens(Secret(TOKEN)), {})
    client = ScimClient(BASE, httpx.MockTransport(answer), messages, user_agent="test/1")
    read = client.list_users(dict, page_size=100, progress=lambda *_: None)
    assert (read.problem, len(read.users)) == (None, 2100)
    assert seen[:2] == [(1, 100, None), (1, 1000, LONGEST_LARGE_PAGE)]
    assert sorted(seen[2:4]) == [(1001, 1000, LONGEST_LARGE_PAGE), (2001, 1000, LONGEST_LARGE_PAGE)]
    assert seen[4:] == [(2101, 100, None)]


def test_a_service_without_users_is_not_there() -> None:
    with pytest.raises(TargetError, match=r"^there is no SCIM service at https://scim.example.com/scim/Users \(404\)"):
        READS["list"](Service(scim_error(404)).client)


def test_an_id_in_another_case_is_named() -> None:
    with pytest.raises(ScimError, match=r"another user \(id AB\) than ab: it changes the case of ids"):
        Service(httpx.Response(200, json={**ADA, "id": "AB"})).client.get_user("ab")


@pytest.mark.parametrize("answered", ["8", "", None, True, ["7"], {"value": "7"}, 7.0, "07", " 7"])
def test_a_read_is_about_the_id_that_was_asked_for_only(answered: object) -> None:
    with pytest.raises(ScimError, match=r"^the service answered with another user( \(id .*\))? than 7$"):
        Service(httpx.Response(200, json={**ADA, "id": answered})).client.get_user("7")


@pytest.mark.parametrize("status", [404, 410])
def test_a_web_page_does_not_show_that_a_user_is_gone(status: int) -> None:
    assert Service(scim_error(status)).client.get_user("7") is None
    with pytest.raises(ScimError, match=rf"^the service refused it \({status}\)$"):
        Service(httpx.Response(status, content=PAGE)).client.get_user("7")


def test_a_filter_that_counts_users_and_shows_none_has_not_found_none() -> None:
    with pytest.raises(ScimError, match="says that the filter matches users, but returns none"):
        Service(listing(total=1)).client.find_users("userName", "ada")


def test_a_value_that_is_too_long_for_a_url_is_an_error_of_its_user() -> None:
    service = Service()
    with pytest.raises(ScimError, match=r"^a value is too long for a URL, so nothing was sent$"):
        service.client.find_users("userName", "é" * 20_000)
    assert service.requests == []


ODD_IDS = ["", ".", "..", "a/b", "7/../8", "7?x=1", "7#x", "%2e%2e", "7\n", "7\x00", "x" * 501]


@pytest.mark.parametrize("identity", ODD_IDS)
@pytest.mark.parametrize(
    "call",
    [
        lambda client, identity: client.get_user(identity),
        lambda client, identity: client.patch_user(identity, {"Operations": []}),
        lambda client, identity: client.delete_user(identity),
    ],
    ids=["get", "patch", "delete"],
)
def test_nothing_is_sent_for_an_id_that_would_change_the_url(
    call: Callable[[ScimClient, str], Any], identity: str
) -> None:
    service = Service()
    with pytest.raises(ScimError, match="cannot be used in a URL, so nothing was sent"):
        call(service.client, identity)
    assert service.requests == []


@pytest.mark.parametrize("status", [200, 302, 401, 403, 404, 407, 500])
def test_what_is_asked_is_returned_whatever_the_answer(status: int) -> None:
    service = Service(httpx.Response(status, content=PAGE))
    assert service.client.ask("/Users").status_code == status


def test_a_question_may_be_a_trial() -> None:
    service = Service(httpx.Response(200), httpx.Response(200))
    service.client.ask("/Schemas", seconds=7.0)
    service.client.ask("/Schemas")
    assert [each.extensions.get(TRIAL_SECONDS) for each in service.requests] == [7.0, None]


def test_what_is_asked_must_be_answered() -> None:
    service = Service(httpx.ConnectError("no"), httpx.ReadError("cut"), AnswerTooLargeError("too large"))
    for _ in range(3):
        with pytest.raises(TargetError):
            service.client.ask("/Users")
    with pytest.raises(ScimError, match="too long for a URL"):
        service.client.ask("/Users", {"filter": "x" * 70_000})


# --- writing -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body", [{"id": "8"}, {"id": "7 "}, {"id": "07"}, {"id": True}, {"id": ["7"]}, {"Id": "7"}, [{"id": "7"}], listing]
)
def test_an_answer_to_a_patch_counts_for_the_id_that_was_asked_only(body: Any) -> None:
    found = {"totalResults": 1, "Resources": [ADA]} if body is listing else body
    content = {**ADA, **found} if isinstance(found, dict) and "id" in found else found
    assert WRITES["patch"](Service(httpx.Response(200, json=content)).client) is None


def test_a_number_in_an_answer_is_the_id_of_its_digits() -> None:
    assert WRITES["patch"](Service(httpx.Response(200, json={**ADA, "id": 7})).client) == {**ADA, "id": 7}


@pytest.mark.parametrize("identity", [*ODD_IDS, None, True, [], {}, 1.5, -1])
def test_an_id_in_the_answer_to_a_create_is_checked_like_those_of_lists(identity: object) -> None:
    assert WRITES["create"](Service(httpx.Response(201, json={**ADA, "id": identity})).client) is None


def test_a_location_is_not_followed() -> None:
    service = Service(httpx.Response(201, headers={"Location": f"{BASE}/Users/8"}, content=b""))
    assert WRITES["create"](service.client) is None
    assert len(service.requests) == 1


@pytest.mark.parametrize("call", ["create", "patch"])
def test_a_write_returns_the_user_of_the_answer(call: str) -> None:
    assert WRITES[call](Service(httpx.Response(200, json=ADA)).client) == ADA


@pytest.mark.parametrize("call", ["create", "patch"])
@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"id": ""}', b"\xff", b"[" * 100_000])
def test_an_answer_without_a_user_returns_none(call: str, content: bytes) -> None:
    assert WRITES[call](Service(httpx.Response(200, content=content)).client) is None


@pytest.mark.parametrize("status", [200, 204, 404, 410])
def test_a_user_is_deleted_or_gone_already(status: int) -> None:
    Service(httpx.Response(status)).client.delete_user("7")


def test_a_patch_that_is_not_implemented_was_not_carried_out() -> None:
    with pytest.raises(ScimError) as raised:
        WRITES["patch"](Service(scim_error(501, "Not Implemented")).client)
    assert (type(raised.value), raised.value.status) == (ScimError, 501)


@pytest.mark.parametrize(
    ("answer", "supported"),
    [
        (httpx.Response(200, json={"patch": {"supported": False}}), False),
        (httpx.Response(200, json={"Patch": {"Supported": True}}), True),
        (httpx.Response(200, json={"patch": {"supported": "no"}}), None),
        (httpx.Response(200, json={"patch": False}), None),
        (httpx.Response(200, json=[]), None),
        (httpx.Response(200, content=b"<html>"), None),
        (scim_error(404), None),
        (scim_error(401), None),
        (httpx.ReadTimeout("slow"), None),
    ],
)
def test_a_service_may_declare_whether_it_takes_patch(answer: httpx.Response | Exception, supported: bool) -> None:
    service = Service(answer)
    assert service.client.supports_patch() is supported
    assert str(service.requests[0].url) == f"{BASE}/ServiceProviderConfig"


@pytest.mark.parametrize(
    ("call", "status"),
    [(call, status) for call in WRITES for status in (500, 501, 502, 503, 504) if (call, status) != ("patch", 501)],
)
def test_a_write_that_ends_in_a_server_error_may_have_taken_effect(call: str, status: int) -> None:
    with pytest.raises(UnknownOutcomeError) as raised:
        WRITES[call](Service(scim_error(status, "oops")).client)
    assert raised.value.summary == f'the service refused it ({status}): "oops"'
    assert (raised.value.status, raised.value.detail) == (status, "The request may have taken effect.")


@pytest.mark.parametrize("call", WRITES)
def test_a_write_that_is_answered_with_a_web_page_may_have_taken_effect(call: str) -> None:
    with pytest.raises(UnknownOutcomeError, match="a web page instead of JSON"):
        WRITES[call](Service(httpx.Response(200, content=PAGE)).client)


@pytest.mark.parametrize("call", WRITES)
@pytest.mark.parametrize("status", [400, 409, 412, 422, 429])
def test_a_refused_write_is_about_one_user(call: str, status: int) -> None:
    with pytest.raises(ScimError) as raised:
        WRITES[call](Service(scim_error(status, "taken", "uniqueness")).client)
    assert not isinstance(raised.value, UnknownOutcomeError)
    assert (raised.value.status, raised.value.scim_type) == (status, "uniqueness")
    assert raised.value.summary == f'the service refused it ({status}): "taken"'


# --- answers that concern every request --------------------------------------------------------


@pytest.mark.parametrize("call", [*READS, *WRITES])
@pytest.mark.parametrize("status", [301, 302, 307, 401, 407])
def test_an_answer_that_concerns_every_request_stops_the_run(call: str, status: int) -> None:
    with pytest.raises(TargetError):
        (READS | WRITES)[call](Service(httpx.Response(status)).client)


@pytest.mark.parametrize(
    ("call", "error"),
    [("list", TargetError), ("find", TargetError), ("get", ScimError), *((call, ScimError) for call in WRITES)],
)
def test_a_403_about_one_user_is_about_that_user(call: str, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"forbids the request \(403\)"):
        (READS | WRITES)[call](Service(scim_error(403)).client)


# --- no answer ---------------------------------------------------------------------------------


LOST: Iterable[Exception] = (
    httpx.ReadError("reset"),
    httpx.ReadTimeout("late"),
    httpx.RemoteProtocolError("cut"),
    httpx.DecodingError("bad gzip"),
    AnswerTooLargeError("too large"),
    DeadlineExceededError("too slow"),
)


@pytest.mark.parametrize("lost", LOST, ids=lambda lost: type(lost).__name__)
@pytest.mark.parametrize("call", WRITES)
def test_a_write_whose_answer_is_lost_may_have_taken_effect(call: str, lost: Exception) -> None:
    with pytest.raises(UnknownOutcomeError, match=r"^no usable answer came: ") as raised:
        WRITES[call](Service(lost).client)
    assert (raised.value.status, raised.value.detail) == (0, "The request may have taken effect.")


@pytest.mark.parametrize("lost", LOST, ids=lambda lost: type(lost).__name__)
@pytest.mark.parametrize("call", READS)
def test_a_read_whose_answer_is_lost_stops_the_run(call: str, lost: Exception) -> None:
    expected = "the service does not answer: " if isinstance(lost, httpx.HTTPError) else str(lost)
    with pytest.raises(TargetError, match=f"^{expected}"):
        READS[call](Service(lost).client)


@pytest.mark.parametrize("call", [*READS, *WRITES])
@pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout])
def test_without_a_connection_the_run_stops(call: str, error: type[httpx.HTTPError]) -> None:
    with pytest.raises(TargetError, match=r"^cannot connect to scim\.example\.com: "):
        (READS | WRITES)[call](Service(error("no route")).client)


@pytest.mark.parametrize("error", [TargetError("spent"), StopRequestedError("interrupted")])
@pytest.mark.parametrize("call", [*READS, *WRITES])
def test_what_ends_the_run_below_passes_through(call: str, error: Exception) -> None:
    with pytest.raises(type(error)) as raised:
        (READS | WRITES)[call](Service(error).client)
    assert raised.value is error


@pytest.mark.parametrize(
    ("pages", "advice"), [(0, "Check target.base_url"), (1, "The service answered the pages before it")]
)
def test_what_to_do_about_an_answer_without_bounds_depends_on_the_page(pages: int, advice: str) -> None:
    first = [listing({"id": "1"}, {"id": "2"}, total=4)] * pages
    service = Service(*first, *[AnswerTooLargeError("the service's answer is larger than 64 MiB")] * 2)
    with pytest.raises(TargetError, match="larger than 64 MiB") as caught:
        service.client.list_users(dict, page_size=2, progress=lambda *_: None)
    assert (caught.value.detail or "").startswith(advice)
