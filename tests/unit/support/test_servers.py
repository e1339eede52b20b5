"""The test servers tested: each oddity has its effect and is absent by default; the default answers are SCIM."""

import ast
import gzip
import http.client
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from datetime import timedelta
from email.utils import parsedate_to_datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
from scim2_models import (
    Context,
    EnterpriseUser,
    Error,
    ListResponse,
    PatchOp,
    ResourceType,
    ServiceProviderConfig,
    User,
)
from support.servers import server_faults as oddities_module
from support.servers.cursors import CursorFaults
from support.servers.fake_scim import FakeScimServer, ServerFaults, make_user
from support.servers.http_server import bomb
from support.servers.patching import CORE, ENTERPRISE, PATCH_OP
from support.servers.plain_scim import PlainScim

MIB = 1 << 20
TLS = ssl.create_default_context()  # one for all: each client would load the certificates again
AUTH = {"Authorization": "Bearer t0ken"}
DEPARTMENT = f"{ENTERPRISE}:department"
TOTAL = 12
HOME = {"type": "home", "value": "h@example.com"}
MAIL = {"type": "work", "value": "a@example.com"}


class Caller:
    """A client without opinions: what a server really answers."""

    def __init__(self, server: FakeScimServer) -> None:
        self.server = server
        self.http = httpx.Client(base_url=server.base_url, headers=AUTH, timeout=20, verify=TLS)

    def page(self, start: int = 1, count: int = 4) -> Any:
        return self.http.get(f"/Users?startIndex={start}&count={count}").json()

    def names(self, start: int = 1, count: int = 4) -> list[str]:
        return [user["userName"] for user in self.page(start, count)["Resources"]]

    def pages(self, count: int = 4) -> list[list[str]]:
        return [self.names(start, count) for start in range(1, TOTAL + 1, count)]

    def status(self, target: str = "/Users") -> int:
        return self.http.get(target).status_code

    def statuses(self, n: int = 4) -> list[int]:
        return [self.status() for _ in range(n)]

    def find(self, filter_text: str) -> Any:
        return self.http.get("/Users", params={"filter": filter_text})

    def post(self, n: int = 500, **overrides: Any) -> httpx.Response:
        return self.http.post("/Users", json=make_user(n, **overrides))

    def patch(self, *operations: dict[str, Any], id_: str = "3", **headers: str) -> httpx.Response:
        body = {"schemas": [PATCH_OP], "Operations": list(operations)}
        return self.http.patch(f"/Users/{id_}", json=body, headers=headers)

    def write_statuses(self, n: int = 4) -> list[int]:
        """The statuses of writes, 0 where the connection closed."""
        return [self._write_status(k) for k in range(n)]

    def _write_status(self, k: int) -> int:
        try:
            return self.patch(replaced("title", f"T{k}")).status_code
        except httpx.RemoteProtocolError:
            return 0

    def title(self) -> Any:
        return self.server.users["3"].get("title")


def replaced(path: str, value: Any) -> dict[str, Any]:
    return {"op": "replace", "path": path, "value": value}


def people() -> list[dict[str, Any]]:
    return [make_user(n) for n in range(TOTAL)]


@pytest.fixture
def call() -> Iterator[Callable[[ServerFaults], Caller]]:
    """Starts servers of twelve users, ids "1" to "12"."""
    callers: list[Caller] = []

    def start(faults: ServerFaults) -> Caller:
        callers.append(Caller(FakeScimServer(faults, people()).start()))
        return callers[-1]

    yield start
    for caller in callers:
        caller.http.close()
        caller.server.close()


@pytest.fixture
def plain(call: Callable[[ServerFaults], Caller]) -> Caller:
    return call(ServerFaults())


@dataclass(frozen=True)
class Case:
    """What a probe sees with the oddities, and what it sees with those of `base`; `...`: anything that differs."""

    of: str
    faults: ServerFaults
    probe: Callable[[Caller], Any]
    odd: Any
    normalize: Any
    base: ServerFaults = ServerFaults()  # noqa: RUF009 - frozen


def odd(**switches: Any) -> ServerFaults:
    return ServerFaults(**switches)


def name(n: int) -> str:
    return str(make_user(n)["userName"])


def names(*numbers: int) -> list[str]:
    return [name(n) for n in numbers]


def page_two(c: Caller) -> tuple[str, bool]:
    """The first name of page 2, and whether page 2 repeats someone of page 1."""
    first, second = c.names(1), c.names(5)
    return second[0], bool(set(first) & set(second))


def active_shown(c: Caller) -> Any:
    return c.http.get("/Users/3").json().get("active", "left out")


def department_seen(c: Caller) -> tuple[bool, list[str], bool]:
    listed = c.page()["Resources"][0]
    single = c.http.get("/Users/1").json()
    return ENTERPRISE in listed, listed["schemas"], ENTERPRISE in single and ENTERPRISE in single["schemas"]


def versions(c: Caller) -> tuple[bool, int]:
    """Whether list and read show the same version, and the answer to a stale If-Match."""
    listed, single = c.page()["Resources"][2], c.http.get("/Users/3")
    same = listed["meta"].get("version") == single.json()["meta"].get("version")
    return same, c.patch(replaced("title", "x"), **{"If-Match": 'W/"stale"'}).status_code


def lied_to(c: Caller) -> tuple[int, Any, Any, Any]:
    answer = c.patch(replaced(DEPARTMENT, "New"), replaced("title", "Boss"))
    stored = c.server.users["3"]
    return answer.status_code, answer.json()[ENTERPRISE]["department"], stored[ENTERPRISE]["department"], c.title()


def patch_answer(c: Caller) -> tuple[int, str | None, bool, Any]:
    answer = c.patch(replaced("title", "new"))
    return answer.status_code, answer.headers.get("Content-Type"), "ETag" in answer.headers, c.title()


def created(c: Caller) -> tuple[int, bool, bool]:
    answer = c.post()
    return answer.status_code, bool(answer.content), answer.headers["Location"].startswith(c.server.base_url)


