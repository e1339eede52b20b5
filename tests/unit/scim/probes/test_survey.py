from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders import APPLE, SCIM
from support.probing import Change, ProbedService, facts, survey
from support.servers.fake_scim import FakeScimServer
from support.servers.http_server import HttpServer, Reply, Request, padded
from support.servers.kinds import KINDS
from support.servers.patching import ENTERPRISE
from support.servers.plain_scim import PlainScim
from support.servers.server_faults import ServerFaults
from support.servers.service_habits import ServiceHabits
from support.servers.users import make_user

from reconciler.core.check import Answer, CheckVerdict
from reconciler.errors import TargetError
from reconciler.sandbox.quirks import Quirks
from reconciler.sandbox.seed import seed
from reconciler.sandbox.server import start
from reconciler.scim.probes.asking import MAX_REQUESTS
from reconciler.scim.probes.users import ABOUT_SEEN
from reconciler.scim.read_budget import TimeOverError
from reconciler.session.connection import AnswerBounds, connect, open_client

OK, WARNING, FAILED, SKIPPED = CheckVerdict
BOUNDS = AnswerBounds(read_seconds=1.0, max_bytes=1024**2)


def check_server(base_url: str, token: str, profile: Any = SCIM) -> dict[str, Answer]:
    """Check a service over a socket, with the client of a check."""
    environment = {"RECONCILER_TOKEN": token, "RECONCILER_ALLOWED_HOSTS": "127.0.0.1"}
    with open_client(connect(base_url, SCIM, environment), writes=False, bounds=BOUNDS) as client:
        return survey(client.ask, profile)


# --- services that plans and applies work with -----------------------------------------------------


@pytest.mark.parametrize("faults", KINDS)
def test_no_kind_of_service_that_works_fails(faults: ServerFaults) -> None:
    with FakeScimServer(faults, [make_user(n) for n in range(7)]) as service:
        answers = check_server(service.base_url, service.token)
        assert [each for each in answers.values() if each.verdict is FAILED] == []
        assert set(service.counts) == {"GET"}
        assert len(service.log) <= 30


def test_scim2_server() -> None:
    with PlainScim([make_user(n) for n in range(4)]) as service:
        answers = check_server(service.base_url, service.token)
        assert {method for method, _target in service.requests} == {"GET"}
    assert [each for each in answers.values() if each.verdict is FAILED] == []
    assert answers["discovery"].summary == "the service has /ServiceProviderConfig, /Schemas, /ResourceTypes"
    assert facts(answers["projection"]) == {"attributes": True, "excluded_attributes": True}
    assert facts(answers["filter_others"])["sw"] == "nobody"


@pytest.mark.parametrize(
    ("habits", "question", "verdict"),
    [
        (ServiceHabits(hides_active=True), "active", OK),
        (ServiceHabits(hides_active=False), "active", WARNING),
        (ServiceHabits(cursors=True, page=3), "paging", OK),
        (ServiceHabits(hides_inactive=True), "users", OK),
        (ServiceHabits(empty_every=9), "groups", OK),
        (ServiceHabits(lag=3600), "users", OK),
    ],
)
def test_habits_of_services(habits: ServiceHabits, question: str, verdict: CheckVerdict) -> None:
    users = [make_user(n, active=n % 2 == 0) for n in range(9)]
    answers = ProbedService(users=users, habits=habits).check()
    assert answers[question].verdict is verdict


# --- the sandbox -----------------------------------------------------------------------------------

PEOPLE = [
    {
        "id": f"GN-{n}",
        "userName": f"Person.{n}@example.com",
        "externalId": f"ext-{n}",
        "name": {"givenName": "Ada", "familyName": "Lovelace"},
        "active": n != 3,
        "emails": [{"value": f"person.{n}@example.com", "primary": True}],
        ENTERPRISE: {"department": "Engineering"},
    }
    for n in range(1, 6)
]


@pytest.fixture
def check_sandbox(tmp_path: Path) -> Callable[..., dict[str, Answer]]:
    file = tmp_path / "sandbox.db"
    seed(file, {"domains": ["example.com"], "users": PEOPLE})

    def check(quirks: Quirks) -> dict[str, Answer]:
        running = start(file, quirks=quirks)
        try:
            return check_server(running.base_url, running.token, APPLE)
        finally:
            running.close()

    return check


def test_the_sandbox_is_as_the_profile_says(check_sandbox: Callable[..., dict[str, Answer]]) -> None:
    answers = check_sandbox(Quirks())
    assert {each.question for each in answers.values() if each.verdict in (WARNING, FAILED)} == set()
    assert answers["open_questions"].summary.startswith(
        "15 of 15 open questions about Apple Business Manager have an answer above"
    )
    assert facts(answers["read_by_id"])["id_begins_with_gn"] is True


