"""Services that page by cursor (RFC 9865), over real sockets."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from scim2_models import Pagination
from support.servers.cursors import HARD, CursorFaults
from support.servers.fake_scim import FakeScimServer, Logged, ServerFaults, make_user
from support.servers.plain_scim import PlainScim
from support.workspace import CommandResult, OpenWorkspace, Workspace, source

COMES_TO_REST: dict[str, tuple[CursorFaults, int]] = {
    "startIndex ignored": (CursorFaults(), 4),
    "startIndex ignored, announced": (CursorFaults(announced=True), 2),
    "startIndex refused": (CursorFaults(index="refused"), 2),
    "startIndex refused, announced": (CursorFaults(index="refused", announced=True), 2),
    "a cursor only on request": (CursorFaults(only_on_request=True, announced=True), 4),
    "an empty cursor refused": (CursorFaults(refuses_empty=True), 5),
    "an empty cursor refused, startIndex too": (CursorFaults(refuses_empty=True, index="refused"), 3),
    "no total": (CursorFaults(no_total=True, announced=True), 2),
    "numbers as cursors": (CursorFaults(number=True, announced=True), 2),
    "one user on a page": (CursorFaults(page=1, announced=True), 2),
    "long cursors": (CursorFaults(longer=8000, announced=True), 2),
    "a cursor on the last page": (CursorFaults(never_ends=True, announced=True), 3),
    "empty pages between the others": (CursorFaults(empty_pages=1, announced=True), 4),
    "an expired cursor, twice": (CursorFaults(expire=2, announced=True), 6),
    "an expired cursor that is called invalid": (
        CursorFaults(expire=1, expire_type="invalidCursor", announced=True),
        4,
    ),
}
"""Each with the most requests that the list takes beyond its three pages."""


def open_cursors(open_workspace: OpenWorkspace, faults: ServerFaults) -> tuple[FakeScimServer, Workspace]:
    service = FakeScimServer(faults)
    workspace = open_workspace(service)
    desire(workspace, 25)
    return service, workspace


def desire(workspace: Workspace, count: int, **changed: Any) -> None:
    workspace.users([source(make_user(number), **(changed if number == count - 1 else {})) for number in range(count)])


LAST = str(make_user(24)["userName"])


def inactive(service: FakeScimServer) -> list[str]:
    return [user["userName"] for user in service.users.values() if not user["active"]]


def reads(entries: list[Logged]) -> list[Logged]:
    return [entry for entry in entries if entry.method == "GET" and "filter" not in entry.query]


@pytest.mark.parametrize("name", COMES_TO_REST)
def test_a_service_that_pages_by_cursor_comes_to_rest(name: str, open_workspace: OpenWorkspace) -> None:
    cursors, more = COMES_TO_REST[name]
    service, workspace = open_cursors(open_workspace, ServerFaults(cursors=cursors))
    created = workspace.apply()
    assert created.code == 0, created.out + created.err
    assert service.counts["POST"] == 25
    assert len(service.users) == 25
    before = len(service.log)
    assert "No changes." in workspace.run("plan").out
    lists = [entry for entry in service.log[before:] if entry.path != "/ServiceProviderConfig"]
    one_by_one = [entry for entry in reads(lists) if entry.path != "/Users"]
    pages = -(-25 // cursors.page)
    assert len(reads(lists)) - len(one_by_one) <= pages + more
    assert len(service.log[before:]) - len(lists) <= 1
    # The last user of the last page leaves, and comes back.
    desire(workspace, 25, accountEnabled=False)
    assert workspace.apply().code == 0
    assert inactive(service) == [LAST]
    assert "No changes." in workspace.run("plan").out
    desire(workspace, 25)
    assert workspace.apply().code == 0
    assert inactive(service) == []
    assert len(service.users) == 25


def test_a_user_that_leaves_on_the_last_page_is_removed(open_workspace: OpenWorkspace) -> None:
    service = FakeScimServer(ServerFaults(cursors=CursorFaults()), [make_user(number) for number in range(25)])
    workspace = open_workspace(service)
    desire(workspace, 24)
    result = workspace.apply("-v")
    assert result.code == 0
    assert inactive(service) == [LAST]
    assert result.err.count("The service pages by cursor (RFC 9865)") == 1


def test_a_list_without_a_total_and_without_a_cursor_is_not_taken_for_a_whole_one(
    open_workspace: OpenWorkspace,
) -> None:
    """A service that does not say that it pages by cursor may have more users than these."""
    service = FakeScimServer(ServerFaults(cursors=CursorFaults(no_total=True)), [make_user(0)])
    workspace = open_workspace(service)
    desire(workspace, 2)
    result = workspace.apply()
    assert (result.code, service.writes) == (1, [])
    assert "without saying how many there are (totalResults)" in result.err


def test_a_cursor_is_sent_back_as_it_came(open_workspace: OpenWorkspace) -> None:
    service, workspace = open_cursors(open_workspace, ServerFaults(cursors=CursorFaults(announced=True)))
    workspace.apply()
    before = len(service.log)
    workspace.run("plan")
    targets = [entry.target for entry in service.log[before:] if "cursor" in entry.query]
    assert targets == [
        "/Users?cursor=&count=200",
        f"/Users?cursor=10{quote(HARD, safe='')}&count=200",
        f"/Users?cursor=20{quote(HARD, safe='')}&count=200",
    ]


@pytest.mark.parametrize("cursors", [CursorFaults(index="works"), CursorFaults(index="works too")])
@pytest.mark.parametrize("announced", [True, False])
def test_a_service_that_pages_by_index_too_is_read_by_index(
    cursors: CursorFaults, announced: bool, open_workspace: OpenWorkspace
) -> None:
    faults = ServerFaults(cursors=CursorFaults(index=cursors.index, announced=announced), page_cap=10)
    service, workspace = open_cursors(open_workspace, faults)
    assert workspace.apply().code == 0
    assert "No changes." in workspace.run("plan").out
    assert not any("cursor" in entry.query for entry in service.log)


CURSOR = r"""cursor "10 +&=%2F/?#;:@\"'\\<>[]{}|^`~!$*(),é\u{2028}\u{0}\u{202e}"""
REFUSED: dict[str, tuple[CursorFaults, str]] = {
    "a loop": (CursorFaults(loops_at=15), 'cursor "0 '),
    "the same cursor again and again": (CursorFaults(repeats=True), "the list does not end: the service repeats the"),
    "pages without users, without end": (CursorFaults(empty_pages=2), "the list does not end"),
    "no text": (CursorFaults(no_text=True), "the service's nextCursor is not a string"),
    "too long": (CursorFaults(longer=20_000), "the service's nextCursor is too long for a URL: "),
    "always expired": (CursorFaults(expire=99), f"the service does not accept its own {CURSOR}"),
    "expired, with a time": (
        CursorFaults(expire=99, announced=True),
        "(400 expiredCursor; it says that cursors are valid for 5 seconds) (3 attempts)",
    ),
    "always invalid": (CursorFaults(expire=99, expire_type="invalidCursor"), "(400 invalidCursor) (3 attempts)"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_cursor_that_cannot_be_followed_is_named(name: str, open_workspace: OpenWorkspace) -> None:
    cursors, message = REFUSED[name]
    service = FakeScimServer(ServerFaults(cursors=cursors), [make_user(number) for number in range(25)])
    workspace = open_workspace(service)
    desire(workspace, 20)
    result = workspace.apply()
    assert (result.code, service.writes) == (3, []), result.out + result.err
    assert f"Blocked: the live users could not be read completely: {message}" in result.out or message in blocked(
        result
    )
    assert len(service.log) < 400


def blocked(result: CommandResult) -> str:
    return next(line for line in result.out.splitlines() if line.startswith("Blocked: "))


ODD: dict[str, tuple[ServerFaults, str]] = {
    "caps the total": (ServerFaults(cursors=CursorFaults(), claim_total=20), "but lists more"),
    "claims more": (ServerFaults(cursors=CursorFaults(), claim_total=30), "but lists 25 (3 attempts)"),
    "claims the size of a page": (ServerFaults(cursors=CursorFaults(), claim_total=10), "but lists more"),
    "shuffles": (ServerFaults(cursors=CursorFaults(), unstable_order=True), "(3 attempts)"),
    "a page fails": (
        ServerFaults(cursors=CursorFaults(announced=True), error_on_page=3, error_times=None, error_status=501),
        "(the page at cursor",
    ),
}


@pytest.mark.parametrize("name", ODD)
def test_a_list_by_cursor_is_complete_or_decides_nothing(name: str, open_workspace: OpenWorkspace) -> None:
    faults, message = ODD[name]
    service = FakeScimServer(faults, [make_user(number) for number in range(25)])
    workspace = open_workspace(service)
    desire(workspace, 20)
    result = workspace.apply()
    assert (result.code, service.writes) == (3, []), result.out + result.err
    assert message in blocked(result)


def test_without_a_total_the_filters_must_work(open_workspace: OpenWorkspace) -> None:
    faults = ServerFaults(cursors=CursorFaults(no_total=True), filter_unsupported=501)
    service = FakeScimServer(faults, [make_user(number) for number in range(25)])
    workspace = open_workspace(service)
    desire(workspace, 26)
    result = workspace.apply()
    assert (result.code, service.writes) == (3, [])
    assert "nothing shows that the list is whole" in blocked(result)


# --- scim2-server, which has cursors of its own ------------------------------------------------

CURSOR_METHOD = Pagination.DefaultPaginationMethod.cursor
PLAIN = {
    "cursors only": (Pagination(cursor=True, index=False, max_page_size=10), True),
    "cursors only, for ten seconds": (Pagination(cursor=True, index=False, max_page_size=7, cursor_timeout=10), True),
    "both, cursors by default": (
        Pagination(cursor=True, index=True, default_pagination_method=CURSOR_METHOD, max_page_size=10),
        False,
    ),
    "both": (Pagination(cursor=True, index=True, max_page_size=10), False),
}


@pytest.mark.parametrize("name", PLAIN)
def test_scim2_server_with_cursors_comes_to_rest(name: str, open_workspace: OpenWorkspace) -> None:
    pagination, by_cursor = PLAIN[name]
    service = PlainScim([make_user(number) for number in range(20)], pagination=pagination)
    workspace = open_workspace(service)
    desire(workspace, 25)
    assert workspace.apply().code == 0
    assert any("cursor=" in target for _, target in service.requests) is by_cursor
    before = len(service.requests)
    assert "No changes." in workspace.run("plan").out
    assert len(service.requests) - before < 20
    desire(workspace, 24)
    assert workspace.apply().code == 0
    found = {user["userName"]: user["active"] for user in service.users()}
    assert (len(found), [name for name, active in found.items() if not active]) == (25, [LAST])
    assert "No changes." in workspace.run("plan").out
