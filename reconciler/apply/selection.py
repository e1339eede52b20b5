"""Select the changes of a plan to execute: leave out deferred ones, and those that depend on them. Pure."""

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
    """Split off the changes of `addresses` and those that require them, directly or not.

    Returns the other changes, and for each dependent its address -> the address that it waits for.
    """
    blockers: dict[str, str] = {}
    excluded = set(addresses)
    while True:
        found = {
            change.address: blocker
            for change in changes
            if change.address not in excluded
            for blocker in change.requires
            if blocker in excluded
        }
        if not found:
            return [change for change in changes if change.address not in excluded], blockers
        blockers |= found
        excluded |= found.keys()


@dataclass(frozen=True, slots=True)
class Selection:
    """`plan` holds the changes to execute; `skipped` the others, each with its reason.

    `probe`: addresses to begin with; `deferred`: addresses that come last in their wave.
    """

    plan: Plan
    skipped: tuple[Outcome, ...]
    probe: frozenset[str]
    deferred: frozenset[str] = frozenset()


def defer(plan: Plan, health: Health, now: datetime) -> list[Outcome]:
    """Return an outcome "skipped" for each change whose next attempt is later than `now`."""
    found = []
    for change in plan.changes:
        failing = health.failing_users.get(change.address)
        if failing is not None and failing.next_attempt > now and failing.digest == digest_change(change):
            found.append(Outcome(change, Result.SKIPPED, _format_deferral(failing)))
    return found


def _format_deferral(failing: FailingUser) -> str:
    return (
        f"deferred until {failing.next_attempt:%Y-%m-%d %H:%M} UTC, because it failed "
        f"{pluralize(failing.count, 'time')} (--retry-failed tries now); last error: {failing.message}"
    )


def select_changes(plan: Plan, left_out: Sequence[Outcome], health: Health) -> Selection:
    """Select the plan without `left_out` and without the changes that have to wait for them."""
    kept, blockers = exclude_with_dependents(plan.changes, {outcome.change.address for outcome in left_out})
    waiting = [
        Outcome(change, Result.SKIPPED, f"waiting for {escape_control(blockers[change.address])}")
        for change in plan.changes
        if change.address in blockers
    ]
    probe = select_probe(kept, health.failed_before) if health.quarantine is not None else frozenset()
    return Selection(replace(plan, changes=tuple(kept)), (*left_out, *waiting), probe, health.failed_before)