@pytest.mark.parametrize(
    ("quirks", "question", "verdict", "shown"),
    [
        ({"discovery": "rfc"}, "discovery", OK, {"config": 200, "schemas": 200, "resource_types": 200}),
        ({}, "discovery", OK, {"config": 404, "schemas": 404, "resource_types": 404}),
        ({"endpoints": "rfc", "discovery": "rfc"}, "groups", OK, {}),
        ({"filters": "rfc", "discovery": "rfc"}, "filter_others", OK, {"sw": "nobody"}),
        ({}, "filter_others", OK, {"sw": "refused", "scim_type": "invalidFilter"}),
        ({"etag": True}, "etag", OK, {"etag": True}),
        ({}, "etag", OK, {"etag": False, "version": False}),
        ({"page_cap": 3}, "page_size", WARNING, {"profile": 200, "returned": 3}),
        ({}, "page_size", OK, {"returned": 5}),
        ({"items_per_page": "zero"}, "paging", OK, {"items_per_page": "zero"}),
        ({"items_per_page": "absent"}, "paging", OK, {"items_per_page": "absent"}),
        ({"list_hides_n": 2}, "users", OK, {"users": 3}),
        ({"resources_absent_when_empty": True}, "filter_nobody", OK, {"outcome": "nobody"}),
        ({"lowercase_username": False}, "user_name_case", OK, {"with_capitals": 5}),
        ({}, "user_name_case", OK, {"with_capitals": 0}),
        ({"omit_active_when_true": False}, "active", WARNING, {"true": 4, "false": 1, "absent": 0}),
        ({}, "active", OK, {"true": 0, "false": 1, "absent": 4}),
        ({"omit_primary": False, "unknown_attr": "store"}, "primary", OK, {"with_primary": 5}),
        ({}, "primary", OK, {"with_primary": 0}),
        ({"in_between": "login_page"}, "users", FAILED, {"status": 200}),
        ({"in_between": "redirect"}, "users", FAILED, {}),
        ({"in_between": "proxy_password"}, "users", FAILED, {"status": 407}),
        ({"in_between": "proxy_error"}, "users", FAILED, {}),
        ({"activation": 60}, "users", FAILED, {"status": 403}),
        ({"rate_limit": 8}, "users", OK, {}),
        ({"html_errors": True}, "users", OK, {}),
    ],
)
def test_quirks_of_the_sandbox(
    check_sandbox: Callable[..., dict[str, Answer]],
    quirks: dict[str, Any],
    question: str,
    verdict: CheckVerdict,
    shown: dict[str, Any],
) -> None:
    found = check_sandbox(Quirks(**quirks))[question]
    assert found.verdict is verdict
    assert shown.items() <= facts(found).items()


# --- the time of a check --------------------------------------------------------------------------


@pytest.mark.parametrize("requests", range(30))
def test_what_the_time_did_not_suffice_for_is_skipped_and_nothing_else(requests: int) -> None:
    service = ProbedService()
    whole = service.check()
    asked = 0

    def ask(path: str, parameters: Mapping[str, str] | None = None) -> httpx.Response:
        nonlocal asked
        asked += 1
        if asked > requests:
            raise TimeOverError("the time is over")
        return service.ask(path, parameters)

    answers = survey(ask)
    # How many users came, and how many requests were sent, is part of these.
    rest = {name: each for name, each in answers.items() if name not in (*ABOUT_SEEN, "rate_limit")}
    skipped = {each.summary for name, each in rest.items() if each.verdict is SKIPPED is not whole[name].verdict}
    assert skipped == ({"not asked: the time is over"} if requests < asked else set())
    others = {name: each for name, each in rest.items() if each.verdict is not SKIPPED}
    assert {name: whole[name] for name in others} == others
    assert {answers[name].verdict for name in ABOUT_SEEN} <= {SKIPPED, *(whole[name].verdict for name in ABOUT_SEEN)}


# --- faults ----------------------------------------------------------------------------------------


@cache
def _many_users() -> bytes:
    users = [make_user(n, id=str(n)) for n in range(10_000)]
    return json.dumps({"totalResults": 10_000, "Resources": users}).encode()