def retry_after(c: Caller) -> Any:
    text = c.http.get("/Users").headers.get("Retry-After")
    if text is None or text.isdigit():
        return text
    return text.endswith("GMT") and 6 < parsedate_to_datetime(text).timestamp() - time.time() <= 8


def hours_ahead(c: Caller) -> int | None:
    """Return how far the service's clock is ahead, rounded; None: its answers have no Date."""
    text = c.http.get("/Users").headers.get("Date")
    return None if text is None else round((parsedate_to_datetime(text).timestamp() - time.time()) / 3600)


def coding(caller: Caller, target: str) -> str | None:
    with caller.http.stream("GET", target) as answer:
        found: str | None = answer.headers.get("Content-Encoding")
        return found


def size_of_list(c: Caller) -> tuple[bool, int | None, str | None]:
    answer = c.http.get("/Users?count=1")
    encoding = answer.headers.get("Content-Encoding")
    return len(answer.content) > 3 * MIB, len(answer.json()["Resources"]), encoding


def cut_short(c: Caller) -> bool:
    try:
        c.page()
    except httpx.RemoteProtocolError:
        return True
    return False


def follow_cursors(c: Caller) -> list[str]:
    """The users of the first page and of those that its cursor leads to; of three more pages if it has none."""
    found: list[str] = []
    query: dict[str, str] = {}
    for _ in range(4):
        listed = c.http.get("/Users", params=query).json()
        found += [user["userName"] for user in listed["Resources"]]
        if not listed.get("nextCursor") and query.get("cursor"):
            break
        query = {"cursor": listed.get("nextCursor", "")}
    return found


def are_answered(c: Caller) -> list[bool]:
    return [_is_answered(c) for _ in range(4)]


def _is_answered(c: Caller) -> bool:
    try:
        return c.http.get("/Users").is_success
    except httpx.RemoteProtocolError:
        return False


def hangs(c: Caller) -> bool:
    try:
        c.http.get("/Users", timeout=0.2)
    except httpx.ReadTimeout:
        return True
    return False


def is_json(c: Caller) -> list[bool]:
    return [_parses(c.http.get("/Users")) for _ in range(3)]


def _parses(answer: httpx.Response) -> bool:
    try:
        answer.json()
    except ValueError:
        return False
    return True


def deep(c: Caller) -> bool:
    return c.http.get("/Users").content == b'{"Resources":' + b"[" * 100_000 + b"]" * 100_000 + b"}"


def took(c: Caller, target: str = "/ServiceProviderConfig") -> bool:
    begin = time.monotonic()
    c.status(target)
    return time.monotonic() - begin > 0.15


def first_answer(c: Caller) -> tuple[int, str, str | None]:
    answer = c.http.get("/Users/3?x=a%20%22b%0A")
    return answer.status_code, answer.headers.get("Content-Type", ""), answer.headers.get("Location")


def patch_lost(c: Caller) -> tuple[list[int], Any]:
    return c.write_statuses(3), [entry.status for entry in c.server.writes]


SCIM = "application/scim+json"
PAGES = [names(0, 1, 2, 3), names(4, 5, 6, 7), names(8, 9, 10, 11)]
OLD = make_user(2)[ENTERPRISE]["department"]  # of id 3

