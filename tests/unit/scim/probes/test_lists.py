from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import httpx
import pytest
from support.builders import APPLE
from support.probing import USERS, ProbedService, facts
from support.servers.cursors import CursorFaults
from support.servers.server_faults import ServerFaults
from support.servers.users import make_user

from reconciler.core.check import CheckVerdict
from reconciler.scim.probes.lists import MANY
from reconciler.scim.probes.verdicts import REPORT

OK, WARNING, FAILED, SKIPPED = CheckVerdict
QUESTIONS = ("users", "page_size", "default_page_size", "paging", "list_end", "total")


def many(count: int) -> list[dict[str, Any]]:
    return [make_user(n) for n in range(count)]


def test_a_service_that_follows_the_rfc() -> None:
    service = ProbedService(users=many(300))
    answers = service.check()
    assert {answers[each].verdict for each in QUESTIONS} == {OK}
    assert answers["users"].summary == "the service lists 300 users"
    assert answers["page_size"].summary == "a page holds 300 users: the profile says 200 users per page"
    assert answers["default_page_size"].summary == "without a count, 100 users come, of 300"
    assert facts(answers["paging"]) == {"items_per_page": "right", "cursor": False, "adjacent": True}
    counts = [entry.query["count"] for entry in service.log if "count" in entry.query and entry.path == "/Users"]
    assert max(map(int, counts)) == MANY
    assert len(service.log) <= 30


@pytest.mark.parametrize(
    ("faults", "question", "verdict", "summary"),
    [
        (
            ServerFaults(page_cap=100),
            "page_size",
            WARNING,
            "the profile says 200 users per page, the service returned 100",
        ),
        (ServerFaults(page_cap=200), "page_size", OK, "a page holds 200 users: the profile says 200 users per page"),
        (
            ServerFaults(reject_count_above=200),
            "page_size",
            OK,
            "a page holds 200 users: the profile says 200 users per page",
        ),
        (
            ServerFaults(reject_count_above=50),
            "page_size",
            WARNING,
            "the profile says 200 users per page, the service answers 400",
        ),
        (
            ServerFaults(reject_count_above=50, reject_status=500),
            "page_size",
            WARNING,
            "the profile says 200 users per page, the service answers 500",
        ),
        (
            ServerFaults(ignore_start_index=True),
            "paging",
            WARNING,
            "startIndex is ignored: another page has the same users",
        ),
        (
            ServerFaults(ignore_start_index=True, page_cap=100),
            "paging",
            FAILED,
            "startIndex is ignored: another page has the same users",
        ),
        (
            ServerFaults(cursors=CursorFaults(page=100)),
            "paging",
            OK,
            "startIndex is ignored: another page has the same users; there are cursors, which plans follow",
        ),
        (
            ServerFaults(unstable_order=True),
            "paging",
            WARNING,
            "pages next to each other overlap or leave users out",
        ),
        (
            ServerFaults(duplicate_on_page=2),
            "paging",
            WARNING,
            "pages next to each other overlap or leave users out",
        ),
        (ServerFaults(short_page=1), "paging", WARNING, "pages next to each other overlap or leave users out"),
        (ServerFaults(cap_depth=2), "paging", WARNING, "pages next to each other overlap or leave users out"),
        (
            ServerFaults(omit_items_per_page=True),
            "paging",
            OK,
            "count and startIndex are honored, pages follow each other; itemsPerPage is absent, not used",
        ),
        (ServerFaults(), "list_end", OK, "a page past the last user is empty, so the total is not capped"),
        (
            ServerFaults(first_page_past_end=True),
            "list_end",
            OK,
            "a page past the last user repeats earlier users, none is new",
        ),
        (
            ServerFaults(cap_total=200, page_cap=200),
            "list_end",
            FAILED,
            "the total is capped: a page past the last user has others",
        ),
        (
            ServerFaults(cap_total=250, page_cap=100),
            "list_end",
            WARNING,
            "a page past the last user has users; whether they are new cannot be seen here",
        ),
        (ServerFaults(create_during_read=3), "total", WARNING, "the total changed between two reads: 300 and 301"),
        (
            ServerFaults(empty_lie=True),
            "users",
            OK,
            "the service lists 0 users",
        ),
        (
            ServerFaults(cap_depth=0, claim_total=300),
            "users",
            FAILED,
            "the service says that it has 300 users, but lists none",
        ),
        (ServerFaults(error_on_page=1, error_times=None), "users", FAILED, "users cannot be listed: 500"),
        (ServerFaults(login_page=True), "users", FAILED, "users cannot be listed: 200 with a web page"),
        (
            ServerFaults(total_missing=True),
            "users",
            FAILED,
            "the service lists users without saying how many there are (totalResults)",
        ),
        (
            ServerFaults(cursors=CursorFaults(page=2, no_total=True)),
            "users",
            OK,
            "the service lists users, by cursor only",
        ),
    ],
)
def test_how_a_service_lists_users(faults: ServerFaults, question: str, verdict: CheckVerdict, summary: str) -> None:
    found = ProbedService(faults, many(300)).check()[question]
    assert (found.verdict, found.summary) == (verdict, summary)
    assert bool(found.advice) == (verdict is not OK)


