"""The server with habits tested: each habit has its effect, and is absent by default."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from support.servers.patching import CORE, PATCH_OP
from support.servers.service_habits import (
    HabitServer,
    PatchHabits,
    ServiceHabits,
    decomposed,
    digits_only,
    lower_case,
    trimmed,
    with_dash,
)

MAIL = {"type": "work", "primary": True, "value": "Ada@example.com"}
PHONE = {"type": "work", "value": "+49 30-12"}
USER = {
    "schemas": [CORE],
    "userName": "ada@example.com",
    "title": " Countess ",
    "nickName": "Åda",
    "locale": "en_US",
    "emails": [MAIL],
    "phoneNumbers": [PHONE],
}
PATH = 'emails[type eq "work"].value'


class Caller:
    """Requests to a server on which a user was created."""

    def __init__(self, server: HabitServer, now: list[float]) -> None:
        self.server = server
        self.now = now
        self.http = httpx.Client(base_url=server.base_url, headers={"Authorization": "Bearer t0ken"}, timeout=20)
        self.created = self.http.post("/Users", json=USER).json()

    def get(self, query: str = "/Users/1") -> Any:
        return self.http.get(query).json()

    def found(self) -> list[int]:
        """How many users a list, a filter and a read by id show."""
        lists = [self.get(query)["totalResults"] for query in ("/Users", '/Users?filter=userName eq "ada@example.com"')]
        return [*lists, int(self.http.get("/Users/1").is_success)]

    def patch(self, *operations: dict[str, Any]) -> tuple[int, str | None]:
        answer = self.http.patch("/Users/1", json={"schemas": [PATCH_OP], "Operations": operations})
        return answer.status_code, answer.json().get("scimType")

    @property
    def stored(self) -> Any:
        return self.server.people[0]


def test_the_default_has_no_habit(call: Callable[..., Caller]) -> None:
    caller = call()
    assert {key: caller.stored[key] for key in USER} == USER
    assert caller.get()["active"] is True
    assert caller.found() == [1, 1, 1]
    assert caller.http.post("/Users", json=USER).status_code == 409


@pytest.fixture
def call() -> Any:
    opened: list[HabitServer] = []

    def start(habits: ServiceHabits | None = None) -> Caller:
        now = [100.0]
        opened.append(HabitServer(habits, clock=lambda: now[0]).start())
        return Caller(opened[-1], now)

    yield start
    for server in opened:
        server.close()


def test_sub_attributes_are_dropped_by_post_and_patch(call: Callable[..., Caller]) -> None:
    caller = call(ServiceHabits(drops=frozenset({"type", "primary"})))
    assert caller.stored["emails"] == [{"value": "Ada@example.com"}]
    assert caller.patch({"op": "replace", "path": PATH, "value": "x"}) == (400, "noTarget")
    assert caller.patch({"op": "add", "path": "emails", "value": [MAIL]}) == (200, None)
    assert caller.get()["emails"] == [{"value": "Ada@example.com"}] * 2


def test_texts_are_changed_when_they_are_stored(call: Callable[..., Caller]) -> None:
    stores = {
        "emails": lower_case,
        "title": trimmed,
        "nickName": decomposed,
        "locale": with_dash,
        "phoneNumbers": digits_only,
    }
    stored = call(ServiceHabits(stores=stores)).get()
    assert [stored[name] for name in ("title", "nickName", "locale")] == ["Countess", "A\u030ada", "en-US"]
    assert stored["emails"] == [{**MAIL, "value": "ada@example.com"}]
    assert stored["phoneNumbers"] == [{"type": "work", "value": "+493012"}]


@pytest.mark.parametrize("value", [True, False])
def test_active_is_left_out(value: bool, call: Callable[..., Caller]) -> None:
    caller = call(ServiceHabits(hides_active=value))
    shown = []
    for active in (True, False):
        caller.patch({"op": "replace", "path": "active", "value": active})
        assert caller.stored["active"] is active
        shown.append(["active" in user for user in (caller.get(), caller.get("/Users")["Resources"][0])])
    assert shown == [[not value] * 2, [value] * 2]


def test_inactive_accounts_are_hidden_and_can_be_patched(call: Callable[..., Caller]) -> None:
    caller = call(ServiceHabits(hides_inactive=True))
    assert caller.patch({"op": "replace", "path": "active", "value": False}) == (200, None)
    assert caller.found() == [0, 0, 0]
    assert caller.http.post("/Users", json=USER).status_code == 409
    assert caller.patch({"op": "replace", "path": "active", "value": True}) == (200, None)
    assert caller.found() == [1, 1, 1]


@pytest.mark.parametrize(("kinds", "early"), [({"list", "filter"}, [0, 0, 1]), ({"list", "filter", "id"}, [0, 0, 0])])
def test_reads_lag_behind_writes(kinds: set[str], early: list[int], call: Callable[..., Caller]) -> None:
    caller = call(ServiceHabits(lag=5, lagging=frozenset(kinds), unique_names=False))
    assert caller.found() == early
    assert caller.http.post("/Users", json=USER).status_code == 201
    caller.now[0] += 5
    assert caller.found() == [2, 2, 1]


def test_lists_are_read_by_cursor(call: Callable[..., Caller]) -> None:
    caller = call(ServiceHabits(cursors=True, page=1))
    caller.http.post("/Users", json={**USER, "userName": "bob@example.com"})
    first = caller.get("/Users?startIndex=2")
    second = caller.http.get("/Users", params={"cursor": first["nextCursor"]}).json()
    names = [page["Resources"][0]["userName"] for page in (first, second)]
    assert (names, "nextCursor" in second) == (["ada@example.com", "bob@example.com"], False)
    assert caller.get("/Users?cursor=none")["scimType"] == "invalidCursor"


def test_an_answer_is_empty_now_and_then(call: Callable[..., Caller]) -> None:
    caller = call(ServiceHabits(empty_every=2))
    assert [bool(caller.http.get("/Users/1").content) for _ in range(4)] == [True, False, True, False]


def test_booleans_are_strict(call: Callable[..., Caller]) -> None:
    caller = call(ServiceHabits(strict_booleans=True))
    wrong = [{"value": "x", "primary": "True"}]
    assert caller.http.post("/Users", json={**USER, "userName": "b@example.com", "roles": wrong}).status_code == 400
    assert caller.patch({"op": "add", "path": "roles", "value": wrong}) == (400, "invalidValue")
    assert caller.patch({"op": "add", "path": "roles", "value": [{"value": "x", "primary": True}]}) == (200, None)
    assert caller.patch({"op": "replace", "path": "roles[primary eq true].value", "value": "y"}) == (200, None)
    assert caller.stored["roles"] == [{"value": "y", "primary": True}]


REPLACE = {"op": "replace", "path": "title", "value": "x"}
CASES: list[tuple[PatchHabits, list[dict[str, Any]], list[dict[str, Any]]]] = [
    (PatchHabits(operations=frozenset({"add"})), [{**REPLACE, "op": "add"}], [REPLACE]),
    (PatchHabits(path=False), [{"op": "replace", "value": {"title": "x"}}], [REPLACE]),
    (PatchHabits(path=True), [REPLACE], [{"op": "replace", "value": {"title": "x"}}]),
    (PatchHabits(filters=False), [REPLACE], [{**REPLACE, "path": PATH}]),
    (PatchHabits(single=True), [REPLACE], [REPLACE, {**REPLACE, "path": "nickName"}]),
    (PatchHabits(null_clears=False), [REPLACE], [{**REPLACE, "value": None}]),
    (PatchHabits(empty_clears=False), [REPLACE], [{**REPLACE, "value": ""}]),
    (PatchHabits(refused=405), [], [REPLACE]),
]


@pytest.mark.parametrize(("habits", "taken", "refused"), CASES)
def test_patch_is_taken_in_some_forms(
    habits: PatchHabits, taken: list[Any], refused: list[Any], call: Callable[..., Caller]
) -> None:
    caller = call(ServiceHabits(patch=habits))
    assert caller.patch(*refused)[0] == (habits.refused or habits.refusal)
    assert caller.stored["title"] == " Countess "
    if taken:
        assert caller.patch(*taken) == (200, None)
        assert caller.stored["title"] == "x"
    assert call().patch(*refused)[0] == 200


def test_an_empty_text_clears(call: Callable[..., Caller]) -> None:
    caller = call()
    caller.patch({**REPLACE, "value": ""})
    assert "title" not in caller.stored


def test_the_discovery_document_speaks_of_patch(call: Callable[..., Caller]) -> None:
    shown = [call(ServiceHabits(says_no_patch=says)).get("/ServiceProviderConfig") for says in (None, True, False)]
    assert [each["patch"]["supported"] for each in shown] == [True, False, True]