CASES = [
    Case("cursors", odd(cursors=CursorFaults(page=5)), follow_cursors, names(*range(12)), [*names(*range(12))] * 4),
    Case("page_cap", odd(page_cap=3), lambda c: c.names(1, 5), names(0, 1, 2), names(0, 1, 2, 3, 4)),
    Case("reject_count_above", odd(reject_count_above=3), lambda c: [c.status(f"/Users?count={n}") for n in (3, 4)],
         [200, 400], [200, 200]),
    Case("reject_status", odd(reject_count_above=3, reject_status=500), lambda c: c.status("/Users?count=4"),
         500, 400, odd(reject_count_above=3)),
    Case("cap_total", odd(cap_total=5), lambda c: (c.page()["totalResults"], c.names(9)),
         (5, names(8, 9, 10, 11)), (12, names(8, 9, 10, 11))),
    Case("cap_depth", odd(cap_depth=5), lambda c: (c.page()["totalResults"], c.pages()),
         (12, [names(0, 1, 2, 3), names(4), []]), (12, PAGES)),
    Case("ignore_start_index", odd(ignore_start_index=True), lambda c: (c.page(9)["startIndex"], c.pages()),
         (1, [PAGES[0]] * 3), (9, PAGES)),
    Case("first_page_past_end", odd(first_page_past_end=True), lambda c: (c.names(12), c.names(13)),
         (names(11), PAGES[0]), (names(11), [])),
    Case("echo_start_index", odd(echo_start_index=True, ignore_start_index=True), lambda c: c.page(9)["startIndex"],
         9, 1, odd(ignore_start_index=True)),
    Case("omit_items_per_page", odd(omit_items_per_page=True), lambda c: c.page().get("itemsPerPage"), None, 4),
    Case("duplicate_on_page", odd(duplicate_on_page=2), Caller.pages, [PAGES[0], names(3, 5, 6, 7), PAGES[2]], PAGES),
    Case("short_page", odd(short_page=2), Caller.pages, [PAGES[0], names(4, 5, 6), PAGES[2]], PAGES),
    Case("empty_lie", odd(empty_lie=True),
         lambda c: (c.page()["totalResults"], c.names(), c.find(f'userName eq "{name(1)}"').json()["totalResults"]),
         (0, [], 1), (12, PAGES[0], 1)),
    Case("total_as_string", odd(total_as_string=True), lambda c: c.page()["totalResults"], "12", 12),
    Case("total_missing", odd(total_missing=True), lambda c: c.page().get("totalResults"), None, 12),
    Case("resources_missing_when_empty", odd(resources_missing_when_empty=True),
         lambda c: ("Resources" in c.page(), "Resources" in c.page(13)), (True, False), (True, True)),
    Case("resources_lowercase", odd(resources_lowercase=True),
         lambda c: [key for key in c.page() if key.lower() == "resources"],
         ["resources"], ["Resources"]),
    Case("newest_first", odd(newest_first=True), Caller.names, names(11, 10, 9, 8), PAGES[0]),
    Case("ids_as_text", odd(ids_as_text=True), Caller.names, names(0, 9, 10, 11), PAGES[0]),
    Case("unstable_order", odd(unstable_order=True), lambda c: c.names(1, 12) == c.names(1, 12), False, True),
    Case("seed", odd(unstable_order=True, seed=2), lambda c: c.names(1, 12), ..., ..., odd(unstable_order=True)),
    Case("create_during_read", odd(newest_first=True, create_during_read=1), page_two,
         (name(8), True), (name(7), False), odd(newest_first=True)),
    Case("delete_during_read", odd(delete_during_read=1), page_two, (name(5), False), (name(4), False)),
    Case("drop_enterprise_in_lists", odd(drop_enterprise_in_lists=True), department_seen,
         (False, [CORE], True), (True, [CORE, ENTERPRISE], True)),
    Case("active_as_string", odd(active_as_string=True),
         lambda c: (active_shown(c), c.patch(replaced("active", "False")).status_code, active_shown(c),
                    c.post(active="False").status_code,
                    c.http.put("/Users/3", json=make_user(2, active="True")).status_code),
         ("True", 200, "False", 201, 200), (True, 400, True, 400, 400)),
    Case("omit_active_when_true", odd(omit_active_when_true=True),
         lambda c: (active_shown(c), c.patch(replaced("active", False)).status_code, active_shown(c)),
         ("left out", 200, False), (True, 200, False)),
    Case("lowercase_user_name", odd(lowercase_user_name=True),
         lambda c: (c.post(userName="Ada.X@Example.com").json()["userName"],
                    c.patch(replaced("userName", "Q@example.com")).json()["userName"]),
         ("ada.x@example.com", "q@example.com"), ("Ada.X@Example.com", "Q@example.com")),
    Case("omit_meta", odd(omit_meta=True), lambda c: "meta" in c.http.get("/Users/3").json(), False, True),
    Case("id_as_integer", odd(id_as_integer=True),
         lambda c: (c.page()["Resources"][2]["id"], c.http.get("/Users/3").json()["id"]), (3, 3), ("3", "3")),
    Case("user_without_id", odd(user_without_id=name(1)), lambda c: ["id" in u for u in c.page(1, 3)["Resources"]],
         [True, False, True], [True, True, True]),
    Case("no_etag", odd(no_etag=True), lambda c: (c.http.get("/Users/3").headers.get("ETag"), *versions(c)),
         (None, True, 200), ...),
    Case("body_hash_etag_ignores_if_match",
         odd(body_hash_etag_ignores_if_match=True, drop_enterprise_in_lists=True), versions, (False, 200),
         (True, 412), odd(drop_enterprise_in_lists=True)),
    Case("ignore_filter", odd(ignore_filter=True), lambda c: c.find('userName eq "nobody"').json()["totalResults"],
         12, 0),
    Case("filter_case_exact", odd(filter_case_exact=True),
         lambda c: c.find(f'userName eq "{name(3).upper()}"').json()["totalResults"], 0, 1),
    Case("filter_unsupported", odd(filter_unsupported=501), lambda c: (c.find('id eq "3"').status_code, c.status()),
         (501, 200), (200, 200)),
    Case("patch_status", odd(patch_status=204), patch_answer, (204, None, True, "new"), (200, SCIM, True, "new")),
    Case("lie_patch", odd(lie_patch=DEPARTMENT), lied_to, (200, OLD, OLD, "Boss"),
         (200, "New", "New", "Boss")),
    Case("echo_patch", odd(echo_patch=True), lied_to, (200, "New", OLD, None), (200, "New", "New", "Boss")),
    Case("patch_answers_with", odd(patch_answers_with=name(5)),
         lambda c: (c.patch(replaced("title", "new")).json()["id"], c.title()), ("6", "new"), ("3", "new")),
    Case("rotate_user_names", odd(rotate_user_names=True),
         lambda c: ([user["userName"] for user in c.http.get("/Users").json()["Resources"]][:2],
                    c.http.get("/Users/1").json()["userName"]),
         ([name(1), name(2)], name(0)), ([name(0), name(1)], name(0))),
    Case("filter_hides_inactive", odd(filter_hides_inactive=True),
         lambda c: (c.patch(replaced("active", False)).status_code,
                    len(c.http.get("/Users", params={"filter": f'userName eq "{name(2)}"'}).json()["Resources"])),
         (200, 0), (200, 1)),
    Case("rotate_external_ids", odd(rotate_external_ids=True),
         lambda c: (c.http.get("/Users").json()["Resources"][0]["externalId"]
                    == c.http.get("/Users/2").json()["externalId"]), True, False),
    Case("inactive_in_lists", odd(inactive_in_lists=True),
         lambda c: ([user["active"] for user in c.http.get("/Users").json()["Resources"]][:2],
                    c.http.get("/Users/1").json()["active"]), ([False, False], True), ([True, True], True)),
    Case("hide_in_lists", odd(hide_in_lists=name(0)), lambda c: (c.names()[0], c.status("/Users/1")),
         (name(1), 200), (name(0), 200)),
    Case("repeat_in_lists", odd(repeat_in_lists=True),
         lambda c: [user["id"] for user in c.http.get("/Users?count=200").json()["Resources"]].count("1"), 2, 1),
    Case("post_empty_body", odd(post_empty_body=True), created, (201, False, True), (201, True, True)),
    Case("refuse_user", odd(refuse_user=name(2).upper()),
         lambda c: (c.write_statuses(1), c.patch(replaced("title", "x"), id_="4").status_code, c.status("/Users/3")),
         ([400], 200, 200), ([200], 200, 200)),
    Case("refuse_user", odd(refuse_user="new@example.com"), lambda c: c.post(userName="New@example.com").status_code,
         400, 201),
    Case("refuse_users", odd(refuse_users=frozenset({name(2)})),
         lambda c: (c.write_statuses(1), c.patch(replaced("title", "x"), id_="4").status_code),
         ([400], 200), ([200], 200)),
    Case("forbid_user", odd(forbid_user=name(2).upper()),
         lambda c: (c.write_statuses(1), c.patch(replaced("title", "x"), id_="4").status_code, c.status("/Users/3")),
         ([403], 200, 200), ([200], 200, 200)),
    Case("wrong_id_for", odd(wrong_id_for=name(2)), lambda c: [c.http.get(f"/Users/{n}").json()["id"] for n in (3, 4)],
         ["another", "4"], ["3", "4"]),
    Case("garbage_for", odd(garbage_for=name(2)), lambda c: [_parses(c.http.get(f"/Users/{n}")) for n in (3, 4)],
         [False, True], [True, True]),
    Case("forbid_after", odd(forbid_after=3), lambda c: (c.write_statuses(), c.status()),
         ([200, 200, 403, 403], 200), ([200] * 4, 200)),
    Case("unauthorized_after", odd(unauthorized_after=3), lambda c: (c.status(), c.write_statuses(), c.status()),
         (200, [200, 200, 401, 401], 401), (200, [200] * 4, 200)),
    Case("write_error_on", odd(write_error_on=2), lambda c: (c.write_statuses(3), c.title()),
         ([200, 503, 200], "T2"), ([200] * 3, "T2")),
    Case("write_error_status", odd(write_error_on=2, write_error_status=429), lambda c: c.write_statuses(2),
         [200, 429], [200, 503], odd(write_error_on=2)),
    Case("write_error_times", odd(write_error_on=2, write_error_times=None), lambda c: (c.write_statuses(4), c.title()),
         ([200, 503, 503, 503], "T0"), ([200, 503, 200, 200], "T3"), odd(write_error_on=2)),
    Case("lose_answer_on_write", odd(lose_answer_on_write=2), lambda c: (c.write_statuses(2), c.title()),
         ([200, 0], "T1"), ([200, 200], "T1")),
    Case("cut_on_write", odd(cut_on_write=2), lambda c: (c.write_statuses(2), c.title()),
         ([200, 0], "T0"), ([200, 200], "T1")),
    Case("error_on_page", odd(error_on_page=2), Caller.statuses, [200, 500, 200, 200], [200] * 4),
    Case("error_status", odd(error_on_page=1, error_status=429), Caller.status, 429, 500, odd(error_on_page=1)),
    Case("error_times", odd(error_on_page=2, error_times=2), Caller.statuses,
         [200, 500, 500, 200], [200, 500, 200, 200], odd(error_on_page=2)),
    Case("error_times", odd(error_on_page=2, error_times=None), Caller.statuses,
         [200, 500, 500, 500], [200, 500, 200, 200], odd(error_on_page=2)),
    Case("retry_after", odd(error_on_page=1, error_times=2, retry_after=7),
         lambda c: [retry_after(c) for _ in range(3)],
         ["7", "7", None], [None] * 3, odd(error_on_page=1, error_times=2)),
    Case("retry_after", odd(write_error_on=1, write_error_times=2, retry_after=7),
         lambda c: [c.patch(replaced("title", "x")).headers.get("Retry-After") for _ in range(3)],
         ["7", "7", None], [None] * 3, odd(write_error_on=1, write_error_times=2)),
    Case("retry_after_as_date", odd(error_on_page=1, retry_after=7, retry_after_as_date=True), retry_after,
         True, "7", odd(error_on_page=1, retry_after=7)),
    Case("clock_ahead", odd(clock_ahead=timedelta(hours=2)), hours_ahead, 2, 0),
    Case("clock_ahead", odd(clock_ahead=timedelta(hours=-26)), hours_ahead, -26, 0),
    Case("clock_ahead", odd(clock_ahead=None), hours_ahead, None, 0),
    Case("unique_names_declared", odd(unique_names_declared=True), lambda c: c.status("/Schemas"), 200, 404),
    Case("duplicates_accepted", odd(duplicates_accepted=True),
         lambda c: c.post(1).status_code, 201, 409),
    Case("without_discovery", odd(without_discovery=True),
         lambda c: [c.status(t) for t in ("/ServiceProviderConfig", "/ResourceTypes")], [404, 404], [200, 200]),
    Case("redirect", odd(redirect="http://127.0.0.1:9/scim"), first_answer,
         (302, "", "http://127.0.0.1:9/scim/Users/3?x=a%20%22b%0A"), ...),
    Case("login_page", odd(login_page=True), lambda c: first_answer(c)[:2],
         (200, "text/html; charset=utf-8"), (200, SCIM)),
    Case("html_as_json", odd(html_as_json=2), is_json, [True, False, True], [True] * 3),
    Case("truncated_json", odd(truncated_json=3), is_json, [True, True, False], [True] * 3),
    Case("broken_transfer", odd(broken_transfer=1), cut_short, True, False),
    Case("lost_list", odd(lost_list=2), are_answered, [True, False, True, True], [True] * 4),
    Case("body_on_list", odd(body_on_list=2), is_json, [True, False, True], [True] * 3),
    Case("body", odd(body_on_list=1, body=b" [] "), lambda c: c.http.get("/Users").content, b" [] ", b"",
         odd(body_on_list=1)),
    Case("broken_times", odd(body_on_list=2, broken_times=None), is_json, [True, False, False], [True, False, True],
         odd(body_on_list=2)),
    Case("broken_times", odd(lost_list=2, broken_times=2), are_answered, [True, False, False, True], ...,
         odd(lost_list=2)),
    Case("hanging_list", odd(hanging_list=2), lambda c: [hangs(c) for _ in range(3)], [False, True, False],
         [False] * 3),
    Case("huge_body", odd(huge_body=4 * MIB), size_of_list, (True, 1, None), (False, 1, None)),
    Case("gzip_bomb", odd(gzip_bomb=4 * MIB), size_of_list, (True, 1, "gzip"), (False, 1, None)),
    Case("claim_total", odd(claim_total=2**31 - 1), lambda c: c.http.get("/Users").json()["totalResults"],
         2**31 - 1, ...),
    Case("twice_gzip", odd(twice_gzip="lists"), lambda c: [coding(c, t) for t in ("/Users", "/Users/3")],
         ["gzip, gzip", None], [None, None]),
    Case("twice_gzip", odd(twice_gzip="errors"), lambda c: [coding(c, t) for t in ("/Users/3", "/Users/none")],
         [None, "gzip, gzip"], [None, None]),
    Case("values", odd(values=1000), lambda c: len(c.http.get("/Users").json().get("x", [])), 501, 0),
    Case("slow_drip", odd(slow_drip=0.001), lambda c: took(c, "/Users?count=0"), True, False),
    Case("deep_json", odd(deep_json=100_000), deep, True, False),
    Case("latency", odd(latency=0.2), took, True, False),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.of)