def test_a_difference_from_what_reports_say_is_to_be_reported() -> None:
    found = ProbedService(ServerFaults(page_cap=100), many(300)).check(APPLE)["page_size"]
    assert found.advice == ("Nothing to do: plans read pages of 100, 3 requests instead of 2.", REPORT)
    assert facts(found) == {"profile": 200, "asked": MANY, "returned": 100, "users": 300}
    assert REPORT not in ProbedService(ServerFaults(page_cap=100), many(300)).check()["page_size"].advice


def test_few_users_show_little() -> None:
    found = ProbedService(users=many(2)).check()
    assert [found[each].verdict for each in QUESTIONS] == [OK, SKIPPED, SKIPPED, SKIPPED, OK, OK]
    five = ProbedService().check()
    assert five["page_size"].summary == f"all {USERS} users came on one page: a limit above that cannot be seen"


def test_a_service_that_pages_by_cursor_only() -> None:
    faults = ServerFaults(cursors=CursorFaults(page=3, index="refused", announced=True, no_total=True))
    answers = ProbedService(faults, many(10)).check()
    assert answers["users"].summary == "the service lists users, by cursor only"
    assert (answers["paging"].verdict, facts(answers["paging"])) == (OK, {"cursor": True})
    assert answers["filter_user_name"].verdict is OK
    assert answers["read_by_id"].verdict is OK


def change_pages(change: Callable[[list[Any]], Any], start: str) -> Callable[..., httpx.Response]:
    """Change the users of the pages from this startIndex on."""

    def alter(path: str, parameters: Mapping[str, str], response: httpx.Response) -> httpx.Response:
        if path != "/Users" or parameters.get("startIndex") != start:
            return response
        body = response.json()
        return httpx.Response(200, json={**body, "Resources": change(body["Resources"])})

    return alter


def test_a_count_that_is_ignored() -> None:
    def ignore(path: str, parameters: Mapping[str, str], response: httpx.Response) -> httpx.Response:
        if path != "/Users" or "count" not in parameters or "filter" in parameters:
            return response
        rest = {name: value for name, value in parameters.items() if name != "count"} | {"count": "20000"}
        return inner.ask(path, rest)

    inner = ProbedService(users=many(10_000))
    found = ProbedService(users=many(10_000), change=ignore).check()
    assert found["paging"].summary == "count is ignored: 2 users were asked for, 10,000 came"
    assert (found["paging"].verdict, found["page_size"].verdict) == (WARNING, WARNING)
    assert found["page_size"].summary == "count is ignored: 1,000 users were asked for, 10,000 came"


def test_a_later_page_that_is_refused() -> None:
    def refuse(path: str, parameters: Mapping[str, str], response: httpx.Response) -> httpx.Response:
        late = path == "/Users" and parameters.get("startIndex", "1") != "1"
        return httpx.Response(501, json={}) if late else response

    found = ProbedService(ServerFaults(page_cap=3), change=refuse).check()
    assert (found["paging"].verdict, found["list_end"].verdict) == (FAILED, WARNING)
    assert found["paging"].summary == "a page from a later startIndex on is answered with 501"
    whole = ProbedService(change=refuse).check()
    assert whole["paging"].verdict is WARNING


@pytest.mark.parametrize("start", ["2", "3"])
def test_a_page_between_that_is_empty(start: str) -> None:
    found = ProbedService(change=change_pages(lambda _users: [], start)).check()
    assert found["paging"].verdict is WARNING
