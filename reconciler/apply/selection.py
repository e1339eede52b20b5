"""A plan without some of its changes: who is left out, and who has to wait for them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from reconciler.apply.quarantine import Health, Trouble, trial_of
from reconciler.core.plan import Change, Outcome, Plan, Result
from reconciler.core.plan_id import change_digest
from reconciler.core.text import plural, printable


def leave_out(changes: Sequence[Change], addresses: Collection[str]) -> tuple[list[Change], dict[str, str]]:
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
class Choice:
    """`plan` holds what is carried out; `skipped` what is not, and why.

    `trial`: addresses to begin with; `late`: those whose turn comes after that of others.
    """

    plan: Plan
    skipped: tuple[Outcome, ...]
    trial: frozenset[str]
    late: frozenset[str] = frozenset()


def put_off(plan: Plan, health: Health, now: datetime) -> list[Outcome]:
    """The changes whose next attempt is later than `now`, as skipped."""
    found = []
    for change in plan.changes:
        trouble = health.troubles.get(change.address)
        if trouble is not None and trouble.next_attempt > now and trouble.digest == change_digest(change):
            found.append(Outcome(change, Result.SKIPPED, _put_off(trouble)))
    return found


def _put_off(trouble: Trouble) -> str:
    return (
        f"put off until {trouble.next_attempt:%Y-%m-%d %H:%M} UTC, because it failed {plural(trouble.count, 'time')}"
        f" (--retry-failed tries now); it said: {trouble.message}"
    )


def choose(plan: Plan, left_out: Sequence[Outcome], health: Health) -> Choice:
    """The plan without `left_out` and without those who have to wait for them."""
    kept, waits = leave_out(plan.changes, {outcome.change.address for outcome in left_out})
    waiting = [
        Outcome(change, Result.SKIPPED, f"not started: it waits for {printable(waits[change.address])}")
        for change in plan.changes
        if change.address in waits
    ]
    trial = trial_of(kept, health.failed_before) if health.quarantine is not None else frozenset()
    return Choice(replace(plan, changes=tuple(kept)), (*left_out, *waiting), trial, health.failed_before)