def test_an_oddity_has_its_effect(case: Case, call: Callable[[ServerFaults], Caller]) -> None:
    seen, usual = case.probe(call(case.faults)), case.probe(call(case.base))
    assert seen != usual
    if case.odd is not ...:
        assert seen == case.odd
    if case.normalize is not ...:
        assert usual == case.normalize


def test_every_oddity_has_a_case_and_a_docstring() -> None:
    known = {field.name for field in fields(ServerFaults)}
    assert {case.of for case in CASES} == known
    assert _documented(Path(oddities_module.__file__)) == known


def _documented(path: Path) -> set[str]:
    body = next(n for n in ast.parse(path.read_text("utf-8")).body if isinstance(n, ast.ClassDef)).body
    return {
        field.target.id
        for field, text in pairwise(body)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant) and isinstance(text.value.value, str)
    }


def test_an_unstable_order_is_the_same_in_the_next_run(call: Callable[[ServerFaults], Caller]) -> None:
    first, second = call(odd(unstable_order=True)), call(odd(unstable_order=True))
    assert [first.names(), first.names()] == [second.names(), second.names()]


def test_a_read_that_is_disturbed_is_disturbed_once(call: Callable[[ServerFaults], Caller]) -> None:
    caller = call(odd(create_during_read=1, delete_during_read=2))
    assert [caller.page()["totalResults"] for _ in range(4)] == [12, 13, 12, 12]