FAULTS: dict[str, Callable[[], httpx.Response]] = {
    "500": lambda: httpx.Response(500, json={"detail": "no"}),
    "HTML": lambda: httpx.Response(200, content=b"<!doctype html><title>Sign in</title>"),
    "HTML 404": lambda: httpx.Response(404, content=b"<html>"),
    "truncated": lambda: httpx.Response(200, content=b'{"totalResults": 5, "Resources": [{"id"'),
    "no body": lambda: httpx.Response(204),
    "wrong types": lambda: httpx.Response(200, json={"totalResults": ["5"], "Resources": {"id": [1]}, "id": {}}),
    "array": lambda: httpx.Response(200, json=[{"totalResults": 5}]),
    "401": lambda: httpx.Response(401, json={}),
    "302": lambda: httpx.Response(302, headers={"location": "https://example.org/"}),
    "10,000 users": lambda: httpx.Response(200, content=_many_users()),
}
REQUESTS: dict[str, tuple[Callable[[str, Mapping[str, str]], bool], set[str]]] = {
    "first": (lambda path, p: path == "/Users" and p == {"startIndex": "1", "count": "2"}, {"users", "paging"}),
    "many": (lambda _path, p: p.get("count") == "1000", {"page_size"}),
    "default": (lambda path, p: path == "/Users" and not p, {"default_page_size"}),
    "following": (lambda _path, p: p.get("startIndex") == "3", {"paging"}),
    "between": (lambda _path, p: p.get("startIndex") == "2", {"paging"}),
    "beyond": (lambda _path, p: p.get("startIndex") == "6", {"list_end"}),
    "nobody": (lambda _path, p: p.get("filter", "").startswith('userName eq "reconciler'), {"filter_nobody"}),
    "name": (lambda _path, p: p.get("filter", "").startswith('userName eq "ada'), {"filter_user_name", "filter_case"}),
    "case": (lambda _path, p: p.get("filter", "").startswith('userName eq "ADA'), {"filter_case"}),
    "external": (lambda _path, p: p.get("filter", "").startswith("externalId eq"), {"filter_external_id"}),
    "by id": (lambda path, p: path == "/Users/1" and not p, {"read_by_id"}),
    "unknown id": (lambda path, _p: path.startswith("/Users/reconciler"), {"unknown_user"}),
    "unknown endpoint": (lambda path, _p: path.startswith("/ReconcilerCheck"), {"unknown_endpoint"}),
    "config": (lambda path, _p: path == "/ServiceProviderConfig", {"discovery", "service_config"}),
}
HARMLESS = {("500", "many")}
"""Reads after which the answers are true: the service then answers to a smaller count."""


@pytest.mark.parametrize("request_name", REQUESTS)
@pytest.mark.parametrize("fault", FAULTS)
def test_no_fault_is_called_ok(fault: str, request_name: str) -> None:
    meant, questions = REQUESTS[request_name]
    answer = FAULTS[fault]
    hit = 0

    def change(path: str, parameters: Mapping[str, str], response: httpx.Response) -> httpx.Response:
        nonlocal hit
        hit += meant(path, parameters)
        return answer() if meant(path, parameters) else response

    answers = ProbedService(change=change).check()
    assert hit
    if (fault, request_name) in HARMLESS:
        return
    assert {name: answers[name].verdict for name in questions if name in answers and answers[name].verdict is OK} == (
        _true_in_spite_of(fault, request_name)
    )


def _true_in_spite_of(fault: str, request_name: str) -> dict[str, CheckVerdict]:
    """Return the questions that such an answer is an honest answer to."""
    honest: dict[tuple[str, str], set[str]] = {
        ("wrong types", "config"): {"discovery"},
        ("10,000 users", "config"): {"discovery"},
        ("HTML 404", "config"): {"discovery"},
        ("10,000 users", "first"): {"users"},
        ("10,000 users", "default"): {"default_page_size"},
    }
    return dict.fromkeys(honest.get((fault, request_name), set()), OK)


@pytest.mark.parametrize("fault", [*FAULTS, "nothing"])
def test_a_service_with_the_fault_in_every_answer_fails(fault: str) -> None:
    def change(_path: str, _parameters: Mapping[str, str], _response: httpx.Response) -> httpx.Response:
        if fault == "nothing":
            raise TargetError("down")
        return FAULTS[fault]()

    answers = ProbedService(change=change).check()
    assert FAILED in {each.verdict for each in answers.values()}
    passed = {name for name, each in answers.items() if each.verdict is OK}
    assert passed <= {"patch", "rate_limit", "groups", *_harmless(fault)}


def _harmless(fault: str) -> set[str]:
    lists = """users total list_end default_page_size filter_id filter_others active user_name_case external_id
        enterprise last_modified primary"""
    return {"discovery"} | set(lists.split() if fault == "10,000 users" else ())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from("totalResults Resources itemsPerPage id userName externalId active meta emails".split())
            | st.text(max_size=3),
            inner,
            max_size=5,
        )
    ),
    max_leaves=10,
)


