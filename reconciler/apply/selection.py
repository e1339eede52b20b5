"""A plan without some of its changes: who is left out, and who has to wait for them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from reconciler.apply.quarantine import FailingUser, Health, select_probe
from reconciler.core.plan import Change, Outcome, Plan, Result
from reconciler.core.plan_id import digest_change
from reconciler.core.text import escape_control, pluralize


def exclude_with_dependents(
    changes: Sequence[Change], addresses: Collection[str]
) -> tuple[list[Change], dict[str, str]]:
    """The changes that can be made without those of `addresses`, and address -> whom it waits for, of the others."""
    waits: dict[str, str] = {}
    missing = set(addresses)
    while True:
        found = {
            change.address: blocker
            for change in changes
            if change.address not in missing
            for blocker in change.requires
            if blocker in missing
        }
        if not found:
            return [change for change in changes if change.address not in missing], waits
        waits |= found
        missing |= found.keys()


@dataclass(frozen=True, slots=True)
class Selection:
    """`plan` holds what is carried out; `skipped` what is not, and why.

    `trial`: addresses to begin with; `late`: those whose turn comes after that of others.
    """

    plan: Plan
    skipped: tuple[Outcome, ...]
    probe: frozenset[str]
    deferred: frozenset[str] = frozenset()


def defer(plan: Plan, health: Health, now: datetime) -> list[Outcome]:
    """The changes whose next attempt is later than `now`, as skipped."""
    found = []
    for change in plan.changes:
        failing = health.failing_users.get(change.address)
        if failing is not None and failing.next_attempt > now and failing.digest == digest_change(change):
            found.append(Outcome(change, Result.SKIPPED, _deferred_message(failing)))
    return found


def _deferred_message(failing: FailingUser) -> str:
    return (
        f"deferred until {failing.next_attempt:%Y-%m-%d %H:%M} UTC, because it failed "
        f"{pluralize(failing.count, 'time')} (--retry-failed tries now); it said: {failing.message}"
    )


def select_changes(plan: Plan, left_out: Sequence[Outcome], health: Health) -> Selection:
    """The plan without `left_out` and without those who have to wait for them."""
    kept, waits = exclude_with_dependents(plan.changes, {outcome.change.address for outcome in left_out})
    waiting = [
        Outcome(change, Result.SKIPPED, f"not started: it waits for {escape_control(waits[change.address])}")
        for change in plan.changes
        if change.address in waits
    ]
    probe = select_probe(kept, health.failed_before) if health.quarantine is not None else frozenset()
    return Selection(replace(plan, changes=tuple(kept)), (*left_out, *waiting), probe, health.failed_before)