def test_both_faults_of_a_patch_together_lie_about_one_path(call: Callable[[ServerFaults], Caller]) -> None:
    assert lied_to(call(odd(lie_patch=DEPARTMENT, echo_patch=True))) == (200, "New", OLD, "Boss")


def test_booleans_as_strings_are_understood(call: Callable[[ServerFaults], Caller]) -> None:
    caller = call(odd(active_as_string=True))
    for text, value in (("False", False), ("True", True), ("false", False)):
        caller.patch(replaced("active", text))
        assert caller.server.users["3"]["active"] is value


def test_a_lie_about_a_new_attribute_leaves_no_trace(call: Callable[[ServerFaults], Caller]) -> None:
    caller = call(odd(lie_patch=DEPARTMENT))
    del caller.server.users["3"][ENTERPRISE]
    shown = caller.patch(replaced(DEPARTMENT, "New")).json()
    assert (ENTERPRISE in shown, shown["schemas"]) == (False, [CORE])


def test_reads_with_a_filter_are_not_counted_as_list_requests(call: Callable[[ServerFaults], Caller]) -> None:
    caller = call(odd(error_on_page=2))
    assert [caller.status(), caller.find('id eq "1"').status_code, caller.status()] == [200, 200, 500]


def test_huge_bodies_are_sent_in_pieces_of_little_memory(call: Callable[[ServerFaults], Caller]) -> None:
    caller = call(odd(huge_body=300 * MIB))
    with caller.http.stream("GET", "/Users") as answer:
        taken = 0
        for piece in answer.iter_raw():
            taken += len(piece)
            if taken > 8 * MIB:
                break
    assert "Content-Length" not in answer.headers
    assert taken > 8 * MIB


def test_a_bomb_is_small_and_valid() -> None:
    packed = bomb(b'{"Resources": []}', 16 * MIB)
    assert len(packed) < 50_000
    text = gzip.decompress(packed)
    assert len(text) == 16 * MIB + 17
    assert json.loads(text) == {"Resources": []}


# The default server, seen by scim2-models


def test_lists_are_valid_scim(plain: Caller) -> None:
    listed = ListResponse[User[EnterpriseUser]].model_validate(
        plain.page(5, 3), scim_ctx=Context.RESOURCE_QUERY_RESPONSE
    )
    assert (listed.total_results, listed.start_index, listed.items_per_page) == (12, 5, 3)
    assert [user.user_name for user in listed.resources or []] == names(4, 5, 6)


def test_users_are_valid_scim_in_every_answer(plain: Caller) -> None:
    answers = {
        Context.RESOURCE_CREATION_RESPONSE: plain.post(),
        Context.RESOURCE_QUERY_RESPONSE: plain.http.get("/Users/3"),
        Context.RESOURCE_PATCH_RESPONSE: plain.patch(replaced(DEPARTMENT, "New")),
        Context.RESOURCE_REPLACEMENT_RESPONSE: plain.http.put("/Users/3", json=make_user(2, department="New")),
    }
    for context, answer in answers.items():
        user = User[EnterpriseUser].model_validate(answer.json(), scim_ctx=context)
        assert user.meta is not None
        assert user.meta.version == answer.headers["ETag"]
        assert str(user.meta.location) == answer.headers["Location"]
        assert answer.headers["Content-Type"] == SCIM


