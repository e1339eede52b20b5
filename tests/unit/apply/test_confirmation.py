from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support.builders import APPLE, MAPPINGS, change, live, reader, resource, values_of
from support.scripted_service import (
    Answered,
    ApplyRun,
    Ignored,
    LoggedReceipt,
    ScriptedService,
    plan_with,
    run_changes,
)

from reconciler.apply.confirmation import LONGEST_WAIT, Confirmations, Seen
from reconciler.apply.execution import Execution
from reconciler.apply.executor import FailurePolicy
from reconciler.core.plan import Action, Change, Outcome, Result
from reconciler.core.policy import Limit
from reconciler.record.recorded_accounts import RecordedAccounts

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
AT_ONCE = 3
"""Looks at a change right after it was sent."""


def lagging(service: ScriptedService, looks: int) -> None:
    """Let reads show new accounts after so many looks at each."""
    seen: dict[str, int] = {}
    read, find = service.get_user, service.find_users

    def get_user(identity: str) -> Any:
        seen[identity] = seen.get(identity, 0) + 1
        found = read(identity)
        return found if seen[identity] > looks else None

    def find_users(attribute: str, value: str) -> Any:
        return [user for user in find(attribute, value) if seen.get(user["id"], 0) > looks]

    service.get_user = get_user  # type: ignore[method-assign]
    service.find_users = find_users  # type: ignore[method-assign]


def creates(number: int) -> list[Change]:
    return [change(f"user{each}", Action.CREATE) for each in range(number)]


@pytest.mark.parametrize(
    ("before", "contradicted", "after", "expected"),
    [
        (None, False, None, True),
        (live("ada"), False, live("ada"), True),
        (live("ada"), False, live("ada", family="King"), False),
        (None, False, live("ada"), False),
        # The service says itself that nothing changed.
        (live("ada"), True, live("ada"), False),
    ],
)
def test_a_read_that_shows_the_same_as_before_shows_no_effect(
    before: Any, after: Any, *, contradicted: bool, expected: bool
) -> None:
    assert Seen(before, contradicted=contradicted).shows_no_effect(after) is expected


def test_a_create_that_is_shown_late_is_done_and_on_record_twice() -> None:
    service = ScriptedService()
    lagging(service, AT_ONCE + 2)
    found = run_changes(service, change("ada", Action.CREATE))
    assert found.results == {"ada": "done"}
    assert [line for line in service.log if "ada" in line and line.startswith(("POST", "finished"))] == [
        "POST ada@example.com",
        "finished ada not_in_effect",
        "finished ada done",
    ]


def test_a_service_that_showed_a_change_late_stays_late() -> None:
    service = ScriptedService()
    execution = Execution(service, LoggedReceipt([]), reader(), MAPPINGS, APPLE, on_outcome=print, sleep=lambda _: None)
    found = Confirmations(execution, lambda outcome: outcome)
    late = Outcome(change("new", Action.CREATE), Result.NOT_IN_EFFECT, "")
    assert not found.late
    found.add(late, lambda: replace(late, result=Result.DONE))
    assert found.late
    assert [each.result for each in found.settle()] == [Result.DONE]
    assert found.late


def test_all_changes_of_a_wave_wait_together() -> None:
    service = ScriptedService()
    lagging(service, AT_ONCE + 2)
    found = run_changes(service, *creates(20))
    assert set(found.results.values()) == {"done"}
    assert len([pause for pause in found.slept if pause > 0]) == 20 * 2 + 2


def test_a_service_that_shows_nothing_is_waited_for_once() -> None:
    service = ScriptedService()
    lagging(service, 10**6)
    waits: list[tuple[str, float]] = []
    found = run_changes(service, *creates(5), on_wait=lambda what, seconds: waits.append((what, seconds)))
    assert set(found.results.values()) == {"not_in_effect"}
    assert sum(found.slept) == 5 * 2 + LONGEST_WAIT
    assert waits == [("the service to show 5 changes that it accepted", LONGEST_WAIT)]


def test_a_service_that_takes_no_write_at_all_stops_the_run() -> None:
    names = [f"user{number}" for number in range(300)]
    service = ScriptedService(*map(resource, names))
    service.patch_user = lambda _identity, _body: None  # type: ignore[assignment,method-assign]
    changes = [change(name, after=values_of(name, family="King")) for name in names]
    plan = plan_with(*changes, accounts=[live(name) for name in names])
    found = ApplyRun(service, plan, policy=FailurePolicy(Limit(percent=10, floor=5)))
    assert found.report.quarantine is not None
    assert sum(line.startswith("started") for line in service.log) < 100


def test_a_service_that_lags_does_not_stop_a_run_of_many() -> None:
    service = ScriptedService()
    lagging(service, AT_ONCE + 1)
    found = ApplyRun(service, plan_with(*creates(300)), policy=FailurePolicy(Limit(percent=10, floor=5)))
    assert (set(found.results.values()), found.report.quarantine) == ({"done"}, None)


def test_a_change_that_waits_for_a_late_one_is_made() -> None:
    service = ScriptedService(resource("ada"), resource("bob"))
    old = dict(service.users["live-ada"])
    script: list[Any] = [Answered(dict(old)) for _ in range(AT_ONCE + 2)]
    service.script["GET live-ada"] = script
    renamed = change("ada", after=values_of("ada", user_name="lady@example.com"))
    taker = change("bob", after=values_of("bob", user_name="ada@example.com"))
    service.bodies = False
    found = run_changes(service, renamed, taker, accounts="ada bob")
    assert set(found.results.values()) == {"done"}


def test_a_refused_read_leaves_the_outcome_open() -> None:
    service = ScriptedService(resource("ada"))
    service.script["PATCH live-ada"] = [Ignored()]
    found = run_changes(service, change("ada", after=values_of("ada", family="King")))
    assert found.results == {"ada": "not_in_effect"}


def test_an_interrupted_run_does_not_wait() -> None:
    service = ScriptedService()
    lagging(service, 10**6)
    stop = threading.Event()
    service.script["POST user0@example.com"] = [stop.set]
    found = run_changes(service, *creates(1), stop=stop)
    assert (found.results, sum(found.slept)) == ({"user0": "not_in_effect"}, 2.0)


@pytest.mark.parametrize(
    ("ago", "waited"),
    [(3.0, [7.0]), (LONGEST_WAIT, []), (3600.0, []), (-60.0, [])],
)
def test_a_create_without_an_answer_is_waited_for_before_it_is_sent_again(ago: float, waited: list[float]) -> None:
    address = change("ada").address
    recorded = RecordedAccounts(unanswered={address: NOW - timedelta(seconds=ago)})
    now: Callable[[], datetime] = lambda: NOW  # noqa: E731
    found = run_changes(ScriptedService(), change("ada", Action.CREATE), recorded=recorded, now=now)
    assert found.results == {"ada": "done"}
    assert [pause for pause in found.slept if pause] == waited
