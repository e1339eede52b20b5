"""Lists of which another process converts the pages: the same live state as without it, and the same errors."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from support.builders import MAPPINGS, OWNED, SCIM, desired, resource
from support.page_helper import PageHelper, helper_of
from support.servers.fake_scim import TOKEN, FakeScimServer
from support.servers.http_server import HttpServer, Reply, Request
from support.servers.kinds import KINDS
from support.servers.server_faults import ServerFaults
from support.servers.users import make_user

from reconciler.core.model import DesiredUser
from reconciler.core.planning.live_user import LiveReader
from reconciler.core.planning.request import LiveState
from reconciler.errors import ReconcilerError
from reconciler.scim.live_read import Joining, read_live
from reconciler.session.connection import connect, open_client

READER = LiveReader(SCIM, MAPPINGS, OWNED)
PAGE = 4
LISTS = [
    *(replace(kind, page_cap=PAGE) if kind.cursors is None else kind for kind in KINDS),
    *(ServerFaults(page_cap=PAGE, **{name: 2}) for name in ("short_page", "duplicate_on_page")),
    *(ServerFaults(page_cap=PAGE, **{name: 9}) for name in ("cap_total", "cap_depth", "claim_total")),
    ServerFaults(page_cap=PAGE, ignore_start_index=True),
    ServerFaults(page_cap=PAGE, total_missing=True),
    ServerFaults(page_cap=PAGE, user_without_id="3"),
]


def read(base_url: str, token: str, wanted: list[DesiredUser], helper: PageHelper | None) -> LiveState | str:
    to = connect(base_url, SCIM, {"RECONCILER_TOKEN": token, "RECONCILER_ALLOWED_HOSTS": "127.0.0.1"})
    try:
        with open_client(to, writes=False) as client:
            return read_live(
                client,
                READER,
                wanted,
                MAPPINGS,
                page_size=PAGE,
                progress=lambda *_: None,
                joining=Joining(helper=helper),
            )
    except ReconcilerError as exc:
        return f"{exc.summary} {exc.detail}"


@pytest.mark.parametrize("faults", LISTS, ids=str)
def test_the_live_state_is_the_same_whatever_the_service(faults: ServerFaults) -> None:
    found, helper = [], helper_of(READER)
    for each in (None, helper):
        with FakeScimServer(faults, users=[make_user(number) for number in range(15)]) as service:
            found.append(read(service.base_url, TOKEN, [], each))
    assert found[1] == found[0]
    assert helper.answers or faults.cursors is not None or faults.total_missing


USERS = [resource(f"u{number}") for number in range(12)]


def listing(users: list[Any], total: object = len(USERS)) -> bytes:
    return json.dumps({"totalResults": total, "Resources": users}).encode()


@contextmanager
def serving(second: Callable[[list[Any]], bytes]) -> Iterator[str]:
    """A service whose second page is what `second` makes of its users."""

    def answer(request: Request) -> Reply:
        url = urlsplit(request.target)
        if url.path.startswith("/scim/Users/"):
            return Reply(status=200, body=json.dumps(next(u for u in USERS if url.path.endswith(u["id"]))).encode())
        query = parse_qs(url.query)
        if "startIndex" not in query:
            return Reply(status=400, body=b"{}")
        start = int(query["startIndex"][0])
        users = USERS[start - 1 :][: int(query["count"][0])]
        return Reply(status=200, body=second(users) if start == PAGE + 1 else listing(users))

    server = HttpServer(answer)
    try:
        yield f"http://127.0.0.1:{server.server_port}/scim"
    finally:
        server.close()


SECOND: dict[str, Callable[[list[Any]], bytes]] = {
    "usual": listing,
    "empty": lambda _users: b"",
    "no users": lambda _users: listing([]),
    "cut": lambda users: listing(users)[:-3],
    "not JSON": lambda _users: b"<html>",
    "not an object": lambda _users: b"[]",
    "another total": lambda users: listing(users, 13),
    "no total": lambda users: listing(users, None),
    "repeated": lambda _users: listing(USERS[:PAGE]),
    "one twice": lambda users: listing([*users[:-1], USERS[0]]),
    "no id": lambda users: listing([*users[:-1], {}]),
    "a bad id": lambda users: listing([{**users[0], "id": "../x"}, *users[1:]]),
    "no object": lambda users: listing([*users[:-1], 7]),
    "a lone surrogate": lambda users: listing([{**users[0], "userName": "\ud800"}, *users[1:]]),
    "inactive, not owned, unreadable": lambda users: listing(
        [{**users[0], "active": False}, {**users[1], "externalId": None}, {**users[2], "active": 7}, *users[3:]]
    ),
}


@pytest.mark.parametrize("second", SECOND)
@pytest.mark.parametrize("dies", [False, True])
def test_errors_are_the_same_whatever_a_page_has(second: str, dies: bool) -> None:
    wanted = [desired(f"u{number}") for number in range(12)]
    helper = PageHelper(lambda _body: None) if dies else helper_of(READER)
    with serving(SECOND[second]) as base_url:
        expected = read(base_url, "t0ken", wanted, None)
        assert read(base_url, "t0ken", wanted, helper) == expected
    if second == "usual":
        assert isinstance(expected, LiveState)
        assert (expected.problem, len(expected.users)) == (None, 12)