@pytest.mark.parametrize(
    ("asked", "status", "scim_type"),
    [
        (("GET", "/Users/99", None), 404, None),
        (("GET", "/Nothing", None), 404, None),
        (("GET", '/Users?filter=userName sw "a"', None), 400, "invalidFilter"),
        (("GET", '/Users?filter=userName eq "a" or id eq "1"', None), 400, "invalidFilter"),
        (("GET", "/Users?startIndex=one", None), 400, "invalidValue"),
        (("POST", "/Users", make_user(1, userName=name(1).upper())), 409, "uniqueness"),
        (("POST", "/Users", make_user(50, userName=None)), 400, "invalidValue"),
        (("POST", "/Users", make_user(50, favouriteColour="red")), 400, "invalidPath"),
        (("POST", "/Users", make_user(50, schemas=[CORE])), 400, "invalidSyntax"),
        (("POST", "/Users", make_user(50, active="True")), 400, "invalidValue"),
        (("PUT", "/Users/3", make_user(1)), 409, "uniqueness"),
        (("PATCH", "/Users/3", {"Operations": [replaced("title", "x")]}), 400, "invalidSyntax"),
        (("PATCH", "/Users/3", {"schemas": [PATCH_OP], "Operations": []}), 400, "invalidSyntax"),
        (("PATCH", "/Users/3", {"schemas": [PATCH_OP], "Operations": {"op": "add"}}), 400, "invalidSyntax"),
        (("PATCH", "/Users/3", {"schemas": [PATCH_OP], "Operations": ["add"]}), 400, "invalidSyntax"),
        (("POST", "/Users", make_user(50, schemas=None)), 400, "invalidSyntax"),
        (("POST", "/Users", {**make_user(50), "name.givenName": "Ada"}), 400, "invalidSyntax"),
        (("POST", "/Users", {**make_user(50), 'emails[type eq "work"]': MAIL}), 400, "invalidSyntax"),
        (("POST", "/Users", make_user(50, schemas=[ENTERPRISE])), 400, "invalidSyntax"),
        (("DELETE", "/Users/99", None), 404, None),
    ],
)
def test_errors_are_valid_scim(plain: Caller, asked: tuple[str, str, Any], status: int, scim_type: str | None) -> None:
    method, target, body = asked
    answer = plain.http.request(method, target, json=body)
    error = Error.model_validate(answer.json())
    assert (answer.status_code, error.status, error.scim_type) == (status, status, scim_type)
    assert len(plain.server.users) == TOTAL


def test_discovery_is_valid_scim(plain: Caller) -> None:
    ServiceProviderConfig.model_validate(plain.http.get("/ServiceProviderConfig").json())
    types = ListResponse[ResourceType].model_validate(plain.http.get("/ResourceTypes").json())
    assert [kind.endpoint for kind in types.resources or []] == ["/Users"]


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer other"}, {"Authorization": "Basic t0ken"}])
def test_without_the_token_nothing_is_done(plain: Caller, header: dict[str, str]) -> None:
    for method, target in [("GET", "/Users"), ("DELETE", "/Users/3"), ("GET", "/ServiceProviderConfig")]:
        answer = httpx.request(method, plain.server.base_url + target, headers=header, verify=TLS)
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert "3" in plain.server.users


# What the default server does


@pytest.mark.parametrize(
    ("filter_text", "found"),
    [
        (f'userName eq "{name(2).upper()}"', ["3"]),
        (f'USERNAME EQ "{name(2)}"', ["3"]),
        (f'externalId eq "{make_user(2)["externalId"]}"', ["3"]),
        (f'externalId eq "{make_user(2)["externalId"].upper()}"', []),
        ('id eq "3"', ["3"]),
        (f'id eq "3" and userName eq "{name(2)}"', ["3"]),
        (f'id eq "4" and userName eq "{name(2)}"', []),
        (r'userName eq "a\"b"', []),
    ],
)
def test_filters_find(plain: Caller, filter_text: str, found: list[str]) -> None:
    answer = plain.find(filter_text).json()
    assert [user["id"] for user in answer["Resources"]] == found
    assert answer["totalResults"] == len(found)


def test_a_stored_user_name_is_found_and_taken_in_any_case(plain: Caller) -> None:
    plain.post(userName="Ada.X@Example.com")
    assert plain.post(501, userName="ada.x@example.com").status_code == 409
    assert plain.find('userName eq "ada.x@example.COM"').json()["totalResults"] == 1


@pytest.mark.parametrize(
    ("start", "count", "found"),
    [(0, 2, (0, 1)), (-5, 2, (0, 1)), (11, 5, (10, 11)), (13, 5, ()), (1, 0, ()), (1, -1, ())],
)
def test_pages_keep_to_the_standard_at_the_edges(plain: Caller, start: int, count: int, found: tuple[int, ...]) -> None:
    listed = plain.page(start, count)
    assert [user["userName"] for user in listed["Resources"]] == names(*found)
    assert (listed["totalResults"], listed["itemsPerPage"]) == (12, len(found))


@pytest.mark.parametrize(
    ("operations", "expected"),
    [
        ([replaced("active", False)], {"active": False}),
        ([{"op": "Replace", "path": "USERNAME", "value": "new@example.com"}], {"userName": "new@example.com"}),
        ([replaced("name.givenName", "Zo")], {"name": {"givenName": "Zo", "familyName": "Lovelace"}}),
        ([replaced("name", {"middleName": "M"}), {"op": "remove", "path": "name.givenName"}],
         {"name": {"familyName": "Lovelace", "middleName": "M"}}),
        ([{"op": "add", "path": f"{CORE}:title", "value": "Boss"}], {"title": "Boss"}),
        ([{"op": "remove", "path": "locale"}], {"locale": None}),
        ([replaced("locale", None)], {"locale": None}),
        ([{"op": "remove", "path": "title"}], {"title": None}),
        ([{"op": "add", "path": 'emails[type eq "work"].value', "value": "a@example.com"}], {"emails": [MAIL]}),
        ([{"op": "add", "path": "emails", "value": [MAIL]}, replaced('emails[type eq "work"].value', "b@example.com")],
         {"emails": [{"type": "work", "value": "b@example.com"}]}),
        ([{"op": "add", "path": "emails", "value": [MAIL]}, {"op": "add", "path": "emails", "value": [MAIL]}],
         {"emails": [MAIL]}),
        ([{"op": "add", "path": "emails", "value": [MAIL]}, {"op": "remove", "path": 'emails[type eq "work"]'}],
         {"emails": None}),
        ([{"op": "add", "value": {"title": "Boss", "name": {"givenName": "Zo"}}}],
         {"title": "Boss", "name": {"givenName": "Zo", "familyName": "Lovelace"}}),
        ([{"op": "add", "path": "emails", "value": [MAIL]}, {"op": "remove", "path": 'emails[type eq "work"].value'}],
         {"emails": [{"type": "work"}]}),
        ([{"op": "add", "path": "emails", "value": [MAIL, HOME]}, {"op": "remove", "path": 'emails[type eq "work"]'}],
         {"emails": [HOME]}),
        ([{"op": "add", "path": "emails", "value": [MAIL]}, replaced("emails", [HOME])], {"emails": [HOME]}),
        ([{"op": "remove", "path": 'emails[type eq "work"]'}, {"op": "remove", "path": 'ims[type eq "x"].value'}], {}),
        ([{"op": "remove", "path": ENTERPRISE}], {ENTERPRISE: None, "schemas": [CORE]}),
        ([replaced(ENTERPRISE, {"manager": {"value": "9"}}), replaced(f"{ENTERPRISE}:manager.value", "8"),
          *({"op": "remove", "path": f"{ENTERPRISE}:{n}"} for n in make_user(2)[ENTERPRISE])],
         {ENTERPRISE: {"manager": {"value": "8"}}}),
    ],
)  # fmt: skip
def test_patch_changes_what_it_names(plain: Caller, operations: list[dict[str, Any]], expected: dict[str, Any]) -> None:
    before = plain.http.get("/Users/3").json()
    answer = plain.patch(*operations)
    assert answer.status_code == 200
    after = answer.json()
    assert {key: after.get(key) for key in expected} == expected
    unaffected_notes = before.keys() - expected.keys() - {"meta"}
    assert {key: after.get(key) for key in unaffected_notes} == {key: before[key] for key in unaffected_notes}
    assert after == plain.http.get("/Users/3").json()


