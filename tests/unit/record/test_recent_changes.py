from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from support.builders import NOW

from reconciler.core.plan import Action
from reconciler.core.planning.guards.context import RecentChange
from reconciler.record.receipt_line import (
    LARGEST_CLOCK_OFFSET,
    ApplyFinished,
    ApplyStarted,
    Finished,
    ReceiptLine,
    Started,
    UnknownLine,
    parse_line,
    to_entry,
)
from reconciler.record.recent_changes import RecentChangeReader

PLAN = "sha256:" + "a" * 64


def begun(**fields: Any) -> ApplyStarted:
    return ApplyStarted(time=NOW.isoformat(), plan_id=PLAN, **{"approved": {}, **fields})


def started(action: str = "deactivate", hours: float = 0, **fields: Any) -> Started:
    time = (NOW + timedelta(hours=hours)).isoformat()
    return Started(**{"time": time, "address": "ada", "id": "live-ada", "action": action, **fields})


def finished(result: str = "done", **fields: Any) -> Finished:
    usual = {"address": "ada", "id": "live-ada", "action": "deactivate", "result": result}
    return Finished(time=NOW.isoformat(), **{**usual, **fields})


@pytest.mark.parametrize(
    ("written", "expected"), [({}, False), ({"unattended": True}, True), ({"unattended": False}, False)]
)
def test_a_change_says_whether_somebody_reviewed_it(written: dict[str, bool], expected: bool) -> None:
    (change,) = read(begun(**written), started(), finished()).changes
    assert change.unattended is expected


def later_version(**fields: Any) -> UnknownLine:
    return UnknownLine(time=NOW.isoformat(), **fields)


def read(*lines: ReceiptLine, service: float | None = None) -> RecentChangeReader:
    """`service`: how many hours the service's clock is ahead."""
    reader = RecentChangeReader(NOW, NOW + timedelta(hours=service) if service is not None else None)
    for line in lines:
        if isinstance(line, ApplyStarted):
            reader.begin(line)
        else:
            reader.add(line)
    reader.begin(None)
    return reader


def accounts(lines: Iterable[ReceiptLine]) -> list[str | None]:
    return [change.live_id for change in read(*lines).changes]


@pytest.mark.parametrize(
    ("lines", "counts"),
    [
        # whatever may have taken effect
        ([started(), finished("done")], True),
        ([started(), finished("unknown")], True),
        ([started(), finished("not_in_effect")], True),
        ([started(), finished("a result of a later version")], True),
        ([started()], True),
        ([started(), begun(), started(), finished("failed")], True),
        ([later_version(action="deactivate", id="live-ada")], True),
        # what did not
        ([started(), finished("failed")], False),
        ([started(), finished("skipped")], False),
        ([finished("skipped")], False),
        # already in effect: the apply that did it announced it
        ([finished("done")], False),
        ([later_version(action="deactivate", id="live-ada", result="failed")], False),
        ([later_version(action="promote", id="live-ada")], False),
        ([later_version(action="deactivate")], False),
        ([started("promote")], False),
        # the window
        ([started(hours=-23.99)], True),
        ([started(hours=23.99)], True),
        ([started(hours=-24)], False),
        ([started(hours=24)], False),
        ([started(hours=24 * 365 * 20)], False),
        ([started(time="yesterday")], False),
        ([started(time="2026-03-01T12:00:00")], False),
    ],
)
def test_a_change_counts_if_it_may_have_taken_effect_within_a_day(lines: list[ReceiptLine], counts: bool) -> None:
    assert accounts([begun(), *lines]) == (["live-ada"] if counts else [])


@pytest.mark.parametrize(
    ("service", "hours", "counts"),
    [
        (None, 25, False),
        # this clock is behind: what the service calls recent is in the future here
        (25, 0, True),
        (25, 24.9, True),
        (25, 48.9, True),
        (25, 49, False),
        (25, -23.9, True),
        (25, -24, False),
        (24 * 365 * 20, 24 * 365 * 10, True),
        # this clock is ahead: what the service calls recent is long ago here
        (-50, -50, True),
        (-50, -73.9, True),
        (-50, -74, False),
        (-50, 23.9, True),
        (-50, 24, False),
    ],
)
def test_what_either_clock_calls_recent_counts(service: float | None, hours: float, counts: bool) -> None:
    found = read(begun(), started(hours=hours), service=service).changes
    assert [change.live_id for change in found] == (["live-ada"] if counts else [])


@pytest.mark.parametrize(
    ("ahead", "hours", "service", "counts"),
    [
        # written by a clock 25 hours behind, which was set right since
        (25, -25, None, True),
        (25, -48.9, None, True),
        (25, -49, None, False),
        (-50, 50, None, True),
        (-50, 73.9, None, True),
        (-50, 74, None, False),
        # a correction takes nothing away
        (25, 0, None, True),
        (10**6, -1, None, True),
        (-(10**6), 1, None, True),
        # a clock that is always behind, or is behind again: the day is the service's
        (25, 0, 25, True),
        (25, -25, 25, False),
        (50, -25, 25, True),
        # out of bounds, or of another type
        (10**7, -(10**7), None, False),
        (10**30, -(10**5), None, False),
        ("x", -25, None, False),
        (True, -25, None, False),
    ],
)
def test_lines_of_a_wrong_clock_count_by_the_services_too(
    ahead: Any, hours: float, service: float | None, counts: bool
) -> None:
    seconds = ahead * 3_600 if isinstance(ahead, int) and ahead is not True else ahead
    head = to_entry(begun()) | {"service_ahead": seconds}
    found = read(parse_line(json.dumps(head).encode()), started(hours=hours), service=service).changes
    assert [change.live_id for change in found] == (["live-ada"] if counts else [])


