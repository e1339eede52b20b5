"""The test tools themselves: each fault has the effect of its name, and each invariant detects its violation."""

from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.chaos import invariants
from support.chaos.expected_users import expected_users
from support.chaos.fault_injector import DELAY, REFUSED, Injector
from support.chaos.fault_schedule import FAULTS, Fault, Schedule, Step, storm
from support.chaos.services import Commit, RecordingServer

PEOPLE = expected_users(10)
UPDATED = PEOPLE[1]
PATCH = (
    b'{"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],'
    b' "Operations": [{"op": "replace", "path": "active", "value": false}]}'
)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RecordingServer]:
    with RecordingServer(
        tmp_path / "journal.jsonl", [one.before for one in PEOPLE if one.before is not None]
    ) as running:
        yield running


def send_patch(server: RecordingServer, fault: Fault) -> tuple[int, bytes]:
    """Return status and body of a PATCH with `fault` injected. Raises the exception that a client would get."""
    schedule = Schedule(0, planted={Step(f"patch {UPDATED.external_id}", 1): fault})
    with Injector(server.base_url, schedule, {"id-1": UPDATED.external_id}) as injector:
        host, _, path = injector.base_url.removeprefix("http://").partition("/")
        connection = http.client.HTTPConnection(host, timeout=5)
        headers = {"Authorization": f"Bearer {server.token}", "Content-Type": "application/scim+json"}
        try:
            connection.request("PATCH", f"/{path}/Users/id-1", PATCH, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()
            assert [fired.fault for fired in injector.fired] == [fault]


@pytest.mark.parametrize(
    ("fault", "status", "happened"),
    [
        (Fault.BUSY_SECONDS, 429, 0),
        (Fault.BUSY_DATE, 429, 0),
        (Fault.ERROR_BEFORE, 500, 0),
        (Fault.ERROR_AFTER, 500, 1),
        (Fault.UNAVAILABLE_BEFORE, 503, 0),
        (Fault.UNAVAILABLE_AFTER, 503, 1),
        (Fault.NOT_JSON, 200, 0),
        (Fault.HTML, 200, 0),
        (Fault.REDIRECT, 302, 0),
        (Fault.DELAY, 200, 1),
    ],
)
def test_a_fault_answers_with_its_status_and_takes_effect_or_not(
    server: RecordingServer, fault: Fault, status: int, happened: int
) -> None:
    began = time.monotonic()
    assert send_patch(server, fault)[0] == status
    assert len(server.commits()) == happened
    assert (time.monotonic() - began >= DELAY) == (fault is Fault.DELAY) or fault is not Fault.DELAY


@pytest.mark.parametrize(
    ("fault", "error", "happened"),
    [
        (Fault.REFUSED, ConnectionResetError, 0),
        (Fault.RESET_BEFORE, ConnectionResetError, 0),
        (Fault.RESET_AFTER, ConnectionResetError, 1),
        (Fault.TRUNCATED, http.client.IncompleteRead, 1),
    ],
)
def test_a_fault_breaks_the_connection(
    server: RecordingServer, fault: Fault, error: type[Exception], happened: int
) -> None:
    with pytest.raises(error):
        send_patch(server, fault)
    assert len(server.commits()) == happened


def test_connections_are_refused_for_a_while(server: RecordingServer) -> None:
    with Injector(server.base_url, Schedule(0, planted={Step("page 1", 1): Fault.REFUSED}), {}) as injector:
        port = int(injector.base_url.split(":")[2].split("/")[0])
        first = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        first.request("GET", "/scim/Users?startIndex=1")
        with pytest.raises(ConnectionResetError):
            first.getresponse()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=5)
        time.sleep(3 * REFUSED)
        socket.create_connection(("127.0.0.1", port), timeout=5).close()


def test_a_seed_gives_the_same_faults_in_any_order_of_requests() -> None:
    steps = [Step(f"patch {number}", attempt) for number in range(200) for attempt in (1, 2, 3)]
    names = [f"{verb} {number}" for verb in ("create", "patch") for number in range(20)]
    first, again = (storm(7, 0.2, names, names, 3) for _ in range(2))
    drawn = {step: first.draw(step) for step in steps}
    assert drawn == {step: again.draw(step) for step in reversed(steps)}
    assert drawn != {step: storm(8, 0.2, names, names, 3).draw(step) for step in steps}
    assert 80 < sum(fault is not None for fault in drawn.values()) < 180
    assert set(FAULTS) - {Fault.REDIRECT} <= set(drawn.values())


def commits(index: int = 0) -> list[Commit]:
    return [Commit("id-0", None, PEOPLE[index].after)]


def test_each_invariant_detects_its_violation() -> None:
    state = [one.after for one in PEOPLE if one.after is not None]
    invariants.assert_state_is_desired(PEOPLE, state)
    for wrong in (state[1:], [*state, state[0]], [{**state[0], "active": False}, *state[1:]]):
        with pytest.raises(AssertionError):
            invariants.assert_state_is_desired(PEOPLE, wrong)
    invariants.assert_each_user_is_created_once(PEOPLE, commits())
    for wrong_commits in (commits() * 2, []):
        with pytest.raises(AssertionError):
            invariants.assert_each_user_is_created_once(PEOPLE, wrong_commits)
    invariants.assert_only_planned_changes(PEOPLE, commits())
    removed = [Commit("id-1", UPDATED.before, None)]
    gone_twice = [Commit("id-5", PEOPLE[5].before, None)] * 2
    for wrong_commits in (removed, gone_twice):
        with pytest.raises(AssertionError):
            invariants.assert_only_planned_changes(PEOPLE, wrong_commits)
    started = {"event": "started", "address": PEOPLE[0].address}
    done = {"event": "finished", "address": PEOPLE[0].address, "action": "create", "result": "done", "message": ""}
    invariants.assert_every_change_is_recorded(PEOPLE, commits(), [started, done])
    for happened, lines in ((commits(), [done]), ([], [started, done])):
        with pytest.raises(AssertionError):
            invariants.assert_every_change_is_recorded(PEOPLE, happened, lines)
    with pytest.raises(AssertionError):
        invariants.assert_failures_are_true(PEOPLE, commits(), [{**done, "result": "failed"}])