@pytest.mark.parametrize(
    "operations",
    [
        [replaced(DEPARTMENT, "New"), {"op": "remove", "path": f"{ENTERPRISE}:division"}],
        [{"op": "replace", "value": {ENTERPRISE: {"department": "New", "division": None}}}],
        [replaced(ENTERPRISE, {"department": "New", "division": None})],
        [replaced(DEPARTMENT.lower(), "New"), replaced(f"{ENTERPRISE}:division", None)],
    ],
)
def test_patch_reaches_the_enterprise_extension(plain: Caller, operations: list[dict[str, Any]]) -> None:
    expected = {**make_user(2)[ENTERPRISE], "department": "New"}
    del expected["division"]
    assert plain.patch(*operations).json()[ENTERPRISE] == expected


@pytest.mark.parametrize(
    ("operation", "scim_type"),
    [
        (replaced("favouriteColour", "red"), "invalidPath"),
        (replaced("name.nick", "x"), "invalidPath"),
        (replaced('title[type eq "work"].value', "x"), "invalidPath"),
        (replaced("id", "7"), "mutability"),
        (replaced("active", "False"), "invalidValue"),
        (replaced("title", 5), "invalidValue"),
        (replaced(DEPARTMENT, True), "invalidValue"),
        (replaced(f"{ENTERPRISE}:manager", "9"), "invalidValue"),
        (replaced(f"{ENTERPRISE}:manager.nick", "9"), "invalidPath"),
        (replaced("name.value", "x"), "invalidPath"),
        (replaced("emails", MAIL), "invalidValue"),
        (replaced("emails", ["a@example.com"]), "invalidValue"),
        (replaced("name", "Ada"), "invalidValue"),
        (replaced('emails[type eq "home"].value', "x"), "noTarget"),
        ({"op": "remove", "path": "userName"}, "mutability"),
        ({"op": "remove"}, "noTarget"),
        ({"op": "replace", "path": "title"}, "invalidValue"),
        ({"op": "replace", "value": {"name.givenName": "x"}}, "invalidPath"),
        ({"op": "swap", "path": "title", "value": "x"}, "invalidSyntax"),
        (replaced("userName", name(4)), "uniqueness"),
    ],
)
def test_a_refused_patch_changes_nothing(plain: Caller, operation: dict[str, Any], scim_type: str) -> None:
    before = plain.http.get("/Users/3").json()
    answer = plain.patch(replaced("nickName", "first"), operation)
    assert (answer.status_code, answer.json()["scimType"]) == (409 if scim_type == "uniqueness" else 400, scim_type)
    assert plain.http.get("/Users/3").json() == before


def test_patching_agrees_with_scim2_models(plain: Caller) -> None:
    before = plain.http.get("/Users/3").json()
    operations = [replaced(DEPARTMENT, "New"), replaced("name.givenName", "Zo"), {"op": "remove", "path": "locale"}]
    theirs = User[EnterpriseUser].model_validate(before)
    PatchOp[User[EnterpriseUser]].model_validate({"schemas": [PATCH_OP], "Operations": operations}).patch(theirs)
    ours = User[EnterpriseUser].model_validate(plain.patch(*operations).json())
    assert ours.model_dump(exclude={"meta"}) == theirs.model_dump(exclude={"meta"})


def test_an_etag_guards_a_user_against_changes_of_others(plain: Caller) -> None:
    tag = plain.http.get("/Users/3").headers["ETag"]
    assert tag == plain.page()["Resources"][2]["meta"]["version"]
    plain.server.users["3"][ENTERPRISE]["department"] = "Drifted"
    assert plain.patch(replaced("title", "x"), **{"If-Match": tag}).status_code == 412
    assert plain.http.delete("/Users/3", headers={"If-Match": tag}).status_code == 412
    assert plain.title() is None
    fresh = plain.http.get("/Users/3").headers["ETag"]
    assert plain.patch(replaced("title", "x"), **{"If-Match": fresh}).status_code == 200


def test_last_modified_moves_only_with_a_change(plain: Caller) -> None:
    def modified() -> str:
        return str(plain.http.get("/Users/3").json()["meta"]["lastModified"])

    first = modified()
    plain.patch(replaced("active", True))
    assert modified() == first
    plain.patch(replaced("active", False))
    assert modified() > first