def test_lines_at_the_ends_of_the_calendar_are_corrected_without_overflow() -> None:
    for time, ahead in (
        ("1970-01-01T00:00:00Z", -LARGEST_CLOCK_OFFSET),
        ("9998-12-31T00:00:00Z", LARGEST_CLOCK_OFFSET),
    ):
        assert accounts([begun(service_ahead=ahead), started(time=time)]) == []


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (started("deactivate", was_active=True), RecentChange("ada", "live-ada", Action.DEACTIVATE)),
        (started("delete", was_active=False), RecentChange("ada", "live-ada", Action.DELETE, was_active=False)),
        (started("delete"), RecentChange("ada", "live-ada", Action.DELETE)),
        (started("reactivate"), RecentChange("ada", "live-ada", Action.REACTIVATE, reactivated=True)),
        (
            started("adopt", attributes=("active", "externalId"), was_active=False),
            RecentChange("ada", "live-ada", Action.ADOPT, was_active=False, reactivated=True),
        ),
        (started("adopt", attributes=("externalId",)), RecentChange("ada", "live-ada", Action.ADOPT)),
        (started("update", attributes=("title",)), RecentChange("ada", "live-ada", Action.UPDATE)),
        (
            started("create", id=None, attributes=("active",)),
            RecentChange("ada", None, Action.CREATE, user_names=("",)),
        ),
        (
            started("update", attributes=("userName",), user_name="Ada@example.com"),
            RecentChange("ada", "live-ada", Action.UPDATE, user_names=("ada@example.com",)),
        ),
        (
            started("update", attributes=("name.givenName",), user_name=None, full_name="Ada King"),
            RecentChange("ada", "live-ada", Action.UPDATE, user_names=("",), full_names=("ada king",)),
        ),
        (
            started("update", user_name="x" * 513, full_name="x" * 513),
            RecentChange("ada", "live-ada", Action.UPDATE),
        ),
    ],
)
def test_a_change_is_what_its_receipt_says(line: Started, found: RecentChange) -> None:
    assert read(begun(), line).changes == [replace(found, attributes=frozenset(line.attributes))]


def test_a_created_account_has_the_id_of_its_outcome() -> None:
    lines = [begun(), started("create", id=None), finished(action="create", id="live-new")]
    assert read(*lines).changes == [RecentChange("ada", "live-new", Action.CREATE, user_names=("",))]


def test_two_requests_for_one_user_are_one_change() -> None:
    lines = [begun(), started("update", attributes=("userName",)), started("reactivate", attributes=("active",))]
    both = frozenset({"userName", "active"})
    assert read(*lines).changes == [
        RecentChange("ada", "live-ada", Action.REACTIVATE, reactivated=True, attributes=both)
    ]


def test_the_names_before_each_request_are_kept_in_order() -> None:
    first, second = started("update", user_name="Ada"), started("update", user_name="renaming-1")
    (found,) = read(begun(), first, second).changes
    assert found.user_names == ("ada", "renaming-1")


def test_the_oldest_change_comes_first_whatever_the_order_of_the_receipts() -> None:
    lines = [begun(), started("update", hours=-1, id="2"), begun(), started("update", hours=-2, id="1")]
    assert accounts(lines) == ["1", "2"]


def test_the_guards_that_were_approved_are_noted_with_each_change() -> None:
    lines = [
        begun(approved={"removals": "x", "updates": "x"}),
        started(),
        begun(),
        started(address="bob", id="live-bob"),
    ]
    assert [change.lifted for change in read(*lines).changes] == [frozenset({"removals", "updates"}), frozenset()]


def ended(**fields: Any) -> ApplyFinished:
    return ApplyFinished(time=NOW.isoformat(), plan_id=PLAN, **fields)


@pytest.mark.parametrize(
    ("lines", "used"),
    [
        ([begun(approved={"removals": "x"}), ended()], {"x"}),
        ([begun(approved={"removals": "x", "updates": "y"}), ended()], {"x", "y"}),
        ([begun(approved={"removals": "x"}), ended(how="interrupted")], set()),
        ([begun(approved={"removals": "x"}), ended(how="quarantined")], set()),
        ([begun(approved={"removals": "x"}), ended(left=1)], set()),
        ([begun(approved={"removals": "x"}), ended(done=2, failed=0)], {"x"}),
        ([begun(approved={"removals": "x"}), ended(done=1, failed=1)], set()),
        ([begun(approved={"removals": "x"}), ended(done=1, skipped=1)], set()),
        ([begun(approved={"removals": "x"}), ended(not_in_effect=1)], set()),
        ([begun(approved={"removals": "x"}), ended(unknown=1)], set()),
        ([begun(approved={"removals": "x"})], set()),
        ([begun(approved={}), ended()], set()),
        ([ApplyStarted(plan_id=PLAN), ended()], {""}),
        ([ended()], set()),
    ],
)
def test_an_approval_is_used_by_an_apply_that_carried_out_everything(lines: list[ReceiptLine], used: set[str]) -> None:
    assert read(*lines).used == {(PLAN, approval): date(2026, 3, 1) for approval in used}
