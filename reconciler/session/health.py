"""What of a plan is carried out now: less what is stale, and less what failed too often to be tried in every run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from reconciler.apply.quarantine import Health, assess
from reconciler.core.plan import Plan
from reconciler.core.plan_id import change_digest
from reconciler.core.text import plural, printable, redacted
from reconciler.record.target_runs import runs_of
from reconciler.session.session import Session
from reconciler.session.terminal import Terminal


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
