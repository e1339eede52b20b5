"""What of a plan is carried out now: less what is stale, and less what failed too often to be tried in every run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from reconciler.commands.session import Session
from reconciler.core.health import Health, Trouble, assess, trial_of
from reconciler.core.plan import Outcome, Plan, Result
from reconciler.core.planning import change_digest
from reconciler.core.subset import leave_out
from reconciler.core.text import plural, printable, redacted
from reconciler.store.runs import runs_of
from reconciler.terminal import Terminal


@dataclass(frozen=True, slots=True)
class Choice:
    """`plan` holds what is carried out; `skipped` what is not, and why.

    `trial`: addresses to begin with; `late`: those whose turn comes after that of others.
    """

    plan: Plan
    skipped: tuple[Outcome, ...]
    trial: frozenset[str]
    late: frozenset[str] = frozenset()


def health_of(session: Session, plan: Plan) -> Health:
    """How the applies to this target stand; the users of `plan` by their addresses, whatever receipts call them."""
    health = assess(runs_of(session.place.history, session.target))
    veil = session.veil
    if veil.key is None:
        return health
    troubles, suspects = dict(health.troubles), set(health.suspects)
    for change in plan.changes:
        if veil.address(change.address) in suspects:
            suspects.add(change.address)
        trouble = troubles.pop(veil.address(change.address), None)
        if trouble is not None:
            digest = change_digest(change)
            known = digest if trouble.digest == veil.change(digest) else trouble.digest
            troubles[change.address] = replace(trouble, address=change.address, digest=known)
    return replace(health, troubles=troubles, suspects=frozenset(suspects))


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


def told(health: Health, late: int, trial: int) -> list[str]:
    """What somebody who is about to apply should know, a line each; `late` changes are put off."""
    lines = []
    if late:
        what = "is put off because it" if late == 1 else "are put off because they"
        lines.append(f"{plural(late, 'change')} {what} failed before; --retry-failed tries now.")
    standing = health.quarantine
    if standing is not None:
        why = f"{standing.began:%Y-%m-%d %H:%M} UTC: {printable(standing.why.message)}."
        lines.append(f"This target is in quarantine since {why}")
        lines.append(f"So apply begins with a trial of {plural(trial, 'change')}, and goes on only if it works.")
    return lines


def tell(terminal: Terminal, lines: Sequence[str]) -> None:
    """Notes on stderr; they may quote what a service said."""
    for line in lines:
        terminal.note(redacted(line) if terminal.style.redact else line)


def real_now() -> datetime:
    """The clock that receipts are written by; `--now` does not move it."""
    return datetime.now(UTC)
