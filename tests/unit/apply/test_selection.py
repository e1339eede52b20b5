from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support.builders import change, plan_with, rename, values_of

from reconciler.apply.quarantine import FailingUser, Health, QuarantineState
from reconciler.apply.selection import defer, exclude_with_dependents, select_changes
from reconciler.core.plan import Change, Outcome, Plan, Result
from reconciler.core.plan_id import digest_change
from reconciler.record.runs import Quarantine, QuarantineReason

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
A, B, C, D = (f'user["{name}@example.com"]' for name in "abcd")


def married(names: str) -> list[Change]:
    return [change(name, after=values_of(name, family="King")) for name in names]


def failing(planned: Change, **fields: Any) -> Health:
    user = FailingUser(
        planned.address, "update", digest_change(planned), count=2, first=NOW, last=NOW, message="no such domain"
    )
    return Health(failing_users={planned.address: replace(user, **fields)})


def addresses(plan: Plan) -> list[str]:
    return [each.address for each in plan.changes]


# --- exclude_with_dependents -------------------------------------------------------------------


def test_changes_that_require_an_excluded_one_are_excluded_too_whatever_their_number() -> None:
    changes = [change("a"), change("b", requires=(A,)), change("c", requires=(B,)), change("d")]
    kept, blockers = exclude_with_dependents(changes, {A})
    assert [item.address for item in kept] == [D]
    assert blockers == {B: A, C: B}
    assert exclude_with_dependents(changes, ()) == (changes, {})
    assert [item.address for item in exclude_with_dependents(changes, {D})[0]] == [A, B, C]


def test_a_cycle_of_renames_is_excluded_as_a_whole() -> None:
    cycle = [rename("a", "b", requires=(B,), temporary_user_name="t@example.com"), rename("b", "a", requires=(A,))]
    assert exclude_with_dependents(cycle, {B}) == ([], {A: B})


# --- defer -------------------------------------------------------------------------------------


def test_a_change_that_failed_twice_is_deferred_for_six_hours() -> None:
    plan = plan_with(*married("ab"))
    health = failing(plan.changes[0])
    (outcome,) = defer(plan, health, NOW + timedelta(hours=5, minutes=59))
    assert outcome == Outcome(
        plan.changes[0],
        Result.SKIPPED,
        "deferred until 2026-03-01 18:00 UTC, because it failed 2 times (--retry-failed tries now); "
        "last error: no such domain",
    )
    assert defer(plan, health, NOW + timedelta(hours=6)) == []


def test_a_change_that_failed_once_is_not_deferred() -> None:
    plan = plan_with(*married("a"))
    assert defer(plan, failing(plan.changes[0], count=1), NOW) == []


def test_another_change_of_the_same_user_is_not_deferred() -> None:
    plan = plan_with(*married("a"))
    assert defer(plan, failing(plan.changes[0], digest="sha256:other"), NOW) == []


# --- select_changes ----------------------------------------------------------------------------


def test_a_healthy_target_gets_the_whole_plan() -> None:
    plan = plan_with(*married("ab"))
    selection = select_changes(plan, [], Health())
    assert (selection.plan, selection.skipped) == (plan, ())
    assert (selection.probe, selection.deferred) == (frozenset(), frozenset())


def test_dependents_of_what_is_left_out_are_skipped_with_a_reason() -> None:
    changes = (change("a"), change("b", requires=(A,)), change("c"))
    plan = replace(plan_with(), changes=changes)
    left_out = Outcome(plan.changes[0], Result.SKIPPED, "deferred")
    selection = select_changes(plan, [left_out], Health())
    assert addresses(selection.plan) == [C]
    assert selection.skipped == (
        left_out,
        Outcome(plan.changes[1], Result.SKIPPED, 'waiting for user["a@example.com"]'),
    )


@pytest.mark.parametrize("quarantined", [True, False])
def test_a_run_begins_with_a_probe_only_in_quarantine(quarantined: bool) -> None:
    plan = plan_with(*married("abcdefghij"))
    why = Quarantine(QuarantineReason.TOTAL, "too many")
    health = Health(quarantine=QuarantineState(why, NOW, NOW, 1) if quarantined else None)
    probe = select_changes(plan, [], health).probe
    assert len(probe) == (5 if quarantined else 0)
    assert probe <= set(addresses(plan))


def test_users_that_failed_before_come_last() -> None:
    plan = plan_with(*married("ab"))
    health = replace(failing(plan.changes[0], count=1), suspected_causes=frozenset({B}))
    assert select_changes(plan, [], health).deferred == {A, B}