def test_a_test_can_look_a_user_up_and_add_one(plain: Caller) -> None:
    assert plain.server.find(name(2).upper()) is plain.server.users["3"]
    mine = make_user(70, id="13")
    assert plain.server.add(mine) is plain.server.users["13"]
    assert "meta" not in mine
    assert plain.server.add(make_user(71))["id"] == "14"
    assert plain.names(13) == names(70, 71)
    assert plain.server.add(make_user(72, userName="Big@example.com")) is plain.server.find("big@example.com")
    with pytest.raises(StopIteration):
        plain.server.find("nobody")


def test_a_user_is_active_by_default(plain: Caller) -> None:
    assert plain.post(active=None).json()["active"] is True
    assert plain.post(501, active=False).json()["active"] is False
    assert plain.http.put("/Users/3", json=make_user(2, active=None)).json()["active"] is True


def test_what_is_read_only_or_unassigned_is_left_out_of_a_new_user(plain: Caller) -> None:
    user = plain.post(ID="77", meta={"created": "x"}, title=None, emails=[{}, {"value": None}]).json()
    assert (user["id"], user["meta"]["created"][:4]) == ("13", "2026")
    assert not user.keys() & {"ID", "title", "emails"}


def test_a_deleted_user_is_gone(plain: Caller) -> None:
    assert plain.http.delete("/Users/3").status_code == 204
    assert plain.status("/Users/3") == 404
    assert plain.page()["totalResults"] == 11


def test_the_log_has_what_was_asked_in_order(plain: Caller) -> None:
    plain.http.get("/Users?filter=userName%20eq%20%22a%20b%22&sortBy=")
    plain.patch(replaced("title", "x"))
    plain.http.post("/Users", content=b"{", headers={"Content-Type": SCIM})
    listed, patched, broken = plain.server.log
    assert (listed.method, listed.path, listed.query, listed.status) == (
        "GET", "/Users", {"filter": 'userName eq "a b"', "sortBy": ""}, 200,
    )  # fmt: skip
    assert (patched.path, patched.body["Operations"], patched.status) == ("/Users/3", [replaced("title", "x")], 200)
    assert patched.user_name == name(2)
    assert (broken.body, broken.status) == (b"{", 400)
    assert plain.server.writes == [patched, broken]
    assert plain.server.counts == {"GET": 1, "PATCH": 1, "POST": 1}


def test_after_sees_a_request_before_its_answer_is_sent(plain: Caller) -> None:
    seen: list[tuple[str, int, Any]] = []
    plain.server.after = lambda entry: seen.append((entry.method, entry.status, plain.title()))
    plain.patch(replaced("title", "x"))
    assert seen == [("PATCH", 200, "x")]


def test_connections_are_kept_and_shared_by_many_clients(plain: Caller) -> None:
    host = plain.server.base_url.removeprefix("http://").partition("/")[0]
    connection = http.client.HTTPConnection(host, timeout=5)
    for _ in range(3):
        connection.request("GET", "/scim/Users?count=1", headers=AUTH)
        connection.getresponse().read()
        socket = connection.sock
    assert connection.sock is socket
    connection.close()
    threads = [threading.Thread(target=plain.post, args=(600 + n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=10)
    assert len(plain.server.users) == TOTAL + 16
    assert len({user["userName"] for user in plain.server.users.values()}) == TOTAL + 16


def test_a_closed_server_is_gone_and_leaves_no_thread() -> None:
    before = set(threading.enumerate())
    server = FakeScimServer(odd(slow_drip=1)).start()
    client = httpx.Client(base_url=server.base_url, headers=AUTH, timeout=5, verify=TLS)
    with client.stream("GET", "/Users"):
        begin = time.monotonic()
        server.close()
        assert time.monotonic() - begin < 10
    assert not set(threading.enumerate()) - before
    with pytest.raises(httpx.ConnectError):
        client.get("/Users")
    client.close()
    with pytest.raises(RuntimeError):
        _ = server.base_url


def test_closing_ends_connections_that_are_kept_idle() -> None:
    before = set(threading.enumerate())
    server = FakeScimServer(users=people()).start()
    with httpx.Client(base_url=server.base_url, headers=AUTH, verify=TLS) as client:
        assert client.get("/Users").status_code == 200
        begin = time.monotonic()
        server.close()
        assert time.monotonic() - begin < 10
        assert not set(threading.enumerate()) - before


def test_a_fault_of_the_server_itself_comes_out_at_close() -> None:
    server = FakeScimServer(users=[make_user(1)]).start()
    del server.users["1"]["userName"]
    assert httpx.get(f"{server.base_url}/Users", headers=AUTH).status_code == 500
    with pytest.raises(KeyError):
        server.close()


def test_generated_users_are_repeatable_and_can_be_overridden() -> None:
    assert make_user(7) == make_user(7)
    assert len({make_user(n)["userName"] for n in range(300)}) == len({make_user(n)["externalId"] for n in range(300)})
    user = make_user(7, department="D", givenName="G", userName="u@example.com", externalId=None, division=None)
    assert (user[ENTERPRISE]["department"], user["name"]["givenName"], user["userName"]) == ("D", "G", "u@example.com")
    assert "externalId" not in user
    assert "division" not in user[ENTERPRISE]


# scim2-server


def test_the_plain_server_serves_scim() -> None:
    with PlainScim([make_user(n) for n in range(20)]) as server, httpx.Client(headers=AUTH, verify=TLS) as client:
        assert httpx.get(f"{server.base_url}/Users").status_code == 401
        listed = client.get(f"{server.base_url}/Users?startIndex=2&count=2").json()
        assert (listed["totalResults"], len(listed["Resources"])) == (20, 2)
        user = client.post(f"{server.base_url}/Users", json=make_user(500)).json()
        body = {"schemas": [PATCH_OP], "Operations": [replaced(DEPARTMENT, "New")]}
        assert client.patch(f"{server.base_url}/Users/{user['id']}", json=body).status_code in {200, 204}
        stored = {u["userName"]: u for u in server.users()}
        assert len(stored) == 21
        assert stored[name(500)][ENTERPRISE]["department"] == "New"
        assert [method for method, _ in server.requests] == ["GET", "GET", "POST", "PATCH"]
        url = server.base_url
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/Users")