@given(st.lists(st.tuples(st.sampled_from([200, 201, 204, 400, 404, 500]), JSON), min_size=1, max_size=8))
def test_no_answer_of_a_service_is_a_traceback(script: list[tuple[int, Any]]) -> None:
    replies = [httpx.Response(status, content=json.dumps(body).encode()) for status, body in script]
    asked = 0

    def ask(_path: str, _parameters: Mapping[str, str] | None) -> httpx.Response:
        nonlocal asked
        asked += 1
        return replies[asked % len(replies)]

    survey(ask, APPLE)
    assert asked <= MAX_REQUESTS


# --- what is not passed on -------------------------------------------------------------------------

PLANTED = "Zaphod.Beeblebrox"


def _plant(value: Any) -> Any:
    """Put a name in every text of a document, but for those that decide what the document is."""
    if isinstance(value, dict):
        planted = {name: each if name == "schemas" else _plant(each) for name, each in value.items()}
        return planted | {PLANTED: PLANTED}
    if isinstance(value, list):
        return [*map(_plant, value)]
    return f"{PLANTED}{value}" if isinstance(value, str) else value


def plant(_path: str, _parameters: Mapping[str, str], response: httpx.Response) -> httpx.Response:
    headers = {"content-type": f"text/{PLANTED}", "etag": PLANTED, f"x-ratelimit-{PLANTED}": PLANTED}
    return httpx.Response(response.status_code, headers=headers, json=_plant(response.json()))


def plant_web_page(_path: str, _parameters: Mapping[str, str], _response: httpx.Response) -> httpx.Response:
    return httpx.Response(500, content=f"<html>{PLANTED}".encode())


@pytest.mark.parametrize("change", [plant, plant_web_page, lambda *given: given[-1]])
@pytest.mark.parametrize("faults", [ServerFaults(), ServerFaults(ignore_filter=True), ServerFaults(page_cap=2)])
def test_no_answer_holds_a_text_of_the_service(faults: ServerFaults, change: Change) -> None:
    users = [
        make_user(n, id=f"{PLANTED}-{n}", userName=f"{PLANTED}{n}@{PLANTED}.example", externalId=f"{PLANTED}-{n}")
        for n in range(5)
    ]
    answers = ProbedService(faults, users, change=change).check(APPLE)
    assert PLANTED.casefold() not in repr(answers).casefold()
    assert {type(value) for answer in answers.values() for _, value in answer.facts} <= {str, int, bool, type(None)}


# --- bounds ----------------------------------------------------------------------------------------


class Endless:
    """Answers every request with a body that does not end within the bounds."""

    def __init__(self, *, drip: bool) -> None:
        self.drip = drip
        self.requests = 0

    def __call__(self, _request: Request) -> Reply:
        self.requests += 1
        headers = {"Content-Type": "application/scim+json"}
        if self.drip:
            return Reply(status=200, headers=headers, body=b'{"totalResults": 1}', drip=1.0)
        return Reply(status=200, headers=headers, chunks=padded(b"{}", 64 * 1024**2))


@pytest.mark.parametrize(("drip", "failure"), [(True, "no answer in time"), (False, "no answer: it is too large")])
def test_a_body_that_does_not_end(drip: bool, failure: str) -> None:
    service = Endless(drip=drip)
    server = HttpServer(service)
    try:
        answers = check_server(f"http://127.0.0.1:{server.server_port}/scim", "t")
    finally:
        server.close()
    assert answers["users"].summary == f"users cannot be listed: {failure}"
    assert service.requests <= 6


def test_a_list_that_is_too_large_for_a_check() -> None:
    with FakeScimServer(ServerFaults(huge_body=8 * 1024**2)) as service:
        answers = check_server(service.base_url, service.token)
    assert answers["users"].summary == "users cannot be listed: no answer: it is too large"


def test_refusals_for_the_rate_are_counted() -> None:
    def refuse(path: str, _parameters: Mapping[str, str], response: httpx.Response) -> httpx.Response:
        return httpx.Response(429, json={}) if path == "/Groups" else response

    found = ProbedService(change=refuse).check()["rate_limit"]
    assert (found.verdict, facts(found)["throttled"]) == (WARNING, 1)
    assert ProbedService().check()["rate_limit"].verdict is OK


def test_open_questions_are_those_of_a_known_service() -> None:
    assert "open_questions" not in ProbedService().check()
    few = ProbedService(users=[]).check(APPLE)["open_questions"]
    assert (few.verdict, facts(few)["answered"] < facts(few)["questions"]) == (OK, True)
